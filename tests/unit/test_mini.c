/* A stateless service: requests become events, answers become packets, whatever a handler says. */
#include "core/mini.h"

#include "base/err.h"
#include "core/proof.h"
#include "fakeseal.h"
#include "unit.h"

#define NOW_US (UINT64_C(1800000000) * 1000000)
enum { P = 1200 - 68 - 8, PACKETS_MAX = TRK_GRANTS_MAX + 2 };

/* A packet that the server sent, parsed. */
struct got {
    bool is_data;
    size_t len; /* with the payload */
    struct trk_data_pkt data;
    struct trk_ack_pkt ack;
    bool has_ucont, has_cont;
    struct trk_ucont u;
    uint8_t user[TRK_UCONT_USER_BYTES_MAX];
    size_t user_len;
    uint8_t bytes[2048];
};

static struct fakeseal fs;
static struct testmem tm;
static struct trk_server srv;
static struct trk_replay table;
static struct trk_reasm reasm;
static struct trk_mini mini;
static _Alignas(64) uint8_t table_mem[1 << 16];
static uint64_t now_us;
static uint64_t conn;
static uint8_t cont[TRK_CONT_BYTES];
static uint8_t ucont[TRK_UCONT_BYTES_MAX];
static size_t ucont_len;
static uint64_t proof_k;
static uint32_t reqno;
static struct trk_event ev;
static struct trk_mini_event me;
static struct trk_mini_plan plan;
static struct got got[PACKETS_MAX];
static unsigned n_got;
static size_t request_len;
static uint8_t ack_buf[TRK_REPLY_BYTES_MAX];
static uint8_t stream[200000]; /* uplink */
static bool repeat_refresh;
static const struct trk_addr peer = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 4000};

static void connect_it(void)
{
    static const uint64_t seed[2] = {3, 4};
    uint8_t pkt[1200];
    struct trk_ack_pkt a;
    struct trk_open o = {.c = {.cid = 99}, .nonce = 1, .service_port = 80, .client_port = 1234, .versions = 2};
    srv = (struct trk_server){
        .instance = 5, .packet_max = 1472, .freshness_us = TRK_FRESHNESS_US, .lifetime_us = TRK_LIFETIME_US};
    fakeseal_init(&fs, 12, &srv.seal);
    testmem_init(&tm);
    ck_assert_int_eq(trk_replay_init(&table, table_mem, sizeof table_mem, TRK_FRESHNESS_US), TRK_OK);
    trk_reasm_init(&reasm, &tm.mem, seed, 16, 1 << 20);
    mini = (struct trk_mini){&srv, &table, &reasm};
    now_us = NOW_US;
    reqno = 1;
    ucont_len = 0;
    proof_k = 0;
    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = (uint8_t)(i * 7 + i / 251);
    long len = trk_wire_write_open(pkt, sizeof pkt, &o, 1200);
    ck_assert_int_eq(trk_server_read(&srv, &table, now_us, &peer, pkt, (size_t)len, &ev), TRK_V_OPEN);
    trk_server_answer_open(&srv, now_us, TRK_REASON_OK, true, &ev);
    ck_assert_int_eq(trk_wire_read_ack(ev.reply, ev.reply_len, &a), TRK_OK);
    memcpy(cont, a.cont, sizeof cont);
}

static void done(void)
{
    trk_reasm_clear(&reasm);
    ck_assert_int_eq(tm.blocks, 0);
}

/* Sends a REQUEST of 1..proof_k proved; the datagram stays until the next. */
static enum trk_verdict send(struct trk_request_pkt *q, uint64_t up_off, size_t up_len)
{
    static uint8_t *pkt;
    uint8_t buf[4096];
    struct trk_law law;
    struct trk_secret s;
    ck_assert_int_eq(trk_cont_open(&srv.seal, cont, sizeof cont, &law, &s), TRK_OK);
    conn = s.conn;
    q->c.cid = 99;
    q->reqno = reqno++;
    q->w_cl_pkts = 1000;
    q->k = proof_k;
    if (q->proof == 0)
        ck_assert_int_eq(trk_proof_span(&srv.seal, s.nonce_step, (struct trk_space){s.rho, 5}, 1, proof_k + 1,
                                        &q->proof),
                         TRK_OK);
    q->cont = cont;
    q->cont_len = sizeof cont;
    q->ucont = ucont;
    q->ucont_len = ucont_len;
    q->up_off = up_off;
    q->up = stream + up_off;
    q->up_len = up_len;
    if (repeat_refresh)
        q->c.flags |= TRK_REQ_REFRESH;
    long len = trk_wire_write_request(buf, sizeof buf, q);
    ck_assert_int_gt(len, 0);
    request_len = (size_t)len;
    free(pkt);
    pkt = malloc(request_len);
    memcpy(pkt, buf, request_len);
    enum trk_verdict v = trk_server_read(&srv, &table, now_us, &peer, pkt, request_len, &ev);
    if (v == TRK_V_REQUEST)
        trk_server_commit(&srv, &table, now_us, &ev.req);
    return v;
}

/* Asks for n seqs from first on, for off..., with uplink bytes. Is it for a handler? */
static bool ask_len(uint64_t first, unsigned n, uint64_t off, uint32_t len, uint64_t up_off, size_t up_len, uint16_t flags)
{
    struct trk_request_pkt q = {.c = {.flags = flags}, .n_asks = n > 0 ? 1 : 0};
    q.ask[0] = (struct trk_ask){.first = first, .count = (uint16_t)n, .off = off, .len = len};
    ck_assert_int_eq(send(&q, up_off, up_len), TRK_V_REQUEST);
    return trk_mini_take(&mini, now_us, &ev.req, false, &me);
}

