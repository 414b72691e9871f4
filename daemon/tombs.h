/*
 * tombs.h: connections that ended while their first continuation was still fresh. A copy of their first request, late on
 * its way, must not open another connection into the application.
 *
 * Bounded: when the table is full the oldest entry is forgotten, and every first continuation issued up to that one's is
 * refused from then on (the floor). It begins where the daemon does, which does not know its predecessor's. An entry is
 * forgotten once its continuation is stale anyway. Times are of the wall clock, which may be set back: a floor far above a
 * fresh continuation is of before that, and is not believed. Pure but for memory.
 */
#ifndef TRK_DAEMON_TOMBS_H
#define TRK_DAEMON_TOMBS_H

#include "base/map.h"

#include <stdbool.h>

enum { TRK_TOMBS_MAX = 1 << 18 };

struct trk_tomb {
    uint64_t conn;
    uint64_t until_us;
    uint64_t issued_us;
};

struct trk_tombs {
    struct trk_map index;
    struct trk_tomb *ring; /* oldest first; memory from the first entry on */
    unsigned first, count;
    uint64_t fresh_us;
    uint64_t floor_us;
};

/* An empty table at start_us; continuations are fresh for fresh_us. mem is borrowed. */
void trk_tombs_init(struct trk_tombs *t, uint64_t start_us, uint64_t fresh_us, const uint64_t seed[2],
                    const struct trk_mem *mem);
void trk_tombs_free(struct trk_tombs *t);

/* conn, whose first continuation was issued at issued_us, has ended at now_us. Without memory the floor rises instead. */
void trk_tombs_add(struct trk_tombs *t, uint64_t conn, uint64_t issued_us, uint64_t now_us);

/* Must a first request of conn, on a continuation that is fresh, be refused? */
bool trk_tombs_has(const struct trk_tombs *t, uint64_t conn, uint64_t issued_us);

#endif
