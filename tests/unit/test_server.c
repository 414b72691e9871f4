/* The stateless server: each verdict and each reason, with datagrams written here. */
#include "core/server.h"

#include "base/err.h"
#include "core/proof.h"
#include "fakeseal.h"
#include "unit.h"

#define NOW_US (UINT64_C(1800000000) * 1000000)

static struct fakeseal fs;
static struct trk_server srv;
static struct trk_replay table;
static _Alignas(64) uint8_t mem[1 << 16];
static struct trk_event ev;
static const struct trk_addr peer = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 4000};
static uint8_t pkt[2048];
static size_t pkt_len;
static uint8_t cont[TRK_CONT_BYTES];

static void begin(void)
{
    srv = (struct trk_server){.instance = 5,
                              .packet_max = 1472,
                              .freshness_us = TRK_FRESHNESS_US,
                              .lifetime_us = TRK_LIFETIME_US};
    fakeseal_init(&fs, 12, &srv.seal);
    ck_assert_int_eq(trk_replay_init(&table, mem, sizeof mem, TRK_FRESHNESS_US), TRK_OK);
}

static enum trk_verdict give(const struct trk_addr *from, uint64_t now_us)
{
    uint8_t *copy = malloc(pkt_len > 0 ? pkt_len : 1); /* exactly as long, for the sanitizer */
    memcpy(copy, pkt, pkt_len);
    static uint8_t *last;
    free(last); /* events borrow from the datagram */
    last = copy;
    return trk_server_read(&srv, &table, now_us, from, copy, pkt_len, &ev);
}

static void open_packet(size_t size)
{
    struct trk_open o = {.c = {.cid = 99}, .nonce = 0xabc, .ts = 7, .service_port = 80, .client_port = 1234, .versions = 2};
    pkt_len = (size_t)trk_wire_write_open(pkt, sizeof pkt, &o, size);
}

/* A connection: its first continuation is in cont. */
static void connect_it(void)
{
    struct trk_ack_pkt a;
    begin();
    open_packet(1200);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_OPEN);
    trk_server_answer_open(&srv, NOW_US, TRK_REASON_OK, false, &ev);
    ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
    memcpy(cont, a.cont, sizeof cont);
}

/* A request for [first, first + n); everything else as in q. */
static void request(struct trk_request_pkt *q, uint64_t first, uint16_t n)
{
    q->c.cid = 99;
    q->reqno = q->reqno != 0 ? q->reqno : 1;
    q->w_cl_pkts = q->w_cl_pkts != 0 ? q->w_cl_pkts : 1000;
    q->cont = cont;
    q->cont_len = sizeof cont;
    q->n_asks = n > 0 ? 1 : 0;
    q->ask[0] = (struct trk_ask){.first = first, .count = n, .off = 0, .len = n * 1132u};
    long len = trk_wire_write_request(pkt, sizeof pkt, q);
    ck_assert_int_gt(len, 0);
    pkt_len = (size_t)len;
}

static enum trk_verdict ask(uint64_t first, uint16_t n, uint64_t now_us)
{
    struct trk_request_pkt q = {0};
    request(&q, first, n);
    return give(&peer, now_us);
}

static uint8_t reason_of_reply(void)
{
    struct trk_ack_pkt a;
    ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
    ck_assert_uint_le(ev.reply_len, pkt_len);
    return a.reason;
}

START_TEST(open_answered_equally_large_and_nothing_kept)
{
    for (size_t size = 1200; size <= 1600; size += 100) {
        struct trk_ack_pkt a;
        struct trk_law law;
        begin();
        open_packet(size);
        ck_assert_int_eq(give(&peer, NOW_US), TRK_V_OPEN);
        trk_server_answer_open(&srv, NOW_US, TRK_REASON_OK, false, &ev);
        ck_assert_uint_eq(ev.reply_len, size < 1472 ? size : 1472);
        ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
        ck_assert(a.nonce == 0xabc && a.ts == 7 && a.limit == 10 && a.c.cid == 99 && a.up.credit_bytes == 65536);
        ck_assert_int_eq(trk_cont_read_law(a.cont, a.cont_len, &law), TRK_OK);
        ck_assert_uint_eq(law.packet_size, ev.reply_len);
        ck_assert_uint_eq(law.owner, 5);
        ck_assert_uint_eq(law.issued_us, NOW_US);
    }
}
END_TEST

