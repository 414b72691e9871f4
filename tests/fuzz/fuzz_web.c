/* Heads of HTTP requests, as the examples read them. What is taken lies within the bytes that were
 * given; the same bytes are read the same way; a piece of a head is never taken for the whole. */
#include "examples/select.h"
#include "examples/web.h"

#include "fuzz.h"

#include <string.h>

const char fuzz_name[] = "fuzz_web";

static void check_span(struct web_span s, const uint8_t *data, size_t size)
{
    const char *from = (const char *)data;
    FUZZ_CHECK(s.at == NULL || (s.at >= from && s.at + s.len <= from + size));
}

static void check_taken(const struct web_request *r, const uint8_t *data, size_t size)
{
    struct select_part part;
    FUZZ_CHECK(r->len <= size && r->n_fields <= WEB_FIELDS_MAX);
    FUZZ_CHECK(memchr(r->path, '\0', sizeof r->path) != NULL && r->path[0] != '/');
    check_span(r->query, data, size);
    for (unsigned i = 0; i < r->n_fields; i++) {
        check_span(r->field[i].name, data, size);
        check_span(r->field[i].value, data, size);
    }
    unsigned status = select_part(&part, r, 7, 1000, 1000000000, 2000000000);
    FUZZ_CHECK(status == 200 || status == 206 || status == 304 || status == 412 || status == 416);
    FUZZ_CHECK(part.first + part.len <= 1000 && (status != 206 || part.len > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct web_request r, piece;
    uint8_t *copy = malloc(size + 1); /* of its own: the sanitizer sees a byte too far */
    memcpy(copy, data, size);
    bool whole = web_read(&r, copy, size);
    if (whole && r.error == 0) {
        check_taken(&r, copy, size);
        for (size_t n = r.len > 64 ? r.len - 64 : 0; n < r.len; n++)
            FUZZ_CHECK(!web_read(&piece, copy, n) || piece.error != 0);
        FUZZ_CHECK(web_read(&piece, copy, r.len) && piece.len == r.len && piece.error == 0);
    }
    free(copy);
    return 0;
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    static const char *const texts[] = {
        "",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD http://h:80/a%20b?q=%zz HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /",
        "GET //%2fa HTTP/1.1\r\nHost: h\r\nRange: bytes=10-20\r\nIf-Range: \"7-3e8-3b9aca00\"\r\n\r\n",
        "GET /a HTTP/1.1\nHost: h\nRange: bytes=-7\nIf-None-Match: W/\"x\", *\n\n",
        ("GET /a HTTP/1.1\r\nHost: h\r\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
         "If-Unmodified-Since: Sunday, 09-Sep-01 01:46:40 GMT\r\n\r\n"),
        "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
        "POST * HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX:  \t\r\n folded\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        emit(arg, (const uint8_t *)texts[i], strlen(texts[i]));
}
