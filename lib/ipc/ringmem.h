/*
 * ringmem.h: the memory of a pair of rings and its two doorbells: made by the daemon, mapped by
 * both. Thin over memfd_create, mmap, eventfd and pipe.
 *
 * The application's doorbell is a pipe, of which it has the reading end only: the flags of an open
 * file are common to all who have it, and a daemon that rang an eventfd could be made to wait
 * there.
 *
 * The memory cannot shrink or grow (sealed), so that a mapping of it never faults. Layout, of which
 * TRK_RINGMEM_LAYOUT is the version: the two control blocks, from TRK_RINGMEM_BYTES_AT on the bytes
 * of the daemon's ring, then those of the application's.
 */
#ifndef TRK_IPC_RINGMEM_H
#define TRK_IPC_RINGMEM_H

#include "ipc/ring.h"

enum {
    TRK_RINGMEM_LAYOUT = 2, /* of the memory, its records (minirec.h), and the doorbells */
    TRK_RINGMEM_BYTES_AT = 4096,
};

struct trk_ringmem {
    int memory_fd;
    int daemon_fd; /* eventfd, non-blocking: rung for the daemon */
    int app_fd;    /* pipe, non-blocking: what the application reads */
    int bell_fd;   /* its other end: rung for the application; -1: this is the application */
    uint8_t *base; /* mapped; NULL: not */
    size_t bytes;
    uint32_t down_bytes; /* the ring that the daemon writes */
    uint32_t up_bytes;   /* the ring that the application writes */
};

/*
 * Makes memory for two rings of these sizes (ring.h's bounds), all pages there, and doorbells.
 * Returns 0 or -errno (nothing is left then).
 */
int trk_ringmem_make(struct trk_ringmem *m, uint32_t down_bytes, uint32_t up_bytes)
    __attribute__((warn_unused_result));

/*
 * Maps what was received: m's descriptors and sizes are set. Returns 0; -EPROTO (sizes that are no
 * rings', not sealed, another length); -errno. The descriptors stay the caller's on failure.
 */
int trk_ringmem_map(struct trk_ringmem *m) __attribute__((warn_unused_result));

/* Unmaps, closes all descriptors. Repeatable; m zeroed with descriptors -1 is allowed. */
void trk_ringmem_close(struct trk_ringmem *m);

/* Views of the two rings, at their beginning. */
void trk_ringmem_rings(const struct trk_ringmem *m, struct trk_ring *down, struct trk_ring *up);

/* Rings a doorbell (daemon_fd, bell_fd), never waiting. One that was rung and not looked at stays
 * rung. */
void trk_ringmem_wake(int fd);

#endif
