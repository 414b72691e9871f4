/*
 * rng.h: the simulator's randomness: one 64-bit seed, the same numbers everywhere, for ever. Pure.
 *
 * SplitMix64 (Steele, Lea, Flood 2014): any seed is good, and a stream can be split off for each part of a scenario,
 * so that a change in one part does not change the draws of another.
 */
#ifndef TRK_SIM_RNG_H
#define TRK_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t x;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->x += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A generator of its own for the part called `label`. */
static inline struct rng rng_split(uint64_t seed, uint64_t label)
{
    struct rng r = {seed ^ label * UINT64_C(0xd1342543de82ef95)};
    r.x = rng_next(&r);
    return r;
}

/* Uniform in [0, n); n at least 1. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return (uint64_t)((unsigned __int128)rng_next(r) * n >> 64);
}

/* Uniform in [lo, hi]. */
static inline uint64_t rng_in(struct rng *r, uint64_t lo, uint64_t hi)
{
    return lo + rng_below(r, hi - lo + 1);
}

/* True with probability ppm / 1,000,000. */
static inline bool rng_ppm(struct rng *r, uint32_t ppm)
{
    return ppm != 0 && rng_below(r, 1000000) < ppm;
}

/* Of the size classes 2^lo_bit .. 2^hi_bit: small numbers are as likely as large ones. */
static inline uint64_t rng_log(struct rng *r, unsigned lo_bit, unsigned hi_bit)
{
    unsigned bit = (unsigned)rng_in(r, lo_bit, hi_bit);
    return (UINT64_C(1) << bit) + rng_below(r, UINT64_C(1) << bit);
}

static inline void rng_fill(struct rng *r, void *buf, size_t n)
{
    uint8_t *p = buf;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(rng_next(r) >> 56);
}

#endif
