/* The soft state of a connection, driven by events made by hand. */
#include "core/soft.h"

#include "base/err.h"
#include "fakeseal.h"
#include "unit.h"

#define NOW_US (UINT64_C(1800000000) * 1000000)

static struct fakeseal fs;
static struct trk_server srv;
static struct trk_replay table;
static _Alignas(64) uint8_t mem[1 << 16];
static struct trk_soft soft;
static struct testmem tm;
static struct trk_request req;
static struct trk_piece piece[TRK_GRANTS_MAX];
static const struct trk_answer *to;
static bool late;
static const struct trk_addr peer = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 4000};

/* A request that was granted [first, first + n) for the bytes from off on. */
static void make(uint32_t reqno, uint64_t first, unsigned n, uint64_t off)
{
    req = (struct trk_request){.to = {.peer = peer,
                                      .conn = 77,
                                      .reqno = reqno,
                                      .space = {9, 5},
                                      .nonce_step = 1,
                                      .open_step = 1,
                                      .limit = first + n - 1,
                                      .packet_size = 1200,
                                      .payload_bytes = 1132},
                               .asked = n > 0,
                               .n_grants = n};
    for (unsigned i = 0; i < n; i++)
        req.grant[i] = (struct trk_grant){first + i, off + i * 1132u, 1132};
}

static void begin(void)
{
    srv = (struct trk_server){.instance = 5, .packet_max = 1472};
    fakeseal_init(&fs, 12, &srv.seal);
    ck_assert_int_eq(trk_replay_init(&table, mem, sizeof mem, TRK_FRESHNESS_US), TRK_OK);
    testmem_init(&tm);
    make(1, 1, 10, 0);
    ck_assert_int_eq(trk_soft_init(&soft, &srv, &req, 4096, NOW_US), TRK_OK);
}

static void end(void)
{
    trk_soft_free(&soft, &tm.mem);
    ck_assert_int_eq(tm.blocks, 0);
}

static void mark(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        trk_replay_mark(&table, to->space, piece[i].seq, 1, 1, NOW_US);
}

static unsigned plan(bool with, uint64_t avail, bool fin, uint64_t now_us)
{
    unsigned n = trk_soft_plan(&soft, &table, with ? &req : NULL, avail, fin, now_us, piece, TRK_GRANTS_MAX, &to, &late);
    mark(n);
    return n;
}

START_TEST(plan_short_bytes_keep_the_rest_as_credit)
{
    begin();
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 2000, false, NOW_US), 2);
    ck_assert(piece[0].seq == 1 && piece[0].off == 0 && piece[0].len == 1132 && !piece[0].fin);
    ck_assert(piece[1].seq == 2 && piece[1].off == 1132 && piece[1].len == 868 && !late);
    ck_assert(!trk_soft_can_push(&soft, 2000, false));
    ck_assert(trk_soft_can_push(&soft, 2001, false));
    ck_assert(trk_soft_can_push(&soft, 2000, true));
    ck_assert_uint_eq(plan(false, 5000, true, NOW_US + 10), 3);
    ck_assert(late && to->reqno == 1 && piece[0].seq == 3 && piece[0].off == 2000);
    ck_assert(piece[2].seq == 5 && piece[2].off == 2000 + 2264 && piece[2].len == 736 && piece[2].fin);
    ck_assert(!trk_soft_can_push(&soft, 5000, true));
    ck_assert_uint_eq(plan(false, 5000, true, NOW_US + 20), 0);
    end();
}
END_TEST

START_TEST(plan_ranges_sent_before_go_again_first)
{
    begin();
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 5 * 1132, false, NOW_US), 5);
    make(2, 30, 3, 1132); /* bytes of the second packet, and on */
    req.grant[1].off = 900000; /* never sent: new bytes go in order */
    req.grant[2].off = 900000;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 5 * 1132 + 100, false, NOW_US), 2);
    ck_assert(piece[0].off == 1132 && piece[0].len == 1132);
    ck_assert(piece[1].off == 5 * 1132 && piece[1].len == 100);
    req.down_una = 3 * 1132; /* released: never again */
    make(3, 40, 1, 0);
    req.down_una = 3 * 1132;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(soft.down_una, 3 * 1132);
    ck_assert_uint_eq(plan(true, 5 * 1132 + 100, false, NOW_US), 0);
    end();
}
END_TEST

START_TEST(plan_old_credit_is_worth_iw)
{
    begin();
    make(1, 1, 60, 0);
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    ck_assert_uint_eq(plan(false, 1000000, false, NOW_US + TRK_SOFT_OLD_CREDIT_US + 1), TRK_IW_PKTS);
    ck_assert_uint_eq(plan(false, 1000000, false, NOW_US + TRK_SOFT_OLD_CREDIT_US + 2), 0);
    end();
}
END_TEST

