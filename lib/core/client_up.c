/*
 * The uplink: a plain sender with Reno (RFC 5681), SACK-like ranges, a time rule (RFC 8985) and a
 * timeout (RFC 6298). The client keeps all of it; the server only says what it has.
 */
#include "core/client_int.h"

enum {
    FIRST_CAP = 32,
    DUP_THRESHOLD = 3,
    BURST_PKTS = 64, /* a train and a half */
};

void trk_up_init(struct trk_uplink *u, size_t window_bytes)
{
    *u = (struct trk_uplink){
        .cwnd_q = TRK_IW_PKTS << TRK_Q, .ssthresh = TRK_WINDOW_MAX_PKTS, .limit = 0};
    trk_sndbuf_init(&u->buf, window_bytes);
}

void trk_up_free(struct trk_uplink *u, const struct trk_mem *mem, const struct trk_mem *ring_mem)
{
    trk_sndbuf_free(&u->buf, ring_mem);
    if (u->seg != NULL)
        mem->resize(mem->ctx, u->seg, 0);
    u->seg = NULL;
    u->cap = u->n = 0;
}

static struct trk_seg *seg_at(const struct trk_uplink *u, size_t i)
{
    return &u->seg[(u->head + i) & (u->cap - 1)];
}

static bool grow(struct trk_uplink *u, const struct trk_mem *mem)
{
    size_t cap = u->cap == 0 ? FIRST_CAP : 2 * u->cap;
    if (cap > TRK_SEGS_MAX)
        return false;
    struct trk_seg *v = mem->resize(mem->ctx, NULL, cap * sizeof *v);
    if (v == NULL)
        return false;
    for (size_t i = 0; i < u->n; i++)
        v[i] = *seg_at(u, i);
    if (u->seg != NULL)
        mem->resize(mem->ctx, u->seg, 0);
    u->seg = v;
    u->cap = cap;
    u->head = 0;
    return true;
}

/*
 * New bytes, or a FIN, that were never sent and that the server has room for. At the bound of segments they
 * wait: an application that does not read leaves any number of small ones unacknowledged. The rest of the
 * ring is for lost ones that are cut in two.
 */
static bool has_new(const struct trk_uplink *u)
{
    if (u->n >= TRK_SEGS_MAX / 2)
        return false;
    if (u->next < u->buf.end)
        return u->next < u->limit;
    return u->fin_given && !u->fin_sent;
}

/* Something to send, and room in the window for it. */
static bool window_open(const struct trk_client *c)
{
    const struct trk_uplink *u = &c->up;
    if (c->state != TRK_CLIENT_OPEN || (u->n_lost == 0 && !has_new(u)))
        return false;
    return u->in_flight < (u->cwnd_q >> TRK_Q) || u->in_flight == 0;
}

bool trk_up_ready(struct trk_client *c, uint64_t now_ns)
{
    struct trk_uplink *u = &c->up;
    uint32_t w = u->cwnd_q >> TRK_Q;
    if (!window_open(c))
        return false;
    if (c->away_since_ns != 0 && now_ns < c->away_next_ns)
        return false;
    trk_pace_fill(&u->pace, now_ns, w, c->rtt.srtt_us, w < u->ssthresh, BURST_PKTS);
    u->paced_ns = trk_pace_pkts(&u->pace) > 0 ? 0 : now_ns + TRK_DELAY_MIN_NS;
    return u->paced_ns == 0;
}

bool trk_up_blocked(const struct trk_client *c)
{
    const struct trk_uplink *u = &c->up;
    return u->next < u->buf.end &&
           ((u->next >= u->limit && u->n == 0) || u->n >= TRK_SEGS_MAX / 2);
}

static void mark_sent(struct trk_client *c, uint64_t now_ns, struct trk_seg *s, uint32_t tx)
{
    struct trk_uplink *u = &c->up;
    if (u->in_flight == 0) {
        u->progress_ns = now_ns;
        u->probed = false;
    }
    s->state = SEG_SENT;
    s->sent_ns = now_ns;
    s->tx = tx;
    u->in_flight++;
}

/* Room for one more segment. Without memory the connection fails: else it would ask to send for
 * ever. */