START_TEST(open_refused_is_small_and_has_no_continuation)
{
    struct trk_ack_pkt a;
    begin();
    open_packet(1472);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_OPEN);
    trk_server_answer_open(&srv, NOW_US, TRK_REASON_NO_SERVICE, false, &ev);
    ck_assert_uint_lt(ev.reply_len, 100);
    ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
    ck_assert(a.reason == TRK_REASON_NO_SERVICE && a.cont_len == 0 && a.nonce == 0xabc && a.reset_token == 0);
    fs.oldest = 9; /* no key at all: nobody can be let in */
    trk_server_answer_open(&srv, NOW_US, TRK_REASON_OK, false, &ev);
    ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
    ck_assert(a.reason == TRK_REASON_BUSY && a.cont_len == 0);
}
END_TEST

START_TEST(request_granted_within_the_window)
{
    connect_it();
    ck_assert_int_eq(ask(1, 20, NOW_US + 1000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.n_grants, 10);
    ck_assert_uint_eq(ev.req.reason, TRK_REASON_WINDOW);
    ck_assert_uint_eq(ev.req.to.limit, 10);
    ck_assert(ev.req.first && ev.req.asked && !ev.req.give_cont);
    for (unsigned i = 0; i < 10; i++)
        ck_assert(ev.req.grant[i].seq == 1 + i && ev.req.grant[i].off == i * 1132u && ev.req.grant[i].len == 1132);
    ck_assert_int_eq(ask(1, 3, NOW_US + 1000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 3 && ev.req.reason == TRK_REASON_OK);
    ck_assert_int_eq(ask(11, 3, NOW_US + 1000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 0 && ev.req.reason == TRK_REASON_WINDOW);
    ck_assert_int_eq(ask(1, 0, NOW_US + 1000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 0 && !ev.req.asked);
}
END_TEST

/* Sends what was granted and gives the fold of the nonces. */
static uint64_t serve_all(uint64_t now_us)
{
    static uint8_t heads[TRK_GRANTS_MAX * TRK_HEAD_BYTES_MAX];
    uint16_t len[TRK_GRANTS_MAX];
    struct trk_piece p[TRK_GRANTS_MAX];
    struct trk_up_state up = {0};
    struct trk_extras x = {.up = &up};
    bool left;
    uint64_t fold = 0;
    for (unsigned i = 0; i < ev.req.n_grants; i++)
        p[i] = (struct trk_piece){.seq = ev.req.grant[i].seq, .off = ev.req.grant[i].off, .len = ev.req.grant[i].len};
    ck_assert_int_eq(trk_server_train(&srv, &table, now_us, &ev.req.to, p, ev.req.n_grants, &x, heads, len, &left), TRK_OK);
    for (unsigned i = 0; i < ev.req.n_grants; i++) {
        struct trk_data_pkt d;
        ck_assert_int_eq(trk_wire_read_data(heads + (size_t)i * TRK_HEAD_BYTES_MAX, len[i], &d), TRK_OK);
        ck_assert(d.seq == p[i].seq && d.train_end == p[ev.req.n_grants - 1].seq && d.off == p[i].off && d.reqno == 1);
        fold ^= d.nonce;
    }
    ck_assert(!left);
    return fold;
}

START_TEST(request_sent_seqs_refused_and_named)
{
    connect_it();
    ck_assert_int_eq(ask(2, 4, NOW_US + 1000), TRK_V_REQUEST);
    (void)serve_all(NOW_US + 1000);
    ck_assert_int_eq(ask(2, 4, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 0 && ev.req.reason == TRK_REASON_SENT);
    ck_assert(ev.req.n_refused == 1 && ev.req.refused[0].first == 2 && ev.req.refused[0].bits == 15);
    ck_assert_int_eq(ask(1, 10, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.n_grants, 6);
    ck_assert_uint_eq(ev.req.grant[0].seq, 1);
    ck_assert_uint_eq(ev.req.grant[1].seq, 6);
    ck_assert_uint_eq(ev.req.grant[1].off, 5 * 1132); /* a seq keeps its range */
}
END_TEST

START_TEST(request_proof_true_and_false)
{
    struct trk_request_pkt q = {.k = 4};
    connect_it();
    ck_assert_int_eq(ask(1, 4, NOW_US + 1000), TRK_V_REQUEST);
    q.proof = serve_all(NOW_US + 1000);
    request(&q, 5, 40);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.to.limit, 4 + 14);
    ck_assert_uint_eq(ev.req.n_grants, 14);
    q.proof ^= 1;
    request(&q, 5, 40);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 0 && ev.req.reason == TRK_REASON_PROOF_BAD && !ev.req.give_cont);
    q.k = 0;
    q.proof = 0;
    q.w_cl_pkts = 3;
    q.c.flags = TRK_REQ_PROBE;
    request(&q, 5, 40);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.to.limit, 4);
}
END_TEST

START_TEST(request_ranges_give_bounded_credit)
{
    struct trk_request_pkt q = {.n_ranges = 1};
    uint64_t nonce[8], fold = 0;
    connect_it();
    ck_assert_int_eq(ask(1, 10, NOW_US + 1000), TRK_V_REQUEST);
    (void)serve_all(NOW_US + 1000);
    ck_assert_int_eq(trk_proof_nonces(&srv.seal, 1, ev.req.to.space, 3, 8, nonce), TRK_OK);
    for (int i = 0; i < 8; i++)
        fold ^= nonce[i];
    q.range[0] = (struct trk_proof_range){3, 8};
    q.proof = fold;
    request(&q, 11, 40);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.to.limit, 0 + 10 + 8);
    q.range[0] = (struct trk_proof_range){0, 1}; /* not above k */
    request(&q, 11, 40);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_DROP);
    q.range[0] = (struct trk_proof_range){105, 1}; /* one past the continuation's range */
    request(&q, 11, 40);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_DROP);
    q.n_ranges = 0;
    q.k = 105;
    request(&q, 106, 1);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_DROP);
}
END_TEST