START_TEST(plan_stale_ends_the_credit)
{
    begin();
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    make(2, 1, 0, 0);
    req.asked = true;
    req.reason = TRK_REASON_STALE;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 9000, false, NOW_US), 0);
    ck_assert(!trk_soft_can_push(&soft, 9000, false));
    make(3, 1, 4, 0); /* the new space */
    req.to.space.rho = 10;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 9000, false, NOW_US), 4);
    end();
}
END_TEST

START_TEST(plan_bad_proof_gives_nothing)
{
    begin();
    req.reason = TRK_REASON_PROOF_BAD;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 9000, false, NOW_US), 0);
    end();
}
END_TEST

START_TEST(plan_timeout_ends_older_credit)
{
    begin();
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    make(2, 70, 1, 0);
    req.kind = TRK_KIND_TIMEOUT;
    req.law.epoch = 1;
    req.law.base = 70;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 9000, false, NOW_US), 1);
    ck_assert_uint_eq(piece[0].seq, 70);
    make(1, 1, 10, 0); /* an older request that was late: of an epoch that is over */
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 9000, false, NOW_US), 0);
    ck_assert_uint_eq(soft.to.reqno, 2);
    end();
}
END_TEST

/* A HOLE and a TIMEOUT of one parent have the same epoch number, and so have the attempts of a TIMEOUT. */
START_TEST(plan_timeout_ends_the_credit_of_siblings)
{
    begin();
    make(2, 100, 10, 0);
    req.kind = TRK_KIND_HOLE;
    req.law.epoch = 1;
    req.law.base = 100;
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    make(3, 200, 1, 0);
    req.kind = TRK_KIND_TIMEOUT;
    req.law.epoch = 1;
    req.law.base = 200;
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    ck_assert(soft.credit.n == 1 && soft.credit.v[0].start == 200);
    make(4, 201, 1, 0);
    req.kind = TRK_KIND_TIMEOUT;
    req.law.epoch = 1;
    req.law.base = 201;
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    make(2, 100, 10, 0); /* the first again, late: it brings nothing back */
    req.kind = TRK_KIND_HOLE;
    req.law.epoch = 1;
    req.law.base = 100;
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    ck_assert_uint_eq(plan(false, 1 << 20, false, NOW_US), 1);
    ck_assert_uint_eq(piece[0].seq, 201);
    end();
}
END_TEST

START_TEST(plan_hole_closes_the_gap_for_credit_too)
{
    begin();
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, false, NOW_US), 0);
    make(2, 30, 2, 0);
    req.kind = TRK_KIND_HOLE;
    req.law.epoch = 1;
    req.law.base = 30; /* not marked in the table: it may have forgotten */
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 9000, false, NOW_US), 2);
    ck_assert(piece[0].seq == 30 && piece[1].seq == 31);
    end();
}
END_TEST

START_TEST(uplink_acknowledged_when_taken)
{
    struct trk_up_state up;
    struct iovec iov[2];
    begin();
    make(1, 1, 0, 0);
    req.up = (const uint8_t *)"hello";
    req.up_len = 5;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert(soft.owed == 1 && soft.owed_us == NOW_US);
    trk_soft_up_state(&soft, &up);
    ck_assert(up.ack == 0 && up.credit_bytes == 4096 && up.n_sacks == 1 && up.sack[0].start == 0 && up.sack[0].end == 5);
    ck_assert_int_eq(trk_rcvbuf_peek(&soft.up, iov), 1);
    ck_assert_mem_eq(iov[0].iov_base, "hello", 5);
    trk_rcvbuf_consume(&soft.up, &tm.mem, 5);
    trk_soft_up_state(&soft, &up);
    ck_assert(up.ack == 5 && up.n_sacks == 0 && up.credit_bytes == 4096);
    trk_soft_answered(&soft);
    ck_assert_uint_eq(soft.owed, 0);
    struct trk_uplink_pkt u = {.reqno = 2, .up_off = 10, .up = (const uint8_t *)"xyz", .up_len = 3};
    ck_assert_int_eq(trk_soft_uplink(&soft, &tm.mem, &u, &peer, NOW_US), TRK_OK);
    trk_soft_up_state(&soft, &up);
    ck_assert(up.ack == 5 && up.n_sacks == 1 && up.sack[0].start == 10 && up.sack[0].end == 13);
    ck_assert_uint_eq(soft.to.reqno, 2);
    end();
}
END_TEST

