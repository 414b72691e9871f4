/*
 * Writing the client's packets.
 */
#include "core/client_int.h"

enum { TRK_REFRESH_MIN_NS = 1000000 };

size_t trk_request_open(struct trk_client *c, uint64_t now_ns, uint8_t *buf, size_t cap)
{
    /* The first two OPENs try the large packet size on the path (one may be lost by chance, and the
     * size is for the connection's life); if both stay unanswered, the size of every path. */
    size_t size = c->opens_sent < 2 ? c->conf.packet_size : TRK_OPEN_MIN_BYTES;
    struct trk_open o = {
        .c = {.cid = c->conf.cid},
        .nonce = c->conf.nonce,
        .ts = trk_us32(now_ns),
        .service_port = c->conf.service_port,
        .client_port = c->conf.client_port,
        .versions = 1u << TRK_VERSION,
    };
    long n = trk_wire_write_open(buf, cap, &o, size);
    if (n < 0)
        return 0;
    uint64_t wait_ms =
        c->opens_sent < 2 ? TRK_OPEN_RETRY_MS : (uint64_t)TRK_OPEN_RETRY_MS << (c->opens_sent - 1);
    c->opens_sent++;
    c->open_next_ns = now_ns + wait_ms * 1000000;
    return (size_t)n;
}

size_t trk_request_reset(struct trk_client *c, uint8_t *buf, size_t cap)
{
    struct trk_reset_pkt x = {.c = {.steer = c->steer, .cid = c->conf.cid},
                              .reason = 0,
                              .cont = c->cont,
                              .cont_len = TRK_CONT_BYTES};
    long n = trk_wire_write_reset(buf, cap, &x, false);
    return n > 0 ? (size_t)n : 0;
}

/* The sealed child of a derivation: asked for at once, and again every eighth of a round trip. */
static bool wants_child(struct trk_client *c, uint64_t now_ns)
{
    uint64_t every = trk_max64((uint64_t)c->rtt.srtt_us * 125, TRK_REFRESH_MIN_NS);
    if (!c->child_due && now_ns - c->refresh_ns < every)
        return false;
    c->refresh_ns = now_ns;
    c->child_due = false;
    return true;
}

/* Once per round trip, and sooner when in slow start a window's worth was proved since the law was
 * last rebased, or when its range ends within the next window: the answer is a packet of its own. */
static bool wants_refresh(struct trk_client *c, uint64_t now_ns)
{
    uint64_t every = trk_max64((uint64_t)c->rtt.srtt_us * 1000, TRK_REFRESH_MIN_NS);
    uint64_t proved = c->cur.k + 1 - c->law.law_base, w0 = c->law.w0_q >> TRK_Q;
    bool due =
        c->refresh_due || now_ns - c->refresh_ns >= every || (c->law.flags & TRK_LAW_FIRST) != 0;
    bool short_of_range = trk_law_range_end(&c->law) <=
                          c->cur.high_asked + trk_law_window(&c->law, c->cur.k) + 1;
    bool slow_start = c->law.ssthresh_q >> TRK_Q > w0;
    if (!due && ((slow_start && proved >= w0) || short_of_range))
        due = now_ns - c->refresh_ns >= every / 4;
    if (due) {
        c->refresh_ns = now_ns;
        c->refresh_due = false;
    }
    return due;
}

/* Says that the cut was wrong: its hole came. The answer is a continuation as from a refresh. */
static bool fill_undo(struct trk_client *c, struct trk_request_pkt *q)
{
    struct trk_law child;
    if (c->undo_left == 0 || c->pending || q->n_ranges == TRK_PROOF_RANGES_MAX)
        return false;
    c->undo_left--;
    if (trk_law_undo(&c->law, c->hole, c->cur.k, 0, &child) != TRK_OK)
        return false;
    q->kind = TRK_KIND_UNDO;
    q->hole = c->hole;
    q->range[q->n_ranges++] = (struct trk_proof_range){.first = c->hole, .count = 1};
    q->proof ^= c->hole_nonce;
    trk_epoch_told(c);
    return true;
}

static void fill_claim(struct trk_client *c, uint64_t now_ns, struct trk_request_pkt *q)
{
    uint32_t n_seqs = 0;
    q->k = c->cur.k;
    q->proof = c->cur.fold ^ (c->pending ? c->parent_fold : 0);
    q->n_ranges = (uint8_t)trk_track_ranges(&c->cur, q->range, &q->proof, &n_seqs);
    q->kind = c->pending ? c->kind : TRK_KIND_ASK;
    q->hole = c->pending ? c->hole : 0;
    q->attempt = c->pending ? c->attempt : 0;
    q->w_cl_pkts = c->pending ? c->w_cl : TRK_WINDOW_MAX_PKTS;
    uint64_t hold_us = (now_ns - c->cont_ns) / 1000;
    q->hold_us = hold_us > UINT32_MAX ? UINT32_MAX : (uint32_t)hold_us;
    if (c->pending) {
        q->c.flags |= wants_child(c, now_ns) ? TRK_REQ_REFRESH : 0;
        return;
    }
    if (fill_undo(c, q))
        return;
    /* The server takes what is asked for as what is under way: a request that asks for nothing would
     * look idle, and shrink the window; after a second it is idle, and keeps the continuation fresh. */
    bool idle = hold_us >= TRK_IDLE_US;
    if ((q->n_asks > 0 || c->refresh_due || idle) && wants_refresh(c, now_ns)) {
        q->c.flags |= TRK_REQ_REFRESH;
        trk_epoch_told(c);
    }
}

