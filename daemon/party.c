/* The list of connections and listeners: see party.h. */
#include <config.h>

#include "daemon/party.h"

#include <errno.h>

int trk_party_add(struct trk_daemon *d, struct trk_party *p)
{
    if (trk_map_get(&d->party_ids, p->id) != NULL)
        return -EEXIST;
    if (trk_map_put(&d->party_ids, p->id, p, NULL) != 0)
        return -ENOMEM;
    p->next = d->parties;
    p->pprev = &d->parties;
    if (p->next != NULL)
        p->next->pprev = &p->next;
    d->parties = p;
    return 0;
}

void trk_party_remove(struct trk_daemon *d, struct trk_party *p)
{
    if (p->pprev == NULL)
        return;
    trk_map_remove(&d->party_ids, p->id);
    *p->pprev = p->next;
    if (p->next != NULL)
        p->next->pprev = p->pprev;
    p->pprev = NULL;
}

struct trk_party *trk_party_find(const struct trk_daemon *d, uint64_t id)
{
    return trk_map_get(&d->party_ids, id);
}