static bool ask(uint64_t first, unsigned n, uint64_t off, uint64_t up_off, size_t up_len)
{
    return ask_len(first, n, off, n * (uint32_t)P, up_off, up_len, 0);
}

static void parse(const uint8_t *pkt, size_t len, size_t payload)
{
    ck_assert_uint_lt(n_got, PACKETS_MAX);
    struct got *g = &got[n_got++];
    struct trk_common c;
    memset(g, 0, sizeof *g);
    memcpy(g->bytes, pkt, len);
    memset(g->bytes + len, 'p', payload);
    g->len = len + payload;
    ck_assert_int_eq(trk_wire_common(pkt, len, &c), TRK_OK);
    g->is_data = c.type == TRK_TYPE_DATA;
    const uint8_t *u;
    if (g->is_data) {
        ck_assert_int_eq(trk_wire_read_data(g->bytes, g->len, &g->data), TRK_OK);
        ck_assert((g->data.c.flags & TRK_DATA_STATE) != 0 && g->data.payload_len == payload);
        ck_assert_uint_le(g->len, 1200);
        u = g->data.ucont;
        g->has_cont = g->data.cont_len != 0;
        ucont_len = g->data.ucont_len != 0 ? g->data.ucont_len : ucont_len;
    } else {
        ck_assert_int_eq(trk_wire_read_ack(g->bytes, g->len, &g->ack), TRK_OK);
        u = g->ack.ucont;
        g->has_cont = g->ack.cont_len != 0;
        ucont_len = g->ack.ucont_len != 0 ? g->ack.ucont_len : ucont_len;
    }
    g->has_ucont = u != NULL;
    if (g->has_ucont) { /* the client presents the newest */
        memcpy(ucont, u, ucont_len);
        ck_assert_int_eq(trk_ucont_open(&srv.seal, u, ucont_len, conn, 80, &g->u, g->user, &g->user_len), TRK_OK);
    }
}

static int answer_it(const struct trk_mini_answer *a)
{
    n_got = 0;
    int rc = trk_mini_plan(&mini, now_us, &me.ticket, a, &me.in, &plan);
    if (rc != TRK_OK)
        return rc;
    if (plan.before_len != 0)
        parse(plan.before, plan.before_len, 0);
    for (unsigned i = 0; i < plan.n; i++)
        parse(plan.heads + (size_t)i * TRK_HEAD_BYTES_MAX, plan.head_len[i], plan.piece[i].len);
    if (plan.after_len != 0)
        parse(plan.after, plan.after_len, 0);
    return TRK_OK;
}

static void ack_it(enum trk_reason reason)
{
    n_got = 0;
    size_t len = trk_mini_ack(&mini, now_us, &me.ticket, reason, ack_buf);
    ck_assert_uint_gt(len, 0);
    ck_assert_uint_le(len, request_len);
    parse(ack_buf, len, 0);
}

static struct trk_mini_ucont set(uint64_t from, const char *user)
{
    return (struct trk_mini_ucont){.from = from, .user = (const uint8_t *)user, .user_len = strlen(user)};
}

/* An answer of len bytes from run 0's beginning on, to all request bytes. */
static struct trk_mini_answer page(uint64_t from, uint32_t len)
{
    return (struct trk_mini_answer){.have = {len},
                                    .consumed = me.in.request_len,
                                    .has_first = true,
                                    .first = set(from, "page"),
                                    .end_known = true,
                                    .end = from + len};
}

/* A connection whose first request was answered with len bytes, all of them proved. */
static void first_page(uint32_t len)
{
    connect_it();
    ck_assert(ask(1, 10, 0, 0, 100));
    struct trk_mini_answer a = page(0, len);
    a.have[0] = len < 10 * P ? len : 10 * P;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    proof_k = plan.piece[plan.n - 1].seq;
}

START_TEST(small_answer_is_one_datagram_and_keeps_nothing)
{
    connect_it();
    ck_assert(ask(1, 10, 0, 0, 100));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.request_len == 100 && !me.in.request_end && !me.in.held);
    ck_assert_mem_eq(me.in.request, stream, 100);
    ck_assert(me.in.user_len == 0 && me.ticket.n_runs == 1 && me.ticket.run[0].count == 10);
    struct trk_mini_answer a = page(0, 1024);
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && got[0].has_ucont && !got[0].has_cont);
    ck_assert(got[0].data.seq == 1 && got[0].data.train_end == 1 && got[0].data.off == 0);
    ck_assert(got[0].data.payload_len == 1024 && got[0].data.up.ack == 100 && got[0].data.limit == 10);
    ck_assert(got[0].data.up.credit_bytes == 65536 && got[0].data.state == got[0].u.state && got[0].u.state != 0);
    ck_assert(got[0].u.up == 100 && got[0].u.from == 0 && got[0].u.end == 1024 && got[0].u.after == 0);
    ck_assert(got[0].u.flags == TRK_UCONT_END && got[0].user_len == 4);
    ck_assert_mem_eq(got[0].user, "page", 4);
    ck_assert(plan.src[0].run == 0 && plan.src[0].at == 0);
    ck_assert_uint_eq(tm.calls, 0); /* no memory */
    ck_assert(me.ticket.answered && me.ticket.ucont.state == got[0].u.state && me.ticket.to.high_sent == 1);
    done();
}
END_TEST

