/*
 * The conformance checker on conversations made here, packet by packet: a good one passes, and each
 * single fault put into it is found, under its own rule.
 */
#include <config.h>

#include "conform.h"

#include "core/cont.h"
#include "core/ucont.h"
#include "core/wire.h"
#include "trace/pcap.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

/* ---- a conversation in the making ---- */

static struct conform *c;
static uint64_t number, now_ns;
static struct trk_addr client, server;
static uint8_t cont[TRK_CONT_BYTES]; /* what the client presents */
static uint8_t law_flags; /* of the continuations made, besides FIRST */
static uint32_t reqno;
static struct trk_pcap *file; /* where packets go as well, if not NULL */

static struct trk_addr addr4(uint8_t last, uint16_t port)
{
    return (struct trk_addr){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = last},
                             .port = port};
}

static void start(struct conform_options options)
{
    options.out = getenv("CONFORM_SHOW") ? stdout : NULL;
    c = conform_new(&options);
    ck_assert_ptr_nonnull(c);
    number = now_ns = reqno = 0;
    law_flags = 0;
    client = addr4(1, 40000);
    server = addr4(9, 842);
    file = NULL;
}

static void packet(bool to_server, const uint8_t *p, long len)
{
    ck_assert_int_gt(len, 0);
    const struct trk_addr *from = to_server ? &client : &server,
                          *to = to_server ? &server : &client;
    now_ns += MS;
    conform_packet(c, ++number, now_ns, from, to, p, (size_t)len);
    if (file) {
        union trk_sockaddr a = trk_sockaddr_from_addr(from), b = trk_sockaddr_from_addr(to);
        trk_pcap_write(file, &a, &b, p, (size_t)len, now_ns);
    }
}

/* A continuation as any server makes them, as far as a reader without keys can see. */
static void make_cont(uint64_t base, uint32_t w0, uint8_t salt)
{
    struct trk_law law;
    trk_law_first(&law, 1200, 1, 1000);
    law.flags |= law_flags;
    law.base = law.law_base = base;
    law.w0_q = w0 << TRK_Q;
    memset(cont, salt, sizeof cont);
    struct trk_wr w = trk_wr_make(cont, TRK_CONT_CLEAR_BYTES);
    trk_wr_u8(&w, TRK_CONT_KIND_TRANSPORT);
    trk_wr_u8(&w, law.law);
    trk_wr_u8(&w, law.flags);
    trk_wr_u8(&w, law.generation);
    trk_wr_u16(&w, law.epoch);
    trk_wr_u16(&w, law.packet_size);
    trk_wr_u16(&w, law.owner);
    trk_wr_u16(&w, law.key_step);
    trk_wr_u48(&w, law.base);
    trk_wr_u48(&w, law.law_base);
    const uint32_t words[] = {law.w0_q, law.ssthresh_q, 0, 0, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < 9; i++)
        trk_wr_u32(&w, words[i]);
    trk_wr_u64(&w, law.issued_us);
    ck_assert_uint_eq(trk_wr_left(&w), 0);
    ck_assert_int_eq(trk_cont_read_law(cont, sizeof cont, &law), TRK_OK);
}

static uint8_t buf[65536];

static void send_open(size_t size)
{
    const struct trk_open o = {
        .c.cid = 7, .nonce = 77, .service_port = 80, .versions = 1u << TRK_VERSION};
    packet(true, buf, trk_wire_write_open(buf, sizeof buf, &o, size));
}

static void send_opened(size_t pad)
{
    const struct trk_ack_pkt a = {.c = {.cid = 7, .flags = TRK_ACK_OPENED | TRK_ACK_CONT},
                                  .nonce = 77,
                                  .cont = cont,
                                  .cont_len = sizeof cont};
    packet(false, buf, trk_wire_write_ack(buf, sizeof buf, &a, pad));
}