START_TEST(request_refresh_rebases)
{
    struct trk_request_pkt q = {.k = 4, .hold_us = 1000};
    connect_it();
    ck_assert_int_eq(ask(1, 4, NOW_US), TRK_V_REQUEST);
    q.proof = serve_all(NOW_US);
    q.c.flags = TRK_REQ_REFRESH;
    request(&q, 5, 14);
    ck_assert_int_eq(give(&peer, NOW_US + 41000), TRK_V_REQUEST);
    ck_assert(ev.req.give_cont && ev.req.law.law_base == 5 && ev.req.law.base == 1 && ev.req.law.generation == 1);
    ck_assert_uint_eq(ev.req.law.w0_q, 14 << TRK_Q);
    ck_assert_uint_eq(ev.req.law.srtt_us, 40000); /* less the hold */
    ck_assert(ev.req.first && ev.req.n_grants == 14);
}
END_TEST

/* A new continuation is newer than the floor: it must not be had for seqs whose marks are lost. */
START_TEST(request_refresh_does_not_launder_what_was_forgotten)
{
    struct trk_request_pkt q = {.c = {.flags = TRK_REQ_REFRESH}};
    connect_it();
    ck_assert_int_eq(ask(1, 10, NOW_US + 1000), TRK_V_REQUEST);
    (void)serve_all(NOW_US + 1000);
    request(&q, 0, 0);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert(ev.req.give_cont && ev.req.reason == TRK_REASON_OK);
    trk_server_commit(&srv, &table, NOW_US + 2000, &ev.req);
    ev.req.law.issued_us = NOW_US + 2000;
    ck_assert_int_eq(trk_cont_seal(&srv.seal, &ev.req.law, &ev.req.secret, cont), TRK_OK);
    for (uint64_t rho = 1; rho < 5000; rho++) /* many other connections */
        trk_replay_mark(&table, (struct trk_space){rho, 5}, 1, 1, 1, NOW_US + 200000);
    ck_assert_int_eq(ask(1, 10, NOW_US + 201000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 0 && ev.req.reason == TRK_REASON_STALE);
    request(&q, 0, 0);
    ck_assert_int_eq(give(&peer, NOW_US + 201000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.reason, TRK_REASON_STALE);
    q.c.flags = 0; /* without a new continuation there is nothing to hide */
    request(&q, 0, 0);
    ck_assert_int_eq(give(&peer, NOW_US + 201000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.reason, TRK_REASON_OK);
}
END_TEST

START_TEST(request_undo_wants_the_hole_itself)
{
    struct trk_request_pkt q = {.kind = TRK_KIND_HOLE, .hole = 3};
    uint64_t nonce[8], base = 3 + 2 * 12 + 1;
    connect_it();
    ck_assert_int_eq(ask(1, 10, NOW_US), TRK_V_REQUEST);
    (void)serve_all(NOW_US);
    ck_assert_int_eq(trk_proof_nonces(&srv.seal, 1, ev.req.to.space, 1, 8, nonce), TRK_OK);
    q.proof = nonce[0] ^ nonce[1];
    q.k = base - 1;
    request(&q, base, 1);
    ck_assert_int_eq(give(&peer, NOW_US + 1000), TRK_V_REQUEST);
    ev.req.law.issued_us = NOW_US + 1000;
    ck_assert_int_eq(trk_cont_seal(&srv.seal, &ev.req.law, &ev.req.secret, cont), TRK_OK);
    q = (struct trk_request_pkt){.kind = TRK_KIND_UNDO, .hole = 3, .k = base - 1, .n_ranges = 1};
    q.range[0] = (struct trk_proof_range){.first = 3, .count = 1};
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST); /* it never came: no proof */
    ck_assert(ev.req.reason == TRK_REASON_PROOF_BAD && !ev.req.give_cont);
    q.proof = nonce[2];
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_REQUEST);
    ck_assert(ev.req.give_cont && ev.req.law.w0_q == 12u << TRK_Q && ev.req.law.base == base);
    ck_assert_uint_eq(ev.req.n_grants, 6); /* by the cut's law: the hole is no credit either */
    q.range[0].count = 2;
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_DROP);
    q.n_ranges = 0;
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_DROP);
    q.n_ranges = 1;
    q.range[0] = (struct trk_proof_range){.first = 4, .count = 1};
    q.hole = 4;
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 2000), TRK_V_DROP); /* no cut was made for that one */
}
END_TEST

