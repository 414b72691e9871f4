/* Reassembly of uplink bytes: what is shown, bounds, and nothing but resends lost with it. */
#include "core/reasm.h"

#include "base/err.h"
#include "unit.h"

enum { W = TRK_MINI_UP_WINDOW_BYTES };

static struct testmem tm;
static struct trk_reasm r;
static uint8_t stream[300000];
static const uint64_t seed[2] = {1, 2};

static void begin(unsigned entries, uint64_t bytes)
{
    testmem_init(&tm);
    trk_reasm_init(&r, &tm.mem, seed, entries, bytes);
    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = (uint8_t)(i * 31 + i / 256);
}

static void end(void)
{
    trk_reasm_clear(&r);
    ck_assert_int_eq(tm.blocks, 0);
    ck_assert_uint_eq(r.bytes, 0);
    ck_assert(r.n == 0 && r.oldest == NULL && r.newest == NULL);
}

static int add(uint64_t conn, uint64_t up, uint64_t off, size_t len, bool fin)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, stream + off, len);
    int rc = trk_reasm_add(&r, 1000, conn, up, off, copy, len, fin);
    free(copy);
    return rc;
}

/* What is shown from `up` on: checked against the stream. Returns its length; *fin. */
static size_t shown(uint64_t conn, uint64_t up, bool *fin)
{
    const uint8_t *bytes;
    size_t len;
    bool any = trk_reasm_peek(&r, conn, up, &bytes, &len, fin);
    ck_assert(any == (len > 0 || *fin));
    if (len > 0)
        ck_assert_mem_eq(bytes, stream + up, len);
    return len;
}

static size_t len_at(uint64_t conn, uint64_t up)
{
    bool fin;
    return shown(conn, up, &fin);
}

START_TEST(parts_in_any_order_are_shown_when_contiguous)
{
    struct trk_up_state up;
    bool fin;
    begin(4, 1 << 20);
    ck_assert_uint_eq(len_at(1, 100), 0);
    ck_assert_int_eq(add(1, 100, 2000, 1000, true), TRK_OK);
    ck_assert_uint_eq(len_at(1, 100), 0);
    ck_assert_int_eq(add(1, 100, 500, 500, false), TRK_OK);
    trk_reasm_up_state(&r, 1, 100, &up);
    ck_assert(up.ack == 100 && up.credit_bytes == W && up.n_sacks == 2);
    ck_assert(up.sack[0].start == 500 && up.sack[0].end == 1000 && up.sack[1].start == 2000 && up.sack[1].end == 3000);
    ck_assert_int_eq(add(1, 100, 50, 450, false), TRK_OK); /* from below `up` on */
    ck_assert(shown(1, 100, &fin) == 900 && !fin);
    trk_reasm_up_state(&r, 1, 100, &up);
    ck_assert(up.n_sacks == 2 && up.sack[0].start == 100 && up.sack[0].end == 1000);
    ck_assert_int_eq(add(1, 100, 900, 1100, false), TRK_OK);
    ck_assert(shown(1, 100, &fin) == 2900 && fin);
    ck_assert(shown(1, 2999, &fin) == 1 && fin);
    ck_assert(shown(1, 3000, &fin) == 0 && fin);
    ck_assert(shown(1, 3001, &fin) == 0 && !fin);
    trk_reasm_consume(&r, 1, 2500);
    ck_assert(len_at(1, 100) == 0 && shown(1, 2500, &fin) == 500 && fin);
    trk_reasm_consume(&r, 1, 3000);
    ck_assert(trk_reasm_holds(&r, 1)); /* the FIN */
    trk_reasm_consume(&r, 1, 3001);
    ck_assert(!trk_reasm_holds(&r, 1));
    end();
}
END_TEST

START_TEST(window_at_the_bound_and_one_past)
{
    bool fin;
    begin(4, 1 << 20);
    ck_assert_int_eq(add(1, 10, 10, W + 1, true), TRK_OK); /* the last byte is outside, so is the FIN */
    ck_assert(shown(1, 10, &fin) == W && !fin);
    ck_assert_int_eq(add(1, 10, 10 + W, 1, false), TRK_OK);
    ck_assert_uint_eq(len_at(1, 10), W);
    ck_assert_int_eq(add(1, 10, 10 + W, 0, true), TRK_OK); /* a FIN right behind the window is known */
    ck_assert(shown(1, 10, &fin) == W && fin);
    trk_reasm_consume(&r, 1, 11 + W);
    ck_assert(!trk_reasm_holds(&r, 1));
    ck_assert_int_eq(add(1, 10, 10 + W, 1, false), TRK_OK);
    ck_assert(!trk_reasm_holds(&r, 1)); /* nothing kept, no entry */
    ck_assert_int_eq(add(1, 10, 5, 5, false), TRK_OK);
    ck_assert(!trk_reasm_holds(&r, 1));
    ck_assert_int_eq(add(1, 10, 9 + W, 1, false), TRK_OK);
    ck_assert(trk_reasm_holds(&r, 1));
    end();
}
END_TEST

