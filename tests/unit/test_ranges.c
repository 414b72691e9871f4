/* The set of ranges: by hand at its edges, and against a bitmap. */
#include "base/ranges.h"

#include "base/err.h"
#include "unit.h"

static struct testmem tm;
static struct trk_ranges set;

static void begin(size_t max)
{
    testmem_init(&tm);
    trk_ranges_init(&set, max);
}

static void end(void)
{
    trk_ranges_free(&set, &tm.mem);
    ck_assert_int_eq(tm.blocks, 0);
}

static void expect(size_t n, const struct trk_range *want)
{
    ck_assert_uint_eq(set.n, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(set.v[i].start, want[i].start);
        ck_assert_uint_eq(set.v[i].end, want[i].end);
    }
}

START_TEST(add_touching_merged)
{
    begin(8);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 10, 20), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 30, 40), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 20, 25), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 28, 30), 0);
    expect(2, (struct trk_range[]){{10, 25}, {28, 40}});
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 25, 28), 0);
    expect(1, (struct trk_range[]){{10, 40}});
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 0, 1), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, UINT64_MAX - 1, UINT64_MAX), 0);
    expect(3, (struct trk_range[]){{0, 1}, {10, 40}, {UINT64_MAX - 1, UINT64_MAX}});
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 0, UINT64_MAX), 0);
    expect(1, (struct trk_range[]){{0, UINT64_MAX}});
    end();
}
END_TEST

START_TEST(empty_set_every_call_harmless)
{
    struct trk_range gap = {7, 7};
    begin(4);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 5, 5), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 6, 5), 0);
    ck_assert_int_eq(trk_ranges_sub(&set, &tm.mem, 0, UINT64_MAX), 0);
    ck_assert_uint_eq(trk_ranges_find(&set, 0), 0);
    ck_assert(trk_ranges_has(&set, 3, 3));
    ck_assert(!trk_ranges_has(&set, 3, 4));
    ck_assert(!trk_ranges_gap(&set, 3, 3, &gap));
    ck_assert(trk_ranges_gap(&set, 3, 9, &gap));
    ck_assert_uint_eq(gap.start, 3);
    ck_assert_uint_eq(gap.end, 9);
    ck_assert_uint_eq(tm.calls, 0);
    end();
}
END_TEST

START_TEST(bound_one_more_refused_and_unchanged)
{
    begin(2);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 0, 10), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 20, 30), 0);
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 40, 50), TRK_E_NOSPACE);
    ck_assert_int_eq(trk_ranges_sub(&set, &tm.mem, 4, 6), TRK_E_NOSPACE);
    expect(2, (struct trk_range[]){{0, 10}, {20, 30}});
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 10, 20), 0); /* merging needs no room */
    ck_assert_int_eq(trk_ranges_sub(&set, &tm.mem, 4, 6), 0);
    expect(2, (struct trk_range[]){{0, 4}, {6, 30}});
    end();
}
END_TEST

START_TEST(no_memory_refused_and_unchanged)
{
    begin(100);
    for (uint64_t i = 0; i < 4; i++)
        ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 10 * i, 10 * i + 5), 0);
    tm.fail_at = tm.calls + 1;
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 100, 101), TRK_E_NOMEM);
    ck_assert_uint_eq(set.n, 4);
    ck_assert(!trk_ranges_has(&set, 100, 101));
    ck_assert_int_eq(trk_ranges_add(&set, &tm.mem, 100, 101), 0); /* only that one call failed */
    end();
}
END_TEST

enum { UNIVERSE = 96, STEPS = 60000 };

static void compare(const bool *bit, uint64_t at)
{
    size_t runs = 0;
    for (unsigned i = 0; i < UNIVERSE; i++) {
        if (trk_ranges_has(&set, i, i + 1) != bit[i]) /* a ck_assert() each would take minutes */
            ck_abort_msg("step %" PRIu64 " bit %u", at, i);
        runs += bit[i] && (i == 0 || !bit[i - 1]);
    }
    ck_assert_uint_eq(set.n, runs);
    for (size_t i = 0; i + 1 < set.n; i++)
        ck_assert(set.v[i].end < set.v[i + 1].start);
}

/* The first gap of [a, b) by looking at every bit. */
static bool model_gap(const bool *bit, uint64_t a, uint64_t b, struct trk_range *gap)
{
    while (a < b && bit[a])
        a++;
    if (a >= b)
        return false;
    gap->start = a;
    while (a < b && !bit[a])
        a++;
    gap->end = a;
    return true;
}

START_TEST(random_against_bitmap)
{
    struct rng r = {unit_seed("ranges", 20261)};
    bool bit[UNIVERSE] = {false};
    begin(12); /* small enough to be full now and then */
    uint64_t refused = 0;
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t a = rng_below(&r, UNIVERSE + 1), b = a + rng_below(&r, 1 + rng_below(&r, 12));
        if (b > UNIVERSE)
            b = UNIVERSE;
        bool adding = rng_below(&r, 2) != 0;
        if (adding ? trk_ranges_add(&set, &tm.mem, a, b) == 0 : trk_ranges_sub(&set, &tm.mem, a, b) == 0)
            for (uint64_t i = a; i < b; i++)
                bit[i] = adding;
        else
            refused++;
        if (rng_below(&r, 400) == 0) {
            trk_ranges_free(&set, &tm.mem);
            memset(bit, 0, sizeof bit);
        }
        if (step % 7 == 0)
            compare(bit, step);
        struct trk_range got, want;
        bool has = trk_ranges_gap(&set, a, b, &got);
        ck_assert(has == model_gap(bit, a, b, &want));
        if (has) {
            ck_assert_uint_eq(got.start, want.start);
            ck_assert_uint_eq(got.end, want.end);
        }
        ck_assert(trk_ranges_has(&set, a, b) == !has);
    }
    ck_assert_uint_gt(refused, 0); /* the bound was met */
    end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {add_touching_merged, empty_set_every_call_harmless,
                                  bound_one_more_refused_and_unchanged, no_memory_refused_and_unchanged,
                                  random_against_bitmap};
    return unit_run("ranges", tests, COUNT(tests));
}
