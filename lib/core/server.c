/*
 * The server's way in: a datagram becomes a verified event. See server_answer.c for the way out.
 */
#include "core/server.h"

#include "core/proof.h"

static enum trk_verdict drop(struct trk_event *ev, int code)
{
    ev->drop = code;
    return TRK_V_DROP;
}

/* Datagrams of another version: told ours, if they are large enough not to make us an amplifier. */
static enum trk_verdict other_version(struct trk_event *ev, const struct trk_common *c, size_t len)
{
    if (len < TRK_OPEN_MIN_BYTES || c->type == TRK_TYPE_VERSION || c->type == TRK_TYPE_RESET ||
        c->type == TRK_TYPE_ACK)
        return drop(ev, TRK_E_VERSION);
    long n = trk_wire_write_version(ev->reply, sizeof ev->reply, c);
    ev->reply_len = (size_t)n;
    ev->drop = TRK_E_VERSION;
    return TRK_V_REPLY;
}

/* An answer without anything sealed: why this REQUEST or UPLINK was not served. */
static enum trk_verdict refuse(const struct trk_server *srv, struct trk_event *ev,
                               const struct trk_common *c, uint32_t reqno, uint32_t ts,
                               enum trk_reason reason)
{
    struct trk_ack_pkt ack = {
        .c = *c, .reqno = reqno, .ts = ts, .instance = srv->instance, .reason = (uint8_t)reason};
    ack.c.flags = 0;
    ev->reply_len = (size_t)trk_wire_write_ack(ev->reply, sizeof ev->reply, &ack, 0);
    return TRK_V_REPLY;
}

/* Kinds that ask in another epoch than the continuation's. */
static bool is_derived(enum trk_kind kind)
{
    return kind == TRK_KIND_HOLE || kind == TRK_KIND_TIMEOUT;
}

/* The claim of a REQUEST: B..k, for derived epochs the parent's B..f-1 as well, and the ranges. */
static int check_proof(const struct trk_server *srv, const struct trk_request_pkt *q,
                       const struct trk_law *parent, const struct trk_request *req, bool *good)
{
    const struct trk_law *law = &req->law;
    uint64_t want = 0;
    int rc = TRK_OK;
    if (is_derived(req->kind))
        rc = trk_proof_span(&srv->seal, req->to.nonce_step, req->to.space, parent->base, q->hole,
                            &want);
    if (rc == TRK_OK)
        rc = trk_proof_span(&srv->seal, req->to.nonce_step, req->to.space, law->base, q->k + 1,
                            &want);
    for (unsigned i = 0; rc == TRK_OK && i < q->n_ranges; i++)
        rc = trk_proof_span(&srv->seal, req->to.nonce_step, req->to.space, q->range[i].first,
                            q->range[i].first + q->range[i].count, &want);
    *good = want == q->proof;
    return rc;
}

/* How many ranges speak of this epoch: the last one of an UNDO is the hole that came after all. */
static unsigned claimed_ranges(const struct trk_request_pkt *q)
{
    return q->kind == TRK_KIND_UNDO && q->n_ranges > 0 ? q->n_ranges - 1u : q->n_ranges;
}

/* Are k and the ranges such as this epoch could have? Ranges are already known to be disjoint and
 * descending. */
static bool claim_in_range(const struct trk_request_pkt *q, const struct trk_law *law)
{
    uint64_t end = trk_law_range_end(law);
    unsigned n = claimed_ranges(q);
    if (q->k + 1 < law->base || q->k >= end)
        return false;
    if (q->kind == TRK_KIND_UNDO && (n == q->n_ranges || q->range[n].first != q->hole ||
                                     q->range[n].count != 1 || q->hole >= law->base))
        return false;
    if (n == 0)
        return true;
    const struct trk_proof_range *top = &q->range[0], *low = &q->range[n - 1];
    return low->first > q->k && top->first + top->count <= end;
}

static void note_refused(struct trk_request *req, uint64_t first, uint64_t bits)
{
    if (bits == 0 || req->n_refused == TRK_REFUSED_MAX)
        return;
    req->refused[req->n_refused].first = first;
    req->refused[req->n_refused].bits = bits;
    req->n_refused++;
}

