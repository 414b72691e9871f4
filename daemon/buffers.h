/*
 * buffers.h: the memory of all connections' streams, with a bound for them together. A peer that sends to an application
 * that does not read, on many connections at once, must not use up the host.
 *
 * Small pieces are always granted: a connection can go on, slowly. A larger one is granted if it is at most a quarter of
 * what is left, so that a few stalled connections do not take all: the fuller, the smaller are the windows that are still
 * granted (dynamic thresholds, Choudhury and Hahne, 1998). Pure but for malloc.
 */
#ifndef TRK_DAEMON_BUFFERS_H
#define TRK_DAEMON_BUFFERS_H

#include "base/mem.h"

enum { TRK_BUFFERS_SMALL_BYTES = 16384 }; /* granted whatever is in use, and not counted */

struct trk_buffers {
    struct trk_mem mem; /* to allocate by; its ctx is this object, which must not move */
    size_t used_bytes;
    size_t most_bytes;
};

/* None in use; most_bytes of counted pieces in all. */
void trk_buffers_init(struct trk_buffers *b, size_t most_bytes);

#endif