START_TEST(request_hole_and_timeout_derive_and_close)
{
    struct trk_request_pkt q = {.kind = TRK_KIND_HOLE, .hole = 3};
    uint64_t nonce[8];
    connect_it();
    ck_assert_int_eq(ask(1, 10, NOW_US), TRK_V_REQUEST);
    (void)serve_all(NOW_US);
    ck_assert_int_eq(trk_proof_nonces(&srv.seal, 1, ev.req.to.space, 1, 8, nonce), TRK_OK);
    q.proof = nonce[0] ^ nonce[1]; /* the parent's 1..2 */
    uint64_t base = 3 + 2 * 12 + 1;
    q.k = base - 1;
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 1000), TRK_V_REQUEST);
    ck_assert(ev.req.law.base == base && !ev.req.give_cont && ev.req.kind == TRK_KIND_HOLE);
    q.c.flags = TRK_REQ_REFRESH;
    request(&q, base, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 1000), TRK_V_REQUEST);
    ck_assert(ev.req.law.base == base && ev.req.give_cont);
    ck_assert_uint_eq(ev.req.n_grants, 6);
    trk_server_commit(&srv, &table, NOW_US + 1000, &ev.req);
    ck_assert_int_eq(ask(11, 10, NOW_US + 2000), TRK_V_REQUEST); /* the gap is closed, whatever is proved */
    ck_assert_uint_eq(ev.req.n_grants, 0);
    q.kind = TRK_KIND_TIMEOUT;
    q.attempt = 2;
    q.k = 3 + 6 * 12 + 3 + 2 - 1;
    request(&q, q.k + 1, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 3000), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 1 && ev.req.law.flags == TRK_LAW_TIMEOUT);
    q.proof ^= 4;
    request(&q, q.k + 1, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 3000), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.reason, TRK_REASON_PROOF_BAD);
    q.hole = 0;
    request(&q, q.k + 1, 10);
    ck_assert_int_eq(give(&peer, NOW_US + 3000), TRK_V_DROP);
    for (unsigned kind = TRK_KIND_CE; kind < TRK_KIND_COUNT; kind++) { /* laid out, not spoken */
        q.kind = (enum trk_kind)kind;
        request(&q, 1, 1);
        ck_assert_int_eq(give(&peer, NOW_US + 3000), TRK_V_DROP);
    }
}
END_TEST

