/*
 * judge.h: the judge. Sees every datagram that arrives at the server and every one that leaves it, as a capture at the
 * server would, and recomputes what the protocol allows with code of its own (fields read at their offsets in
 * trickles-protocol(7), the window counted packet by packet as RFC 5681 does, transitions from the manual). From the
 * engine it takes one thing only: which salt a continuation holds, which needs the key.
 *
 * Judged: a seq is sent once in a space; only if a request asked for it and the grant rule allowed it; `limit` is exactly
 * the rule's; a proof is accepted only if it is the xor of nonces that were sent; every request that opens is answered;
 * nothing granted, nothing larger than the request; after HOLE nothing out of the gap.
 */
#ifndef TRK_SIM_JUDGE_H
#define TRK_SIM_JUDGE_H

#include "core/server.h"

enum { JUDGE_WHY_BYTES = 200, JUDGE_REQS = 4096, JUDGE_SPACES = 64 };

/* A request that arrived, by its number. */
struct judge_req {
    bool used;
    uint32_t reqno;
    uint64_t cid, rho;
    uint64_t limit;
};

/* All seqs of one salt. */
struct judge_space {
    uint64_t rho;
    uint64_t *nonce; /* by seq */
    uint8_t *state;  /* 0 unsent, 1 sent, 2 closed by a HOLE */
    bool *allowed;   /* a true request asked for it within its limit */
    uint64_t cap;
    uint64_t sent;   /* distinct seqs */
    uint64_t highest;
    uint64_t resent; /* after the table was lost */
};

struct judge {
    const struct trk_seal_ops *seal;
    bool table_lost;    /* seqs may be sent again */
    bool table_useless; /* lost at every packet */
    bool why_set;
    char why[JUDGE_WHY_BYTES];
    struct judge_space space[JUDGE_SPACES];
    unsigned n_spaces;
    struct judge_req req[JUDGE_REQS];
    /* the arrival being served */
    struct judge_req *now;
    size_t now_len;
    bool now_opens;   /* a REQUEST whose continuation opens and is fresh enough to be judged */
    bool now_bad_proof;
    unsigned answers;
    uint64_t answer_data, answer_bytes;
    bool answer_stale, answer_bad, answer_ucont;
    /* totals */
    uint64_t requests, data, accepted_false, hash;
    uint64_t window_max;
};

void judge_init(struct judge *c, const struct trk_seal_ops *seal);
void judge_free(struct judge *c);
/* A datagram arrives at the server; then what the server sends at once; then the end of it. */
void judge_arrival(struct judge *c, const uint8_t *pkt, size_t len);
void judge_answer(struct judge *c, const uint8_t *pkt, size_t len);
void judge_arrival_done(struct judge *c, enum trk_verdict v);
void judge_table_lost(struct judge *c);
/* The first thing that was wrong; NULL if nothing. */
const char *judge_why(const struct judge *c);

#endif
