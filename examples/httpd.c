/*
 * httpd: a static web server that keeps nothing. See trickles-httpd(1).
 *
 * Its continuation is `struct answer`: which file (and which version of it), which bytes of it, and
 * all that the header says. From it alone any server process can give any byte of the answer, so
 * there is one continuation for each answer and none on the way.
 */
#define _GNU_SOURCE 1
#include "listing.h"
#include "select.h"
#include "serve.h"
#include "web.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LAYOUT = 1, /* of `struct answer` and of the bytes that follow from it: to be changed with them,
                   so that a newer program does not go on with an older one's answer */
    HEAD_MAX_BYTES = 2048 + 3 * WEB_PATH_MAX_BYTES,
};

enum body { BODY_NONE, BODY_TEXT, BODY_FILE, BODY_LISTING };

/* All that fixes an answer's bytes: the continuation. Its path is sent as far as it goes. */
struct answer {
    uint64_t at;            /* offset in the stream where it begins */
    uint64_t dev, ino;      /* the file or folder, */
    int64_t mtime_ns;       /* as it was */
    uint64_t size;          /* of the file; of the listing */
    uint64_t first, length; /* the part that is sent */
    int64_t date;
    uint16_t status; /* 0: no answer: the downlink ends */
    uint8_t layout, body;
    bool head_only, close, minor_0;
    char path[WEB_PATH_MAX_BYTES];
};
static_assert(sizeof(struct answer) <= MSK_UCONT_MAX_BYTES, "continuation");

/* Configuration. */
static int root_fd = -1;

/* Opens what lies beneath the root; no path and no symbolic link leads out of it. */
static int open_beneath(const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root_fd, *path == '\0' ? "." : path, &how, sizeof how);
}

/*
 * The file of an answer under way, which the events of one batch share, most of them being of one
 * download. It is closed behind the batch: nothing is kept.
 */
static struct {
    int file; /* -1: none */
    char path[WEB_PATH_MAX_BYTES];
} shared = {.file = -1};

static void let_go(void)
{
    if (shared.file >= 0)
        close(shared.file);
    shared.file = -1;
}

/* As open_beneath(); not the caller's to close. */
static int open_shared(const char *path)
{
    if (shared.file >= 0 && strcmp(path, shared.path) == 0)
        return shared.file;
    let_go();
    shared.file = open_beneath(path);
    strcpy(shared.path, path);
    return shared.file;
}

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Whether an open file is still what the answer was made for. */
static bool is_same(const struct answer *a, int file)
{
    struct stat st;
    return fstat(file, &st) == 0 && st.st_dev == a->dev && st.st_ino == a->ino &&
           mtime_of(&st) == a->mtime_ns &&
           (a->body != BODY_FILE || (uint64_t)st.st_size == a->size);
}

/* ---- what the answer's bytes are ---- */

static void write_head(struct web_text *t, const struct answer *a)
{
    web_head(t, a->status, a->date);
    if (a->body == BODY_FILE || a->status == 304 || a->status == 416) {
        char etag[SELECT_ETAG_BYTES], date[WEB_DATE_BYTES];
        select_etag(etag, a->ino, a->size, a->mtime_ns);
        web_date(date, select_seconds(a->mtime_ns));
        web_add(t, "ETag: %s\r\nLast-Modified: %s\r\nAccept-Ranges: bytes\r\n", etag, date);
    }
    if (a->status == 206)
        web_add(t, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)a->first,
                (unsigned long long)(a->first + a->length - 1), (unsigned long long)a->size);
    if (a->status == 416)
        web_add(t, "Content-Range: bytes */%llu\r\n", (unsigned long long)a->size);
    if (a->status == 301) {
        web_add(t, "Location: /");
        listing_url(t, a->path);
        web_add(t, "/\r\n");
    }
    if (a->status == 405)
        web_add(t, "Allow: GET, HEAD\r\n");
    if (a->status != 304)
        web_add(t, "Content-Type: %s\r\nContent-Length: %llu\r\n",
                a->body == BODY_FILE      ? select_type(a->path)
                : a->body == BODY_LISTING ? "text/html; charset=utf-8"
                                          : "text/plain; charset=utf-8",
                (unsigned long long)a->length);
    if (a->close || a->minor_0)
        web_add(t, "Connection: %s\r\n", a->close ? "close" : "keep-alive");
    web_add(t, "\r\n");
}

