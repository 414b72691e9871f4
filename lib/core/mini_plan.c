/*
 * The way out: an answer, checked, becomes packets.
 */
#include "core/mini.h"

enum {
    OLD_TICKET_US = 1000000, /* as kept credit: older grants are worth no more than a new window */
};

/* The state that an answer's bytes follow from; for a new one, from where on. */
struct shape {
    bool anew;
    struct trk_ucont u;  /* its first continuation; not anew: the one presented, as it is now */
    bool tell;           /* the client must get u: it is new, or its end or `up` is news */
    uint64_t checkpoint; /* of `last`; UINT64_MAX: none */
    const struct trk_mini_ucont *last;
};

/* What rides on one packet. */
struct load {
    const uint8_t *ucont;
    size_t ucont_len;
    bool cont;
};

/* Continuations of one answer, sealed. */
struct sealed {
    size_t head_len, last_len; /* 0: none */
    uint8_t head[TRK_UCONT_BYTES_MAX];
    uint8_t last[TRK_UCONT_BYTES_MAX];
};

static bool knows_end(const struct trk_ticket *t)
{
    return trk_ticket_end(t) != UINT64_MAX;
}

static bool has_bytes(const struct trk_ticket *t, const struct trk_mini_answer *a)
{
    for (unsigned i = 0; i < t->n_runs; i++)
        if (a->have[i] > 0)
            return true;
    return false;
}

/* Is there a byte at or beyond off in the answer? */
static bool reaches(const struct trk_ticket *t, const struct trk_mini_answer *a, uint64_t off)
{
    for (unsigned i = 0; i < t->n_runs; i++)
        if (a->have[i] > 0 && t->run[i].off + a->have[i] > off)
            return true;
    return false;
}

static void set_end(struct trk_ucont *u, uint64_t end, bool fin)
{
    u->end = end;
    u->flags = (uint8_t)(TRK_UCONT_END | (fin ? TRK_UCONT_FIN : 0));
}

/* Numbers that an answer from anywhere may have. */
static bool answer_is_sane(const struct trk_ticket *t, const struct trk_mini_answer *a,
                           const struct trk_mini_input *in)
{
    const uint64_t shown = t->up_end - t->ucont.up;
    if (a->consumed > in->request_len || a->consumed > shown || in->request_len > shown)
        return false;
    if (a->consumed_end && (!t->up_fin || a->consumed != shown))
        return false;
    if (in->user_len > TRK_UCONT_USER_BYTES_MAX || (a->fin && !a->end_known) ||
        (a->end_known && a->end == UINT64_MAX))
        return false;
    if ((a->has_first && a->first.user_len > TRK_UCONT_USER_BYTES_MAX) ||
        (a->has_last && a->last.user_len > TRK_UCONT_USER_BYTES_MAX))
        return false;
    for (unsigned i = 0; i < t->n_runs; i++)
        if (a->have[i] > t->run[i].len || (a->have[i] > 0 && t->run[i].off < t->ucont.from))
            return false;
    return true;
}

/* What `up` is after the answer. */
static uint64_t consumed_to(const struct trk_ticket *t, const struct trk_mini_answer *a)
{
    return t->ucont.up + a->consumed + (a->consumed_end ? 1 : 0);
}

/* A new state: its first continuation, but for its name. */
static bool begin_state(const struct trk_ticket *t, const struct trk_mini_answer *a,
                        struct shape *s)
{
    bool ended = (t->ucont.flags & TRK_UCONT_FIN) != 0; /* no byte can follow, whatever is said */
    uint64_t from = knows_end(t) ? trk_ticket_end(t) : t->ucont.from;
    if (a->has_first) {
        if (a->first.from < from || (knows_end(t) && a->first.from != from))
            return false;
        from = a->first.from;
    }
    s->u = (struct trk_ucont){.from = from, .end = UINT64_MAX, .after = t->ucont.state};
    s->u.up = consumed_to(t, a);
    if (a->end_known)
        set_end(&s->u, a->end, a->fin || ended);
    else if (ended || (knows_end(t) && !a->has_first && !reaches(t, a, from) && !a->pending))
        set_end(&s->u, from, ended);
    return s->u.end >= from && (!ended || s->u.end == from);
}

