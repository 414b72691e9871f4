/*
 * streamer: a small HTTP server on libminisocket for the scenarios: `GET /N` gives N bytes that everybody can compute
 * (tests/net/netlab/stream.py). Its state, the number of bytes and where the answer began, is in the continuation.
 *
 *     streamer [--shared] [--local ADDRESS] [--later MS | --move | --stop-after BYTES] PORT
 *
 * --later keeps each event for so long before it answers; --move takes events out of one service and answers them from
 * another of this process; --stop-after stops the process (SIGSTOP), once it has been continued, in the midst of a batch
 * of events to which it has answered so much. Says "serving" once it serves, and on SIGTERM how many events it has had.
 */
#include <config.h>

#include <trickles/minisocket.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PERIOD = 65521, /* a prime: bytes of one place in a packet are never those of the next packet */
    EVENTS_MAX = 256,
    KEPT_MAX = 512,
    SMALL_BYTES = 700, /* of /small, as holder.py asks for it */
};

struct state {
    uint64_t begin;  /* of the answer, in the stream */
    uint64_t length; /* of its body */
    uint32_t status; /* 200, 404 */
    uint32_t close;  /* the client has said that it wants no more */
};

static uint8_t pattern[2 * PERIOD];
static volatile sig_atomic_t stopping, continued;
static size_t stop_after, described; /* described: bytes of this batch's answers */

static void stop(int signum)
{
    (void)signum;
    stopping = 1;
}

