/* Downlink bytes of a served connection: see down.h. */
#include <config.h>

#include "daemon/down.h"

#include <stdlib.h>
#include <string.h>

enum { RING_MIN_BYTES = 64 << 10 };

int trk_down_release(struct trk_down *w, struct trk_applink *l, uint64_t una)
{
    if (una > l->end)
        una = l->end; /* a FIN's offset */
    if (una < w->to) {
        if (una > w->from)
            w->from = una;
        return 0;
    }
    int rc = trk_applink_release(l, una);
    w->from = w->to = l->taken;
    return rc;
}

/* Room for `need` bytes in all; false where the bounds or the memory forbid it. */
static bool grow(struct trk_down *w, struct trk_daemon *d, struct trk_port *port, size_t need)
{
    size_t cap = w->cap != 0 ? w->cap : RING_MIN_BYTES;
    while (cap < need)
        cap *= 2;
    if (cap == w->cap)
        return true;
    if (cap > d->conf.ring_bytes_max || d->ring_bytes + cap - w->cap > d->conf.ring_bytes_total)
        return false;
    uint8_t *ring = malloc(cap);
    if (ring == NULL)
        return false;
    trk_port_flush(port);
    for (uint64_t off = w->from; off < w->to;) {
        size_t at = off & (w->cap - 1), len = w->cap - at;
        if (len > w->to - off)
            len = (size_t)(w->to - off);
        size_t to = off & (cap - 1), first = cap - to < len ? cap - to : len;
        memcpy(ring + to, w->ring + at, first);
        memcpy(ring, w->ring + at + first, len - first);
        off += len;
    }
    free(w->ring);
    d->ring_bytes += cap - w->cap;
    w->ring = ring;
    w->cap = cap;
    return true;
}

int trk_down_spill(struct trk_down *w, struct trk_applink *l, struct trk_daemon *d, struct trk_port *port,
                   uint64_t upto)
{
    if (w->from == w->to)
        w->from = w->to = l->taken;
    if (upto > l->end)
        upto = l->end;
    if (upto <= w->to)
        return 0;
    if (!grow(w, d, port, (size_t)(upto - w->from)))
        upto = w->from + w->cap; /* what still fits */
    while (w->to < upto) {
        size_t at = w->to & (w->cap - 1), len = w->cap - at;
        if (len > upto - w->to)
            len = (size_t)(upto - w->to);
        int rc = trk_applink_move(l, w->ring + at, len);
        if (rc != 0)
            return rc;
        w->to += len;
        d->count.spilled += len;
    }
    return 0;
}

unsigned trk_down_pieces(const struct trk_down *w, uint64_t off, size_t len, struct iovec iov[2])
{
    size_t at = off & (w->cap - 1), first = w->cap - at < len ? w->cap - at : len;
    iov[0] = (struct iovec){.iov_base = w->ring + at, .iov_len = first};
    iov[1] = (struct iovec){.iov_base = w->ring, .iov_len = len - first};
    return len > first ? 2 : 1;
}

void trk_down_free(struct trk_down *w, struct trk_daemon *d)
{
    d->ring_bytes -= w->cap;
    free(w->ring);
    w->ring = NULL;
    w->cap = 0;
    w->from = w->to = 0;
}