/* Grants what may be sent of up to 64 seqs of one ask. */
static void grant_chunk(struct trk_request *req, const struct trk_ask *a, uint64_t first,
                        unsigned n, uint64_t sent)
{
    const uint64_t piece = req->to.payload_bytes;
    note_refused(req, first, sent);
    if (sent != 0)
        req->to.high_sent = first + 63 - (unsigned)__builtin_clzll(sent);
    for (unsigned i = 0; i < n && req->n_grants < TRK_GRANTS_MAX; i++) {
        uint64_t at = (first + i - a->first) * piece;
        if ((sent >> i & 1) != 0 || at >= a->len)
            continue;
        uint64_t left = a->len - at;
        req->grant[req->n_grants++] = (struct trk_grant){
            .seq = first + i, .off = a->off + at, .len = (uint16_t)(left < piece ? left : piece)};
    }
}

/* The grant rule over all asks. Returns false when the replay table cannot say any more. */
static bool grant(const struct trk_replay *replay, const struct trk_request_pkt *q,
                  struct trk_request *req)
{
    bool stale = false, beyond = false;
    for (unsigned i = 0; i < q->n_asks; i++) {
        const struct trk_ask *a = &q->ask[i];
        uint64_t s = a->first > q->k ? a->first : q->k + 1;
        uint64_t end = a->first + a->count;
        beyond |= end > req->to.limit + 1;
        if (end > req->to.limit + 1)
            end = req->to.limit + 1;
        for (; s < end; s += 64) {
            unsigned n = end - s < 64 ? (unsigned)(end - s) : 64;
            uint64_t sent =
                trk_replay_sent(replay, req->to.space, s, n, req->cont_issued_us, &stale);
            grant_chunk(req, a, s, n, sent);
        }
    }
    if (beyond)
        req->reason = TRK_REASON_WINDOW;
    else if (req->n_grants == 0 && req->n_refused != 0)
        req->reason = TRK_REASON_SENT;
    return !stale;
}

/* A new space: no DATA in this answer, and none of the old space's nonces is worth anything in it.
 */
static void make_stale(const struct trk_server *srv, const struct trk_law *parent,
                       struct trk_request *req)
{
    trk_law_stale(parent, &req->law);
    srv->seal.random(srv->seal.ctx, &req->secret.rho, sizeof req->secret.rho);
    req->secret.nonce_step = srv->seal.step(srv->seal.ctx);
    req->reason = TRK_REASON_STALE;
    req->give_cont = true;
    req->keep_first = req->keep_end = 0;
    req->n_grants = 0;
    req->n_refused = 0;
}

static void refresh(const struct trk_request_pkt *q, const struct trk_law *parent, uint64_t now_us,
                    struct trk_request *req)
{
    uint64_t asked = q->k;
    if (q->n_asks > 0)
        asked = q->ask[q->n_asks - 1].first + q->ask[q->n_asks - 1].count - 1;
    if (asked > req->to.limit)
        asked = req->to.limit;
    uint64_t age = now_us > parent->issued_us ? now_us - parent->issued_us : 0;
    uint64_t rtt = age > q->hold_us ? age - q->hold_us : 0; /* hold can only make it smaller */
    trk_law_refresh(parent, q->k, asked, q->w_cl_pkts, age, rtt > UINT32_MAX ? 0 : (uint32_t)rtt,
                    &req->law);
    req->give_cont = true;
}

