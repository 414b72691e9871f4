/* The minisocket API over a client in memory: see fakemsk.h. */
#define _GNU_SOURCE 1
#include "fakemsk.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SETS_MAX = 64,
    DATA_MAX = 1 << 18,
    EVENTS_MAX = 64, /* those kept, and one */
};

/* An event and the answer to it, in memory shared with the process that handles it. */
struct job {
    msk_t msk; /* 0: free */
    enum { OPEN, DETACHED, DROPPED, RESET } life;
    uint64_t from, end; /* of the continuation presented */
    uint64_t state, up; /* of it too; not shown to the handler */
    size_t request_len;
    bool request_end, has_ucont;
    unsigned n_ranges;
    struct msk_range range[MSK_RANGES_MAX];
    uint64_t cursor, described_to, answer_end;
    bool end_known, fin, fresh, consumed_end;
    size_t consumed, need;
    unsigned n_sets;
    struct fake_ucont set[SETS_MAX];
    bool got[DATA_MAX]; /* by place among the bytes asked for */
    uint8_t data[DATA_MAX];
};

static struct job *jobs;
static msk_t next_msk = 1;
static unsigned detached;

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: does not hold\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- the API ---- */

static struct job *job_of(int fd, msk_t msk)
{
    MUST(fd == FAKE_FD && msk != 0);
    for (int i = 0; i < EVENTS_MAX; i++)
        if (jobs[i].msk == msk && (jobs[i].life == OPEN || jobs[i].life == DETACHED))
            return &jobs[i];
    fprintf(stderr, "no such event: it has been dropped, or never was\n");
    abort();
}

/* Where stream offset off lies among the bytes asked for; SIZE_MAX: not asked for. */
static size_t place(const struct job *j, uint64_t off)
{
    size_t at = 0;
    for (unsigned i = 0; i < j->n_ranges; i++) {
        if (off >= j->range[i].off && off - j->range[i].off < j->range[i].len)
            return at + (size_t)(off - j->range[i].off);
        at += (size_t)j->range[i].len;
    }
    return SIZE_MAX;
}

static void begin_describing(struct job *j, size_t len)
{
    MUST(j->cursor >= j->described_to || len == 0);
    MUST(!j->end_known || len == 0);
    MUST(j->end == MSK_UNKNOWN || j->cursor >= j->end || j->cursor + len <= j->end);
    MUST(j->cursor >= j->from);
}

ssize_t msk_send(int fd, msk_t msk, const void *buf, size_t len)
{
    struct job *j = job_of(fd, msk);
    begin_describing(j, len);
    for (size_t i = 0; i < len; i++) {
        size_t at = place(j, j->cursor + i);
        if (at == SIZE_MAX)
            continue;
        j->data[at] = ((const uint8_t *)buf)[i];
        j->got[at] = true;
    }
    j->cursor += len;
    j->described_to = j->cursor;
    return (ssize_t)len;
}

ssize_t msk_sendv(int fd, msk_t msk, const struct iovec *iov, int n)
{
    ssize_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += msk_send(fd, msk, iov[i].iov_base, iov[i].iov_len);
    return sum;
}

ssize_t msk_sendfilev(int fd, msk_t msk, const struct msk_file *files, int n)
{
    struct job *j = job_of(fd, msk);
    ssize_t sum = 0;
    for (int f = 0; f < n; f++) {
        begin_describing(j, files[f].len);
        for (unsigned i = 0; i < j->n_ranges; i++) {
            uint64_t lo = j->range[i].off, hi = lo + j->range[i].len;
            uint64_t end = j->cursor + files[f].len;
            if (lo < j->cursor)
                lo = j->cursor;
            if (hi > end)
                hi = end;
            if (lo >= hi)
                continue;
            size_t at = place(j, lo), len = (size_t)(hi - lo);
            ssize_t got =
                pread(files[f].fd, j->data + at, len, files[f].off + (off_t)(lo - j->cursor));
            if (got < 0)
                return -1;
            if ((size_t)got < len) {
                errno = EIO;
                return -1;
            }
            memset(j->got + at, 1, len);
        }
        j->cursor += files[f].len;
        j->described_to = j->cursor;
        sum += (ssize_t)files[f].len;
    }
    return sum;
}

