/*
 * seeded.h: numbers for property tests. The seed is drawn, printed, and can be given again: TRK_SEED=... test_heap
 */
#ifndef TRK_TESTS_SEEDED_H
#define TRK_TESTS_SEEDED_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* splitmix64: any state is a good one. */
static inline uint64_t seeded_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number below bound (> 0). */
static inline uint64_t seeded_below(uint64_t *state, uint64_t bound)
{
    return seeded_next(state) % bound;
}

/* The seed of this run: TRK_SEED from the environment, else from the clock; printed either way. */
static inline uint64_t seeded_start(const char *test)
{
    const char *given = getenv("TRK_SEED");
    struct timespec now;
    uint64_t seed;

    clock_gettime(CLOCK_REALTIME, &now);
    seed = given != NULL ? strtoull(given, NULL, 0)
                         : (uint64_t)now.tv_sec * UINT64_C(1000000007) + (uint64_t)now.tv_nsec;
    printf("%s: TRK_SEED=%" PRIu64 "\n", test, seed);
    fflush(stdout);
    return seed;
}

#endif