START_TEST(request_ages)
{
    connect_it();
    ck_assert_int_eq(ask(1, 4, NOW_US + TRK_FRESHNESS_US), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.n_grants, 4);
    uint64_t rho = ev.req.secret.rho, conn = ev.req.secret.conn;
    ck_assert_int_eq(ask(1, 4, NOW_US + TRK_FRESHNESS_US + 1), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 0 && ev.req.reason == TRK_REASON_STALE && ev.req.give_cont);
    ck_assert(ev.req.secret.rho != rho && ev.req.secret.conn == conn && ev.req.law.epoch == 1);
    ck_assert_int_eq(ask(1, 4, NOW_US - TRK_FRESHNESS_US - 1), TRK_V_REQUEST); /* from the future */
    ck_assert_uint_eq(ev.req.reason, TRK_REASON_STALE);
    ck_assert_int_eq(ask(1, 4, NOW_US + TRK_LIFETIME_US), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.reason, TRK_REASON_STALE);
    ck_assert_int_eq(ask(1, 4, NOW_US + TRK_LIFETIME_US + 1), TRK_V_REPLY);
    ck_assert_uint_eq(reason_of_reply(), TRK_REASON_CANNOT_OPEN);
}
END_TEST

START_TEST(request_refusals)
{
    struct trk_addr other = peer;
    connect_it();
    other.port = 4001; /* a NAT that forgot: accepted */
    struct trk_request_pkt q = {0};
    request(&q, 1, 4);
    ck_assert_int_eq(give(&other, NOW_US), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 4 && ev.req.secret.peer.port == 4001 && ev.req.to.peer.port == 4001);
    other.ip[15] ^= 1;
    ck_assert_int_eq(give(&other, NOW_US), TRK_V_REPLY);
    ck_assert_uint_eq(reason_of_reply(), TRK_REASON_ADDRESS);
    srv.instance = 6;
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_REPLY);
    ck_assert_uint_eq(reason_of_reply(), TRK_REASON_NOT_HERE);
    srv.instance = 5;
    cont[100] ^= 1;
    ck_assert_int_eq(ask(1, 4, NOW_US), TRK_V_REPLY);
    ck_assert_uint_eq(reason_of_reply(), TRK_REASON_CANNOT_OPEN);
    cont[100] ^= 1;
    fs.step = 3; /* keys of step 1 are gone */
    fs.oldest = 2;
    ck_assert_int_eq(ask(1, 4, NOW_US), TRK_V_REPLY);
    ck_assert_uint_eq(reason_of_reply(), TRK_REASON_CANNOT_OPEN);
}
END_TEST

START_TEST(version_told_to_large_datagrams_only)
{
    begin();
    open_packet(1200);
    pkt[0] = 0x41; /* version 2 */
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_REPLY);
    ck_assert_uint_lt(ev.reply_len, 20);
    ck_assert_uint_eq(ev.reply[0], 0x30);
    pkt_len = 1199;
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_DROP);
    ck_assert_int_eq(ev.drop, TRK_E_VERSION);
    pkt_len = 1200;
    static const uint8_t never[] = {0x46, 0x40, 0x45, 0x50, 0x55}; /* RESET, VERSION, ACK; and from servers */
    for (size_t i = 0; i < sizeof never; i++) {
        pkt[0] = never[i];
        ck_assert_int_eq(give(&peer, NOW_US), TRK_V_DROP);
    }
}
END_TEST

