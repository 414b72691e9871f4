/*
 * mini_world.h: a stateless service of the engine and a client that asks it, for the tests of core/mini.h. One of
 * each; what was sent is parsed into got[].
 */
#ifndef TRK_UNIT_MINI_WORLD_H
#define TRK_UNIT_MINI_WORLD_H

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

static inline void connect_it(void)
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

static inline void done(void)
{
    trk_reasm_clear(&reasm);
    ck_assert_int_eq(tm.blocks, 0);
}

/* Sends a REQUEST of 1..proof_k proved; the datagram stays until the next. */
static inline enum trk_verdict send(struct trk_request_pkt *q, uint64_t up_off, size_t up_len)
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
static inline bool ask_len(uint64_t first, unsigned n, uint64_t off, uint32_t len, uint64_t up_off, size_t up_len, uint16_t flags)
{
    struct trk_request_pkt q = {.c = {.flags = flags}, .n_asks = n > 0 ? 1 : 0};
    q.ask[0] = (struct trk_ask){.first = first, .count = (uint16_t)n, .off = off, .len = len};
    ck_assert_int_eq(send(&q, up_off, up_len), TRK_V_REQUEST);
    return trk_mini_take(&mini, now_us, &ev.req, false, &me);
}

static inline bool ask(uint64_t first, unsigned n, uint64_t off, uint64_t up_off, size_t up_len)
{
    return ask_len(first, n, off, n * (uint32_t)P, up_off, up_len, 0);
}

static inline void parse(const uint8_t *pkt, size_t len, size_t payload)
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

static inline int answer_it(const struct trk_mini_answer *a)
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

static inline void ack_it(enum trk_reason reason)
{
    n_got = 0;
    size_t len = trk_mini_ack(&mini, now_us, &me.ticket, reason, ack_buf);
    ck_assert_uint_gt(len, 0);
    ck_assert_uint_le(len, request_len);
    parse(ack_buf, len, 0);
}

static inline struct trk_mini_ucont set(uint64_t from, const char *user)
{
    return (struct trk_mini_ucont){.from = from, .user = (const uint8_t *)user, .user_len = strlen(user)};
}

/* An answer of len bytes from run 0's beginning on, to all request bytes. */
static inline struct trk_mini_answer page(uint64_t from, uint32_t len)
{
    return (struct trk_mini_answer){.have = {len},
                                    .consumed = me.in.request_len,
                                    .has_first = true,
                                    .first = set(from, "page"),
                                    .end_known = true,
                                    .end = from + len};
}

/* A connection whose first request was answered with len bytes, all of them proved. */
static inline void first_page(uint32_t len)
{
    connect_it();
    ck_assert(ask(1, 10, 0, 0, 100));
    struct trk_mini_answer a = page(0, len);
    a.have[0] = len < 10 * P ? len : 10 * P;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    proof_k = plan.piece[plan.n - 1].seq;
}

#endif
