/* The client of a stateless service: a server by hand, packet by packet. */
#include "core/client.h"
#include "core/cont.h"
#include "core/ucont.h"

#include "fakeseal.h"
#include "unit.h"

enum { PACKET_BYTES = 1200, PIECE_BYTES = PACKET_BYTES - 76, WINDOW_BYTES = 1 << 20, OUTS_MAX = 200 };

#define MS UINT64_C(1000000)
#define CID UINT64_C(0x0102030405060708)
#define OPEN_END UINT64_MAX

struct bench {
    struct testmem mem;
    struct fakeseal fake;
    struct trk_seal_ops seal;
    struct trk_client *c;
    struct trk_law law;
    uint64_t now_ns;
    unsigned n_out; /* datagrams of the last drain() */
    size_t out_len[OUTS_MAX];
    uint8_t out[OUTS_MAX][PACKET_BYTES];
    struct trk_request_pkt q; /* its newest REQUEST */
    uint64_t seq;             /* the next one to answer with */
};

/* What a user continuation says; state 0: none. */
struct say {
    uint64_t state, after, up, from, end;
    bool fin;
    size_t len; /* user bytes */
};

static void drain(struct bench *b)
{
    size_t len;
    b->n_out = 0;
    while ((len = trk_client_write(b->c, b->now_ns, b->out[b->n_out], PACKET_BYTES)) > 0) {
        b->out_len[b->n_out] = len;
        struct trk_request_pkt q;
        if (trk_wire_read_request(b->out[b->n_out], len, &q) == TRK_OK)
            b->q = q;
        b->n_out++;
        ck_assert_uint_lt(b->n_out, OUTS_MAX);
    }
}

static void pass(struct bench *b, uint64_t ms)
{
    b->now_ns += ms * MS;
    if (trk_client_deadline(b->c) <= b->now_ns)
        trk_client_expire(b->c, b->now_ns);
    drain(b);
}

static int give(struct bench *b, const uint8_t *pkt, size_t len)
{
    int rc = trk_client_read(b->c, b->now_ns, pkt, len);
    trk_client_batch_end(b->c, b->now_ns);
    return rc;
}

static size_t seal_say(struct bench *b, const struct say *s, uint8_t *out)
{
    static const uint8_t user[TRK_UCONT_USER_BYTES_MAX];
    size_t len = 0;
    struct trk_ucont u = {.state = s->state, .after = s->after, .up = s->up, .from = s->from, .end = s->end};
    if (s->end != OPEN_END)
        u.flags = (uint8_t)(TRK_UCONT_END | (s->fin ? TRK_UCONT_FIN : 0));
    ck_assert_int_eq(trk_ucont_seal(&b->seal, &u, 1, 80, user, s->len, out, &len), TRK_OK);
    return len;
}

static void give_ack(struct bench *b, enum trk_reason reason, const struct say *s, const struct trk_up_state *up)
{
    uint8_t pkt[PACKET_BYTES], ucont[TRK_UCONT_BYTES_MAX], cont[TRK_CONT_BYTES];
    struct trk_secret secret = {.conn = 1};
    struct trk_ack_pkt a = {.c = {.cid = CID}, .reqno = b->q.reqno, .ts = b->q.ts, .reason = (uint8_t)reason};
    if (up != NULL)
        a.up = *up;
    if (a.up.n_sacks > 0)
        a.c.flags |= TRK_ACK_SACK;
    if (s != NULL) {
        a.c.flags |= TRK_ACK_UCONT;
        a.ucont = ucont;
        a.ucont_len = seal_say(b, s, ucont);
        a.up.ack = s->up;
    }
    if (reason == TRK_REASON_STALE) {
        struct trk_law was = b->law;
        trk_law_stale(&was, &b->law);
        ck_assert_int_eq(trk_cont_seal(&b->seal, &b->law, &secret, cont), TRK_OK);
        a.c.flags |= TRK_ACK_CONT;
        a.cont = cont;
        a.cont_len = sizeof cont;
        b->seq = 1;
    }
    a.up.credit_bytes = 65536;
    long n = trk_wire_write_ack(pkt, sizeof pkt, &a, 0);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(give(b, pkt, (size_t)n), TRK_OK);
}

