/* A ring of records in shared memory: see ring.h. */
#include <config.h>

#include "ipc/ring.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

_Static_assert(sizeof(struct trk_ring_control) == 4 * TRK_RING_LINE_BYTES, "a line each");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "between processes");

void trk_ring_init(struct trk_ring *r, struct trk_ring_control *control, uint8_t *bytes,
                   uint32_t size)
{
    TRK_ASSERT(size >= TRK_RING_SIZE_MIN_BYTES && size <= TRK_RING_SIZE_MAX_BYTES &&
               (size & (size - 1)) == 0 && ((uintptr_t)bytes & 7) == 0);
    *r = (struct trk_ring){.control = control, .bytes = bytes, .size = size};
}

uint32_t trk_ring_record_max(const struct trk_ring *r)
{
    return r->size / 2 - TRK_RING_HEADER_BYTES;
}

static uint32_t place(const struct trk_ring *r, uint64_t index)
{
    return (uint32_t)(index & (r->size - 1));
}

/* 64 bits: len may be anything. */
uint64_t trk_ring_whole(uint32_t len)
{
    return TRK_RING_HEADER_BYTES + (((uint64_t)len + 7) & ~UINT64_C(7));
}

/* Header: one word, so that it is read in one piece. */
static _Atomic uint64_t *header(const struct trk_ring *r, uint64_t index)
{
    return (_Atomic uint64_t *)(void *)(r->bytes + place(r, index));
}

static void write_header(struct trk_ring *r, uint64_t index, uint32_t type, uint32_t len)
{
    atomic_store_explicit(header(r, index), (uint64_t)type << 32 | len, memory_order_relaxed);
}

static int broken(struct trk_ring *r)
{
    r->broken = true;
    return -EPROTO;
}

/* ---- writer ---- */

/* Takes in how far the reader is. */
static int look_at_tail(struct trk_ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->control->tail, memory_order_acquire);
    if ((tail & 7) != 0 || tail - r->tail > r->head - r->tail) {
        return broken(r);
    }
    r->tail = tail;
    return 0;
}

static uint64_t room(const struct trk_ring *r)
{
    return r->size - (r->head - r->tail);
}

uint64_t trk_ring_room(struct trk_ring *r)
{
    return r->broken || look_at_tail(r) != 0 ? 0 : room(r);
}

int trk_ring_reserve(struct trk_ring *r, uint32_t len, uint8_t **out)
{
    if (r->broken) {
        return -EPROTO;
    }
    if (len > trk_ring_record_max(r)) {
        return -EMSGSIZE;
    }
    uint32_t left = r->size - place(r, r->head);
    uint32_t pad = left < trk_ring_whole(len) ? left : 0;
    if (room(r) < pad + trk_ring_whole(len)) {
        if (look_at_tail(r) != 0) {
            return -EPROTO;
        }
        if (room(r) < pad + trk_ring_whole(len)) {
            return -EAGAIN;
        }
    }
    if (pad != 0) {
        write_header(r, r->head, TRK_RING_PAD, pad - TRK_RING_HEADER_BYTES);
    }
    r->at = r->head + pad;
    r->reserved = len;
    *out = r->bytes + place(r, r->at) + TRK_RING_HEADER_BYTES;
    return 0;
}

void trk_ring_commit(struct trk_ring *r, uint32_t type, uint32_t len)
{
    TRK_ASSERT(len <= r->reserved && r->at >= r->head && type != 0 && type != TRK_RING_PAD);
    write_header(r, r->at, type, len);
    r->head = r->at + trk_ring_whole(len);
    r->reserved = 0;
    atomic_store_explicit(&r->control->head, r->head, memory_order_release);
}

/*
 * Sleeping and waking exchange the word, on both sides: whichever comes second sees what the first
 * did before. (A plain store and a load could each miss the other.)
 */
bool trk_ring_must_wake(struct trk_ring *r)
{
    return atomic_exchange_explicit(&r->control->waiting, 0, memory_order_acq_rel) != 0;
}

bool trk_ring_stall(struct trk_ring *r, uint32_t len)
{
    uint8_t *unused;
    (void)atomic_exchange_explicit(&r->control->stalled, 1, memory_order_acq_rel);
    if (trk_ring_reserve(r, len, &unused) == -EAGAIN) {
        return true;
    }
    (void)atomic_exchange_explicit(&r->control->stalled, 0, memory_order_acq_rel);
    return false;
}

/* ---- reader ---- */

/* Takes in how far the writer is. */
static int look_at_head(struct trk_ring *r)
{
    uint64_t head = atomic_load_explicit(&r->control->head, memory_order_acquire);
    if ((head & 7) != 0 || head - r->tail > r->size || head - r->tail < r->at - r->tail) {
        return broken(r);
    }
    r->head = head;
    return 0;
}

int trk_ring_next(struct trk_ring *r, struct trk_ring_record *rec)
{
    for (;;) {
        if (r->broken || (r->at == r->head && look_at_head(r) != 0)) {
            return -EPROTO;
        }
        if (r->at == r->head) {
            return 0;
        }
        uint64_t word = atomic_load_explicit(header(r, r->at), memory_order_relaxed);
        uint32_t type = (uint32_t)(word >> 32), len = (uint32_t)word;
        uint32_t left = r->size - place(r, r->at);
        if (type == 0 || trk_ring_whole(len) > r->head - r->at || trk_ring_whole(len) > left ||
            (type == TRK_RING_PAD && trk_ring_whole(len) != left)) {
            return broken(r);
        }
        const uint8_t *bytes = r->bytes + place(r, r->at) + TRK_RING_HEADER_BYTES;
        r->at += trk_ring_whole(len);
        if (type != TRK_RING_PAD) {
            *rec = (struct trk_ring_record){.type = type, .len = len, .bytes = bytes};
            return 1;
        }
    }
}

bool trk_ring_release(struct trk_ring *r)
{
    if (r->tail == r->at) {
        return false;
    }
    r->tail = r->at;
    atomic_store_explicit(&r->control->tail, r->tail, memory_order_release);
    return atomic_exchange_explicit(&r->control->stalled, 0, memory_order_acq_rel) != 0;
}

bool trk_ring_sleep(struct trk_ring *r)
{
    if (r->broken || r->at != r->head) {
        return false;
    }
    (void)atomic_exchange_explicit(&r->control->waiting, 1, memory_order_acq_rel);
    if (atomic_load_explicit(&r->control->head, memory_order_acquire) == r->at) {
        return true;
    }
    (void)atomic_exchange_explicit(&r->control->waiting, 0, memory_order_acq_rel);
    return false;
}
