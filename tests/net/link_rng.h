/*
 * link_rng.h: the emulator's pseudo-random numbers (splitmix64, public domain, by S. Vigna). Pure;
 * state is the caller's.
 */
#ifndef TRK_TESTS_LINK_RNG_H
#define TRK_TESTS_LINK_RNG_H

#include <stdint.h>

/* The next 64 bits of the sequence that *state stands for. */
static inline uint64_t trk_link_rng_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A number in [0, bound), bound > 0. The bias (below bound / 2^64) does not matter here. */
static inline uint64_t trk_link_rng_below(uint64_t *state, uint64_t bound)
{
    return trk_link_rng_next(state) % bound;
}

#endif
