/* The window law: step by step against per-ACK Reno, and every transition by hand. */
#include "core/law.h"

#include "unit.h"

#define Q(pkts) ((uint32_t)(pkts) << TRK_Q)

/* RFC 5681 per ACK, in whole packets: what every TCP does when each packet is acknowledged by itself. */
struct reno {
    uint64_t cwnd, ssthresh, acked;
};

static void reno_ack(struct reno *r)
{
    if (r->cwnd < r->ssthresh) {
        r->cwnd++;
    } else if (++r->acked >= r->cwnd) {
        r->cwnd++;
        r->acked = 0;
    }
}

static struct trk_law law_of(uint64_t base, uint32_t w0, uint32_t ssthresh)
{
    struct trk_law l;
    trk_law_first(&l, 1200, 7, 5000000);
    l.base = l.law_base = base;
    l.w0_q = Q(w0);
    l.ssthresh_q = Q(ssthresh);
    return l;
}

/* (start, ssthresh): the pairs that the original's closed form was checked with, and more. */
static const struct {
    uint32_t start, ssthresh;
} pairs[] = {{2, 4}, {2, 8}, {4, 4}, {3, 66}, {1, 1}, {1, 2}, {10, 1 << 19}, {10, 10}, {11, 10}, {500, 2}, {1, 1000}};

START_TEST(window_each_step_equals_per_ack_reno)
{
    for (size_t p = 0; p < COUNT(pairs); p++) {
        struct trk_law l = law_of(1000, pairs[p].start, pairs[p].ssthresh);
        struct reno oracle = {pairs[p].start, pairs[p].ssthresh, 0};
        uint32_t before = 0;
        const uint64_t rounds = rounds_of(100000);
        for (uint64_t o = 0; o < rounds; o++) {
            uint64_t k = l.law_base - 1 + o;
            if (trk_law_window(&l, k) != oracle.cwnd)
                ck_abort_msg("pair %zu o %" PRIu64 ": %u, not %" PRIu64, p, o, trk_law_window(&l, k), oracle.cwnd);
            if (trk_law_window_q(&l, k) < before)
                ck_abort_msg("pair %zu o %" PRIu64 ": it shrinks", p, o);
            before = trk_law_window_q(&l, k);
            reno_ack(&oracle);
            if (oracle.cwnd >= TRK_WINDOW_MAX_PKTS)
                break;
        }
    }
}
END_TEST

static void refreshed(struct trk_law *l, uint64_t k)
{
    struct trk_law child;
    trk_law_refresh(l, k, k + TRK_WINDOW_MAX_PKTS, TRK_WINDOW_MAX_PKTS, 1000, 1000, &child);
    *l = child;
}

/* One refresh, at every point of the first windows: nothing gained, nothing lost. */
START_TEST(window_refresh_at_every_point_equals_per_ack_reno)
{
    for (size_t p = 0; p < COUNT(pairs); p++)
        for (uint64_t at = 0, end = rounds_of(600); at < end; at++) {
            struct trk_law l = law_of(1000, pairs[p].start, pairs[p].ssthresh);
            struct reno oracle = {pairs[p].start, pairs[p].ssthresh, 0};
            for (uint64_t o = 0; o < 1500; o++) {
                if (o == at)
                    refreshed(&l, 999 + o);
                if (trk_law_window(&l, 999 + o) != oracle.cwnd)
                    ck_abort_msg("pair %zu at %" PRIu64 " o %" PRIu64, p, at, o);
                reno_ack(&oracle);
            }
        }
}
END_TEST