int msk_seek(int fd, msk_t msk, uint64_t off)
{
    struct job *j = job_of(fd, msk);
    MUST(off >= j->described_to);
    j->cursor = off;
    return 0;
}

uint64_t msk_tell(int fd, msk_t msk)
{
    return job_of(fd, msk)->cursor;
}

uint64_t msk_wanted(int fd, msk_t msk)
{
    const struct job *j = job_of(fd, msk);
    if (j->n_ranges == 0)
        return 0;
    const struct msk_range *last = &j->range[j->n_ranges - 1];
    return last->off + last->len > j->cursor ? last->off + last->len - j->cursor : 0;
}

int msk_consume(int fd, msk_t msk, size_t n)
{
    struct job *j = job_of(fd, msk);
    MUST(n <= j->request_len && j->consumed == 0);
    MUST(n > 0 || j->request_end);
    j->consumed = n;
    j->consumed_end = j->request_end && n == j->request_len;
    return 0;
}

int msk_need(int fd, msk_t msk, size_t n)
{
    struct job *j = job_of(fd, msk);
    MUST(n <= MSK_REQUEST_MAX_BYTES);
    j->need = n;
    return 0;
}

int msk_setucont(int fd, msk_t msk, uint64_t off, const void *buf, size_t len, unsigned flags)
{
    struct job *j = job_of(fd, msk);
    if (off == MSK_HERE)
        off = j->cursor;
    MUST(len <= MSK_UCONT_MAX_BYTES && (flags & ~(unsigned)MSK_FRESH) == 0);
    MUST(j->n_sets < SETS_MAX);
    MUST(j->n_sets == 0 || off >= j->set[j->n_sets - 1].from);
    MUST(off >= j->from);
    /* Bytes below a new state's start are the former's. */
    MUST(j->has_ucont || j->n_sets > 0 || j->described_to <= off);
    j->fresh = j->fresh || (flags & MSK_FRESH) != 0;
    struct fake_ucont *u = &j->set[j->n_sets++];
    u->from = off;
    u->len = len;
    memcpy(u->user, buf, len);
    return 0;
}

int msk_end(int fd, msk_t msk)
{
    struct job *j = job_of(fd, msk);
    MUST(j->cursor >= j->described_to);
    j->end_known = true;
    j->fin = false;
    j->answer_end = j->cursor;
    return 0;
}

int msk_close(int fd, msk_t msk)
{
    msk_end(fd, msk);
    job_of(fd, msk)->fin = true;
    return 0;
}

int msk_reset(int fd, msk_t msk)
{
    job_of(fd, msk)->life = RESET;
    return 0;
}

int msk_drop(int fd, msk_t msk)
{
    job_of(fd, msk)->life = DROPPED;
    return 0;
}

int msk_detach(int fd, msk_t msk)
{
    struct job *j = job_of(fd, msk);
    if (j->life == OPEN && detached + 1 >= EVENTS_MAX) {
        errno = ENOBUFS;
        return -1;
    }
    j->life = DETACHED;
    return 0;
}

int msk_listen(uint16_t port, const struct msk_options *opt)
{
    (void)port;
    (void)opt;
    return FAKE_FD;
}

int msk_events(int fd, struct msk_event *events, int max)
{
    (void)fd;
    (void)events;
    (void)max;
    return 0;
}

int msk_timeout(int fd)
{
    (void)fd;
    return -1;
}

/* ---- the client ---- */

uint64_t fake_below(struct fake *f, uint64_t n)
{
    f->rng ^= f->rng << 13;
    f->rng ^= f->rng >> 7;
    f->rng ^= f->rng << 17;
    return n == 0 ? 0 : f->rng * 0x9e3779b97f4a7c15u % n;
}

