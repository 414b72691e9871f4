/* The client against servers that are wrong, hostile or merely slow: a server by hand, packet by packet. */
#include "core/client.h"
#include "core/cont.h"

#include "fakeseal.h"
#include "unit.h"

enum { OFFERED_BYTES = 1472, BIG_BYTES = 9000, WINDOW_BYTES = 1 << 20 };

#define MS UINT64_C(1000000)
#define CID UINT64_C(0x0102030405060708)

struct bench {
    struct testmem mem, ring_mem;
    struct fakeseal fake;
    struct trk_seal_ops seal;
    struct trk_client *c;
    struct trk_law law; /* as last given */
    uint64_t now_ns;
    uint8_t out[BIG_BYTES]; /* the client's newest packet: more room than the engine asks for */
    size_t out_len;
    uint32_t reqno, ts; /* of its newest REQUEST */
    uint64_t data_off;
};

static void bench_init(struct bench *b)
{
    *b = (struct bench){.now_ns = 1000 * MS};
    testmem_init(&b->mem);
    testmem_init(&b->ring_mem);
    fakeseal_init(&b->fake, 7, &b->seal);
    struct trk_client_conf conf = {
        .mem = &b->mem.mem,
        .ring_mem = &b->ring_mem.mem,
        .cid = CID,
        .nonce = 99,
        .service_port = 80,
        .client_port = 40000,
        .packet_size = OFFERED_BYTES,
        .down_window_bytes = WINDOW_BYTES,
        .up_window_bytes = WINDOW_BYTES,
    };
    b->c = trk_client_new(&conf, b->now_ns);
    ck_assert_ptr_nonnull(b->c);
}

static void bench_free(struct bench *b)
{
    trk_client_free(b->c);
    ck_assert_int_eq(b->mem.blocks, 0);
    ck_assert_int_eq(b->ring_mem.blocks, 0);
}

/* All that the client sends now; returns how many packets. */
static unsigned drain(struct bench *b)
{
    unsigned n = 0;
    size_t len;
    while ((len = trk_client_write(b->c, b->now_ns, b->out, sizeof b->out)) > 0) {
        struct trk_request_pkt q;
        ck_assert_uint_lt(n, 5000);
        b->out_len = len;
        n++;
        if (trk_wire_read_request(b->out, len, &q) == TRK_OK) {
            b->reqno = q.reqno;
            b->ts = q.ts;
        }
    }
    return n;
}

static void pass(struct bench *b, uint64_t ms)
{
    b->now_ns += ms * MS;
    trk_client_expire(b->c, b->now_ns);
}

static void seal(struct bench *b, uint8_t *cont)
{
    struct trk_secret s = {.conn = 1};
    ck_assert_int_eq(trk_cont_seal(&b->seal, &b->law, &s, cont), TRK_OK);
}

static int give(struct bench *b, const uint8_t *pkt, size_t len)
{
    int rc = trk_client_read(b->c, b->now_ns, pkt, len);
    trk_client_batch_end(b->c, b->now_ns);
    return rc;
}

/* The OPEN's answer, padded to size, with a continuation that names packet_size and a window. */
static void answer_open_with(struct bench *b, uint16_t packet_size, size_t size, uint32_t window_pkts)
{
    uint8_t cont[TRK_CONT_BYTES], pkt[BIG_BYTES];
    ck_assert_uint_eq(drain(b), 1);
    trk_law_first(&b->law, packet_size, 7, 1);
    b->law.w0_q = window_pkts << TRK_Q;
    seal(b, cont);
    struct trk_ack_pkt a = {.c = {.flags = TRK_ACK_OPENED | TRK_ACK_CONT, .cid = CID},
                            .ts = (uint32_t)(b->now_ns / 1000),
                            .nonce = 99,
                            .versions = 2,
                            .cont = cont,
                            .cont_len = sizeof cont,
                            .up = {.credit_bytes = 65536}};
    b->now_ns += 10 * MS;
    long n = trk_wire_write_ack(pkt, sizeof pkt, &a, size);
    ck_assert_int_gt(n, 0);
    (void)give(b, pkt, (size_t)n);
}

static void answer_open(struct bench *b, uint16_t packet_size, size_t size)
{
    answer_open_with(b, packet_size, size, TRK_IW_PKTS);
}