/*
 * The user continuation of a stateless service, and how many asks have room beside it, all the ranges
 * that there can be, and some uplink bytes if any wait. Returns whether they may go with it.
 */
static bool fill_ucont(struct trk_client *c, bool for_up, bool up_waits, size_t size,
                       struct trk_request_pkt *q, struct trk_ask_window *win)
{
    const struct trk_held *h = trk_uc_present(c, for_up, win);
    size_t used = TRK_REQUEST_BYTES + 8u * TRK_PROOF_RANGES_MAX + q->cont_len;
    if (h != NULL) {
        q->ucont = h->bytes;
        q->ucont_len = h->len;
        used += h->len;
    }
    bool up = up_waits && trk_uc_is_newest(c, h);
    used += up ? TRK_UP_ROOM_BYTES : 0;
    win->max_blocks = size > used + 40 ? (unsigned)(size - used) / 20 : 2;
    if (win->max_blocks > TRK_ASKS_MAX)
        win->max_blocks = TRK_ASKS_MAX;
    return up;
}

size_t trk_request_write(struct trk_client *c, uint64_t now_ns, bool for_up, uint8_t *buf,
                         size_t cap)
{
    uint8_t bytes[TRK_PACKET_V4_BYTES];
    size_t size = c->epoch.packet_size < cap ? c->epoch.packet_size : cap;
    struct trk_request_pkt q = {
        .c = {.steer = c->steer, .cid = c->conf.cid},
        .reqno = c->reqno,
        .ts = trk_us32(now_ns),
        .cont = c->cont,
        .cont_len = TRK_CONT_BYTES,
        .up_off = c->up.next,
    };
    struct trk_ask_window win = {.hi = UINT64_MAX, .max_blocks = TRK_ASKS_MAX};
    win.all = c->probe || c->keepalive;
    bool up = true;
    if (c->probe)
        q.c.flags |= TRK_REQ_PROBE;
    if (c->stateless)
        up = fill_ucont(c, for_up, trk_up_ready(c, now_ns), size, &q, &win);
    q.n_asks = (uint8_t)trk_ask_fill(c, now_ns, &win, q.ask);
    fill_claim(c, now_ns, &q);
    q.down_una = c->down.una + (trk_client_down_done(c) ? 1 : 0);
    size_t head = TRK_REQUEST_BYTES + 8u * q.n_ranges + 20u * q.n_asks + q.cont_len + q.ucont_len;
    if (up && trk_up_ready(c, now_ns) && head < size) {
        const struct trk_seg *seg = trk_up_take(c, now_ns, q.reqno, size - head);
        if (seg != NULL) {
            trk_sndbuf_copy(&c->up.buf, seg->off, bytes, seg->len);
            q.up_off = seg->off;
            q.up = bytes;
            q.up_len = seg->len;
            q.c.flags |=
                (uint16_t)((seg->fin ? TRK_REQ_FIN : 0) | (seg->repeat ? TRK_REQ_REPEAT : 0));
        }
    }
    long n = trk_wire_write_request(buf, cap, &q);
    TRK_ASSERT(n > 0);
    c->reqno++;
    c->request_ns = now_ns;
    c->away_next_ns = now_ns + TRK_AWAY_AGAIN_MS * UINT64_C(1000000);
    if (trk_client_down_done(c) && !c->final_sent) {
        c->final_sent = true;
        c->final_reqno = q.reqno;
    }
    return (size_t)n;
}

size_t trk_request_uplink(struct trk_client *c, uint64_t now_ns, uint8_t *buf, size_t cap)
{
    uint8_t bytes[TRK_PACKET_V4_BYTES];
    size_t size = c->epoch.packet_size < cap ? c->epoch.packet_size : cap;
    const struct trk_seg *seg = trk_up_take(c, now_ns, c->reqno, size - TRK_UPLINK_BYTES);
    if (seg == NULL)
        return 0;
    trk_sndbuf_copy(&c->up.buf, seg->off, bytes, seg->len);
    struct trk_uplink_pkt u = {
        .c = {.steer = c->steer,
              .cid = c->conf.cid,
              .flags =
                  (uint16_t)((seg->fin ? TRK_REQ_FIN : 0) | (seg->repeat ? TRK_REQ_REPEAT : 0))},
        .reqno = c->reqno,
        .ts = trk_us32(now_ns),
        .ref = c->uplink_ref,
        .up_off = seg->off,
        .up = bytes,
        .up_len = seg->len,
    };
    long n = trk_wire_write_uplink(buf, cap, &u);
    TRK_ASSERT(n > 0);
    c->reqno++;
    return (size_t)n;
}