static bool one_in(struct fake *f, uint64_t n)
{
    return !f->careful && fake_below(f, n) == 0;
}

struct fake *fake_new(uint64_t seed, bool forget)
{
    struct fake *f = calloc(1, sizeof *f);
    f->rng = seed * 0x9e3779b97f4a7c15u + 1;
    f->forget = forget;
    f->conn = fake_below(f, UINT64_MAX);
    if (jobs == NULL)
        jobs = mmap(NULL, EVENTS_MAX * sizeof *jobs, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(jobs != MAP_FAILED);
    for (int i = 0; i < EVENTS_MAX; i++)
        jobs[i].msk = 0;
    detached = 0;
    return f;
}

void fake_free(struct fake *f)
{
    free(f->up);
    free(f->down);
    free(f->stamp);
    free(f);
}

void fake_say_bytes(struct fake *f, const void *buf, size_t len)
{
    f->up = realloc(f->up, f->up_len + len + 1);
    memcpy(f->up + f->up_len, buf, len);
    f->up_len += len;
}

void fake_say(struct fake *f, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&text, format, arguments);
    va_end(arguments);
    MUST(n >= 0);
    fake_say_bytes(f, text, (size_t)n);
    free(text);
}

void fake_hang_up(struct fake *f)
{
    f->up_fin = true;
}

static const struct fake_ucont *newest(const struct fake *f)
{
    return f->n_held == 0 ? NULL : &f->held[f->n_held - 1];
}

/* The one that a client must present for offset need. */
static const struct fake_ucont *present(const struct fake *f, uint64_t need)
{
    const struct fake_ucont *best = f->n_held == 0 ? NULL : &f->held[0];
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i].from <= need && f->held[i].from >= best->from)
            best = &f->held[i];
    return best;
}

/* One past the last byte that state s can be asked for: where the next one begins, or its end. */
static uint64_t state_end(const struct fake *f, const struct fake_ucont *u)
{
    uint64_t end = u->end;
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i].state != u->state && f->held[i].up >= u->up && f->held[i].from >= u->from &&
            &f->held[i] > u && f->held[i].from < end)
            end = f->held[i].from;
    return end;
}

static void grow(struct fake *f, uint64_t to)
{
    MUST(to < 1u << 30);
    if (to <= f->down_cap)
        return;
    size_t cap = (size_t)to * 2;
    f->down = realloc(f->down, cap);
    f->stamp = realloc(f->stamp, cap * sizeof *f->stamp);
    memset(f->stamp + f->down_cap, 0, (cap - f->down_cap) * sizeof *f->stamp);
    f->down_cap = cap;
}

/* Fills the job's ranges with some of what is missing in [lo, hi). */
static void ask(struct fake *f, struct job *j, uint64_t lo, uint64_t hi)
{
    static const unsigned packet_bytes[] = {1, 7, 100, 536, 1380, 1372, 8900};
    uint64_t packet = packet_bytes[fake_below(f, f->careful ? 1 : 7)];
    uint64_t room = (1 + fake_below(f, 20)) * packet;
    if (f->careful)
        room = 1380 * 10;
    if (f->window > 0 && room > f->window)
        room = f->window;
    if (hi > lo + room)
        hi = lo + room;
    grow(f, hi);
    while (lo < hi && j->n_ranges < MSK_RANGES_MAX) {
        while (lo < hi && f->stamp[lo] != 0)
            lo++;
        uint64_t end = lo;
        while (end < hi && f->stamp[end] == 0)
            end++;
        if (end > lo && one_in(f, 3))
            end = lo + 1 + fake_below(f, end - lo);
        if (end > lo && !(one_in(f, 5) && lo > f->down_len))
            j->range[j->n_ranges++] = (struct msk_range){lo, end - lo};
        lo = end + (one_in(f, 4) ? fake_below(f, packet) : 0) + (end == lo);
        if (j->n_ranges > 0 && lo == j->range[j->n_ranges - 1].off + j->range[j->n_ranges - 1].len)
            lo++; /* ranges are disjoint, and those that touch are one */
    }
}

