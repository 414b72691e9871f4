/*
 * ring.h: a ring of records in memory shared by two processes: one writes, one reads. Pure but for
 * that memory.
 *
 * The peer may be hostile. Each side keeps its own indices in private memory and only publishes
 * them; the peer's index is checked each time it is read (it may only go forward, within what is
 * possible), and a record's header is read once. So a peer that writes anything at all into the
 * shared memory gets us an error (-EPROTO, for good), or records with other contents, never an
 * access outside. A record's bytes may change while they are looked at: copy what is checked.
 *
 * Layout. Two indices that only grow (bytes; the place is index mod size), and two words by which a
 * side says that it sleeps, so that doorbells are rung only then:
 *     head (writer) | tail (reader) | waiting (reader sleeps) | stalled (writer waits for room)
 * each in a cache line of its own. A record is a header of 8 bytes (length, type), its bytes, and
 * filling up to a multiple of 8. It never wraps: where the end of the ring is too near, a record of
 * type TRK_RING_PAD goes up to it.
 *
 * Threads: one writer, one reader, each with its own struct trk_ring.
 */
#ifndef TRK_IPC_RING_H
#define TRK_IPC_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRK_RING_LINE_BYTES = 64,
    TRK_RING_HEADER_BYTES = 8,
    TRK_RING_SIZE_MIN_BYTES = 64,
};
#define TRK_RING_SIZE_MAX_BYTES (1u << 30)
#define TRK_RING_PAD            UINT32_MAX /* a type that no record has; 0 is the other */

/* In shared memory. All zero: an empty ring, nobody sleeps. */
struct trk_ring_control {
    _Alignas(TRK_RING_LINE_BYTES) _Atomic uint64_t head;
    _Alignas(TRK_RING_LINE_BYTES) _Atomic uint64_t tail;
    _Alignas(TRK_RING_LINE_BYTES) _Atomic uint32_t waiting;
    _Alignas(TRK_RING_LINE_BYTES) _Atomic uint32_t stalled;
};

/* One side's view, private. */
struct trk_ring {
    struct trk_ring_control *control; /* borrowed */
    uint8_t *bytes;                   /* borrowed */
    uint32_t size;
    uint32_t reserved; /* writer: record bytes given out and not yet committed */
    uint64_t head;     /* writer: published. Reader: the writer's, as seen last */
    uint64_t tail;     /* reader: published. Writer: the reader's, as seen last */
    uint64_t at;       /* writer: where the reserved record begins. Reader: read up to here */
    bool broken;       /* the peer has written nonsense */
};

struct trk_ring_record {
    uint32_t type;
    uint32_t len;
    const uint8_t *bytes; /* in the ring, until trk_ring_release(); aligned to 8 */
};

/*
 * A view of an empty ring (control all zero). bytes: size of them, aligned to 8; size: a power of
 * two between the two bounds.
 */
void trk_ring_init(struct trk_ring *r, struct trk_ring_control *control, uint8_t *bytes,
                   uint32_t size);

/* The longest record: half a ring, so that it always fits once the ring is empty. */
uint32_t trk_ring_record_max(const struct trk_ring *r);

/* ---- the writer's calls ---- */

/* Bytes that are free; 0 where the reader is not to be trusted. A record takes its length, its
 * header and filling; one of them may leave as much unused at the end of the ring. */
uint64_t trk_ring_room(struct trk_ring *r);
/* Bytes that a record of len takes. */
uint64_t trk_ring_whole(uint32_t len);

/*
 * Room for a record of at most len bytes, aligned to 8: *out is valid until the commit. A second
 * call without a commit replaces the first. Returns 0, -EAGAIN (no room now), -EMSGSIZE (above
 * record_max), -EPROTO (the reader is not to be trusted: the ring is of no use any more).
 */
int trk_ring_reserve(struct trk_ring *r, uint32_t len, uint8_t **out)
    __attribute__((warn_unused_result));

/* Publishes the reserved record; len: what of it is used. type: neither 0 nor TRK_RING_PAD. */
void trk_ring_commit(struct trk_ring *r, uint32_t type, uint32_t len);

/* To be called after commits: must the reader's doorbell be rung? True once per sleep. */
bool trk_ring_must_wake(struct trk_ring *r) __attribute__((warn_unused_result));

/* Says that the writer waits for room for len bytes. False: there is some by now, go on. */
bool trk_ring_stall(struct trk_ring *r, uint32_t len) __attribute__((warn_unused_result));

/* ---- the reader's calls ---- */

/* The next record. Returns 1, 0 (none now), or -EPROTO (for good). */
int trk_ring_next(struct trk_ring *r, struct trk_ring_record *rec)
    __attribute__((warn_unused_result));

/* Gives back all that was read. Returns whether the writer's doorbell must be rung: it waits for
 * room. */
bool trk_ring_release(struct trk_ring *r) __attribute__((warn_unused_result));

/* Says that the reader goes to sleep. False: there is something (or was nonsense): read on. */
bool trk_ring_sleep(struct trk_ring *r) __attribute__((warn_unused_result));

#endif
