/* Tickets: runs of grants, their use, and the codec. */
#include "core/ticket.h"

#include "base/err.h"
#include "unit.h"

enum { P = 1396 }; /* payload of a full packet */

static struct trk_request req;
static struct trk_ticket t;

static void begin(void)
{
    memset(&req, 0, sizeof req);
    trk_law_first(&req.law, 1472, 5, 1000);
    req.law.flags |= TRK_LAW_STATELESS;
    req.to = (struct trk_answer){.peer = {{1, 2, 3}, 4},
                                 .cid = 5,
                                 .conn = 6,
                                 .reqno = 7,
                                 .ts = 8,
                                 .space = {9, 10},
                                 .nonce_step = 11,
                                 .open_step = 12,
                                 .limit = 13,
                                 .high_sent = 14,
                                 .packet_size = 1472,
                                 .payload_bytes = P,
                                 .stateless = true,
                                 .steer = 15};
    req.secret = (struct trk_secret){.conn = 6, .rho = 9, .peer = {{1, 2, 3}, 4}, .service_port = 16, .opened_us = 17};
    req.pkt_len = 300;
    req.asked = true;
    req.cont_issued_us = 1000;
    req.keep_first = 18;
}

static void grant(uint64_t seq, uint64_t off, uint16_t len)
{
    req.grant[req.n_grants++] = (struct trk_grant){.seq = seq, .off = off, .len = len};
}

static struct trk_ucont to(uint64_t from, uint64_t end)
{
    return (struct trk_ucont){
        .flags = end == UINT64_MAX ? 0 : TRK_UCONT_END, .state = 77, .up = 20, .from = from, .end = end};
}

static void check_run(unsigned i, uint64_t first, unsigned count, uint64_t off, uint32_t len)
{
    const struct trk_run *r = &t.run[i];
    ck_assert_msg(r->first == first && r->count == count && r->off == off && r->len == len,
                  "run %u: %" PRIu64 " %u %" PRIu64 " %u", i, r->first, r->count, r->off, r->len);
}

START_TEST(neighbours_in_seq_and_stream_join)
{
    struct trk_ucont u = to(0, UINT64_MAX);
    begin();
    grant(5, 1000, P);
    grant(6, 1000 + P, P);
    grant(7, 1000 + 2 * P, 100); /* cut: ends a run */
    grant(8, 1000 + 2 * P + 100, P);
    grant(10, 1000 + 3 * P + 100, P); /* a seq between was sent */
    grant(11, 9000000, P);            /* elsewhere in the stream */
    trk_ticket_make(&t, &req, &u, 5000);
    ck_assert_uint_eq(t.n_runs, 4);
    check_run(0, 5, 3, 1000, 2 * P + 100);
    check_run(1, 8, 1, 1000 + 2 * P + 100, P);
    check_run(2, 10, 1, 1000 + 3 * P + 100, P);
    check_run(3, 11, 1, 9000000, P);
    ck_assert(t.came_us == 5000 && t.up_end == 20 && !t.up_fin && t.has_ucont && !t.answered && t.asked);
}
END_TEST

START_TEST(what_the_continuation_cannot_give_is_left_out_and_its_end_splits)
{
    struct trk_ucont u = to(1000, 1000 + P + 10);
    begin();
    grant(4, 0, P);
    grant(5, 1000, P);
    grant(6, 1000 + P, P);
    grant(7, 1000 + 2 * P, P);
    grant(8, 1000 + 3 * P, 50);
    trk_ticket_make(&t, &req, &u, 0);
    ck_assert_uint_eq(t.n_runs, 2);
    check_run(0, 5, 2, 1000, P + 10);
    check_run(1, 7, 2, 1000 + P + 10, 2 * P); /* two seqs are left: not all of it fits */
    begin();
    grant(5, 1000, P);
    u = to(1000, 1000 + 10);
    trk_ticket_make(&t, &req, &u, 0);
    ck_assert_uint_eq(t.n_runs, 1);
    check_run(0, 5, 1, 1000, 10);
    begin();
    grant(5, 1000 + 10, P);
    trk_ticket_make(&t, &req, &u, 0);
    check_run(0, 5, 1, 1000 + 10, P); /* begins there: for a new request's answer */
    begin();
    grant(5, 0, P);
    trk_ticket_make(&t, &req, NULL, 0);
    ck_assert(!t.has_ucont && t.ucont.end == 0 && t.up_end == 0);
    check_run(0, 5, 1, 0, P);
}
END_TEST