START_TEST(nothing_beyond_a_fin_and_no_second_one)
{
    bool fin;
    begin(4, 1 << 20);
    ck_assert_int_eq(add(1, 0, 100, 100, true), TRK_OK);
    ck_assert_int_eq(add(1, 0, 0, 300, true), TRK_OK); /* contradicts itself: its FIN is not believed */
    ck_assert(shown(1, 0, &fin) == 200 && fin);
    ck_assert_int_eq(add(2, 0, 100, 100, false), TRK_OK);
    ck_assert_int_eq(add(2, 0, 0, 50, true), TRK_OK); /* below what is there */
    ck_assert(shown(2, 0, &fin) == 50 && !fin);
    end();
}
END_TEST

START_TEST(older_continuation_goes_back_with_what_is_held)
{
    bool fin;
    begin(4, 1 << 20);
    ck_assert_int_eq(add(1, 5000, 6000, 1000, true), TRK_OK);
    ck_assert_int_eq(add(1, 1000, 5500, 100, false), TRK_OK); /* not of before: stays as it is */
    ck_assert_uint_eq(len_at(1, 1000), 0);
    ck_assert_int_eq(add(1, 1000, 1000, 4500, false), TRK_OK);
    ck_assert_uint_eq(len_at(1, 1000), 4600);
    ck_assert_int_eq(add(1, 1000, 5600, 400, false), TRK_OK);
    ck_assert(shown(1, 1000, &fin) == 6000 && fin);
    trk_reasm_consume(&r, 1, 100000); /* far on */
    ck_assert(!trk_reasm_holds(&r, 1));
    /* What does not fit into the window from there is lost. */
    ck_assert_int_eq(add(1, 150000, 150000, 3000, false), TRK_OK);
    ck_assert_int_eq(add(1, 151000 - W, 151000 - W, 10, false), TRK_OK);
    ck_assert_uint_eq(len_at(1, 150000), 1000);
    ck_assert_int_eq(add(1, 1000, 1000, 10, false), TRK_OK);
    ck_assert(len_at(1, 150000) == 0 && len_at(1, 1000) == 10);
    end();
}
END_TEST

START_TEST(newer_continuation_drops_what_it_has_consumed)
{
    begin(4, 1 << 20);
    ck_assert_int_eq(add(1, 0, 0, 3000, false), TRK_OK);
    ck_assert_int_eq(trk_reasm_need(&r, 1, 0, 4000), TRK_OK);
    ck_assert_uint_eq(trk_reasm_needed(&r, 1, 0), 4000);
    ck_assert_int_eq(add(1, 0, 3000, 10, false), TRK_OK);
    ck_assert_uint_eq(trk_reasm_needed(&r, 1, 0), 4000);
    ck_assert_int_eq(add(1, 2000, 3010, 10, false), TRK_OK);
    ck_assert_uint_eq(trk_reasm_needed(&r, 1, 2000), 0);
    ck_assert_uint_eq(len_at(1, 2000), 1020);
    ck_assert_uint_eq(len_at(1, 1999), 0);
    ck_assert_int_eq(trk_reasm_need(&r, 2, 0, 1), TRK_E_UNKNOWN);
    ck_assert_uint_eq(trk_reasm_needed(&r, 2, 0), 0);
    end();
}
END_TEST

/* Two runs saw the same bytes, and the one that consumed more answered first: what the other waits for is not
 * waited for from where the first one ended. */
START_TEST(what_is_needed_is_counted_from_where_it_was_seen)
{
    begin(4, 1 << 20);
    ck_assert_int_eq(add(1, 0, 0, 3000, false), TRK_OK);
    trk_reasm_consume(&r, 1, 2000);
    ck_assert_int_eq(trk_reasm_need(&r, 1, 2000, 1000), TRK_OK);
    trk_reasm_consume(&r, 1, 1500);
    ck_assert_int_eq(trk_reasm_need(&r, 1, 1500, 1500), TRK_OK);
    ck_assert_uint_eq(trk_reasm_needed(&r, 1, 2000), 1000);
    ck_assert_uint_eq(trk_reasm_needed(&r, 1, 1500), 0);
    ck_assert_uint_eq(trk_reasm_needed(&r, 1, 2500), 0);
    ck_assert_uint_eq(len_at(1, 2000), 1000);
    end();
}
END_TEST

