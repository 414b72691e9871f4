/*
 * One connection's life: opening, reading answers, timers. States and their edges:
 *
 *   OPENING -> OPEN      an ACK with OPENED and a continuation came
 *   OPENING -> FAILED    refused, no answer, aborted, no memory
 *   OPEN -> CLOSED       both FINs delivered and acknowledged (of a stateless service: there)
 *   OPEN -> FAILED       reset, silence, aborted, no memory
 */
#include "core/client_int.h"
#include "core/reasm.h"

#define MS_NS UINT64_C(1000000)

static void enter(struct trk_client *c, enum trk_client_state to)
{
    TRK_ASSERT(
        (c->state == TRK_CLIENT_OPENING && (to == TRK_CLIENT_OPEN || to == TRK_CLIENT_FAILED)) ||
        (c->state == TRK_CLIENT_OPEN && (to == TRK_CLIENT_CLOSED || to == TRK_CLIENT_FAILED)));
    c->state = to;
}

void trk_client_fail(struct trk_client *c, int error)
{
    if (c->state == TRK_CLIENT_CLOSED || c->state == TRK_CLIENT_FAILED)
        return;
    c->error = error;
    enter(c, TRK_CLIENT_FAILED);
}

struct trk_client *trk_client_new(const struct trk_client_conf *conf, uint64_t now_ns)
{
    struct trk_client *c = conf->mem->resize(conf->mem->ctx, NULL, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct trk_client){
        .conf = *conf,
        .mem = *conf->mem,
        .ring_mem = conf->ring_mem != NULL ? *conf->ring_mem : *conf->mem,
        .state = TRK_CLIENT_OPENING,
        .open_next_ns = now_ns,
        .reqno = 1,
        .space_reqno = 1,
        .reorder = TRK_REORDER_MIN,
        .reorder_steps = 1,
        .ask_due_ns = TRK_NEVER_NS,
        .fin_off = TRK_NO_OFF,
        .keepalive_ns = TRK_KEEPALIVE_FIRST_MS * MS_NS,
        .heard_ns = now_ns,
        .pace = {.at_ns = now_ns},
        .up.pace = {.at_ns = now_ns},
    };
    if (c->conf.packet_size < TRK_PACKET_MIN_BYTES)
        c->conf.packet_size = TRK_PACKET_MIN_BYTES;
    if (c->conf.packet_size > TRK_PACKET_V4_BYTES)
        c->conf.packet_size = TRK_PACKET_V4_BYTES;
    trk_rcvbuf_init(&c->down, conf->down_window_bytes);
    trk_ranges_init(&c->want, TRK_WANT_RANGES_MAX);
    trk_up_init(&c->up, conf->up_window_bytes);
    trk_track_reset(&c->cur, 1);
    trk_track_reset(&c->old, 1);
    return c;
}

void trk_client_free(struct trk_client *c)
{
    if (c == NULL)
        return;
    struct trk_mem mem = c->mem;
    trk_rcvbuf_free(&c->down, &c->ring_mem);
    trk_ranges_free(&c->want, &mem);
    trk_up_free(&c->up, &mem, &c->ring_mem);
    trk_uc_free(c);
    trk_track_free(&c->cur, &mem);
    trk_track_free(&c->old, &mem);
    mem.resize(mem.ctx, c, 0);
}

bool trk_client_down_done(const struct trk_client *c)
{
    return c->fin_off != TRK_NO_OFF && c->down.una >= c->fin_off;
}

bool trk_client_ending(const struct trk_client *c)
{
    return c->final_sent && c->up.fin_acked;
}

/* Was this request sent, and not too long ago to be answered now? */
static bool plausible(const struct trk_client *c, uint32_t reqno)
{
    return trk_newer32(c->reqno, reqno) && c->reqno - reqno < 1u << 30;
}

static void take_time(struct trk_client *c, uint64_t now_ns, uint32_t ts)
{
    uint32_t us = trk_us32(now_ns) - ts;
    if (us < (uint32_t)TRK_RTO_MAX_US)
        trk_rtt_sample(&c->rtt, us);
}