static void fill_request(const struct trk_request_pkt *q, const struct trk_addr *from,
                         const struct trk_law *parent, struct trk_request *req)
{
    req->to = (struct trk_answer){
        .peer = *from,
        .cid = q->c.cid,
        .conn = req->secret.conn,
        .reqno = q->reqno,
        .ts = q->ts,
        .space = {req->secret.rho, parent->owner},
        .nonce_step = req->secret.nonce_step,
        .open_step = req->secret.open_step,
        .packet_size = parent->packet_size,
        .payload_bytes = trk_law_payload_bytes(parent),
        .stateless = (parent->flags & TRK_LAW_STATELESS) != 0,
        .steer = q->c.steer,
    };
    req->secret.peer.port = from->port;
    req->kind = q->kind;
    req->hole = q->hole;
    req->first = (parent->flags & TRK_LAW_FIRST) != 0;
    req->give_cont = false;
    req->keep_first = req->keep_end = 0;
    req->reason = TRK_REASON_OK;
    req->asked = q->n_asks > 0;
    req->cont_issued_us = parent->issued_us;
    req->down_una = q->down_una;
    req->srtt_us = parent->srtt_us;
    req->fin = (q->c.flags & TRK_REQ_FIN) != 0;
    req->repeat = (q->c.flags & TRK_REQ_REPEAT) != 0;
    req->up_off = q->up_off;
    req->up = q->up;
    req->up_len = q->up_len;
    req->ucont = q->ucont;
    req->ucont_len = q->ucont_len;
    req->n_grants = 0;
    req->n_refused = 0;
}

/* Fresh, and ours: the window. */
static enum trk_verdict serve(const struct trk_server *srv, const struct trk_replay *replay,
                              uint64_t now_us, const struct trk_request_pkt *q,
                              const struct trk_law *parent, struct trk_event *ev)
{
    struct trk_request *req = &ev->req;
    req->law = *parent;
    struct trk_law undone;
    if (q->kind == TRK_KIND_UNDO &&
        trk_law_undo(parent, q->hole, q->k, req->secret.ssthresh_prev_q, &undone) != TRK_OK)
        return drop(ev, TRK_E_FIELD);
    if (is_derived(q->kind)) {
        int rc = trk_law_derive(parent, q->kind, q->hole, q->attempt, q->w_cl_pkts, &req->law);
        if (rc != TRK_OK)
            return drop(ev, rc);
        req->secret.ssthresh_prev_q = parent->ssthresh_q;
        req->give_cont = (q->c.flags & TRK_REQ_REFRESH) != 0;
    }
    if (!claim_in_range(q, &req->law))
        return drop(ev, TRK_E_FIELD);
    bool good = false;
    if (check_proof(srv, q, parent, req, &good) !=
        TRK_OK) { /* the salt's key is gone: a day has passed */
        make_stale(srv, parent, req);
        return TRK_V_REQUEST;
    }
    if (!good) {
        req->reason = TRK_REASON_PROOF_BAD;
        req->give_cont = false;
        return TRK_V_REQUEST;
    }
    uint32_t n = 0;
    for (unsigned i = 0; i < claimed_ranges(q); i++)
        n += q->range[i].count;
    req->to.limit =
        trk_law_limit(&req->law, q->k, n, q->w_cl_pkts, (q->c.flags & TRK_REQ_PROBE) != 0);
    bool known = grant(replay, q, req);
    if (known && q->kind == TRK_KIND_UNDO) {
        req->law = undone;
        req->give_cont = true;
    } else if (known && q->kind == TRK_KIND_ASK && (q->c.flags & TRK_REQ_REFRESH) != 0)
        refresh(q, parent, now_us, req);
    if (req->give_cont) { /* issued anew, it would hide what was forgotten since the parent's issue */
        req->keep_first = q->k + 1;
        req->keep_end = trk_law_range_end(&req->law);
        known = known && trk_replay_known(replay, req->to.space, req->keep_first, req->keep_end,
                                          parent->issued_us);
    }
    if (!known)
        make_stale(srv, parent, req);
    return TRK_V_REQUEST;
}

