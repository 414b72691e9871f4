#include "core/soft.h"

#define NEVER UINT64_MAX

/* Is request number a newer than b? They wrap. */
static bool newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int trk_soft_init(struct trk_soft *s, const struct trk_server *srv, const struct trk_request *first,
                  size_t up_window_bytes, uint64_t now_us)
{
    *s = (struct trk_soft){
        .conn = first->to.conn,
        .to = first->to,
        .credit_to = first->to,
        .down_fin = NEVER,
        .up_fin = NEVER,
        .heard_us = now_us,
    };
    trk_rcvbuf_init(&s->up, up_window_bytes);
    s->up_limit = TRK_UP_INITIAL_BYTES;
    return trk_server_uplink_ref(srv, &first->to, &s->ref);
}

void trk_soft_free(struct trk_soft *s, const struct trk_mem *mem)
{
    trk_rcvbuf_free(&s->up, mem);
}

static void owe(struct trk_soft *s, uint64_t now_us)
{
    if (s->owed++ == 0)
        s->owed_us = now_us;
    s->heard_us = now_us;
}

static int take_uplink(struct trk_soft *s, const struct trk_mem *mem, uint64_t off, const uint8_t *p, size_t len,
                       bool fin)
{
    if (fin && s->up_fin == NEVER)
        s->up_fin = off + len;
    if (s->up_fin != NEVER && off + len > s->up_fin) /* a liar: nothing comes after its own FIN */
        len = off < s->up_fin ? (size_t)(s->up_fin - off) : 0;
    if (len == 0)
        return TRK_OK;
    return trk_rcvbuf_write(&s->up, mem, off, p, len) < 0 ? TRK_E_NOMEM : TRK_OK;
}

int trk_soft_request(struct trk_soft *s, const struct trk_mem *mem, const struct trk_request *req, uint64_t now_us)
{
    owe(s, now_us);
    if (newer(req->to.reqno, s->to.reqno) || req->to.reqno == s->to.reqno)
        s->to = req->to;
    s->down_una = max_u64(s->down_una, min_u64(req->down_una, s->down_high + (s->fin_sent ? 1 : 0)));
    if (req->up_len == 0 && !req->fin)
        return TRK_OK;
    return take_uplink(s, mem, req->up_off, req->up, req->up_len, req->fin);
}

int trk_soft_uplink(struct trk_soft *s, const struct trk_mem *mem, const struct trk_uplink_pkt *u,
                    const struct trk_addr *from, uint64_t now_us)
{
    if (!trk_addr_same(&s->to.peer, from))
        return TRK_E_UNKNOWN;
    owe(s, now_us);
    if (newer(u->reqno, s->to.reqno)) {
        s->to.reqno = u->reqno;
        s->to.ts = u->ts;
    }
    return take_uplink(s, mem, u->up_off, u->up, u->up_len, (u->c.flags & TRK_REQ_FIN) != 0);
}

/*
 * What seq may carry: the asked range if it was sent before, else the bytes at down_high. False: nothing to send. One
 * FIN without bytes is enough for a plan (*bare_fin).
 */
static bool fill_piece(struct trk_soft *s, uint64_t seq, uint64_t off, uint16_t len, uint64_t avail, bool fin,
                       bool *bare_fin, struct trk_piece *out)
{
    if (off > s->down_high)
        off = s->down_high;
    uint64_t end = min_u64(off + len, avail);
    off = max_u64(off, min_u64(s->down_una, avail));
    uint16_t n = end > off ? (uint16_t)(end - off) : 0;
    bool ends = fin && off + n == avail;
    if (n == 0 && (!ends || *bare_fin))
        return false;
    *bare_fin |= n == 0;
    *out = (struct trk_piece){.seq = seq, .off = off, .len = n, .fin = ends};
    s->down_high = max_u64(s->down_high, off + n);
    s->bytes_down += n;
    if (ends) {
        s->fin_sent = true;
        s->down_fin = avail;
    }
    return true;
}

/*
 * What a newer request left unsent joins the credit; what was sent meanwhile the table knows. A timeout or a new space
 * ends all that was asked before.
 */
static void keep_credit(struct trk_soft *s, const struct trk_request *req, uint64_t first, uint64_t end,
                        uint64_t now_us)
{
    bool fresh_start = req->kind == TRK_KIND_TIMEOUT || req->to.space.rho != s->credit_to.space.rho;
    if (fresh_start || s->credit_next >= s->credit_end) {
        s->credit_next = first;
        s->credit_end = end;
    } else if (end > s->credit_end)
        s->credit_end = end;
    s->credit_to = req->to;
    s->credit_us = now_us;
}

