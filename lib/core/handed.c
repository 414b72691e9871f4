#include "core/handed.h"

static uint64_t last_seq(const struct trk_ticket *t)
{
    const struct trk_run *r = &t->run[t->n_runs - 1];
    return r->first + r->count - 1;
}

/* Where in the stream seq 0 would lie; wraps. */
static uint64_t place_of(const struct trk_ticket *t, const struct trk_run *r)
{
    return r->off - r->first * t->to.payload_bytes;
}

/* Leaves out all seqs up to high that stand for the same bytes as they did: lost bytes may have been
 * given to a seq that was handed out for others. */
static void leave_out(struct trk_ticket *t, uint64_t high, uint64_t place)
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->n_runs; i++) {
        struct trk_run r = t->run[i];
        bool same = place_of(t, &r) == place;
        if (same && r.first + r.count <= high + 1)
            continue;
        if (same && r.first <= high) {
            uint64_t skip = high + 1 - r.first, bytes = skip * t->to.payload_bytes;
            r.first += skip;
            r.count = (uint16_t)(r.count - skip);
            r.off += bytes;
            r.len -= (uint32_t)bytes;
        }
        t->run[n++] = r;
    }
    t->n_runs = n;
}

void trk_handed_cut(struct trk_handed *h, uint64_t now_us, struct trk_ticket *t)
{
    if (t->n_runs == 0)
        return;
    uint64_t last = last_seq(t), conn = t->to.conn, rho = t->to.space.rho;
    size_t i = conn % TRK_HANDED_CONNS;
    bool known = h->of[i].conn == conn && h->of[i].rho == rho && now_us < h->of[i].until_us &&
                 h->of[i].until_us - now_us <= TRK_HANDED_US; /* the clock may be set back */
    if (known && last <= h->of[i].high)
        return;
    if (known)
        leave_out(t, h->of[i].high, h->of[i].place);
    h->of[i].conn = conn;
    h->of[i].rho = rho;
    h->of[i].high = last;
    h->of[i].place = place_of(t, &t->run[t->n_runs - 1]);
    h->of[i].until_us = now_us + TRK_HANDED_US;
}
