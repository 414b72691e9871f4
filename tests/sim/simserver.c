#include "simserver.h"

#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "realseal.h"

/* A server object as a freshly started process would make it. */
static void make_object(struct simserver *s)
{
    struct trk_seal_ops ops;
    fakeseal_init(&s->fake, s->conf.seed, &ops);
    s->fake.random = rng_split(s->conf.seed, s->packets + 1000); /* so that a twin draws the same */
    if (s->conf.real_seal)
        realseal_ops(&ops);
    s->srv = (struct trk_server){.seal = ops,
                                 .instance = 5,
                                 .packet_max = s->conf.packet_max,
                                 .freshness_us = TRK_FRESHNESS_US,
                                 .lifetime_us = TRK_LIFETIME_US};
}

static void make_table(struct simserver *s)
{
    TRK_ASSERT(trk_replay_init(&s->replay, s->table, s->conf.table_bytes, TRK_FRESHNESS_US) == TRK_OK);
}

void simserver_init(struct simserver *s, struct sim *sim, const struct simserver_conf *conf, struct simlink *out,
                    struct judge *judge)
{
    *s = (struct simserver){.conf = *conf, .sim = sim, .out = out, .judge = judge, .timer_ns = SIM_NEVER};
    if (conf->amnesia == AMNESIA_ALL)
        s->conf.table_bytes = TRK_REPLAY_MIN_BYTES;
    s->table = aligned_alloc(64, s->conf.table_bytes);
    TRK_ASSERT(s->table != NULL);
    testmem_init(&s->mem);
    make_table(s);
    make_object(s);
    simmini_init(&s->mini, s, &conf->mini);
}

static void drop_conns(struct simserver *s)
{
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++) {
        if (s->conn[i].used)
            trk_soft_free(&s->conn[i].soft, &s->mem.mem);
        s->conn[i].used = false;
    }
}

void simserver_free(struct simserver *s)
{
    drop_conns(s);
    simmini_free(&s->mini);
    free(s->table);
}

void simserver_restart(struct simserver *s, bool soft)
{
    make_table(s);
    make_object(s);
    if (s->judge != NULL)
        judge_table_lost(s->judge);
    if (s->conf.mini.kind != SIMMINI_NONE)
        simmini_forget(&s->mini);
    if (!soft)
        return;
    drop_conns(s);
    s->boot_us = simserver_wall_us(s);
}

void simserver_emit(struct simserver *s, const uint8_t *pkt, size_t len)
{
    if (s->judge != NULL)
        judge_answer(s->judge, pkt, len);
    simlink_send(s->out, pkt, len);
}

/* Sends a train; bytes come from the stream `salt`. What did not fit into it follows as an ACK. */
static void send_train(struct simserver *s, const struct trk_answer *to, const struct trk_piece *pieces, unsigned n,
                       const struct trk_extras *x, uint64_t salt)
{
    static uint8_t heads[TRK_GRANTS_MAX * TRK_HEAD_BYTES_MAX];
    uint16_t head_len[TRK_GRANTS_MAX];
    uint8_t pkt[TRK_PACKET_V4_BYTES];
    bool left = false;
    uint64_t now_us = simserver_wall_us(s);
    if (trk_server_train(&s->srv, &s->replay, now_us, to, pieces, n, x, heads, head_len, &left) != TRK_OK)
        return;
    for (unsigned i = 0; i < n; i++) {
        TRK_ASSERT((size_t)head_len[i] + pieces[i].len <= to->packet_size);
        memcpy(pkt, heads + (size_t)i * TRK_HEAD_BYTES_MAX, head_len[i]);
        app_bytes(salt, pieces[i].off, pkt + head_len[i], pieces[i].len);
        simserver_emit(s, pkt, (size_t)head_len[i] + pieces[i].len);
    }
    if (!left)
        return;
    uint8_t ack[TRK_REPLY_BYTES_MAX];
    long len = trk_server_ack(&s->srv, now_us, to, NULL, pieces[n - 1].seq, x, ack, sizeof ack);
    if (len > 0)
        simserver_emit(s, ack, (size_t)len);
}

static void send_ack(struct simserver *s, const struct trk_answer *to, const struct trk_request *req,
                     const struct trk_extras *x)
{
    uint8_t ack[TRK_REPLY_BYTES_MAX];
    long len = trk_server_ack(&s->srv, simserver_wall_us(s), to, req, 0, x, ack, sizeof ack);
    if (len > 0)
        simserver_emit(s, ack, (size_t)len);
}

static struct trk_extras extras_of(struct trk_request *req, const struct trk_up_state *up, uint64_t avail, unsigned n)
{
    struct trk_extras x = {.up = up, .avail = avail, .reason = req->reason};
    if (req->give_cont) {
        x.law = &req->law;
        x.secret = &req->secret;
    }
    if (n == 0 && req->n_grants > 0 && req->reason == TRK_REASON_OK)
        x.reason = TRK_REASON_NO_DATA;
    return x;
}

