/* rounds.h: how long a property test is. */
#ifndef TRK_TESTS_ROUNDS_H
#define TRK_TESTS_ROUNDS_H

#include <stdint.h>
#include <stdlib.h>

/*
 * n rounds of a long test, or a part of them under tools that make everything fifty times as slow
 * (./check's valgrind stage sets ROUNDS_DIVISOR).
 */
static inline uint64_t unit_rounds(uint64_t n)
{
    const char *divisor = getenv("ROUNDS_DIVISOR");
    uint64_t d = divisor != NULL ? strtoull(divisor, NULL, 10) : 1;
    return d > 1 ? n / d + 1 : n;
}

#endif