/* The bound of what rides: P less 2 + 86 + 8 + 4 of the continuation, then less 168 more. */
START_TEST(what_does_not_fit_beside_a_small_answer)
{
    const uint32_t room = P - 2 - TRK_UCONT_OVERHEAD_BYTES - 4;
    for (int fresh_cont = 0; fresh_cont < 2; fresh_cont++)
        for (int over = 0; over < 2; over++) {
            connect_it();
            repeat_refresh = fresh_cont;
            ck_assert(ask(1, 10, 0, 0, 100));
            repeat_refresh = false;
            struct trk_mini_answer a = page(0, room - (fresh_cont ? 2 + TRK_CONT_BYTES : 0) + (unsigned)over);
            ck_assert_int_eq(answer_it(&a), TRK_OK);
            ck_assert_uint_eq(n_got, over ? 2 : 1);
            if (!over)
                ck_assert(got[0].is_data && got[0].has_ucont && got[0].has_cont == (fresh_cont != 0) && got[0].len == 1200);
            else if (fresh_cont) /* the user continuation fits: the transport continuation follows */
                ck_assert(got[0].is_data && got[0].has_ucont && !got[1].is_data && got[1].has_cont && !got[1].has_ucont);
            else /* and never comes after its bytes */
                ck_assert(!got[0].is_data && got[0].has_ucont && got[1].is_data && !got[1].has_ucont);
            done();
        }
}
END_TEST

START_TEST(long_answer_has_its_continuation_ahead)
{
    connect_it();
    repeat_refresh = true;
    ck_assert(ask(1, 10, 0, 0, 100));
    repeat_refresh = false;
    struct trk_mini_answer a = page(0, 3 * P);
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4); /* the last packet is full: the transport continuation is ahead as well */
    ck_assert(!got[0].is_data && got[0].has_ucont && got[0].has_cont && got[0].ack.reason == TRK_REASON_OK);
    ck_assert(got[0].ack.train_end == 3 && got[0].ack.up.ack == 100 && got[0].ack.avail == 3 * P);
    for (unsigned i = 1; i <= 3; i++)
        ck_assert(got[i].is_data && got[i].data.seq == i && got[i].data.off == (i - 1) * P && got[i].len == 1200 &&
                  got[i].data.state == got[0].u.state && got[i].data.train_end == 3);
    ck_assert(plan.src[2].at == 2 * P);
    done();
    connect_it(); /* with a checkpoint, which rides on the last packet with the transport continuation */
    repeat_refresh = true;
    ck_assert(ask(1, 10, 0, 0, 100));
    repeat_refresh = false;
    a = page(0, 2 * P + 500);
    a.has_last = true;
    a.last = set(2 * P + 500, "further");
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4);
    ck_assert(!got[0].is_data && got[0].has_ucont && !got[0].has_cont && got[0].u.end == UINT64_MAX);
    ck_assert(got[3].has_ucont && got[3].has_cont && got[3].u.state == got[0].u.state);
    ck_assert(got[3].u.from == 2 * P + 500 && got[3].u.after == got[3].u.state && got[3].u.up == 100);
    ck_assert_mem_eq(got[3].user, "further", 7);
    done();
    connect_it(); /* no room for the checkpoint: behind */
    ck_assert(ask(1, 10, 0, 0, 100));
    a = page(0, 2 * P);
    a.has_last = true;
    a.last = set(2 * P, "further");
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4);
    ck_assert(got[0].has_ucont && !got[2].has_ucont && !got[3].is_data && got[3].has_ucont);
    done();
}
END_TEST

START_TEST(next_request_begins_a_state_where_the_last_one_ends)
{
    first_page(1024);
    const uint64_t old = me.ticket.ucont.state;
    /* The client has all but the last 24 bytes, and asks for them with its next request. */
    ck_assert(ask_len(2, 5, 1000, 5 * P, 100, 50, 0));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.request_len == 50 && me.ticket.n_runs == 2);
    ck_assert_mem_eq(me.in.request, stream + 100, 50);
    ck_assert_mem_eq(me.in.user, "page", 4);
    ck_assert(me.ticket.run[0].len == 24 && me.ticket.run[1].off == 1024 && me.ticket.run[1].count == 4);
    struct trk_mini_answer a = page(1024, 2000);
    a.have[0] = 24;
    a.have[1] = 2000;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4);
    ck_assert(got[0].has_ucont && got[0].u.from == 1024 && got[0].u.up == 150 && got[0].u.after == old);
    ck_assert(got[1].data.state == old && got[1].data.seq == 2 && got[1].data.off == 1000);
    ck_assert(got[2].data.state == got[0].u.state && got[2].data.seq == 3 && got[2].data.off == 1024);
    ck_assert(got[3].data.seq == 4 && got[3].data.payload_len == 2000 - P && got[0].u.state != old);
    ck_assert(plan.src[1].run == 1 && plan.src[2].run == 1 && plan.src[2].at == P);
    ck_assert_uint_eq(tm.calls, 0);
    done();
}
END_TEST

START_TEST(more_of_a_state_goes_on_in_it)
{
    first_page(30000);
    const uint64_t state = me.ticket.ucont.state;
    ck_assert(ask(11, 10, 10 * P, 100, 0));
    ck_assert(me.kind == TRK_MINI_MORE && me.in.request_len == 0 && me.ticket.ucont.state == state);
    struct trk_mini_answer a = {.have = {10 * P}};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 10 && got[0].data.state == state && got[0].data.off == 10 * P);
    for (unsigned i = 0; i < n_got; i++)
        ck_assert(!got[i].has_ucont && got[i].data.state == state);
    /* Beyond the end there is nothing to ask a handler for. */
    ck_assert(!ask(21, 2, 30000, 100, 0));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_NO_DATA && got[0].ack.up.ack == 100);
    done();
}
END_TEST