static void write_text(struct web_text *t, unsigned status)
{
    web_add(t, "%u %s\n", status, web_reason(status));
}

/*
 * Describes the bytes of the file or folder. False: it is not what it was, and what has been
 * described must not be sent. file is open already, or -1. What cannot be opened or read just now
 * is left out: the client asks again.
 */
static bool describe_file(int fd, msk_t msk, const struct answer *a, int file)
{
    if (file < 0)
        file = open_shared(a->path);
    if (file < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EINTR;
    bool good;
    if (a->body == BODY_FILE) {
        struct msk_file part = {file, (off_t)a->first, a->length};
        good = msk_sendfilev(fd, msk, &part, 1) >= 0 || errno == ENOMEM;
    } else {
        struct web_text text;
        good = listing_make(&text, file, a->path);
        if (good && text.len == a->size)
            msk_send(fd, msk, text.at, text.len);
        good = good && text.len == a->size;
        free(text.at);
    }
    /* Asked after reading: what was read before a change is right, what was read after is not. */
    return good && is_same(a, file);
}

/* Describes an answer, from its first byte to its end. False: see describe_file(). */
static bool describe(int fd, const struct msk_event *ev, const struct answer *a, int file)
{
    char buf[HEAD_MAX_BYTES];
    struct web_text text = {buf, 0, sizeof buf};
    msk_seek(fd, ev->msk, a->at);
    if (a->status != 0)
        write_head(&text, a);
    uint64_t body = a->at + text.len, end = body + (a->head_only ? 0 : a->length);
    if (end > body && a->body == BODY_TEXT)
        write_text(&text, a->status);
    msk_send(fd, ev->msk, text.at, text.len);
    if (end > body && a->body >= BODY_FILE && serve_asked(ev, body, a->length) &&
        !describe_file(fd, ev->msk, a, file))
        return false;
    msk_seek(fd, ev->msk, end);
    return true;
}

/* ---- which answer a request gets ---- */

/* A short answer that says its status in words. */
static void choose_text(struct answer *a, unsigned status)
{
    char buf[128];
    struct web_text text = {buf, 0, sizeof buf};
    write_text(&text, status);
    a->status = (uint16_t)status;
    a->body = BODY_TEXT;
    a->length = text.len;
}

static unsigned status_of(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default: /* ENOENT; and EXDEV or ELOOP: out of the root, which is nobody's business */
        return 404;
    }
}

static void choose_file(struct answer *a, const struct web_request *r)
{
    struct select_part part;
    unsigned status = select_part(&part, r, a->ino, a->size, a->mtime_ns, a->date);
    a->first = part.first;
    if (status == 200 || status == 206) {
        a->status = (uint16_t)status;
        a->body = BODY_FILE;
        a->length = part.len;
    } else if (status == 304) {
        a->status = 304;
    } else {
        choose_text(a, status);
    }
}

/* A folder: its index.html, a list of what is in it, or the address with the slash that it lacks.
 * Takes file; returns what is open now. */
static int choose_folder(struct answer *a, int file)
{
    size_t len = strlen(a->path);
    if (len > 0 && a->path[len - 1] != '/') {
        choose_text(a, 301);
        return file;
    }
    struct web_text text;
    if (!listing_make(&text, file, a->path)) {
        choose_text(a, 503);
        return file;
    }
    a->status = 200;
    a->body = BODY_LISTING;
    a->size = a->length = text.len;
    free(text.at);
    return file;
}

static void set_identity(struct answer *a, const struct stat *st)
{
    a->dev = st->st_dev;
    a->ino = st->st_ino;
    a->mtime_ns = mtime_of(st);
    a->size = (uint64_t)st->st_size;
}

/* Opens what the path names; for a folder with index.html, that. a->path says what. */
static int open_named(struct answer *a, struct stat *st)
{
    static const char index[] = "index.html";
    int file = open_beneath(a->path);
    if (file < 0 || fstat(file, st) != 0 || !S_ISDIR(st->st_mode))
        return file;
    size_t len = strlen(a->path);
    if (len + sizeof index > sizeof a->path || (len > 0 && a->path[len - 1] != '/'))
        return file;
    strcat(a->path, index);
    int inside = open_beneath(a->path);
    struct stat in;
    if (inside < 0 || fstat(inside, &in) != 0 || !S_ISREG(in.st_mode)) {
        if (inside >= 0)
            close(inside);
        a->path[len] = '\0';
        return file;
    }
    close(file);
    *st = in;
    return inside;
}

