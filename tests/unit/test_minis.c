/* daemon/: slots of a stateless service, and the check of its application's answers. */
#include <config.h>

#include "daemon/minicheck.h"

#include "../rounds.h"
#include "seeded.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- slots ---- */

START_TEST(slots_bounds_and_handles_that_are_used_up)
{
    struct trk_slots s;
    uint64_t handle[3], more;
    bool wild;
    ck_assert_int_eq(trk_slots_init(&s, 3, 1), 0);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(trk_slots_take(&s, &handle[i]));
    ck_assert_ptr_null(trk_slots_take(&s, &more));
    ck_assert_uint_eq(s.used, 3);

    struct trk_slot *slot = trk_slots_find(&s, handle[1], &wild);
    ck_assert_ptr_nonnull(slot);
    trk_slots_give(&s, slot);
    ck_assert_ptr_null(trk_slots_find(&s, handle[1], &wild));
    ck_assert(!wild);
    ck_assert_ptr_eq(trk_slots_take(&s, &more), slot);
    ck_assert_uint_ne(more, handle[1]);
    ck_assert_ptr_null(trk_slots_find(&s, handle[1], &wild)); /* the same place, another event */
    ck_assert_ptr_eq(trk_slots_find(&s, more, &wild), slot);
    trk_slots_free(&s);
}
END_TEST

START_TEST(slots_kept_bound_and_repeats)
{
    struct trk_slots s;
    uint64_t handle;
    bool wild;
    ck_assert_int_eq(trk_slots_init(&s, 3, 1), 0);
    struct trk_slot *a = trk_slots_take(&s, &handle), *b = trk_slots_take(&s, &handle);
    ck_assert(trk_slots_keep(&s, a));
    ck_assert(trk_slots_keep(&s, a));
    ck_assert(!trk_slots_keep(&s, b));
    trk_slots_give(&s, a);
    ck_assert(trk_slots_keep(&s, b));
    uint64_t again = trk_slots_renew(&s, b); /* shown again: not kept */
    ck_assert_uint_eq(s.kept, 0);
    ck_assert_ptr_null(trk_slots_find(&s, handle, &wild));
    ck_assert_ptr_eq(trk_slots_find(&s, again, &wild), b);
    trk_slots_free(&s);
}
END_TEST

START_TEST(slots_wild_handles)
{
    static const uint64_t bad[] = {
        0, 1, 2, 3, 1ull << 32 | 3, 1ull << 32 | UINT32_MAX, UINT64_MAX, UINT32_MAX};
    struct trk_slots s;
    bool wild;
    ck_assert_int_eq(trk_slots_init(&s, 3, 0), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_ptr_null(trk_slots_find(&s, bad[i], &wild));
        ck_assert_msg(wild, "%zu", i);
    }
    ck_assert_ptr_null(
        trk_slots_find(&s, 1ull << 32, &wild)); /* may have been: not given out now */
    ck_assert(!wild);
    trk_slots_free(&s);
}
END_TEST

START_TEST(slots_generation_wraps_past_zero)
{
    struct trk_slots s;
    uint64_t handle;
    ck_assert_int_eq(trk_slots_init(&s, 1, 0), 0);
    s.slot[0].generation = UINT32_MAX;
    ck_assert_ptr_nonnull(trk_slots_take(&s, &handle));
    ck_assert_uint_eq(handle, 1ull << 32);
    trk_slots_free(&s);
}
END_TEST

/* ---- the check ---- */

static struct trk_slot a_slot(void)
{
    struct trk_slot slot = {.request_len = 10, .request_end = true};
    slot.ticket.n_runs = 2;
    slot.ticket.run[0] = (struct trk_run){.first = 5, .count = 2, .off = 1000, .len = 2000};
    slot.ticket.run[1] = (struct trk_run){.first = 9, .count = 1, .off = 5000, .len = 100};
    return slot;
}

static const uint8_t payload[4096];

static struct trk_rec_answer an_answer(void)
{
    return (struct trk_rec_answer){.handle = 1,
                                   .payload = payload,
                                   .payload_len = 2000,
                                   .n_stretches = 2,
                                   .stretch = {{1000, 1500, 0}, {5000, 100, 1500}}};
}

START_TEST(answer_bytes_are_found_by_offset)
{
    static const struct {
        struct trk_rec_stretch stretch[2];
        uint32_t have[2];
        int at[2]; /* -1: none */
    } table[] = {
        {{{1000, 1500, 0}, {5000, 100, 1500}}, {1500, 100}, {0, 1500}},
        {{{5000, 100, 1500}, {1000, 1500, 0}}, {1500, 100}, {0, 1500}}, /* the other way round */
        {{{900, 1500, 0}, {4900, 150, 1500}}, {1400, 50}, {100, 1600}}, /* from further up */
        {{{1000, 2000, 0}, {5000, 200, 0}}, {2000, 100}, {0, 0}},       /* more than is asked for */
        {{{1001, 1500, 0}, {5000, 0, 0}}, {0, 0}, {-1, -1}},            /* beside it; nothing */
        {{{0, 10, 0}, {UINT64_MAX - 5, 5, 0}}, {0, 0}, {-1, -1}},
        {{{0, 1000, 0}, {0, 1001, 5}}, {1, 0}, {1005, -1}},
    };
    struct trk_slot slot = a_slot();
    struct trk_checked c;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct trk_rec_answer a = an_answer();
        memcpy(a.stretch, table[i].stretch, sizeof table[i].stretch);
        ck_assert(trk_minicheck(&slot, &a, &c));
        for (unsigned k = 0; k < 2; k++) {
            ck_assert_msg(c.answer.have[k] == table[i].have[k], "%zu %u: %u", i, k,
                          c.answer.have[k]);
            const uint8_t *at = table[i].at[k] < 0 ? NULL : payload + table[i].at[k];
            ck_assert_msg(c.bytes[k] == at, "%zu %u", i, k);
        }
    }
}
END_TEST

