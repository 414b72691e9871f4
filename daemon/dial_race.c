/* Finding a way to the peer: Trickles on one of its ports, or kernel TCP. See dial.h. */
#include <config.h>

#include "daemon/dial.h"

#include "daemon/addrs.h"
#include "daemon/nowait.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char why_timeout[] = "no answer to OPEN";
static const char why_icmp[] = "port unreachable";
static const char why_service[] = "no such service";
static const char why_busy[] = "peer is busy";
static const char why_rule[] = "rule";
static const char why_port[] = "service below 1024 needs a privileged port";

enum {
    SPEAKS_SECONDS = 600, /* for so long a peer that has opened a connection is expected to answer */
    BUSY_SECONDS = 5,     /* after so long it is believed that it does not */
};
#define SECOND_NS UINT64_C(1000000000)

static uint64_t now_ns(const struct trk_dialled *c)
{
    return trk_loop_now_ns(c->d->loop);
}

static void remember(struct trk_dialled *c)
{
    union trk_sockaddr at = c->target;
    if (c->why == NULL || c->why == why_rule || c->why == why_port || c->why == why_busy)
        return;
    if (c->why == why_icmp)
        trk_sockaddr_set_port(&at, 0);
    trk_memo_put(trk_dials_memo(c->d->dials), &at, c->why,
                 now_ns(c) + c->d->conf.refusal_seconds * SECOND_NS);
}

static uint64_t busy_end_ns(const struct trk_dialled *c)
{
    return c->since_ns + BUSY_SECONDS * SECOND_NS;
}

static bool is_speaker(struct trk_dialled *c, const union trk_sockaddr *at)
{
    return trk_memo_get(trk_dials_speakers(c->d->dials), at, now_ns(c)) != NULL;
}

/* For how long `at` is expected to answer; 0: no more. */
static void expect_speaker(struct trk_dialled *c, const union trk_sockaddr *at, uint64_t seconds)
{
    trk_memo_put(trk_dials_speakers(c->d->dials), at, "speaks", now_ns(c) + seconds * SECOND_NS);
}

/*
 * TCP is refused, but a port that spoke Trickles a while ago has not refused that: a server that serves itself, and has
 * something else to do just now. The kernel would have taken its TCP connections meanwhile.
 */
static bool may_be_busy(struct trk_dialled *c, int err)
{
    if (err != ECONNREFUSED || c->client == NULL || now_ns(c) >= busy_end_ns(c))
        return false;
    for (unsigned i = 0; i < c->n_peers; i++)
        if (c->peer[i].refused == NULL && is_speaker(c, &c->peer[i].at))
            return true;
    return false;
}

static void stop_trickles(struct trk_dialled *c)
{
    if (c->client == NULL)
        return;
    trk_dials_leave(c);
    trk_client_free(c->client);
    c->client = NULL;
}

static void stop_tcp(struct trk_dialled *c)
{
    trk_loop_unwatch(c->d->loop, &c->tcp_watch);
    if (c->tcp_fd >= 0)
        trk_nowait_close(c->tcp_fd);
    c->tcp_fd = -1;
    c->tcp_trying = false;
}

void trk_dial_race_stop(struct trk_dialled *c)
{
    stop_trickles(c);
    stop_tcp(c);
}

/* ---- TCP ---- */

static void tcp_settled(struct trk_dialled *c, int err)
{
    if (may_be_busy(c, err)) {
        c->tcp_error = err;
        trk_loop_later(c->d->loop, &c->task); /* there is another deadline */
        return;
    }
    c->tcp_trying = false;
    if (err != 0) { /* Trickles had no answer so far, and TCP's verdict is the application's errno */
        trk_dial_fail(c, err);
        return;
    }
    if (c->why == NULL)
        c->why = why_timeout;
    remember(c);
    stop_trickles(c);
    trk_dial_up_tcp(c);
}

