/*
 * client_int.h: a client's connection: the engine, a UDP socket, a timer, and one descriptor (epoll)
 * for all of them. One thread.
 *
 *   client.c       the calls, and moving datagrams
 *   client_open.c  the server's possible addresses, while it has not answered
 */
#ifndef TRK_MINI_CLIENT_INT_H
#define TRK_MINI_CLIENT_INT_H

#include "core/client.h"
#include "io/udp.h"
#include "mini/table.h"
#include "trickles/minisocket.h"

enum {
    MSK_ADDRS_MAX = 16, /* of one msk_connect() */
    MSK_PEERS_MAX = 2 * MSK_ADDRS_MAX,
    MSK_NEXT_ADDR_MS = 300, /* RFC 8305 has 250 */
};

/* A UDP port where the server may be. */
struct msk_peer {
    union trk_sockaddr at;
    uint64_t begin_ns; /* tried from then on; 0: it is being tried */
    bool refused;
};

struct msk_client {
    struct msk_object object; /* first; its fd is the epoll descriptor */
    struct trk_mem mem;
    struct trk_client *engine;
    struct trk_udp *udp;
    struct trk_udp_rx *rx;
    struct trk_udp_tx *tx;
    int timer_fd, more_fd;
    uint64_t armed_ns; /* what the timer is set to; TRK_NEVER_NS: nothing */
    bool more;         /* more_fd is readable: there is something to read */
    bool blocked;
    bool ended;     /* msk_shutdown() */
    uint64_t given; /* request bytes, in all */
    uint64_t now_ns;
    int error; /* errno, for good; 0 */
    bool open;
    struct trk_udp_path path; /* to the server that answered */
    uint64_t nonce;
    struct msk_peer peer[MSK_PEERS_MAX];
    unsigned n_peers;
    size_t opening_len;
    uint8_t opening[TRK_PACKET_V4_BYTES]; /* the OPEN that was sent last */
};

/* Lists the peers for n addresses. 0, -EINVAL, -EAFNOSUPPORT. */
int msk_open_list(struct msk_client *c, const struct sockaddr_storage *addrs, int n,
                  uint16_t udp_port);
/* Sends an OPEN that the engine gave to everybody who is being tried. */
void msk_open_send(struct msk_client *c, const uint8_t *pkt, size_t len);
/* Begins with those whose time has come. */
void msk_open_next(struct msk_client *c);
/* A datagram while opening. */
void msk_open_packet(struct msk_client *c, const struct trk_udp_path *path, const uint8_t *pkt,
                     size_t len);
/* ICMP says that nobody is there. */
void msk_open_refused(struct msk_client *c, const union trk_sockaddr *at);
/* When msk_open_next() has something to do. */
uint64_t msk_open_deadline(const struct msk_client *c);

#endif