static enum trk_verdict read_request(const struct trk_server *srv, const struct trk_replay *replay,
                                     uint64_t now_us, const struct trk_addr *from,
                                     const uint8_t *pkt, size_t len, struct trk_event *ev)
{
    struct trk_request_pkt q;
    struct trk_law parent;
    int rc = trk_wire_read_request(pkt, len, &q);
    if (rc != TRK_OK)
        return drop(ev, rc);
    if (q.kind > TRK_KIND_UNDO) /* laid out, not spoken */
        return drop(ev, TRK_E_FIELD);
    rc = trk_cont_open(&srv->seal, q.cont, q.cont_len, &parent, &ev->req.secret);
    if (rc == TRK_OK && ev->req.secret.opened_us + srv->lifetime_us < now_us)
        rc = TRK_E_CANNOT_OPEN;
    if (rc != TRK_OK) {
        ev->drop = rc;
        return refuse(srv, ev, &q.c, q.reqno, q.ts, TRK_REASON_CANNOT_OPEN);
    }
    if (q.ucont_len != 0 && (parent.flags & TRK_LAW_STATELESS) == 0)
        return drop(ev, TRK_E_FIELD);
    if (!trk_addr_same_ip(&ev->req.secret.peer, from))
        return refuse(srv, ev, &q.c, q.reqno, q.ts, TRK_REASON_ADDRESS);
    if (parent.owner != srv->instance)
        return refuse(srv, ev, &q.c, q.reqno, q.ts, TRK_REASON_NOT_HERE);
    fill_request(&q, from, &parent, &ev->req);
    ev->req.pkt_len = len;
    if (parent.issued_us + srv->freshness_us < now_us ||
        parent.issued_us > now_us + srv->freshness_us) {
        make_stale(srv, &parent, &ev->req);
        return TRK_V_REQUEST;
    }
    return serve(srv, replay, now_us, &q, &parent, ev);
}

static enum trk_verdict read_reset(const struct trk_server *srv, const struct trk_addr *from,
                                   const uint8_t *pkt, size_t len, struct trk_event *ev)
{
    struct trk_reset_pkt x;
    struct trk_law law;
    int rc = trk_wire_read_reset(pkt, len, &x);
    if (rc == TRK_OK)
        rc = trk_cont_open(&srv->seal, x.cont, x.cont_len, &law, &ev->req.secret);
    if (rc == TRK_OK && !trk_addr_same_ip(&ev->req.secret.peer, from))
        rc = TRK_E_UNKNOWN;
    return rc == TRK_OK ? TRK_V_RESET : drop(ev, rc);
}

enum trk_verdict trk_server_read(const struct trk_server *srv, const struct trk_replay *replay,
                                 uint64_t now_us, const struct trk_addr *from, const uint8_t *pkt,
                                 size_t len, struct trk_event *ev)
{
    struct trk_common c;
    ev->from = *from;
    ev->drop = TRK_OK;
    ev->reply_len = 0;
    if (len < TRK_COMMON_BYTES)
        return drop(ev, TRK_E_SHORT);
    int rc = trk_wire_common(pkt, len, &c);
    if (c.from_server)
        return drop(ev, TRK_E_TYPE);
    if (c.version != TRK_VERSION)
        return other_version(ev, &c, len);
    if (rc != TRK_OK)
        return drop(ev, rc);
    switch (c.type) {
    case TRK_TYPE_OPEN:
        rc = trk_wire_read_open(pkt, len, &ev->open);
        return rc == TRK_OK ? TRK_V_OPEN : drop(ev, rc);
    case TRK_TYPE_REQUEST:
        return read_request(srv, replay, now_us, from, pkt, len, ev);
    case TRK_TYPE_UPLINK:
        rc = trk_wire_read_uplink(pkt, len, &ev->uplink);
        return rc == TRK_OK ? TRK_V_UPLINK : drop(ev, rc);
    case TRK_TYPE_RESET:
        return read_reset(srv, from, pkt, len, ev);
    case TRK_TYPE_PATH:
    case TRK_TYPE_VERSION:
    case TRK_TYPE_DATA:
    case TRK_TYPE_ACK:
    default:
        return drop(ev, TRK_E_TYPE);
    }
}

void trk_server_need_cont(const struct trk_server *srv, struct trk_event *ev)
{
    if (TRK_UPLINK_BYTES + ev->uplink.up_len >= TRK_ACK_BYTES) /* never larger than what it answers */
        (void)refuse(srv, ev, &ev->uplink.c, ev->uplink.reqno, ev->uplink.ts, TRK_REASON_NEED_CONT);
}