/* The file: any grant, any time, no memory of anything. An uplink FIN at offset 0 is acknowledged as it comes. */
static void serve_file(struct simserver *s, struct trk_request *req)
{
    struct trk_piece p[TRK_GRANTS_MAX];
    unsigned n = 0;
    uint64_t total = s->conf.file_bytes;
    bool bare = false;
    for (unsigned i = 0; i < req->n_grants; i++) {
        const struct trk_grant *g = &req->grant[i];
        uint64_t left = total > g->off ? total - g->off : 0;
        uint16_t len = (uint16_t)(g->len < left ? g->len : left);
        bool fin = g->off + len == total;
        if (len == 0 && (!fin || bare))
            continue;
        bare |= len == 0;
        p[n++] = (struct trk_piece){.seq = g->seq, .off = g->off, .len = len, .fin = fin};
    }
    struct trk_up_state up = {.ack = req->fin && req->up_off == 0 && req->up_len == 0 ? 1 : 0};
    struct trk_extras x = extras_of(req, &up, total, n);
    if (n > 0)
        send_train(s, &req->to, p, n, &x, s->conf.file_salt);
    else
        send_ack(s, &req->to, req, &x);
}

static struct simconn *find_conn(struct simserver *s, uint64_t conn)
{
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++)
        if (s->conn[i].used && s->conn[i].soft.conn == conn)
            return &s->conn[i];
    return NULL;
}

static struct simconn *new_conn(struct simserver *s, const struct trk_request *req)
{
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++) {
        struct simconn *c = &s->conn[i];
        if (c->used)
            continue;
        if (trk_soft_init(&c->soft, &s->srv, req, s->conf.up_window_bytes, simserver_wall_us(s)) != TRK_OK)
            return NULL;
        c->app = s->conf.app;
        c->used = true;
        return c;
    }
    return NULL;
}

/* The application reads what it would. */
static void deliver_up(struct simserver *s, struct simconn *c)
{
    struct iovec iov[2];
    size_t want = app_would_read(&c->app, s->sim->now_ns), taken = 0;
    int n = trk_rcvbuf_peek(&c->soft.up, iov);
    for (int i = 0; i < n && want > 0; i++) {
        size_t len = iov[i].iov_len < want ? iov[i].iov_len : want;
        app_read(&c->app, iov[i].iov_base, len);
        want -= len;
        taken += len;
    }
    if (taken > 0)
        trk_rcvbuf_consume(&c->soft.up, &s->mem.mem, taken);
    if (trk_soft_up_eof(&c->soft))
        app_read_eof(&c->app);
}

static uint64_t avail_of(const struct simserver *s, const struct simconn *c, bool *fin)
{
    uint64_t written = app_written(&c->app, s->sim->now_ns);
    uint64_t room = c->soft.down_una + s->conf.sock_bytes;
    *fin = app_ended(&c->app, s->sim->now_ns) && written <= room;
    return written < room ? written : room;
}

static void serve_soft(struct simserver *s, struct simconn *c, struct trk_request *req)
{
    struct trk_piece p[TRK_GRANTS_MAX];
    struct trk_up_state up;
    const struct trk_answer *to;
    bool late, fin;
    uint64_t now_us = simserver_wall_us(s);
    (void)trk_soft_request(&c->soft, &s->mem.mem, req, now_us);
    deliver_up(s, c);
    uint64_t avail = avail_of(s, c, &fin);
    unsigned n = trk_soft_plan(&c->soft, &s->replay, req, avail, fin, now_us, p, TRK_GRANTS_MAX, &to, &late);
    trk_soft_up_state(&c->soft, &up);
    struct trk_extras x = extras_of(req, &up, avail, n);
    if (n > 0)
        send_train(s, to, p, n, &x, c->app.out_salt);
    else
        send_ack(s, to, req, &x);
    trk_soft_answered(&c->soft);
}

/* What is due without a request: bytes on kept credit, acknowledgements. */
static void push(struct simserver *s, struct simconn *c, bool ack_now)
{
    struct trk_piece p[TRK_GRANTS_MAX];
    struct trk_up_state up;
    const struct trk_answer *to;
    bool late, fin;
    uint64_t now_us = simserver_wall_us(s);
    deliver_up(s, c);
    uint64_t avail = avail_of(s, c, &fin);
    bool news = trk_soft_window_news(&c->soft);
    bool due = c->soft.owed > 0 && (ack_now || c->soft.owed >= TRK_SOFT_ACK_PKTS || now_us >= c->soft.owed_us + 25000);
    unsigned n = 0;
    if (trk_soft_can_push(&c->soft, avail, fin))
        n = trk_soft_plan(&c->soft, &s->replay, NULL, avail, fin, now_us, p, TRK_ASK_PKTS_MAX, &to, &late);
    if (n == 0 && !news && !due)
        return;
    trk_soft_up_state(&c->soft, &up);
    struct trk_extras x = {.up = &up, .avail = avail, .late = true};
    if (n > 0)
        send_train(s, to, p, n, &x, c->app.out_salt);
    if (n == 0 || news || due) {
        x.late = !due || n > 0;
        send_ack(s, &c->soft.to, NULL, &x);
    }
    trk_soft_answered(&c->soft);
}

