/*
 * upload: takes files of any size by PUT, and keeps nothing of an upload but the file. See
 * trickles-upload(1).
 *
 * A request longer than an event can show is consumed bit by bit. How far it got, and the SHA-256
 * of it so far, are the continuation. A handler may run again with the same bytes: they are written
 * to the same place.
 */
#define _GNU_SOURCE 1
#include "serve.h"
#include "sum.h"
#include "web.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LAYOUT = 3,            /* of `struct upload` and of what follows from it */
    PIECE_BYTES = 32768,   /* consumed at once, if so many are to come */
    NAME_MAX_BYTES = 128,  /* of a file */
    TEXT_MAX_BYTES = 1024, /* of an answer */
    BOOT_ID_BYTES = 37,
};

/* The continuation. */
struct upload {
    int64_t date;
    uint64_t total, done;
    uint64_t conn, request; /* name the temporary file: connection, and where the request began */
    uint64_t dev, ino;      /* of it, and of the file that it becomes */
    int64_t born_ns;        /* when the connection began to write it: inode numbers come again */
    uint64_t boot;          /* a host that went down may have lost what was not on disk yet */
    uint16_t status;        /* of the answer; 0: none yet */
    uint8_t layout;
    bool receiving; /* a body; else what follows is a request */
    bool says_continue, says_close, close, existed;
    struct sum sum;
    char name[NAME_MAX_BYTES]; /* sent as far as it goes */
};
static_assert(sizeof(struct upload) <= MSK_UCONT_MAX_BYTES, "continuation");

/* Configuration. */
static int root_fd = -1;
static uint64_t boot;

/* ---- files ---- */

static void temporary(char out[64], const struct upload *u)
{
    snprintf(out, 64, ".upload-%016" PRIx64 "-%" PRIx64, u->conn, u->request);
}

