/* Events in an application's hands: see slots.h. */
#include <config.h>

#include "daemon/slots.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int trk_slots_init(struct trk_slots *s, uint32_t n, uint32_t kept_max)
{
    *s = (struct trk_slots){.slot = malloc(n * sizeof *s->slot), .n = n, .kept_max = kept_max};
    if (s->slot == NULL)
        return -ENOMEM;
    memset(s->slot, 0, n * sizeof *s->slot); /* every page is there from now on */
    for (uint32_t i = 0; i < n; i++)
        s->slot[i].next_free = i + 1;
    return 0;
}

void trk_slots_free(struct trk_slots *s)
{
    free(s->slot);
    *s = (struct trk_slots){.slot = NULL};
}

uint64_t trk_slots_renew(struct trk_slots *s, struct trk_slot *slot)
{
    s->kept -= slot->kept;
    slot->kept = false;
    if (++slot->generation == 0)
        slot->generation = 1; /* handles are never 0 */
    return (uint64_t)slot->generation << 32 | (uint64_t)(slot - s->slot);
}

struct trk_slot *trk_slots_take(struct trk_slots *s, uint64_t *handle)
{
    if (s->free == s->n)
        return NULL;
    struct trk_slot *slot = &s->slot[s->free];
    s->free = slot->next_free;
    s->used++;
    slot->used = true;
    *handle = trk_slots_renew(s, slot);
    return slot;
}

void trk_slots_give(struct trk_slots *s, struct trk_slot *slot)
{
    TRK_ASSERT(slot->used);
    s->used--;
    s->kept -= slot->kept;
    slot->used = slot->kept = false;
    slot->next_free = s->free;
    s->free = (uint32_t)(slot - s->slot);
}

bool trk_slots_keep(struct trk_slots *s, struct trk_slot *slot)
{
    if (slot->kept)
        return true;
    if (s->kept >= s->kept_max)
        return false;
    slot->kept = true;
    s->kept++;
    return true;
}

struct trk_slot *trk_slots_find(struct trk_slots *s, uint64_t handle, bool *wild)
{
    uint32_t place = (uint32_t)handle, generation = (uint32_t)(handle >> 32);
    *wild = place >= s->n || generation == 0;
    if (*wild)
        return NULL;
    struct trk_slot *slot = &s->slot[place];
    return slot->used && slot->generation == generation ? slot : NULL;
}