static void tick(void *ctx, void *arg);

/* The next moment at which an application or a delayed acknowledgement does something by itself. */
static void arm(struct simserver *s)
{
    uint64_t next = SIM_NEVER, now = s->sim->now_ns;
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++) {
        const struct simconn *c = &s->conn[i];
        if (!c->used || trk_soft_done(&c->soft))
            continue;
        uint64_t t = app_next_ns(&c->app, now);
        if (t < next)
            next = t;
        if (c->soft.owed > 0 && (c->soft.owed_us + 25000 - SIM_WALL_US) * 1000 < next)
            next = (c->soft.owed_us + 25000 - SIM_WALL_US) * 1000;
    }
    if (next >= s->timer_ns)
        return;
    s->timer_ns = next;
    sim_at(s->sim, next, tick, s, NULL);
}

static void tick(void *ctx, void *arg)
{
    struct simserver *s = ctx;
    (void)arg;
    if (s->sim->now_ns < s->timer_ns)
        return;
    s->timer_ns = SIM_NEVER;
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++)
        if (s->conn[i].used)
            push(s, &s->conn[i], false);
    arm(s);
}

static void on_request(struct simserver *s, struct trk_event *ev)
{
    struct trk_request *req = &ev->req;
    s->requests++;
    trk_server_commit(&s->srv, &s->replay, simserver_wall_us(s), req);
    if (s->conf.mini.kind != SIMMINI_NONE) {
        simmini_request(s, req);
        return;
    }
    if (!s->conf.soft) {
        serve_file(s, req);
        return;
    }
    struct simconn *c = find_conn(s, req->secret.conn);
    if (c == NULL && req->first && req->cont_issued_us >= s->boot_us)
        c = new_conn(s, req);
    if (c != NULL) {
        serve_soft(s, c, req);
        push(s, c, false); /* what the request's bytes made the application write */
        return;
    }
    uint8_t pkt[64];
    long len = trk_server_reset(&s->srv, &req->to, 0, pkt, sizeof pkt);
    s->resets_sent++;
    if (len > 0)
        simserver_emit(s, pkt, (size_t)len);
}

static void on_uplink(struct simserver *s, struct trk_event *ev)
{
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++) {
        struct simconn *c = &s->conn[i];
        if (!c->used || c->soft.ref != ev->uplink.ref)
            continue;
        bool gap = ev->uplink.up_off > c->soft.up.una;
        if (trk_soft_uplink(&c->soft, &s->mem.mem, &ev->uplink, &ev->from, simserver_wall_us(s)) == TRK_E_UNKNOWN)
            return;
        push(s, c, gap || (ev->uplink.c.flags & TRK_REQ_FIN) != 0);
        return;
    }
    s->need_conts++;
    trk_server_need_cont(&s->srv, ev);
    if (ev->reply_len > 0)
        simserver_emit(s, ev->reply, ev->reply_len);
}

static void on_reset(struct simserver *s, struct trk_event *ev)
{
    s->resets_got++;
    struct simconn *c = find_conn(s, ev->req.secret.conn);
    if (c == NULL)
        return;
    trk_soft_free(&c->soft, &s->mem.mem);
    c->used = false;
}

void simserver_read(struct simserver *s, const struct trk_addr *from, const uint8_t *pkt, size_t len)
{
    static struct trk_event ev;
    s->packets++;
    if (s->conf.amnesia != AMNESIA_NONE) {
        make_object(s);
        s->mini.kept.used = false;
    } else
        s->fake.random = rng_split(s->conf.seed, s->packets + 1000);
    if (s->conf.amnesia == AMNESIA_ALL)
        make_table(s);
    if (s->judge != NULL)
        judge_arrival(s->judge, pkt, len);
    uint64_t now_us = simserver_wall_us(s);
    enum trk_verdict v = trk_server_read(&s->srv, &s->replay, now_us, from, pkt, len, &ev);
    switch (v) {
    case TRK_V_OPEN:
        s->opens++;
        trk_server_answer_open(&s->srv, now_us, TRK_REASON_OK, s->conf.mini.kind != SIMMINI_NONE, &ev);
        simserver_emit(s, ev.reply, ev.reply_len);
        break;
    case TRK_V_REPLY:
        s->refusals++;
        simserver_emit(s, ev.reply, ev.reply_len);
        break;
    case TRK_V_REQUEST:
        on_request(s, &ev);
        break;
    case TRK_V_UPLINK:
        on_uplink(s, &ev);
        break;
    case TRK_V_RESET:
        on_reset(s, &ev);
        break;
    case TRK_V_DROP:
        TRK_ASSERT(ev.drop < 0 && -ev.drop < TRK_ERR_COUNT);
        s->drops[-ev.drop]++;
        break;
    }
    if (s->judge != NULL)
        judge_arrival_done(s->judge, v);
    if (s->conf.soft)
        arm(s);
}
