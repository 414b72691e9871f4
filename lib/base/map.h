/*
 * map.h: hash map from a 64-bit key to a pointer: open addressing, linear probing, no tombstones.
 *
 * Keys may come from the network, so the hash is SipHash-1-3 under a secret seed: nobody who does not know it can fill one
 * chain. At most three quarters full; it grows by doubling, and a growth that fails leaves the map whole. It never
 * shrinks. The order of walking depends on the seed. Pure but for the memory that it is given. Threads: none of its own
 * state.
 */
#ifndef TRK_BASE_MAP_H
#define TRK_BASE_MAP_H

#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>

struct trk_map_entry {
    uint64_t key;
    void *value; /* NULL: free */
};

struct trk_map {
    struct trk_map_entry *entries;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
    uint64_t seed[2];
    const struct trk_mem *mem;
};

/* An empty map; mem is borrowed for as long as the map lives, seed is copied. Takes no memory yet. */
void trk_map_init(struct trk_map *map, const uint64_t seed[2], const struct trk_mem *mem);

/* Gives the memory back; the values are the caller's. The map is empty then and may be used again. */
void trk_map_clear(struct trk_map *map);

/* Makes room for count keys in all. Returns 0, or -1 if there is no memory (nothing has changed). */
int trk_map_reserve(struct trk_map *map, size_t count) __attribute__((warn_unused_result));

/* The value of key, or NULL. */
void *trk_map_get(const struct trk_map *map, uint64_t key);

/*
 * Sets key to value (not NULL). *old, if old is not NULL, gets the value before, or NULL. Returns 0, or -1 if there is no
 * memory (nothing has changed; cannot happen for a key that is there, nor within what was reserved).
 */
int trk_map_put(struct trk_map *map, uint64_t key, void *value, void **old)
    __attribute__((warn_unused_result));

/* Takes key out. Returns its value, or NULL if it was not there. */
void *trk_map_remove(struct trk_map *map, uint64_t key);

/*
 * Walks: *cursor begins at 0; returns the next entry, or NULL at the end. Nothing may be put or removed meanwhile, but
 * the walk may be abandoned.
 */
const struct trk_map_entry *trk_map_next(const struct trk_map *map, size_t *cursor);

#endif
