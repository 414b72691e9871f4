/* The client's calls, and moving its datagrams: see client_int.h. */
#include <config.h>

#include "mini/client_int.h"

#include "crypto/random.h"
#include "io/clock.h"
#include "mini/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    RECV_SLOTS = 16,
    BATCHES_MAX = 4,          /* receive calls in a row before the caller has its turn */
    TRAIN_BYTES = 44 << 10,   /* of requests, in one call */
    DOWN_WINDOW_BYTES = 4 << 20,
    UP_WINDOW_BYTES = 256 << 10,
};

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, size);
}

static struct msk_client *client_of(int fd)
{
    struct msk_object *o = msk_table_get(fd, MSK_OBJECT_CLIENT);
    if (o == NULL)
        (void)msk_fail(EBADF);
    return (struct msk_client *)(void *)o; /* its first member */
}

/* ---- datagrams ---- */

static void flush(struct msk_client *c)
{
    if (trk_udp_tx_queued(c->tx) == 0)
        return;
    bool full = trk_udp_tx_flush(c->tx) == 1;
    if (full == c->blocked)
        return;
    struct epoll_event ev = {.events = full ? EPOLLIN | EPOLLOUT : EPOLLIN};
    if (epoll_ctl(c->object.fd, EPOLL_CTL_MOD, trk_udp_fd(c->udp), &ev) == 0)
        c->blocked = full;
}

/* Of what was reserved. Never full then; what is too long for a train is as good as lost. */
static void queue(struct msk_client *c, size_t len, size_t segment)
{
    int rc = trk_udp_tx_commit(c->tx, len, segment, &c->path, 0);
    (void)rc;
}

static void send_openings(struct msk_client *c)
{
    uint8_t pkt[TRK_REPLY_BYTES_MAX];
    size_t n;
    while ((n = trk_client_write(c->engine, c->now_ns, pkt, sizeof pkt)) > 0)
        msk_open_send(c, pkt, n);
}

/* One train of equal datagrams, the last may be shorter. How much was written; 0: nothing, or the
 * socket is full. */
static size_t send_train(struct msk_client *c)
{
    uint8_t *room = trk_udp_tx_reserve(c->tx, TRAIN_BYTES + TRK_REPLY_BYTES_MAX);
    size_t used = 0, segment = 0, n, total = 0;
    if (room == NULL)
        return 0;
    while (used < TRAIN_BYTES &&
           (n = trk_client_write(c->engine, c->now_ns, room + used, TRK_REPLY_BYTES_MAX)) > 0) {
        total += n;
        if (used > 0 && n > segment) { /* longer than those before: begins a train of its own */
            queue(c, used, segment);
            uint8_t *next = trk_udp_tx_reserve(c->tx, TRAIN_BYTES + TRK_REPLY_BYTES_MAX);
            if (next == NULL)
                return total;
            memmove(next, room + used, n);
            room = next;
            used = 0;
        }
        segment = used == 0 ? n : segment;
        used += n;
        if (n < segment)
            break;
    }
    if (used > 0)
        queue(c, used, segment);
    return total;
}

static void send_all(struct msk_client *c)
{
    if (!c->open) {
        send_openings(c);
    } else {
        while (send_train(c) > 0)
            if (trk_udp_tx_queued(c->tx) >= TRK_UDP_TX_MSGS_MAX / 2)
                flush(c);
    }
    flush(c);
}

static void on_train(void *arg, const struct trk_udp_train *t)
{
    struct msk_client *c = arg;
    for (size_t at = 0; at < t->len_bytes; at += t->segment_bytes) {
        size_t left = t->len_bytes - at, n = left < t->segment_bytes ? left : t->segment_bytes;
        if (!c->open)
            msk_open_packet(c, &t->path, t->data + at, n);
        else if (trk_sockaddr_equal(&t->path.remote, &c->path.remote))
            (void)trk_client_read(c->engine, c->now_ns, t->data + at, n);
    }
}

