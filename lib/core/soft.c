#include "core/soft.h"

#define NEVER UINT64_MAX

/* Is request number a newer than b? They wrap. One that is far ahead is not believed: an altered
 * number must not make all that follow look old. */
static bool newer(uint32_t a, uint32_t b)
{
    return a - b - 1 < TRK_SOFT_REQNO_AHEAD;
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

static int take_uplink(struct trk_soft *s, const struct trk_mem *mem, uint64_t off,
                       const uint8_t *p, size_t len, bool fin)
{
    if (fin && s->up_fin == NEVER)
        s->up_fin = off + len;
    if (s->up_fin != NEVER && off + len > s->up_fin) /* a liar: nothing comes after its own FIN */
        len = off < s->up_fin ? (size_t)(s->up_fin - off) : 0;
    if (len == 0)
        return TRK_OK;
    s->up_recent = off;
    return trk_rcvbuf_write(&s->up, mem, off, p, len) < 0 ? TRK_E_NOMEM : TRK_OK;
}

int trk_soft_request(struct trk_soft *s, const struct trk_mem *mem, const struct trk_request *req,
                     uint64_t now_us)
{
    owe(s, now_us);
    if (newer(req->to.reqno, s->to.reqno) || req->to.reqno == s->to.reqno)
        s->to = req->to;
    s->down_una =
        max_u64(s->down_una, min_u64(req->down_una, s->down_high + (s->fin_sent ? 1 : 0)));
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

/* Bytes to be put into one packet. */
struct item {
    uint64_t off;
    uint16_t len;
};

/*
 * What a request is granted joins the credit, run by run. A timeout or a new space ends all that was
 * asked before. False: the request is older than that, or nothing can be sent on it.
 */
static bool absorb(struct trk_soft *s, const struct trk_replay *replay,
                   const struct trk_request *req, uint64_t now_us)
{
    bool first = s->credit_to.limit == 0; /* nothing was ever granted */
    bool is_newer = first || newer(req->to.reqno, s->credit_to.reqno);
    bool space = !first && req->to.space.rho == s->credit_to.space.rho;
    bool same = space && req->law.base == s->credit_base;
    if (req->reason == TRK_REASON_PROOF_BAD)
        return false;
    if (req->reason == TRK_REASON_STALE) { /* this space is left */
        s->credit.n = space ? 0 : s->credit.n;
        return false;
    }
    if (!is_newer && !same)
        return false;
    if (!space || (req->kind == TRK_KIND_TIMEOUT && !same))
        s->credit.n = 0;
    if (req->kind == TRK_KIND_HOLE) /* all below is received, or closed for good */
        trk_credit_use(&s->credit, req->law.base - 1);
    for (unsigned i = 0; i < req->n_grants;) {
        unsigned run = 1;
        while (i + run < req->n_grants && req->grant[i + run].seq == req->grant[i].seq + run)
            run++;
        trk_credit_add(&s->credit, replay, req->to.space, req->grant[i].seq,
                       req->grant[i].seq + run);
        i += run;
    }
    if (is_newer && (req->asked || !space)) {
        s->credit_to = req->to;
        s->credit_base = req->law.base;
        s->credit_us = now_us;
    }
    return true;
}

/* What a request wants again: ranges that were sent before. New bytes need no list: they go in
 * order. */
static unsigned wanted_again(const struct trk_soft *s, const struct trk_request *req,
                             struct item *items)
{
    unsigned n = 0;
    for (unsigned i = 0; i < req->n_grants; i++) {
        uint64_t off = max_u64(req->grant[i].off, s->down_una);
        uint64_t end = min_u64(req->grant[i].off + req->grant[i].len, s->down_high);
        if (off < end)
            items[n++] = (struct item){off, (uint16_t)(end - off)};
    }
    return n;
}

/* One packet's worth of new bytes, or the FIN alone; false: nothing new. */
static bool new_bytes(struct trk_soft *s, uint64_t avail, bool fin, bool fin_again, struct item *it)
{
    uint64_t left = avail > s->down_high ? avail - s->down_high : 0;
    it->off = s->down_high;
    it->len = (uint16_t)min_u64(left, s->credit_to.payload_bytes);
    return it->len > 0 || (fin && (!s->fin_sent || fin_again));
}

unsigned trk_soft_plan(struct trk_soft *s, const struct trk_replay *replay,
                       const struct trk_request *req, uint64_t avail, bool fin, uint64_t now_us,
                       struct trk_piece *pieces, unsigned max, const struct trk_answer **to,
                       bool *late)
{
    struct item items[TRK_GRANTS_MAX], it;
    unsigned n = 0, n_items = 0, at = 0;
    uint64_t seq;
    *late = req == NULL;
    *to = req != NULL ? &req->to : &s->credit_to;
    if (req != NULL) {
        if (!absorb(s, replay, req, now_us))
            return 0;
        n_items = wanted_again(s, req, items);
    } else if (now_us - s->credit_us > TRK_SOFT_OLD_CREDIT_US) { /* a clock set back counts as long */
        trk_credit_cap(&s->credit, TRK_IW_PKTS);
    }
    /* A FIN that may have been lost goes again when it was asked for, but not once per overlapping
     * request. */
    bool fin_again = req != NULL && req->n_grants > 0 && s->down_una <= s->down_high &&
                     now_us - s->fin_us > max_u64(req->srtt_us, TRK_SOFT_FIN_AGAIN_US);
    while (n < max && trk_credit_next(&s->credit, replay, s->credit_to.space, &seq)) {
        if (at < n_items)
            it = items[at++];
        else if (!new_bytes(s, avail, fin, fin_again, &it))
            break;
        bool ends = fin && it.off + it.len == avail;
        pieces[n++] = (struct trk_piece){.seq = seq, .off = it.off, .len = it.len, .fin = ends};
        trk_credit_use(&s->credit, seq);
        s->down_high = max_u64(s->down_high, it.off + it.len);
        s->bytes_down += it.len;
        if (ends) {
            s->fin_sent = true;
            s->fin_us = now_us;
            s->down_fin = avail;
            fin_again = false;
        }
    }
    return n;
}

bool trk_soft_can_push(const struct trk_soft *s, uint64_t avail, bool fin)
{
    return s->credit.n > 0 && (avail > s->down_high || (fin && !s->fin_sent));
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
    /* Of many ranges the one that grew last and those just below it: the client has heard of the
     * others (RFC 2018). */
    size_t room = (size_t)TRK_SACKS_MAX - up->n_sacks,
           at = trk_ranges_find(&b->above, s->up_recent);
    size_t end = at < b->above.n ? at + 1 : b->above.n;
    for (size_t i = end > room ? end - room : 0; i < b->above.n && up->n_sacks < TRK_SACKS_MAX;
         i++) {
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