START_TEST(end_that_becomes_known_is_told_once)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, 2 * P);
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.flags == 0);
    const uint64_t state = got[0].u.state;
    proof_k = 2;
    ck_assert(ask(3, 4, 2 * P, 100, 0));
    a = (struct trk_mini_answer){.have = {P + 10}, .end_known = true, .end = 3 * P + 10, .fin = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 2);
    ck_assert(got[1].has_ucont && got[1].u.state == state && got[1].u.from == 0 && got[1].u.end == 3 * P + 10);
    ck_assert(got[1].u.flags == (TRK_UCONT_END | TRK_UCONT_FIN) && (got[1].data.c.flags & TRK_DATA_FIN) != 0);
    ck_assert((got[0].data.c.flags & TRK_DATA_FIN) == 0);
    ck_assert_mem_eq(got[1].user, "page", 4);
    ck_assert(ask(5, 4, 2 * P, 100, 0)); /* again: the client knows */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 2 && !got[1].has_ucont && (got[1].data.c.flags & TRK_DATA_FIN) != 0);
    done();
}
END_TEST

START_TEST(downlink_that_ends_where_no_byte_carries_it)
{
    first_page(1024);
    ck_assert(ask(2, 3, 1024, 100, 50));
    struct trk_mini_answer a = page(1024, 0);
    a.fin = true;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && got[0].data.payload_len == 0 && got[0].data.off == 1024);
    ck_assert((got[0].data.c.flags & TRK_DATA_FIN) != 0 && got[0].u.flags == 3 && got[0].u.end == 1024);
    /* For good: a handler that consumes after it gives nothing, and the FIN stays. */
    proof_k = 2;
    ck_assert(ask(3, 3, 1024, 150, 10));
    a = page(1024, 5);
    ck_assert_int_eq(answer_it(&a), TRK_E_INVAL);
    a = (struct trk_mini_answer){.consumed = 10};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[n_got - 1].u.flags == 3 && got[n_got - 1].u.up == 160);
    done();
}
END_TEST

START_TEST(copies_run_no_handler)
{
    struct trk_request_pkt q = {.n_asks = 1};
    first_page(1024);
    q.ask[0] = (struct trk_ask){.first = 1, .count = 1, .off = 0, .len = P};
    uint64_t k = proof_k;
    proof_k = 0;
    ucont_len = 0;
    ck_assert_int_eq(send(&q, 0, 100), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, false, &me));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_SENT && got[0].ack.train_end == 1 && got[0].ack.up.ack == 0);
    ck_assert(got[0].ack.up.n_sacks == 1 && got[0].ack.up.sack[0].end == 100); /* no handler: so they are held */
    proof_k = k;
    /* Without asks it may run: an upload. */
    ck_assert(ask(0, 0, 0, 0, 100));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.held);
    done();
}
END_TEST

START_TEST(stale_and_false_claims_run_no_handler_and_keep_no_bytes)
{
    struct trk_request_pkt q = {.n_asks = 1, .proof = 5};
    connect_it();
    q.ask[0] = (struct trk_ask){.first = 1, .count = 1, .off = 0, .len = P};
    ck_assert_int_eq(send(&q, 0, 100), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, true, &me));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_PROOF_BAD && !trk_reasm_holds(&reasm, conn));
    now_us += TRK_FRESHNESS_US + 1;
    ck_assert(!ask(1, 1, 0, 0, 100));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_STALE && got[0].has_cont && !trk_reasm_holds(&reasm, conn));
    struct trk_law law;
    ck_assert_int_eq(trk_cont_read_law(got[0].ack.cont, got[0].ack.cont_len, &law), TRK_OK);
    ck_assert((law.flags & TRK_LAW_STATELESS) != 0);
    done();
}
END_TEST

START_TEST(continuation_that_does_not_open_is_told)
{
    first_page(1024);
    ucont[ucont_len - 1] ^= 1;
    ck_assert(!ask(2, 1, 1024, 100, 50));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_CANNOT_OPEN && !trk_reasm_holds(&reasm, conn));
    memset(ucont, 0, sizeof ucont);
    ck_assert(!ask(2, 1, 1024, 100, 50));
    ucont_len = 5;
    ck_assert(!ask(2, 1, 1024, 100, 50));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_CANNOT_OPEN);
    ack_it(TRK_REASON_AWAY);
    ck_assert(got[0].ack.reason == TRK_REASON_AWAY);
    done();
}
END_TEST

/* Three packets of one request in any order, the reassembly dropped before any of them: shown whole in the end, and
 * never anything else. */
START_TEST(request_of_three_packets_in_any_order_and_with_any_loss)
{
    static const unsigned order[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned o = 0; o < COUNT(order); o++)
        for (unsigned drop_at = 0; drop_at < 4; drop_at++) {
            bool whole = false;
            connect_it();
            unsigned rounds = 0;
            for (unsigned i = 0; !whole && i < 6; i++, rounds++) {
                unsigned part = order[o][i % 3];
                if (i == drop_at)
                    trk_reasm_clear(&reasm);
                bool shows = ask(1 + i, 1, 0, 1000 * part, 1000);
                if (!shows) {
                    ack_it(TRK_REASON_OK);
                    continue;
                }
                ck_assert_mem_eq(me.in.request, stream, me.in.request_len);
                struct trk_mini_answer a = {.consumed = 0};
                whole = me.in.request_len == 3000;
                if (whole)
                    a = page(0, 10);
                ck_assert_int_eq(answer_it(&a), TRK_OK);
                if (!whole) /* left: kept, and named */
                    ck_assert(!got[0].is_data && got[0].ack.up.n_sacks >= 1 && got[0].ack.up.sack[0].start == 0 &&
                              got[0].ack.reason == TRK_REASON_NO_DATA);
            }
            ck_assert_msg(whole && rounds <= 3 + 3, "order %u drop %u", o, drop_at);
            ck_assert(!trk_reasm_holds(&reasm, conn)); /* all consumed */
            done();
        }
}
END_TEST