/* Asks for n seqs from first on, proves base..k (and what is in *more) with proof. */
static void send_request(uint64_t first, uint16_t n, uint64_t k, uint64_t proof,
                         const struct trk_request_pkt *more)
{
    struct trk_request_pkt q = more ? *more : (struct trk_request_pkt){.kind = TRK_KIND_ASK};
    q.c.cid = 7;
    q.reqno = ++reqno;
    q.w_cl_pkts = 1000;
    q.k = k;
    q.proof = proof;
    q.cont = cont;
    q.cont_len = sizeof cont;
    if (n) {
        q.n_asks = 1;
        q.ask[0] = (struct trk_ask){.first = first, .count = n, .len = n * 1000u};
    }
    packet(true, buf, trk_wire_write_request(buf, sizeof buf, &q));
}

/* The nonce of a seq in this test. */
static uint64_t nonce(uint64_t seq)
{
    return seq * 0x9e3779b97f4a7c15u ^ 0x1234;
}

static uint64_t xor_of(uint64_t first, uint64_t last)
{
    uint64_t x = 0;
    for (; first <= last; first++)
        x ^= nonce(first);
    return x;
}

static void send_data_to(uint32_t request, uint64_t first, uint64_t last)
{
    for (uint64_t s = first; s <= last; s++) {
        const struct trk_data_pkt d = {.c.cid = 7,
                                       .reqno = request,
                                       .instance = 1,
                                       .seq = s,
                                       .train_end = last,
                                       .nonce = nonce(s)};
        long n = trk_wire_write_data_head(buf, sizeof buf, &d);
        memset(buf + n, 'x', 1000);
        packet(false, buf, n + 1000);
    }
}

static void send_data(uint64_t first, uint64_t last)
{
    send_data_to(reqno, first, last);
}

static void send_ack(uint8_t reason, bool with_cont)
{
    struct trk_ack_pkt a = {.c = {.cid = 7}, .reqno = reqno, .reason = reason};
    if (with_cont) {
        a.c.flags = TRK_ACK_CONT;
        a.cont = cont;
        a.cont_len = sizeof cont;
    }
    packet(false, buf, trk_wire_write_ack(buf, sizeof buf, &a, 0));
}

/* Opened, ten packets received and proved, ten more asked for. */
static void good_beginning(void)
{
    make_cont(1, 10, 0xa1);
    send_open(1200);
    send_opened(1200);
    send_request(1, 10, 0, 0, NULL);
    send_data(1, 10);
    send_request(11, 10, 10, xor_of(1, 10), NULL);
    send_data(11, 20);
}

/* The end: exactly these many violations, all of this rule. */
static void expect(enum conform_rule rule, uint64_t n)
{
    now_ns += 1000 * MS; /* nothing is late any more: a last packet that needs no answer */
    const struct trk_uplink_pkt u = {.c.cid = 7, .up = buf, .up_len = 10};
    static uint8_t other[100];
    packet(true, other, trk_wire_write_uplink(other, sizeof other, &u));
    uint64_t sum = conform_end(c);
    for (unsigned i = 0; i < CONFORM_RULES; i++)
        ck_assert_msg(conform_stats(c)->violations[i] == (i == rule ? n : 0), "%s: %lu",
                      conform_rule_text((enum conform_rule)i),
                      (unsigned long)conform_stats(c)->violations[i]);
    ck_assert_uint_eq(sum, n);
    conform_free(c);
}

static const struct conform_options plain;

/* ---- good ones ---- */