/*
 * Only the first answer to a request counts, and only if none to a later one came before it: an old
 * request that somebody sends again is answered again, with its old time, and would make the path
 * look seconds long.
 */
static void sample(struct trk_client *c, uint64_t now_ns, uint32_t reqno, uint32_t ts)
{
    if (!trk_newer32(reqno, c->sampled_reqno))
        return;
    c->sampled_reqno = reqno;
    take_time(c, now_ns, ts);
}

static void opened(struct trk_client *c, uint64_t now_ns, const struct trk_ack_pkt *a, size_t len)
{
    struct trk_law law;
    if (trk_cont_read_law(a->cont, a->cont_len, &law) != TRK_OK || law.packet_size > len ||
        law.packet_size > c->conf.packet_size)
        return; /* it did not show that packets of this size arrive, or is more than was offered */
    c->law = c->epoch = law;
    c->stateless = (law.flags & TRK_LAW_STATELESS) != 0;
    if (c->stateless && c->up.buf.max < TRK_MINI_UP_WINDOW_BYTES)
        c->up.buf.max = TRK_MINI_UP_WINDOW_BYTES; /* nothing of a request is released before all of it is used */
    memcpy(c->cont, a->cont, TRK_CONT_BYTES);
    c->cont_ns = now_ns;
    c->reset_token = a->reset_token;
    c->uplink_ref = a->uplink_ref;
    c->up.limit = a->up.credit_bytes;
    take_time(c, now_ns, a->ts);
    enter(c, TRK_CLIENT_OPEN);
    trk_track_reset(&c->cur, law.base);
    c->overlap[0] = c->overlap[1] = law.base;
    c->ask_due_ns = now_ns + TRK_FIRST_WAIT_NS;
    c->progress_ns = now_ns;
}

static int read_opening(struct trk_client *c, uint64_t now_ns, const struct trk_ack_pkt *a,
                        size_t len)
{
    if ((a->c.flags & TRK_ACK_OPENED) == 0 || a->nonce != c->conf.nonce)
        return TRK_E_UNKNOWN;
    if (a->reason == TRK_REASON_NO_SERVICE || a->reason == TRK_REASON_BUSY)
        trk_client_fail(c, TRK_E_REFUSED);
    else if (a->cont != NULL)
        opened(c, now_ns, a, len);
    return TRK_OK;
}

/* Common to DATA and ACK: the server has heard us. */
static void heard(struct trk_client *c, uint64_t now_ns, uint32_t reqno, const struct trk_common *h)
{
    c->heard_ns = c->quiet_ns = now_ns;
    c->answered = true;
    c->cannot_open = 0;
    if (c->away_since_ns != 0) /* its timers stood still */
        c->progress_ns = c->up.progress_ns = now_ns;
    c->away_since_ns = 0;
    c->steer = h->steer;
    if (trk_client_ending(c) && !trk_newer32(c->final_reqno, reqno) && c->state == TRK_CLIENT_OPEN)
        enter(c, TRK_CLIENT_CLOSED);
}

/* When the request with this timestamp left; 0 if the answer was put off or the echo makes no sense. */
static uint64_t asked_ns(uint64_t now_ns, uint32_t ts, bool late)
{
    uint64_t ago_ns = (uint64_t)(trk_us32(now_ns) - ts) * 1000;
    return late || ago_ns >= now_ns || ago_ns > (uint64_t)TRK_RTO_MAX_US * 1000 ? 0 : now_ns - ago_ns;
}

/* A stateless service has no final request to answer: both ends know all when both FINs are there. */
static void end_stateless(struct trk_client *c)
{
    if (c->stateless && c->state == TRK_CLIENT_OPEN && trk_client_down_done(c) && c->up.fin_acked)
        enter(c, TRK_CLIENT_CLOSED);
}

/* Leaves of the payload what follows a state that is held. */
static void take_state(struct trk_client *c, uint64_t now_ns, struct trk_data_pkt *d)
{
    if (d->ucont != NULL)
        trk_uc_take(c, d->ucont, d->ucont_len);
    bool fin = (d->c.flags & TRK_DATA_FIN) != 0;
    size_t keep = trk_uc_keep(c, d);
    if (keep == d->payload_len && fin)
        trk_uc_fin(c, d->state, d->off + d->payload_len);
    if (keep < d->payload_len || d->up.ack > trk_uc_up(c))
        trk_uc_unknown(c, now_ns, d->reqno, d->up.ack);
    d->payload_len = keep;
    d->c.flags &= (uint16_t)~TRK_DATA_FIN;
}

