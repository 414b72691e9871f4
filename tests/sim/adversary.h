/*
 * adversary.h: a client made of nothing but malice. It keeps every continuation and every nonce that it ever got, and asks
 * for all that the server can be brought to give.
 */
#ifndef TRK_SIM_ADVERSARY_H
#define TRK_SIM_ADVERSARY_H

#include "judge.h"
#include "simserver.h"

enum { ADVERSARY_CONTS = 4096, ADVERSARY_SEQS = 1 << 18 };

struct adversary {
    struct sim sim;
    struct simlink down;
    struct simserver server;
    struct judge judge;
    struct fakeseal judge_fake;
    struct trk_seal_ops judge_ops;
    struct trk_addr addr;
    struct rng rng;
    uint32_t reqno;
    unsigned n_conts;
    uint8_t cont[ADVERSARY_CONTS][TRK_CONT_BYTES];
    bool have[ADVERSARY_SEQS]; /* received, by seq, in the present space */
    uint64_t nonce[ADVERSARY_SEQS];
    uint64_t known_to; /* all received below are old: may be used in proofs (one round trip later) */
    bool old[ADVERSARY_SEQS];
    uint64_t data, fresh; /* packets; distinct seqs since fresh was cleared */
    uint64_t highest;
    uint64_t bytes_in, bytes_out;
    unsigned reason[TRK_REASON_COUNT];
    bool sent_twice;
};

/* Opens a connection to a server of its own, with an endless file. */
void adversary_init(struct adversary *a, uint64_t seed);
void adversary_free(struct adversary *a);
/* A round trip passes: what was received may be used in proofs now. */
void adversary_round(struct adversary *a);
/* The highest seq of the continuation's epoch up to which all were received a round trip ago. */
uint64_t adversary_k(const struct adversary *a, const struct trk_law *law);
/* Reads the law part of continuation i. */
void adversary_law(const struct adversary *a, unsigned i, struct trk_law *law);
/* One request on continuation i: asks for [first, end); false_proof spoils the proof. */
void adversary_ask(struct adversary *a, unsigned i, enum trk_kind kind, uint64_t hole, uint8_t attempt, uint64_t k,
                   uint64_t first, uint64_t end, uint16_t flags, bool false_proof);
/* Everything on continuation i: the epoch itself, every HOLE, every TIMEOUT and attempt, a refresh; in a drawn order. */
void adversary_all(struct adversary *a, unsigned i, bool timeouts);
/* Honest for a while: asks for what is granted and proves it, so that the window grows. */
void adversary_behave(struct adversary *a, unsigned rounds);

#endif
