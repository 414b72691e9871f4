/* HTTP for the examples: see web.h. */
#define _GNU_SOURCE 1
#include "web.h"

#include <assert.h>
#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the parser's callbacks fill. */
struct reading {
    struct web_request *r;
    struct web_span target;
    bool in_value; /* the callback before was for a value */
    bool complete;
};

/* A callback may bring one string in pieces; they are neighbours. */
static void extend(struct web_span *s, const char *at, size_t len)
{
    if (s->at == NULL)
        s->at = at;
    s->len = (size_t)(at - s->at) + len;
}

static int on_target(http_parser *p, const char *at, size_t len)
{
    struct reading *g = p->data;
    extend(&g->target, at, len);
    return 0;
}

static int on_name(http_parser *p, const char *at, size_t len)
{
    struct reading *g = p->data;
    if (g->in_value || g->r->n_fields == 0) {
        if (g->r->n_fields == WEB_FIELDS_MAX) {
            g->r->error = 431;
            return 1;
        }
        g->r->n_fields++;
        g->in_value = false;
    }
    extend(&g->r->field[g->r->n_fields - 1].name, at, len);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct reading *g = p->data;
    if (g->in_value) /* a line folded into the next: obsolete, and refused (RFC 9112, 5.2) */
        return 1;
    g->in_value = true;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    g->r->field[g->r->n_fields - 1].value = (struct web_span){at, len};
    return 0;
}

static int on_head(http_parser *p)
{
    struct web_request *r = ((struct reading *)p->data)->r;
    r->keep_alive = http_should_keep_alive(p) != 0;
    r->chunked = (p->flags & F_CHUNKED) != 0;
    r->content_length = (p->flags & F_CONTENTLENGTH) != 0 ? p->content_length : 0;
    return 1; /* what follows is for the caller */
}

static int on_end(http_parser *p)
{
    ((struct reading *)p->data)->complete = true;
    http_parser_pause(p, 1);
    return 0;
}

static const http_parser_settings settings = {.on_url = on_target,
                                              .on_header_field = on_name,
                                              .on_header_value = on_value,
                                              .on_headers_complete = on_head,
                                              .on_message_complete = on_end};

static enum web_method method_of(const http_parser *p)
{
    switch (p->method) {
    case HTTP_GET:
        return WEB_GET;
    case HTTP_HEAD:
        return WEB_HEAD;
    case HTTP_PUT:
        return WEB_PUT;
    default:
        return WEB_OTHER;
    }
}

/* Splits the target. Returns the status of what is wrong with it, or 0. */
static unsigned read_target(struct web_request *r, struct web_span target)
{
    struct http_parser_url url;
    http_parser_url_init(&url);
    if (http_parser_parse_url(target.at, target.len, 0, &url) != 0)
        return 400;
    struct web_span path = {target.at + url.field_data[UF_PATH].off, url.field_data[UF_PATH].len};
    if (url.field_set & 1 << UF_QUERY)
        r->query = (struct web_span){target.at + url.field_data[UF_QUERY].off,
                                     url.field_data[UF_QUERY].len};
    if (path.len >= WEB_PATH_MAX_BYTES * 3)
        return 414;
    char decoded[WEB_PATH_MAX_BYTES * 3];
    if (!web_decode(path, decoded, sizeof decoded))
        return 400;
    const char *relative = decoded + strspn(decoded, "/"); /* "/%2f" are two of them */
    if (strlen(relative) >= sizeof r->path)
        return 414;
    strcpy(r->path, relative);
    return 0;
}

static unsigned count(const struct web_request *r, const char *name)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->n_fields; i++)
        n += r->field[i].name.len == strlen(name) &&
             strncasecmp(r->field[i].name.at, name, strlen(name)) == 0;
    return n;
}

/* What is wrong with a head of len bytes, as a status; 0: nothing. */
static unsigned verdict(const http_parser *p, const struct reading *g, size_t len)
{
    if (g->r->error != 0)
        return g->r->error;
    if (g->target.len > WEB_TARGET_MAX_BYTES)
        return 414;
    if (!g->complete) {
        if (HTTP_PARSER_ERRNO(p) == HPE_OK)
            return len < WEB_HEAD_MAX_BYTES ? 0 : 431;
        return HTTP_PARSER_ERRNO(p) == HPE_HEADER_OVERFLOW  ? 431
               : HTTP_PARSER_ERRNO(p) == HPE_INVALID_METHOD ? 501
                                                            : 400;
    }
    if (p->http_major != 1)
        return 505;
    if (g->r->len > WEB_HEAD_MAX_BYTES)
        return 431;
    if (count(g->r, "host") > 1 || (count(g->r, "host") == 0 && p->http_minor > 0))
        return 400;
    /* Only CONNECT and OPTIONS may name something that is not a path, and nobody here answers
     * those. */
    return g->r->method == WEB_OTHER ? 0 : read_target(g->r, g->target);
}

bool web_read(struct web_request *r, const void *buf, size_t len)
{
    http_parser p;
    struct reading g = {.r = r};
    memset(r, 0, sizeof *r);
    http_parser_init(&p, HTTP_REQUEST);
    p.data = &g;
    r->len = http_parser_execute(&p, &settings, buf, len);
    r->method = method_of(&p);
    r->minor = p.http_minor;
    r->error = verdict(&p, &g, len);
    if (r->error != 0)
        r->len = len; /* where the next request would begin is not known */
    return g.complete || r->error != 0;
}

struct web_span web_field(const struct web_request *r, const char *name)
{
    for (unsigned i = 0; i < r->n_fields; i++)
        if (r->field[i].name.len == strlen(name) &&
            strncasecmp(r->field[i].name.at, name, strlen(name)) == 0)
            return r->field[i].value;
    return (struct web_span){NULL, 0};
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *at = strchr(digits, c);
    return at == NULL || c == '\0' ? -1 : (int)(at - digits) % 16;
}

bool web_decode(struct web_span in, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.at[i];
        if (c == '%') {
            if (in.len - i < 3 || hex(in.at[i + 1]) < 0 || hex(in.at[i + 2]) < 0)
                return false;
            c = (char)(hex(in.at[i + 1]) << 4 | hex(in.at[i + 2]));
            i += 2;
        }
        if (c == '\0' || n + 1 >= cap)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

void web_add(struct web_text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->at + t->len, t->cap - t->len, format, arguments);
    va_end(arguments);
    assert(n >= 0 && (size_t)n < t->cap - t->len);
    t->len += (size_t)n;
}

const char *web_reason(unsigned status)
{
    switch (status) {
#define REASON(number, name, text)                                                                 \
    case number:                                                                                   \
        return #text;
        HTTP_STATUS_MAP(REASON)
#undef REASON
    default:
        return "Unknown";
    }
}

void web_head(struct web_text *t, unsigned status, time_t date)
{
    char text[WEB_DATE_BYTES];
    web_date(text, date);
    web_add(t, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status, web_reason(status), text);
}

void web_date(char out[WEB_DATE_BYTES], time_t date)
{
    struct tm tm;
    gmtime_r(&date, &tm);
    strftime(out, WEB_DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

bool web_read_date(struct web_span text, time_t *date)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    char copy[64];
    if (text.at == NULL || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, forms[i], &tm);
        if (end != NULL && *end == '\0') {
            *date = timegm(&tm);
            return true;
        }
    }
    return false;
}
