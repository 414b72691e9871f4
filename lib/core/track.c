#include "core/track.h"

#include <string.h>

enum { FIRST_CAP = 32 };

void trk_track_reset(struct trk_track *t, uint64_t base)
{
    struct trk_track fresh = {.v = t->v, .cap = t->cap, .base = base};
    fresh.k = fresh.high_asked = fresh.high_rcvd = fresh.high_sent = base - 1;
    *t = fresh;
}

void trk_track_free(struct trk_track *t, const struct trk_mem *mem)
{
    if (t->v != NULL)
        mem->resize(mem->ctx, t->v, 0);
    *t = (struct trk_track){0};
}

static int grow(struct trk_track *t, const struct trk_mem *mem)
{
    size_t cap = t->cap == 0 ? FIRST_CAP : 2 * t->cap;
    struct trk_seq_entry *v = mem->resize(mem->ctx, NULL, cap * sizeof *v);
    if (v == NULL)
        return TRK_E_NOMEM;
    for (uint64_t s = t->k + 1; s <= t->high_asked; s++)
        v[s & (cap - 1)] = t->v[s & (t->cap - 1)];
    if (t->v != NULL)
        mem->resize(mem->ctx, t->v, 0);
    t->v = v;
    t->cap = cap;
    return TRK_OK;
}

struct trk_seq_entry *trk_track_push(struct trk_track *t, const struct trk_mem *mem)
{
    if (t->high_asked - t->k >= t->cap && grow(t, mem) != TRK_OK)
        return NULL;
    t->high_asked++;
    struct trk_seq_entry *e = &t->v[t->high_asked & (t->cap - 1)];
    memset(e, 0, sizeof *e);
    return e;
}

static uint32_t *count_of(struct trk_track *t, uint8_t state)
{
    switch ((enum trk_seq_state)state) {
    case TRK_SEQ_ASKED:
        return &t->n_asked;
    case TRK_SEQ_UNSENT:
        return &t->n_unsent;
    case TRK_SEQ_LOST:
        return &t->n_lost;
    case TRK_SEQ_RECEIVED:
        return &t->n_rcvd;
    case TRK_SEQ_NONE:
    default:
        return NULL;
    }
}

void trk_track_set(struct trk_track *t, struct trk_seq_entry *e, enum trk_seq_state state)
{
    uint32_t *from = count_of(t, e->state), *to = count_of(t, (uint8_t)state);
    if (from != NULL)
        --*from;
    if (to != NULL)
        ++*to;
    e->state = (uint8_t)state;
}

int trk_track_received(struct trk_track *t, uint64_t seq, uint64_t nonce, enum trk_seq_state *was)
{
    if (seq <= t->k)
        return seq >= t->base ? TRK_E_DUPLICATE : TRK_E_FIELD;
    struct trk_seq_entry *e = trk_track_at(t, seq);
    if (e == NULL)
        return TRK_E_FIELD;
    *was = (enum trk_seq_state)e->state;
    if (e->state == TRK_SEQ_RECEIVED)
        return TRK_E_DUPLICATE;
    trk_track_set(t, e, TRK_SEQ_RECEIVED);
    e->nonce = nonce;
    if (seq > t->high_rcvd)
        t->high_rcvd = seq;
    while ((e = trk_track_at(t, t->k + 1)) != NULL && e->state == TRK_SEQ_RECEIVED) {
        trk_track_set(t, e, TRK_SEQ_NONE);
        t->fold ^= e->nonce;
        t->k++;
    }
    return TRK_OK;
}

unsigned trk_track_ranges(const struct trk_track *t, struct trk_proof_range *out, uint64_t *proof,
                          uint32_t *n_seqs)
{
    unsigned n = 0;
    for (uint64_t s = t->high_rcvd; t->n_rcvd > 0 && s > t->k && n < TRK_PROOF_RANGES_MAX; s--) {
        const struct trk_seq_entry *e = trk_track_at(t, s);
        if (e->state != TRK_SEQ_RECEIVED)
            continue;
        if (n > 0 && out[n - 1].first == s + 1 && out[n - 1].count < UINT16_MAX) {
            out[n - 1].first = s;
            out[n - 1].count++;
        } else
            out[n++] = (struct trk_proof_range){.first = s, .count = 1};
        *proof ^= e->nonce;
        ++*n_seqs;
    }
    return n;
}
