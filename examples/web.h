/*
 * web.h: the HTTP/1.1 that the examples need: reading the head of a request, and writing that of an
 * answer. Pure. The only user of http-parser, which knows the grammar; what it reads points into
 * the request's own bytes.
 */
#ifndef EXAMPLES_WEB_H
#define EXAMPLES_WEB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    WEB_HEAD_MAX_BYTES = 16384,  /* of a request: else 431 */
    WEB_TARGET_MAX_BYTES = 4096, /* as sent: else 414 */
    WEB_PATH_MAX_BYTES = 320,    /* decoded, with its NUL: else 414; it must fit a continuation */
    WEB_FIELDS_MAX = 64,         /* else 431 */
    WEB_DATE_BYTES = 30,
};

enum web_method { WEB_OTHER, WEB_GET, WEB_HEAD, WEB_PUT };

/* Borrowed bytes; at is NULL where there are none. */
struct web_span {
    const char *at;
    size_t len;
};

struct web_request {
    size_t len;     /* of the head, the empty line included: what is to be consumed */
    unsigned error; /* status to answer and close with; then the rest is not set; 0: none */
    enum web_method method;
    bool keep_alive;
    bool chunked; /* the body is; content_length is 0 then */
    uint64_t content_length;
    unsigned minor;                /* HTTP/1.minor */
    char path[WEB_PATH_MAX_BYTES]; /* percent-decoded, without the slashes in front */
    struct web_span query;         /* as sent, without '?' */
    unsigned n_fields;
    struct {
        struct web_span name, value;
    } field[WEB_FIELDS_MAX];
};

/* Reads the head of the request that begins at buf. False: it is not all there yet. */
bool web_read(struct web_request *r, const void *buf, size_t len);

/* The value of a header field, whose name may be written in any case. */
struct web_span web_field(const struct web_request *r, const char *name);

/* Percent-decodes; out is NUL-terminated. False: not well-formed, a NUL, or no room. */
bool web_decode(struct web_span in, char *out, size_t cap);

/* Text in memory that the caller gives; what has no room is a programming error. */
struct web_text {
    char *at;
    size_t len, cap;
};
void web_add(struct web_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The status line and Date. Fields and the empty line are the caller's to add. */
void web_head(struct web_text *t, unsigned status, time_t date);
const char *web_reason(unsigned status);

/* Dates as HTTP writes them; all three forms are read. */
void web_date(char out[WEB_DATE_BYTES], time_t date);
bool web_read_date(struct web_span text, time_t *date);

#endif