START_TEST(handlers_that_need_more_are_left_alone)
{
    connect_it();
    ck_assert(ask(1, 1, 0, 0, 1000));
    struct trk_mini_answer a = {.need = 2500};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(!ask(2, 1, 0, 1000, 1499));
    ck_assert(ask(3, 1, 0, 2499, 1));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.request_len == 2500 && me.in.held);
    a.need = 2501;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(!ask(4, 1, 0, 0, 10));
    ck_assert(ask_len(5, 1, 0, P, 2500, 0, TRK_REQ_FIN)); /* an end is always shown */
    ck_assert(me.kind == TRK_MINI_CLOSED && me.in.request_len == 2500 && me.in.request_end);
    a = (struct trk_mini_answer){.consumed = 2000, .need = 1000}; /* of what is left */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(trk_reasm_needed(&reasm, conn), 1000);
    done();
}
END_TEST

/* Several events are out at a time: what came between is shown, with nothing from the client. */
START_TEST(bytes_that_came_while_the_handler_ran)
{
    connect_it();
    ck_assert(ask(1, 1, 0, 0, 1000));
    struct trk_mini_event first = me;
    uint8_t bytes[1000];
    memcpy(bytes, me.in.request, 1000);
    first.in.request = bytes;
    ck_assert(!ask(2, 1, 0, 1000, 500)); /* does not follow what is known: held */
    me = first;
    struct trk_mini_answer a = {.consumed = 0};
    ck_assert_int_eq(answer_it(&a), TRK_E_AGAIN);
    ck_assert(!me.ticket.answered && plan.n == 0 && plan.before_len == 0 && plan.after_len == 0);
    ck_assert_int_eq(trk_mini_again(&mini, &me.ticket, &me.in), TRK_MINI_REQUEST);
    ck_assert(me.in.request_len == 1500 && me.in.held && me.ticket.up_end == 1500);
    ck_assert_mem_eq(me.in.request, stream, 1500);
    ck_assert_int_eq(answer_it(&a), TRK_OK); /* nothing new: told to the client */
    ck_assert(!got[0].is_data && got[0].ack.reason == TRK_REASON_NO_DATA && got[0].ack.up.sack[0].end == 1500);
    done();
    connect_it(); /* less than it needs is not shown again; pending is answered */
    for (int pending = 0; pending < 2; pending++) {
        ck_assert(ask(1, 1, 0, 0, 1000) || pending);
        me.in.held = false;
        first = me;
        first.in.request = bytes;
        (void)ask(2, 1, 0, 1000, 500);
        me = first;
        a = (struct trk_mini_answer){.need = pending ? 0 : 1501, .pending = pending};
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert(n_got == 1 && !got[0].is_data);
        trk_reasm_clear(&reasm);
    }
    done();
}
END_TEST

START_TEST(end_of_uplink_is_one_more)
{
    first_page(1024);
    ck_assert(ask_len(2, 1, 1024, P, 100, 0, TRK_REQ_FIN));
    ck_assert(me.kind == TRK_MINI_CLOSED && me.in.request_len == 0 && me.in.request_end && me.ticket.up_fin);
    struct trk_mini_answer a = {.consumed_end = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && !got[0].is_data && got[0].u.up == 101 && got[0].ack.up.ack == 101);
    ck_assert(got[0].u.from == 1024 && got[0].u.end == 1024 && got[0].u.flags == TRK_UCONT_END);
    ck_assert_mem_eq(got[0].user, "page", 4); /* nothing was set: as it was */
    ck_assert(!ask_len(3, 1, 1024, P, 100, 0, TRK_REQ_FIN)); /* consumed */
    ck_assert(!trk_reasm_holds(&reasm, conn));
    done();
    connect_it(); /* left to be consumed later */
    ck_assert(ask_len(1, 1, 0, P, 0, 10, TRK_REQ_FIN));
    a = (struct trk_mini_answer){.consumed = 10};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.up == 10 && trk_reasm_holds(&reasm, conn));
    ck_assert(ask(2, 1, 0, 10, 0));
    ck_assert(me.kind == TRK_MINI_CLOSED && me.in.request_len == 0 && me.in.held);
    a = (struct trk_mini_answer){.consumed_end = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.up == 11 && !trk_reasm_holds(&reasm, conn));
    done();
}
END_TEST

START_TEST(consumed_without_a_continuation_keeps_the_former)
{
    first_page(1024);
    ck_assert(ask(2, 2, 1024, 100, 50));
    struct trk_mini_answer a = {.consumed = 20}; /* nothing given: nothing to come until the next request */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(!got[0].is_data && got[0].u.up == 120 && got[0].u.from == 1024 && got[0].u.end == 1024);
    ck_assert(got[0].ack.up.ack == 120 && got[0].ack.up.n_sacks == 1 && got[0].ack.up.sack[0].end == 150);
    ck_assert(ask(4, 2, 1024, 150, 0)); /* the rest is shown with the new continuation */
    ck_assert(me.in.request_len == 30 && me.in.held);
    a = (struct trk_mini_answer){.consumed = 30, .have = {100}};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].is_data && got[0].u.up == 150 && got[0].u.end == UINT64_MAX && got[0].data.payload_len == 100);
    ck_assert(!trk_reasm_holds(&reasm, conn));
    done();
}
END_TEST

