#include "base/rcvbuf.h"

#include <string.h>

#include "base/err.h"

enum { MIN_RING_BYTES = 4096, KEEP_RING_BYTES = 65536, LOOSE_MAX = 64 };

void trk_rcvbuf_init(struct trk_rcvbuf *b, size_t window_bytes)
{
    size_t w = MIN_RING_BYTES;
    while (w < window_bytes)
        w *= 2;
    *b = (struct trk_rcvbuf){.window = w};
    trk_ranges_init(&b->above, TRK_RCVBUF_RANGES_MAX);
}

static void free_ring(struct trk_rcvbuf *b, const struct trk_mem *mem)
{
    if (b->ring != NULL)
        mem->resize(mem->ctx, b->ring, 0);
    b->ring = NULL;
    b->cap = 0;
    b->loose = 0;
}

void trk_rcvbuf_free(struct trk_rcvbuf *b, const struct trk_mem *mem)
{
    free_ring(b, mem);
    trk_ranges_free(&b->above, mem);
}

static void copy_in(struct trk_rcvbuf *b, uint64_t off, const uint8_t *src, size_t len)
{
    size_t at = (size_t)off & (b->cap - 1);
    size_t first = b->cap - at < len ? b->cap - at : len;
    memcpy(b->ring + at, src, first);
    if (len > first)
        memcpy(b->ring, src + first, len - first);
}

/* Grows the ring so that [head, end) fits; moves what is kept to its new place. */
static int grow(struct trk_rcvbuf *b, const struct trk_mem *mem, uint64_t end)
{
    size_t need = (size_t)(end - b->head);
    if (need <= b->cap)
        return TRK_OK;
    size_t cap = b->cap == 0 ? MIN_RING_BYTES : b->cap;
    while (cap < need)
        cap *= 2;
    uint8_t *old = b->ring;
    size_t old_cap = b->cap;
    uint8_t *ring = mem->resize(mem->ctx, NULL, cap);
    if (ring == NULL)
        return TRK_E_NOMEM;
    b->ring = ring;
    b->cap = cap;
    if (old != NULL) {
        uint64_t off = b->head;
        size_t left = old_cap;
        while (left > 0) { /* every byte of the old ring, kept or not: simple, and rare */
            size_t at = (size_t)off & (old_cap - 1);
            size_t n = old_cap - at < left ? old_cap - at : left;
            copy_in(b, off, old + at, n);
            off += n;
            left -= n;
        }
        mem->resize(mem->ctx, old, 0);
    }
    return TRK_OK;
}

/* All below `una` is here: takes in the ranges that it reaches. Never needs room, so bytes in order
 * are never refused. */
static void advance(struct trk_rcvbuf *b, uint64_t una)
{
    size_t n = 0;
    while (n < b->above.n && b->above.v[n].start <= una) {
        if (b->above.v[n].end > una)
            una = b->above.v[n].end;
        n++;
    }
    b->una = una;
    if (n == 0)
        return;
    b->above.n -= n;
    memmove(&b->above.v[0], &b->above.v[n], b->above.n * sizeof b->above.v[0]);
}

long trk_rcvbuf_write(struct trk_rcvbuf *b, const struct trk_mem *mem, uint64_t off,
                      const uint8_t *src, size_t len)
{
    uint64_t end = off + len;
    if (end < off || end <= b->una)
        return 0;
    if (off < b->una) {
        src += b->una - off;
        off = b->una;
    }
    if (off >= trk_rcvbuf_limit(b))
        return 0;
    if (end > trk_rcvbuf_limit(b))
        end = trk_rcvbuf_limit(b);
    if (trk_ranges_has(&b->above, off, end))
        return 0;
    if (grow(b, mem, end) != TRK_OK)
        return TRK_E_NOMEM;
    uint64_t fresh = 0, at = off;
    struct trk_range gap;
    while (trk_ranges_gap(&b->above, at, end, &gap)) {
        fresh += gap.end - gap.start;
        at = gap.end;
    }
    if (off > b->una) {
        int rc = trk_ranges_add(&b->above, mem, off, end);
        if (rc != TRK_OK)
            return rc == TRK_E_NOSPACE ? 0 : rc;
    }
    copy_in(b, off, src, (size_t)(end - off));
    if (end - b->head > b->most)
        b->most = (size_t)(end - b->head);
    if (off == b->una)
        advance(b, end);
    return (long)fresh;
}

int trk_rcvbuf_peek(const struct trk_rcvbuf *b, struct iovec iov[2])
{
    size_t len = (size_t)(b->una - b->head);
    if (len == 0)
        return 0;
    size_t at = (size_t)b->head & (b->cap - 1);
    size_t first = b->cap - at < len ? b->cap - at : len;
    iov[0] = (struct iovec){.iov_base = b->ring + at, .iov_len = first};
    if (first == len)
        return 1;
    iov[1] = (struct iovec){.iov_base = b->ring, .iov_len = len - first};
    return 2;
}

void trk_rcvbuf_consume(struct trk_rcvbuf *b, const struct trk_mem *mem, size_t n)
{
    TRK_ASSERT(n <= b->una - b->head);
    b->head += n;
    if (!trk_rcvbuf_is_spare(b))
        return;
    b->loose = b->most > b->cap / 4 ? 0 : b->loose + 1;
    b->most = 0;
    if (b->loose > LOOSE_MAX && b->cap > KEEP_RING_BYTES)
        free_ring(b, mem);
}

void trk_rcvbuf_trim(struct trk_rcvbuf *b, const struct trk_mem *mem)
{
    if (trk_rcvbuf_is_spare(b))
        free_ring(b, mem);
}