/* The state goes on: what is news of it. */
static bool go_on(const struct trk_ticket *t, const struct trk_mini_answer *a, struct shape *s)
{
    s->u = t->ucont;
    s->u.up = consumed_to(t, a);
    s->tell = s->u.up != t->ucont.up;
    if (!a->end_known || !t->has_ucont)
        return true;
    if (a->end < s->u.from || (knows_end(t) && a->end != s->u.end))
        return false;
    set_end(&s->u, a->end, a->fin || (t->ucont.flags & TRK_UCONT_FIN) != 0);
    s->tell |= s->u.flags != t->ucont.flags;
    return true;
}

/* Which states and continuations the answer has. False: it contradicts itself or the ticket. */
static bool shape_of(const struct trk_ticket *t, const struct trk_mini_answer *a, struct shape *s)
{
    bool consumes = a->consumed > 0 || a->consumed_end;
    bool says = consumes || a->has_first || a->has_last || a->end_known || has_bytes(t, a);
    *s = (struct shape){.checkpoint = UINT64_MAX};
    s->anew = a->fresh || (!t->has_ucont && says) || (consumes && (a->has_first || knows_end(t)));
    if (!(s->anew ? begin_state(t, a, s) : go_on(t, a, s)))
        return false;
    s->tell |= s->anew;
    if (s->u.end != UINT64_MAX && reaches(t, a, s->u.end))
        return false;
    if (a->has_last)
        s->last = &a->last;
    else if (a->has_first && !s->anew)
        s->last = &a->first;
    if (s->last == NULL)
        return true;
    if (s->last->from < s->u.from || s->last->from > s->u.end)
        return false;
    if (s->last->from > s->u.from)
        s->checkpoint = s->last->from;
    return true;
}

/* Names a new state, and seals what is to be told. */
static int seal_all(const struct trk_mini *m, const struct trk_ticket *t,
                    const struct trk_mini_answer *a, const struct trk_mini_input *in,
                    struct shape *s, struct sealed *out)
{
    const struct trk_seal_ops *ops = &m->srv->seal;
    const uint16_t port = t->secret.service_port;
    const struct trk_mini_ucont as_it_was = {.user = in->user, .user_len = in->user_len};
    const struct trk_mini_ucont *head = s->anew && a->has_first ? &a->first : &as_it_was;
    while (s->anew && s->u.state == 0) /* 0 is no name */
        ops->random(ops->ctx, &s->u.state, sizeof s->u.state);
    out->head_len = out->last_len = 0;
    int rc = TRK_OK;
    if (s->checkpoint != UINT64_MAX) {
        struct trk_ucont further = s->u;
        further.from = s->checkpoint;
        further.after = further.state;
        rc = trk_ucont_seal(ops, &further, t->to.conn, port, s->last->user, s->last->user_len,
                            out->last, &out->last_len);
        s->tell = s->anew; /* it tells the rest as well */
    }
    if (rc == TRK_OK && s->tell)
        rc = trk_ucont_seal(ops, &s->u, t->to.conn, port, head->user, head->user_len, out->head,
                            &out->head_len);
    return rc;
}

/* The seqs of a run that were sent meanwhile: bit i of word i / 64. */
static void sent_of(const struct trk_mini *m, const struct trk_ticket *t, const struct trk_run *r,
                    uint64_t sent[3])
{
    for (unsigned i = 0; i * 64 < r->count; i++) {
        unsigned n = r->count - i * 64u < 64 ? r->count - i * 64u : 64;
        bool stale = false;
        sent[i] = trk_replay_sent(m->replay, t->to.space, r->first + i * 64u, n, t->cont_issued_us,
                                  &stale);
        if (stale) /* nobody knows any more */
            sent[i] = UINT64_MAX;
    }
}