static void opened(struct bench *b)
{
    bench_init(b);
    answer_open(b, OFFERED_BYTES, OFFERED_BYTES);
    ck_assert_int_eq(trk_client_state(b->c), TRK_CLIENT_OPEN);
    ck_assert_uint_eq(drain(b), 0); /* the application may write first */
    pass(b, 2);
    ck_assert_uint_ge(drain(b), 1);
}

/* DATA seq of a train that ends with train_end: 100 bytes at off, with or without a continuation. */
static int give_of_train(struct bench *b, uint64_t seq, uint64_t train_end, uint64_t off, bool with_cont, uint16_t flags)
{
    uint8_t pkt[OFFERED_BYTES], cont[TRK_CONT_BYTES];
    struct trk_data_pkt d = {.c = {.cid = CID},
                             .reqno = b->reqno,
                             .ts = b->ts,
                             .seq = seq,
                             .train_end = train_end,
                             .nonce = seq * 77,
                             .off = off,
                             .up = {.credit_bytes = 65536}};
    if (with_cont) {
        seal(b, cont);
        flags |= TRK_DATA_CONT;
        d.cont = cont;
        d.cont_len = sizeof cont;
    }
    d.c.flags = flags;
    long n = trk_wire_write_data_head(pkt, sizeof pkt, &d);
    ck_assert_int_gt(n, 0);
    memset(pkt + n, 'x', 100);
    return give(b, pkt, (size_t)n + 100);
}

static int give_data_flagged(struct bench *b, uint64_t seq, uint64_t off, bool with_cont, uint16_t flags)
{
    return give_of_train(b, seq, seq, off, with_cont, flags);
}

static int give_data(struct bench *b, uint64_t seq, uint64_t off, bool with_cont)
{
    return give_data_flagged(b, seq, off, with_cont, 0);
}

static int give_ack_of(struct bench *b, enum trk_reason reason, const struct trk_up_state *up, uint64_t train_end,
                       uint16_t flags)
{
    uint8_t pkt[OFFERED_BYTES];
    struct trk_ack_pkt a = {.c = {.cid = CID, .flags = flags},
                            .reqno = b->reqno,
                            .ts = b->ts,
                            .train_end = train_end,
                            .reason = (uint8_t)reason};
    if (up != NULL)
        a.up = *up;
    if (a.up.n_sacks > 0)
        a.c.flags |= TRK_ACK_SACK;
    long n = trk_wire_write_ack(pkt, sizeof pkt, &a, 0);
    ck_assert_int_gt(n, 0);
    return give(b, pkt, (size_t)n);
}

static int give_ack(struct bench *b, enum trk_reason reason, const struct trk_up_state *up)
{
    return give_ack_of(b, reason, up, 0, 0);
}

/* Otherwise the client would build REQUESTs larger than what it has room for. */
START_TEST(open_packet_size_above_the_offer_ignored)
{
    struct bench b;
    bench_init(&b);
    answer_open(&b, BIG_BYTES, BIG_BYTES);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPENING);
    bench_free(&b);
}
END_TEST

START_TEST(continuation_of_another_packet_size_not_taken)
{
    struct bench b;
    struct trk_client_info info;
    opened(&b);
    b.law.generation++;
    b.law.law_base = 2;
    b.law.packet_size = BIG_BYTES;
    ck_assert_int_eq(give_data(&b, 1, 0, true), TRK_OK);
    trk_client_get_info(b.c, &info);
    ck_assert_uint_eq(info.packet_size, OFFERED_BYTES);
    struct iovec iov[2];
    int n = trk_client_up_space(b.c, iov);
    ck_assert_int_ge(n, 1);
    memset(iov[0].iov_base, 'u', iov[0].iov_len);
    trk_client_up_commit(b.c, b.now_ns, iov[0].iov_len);
    (void)drain(&b);
    ck_assert_uint_le(b.out_len, OFFERED_BYTES);
    bench_free(&b);
}
END_TEST