/* Bytes of a stateless service may have moved. */
static void moved(struct trk_client *c, uint64_t una)
{
    if (c->stateless && c->down.una != una)
        trk_uc_advance(c);
    end_stateless(c);
}

static int read_data(struct trk_client *c, uint64_t now_ns, const uint8_t *pkt, size_t len)
{
    struct trk_data_pkt d;
    int rc = trk_wire_read_data(pkt, len, &d);
    if (rc != TRK_OK)
        return rc;
    if (c->state != TRK_CLIENT_OPEN || !plausible(c, d.reqno))
        return TRK_E_UNKNOWN;
    if (((d.c.flags & TRK_DATA_STATE) != 0) != c->stateless)
        return TRK_E_FIELD;
    uint64_t una = c->down.una;
    if (c->stateless)
        take_state(c, now_ns, &d);
    c->stat.data_in++;
    if ((d.c.flags & TRK_DATA_LATE) == 0)
        sample(c, now_ns, d.reqno, d.ts);
    uint64_t room = c->fin_off == TRK_NO_OFF ? UINT64_MAX : c->fin_off;
    size_t keep = d.off >= room ? 0 : (size_t)trk_min64(d.payload_len, room - d.off);
    if (trk_rcvbuf_write(&c->down, &c->ring_mem, d.off, d.payload, keep) == TRK_E_NOMEM) {
        c->starved = true;
        heard(c, now_ns, d.reqno, &d.c);
        return TRK_E_NOMEM; /* as if lost */
    }
    c->keepalive_ns = TRK_KEEPALIVE_FIRST_MS * MS_NS;
    if (keep > 0 || !c->stateless)
        trk_ask_bytes(c, &d);
    rc = trk_epoch_data(c, now_ns, &d);
    if (rc == TRK_E_DUPLICATE)
        c->stat.data_dup++;
    trk_epoch_unsent(c, now_ns, d.reqno, d.ts, (d.c.flags & TRK_DATA_LATE) != 0, d.train_end);
    if (d.cont != NULL)
        trk_epoch_take_cont(c, now_ns, d.cont, d.cont_len, false);
    trk_up_ack(c, now_ns, asked_ns(now_ns, d.ts, (d.c.flags & TRK_DATA_LATE) != 0), d.reqno, &d.up,
               false);
    heard(c, now_ns, d.reqno, &d.c);
    moved(c, una);
    if (c->discard)
        trk_client_down_discard(c, now_ns);
    return TRK_OK;
}

/* Soft: the server may be one of several, with the wrong clock. Hard after several tries over
 * several seconds. */
static void cannot_open(struct trk_client *c, uint64_t now_ns)
{
    if (c->cannot_open == 0 || now_ns - c->cannot_open_ns >= 1000 * MS_NS) {
        c->cannot_open++;
        c->cannot_open_ns = now_ns;
    }
    if (c->cannot_open > TRK_CANNOT_OPEN_TRIES)
        trk_client_fail(c, TRK_E_RESET);
}

/*
 * The service is not there, and will be, as is said since `since` (0: now): nothing counts as lost, no timer
 * backs off, and one request asks from time to time.
 */
static void wait_for_service(struct trk_client *c, uint64_t now_ns, uint64_t since)
{
    if (trk_uc_idle(c)) /* another answer came before it: there is nothing to ask again */
        return;
    c->away_since_ns = since != 0 ? since : now_ns;
    if (since == 0)
        c->away_next_ns = now_ns + TRK_AWAY_AGAIN_MS * MS_NS;
}