static unsigned plan_request(struct trk_soft *s, const struct trk_request *req, uint64_t avail, bool fin,
                             uint64_t now_us, struct trk_piece *pieces, unsigned max)
{
    unsigned n = 0;
    bool bare_fin = false;
    uint64_t first_unsent = 0, end = 0;
    for (unsigned i = 0; i < req->n_grants; i++) {
        const struct trk_grant *g = &req->grant[i];
        if (n < max && fill_piece(s, g->seq, g->off, g->len, avail, fin, &bare_fin, &pieces[n])) {
            n++;
            continue;
        }
        if (first_unsent == 0)
            first_unsent = g->seq;
        end = g->seq + 1;
    }
    if (req->asked && (newer(req->to.reqno, s->credit_to.reqno) || s->credit_end == 0))
        keep_credit(s, req, first_unsent, end, now_us);
    return n;
}

static unsigned plan_credit(struct trk_soft *s, const struct trk_replay *replay, uint64_t avail, bool fin,
                            uint64_t now_us, struct trk_piece *pieces, unsigned max)
{
    bool old = now_us > s->credit_us + TRK_SOFT_OLD_CREDIT_US, bare_fin = s->fin_sent, stale = false;
    uint16_t payload = trk_payload_bytes(s->credit_to.packet_size);
    unsigned n = 0;
    if (old && s->credit_end > s->credit_next + TRK_IW_PKTS)
        s->credit_end = s->credit_next + TRK_IW_PKTS;
    while (n < max && s->credit_next < s->credit_end) {
        uint64_t seq = s->credit_next;
        /* issued "for ever ago" would be stale after an eviction; soft state itself knows that this seq is unsent */
        if (trk_replay_sent(replay, s->credit_to.space, seq, 1, UINT64_MAX, &stale) != 0) {
            s->credit_next++;
            continue;
        }
        if (!fill_piece(s, seq, s->down_high, payload, avail, fin, &bare_fin, &pieces[n]))
            break;
        s->credit_next++;
        n++;
    }
    return n;
}

unsigned trk_soft_plan(struct trk_soft *s, const struct trk_replay *replay, const struct trk_request *req,
                       uint64_t avail, bool fin, uint64_t now_us, struct trk_piece *pieces, unsigned max,
                       const struct trk_answer **to, bool *late)
{
    *late = req == NULL;
    *to = req != NULL ? &req->to : &s->credit_to;
    if (req != NULL)
        return plan_request(s, req, avail, fin, now_us, pieces, max);
    return plan_credit(s, replay, avail, fin, now_us, pieces, max);
}

bool trk_soft_can_push(const struct trk_soft *s, uint64_t avail, bool fin)
{
    return s->credit_next < s->credit_end && (avail > s->down_high || (fin && !s->fin_sent));
}

void trk_soft_up_state(struct trk_soft *s, struct trk_up_state *up)
{
    const struct trk_rcvbuf *b = &s->up;
    bool all = trk_soft_up_eof(s);
    *up = (struct trk_up_state){.ack = b->head + (all ? 1 : 0)};
    s->up_limit = trk_rcvbuf_limit(b);
    up->credit_bytes = (uint32_t)(s->up_limit - b->head);
    if (b->una > b->head) { /* held, not yet in the application's hands */
        up->sack[0].start = b->head;
        up->sack[0].end = b->una;
        up->n_sacks = 1;
    }
    for (size_t i = 0; i < b->above.n && up->n_sacks < TRK_SACKS_MAX; i++) {
        up->sack[up->n_sacks].start = b->above.v[i].start;
        up->sack[up->n_sacks].end = b->above.v[i].end;
        up->n_sacks++;
    }
}

void trk_soft_answered(struct trk_soft *s)
{
    s->owed = 0;
}

bool trk_soft_window_news(const struct trk_soft *s)
{
    return trk_rcvbuf_limit(&s->up) >= s->up_limit + s->up.window / 4 && s->up_limit < s->up_fin;
}

bool trk_soft_up_eof(const struct trk_soft *s)
{
    return s->up_fin != NEVER && s->up.head == s->up_fin;
}

bool trk_soft_done(const struct trk_soft *s)
{
    return s->fin_sent && s->down_una > s->down_fin && trk_soft_up_eof(s);
}