/* DATA with len bytes at off of a state; up_ack as the state's answer would say. */
static int give_data(struct bench *b, uint64_t state, uint64_t off, size_t len, uint64_t up_ack)
{
    uint8_t pkt[PACKET_BYTES];
    struct trk_data_pkt d = {.c = {.cid = CID, .flags = state != 0 ? TRK_DATA_STATE : 0},
                             .reqno = b->q.reqno,
                             .ts = b->q.ts,
                             .seq = b->seq,
                             .train_end = b->seq,
                             .nonce = b->seq * 77,
                             .off = off,
                             .state = state,
                             .up = {.ack = up_ack, .credit_bytes = 65536}};
    b->seq++;
    long n = trk_wire_write_data_head(pkt, sizeof pkt, &d);
    ck_assert_int_gt(n, 0);
    memset(pkt + n, (int)state, len);
    return give(b, pkt, (size_t)n + len);
}

static void opened_as(struct bench *b, bool stateless)
{
    uint8_t pkt[PACKET_BYTES], cont[TRK_CONT_BYTES];
    *b = (struct bench){.now_ns = 1000 * MS, .seq = 1};
    testmem_init(&b->mem);
    fakeseal_init(&b->fake, 7, &b->seal);
    struct trk_client_conf conf = {.mem = &b->mem.mem,
                                   .cid = CID,
                                   .nonce = 99,
                                   .service_port = 80,
                                   .client_port = 40000,
                                   .packet_size = PACKET_BYTES,
                                   .down_window_bytes = WINDOW_BYTES,
                                   .up_window_bytes = WINDOW_BYTES};
    b->c = trk_client_new(&conf, b->now_ns);
    ck_assert_ptr_nonnull(b->c);
    drain(b);
    trk_law_first(&b->law, PACKET_BYTES, 7, 1);
    b->law.flags |= stateless ? TRK_LAW_STATELESS : 0;
    struct trk_secret s = {.conn = 1};
    ck_assert_int_eq(trk_cont_seal(&b->seal, &b->law, &s, cont), TRK_OK);
    struct trk_ack_pkt a = {.c = {.flags = TRK_ACK_OPENED | TRK_ACK_CONT, .cid = CID},
                            .ts = (uint32_t)(b->now_ns / 1000),
                            .nonce = 99,
                            .versions = 2,
                            .cont = cont,
                            .cont_len = sizeof cont,
                            .up = {.credit_bytes = 65536}};
    b->now_ns += 10 * MS;
    long n = trk_wire_write_ack(pkt, sizeof pkt, &a, PACKET_BYTES);
    (void)give(b, pkt, (size_t)n);
    ck_assert_int_eq(trk_client_state(b->c), TRK_CLIENT_OPEN);
}

static void commit(struct bench *b, size_t len)
{
    struct iovec iov[2];
    while (len > 0) {
        ck_assert_int_ge(trk_client_up_space(b->c, iov), 1);
        size_t n = iov[0].iov_len < len ? iov[0].iov_len : len;
        memset(iov[0].iov_base, 'u', n);
        trk_client_up_commit(b->c, b->now_ns, n);
        len -= n;
    }
}

/* Open, and a request of 100 bytes is on its way. */
static void asked(struct bench *b)
{
    opened_as(b, true);
    commit(b, 100);
    drain(b);
    ck_assert_uint_eq(b->q.up_len, 100);
    ck_assert_uint_ge(b->q.n_asks, 1);
    b->now_ns += 10 * MS;
}

static void done(struct bench *b)
{
    trk_client_free(b->c);
    ck_assert_int_eq(b->mem.blocks, 0);
}

static uint64_t down(const struct bench *b)
{
    struct trk_client_info info;
    trk_client_get_info(b->c, &info);
    return info.down_bytes;
}

/* The byte that lies at off: which state it came from. */
static uint8_t byte_at(const struct bench *b, size_t off)
{
    struct iovec iov[2];
    ck_assert_int_ge(trk_client_down_peek(b->c, iov), 1);
    ck_assert_uint_lt(off, iov[0].iov_len);
    return ((const uint8_t *)iov[0].iov_base)[off];
}

/* The state of the continuation that the newest REQUEST presents; 0: none. */
static uint64_t presented(const struct bench *b)
{
    struct trk_ucont u;
    if (b->q.ucont_len == 0)
        return 0;
    ck_assert_int_eq(trk_ucont_read(b->q.ucont, b->q.ucont_len, &u), TRK_OK);
    return u.state;
}