static void add_piece(struct trk_mini_plan *plan, unsigned run, uint32_t at,
                      const struct trk_piece *p)
{
    plan->piece[plan->n] = *p;
    plan->src[plan->n].run = (uint8_t)run;
    plan->src[plan->n].at = at;
    plan->n++;
}

/* Pieces of run i. *fin: a FIN is still to be carried. */
static void plan_run(const struct trk_mini *m, const struct trk_ticket *t, unsigned i,
                     uint32_t have, const struct shape *s, bool *fin, struct trk_mini_plan *plan)
{
    const struct trk_run *r = &t->run[i];
    uint64_t sent[3] = {0};
    uint32_t at = 0;
    if (have == 0 && !(*fin && r->off == s->u.end))
        return;
    sent_of(m, t, r, sent);
    for (unsigned j = 0; j < r->count; j++) {
        uint32_t n = have - at < t->to.payload_bytes ? have - at : t->to.payload_bytes;
        struct trk_piece p = {.seq = r->first + j, .off = r->off + at};
        if (s->anew && p.off < s->u.from && s->u.from < p.off + n)
            n = (uint32_t)(s->u.from - p.off);
        p.len = (uint16_t)n;
        p.state = s->anew && p.off < s->u.from ? t->ucont.state : s->u.state;
        p.fin = *fin && p.off + n == s->u.end && (!s->anew || p.off >= s->u.from);
        if (n == 0 && !p.fin)
            return;
        if ((sent[j / 64] >> j % 64 & 1) == 0)
            add_piece(plan, i, at, &p);
        *fin &= !p.fin;
        at += n;
    }
}

static void plan_pieces(const struct trk_mini *m, uint64_t now_us, const struct trk_ticket *t,
                        const struct trk_mini_answer *a, const struct shape *s,
                        struct trk_mini_plan *plan)
{
    bool fin = (s->u.flags & TRK_UCONT_FIN) != 0 && (s->anew || s->tell || has_bytes(t, a));
    plan->n = 0;
    for (unsigned i = 0; i < t->n_runs; i++)
        plan_run(m, t, i, a->have[i], s, &fin, plan);
    if (t->answered && now_us > t->came_us + OLD_TICKET_US && plan->n > TRK_IW_PKTS)
        plan->n = TRK_IW_PKTS;
}

/* Request bytes: what was consumed is done with, what was left is kept. */
static void keep_left(struct trk_mini *m, uint64_t now_us, const struct trk_ticket *t,
                      const struct trk_mini_answer *a, const struct trk_mini_input *in, uint64_t up)
{
    size_t left = in->request_len - a->consumed;
    bool fin = in->request_end && t->up_fin && !a->consumed_end;
    trk_reasm_consume(m->reasm, t->to.conn, up);
    if (!in->held && (left > 0 || fin) && (in->request != NULL || left == 0)) {
        int rc = trk_reasm_add(m->reasm, now_us, t->to.conn, up, up,
                               left > 0 ? in->request + a->consumed : NULL, left, fin);
        (void)rc; /* not kept: it is not acknowledged, and comes again */
    }
    if (a->need > 0 && (left > 0 || fin))
        (void)trk_reasm_need(m->reasm, t->to.conn, up, a->need);
}

/* Did more request bytes come than the handler saw, which waits for them? */
static bool saw_too_little(const struct trk_mini *m, const struct trk_ticket *t,
                           const struct trk_mini_answer *a)
{
    const uint8_t *bytes;
    size_t len;
    bool fin;
    if (a->pending || t->answered || t->up_end == t->ucont.up || t->up_fin ||
        !trk_reasm_peek(m->reasm, t->to.conn, t->ucont.up, &bytes, &len, &fin))
        return false;
    return (len > t->up_end - t->ucont.up || fin) &&
           (fin || len >= trk_reasm_needed(m->reasm, t->to.conn, t->ucont.up));
}