START_TEST(consumed_in_an_open_end_leaves_the_state_as_it_is)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, 2 * P);
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    const uint64_t state = got[0].u.state;
    proof_k = 2;
    ck_assert(ask_len(3, 2, 2 * P, 2 * P, 100, 30, TRK_REQ_FIN));
    a = (struct trk_mini_answer){.have = {50}, .consumed = 30, .consumed_end = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && got[0].data.state == state && got[0].u.state == state);
    ck_assert(got[0].u.up == 131 && got[0].u.from == 0 && got[0].u.end == UINT64_MAX && got[0].u.after == 0);
    ck_assert(got[0].data.up.ack == 131 && me.ticket.ucont.up == 131 && !me.ticket.up_fin);
    /* With a checkpoint that tells it. */
    proof_k = 3;
    ck_assert(ask(4, 2, 2 * P + 50, 131, 0));
    me.ticket.up_end = 141; /* as if ten more had come */
    me.in = (struct trk_mini_input){.request = stream, .request_len = 10, .user = me.user};
    a = (struct trk_mini_answer){.have = {60}, .consumed = 10, .has_last = true, .last = set(2 * P + 110, "on")};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].u.state == state && got[0].u.up == 141 && got[0].u.from == 2 * P + 110);
    /* Where one is set, that begins a state. */
    ck_assert(ask(6, 2, 2 * P + 110, 141, 10));
    a = (struct trk_mini_answer){.consumed = 10, .has_first = true, .first = set(2 * P + 110, "new")};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.state != state && got[0].u.after == state && got[0].u.up == 151);
    done();
}
END_TEST

START_TEST(detached_is_told_at_once_and_answered_late)
{
    connect_it();
    ck_assert(ask(1, 10, 0, 0, 100));
    struct trk_mini_answer a = {
        .consumed = 100, .has_first = true, .first = set(0, "tail"), .pending = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && !got[0].is_data && got[0].ack.reason == TRK_REASON_NO_DATA && got[0].has_ucont);
    ck_assert(got[0].u.end == UINT64_MAX && got[0].u.up == 100 && (got[0].ack.c.flags & TRK_ACK_LATE) == 0);
    const uint64_t state = got[0].u.state;
    me.in = (struct trk_mini_input){.user = (const uint8_t *)"tail", .user_len = 4};
    now_us += 3000000;
    a = (struct trk_mini_answer){.have = {50}, .pending = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && (got[0].data.c.flags & TRK_DATA_LATE) != 0 && !got[0].has_ucont);
    ck_assert(got[0].data.seq == 1 && got[0].data.off == 0 && got[0].data.state == state);
    a = (struct trk_mini_answer){.pending = true}; /* no news, no packet */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 0);
    a = (struct trk_mini_answer){.have = {P + 7}};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 2 && got[0].data.seq == 2 && got[0].data.off == 50 && got[1].data.seq == 3);
    ck_assert(got[1].data.off == 50 + P && got[1].data.payload_len == 7 && got[1].data.train_end == 3);
    ck_assert(me.ticket.n_runs == 1 && me.ticket.run[0].first == 4 && me.ticket.run[0].off == 57 + P);
    done();
}
END_TEST

START_TEST(old_tickets_are_worth_ten_packets_and_no_unchecked_continuation)
{
    for (int old = 0; old < 2; old++) {
        first_page(10 * P);
        repeat_refresh = true;
        ck_assert(ask(11, 20, 10 * P, 100, 50));
        repeat_refresh = false;
        struct trk_mini_answer a = {.pending = true};
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert(got[0].has_cont && !me.ticket.give_cont);
        a = page(10 * P, 20 * P);
        a.consumed = 50;
        now_us += 1000000 + (uint64_t)old;
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert_uint_eq(plan.n, old ? 10 : 20);
        done();
    }
    /* An answer later than the table was promised asks the table again. */
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        connect_it();
        repeat_refresh = true;
        ck_assert(ask(1, 2, 0, 0, 100));
        repeat_refresh = false;
        now_us += TRK_HELD_US + 1;
        if (forgotten)
            for (uint64_t i = 0; i < 100000; i++)
                trk_replay_mark(&table, (struct trk_space){i, 5}, 1, 1, 1, now_us);
        struct trk_mini_answer a = page(0, 100);
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert_int_eq(got[n_got - 1].has_cont, !forgotten);
        ck_assert_int_eq(got[0].is_data, !forgotten); /* nor is it known which seqs were sent */
        done();
    }
}
END_TEST

START_TEST(seqs_sent_on_another_ticket_are_left_out)
{
    first_page(30000);
    ck_assert(ask(11, 4, 10 * P, 100, 0));
    struct trk_mini_event one = me;
    ck_assert(ask(11, 6, 10 * P, 100, 0)); /* overlaps: nothing is sent yet */
    struct trk_mini_event two = me;
    struct trk_mini_answer a = {.have = {6 * P}};
    me = one;
    a.have[0] = 4 * P;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(plan.n, 4);
    me = two;
    a.have[0] = 6 * P;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(plan.n == 2 && got[0].data.seq == 15 && got[0].data.off == 14 * P && plan.src[0].at == 4 * P);
    me = two; /* all were sent */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(plan.n == 0 && n_got == 1 && got[0].ack.reason == TRK_REASON_SENT);
    done();
}
END_TEST

START_TEST(new_connections_where_they_are_wanted)
{
    struct trk_request_pkt q = {.n_asks = 1};
    connect_it();
    q.ask[0] = (struct trk_ask){.first = 1, .count = 10, .off = 0, .len = 10 * P};
    for (int want = 0; want < 2; want++) {
        q.proof = 0;
        ck_assert_int_eq(send(&q, 0, 0), TRK_V_REQUEST);
        ck_assert_int_eq(trk_mini_take(&mini, now_us, &ev.req, want, &me), want);
    }
    ck_assert(me.kind == TRK_MINI_NEW && me.ticket.n_runs == 1);
    struct trk_mini_answer a = {.have = {20}}; /* speaks first, sets nothing */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].u.up == 0 && got[0].u.from == 0 && got[0].user_len == 0);
    done();
    connect_it(); /* not if something was said */
    ck_assert_int_eq(send(&q, 100, 5), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, true, &me));
    q.proof = 0;
    q.ask[0].first = 2;
    ck_assert_int_eq(send(&q, 0, 0), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, true, &me));
    done();
}
END_TEST