START_TEST(answer_numbers_at_the_bound_and_one_past)
{
    struct trk_slot slot = a_slot();
    struct trk_checked c;
    struct trk_rec_answer a = an_answer();
    a.consumed = 10;
    a.request_len = 10;
    a.need = TRK_MINI_UP_WINDOW_BYTES;
    a.first.len = a.last.len = a.user_len = TRK_UCONT_USER_BYTES_MAX;
    ck_assert(trk_minicheck(&slot, &a, &c));
    ck_assert_uint_eq(c.answer.consumed, 10);
    ck_assert_uint_eq(c.in.request_len, 10);
#define PAST(field, value)                                                                         \
    do {                                                                                           \
        struct trk_rec_answer bad = a;                                                             \
        bad.field = (value);                                                                       \
        ck_assert_msg(!trk_minicheck(&slot, &bad, &c), #field);                                    \
    } while (0)
    PAST(consumed, 11);
    PAST(request_len, 9);
    PAST(request_len, 11);
    PAST(need, TRK_MINI_UP_WINDOW_BYTES + 1);
    PAST(first.len, TRK_UCONT_USER_BYTES_MAX + 1);
    PAST(last.len, TRK_UCONT_USER_BYTES_MAX + 1);
    PAST(user_len, TRK_UCONT_USER_BYTES_MAX + 1);
#undef PAST
}
END_TEST

START_TEST(request_bytes_that_do_not_come_back_are_not_at_hand)
{
    struct trk_slot slot = a_slot();
    struct trk_rec_answer a = an_answer();
    struct trk_checked c;
    a.request = payload;
    ck_assert(trk_minicheck(&slot, &a, &c));
    ck_assert_ptr_null(c.in.request);
    ck_assert_uint_eq(c.in.request_len, 10);
    a.request_len = 10;
    ck_assert(trk_minicheck(&slot, &a, &c));
    ck_assert_ptr_eq(c.in.request, payload);
}
END_TEST

/* A hostile application: a record of anything. What passes lies inside the record, and gives no
 * more than was asked for. */
START_TEST(random_records_never_lead_outside)
{
    static _Alignas(8) uint8_t rec[8192];
    static struct trk_rec_answer a;
    static struct trk_checked c;
    uint64_t seed = seeded_start("random_records");
    const uint64_t rounds = rounds_of(200000);
    unsigned passed = 0, gave = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        struct trk_slot slot = a_slot();
        struct trk_rec_answer good = an_answer();
        good.consumed = (uint32_t)seeded_below(&seed, 12);
        good.request = payload;
        good.request_len = seeded_below(&seed, 2) ? 10 : 0;
        for (unsigned k = 0; k < 2; k++)
            good.stretch[k] = (struct trk_rec_stretch){.off = seeded_below(&seed, 6000),
                                                       .len = (uint32_t)seeded_below(&seed, 2100),
                                                       .at = (uint32_t)seeded_below(&seed, 2100)};
        trk_rec_answer_write(&good, rec);
        size_t len = trk_rec_answer_bytes(&good);
        for (unsigned hits = (unsigned)seeded_below(&seed, 3); hits > 0; hits--)
            rec[seeded_below(&seed, len)] = (uint8_t)seeded_next(&seed);
        if (trk_rec_answer_read(rec, len, &a) != 0 || !trk_minicheck(&slot, &a, &c))
            continue;
        passed++;
        for (unsigned k = 0; k < slot.ticket.n_runs; k++) {
            ck_assert_uint_le(c.answer.have[k], slot.ticket.run[k].len);
            gave += c.answer.have[k] != 0;
            if (c.answer.have[k] != 0)
                ck_assert(c.bytes[k] >= rec && c.bytes[k] + c.answer.have[k] <= rec + len);
        }
        if (c.in.request != NULL)
            ck_assert(c.in.request >= rec && c.in.request + c.in.request_len <= rec + len);
        ck_assert(c.in.user == NULL || c.in.user + c.in.user_len <= rec + len);
        ck_assert(!c.answer.has_first ||
                  c.answer.first.user + c.answer.first.user_len <= rec + len);
        ck_assert(!c.answer.has_last || c.answer.last.user + c.answer.last.user_len <= rec + len);
    }
    ck_assert_uint_gt(passed, rounds / 100);
    ck_assert_uint_gt(gave, rounds / 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("minis");
    TCase *tcase = tcase_create("minis");
    tcase_add_test(tcase, slots_bounds_and_handles_that_are_used_up);
    tcase_add_test(tcase, slots_kept_bound_and_repeats);
    tcase_add_test(tcase, slots_wild_handles);
    tcase_add_test(tcase, slots_generation_wraps_past_zero);
    tcase_add_test(tcase, answer_bytes_are_found_by_offset);
    tcase_add_test(tcase, answer_numbers_at_the_bound_and_one_past);
    tcase_add_test(tcase, request_bytes_that_do_not_come_back_are_not_at_hand);
    tcase_add_test(tcase, random_records_never_lead_outside);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