START_TEST(never_answered_from_servers_or_noise)
{
    struct rng r = {unit_seed("server noise", 20271)};
    begin();
    for (unsigned i = 0; i < 200000; i++) {
        pkt_len = (size_t)rng_below(&r, 300);
        rng_fill(&r, pkt, pkt_len);
        if (pkt_len > 0 && i % 2 == 0)
            pkt[0] = (uint8_t)(0x20 | rng_below(&r, 32));
        enum trk_verdict v = give(&peer, NOW_US);
        ck_assert(v == TRK_V_DROP || v == TRK_V_UPLINK || v == TRK_V_REPLY);
        ck_assert(v != TRK_V_REPLY || ev.reply_len <= pkt_len);
        ck_assert(pkt_len == 0 || (pkt[0] & 0x10) == 0 || v == TRK_V_DROP);
    }
}
END_TEST

START_TEST(reset_both_ways)
{
    struct trk_reset_pkt x = {.c = {.cid = 99}, .cont = cont, .cont_len = sizeof cont}, back;
    struct trk_addr other = peer;
    uint8_t buf[64];
    connect_it();
    pkt_len = (size_t)trk_wire_write_reset(pkt, sizeof pkt, &x, false);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_RESET);
    uint64_t conn = ev.req.secret.conn;
    other.ip[15] ^= 1;
    ck_assert_int_eq(give(&other, NOW_US), TRK_V_DROP);
    pkt[40] ^= 1;
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_DROP);
    ck_assert_int_eq(ask(1, 1, NOW_US), TRK_V_REQUEST);
    ck_assert_uint_eq(ev.req.secret.conn, conn);
    long n = trk_server_reset(&srv, &ev.req.to, 0, buf, sizeof buf);
    ck_assert_int_eq(trk_wire_read_reset(buf, (size_t)n, &back), TRK_OK);
    uint64_t token[2], ref = 0;
    ck_assert_int_eq(srv.seal.tokens(srv.seal.ctx, 1, conn, token), 0);
    ck_assert_uint_eq(back.token, token[0]);
    ck_assert_int_eq(trk_server_uplink_ref(&srv, &ev.req.to, &ref), TRK_OK);
    ck_assert_uint_eq(ref, token[1]);
}
END_TEST

START_TEST(ack_without_data_fits_its_request)
{
    struct trk_up_state up = {.ack = 5, .n_sacks = 4, .sack = {{6, 7}, {8, 9}, {10, 11}, {12, 13}}};
    uint8_t buf[TRK_REPLY_BYTES_MAX];
    struct trk_ack_pkt a;
    connect_it();
    ck_assert_int_eq(ask(2, 4, NOW_US), TRK_V_REQUEST);
    (void)serve_all(NOW_US);
    ck_assert_int_eq(ask(2, 4, NOW_US), TRK_V_REQUEST);
    struct trk_extras x = {.up = &up, .law = &ev.req.law, .secret = &ev.req.secret, .reason = TRK_REASON_SENT};
    for (uint64_t train_end = 0; train_end <= 5; train_end += 5) { /* 5: a copy of one that DATA answered */
        long n = trk_server_ack(&srv, NOW_US, &ev.req.to, &ev.req, train_end, &x, buf, sizeof buf);
        ck_assert_int_gt(n, 0);
        ck_assert_uint_le((size_t)n, pkt_len);
        ck_assert_int_eq(trk_wire_read_ack(buf, (size_t)n, &a), TRK_OK);
        ck_assert(a.cont_len == TRK_CONT_BYTES && a.reason == TRK_REASON_SENT && a.up.ack == 5);
    }
}
END_TEST

