/*
 * The way in: what a handler is to see, and the ACKs of requests that none sees. See mini_plan.c
 * for the way out.
 */
#include "core/mini.h"

/* Shows request bytes from ticket.ucont.up on. */
static void show(struct trk_ticket *t, struct trk_mini_input *in, const uint8_t *bytes, size_t len,
                 bool fin, bool held)
{
    in->request = bytes;
    in->request_len = len;
    in->request_end = fin;
    in->held = held;
    t->up_end = t->ucont.up + len;
    t->up_fin = fin;
}

/* What the reassembly has, if it is as much as the handler said that it needs. */
static void show_held(const struct trk_mini *m, struct trk_ticket *t, struct trk_mini_input *in)
{
    const uint8_t *bytes;
    size_t len;
    bool fin;
    bool any = trk_reasm_peek(m->reasm, t->to.conn, t->ucont.up, &bytes, &len, &fin);
    if (!any || (!fin && len < trk_reasm_needed(m->reasm, t->to.conn, t->ucont.up)))
        show(t, in, NULL, 0, false, false);
    else
        show(t, in, bytes, len, fin, true);
}

/* Were packets asked for, and may none be sent? Then it is a copy, or there is no window. */
static bool grants_nothing(const struct trk_request *req)
{
    return req->asked && req->n_grants == 0;
}

/*
 * Uplink bytes: those of a packet that brings all that there is are shown where they lie, so that a
 * request of one packet costs no entry; all else goes through the reassembly.
 */
static void take_uplink(struct trk_mini *m, uint64_t now_us, const struct trk_request *req,
                        struct trk_mini_event *ev)
{
    struct trk_ticket *t = &ev->ticket;
    const uint64_t up = t->ucont.up, end = req->up_off + req->up_len;
    bool brings = end > up || (req->fin && end == up);
    bool direct = brings && req->up_off <= up && !grants_nothing(req) &&
                  !trk_reasm_holds(m->reasm, t->to.conn);
    if (brings && !direct &&
        trk_reasm_add(m->reasm, now_us, t->to.conn, up, req->up_off, req->up, req->up_len,
                      req->fin) != TRK_OK)
        direct = req->up_off <= up && !trk_reasm_holds(m->reasm, t->to.conn);
    if (direct)
        show(t, &ev->in, req->up + (up - req->up_off), (size_t)(end - up), req->fin, false);
    else
        show_held(m, t, &ev->in);
}

/* Is something asked for that the continuation presented can give? */
static bool can_give(const struct trk_ticket *t)
{
    for (unsigned i = 0; i < t->n_runs; i++)
        if (t->run[i].off < trk_ticket_end(t))
            return true;
    return false;
}

/* Has this connection, as far as this request says, never said anything? */
static bool is_new(const struct trk_mini *m, const struct trk_request *req,
                   const struct trk_ticket *t)
{
    return !t->has_ucont && t->n_runs > 0 && req->up_len == 0 && !req->fin &&
           !trk_reasm_holds(m->reasm, t->to.conn);
}

bool trk_mini_take(struct trk_mini *m, uint64_t now_us, const struct trk_request *req,
                   bool want_new, struct trk_mini_event *ev)
{
    struct trk_ucont u;
    struct trk_ticket *t = &ev->ticket;
    int rc = TRK_OK;
    ev->in = (struct trk_mini_input){.user = ev->user};
    if (req->ucont_len != 0)
        rc = trk_ucont_open(&m->srv->seal, req->ucont, req->ucont_len, req->to.conn,
                            req->secret.service_port, &u, ev->user, &ev->in.user_len);
    trk_ticket_make(t, req, req->ucont_len != 0 && rc == TRK_OK ? &u : NULL, now_us);
    if (req->reason == TRK_REASON_STALE || req->reason == TRK_REASON_PROOF_BAD)
        return false;
    if (rc != TRK_OK) {
        t->reason = TRK_REASON_CANNOT_OPEN;
        return false;
    }
    take_uplink(m, now_us, req, ev);
    if (grants_nothing(req))
        return false;
    if (ev->in.held && !trk_reasm_show(m->reasm, now_us, t->to.conn, t->ucont.up))
        show(t, &ev->in, NULL, 0, false, false);
    if (ev->in.request_len > 0 || ev->in.request_end)
        ev->kind = ev->in.request_end ? TRK_MINI_CLOSED : TRK_MINI_REQUEST;
    else if (can_give(t))
        ev->kind = TRK_MINI_MORE;
    else if (want_new && is_new(m, req, t))
        ev->kind = TRK_MINI_NEW;
    else
        return false;
    return true;
}

enum trk_mini_kind trk_mini_again(struct trk_mini *m, uint64_t now_us, struct trk_ticket *t,
                                  struct trk_mini_input *in)
{
    show_held(m, t, in);
    trk_reasm_show(m->reasm, now_us, t->to.conn, t->ucont.up);
    return in->request_end ? TRK_MINI_CLOSED : TRK_MINI_REQUEST;
}

size_t trk_mini_ack(struct trk_mini *m, uint64_t now_us, const struct trk_ticket *t,
                    enum trk_reason reason, uint8_t *buf)
{
    struct trk_up_state up;
    struct trk_law law = t->law;
    struct trk_extras x = {.up = &up, .late = t->answered, .most_bytes = t->pkt_len};
    trk_reasm_up_state(m->reasm, t->to.conn, t->ucont.up, &up);
    if (t->give_cont) {
        x.law = &law;
        x.secret = &t->secret;
    }
    if (reason == TRK_REASON_OK)
        reason = t->reason != TRK_REASON_OK ? (enum trk_reason)t->reason
                 : t->n_runs > 0            ? TRK_REASON_NO_DATA
                                            : TRK_REASON_OK;
    x.reason = (uint8_t)reason;
    long n = trk_server_ack(m->srv, now_us, &t->to, NULL, 0, &x, buf, TRK_REPLY_BYTES_MAX);
    return n > 0 ? (size_t)n : 0;
}