START_TEST(good_conversation_passes)
{
    start(plain);
    good_beginning();
    ck_assert_uint_eq(conform_stats(c)->connections, 1);
    ck_assert_uint_eq(conform_stats(c)->spaces, 1);
    ck_assert_uint_eq(conform_stats(c)->seqs, 20);
    ck_assert_uint_eq(conform_stats(c)->proofs, 2);
    ck_assert_uint_eq(conform_stats(c)->answers, 3);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

START_TEST(ranges_holes_and_overlapping_asks_pass)
{
    start(plain);
    good_beginning();
    struct trk_request_pkt q = {.n_ranges = 2};
    q.range[0] = (struct trk_proof_range){17, 3};
    q.range[1] = (struct trk_proof_range){14, 2};
    send_request(15, 20, 12, xor_of(1, 12) ^ xor_of(17, 19) ^ xor_of(14, 15), &q); /* 13, 16 lost */
    send_data(21, 30);
    /* A hole at 13: the child proves what is below the hole in the parent, and its own k. */
    struct trk_request_pkt hole = {.kind = TRK_KIND_HOLE, .hole = 13};
    struct trk_law parent, child;
    ck_assert_int_eq(trk_cont_read_law(cont, sizeof cont, &parent), TRK_OK);
    ck_assert_int_eq(trk_law_derive(&parent, TRK_KIND_HOLE, 13, 0, 1000, &child), TRK_OK);
    uint64_t b = child.base;
    send_request(b, 5, b - 1, xor_of(1, 12), &hole);
    send_data(b, b + 3);
    send_request(b + 4, 5, b + 3, xor_of(1, 12) ^ xor_of(b, b + 3), &hole);
    send_data(b + 4, b + 6);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

START_TEST(stale_begins_a_new_space)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    make_cont(1, 10, 0xb2);
    send_ack(TRK_REASON_STALE, true);
    send_request(1, 10, 0, 0, NULL);
    send_data(1, 10); /* the same seqs, and no repetition */
    ck_assert_uint_eq(conform_stats(c)->spaces, 2);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

START_TEST(refreshed_continuation_stays_in_its_space)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    make_cont(1, 10, 0xc3);
    send_ack(TRK_REASON_OK, true);
    send_request(20, 5, 19, xor_of(1, 19), NULL);
    send_data(20, 20); /* sent before, under the older continuation */
    expect(CONFORM_SENT_TWICE, 1);
}
END_TEST

START_TEST(last_request_may_wait_for_its_answer)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    ck_assert_uint_eq(conform_end(c), 0);
    conform_free(c);
}
END_TEST

START_TEST(reset_answers_everything_before_it)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    const struct trk_reset_pkt x = {.c.cid = 7, .token = 1, .reason = 1};
    packet(false, buf, trk_wire_write_reset(buf, sizeof buf, &x, true));
    expect(CONFORM_EMPTY, 0);
}
END_TEST

/* ---- each fault ---- */

START_TEST(malformed_packets_are_found)
{
    start(plain);
    good_beginning();
    uint8_t bad[2000] = {TRK_VERSION << 5 | TRK_TYPE_REQUEST};
    switch (_i) {
    case 0: /* a REQUEST of zeros: no continuation */
        packet(true, bad, 300);
        break;
    case 1: /* cut in its header */
        packet(true, bad, 11);
        break;
    case 2: /* DATA that says it has an extension, and has not */
        bad[0] = TRK_VERSION << 5 | 0x10 | TRK_TYPE_DATA;
        bad[3] = TRK_DATA_CONT;
        packet(false, bad, TRK_DATA_BYTES);
        break;
    case 3: /* an ACK in the wrong direction */
        bad[0] = TRK_VERSION << 5 | TRK_TYPE_ACK;
        packet(true, bad, 100);
        break;
    case 4: /* an OPEN that is too short to be answered */
        bad[0] = TRK_VERSION << 5 | TRK_TYPE_OPEN;
        packet(true, bad, 1199);
        break;
    case 5: /* no such type */
        bad[0] = TRK_VERSION << 5 | 0x10 | 13;
        packet(false, bad, 100);
        break;
    default: /* an ACK with an unknown flag */
        bad[0] = TRK_VERSION << 5 | 0x10 | TRK_TYPE_ACK;
        bad[2] = 0x80;
        packet(false, bad, TRK_ACK_BYTES);
    }
    expect(CONFORM_MALFORMED, 1);
}
END_TEST

START_TEST(seq_sent_twice_is_found)
{
    start(plain);
    good_beginning();
    send_data(15, 16);
    expect(CONFORM_SENT_TWICE, 2);
}
END_TEST

START_TEST(seq_not_asked_for_is_found)
{
    start(plain);
    good_beginning();
    if (_i == 0)
        send_data(21, 21); /* asked: up to 20; granted: more */
    else
        send_data_to(999, 12, 12); /* no such request */
    expect(CONFORM_NOT_ASKED, 1);
}
END_TEST

START_TEST(seq_above_the_limit_is_found)
{
    start(plain);
    make_cont(1, 10, 0xa1);
    send_open(1200);
    send_opened(1200);
    send_request(1, 40, 0, 0, NULL); /* W is 10 */
    send_data(1, 11);
    expect(CONFORM_LIMIT, 1);
}
END_TEST