START_TEST(what_a_handler_sees_is_not_shown_to_another)
{
    begin(4, 1 << 20);
    ck_assert(trk_reasm_show(&r, 1000, 7, 0)); /* nothing is held: nothing to remember */
    ck_assert(trk_reasm_show(&r, 1000, 7, 0));
    ck_assert_int_eq(add(7, 0, 0, 1000, false), TRK_OK);
    ck_assert(trk_reasm_show(&r, 1000, 7, 0));
    ck_assert(!trk_reasm_show(&r, 1000 + TRK_REASM_SHOWN_US - 1, 7, 0));
    ck_assert(trk_reasm_show(&r, 1000 + TRK_REASM_SHOWN_US, 7, 0)); /* it may have died */
    ck_assert(!trk_reasm_show(&r, 1001 + TRK_REASM_SHOWN_US, 7, 0));
    ck_assert(trk_reasm_show(&r, 10, 7, 0)); /* the clock was set back */
    trk_reasm_consume(&r, 7, 0); /* answered, and none consumed */
    ck_assert(trk_reasm_show(&r, 20, 7, 0));
    ck_assert(trk_reasm_show(&r, 20, 7, 500)); /* another continuation */
    ck_assert(!trk_reasm_show(&r, 21, 7, 500));
    trk_reasm_consume(&r, 7, 600);
    ck_assert(trk_reasm_show(&r, 22, 7, 600));
    end();
}
END_TEST

START_TEST(entries_at_the_bound_and_one_past)
{
    begin(3, 1 << 20);
    for (uint64_t conn = 1; conn <= 3; conn++)
        ck_assert_int_eq(add(conn, 0, 0, 10, false), TRK_OK);
    ck_assert_uint_eq(r.evicted, 0);
    ck_assert_int_eq(add(1, 0, 10, 10, false), TRK_OK); /* used: no longer the oldest */
    ck_assert_int_eq(add(4, 0, 0, 10, false), TRK_OK);
    ck_assert(r.n == 3 && r.evicted == 1 && !trk_reasm_holds(&r, 2));
    ck_assert(len_at(1, 0) == 20 && len_at(3, 0) == 10 && len_at(4, 0) == 10);
    end();
}
END_TEST

START_TEST(bytes_at_the_bound_and_one_past)
{
    begin(100, 1 << 20);
    ck_assert_int_eq(add(1, 0, 0, 2048, false), TRK_OK);
    const uint64_t one = r.bytes;
    end();
    for (int less = 0; less < 2; less++) {
        begin(100, 2 * one - (uint64_t)less);
        ck_assert_int_eq(add(1, 0, 0, 2048, false), TRK_OK);
        ck_assert_int_eq(add(2, 0, 0, 2048, false), TRK_OK);
        ck_assert_int_eq(trk_reasm_holds(&r, 1), less == 0);
        ck_assert_uint_le(r.bytes, r.max_bytes);
        end();
    }
    begin(100, one);
    ck_assert_int_eq(add(1, 0, 0, 2049, false), TRK_E_NOMEM); /* alone, and does not fit */
    ck_assert(!trk_reasm_holds(&r, 1));
    ck_assert_int_eq(add(1, 0, 0, 2048, false), TRK_OK);
    ck_assert_int_eq(add(1, 0, 2048, 1, false), TRK_E_NOMEM);
    ck_assert_uint_eq(len_at(1, 0), 2048);
    end();
    begin(100, one - 2048 - 1); /* not even an entry */
    ck_assert_int_eq(add(1, 0, 0, 1, false), TRK_E_NOMEM);
    end();
}
END_TEST

START_TEST(ranges_at_the_bound_and_one_past)
{
    struct trk_up_state up;
    begin(4, 1 << 20);
    for (unsigned i = 0; i < TRK_REASM_RANGES_MAX; i++)
        ck_assert_int_eq(add(1, 0, 10 + 20 * i, 10, false), TRK_OK);
    ck_assert_int_eq(add(1, 0, 10 + 20 * TRK_REASM_RANGES_MAX, 10, false), TRK_E_NOMEM);
    ck_assert_int_eq(add(1, 0, 20, 10, false), TRK_OK); /* joins two */
    trk_reasm_up_state(&r, 1, 0, &up);
    ck_assert(up.n_sacks == TRK_SACKS_MAX && up.sack[0].end == 40 && up.sack[3].start == 90 && up.sack[3].end == 100);
    end();
}
END_TEST