static struct job *free_job(void)
{
    for (int i = 0; i < EVENTS_MAX; i++)
        if (jobs[i].msk == 0) {
            memset(&jobs[i], 0, sizeof jobs[i]);
            jobs[i].msk = next_msk++;
            return &jobs[i];
        }
    abort();
}

static struct msk_event event_of(struct fake *f, struct job *j, const struct fake_ucont *u,
                                 uint64_t up)
{
    struct msk_event ev = {.msk = j->msk, .conn = f->conn, .request_off = up};
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(40000)};
    peer.sin_addr.s_addr = htonl(0xc0000207);
    memcpy(&ev.peer, &peer, sizeof peer);
    if (u != NULL) {
        ev.ucont = u->user;
        ev.ucont_len = u->len;
        ev.from = u->from;
        ev.end = u->end;
    }
    ev.request = f->up + up;
    ev.request_len = j->request_len;
    ev.kind = j->request_end ? MSK_CLOSED : j->request_len > 0 ? MSK_REQUEST : MSK_MORE;
    ev.n_ranges = j->n_ranges;
    ev.range = j->range;
    for (unsigned i = 0; i < j->n_ranges; i++)
        ev.packets += (unsigned)(j->range[i].len / 1380 + 1);
    ev.packet_bytes = 1380;
    return ev;
}

/* Has the event handled: here, or by a process that dies of it. */
static void run(struct fake *f, struct job *j, const struct fake_ucont *u, uint64_t up,
                fake_handler *handle)
{
    struct fake_ucont copy =
        u != NULL ? *u : (struct fake_ucont){0}; /* handlers may overwrite it */
    struct msk_event ev = event_of(f, j, u != NULL ? &copy : NULL, up);
    j->has_ucont = u != NULL;
    j->from = ev.from;
    j->end = ev.end;
    j->state = copy.state;
    j->up = up;
    j->cursor = ev.kind != MSK_MORE && u != NULL && u->end != MSK_UNKNOWN ? u->end : ev.from;
    f->n_events++;
    if (!f->forget) {
        handle(FAKE_FD, &ev);
    } else {
        fflush(NULL);
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0) {
            handle(FAKE_FD, &ev);
            _exit(0);
        }
        int status;
        MUST(waitpid(pid, &status, 0) == pid);
        MUST(status == 0);
        if (j->life == DETACHED)
            j->life = DROPPED; /* it died */
    }
    MUST(j->life != OPEN);
    if (j->life != RESET && j->request_end && j->consumed == j->request_len)
        j->consumed_end = true; /* answering at all does */
    f->need = (unsigned)j->need;
}

static bool holds(const struct fake *f, uint64_t state)
{
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i].state == state)
            return true;
    return false;
}

/* Takes the bytes that a job brought, those below `limit`, of the given state. */
static void take_bytes(struct fake *f, struct job *j, uint64_t lo, uint64_t hi, uint64_t state)
{
    size_t at = 0;
    if (!holds(f, state))
        return;
    for (unsigned i = 0; i < j->n_ranges; i++) {
        for (uint64_t o = 0; o < j->range[i].len; o++, at++) {
            uint64_t off = j->range[i].off + o;
            if (!j->got[at] || off < lo || off >= hi)
                continue;
            if (f->stamp[off] == state)
                MUST(f->down[off] == j->data[at]);
            if (f->stamp[off] != 0 || one_in(f, 400))
                continue;
            f->down[off] = j->data[at];
            f->stamp[off] = state;
        }
    }
    while (f->down_len < f->down_cap && f->stamp[f->down_len] != 0)
        f->down_len++;
}

