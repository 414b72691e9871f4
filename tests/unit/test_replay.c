/* The replay table: exact while nothing is evicted, and never wrong in the unsafe direction when something is. */
#include "core/replay.h"

#include "base/err.h"
#include "unit.h"

static struct trk_replay table;
static void *mem;

static void begin(size_t bytes)
{
    free(mem);
    mem = aligned_alloc(64, bytes);
    ck_assert_ptr_nonnull(mem);
    ck_assert_int_eq(trk_replay_init(&table, mem, bytes, 1000), TRK_OK);
}

static bool sent(struct trk_space space, uint64_t seq, uint64_t issued_us, bool *stale)
{
    return trk_replay_sent(&table, space, seq, 1, issued_us, stale) == 1;
}

START_TEST(init_refuses_what_cannot_be)
{
    static _Alignas(64) uint8_t some[TRK_REPLAY_MIN_BYTES + 64];
    ck_assert_int_eq(trk_replay_init(&table, NULL, TRK_REPLAY_MIN_BYTES, 1), TRK_E_INVAL);
    ck_assert_int_eq(trk_replay_init(&table, some, TRK_REPLAY_MIN_BYTES - 1, 1), TRK_E_INVAL);
    ck_assert_int_eq(trk_replay_init(&table, some + 8, TRK_REPLAY_MIN_BYTES, 1), TRK_E_INVAL);
    ck_assert_int_eq(trk_replay_init(&table, some, TRK_REPLAY_MIN_BYTES, 1), TRK_OK);
}
END_TEST

START_TEST(marks_across_lines_by_hand)
{
    struct trk_space s = {7, 1};
    bool stale = false;
    begin(1 << 16);
    trk_replay_mark(&table, s, 380, 8, 0xa5, 10); /* 380, 382 in one line; 385, 387 in the next */
    ck_assert_uint_eq(trk_replay_sent(&table, s, 380, 8, 5, &stale), 0xa5);
    ck_assert_uint_eq(trk_replay_sent(&table, s, 381, 8, 5, &stale), 0xa5 >> 1);
    ck_assert_uint_eq(trk_replay_sent(&table, s, 324, 64, 5, &stale), UINT64_C(0xa5) << 56);
    trk_replay_mark(&table, s, 1000, 64, UINT64_MAX, 10);
    ck_assert_uint_eq(trk_replay_sent(&table, s, 1000, 64, 5, &stale), UINT64_MAX);
    ck_assert_uint_eq(trk_replay_sent(&table, s, 999, 64, 5, &stale), UINT64_MAX << 1);
    ck_assert_uint_eq(trk_replay_sent(&table, s, 1001, 64, 5, &stale), UINT64_MAX >> 1);
    ck_assert_uint_eq(trk_replay_sent(&table, (struct trk_space){8, 1}, 1000, 64, 5, &stale), 0);
    ck_assert_uint_eq(trk_replay_sent(&table, (struct trk_space){7, 2}, 1000, 64, 5, &stale), 0);
    trk_replay_mark(&table, s, 2000, 64, 0, 10); /* no bit, no line */
    ck_assert(!stale);
    ck_assert_uint_eq(table.evictions, 0);
}
END_TEST

enum { SPACES = 6, SEQS = 4000 };

START_TEST(random_against_bitmap_exact)
{
    static bool model[SPACES][SEQS + 64];
    struct rng r = {unit_seed("replay", 20267)};
    bool stale = false;
    memset(model, 0, sizeof model);
    begin(1 << 20);
    for (unsigned step = 0; step < 100000; step++) {
        unsigned sp = (unsigned)rng_below(&r, SPACES), n = (unsigned)rng_in(&r, 1, 64);
        struct trk_space s = {1000 + sp / 2, (uint16_t)(sp % 2)};
        uint64_t first = rng_below(&r, SEQS), bits = rng_next(&r) & rng_next(&r) & rng_next(&r), got, want = 0;
        if (n < 64)
            bits &= (UINT64_C(1) << n) - 1;
        if (rng_below(&r, 3) == 0) {
            trk_replay_mark(&table, s, first, n, bits, step);
            for (unsigned i = 0; i < n; i++)
                model[sp][first + i] |= (bits >> i & 1) != 0;
        }
        got = trk_replay_sent(&table, s, first, n, step, &stale);
        for (unsigned i = 0; i < n; i++)
            want |= (uint64_t)model[sp][first + i] << i;
        ck_assert_uint_eq(got, want);
    }
    ck_assert(!stale);
    ck_assert_uint_eq(table.evictions, 0);
}
END_TEST

