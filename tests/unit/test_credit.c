/* Kept credit: ranges by hand, and against a bitmap of what was granted and not sent. */
#include "core/credit.h"

#include "base/err.h"
#include "unit.h"

static struct trk_replay table;
static struct trk_credit credit;
static const struct trk_space space = {42, 1};
static _Alignas(64) uint8_t mem[1 << 16];

static void begin(void)
{
    ck_assert_int_eq(trk_replay_init(&table, mem, sizeof mem, 1000), TRK_OK);
    credit = (struct trk_credit){0};
}

static void send_seq(uint64_t seq)
{
    trk_replay_mark(&table, space, seq, 1, 1, 10);
}

static void expect(unsigned n, const struct trk_range *want)
{
    ck_assert_uint_eq(credit.n, n);
    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_eq(credit.v[i].start, want[i].start);
        ck_assert_uint_eq(credit.v[i].end, want[i].end);
    }
}

START_TEST(gap_that_nobody_asked_for_stays)
{
    uint64_t seq;
    begin();
    trk_credit_add(&credit, &table, space, 10, 15);
    trk_credit_add(&credit, &table, space, 17, 20); /* the request for 15 and 16 was lost */
    expect(2, (struct trk_range[]){{10, 15}, {17, 20}});
    for (uint64_t want = 10; want < 20; want += want == 14 ? 3 : 1) {
        ck_assert(trk_credit_next(&credit, &table, space, &seq));
        ck_assert_uint_eq(seq, want);
        trk_credit_use(&credit, seq);
    }
    ck_assert(!trk_credit_next(&credit, &table, space, &seq));
    ck_assert_uint_eq(credit.n, 0);
}
END_TEST

START_TEST(gap_that_was_sent_joins)
{
    begin();
    send_seq(15);
    send_seq(16);
    trk_credit_add(&credit, &table, space, 10, 15);
    trk_credit_add(&credit, &table, space, 17, 20);
    expect(1, (struct trk_range[]){{10, 20}});
    trk_credit_add(&credit, &table, space, 5, 10); /* touching, below */
    trk_credit_add(&credit, &table, space, 1, 1);  /* empty */
    expect(1, (struct trk_range[]){{5, 20}});
}
END_TEST

START_TEST(cap_keeps_the_lowest)
{
    begin();
    trk_credit_add(&credit, &table, space, 10, 15);
    trk_credit_add(&credit, &table, space, 20, 25);
    trk_credit_add(&credit, &table, space, 30, 35);
    ck_assert_uint_eq(trk_credit_count(&credit), 15);
    trk_credit_cap(&credit, 100);
    ck_assert_uint_eq(credit.n, 3);
    trk_credit_cap(&credit, 7);
    expect(2, (struct trk_range[]){{10, 15}, {20, 22}});
    trk_credit_cap(&credit, 5);
    expect(1, (struct trk_range[]){{10, 15}});
    trk_credit_cap(&credit, 0);
    ck_assert_uint_eq(credit.n, 0);
    ck_assert_uint_eq(trk_credit_count(&credit), 0);
}
END_TEST

START_TEST(bound_gives_up_the_lowest)
{
    uint64_t seq;
    begin();
    for (uint64_t i = 0; i < TRK_CREDIT_RANGES_MAX + 3; i++)
        trk_credit_add(&credit, &table, space, 10 * i, 10 * i + 5);
    ck_assert_uint_eq(credit.n, TRK_CREDIT_RANGES_MAX);
    ck_assert(trk_credit_next(&credit, &table, space, &seq));
    ck_assert_uint_eq(seq, 30);
    trk_credit_add(&credit, &table, space, 0, 5); /* would be the lowest itself */
    ck_assert(trk_credit_next(&credit, &table, space, &seq));
    ck_assert_uint_eq(seq, 30);
    trk_credit_use(&credit, 1000);
    ck_assert_uint_eq(credit.n, 0);
}
END_TEST

START_TEST(random_against_bitmap)
{
    enum { TOP = 700 };
    struct rng r = {unit_seed("credit", 20270)};
    bool granted[TOP + 40] = {false}, gone[TOP + 40] = {false};
    begin();
    for (unsigned step = 0; step < 40000; step++) {
        uint64_t a = rng_below(&r, TOP), b = a + rng_below(&r, 30), seq;
        if (step % 500 == 0) {
            begin();
            memset(granted, 0, sizeof granted);
            memset(gone, 0, sizeof gone);
        }
        if (rng_below(&r, 2) == 0) {
            trk_credit_add(&credit, &table, space, a, b);
            for (; a < b; a++)
                granted[a] = true;
        } else if (trk_credit_next(&credit, &table, space, &seq)) {
            ck_assert_msg(granted[seq] && !gone[seq], "seq %" PRIu64, seq);
            gone[seq] = true;
            send_seq(seq);
            if (rng_below(&r, 2) == 0)
                trk_credit_use(&credit, seq);
        }
        for (unsigned i = 0; i + 1 < credit.n; i++)
            ck_assert(credit.v[i].start < credit.v[i].end && credit.v[i].end < credit.v[i + 1].start);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {gap_that_nobody_asked_for_stays, gap_that_was_sent_joins, cap_keeps_the_lowest,
                                  bound_gives_up_the_lowest, random_against_bitmap};
    return unit_run("credit", tests, COUNT(tests));
}