/* What there is no memory for is lost, and timed out ever more slowly; not so once the application has read. */
START_TEST(without_memory_reading_brings_it_at_once)
{
    struct bench b;
    struct iovec iov[2];
    opened(&b);
    ck_assert_int_eq(give_data(&b, 1, 0, false), TRK_OK);
    b.ring_mem.fail_at = b.ring_mem.calls + 1;
    b.ring_mem.fail_rest = true;
    for (unsigned i = 0; i < 12; i++) {
        ck_assert_int_eq(give_data(&b, 2, 8192, false), TRK_E_NOMEM);
        uint64_t at = trk_client_deadline(b.c);
        pass(&b, at > b.now_ns ? (at - b.now_ns) / MS + 1 : 1);
        (void)drain(&b);
    }
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
    ck_assert_uint_gt(trk_client_deadline(b.c), b.now_ns + 1000 * MS);
    b.ring_mem.fail_at = 0;
    ck_assert_int_eq(trk_client_down_peek(b.c, iov), 1);
    trk_client_down_consume(b.c, b.now_ns, 100);
    ck_assert_uint_lt(trk_client_deadline(b.c), b.now_ns + 500 * MS);
    bench_free(&b);
}
END_TEST

/* Soft: only answers that follow each other without a good one in between count. */
START_TEST(cannot_open_counts_anew_after_data)
{
    struct bench b;
    opened(&b);
    for (unsigned i = 0; i < 10; i++) {
        pass(&b, 1500);
        (void)drain(&b);
        ck_assert_int_eq(give_ack(&b, TRK_REASON_CANNOT_OPEN, NULL), TRK_OK);
        ck_assert_int_eq(give_data(&b, i + 1, i * 100, false), TRK_OK);
        ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
    }
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
        pass(&b, 1500);
        (void)drain(&b);
        ck_assert_int_eq(give_ack(&b, TRK_REASON_CANNOT_OPEN, NULL), TRK_OK);
    }
    ck_assert_int_eq(trk_client_error(b.c), TRK_E_RESET);
    bench_free(&b);
}
END_TEST

static void commit_byte(struct bench *b)
{
    struct iovec iov[2];
    ck_assert_int_ge(trk_client_up_space(b->c, iov), 1);
    *(uint8_t *)iov[0].iov_base = 'u';
    trk_client_up_commit(b->c, b->now_ns, 1);
}

/* An answer that is pushed on credit and lost shows by the keep-alive only: it must be early after activity. */
START_TEST(keepalive_is_early_again_after_uplink_bytes)
{
    struct bench b;
    opened(&b);
    ck_assert_int_eq(give_ack(&b, TRK_REASON_NO_DATA, NULL), TRK_OK);
    for (unsigned i = 0; i < 6; i++) { /* idle: the interval has grown to its most */
        pass(&b, 20001);
        (void)drain(&b);
        ck_assert_int_eq(give_ack(&b, TRK_REASON_NO_DATA, NULL), TRK_OK);
    }
    commit_byte(&b);
    (void)drain(&b);
    struct trk_up_state up = {.ack = 1, .credit_bytes = 65536};
    ck_assert_int_eq(give_ack(&b, TRK_REASON_NO_DATA, &up), TRK_OK);
    (void)drain(&b);
    ck_assert_uint_le(trk_client_deadline(b.c), b.now_ns + 1000 * MS);
    bench_free(&b);
}
END_TEST

/*
 * The application writes byte by byte, the other does not read: more segments than there is room for wait, held by
 * the server and not acknowledged. That is flow control, and no end of the connection.
 */
START_TEST(tiny_segments_wait_when_their_ring_is_full)
{
    struct bench b;
    opened(&b);
    const uint32_t n_writes = 70000;
    for (uint32_t i = 0; i < n_writes; i++) {
        commit_byte(&b);
        b.now_ns += MS / 100;
        (void)drain(&b);
        ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
        struct trk_up_state up = {.credit_bytes = WINDOW_BYTES, .n_sacks = 1};
        up.sack[0].end = i + 1; /* what was not sent yet is in it too: no harm */
        if (i % 8 == 0)
            ck_assert_int_eq(give_ack(&b, TRK_REASON_NO_DATA, &up), TRK_OK);
    }
    struct trk_client_info info;
    trk_client_get_info(b.c, &info);
    ck_assert_int_eq(info.state, TRK_CLIENT_OPEN);
    struct trk_up_state up = {.ack = 1000, .credit_bytes = WINDOW_BYTES};
    ck_assert_int_eq(give_ack(&b, TRK_REASON_NO_DATA, &up), TRK_OK);
    commit_byte(&b);
    ck_assert_uint_ge(drain(&b), 1); /* and goes on */
    bench_free(&b);
}
END_TEST

