#include "simmini.h"

#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "simserver.h"

enum { TICK_NS = 5000000, ROOM_BYTES = TRK_GRANTS_MAX * TRK_PACKET_V4_BYTES };

/* What a user continuation says. */
struct place {
    uint64_t version;
    uint64_t n;     /* requests answered with it and before */
    uint64_t start; /* of this answer, in the stream; its end */
    uint64_t end;
    uint64_t pos, chain; /* CHAINED: the running state there */
};

/* An answer being made. */
struct work {
    struct simserver *s;
    struct simmini *m;
    struct trk_ticket *t;
    const struct trk_mini_input *in;
    struct place was, now; /* as presented; with the new state */
    struct trk_mini_answer a;
    uint8_t first[SIMMINI_UCONT_MAX], last[SIMMINI_UCONT_MAX];
    uint32_t at[TRK_TICKET_RUNS_MAX]; /* of run i, in room */
    uint32_t used;
    bool reset;
};

static uint8_t room[ROOM_BYTES];

void simmini_init(struct simmini *m, struct simserver *s, const struct simmini_conf *conf)
{
    const uint64_t seed[2] = {1, 2};
    *m = (struct simmini){.conf = *conf, .rng = rng_split(s->conf.seed, 50), .next_ns = SIM_NEVER};
    if (m->conf.n_objects == 0)
        m->conf.n_objects = 1;
    for (unsigned i = 0; i < m->conf.n_objects; i++)
        trk_reasm_init(&m->reasm[i], &s->mem.mem, seed, 16, m->conf.reasm_bytes);
}

void simmini_forget(struct simmini *m)
{
    m->kept.used = false;
    for (unsigned i = 0; i < m->conf.n_objects; i++)
        trk_reasm_clear(&m->reasm[i]);
}

