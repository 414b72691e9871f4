/* What was handed to a handler a moment ago is not handed out again. */
#include "core/handed.h"

#include "unit.h"

enum { P = 1396, NOW = 1000000 };

static struct trk_handed h;
static struct trk_ticket t;

/* A ticket for seqs [first, end) that carry the stream from 0 on, in one run or in two. */
static void ask(uint64_t conn, uint64_t rho, uint64_t first, uint64_t end, uint64_t split)
{
    t = (struct trk_ticket){.to = {.conn = conn, .space = {rho, 5}, .payload_bytes = P}};
    for (uint64_t s = first; s < end;) {
        uint64_t stop = s < split && split < end ? split : end;
        t.run[t.n_runs++] =
            (struct trk_run){.first = s, .count = (uint16_t)(stop - s), .off = s * P, .len = (uint32_t)((stop - s) * P)};
        s = stop;
    }
}

static void has(unsigned i, uint64_t first, uint64_t end)
{
    const struct trk_run *r = &t.run[i];
    ck_assert_msg(i < t.n_runs && r->first == first && r->first + r->count == end && r->off == first * P &&
                      r->len == (end - first) * P,
                  "run %u of %u: %" PRIu64 " + %u at %" PRIu64 ", %" PRIu32, i, t.n_runs, r->first, r->count, r->off,
                  r->len);
}

START_TEST(overlap_is_left_out)
{
    memset(&h, 0, sizeof h);
    ask(1, 9, 10, 20, 0);
    trk_handed_cut(&h, NOW, &t);
    has(0, 10, 20);
    ask(1, 9, 10, 30, 0);
    trk_handed_cut(&h, NOW + 1, &t);
    has(0, 20, 30);
    ask(1, 9, 15, 40, 30); /* the first run goes, the second stays as it is */
    trk_handed_cut(&h, NOW + 2, &t);
    ck_assert_uint_eq(t.n_runs, 1);
    has(0, 30, 40);
    ask(1, 9, 35, 60, 50); /* cut in two places */
    trk_handed_cut(&h, NOW + 3, &t);
    ck_assert_uint_eq(t.n_runs, 2);
    has(0, 40, 50);
    has(1, 50, 60);
}
END_TEST

START_TEST(a_short_last_packet_keeps_its_length)
{
    memset(&h, 0, sizeof h);
    ask(1, 9, 1, 3, 0);
    trk_handed_cut(&h, NOW, &t);
    ask(1, 9, 1, 5, 0);
    t.run[0].len -= 1000;
    trk_handed_cut(&h, NOW, &t);
    ck_assert(t.run[0].first == 3 && t.run[0].count == 2 && t.run[0].off == 3 * P && t.run[0].len == 2 * P - 1000);
}
END_TEST

START_TEST(other_bytes_in_a_seq_are_not_left_out)
{
    memset(&h, 0, sizeof h);
    ask(1, 9, 10, 20, 0);
    trk_handed_cut(&h, NOW, &t);
    ask(1, 9, 12, 30, 13);
    t.run[0].off = 3 * P; /* seq 12 is to carry lost bytes now */
    trk_handed_cut(&h, NOW, &t);
    ck_assert_uint_eq(t.n_runs, 2);
    ck_assert(t.run[0].first == 12 && t.run[0].count == 1 && t.run[0].off == 3 * P);
    has(1, 20, 30);
}
END_TEST

START_TEST(what_asks_for_nothing_else_is_whole_and_keeps_nothing_alive)
{
    memset(&h, 0, sizeof h);
    ask(1, 9, 10, 20, 0);
    trk_handed_cut(&h, NOW, &t);
    ask(1, 9, 10, 20, 0);
    trk_handed_cut(&h, NOW + TRK_HANDED_US - 1, &t);
    has(0, 10, 20);
    ask(1, 9, 10, 21, 0); /* too late: all of it again */
    trk_handed_cut(&h, NOW + TRK_HANDED_US, &t);
    has(0, 10, 21);
    ask(1, 9, 10, 20, 0);
    t.n_runs = 0;
    trk_handed_cut(&h, NOW, &t);
    ck_assert_uint_eq(t.n_runs, 0);
}
END_TEST

START_TEST(others_and_other_spaces_are_not_meant)
{
    memset(&h, 0, sizeof h);
    ask(1, 9, 10, 20, 0);
    trk_handed_cut(&h, NOW, &t);
    ask(1, 8, 10, 30, 0); /* a new space */
    trk_handed_cut(&h, NOW, &t);
    has(0, 10, 30);
    ask(1 + TRK_HANDED_CONNS, 8, 10, 40, 0); /* the same place */
    trk_handed_cut(&h, NOW, &t);
    has(0, 10, 40);
    ask(1 + TRK_HANDED_CONNS, 8, 10, 50, 0);
    trk_handed_cut(&h, 1, &t); /* the clock was set back */
    has(0, 10, 50);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {overlap_is_left_out, a_short_last_packet_keeps_its_length,
                                  other_bytes_in_a_seq_are_not_left_out,
                                  what_asks_for_nothing_else_is_whole_and_keeps_nothing_alive,
                                  others_and_other_spaces_are_not_meant};
    return unit_run("handed", tests, sizeof tests / sizeof *tests);
}