static void away(struct trk_client *c, uint64_t now_ns, const struct trk_ack_pkt *a)
{
    uint64_t since = c->away_since_ns;
    trk_epoch_unsent(c, now_ns, a->reqno, a->ts, (a->c.flags & TRK_ACK_LATE) != 0, a->train_end);
    if (a->cont != NULL)
        trk_epoch_take_cont(c, now_ns, a->cont, a->cont_len, false);
    trk_up_again(c, a->reqno, false);
    heard(c, now_ns, a->reqno, &a->c);
    wait_for_service(c, now_ns, since);
    if (c->away_since_ns != 0 && now_ns - c->away_since_ns >= TRK_AWAY_LIMIT_MS * MS_NS)
        trk_client_fail(c, TRK_E_RESET);
}

void trk_client_unreached(struct trk_client *c, uint64_t now_ns, const uint8_t *pkt, size_t len)
{
    uint64_t cid;
    uint32_t reqno;
    if (c->state != TRK_CLIENT_OPEN || !c->stateless ||
        trk_wire_read_reqno(pkt, len, &cid, &reqno) != TRK_OK || cid != c->conf.cid ||
        !plausible(c, reqno))
        return;
    trk_epoch_unsent(c, now_ns, reqno, 0, true, 0);
    trk_up_again(c, reqno, false);
    if (trk_newer32(reqno, c->sampled_reqno)) /* else it is there again, or was elsewhere */
        wait_for_service(c, now_ns, c->away_since_ns);
}

/* A handler saw none of this request's uplink bytes; none of any under way in a space that has ended. */
static void up_unseen(struct trk_client *c, const struct trk_ack_pkt *a)
{
    if (c->stateless)
        trk_up_again(c, a->reqno, a->reason == TRK_REASON_STALE && c->space_reqno == c->reqno);
}

static int read_ack(struct trk_client *c, uint64_t now_ns, const uint8_t *pkt, size_t len)
{
    struct trk_ack_pkt a;
    int rc = trk_wire_read_ack(pkt, len, &a);
    if (rc != TRK_OK)
        return rc;
    if (c->state == TRK_CLIENT_OPENING)
        return read_opening(c, now_ns, &a, len);
    if (c->state != TRK_CLIENT_OPEN || !plausible(c, a.reqno) || (a.c.flags & TRK_ACK_OPENED) != 0)
        return TRK_E_UNKNOWN;
    switch ((enum trk_reason)a.reason) {
    case TRK_REASON_CANNOT_OPEN:
    case TRK_REASON_ADDRESS:
    case TRK_REASON_NOT_HERE:
        cannot_open(c, now_ns);
        return TRK_OK;
    case TRK_REASON_NEED_CONT:
        c->answered = false; /* full requests, until one is answered */
        c->ask_now = true;
        return TRK_OK;
    case TRK_REASON_PROOF_BAD:
        if (!trk_newer32(c->space_reqno, a.reqno)) {
            trk_epoch_timeout(c, now_ns, true);
            c->space_reqno = c->reqno; /* answers to the false claim are all alike: one is enough */
        }
        up_unseen(c, &a);
        return TRK_OK;
    case TRK_REASON_AWAY:
        if (!c->stateless)
            break;
        away(c, now_ns, &a);
        return TRK_OK;
    case TRK_REASON_OK:
    case TRK_REASON_NO_DATA:
    case TRK_REASON_WINDOW:
    case TRK_REASON_SENT:
    case TRK_REASON_STALE:
    case TRK_REASON_NO_SERVICE:
    case TRK_REASON_BUSY:
    case TRK_REASON_COUNT:
    default:
        break;
    }
    if ((a.c.flags & TRK_ACK_LATE) == 0)
        sample(c, now_ns, a.reqno, a.ts);
    if (a.reason != TRK_REASON_STALE) {
        trk_epoch_refused(c, now_ns, &a);
        trk_epoch_unsent(c, now_ns, a.reqno, a.ts, (a.c.flags & TRK_ACK_LATE) != 0, a.train_end);
    }
    if (a.cont != NULL)
        trk_epoch_take_cont(c, now_ns, a.cont, a.cont_len, a.reason == TRK_REASON_STALE);
    if (c->stateless && a.ucont != NULL)
        trk_uc_take(c, a.ucont, a.ucont_len);
    if (c->stateless && a.up.ack > trk_uc_up(c))
        trk_uc_unknown(c, now_ns, a.reqno, a.up.ack);
    if (c->stateless && a.reason == TRK_REASON_STALE)
        up_unseen(c, &a);
    else
        trk_up_ack(c, now_ns, asked_ns(now_ns, a.ts, (a.c.flags & TRK_ACK_LATE) != 0), a.reqno,
                   &a.up, true);
    heard(c, now_ns, a.reqno, &a.c);
    moved(c, c->down.una);
    return TRK_OK;
}

