/*
 * sndbuf.h: the uplink's bytes that are not acknowledged yet, in a ring. Pure but for its memory.
 */
#ifndef TRK_CORE_SNDBUF_H
#define TRK_CORE_SNDBUF_H

#include <stdint.h>
#include <sys/uio.h>

#include "base/mem.h"

struct trk_sndbuf {
    uint8_t *ring;
    size_t cap; /* a power of two, or 0 */
    size_t max; /* bound on cap; a power of two */
    uint64_t una;
    uint64_t end; /* one past the last byte given */
};

/* Empty; max_bytes is rounded up to a power of two of at least 16 KiB. */
void trk_sndbuf_init(struct trk_sndbuf *b, size_t max_bytes);
void trk_sndbuf_free(struct trk_sndbuf *b, const struct trk_mem *mem);

/*
 * Room for more bytes at `end`, at most two pieces; returns how many (0: full, or no memory). Grows
 * the ring when it is full and may grow.
 */
int trk_sndbuf_space(struct trk_sndbuf *b, const struct trk_mem *mem, struct iovec iov[2]);

/* Copies [off, off + len), all within [una, end), to dst. */
void trk_sndbuf_copy(const struct trk_sndbuf *b, uint64_t off, uint8_t *dst, size_t len);

/* All below off is acknowledged. */
void trk_sndbuf_release(struct trk_sndbuf *b, const struct trk_mem *mem, uint64_t off);

#endif