START_TEST(false_proofs_are_found)
{
    start(plain);
    good_beginning();
    struct trk_request_pkt q = {.n_ranges = 1};
    q.range[0] = (struct trk_proof_range){16, 2};
    uint64_t good = xor_of(1, 14) ^ xor_of(16, 17);
    if (_i == 0) /* one bit */
        send_request(21, 5, 14, good ^ 1, &q);
    else if (_i == 1) /* the ranges left out */
        send_request(21, 5, 14, xor_of(1, 14), &q);
    else /* a seq that was never sent */
        send_request(21, 5, 21, xor_of(1, 21), NULL);
    send_ack(TRK_REASON_PROOF_BAD, false);
    expect(CONFORM_PROOF, 1);
}
END_TEST

START_TEST(wrong_verdicts_are_found)
{
    start((struct conform_options){.hostile_clients = true});
    good_beginning();
    if (_i == 0) { /* served on a false proof: the ask covers nothing, so look at a seq asked for
                      before */
        send_request(19, 4, 20, xor_of(1, 20), NULL);
        send_data(21, 21);
        send_request(21, 2, 20, 99, NULL);
        send_data(22, 22);
    } else if (_i == 1) { /* a false proof that nobody minds */
        send_request(21, 2, 20, 99, NULL);
        send_ack(TRK_REASON_OK, false);
    } else { /* a true one refused */
        send_request(21, 2, 20, xor_of(1, 20), NULL);
        send_ack(TRK_REASON_PROOF_BAD, false);
    }
    expect(CONFORM_VERDICT, 1);
}
END_TEST

START_TEST(request_without_an_answer_is_found)
{
    start(plain);
    if (_i == 0) {
        good_beginning();
        send_request(21, 5, 20, xor_of(1, 20), NULL);
    } else {
        send_open(1200);
    }
    expect(CONFORM_UNANSWERED, 1);
}
END_TEST

START_TEST(later_answer_counts_if_it_comes_soon)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    now_ns += (_i ? 49 : 48) * MS; /* each packet takes 1 ms: 51 or 50 until the answer */
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    send_data(21, 21);
    ck_assert_uint_eq(conform_stats(c)->coalesced, _i ? 0 : 1);
    expect(CONFORM_UNANSWERED, _i ? 1 : 0);
}
END_TEST

START_TEST(claim_outside_of_the_continuation_is_found)
{
    start(plain);
    good_beginning();
    /* w0 = 10: good for the seqs below 1 + 4 * 10 + 64. */
    struct trk_request_pkt q = {.n_ranges = 1};
    q.range[0] = (struct trk_proof_range){104, _i ? 2 : 1};
    send_request(21, 5, 20, 0, &q);
    send_ack(TRK_REASON_PROOF_BAD, false);
    expect(_i ? CONFORM_MALFORMED : CONFORM_PROOF, 1);
}
END_TEST

START_TEST(answer_to_uplink_may_carry_the_continuation)
{
    start(plain);
    good_beginning();
    make_cont(1, 10, 0xc3);
    reqno++; /* an UPLINK's */
    send_ack(TRK_REASON_OK, true);
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    send_data(21, 22);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

START_TEST(amplification_is_found_at_the_bound)
{
    start(plain);
    make_cont(1, 10, 0xa1);
    send_open(1200);
    send_opened(1200);
    send_opened(1200);
    send_opened(_i == 0 ? 1200 : 1201);
    expect(CONFORM_AMPLIFICATION, _i == 0 ? 0 : 1);
}
END_TEST

START_TEST(ack_that_grants_nothing_is_no_larger_than_its_request)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL); /* 72 + 20 + 166 = 258 bytes */
    struct trk_ack_pkt a = {.c = {.cid = 7, .flags = TRK_ACK_CONT | TRK_ACK_SACK},
                            .reqno = reqno,
                            .cont = cont,
                            .cont_len = sizeof cont,
                            .up = {.n_sacks = _i ? 4 : 3}}; /* 56 + 25 + 168 = 249, or 257 */
    if (_i) {
        a.c.flags |= TRK_ACK_REFUSED; /* and 15 more */
        a.n_refused = 1;
    }
    for (unsigned i = 0; i < a.up.n_sacks; i++) {
        a.up.sack[i].start = 2 * i + 1;
        a.up.sack[i].end = 2 * i + 2;
    }
    packet(false, buf, trk_wire_write_ack(buf, sizeof buf, &a, 0));
    expect(CONFORM_AMPLIFICATION, _i ? 1 : 0);
}
END_TEST

