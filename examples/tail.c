/*
 * tail: a growing file as a live stream over HTTP, and a server that keeps nothing for its readers.
 * See trickles-tail(1).
 *
 * A reader that has all there is has asked for more: a long poll. Its event is kept (msk_detach),
 * and answered when the file grows. What is kept is a convenience: a server that forgets it, or is
 * started anew, gets the same question again within seconds.
 */
#define _GNU_SOURCE 1
#include "serve.h"
#include "web.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LAYOUT = 1, /* of `struct place` and of what follows from it */
    LINES = 10, /* of what is there already, at first */
    LOOK_BACK_BYTES = 65536,
    HEAD_MAX_BYTES = 512,
    KEPT_MAX = 1000,   /* events; the oldest goes, and asks again */
    KEPT_SECONDS = 60, /* a client that is there has asked again by then */
};

/* The continuation: what comes next, of which file. */
struct place {
    uint64_t dev, ino, off;
    uint64_t seen; /* the file's size by then: if it is less now, it was cut */
    int64_t date;
    uint16_t status; /* of the head, if that comes first; 0: it does not */
    uint8_t layout;
    bool head_only, close; /* close: nothing comes behind the head */
};
static_assert(sizeof(struct place) <= MSK_UCONT_MAX_BYTES, "continuation");

/* Configuration: the file, as folder and name. */
static int folder_fd = -1;
static char *file_name;

/* Events that wait for the file to grow, by age; msk 0: no more. Soft. */
static struct kept {
    msk_t msk;
    uint64_t conn;
    time_t since;
    uint64_t asked; /* the first byte that it asked for */
    struct place place;
} kept[KEPT_MAX];
static unsigned n_kept;

/* ---- the file ---- */

