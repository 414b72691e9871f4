/*
 * peersocks.h: connected sockets beside a port, for peers that much comes from. The kernel finds a connected socket
 * without a look at its routes for every packet (measured between bare programs: 16 to 30 % more packets a second).
 * They only receive; what is sent leaves by the port, from the same address and port number.
 *
 * At most one for a pair of addresses, TRK_PEERSOCKS_MAX in all. One that nothing came to for a while is closed.
 * Without one (no descriptor, no room) the port receives as before.
 */
#ifndef TRK_DAEMON_PEERSOCKS_H
#define TRK_DAEMON_PEERSOCKS_H

#include "daemon/loop.h"
#include "io/udp.h"

enum {
    TRK_PEERSOCKS_MAX = 16,
    TRK_PEERSOCK_BYTES = 1 << 20, /* a connection that got so much is worth one */
};

struct trk_peersocks;

struct trk_peersock {
    struct trk_watch watch;
    struct trk_peersocks *set;
    struct trk_udp *udp; /* NULL: free */
    struct trk_udp_path path;
    bool heard; /* since the timer fired last */
};

/* All zero but the first six before its first use; pointers are borrowed. */
struct trk_peersocks {
    struct trk_loop *loop;
    struct trk_udp *port;
    uint64_t idle_ns; /* a socket is closed when nothing came to it for so long, or up to twice that */
    unsigned (*receive)(void *arg, struct trk_udp *udp); /* takes what waits in udp: so many trains */
    void *arg;
    struct trk_timer timer;
    unsigned n;             /* open */
    uint64_t not_before_ns; /* one could not be opened: the next try */
    struct trk_peersock sock[TRK_PEERSOCKS_MAX];
};

/*
 * Opens one for path (remote and local as received). Returns 1 if it did, 0 where there is one or none can be (all
 * places are taken, link-local addresses, shortly after a failure), -errno if it failed.
 */
int trk_peersocks_open(struct trk_peersocks *set, const struct trk_udp_path *path);
void trk_peersocks_close(struct trk_peersocks *set);

#endif