static bool make_room(struct trk_client *c)
{
    if (c->up.n < c->up.cap || grow(&c->up, &c->mem))
        return true;
    trk_client_fail(c, TRK_E_NOMEM);
    return false;
}

/*
 * Joins lost packet i with those behind it that were lost too, as far as there is room. A stateless service
 * may lose all that it holds at once, and what came in small pieces must not go so again.
 */
static void join_lost(struct trk_uplink *u, size_t i, size_t room)
{
    struct trk_seg *s = seg_at(u, i);
    size_t j = i + 1;
    for (; j < u->n && !s->fin; j++) {
        const struct trk_seg *t = seg_at(u, j);
        if (t->state != SEG_LOST || t->off != s->off + s->len || s->len + (size_t)t->len > room)
            break;
        s->len = (uint16_t)(s->len + t->len);
        s->fin = t->fin;
        u->n_lost--;
    }
    size_t gone = j - (i + 1);
    for (; gone > 0 && j < u->n; j++)
        *seg_at(u, j - gone) = *seg_at(u, j);
    u->n -= gone;
}

/* The oldest lost packet; cut in two if it is too large for the room there is. */
static struct trk_seg *take_lost(struct trk_client *c, size_t room)
{
    struct trk_uplink *u = &c->up;
    size_t i = 0;
    while (i < u->n && seg_at(u, i)->state != SEG_LOST)
        i++;
    TRK_ASSERT(i < u->n);
    if (seg_at(u, i)->len > room) {
        if (room == 0 || !make_room(c))
            return NULL;
        for (size_t j = u->n; j > i + 1; j--)
            *seg_at(u, j) = *seg_at(u, j - 1);
        struct trk_seg *a = seg_at(u, i), *b = seg_at(u, i + 1);
        *b = *a;
        b->off += room;
        b->len = (uint16_t)(a->len - room);
        a->len = (uint16_t)room;
        a->fin = false;
        u->n++;
        u->n_lost++;
    }
    struct trk_seg *s = seg_at(u, i);
    if (c->stateless)
        join_lost(u, i, room);
    u->n_lost--;
    u->retransmits++;
    s->repeat = true;
    return s;
}

static struct trk_seg *take_new(struct trk_client *c, size_t room)
{
    struct trk_uplink *u = &c->up;
    uint64_t left =
        trk_min64(u->buf.end, u->limit) - trk_min64(u->next, trk_min64(u->buf.end, u->limit));
    size_t len = left < room ? (size_t)left : room;
    if (room == 0 || !make_room(c))
        return NULL;
    struct trk_seg *s = seg_at(u, u->n++);
    *s = (struct trk_seg){.off = u->next, .len = (uint16_t)len};
    u->next += len;
    if (u->fin_given && u->next == u->buf.end) {
        s->fin = true;
        u->fin_sent = true;
    }
    return s;
}

const struct trk_seg *trk_up_take(struct trk_client *c, uint64_t now_ns, uint32_t tx, size_t room)
{
    struct trk_seg *s = NULL;
    if (c->up.n_lost > 0)
        s = take_lost(c, room);
    else if (has_new(&c->up))
        s = take_new(c, room);
    if (s != NULL) {
        mark_sent(c, now_ns, s, tx);
        trk_pace_take(&c->up.pace, 1);
    }
    return s;
}

/* The window grows by what was newly acknowledged, outside of recovery and when it was in use. */
static void grow_window(struct trk_uplink *u, uint32_t acked, bool was_full)
{
    if (u->in_recovery || !was_full)
        return;
    for (uint32_t i = 0; i < acked; i++) {
        uint32_t w = u->cwnd_q >> TRK_Q;
        if (w >= TRK_WINDOW_MAX_PKTS)
            return;
        u->cwnd_q += w < u->ssthresh ? 1u << TRK_Q : (1u << TRK_Q) / w;
    }
}

static void cut_window(struct trk_client *c, bool timeout)
{
    struct trk_uplink *u = &c->up;
    uint32_t w = u->cwnd_q >> TRK_Q;
    u->ssthresh = w / 2 < 2 ? 2 : w / 2;
    u->cwnd_q = timeout ? 1u << TRK_Q : u->ssthresh << TRK_Q;
    u->recover_tx = c->reqno;
    u->in_recovery = !timeout;
    c->stat.up_cuts += !timeout;
    c->stat.up_timeouts += timeout;
}