static int open_at(const char *entry)
{
    return openat(folder_fd, entry, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static bool is_file_of(const struct place *p, const struct stat *st)
{
    return st->st_dev == p->dev && st->st_ino == p->ino;
}

/* Opens the file of a place: by its name, or, where it was renamed, by whatever it is called now in
 * the same folder. -1: it is gone. */
static int open_place(const struct place *p, struct stat *st)
{
    int file = open_at(file_name);
    if (file >= 0 && fstat(file, st) == 0 && is_file_of(p, st))
        return file;
    if (file >= 0)
        close(file);
    int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    file = -1;
    for (struct dirent *e; dir != NULL && file < 0 && (e = readdir(dir)) != NULL;) {
        if (e->d_ino != p->ino || (file = open_at(e->d_name)) < 0)
            continue;
        if (fstat(file, st) != 0 || !is_file_of(p, st)) {
            close(file);
            file = -1;
        }
    }
    if (dir != NULL)
        closedir(dir);
    return file;
}

/* A place at the last lines of the file as it is now. */
static bool find_start(struct place *p)
{
    static char text[LOOK_BACK_BYTES];
    struct stat st;
    int file = open_at(file_name);
    bool good = file >= 0 && fstat(file, &st) == 0 && S_ISREG(st.st_mode);
    if (good) {
        off_t from = st.st_size > LOOK_BACK_BYTES ? st.st_size - LOOK_BACK_BYTES : 0;
        ssize_t n = pread(file, text, (size_t)(st.st_size - from), from), at = n;
        for (int lines = 0; at > 0 && (text[at - 1] != '\n' || at == n || ++lines < LINES);)
            at--;
        p->dev = st.st_dev;
        p->ino = st.st_ino;
        p->off = (uint64_t)(from + at);
        p->seen = (uint64_t)st.st_size;
        good = n >= 0;
    }
    if (file >= 0)
        close(file);
    return good;
}

/* ---- the stream ---- */

static void send_head(int fd, msk_t msk, const struct place *p)
{
    char buf[HEAD_MAX_BYTES], body[64];
    struct web_text t = {buf, 0, sizeof buf};
    web_head(&t, p->status, p->date);
    web_add(&t, "Connection: close\r\n");
    if (p->status == 200) {
        web_add(&t, "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\r\n");
    } else {
        int n = snprintf(body, sizeof body, "%u %s\n", p->status, web_reason(p->status));
        web_add(&t, "%sContent-Length: %d\r\n\r\n%s",
                p->status == 405 ? "Allow: GET, HEAD\r\n" : "", n, p->head_only ? "" : body);
    }
    msk_send(fd, msk, t.at, t.len);
}

static void set(int fd, msk_t msk, const struct place *p, unsigned flags)
{
    msk_setucont(fd, msk, MSK_HERE, p, sizeof *p, flags);
}

/* Whether another file has the name of p's file now. */
static bool is_renamed(const struct place *p, struct stat *st)
{
    return fstatat(folder_fd, file_name, st, 0) == 0 && S_ISREG(st->st_mode) && !is_file_of(p, st);
}

/* Describes what the file has from p on; moves p behind it. False: what was there is gone. */
static bool describe(int fd, msk_t msk, struct place *p)
{
    struct stat st;
    int file = open_place(p, &st);
    bool good = file >= 0 && (uint64_t)st.st_size >= p->seen;
    if (good) {
        struct msk_file part = {file, (off_t)p->off, (uint64_t)st.st_size - p->off};
        good = msk_sendfilev(fd, msk, &part, 1) >= 0;
        p->off = p->seen = (uint64_t)st.st_size;
    }
    if (file >= 0)
        close(file);
    return good;
}

/* ---- events ---- */

/* Whether all of a renamed file is described, and this event can carry what comes next. */
static bool may_turn(int fd, const struct kept *k)
{
    struct stat st;
    return is_renamed(&k->place, &st) && k->asked <= msk_tell(fd, k->msk);
}

/*
 * Goes on with the file that has the name now. That the old one ends here is a choice, so what
 * follows is fresh. One event of a connection makes it; the others have nothing to say any more.
 */
static void turn_over(int fd, struct kept *k)
{
    struct stat st;
    if (!is_renamed(&k->place, &st))
        return;
    k->place.dev = st.st_dev;
    k->place.ino = st.st_ino;
    k->place.off = k->place.seen = 0;
    set(fd, k->msk, &k->place, MSK_FRESH);
    for (unsigned i = 0; i < n_kept; i++) {
        if (kept[i].conn != k->conn || kept[i].msk == k->msk || kept[i].msk == 0)
            continue;
        msk_drop(fd, kept[i].msk);
        kept[i].msk = 0;
    }
}

/* Describes all there is. True: the event is kept, for when there is more. */
static bool go_on(int fd, struct kept *k, bool turn)
{
    bool good = describe(fd, k->msk, &k->place);
    if (good && turn && may_turn(fd, k)) {
        turn_over(fd, k);
        good = describe(fd, k->msk, &k->place);
    }
    if (!good) {
        msk_reset(fd, k->msk);
        return false;
    }
    set(fd, k->msk, &k->place, 0);
    if (msk_wanted(fd, k->msk) > 0 && msk_detach(fd, k->msk) == 0)
        return true;
    msk_drop(fd, k->msk);
    return false;
}

/* The file has grown, or another has its name. */
static void wake(int fd)
{
    for (unsigned i = 0; i < n_kept; i++)
        if (kept[i].msk != 0 && !go_on(fd, &kept[i], false))
            kept[i].msk = 0;
    for (unsigned i = n_kept; i-- > 0;) /* the newest asks for what comes next, if any does */
        if (kept[i].msk != 0 && may_turn(fd, &kept[i]) && !go_on(fd, &kept[i], true))
            kept[i].msk = 0;
}

/* Makes room in the table, and adds k. */
static void keep(int fd, const struct kept *k)
{
    unsigned n = 0;
    for (unsigned i = 0; i < n_kept; i++) {
        if (kept[i].msk == 0)
            continue;
        if (kept[i].since + KEPT_SECONDS < k->since || (i == 0 && n_kept == KEPT_MAX))
            msk_drop(fd, kept[i].msk);
        else
            kept[n++] = kept[i];
    }
    kept[n++] = *k;
    n_kept = n;
}

static unsigned choose(struct place *p, const struct web_request *r)
{
    if (r->error != 0)
        return r->error;
    if (r->method != WEB_GET && r->method != WEB_HEAD)
        return 405;
    return find_start(p) ? 200 : 404;
}

/* A reader's request; only one to a connection, since its answer has no end. False: it is not all
 * there yet. */
static bool begin(int fd, const struct msk_event *ev, struct place *p)
{
    struct web_request r;
    *p = (struct place){.layout = LAYOUT, .date = time(NULL), .close = true};
    if (web_read(&r, ev->request, ev->request_len)) {
        p->head_only = r.method == WEB_HEAD;
        p->status = (uint16_t)choose(p, &r);
        p->close = p->head_only || p->status != 200;
    } else if (ev->kind != MSK_CLOSED) {
        msk_need(fd, ev->msk, ev->request_len + 1);
        return false;
    }
    set(fd, ev->msk, p, 0);
    return true;
}

static void handle(int fd, const struct msk_event *ev)
{
    struct place p = {0};
    bool is_new = ev->ucont_len == 0;
    if (is_new && !begin(fd, ev, &p)) {
        msk_drop(fd, ev->msk);
        return;
    }
    if (!is_new && ev->ucont_len == sizeof p)
        memcpy(&p, ev->ucont, sizeof p);
    if (p.layout != LAYOUT) {
        msk_reset(fd, ev->msk);
        return;
    }
    msk_seek(fd, ev->msk, ev->from);
    if (ev->request_len > 0) /* what a reader says besides has no meaning */
        msk_consume(fd, ev->msk, ev->request_len);
    if (p.status != 0)
        send_head(fd, ev->msk, &p);
    p.status = 0;
    if (p.close) {
        set(fd, ev->msk, &p, 0);
        msk_close(fd, ev->msk);
        msk_drop(fd, ev->msk);
        return;
    }
    struct kept k = {.msk = ev->msk, .conn = ev->conn, .since = time(NULL), .place = p};
    k.asked = ev->n_ranges > 0 ? ev->range[0].off : MSK_UNKNOWN;
    if (go_on(fd, &k, !is_new))
        keep(fd, &k);
}

/* ---- the program ---- */

/* Reads what the folder's watch says. Whether it concerns the file. */
static bool read_watch(int watch)
{
    _Alignas(struct inotify_event) char buf[8192];
    bool concerns = false;
    ssize_t n;
    while ((n = read(watch, buf, sizeof buf)) > 0) {
        for (char *at = buf; at < buf + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)at;
            concerns = concerns || (e->mask & IN_Q_OVERFLOW) != 0 ||
                       (e->len > 0 && strcmp(e->name, file_name) == 0);
            at += sizeof *e + e->len;
        }
    }
    return concerns;
}

/* Opens the folder of the file and watches it. The watch, or -1. */
static int watch_folder(const char *path)
{
    char *copy = strdup(path), *base = strdup(path);
    if (copy == NULL || base == NULL)
        return -1;
    const char *folder = dirname(copy);
    file_name = basename(base);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (folder_fd < 0 || watch < 0 ||
        inotify_add_watch(watch, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return -1;
    free(copy);
    return watch;
}

static const char help[] = "usage: tail --port N [OPTION]... FILE\n"
                           "Show a file over HTTP, and what is appended to it.\n"
                           "\n" SERVE_HELP "\n"
                           "trickles-tail(1) says more.\n";

int main(int argc, char **argv)
{
    struct serve s = {.program = "tail", .help = help};
    serve_options(&s, argc, argv, (struct serve_own[]){{0}}, 1);
    const char *path = argv[argc - 1];
    int watch = watch_folder(path);
    if (watch < 0) {
        fprintf(stderr, "tail: %s: %s\n", path, strerror(errno));
        return EXIT_FAILURE;
    }
    int fd = serve_listen(&s);
    if (fd < 0)
        return EXIT_FAILURE;
    do {
        struct pollfd wait[] = {{.fd = fd, .events = POLLIN}, {.fd = watch, .events = POLLIN}};
        poll(wait, 2, msk_timeout(fd));
        if (read_watch(watch))
            wake(fd);
    } while (serve_events(&s, fd, handle));
    return EXIT_FAILURE;
}