static void on_error(void *arg, const struct trk_udp_error *e)
{
    struct msk_client *c = arg;
    if (!c->open && (e->kind == TRK_UDP_ERR_REFUSED || e->kind == TRK_UDP_ERR_UNREACHABLE))
        msk_open_refused(c, &e->remote);
    else if (c->open && e->kind == TRK_UDP_ERR_REFUSED &&
             trk_sockaddr_equal(&e->remote, &c->path.remote))
        trk_client_unreached(c->engine, c->now_ns, e->payload, e->payload_len_bytes);
}

/* ---- readiness ---- */

static uint64_t deadline(const struct msk_client *c)
{
    uint64_t at = trk_client_deadline(c->engine), open_at = msk_open_deadline(c);
    if (c->error != 0)
        return TRK_NEVER_NS;
    return at < open_at ? at : open_at;
}

/* A timer that is set too early costs a needless wake-up; setting it anew each time costs more. */
static void arm(struct msk_client *c)
{
    uint64_t at = deadline(c);
    if (at >= c->armed_ns || at == TRK_NEVER_NS)
        return;
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000000000),
                                           .tv_nsec = (long)(at % 1000000000)}};
    if (at == 0)
        when.it_value.tv_nsec = 1; /* 0 would disarm it */
    if (timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        c->armed_ns = at;
}

static void clear_timer(struct msk_client *c)
{
    uint64_t n;
    if (c->armed_ns > c->now_ns)
        return;
    if (read(c->timer_fd, &n, sizeof n) == (ssize_t)sizeof n || errno == EAGAIN)
        c->armed_ns = TRK_NEVER_NS;
}

static bool has_news(const struct msk_client *c)
{
    struct iovec iov[2];
    return c->error != 0 || trk_client_down_peek(c->engine, iov) > 0 ||
           trk_client_down_eof(c->engine);
}

/* The descriptor stays readable as long as there is something to read. */
static void ring(struct msk_client *c)
{
    uint64_t n = 1;
    bool more = has_news(c);
    if (more == c->more)
        return;
    ssize_t rc = more ? write(c->more_fd, &n, sizeof n) : read(c->more_fd, &n, sizeof n);
    if (rc == (ssize_t)sizeof n)
        c->more = more;
}

static void note_failure(struct msk_client *c)
{
    if (c->error != 0 || trk_client_state(c->engine) != TRK_CLIENT_FAILED)
        return;
    switch (trk_client_error(c->engine)) {
    case TRK_E_REFUSED:
        c->error = ECONNREFUSED;
        break;
    case TRK_E_TIMEOUT:
        c->error = ETIMEDOUT;
        break;
    case TRK_E_NOMEM:
        c->error = ENOMEM;
        break;
    default:
        c->error = ECONNRESET;
    }
}

/* What may be sent is sent, and the descriptor says when to come back. */
static void settle(struct msk_client *c)
{
    note_failure(c);
    if (c->error == 0)
        send_all(c);
    arm(c);
}

/* All that has come, and what is due. */
static void pump(struct msk_client *c)
{
    c->now_ns = trk_clock_mono_ns();
    clear_timer(c);
    for (unsigned i = 0; i < BATCHES_MAX; i++)
        if (trk_udp_recv_batch(c->udp, c->rx, on_train, on_error, c) != RECV_SLOTS)
            break;
    trk_client_batch_end(c->engine, c->now_ns);
    if (!c->open)
        msk_open_next(c);
    if (c->now_ns >= trk_client_deadline(c->engine))
        trk_client_expire(c->engine, c->now_ns);
    settle(c);
}

/* ---- making and ending ---- */

static int read_options(struct trk_udp_options *uo, uint16_t *udp_port,
                        const struct msk_options *opt)
{
    size_t size = opt == NULL || opt->size == 0 ? sizeof *opt : opt->size;
    if (opt == NULL)
        return 0;
    if (size > sizeof *opt || size < offsetof(struct msk_options, backend))
        return -EINVAL;
    if (size >= offsetof(struct msk_options, udp_port) + sizeof opt->udp_port)
        *udp_port = opt->udp_port;
    if (size < offsetof(struct msk_options, local) + sizeof opt->local || opt->local == NULL)
        return 0;
    if (inet_pton(AF_INET, opt->local, &uo->local.in.sin_addr) == 1)
        uo->local.sa.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, opt->local, &uo->local.in6.sin6_addr) == 1)
        uo->local.sa.sa_family = AF_INET6;
    else
        return -EINVAL;
    return 0;
}

