/* UDP sockets in the event loop: see port.h. */
#include <config.h>

#include "daemon/port.h"

#include "daemon/peersocks.h"
#include "io/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES_MAX = 4, /* receive calls in a row before others have their turn */
    DRAIN_MAX = 256, /* to empty a port: more than its buffer holds of full datagrams */
    PEER_IDLE_SECONDS = 10,
};

struct trk_port {
    struct trk_daemon *d;
    struct trk_udp *udp;
    struct trk_udp_tx *tx;
    const struct trk_port_ops *ops;
    struct trk_watch watch;
    struct trk_flush flush;
    struct trk_peersocks peers;
    bool drain;   /* what waits in the port came before what is in a new socket beside it */
    bool blocked; /* the socket's send buffer is full: wait for EPOLLOUT */
    struct trk_log_limit refused_limit;
};

static void capture_in(struct trk_port *port, const struct trk_udp_train *train)
{
    union trk_sockaddr to = train->path.local;
    trk_sockaddr_set_port(&to, trk_port_number(port));
    trk_pcap_write_train(port->d->pcap, &train->path.remote, &to, train->data, train->len_bytes, train->segment_bytes,
                         trk_clock_wall_ns());
}

static void take_train(void *arg, const struct trk_udp_train *train)
{
    struct trk_port *port = arg;
    if (port->d->pcap != NULL)
        capture_in(port, train);
    for (size_t at = 0; at < train->len_bytes; at += train->segment_bytes) {
        size_t left = train->len_bytes - at;
        port->ops->packet(port->d, port, &train->path, train->data + at,
                          left < train->segment_bytes ? left : train->segment_bytes);
    }
}

static void take_error(void *arg, const struct trk_udp_error *error)
{
    struct trk_port *port = arg;
    if (port->ops->error != NULL)
        port->ops->error(port->d, port, error);
}

static void refused(void *arg, const struct trk_udp_path *path, uint64_t tag, int err)
{
    struct trk_port *port = arg;
    uint64_t suppressed = 0;
    (void)path;
    (void)tag;
    if (trk_log_allow(&port->refused_limit, trk_loop_now_ns(port->d->loop), &suppressed))
        trk_log(&port->d->log, TRK_LOG_WARN, "a datagram could not be sent: %s (%llu more since the last such line)",
                strerror(err), (unsigned long long)suppressed);
}