/* Many refreshes at random points, as a long connection makes them. Exact while the fraction can hold it. */
START_TEST(window_refreshed_often_equals_per_ack_reno)
{
    struct rng r = {unit_seed("law refresh", 20263)};
    for (int round = 0; round < 60; round++) {
        uint32_t start = (uint32_t)rng_in(&r, 1, 1500), ssthresh = (uint32_t)rng_in(&r, 1, 300);
        struct trk_law l = law_of(1, start, ssthresh);
        struct reno oracle = {start, ssthresh, 0};
        const uint64_t rounds = rounds_of(30000);
        for (uint64_t o = 0; o < rounds; o++) {
            if (rng_below(&r, 40) == 0)
                refreshed(&l, o);
            if (trk_law_window(&l, o) != oracle.cwnd)
                ck_abort_msg("start %u ssthresh %u o %" PRIu64, start, ssthresh, o);
            reno_ack(&oracle);
        }
    }
}
END_TEST

/* Above 2^11 packets the fraction rounds: a refresh may lose up to W / 2^12 packets of progress, and never gains. */
START_TEST(window_refresh_of_huge_window_never_gains)
{
    struct rng r = {unit_seed("law huge", 20264)};
    struct trk_law l = law_of(1, 100000, 2);
    struct reno oracle = {100000, 2, 0};
    const uint64_t rounds = rounds_of(3000000);
    for (uint64_t o = 0; o < rounds; o++) {
        if (rng_below(&r, 100000) == 0)
            refreshed(&l, o);
        uint64_t window = trk_law_window(&l, o);
        if (window > oracle.cwnd || window + 1 < oracle.cwnd)
            ck_abort_msg("o %" PRIu64 ": %" PRIu64 ", not %" PRIu64, o, window, oracle.cwnd);
        reno_ack(&oracle);
    }
}
END_TEST

START_TEST(window_bounds)
{
    struct trk_law l = law_of(50, 1, 1);
    ck_assert_uint_eq(trk_law_window(&l, 0), 1); /* below the base counts as the base */
    ck_assert_uint_eq(trk_law_window(&l, 49), 1);
    ck_assert_uint_eq(trk_law_window(&l, 50), 2);
    ck_assert_uint_eq(trk_law_window(&l, TRK_SEQ_MAX), TRK_WINDOW_MAX_PKTS);
    ck_assert_uint_eq(trk_law_window(&l, UINT64_MAX / 2), TRK_WINDOW_MAX_PKTS);
    l = law_of(50, 10, TRK_WINDOW_MAX_PKTS);
    ck_assert_uint_eq(trk_law_window(&l, 49 + TRK_WINDOW_MAX_PKTS), TRK_WINDOW_MAX_PKTS);
}
END_TEST

START_TEST(first_as_written)
{
    struct trk_law l;
    trk_law_first(&l, 1472, 9, 123);
    ck_assert_uint_eq(l.base, 1);
    ck_assert_uint_eq(l.law_base, 1);
    ck_assert_uint_eq(l.w0_q, 10 * 4096);
    ck_assert_uint_eq(l.packet_size, 1472);
    ck_assert_uint_eq(l.owner, 9);
    ck_assert_uint_eq(l.issued_us, 123);
    ck_assert_uint_eq(l.flags, TRK_LAW_FIRST);
    ck_assert_uint_eq(trk_law_range_end(&l), 1 + 40 + 64);
}
END_TEST

START_TEST(limit_by_hand)
{
    struct trk_law l = law_of(1, 10, 1 << 19);
    ck_assert_uint_eq(trk_law_limit(&l, 0, 0, 1000, false), 10);
    ck_assert_uint_eq(trk_law_limit(&l, 0, 0, 1000, true), 11);
    ck_assert_uint_eq(trk_law_limit(&l, 0, 3, 1000, false), 13);
    ck_assert_uint_eq(trk_law_limit(&l, 0, 1000, 1000, false), 20); /* the credit is bounded by W */
    ck_assert_uint_eq(trk_law_limit(&l, 0, 1000, 4, false), 8);     /* the client's own window is less */
    ck_assert_uint_eq(trk_law_limit(&l, 0, 0, 0, false), 1);        /* none counts as one */
    ck_assert_uint_eq(trk_law_limit(&l, 5, 0, 1000, false), 20);    /* W(5) = 15 */
    ck_assert_uint_eq(trk_law_limit(&l, 47, 0, 1000, false), 104);
    ck_assert_uint_eq(trk_law_limit(&l, 48, 0, 1000, true), 104); /* the hard range */
    ck_assert_uint_eq(trk_law_limit(&l, 100, 100, 1000, true), 104);
}
END_TEST