START_TEST(ranges_too_far_to_be_named_are_not)
{
    struct trk_up_state up;
    begin(4, 1 << 20);
    const uint64_t far = UINT64_C(1) << 40;
    ck_assert_int_eq(trk_reasm_add(&r, 0, 1, far, far, stream, 10, false), TRK_OK);
    trk_reasm_up_state(&r, 1, far - UINT32_MAX + 10, &up);
    ck_assert_uint_eq(up.n_sacks, 1);
    trk_reasm_up_state(&r, 1, far - UINT32_MAX + 9, &up);
    ck_assert_uint_eq(up.n_sacks, 0);
    ck_assert_int_eq(trk_reasm_add(&r, 0, 1, UINT64_MAX - 5, UINT64_MAX - 5, stream, 5, true), TRK_OK);
    end();
}
END_TEST

START_TEST(age_at_the_bound_and_one_past)
{
    begin(4, 1 << 20);
    ck_assert_int_eq(add(1, 0, 0, 10, false), TRK_OK); /* at 1000 */
    trk_reasm_expire(&r, 1000 + TRK_REASM_AGE_US);
    ck_assert(trk_reasm_holds(&r, 1));
    trk_reasm_expire(&r, 1001 + TRK_REASM_AGE_US);
    ck_assert(!trk_reasm_holds(&r, 1));
    ck_assert_uint_eq(r.evicted, 0);
    end();
}
END_TEST

/* No memory at every point: refused or done, and what is shown is true. */
START_TEST(no_memory_at_any_call)
{
    for (uint64_t at = 1; at < 12; at++)
        for (int rest = 0; rest < 2; rest++) {
            begin(4, 1 << 20);
            tm.fail_at = at;
            tm.fail_rest = rest;
            (void)add(1, 0, 3000, 3000, false);
            (void)add(1, 0, 0, 1000, false);
            (void)add(2, 0, 0, 1000, true);
            (void)add(1, 0, 1000, 2000, true);
            (void)len_at(1, 0);
            trk_reasm_consume(&r, 1, 2500);
            (void)len_at(1, 2500);
            (void)add(1, 100, 100, 500, false);
            (void)len_at(1, 100);
            end();
        }
}
END_TEST

/* Random bytes, continuations and drops against the stream: what is shown is always right. */
START_TEST(random_uses_show_only_what_was_sent)
{
    struct rng g = {unit_seed("reasm", 7)};
    uint64_t max_shown = 0;
    begin(3, 200000);
    for (uint64_t n = 0; n < rounds_of(200000); n++) {
        uint64_t conn = 1 + rng_below(&g, 5), up = rng_below(&g, 100000), off = up + rng_below(&g, 70000);
        size_t len = (size_t)rng_below(&g, 3000);
        off = off > 2000 ? off - 1000 : off;
        switch (rng_below(&g, 8)) {
        case 0:
            trk_reasm_consume(&r, conn, up);
            break;
        case 1:
            up = 500 * rng_below(&g, 4); /* so that something is contiguous now and then */
            off = up;
            /* fall through */
        default:
            (void)add(conn, up, off, len, rng_below(&g, 50) == 0);
            break;
        }
        uint64_t got = len_at(conn, up);
        max_shown = got > max_shown ? got : max_shown;
        ck_assert(r.n <= 3 && r.bytes <= 200000);
    }
    ck_assert_uint_gt(max_shown, rounds_of(1000) == 1000 ? 5000 : 2000);
    ck_assert_uint_gt(r.evicted, 10);
    end();
}
END_TEST

int main(void)
{
    const TTest *tests[] = {parts_in_any_order_are_shown_when_contiguous,
                            window_at_the_bound_and_one_past,
                            nothing_beyond_a_fin_and_no_second_one,
                            older_continuation_goes_back_with_what_is_held,
                            newer_continuation_drops_what_it_has_consumed,
                            what_is_needed_is_counted_from_where_it_was_seen,
                            what_a_handler_sees_is_not_shown_to_another,
        entries_at_the_bound_and_one_past,
                            bytes_at_the_bound_and_one_past,
                            ranges_at_the_bound_and_one_past,
                            ranges_too_far_to_be_named_are_not,
                            age_at_the_bound_and_one_past,
                            no_memory_at_any_call,
                            random_uses_show_only_what_was_sent};
    return unit_run("reasm", tests, COUNT(tests));
}