static int watch(int epoll, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

static int open_descriptor(struct msk_client *c)
{
    c->object.fd = epoll_create1(EPOLL_CLOEXEC);
    c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    c->more_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->object.fd < 0 || c->timer_fd < 0 || c->more_fd < 0)
        return -errno;
    int rc = watch(c->object.fd, trk_udp_fd(c->udp));
    if (rc == 0)
        rc = watch(c->object.fd, c->timer_fd);
    return rc == 0 ? watch(c->object.fd, c->more_fd) : rc;
}

static int open_engine(struct msk_client *c, uint16_t service_port)
{
    uint64_t random[2];
    uint16_t size = TRK_PACKET_V4_BYTES;
    for (unsigned i = 0; i < c->n_peers; i++)
        if (c->peer[i].at.sa.sa_family == AF_INET6)
            size = TRK_PACKET_V6_BYTES;
    trk_random_fill(NULL, random, sizeof random);
    c->nonce = random[1];
    struct trk_client_conf conf = {
        .mem = &c->mem,
        .cid = random[0],
        .nonce = random[1],
        .service_port = service_port,
        .client_port = trk_sockaddr_port(trk_udp_local(c->udp)),
        .packet_size = size,
        .down_window_bytes = DOWN_WINDOW_BYTES,
        .up_window_bytes = UP_WINDOW_BYTES,
    };
    c->engine = trk_client_new(&conf, c->now_ns);
    return c->engine != NULL ? 0 : -ENOMEM;
}

