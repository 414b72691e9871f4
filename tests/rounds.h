/*
 * rounds.h: how often a test of random cases goes round: n times, or a part of that where everything is slow (sanitizers,
 * valgrind: ./check's stages set ROUNDS_DIVISOR).
 */
#ifndef TRK_ROUNDS_H
#define TRK_ROUNDS_H

#include <stdint.h>
#include <stdlib.h>

static inline uint64_t rounds_of(uint64_t n)
{
    const char *divisor = getenv("ROUNDS_DIVISOR");
    uint64_t d = divisor != NULL ? strtoull(divisor, NULL, 10) : 1;
    return d > 1 ? n / d + 1 : n;
}

#endif
