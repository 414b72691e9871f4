/* The hash map against an array, chains, growth that fails. */
#include "base/map.h"
#include "failing_memory.h"
#include "seeded.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct failing_memory counter;
static const struct trk_mem memory = {failing_resize, &counter};
static const uint64_t fixed_seed[2] = {1, 2};
static struct trk_map map;
static char values[1024];

static void setup(void)
{
    counter = (struct failing_memory){0, -1};
    trk_map_init(&map, fixed_seed, &memory);
}

static void teardown(void)
{
    trk_map_clear(&map);
    ck_assert_uint_eq(counter.held, 0);
}

START_TEST(empty_map_has_nothing)
{
    size_t cursor = 0;

    ck_assert_ptr_null(trk_map_get(&map, 0));
    ck_assert_ptr_null(trk_map_remove(&map, 0));
    ck_assert_ptr_null(trk_map_next(&map, &cursor));
    ck_assert_uint_eq(counter.held, 0);
}
END_TEST

START_TEST(extreme_keys)
{
    static const uint64_t keys[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63};

    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(trk_map_put(&map, keys[i], &values[i], NULL), 0);
    for (size_t i = 0; i < 5; i++)
        ck_assert_ptr_eq(trk_map_get(&map, keys[i]), &values[i]);
    ck_assert_uint_eq(map.count, 5);
}
END_TEST

START_TEST(put_again_gives_the_old_value)
{
    void *old = &values[9];

    ck_assert_int_eq(trk_map_put(&map, 5, &values[0], &old), 0);
    ck_assert_ptr_null(old);
    ck_assert_int_eq(trk_map_put(&map, 5, &values[1], &old), 0);
    ck_assert_ptr_eq(old, &values[0]);
    ck_assert_ptr_eq(trk_map_get(&map, 5), &values[1]);
    ck_assert_uint_eq(map.count, 1);
    ck_assert_ptr_eq(trk_map_remove(&map, 5), &values[1]);
    ck_assert_ptr_null(trk_map_remove(&map, 5));
    ck_assert_uint_eq(map.count, 0);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
    void *old = &values[9];

    counter.left = 1;
    for (uint64_t key = 0; key < 100; key++)
        ck_assert_int_eq(trk_map_put(&map, key, &values[key], NULL), key < 12 ? 0 : -1);
    ck_assert_uint_eq(map.count, 12);
    for (uint64_t key = 0; key < 100; key++)
        ck_assert_ptr_eq(trk_map_get(&map, key), key < 12 ? &values[key] : NULL);
    ck_assert_int_eq(trk_map_put(&map, 3, &values[50], &old), 0); /* one that is in needs none */
    ck_assert_ptr_eq(old, &values[3]);
    ck_assert_ptr_nonnull(trk_map_remove(&map, 4));
    ck_assert_int_eq(trk_map_put(&map, 99, &values[99], NULL), 0);
}
END_TEST

START_TEST(reserve_bounds)
{
    ck_assert_int_eq(trk_map_reserve(&map, SIZE_MAX), -1);
    ck_assert_int_eq(trk_map_reserve(&map, SIZE_MAX / 8), -1);
    ck_assert_int_eq(trk_map_reserve(&map, 100), 0);
    counter.left = 0;
    for (uint64_t key = 0; key < 100; key++)
        ck_assert_int_eq(trk_map_put(&map, key, &values[key], NULL), 0);
}
END_TEST

START_TEST(clear_then_use_again)
{
    ck_assert_int_eq(trk_map_put(&map, 1, &values[1], NULL), 0);
    trk_map_clear(&map);
    ck_assert_uint_eq(counter.held, 0);
    ck_assert_ptr_null(trk_map_get(&map, 1));
    ck_assert_int_eq(trk_map_put(&map, 1, &values[2], NULL), 0);
    ck_assert_ptr_eq(trk_map_get(&map, 1), &values[2]);
}
END_TEST

START_TEST(seed_changes_the_order)
{
    static const uint64_t other_seed[2] = {1, 3};
    struct trk_map other;
    size_t a = 0;
    size_t b = 0;
    int differs = 0;

    trk_map_init(&other, other_seed, &memory);
    for (uint64_t key = 0; key < 100; key++) {
        ck_assert_int_eq(trk_map_put(&map, key, &values[key], NULL), 0);
        ck_assert_int_eq(trk_map_put(&other, key, &values[key], NULL), 0);
    }
    for (int i = 0; i < 100; i++)
        differs += trk_map_next(&map, &a)->key != trk_map_next(&other, &b)->key;
    ck_assert_int_gt(differs, 50);
    trk_map_clear(&other);
}
END_TEST

/* Keys that follow each other, or differ in high bits only, must spread: the longest run of full
 * entries stays short. */
START_TEST(structured_keys_spread)
{
    enum { KEYS = 3000, SHIFTS = 5 };
    static const unsigned shifts[SHIFTS] = {0, 8, 16, 32, 48};

    for (size_t s = 0; s < SHIFTS; s++) {
        size_t run = 0;
        size_t longest = 0;

        for (uint64_t key = 0; key < KEYS; key++)
            ck_assert_int_eq(trk_map_put(&map, key << shifts[s], &values[0], NULL), 0);
        ck_assert_uint_eq(map.count, KEYS);
        for (size_t i = 0; i < map.capacity; i++) {
            run = map.entries[i].value != NULL ? run + 1 : 0;
            longest = run > longest ? run : longest;
        }
        ck_assert_uint_lt(longest, 250);
        trk_map_clear(&map);
    }
}
END_TEST

/* Few keys in a small table, so that chains run together and wrap round the end. */
START_TEST(random_operations_match_an_array)
{
    enum { KEYS = 40 };
    void *model[KEYS] = {0};
    uint64_t seed = seeded_start("map");
    uint64_t map_seed[2] = {seeded_next(&seed), seeded_next(&seed)};

    trk_map_init(&map, map_seed, &memory);
    for (int step = 0; step < 20000; step++) {
        uint64_t key = seeded_below(&seed, KEYS);
        void *value = &values[seeded_below(&seed, sizeof(values))];
        void *old = NULL;
        size_t count = 0;
        size_t walked = 0;
        size_t cursor = 0;
        int wrong = 0;

        if (seeded_below(&seed, 2) == 0) {
            ck_assert_int_eq(trk_map_put(&map, key, value, &old), 0);
            ck_assert_ptr_eq(old, model[key]);
            model[key] = value;
        } else {
            ck_assert_ptr_eq(trk_map_remove(&map, key), model[key]);
            model[key] = NULL;
        }
        /* One assertion a step: each of Check's is a system call. */
        for (uint64_t k = 0; k < KEYS; k++) {
            wrong += trk_map_get(&map, k) != model[k];
            count += model[k] != NULL;
        }
        ck_assert_int_eq(wrong, 0);
        ck_assert_uint_eq(map.count, count);
        while (trk_map_next(&map, &cursor) != NULL)
            walked++;
        ck_assert_uint_eq(walked, count);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *tcase = tcase_create("map");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, empty_map_has_nothing);
    tcase_add_test(tcase, extreme_keys);
    tcase_add_test(tcase, put_again_gives_the_old_value);
    tcase_add_test(tcase, no_memory_changes_nothing);
    tcase_add_test(tcase, reserve_bounds);
    tcase_add_test(tcase, clear_then_use_again);
    tcase_add_test(tcase, seed_changes_the_order);
    tcase_add_test(tcase, structured_keys_spread);
    tcase_add_test(tcase, random_operations_match_an_array);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