/* Whoever listens in may send a REQUEST again that is cut; the first one's answer is not too large for that. */
START_TEST(an_answer_is_as_large_as_the_largest_copy_that_waits)
{
    static const uint8_t up[100];
    start((struct conform_options){.hostile_clients = true});
    good_beginning();
    struct trk_request_pkt q = {.up = up, .up_len = 19}; /* 72 + 166 + 19 = 257 bytes */
    send_request(21, 0, 20, xor_of(1, 20), &q);
    q.up_len = _i == 0 ? 5 : 18;
    if (_i == 1)
        send_ack(TRK_REASON_OK, false); /* the first one waits no more */
    reqno--;
    send_request(21, 0, 20, xor_of(1, 20), &q);
    struct trk_ack_pkt a = {.c = {.cid = 7, .flags = TRK_ACK_CONT | TRK_ACK_SACK},
                            .reqno = reqno,
                            .cont = cont,
                            .cont_len = sizeof cont,
                            .up = {.n_sacks = 4}}; /* 257 */
    for (unsigned i = 0; i < a.up.n_sacks; i++) {
        a.up.sack[i].start = 2 * i + 1;
        a.up.sack[i].end = 2 * i + 2;
    }
    packet(false, buf, trk_wire_write_ack(buf, sizeof buf, &a, 0));
    expect(CONFORM_AMPLIFICATION, _i == 0 ? 0 : 1);
}
END_TEST