static int64_t born(int file)
{
    struct statx st;
    if (statx(file, "", AT_EMPTY_PATH, STATX_BTIME, &st) != 0)
        return 0;
    return (int64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
}

static bool is_ours(const struct upload *u, int file)
{
    struct stat st;
    return fstat(file, &st) == 0 && st.st_dev == u->dev && st.st_ino == u->ino &&
           born(file) == u->born_ns;
}

/* Makes the temporary file, or finds the one that an earlier run has made. */
static bool create(struct upload *u)
{
    char name[64];
    struct stat st;
    temporary(name, u);
    int file = openat(root_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0)
        return false;
    bool good = fstat(file, &st) == 0;
    u->dev = st.st_dev;
    u->ino = st.st_ino;
    u->born_ns = born(file);
    close(file);
    return good;
}

/* Opens what was begun: the temporary file, or what an earlier run has made of it already (*done).
 * -1 with ESTALE: neither is there. */
static int reopen(const struct upload *u, bool *done)
{
    char name[64];
    const char *const names[] = {name, u->name};
    temporary(name, u);
    for (int i = 0; i < 2; i++) {
        int file = openat(root_fd, names[i], O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        *done = i == 1;
        if ((file < 0 && errno == EMFILE) || (file >= 0 && is_ours(u, file)))
            return file;
        if (file >= 0)
            close(file);
    }
    errno = ESTALE;
    return -1;
}

static bool write_all(int file, const uint8_t *buf, size_t len, uint64_t off)
{
    while (len > 0) {
        ssize_t n = pwrite(file, buf, len, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        buf += n;
        len -= (size_t)n;
        off += (uint64_t)n;
    }
    return true;
}

/* The file is complete: gives it its name. */
static bool complete(const struct upload *u, int file)
{
    char name[64];
    temporary(name, u);
    return ftruncate(file, (off_t)u->total) == 0 && fdatasync(file) == 0 &&
           renameat(root_fd, name, root_fd, u->name) == 0 && fsync(root_fd) == 0;
}

static void discard(const struct upload *u)
{
    char name[64];
    temporary(name, u);
    unlinkat(root_fd, name, 0);
}

/* ---- answers ---- */

static void write_answer(struct web_text *t, const struct upload *u)
{
    char body[3 * NAME_MAX_BYTES];
    struct web_text b = {body, 0, sizeof body};
    uint8_t digest[SUM_BYTES];
    if (u->says_continue)
        web_add(t, "HTTP/1.1 100 Continue\r\n\r\n");
    if (u->status == 0)
        return;
    if (u->status == 200 || u->status == 201) {
        sum_tell(&u->sum, digest);
        for (size_t i = 0; i < sizeof digest; i++)
            web_add(&b, "%02x", digest[i]);
        web_add(&b, "  %s\n", u->name);
    } else {
        web_add(&b, "%u %s\n", u->status, web_reason(u->status));
    }
    web_head(t, u->status, u->date);
    web_add(t, "%s%sContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
            u->status == 405 ? "Allow: PUT\r\n" : "", u->says_close ? "Connection: close\r\n" : "",
            b.len, body);
}

static void describe(int fd, msk_t msk, const struct upload *u)
{
    char buf[TEXT_MAX_BYTES];
    struct web_text text = {buf, 0, sizeof buf};
    write_answer(&text, u);
    msk_send(fd, msk, text.at, text.len);
}

/* What the first n request bytes led to. */
static void answer(int fd, const struct msk_event *ev, struct upload *u, size_t n)
{
    if (ev->kind == MSK_CLOSED && n == ev->request_len)
        u->close = true; /* consuming all of it consumes the client's end too */
    u->layout = LAYOUT;
    msk_consume(fd, ev->msk, n);
    msk_setucont(fd, ev->msk, MSK_HERE, u, offsetof(struct upload, name) + strlen(u->name) + 1, 0);
    describe(fd, ev->msk, u);
    if (u->close)
        msk_close(fd, ev->msk);
    else
        msk_end(fd, ev->msk);
}

/* The upload comes to nothing, and no more is taken from this connection. */
static void refuse(struct upload *u, unsigned status)
{
    u->receiving = false;
    u->status = (uint16_t)status;
    u->date = time(NULL);
    u->close = u->says_close = true;
}

/* ---- requests ---- */

static unsigned status_of(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? 507 : error == EACCES ? 403 : 500;
}

/* Writes body bytes and moves on, if it can be done now. */
static void receive(struct upload *u, const void *body, size_t len)
{
    bool done, good = u->boot == boot;
    int file = reopen(u, &done);
    if (file < 0 && errno == EMFILE)
        return; /* the client asks again */
    good = good && file >= 0 && (done || write_all(file, body, len, u->done));
    if (good) {
        sum_add(&u->sum, body, len);
        u->done += len;
    }
    if (good && !done && u->done == u->total)
        good = complete(u, file);
    if (!good) {
        refuse(u, status_of(errno));
        discard(u);
    } else if (u->done == u->total) {
        u->receiving = false;
        u->status = u->existed ? 200 : 201;
        u->date = time(NULL);
    }
    if (file >= 0)
        close(file);
}

/* The status of what is wrong with a request, or 0. */
static unsigned check(const struct web_request *r)
{
    if (r->error != 0)
        return r->error;
    if (r->method != WEB_PUT)
        return 405;
    if (r->chunked || web_field(r, "content-length").at == NULL)
        return 411;
    if (*r->path == '\0' || *r->path == '.' || strchr(r->path, '/') != NULL)
        return 403;
    return strlen(r->path) < NAME_MAX_BYTES ? 0 : 414;
}

/* A new upload. Its body waits for the next event: whether a file of this name existed must be in
 * the continuation before this upload makes one. */
static void begin(struct upload *u, const struct web_request *r, const struct msk_event *ev)
{
    static const char expectation[] = "100-continue";
    struct web_span expect = web_field(r, "expect");
    unsigned status = check(r);
    *u = (struct upload){.conn = ev->conn, .request = ev->request_off, .boot = boot};
    sum_begin(&u->sum);
    if (status == 0) {
        strcpy(u->name, r->path);
        u->receiving = true;
        u->total = r->content_length;
        u->says_close = u->close = !r->keep_alive;
        u->existed = faccessat(root_fd, u->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        u->says_continue = ev->request_len == r->len && r->minor > 0 &&
                           expect.len == sizeof expectation - 1 &&
                           strncasecmp(expect.at, expectation, expect.len) == 0;
        status = create(u) ? 0 : status_of(errno);
    }
    if (status != 0)
        refuse(u, status);
    else if (u->total == 0)
        receive(u, NULL, 0);
}

/* More of a body. Returns how many bytes were used; 0: there should be more, or it cannot be now.
 */
static size_t go_on(int fd, struct upload *u, const struct msk_event *ev)
{
    uint64_t rest = u->total - u->done, before = u->done;
    size_t n = ev->request_len < rest ? ev->request_len : (size_t)rest;
    u->says_continue = false;
    if (n < rest && ev->kind == MSK_CLOSED) {
        refuse(u, 400); /* it ends in mid-body */
        return ev->request_len;
    }
    if (n < rest && n < PIECE_BYTES) {
        msk_need(fd, ev->msk, rest < PIECE_BYTES ? (size_t)rest : PIECE_BYTES);
        return 0;
    }
    receive(u, ev->request, n);
    return u->done > before || u->status != 0 ? n : 0;
}

/* Moves on by what can be consumed now. */
static void step(int fd, const struct msk_event *ev, struct upload *u)
{
    struct web_request r;
    size_t n;
    if (u->receiving) {
        n = go_on(fd, u, ev);
        if (n == 0 && u->status == 0)
            return;
    } else if (!u->close && web_read(&r, ev->request, ev->request_len)) {
        n = r.len;
        begin(u, &r, ev);
        if (u->receiving && ev->kind == MSK_CLOSED && n == ev->request_len)
            refuse(u, 400);
    } else if (ev->kind == MSK_CLOSED) {
        *u = (struct upload){.close = true};
        n = ev->request_len;
    } else {
        if (!u->close)
            msk_need(fd, ev->msk, ev->request_len + 1);
        return;
    }
    answer(fd, ev, u, n);
}

static bool load(struct upload *u, const struct msk_event *ev)
{
    if (ev->ucont_len <= offsetof(struct upload, name) || ev->ucont_len > sizeof *u)
        return false;
    memcpy(u, ev->ucont, ev->ucont_len);
    return u->layout == LAYOUT;
}

static void handle(int fd, const struct msk_event *ev)
{
    struct upload u = {0};
    if (ev->ucont_len > 0 && !load(&u, ev)) {
        msk_reset(fd, ev->msk);
        return;
    }
    msk_seek(fd, ev->msk, ev->from);
    describe(fd, ev->msk, &u);
    if (ev->kind == MSK_REQUEST || ev->kind == MSK_CLOSED)
        step(fd, ev, &u);
    msk_drop(fd, ev->msk);
}

static bool read_boot_id(void)
{
    char text[BOOT_ID_BYTES];
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = file >= 0 ? read(file, text, sizeof text) : -1;
    if (file >= 0)
        close(file);
    if (n <= 0)
        return false;
    for (ssize_t i = 0; i < n; i++)
        boot = boot * 31 + (uint8_t)text[i];
    return true;
}

static const char help[] = "usage: upload --root DIR --port N [OPTION]...\n"
                           "Take files by HTTP PUT, of any size.\n"
                           "\n"
                           "  -r, --root DIR         where they are put; needed\n" SERVE_HELP "\n"
                           "trickles-upload(1) says more.\n";

int main(int argc, char **argv)
{
    struct serve s = {.program = "upload", .help = help};
    const char *root = NULL;
    serve_options(&s, argc, argv, (struct serve_own[]){{'r', "root", &root}, {0}}, 0);
    if (root == NULL)
        serve_usage(&s);
    root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0 || !read_boot_id()) {
        fprintf(stderr, "upload: %s: %s\n", root, strerror(errno));
        return EXIT_FAILURE;
    }
    return serve(&s, handle);
}
