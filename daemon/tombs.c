/* Connections that ended early: see tombs.h. */
#include <config.h>

#include "daemon/tombs.h"

#include <string.h>

void trk_tombs_init(struct trk_tombs *t, uint64_t start_us, uint64_t fresh_us, const uint64_t seed[2],
                    const struct trk_mem *mem)
{
    memset(t, 0, sizeof *t);
    t->floor_us = start_us;
    t->fresh_us = fresh_us;
    trk_map_init(&t->index, seed, mem);
}

void trk_tombs_free(struct trk_tombs *t)
{
    if (t->ring != NULL)
        t->index.mem->resize(t->index.mem->ctx, t->ring, 0);
    t->ring = NULL;
    t->first = t->count = 0;
    trk_map_clear(&t->index);
}

static void raise_floor(struct trk_tombs *t, uint64_t issued_us)
{
    if (issued_us > t->floor_us)
        t->floor_us = issued_us;
}

static void forget_oldest(struct trk_tombs *t)
{
    trk_map_remove(&t->index, t->ring[t->first].conn);
    t->first = (t->first + 1) % TRK_TOMBS_MAX;
    t->count--;
}

void trk_tombs_add(struct trk_tombs *t, uint64_t conn, uint64_t issued_us, uint64_t now_us)
{
    while (t->count > 0 && t->ring[t->first].until_us < now_us)
        forget_oldest(t);
    if (issued_us + t->fresh_us < now_us)
        return;
    if (t->ring == NULL)
        t->ring = t->index.mem->resize(t->index.mem->ctx, NULL, TRK_TOMBS_MAX * sizeof *t->ring);
    if (t->count == TRK_TOMBS_MAX) {
        raise_floor(t, t->ring[t->first].issued_us);
        forget_oldest(t);
    }
    if (t->ring == NULL || trk_map_put(&t->index, conn, t, NULL) != 0) {
        raise_floor(t, issued_us);
        return;
    }
    t->ring[(t->first + t->count++) % TRK_TOMBS_MAX] =
        (struct trk_tomb){.conn = conn, .until_us = now_us + t->fresh_us, .issued_us = issued_us};
}

bool trk_tombs_has(const struct trk_tombs *t, uint64_t conn, uint64_t issued_us)
{
    bool below = issued_us <= t->floor_us && t->floor_us - issued_us <= 2 * t->fresh_us;
    return below || trk_map_get(&t->index, conn) != NULL;
}
