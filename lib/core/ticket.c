#include "core/ticket.h"

enum { /* flags of an encoded ticket */
       HAS_CONT = 0x01,
       HAS_ASKED = 0x02,
       HAS_ANSWERED = 0x04,
       HAS_UCONT = 0x08,
       HAS_FIN = 0x10,
       HAS_KNOWN = 0x1f,
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Does the grant continue the run, seq by seq and byte by byte? */
static bool continues(const struct trk_run *r, const struct trk_grant *g, uint16_t payload)
{
    return g->seq == r->first + r->count && r->len == r->count * (uint32_t)payload &&
           g->off == r->off + r->len;
}

/* The part of the last run beyond `end` becomes a run of its own, as far as there are seqs. */
static void split_last(struct trk_ticket *t, uint64_t end)
{
    struct trk_run *r = &t->run[t->n_runs - 1];
    if (end <= r->off || end >= r->off + r->len)
        return;
    uint32_t payload = t->to.payload_bytes, low = (uint32_t)(end - r->off), high = r->len - low;
    uint16_t used = (uint16_t)((low + payload - 1) / payload);
    r->len = low;
    if (used == r->count || t->n_runs == TRK_TICKET_RUNS_MAX)
        return;
    t->run[t->n_runs++] = (struct trk_run){.first = r->first + used,
                                           .count = (uint16_t)(r->count - used),
                                           .off = end,
                                           .len = min_u32(high, (r->count - used) * payload)};
    r->count = used;
}

static void make_runs(struct trk_ticket *t, const struct trk_request *req)
{
    uint16_t payload = t->to.payload_bytes;
    uint64_t end = trk_ticket_end(t);
    for (unsigned i = 0; i < req->n_grants; i++) {
        const struct trk_grant *g = &req->grant[i];
        struct trk_run *r = t->n_runs > 0 ? &t->run[t->n_runs - 1] : NULL;
        if (g->off < t->ucont.from)
            continue;
        if (r != NULL && continues(r, g, payload)) {
            r->count++;
            r->len += g->len;
            continue;
        }
        if (r != NULL)
            split_last(t, end);
        if (t->n_runs == TRK_TICKET_RUNS_MAX)
            return;
        t->run[t->n_runs++] =
            (struct trk_run){.first = g->seq, .count = 1, .off = g->off, .len = g->len};
    }
    if (t->n_runs > 0)
        split_last(t, end);
}

void trk_ticket_make(struct trk_ticket *t, const struct trk_request *req,
                     const struct trk_ucont *ucont, uint64_t now_us)
{
    t->to = req->to;
    t->secret = req->secret;
    t->law = req->law;
    t->give_cont = req->give_cont;
    t->asked = req->asked;
    t->answered = false;
    t->reason = req->reason;
    t->pkt_len = (uint16_t)req->pkt_len;
    t->came_us = now_us;
    t->cont_issued_us = req->cont_issued_us;
    t->keep_first = req->keep_first;
    t->has_ucont = ucont != NULL;
    t->ucont = ucont != NULL ? *ucont : (struct trk_ucont){.end = 0};
    t->up_end = t->ucont.up;
    t->up_fin = false;
    t->n_runs = 0;
    make_runs(t, req);
}

/* Takes `have` bytes off the front of one run. */
static void use_run(struct trk_run *r, uint32_t have, uint64_t split, uint16_t payload)
{
    while (have > 0 && r->count > 0) {
        uint32_t n = min_u32(have, payload);
        if (split > r->off && split < r->off + n)
            n = (uint32_t)(split - r->off);
        r->first++;
        r->count--;
        r->off += n;
        r->len -= n;
        have -= n;
    }
    r->len = min_u32(r->len, r->count * (uint32_t)payload);
}

unsigned trk_runs_use(struct trk_run *run, unsigned n, const uint32_t *have, uint64_t split,
                      uint16_t payload_bytes)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++) {
        use_run(&run[i], min_u32(have[i], run[i].len), split, payload_bytes);
        if (run[i].len > 0)
            run[kept++] = run[i];
    }
    return kept;
}

static void write_answer(struct trk_wr *w, const struct trk_answer *to)
{
    trk_wr_bytes(w, to->peer.ip, sizeof to->peer.ip);
    trk_wr_u16(w, to->peer.port);
    trk_wr_u8(w, to->steer);
    trk_wr_u64(w, to->cid);
    trk_wr_u64(w, to->conn);
    trk_wr_u32(w, to->reqno);
    trk_wr_u32(w, to->ts);
    trk_wr_u64(w, to->space.rho);
    trk_wr_u16(w, to->space.instance);
    trk_wr_u32(w, to->nonce_step);
    trk_wr_u32(w, to->open_step);
    trk_wr_u48(w, to->limit);
    trk_wr_u48(w, to->high_sent);
}

