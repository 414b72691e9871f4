/*
 * unit.h: what the unit tests of lib/base and lib/core share.
 */
#ifndef TRK_UNIT_H
#define TRK_UNIT_H

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../rounds.h"
#include "rng.h"
#include "testmem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The seed of a property test: SEED in the environment, else fixed; printed, so that a failure can be had again. */
static inline uint64_t unit_seed(const char *test, uint64_t fixed)
{
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : fixed;
    (void)printf("%s: SEED=%" PRIu64 "\n", test, seed);
    return seed;
}

/* What is asked a million times asks with if and ck_abort_msg(): each ck_assert() that holds costs a write. */

/* Runs one test case of tests and gives the exit status. */
static inline int unit_run(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tc, tests[i]);
    tcase_set_timeout(tc, 120);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