static uint64_t presented_from(const struct bench *b)
{
    struct trk_ucont u;
    ck_assert_int_eq(trk_ucont_read(b->q.ucont, b->q.ucont_len, &u), TRK_OK);
    return u.from;
}

START_TEST(data_must_fit_the_kind_of_connection)
{
    struct bench b;
    asked(&b);
    ck_assert_int_eq(give_data(&b, 0, 0, 100, 0), TRK_E_FIELD);
    done(&b);
    opened_as(&b, false);
    pass(&b, 10);
    ck_assert_int_eq(give_data(&b, 5, 0, 100, 0), TRK_E_FIELD);
    done(&b);
}
END_TEST

START_TEST(bytes_of_an_unknown_state_are_left_and_asked_for_again_once_in_a_round_trip)
{
    struct bench b;
    const struct say s = {.state = 6, .up = 100, .end = 5000};
    unsigned sent = 0;
    asked(&b);
    for (unsigned i = 0; i < 5; i++) { /* its first continuation was lost */
        ck_assert_int_eq(give_data(&b, 5, i * PIECE_BYTES, PIECE_BYTES, 100), TRK_OK);
        drain(&b);
        sent += b.n_out;
    }
    ck_assert_uint_eq(down(&b), 0);
    ck_assert_uint_eq(sent, 0);
    for (unsigned i = 0; i < 5; i++) { /* a round trip is 10 ms */
        pass(&b, 1);
        sent += b.n_out;
    }
    ck_assert_uint_eq(sent, 1);
    ck_assert_uint_eq(b.q.up_len, 100); /* what was used up for it goes again */
    ck_assert_uint_eq(b.q.up_off, 0);
    ck_assert_uint_eq(b.q.ask[0].off, 0);
    give_ack(&b, TRK_REASON_OK, &s, NULL);
    b.seq = b.q.ask[0].first;
    ck_assert_int_eq(give_data(&b, 6, 0, PIECE_BYTES, 100), TRK_OK);
    ck_assert_uint_eq(down(&b), PIECE_BYTES);
    ck_assert_uint_eq(byte_at(&b, 0), 6);
    done(&b);
}
END_TEST

START_TEST(the_first_of_two_runs_wins)
{
    struct bench b;
    const struct say one = {.state = 5, .up = 100, .end = 5000}, two = {.state = 6, .up = 100, .end = 7000};
    asked(&b);
    give_ack(&b, TRK_REASON_OK, &one, NULL);
    give_ack(&b, TRK_REASON_OK, &two, NULL);
    (void)give_data(&b, 6, 0, 100, 100);
    ck_assert_uint_eq(down(&b), 0);
    (void)give_data(&b, 5, 0, 100, 100);
    ck_assert_uint_eq(down(&b), 100);
    drain(&b);
    ck_assert_uint_eq(presented(&b), 5);
    done(&b);
}
END_TEST

START_TEST(a_run_that_consumed_more_takes_the_place_only_before_a_byte_was_taken)
{
    struct bench b;
    struct say one = {.state = 5, .up = 40, .end = 5000}, two = {.state = 6, .up = 100, .end = 7000};
    const struct say child = {.state = 7, .after = 5, .up = 60, .from = 5000, .end = 8000};
    for (unsigned taken = 0; taken < 2; taken++) {
        asked(&b);
        give_ack(&b, TRK_REASON_OK, &one, NULL);
        if (taken)
            (void)give_data(&b, 5, 0, 100, 40);
        give_ack(&b, TRK_REASON_OK, &two, NULL);
        give_ack(&b, TRK_REASON_OK, &child, NULL); /* of the one whose place was taken, or may be still */
        pass(&b, 20);
        ck_assert_uint_eq(presented(&b), taken ? 7 : 6);
        (void)give_data(&b, 6, 100, 100, 100);
        (void)give_data(&b, 6, 0, 100, 100);
        ck_assert_uint_eq(down(&b), taken ? 100 : 200);
        done(&b);
    }
}
END_TEST

