#include "base/map.h"

#include "base/err.h"

#include <string.h>

enum { FIRST_CAPACITY = 16 };

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 of exactly eight bytes (Aumasson and Bernstein; the reference's initial constants).
 */
static uint64_t hash(const struct trk_map *map, uint64_t key)
{
    const uint64_t length_word = UINT64_C(8) << 56;
    uint64_t v[4] = {
        map->seed[0] ^ UINT64_C(0x736f6d6570736575), map->seed[1] ^ UINT64_C(0x646f72616e646f6d),
        map->seed[0] ^ UINT64_C(0x6c7967656e657261), map->seed[1] ^ UINT64_C(0x7465646279746573)};

    v[3] ^= key;
    sip_round(v);
    v[0] ^= key;
    v[3] ^= length_word;
    sip_round(v);
    v[0] ^= length_word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void trk_map_init(struct trk_map *map, const uint64_t seed[2], const struct trk_mem *mem)
{
    memset(map, 0, sizeof(*map));
    map->seed[0] = seed[0];
    map->seed[1] = seed[1];
    map->mem = mem;
}

static void release(struct trk_map *map)
{
    if (map->entries != NULL)
        (void)map->mem->resize(map->mem->ctx, map->entries, 0);
}

void trk_map_clear(struct trk_map *map)
{
    release(map);
    map->entries = NULL;
    map->count = 0;
    map->capacity = 0;
}

/* Where key is, or the free entry where it would go; there always is one. The map must have memory.
 */
static struct trk_map_entry *find(const struct trk_map *map, uint64_t key)
{
    size_t i = (size_t)hash(map, key) & (map->capacity - 1);

    while (map->entries[i].value != NULL && map->entries[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return &map->entries[i];
}

static int resize(struct trk_map *map, size_t capacity)
{
    struct trk_map bigger = *map;

    if (capacity > SIZE_MAX / sizeof(*map->entries))
        return -1;
    bigger.entries = map->mem->resize(map->mem->ctx, NULL, capacity * sizeof(*map->entries));
    if (bigger.entries == NULL)
        return -1;
    memset(bigger.entries, 0, capacity * sizeof(*map->entries));
    bigger.capacity = capacity;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].value != NULL)
            *find(&bigger, map->entries[i].key) = map->entries[i];
    }
    release(map);
    *map = bigger;
    return 0;
}

int trk_map_reserve(struct trk_map *map, size_t count)
{
    size_t capacity = map->capacity > 0 ? map->capacity : FIRST_CAPACITY;

    while (capacity / 4 * 3 < count) {
        if (capacity > SIZE_MAX / 2)
            return -1;
        capacity *= 2;
    }
    return capacity == map->capacity ? 0 : resize(map, capacity);
}

void *trk_map_get(const struct trk_map *map, uint64_t key)
{
    return map->count > 0 ? find(map, key)->value : NULL;
}

int trk_map_put(struct trk_map *map, uint64_t key, void *value, void **old)
{
    struct trk_map_entry *entry = map->capacity > 0 ? find(map, key) : NULL;

    TRK_ASSERT(value != NULL);
    if (old != NULL)
        *old = NULL;
    if (entry == NULL || entry->value == NULL) {
        if (trk_map_reserve(map, map->count + 1) != 0)
            return -1;
        entry = find(map, key);
        map->count++;
    } else if (old != NULL) {
        *old = entry->value;
    }
    *entry = (struct trk_map_entry){.key = key, .value = value};
    return 0;
}

/* Moves later entries of the chain back over the hole, so that no search ends there too early. */
static void close_hole(struct trk_map *map, size_t hole)
{
    size_t mask = map->capacity - 1;

    for (size_t i = (hole + 1) & mask; map->entries[i].value != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)hash(map, map->entries[i].key) & mask;

        /* An entry may move back to the hole unless its home lies after the hole. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct trk_map_entry){0};
}

void *trk_map_remove(struct trk_map *map, uint64_t key)
{
    struct trk_map_entry *entry;
    void *value;

    if (map->count == 0)
        return NULL;
    entry = find(map, key);
    value = entry->value;
    if (value == NULL)
        return NULL;
    close_hole(map, (size_t)(entry - map->entries));
    map->count--;
    return value;
}

const struct trk_map_entry *trk_map_next(const struct trk_map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        const struct trk_map_entry *entry = &map->entries[(*cursor)++];

        if (entry->value != NULL)
            return entry;
    }
    return NULL;
}
