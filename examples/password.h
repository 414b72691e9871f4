/*
 * password.h: a file of users and what proves their passwords, a line for each:
 *
 *     name:cost:salt:hash
 *
 * hash is scrypt's, in hexadecimal; cost is its N; salt is taken as it is written.
 */
#ifndef EXAMPLES_PASSWORD_H
#define EXAMPLES_PASSWORD_H

#include <stdbool.h>

enum {
    PASSWORD_COST = 16384,
    PASSWORD_NAME_BYTES = 32, /* of a user, with the NUL */
    PASSWORD_LINE_BYTES = 160,
};

/* Makes the line of a user, with a new salt. False: the name is not fit for one, or OpenSSL fails.
 */
bool password_line(char line[PASSWORD_LINE_BYTES], const char *name, const char *password,
                   unsigned cost);
/* Whether the file has this user with this password. It takes as long for a user that it does not
 * have, where its last line is of the same cost. */
bool password_check(const char *path, const char *name, const char *password);

#endif
