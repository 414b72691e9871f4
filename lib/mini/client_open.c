/* Finding the server: see client_int.h. The same OPEN goes to every port where it may be; the first
 * that answers it is the server. */
#include <config.h>

#include "mini/client_int.h"

#include <errno.h>
#include <string.h>

enum { PORT = 842, USER_PORT = 8742, PRIVILEGED_BELOW = 1024 };

static void add_peer(struct msk_client *c, const union trk_sockaddr *at, uint16_t port,
                     uint64_t begin_ns)
{
    struct msk_peer *p = &c->peer[c->n_peers++];
    *p = (struct msk_peer){.at = *at, .begin_ns = begin_ns};
    trk_sockaddr_set_port(&p->at, port);
}

static int read_addr(union trk_sockaddr *at, const struct sockaddr_storage *ss)
{
    if (ss->ss_family != AF_INET && ss->ss_family != AF_INET6)
        return -EAFNOSUPPORT;
    memcpy(at, ss, ss->ss_family == AF_INET ? sizeof at->in : sizeof at->in6);
    *at = trk_sockaddr_unmapped(at);
    return 0;
}

int msk_open_list(struct msk_client *c, const struct sockaddr_storage *addrs, int n,
                  uint16_t udp_port)
{
    uint16_t service_port = 0;
    for (int i = 0; i < n; i++) {
        union trk_sockaddr at = {.sa = {.sa_family = AF_UNSPEC}};
        uint64_t begin_ns = c->now_ns + (uint64_t)i * MSK_NEXT_ADDR_MS * 1000000;
        int rc = read_addr(&at, &addrs[i]);
        if (rc != 0)
            return rc;
        uint16_t port = trk_sockaddr_port(&at);
        if (port == 0 || (i > 0 && port != service_port))
            return -EINVAL;
        service_port = port;
        add_peer(c, &at, udp_port != 0 ? udp_port : PORT, begin_ns);
        if (udp_port == 0 && service_port >= PRIVILEGED_BELOW)
            add_peer(c, &at, USER_PORT, begin_ns);
    }
    return 0;
}

static void send_to(struct msk_client *c, const struct msk_peer *p, const uint8_t *pkt, size_t len)
{
    struct trk_udp_path path = {.remote = p->at, .local = c->path.local};
    uint8_t *room = trk_udp_reaches(c->udp, &p->at) ? trk_udp_tx_reserve(c->tx, len) : NULL;
    if (room == NULL)
        return;
    memcpy(room, pkt, len);
    int rc = trk_udp_tx_commit(c->tx, len, len, &path, 0); /* never full: there was room */
    (void)rc;
}

static bool is_tried(const struct msk_peer *p)
{
    return p->begin_ns == 0 && !p->refused;
}

void msk_open_send(struct msk_client *c, const uint8_t *pkt, size_t len)
{
    if (len <= sizeof c->opening) {
        memcpy(c->opening, pkt, len);
        c->opening_len = len;
    }
    for (unsigned i = 0; i < c->n_peers; i++)
        if (is_tried(&c->peer[i]))
            send_to(c, &c->peer[i], pkt, len);
}

/* The last OPEN with the time of now: the answer's time is to be measured from here. */
static void send_again(struct msk_client *c, const struct msk_peer *p)
{
    struct trk_open open;
    uint8_t pkt[TRK_PACKET_V4_BYTES];
    if (trk_wire_read_open(c->opening, c->opening_len, &open) != TRK_OK)
        return; /* none was sent yet: the first one comes */
    open.ts = (uint32_t)(c->now_ns / 1000);
    long n = trk_wire_write_open(pkt, sizeof pkt, &open, open.size);
    if (n > 0)
        send_to(c, p, pkt, (size_t)n);
}

void msk_open_next(struct msk_client *c)
{
    for (unsigned i = 0; i < c->n_peers; i++) {
        struct msk_peer *p = &c->peer[i];
        if (p->begin_ns == 0 || p->begin_ns > c->now_ns)
            continue;
        p->begin_ns = 0;
        send_again(c, p);
    }
}

uint64_t msk_open_deadline(const struct msk_client *c)
{
    uint64_t at = TRK_NEVER_NS;
    for (unsigned i = 0; i < c->n_peers && !c->open; i++)
        if (c->peer[i].begin_ns != 0 && c->peer[i].begin_ns < at)
            at = c->peer[i].begin_ns;
    return at;
}

/* Where nobody is left who could answer, the next address need not wait. */
static void hurry(struct msk_client *c)
{
    uint64_t next_ns = TRK_NEVER_NS;
    for (unsigned i = 0; i < c->n_peers; i++) {
        if (is_tried(&c->peer[i]))
            return;
        if (c->peer[i].begin_ns != 0 && c->peer[i].begin_ns < next_ns)
            next_ns = c->peer[i].begin_ns;
    }
    if (next_ns == TRK_NEVER_NS)
        c->error = ECONNREFUSED;
    uint64_t by_ns = next_ns > c->now_ns ? next_ns - c->now_ns : 0;
    for (unsigned i = 0; i < c->n_peers; i++)
        if (c->peer[i].begin_ns != 0)
            c->peer[i].begin_ns -= by_ns;
}

void msk_open_refused(struct msk_client *c, const union trk_sockaddr *at)
{
    for (unsigned i = 0; i < c->n_peers; i++)
        if (c->peer[i].begin_ns == 0 && trk_sockaddr_equal(&c->peer[i].at, at))
            c->peer[i].refused = true;
    hurry(c);
}

/* A refusal ends only the port that it came from: the engine need not know of it. */
static bool is_refusal(const struct msk_client *c, const uint8_t *pkt, size_t len)
{
    struct trk_ack_pkt ack;
    return trk_wire_read_ack(pkt, len, &ack) == TRK_OK && (ack.c.flags & TRK_ACK_OPENED) != 0 &&
           ack.nonce == c->nonce &&
           (ack.reason == TRK_REASON_NO_SERVICE || ack.reason == TRK_REASON_BUSY);
}

void msk_open_packet(struct msk_client *c, const struct trk_udp_path *path, const uint8_t *pkt,
                     size_t len)
{
    unsigned i = 0;
    while (i < c->n_peers && !(c->peer[i].begin_ns == 0 &&
                               trk_sockaddr_equal(&c->peer[i].at, &path->remote)))
        i++;
    if (i == c->n_peers)
        return;
    if (is_refusal(c, pkt, len)) {
        msk_open_refused(c, &path->remote);
        return;
    }
    (void)trk_client_read(c->engine, c->now_ns, pkt, len);
    if (trk_client_state(c->engine) != TRK_CLIENT_OPEN)
        return;
    c->open = true;
    c->path.remote = path->remote;
}