static int read_reset(struct trk_client *c, const uint8_t *pkt, size_t len)
{
    struct trk_reset_pkt x;
    int rc = trk_wire_read_reset(pkt, len, &x);
    if (rc != TRK_OK)
        return rc;
    if (c->state != TRK_CLIENT_OPEN || x.token != c->reset_token)
        return TRK_E_UNKNOWN;
    if (trk_client_ending(c)) /* all was delivered: the server has just forgotten us first */
        enter(c, TRK_CLIENT_CLOSED);
    else
        trk_client_fail(c, TRK_E_RESET);
    return TRK_OK;
}

int trk_client_read(struct trk_client *c, uint64_t now_ns, const uint8_t *pkt, size_t len)
{
    struct trk_common h;
    int rc = trk_wire_common(pkt, len, &h);
    if (rc != TRK_OK)
        return rc;
    if (!h.from_server)
        return TRK_E_TYPE;
    if (h.cid != c->conf.cid)
        return TRK_E_UNKNOWN;
    c->stat.pkts_in++;
    switch (h.type) {
    case TRK_TYPE_DATA:
        return read_data(c, now_ns, pkt, len);
    case TRK_TYPE_ACK:
        return read_ack(c, now_ns, pkt, len);
    case TRK_TYPE_RESET:
        return read_reset(c, pkt, len);
    case TRK_TYPE_VERSION:
        if (c->state == TRK_CLIENT_OPENING && len > TRK_COMMON_BYTES)
            trk_client_fail(
                c, TRK_E_REFUSED); /* it speaks, but not our version: as if nobody listened */
        return TRK_OK;
    case TRK_TYPE_PATH:
    case TRK_TYPE_OPEN:
    case TRK_TYPE_REQUEST:
    case TRK_TYPE_UPLINK:
    default:
        return TRK_E_TYPE;
    }
}

void trk_client_batch_end(struct trk_client *c, uint64_t now_ns)
{
    if (c->state != TRK_CLIENT_OPEN)
        return;
    if (!trk_client_down_done(c))
        trk_epoch_detect(c, now_ns);
    trk_ask_schedule(c, now_ns);
    if (trk_client_down_done(c) && c->up.fin_acked && !c->final_sent)
        c->ask_now = true;
}

/* Uplink bytes may go in the short form: the server has what it needs of us, or gets it in the
 * packet before. A continuation takes a seventh of a packet, so it goes but once in a while. */
static bool short_form(const struct trk_client *c, uint64_t now_ns)
{
    uint64_t every_ns = trk_max64((uint64_t)c->rtt.srtt_us * 125, TRK_DELAY_MIN_NS);
    return !c->stateless && c->answered &&
           now_ns - c->request_ns < trk_min64(every_ns, TRK_DELAY_MAX_NS) &&
           (c->final_sent || !trk_client_down_done(c));
}

size_t trk_client_write(struct trk_client *c, uint64_t now_ns, uint8_t *buf, size_t cap)
{
    size_t n = 0;
    if (c->state == TRK_CLIENT_FAILED && c->resets_left > 0 && now_ns >= c->reset_next_ns) {
        n = trk_request_reset(c, buf, cap);
        c->reset_next_ns = now_ns + (200 * MS_NS << (TRK_RESET_REPEATS - c->resets_left));
        c->resets_left--;
    } else if (c->state == TRK_CLIENT_OPENING && now_ns >= c->open_next_ns &&
               c->opens_sent < TRK_OPEN_TRIES) {
        n = trk_request_open(c, now_ns, buf, cap);
    } else if (c->state == TRK_CLIENT_OPEN) {
        if (trk_ask_due(c, now_ns))
            n = trk_request_write(c, now_ns, false, buf, cap);
        else if (trk_up_ready(c, now_ns))
            n = short_form(c, now_ns) ? trk_request_uplink(c, now_ns, buf, cap)
                                      : trk_request_write(c, now_ns, true, buf, cap);
    }
    if (n > 0) {
        c->last_out_ns = now_ns;
        c->stat.pkts_out++;
    }
    return n;
}