static void go_on(int signum)
{
    (void)signum;
    continued = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "streamer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int head(const struct state *s, char *out, size_t cap)
{
    return snprintf(out, cap, "HTTP/1.1 %" PRIu32 " %s\r\nContent-Length: %" PRIu64 "\r\n%s\r\n", s->status,
                    s->status == 200 ? "OK" : "Not Found", s->length, s->close ? "Connection: close\r\n" : "");
}

/* Describes what is wanted of the answer from the cursor on, and its end. */
static int describe(int fd, const struct msk_event *ev, const struct state *s)
{
    msk_t msk = ev->msk;
    char text[256];
    uint64_t n = (uint64_t)head(s, text, sizeof text), end = s->begin + n + s->length, wanted;
    if (ev->n_ranges > 0 && ev->range[0].off > msk_tell(fd, msk) && ev->range[0].off < end &&
        msk_seek(fd, msk, ev->range[0].off) != 0) /* what is before was not asked for */
        return -1;
    uint64_t at = msk_tell(fd, msk) - s->begin;
    if (at < n && msk_send(fd, msk, text + at, (size_t)(n - at)) < 0)
        return -1;
    while ((wanted = msk_wanted(fd, msk)) > 0 && (at = msk_tell(fd, msk)) < end) {
        uint64_t left = end - at, from = (at - s->begin - n) % PERIOD;
        size_t len = (size_t)(left < wanted ? left : wanted);
        ssize_t sent = msk_send(fd, msk, pattern + from, len < PERIOD ? len : PERIOD);
        if (sent < 0)
            return -1;
        described += (size_t)sent;
    }
    if (msk_seek(fd, msk, end) != 0)
        return -1;
    return s->close ? msk_close(fd, msk) : msk_end(fd, msk);
}

/* A whole request, if there is one: its length, else 0. */
static size_t parse(const struct msk_event *ev, struct state *s)
{
    const char *text = ev->request, *end = memmem(text, ev->request_len, "\r\n\r\n", 4);
    char line[64] = "", path[32] = "";
    if (end == NULL)
        return 0;
    memcpy(line, text, ev->request_len < sizeof line - 1 ? ev->request_len : sizeof line - 1);
    bool good = sscanf(line, "GET /%31[0-9a-z] ", path) == 1 && (path[0] <= '9' || strcmp(path, "small") == 0);
    *s = (struct state){.begin = ev->end == MSK_UNKNOWN ? 0 : ev->end,
                        .status = good ? 200 : 404,
                        .length = !good            ? 0
                                  : path[0] <= '9' ? strtoull(path, NULL, 10)
                                                   : SMALL_BYTES,
                        .close = memmem(text, (size_t)(end - text), "Connection: close", 17) != NULL};
    return (size_t)(end - text) + 4;
}

static int answer_request(int fd, const struct msk_event *ev)
{
    struct state s;
    size_t n = parse(ev, &s);
    if (n == 0 && ev->kind == MSK_CLOSED) /* no more requests will come */
        return msk_consume(fd, ev->msk, ev->request_len) | msk_close(fd, ev->msk);
    if (n == 0)
        return 0; /* the rest is under way */
    s.begin = msk_tell(fd, ev->msk);
    if (msk_consume(fd, ev->msk, n) != 0 || msk_setucont(fd, ev->msk, MSK_HERE, &s, sizeof s, 0) != 0)
        return -1;
    return describe(fd, ev, &s);
}

static int answer_more(int fd, const struct msk_event *ev)
{
    struct state s;
    if (ev->ucont_len != sizeof s)
        return 0; /* nothing was asked for yet */
    memcpy(&s, ev->ucont, sizeof s);
    return describe(fd, ev, &s);
}

static void handle(int fd, const struct msk_event *ev)
{
    int rc = ev->kind == MSK_MORE ? answer_more(fd, ev) : answer_request(fd, ev);
    if (rc != 0)
        fprintf(stderr, "streamer: event of kind %d: %s\n", (int)ev->kind, strerror(errno));
    if (msk_drop(fd, ev->msk) != 0)
        die("msk_drop");
    if (stop_after > 0 && described >= stop_after && continued) {
        stop_after = 0;
        (void)raise(SIGSTOP);
    }
}

/* ---- answering later ---- */

struct kept {
    struct msk_event ev; /* what it points to stays, as long as it is kept */
    uint64_t due_ms;
};

static struct kept kept[KEPT_MAX]; /* a ring, oldest first */
static unsigned kept_first, kept_count;

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void handle_kept(int fd)
{
    for (; kept_count > 0 && kept[kept_first].due_ms <= now_ms(); kept_count--) {
        handle(fd, &kept[kept_first].ev);
        kept_first = (kept_first + 1) % KEPT_MAX;
    }
}

static void keep(int fd, const struct msk_event *ev, unsigned later_ms)
{
    if (kept_count == KEPT_MAX || msk_detach(fd, ev->msk) != 0) {
        handle(fd, ev);
        return;
    }
    kept[(kept_first + kept_count) % KEPT_MAX] = (struct kept){.ev = *ev, .due_ms = now_ms() + later_ms};
    kept_count++;
}

/* ---- answering elsewhere ---- */

static void move(int from, int to, const struct msk_event *events, int n)
{
    static uint8_t bundle[EVENTS_MAX * (4096 + MSK_REQUEST_MAX_BYTES)];
    msk_t msks[EVENTS_MAX];
    for (int i = 0; i < n; i++)
        msks[i] = events[i].msk;
    ssize_t len = msk_extract_events(from, msks, n, bundle, sizeof bundle);
    if (len < 0)
        die("msk_extract_events");
    if (msk_drop(from, msks[0]) == 0 || errno != ENOENT)
        die("an extracted event is still there");
    bundle[len / 2] ^= 1;
    if (msk_install_events(to, bundle, (size_t)len) >= 0 || errno != EBADMSG)
        die("an altered bundle was taken");
    bundle[len / 2] ^= 1;
    if (msk_install_events(to, bundle, (size_t)len) != n)
        die("msk_install_events");
    if (msk_install_events(to, bundle, (size_t)len) >= 0 || errno != ESTALE)
        die("a bundle was taken twice");
}

/* ---- the loop ---- */

static int take(int fd, struct msk_event *events)
{
    int n = msk_events(fd, events, EVENTS_MAX);
    if (n < 0)
        die("msk_events");
    return n;
}

static void serve(int fd, int other, unsigned later_ms)
{
    static struct msk_event events[EVENTS_MAX];
    uint64_t total = 0;
    while (!stopping) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
        if (poll(p, other >= 0 ? 2 : 1, kept_count > 0 ? 1 : msk_timeout(fd)) < 0 && errno != EINTR)
            die("poll");
        int n = take(fd, events);
        described = 0;
        if (n > 0 && other >= 0)
            move(fd, other, events, n);
        for (int i = 0; i < n && other < 0; i++)
            if (later_ms > 0)
                keep(fd, &events[i], later_ms);
            else
                handle(fd, &events[i]);
        total += (uint64_t)n;
        handle_kept(fd);
        n = other >= 0 ? take(other, events) : 0;
        for (int i = 0; i < n; i++)
            handle(other, &events[i]);
    }
    printf("%" PRIu64 " events\n", total);
    (void)msk_finish(fd);
}

int main(int argc, char **argv)
{
    struct msk_options opt = {.size = sizeof opt};
    unsigned later_ms = 0;
    bool moves = false;
    int i = 1, other = -1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--shared") == 0)
            opt.flags |= MSK_SHARED;
        else if (strcmp(argv[i], "--local") == 0 && i + 1 < argc)
            opt.local = argv[++i];
        else if (strcmp(argv[i], "--later") == 0 && i + 1 < argc)
            later_ms = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--stop-after") == 0 && i + 1 < argc)
            stop_after = (size_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--move") == 0)
            moves = true;
        else
            return 2;
    }
    if (i + 1 != argc)
        return 2;
    for (unsigned k = 0; k < PERIOD; k++) /* stream.py does the same */
        pattern[k] = pattern[k + PERIOD] = (uint8_t)(k * 31 + (k >> 8) * 17 + 7);
    (void)signal(SIGTERM, stop);
    (void)signal(SIGCONT, go_on);
    opt.flags |= moves ? MSK_SHARED : 0;
    int fd = msk_listen((uint16_t)atoi(argv[i]), &opt);
    if (fd >= 0 && moves)
        other = msk_listen((uint16_t)atoi(argv[i]), &opt);
    if (fd < 0 || (moves && other < 0))
        die("msk_listen");
    printf("serving\n");
    (void)fflush(stdout);
    serve(fd, other, later_ms);
    return 0;
}
