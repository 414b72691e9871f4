#include <config.h>

#include "conform_state.h"

#include <stdlib.h>

struct conform_state {
    struct conform_state *next;
    bool began;            /* its first continuation was seen, not only checkpoints */
    uint64_t from, after;  /* of that; from: the lowest seen until then */
    uint64_t end;          /* UINT64_MAX: not known */
    bool fin;              /* the downlink ends there */
    uint64_t low, reached; /* bytes [low, reached) of it were sent; low above reached: none */
    uint64_t fin_at;       /* where DATA said that the downlink ends; UINT64_MAX */
};

void conform_states_free(struct conform_states *s)
{
    while (s->all != NULL) {
        struct conform_state *next = s->all->next;
        free(s->all);
        s->all = next;
    }
    conform_map_free(&s->map);
}

static struct conform_state *find(const struct conform_states *s, uint64_t conn, uint64_t state)
{
    const struct conform_value *v = conform_map_get(&s->map, (struct conform_key){conn, state});
    return v != NULL ? (struct conform_state *)(uintptr_t)v->x : NULL;
}

static struct conform_state *make(struct conform_states *s, uint64_t conn, uint64_t state)
{
    struct conform_state *e = conform_alloc(1, sizeof *e);
    *e = (struct conform_state){.next = s->all,
                                .from = UINT64_MAX,
                                .end = UINT64_MAX,
                                .low = UINT64_MAX,
                                .fin_at = UINT64_MAX};
    s->all = e;
    s->n++;
    conform_map_put(&s->map, (struct conform_key){conn, state})->x = (uintptr_t)e;
    return e;
}

/* The end of a state: once known it stays, and nothing was sent beyond it. */
static const char *learn_end(struct conform_state *e, const struct trk_ucont *u)
{
    if ((u->flags & TRK_UCONT_END) == 0)
        return NULL;
    if (e->end != UINT64_MAX && e->end != u->end)
        return "has another end than before";
    e->end = u->end;
    e->fin |= (u->flags & TRK_UCONT_FIN) != 0;
    if (e->reached > e->end)
        return "ends below what was sent of it";
    if (e->fin_at != UINT64_MAX && e->fin_at != e->end)
        return "ends elsewhere than its DATA said";
    return NULL;
}

const char *conform_state_given(struct conform_states *s, uint64_t conn, const struct trk_ucont *u)
{
    struct conform_state *e = find(s, conn, u->state);
    bool begins = u->after != u->state;
    if (e == NULL)
        e = make(s, conn, u->state);
    if (u->after == 0 && u->from != 0)
        return "is the first, and begins beyond the beginning of the stream";
    if (begins && e->began && (u->after != e->after || u->from != e->from))
        return "begins twice, in different ways";
    if (!begins && e->began && u->from < e->from)
        return "has a checkpoint below its beginning";
    if (begins && e->low < u->from)
        return "begins above what was sent of it";
    if (begins) {
        e->began = true;
        e->after = u->after;
        e->from = u->from;
    } else if (!e->began && u->from < e->from) {
        e->from = u->from;
    }
    return learn_end(e, u);
}

const char *conform_state_sent(struct conform_states *s, uint64_t conn,
                               const struct trk_data_pkt *d, bool partial)
{
    struct conform_state *e = find(s, conn, d->state);
    uint64_t end = d->off + d->payload_len;
    bool fin = (d->c.flags & TRK_DATA_FIN) != 0;
    if ((e == NULL || !e->began) && !partial)
        return "of which no first continuation was sent before";
    if (e == NULL)
        e = make(s, conn, d->state);
    if (e->began && d->off < e->from)
        return "is given below its beginning";
    if (end > e->end)
        return "is given beyond its end";
    if ((fin && e->end != UINT64_MAX && end != e->end) || (e->fin_at != UINT64_MAX && end > e->fin_at))
        return "is given beyond the end of the downlink, or that is not its end";
    if (fin)
        e->fin_at = end;
    e->low = d->off < e->low ? d->off : e->low;
    e->reached = end > e->reached ? end : e->reached;
    return NULL;
}
