/* answers.h: takes apart what a web server has sent, for tests. */
#ifndef TESTS_EXAMPLES_ANSWERS_H
#define TESTS_EXAMPLES_ANSWERS_H

#include "../rounds.h"
#include "fakemsk.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct answer_seen {
    unsigned status;
    char head[4096];
    const uint8_t *body;
    size_t len;
};

/* The value of a field in head, in memory that the next call overwrites; NULL: it is not there. */
static inline const char *field_seen(const struct answer_seen *a, const char *name)
{
    static char value[1024];
    char key[64];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strcasestr(a->head, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* The answer that begins at *at, which moves behind it. head_only: it has no body. */
static inline struct answer_seen next_answer(const struct fake *f, size_t *at, bool head_only)
{
    struct answer_seen a = {0};
    const uint8_t *from = f->down + *at;
    const uint8_t *end = memmem(from, f->down_len - *at, "\r\n\r\n", 4);
    ck_assert_msg(end != NULL, "no answer at %zu of %zu bytes", *at, f->down_len);
    ck_assert_uint_lt((size_t)(end + 2 - from), sizeof a.head);
    memcpy(a.head, from, (size_t)(end + 2 - from));
    ck_assert_msg(sscanf(a.head, "HTTP/1.1 %u ", &a.status) == 1, "%s", a.head);
    *at += (size_t)(end + 4 - from);
    const char *len = field_seen(&a, "content-length");
    a.body = end + 4;
    a.len = head_only || len == NULL ? 0 : strtoull(len, NULL, 10);
    ck_assert_uint_le(*at + a.len, f->down_len);
    *at += a.len;
    return a;
}

#endif