START_TEST(fresh_state_in_the_middle_cuts_pieces)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, P);
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    const uint64_t old = got[0].u.state;
    proof_k = 1;
    ck_assert(ask(3, 4, P, 100, 0));
    a = (struct trk_mini_answer){.have = {3 * P}, .fresh = true, .has_first = true, .first = set(P + 100, "live")};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 5 && got[0].u.after == old && got[0].u.up == 100);
    ck_assert(got[1].data.state == old && got[1].data.payload_len == 100);
    ck_assert(got[2].data.state == got[0].u.state && got[2].data.off == P + 100 && got[2].data.payload_len == P);
    ck_assert(got[4].data.payload_len == P - 100 && plan.src[3].at == 2 * P + 100);
    ck_assert_uint_eq(me.ticket.n_runs, 0);
    done();
}
END_TEST

/* One answer wrong in one way. */
START_TEST(hostile_answers_are_refused)
{
    for (unsigned i = 0;; i++) {
        first_page(1024);
        ck_assert(ask_len(2, 4, 1000, 4 * P, 100, 50, 0)); /* runs: 24 bytes, then three packets */
        uint8_t big[TRK_UCONT_USER_BYTES_MAX + 1] = {0};
        struct trk_mini_answer a = page(1024, 2000);
        a.have[0] = 24;
        a.have[1] = 2000;
        struct trk_mini_input in = me.in;
        bool fine = false;
        switch (i) {
        case 0:
            fine = true;
            break;
        case 1:
            a.have[0]++;
            break;
        case 2:
            a.have[1] = 3 * P + 1;
            break;
        case 3:
            a.have[1] = UINT32_MAX;
            break;
        case 4:
            a.consumed++;
            break;
        case 5:
            a.consumed = SIZE_MAX;
            break;
        case 6:
            a.consumed_end = true;
            break;
        case 7:
            a.end = 1024 + 1999;
            break;
        case 8:
            a.end = 1023;
            break;
        case 9:
            a.end = UINT64_MAX;
            break;
        case 10:
            a.end_known = false;
            a.fin = true;
            break;
        case 11:
            a.first.from = 1023;
            break;
        case 12:
            a.first.from = 1025;
            break;
        case 13:
            a.first.user = big;
            a.first.user_len = sizeof big;
            break;
        case 14:
            a.first.user = big;
            a.first.user_len = sizeof big - 1;
            fine = true;
            break;
        case 15:
            a.has_last = true;
            a.last = set(1023, "");
            break;
        case 16:
            a.has_last = true;
            a.last = set(a.end + 1, "");
            break;
        case 17:
            a.has_last = true;
            a.last = set(a.end, "");
            fine = true;
            break;
        case 18:
            a.has_last = true;
            a.last = (struct trk_mini_ucont){.from = 1024, .user = big, .user_len = sizeof big};
            break;
        case 19:
            in.user_len = TRK_UCONT_USER_BYTES_MAX + 1;
            break;
        case 20: /* not consumed: what lies beyond the end cannot be given */
            a = (struct trk_mini_answer){.have = {24, 1}};
            break;
        case 21:
            a = (struct trk_mini_answer){.have = {24}, .end_known = true, .end = 1025};
            break;
        case 22:
            a = (struct trk_mini_answer){.have = {24}, .end_known = true, .end = 1023};
            break;
        case 23:
            a = (struct trk_mini_answer){.have = {24}, .end_known = true, .end = 1024};
            fine = true;
            break;
        case 24:
            in.request_len++;
            break;
        case 25:
            in.request = NULL; /* not at hand any more */
            a.consumed = 10;
            fine = true;
            break;
        case 26:
            me.ticket.ucont.from = 1001; /* moved on meanwhile: the first run lies below */
            break;
        default:
            done();
            return;
        }
        me.in = in;
        struct trk_ticket before = me.ticket;
        int rc = answer_it(&a);
        ck_assert_msg(rc == (fine ? TRK_OK : TRK_E_INVAL), "%u: %d", i, rc);
        if (!fine)
            ck_assert(memcmp(&before, &me.ticket, sizeof before) == 0 && plan.n == 0 && plan.before_len == 0);
        done();
    }
}
END_TEST

START_TEST(without_keys_nothing_is_sent)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, 100);
    fs.oldest = 9;
    ck_assert_int_eq(answer_it(&a), TRK_E_KEY);
    ck_assert(!me.ticket.answered);
    done();
}
END_TEST

START_TEST(without_memory_left_bytes_are_not_acknowledged)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = {.consumed = 0};
    tm.fail_at = 1;
    tm.fail_rest = 1;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].ack.up.n_sacks == 0 && got[0].ack.up.ack == 0);
    ck_assert(!ask(3, 2, 0, 1000, 100));
    ck_assert(ask(3, 2, 0, 0, 100)); /* what one packet brings is shown all the same */
    done();
}
END_TEST

/* What must hold for any requests and answers: seqs once, states known before their bytes, nothing beyond an end. */
static uint64_t known_state[512], known_end[512];
static unsigned n_known;

static void learn(const struct got *g)
{
    if (!g->has_ucont)
        return;
    for (unsigned i = 0; i < n_known; i++)
        if (known_state[i] == g->u.state) {
            ck_assert(known_end[i] == UINT64_MAX || known_end[i] == g->u.end);
            known_end[i] = g->u.end;
            return;
        }
    known_state[n_known % 512] = g->u.state;
    known_end[n_known++ % 512] = g->u.end;
}

