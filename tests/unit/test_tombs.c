/* Connections that ended early: none is forgotten while its first request could open another. */
#include "daemon/tombs.h"

#include <check.h>
#include <stdlib.h>

static bool no_memory;

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size != 0)
        return no_memory ? NULL : realloc(p, size);
    free(p);
    return NULL;
}

static const struct trk_mem mem = {.resize = resize};
static const uint64_t seed[2] = {1, 2};
static struct trk_tombs tombs;

static void set_up(void)
{
    no_memory = false;
    trk_tombs_init(&tombs, 80, 10, seed, &mem);
}

static void tear_down(void)
{
    trk_tombs_free(&tombs);
}

START_TEST(ended_connection_is_known_while_fresh)
{
    trk_tombs_add(&tombs, 7, 100, 105);
    ck_assert(trk_tombs_has(&tombs, 7, 100));
    ck_assert(!trk_tombs_has(&tombs, 8, 100));
    trk_tombs_add(&tombs, 9, 115, 116); /* 7 was stale at 110 and is forgotten from 115 on */
    ck_assert(!trk_tombs_has(&tombs, 7, 100));
    ck_assert(trk_tombs_has(&tombs, 9, 115));
}
END_TEST

START_TEST(stale_continuation_needs_no_entry)
{
    trk_tombs_add(&tombs, 7, 100, 111);
    ck_assert(!trk_tombs_has(&tombs, 7, 100));
    ck_assert_uint_eq(tombs.count, 0);
}
END_TEST

START_TEST(full_table_raises_the_floor)
{
    for (uint64_t i = 0; i <= TRK_TOMBS_MAX; i++)
        trk_tombs_add(&tombs, 1000 + i, 100 + (i > 0), 105);
    ck_assert_uint_eq(tombs.count, TRK_TOMBS_MAX);
    ck_assert(trk_tombs_has(&tombs, 1000, 100)); /* forgotten, but below the floor */
    ck_assert(trk_tombs_has(&tombs, 1, 100));
    ck_assert(!trk_tombs_has(&tombs, 1, 101));
}
END_TEST

START_TEST(without_memory_the_floor_rises)
{
    no_memory = true;
    trk_tombs_add(&tombs, 7, 100, 105);
    ck_assert(trk_tombs_has(&tombs, 7, 100));
    ck_assert(!trk_tombs_has(&tombs, 8, 101));
}
END_TEST

START_TEST(predecessors_connections_are_refused)
{
    ck_assert(trk_tombs_has(&tombs, 7, 80));
    ck_assert(!trk_tombs_has(&tombs, 7, 81));
}
END_TEST

START_TEST(clock_set_back_does_not_refuse_for_ever)
{
    ck_assert(trk_tombs_has(&tombs, 7, 60));
    ck_assert(!trk_tombs_has(&tombs, 7, 59)); /* fresh, they say: so the floor is of before the clock was set */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tombs");
    TCase *tc = tcase_create("tombs");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, ended_connection_is_known_while_fresh);
    tcase_add_test(tc, stale_continuation_needs_no_entry);
    tcase_add_test(tc, full_table_raises_the_floor);
    tcase_add_test(tc, without_memory_the_floor_rises);
    tcase_add_test(tc, predecessors_connections_are_refused);
    tcase_add_test(tc, clock_set_back_does_not_refuse_for_ever);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