/* Nothing more can be asked for but on a fresh continuation, and the request for that is lost: nothing else is under
 * way that could show it. */
START_TEST(keepalive_refreshes_when_the_range_is_used_up)
{
    struct bench b;
    struct trk_request_pkt q;
    opened(&b);
    const uint64_t end = trk_law_range_end(&b.law);
    for (uint64_t seq = 1; seq < end; seq++) {
        ck_assert_int_eq(give_data(&b, seq, (seq - 1) * 100, false), TRK_OK);
        for (unsigned i = 0; i < 4; i++) {
            pass(&b, 1);
            (void)drain(&b);
        }
    }
    for (unsigned i = 0; i < 100; i++) { /* the first request for it, and nobody answers */
        pass(&b, 1);
        (void)drain(&b);
    }
    b.out_len = 0;
    for (unsigned i = 0; i < 1100 && b.out_len == 0; i++) {
        pass(&b, 1);
        (void)drain(&b);
    }
    ck_assert_int_eq(trk_wire_read_request(b.out, b.out_len, &q), TRK_OK);
    ck_assert_uint_eq(q.k, end - 1);
    ck_assert_uint_eq(q.n_asks, 0);
    ck_assert((q.c.flags & TRK_REQ_REFRESH) != 0);
    bench_free(&b);
}
END_TEST

/* Bytes far beyond what was asked for are nothing: neither kept nor a reason not to ask for those before. */
START_TEST(data_beyond_the_window_stops_nothing)
{
    struct bench b;
    opened(&b);
    ck_assert_int_eq(give_data(&b, 1, UINT64_MAX - 1000, false), TRK_OK);
    bool asks_first = false;
    for (unsigned i = 0; i < 20 && !asks_first; i++) {
        struct trk_request_pkt q;
        pass(&b, 300);
        if (drain(&b) == 0 || trk_wire_read_request(b.out, b.out_len, &q) != TRK_OK)
            continue;
        for (unsigned a = 0; a < q.n_asks; a++)
            asks_first |= q.ask[a].off == 0;
    }
    ck_assert(asks_first);
    bench_free(&b);
}
END_TEST

/* The server has credit for more seqs than a REQUEST can repeat, and a hole has to go onto the lowest of them. */
START_TEST(a_hole_is_asked_for_however_much_credit_is_left)
{
    struct bench b;
    struct trk_request_pkt q;
    bool asked = false;
    bench_init(&b);
    answer_open_with(&b, OFFERED_BYTES, OFFERED_BYTES, 2 * TRK_GRANTS_MAX);
    for (unsigned ms = 0; ms < 15; ms++) {
        pass(&b, 1);
        (void)drain(&b);
    }
    ck_assert_int_eq(trk_wire_read_request(b.out, b.out_len, &q), TRK_OK);
    ck_assert_uint_gt(q.ask[0].first, TRK_GRANTS_MAX / 2);
    ck_assert_int_eq(give_data(&b, 1, 100, false), TRK_OK); /* not from 0 on, and nothing else is sent yet */
    while ((b.out_len = trk_client_write(b.c, b.now_ns, b.out, sizeof b.out)) > 0) {
        ck_assert_int_eq(trk_wire_read_request(b.out, b.out_len, &q), TRK_OK);
        for (unsigned i = 0; i < q.n_asks; i++)
            asked |= q.ask[i].first == 2 && q.ask[i].off == 0;
    }
    ck_assert(asked);
    bench_free(&b);
}
END_TEST

/* 1 to 10 were asked for at once; 1 to 4 came one by one, each in answer to a later request; the others are credit. */
static void with_old_credit(struct bench *b)
{
    opened(b);
    ck_assert_int_eq(give_data(b, 1, 0, false), TRK_OK);
    for (uint64_t seq = 2; seq <= 4; seq++) {
        pass(b, 50);
        ck_assert_uint_ge(drain(b), 1);
        ck_assert_int_eq(give_data(b, seq, (seq - 1) * 100, false), TRK_OK);
    }
}