/* May the continuation that was to be given still be? It was found good when the request came. */
static bool may_give_cont(struct trk_mini *m, uint64_t now_us, const struct trk_ticket *t)
{
    if (!t->give_cont)
        return false;
    if (now_us <= t->came_us + TRK_HELD_US)
        return true;
    uint64_t end = trk_law_range_end(&t->law);
    if (!trk_replay_known(m->replay, t->to.space, t->keep_first, end, t->cont_issued_us))
        return false;
    trk_replay_touch(m->replay, t->to.space, t->keep_first, end, now_us);
    return true;
}

/* All that one answer's packets are made of. */
struct build {
    struct trk_mini *m;
    uint64_t now_us;
    struct trk_ticket *t;
    struct trk_mini_plan *plan;
    struct trk_up_state up;
    uint64_t avail;
    uint8_t reason;
};

static struct trk_extras extras_of(struct build *b, const struct load *l)
{
    return (struct trk_extras){.up = &b->up,
                               .law = l->cont ? &b->t->law : NULL,
                               .secret = l->cont ? &b->t->secret : NULL,
                               .ucont = l->ucont,
                               .ucont_len = l->ucont_len,
                               .late = b->t->answered,
                               .avail = b->avail,
                               .reason = b->reason,
                               .most_bytes = b->t->pkt_len};
}

static int write_ack(struct build *b, const struct load *l, uint8_t *buf, size_t *len)
{
    struct trk_extras x = extras_of(b, l);
    uint64_t train_end = b->plan->n > 0 ? b->plan->piece[b->plan->n - 1].seq : 0;
    long n = trk_server_ack(b->m->srv, b->now_us, &b->t->to, NULL, train_end, &x, buf,
                            TRK_REPLY_BYTES_MAX);
    if (n < 0)
        return (int)n;
    *len = (size_t)n;
    return TRK_OK;
}

static bool is_empty(const struct load *l)
{
    return l->ucont_len == 0 && !l->cont;
}

/* Does it fit behind the header of the last packet? */
static bool fits(const struct build *b, const struct load *l)
{
    size_t want =
        trk_wire_data_ext_bytes(l->cont ? TRK_CONT_BYTES : 0, l->ucont_len, b->up.n_sacks);
    return want + b->plan->piece[b->plan->n - 1].len <= b->t->to.payload_bytes;
}

/*
 * Shares out what is to be told over the packet ahead, the last of the train, and the one behind. A
 * new state's continuation must not come after its bytes.
 */
static void share_out(const struct build *b, const struct sealed *c, bool anew, bool cont,
                      struct load *before, struct load *train, struct load *after)
{
    const struct load head = {.ucont = c->head, .ucont_len = c->head_len};
    const struct load last = {.ucont = c->last, .ucont_len = c->last_len};
    *before = *train = *after = (struct load){.cont = false};
    if (!anew) { /* at most one of them */
        *train = c->last_len != 0 ? last : head;
        train->cont = cont;
        if (!fits(b, train)) {
            *after = *train;
            *train = (struct load){.cont = false};
        }
        return;
    }
    if (b->plan->n == 1 && fits(b, &head)) {
        *train = head;
        *after = last;
        train->cont = cont;
        if (cont && !fits(b, train)) {
            train->cont = false;
            after->cont = true;
        }
        return;
    }
    *before = head;
    *train = last;
    train->cont = cont;
    if (cont && !fits(b, train)) {
        train->cont = false;
        before->cont = true;
    }
    if (!fits(b, train) && !is_empty(train)) {
        *after = last;
        *train = (struct load){.cont = false};
    }
}

