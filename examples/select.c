/* Conditions, ranges, names: see select.h. */
#include "select.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void select_etag(char out[SELECT_ETAG_BYTES], uint64_t ino, uint64_t size, int64_t mtime_ns)
{
    snprintf(out, SELECT_ETAG_BYTES, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", ino, size,
             (uint64_t)mtime_ns);
}

time_t select_seconds(int64_t time_ns)
{
    return time_ns / 1000000000 - (time_ns % 1000000000 < 0);
}

const char *select_type(const char *path)
{
    static const char *const types[][2] = {
        {"avif", "image/avif"},
        {"bin", "application/octet-stream"},
        {"c", "text/plain; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"gif", "image/gif"},
        {"gz", "application/gzip"},
        {"h", "text/plain; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"html", "text/html; charset=utf-8"},
        {"ico", "image/x-icon"},
        {"iso", "application/octet-stream"},
        {"jpeg", "image/jpeg"},
        {"jpg", "image/jpeg"},
        {"js", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"log", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"mp3", "audio/mpeg"},
        {"mp4", "video/mp4"},
        {"ogg", "audio/ogg"},
        {"pdf", "application/pdf"},
        {"png", "image/png"},
        {"svg", "image/svg+xml"},
        {"tar", "application/x-tar"},
        {"txt", "text/plain; charset=utf-8"},
        {"wasm", "application/wasm"},
        {"wav", "audio/wav"},
        {"webm", "video/webm"},
        {"webp", "image/webp"},
        {"woff2", "font/woff2"},
        {"xml", "application/xml"},
        {"zip", "application/zip"},
    };
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash != NULL ? slash : path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot + 1, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* Whether a list of entity tags has ours. Weak ones (W/) count only where weak comparison is said.
 */
static bool lists_etag(struct web_span list, const char *etag, bool weak)
{
    const char *at = list.at, *end = list.at + list.len;
    if (list.len == 1 && *at == '*')
        return true;
    while (at < end) {
        bool is_weak = end - at > 2 && at[0] == 'W' && at[1] == '/';
        if (is_weak)
            at += 2;
        const char *close = *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
        if (close == NULL) { /* a comma, a blank, or what is no tag */
            at++;
            continue;
        }
        size_t len = (size_t)(close + 1 - at);
        if (len == strlen(etag) && memcmp(at, etag, len) == 0 && (weak || !is_weak))
            return true;
        at = close + 1;
    }
    return false;
}

/* 304 or 412 if a condition says so, else 200: in the order of RFC 9110, 13.2.2. */
static unsigned check_conditions(const struct web_request *r, const char *etag, time_t modified)
{
    struct web_span match = web_field(r, "if-match"), none = web_field(r, "if-none-match");
    time_t date;
    if (match.at != NULL) {
        if (!lists_etag(match, etag, false))
            return 412;
    } else if (web_read_date(web_field(r, "if-unmodified-since"), &date) && modified > date) {
        return 412;
    }
    if (none.at != NULL)
        return lists_etag(none, etag, true) ? 304 : 200;
    if (web_read_date(web_field(r, "if-modified-since"), &date) && modified <= date)
        return 304;
    return 200;
}

/* Whether If-Range lets a range count: absent, or exactly this version. A date names a version only
 * if nothing can have changed since within the same second. */
static bool range_counts(const struct web_request *r, const char *etag, time_t modified, time_t now)
{
    struct web_span v = web_field(r, "if-range");
    time_t date;
    if (v.at == NULL)
        return true;
    if (web_read_date(v, &date))
        return date == modified && modified < now - 1;
    return v.len == strlen(etag) && memcmp(v.at, etag, v.len) == 0;
}

/* Reads digits; false if there are none, or too many. */
static bool read_number(const char **at, const char *end, uint64_t *out)
{
    const char *from = *at;
    uint64_t n = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (n > UINT64_MAX / 10 - 1)
            return false;
        n = n * 10 + (uint64_t)(**at - '0');
    }
    *out = n;
    return *at > from;
}

/* "bytes=first-last", "bytes=first-", "bytes=-count": 206 or 416; 200 for all else. */
static unsigned read_range(struct select_part *part, struct web_span v, uint64_t size)
{
    static const char unit[] = "bytes=";
    const char *at = v.at, *end = v.at + v.len;
    uint64_t first = 0, last = 0;
    if (v.len < sizeof unit || strncasecmp(at, unit, sizeof unit - 1) != 0)
        return 200;
    at += sizeof unit - 1;
    bool has_first = read_number(&at, end, &first);
    if (at == end || *at++ != '-')
        return 200;
    bool has_last = read_number(&at, end, &last);
    if (at != end || (!has_first && !has_last) || (has_first && has_last && last < first))
        return 200;
    if (!has_first) { /* the last so many */
        first = last < size ? size - last : 0;
        has_last = last > 0;
        last = UINT64_MAX;
        if (!has_last)
            return 416;
    }
    if (first >= size)
        return 416;
    if (!has_last || last >= size)
        last = size - 1;
    *part = (struct select_part){first, last - first + 1};
    return 206;
}

unsigned select_part(struct select_part *part, const struct web_request *r, uint64_t ino,
                     uint64_t size, int64_t mtime_ns, time_t now)
{
    char etag[SELECT_ETAG_BYTES];
    time_t modified = select_seconds(mtime_ns);
    struct web_span range = web_field(r, "range");
    select_etag(etag, ino, size, mtime_ns);
    *part = (struct select_part){0, size};
    unsigned status = check_conditions(r, etag, modified);
    if (status != 200 || r->method != WEB_GET || range.at == NULL ||
        !range_counts(r, etag, modified, now))
        return status;
    return read_range(part, range, size);
}