static void lose(struct trk_uplink *u, struct trk_seg *s)
{
    s->state = SEG_LOST;
    u->in_flight--;
    u->n_lost++;
}

/* Packets that enough later ones, or one much later, were acknowledged after. */
static void find_lost(struct trk_client *c, uint64_t newest_ns)
{
    struct trk_uplink *u = &c->up;
    uint64_t slack_ns = (uint64_t)c->rtt.srtt_us * 250;
    unsigned above = 0;
    bool cut = false;
    for (size_t i = u->n; i-- > 0;) {
        struct trk_seg *s = seg_at(u, i);
        if (s->state == SEG_ACKED)
            above++;
        if (s->state != SEG_SENT)
            continue;
        bool late = s->sent_ns + slack_ns < newest_ns;
        if (!late && (above < DUP_THRESHOLD || s->repeat))
            continue;
        cut |= !trk_newer32(u->recover_tx, s->tx);
        lose(u, s);
    }
    if (cut)
        cut_window(c, false);
}

void trk_up_again(struct trk_client *c, uint32_t reqno, bool all)
{
    for (size_t i = 0; i < c->up.n; i++) {
        struct trk_seg *s = seg_at(&c->up, i);
        if (s->state == SEG_SENT && (all || s->tx == reqno))
            lose(&c->up, s);
    }
}

/* An application took part of the segment's bytes: they are released, and must not be sent again.
 */
static void trim(struct trk_seg *s, uint64_t ack)
{
    if (ack > s->off) {
        s->len -= (uint16_t)(ack - s->off);
        s->off = ack;
    }
}

/* Held until now, and not any more. */
static void renege(struct trk_uplink *u, struct trk_seg *s)
{
    trim(s, u->buf.una);
    s->state = SEG_LOST;
    u->n_lost++;
}

void trk_up_again_below(struct trk_client *c, uint64_t end)
{
    struct trk_uplink *u = &c->up;
    for (size_t i = 0; i < u->n; i++) {
        struct trk_seg *s = seg_at(u, i);
        if (s->off + s->len + (s->fin ? 1 : 0) <= u->buf.una || s->off >= end)
            continue;
        if (s->state == SEG_SENT)
            lose(u, s);
        else if (s->state == SEG_ACKED)
            renege(u, s);
    }
}

static bool covered(const struct trk_up_state *up, const struct trk_seg *s)
{
    uint64_t end = s->off + s->len + (s->fin ? 1 : 0);
    if (end <= up->ack)
        return true;
    for (unsigned i = 0; i < up->n_sacks; i++)
        if (!s->fin && s->len > 0 && up->sack[i].start <= s->off && end <= up->sack[i].end)
            return true;
    return false;
}

/*
 * What a stateless service holds beyond its continuation is soft: what an answer to a later request does
 * not name any more is lost. It names the lowest ranges; nothing is said of what lies above them where
 * there was no room for all.
 */
static void find_reneged(struct trk_uplink *u, uint32_t reqno, const struct trk_up_state *up,
                         bool whole)
{
    uint64_t said_to = UINT64_MAX;
    if (!whole || up->n_sacks == TRK_SACKS_MAX)
        said_to = up->n_sacks > 0 ? up->sack[up->n_sacks - 1].end : 0;
    if (said_to == 0 || trk_newer32(u->held_reqno, reqno))
        return;
    u->held_reqno = reqno;
    for (size_t i = 0; i < u->n && seg_at(u, i)->off < said_to; i++) {
        struct trk_seg *s = seg_at(u, i);
        if (s->state == SEG_ACKED && !covered(up, s) && trk_newer32(reqno, s->held_reqno))
            renege(u, s);
    }
}

/* What an answer of a stateless service says: consumed is what a continuation in hand says, not more. */
static struct trk_up_state own_state(const struct trk_client *c, const struct trk_up_state *up)
{
    struct trk_up_state own = *up;
    own.ack = trk_uc_up(c);
    return own;
}