static void judge(uint8_t seen[4096])
{
    for (unsigned i = 0; i < n_got; i++) {
        const struct got *g = &got[i];
        learn(g);
        if (!g->is_data)
            continue;
        ck_assert(g->data.seq < 4096 && !seen[g->data.seq]);
        seen[g->data.seq] = 1;
        bool found = false;
        for (unsigned j = 0; j < n_known && j < 512; j++)
            if (known_state[j] == g->data.state) {
                found = true;
                ck_assert(known_end[j] == UINT64_MAX || g->data.off + g->data.payload_len <= known_end[j]);
            }
        ck_assert(found);
    }
}

START_TEST(random_answers_keep_the_rules)
{
    struct rng g = {unit_seed("mini", 11)};
    unsigned sent = 0, refused = 0, again = 0;
    for (uint64_t round = 0; round < unit_rounds(400); round++) {
        static uint8_t seen[4096];
        uint64_t next = 1;
        memset(seen, 0, sizeof seen);
        n_known = 0;
        connect_it();
        for (unsigned step = 0; step < 60 && next < 4000; step++) {
            now_us += rng_below(&g, 1000);
            uint64_t limit = proof_k + 10 + proof_k / 2;
            unsigned n = (unsigned)rng_below(&g, 6);
            uint64_t first = next > 3 ? next - rng_below(&g, 3) : next;
            if (first + n > limit)
                n = first < limit ? (unsigned)(limit - first) : 0;
            uint64_t up = me.ticket.up_end < 100000 && step > 0 ? me.ticket.ucont.up : 0;
            uint64_t off = me.ticket.ucont.from + rng_below(&g, 2000);
            bool run = ask_len(first, n, off, n * (uint32_t)P, up + rng_below(&g, 2) * 300, (size_t)rng_below(&g, 900),
                               rng_below(&g, 20) == 0 ? TRK_REQ_FIN : 0);
            next = first + n > next ? first + n : next;
            if (!run) {
                n_got = 0;
                size_t len = trk_mini_ack(&mini, now_us, &me.ticket, TRK_REASON_OK, ack_buf);
                ck_assert(len > 0 && len <= request_len);
                continue;
            }
            for (unsigned late = 0; late < 3; late++) {
                struct trk_mini_answer a = {.pending = late < 2 && rng_below(&g, 3) == 0};
                const struct trk_ticket *t = &me.ticket;
                uint64_t at = t->ucont.end != UINT64_MAX ? t->ucont.end : t->ucont.from + rng_below(&g, 500);
                for (unsigned i = 0; i < t->n_runs; i++)
                    a.have[i] = (uint32_t)rng_below(&g, t->run[i].len + (rng_below(&g, 30) == 0 ? 5 : 1));
                a.consumed = rng_below(&g, 3) == 0 ? me.in.request_len : (size_t)rng_below(&g, me.in.request_len + 1);
                a.consumed_end = rng_below(&g, 4) == 0 && me.in.request_end && a.consumed == me.in.request_len;
                a.fresh = rng_below(&g, 8) == 0;
                a.has_first = rng_below(&g, 2) == 0;
                a.first = set(at, "user");
                a.has_last = rng_below(&g, 3) == 0;
                a.last = set(at + rng_below(&g, 3000), "last");
                a.end_known = rng_below(&g, 3) == 0;
                a.end = at + rng_below(&g, 6000);
                a.fin = a.end_known && rng_below(&g, 10) == 0;
                int rc = answer_it(&a);
                refused += rc == TRK_E_INVAL;
                again += rc == TRK_E_AGAIN;
                ck_assert(rc == TRK_OK || rc == TRK_E_INVAL || rc == TRK_E_AGAIN);
                if (rc == TRK_OK) {
                    judge(seen);
                    sent += plan.n;
                    if (!a.pending)
                        break;
                    me.in.request = a.consumed > 0 ? me.in.request + a.consumed : me.in.request;
                    me.in.request_len -= a.consumed;
                    me.in.request_end &= !a.consumed_end;
                    me.in.held = true;
                }
            }
            if (rng_below(&g, 10) == 0)
                trk_reasm_clear(&reasm);
        }
        done();
    }
    ck_assert(sent > 1000 && refused > 1000 && again == 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {small_answer_is_one_datagram_and_keeps_nothing,
                            what_does_not_fit_beside_a_small_answer,
                            long_answer_has_its_continuation_ahead,
                            next_request_begins_a_state_where_the_last_one_ends,
                            more_of_a_state_goes_on_in_it,
                            end_that_becomes_known_is_told_once,
                            downlink_that_ends_where_no_byte_carries_it,
                            copies_run_no_handler,
                            stale_and_false_claims_run_no_handler_and_keep_no_bytes,
                            continuation_that_does_not_open_is_told,
                            request_of_three_packets_in_any_order_and_with_any_loss,
                            handlers_that_need_more_are_left_alone,
                            bytes_that_came_while_the_handler_ran,
                            end_of_uplink_is_one_more,
                            consumed_without_a_continuation_keeps_the_former,
                            consumed_in_an_open_end_leaves_the_state_as_it_is,
                            detached_is_told_at_once_and_answered_late,
                            old_tickets_are_worth_ten_packets_and_no_unchecked_continuation,
                            seqs_sent_on_another_ticket_are_left_out,
                            new_connections_where_they_are_wanted,
                            fresh_state_in_the_middle_cuts_pieces,
                            hostile_answers_are_refused,
                            without_keys_nothing_is_sent,
                            without_memory_left_bytes_are_not_acknowledged,
                            random_answers_keep_the_rules};
    return unit_run("mini", tests, COUNT(tests));
}