static uint64_t cuts(const struct bench *b)
{
    struct trk_client_info info;
    trk_client_get_info(b->c, &info);
    return info.cuts;
}

/*
 * It is sent as one train, of which a batch shows the beginning only: the rest is on its way. An answer to a request
 * from after it says otherwise, and ends what was missing.
 */
static void train_of_old_credit(uint16_t flags, bool old_request, uint64_t first)
{
    struct bench b;
    with_old_credit(&b);
    uint32_t reqno = b.reqno, ts = b.ts;
    pass(&b, 50);
    ck_assert_uint_ge(drain(&b), 1);
    if (old_request) { /* a newer one was answered before it */
        ck_assert_int_eq(give_data(&b, 5, 400, false), TRK_OK);
        b.reqno = reqno;
        b.ts = ts;
    }
    ck_assert_int_eq(give_of_train(&b, first, 10, (first - 1) * 100, false, flags), TRK_OK);
    ck_assert_uint_eq(cuts(&b), 0);
    pass(&b, 50);
    ck_assert_uint_ge(drain(&b), 1);
    ck_assert_int_eq(give_data(&b, 11, 1000, false), TRK_OK);
    ck_assert_uint_eq(cuts(&b), 1);
    bench_free(&b);
}

START_TEST(credit_used_late_is_not_lost_at_once)
{
    train_of_old_credit(TRK_DATA_LATE, false, 5);
}
END_TEST

START_TEST(credit_used_for_a_newer_request_is_not_lost_at_once)
{
    train_of_old_credit(0, false, 5);
}
END_TEST

START_TEST(credit_used_for_an_overtaken_request_is_not_lost_at_once)
{
    train_of_old_credit(0, true, 6);
}
END_TEST

START_TEST(credit_that_comes_in_another_order_is_not_lost_at_once)
{
    train_of_old_credit(0, false, 6);
}
END_TEST

/* The answer without DATA that names a train goes before it. */
START_TEST(credit_announced_by_an_ack_is_not_lost_at_once)
{
    struct bench b;
    with_old_credit(&b);
    ck_assert_int_eq(give_ack_of(&b, TRK_REASON_OK, NULL, 10, TRK_ACK_LATE), TRK_OK);
    ck_assert_uint_eq(cuts(&b), 0);
    pass(&b, 50);
    ck_assert_uint_ge(drain(&b), 1);
    ck_assert_int_eq(give_of_train(&b, 5, 10, 400, false, TRK_DATA_LATE), TRK_OK);
    ck_assert_uint_eq(cuts(&b), 0);
    bench_free(&b);
}
END_TEST

/*
 * All that came for 41 minutes was pushed by the server. The time of the last request that had an answer of its own is
 * further back than half of what the 32-bit clock can tell apart, and is not to look new.
 */
START_TEST(an_answer_of_long_ago_is_not_a_new_one)
{
    struct bench b;
    uint64_t seq = 1;
    opened(&b);
    ck_assert_int_eq(give_data(&b, seq, 0, false), TRK_OK);
    for (unsigned minute = 0; minute < 41; minute++, seq++) {
        pass(&b, 60000);
        ck_assert_uint_ge(drain(&b), 1);
        ck_assert_int_eq(give_data_flagged(&b, seq + 1, seq * 100, false, TRK_DATA_LATE), TRK_OK);
    }
    ck_assert_uint_eq(cuts(&b), 0);
    uint32_t reqno = b.reqno;
    pass(&b, 25000);
    ck_assert_uint_ge(drain(&b), 1);
    b.reqno = reqno; /* it says nothing of what was asked for just now */
    ck_assert_int_eq(give_data_flagged(&b, seq + 1, seq * 100, false, TRK_DATA_LATE), TRK_OK);
    ck_assert_uint_eq(cuts(&b), 0);
    bench_free(&b);
}
END_TEST