START_TEST(runs_at_the_bound_and_one_past)
{
    struct trk_ucont u = to(0, UINT64_MAX);
    for (unsigned n = TRK_TICKET_RUNS_MAX; n <= TRK_TICKET_RUNS_MAX + 1; n++) {
        begin();
        for (unsigned i = 0; i < n; i++)
            grant(1 + 2 * i, 10000 * i, P);
        trk_ticket_make(&t, &req, &u, 0);
        ck_assert_uint_eq(t.n_runs, TRK_TICKET_RUNS_MAX);
        check_run(31, 63, 1, 310000, P);
    }
    u = to(0, 310000 + 10); /* a split finds no room: what is beyond the end is left out */
    begin();
    for (unsigned i = 0; i < TRK_TICKET_RUNS_MAX; i++)
        grant(1 + 2 * i, 10000 * i, P);
    grant(64, 310000 + P, P);
    trk_ticket_make(&t, &req, &u, 0);
    ck_assert_uint_eq(t.n_runs, TRK_TICKET_RUNS_MAX);
    check_run(31, 63, 2, 310000, 10);
}
END_TEST

START_TEST(use_moves_runs_on_by_whole_seqs)
{
    const struct trk_run run[] = {{5, 3, 1000, 3 * P}, {10, 2, 50000, P + 7}, {20, 4, 90000, 4 * P}, {30, 1, 5, 5}};
    const uint32_t have[] = {100, P + 7, 2 * P, 0};
    struct trk_run r[4];
    memcpy(r, run, sizeof r);
    ck_assert_uint_eq(trk_runs_use(r, 4, have, 0, P), 3);
    memcpy(t.run, r, sizeof r);
    check_run(0, 6, 2, 1100, 2 * P); /* two seqs are left for what follows the 100 */
    check_run(1, 22, 2, 90000 + 2 * P, 2 * P);
    check_run(2, 30, 1, 5, 5);
    /* A split within a piece costs a seq. */
    memcpy(r, run, sizeof r);
    ck_assert_uint_eq(trk_runs_use(r, 1, (const uint32_t[]){P + 50}, 1050, P), 1);
    memcpy(t.run, r, sizeof r[0]);
    check_run(0, 7, 1, 1050 + P, P); /* 50 | P: two seqs */
    /* Where the seqs do not suffice the rest is not sent. */
    memcpy(r, run, sizeof r);
    ck_assert_uint_eq(trk_runs_use(r, 1, (const uint32_t[]){3 * P}, 1050, P), 0);
    /* More than there is counts as all. */
    memcpy(r, run, sizeof r);
    ck_assert_uint_eq(trk_runs_use(r, 1, (const uint32_t[]){UINT32_MAX}, 0, P), 0);
}
END_TEST

static size_t full(uint8_t *buf)
{
    struct trk_ucont u = to(0, UINT64_MAX);
    begin();
    for (unsigned i = 0; i < TRK_TICKET_RUNS_MAX; i++)
        grant(1 + 2 * i, 10000 * i, P);
    trk_ticket_make(&t, &req, &u, 5000);
    t.give_cont = t.answered = t.up_fin = true;
    t.up_end = 50;
    t.reason = TRK_REASON_WINDOW;
    return trk_ticket_write(&t, buf);
}

START_TEST(encoded_bytes_as_written)
{
    /* clang-format off */
    static const uint8_t head[] = {
        1, 0x1f, 2, 32, 0x01, 0x2c,                                     /* layout, all flags, WINDOW, runs, size */
        1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 15,       /* peer, port, steer */
        0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6,                 /* cid, conn */
        0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 10,          /* reqno, ts, space */
        0, 0, 0, 11, 0, 0, 0, 12, 0, 0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 14, /* steps, limit, high_sent */
        0xc1, 0, 0x06,                                                  /* the law part: FIRST, STATELESS */
    };
    static const uint8_t tail[] = {
        0, 0, 0, 0, 0, 0, 0x13, 0x88,       /* came */
        0, 0, 0, 0, 0, 0, 0x03, 0xe8,       /* issued */
        0, 0, 0, 0, 0, 18,                  /* keep */
        0xd1, 0, 0, 0,                      /* the clear part of the continuation */
    };
    static const uint8_t last[] = {
        0, 0, 0, 0, 0, 63, 0, 1, 0, 0, 0, 0, 0, 0x04, 0xba, 0xf0, 0, 0, 0x05, 0x74,
    };
    /* clang-format on */
    uint8_t buf[TRK_TICKET_BYTES_MAX];
    size_t n = full(buf), at = sizeof head - 3;
    ck_assert_mem_eq(buf, head, sizeof head);
    at += TRK_CONT_CLEAR_BYTES + TRK_CONT_SECRET_BYTES;
    ck_assert_mem_eq(buf + at, tail, sizeof tail);
    at += sizeof tail - 4 + TRK_UCONT_CLEAR_BYTES;
    ck_assert_uint_eq(buf[at + 7], 50);
    ck_assert_mem_eq(buf + n - sizeof last, last, sizeof last);
    ck_assert_uint_eq(n, at + 8 + 32 * 20);
}
END_TEST