START_TEST(derive_hole_by_hand)
{
    struct trk_law l = law_of(1, 10, 1 << 19), c;
    l.generation = 4;
    l.epoch = 65535;
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 5, 0, 1000, &c), TRK_OK);
    ck_assert_uint_eq(c.base, 5 + 14 + 14 + 1); /* W(4) = 14 */
    ck_assert_uint_eq(c.law_base, c.base);
    ck_assert_uint_eq(c.w0_q, Q(7));
    ck_assert_uint_eq(c.ssthresh_q, Q(7));
    ck_assert_uint_eq(c.wprior_q, Q(14));
    ck_assert_uint_eq(c.fs_pkts, 14);
    ck_assert_uint_eq(c.epoch, 0);
    ck_assert_uint_eq(c.generation, 0);
    ck_assert_uint_eq(c.flags, 0);
    ck_assert_uint_eq(c.issued_us, l.issued_us);
    ck_assert_uint_eq(c.owner, l.owner);
    ck_assert_uint_eq(c.packet_size, l.packet_size);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 5, 0, 6, &c), TRK_OK); /* cut from the client's own */
    ck_assert_uint_eq(c.w0_q, Q(3));
    ck_assert_uint_eq(c.base, 34); /* never from the client's own */
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 1, 0, 0, &c), TRK_OK);
    ck_assert_uint_eq(c.w0_q, Q(2)); /* not below two */
    ck_assert_uint_eq(c.base, 1 + 20 + 1);
}
END_TEST

START_TEST(derive_timeout_by_hand)
{
    struct trk_law l = law_of(1, 10, 1 << 19), c, again;
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_TIMEOUT, 5, 3, 1000, &c), TRK_OK);
    ck_assert_uint_eq(c.base, 5 + 6 * 14 + 3 + 3);
    ck_assert_uint_eq(c.w0_q, Q(1));
    ck_assert_uint_eq(c.ssthresh_q, Q(7));
    ck_assert_uint_eq(c.fs_pkts, 0);
    ck_assert_uint_eq(c.flags, TRK_LAW_TIMEOUT);
    /* nothing proved: ssthresh stays */
    ck_assert_int_eq(trk_law_derive(&c, TRK_KIND_TIMEOUT, c.base, 0, 1000, &again), TRK_OK);
    ck_assert_uint_eq(again.ssthresh_q, Q(7));
    ck_assert_uint_eq(again.base, c.base + 6 + 3);
    /* one proved: W = 2, ssthresh 2 */
    ck_assert_int_eq(trk_law_derive(&c, TRK_KIND_TIMEOUT, c.base + 1, 0, 1000, &again), TRK_OK);
    ck_assert_uint_eq(again.ssthresh_q, Q(2));
    ck_assert_uint_eq(again.base, c.base + 1 + 12 + 3);
    /* a hole in a timeout epoch is a cut like any other */
    ck_assert_int_eq(trk_law_derive(&c, TRK_KIND_HOLE, c.base + 1, 0, 1000, &again), TRK_OK);
    ck_assert_uint_eq(again.flags, 0);
}
END_TEST

START_TEST(derive_errors)
{
    struct trk_law l = law_of(20, 10, 10), c;
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_ASK, 20, 0, 9, &c), TRK_E_FIELD);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_UNDO, 20, 0, 9, &c), TRK_E_FIELD);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 19, 0, 9, &c), TRK_E_FIELD);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 20, 0, 9, &c), TRK_OK);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_TIMEOUT, 20, 15, 9, &c), TRK_OK);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_TIMEOUT, 20, 16, 9, &c), TRK_E_FIELD);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 20 + 40 + 63, 0, 9, &c), TRK_OK);
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 20 + 40 + 64, 0, 9, &c), TRK_E_FIELD);
    l = law_of(TRK_SEQ_MAX - 50, 10, 10); /* the space is used up */
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, l.base, 0, 9, &c), TRK_E_FIELD);
}
END_TEST