static int open_parts(struct msk_client *c, const struct sockaddr_storage *addrs, int n,
                      const struct msk_options *opt)
{
    struct trk_udp_options uo = {.port = 0};
    uint16_t udp_port = 0;
    int rc = read_options(&uo, &udp_port, opt);
    if (rc == 0)
        rc = msk_open_list(c, addrs, n, udp_port);
    if (rc == 0)
        rc = trk_udp_open(&c->udp, &uo);
    if (rc != 0)
        return rc;
    c->rx = trk_udp_rx_new(RECV_SLOTS);
    c->tx = trk_udp_tx_new(c->udp, NULL, NULL);
    if (c->rx == NULL || c->tx == NULL)
        return -ENOMEM;
    rc = open_descriptor(c);
    if (rc != 0)
        return rc;
    union trk_sockaddr first = {.sa = {.sa_family = AF_UNSPEC}};
    memcpy(&first, &addrs[0], sizeof first);
    return open_engine(c, trk_sockaddr_port(&first));
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void free_client(struct msk_client *c)
{
    trk_client_free(c->engine);
    trk_udp_tx_free(c->tx);
    trk_udp_rx_free(c->rx);
    trk_udp_close(c->udp);
    close_fd(c->timer_fd);
    close_fd(c->more_fd);
    close_fd(c->object.fd);
    free(c);
}

int msk_connect(const struct sockaddr_storage *addrs, int n, const struct msk_options *opt)
{
    if (addrs == NULL || n < 1 || n > MSK_ADDRS_MAX)
        return msk_fail(EINVAL);
    struct msk_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return msk_fail(ENOMEM);
    c->object = (struct msk_object){.kind = MSK_OBJECT_CLIENT, .fd = -1};
    c->timer_fd = c->more_fd = -1;
    c->armed_ns = TRK_NEVER_NS;
    c->mem = (struct trk_mem){.resize = resize};
    c->now_ns = trk_clock_mono_ns();
    int rc = open_parts(c, addrs, n, opt);
    if (rc == 0)
        rc = msk_table_put(&c->object);
    if (rc != 0) {
        free_client(c);
        return msk_fail(-rc);
    }
    msk_open_next(c);
    settle(c);
    return c->object.fd;
}

int msk_client_finish(struct msk_object *o)
{
    struct msk_client *c = (struct msk_client *)(void *)o;
    c->now_ns = trk_clock_mono_ns();
    trk_client_abort(c->engine, c->now_ns);
    if (c->open)
        send_all(c); /* the server need not find out by itself */
    free_client(c);
    return 0;
}

int msk_client_timeout(const struct msk_object *o)
{
    const struct msk_client *c = (const struct msk_client *)(const void *)o;
    uint64_t at = deadline(c), now = trk_clock_mono_ns();
    if (at == TRK_NEVER_NS)
        return -1;
    uint64_t ms = at > now ? (at - now + 999999) / 1000000 : 0;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* ---- streams ---- */

static bool has_room(const struct msk_client *c, size_t len)
{
    struct trk_client_info info;
    trk_client_get_info(c->engine, &info);
    return len <= UP_WINDOW_BYTES - (c->given - info.up_bytes);
}

/* The engine's buffer grows when it is full. How many of the bytes it took: all but where there is no
 * memory. */
static size_t give(struct msk_client *c, const uint8_t *from, size_t len)
{
    struct iovec iov[2];
    size_t done = 0;
    while (done < len && trk_client_up_space(c->engine, iov) > 0) {
        size_t n = iov[0].iov_len < len - done ? iov[0].iov_len : len - done;
        memcpy(iov[0].iov_base, from + done, n);
        trk_client_up_commit(c->engine, c->now_ns, n);
        done += n;
    }
    c->given += done;
    return done;
}

ssize_t msk_request(int fd, const void *buf, size_t len, size_t reserve_len)
{
    struct msk_client *c = client_of(fd);
    (void)reserve_len; /* the engine asks for all that the window allows */
    if (c == NULL)
        return -1;
    if (buf == NULL && len > 0)
        return msk_fail(EINVAL);
    if (c->error != 0)
        return msk_fail(c->error);
    if (c->ended)
        return msk_fail(EPIPE);
    if (len > MSK_REQUEST_MAX_BYTES)
        return msk_fail(EMSGSIZE);
    if (!has_room(c, len))
        return msk_fail(EAGAIN);
    c->now_ns = trk_clock_mono_ns();
    size_t n = give(c, buf, len);
    settle(c);
    ring(c);
    return n > 0 || len == 0 ? (ssize_t)n : msk_fail(ENOMEM);
}

static size_t copy_out(struct msk_client *c, uint8_t *to, size_t len)
{
    struct iovec iov[2];
    size_t done = 0;
    int n = trk_client_down_peek(c->engine, iov);
    for (int i = 0; i < n && done < len; i++) {
        size_t take = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
        memcpy(to + done, iov[i].iov_base, take);
        done += take;
    }
    if (done > 0) {
        trk_client_down_consume(c->engine, c->now_ns, done);
        settle(c);
    }
    return done;
}

ssize_t msk_read(int fd, void *buf, size_t len)
{
    struct msk_client *c = client_of(fd);
    struct iovec iov[2];
    if (c == NULL)
        return -1;
    if (buf == NULL || len == 0)
        return msk_fail(EINVAL);
    if (trk_client_down_peek(c->engine, iov) == 0)
        pump(c);
    size_t n = copy_out(c, buf, len);
    ring(c);
    if (n > 0)
        return (ssize_t)n;
    if (trk_client_down_eof(c->engine))
        return 0;
    return msk_fail(c->error != 0 ? c->error : EAGAIN);
}

int msk_shutdown(int fd)
{
    struct msk_client *c = client_of(fd);
    if (c == NULL)
        return -1;
    if (c->error != 0)
        return msk_fail(c->error);
    c->ended = true;
    c->now_ns = trk_clock_mono_ns();
    trk_client_up_fin(c->engine, c->now_ns);
    settle(c);
    ring(c);
    return 0;
}
