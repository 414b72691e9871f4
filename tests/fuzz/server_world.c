#include <config.h>

#include "server_world.h"

#include "core/proof.h"

#include "clear_seal.h"
#include "fuzz.h"

static _Alignas(64) uint8_t table[WORLD_REPLAY_BYTES];

static void *resize(void *ctx, void *p, size_t size)
{
    struct world *w = ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    if (w->memory_left == 0)
        return NULL;
    if (w->memory_left > 0)
        w->memory_left--;
    return realloc(p, size);
}

void world_init(struct world *w, world_out_fn *out, void *arg)
{
    memset(w, 0, sizeof *w);
    w->srv = (struct trk_server){.seal = clear_seal_ops(&w->counter),
                                 .instance = WORLD_INSTANCE,
                                 .packet_max = TRK_PACKET_V4_BYTES,
                                 .freshness_us = TRK_FRESHNESS_US,
                                 .lifetime_us = TRK_LIFETIME_US};
    FUZZ_CHECK(trk_replay_init(&w->replay, table, sizeof table, TRK_FRESHNESS_US) == TRK_OK);
    w->now_us = w->began_us = UINT64_C(1700000000000000);
    w->mem = (struct trk_mem){.resize = resize, .ctx = w};
    w->memory_left = -1;
    w->out = out;
    w->arg = arg;
}

void world_free(struct world *w)
{
    w->memory_left = -1;
    for (unsigned i = 0; i < WORLD_SOFTS; i++)
        if (w->conns[i].used)
            trk_soft_free(&w->conns[i].soft, &w->mem);
}

/* ---- what leaves ---- */

/*
 * A seq is sent once in its space. The table is exact while it evicts nothing fresh; a forged
 * continuation can be issued later than the lines that it needs, so only worlds younger than the
 * freshness are judged.
 */
static void check_sent_once(struct world *w, uint64_t rho, uint64_t seq)
{
    if (w->replay.evictions != 0 || w->now_us - w->began_us >= TRK_FRESHNESS_US)
        return;
    for (unsigned i = 0; i < w->n_sent; i++)
        FUZZ_CHECK(w->sent[i].rho != rho || w->sent[i].seq != seq);
    if (w->n_sent < WORLD_SENT_MAX) {
        w->sent[w->n_sent].rho = rho;
        w->sent[w->n_sent++].seq = seq;
    }
}

/* Whatever leaves decodes, as a server's packet. */
static void leave(struct world *w, const uint8_t *p, size_t len)
{
    struct trk_common c;
    struct trk_data_pkt d;
    struct trk_ack_pkt a;
    struct trk_reset_pkt x;
    FUZZ_CHECK(len <= TRK_PACKET_MAX_BYTES);
    FUZZ_CHECK(trk_wire_common(p, len, &c) == TRK_OK && c.from_server);
    FUZZ_CHECK(c.type == TRK_TYPE_VERSION ||
               (c.type == TRK_TYPE_DATA && trk_wire_read_data(p, len, &d) == TRK_OK) ||
               (c.type == TRK_TYPE_ACK && trk_wire_read_ack(p, len, &a) == TRK_OK) ||
               (c.type == TRK_TYPE_RESET && trk_wire_read_reset(p, len, &x) == TRK_OK));
    if (w->out)
        w->out(w->arg, p, len);
}

/* The byte at a stream offset: the same whenever it is sent. */
static uint8_t stream_byte(uint64_t off)
{
    return (uint8_t)(off * 7 + (off >> 8));
}

static void send_ack(struct world *w, const struct trk_answer *to, const struct trk_request *req,
                     uint64_t train_end, const struct trk_extras *x)
{
    uint8_t buf[TRK_REPLY_BYTES_MAX];
    long n = trk_server_ack(&w->srv, w->now_us, to, req, train_end, x, buf, sizeof buf);
    FUZZ_CHECK(n > 0 || n == TRK_E_KEY);
    if (n > 0)
        leave(w, buf, (size_t)n);
}