static void tcp_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_dialled *c = TRK_HEAP_OBJECT(w, struct trk_dialled, tcp_watch);
    int err = 0;
    socklen_t len = sizeof err;
    (void)events;
    trk_loop_unwatch(c->d->loop, w);
    if (getsockopt(c->tcp_fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
        err = errno;
    tcp_settled(c, err);
}

/* A socket bound where the application's name says, or where the application bound it itself. Returns 0 or -errno. */
static int make_tcp_socket(struct trk_dialled *c)
{
    if (c->tcp_fd >= 0)
        return fcntl(c->tcp_fd, F_SETFL, O_NONBLOCK) == 0 ? 0 : -errno;
    c->tcp_fd = socket(c->target.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return c->tcp_fd >= 0 ? 0 : -errno;
}

/* A socket that the application bound may be dual-stack: it wants the mapped form. */
static int connect_tcp(int fd, const union trk_sockaddr *to)
{
    int domain = to->sa.sa_family;
    socklen_t len = sizeof domain;
    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
    union trk_sockaddr at = domain == AF_INET6 ? trk_sockaddr_mapped(to) : *to;
    trk_nowait_begin();
    int rc = connect(fd, &at.sa, trk_sockaddr_len(&at)) == 0 ? 0 : -errno;
    trk_nowait_end();
    return rc;
}

static void try_tcp(struct trk_dialled *c)
{
    if (c->tcp_trying || c->dead)
        return;
    c->tcp_trying = true;
    int rc = make_tcp_socket(c);
    if (rc == -EMFILE || rc == -ENFILE)
        trk_daemon_out_of_descriptors(c->d, -rc);
    if (rc == 0)
        rc = connect_tcp(c->tcp_fd, &c->target);
    if (rc == -EINPROGRESS)
        rc = trk_loop_watch(c->d->loop, &c->tcp_watch, c->tcp_fd, EPOLLOUT, tcp_ready);
    else if (rc == 0)
        tcp_settled(c, 0);
    if (rc != 0)
        tcp_settled(c, -rc);
}

/* ---- Trickles ---- */

/* The same OPEN to every port that may still answer. */
static void send_opens(struct trk_dialled *c)
{
    uint8_t pkt[TRK_REPLY_BYTES_MAX];
    size_t len;
    while (c->client != NULL && (len = trk_client_write(c->client, now_ns(c), pkt, sizeof pkt)) > 0) {
        for (unsigned i = 0; i < c->n_peers; i++) {
            struct trk_udp_path path = {.remote = c->peer[i].at, .local = c->path.local};
            uint8_t *room = c->peer[i].refused == NULL ? trk_port_room(c->d->client_port, len) : NULL;
            if (room == NULL)
                continue;
            memcpy(room, pkt, len);
            trk_port_send(c->d->client_port, len, len, &path);
        }
    }
}

static void give_up_trickles(struct trk_dialled *c, const char *why)
{
    c->why = why;
    stop_trickles(c);
    if (c->tcp_error != 0)
        trk_dial_fail(c, c->tcp_error);
    else
        try_tcp(c);
}

void trk_dial_race_refused(struct trk_dialled *c, const union trk_sockaddr *at, const char *why)
{
    bool hope = false;
    for (unsigned i = 0; i < c->n_peers; i++) {
        if (trk_sockaddr_equal(&c->peer[i].at, at))
            c->peer[i].refused = why != NULL ? why : why_icmp;
        hope |= c->peer[i].refused == NULL;
    }
    hope &= c->tcp_error == 0 || may_be_busy(c, c->tcp_error);
    if (hope || c->client == NULL)
        return;
    why = why_icmp;
    for (unsigned i = 0; i < c->n_peers; i++)
        if (c->peer[i].refused != NULL && c->peer[i].refused != why_icmp)
            why = c->peer[i].refused;
    give_up_trickles(c, why);
}

/* A refusal ends only the port that it came from: the engine need not know of it. */
static bool is_refusal(struct trk_dialled *c, const uint8_t *pkt, size_t len, const char **why)
{
    struct trk_ack_pkt ack;
    if (trk_wire_read_ack(pkt, len, &ack) != TRK_OK || !(ack.c.flags & TRK_ACK_OPENED) || ack.nonce != c->nonce)
        return false;
    *why = ack.reason == TRK_REASON_BUSY ? why_busy : why_service;
    return ack.reason == TRK_REASON_NO_SERVICE || ack.reason == TRK_REASON_BUSY;
}

void trk_dial_race_packet(struct trk_dialled *c, const union trk_sockaddr *from, const uint8_t *pkt, size_t len)
{
    const char *why;
    unsigned i = 0;
    while (i < c->n_peers && !trk_sockaddr_equal(&c->peer[i].at, from))
        i++;
    if (i == c->n_peers) {
        c->d->count.stray++;
        return;
    }
    if (is_refusal(c, pkt, len, &why)) {
        trk_dial_race_refused(c, from, why);
        return;
    }
    int rc = trk_client_read(c->client, now_ns(c), pkt, len);
    if (rc != TRK_OK)
        c->d->count.client_drops[-rc < TRK_ERR_COUNT ? -rc : 0]++;
    if (trk_client_state(c->client) != TRK_CLIENT_OPEN)
        return;
    c->path.remote = *from;
    expect_speaker(c, from, SPEAKS_SECONDS);
    stop_tcp(c);
    c->got_packets = true;
    trk_dial_up(c);
}

uint64_t trk_dial_race_deadline(const struct trk_dialled *c)
{
    uint64_t at = c->client != NULL ? trk_client_deadline(c->client) : TRK_NEVER_NS;
    uint64_t tcp_ns = c->since_ns + c->d->conf.tcp_after_ms * UINT64_C(1000000);
    if (c->tcp_error != 0)
        return busy_end_ns(c) < at ? busy_end_ns(c) : at;
    return !c->tcp_trying && tcp_ns < at ? tcp_ns : at;
}

void trk_dial_race_run(struct trk_dialled *c)
{
    if (c->client != NULL && now_ns(c) >= trk_client_deadline(c->client))
        trk_client_expire(c->client, now_ns(c));
    bool late = c->tcp_error != 0 && now_ns(c) >= busy_end_ns(c);
    for (unsigned i = 0; late && i < c->n_peers; i++)
        if (is_speaker(c, &c->peer[i].at))
            expect_speaker(c, &c->peer[i].at, 0);
    if (c->client != NULL && (late || trk_client_state(c->client) == TRK_CLIENT_FAILED))
        give_up_trickles(c, why_timeout);
    else if (now_ns(c) >= c->since_ns + c->d->conf.tcp_after_ms * UINT64_C(1000000))
        try_tcp(c);
    if (!c->dead && c->state == TRK_DIAL_RACING)
        send_opens(c);
}

/* ---- beginning ---- */

static const char *choose_peers(struct trk_dialled *c)
{
    const struct trk_config *conf = &c->d->conf;
    bool privileged = trk_sockaddr_port(&c->target) < 1024;
    const char *why = trk_memo_get(trk_dials_memo(c->d->dials), &c->target, now_ns(c));
    if (c->name.flags & TRK_NAME_F_TCP_ONLY)
        return why_rule;
    if (why != NULL)
        return why;
    for (unsigned i = 0; i < conf->n_peer_ports; i++) {
        if (privileged && conf->peer_ports[i] >= 1024)
            continue;
        struct trk_dial_peer *p = &c->peer[c->n_peers++];
        *p = (struct trk_dial_peer){.at = c->target};
        trk_sockaddr_set_port(&p->at, conf->peer_ports[i]);
    }
    return c->n_peers > 0 ? NULL : why_port;
}

static int start_trickles(struct trk_dialled *c)
{
    const struct trk_config *conf = &c->d->conf;
    uint16_t size = c->target.sa.sa_family == AF_INET6 ? TRK_PACKET_V6_BYTES : TRK_PACKET_V4_BYTES;
    c->cid = trk_daemon_random(c->d);
    c->nonce = trk_daemon_random(c->d);
    struct trk_client_conf cc = {
        .mem = &c->d->mem,
        .ring_mem = &c->d->buffers.mem,
        .cid = c->cid,
        .nonce = c->nonce,
        .service_port = trk_sockaddr_port(&c->target),
        .client_port = trk_sockaddr_port(&c->source),
        .packet_size = size < conf->packet_size_max_bytes ? size : conf->packet_size_max_bytes,
        .down_window_bytes = conf->down_window_bytes,
        .up_window_bytes = conf->up_window_bytes,
    };
    c->client = trk_client_new(&cc, now_ns(c));
    if (c->client == NULL)
        return -ENOMEM;
    if (trk_dials_enter(c) != 0) {
        trk_client_free(c->client);
        c->client = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* connect() to "any" goes to this host. */
static void aim_at_loopback(union trk_sockaddr *a)
{
    if (a->sa.sa_family == AF_INET && a->in.sin_addr.s_addr == INADDR_ANY)
        a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr))
        a->in6.sin6_addr = in6addr_loopback;
}

void trk_dial_race(struct trk_dialled *c)
{
    c->target = trk_addrs_from_ipc(&c->name.remote);
    c->source = trk_addrs_from_ipc(&c->name.local);
    aim_at_loopback(&c->target);
    if (c->target.sa.sa_family == AF_UNSPEC || trk_sockaddr_port(&c->target) == 0) {
        trk_dial_fail(c, c->target.sa.sa_family == AF_UNSPEC ? EADDRNOTAVAIL : ECONNREFUSED);
        return;
    }
    if (c->source.sa.sa_family == c->target.sa.sa_family && !trk_ipc_addr_is_any(&c->name.local))
        c->path.local = c->source;
    if (c->source.sa.sa_family == AF_UNSPEC) {
        c->source = c->target; /* only its port is used */
        trk_sockaddr_set_port(&c->source, 0);
    }
    if (trk_sockaddr_port(&c->source) == 0)
        trk_sockaddr_set_port(&c->source, trk_dials_next_port(c->d->dials));
    c->why = choose_peers(c);
    if (c->why != NULL)
        try_tcp(c);
    else if (start_trickles(c) != 0)
        trk_dial_fail(c, ENOMEM);
    else
        send_opens(c);
}