START_TEST(round_trip_and_every_truncation)
{
    uint8_t buf[TRK_TICKET_BYTES_MAX + 1], again[TRK_TICKET_BYTES_MAX];
    size_t n = full(buf), used;
    struct trk_ticket r;
    ck_assert_int_eq(trk_ticket_read(buf, n + 1, &r, &used), TRK_OK); /* what follows is not its own */
    ck_assert_uint_eq(used, n);
    ck_assert_uint_eq(trk_ticket_write(&r, again), n);
    ck_assert_mem_eq(again, buf, n);
    ck_assert(r.to.payload_bytes == P && r.to.packet_size == 1472 && r.to.stateless);
    ck_assert(r.up_end == 50 && r.up_fin && r.give_cont && r.answered && r.asked && r.has_ucont);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_ne(trk_ticket_read(buf, i, &r, &used), TRK_OK);
    begin();
    trk_ticket_make(&t, &req, NULL, 0); /* the least */
    n = trk_ticket_write(&t, buf);
    ck_assert_int_eq(trk_ticket_read(buf, n, &r, &used), TRK_OK);
    ck_assert(!r.has_ucont && r.ucont.end == 0 && r.n_runs == 0);
}
END_TEST

/* { offset from the end of a full ticket, value, what comes of it } */
START_TEST(fields_out_of_range_are_refused)
{
    uint8_t buf[TRK_TICKET_BYTES_MAX];
    struct trk_ticket r;
    size_t n = full(buf), used;
    static const struct {
        int at; /* below 0: from the end */
        uint8_t value;
    } no[] = {
        {0, 2},      /* layout */
        {1, 0x20},   /* flags */
        {2, 13},     /* reason */
        {3, 33},     /* runs */
        {79, 0xc2},  /* law: kind */
        {81, 0x02},  /* law: not stateless */
        {-1, 0x75},  /* the last run is longer than its seqs */
        {-13, 2},    /* and more seqs than its length: fine, not here */
        {-15, 61},   /* its seq is that of another one */
        {-20, 0xff}, /* no seq at all */
    };
    for (size_t i = 0; i < COUNT(no); i++) {
        size_t at = no[i].at < 0 ? n - (size_t)-no[i].at : (size_t)no[i].at;
        uint8_t was = buf[at];
        buf[at] = no[i].value;
        int rc = trk_ticket_read(buf, n, &r, &used);
        ck_assert_msg(no[i].at == -13 || no[i].at == -20 ? true : rc != TRK_OK, "%zu: %d", i, rc);
        buf[at] = was;
    }
    t.run[31].len = 0;
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_E_FIELD);
    t.run[31] = (struct trk_run){TRK_SEQ_MAX - 1, 1, 0, 1};
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_OK);
    t.run[31].first++;
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_E_FIELD);
    t.run[31] = (struct trk_run){63, 1, UINT64_MAX - 1, 1};
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_OK);
    t.run[31].len = 2;
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_E_FIELD);
    t.run[31] = (struct trk_run){63, TRK_GRANTS_MAX - 31, 0, 1};
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_OK);
    t.run[31].count++;
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_E_FIELD);
    t.n_runs = 0;
    t.law.law_base = 18;
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_OK);
    t.law.law_base = 19; /* what would be given is good for less than is kept */
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_E_FIELD);
    t.law.law_base = 18;
    t.up_end = 19; /* below `up` */
    ck_assert_int_eq(trk_ticket_read(buf, trk_ticket_write(&t, buf), &r, &used), TRK_E_FIELD);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {neighbours_in_seq_and_stream_join,
                            what_the_continuation_cannot_give_is_left_out_and_its_end_splits,
                            runs_at_the_bound_and_one_past,
                            use_moves_runs_on_by_whole_seqs,
                            encoded_bytes_as_written,
                            round_trip_and_every_truncation,
                            fields_out_of_range_are_refused};
    return unit_run("ticket", tests, COUNT(tests));
}