static uint64_t probe_deadline(const struct trk_client *c)
{
    if (c->cur.n_asked + c->old.n_asked == 0 || trk_client_down_done(c))
        return TRK_NEVER_NS;
    uint64_t rto = trk_rtt_rto_us(&c->rtt, c->backoff), probe = trk_rtt_probe_us(&c->rtt);
    return c->progress_ns + 1000 * (!c->probed && probe < rto ? probe : rto);
}

static bool is_idle(const struct trk_client *c)
{
    return c->stateless && trk_uc_idle(c);
}

static uint64_t keepalive_deadline(const struct trk_client *c)
{
    if (is_idle(c))
        return TRK_NEVER_NS;
    uint64_t last = trk_max64(c->quiet_ns, c->last_out_ns);
    return last + c->keepalive_ns;
}

static uint64_t trim_deadline(const struct trk_client *c)
{
    return trk_rcvbuf_is_spare(&c->down) ? c->taken_ns + TRK_RING_IDLE_MS * MS_NS : TRK_NEVER_NS;
}

uint64_t trk_client_deadline(const struct trk_client *c)
{
    uint64_t at = TRK_NEVER_NS;
    switch (c->state) {
    case TRK_CLIENT_OPENING:
        return c->open_next_ns;
    case TRK_CLIENT_OPEN:
        if (c->away_since_ns != 0)
            return c->away_next_ns;
        at = trk_min64(trk_ask_deadline(c), probe_deadline(c));
        at = trk_min64(at, trk_up_deadline(c));
        at = trk_min64(at, trim_deadline(c));
        return trk_min64(at, keepalive_deadline(c));
    case TRK_CLIENT_FAILED:
        return c->resets_left > 0 ? c->reset_next_ns : TRK_NEVER_NS;
    case TRK_CLIENT_CLOSED:
    default:
        return TRK_NEVER_NS;
    }
}

static void expire_asks(struct trk_client *c, uint64_t now_ns)
{
    uint64_t rto = trk_rtt_rto_us(&c->rtt, c->backoff);
    if (now_ns < probe_deadline(c))
        return;
    if (now_ns < c->progress_ns + 1000 * rto) {
        c->probed = c->probe = true;
        return;
    }
    c->backoff++;
    trk_epoch_timeout(c, now_ns, false);
}

static void expire_keepalive(struct trk_client *c, uint64_t now_ns)
{
    if (now_ns < keepalive_deadline(c))
        return;
    if (trk_client_ending(c) && ++c->final_tries > TRK_CLOSE_TRIES) {
        enter(c, TRK_CLIENT_CLOSED);
        return;
    }
    c->keepalive = true;
    if (c->cur.n_asked + c->old.n_asked == 0)
        c->refresh_due = true; /* the range may be used up, and the request that said so lost */
    c->last_out_ns = now_ns;
    c->keepalive_ns = trk_min64(2 * c->keepalive_ns, TRK_KEEPALIVE_MAX_MS * MS_NS);
    if (trk_client_ending(c) || trk_up_blocked(c))
        c->keepalive_ns = TRK_KEEPALIVE_FIRST_MS * MS_NS;
}

void trk_client_expire(struct trk_client *c, uint64_t now_ns)
{
    if (c->state == TRK_CLIENT_OPENING && c->opens_sent >= TRK_OPEN_TRIES &&
        now_ns >= c->open_next_ns)
        trk_client_fail(c, TRK_E_TIMEOUT);
    if (c->state != TRK_CLIENT_OPEN)
        return;
    if (!is_idle(c) && now_ns - c->heard_ns > TRK_SILENCE_LIMIT_MS * MS_NS) {
        trk_client_fail(c, TRK_E_TIMEOUT);
        return;
    }
    if (c->away_since_ns != 0) {
        c->keepalive = now_ns >= c->away_next_ns;
        if (c->keepalive)
            trk_up_again(c, 0, true);
        return;
    }
    if (now_ns >= trim_deadline(c))
        trk_rcvbuf_trim(&c->down, &c->ring_mem);
    trk_uc_expire(c, now_ns);
    expire_asks(c, now_ns);
    trk_up_expire(c, now_ns);
    expire_keepalive(c, now_ns);
}