START_TEST(uplink_from_elsewhere_dropped)
{
    struct trk_addr other = peer;
    struct trk_uplink_pkt u = {.reqno = 2, .up = (const uint8_t *)"xyz", .up_len = 3};
    begin();
    other.port++;
    ck_assert_int_eq(trk_soft_uplink(&soft, &tm.mem, &u, &other, NOW_US), TRK_E_UNKNOWN);
    ck_assert(soft.owed == 0 && soft.up.una == 0);
    end();
}
END_TEST

START_TEST(fin_both_ways_then_done)
{
    struct trk_up_state up;
    begin();
    make(1, 1, 4, 0);
    req.up = (const uint8_t *)"hello";
    req.up_len = 5;
    req.fin = true;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert(!trk_soft_up_eof(&soft));
    trk_rcvbuf_consume(&soft.up, &tm.mem, 5);
    ck_assert(trk_soft_up_eof(&soft));
    trk_soft_up_state(&soft, &up);
    ck_assert_uint_eq(up.ack, 6); /* the FIN takes one offset */
    ck_assert_uint_eq(plan(true, 0, true, NOW_US), 1); /* a FIN alone */
    ck_assert(piece[0].len == 0 && piece[0].fin && piece[0].off == 0);
    ck_assert(!trk_soft_done(&soft));
    make(2, 5, 1, 0);
    req.down_una = 1;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert(trk_soft_done(&soft));
    struct trk_uplink_pkt u = {.reqno = 3, .up_off = 5, .up = (const uint8_t *)"more", .up_len = 4}; /* a liar */
    ck_assert_int_eq(trk_soft_uplink(&soft, &tm.mem, &u, &peer, NOW_US), TRK_OK);
    ck_assert_uint_eq(soft.up.una, 5);
    end();
}
END_TEST

START_TEST(fin_goes_again_though_the_clock_was_set_back)
{
    begin();
    make(1, 1, 1, 0);
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, true, NOW_US), 1);
    make(2, 2, 1, 0);
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, true, NOW_US + TRK_SOFT_FIN_AGAIN_US), 0); /* an overlapping request */
    make(3, 3, 1, 0);
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(plan(true, 0, true, NOW_US - 3600 * UINT64_C(1000000)), 1);
    end();
}
END_TEST

START_TEST(release_of_bytes_never_sent_ignored)
{
    begin();
    req.down_una = 5000; /* nothing was sent yet */
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(soft.down_una, 0);
    end();
}
END_TEST

START_TEST(window_news_after_a_quarter)
{
    struct trk_up_state up;
    uint8_t many[4096] = {0};
    begin();
    make(1, 1, 0, 0);
    req.up = many;
    req.up_len = 4096;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    trk_soft_up_state(&soft, &up);
    ck_assert_uint_eq(up.credit_bytes, 4096);
    trk_rcvbuf_consume(&soft.up, &tm.mem, 1023);
    ck_assert(!trk_soft_window_news(&soft));
    trk_rcvbuf_consume(&soft.up, &tm.mem, 1);
    ck_assert(trk_soft_window_news(&soft));
    trk_soft_up_state(&soft, &up);
    ck_assert(!trk_soft_window_news(&soft));
    end();
}
END_TEST

START_TEST(uplink_without_memory_comes_again)
{
    begin();
    make(1, 1, 0, 0);
    req.up = (const uint8_t *)"hello";
    req.up_len = 5;
    tm.fail_at = 1;
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_E_NOMEM);
    ck_assert_uint_eq(soft.up.una, 0);
    ck_assert_int_eq(trk_soft_request(&soft, &tm.mem, &req, NOW_US), TRK_OK);
    ck_assert_uint_eq(soft.up.una, 5);
    end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {plan_short_bytes_keep_the_rest_as_credit,
                                  plan_ranges_sent_before_go_again_first,
                                  plan_old_credit_is_worth_iw,
                                  plan_stale_ends_the_credit,
                                  plan_bad_proof_gives_nothing,
                                  plan_timeout_ends_older_credit,
                                  plan_timeout_ends_the_credit_of_siblings,
                                  plan_hole_closes_the_gap_for_credit_too,
                                  uplink_acknowledged_when_taken,
                                  uplink_from_elsewhere_dropped,
                                  fin_both_ways_then_done,
                                  fin_goes_again_though_the_clock_was_set_back,
                                  release_of_bytes_never_sent_ignored,
                                  window_news_after_a_quarter,
                                  uplink_without_memory_comes_again};
    return unit_run("soft", tests, COUNT(tests));
}