/*
 * Fork rule: whatever f is claimed, the child begins above every seq that the parent can grant while f is unproved,
 * credit and probe included, and no higher than k + a few windows.
 */
START_TEST(derive_base_above_every_grant)
{
    struct rng r = {unit_seed("law fork", 20265)};
    const uint64_t rounds = rounds_of(20000);
    for (uint64_t round = 0; round < rounds; round++) {
        struct trk_law l = law_of(rng_in(&r, 1, 1 << 20), (uint32_t)rng_in(&r, 1, 300), (uint32_t)rng_in(&r, 1, 300));
        uint64_t f = l.base + rng_below(&r, trk_law_range_end(&l) - l.base);
        uint8_t a = (uint8_t)rng_below(&r, 16);
        struct trk_law hole, timeout, next;
        ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, f, 0, 1 << 19, &hole), TRK_OK);
        ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_TIMEOUT, f, a, 1 << 19, &timeout), TRK_OK);
        uint64_t w = trk_law_window(&l, f - 1);
        for (uint32_t n = 0; n <= 2 * w; n += 1 + (uint32_t)rng_below(&r, w))
            ck_assert_uint_lt(trk_law_limit(&l, f - 1, n, 1 << 19, true), hole.base);
        ck_assert_uint_le(hole.base, f + 2 * w + 1);
        /* the first window of a cut that may be pending is cleared as well */
        ck_assert_uint_lt(trk_law_limit(&hole, hole.base - 1, 1 << 19, 1 << 19, true), timeout.base);
        ck_assert_uint_le(timeout.base, f + 6 * w + 18);
        if (a < 15) {
            ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_TIMEOUT, f, (uint8_t)(a + 1), 1 << 19, &next), TRK_OK);
            ck_assert_uint_eq(next.base, timeout.base + 1); /* a repeat has a fresh seq */
        }
    }
}
END_TEST

START_TEST(refresh_by_hand)
{
    struct trk_law l = law_of(1, 40, 20), c;
    l.generation = 255;
    l.ssthresh_q = Q(20);
    /* half a window proved: W = 40 and a half */
    trk_law_refresh(&l, 20, 60, 1000, 1000, 8000, &c);
    ck_assert_uint_eq(c.base, 1);
    ck_assert_uint_eq(c.law_base, 21);
    ck_assert_uint_eq(c.w0_q, Q(40) + 2048);
    ck_assert_uint_eq(c.generation, 0);
    ck_assert_uint_eq(c.epoch, l.epoch);
    ck_assert_uint_eq(c.flags, 0);
    ck_assert_uint_eq(c.srtt_us, 8000);
    ck_assert_uint_eq(c.minrtt_us, 8000);
    /* little in flight: twice of it, not below IW */
    trk_law_refresh(&l, 20, 35, 1000, 1000, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(30));
    trk_law_refresh(&l, 20, 21, 1000, 1000, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(10));
    trk_law_refresh(&l, 20, 3, 1000, 1000, 0, &c); /* asked below k */
    ck_assert_uint_eq(c.w0_q, Q(10));
    /* the client's own window, and none */
    trk_law_refresh(&l, 20, 60, 7, 1000, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(7));
    trk_law_refresh(&l, 20, 60, 0, 1000, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(1));
    /* after idle: IW at most, and ssthresh remembers */
    trk_law_refresh(&l, 20, 60, 1000, TRK_IDLE_US, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(40) + 2048);
    trk_law_refresh(&l, 20, 60, 1000, TRK_IDLE_US + 1, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(10));
    ck_assert_uint_eq(c.ssthresh_q, (Q(40) + 2048) / 4 * 3);
    l.srtt_us = 600000; /* a long path is not idle so soon */
    trk_law_refresh(&l, 20, 60, 1000, 2400000, 0, &c);
    ck_assert_uint_eq(c.w0_q, Q(40) + 2048);
    ck_assert_uint_eq(c.srtt_us, 600000);
    trk_law_refresh(&l, 20, 60, 1000, 1000, 800000, &c);
    ck_assert_uint_eq(c.srtt_us, 525000 + 100000);
}
END_TEST