void simmini_free(struct simmini *m)
{
    if (m->conf.kind != SIMMINI_NONE)
        simmini_forget(m);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t version_now(const struct simserver *s)
{
    uint64_t every = s->mini.conf.version_every_ns;
    return every == 0 ? 0 : min_u64(s->sim->now_ns / every, SIMMINI_VERSIONS_MAX - 1);
}

static struct trk_mini objects_of(struct simserver *s, unsigned i)
{
    return (struct trk_mini){.srv = &s->srv, .replay = &s->replay, .reasm = &s->mini.reasm[i]};
}

static struct trk_mini_ucont pack(const struct simmini *m, uint64_t from, const struct place *p, uint8_t *buf)
{
    size_t len = m->conf.ucont_bytes > sizeof *p ? m->conf.ucont_bytes : sizeof *p;
    memset(buf, 0x5a, SIMMINI_UCONT_MAX);
    memcpy(buf, p, sizeof *p);
    return (struct trk_mini_ucont){.from = from, .user = buf, .user_len = len};
}

/* The request bytes [0, n) that the event shows: are they what the client wrote there? */
static void check_request(struct work *w, size_t n)
{
    static uint8_t want[TRK_MINI_UP_WINDOW_BYTES];
    struct simmini *m = w->m;
    const uint64_t up = w->t->ucont.up;
    app_bytes(m->conf.up_salt, up, want, n);
    if (n > 0 && memcmp(want, w->in->request, n) != 0)
        m->wrong = true;
}

/* Bytes [off, off + n) of the answer at p. */
static void say(const struct simmini *m, const struct place *p, uint64_t off, uint8_t *out, size_t n)
{
    uint8_t skip[256];
    uint64_t salt = simmini_salt(m->conf.down_salt, p->version), chain = p->chain;
    if (m->conf.kind != SIMMINI_CHAINED) {
        app_bytes(salt, off, out, n);
        return;
    }
    for (uint64_t pos = p->pos; pos < off;) {
        size_t step = (size_t)min_u64(sizeof skip, off - pos);
        step = (size_t)min_u64(step, m->conf.answer_bytes - pos % m->conf.answer_bytes);
        if (pos % m->conf.answer_bytes == 0)
            chain = simmini_chain(salt, pos);
        app_bytes(salt, pos, skip, step);
        simmini_link(&chain, skip, step);
        pos += step;
    }
    while (n > 0) {
        size_t step = (size_t)min_u64(n, m->conf.answer_bytes - off % m->conf.answer_bytes);
        if (off % m->conf.answer_bytes == 0)
            chain = simmini_chain(salt, off);
        app_bytes(salt, off, out, step);
        simmini_link(&chain, out, step);
        off += step;
        out += step;
        n -= step;
    }
}

/* A checkpoint further on in the state that answers now, if it says a mark; once is enough, the next will do. */
static void set_checkpoint(struct work *w, const struct place *p, uint64_t from, uint64_t said_to)
{
    const struct simmini *m = w->m;
    uint64_t mark = said_to / m->conf.checkpoint_bytes * m->conf.checkpoint_bytes;
    if (m->conf.kind != SIMMINI_CHAINED || mark <= from || mark >= p->end)
        return;
    struct place there = *p;
    while (there.pos < mark) {
        uint8_t skip[256];
        uint64_t salt = simmini_salt(m->conf.down_salt, p->version);
        size_t step = (size_t)min_u64(sizeof skip, mark - there.pos);
        step = (size_t)min_u64(step, m->conf.answer_bytes - there.pos % m->conf.answer_bytes);
        if (there.pos % m->conf.answer_bytes == 0)
            there.chain = simmini_chain(salt, there.pos);
        app_bytes(salt, there.pos, skip, step);
        simmini_link(&there.chain, skip, step);
        there.pos += step;
    }
    w->a.has_last = true;
    w->a.last = pack(m, mark, &there, w->last);
}

/* Fills the runs: below `turn` as the continuation presented says, from there on as the new one does. */
static void describe(struct work *w, uint64_t turn, uint64_t end)
{
    uint64_t said_to = 0, said_from = UINT64_MAX;
    for (unsigned i = 0; i < w->t->n_runs; i++) {
        const struct trk_run *r = &w->t->run[i];
        uint64_t to = min_u64(r->off + r->len, end);
        w->at[i] = w->used;
        if (to <= r->off)
            continue;
        uint32_t n = (uint32_t)(to - r->off);
        uint32_t low = r->off < turn ? (uint32_t)(min_u64(to, turn) - r->off) : 0;
        if (w->used + n > ROOM_BYTES)
            break;
        if (low > 0 && w->was.version != version_now(w->s) && w->m->conf.kind != SIMMINI_PUSH)
            w->reset = true; /* these bytes are no more */
        say(w->m, &w->was, r->off, room + w->used, low);
        say(w->m, &w->now, r->off + low, room + w->used + low, n - low);
        w->a.have[i] = n;
        w->used += n;
        said_to = to > said_to ? to : said_to;
        said_from = min_u64(said_from, r->off);
    }
    bool anew = w->a.has_first;
    uint64_t from = anew ? w->a.first.from : w->t->ucont.from;
    if (said_to > 0)
        set_checkpoint(w, anew ? &w->now : &w->was, from > said_from ? from : said_from, said_to);
}

/* Consumes the client's FIN where all before it is consumed. */
static void take_fin(struct work *w, uint64_t end)
{
    const struct simmini_conf *conf = &w->m->conf;
    if (!w->in->request_end || w->a.consumed != w->in->request_len || w->now.n != conf->n_requests)
        return;
    w->a.consumed_end = true;
    if (conf->close_first)
        return;
    w->a.end_known = w->a.fin = true;
    w->a.end = end;
}

static void answer_requests(struct work *w)
{
    const struct simmini_conf *conf = &w->m->conf;
    uint64_t there = w->in->request_len / conf->ask_bytes, left = conf->n_requests - w->was.n;
    uint64_t n = min_u64(min_u64(there, left), conf->batch);
    check_request(w, w->in->request_len);
    w->now = w->was;
    if (n > 0) {
        w->now = (struct place){.version = version_now(w->s), .n = w->was.n + n, .start = w->was.end};
        w->now.end = w->now.start + n * conf->answer_bytes;
        w->now.pos = w->now.start;
        w->a.consumed = n * conf->ask_bytes;
        w->a.has_first = w->a.end_known = true;
        w->a.first = pack(w->m, w->now.start, &w->now, w->first);
        w->a.end = w->now.end;
        w->a.fin = conf->close_first && w->now.n == conf->n_requests;
    } else if (conf->use_need && left > 0 && w->in->request_len > 0)
        w->a.need = conf->ask_bytes;
    take_fin(w, w->now.end);
    describe(w, n > 0 ? w->now.start : w->was.end, w->now.end);
}

static void take_upload(struct work *w)
{
    const struct simmini_conf *conf = &w->m->conf;
    size_t n = w->in->request_len;
    check_request(w, n);
    if (!w->in->request_end)
        n = n / conf->chunk_bytes * conf->chunk_bytes;
    w->now = w->was;
    if (n > 0 || w->in->request_end) {
        w->now.n = w->was.n + n;
        w->now.end = w->in->request_end ? conf->answer_bytes : 0;
        w->a.consumed = n;
        w->a.has_first = w->a.end_known = true;
        w->a.first = pack(w->m, 0, &w->now, w->first);
        w->a.consumed_end = w->a.fin = w->in->request_end;
        w->a.end = w->now.end;
    } else if (conf->use_need)
        w->a.need = conf->chunk_bytes;
    describe(w, 0, w->now.end);
}

static uint64_t pushed(const struct simserver *s)
{
    const struct simmini_conf *conf = &s->mini.conf;
    uint64_t n = (uint64_t)((unsigned __int128)s->sim->now_ns * conf->rate / SIM_S);
    return min_u64(n, conf->n_requests * conf->answer_bytes);
}

static void push_more(struct work *w)
{
    const struct simmini_conf *conf = &w->m->conf;
    uint64_t there = pushed(w->s), total = conf->n_requests * conf->answer_bytes;
    w->now.end = w->was.end = UINT64_MAX;
    if (!w->t->has_ucont) {
        w->a.has_first = true;
        w->a.first = pack(w->m, 0, &w->now, w->first);
    }
    check_request(w, w->in->request_len);
    w->a.consumed = w->in->request_len;
    w->a.consumed_end = w->in->request_end;
    describe(w, 0, there);
    if (there == total) {
        w->a.end_known = w->a.fin = true;
        w->a.end = total;
    }
    w->a.pending = there < total;
}

static void keep(struct simserver *s, unsigned object, const struct work *w);

/* Sends what the handler said. False: the event is to be shown again. */
static bool send_answer(struct work *w, unsigned object)
{
    static struct trk_mini_plan plan;
    struct simserver *s = w->s;
    struct trk_mini mini = objects_of(s, object);
    uint8_t pkt[TRK_PACKET_MAX_BYTES];
    if (w->reset) {
        long len = trk_server_reset(&s->srv, &w->t->to, 0, pkt, sizeof pkt);
        w->m->resets++;
        if (len > 0)
            simserver_emit(s, pkt, (size_t)len);
        return true;
    }
    uint64_t up = w->t->ucont.up + w->a.consumed + (w->a.consumed_end ? 1 : 0);
    int rc = trk_mini_plan(&mini, simserver_wall_us(s), w->t, &w->a, w->in, &plan);
    if (rc == TRK_E_AGAIN)
        return false;
    w->m->wrong_plan |= rc != TRK_OK;
    if (rc != TRK_OK)
        return true;
    if (w->a.consumed > 0 || w->a.consumed_end) {
        w->m->repeats += up <= w->m->up_high;
        w->m->up_high = up > w->m->up_high ? up : w->m->up_high;
    }
    if (plan.before_len > 0)
        simserver_emit(s, plan.before, plan.before_len);
    for (unsigned i = 0; i < plan.n; i++) {
        size_t head = plan.head_len[i];
        TRK_ASSERT(head + plan.piece[i].len <= w->t->to.packet_size);
        memcpy(pkt, plan.heads + (size_t)i * TRK_HEAD_BYTES_MAX, head);
        memcpy(pkt + head, room + w->at[plan.src[i].run] + plan.src[i].at, plan.piece[i].len);
        simserver_emit(s, pkt, head + plan.piece[i].len);
    }
    if (plan.after_len > 0)
        simserver_emit(s, plan.after, plan.after_len);
    if (w->a.pending)
        keep(s, object, w);
    return true;
}

static void run_handler(struct work *w)
{
    switch (w->m->conf.kind) {
    case SIMMINI_UPLOAD:
        take_upload(w);
        break;
    case SIMMINI_PUSH:
        push_more(w);
        break;
    case SIMMINI_SEEKABLE:
    case SIMMINI_CHAINED:
    case SIMMINI_NONE:
    default:
        answer_requests(w);
        break;
    }
}

static void begin(struct work *w, struct simserver *s, struct trk_ticket *t, const struct trk_mini_input *in)
{
    *w = (struct work){.s = s, .m = &s->mini, .t = t, .in = in};
    if (in->user_len >= sizeof w->was)
        memcpy(&w->was, in->user, sizeof w->was);
}

static void tick(void *ctx, void *arg)
{
    struct simserver *s = ctx;
    struct simmini_kept *k = &s->mini.kept;
    struct work w;
    (void)arg;
    s->mini.next_ns = SIM_NEVER;
    if (!k->used)
        return;
    k->used = false;
    struct simmini_kept was = *k;
    struct trk_mini_input in = {.user = was.user, .user_len = was.user_len};
    begin(&w, s, &was.ticket, &in);
    run_handler(&w);
    (void)send_answer(&w, was.object);
}

/* Detached: the newest event of the connection is enough. */
static void keep(struct simserver *s, unsigned object, const struct work *w)
{
    struct simmini *m = &s->mini;
    const uint8_t *user = w->a.has_first ? w->a.first.user : w->in->user;
    size_t len = w->a.has_first ? w->a.first.user_len : w->in->user_len;
    m->kept = (struct simmini_kept){.used = true, .object = object, .ticket = *w->t, .user_len = len};
    memcpy(m->kept.user, user, len);
    if (m->next_ns != SIM_NEVER)
        return;
    m->next_ns = s->sim->now_ns + TICK_NS;
    sim_at(s->sim, m->next_ns, tick, s, NULL);
}

static void send_ack(struct simserver *s, struct trk_mini *mini, const struct trk_ticket *t, enum trk_reason reason)
{
    uint8_t ack[TRK_REPLY_BYTES_MAX];
    size_t len = trk_mini_ack(mini, simserver_wall_us(s), t, reason, ack);
    if (len > 0)
        simserver_emit(s, ack, len);
}

static void lose_reassembly(struct simserver *s)
{
    struct simmini *m = &s->mini;
    if (!m->conf.reasm_none && s->packets != m->conf.reasm_drop_at && !rng_ppm(&m->rng, m->conf.reasm_drop_ppm))
        return;
    for (unsigned i = 0; i < m->conf.n_objects; i++)
        trk_reasm_clear(&m->reasm[i]);
    m->drops++;
}

void simmini_request(struct simserver *s, const struct trk_request *req)
{
    static struct trk_mini_event ev;
    struct simmini *m = &s->mini;
    struct work w;
    lose_reassembly(s);
    unsigned object = (unsigned)rng_below(&m->rng, m->conf.n_objects);
    struct trk_mini mini = objects_of(s, object);
    uint64_t now_us = simserver_wall_us(s), now = s->sim->now_ns;
    trk_reasm_expire(&m->reasm[object], now_us);
    if (now >= m->conf.away_from_ns && now < m->conf.away_to_ns) {
        trk_ticket_make(&ev.ticket, req, NULL, now_us);
        m->aways++;
        send_ack(s, &mini, &ev.ticket, TRK_REASON_AWAY);
        return;
    }
    if (!trk_mini_take(&mini, now_us, req, m->conf.kind == SIMMINI_PUSH, &ev)) {
        send_ack(s, &mini, &ev.ticket, TRK_REASON_OK);
        return;
    }
    do {
        m->events++;
        begin(&w, s, &ev.ticket, &ev.in);
        run_handler(&w);
        if (send_answer(&w, object))
            return;
        (void)trk_mini_again(&mini, now_us, &ev.ticket, &ev.in);
    } while (true);
}