size_t trk_ticket_write(const struct trk_ticket *t, uint8_t *buf)
{
    struct trk_wr w = trk_wr_make(buf, TRK_TICKET_BYTES_MAX);
    trk_wr_u8(&w, TRK_TICKET_LAYOUT);
    trk_wr_u8(&w, (uint8_t)((t->give_cont ? HAS_CONT : 0) | (t->asked ? HAS_ASKED : 0) |
                            (t->answered ? HAS_ANSWERED : 0) | (t->has_ucont ? HAS_UCONT : 0) |
                            (t->up_fin ? HAS_FIN : 0)));
    trk_wr_u8(&w, t->reason);
    trk_wr_u8(&w, (uint8_t)t->n_runs);
    trk_wr_u16(&w, t->pkt_len);
    write_answer(&w, &t->to);
    trk_cont_write_law(&w, &t->law);
    trk_cont_write_secret(&w, &t->secret);
    trk_wr_u64(&w, t->came_us);
    trk_wr_u64(&w, t->cont_issued_us);
    trk_wr_u48(&w, t->keep_first);
    if (t->has_ucont)
        trk_ucont_write_clear(&w, &t->ucont);
    trk_wr_u64(&w, t->up_end);
    for (unsigned i = 0; i < t->n_runs; i++) {
        trk_wr_u48(&w, t->run[i].first);
        trk_wr_u16(&w, t->run[i].count);
        trk_wr_u64(&w, t->run[i].off);
        trk_wr_u32(&w, t->run[i].len);
    }
    TRK_ASSERT(trk_wr_ok(&w));
    return trk_wr_len(&w);
}

static void read_answer(struct trk_rd *r, struct trk_answer *to)
{
    const uint8_t *ip = trk_rd_bytes(r, sizeof to->peer.ip);
    if (ip != NULL)
        memcpy(to->peer.ip, ip, sizeof to->peer.ip);
    to->peer.port = trk_rd_u16(r);
    to->steer = trk_rd_u8(r);
    to->cid = trk_rd_u64(r);
    to->conn = trk_rd_u64(r);
    to->reqno = trk_rd_u32(r);
    to->ts = trk_rd_u32(r);
    to->space.rho = trk_rd_u64(r);
    to->space.instance = trk_rd_u16(r);
    to->nonce_step = trk_rd_u32(r);
    to->open_step = trk_rd_u32(r);
    to->limit = trk_rd_u48(r);
    to->high_sent = trk_rd_u48(r);
}

/* Law part, and what follows from it. */
static int read_law(struct trk_rd *r, struct trk_ticket *t)
{
    const uint8_t *law = trk_rd_bytes(r, TRK_CONT_CLEAR_BYTES);
    if (law == NULL)
        return TRK_E_SHORT;
    int rc = trk_cont_read_law(law, TRK_CONT_BYTES, &t->law);
    if (rc != TRK_OK)
        return rc;
    t->to.packet_size = t->law.packet_size;
    t->to.payload_bytes = trk_law_payload_bytes(&t->law);
    t->to.stateless = (t->law.flags & TRK_LAW_STATELESS) != 0;
    return t->to.stateless ? TRK_OK : TRK_E_FIELD;
}

static int read_ucont(struct trk_rd *r, struct trk_ticket *t)
{
    t->ucont = (struct trk_ucont){.end = 0};
    if (!t->has_ucont)
        return TRK_OK;
    const uint8_t *clear = trk_rd_bytes(r, TRK_UCONT_CLEAR_BYTES);
    return clear == NULL ? TRK_E_SHORT : trk_ucont_read(clear, TRK_UCONT_OVERHEAD_BYTES, &t->ucont);
}

static int read_runs(struct trk_rd *r, struct trk_ticket *t)
{
    uint64_t next = 1;
    unsigned total = 0;
    for (unsigned i = 0; i < t->n_runs; i++) {
        struct trk_run *run = &t->run[i];
        run->first = trk_rd_u48(r);
        run->count = trk_rd_u16(r);
        run->off = trk_rd_u64(r);
        run->len = trk_rd_u32(r);
        if (!trk_rd_ok(r))
            return TRK_E_SHORT;
        total += run->count;
        if (run->first < next || run->first + run->count > TRK_SEQ_MAX || run->len == 0 ||
            run->off + run->len < run->off || total > TRK_GRANTS_MAX ||
            run->len > run->count * (uint32_t)t->to.payload_bytes)
            return TRK_E_FIELD;
        next = run->first + run->count;
    }
    return TRK_OK;
}

int trk_ticket_read(const uint8_t *buf, size_t len, struct trk_ticket *t, size_t *used)
{
    struct trk_rd r = trk_rd_make(buf, len);
    uint8_t layout = trk_rd_u8(&r), flags = trk_rd_u8(&r), reason = trk_rd_u8(&r);
    *t = (struct trk_ticket){.give_cont = (flags & HAS_CONT) != 0,
                             .asked = (flags & HAS_ASKED) != 0,
                             .answered = (flags & HAS_ANSWERED) != 0,
                             .has_ucont = (flags & HAS_UCONT) != 0,
                             .up_fin = (flags & HAS_FIN) != 0,
                             .reason = reason};
    t->n_runs = trk_rd_u8(&r);
    t->pkt_len = trk_rd_u16(&r);
    read_answer(&r, &t->to);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    if (layout != TRK_TICKET_LAYOUT || (flags & ~HAS_KNOWN) != 0 || reason >= TRK_REASON_COUNT ||
        t->n_runs > TRK_TICKET_RUNS_MAX)
        return TRK_E_FIELD;
    int rc = read_law(&r, t);
    if (rc != TRK_OK)
        return rc;
    trk_cont_read_secret(&r, &t->secret);
    t->came_us = trk_rd_u64(&r);
    t->cont_issued_us = trk_rd_u64(&r);
    t->keep_first = trk_rd_u48(&r);
    if ((rc = read_ucont(&r, t)) != TRK_OK)
        return rc;
    t->up_end = trk_rd_u64(&r);
    if ((rc = read_runs(&r, t)) != TRK_OK)
        return rc;
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    *used = len - trk_rd_left(&r);
    if (t->give_cont && t->keep_first < t->law.law_base) /* as far as one look-up may have to go */
        return TRK_E_FIELD;
    return t->up_end >= t->ucont.up ? TRK_OK : TRK_E_FIELD;
}