/* Decides. The descriptor of what it opened is returned, or -1. */
static int choose(struct answer *a, const struct web_request *r)
{
    struct stat st;
    a->head_only = r->method == WEB_HEAD;
    a->minor_0 = r->minor == 0;
    /* No body is expected here, so none is read: where the next request begins is not known. */
    a->close = r->error != 0 || !r->keep_alive || r->chunked || r->content_length > 0;
    if (r->error != 0 || r->method == WEB_OTHER || r->method == WEB_PUT) {
        choose_text(a, r->error != 0 ? r->error : 405);
        return -1;
    }
    strcpy(a->path, r->path);
    int file = open_named(a, &st);
    if (file < 0) {
        choose_text(a, status_of(errno));
        return -1;
    }
    set_identity(a, &st);
    if (S_ISDIR(st.st_mode))
        return choose_folder(a, file);
    if (S_ISREG(st.st_mode))
        choose_file(a, r);
    else
        choose_text(a, 404);
    return file;
}

/* ---- events ---- */

static bool load(struct answer *a, const struct msk_event *ev)
{
    memset(a, 0, sizeof *a);
    if (ev->ucont_len <= offsetof(struct answer, path) || ev->ucont_len >= sizeof *a)
        return false;
    memcpy(a, ev->ucont, ev->ucont_len);
    return a->layout == LAYOUT;
}

/* Describes a new answer at the cursor, which stands for the first n request bytes. */
static bool begin(int fd, const struct msk_event *ev, struct answer *a, size_t n, int file)
{
    a->at = msk_tell(fd, ev->msk);
    a->layout = LAYOUT;
    msk_consume(fd, ev->msk, n);
    msk_setucont(fd, ev->msk, a->at, a, offsetof(struct answer, path) + strlen(a->path) + 1, 0);
    if (!describe(fd, ev, a, file))
        return false;
    if (a->close)
        msk_close(fd, ev->msk);
    else
        msk_end(fd, ev->msk);
    return true;
}

/* Answers the first of the requests that are not consumed yet; the next gets its own event. after:
 * the answer before. False: as describe_file(). */
static bool answer(int fd, const struct msk_event *ev, const struct answer *after)
{
    struct web_request r;
    struct answer a = {.date = time(NULL)};
    if (!after->close && web_read(&r, ev->request, ev->request_len)) {
        int file = choose(&a, &r);
        if (ev->kind == MSK_CLOSED && r.len == ev->request_len)
            a.close = true; /* consuming all of it consumes the client's end too */
        bool good = begin(fd, ev, &a, r.len, file);
        if (file >= 0)
            close(file);
        return good;
    }
    if (ev->kind == MSK_CLOSED) { /* nothing more is said by either side */
        a.close = true;
        return begin(fd, ev, &a, ev->request_len, -1);
    }
    if (!after->close)
        msk_need(fd, ev->msk, ev->request_len + 1);
    return true;
}

static void handle(int fd, const struct msk_event *ev)
{
    struct answer a = {0};
    bool good = true;
    if (ev->ucont_len > 0) /* the answer under way */
        good = load(&a, ev) && describe(fd, ev, &a, -1);
    if (good && (ev->kind == MSK_REQUEST || ev->kind == MSK_CLOSED))
        good = answer(fd, ev, &a);
    if (good)
        msk_drop(fd, ev->msk);
    else
        msk_reset(fd, ev->msk);
}

static const char help[] = "usage: httpd --root DIR --port N [OPTION]...\n"
                           "Serve the files beneath a folder over HTTP.\n"
                           "\n"
                           "  -r, --root DIR         the folder; needed\n" SERVE_HELP "\n"
                           "trickles-httpd(1) says more.\n";

int main(int argc, char **argv)
{
    struct serve s = {.program = "httpd", .help = help, .rest = let_go};
    const char *root = NULL;
    serve_options(&s, argc, argv, (struct serve_own[]){{'r', "root", &root}, {0}}, 0);
    if (root == NULL)
        serve_usage(&s);
    root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        fprintf(stderr, "httpd: %s: %s\n", root, strerror(errno));
        return EXIT_FAILURE;
    }
    return serve(&s, handle);
}
