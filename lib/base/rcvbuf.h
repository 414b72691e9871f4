/*
 * rcvbuf.h: reassembly of one direction of a byte stream into a ring. Pure but for the memory it is
 * given.
 *
 * Offsets are absolute stream offsets. head: the lowest byte not yet taken by the application; una:
 * the lowest byte not yet received; head <= una. Bytes are accepted in [una, head + window); what
 * lies outside is not an error, it is just not kept. The ring grows by doubling up to the window. It
 * is kept as long as about so much of it is used: a fast stream fills and empties it many times.
 */
#ifndef TRK_BASE_RCVBUF_H
#define TRK_BASE_RCVBUF_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/ranges.h"

struct trk_rcvbuf {
    uint8_t *ring;
    size_t cap;    /* a power of two, or 0 */
    size_t window; /* bound on una - head and on cap; a power of two */
    uint64_t head;
    uint64_t una;
    size_t most;    /* bytes held, at most, since it was last empty */
    unsigned loose; /* how often in a row it was emptied without having been a quarter full */
    struct trk_ranges above; /* received above una */
};

enum { TRK_RCVBUF_RANGES_MAX = 4096 };

/* An empty buffer; window_bytes is rounded up to a power of two of at least 4 KiB. */
void trk_rcvbuf_init(struct trk_rcvbuf *b, size_t window_bytes);
void trk_rcvbuf_free(struct trk_rcvbuf *b, const struct trk_mem *mem);

/*
 * Stores bytes [off, off + len) as far as they are new and fit. Returns how many bytes were new and
 * kept (0 or more), or TRK_E_NOMEM (nothing stored).
 */
long trk_rcvbuf_write(struct trk_rcvbuf *b, const struct trk_mem *mem, uint64_t off,
                      const uint8_t *src, size_t len);

/* The bytes [head, una) in at most two pieces, borrowed. Returns how many pieces (0 to 2). */
int trk_rcvbuf_peek(const struct trk_rcvbuf *b, struct iovec iov[2]);

/* The application took n bytes (at most una - head). May give back a ring that is empty, and has
 * been too large for long. */
void trk_rcvbuf_consume(struct trk_rcvbuf *b, const struct trk_mem *mem, size_t n);

/* Holds it nothing, and memory for it? */
static inline bool trk_rcvbuf_is_spare(const struct trk_rcvbuf *b)
{
    return b->cap != 0 && b->head == b->una && b->above.n == 0;
}

/* Gives an empty ring back: for when the stream is idle. */
void trk_rcvbuf_trim(struct trk_rcvbuf *b, const struct trk_mem *mem);

/* The highest offset that may be sent to us. */
static inline uint64_t trk_rcvbuf_limit(const struct trk_rcvbuf *b)
{
    return b->head + b->window;
}

#endif
