#include "core/sndbuf.h"

#include <string.h>

#include "base/err.h"

enum { MIN_BYTES = 16384, KEEP_BYTES = 65536 };

void trk_sndbuf_init(struct trk_sndbuf *b, size_t max_bytes)
{
    size_t max = MIN_BYTES;
    while (max < max_bytes)
        max *= 2;
    *b = (struct trk_sndbuf){.max = max};
}

void trk_sndbuf_free(struct trk_sndbuf *b, const struct trk_mem *mem)
{
    if (b->ring != NULL)
        mem->resize(mem->ctx, b->ring, 0);
    b->ring = NULL;
    b->cap = 0;
}

static void grow(struct trk_sndbuf *b, const struct trk_mem *mem)
{
    size_t cap = b->cap == 0 ? MIN_BYTES : 2 * b->cap;
    uint8_t *ring = mem->resize(mem->ctx, NULL, cap);
    if (ring == NULL)
        return; /* the old one serves on */
    for (uint64_t at = b->una; at < b->end;) {
        size_t n = cap - ((size_t)at & (cap - 1));
        if (n > b->end - at)
            n = (size_t)(b->end - at);
        trk_sndbuf_copy(b, at, ring + ((size_t)at & (cap - 1)), n);
        at += n;
    }
    trk_sndbuf_free(b, mem);
    b->ring = ring;
    b->cap = cap;
}

int trk_sndbuf_space(struct trk_sndbuf *b, const struct trk_mem *mem, struct iovec iov[2])
{
    if (b->end - b->una == b->cap && b->cap < b->max)
        grow(b, mem);
    size_t room = b->cap - (size_t)(b->end - b->una);
    if (room == 0)
        return 0;
    size_t at = (size_t)b->end & (b->cap - 1);
    size_t first = b->cap - at < room ? b->cap - at : room;
    iov[0] = (struct iovec){.iov_base = b->ring + at, .iov_len = first};
    if (first == room)
        return 1;
    iov[1] = (struct iovec){.iov_base = b->ring, .iov_len = room - first};
    return 2;
}

void trk_sndbuf_copy(const struct trk_sndbuf *b, uint64_t off, uint8_t *dst, size_t len)
{
    TRK_ASSERT(off >= b->una && off + len <= b->end);
    if (len == 0)
        return;
    size_t at = (size_t)off & (b->cap - 1);
    size_t first = b->cap - at < len ? b->cap - at : len;
    memcpy(dst, b->ring + at, first);
    memcpy(dst + first, b->ring, len - first);
}

void trk_sndbuf_release(struct trk_sndbuf *b, const struct trk_mem *mem, uint64_t off)
{
    if (off > b->una)
        b->una = off < b->end ? off : b->end;
    if (b->una == b->end && b->cap > KEEP_BYTES)
        trk_sndbuf_free(b, mem);
}
