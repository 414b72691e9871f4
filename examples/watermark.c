/*
 * watermark: an image that says for whom it was made, and a server that keeps nothing of it. See
 * trickles-watermark(1).
 *
 * The answer is made in pieces while the client asks for them: the header, then strips of the
 * image. Nobody knows beforehand how long a strip will be, so the continuations are a chain: each
 * one says which piece begins at its place in the stream.
 */
#include "picture.h"
#include "serve.h"
#include "web.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LAYOUT = 2, /* of `struct mark` and of what follows from it */
    TEXT_MAX_BYTES = 200,
    HEAD_MAX_BYTES = 1024,
    SHARED_MAX = 64,
};

/* The continuation: the piece that begins where it stands, and what all pieces depend on. */
struct mark {
    uint64_t id; /* of picture and font; 0: the answer is a short text */
    int64_t date;
    uint32_t piece; /* 0: the header; i: strip i - 1 */
    uint32_t sum;   /* of the strips before it, for the end of the file */
    uint16_t status;
    uint8_t layout;
    bool head_only, chunked, says_close;
    bool close;                /* the downlink ends behind it */
    char text[TEXT_MAX_BYTES]; /* sent as far as it goes */
};
static_assert(sizeof(struct mark) <= MSK_UCONT_MAX_BYTES, "continuation");

/* Configuration: what is served. */
static struct picture picture;
static uint64_t id;

static uint32_t pieces(const struct mark *m)
{
    return m->status == 0 ? 0 : m->head_only || m->status != 200 ? 1 : 1 + picture_strips(&picture);
}

static void send_text(int fd, msk_t msk, const struct web_text *t)
{
    msk_send(fd, msk, t->at, t->len);
}

/* A part of the body: a chunk, where the client knows chunks; last: none follows. */
static void send_part(int fd, msk_t msk, const struct mark *m, const void *part, size_t len,
                      bool last)
{
    char buf[64];
    struct web_text t = {buf, 0, sizeof buf};
    if (m->chunked)
        web_add(&t, "%zx\r\n", len);
    send_text(fd, msk, &t);
    msk_send(fd, msk, part, len);
    if (m->chunked)
        msk_send(fd, msk, "\r\n0\r\n\r\n", last ? 7 : 2);
}

static void send_head(int fd, msk_t msk, const struct mark *m)
{
    char buf[HEAD_MAX_BYTES], body[64];
    struct web_text t = {buf, 0, sizeof buf};
    web_head(&t, m->status, m->date);
    if (m->says_close)
        web_add(&t, "Connection: close\r\n");
    if (m->status == 200) {
        web_add(&t, "Content-Type: %s\r\nCache-Control: private\r\n%s\r\n", picture.format->type,
                m->chunked ? "Transfer-Encoding: chunked\r\n" : "");
    } else {
        int n = snprintf(body, sizeof body, "%u %s\n", m->status, web_reason(m->status));
        web_add(&t, "%sContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
                m->status == 405 ? "Allow: GET, HEAD\r\n" : "", n, m->head_only ? "" : body);
    }
    send_text(fd, msk, &t);
}

/*
 * Strips that the events of one batch share: most are of one download, and present the same
 * continuation until a later one has reached the client. They are freed behind the batch: nothing
 * is kept.
 */
static struct strip {
    struct mark mark; /* before it */
    uint32_t sum;     /* behind it */
    size_t len;
    uint8_t *bytes;
} shared[SHARED_MAX];
static unsigned n_shared;

static void let_go(void)
{
    while (n_shared > 0)
        free(shared[--n_shared].bytes);
}

/* c is drawn at its first use. */
static const struct strip *make_strip(const struct mark *m, struct caption *c)
{
    for (unsigned i = 0; i < n_shared; i++) {
        const struct mark *is = &shared[i].mark;
        if (is->id == m->id && is->piece == m->piece && is->sum == m->sum &&
            strcmp(is->text, m->text) == 0)
            return &shared[i];
    }
    if (n_shared == SHARED_MAX)
        let_go();
    if (c->cover == NULL)
        caption_draw(c, m->text, picture.width / 24 + 8);
    struct strip *s = &shared[n_shared++];
    *s = (struct strip){.mark = *m, .sum = m->sum};
    s->bytes = picture_strip(&picture, m->piece - 1, c, &s->sum, &s->len);
    return s;
}

/* Sends the piece, and takes its part of the sum. */
static void send_piece(int fd, msk_t msk, struct mark *m, struct caption *c)
{
    bool last = m->piece + 1 == pieces(m);
    if (m->piece == 0)
        send_head(fd, msk, m);
    if (m->head_only || m->status != 200)
        return;
    if (m->piece == 0) {
        size_t len;
        uint8_t *header = picture_header(&picture, &len);
        send_part(fd, msk, m, header, len, last);
        free(header);
    } else {
        const struct strip *s = make_strip(m, c);
        send_part(fd, msk, m, s->bytes, s->len, last);
        m->sum = s->sum;
    }
}