START_TEST(train_extras_ride_on_the_last_if_they_fit)
{
    static uint8_t heads[2 * TRK_HEAD_BYTES_MAX];
    uint16_t len[2];
    bool left;
    struct trk_up_state up = {0};
    struct trk_data_pkt d;
    connect_it();
    ck_assert_int_eq(ask(1, 10, NOW_US), TRK_V_REQUEST);
    struct trk_extras x = {.up = &up, .law = &ev.req.law, .secret = &ev.req.secret};
    struct trk_piece p[2] = {{1, 0, 1132, false, 0}, {2, 1132, 1132 - 168, true, 0}}; /* 2 + 166 bytes of room */
    ck_assert_int_eq(trk_server_train(&srv, &table, NOW_US, &ev.req.to, p, 2, &x, heads, len, &left), TRK_OK);
    ck_assert(!left && len[0] == TRK_DATA_BYTES && len[1] == TRK_DATA_BYTES + 168);
    ck_assert_int_eq(trk_wire_read_data(heads + TRK_HEAD_BYTES_MAX, len[1], &d), TRK_OK);
    ck_assert(d.c.flags == (TRK_DATA_FIN | TRK_DATA_CONT) && d.cont_len == TRK_CONT_BYTES);
    p[0] = (struct trk_piece){3, 2264, 1132, false, 0};
    p[1] = (struct trk_piece){4, 3396, 1132 - 167, false, 0}; /* one byte too many */
    ck_assert_int_eq(trk_server_train(&srv, &table, NOW_US, &ev.req.to, p, 2, &x, heads, len, &left), TRK_OK);
    ck_assert(left && len[1] == TRK_DATA_BYTES);
    ck_assert_int_eq(ask(1, 10, NOW_US), TRK_V_REQUEST);
    ck_assert(ev.req.n_grants == 6 && ev.req.grant[0].seq == 5); /* all four are marked */
}
END_TEST

START_TEST(uplink_unknown_told_to_bring_a_continuation)
{
    struct trk_uplink_pkt u = {.c = {.cid = 99}, .reqno = 4, .ref = 77, .up = (const uint8_t *)"twenty bytes of data", .up_len = 20};
    begin();
    pkt_len = (size_t)trk_wire_write_uplink(pkt, sizeof pkt, &u);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_UPLINK);
    ck_assert(ev.uplink.ref == 77 && ev.uplink.up_len == 20);
    trk_server_need_cont(&srv, &ev);
    struct trk_ack_pkt a;
    ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
    ck_assert(a.reason == TRK_REASON_NEED_CONT && a.reqno == 4);
    u.up_len = 19; /* the answer would be larger */
    pkt_len = (size_t)trk_wire_write_uplink(pkt, sizeof pkt, &u);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_UPLINK);
    trk_server_need_cont(&srv, &ev);
    ck_assert_uint_eq(ev.reply_len, 0);
}
END_TEST

START_TEST(user_continuation_only_where_the_service_is_stateless)
{
    struct trk_law law;
    struct trk_secret secret;
    uint8_t bytes[100] = {1};
    connect_it();
    struct trk_request_pkt q = {.ucont = bytes, .ucont_len = sizeof bytes};
    request(&q, 1, 1);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_DROP);
    ck_assert_int_eq(ev.drop, TRK_E_FIELD);
    ck_assert_int_eq(trk_cont_open(&srv.seal, cont, sizeof cont, &law, &secret), TRK_OK);
    law.flags |= TRK_LAW_STATELESS;
    ck_assert_int_eq(trk_cont_seal(&srv.seal, &law, &secret, cont), TRK_OK);
    request(&q, 1, 1);
    ck_assert_int_eq(give(&peer, NOW_US), TRK_V_REQUEST);
    ck_assert(ev.req.to.stateless && ev.req.ucont_len == sizeof bytes && ev.req.to.payload_bytes == 1200 - 76);
    ck_assert_mem_eq(ev.req.ucont, bytes, sizeof bytes);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {open_answered_equally_large_and_nothing_kept,
                                  open_refused_is_small_and_has_no_continuation,
                                  user_continuation_only_where_the_service_is_stateless,
                                  request_granted_within_the_window,
                                  request_sent_seqs_refused_and_named,
                                  request_proof_true_and_false,
                                  request_ranges_give_bounded_credit,
                                  request_refresh_rebases,
                                  request_refresh_does_not_launder_what_was_forgotten,
                                  request_undo_wants_the_hole_itself,
                                  request_hole_and_timeout_derive_and_close,
                                  request_ages,
                                  request_refusals,
                                  version_told_to_large_datagrams_only,
                                  never_answered_from_servers_or_noise,
                                  reset_both_ways,
                                  ack_without_data_fits_its_request,
                                  train_extras_ride_on_the_last_if_they_fit,
                                  uplink_unknown_told_to_bring_a_continuation};
    return unit_run("server", tests, COUNT(tests));
}