static int write_train(struct build *b, const struct sealed *c, bool anew, bool cont)
{
    struct trk_mini_plan *plan = b->plan;
    struct load before, train, after;
    bool left = false;
    share_out(b, c, anew, cont, &before, &train, &after);
    struct trk_extras x = extras_of(b, &train);
    int rc = TRK_OK;
    if (!is_empty(&before))
        rc = write_ack(b, &before, plan->before, &plan->before_len);
    if (rc == TRK_OK)
        rc = trk_server_train(b->m->srv, b->m->replay, b->now_us, &b->t->to, plan->piece, plan->n,
                              &x, plan->heads, plan->head_len, &left);
    TRK_ASSERT(rc != TRK_OK || !left || is_empty(&train)); /* uplink ranges alone */
    if (rc == TRK_OK && (left || !is_empty(&after)))
        rc = write_ack(b, &after, plan->after, &plan->after_len);
    return rc;
}

/* Nothing but an ACK; nothing at all where that was sent before and there is no news. */
static int write_answer(struct build *b, const struct sealed *c, bool anew, bool cont)
{
    struct load l = {.ucont = c->head, .ucont_len = c->head_len, .cont = cont};
    if (b->plan->n > 0)
        return write_train(b, c, anew, cont);
    if (!anew && c->last_len != 0) {
        l.ucont = c->last;
        l.ucont_len = c->last_len;
    }
    if (b->t->answered && l.ucont_len == 0)
        return TRK_OK;
    return write_ack(b, &l, b->plan->after, &b->plan->after_len);
}

static uint8_t reason_of(const struct trk_ticket *t, const struct trk_mini_answer *a,
                         const struct trk_mini_plan *plan)
{
    if (plan->n > 0 || t->reason != TRK_REASON_OK || t->n_runs == 0)
        return t->reason;
    return has_bytes(t, a) ? TRK_REASON_SENT : TRK_REASON_NO_DATA;
}

/* The ticket after the answer. */
static void advance(struct trk_ticket *t, const struct trk_mini_answer *a, const struct shape *s,
                    const struct trk_mini_plan *plan, bool cont)
{
    t->n_runs =
        trk_runs_use(t->run, t->n_runs, a->have, s->anew ? s->u.from : 0, t->to.payload_bytes);
    if (plan->n > 0 && plan->piece[plan->n - 1].seq > t->to.high_sent)
        t->to.high_sent = plan->piece[plan->n - 1].seq;
    if (s->anew || t->has_ucont) {
        t->ucont = s->u;
        t->has_ucont = true;
    }
    if (a->consumed_end) {
        t->up_fin = false;
        t->up_end = t->ucont.up;
    }
    t->give_cont &= !cont;
    t->answered = true;
}

int trk_mini_plan(struct trk_mini *m, uint64_t now_us, struct trk_ticket *t,
                  const struct trk_mini_answer *a, const struct trk_mini_input *in,
                  struct trk_mini_plan *plan)
{
    struct shape s;
    struct sealed c;
    plan->n = 0;
    plan->before_len = plan->after_len = 0;
    if (!answer_is_sane(t, a, in) || !shape_of(t, a, &s))
        return TRK_E_INVAL;
    int rc = seal_all(m, t, a, in, &s, &c);
    if (rc != TRK_OK)
        return rc;
    plan_pieces(m, now_us, t, a, &s, plan);
    keep_left(m, now_us, t, a, in, s.u.up);
    if (plan->n == 0 && c.head_len == 0 && c.last_len == 0 && saw_too_little(m, t, a))
        return TRK_E_AGAIN;
    bool cont = may_give_cont(m, now_us, t);
    struct build b = {.m = m,
                      .now_us = now_us,
                      .t = t,
                      .plan = plan,
                      .avail = s.u.end != UINT64_MAX ? s.u.end : 0,
                      .reason = reason_of(t, a, plan)};
    trk_reasm_up_state(m->reasm, t->to.conn, s.u.up, &b.up);
    if ((rc = write_answer(&b, &c, s.anew, cont)) != TRK_OK)
        return rc;
    advance(t, a, &s, plan, cont);
    return TRK_OK;
}
