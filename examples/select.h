/*
 * select.h: which part of a file a request is to get: conditions, ranges (RFC 9110, sections 13 and
 * 14), and what the file is called in headers. Pure.
 */
#ifndef EXAMPLES_SELECT_H
#define EXAMPLES_SELECT_H

#include "web.h"

enum { SELECT_ETAG_BYTES = 64 };

struct select_part {
    uint64_t first, len;
};

/*
 * Returns 200 (the whole file), 206 (*part of it), 304, 412 or 416, for a GET or HEAD at `now`.
 * Several ranges, or one that is no range of bytes, are answered with the whole file, as is
 * allowed.
 */
unsigned select_part(struct select_part *part, const struct web_request *r, uint64_t ino,
                     uint64_t size, int64_t mtime_ns, time_t now);

/* The strong validator of this version of a file. */
void select_etag(char out[SELECT_ETAG_BYTES], uint64_t ino, uint64_t size, int64_t mtime_ns);
/* A time in ns as whole seconds, rounded down before 1970 too. */
time_t select_seconds(int64_t time_ns);
/* The media type that a file's name says. */
const char *select_type(const char *path);

#endif