START_TEST(no_state_begins_below_what_is_here_nor_from_a_checkpoint_alone)
{
    struct bench b;
    const struct say one = {.state = 5, .up = 100, .end = OPEN_END};
    const struct say below = {.state = 6, .after = 5, .up = 100, .from = 50, .end = OPEN_END};
    const struct say alone = {.state = 7, .after = 7, .up = 100, .from = 200, .end = OPEN_END};
    const struct say good = {.state = 8, .after = 5, .up = 100, .from = 150, .end = OPEN_END};
    asked(&b);
    give_ack(&b, TRK_REASON_OK, &one, NULL);
    (void)give_data(&b, 5, 0, 100, 100);
    give_ack(&b, TRK_REASON_OK, &below, NULL);
    give_ack(&b, TRK_REASON_OK, &alone, NULL);
    (void)give_data(&b, 6, 100, 50, 100);
    (void)give_data(&b, 7, 200, 50, 100);
    ck_assert_uint_eq(down(&b), 100);
    give_ack(&b, TRK_REASON_OK, &good, NULL);
    (void)give_data(&b, 5, 100, 100, 100); /* of these, the part below the new state */
    ck_assert_uint_eq(down(&b), 150);
    (void)give_data(&b, 8, 150, 50, 100);
    ck_assert_uint_eq(down(&b), 200);
    ck_assert_uint_eq(byte_at(&b, 149), 5);
    ck_assert_uint_eq(byte_at(&b, 150), 8);
    done(&b);
}
END_TEST

/* What lies below it could be had from no state: it would be asked for without end. */
START_TEST(the_first_state_begins_where_the_stream_does)
{
    struct bench b;
    const struct say late = {.state = 5, .up = 100, .from = 253, .end = 5000};
    const struct say good = {.state = 6, .up = 100, .end = 5000};
    asked(&b);
    give_ack(&b, TRK_REASON_OK, &late, NULL);
    drain(&b);
    pass(&b, 25);
    ck_assert_uint_eq(presented(&b), 0);
    (void)give_data(&b, 5, 253, 100, 100);
    pass(&b, 25);
    ck_assert_uint_eq(down(&b), 0);
    give_ack(&b, TRK_REASON_OK, &good, NULL);
    (void)give_data(&b, 6, 0, 100, 100);
    ck_assert_uint_eq(down(&b), 100);
    done(&b);
}
END_TEST

/* Places far apart are kept, one for what is missing lowest always; of states there are 8 at most. */
START_TEST(the_list_is_bounded)
{
    struct bench b;
    asked(&b);
    struct say s = {.state = 5, .up = 100, .end = 1 << 19};
    give_ack(&b, TRK_REASON_OK, &s, NULL);
    s.after = 5;
    for (unsigned i = 1; i <= 40; i++) {
        s.from = i * PIECE_BYTES;
        give_ack(&b, TRK_REASON_OK, &s, NULL);
    }
    pass(&b, 1000); /* all is lost: from the start */
    ck_assert_uint_eq(presented(&b), 5);
    ck_assert_uint_eq(presented_from(&b), 0);
    done(&b);
    asked(&b);
    for (uint64_t i = 1; i <= 9; i++) {
        s = (struct say){.state = i, .after = i - 1, .up = i, .from = (i - 1) * 100, .end = i * 100};
        give_ack(&b, TRK_REASON_OK, &s, NULL);
    }
    for (uint64_t i = 1; i <= 9; i++)
        (void)give_data(&b, i, (i - 1) * 100, 100, i);
    ck_assert_uint_eq(down(&b), 800);
    done(&b);
}
END_TEST

START_TEST(what_is_missing_decides_what_is_presented)
{
    struct bench b;
    const struct say one = {.state = 5, .up = 50, .end = 2 * PIECE_BYTES};
    const struct say two = {.state = 6, .after = 5, .up = 100, .from = 2 * PIECE_BYTES, .end = 9 * PIECE_BYTES};
    asked(&b);
    give_ack(&b, TRK_REASON_OK, &one, NULL);
    give_ack(&b, TRK_REASON_OK, &two, NULL);
    b.seq = 2; /* the first one is lost */
    for (unsigned i = 1; i < 6; i++)
        (void)give_data(&b, i < 2 ? 5 : 6, i * PIECE_BYTES, PIECE_BYTES, 100);
    bool of_one = false, of_two = false;
    for (unsigned i = 0; i < 10; i++) {
        pass(&b, 1);
        for (unsigned k = 0; k < b.n_out; k++) {
            ck_assert_int_eq(trk_wire_read_request(b.out[k], b.out_len[k], &b.q), TRK_OK);
            bool old = presented(&b) == 5;
            for (unsigned a = 0; a < b.q.n_asks; a++) {
                ck_assert(old ? b.q.ask[a].off + b.q.ask[a].len <= 2 * PIECE_BYTES : b.q.ask[a].off >= 2 * PIECE_BYTES);
                of_one |= old && b.q.ask[a].off == 0;
                of_two |= !old;
            }
        }
    }
    ck_assert(of_one && of_two);
    done(&b);
}
END_TEST

