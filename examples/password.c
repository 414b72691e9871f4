/* Passwords: see password.h. */
#include "password.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum {
    BLOCKS = 8,
    LANES = 5, /* scrypt's r and p; with PASSWORD_COST: OWASP's, at 16 MiB */
    SALT_BYTES = 16,
    HASH_BYTES = 32,
};

struct user {
    char name[PASSWORD_NAME_BYTES];
    unsigned cost;
    char salt[2 * SALT_BYTES + 1], hash[2 * HASH_BYTES + 1];
};

static void write_hex(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
}

/* The hash, by the user's cost and salt. */
static bool hash(char out[2 * HASH_BYTES + 1], const struct user *u, const char *password)
{
    uint8_t key[HASH_BYTES];
    if (EVP_PBE_scrypt(password, strlen(password), (const uint8_t *)u->salt, strlen(u->salt),
                       u->cost, BLOCKS, LANES, 0, key, sizeof key) != 1)
        return false;
    write_hex(out, key, sizeof key);
    return true;
}

bool password_line(char line[PASSWORD_LINE_BYTES], const char *name, const char *password,
                   unsigned cost)
{
    struct user u = {.cost = cost};
    uint8_t salt[SALT_BYTES];
    if (*name == '\0' || strlen(name) >= sizeof u.name || strpbrk(name, ": \r\n") != NULL ||
        RAND_bytes(salt, sizeof salt) != 1)
        return false;
    write_hex(u.salt, salt, sizeof salt);
    if (!hash(u.hash, &u, password))
        return false;
    snprintf(line, PASSWORD_LINE_BYTES, "%s:%u:%s:%s\n", name, u.cost, u.salt, u.hash);
    return true;
}

/* Finds a user. False: *u is another, or nobody. */
static bool find(struct user *u, const char *path, const char *name)
{
    char line[2 * PASSWORD_LINE_BYTES];
    bool found = false;
    FILE *file = fopen(path, "re");
    *u = (struct user){0};
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "%31[^:]:%u:%32[0-9a-f]:%64[0-9a-f]", u->name, &u->cost, u->salt,
                       u->hash) == 4 &&
                strcmp(u->name, name) == 0;
    if (file != NULL)
        fclose(file);
    return found;
}

bool password_check(const char *path, const char *name, const char *password)
{
    struct user u;
    char got[2 * HASH_BYTES + 1];
    bool found = find(&u, path, name);
    return hash(got, &u, password) && CRYPTO_memcmp(got, u.hash, sizeof got) == 0 && found;
}