/* Too small a table: what was sent is known, or the asker is told that nothing is known. Never "not sent". */
START_TEST(evictions_never_forget_silently)
{
    struct rng r = {unit_seed("replay evictions", 20268)};
    static struct {
        struct trk_space s;
        uint64_t seq, at_us;
    } marks[3000];
    begin(TRK_REPLAY_MIN_BYTES);
    unsigned known = 0, told = 0;
    for (unsigned i = 0; i < 3000; i++) {
        marks[i].s = (struct trk_space){rng_below(&r, 50), 3};
        marks[i].seq = rng_below(&r, 2000);
        marks[i].at_us = 10000 + i;
        trk_replay_mark(&table, marks[i].s, marks[i].seq, 1, 1, marks[i].at_us);
        for (unsigned back = 0; back < 20 && back <= i; back++) {
            unsigned j = (unsigned)rng_in(&r, i > 900 ? i - 900 : 0, i); /* still fresh */
            bool stale = false;
            /* the continuation was there before the packet was sent */
            bool yes = sent(marks[j].s, marks[j].seq, marks[j].at_us - rng_below(&r, 100), &stale);
            ck_assert_msg(yes || stale, "mark %u at %u", j, i);
            known += yes;
            told += !yes;
        }
    }
    ck_assert_uint_gt(known, 1000);
    ck_assert_uint_gt(told, 1000);
    ck_assert_uint_gt(table.evictions, 100);
}
END_TEST

START_TEST(old_lines_go_without_a_trace)
{
    bool stale = false;
    begin(TRK_REPLAY_MIN_BYTES);
    for (uint64_t rho = 1; rho < 200; rho++) /* each is long forgotten when the next comes */
        trk_replay_mark(&table, (struct trk_space){rho, 1}, 1, 1, 1, rho * 5000);
    ck_assert_uint_eq(table.evictions, 0);
    for (uint64_t rho = 300; rho < 400; rho++)
        ck_assert(!sent((struct trk_space){rho, 1}, 1, 1, &stale));
    ck_assert(!stale);
}
END_TEST

START_TEST(continuation_newer_than_the_floor_is_served)
{
    bool stale = false;
    begin(TRK_REPLAY_MIN_BYTES);
    for (uint64_t rho = 1; rho < 500; rho++)
        trk_replay_mark(&table, (struct trk_space){rho, 1}, 1, 1, 1, 100);
    ck_assert(!sent((struct trk_space){9000, 1}, 1, 101, &stale));
    ck_assert(!stale);
    ck_assert(!sent((struct trk_space){9000, 1}, 1, 100, &stale));
    ck_assert(stale);
}
END_TEST

/* A clock that was set back leaves floors in the future: they say nothing about continuations of now. */
START_TEST(floor_in_the_future_is_none)
{
    bool stale = false;
    begin(TRK_REPLAY_MIN_BYTES);
    for (uint64_t rho = 1; rho < 500; rho++)
        trk_replay_mark(&table, (struct trk_space){rho, 1}, 1, 1, 1, 100000000);
    ck_assert(!sent((struct trk_space){9000, 1}, 1, 100000000, &stale));
    ck_assert(stale);
    stale = false;
    ck_assert(!sent((struct trk_space){9000, 1}, 1, 1001, &stale));
    ck_assert(!stale);
}
END_TEST

/* What a continuation leans on outlives its freshness, however long ago it was marked. */
START_TEST(touched_lines_are_not_forgotten_silently)
{
    const struct trk_space s = {7, 1};
    begin(TRK_REPLAY_MIN_BYTES);
    trk_replay_mark(&table, s, 1, 1, 1, 1000);
    trk_replay_touch(&table, s, 1, 2, 15000);
    ck_assert(trk_replay_known(&table, s, 1, 5000, 15000));
    for (uint64_t rho = 100; rho < 600; rho++)
        trk_replay_mark(&table, (struct trk_space){rho, 1}, 1, 1, 1, 16000);
    ck_assert(!trk_replay_known(&table, s, 1, 2, 15000));
    ck_assert(trk_replay_known(&table, s, 1, 1, 15000)); /* nothing is asked */
    ck_assert(trk_replay_known(&table, s, 384, 768, 16001));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {init_refuses_what_cannot_be,
                                  marks_across_lines_by_hand,
                                  random_against_bitmap_exact,
                                  evictions_never_forget_silently,
                                  old_lines_go_without_a_trace,
                                  continuation_newer_than_the_floor_is_served,
                                  floor_in_the_future_is_none,
                                  touched_lines_are_not_forgotten_silently};
    int rc = unit_run("replay", tests, COUNT(tests));
    free(mem);
    return rc;
}