/* Most programs write as soon as they are connected: their bytes and the first asks are one packet. */
START_TEST(first_request_goes_with_the_first_bytes)
{
    struct bench b;
    struct trk_request_pkt q;
    bench_init(&b);
    answer_open(&b, OFFERED_BYTES, OFFERED_BYTES);
    ck_assert_uint_eq(drain(&b), 0);
    ck_assert_uint_le(trk_client_deadline(b.c), b.now_ns + 2 * MS);
    commit_byte(&b);
    ck_assert_uint_eq(drain(&b), 1);
    ck_assert_int_eq(trk_wire_read_request(b.out, b.out_len, &q), TRK_OK);
    ck_assert_uint_eq(q.up_len, 1);
    ck_assert_uint_ge(q.n_asks, 1);
    bench_free(&b);
}
END_TEST

/* Opened, one byte up, and all of the server's stream down, which the first request asked for. */
static void served(struct bench *b)
{
    opened(b);
    commit_byte(b);
    (void)drain(b);
    ck_assert_int_eq(give_data_flagged(b, 1, 0, false, TRK_DATA_FIN), TRK_OK);
    ck_assert_uint_eq(drain(b), 0); /* the proof waits for more to say */
}

/* The last request brings the FIN, says that all is here, asks for nothing, and its answer is the end. */
START_TEST(end_takes_one_request)
{
    struct bench b;
    struct trk_request_pkt q;
    served(&b);
    trk_client_up_fin(b.c, b.now_ns);
    ck_assert_uint_eq(drain(&b), 1);
    ck_assert_int_eq(trk_wire_read_request(b.out, b.out_len, &q), TRK_OK);
    ck_assert((q.c.flags & TRK_REQ_FIN) != 0);
    ck_assert((q.c.flags & TRK_REQ_REFRESH) == 0);
    ck_assert_uint_eq(q.down_una, 101);
    ck_assert_uint_eq(q.n_asks, 0);
    struct trk_up_state up = {.ack = 2};
    ck_assert_int_eq(give_ack(&b, TRK_REASON_OK, &up), TRK_OK);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_CLOSED);
    bench_free(&b);
}
END_TEST

/* The server has the last proof; its application has yet to take the bytes before our FIN. */
START_TEST(end_waits_for_the_fin_to_be_taken)
{
    struct bench b;
    served(&b);
    trk_client_up_fin(b.c, b.now_ns);
    ck_assert_uint_eq(drain(&b), 1);
    struct trk_up_state up = {.ack = 1};
    ck_assert_int_eq(give_ack(&b, TRK_REASON_OK, &up), TRK_OK);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
    up.ack = 2;
    ck_assert_int_eq(give_ack(&b, TRK_REASON_OK, &up), TRK_OK);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_CLOSED);
    bench_free(&b);
}
END_TEST

/* All of the downlink is here and proved, and the uplink goes on: a reset is still one. */
START_TEST(reset_after_the_last_proof_but_before_the_fin)
{
    struct bench b;
    uint8_t pkt[64];
    served(&b);
    pass(&b, 25);
    ck_assert_uint_eq(drain(&b), 1);
    struct trk_reset_pkt x = {.c = {.cid = CID}};
    long n = trk_wire_write_reset(pkt, sizeof pkt, &x, true);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(give(&b, pkt, (size_t)n), TRK_OK);
    ck_assert_int_eq(trk_client_error(b.c), TRK_E_RESET);
    bench_free(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        first_request_goes_with_the_first_bytes,
        end_takes_one_request,
        end_waits_for_the_fin_to_be_taken,
        reset_after_the_last_proof_but_before_the_fin,
        open_packet_size_above_the_offer_ignored,
        continuation_of_another_packet_size_not_taken,
        without_memory_reading_brings_it_at_once,
        cannot_open_counts_anew_after_data,
        keepalive_is_early_again_after_uplink_bytes,
        tiny_segments_wait_when_their_ring_is_full,
        keepalive_refreshes_when_the_range_is_used_up,
        data_beyond_the_window_stops_nothing,
        a_hole_is_asked_for_however_much_credit_is_left,
        credit_used_late_is_not_lost_at_once,
        credit_used_for_a_newer_request_is_not_lost_at_once,
        credit_used_for_an_overtaken_request_is_not_lost_at_once,
        credit_that_comes_in_another_order_is_not_lost_at_once,
        credit_announced_by_an_ack_is_not_lost_at_once,
        an_answer_of_long_ago_is_not_a_new_one,
    };
    return unit_run("client", tests, COUNT(tests));
}
