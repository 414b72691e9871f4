/*
 * down.h: where the downlink bytes of a served connection are: in the application's socket (looked at, not consumed), or
 * in a ring in memory, once so many are in flight that they would stop the application from writing.
 *
 * The socket is the retransmission buffer of ordinary connections, so an idle one holds no memory. Bytes go
 * una ... [ring: from .. to) [socket: link->taken .. link->end); where the ring holds anything, to == link->taken.
 * Rings are bounded, each (ring-max) and together (ring-total).
 */
#ifndef TRK_DAEMON_DOWN_H
#define TRK_DAEMON_DOWN_H

#include "daemon/applink.h"
#include "daemon/port.h"

struct trk_down {
    uint8_t *ring;
    size_t cap; /* a power of two, or 0 */
    uint64_t from, to;
};

/* The client has all below una. Returns 0 or -errno (the link is of no use then). */
int trk_down_release(struct trk_down *w, struct trk_applink *l, uint64_t una) __attribute__((warn_unused_result));

/*
 * Moves bytes below upto from the socket to the ring, as far as the bounds allow. May flush `port` (queued trains may
 * borrow from a ring that moves). Returns 0 or -errno.
 */
int trk_down_spill(struct trk_down *w, struct trk_applink *l, struct trk_daemon *d, struct trk_port *port,
                   uint64_t upto) __attribute__((warn_unused_result));

/* Is byte off in the ring? */
static inline bool trk_down_in_ring(const struct trk_down *w, uint64_t off)
{
    return off >= w->from && off < w->to;
}

/*
 * Bytes [off, off + len), all in the ring, as one or two pieces, borrowed until the ring moves or they are released.
 * Returns how many pieces.
 */
unsigned trk_down_pieces(const struct trk_down *w, uint64_t off, size_t len, struct iovec iov[2]);

/* Gives an empty ring's memory back (nothing may borrow from it any more). */
void trk_down_free(struct trk_down *w, struct trk_daemon *d);

#endif
