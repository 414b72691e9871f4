/*
 * track.h: what the client knows of the seqs of one epoch: asked, unsent, received, lost. Pure but
 * for its memory.
 *
 * base <= k + 1; all of base..k was received and is folded into one proof; entries exist for (k,
 * high_asked]. A seq is
 *
 *   ASKED     a request for it is under way, or its DATA is
 *   UNSENT    the server said that it had nothing for it yet: it is credit there
 *   RECEIVED  above k
 *   LOST      given up; its bytes are asked for again under other seqs
 */
#ifndef TRK_CORE_TRACK_H
#define TRK_CORE_TRACK_H

#include "base/mem.h"
#include "core/wire.h"

enum trk_seq_state {
    TRK_SEQ_NONE = 0,
    TRK_SEQ_ASKED,
    TRK_SEQ_UNSENT,
    TRK_SEQ_RECEIVED,
    TRK_SEQ_LOST,
};

struct trk_seq_entry {
    uint64_t off; /* stream range asked for */
    uint64_t nonce;
    uint32_t asked_us; /* last time, 32 bits of us */
    uint32_t reqno;    /* last request that asked */
    uint32_t first_reqno; /* and the first: no lower than that of a lower seq */
    uint16_t len;
    uint8_t state; /* enum trk_seq_state */
    bool fresh;    /* bytes never asked for before: the server may carry others that come next */
};

struct trk_track {
    struct trk_seq_entry *v; /* ring, indexed by seq & (cap - 1) */
    size_t cap;
    uint64_t base;
    uint64_t k;
    uint64_t high_asked; /* base - 1 while nothing was */
    uint64_t high_rcvd;  /* likewise */
    uint64_t high_sent;  /* likewise: known to have been sent, all below as well */
    uint64_t fold;       /* xor of the nonces of base..k */
    uint32_t n_asked;    /* entries in each state */
    uint32_t n_unsent;
    uint32_t n_lost;
    uint32_t n_rcvd;
};

/* Forgets everything; the next seq is base. Keeps its memory. */
void trk_track_reset(struct trk_track *t, uint64_t base);
void trk_track_free(struct trk_track *t, const struct trk_mem *mem);

/* The entry of a seq in (k, high_asked]; NULL outside. */
static inline struct trk_seq_entry *trk_track_at(const struct trk_track *t, uint64_t seq)
{
    return seq <= t->k || seq > t->high_asked ? NULL : &t->v[seq & (t->cap - 1)];
}

/* Appends seq high_asked + 1 as NONE; NULL if there is no memory. */
struct trk_seq_entry *trk_track_push(struct trk_track *t, const struct trk_mem *mem);

/* The one way to change an entry's state: keeps the counts. */
void trk_track_set(struct trk_track *t, struct trk_seq_entry *e, enum trk_seq_state state);

/*
 * DATA of seq came. Returns TRK_OK, TRK_E_DUPLICATE, or TRK_E_FIELD if it was never asked for. *was
 * is the state before. Advances k and the fold.
 */
int trk_track_received(struct trk_track *t, uint64_t seq, uint64_t nonce, enum trk_seq_state *was);

/*
 * The proof of what came above k: at most TRK_PROOF_RANGES_MAX ranges, newest first, folded into
 * *proof; *n_seqs how many seqs they are. Returns how many ranges. O(high_rcvd - k).
 */
unsigned trk_track_ranges(const struct trk_track *t, struct trk_proof_range *out, uint64_t *proof,
                          uint32_t *n_seqs);

#endif