static void set(int fd, msk_t msk, const struct mark *m)
{
    msk_setucont(fd, msk, MSK_HERE, m, offsetof(struct mark, text) + strlen(m->text) + 1, 0);
}

/* Describes pieces from m->piece on as far as they are wanted, each with its continuation. */
static void go_on(int fd, msk_t msk, struct mark m)
{
    struct caption caption = {0};
    set(fd, msk, &m);
    while (m.piece < pieces(&m) && msk_wanted(fd, msk) > 0) {
        send_piece(fd, msk, &m, &caption);
        m.piece++;
        set(fd, msk, &m);
    }
    free(caption.cover);
    if (m.piece < pieces(&m))
        return;
    if (m.close)
        msk_close(fd, msk);
    else
        msk_end(fd, msk);
}

/* ---- requests ---- */

/* The text to write: ?text=..., or the client's address. False: it cannot be. */
static bool choose_text(struct mark *m, const struct web_request *r, const struct msk_event *ev)
{
    static const char key[] = "text=";
    const size_t skip = sizeof key - 1;
    if (r->query.len >= skip && memcmp(r->query.at, key, skip) == 0)
        return web_decode((struct web_span){r->query.at + skip, r->query.len - skip}, m->text,
                          sizeof m->text);
    const void *address = ev->peer.ss_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)&ev->peer)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)&ev->peer)->sin_addr;
    return inet_ntop(ev->peer.ss_family, address, m->text, sizeof m->text) != NULL;
}

static void choose(struct mark *m, const struct web_request *r, const struct msk_event *ev)
{
    m->head_only = r->method == WEB_HEAD;
    m->chunked = r->minor > 0;
    m->close =
        r->error != 0 || !r->keep_alive || !m->chunked || r->chunked || r->content_length > 0;
    m->says_close = m->close;
    m->status = 200;
    if (r->error != 0)
        m->status = (uint16_t)r->error;
    else if (r->method != WEB_GET && r->method != WEB_HEAD)
        m->status = 405;
    else if (!choose_text(m, r, ev))
        m->status = 400;
}

/* Begins the answer to the next request. after: the answer before it. */
static void answer(int fd, const struct msk_event *ev, const struct mark *after)
{
    struct web_request r;
    struct mark m = {.id = id, .layout = LAYOUT, .date = time(NULL)};
    size_t n = ev->request_len;
    if (!after->close && web_read(&r, ev->request, ev->request_len)) {
        n = r.len;
        choose(&m, &r, ev);
        if (ev->kind == MSK_CLOSED && n == ev->request_len)
            m.close = true; /* consuming all of it consumes the client's end too */
    } else if (ev->kind == MSK_CLOSED) {
        m.close = true; /* status 0: nothing more is said */
    } else {
        if (!after->close)
            msk_need(fd, ev->msk, ev->request_len + 1);
        return;
    }
    msk_consume(fd, ev->msk, n);
    go_on(fd, ev->msk, m);
}

static bool load(struct mark *m, const struct msk_event *ev)
{
    if (ev->ucont_len <= offsetof(struct mark, text) || ev->ucont_len > sizeof *m)
        return false;
    memcpy(m, ev->ucont, ev->ucont_len);
    return m->layout == LAYOUT && m->id == id;
}

static void handle(int fd, const struct msk_event *ev)
{
    struct mark m = {0};
    if (ev->ucont_len > 0 && !load(&m, ev)) { /* another picture's */
        msk_reset(fd, ev->msk);
        return;
    }
    bool under_way = ev->end == MSK_UNKNOWN || serve_asked(ev, ev->from, ev->end - ev->from);
    if (ev->ucont_len > 0 && under_way) { /* a request that came meanwhile waits */
        if (ev->kind == MSK_CLOSED && ev->request_len == 0)
            m.close = true; /* there will be none */
        msk_seek(fd, ev->msk, ev->from);
        go_on(fd, ev->msk, m);
    } else if (ev->kind == MSK_REQUEST || ev->kind == MSK_CLOSED) {
        answer(fd, ev, &m);
    }
    msk_drop(fd, ev->msk);
}

static const char help[] = "usage: watermark --image FILE --port N [OPTION]...\n"
                           "Serve an image with a text for each client laid over it.\n"
                           "\n"
                           "  -i, --image FILE       the image, JPEG or PNG; needed\n"
                           "  -f, --font FILE        font, instead of DejaVu Sans\n" SERVE_HELP "\n"
                           "trickles-watermark(1) says more.\n";

int main(int argc, char **argv)
{
    struct serve s = {.program = "watermark", .help = help, .rest = let_go};
    const char *image = NULL, *font = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
    const struct serve_own own[] = {{'i', "image", &image}, {'f', "font", &font}, {0}};
    serve_options(&s, argc, argv, own, 0);
    if (image == NULL)
        serve_usage(&s);
    if (caption_open_font(font) != 0) {
        fprintf(stderr, "watermark: %s is no font that can be read; name one with --font\n", font);
        return EXIT_FAILURE;
    }
    picture_load(&picture, image);
    id = picture.id ^ caption_font_id();
    return serve(&s, handle);
}