/* Behind the others of its state; a new state's behind all. */
static void hold(struct fake *f, const struct fake_ucont *u)
{
    if (f->n_held == FAKE_HELD_MAX) {
        memmove(&f->held[1], &f->held[2], sizeof f->held[0] * (FAKE_HELD_MAX - 2));
        f->n_held--;
    }
    unsigned at = f->n_held;
    while (holds(f, u->state) && f->held[at - 1].state != u->state)
        at--;
    memmove(&f->held[at + 1], &f->held[at], sizeof f->held[0] * (f->n_held - at));
    f->held[at] = *u;
    f->n_held++;
}

/* Where the end of a state becomes known, all its continuations learn it. */
static void learn_end(struct fake *f, uint64_t state, uint64_t end, bool fin)
{
    for (unsigned i = 0; i < f->n_held; i++) {
        struct fake_ucont *u = &f->held[i];
        if (u->state != state)
            continue;
        MUST(u->end == MSK_UNKNOWN || (u->end == end && u->fin == fin));
        u->end = end;
        u->fin = fin;
    }
}

/* The client takes an answer. */
static void take(struct fake *f, struct job *j)
{
    if (j->life == RESET) {
        f->reset = true;
        return;
    }
    bool is_new =
        j->consumed > 0 || j->consumed_end || j->fresh || (!j->has_ucont && j->n_sets > 0);
    uint64_t up = j->up + j->consumed + j->consumed_end;
    MUST(j->has_ucont || is_new || j->described_to == 0);
    uint64_t start = is_new && j->n_sets > 0 ? j->set[0].from : MSK_UNKNOWN;
    uint64_t state = j->state;
    if (is_new) {
        MUST(j->n_sets > 0); /* the examples always say what a consumed request meant */
        const struct fake_ucont *last = newest(f);
        state = fake_below(f, UINT64_MAX - 1) + 1;
        f->n_new_states++;
        if (last != NULL && !(j->has_ucont && j->state == last->state)) {
            /* Another run's answer came first: nothing of this one's state is taken. */
            take_bytes(f, j, 0, start, j->state);
            j->n_sets = 0;
            j->end_known = false;
        }
    }
    /* The first and the last travel; a checkpoint that was not reached does not. */
    unsigned last_set = j->n_sets;
    while (last_set > 1 && j->set[last_set - 1].from > j->described_to)
        last_set--;
    for (unsigned i = 0; i < last_set; i++) {
        if (i > 0 && i + 1 < last_set)
            continue;
        struct fake_ucont u = j->set[i];
        u.state = state;
        u.up = up;
        u.end = MSK_UNKNOWN;
        if (is_new || holds(f, state))
            hold(f, &u);
    }
    take_bytes(f, j, 0, start, j->state);
    if (is_new)
        take_bytes(f, j, start, MSK_UNKNOWN, state);
    if (j->end_known)
        learn_end(f, state, j->answer_end, j->fin);
    const struct fake_ucont *n = newest(f);
    f->closed = n != NULL && n->fin && f->down_len >= n->end;
    j->has_ucont = j->has_ucont || is_new; /* for what a kept event says later */
    j->state = state;
    j->up = up;
    j->consumed = 0;
    j->consumed_end = false;
}

/* How many of the request bytes from `up` on an event shows. */
static size_t show(struct fake *f, uint64_t up)
{
    size_t all = f->up_len - (size_t)up;
    if (all > MSK_REQUEST_MAX_BYTES)
        all = MSK_REQUEST_MAX_BYTES;
    return all == 0 || f->careful || fake_below(f, 2) == 0 ? all : 1 + (size_t)fake_below(f, all);
}

static struct job *make(struct fake *f, const struct fake_ucont *u, uint64_t need, uint64_t *up)
{
    struct job *j = free_job();
    *up = u != NULL ? u->up : 0;
    if (*up <= f->up_len) { /* else the end has been consumed too */
        j->request_len = show(f, *up);
        j->request_end = f->up_fin && *up + j->request_len == f->up_len;
    }
    uint64_t end = u != NULL ? state_end(f, u) : MSK_UNKNOWN;
    bool beyond = u == newest(f) && j->request_len > 0;
    if (u != NULL && need < u->from)
        need = u->from;
    ask(f, j, need, beyond ? MSK_UNKNOWN : end);
    return j;
}