static void answered(struct bench *b)
{
    const struct say s = {.state = 5, .up = 100, .end = 300};
    asked(b);
    give_ack(b, TRK_REASON_OK, &s, NULL);
    (void)give_data(b, 5, 0, 300, 100);
    ck_assert_uint_eq(down(b), 300);
}

START_TEST(idle_sends_nothing_and_wakes_after_any_time)
{
    struct bench b;
    answered(&b);
    trk_client_down_consume(b.c, b.now_ns, 300);
    drain(&b);
    ck_assert_uint_eq(b.n_out, 0);
    long blocks = b.mem.blocks;
    pass(&b, 2000); /* the ring that received is given back */
    ck_assert_uint_eq(b.n_out, 0);
    ck_assert_int_lt(b.mem.blocks, blocks);
    ck_assert_uint_eq(trk_client_deadline(b.c), TRK_NEVER_NS);
    pass(&b, 3600 * 1000);
    ck_assert_uint_eq(b.n_out, 0);
    commit(&b, 10);
    pass(&b, 0);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
    ck_assert_uint_eq(b.n_out, 1);
    ck_assert_uint_eq(b.q.up_len, 10);
    ck_assert_uint_eq(presented(&b), 5);
    ck_assert_uint_ge(b.q.n_asks, 1);
    ck_assert_uint_eq(b.q.ask[0].off, 300); /* the answer is to come here */
    b.now_ns += 10 * MS;
    give_ack(&b, TRK_REASON_STALE, NULL, NULL); /* no handler saw it: again, at once */
    drain(&b);
    ck_assert_uint_eq(b.q.up_len, 10);
    ck_assert_uint_eq(b.q.up_off, 100);
    done(&b);
}
END_TEST

START_TEST(closed_when_both_ends_are_there)
{
    struct bench b;
    const struct say s = {.state = 6, .after = 5, .up = 101, .from = 300, .end = 300, .fin = true};
    answered(&b);
    trk_client_up_fin(b.c, b.now_ns);
    drain(&b);
    ck_assert((b.q.c.flags & TRK_REQ_FIN) != 0);
    give_ack(&b, TRK_REASON_OK, &s, NULL);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_CLOSED);
    drain(&b);
    ck_assert_uint_eq(b.n_out, 0);
    done(&b);
}
END_TEST

START_TEST(away_is_asked_twice_a_second_for_a_minute)
{
    struct bench b;
    unsigned sent = 0, ms = 0;
    asked(&b);
    give_ack(&b, TRK_REASON_AWAY, NULL, NULL);
    for (; trk_client_state(b.c) == TRK_CLIENT_OPEN && ms < 100000; ms += 10) {
        pass(&b, 10);
        sent += b.n_out;
        if (b.n_out > 0) {
            ck_assert_uint_eq(b.q.up_len, 100);
            ck_assert_uint_eq(b.q.ask[0].off, 0);
            give_ack(&b, TRK_REASON_AWAY, NULL, NULL);
        }
    }
    ck_assert_int_eq(trk_client_error(b.c), TRK_E_RESET);
    ck_assert_uint_ge(ms, 60000);
    ck_assert_uint_ge(sent, 110);
    ck_assert_uint_le(sent, 121);
    done(&b);
}
END_TEST

START_TEST(away_is_nothing_to_who_waits_for_nothing)
{
    struct bench b;
    answered(&b);
    give_ack(&b, TRK_REASON_AWAY, NULL, NULL); /* to a request that a later one's answer overtook */
    drain(&b);
    ck_assert_uint_eq(b.n_out, 0);
    pass(&b, 2000);
    ck_assert_uint_eq(b.n_out, 0);
    ck_assert_uint_eq(trk_client_deadline(b.c), TRK_NEVER_NS);
    pass(&b, 3600 * 1000);
    commit(&b, 10); /* the minute begins with the first question that is not answered */
    pass(&b, 0);
    ck_assert_uint_eq(b.q.up_len, 10);
    give_ack(&b, TRK_REASON_AWAY, NULL, NULL);
    ck_assert_int_eq(trk_client_state(b.c), TRK_CLIENT_OPEN);
    pass(&b, 500);
    ck_assert_uint_eq(b.n_out, 1);
    ck_assert_uint_eq(b.q.up_len, 10);
    done(&b);
}
END_TEST

