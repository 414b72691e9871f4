/*
 * fakeseal.h: FOR TESTS ONLY, no security of any kind. An implementation of core/seal.h that is fast and deterministic,
 * so that a thousand simulated connections take seconds and the same seed gives the same bytes. It keeps the two
 * properties that the engine leans on: altered bytes do not open, and r values look independent.
 */
#ifndef TRK_SIM_FAKESEAL_H
#define TRK_SIM_FAKESEAL_H

#include "core/seal.h"
#include "rng.h"

struct fakeseal {
    uint64_t secret;
    uint32_t step;     /* present step */
    uint32_t oldest;   /* oldest step still held */
    struct rng random; /* for ops->random and the sealing nonce; may be reset by the caller at any time */
    uint64_t seals, opens, opens_failed, prfs;
};

/* Fills *f, and *ops so that it works on f (borrowed). Steps 0 and 1 are held, 1 is the present one. */
void fakeseal_init(struct fakeseal *f, uint64_t secret, struct trk_seal_ops *ops);

#endif
