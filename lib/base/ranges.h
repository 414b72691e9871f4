/*
 * ranges.h: a small sorted set of half-open ranges [start, end) of 64-bit numbers. Pure but for the
 * memory it is given.
 *
 * Neighbouring and overlapping ranges are merged. The number of ranges is bounded; at the bound an
 * addition that would make one more is refused (and the set is unchanged), so that a hostile peer
 * cannot make it grow.
 */
#ifndef TRK_BASE_RANGES_H
#define TRK_BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct trk_range {
    uint64_t start;
    uint64_t end;
};

struct trk_ranges {
    struct trk_range *v; /* owned, ascending, disjoint, not touching */
    size_t n;
    size_t cap;
    size_t max; /* bound on n */
};

/* An empty set that will hold at most max ranges. Takes no memory yet. */
void trk_ranges_init(struct trk_ranges *s, size_t max);

/* Gives the memory back; the set is empty and usable again. */
void trk_ranges_free(struct trk_ranges *s, const struct trk_mem *mem);

/*
 * Adds [start, end); an empty range is no change. Returns 0, TRK_E_NOMEM, or TRK_E_NOSPACE at the
 * bound. O(n) moves, O(log n) search.
 */
int trk_ranges_add(struct trk_ranges *s, const struct trk_mem *mem, uint64_t start, uint64_t end)
    __attribute__((warn_unused_result));

/* Takes [start, end) out. Returns as trk_ranges_add (a hole in the middle of a range makes one
 * more); unchanged then. */
int trk_ranges_sub(struct trk_ranges *s, const struct trk_mem *mem, uint64_t start, uint64_t end);

/* Index of the first range whose end is above x; s->n if none. */
size_t trk_ranges_find(const struct trk_ranges *s, uint64_t x);

/* Is all of [start, end) in the set? True for an empty range. */
bool trk_ranges_has(const struct trk_ranges *s, uint64_t start, uint64_t end);

/*
 * The first gap (part not in the set) of [start, end): true and *gap set, or false if all is in the
 * set.
 */
bool trk_ranges_gap(const struct trk_ranges *s, uint64_t start, uint64_t end,
                    struct trk_range *gap);

#endif