/* ICMP is limited in rate: some requests meet silence. */
START_TEST(a_closed_port_is_asked_twice_a_second_until_it_is_silence)
{
    struct bench b;
    unsigned sent = 0, ms = 0;
    asked(&b);
    trk_client_unreached(b.c, b.now_ns, b.out[0], 16);
    for (; trk_client_state(b.c) == TRK_CLIENT_OPEN && ms < 1000000; ms += 10) {
        pass(&b, 10);
        for (unsigned i = 0; i < b.n_out; i++) {
            ck_assert_uint_eq(b.q.up_len, 100);
            if (sent++ % 3 == 0)
                trk_client_unreached(b.c, b.now_ns, b.out[i], b.out_len[i]);
        }
    }
    ck_assert_int_eq(trk_client_error(b.c), TRK_E_TIMEOUT);
    ck_assert_uint_ge(ms, 120000);
    ck_assert_uint_ge(sent, ms / 500 - 10);
    ck_assert_uint_le(sent, ms / 500 + 1);
    done(&b);
}
END_TEST

START_TEST(what_was_answered_says_nothing_of_the_port_now)
{
    struct bench b;
    uint8_t old[PACKET_BYTES];
    asked(&b);
    size_t len = b.out_len[0];
    memcpy(old, b.out[0], len);
    give_ack(&b, TRK_REASON_STALE, NULL, NULL);
    drain(&b);
    ck_assert_uint_eq(b.q.up_len, 100);
    trk_client_unreached(b.c, b.now_ns, old, len); /* it went another way, and late */
    ck_assert_uint_ne(trk_client_deadline(b.c), b.now_ns + 500 * MS);
    done(&b);
}
END_TEST

START_TEST(a_port_that_is_open_again_is_used_at_once)
{
    static const uint8_t cut[15]; /* less than a number, and not ours */
    struct bench b;
    asked(&b);
    trk_client_unreached(b.c, b.now_ns, cut, sizeof cut);
    trk_client_unreached(b.c, b.now_ns, b.out[0], 15);
    uint8_t forged[16];
    memcpy(forged, b.out[0], sizeof forged);
    forged[11] ^= 1; /* of another connection */
    trk_client_unreached(b.c, b.now_ns, forged, sizeof forged);
    ck_assert_uint_ne(trk_client_deadline(b.c), b.now_ns + 500 * MS);
    trk_client_unreached(b.c, b.now_ns, b.out[0], b.out_len[0]);
    ck_assert_uint_eq(trk_client_deadline(b.c), b.now_ns + 500 * MS);
    pass(&b, 499);
    ck_assert_uint_eq(b.n_out, 0);
    pass(&b, 1);
    ck_assert_uint_eq(b.n_out, 1);
    ck_assert_uint_eq(b.q.up_len, 100);
    give_ack(&b, TRK_REASON_STALE, NULL, NULL); /* a server with a new table */
    drain(&b);
    ck_assert_uint_ge(b.n_out, 1);
    ck_assert_uint_eq(b.q.up_len, 100);
    done(&b);
}
END_TEST

/* A handler consumes a part, in the state that it was in; what is left came after it had looked. */
START_TEST(what_is_left_of_a_state_that_goes_on_is_asked_for_at_once)
{
    struct bench b;
    struct say s = {.state = 5, .up = 100, .end = OPEN_END};
    struct trk_up_state up = {.ack = 100, .n_sacks = 1, .sack = {{100, 110}}};
    asked(&b);
    give_ack(&b, TRK_REASON_OK, &s, NULL);
    drain(&b);
    commit(&b, 10);
    drain(&b);
    give_ack(&b, TRK_REASON_OK, NULL, &up);
    drain(&b);
    s.after = 5;
    s.up = 105;
    up.sack[0].start = 105;
    give_ack(&b, TRK_REASON_OK, &s, &up);
    drain(&b);
    ck_assert_uint_eq(b.n_out, 1);
    ck_assert_uint_eq(presented(&b), 5);
    ck_assert_uint_eq(b.q.up_len, 0);
    drain(&b);
    ck_assert_uint_eq(b.n_out, 0);
    done(&b);
}
END_TEST