START_TEST(undo_by_hand)
{
    struct trk_law l = law_of(20, 12, 30), cut, c;
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_HOLE, 20, 0, 1000, &cut), TRK_OK);
    ck_assert(cut.base == 20 + 2 * 12 + 1 && cut.w0_q == Q(6));
    ck_assert_int_eq(trk_law_undo(&cut, 20, cut.base + 1, Q(30), &c), TRK_OK);
    ck_assert(c.base == cut.base && c.law_base == cut.base + 2 && c.epoch == cut.epoch);
    ck_assert(c.w0_q == Q(12) && c.ssthresh_q == Q(30) && c.wprior_q == 0 && c.fs_pkts == 0);
    ck_assert_uint_eq(c.generation, cut.generation + 1);
    ck_assert_int_eq(trk_law_undo(&c, 20, cut.base + 1, Q(30), &c), TRK_E_FIELD); /* not twice */
    ck_assert_int_eq(trk_law_undo(&cut, 21, cut.base, 0, &c), TRK_E_FIELD);       /* another seq */
    ck_assert_int_eq(trk_law_undo(&cut, 20, cut.base - 2, 0, &c), TRK_E_FIELD);
    ck_assert_int_eq(trk_law_undo(&cut, 20, cut.base + 23, 0, &c), TRK_OK);
    ck_assert_int_eq(trk_law_undo(&cut, 20, cut.base + 24, 0, &c), TRK_E_FIELD); /* too late */
    ck_assert_int_eq(trk_law_derive(&l, TRK_KIND_TIMEOUT, 20, 0, 1000, &cut), TRK_OK);
    ck_assert_int_eq(trk_law_undo(&cut, 20, cut.base, 0, &c), TRK_E_FIELD);
}
END_TEST

START_TEST(stale_by_hand)
{
    struct trk_law l = law_of(5000, 80, 40), c;
    l.flags = TRK_LAW_TIMEOUT;
    l.fs_pkts = 12;
    trk_law_stale(&l, &c);
    ck_assert_uint_eq(c.base, 1);
    ck_assert_uint_eq(c.law_base, 1);
    ck_assert_uint_eq(c.w0_q, Q(10));
    ck_assert_uint_eq(c.ssthresh_q, Q(40));
    ck_assert_uint_eq(c.fs_pkts, 0);
    ck_assert_uint_eq(c.flags, 0);
    ck_assert_uint_eq(c.epoch, l.epoch + 1);
    l.w0_q = Q(3);
    trk_law_stale(&l, &c);
    ck_assert_uint_eq(c.w0_q, Q(3));
    ck_assert_uint_eq(c.ssthresh_q, Q(10));
    trk_law_first(&l, 1200, 0, 0);
    trk_law_stale(&l, &c);
    ck_assert_uint_eq(c.flags, TRK_LAW_FIRST); /* still no request was accepted */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {window_each_step_equals_per_ack_reno, undo_by_hand,
                                  window_refresh_at_every_point_equals_per_ack_reno,
                                  window_refreshed_often_equals_per_ack_reno,
                                  window_refresh_of_huge_window_never_gains,
                                  window_bounds,
                                  first_as_written,
                                  limit_by_hand,
                                  derive_hole_by_hand,
                                  derive_timeout_by_hand,
                                  derive_errors,
                                  derive_base_above_every_grant,
                                  refresh_by_hand,
                                  stale_by_hand};
    return unit_run("law", tests, COUNT(tests));
}