START_TEST(an_altered_copy_does_not_stand_for_the_request)
{
    start((struct conform_options){.hostile_clients = true});
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    reqno--;
    cont[sizeof cont - 1] ^= 1;
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    send_ack(TRK_REASON_CANNOT_OPEN, false);
    send_ack(TRK_REASON_OK, false);
    send_data(21, 22);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

START_TEST(unknown_continuation_must_not_be_served)
{
    start(plain);
    good_beginning();
    make_cont(1, 10, 0xdd);
    send_request(11, 10, 0, 0, NULL);
    if (_i == 0)
        send_data(11, 11);
    else if (_i == 1)
        send_ack(TRK_REASON_OK, false);
    else
        send_ack(TRK_REASON_CANNOT_OPEN, false); /* as it should be */
    expect(CONFORM_UNKNOWN_CONT, _i == 2 ? 0 : 1);
}
END_TEST

/* ---- stateless services ---- */

static uint8_t ucont[TRK_UCONT_BYTES_MAX];

/* A user continuation without keys: the clear part, and something behind it. */
static size_t make_ucont(struct trk_ucont u, size_t user_len)
{
    struct trk_wr w = trk_wr_make(ucont, TRK_UCONT_CLEAR_BYTES);
    memset(ucont, 0x5e, sizeof ucont);
    trk_ucont_write_clear(&w, &u);
    return TRK_UCONT_OVERHEAD_BYTES + user_len;
}

static void ack_ucont(struct trk_ucont u, size_t user_len)
{
    struct trk_ack_pkt a = {.c = {.cid = 7, .flags = TRK_ACK_UCONT}, .reqno = reqno, .ucont = ucont};
    a.ucont_len = make_ucont(u, user_len);
    packet(false, buf, trk_wire_write_ack(buf, sizeof buf, &a, 0));
}

/* DATA of a state; u: rides on it, NULL: none. */
static void data_of(uint64_t seq, uint64_t state, uint64_t off, size_t len, uint16_t flags, const struct trk_ucont *u)
{
    struct trk_data_pkt d = {.c = {.cid = 7, .flags = (uint16_t)(TRK_DATA_STATE | flags)},
                             .reqno = reqno,
                             .instance = 1,
                             .seq = seq,
                             .train_end = seq,
                             .nonce = nonce(seq),
                             .off = off,
                             .state = state,
                             .ucont = ucont};
    if (u != NULL) {
        d.c.flags |= TRK_DATA_UCONT;
        d.ucont_len = make_ucont(*u, 10);
    }
    long n = trk_wire_write_data_head(buf, sizeof buf, &d);
    memset(buf + n, 'x', len);
    packet(false, buf, n + (long)len);
}

static struct trk_ucont state_of(uint64_t state, uint64_t after, uint64_t from, uint64_t end)
{
    return (struct trk_ucont){.flags = end == UINT64_MAX ? 0 : TRK_UCONT_END,
                              .state = state,
                              .after = after,
                              .up = 100,
                              .from = from,
                              .end = end};
}

static void ask_with(const uint8_t *bytes, size_t len, uint64_t first, uint16_t n)
{
    struct trk_request_pkt q = {.ucont = bytes, .ucont_len = len, .up = buf, .up_len = 0};
    send_request(first, n, 0, 0, &q);
}

/* Opened, and one answer of 500 bytes in state 21, up to 500. */
static void stateless_beginning(void)
{
    const struct trk_ucont u = state_of(21, 0, 0, 500);
    law_flags = TRK_LAW_STATELESS;
    make_cont(1, 10, 0xa1);
    send_open(1200);
    send_opened(1200);
    send_request(1, 10, 0, 0, NULL);
    data_of(1, 21, 0, 500, 0, &u);
}

START_TEST(good_stateless_conversation_passes)
{
    start(plain);
    stateless_beginning();
    ask_with(ucont, 150, 2, 9);
    ack_ucont(state_of(22, 21, 500, UINT64_MAX), 300); /* larger than the request, and has to be ahead */
    data_of(2, 21, 450, 50, 0, NULL);
    data_of(3, 22, 500, 1200 - 76, 0, NULL);
    data_of(4, 22, 500 + 1124, 100, 0, NULL);
    ack_ucont(state_of(22, 22, 1724, UINT64_MAX), 50); /* a checkpoint */
    ask_with(ucont, 150, 5, 3);
    struct trk_ucont end = state_of(22, 22, 1724, 2000);
    end.flags |= TRK_UCONT_FIN;
    data_of(5, 22, 1724, 276, TRK_DATA_FIN, &end);
    send_request(8, 1, 0, 0, NULL);
    send_ack(TRK_REASON_AWAY, false);
    ck_assert_uint_eq(conform_stats(c)->states, 2);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

/* One fault at a time, each behind a good beginning. */
START_TEST(faults_of_states_are_found)
{
    struct trk_ucont u = state_of(22, 21, 500, 900);
    enum conform_rule rule = CONFORM_STATE;
    start(plain);
    stateless_beginning();
    ask_with(ucont, 150, 2, 9);
    switch (_i) {
    case 0: /* bytes before their continuation */
        data_of(2, 22, 500, 10, 0, NULL);
        ack_ucont(u, 10);
        break;
    case 1: /* never sent at all, to anybody */
        ack_ucont(u, 10);
        data_of(2, 23, 500, 10, 0, NULL);
        break;
    case 2: /* no state named */
        send_data(2, 2);
        break;
    case 3: /* beyond the end, by one */
        data_of(2, 21, 490, 11, 0, NULL);
        break;
    case 4: /* below the beginning, by one */
        ack_ucont(u, 10);
        data_of(2, 22, 499, 10, 0, NULL);
        break;
    case 5: /* the end moves */
        ack_ucont(state_of(21, 0, 0, 501), 10);
        data_of(2, 21, 0, 10, 0, NULL);
        break;
    case 6: /* an end below what was sent */
        ack_ucont(state_of(22, 21, 500, UINT64_MAX), 10);
        data_of(2, 22, 500, 100, 0, NULL);
        ack_ucont(state_of(22, 22, 510, 599), 10);
        break;
    case 7: /* begins twice, after different ones */
        ack_ucont(u, 10);
        u.after = 20;
        ack_ucont(u, 10);
        break;
    case 8: /* at different places */
        ack_ucont(u, 10);
        u.from = 501;
        ack_ucont(u, 10);
        break;
    case 9: /* a checkpoint below the beginning */
        ack_ucont(u, 10);
        ack_ucont(state_of(22, 22, 499, 900), 10);
        break;
    case 10: /* the downlink ends, but not there */
        data_of(2, 21, 0, 499, TRK_DATA_FIN, NULL);
        break;
    case 11: /* bytes behind the end of the downlink */
        ack_ucont(state_of(22, 21, 500, UINT64_MAX), 10);
        data_of(2, 22, 500, 100, TRK_DATA_FIN, NULL);
        data_of(3, 22, 600, 1, 0, NULL);
        break;
    case 12: /* one byte too many for a packet with a state */
        ack_ucont(state_of(22, 21, 500, UINT64_MAX), 10);
        data_of(2, 22, 500, 1200 - 75, 0, NULL);
        rule = CONFORM_SIZE;
        break;
    case 13: /* no user continuation at all */
        u.state = 0;
        ack_ucont(u, 10);
        rule = CONFORM_MALFORMED;
        break;
    case 14: /* the kind of the connection changes */
        law_flags = 0;
        make_cont(1, 10, 0xb3);
        send_ack(TRK_REASON_OK, true);
        break;
    case 15: /* only a checkpoint of it was sent before */
        ack_ucont(state_of(22, 22, 500, 900), 10);
        data_of(2, 22, 500, 10, 0, NULL);
        break;
    case 16: /* the first, but not from the beginning of the stream */
        ack_ucont(state_of(22, 0, 1, 900), 10);
        break;
    default:
        ck_abort();
    }
    expect(rule, 1);
}
END_TEST

START_TEST(states_only_where_the_service_has_none)
{
    start(plain);
    good_beginning();
    send_request(21, 5, 20, xor_of(1, 20), NULL);
    if (_i == 0) {
        ack_ucont(state_of(22, 0, 0, 10), 10);
        expect(CONFORM_STATE, 1);
    } else if (_i == 1) {
        struct trk_ucont u = state_of(22, 0, 0, 10);
        data_of(21, 22, 0, 10, 0, &u); /* names one, and carries one */
        expect(CONFORM_STATE, 2);
    } else {
        send_data(21, 21);
        struct trk_request_pkt q = {.ucont = ucont, .ucont_len = 100};
        send_request(22, 1, 20, xor_of(1, 20), &q);
        expect(CONFORM_MALFORMED, 1);
    }
}
END_TEST

START_TEST(partial_capture_knows_not_every_state)
{
    start((struct conform_options){.partial = true});
    law_flags = TRK_LAW_STATELESS;
    make_cont(1, 10, 0xa1);
    ask_with(ucont, 150, 2, 9);
    data_of(2, 21, 450, 50, 0, NULL);
    ack_ucont(state_of(22, 21, 500, 600), 10);
    data_of(3, 22, 500, 101, 0, NULL);
    expect(CONFORM_STATE, 1);
}
END_TEST

START_TEST(empty_capture_is_not_a_success)
{
    start(plain);
    uint8_t other[40] = {0xff};
    packet(true, other, sizeof other);
    ck_assert_uint_eq(conform_end(c), 1);
    ck_assert_uint_eq(conform_stats(c)->violations[CONFORM_EMPTY], 1);
    ck_assert_uint_eq(conform_stats(c)->other, 1);
    conform_free(c);
}
END_TEST

START_TEST(hostile_clients_are_not_the_servers_fault)
{
    start((struct conform_options){.hostile_clients = true});
    good_beginning();
    uint8_t bad[300] = {TRK_VERSION << 5 | TRK_TYPE_REQUEST};
    packet(true, bad, sizeof bad);
    send_request(21, 5, 20, 1, NULL);
    send_ack(TRK_REASON_PROOF_BAD, false);
    ck_assert_uint_eq(conform_stats(c)->hostile, 2);
    expect(CONFORM_EMPTY, 0);
}
END_TEST

START_TEST(partial_capture_judges_what_it_can)
{
    start((struct conform_options){.partial = true});
    make_cont(500, 10, 0xa1);
    send_data_to(3, 505, 507); /* to a request from before */
    send_request(510, 5, 509, 42, NULL);
    send_data(510, 512);
    send_data(512, 512); /* a fault that does show */
    expect(CONFORM_SENT_TWICE, 1);
}
END_TEST

/* ---- files ---- */

static int run(const char *options, const char *path)
{
    char command[256];
    snprintf(command, sizeof command, "tests/net/trk-conform %s %s >/dev/null 2>&1", options, path);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(program_judges_a_file)
{
    char path[] = "/tmp/test_conform.XXXXXX", error[256];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    start(plain);
    ck_assert_int_eq(trk_pcap_open(&file, path, 0, NULL, NULL), 0);
    good_beginning();
    if (_i)
        send_data(3, 3);
    ck_assert_int_eq(trk_pcap_close(file), 0);
    file = NULL;
    ck_assert_int_eq(run("--verbose", path), _i ? 1 : 0);
    ck_assert_int_eq(run("--port 842", path), _i ? 1 : 0);
    ck_assert_int_eq(run("--port 9", path), 1); /* nothing there */
    ck_assert_int_eq(run("--port x", path), 2);
    ck_assert_int_eq(run("", "/nonexistent"), 2);
    ck_assert_int_eq(run("--help", ""), 0);

    struct conform *d = conform_new(&plain);
    ck_assert_int_eq(conform_read_file(d, path, 0, error, sizeof error), 0);
    ck_assert_uint_eq(conform_stats(d)->packets, conform_stats(c)->packets);
    ck_assert_uint_eq(conform_end(d), _i ? 1 : 0);
    conform_free(d);
    ck_assert_int_eq(truncate(path, 100), 0); /* ends in a packet */
    d = conform_new(&plain);
    ck_assert_int_eq(conform_read_file(d, path, 0, error, sizeof error), -1);
    conform_free(d);
    conform_free(c);
    unlink(path);
}
END_TEST

START_TEST(rules_have_names)
{
    for (unsigned i = 0; i < CONFORM_RULES; i++)
        ck_assert_uint_gt(strlen(conform_rule_text((enum conform_rule)i)), 3);
    ck_assert_str_eq(conform_rule_text(CONFORM_RULES), "?");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conform");
    TCase *t = tcase_create("conform");
    tcase_add_test(t, good_conversation_passes);
    tcase_add_test(t, ranges_holes_and_overlapping_asks_pass);
    tcase_add_test(t, stale_begins_a_new_space);
    tcase_add_test(t, refreshed_continuation_stays_in_its_space);
    tcase_add_test(t, last_request_may_wait_for_its_answer);
    tcase_add_test(t, reset_answers_everything_before_it);
    tcase_add_loop_test(t, malformed_packets_are_found, 0, 7);
    tcase_add_test(t, seq_sent_twice_is_found);
    tcase_add_loop_test(t, seq_not_asked_for_is_found, 0, 2);
    tcase_add_test(t, seq_above_the_limit_is_found);
    tcase_add_loop_test(t, false_proofs_are_found, 0, 3);
    tcase_add_loop_test(t, wrong_verdicts_are_found, 0, 3);
    tcase_add_loop_test(t, request_without_an_answer_is_found, 0, 2);
    tcase_add_loop_test(t, later_answer_counts_if_it_comes_soon, 0, 2);
    tcase_add_loop_test(t, claim_outside_of_the_continuation_is_found, 0, 2);
    tcase_add_test(t, answer_to_uplink_may_carry_the_continuation);
    tcase_add_loop_test(t, amplification_is_found_at_the_bound, 0, 2);
    tcase_add_test(t, an_altered_copy_does_not_stand_for_the_request);
    tcase_add_loop_test(t, an_answer_is_as_large_as_the_largest_copy_that_waits, 0, 2);
    tcase_add_loop_test(t, ack_that_grants_nothing_is_no_larger_than_its_request, 0, 2);
    tcase_add_loop_test(t, unknown_continuation_must_not_be_served, 0, 3);
    tcase_add_test(t, good_stateless_conversation_passes);
    tcase_add_loop_test(t, faults_of_states_are_found, 0, 17);
    tcase_add_loop_test(t, states_only_where_the_service_has_none, 0, 3);
    tcase_add_test(t, partial_capture_knows_not_every_state);
    tcase_add_test(t, empty_capture_is_not_a_success);
    tcase_add_test(t, hostile_clients_are_not_the_servers_fault);
    tcase_add_test(t, partial_capture_judges_what_it_can);
    tcase_add_loop_test(t, program_judges_a_file, 0, 2);
    tcase_add_test(t, rules_have_names);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