START_TEST(what_is_held_no_more_is_sent_again)
{
    struct bench b;
    opened_as(&b, true);
    commit(&b, 3000); /* a few packets, and then one that says the opposite of the one before */
    drain(&b);
    ck_assert_uint_ge(b.n_out, 3);
    b.now_ns += 10 * MS;
    struct trk_up_state held = {.n_sacks = 1, .sack = {{.start = 0, .end = 3000}}}, none = {.ack = 0};
    give_ack(&b, TRK_REASON_OK, NULL, &held);
    drain(&b);
    ck_assert_uint_eq(b.n_out, 0);
    trk_client_up_fin(b.c, b.now_ns);
    drain(&b);
    ck_assert_uint_ge(b.n_out, 1);
    b.now_ns += 10 * MS;
    give_ack(&b, TRK_REASON_OK, NULL, &none);
    drain(&b);
    size_t again = 0;
    for (unsigned k = 0; k < b.n_out; k++) {
        ck_assert_int_eq(trk_wire_read_request(b.out[k], b.out_len[k], &b.q), TRK_OK);
        again += b.q.up_len;
    }
    ck_assert_uint_eq(again, 3000);
    done(&b);
}
END_TEST

/* The largest continuation, all proof ranges, as many asks as there are holes, and uplink bytes. */
START_TEST(all_of_a_request_fits_the_packet)
{
    struct bench b;
    const struct say s = {.state = 5, .up = 100, .end = 1 << 19, .len = TRK_UCONT_USER_BYTES_MAX};
    unsigned most_asks = 0, most_ranges = 0;
    size_t most_up = 0;
    asked(&b);
    give_ack(&b, TRK_REASON_OK, &s, NULL);
    pass(&b, 1);
    for (unsigned round = 0; round < 30; round++) {
        unsigned n = b.n_out;
        for (unsigned k = 0; k < n; k++) {
            ck_assert_int_eq(trk_wire_read_request(b.out[k], b.out_len[k], &b.q), TRK_OK);
            ck_assert_uint_le(b.out_len[k], PACKET_BYTES);
            ck_assert_uint_eq(b.q.ucont_len, TRK_UCONT_BYTES_MAX);
            most_asks = b.q.n_asks > most_asks ? b.q.n_asks : most_asks;
            most_ranges = b.q.n_ranges > most_ranges ? b.q.n_ranges : most_ranges;
            most_up = b.q.up_len > most_up ? b.q.up_len : most_up;
            for (unsigned a = 0; a < b.q.n_asks; a++)
                for (unsigned i = 0; i < b.q.ask[a].count; i++) {
                    b.seq = b.q.ask[a].first + i;
                    if (round < 3 || b.seq % 2 == 0) /* later, every other packet is lost */
                        (void)give_data(&b, 5, b.q.ask[a].off + i * PIECE_BYTES, PIECE_BYTES, 100);
                }
        }
        commit(&b, 700);
        pass(&b, 10);
    }
    ck_assert_uint_ge(most_asks, 3);
    ck_assert_uint_ge(most_ranges, 3);
    ck_assert_uint_ge(most_up, 400);
    done(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        data_must_fit_the_kind_of_connection,
        bytes_of_an_unknown_state_are_left_and_asked_for_again_once_in_a_round_trip,
        the_first_of_two_runs_wins,
        a_run_that_consumed_more_takes_the_place_only_before_a_byte_was_taken,
        no_state_begins_below_what_is_here_nor_from_a_checkpoint_alone,
        the_first_state_begins_where_the_stream_does,
        the_list_is_bounded,
        what_is_missing_decides_what_is_presented,
        idle_sends_nothing_and_wakes_after_any_time,
        closed_when_both_ends_are_there,
        away_is_asked_twice_a_second_for_a_minute,
        away_is_nothing_to_who_waits_for_nothing,
        a_closed_port_is_asked_twice_a_second_until_it_is_silence,
        a_port_that_is_open_again_is_used_at_once,
        what_was_answered_says_nothing_of_the_port_now,
        what_is_left_of_a_state_that_goes_on_is_asked_for_at_once,
        what_is_held_no_more_is_sent_again,
        all_of_a_request_fits_the_packet,
    };
    return unit_run("client_ucont", tests, COUNT(tests));
}
