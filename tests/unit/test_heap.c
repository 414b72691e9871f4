/* The timer heap against a sorted list, ties, growth that fails. */
#include "base/heap.h"
#include "failing_memory.h"
#include "seeded.h"

#include <check.h>
#include <stdlib.h>

enum { NODES = 200 };

struct timer {
    int name;
    struct trk_heap_node node;
};

static struct failing_memory counter;
static const struct trk_mem memory = {failing_resize, &counter};
static struct trk_heap heap;

static void setup(void)
{
    counter = (struct failing_memory){0, -1};
    trk_heap_init(&heap, &memory);
}

static void teardown(void)
{
    trk_heap_clear(&heap);
    ck_assert_uint_eq(counter.held, 0);
}

static int name_of(struct trk_heap_node *node)
{
    return node == NULL ? -1 : TRK_HEAP_OBJECT(node, struct timer, node)->name;
}

START_TEST(empty_heap_has_nothing)
{
    struct trk_heap_node node = TRK_HEAP_NODE_INIT;

    ck_assert_ptr_null(trk_heap_first(&heap));
    ck_assert_ptr_null(trk_heap_expire(&heap, UINT64_MAX));
    ck_assert(!trk_heap_contains(&node));
    trk_heap_remove(&heap, &node);
    ck_assert_uint_eq(counter.held, 0);
}
END_TEST

START_TEST(equal_deadlines_in_order_of_setting)
{
    struct timer timers[NODES] = {0};

    for (int i = 0; i < NODES; i++) {
        timers[i].name = i;
        ck_assert_int_eq(trk_heap_set(&heap, &timers[i].node, 7), 0);
    }
    /* Set again, it goes to the end. */
    ck_assert_int_eq(trk_heap_set(&heap, &timers[3].node, 7), 0);
    ck_assert_ptr_null(trk_heap_expire(&heap, 6));
    for (int i = 0; i < NODES; i++) {
        if (i != 3)
            ck_assert_int_eq(name_of(trk_heap_expire(&heap, 7)), i);
    }
    ck_assert_int_eq(name_of(trk_heap_expire(&heap, 7)), 3);
    ck_assert_ptr_null(trk_heap_first(&heap));
}
END_TEST

START_TEST(extreme_deadlines)
{
    struct timer timers[3] = {{.name = 0}, {.name = 1}, {.name = 2}};

    ck_assert_int_eq(trk_heap_set(&heap, &timers[0].node, UINT64_MAX), 0);
    ck_assert_int_eq(trk_heap_set(&heap, &timers[1].node, 0), 0);
    ck_assert_int_eq(trk_heap_set(&heap, &timers[2].node, UINT64_MAX - 1), 0);
    ck_assert_int_eq(name_of(trk_heap_expire(&heap, 0)), 1);
    ck_assert_ptr_null(trk_heap_expire(&heap, UINT64_MAX - 2));
    ck_assert_int_eq(name_of(trk_heap_expire(&heap, UINT64_MAX)), 2);
    ck_assert_int_eq(name_of(trk_heap_expire(&heap, UINT64_MAX)), 0);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
    struct timer timers[NODES] = {0};
    int in = 0;

    counter.left = 2; /* the first array and one doubling */
    for (int i = 0; i < NODES; i++) {
        int result = trk_heap_set(&heap, &timers[i].node, (uint64_t)(NODES - i));

        ck_assert_int_eq(result, i < 32 ? 0 : -1);
        ck_assert_int_eq(trk_heap_contains(&timers[i].node), result == 0);
        in += result == 0;
    }
    ck_assert_int_eq(trk_heap_set(&heap, &timers[31].node, 1000),
                     0); /* one that is in needs none */
    for (int i = 0; i < in; i++)
        ck_assert_ptr_nonnull(trk_heap_expire(&heap, UINT64_MAX));
    ck_assert_ptr_null(trk_heap_first(&heap));
}
END_TEST

START_TEST(reserve_bounds)
{
    struct timer timers[20] = {0};

    ck_assert_int_eq(trk_heap_reserve(&heap, SIZE_MAX), -1);
    ck_assert_int_eq(trk_heap_reserve(&heap, SIZE_MAX / 4), -1);
    ck_assert_int_eq(trk_heap_reserve(&heap, 20), 0);
    counter.left = 0;
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(trk_heap_set(&heap, &timers[i].node, 1), 0);
    trk_heap_clear(&heap);
    ck_assert(!trk_heap_contains(&timers[0].node));
}
END_TEST

/* The model: which timers are set, when, and in which order they were. */
struct model {
    bool in;
    uint64_t deadline;
    uint64_t order;
};

static int model_first(const struct model *m)
{
    int best = -1;

    for (int i = 0; i < NODES; i++) {
        if (m[i].in && (best < 0 || m[i].deadline < m[best].deadline ||
                        (m[i].deadline == m[best].deadline && m[i].order < m[best].order)))
            best = i;
    }
    return best;
}

START_TEST(random_operations_match_a_list)
{
    static struct timer timers[NODES];
    static struct model model[NODES];
    uint64_t seed = seeded_start("heap");
    uint64_t order = 0;

    for (int i = 0; i < NODES; i++)
        timers[i].name = i;
    for (int step = 0; step < 20000; step++) {
        int i = (int)seeded_below(&seed, NODES);
        uint64_t deadline = seeded_below(&seed, 50);

        switch (seeded_below(&seed, 4)) {
        case 0:
        case 1:
            ck_assert_int_eq(trk_heap_set(&heap, &timers[i].node, deadline), 0);
            model[i] = (struct model){true, deadline, order++};
            break;
        case 2:
            trk_heap_remove(&heap, &timers[i].node);
            model[i].in = false;
            break;
        default: {
            int first = model_first(model);

            if (first >= 0 && model[first].deadline > deadline)
                first = -1;
            ck_assert_int_eq(name_of(trk_heap_expire(&heap, deadline)), first);
            if (first >= 0)
                model[first].in = false;
        }
        }
        ck_assert_int_eq(trk_heap_contains(&timers[i].node), model[i].in);
        ck_assert_int_eq(name_of(trk_heap_first(&heap)), model_first(model));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tcase = tcase_create("heap");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, empty_heap_has_nothing);
    tcase_add_test(tcase, equal_deadlines_in_order_of_setting);
    tcase_add_test(tcase, extreme_deadlines);
    tcase_add_test(tcase, no_memory_changes_nothing);
    tcase_add_test(tcase, reserve_bounds);
    tcase_add_test(tcase, random_operations_match_a_list);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