void trk_port_flush(struct trk_port *port)
{
    if (trk_udp_tx_queued(port->tx) == 0)
        return;
    bool full = trk_udp_tx_flush(port->tx) == 1;
    if (full != port->blocked) {
        port->blocked = full;
        trk_loop_rewatch(port->d->loop, &port->watch, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void flush_round(struct trk_flush *f)
{
    trk_port_flush(TRK_HEAP_OBJECT(f, struct trk_port, flush));
}

static int receive_batch(struct trk_port *port, struct trk_udp *udp)
{
    return trk_udp_recv_batch(udp, port->d->rx, take_train, take_error, port);
}

/* Where a port has many sockets, each has a shorter turn. */
static unsigned receive(void *arg, struct trk_udp *udp)
{
    struct trk_port *port = arg;
    int n, slots = (int)trk_udp_rx_slots(port->d->rx);
    unsigned trains = 0, i = 0, most = BATCHES_MAX / (1 + port->peers.n / 4);
    do {
        n = receive_batch(port, udp);
        trains += n > 0 ? (unsigned)n : 0;
    } while (n == slots && ++i < most); /* else nothing more; an ICMP error that waits wakes us again */
    for (i = 0; port->drain && i < DRAIN_MAX; i++)
        if (receive_batch(port, port->udp) <= 0)
            break;
    port->drain = false;
    return trains;
}

static void port_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_port *port = TRK_HEAP_OBJECT(w, struct trk_port, watch);
    if (events & EPOLLOUT)
        trk_port_flush(port);
    (void)receive(port, port->udp);
}

void trk_port_favour(struct trk_port *port, const struct trk_udp_path *path)
{
    int rc = trk_peersocks_open(&port->peers, path);
    port->drain |= rc > 0;
    if (rc < 0)
        trk_log(&port->d->log, TRK_LOG_DEBUG, "no connected socket for a busy peer, the port goes on: %s",
                strerror(-rc));
}

static int open_parts(struct trk_port *port, uint16_t number)
{
    struct trk_udp_options opt = {.port = number};
    int rc = trk_udp_open(&port->udp, &opt);
    if (rc != 0)
        return rc;
    port->tx = trk_udp_tx_new(port->udp, refused, port);
    if (port->tx == NULL)
        return -ENOMEM;
    trk_udp_tx_touch(port->tx);
    rc = trk_loop_watch(port->d->loop, &port->watch, trk_udp_fd(port->udp), EPOLLIN, port_ready);
    if (rc != 0)
        return rc;
    port->peers = (struct trk_peersocks){.loop = port->d->loop,
                                        .port = port->udp,
                                        .idle_ns = PEER_IDLE_SECONDS * UINT64_C(1000000000),
                                        .receive = receive,
                                        .arg = port};
    port->flush.flush = flush_round;
    trk_loop_add_flush(port->d->loop, &port->flush);
    return 0;
}

int trk_port_open(struct trk_port **out, struct trk_daemon *d, uint16_t number, const struct trk_port_ops *ops)
{
    struct trk_port *port = calloc(1, sizeof *port);
    if (port == NULL)
        return -ENOMEM;
    port->d = d;
    port->ops = ops;
    port->refused_limit = (struct trk_log_limit){.window_ns = 10u * 1000000000ull, .burst = 1};
    int rc = open_parts(port, number);
    if (rc != 0) {
        trk_udp_tx_free(port->tx);
        trk_udp_close(port->udp);
        free(port);
        return rc;
    }
    *out = port;
    return 0;
}

void trk_port_close(struct trk_port *port)
{
    if (port == NULL)
        return;
    trk_port_flush(port);
    trk_peersocks_close(&port->peers);
    trk_loop_unwatch(port->d->loop, &port->watch);
    port->flush.flush = NULL;
    trk_udp_tx_free(port->tx);
    trk_udp_close(port->udp);
    free(port);
}

uint8_t *trk_port_room(struct trk_port *port, size_t n)
{
    uint8_t *room = trk_udp_tx_reserve(port->tx, n);
    if (room == NULL) {
        trk_port_flush(port);
        room = trk_udp_tx_reserve(port->tx, n);
    }
    return room;
}

void trk_port_keep(struct trk_port *port, size_t n)
{
    trk_udp_tx_keep(port->tx, n);
}

static void capture_out(struct trk_port *port, const struct iovec *iov, unsigned n, size_t segment,
                        const struct trk_udp_path *path)
{
    static uint8_t whole[TRK_UDP_TRAIN_MAX_BYTES];
    union trk_sockaddr from = path->local;
    size_t len = 0;
    for (unsigned i = 0; i < n && len + iov[i].iov_len <= sizeof whole; i++) {
        memcpy(whole + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    if (from.sa.sa_family == AF_UNSPEC) /* the kernel will choose; the capture need only name the right family */
        from.sa.sa_family = path->remote.sa.sa_family;
    trk_sockaddr_set_port(&from, trk_port_number(port));
    trk_pcap_write_train(port->d->pcap, &from, &path->remote, whole, len, segment, trk_clock_wall_ns());
}

void trk_port_send(struct trk_port *port, size_t len, size_t segment, const struct trk_udp_path *path)
{
    if (port->d->pcap != NULL) {
        struct iovec iov = {.iov_base = trk_udp_tx_reserve(port->tx, len), .iov_len = len};
        if (iov.iov_base != NULL)
            capture_out(port, &iov, 1, segment, path);
    }
    int rc = trk_udp_tx_commit(port->tx, len, segment, path, 0); /* never full: there was room to reserve */
    if (rc != 0)
        trk_log(&port->d->log, TRK_LOG_DEBUG, "a train was dropped: %s", strerror(-rc));
}

void trk_port_sendv(struct trk_port *port, const struct iovec *iov, unsigned n, size_t segment,
                    const struct trk_udp_path *path)
{
    if (port->d->pcap != NULL)
        capture_out(port, iov, n, segment, path);
    if (trk_udp_tx_add(port->tx, iov, n, segment, path, 0) != -ENOBUFS)
        return;
    /*
     * The flush frees the memory that was kept for this train's headers. The bytes are still there until somebody
     * reserves it again, so the train must leave at once. Where the flush kept messages it is dropped.
     */
    trk_port_flush(port);
    if (!port->blocked && trk_udp_tx_add(port->tx, iov, n, segment, path, 0) == 0)
        trk_port_flush(port);
    else
        trk_log(&port->d->log, TRK_LOG_DEBUG, "a train was dropped: the send batch is full");
}

uint16_t trk_port_number(const struct trk_port *port)
{
    return trk_sockaddr_port(trk_udp_local(port->udp));
}

const struct trk_udp_stats *trk_port_stats(struct trk_port *port)
{
    return trk_udp_stats(port->udp);
}