/* Sends a train, and an ACK with what did not fit on it. */
static void send_train(struct world *w, const struct trk_answer *to, const struct trk_piece *pieces,
                       unsigned n, struct trk_extras *x)
{
    static uint8_t heads[TRK_GRANTS_MAX * TRK_HEAD_BYTES_MAX], pkt[1 << 17];
    uint16_t head_len[TRK_GRANTS_MAX];
    bool left = false;
    if (trk_server_train(&w->srv, &w->replay, w->now_us, to, pieces, n, x, heads, head_len,
                         &left) != TRK_OK)
        return;
    for (unsigned i = 0; i < n; i++) {
        FUZZ_CHECK(i == 0 || pieces[i].seq > pieces[i - 1].seq);
        FUZZ_CHECK(head_len[i] + pieces[i].len <= to->packet_size);
        check_sent_once(w, to->space.rho, pieces[i].seq);
        memcpy(pkt, heads + (size_t)i * TRK_HEAD_BYTES_MAX, head_len[i]);
        for (unsigned k = 0; k < pieces[i].len; k++)
            pkt[head_len[i] + k] = stream_byte(pieces[i].off + k);
        leave(w, pkt, (size_t)head_len[i] + pieces[i].len);
    }
    if (left)
        send_ack(w, to, NULL, pieces[n - 1].seq, x);
}

/* ---- the service ---- */

/* A connection's packet size, and its kind of service, never change in version 1; only a forger's
 * continuations say otherwise. */
static struct world_conn *find(struct world *w, const struct trk_request *req)
{
    for (unsigned i = 0; i < WORLD_SOFTS; i++)
        if (w->conns[i].used && w->conns[i].soft.conn == req->secret.conn &&
            w->conns[i].soft.to.packet_size == req->to.packet_size &&
            w->conns[i].soft.to.stateless == req->to.stateless)
            return &w->conns[i];
    return NULL;
}

static struct world_conn *make(struct world *w, const struct trk_request *first)
{
    struct world_conn *c = &w->conns[w->next_victim];
    if (c->used)
        trk_soft_free(&c->soft, &w->mem);
    *c = (struct world_conn){.avail = 5000};
    if (trk_soft_init(&c->soft, &w->srv, first, 1 << 14, w->now_us) != TRK_OK)
        return NULL;
    c->used = true;
    w->next_victim = (w->next_victim + 1) % WORLD_SOFTS;
    return c;
}

static void answer(struct world *w, struct world_conn *c, struct trk_request *req)
{
    struct trk_piece pieces[TRK_GRANTS_MAX];
    const struct trk_answer *to;
    struct trk_up_state up;
    bool late;
    uint64_t before = c->soft.down_una;
    (void)trk_soft_request(&c->soft, &w->mem, req, w->now_us);
    FUZZ_CHECK(c->soft.down_una >= before && c->soft.down_una <= c->soft.down_high + 1);
    unsigned n = trk_soft_plan(&c->soft, &w->replay, req, c->avail, c->fin, w->now_us, pieces,
                               TRK_GRANTS_MAX, &to, &late);
    FUZZ_CHECK(n <= TRK_GRANTS_MAX && !late); /* kept credit may add to what was granted */
    trk_soft_up_state(&c->soft, &up);
    struct trk_extras x = {.up = &up, .avail = c->avail, .reason = req->reason};
    if (req->give_cont) {
        x.law = &req->law;
        x.secret = &req->secret;
    }
    if (n) {
        send_train(w, to, pieces, n, &x);
    } else {
        if (x.reason == TRK_REASON_OK && req->asked)
            x.reason = TRK_REASON_NO_DATA;
        send_ack(w, to, req, 0, &x);
    }
    trk_soft_answered(&c->soft);
}

static void serve(struct world *w, struct trk_request *req)
{
    static const struct trk_up_state nothing;
    for (unsigned i = 0; i < req->n_grants; i++)
        FUZZ_CHECK(req->grant[i].seq <= req->to.limit &&
                   (i == 0 || req->grant[i].seq > req->grant[i - 1].seq));
    trk_server_commit(&w->srv, &w->replay, w->now_us, req);
    if (req->reason == TRK_REASON_STALE || req->reason == TRK_REASON_PROOF_BAD) {
        FUZZ_CHECK(req->n_grants == 0);
        struct trk_extras x = {.up = &nothing, .reason = req->reason};
        if (req->give_cont) {
            x.law = &req->law;
            x.secret = &req->secret;
        }
        send_ack(w, &req->to, req, 0, &x);
        return;
    }
    struct world_conn *c = find(w, req);
    if (!c && req->first)
        c = make(w, req);
    if (c) {
        answer(w, c, req);
        return;
    }
    uint8_t buf[TRK_REPLY_BYTES_MAX];
    long n = trk_server_reset(&w->srv, &req->to, 0, buf, sizeof buf);
    FUZZ_CHECK(n > 0 || n == TRK_E_KEY);
    if (n > 0)
        leave(w, buf, (size_t)n);
}