void trk_up_ack(struct trk_client *c, uint64_t now_ns, uint64_t request_ns, uint32_t reqno,
                const struct trk_up_state *up, bool whole)
{
    struct trk_uplink *u = &c->up;
    struct trk_up_state own;
    uint64_t ack = up->ack;
    if (c->stateless) {
        own = own_state(c, up);
        ack = trk_min64(ack, own.ack);
        up = &own;
        for (size_t i = 0; i < u->n; i++)
            if (own.ack < seg_at(u, i)->off + seg_at(u, i)->len)
                trim(seg_at(u, i), own.ack); /* what is held is named from there on */
    }
    if (up->ack > u->next + (u->fin_sent ? 1 : 0))
        return; /* never sent */
    u->limit = trk_max64(u->limit, ack + up->credit_bytes);
    bool full = u->in_flight + 1 >= (u->cwnd_q >> TRK_Q) || u->n_lost > 0 || has_new(u);
    uint32_t acked = 0;
    uint64_t newest_ns = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct trk_seg *s = seg_at(u, i);
        if (s->state == SEG_ACKED)
            continue;
        if (!covered(up, s)) {
            trim(s, up->ack);
            continue;
        }
        if (s->state == SEG_SENT)
            u->in_flight--;
        else
            u->n_lost--;
        s->state = SEG_ACKED;
        s->held_reqno = reqno;
        newest_ns = trk_max64(newest_ns, s->sent_ns);
        if (u->in_recovery && !trk_newer32(u->recover_tx, s->tx))
            u->in_recovery = false;
        if (s->fin)
            u->fin_acked = true;
        acked++;
    }
    if (c->stateless)
        find_reneged(u, reqno, up, whole);
    bool moved = up->ack > u->buf.una; /* part of a segment counts: what did not fit a small window */
    trk_sndbuf_release(&u->buf, &c->ring_mem, up->ack);
    while (u->n > 0 && seg_at(u, 0)->state == SEG_ACKED &&
           seg_at(u, 0)->off + seg_at(u, 0)->len <= up->ack) {
        u->head = (u->head + 1) & (u->cap - 1);
        u->n--;
    }
    if (acked > 0 || moved) {
        u->progress_ns = now_ns;
        u->backoff = 0;
        u->probed = false;
        grow_window(u, acked, full);
    }
    /* The server did not have it when a request came that left well after it: lost, though nothing
     * of the uplink was acknowledged. */
    newest_ns = trk_max64(newest_ns, request_ns);
    if (u->in_flight > 0 && newest_ns > 0)
        find_lost(c, newest_ns);
}

/* When the probe or the timeout is due. */
static uint64_t timer(const struct trk_client *c)
{
    const struct trk_uplink *u = &c->up;
    if (u->in_flight == 0)
        return TRK_NEVER_NS;
    uint64_t rto = trk_rtt_rto_us(&c->rtt, u->backoff);
    uint64_t probe = trk_rtt_probe_us(&c->rtt);
    return u->progress_ns + 1000 * (!u->probed && u->backoff == 0 && probe < rto ? probe : rto);
}

uint64_t trk_up_deadline(const struct trk_client *c)
{
    bool held = c->up.paced_ns != 0 && window_open(c);
    return trk_min64(timer(c), held ? c->up.paced_ns : TRK_NEVER_NS);
}

void trk_up_expire(struct trk_client *c, uint64_t now_ns)
{
    struct trk_uplink *u = &c->up;
    if (now_ns < timer(c))
        return;
    uint64_t rto = trk_rtt_rto_us(&c->rtt, u->backoff);
    if (now_ns <
        u->progress_ns + 1000 * rto) { /* a probe: the newest one again, whatever the window */
        u->probed = true;
        for (size_t i = u->n; i-- > 0;)
            if (seg_at(u, i)->state == SEG_SENT) {
                lose(u, seg_at(u, i));
                break;
            }
        return;
    }
    for (size_t i = 0; i < u->n; i++)
        if (seg_at(u, i)->state == SEG_SENT)
            lose(u, seg_at(u, i));
    cut_window(c, true);
    u->backoff++;
    u->progress_ns = now_ns;
    u->probed = true;
}