enum trk_client_state trk_client_state(const struct trk_client *c)
{
    return c->state;
}

int trk_client_error(const struct trk_client *c)
{
    return c->error;
}

int trk_client_down_peek(const struct trk_client *c, struct iovec iov[2])
{
    return trk_rcvbuf_peek(&c->down, iov);
}

void trk_client_down_consume(struct trk_client *c, uint64_t now_ns, size_t n)
{
    if (c->starved && n > 0) { /* there is memory again: probe at once, however often that was in vain */
        c->starved = c->probed = false;
        c->backoff = 0;
        c->progress_ns = now_ns;
    }
    c->taken_ns = now_ns;
    trk_rcvbuf_consume(&c->down, &c->ring_mem, n);
    if (trk_client_down_eof(c))
        trk_rcvbuf_trim(&c->down, &c->ring_mem);
    uint64_t room = trk_rcvbuf_limit(&c->down) - trk_min64(c->ask_off, trk_rcvbuf_limit(&c->down));
    if (c->rwnd_blocked && room >= c->down.window / 4)
        c->ask_now = true;
}

bool trk_client_down_eof(const struct trk_client *c)
{
    return c->fin_off != TRK_NO_OFF && c->down.head == c->fin_off;
}

void trk_client_down_discard(struct trk_client *c, uint64_t now_ns)
{
    c->discard = true;
    trk_client_down_consume(c, now_ns, (size_t)(c->down.una - c->down.head));
}

int trk_client_up_space(struct trk_client *c, struct iovec iov[2])
{
    if (c->up.fin_given)
        return 0;
    return trk_sndbuf_space(&c->up.buf, &c->ring_mem, iov);
}

void trk_client_up_commit(struct trk_client *c, uint64_t now_ns, size_t n)
{
    TRK_ASSERT(n <= c->up.buf.cap - (c->up.buf.end - c->up.buf.una));
    if (is_idle(c))
        trk_uc_wake(c, now_ns);
    c->up.buf.end += n;
    /* an answer to these bytes that is sent on credit and lost shows by the keep-alive only */
    c->keepalive_ns = TRK_KEEPALIVE_FIRST_MS * MS_NS;
}

void trk_client_up_fin(struct trk_client *c, uint64_t now_ns)
{
    if (is_idle(c))
        trk_uc_wake(c, now_ns);
    c->up.fin_given = true;
}

bool trk_client_up_done(const struct trk_client *c)
{
    return c->up.fin_acked;
}

void trk_client_abort(struct trk_client *c, uint64_t now_ns)
{
    bool was_open = c->state == TRK_CLIENT_OPEN;
    trk_client_fail(c, TRK_E_RESET);
    if (was_open && !trk_client_ending(c)) {
        c->resets_left = TRK_RESET_REPEATS;
        c->reset_next_ns = now_ns;
    }
}

bool trk_client_lingers(const struct trk_client *c)
{
    return c->state == TRK_CLIENT_FAILED && c->resets_left > 0;
}

void trk_client_get_info(const struct trk_client *c, struct trk_client_info *info)
{
    *info = c->stat;
    info->state = c->state;
    info->stateless = c->stateless;
    info->srtt_us = c->rtt.srtt_us;
    info->rttvar_us = c->rtt.rttvar_us;
    info->rto_us = (uint32_t)trk_rtt_rto_us(&c->rtt, c->backoff);
    info->window_pkts = trk_law_window(&c->epoch, c->cur.k);
    info->ssthresh_pkts = c->epoch.ssthresh_q >> TRK_Q;
    info->up_window_pkts = c->up.cwnd_q >> TRK_Q;
    info->packet_size = c->epoch.packet_size;
    info->down_bytes = c->down.una;
    info->up_bytes = c->up.buf.una;
    info->up_retransmits = c->up.retransmits;
}
