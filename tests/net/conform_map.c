#include <config.h>

#include "conform_map.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct conform_slot {
    struct conform_key key;
    struct conform_value value;
    bool used;
};

void *conform_alloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p) {
        fputs("trk-conform: out of memory\n", stderr);
        exit(2);
    }
    return p;
}

/* The finisher of splitmix64 over both halves: keys are counters and sums, which must not cluster.
 */
static uint64_t mix(struct conform_key k)
{
    uint64_t h = k.a * 0x9e3779b97f4a7c15u ^ k.b;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

/* The slot of key, or the empty one where it would go. */
static struct conform_slot *find(const struct conform_map *m, struct conform_key key)
{
    size_t i = (size_t)mix(key) & (m->cap - 1);
    while (m->slots[i].used && (m->slots[i].key.a != key.a || m->slots[i].key.b != key.b))
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

static void grow(struct conform_map *m)
{
    struct conform_map bigger = {.count = m->count, .cap = m->cap ? m->cap * 2 : 1024};
    bigger.slots = conform_alloc(bigger.cap, sizeof *bigger.slots);
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].used)
            *find(&bigger, m->slots[i].key) = m->slots[i];
    free(m->slots);
    *m = bigger;
}

struct conform_value *conform_map_get(const struct conform_map *m, struct conform_key key)
{
    if (m->cap == 0)
        return NULL;
    struct conform_slot *s = find(m, key);
    return s->used ? &s->value : NULL;
}

struct conform_value *conform_map_put(struct conform_map *m, struct conform_key key)
{
    if (m->count * 2 >= m->cap)
        grow(m);
    struct conform_slot *s = find(m, key);
    if (!s->used) {
        s->used = true;
        s->key = key;
        m->count++;
    }
    return &s->value;
}

void conform_map_free(struct conform_map *m)
{
    free(m->slots);
    *m = (struct conform_map){0};
}