/* Whether the client has anything to say or to ask for. */
static bool is_idle(const struct fake *f)
{
    const struct fake_ucont *n = newest(f);
    uint64_t said = f->up_len + f->up_fin;
    if (f->reset)
        return true;
    if (n == NULL)
        return said == 0;
    return f->down_len >= n->end && (n->up >= said || (n->fin && !f->up_fin));
}

bool fake_step(struct fake *f, fake_handler *handle)
{
    if (is_idle(f))
        return false;
    const struct fake_ucont *u = present(f, f->down_len);
    if (f->n_held > 0 && one_in(f, 10))
        u = &f->held[fake_below(f, f->n_held)]; /* an old one */
    uint64_t up;
    struct job *j = make(f, u, f->down_len, &up);
    run(f, j, u, up, handle);
    if (one_in(f, 8)) { /* the event comes twice, and nobody knows which answer arrives */
        struct job *again = free_job();
        again->request_len = j->request_len;
        again->request_end = j->request_end;
        again->n_ranges = j->n_ranges;
        memcpy(again->range, j->range, sizeof j->range);
        struct fake_ucont held = u != NULL ? *u : (struct fake_ucont){0};
        run(f, again, u != NULL ? &held : NULL, up, handle);
        if (again->life == DETACHED) {
            detached++;
        } else {
            if (fake_below(f, 2) == 0)
                take(f, again);
            again->msk = 0;
        }
    }
    if (j->life == DETACHED) {
        detached++;
        return true;
    }
    if (!one_in(f, 6))
        take(f, j);
    j->msk = 0;
    return true;
}

void fake_run(struct fake *f, fake_handler *handle, unsigned limit)
{
    for (unsigned i = 0; fake_step(f, handle); i++)
        MUST(i < limit);
}

void fake_run_to(struct fake *f, fake_handler *handle, size_t len, unsigned limit)
{
    for (unsigned i = 0; f->down_len < len && !f->reset; i++) {
        MUST(i < limit);
        MUST(fake_step(f, handle));
    }
}

ssize_t fake_replay(struct fake *f, fake_handler *handle, unsigned i, uint64_t off, size_t len,
                    void *out)
{
    struct job *j = free_job();
    j->n_ranges = 1;
    j->range[0] = (struct msk_range){off, len};
    run(f, j, &f->held[i], f->held[i].up, handle);
    ssize_t n = 0;
    while ((size_t)n < len && j->got[n])
        n++;
    memcpy(out, j->data, (size_t)n);
    if (j->life == RESET)
        n = -1;
    j->msk = 0;
    return n;
}

void fake_go_back(struct fake *f, unsigned i)
{
    MUST(i < f->n_held);
    f->n_held = i + 1;
    struct fake_ucont *u = &f->held[i];
    uint64_t end = u->end != MSK_UNKNOWN ? u->end : u->from;
    f->up_len = (size_t)u->up;
    if (end < f->down_len) {
        memset(f->stamp + end, 0, (f->down_cap - end) * sizeof *f->stamp);
        f->down_len = end;
    }
}

unsigned fake_detached(void)
{
    return detached;
}

void fake_take_detached(struct fake *f)
{
    for (int i = 0; i < EVENTS_MAX; i++) {
        struct job *j = &jobs[i];
        if (j->msk == 0 || j->life == OPEN)
            continue;
        take(f, j);
        if (j->life == DETACHED) {
            /* What it said is sent; it may say more. */
            memset(j->got, 0, sizeof j->got);
            j->n_sets = 0;
            j->fresh = false;
            j->end_known = false;
        } else {
            j->msk = 0;
            detached--;
        }
    }
}