static void uplink(struct world *w, struct trk_event *ev, size_t len)
{
    for (unsigned i = 0; i < WORLD_SOFTS; i++) {
        struct world_conn *c = &w->conns[i];
        if (!c->used || c->soft.ref != ev->uplink.ref)
            continue;
        if (trk_soft_uplink(&c->soft, &w->mem, &ev->uplink, &ev->from, w->now_us) == TRK_E_UNKNOWN)
            return;
        struct trk_up_state up;
        trk_soft_up_state(&c->soft, &up);
        const struct trk_extras x = {.up = &up, .avail = c->avail};
        send_ack(w, &c->soft.to, NULL, 0, &x);
        trk_soft_answered(&c->soft);
        return;
    }
    trk_server_need_cont(&w->srv, ev);
    FUZZ_CHECK(ev->reply_len <= len); /* nobody's amplifier: silence rather than more than came */
    if (ev->reply_len)
        leave(w, ev->reply, ev->reply_len);
}

/* Makes the proof of a REQUEST right, where it has one that can be right. */
static void mend_proof(struct world *w, uint8_t *pkt, size_t len)
{
    struct trk_request_pkt q;
    struct trk_law parent, law;
    struct trk_secret s;
    uint64_t proof = 0;
    if (trk_wire_read_request(pkt, len, &q) != TRK_OK ||
        trk_cont_open(&w->srv.seal, q.cont, q.cont_len, &parent, &s) != TRK_OK)
        return;
    struct trk_space space = {s.rho, parent.owner};
    law = parent;
    if (q.kind != TRK_KIND_ASK &&
        (trk_law_derive(&parent, q.kind, q.hole, q.attempt, q.w_cl_pkts, &law) != TRK_OK ||
         trk_proof_span(&w->srv.seal, s.nonce_step, space, parent.base, q.hole, &proof) != TRK_OK))
        return;
    int r = trk_proof_span(&w->srv.seal, s.nonce_step, space, law.base, q.k + 1, &proof);
    for (unsigned i = 0; r == TRK_OK && i < q.n_ranges; i++)
        r = trk_proof_span(&w->srv.seal, s.nonce_step, space, q.range[i].first,
                           q.range[i].first + q.range[i].count, &proof);
    struct trk_wr at = trk_wr_make(pkt + 44, 8);
    trk_wr_u64(&at, proof);
}

void world_datagram(struct world *w, const struct trk_addr *from, const uint8_t *pkt, size_t len,
                    bool mend)
{
    static struct trk_event ev;
    uint8_t *copy = malloc(len ? len : 1); /* exactly as long: reads past the end show */
    if (!copy)
        abort();
    memcpy(copy, pkt, len);
    if (mend)
        mend_proof(w, copy, len);
    switch (trk_server_read(&w->srv, &w->replay, w->now_us, from, copy, len, &ev)) {
    case TRK_V_DROP:
        FUZZ_CHECK(ev.drop < 0);
        break;
    case TRK_V_REPLY:
        FUZZ_CHECK(ev.reply_len > 0 && ev.reply_len <= len); /* refusals are no amplifier */
        leave(w, ev.reply, ev.reply_len);
        break;
    case TRK_V_OPEN:
        trk_server_answer_open(&w->srv, w->now_us,
                               ev.open.service_port ? TRK_REASON_OK : TRK_REASON_NO_SERVICE, false, &ev);
        FUZZ_CHECK(ev.reply_len > 0 && ev.reply_len <= len);
        leave(w, ev.reply, ev.reply_len);
        break;
    case TRK_V_REQUEST:
        serve(w, &ev.req);
        break;
    case TRK_V_UPLINK:
        uplink(w, &ev, len);
        break;
    case TRK_V_RESET:
        break;
    }
    free(copy);
}

void world_apps(struct world *w, uint32_t n, bool fin, bool take)
{
    for (unsigned i = 0; i < WORLD_SOFTS; i++) {
        struct world_conn *c = &w->conns[i];
        if (!c->used)
            continue;
        if (!c->fin)
            c->avail += n;
        c->fin |= fin;
        if (take)
            trk_rcvbuf_consume(&c->soft.up, &w->mem, (size_t)(c->soft.up.una - c->soft.up.head));
        struct trk_piece pieces[8];
        const struct trk_answer *to;
        bool late;
        unsigned k = trk_soft_plan(&c->soft, &w->replay, NULL, c->avail, c->fin, w->now_us, pieces,
                                   8, &to, &late);
        struct trk_up_state up;
        trk_soft_up_state(&c->soft, &up);
        struct trk_extras x = {.up = &up, .avail = c->avail, .late = true};
        if (k)
            send_train(w, to, pieces, k, &x);
    }
}
