/* conform_map.h: a hash map of 128-bit keys to small values, growing, never shrinking. For the
 * checker only. */
#ifndef TRK_TESTS_CONFORM_MAP_H
#define TRK_TESTS_CONFORM_MAP_H

#include <stddef.h>
#include <stdint.h>

struct conform_key {
    uint64_t a, b;
};

struct conform_value {
    uint64_t x, y;
};

struct conform_map {
    struct conform_slot *slots;
    size_t count, cap; /* cap: a power of two, or 0 */
};

/* The value of key, or NULL. Valid until the next put. */
struct conform_value *conform_map_get(const struct conform_map *m, struct conform_key key);

/* The value of key, made (zero) if need be. Ends the program without memory. */
struct conform_value *conform_map_put(struct conform_map *m, struct conform_key key);

void conform_map_free(struct conform_map *m);

/* Memory for n objects of size bytes, zeroed, or the end of the program. */
void *conform_alloc(size_t n, size_t size);

#endif
