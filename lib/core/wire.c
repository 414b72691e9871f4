#include "core/wire.h"

static int common_read(struct trk_rd *r, struct trk_common *c)
{
    uint8_t b = trk_rd_u8(r);
    c->version = b >> 5;
    c->from_server = (b & 0x10) != 0;
    c->type = (enum trk_type)(b & 0x0f);
    c->steer = trk_rd_u8(r);
    c->flags = trk_rd_u16(r);
    c->cid = trk_rd_u64(r);
    return trk_rd_ok(r) ? TRK_OK : TRK_E_SHORT;
}

static void common_write(struct trk_wr *w, const struct trk_common *c, enum trk_type type,
                         bool from_server)
{
    trk_wr_u8(w, (uint8_t)(TRK_VERSION << 5 | (from_server ? 0x10 : 0) | (unsigned)type));
    trk_wr_u8(w, c->steer);
    trk_wr_u16(w, c->flags);
    trk_wr_u64(w, c->cid);
}

int trk_wire_common(const uint8_t *pkt, size_t len, struct trk_common *out)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    int rc = common_read(&r, out);
    if (rc != TRK_OK)
        return rc;
    switch ((unsigned)out->type) {
    case TRK_TYPE_OPEN:
    case TRK_TYPE_REQUEST:
    case TRK_TYPE_UPLINK:
        return out->from_server ? TRK_E_TYPE : TRK_OK;
    case TRK_TYPE_VERSION:
    case TRK_TYPE_DATA:
    case TRK_TYPE_ACK:
        return out->from_server ? TRK_OK : TRK_E_TYPE;
    case TRK_TYPE_RESET:
    case TRK_TYPE_PATH:
        return TRK_OK;
    default:
        return TRK_E_TYPE;
    }
}

/* Reads and checks the common header of one type; unknown flags are an error, so that they can be
 * given meaning. */
static int begin(struct trk_rd *r, struct trk_common *c, enum trk_type type, uint16_t known)
{
    int rc = trk_wire_common(r->p, trk_rd_left(r), c);
    if (rc != TRK_OK)
        return rc;
    if (c->version != TRK_VERSION)
        return TRK_E_VERSION;
    if (c->type != type)
        return TRK_E_TYPE;
    if ((c->flags & ~known) != 0)
        return TRK_E_FIELD;
    return common_read(r, c);
}

static long finish(const struct trk_wr *w)
{
    return trk_wr_ok(w) ? (long)trk_wr_len(w) : TRK_E_NOSPACE;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static void pad(struct trk_wr *w, size_t to)
{
    if (trk_wr_len(w) < to)
        trk_wr_zero(w, to - trk_wr_len(w));
}

int trk_wire_read_open(const uint8_t *pkt, size_t len, struct trk_open *o)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    int rc = begin(&r, &o->c, TRK_TYPE_OPEN, 0);
    if (rc != TRK_OK)
        return rc;
    o->size = len;
    o->nonce = trk_rd_u64(&r);
    o->ts = trk_rd_u32(&r);
    o->service_port = trk_rd_u16(&r);
    o->client_port = trk_rd_u16(&r);
    o->versions = trk_rd_u16(&r);
    o->caps = trk_rd_u16(&r);
    o->token_len = trk_rd_u16(&r);
    o->early_len = trk_rd_u16(&r);
    o->token = trk_rd_bytes(&r, o->token_len);
    o->early = trk_rd_bytes(&r, o->early_len);
    if (!trk_rd_ok(&r) || len < TRK_OPEN_MIN_BYTES)
        return TRK_E_SHORT;
    if ((o->versions & 1u << TRK_VERSION) == 0 || !all_zero(r.p, trk_rd_left(&r)))
        return TRK_E_FIELD;
    return TRK_OK;
}

long trk_wire_write_open(uint8_t *buf, size_t cap, const struct trk_open *o, size_t pad_to)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    common_write(&w, &o->c, TRK_TYPE_OPEN, false);
    trk_wr_u64(&w, o->nonce);
    trk_wr_u32(&w, o->ts);
    trk_wr_u16(&w, o->service_port);
    trk_wr_u16(&w, o->client_port);
    trk_wr_u16(&w, o->versions);
    trk_wr_u16(&w, o->caps);
    trk_wr_u16(&w, (uint16_t)o->token_len);
    trk_wr_u16(&w, (uint16_t)o->early_len);
    trk_wr_bytes(&w, o->token, o->token_len);
    trk_wr_bytes(&w, o->early, o->early_len);
    pad(&w, pad_to < TRK_OPEN_MIN_BYTES ? TRK_OPEN_MIN_BYTES : pad_to);
    return finish(&w);
}

/* Proof ranges: newest first, disjoint, none empty, all above k (whose seq numbers they never pass
 * downwards). */
static int read_ranges(struct trk_rd *r, struct trk_request_pkt *q)
{
    uint64_t below = TRK_SEQ_MAX + 1;
    for (unsigned i = 0; i < q->n_ranges; i++) {
        struct trk_proof_range *p = &q->range[i];
        p->first = trk_rd_u48(r);
        p->count = trk_rd_u16(r);
        if (p->count == 0 || p->first + p->count > below)
            return TRK_E_FIELD;
        below = p->first;
    }
    return trk_rd_ok(r) ? TRK_OK : TRK_E_SHORT;
}

static int read_asks(struct trk_rd *r, struct trk_request_pkt *q)
{
    uint64_t next = 0;
    unsigned total = 0;
    for (unsigned i = 0; i < q->n_asks; i++) {
        struct trk_ask *a = &q->ask[i];
        a->first = trk_rd_u48(r);
        a->count = trk_rd_u16(r);
        a->off = trk_rd_u64(r);
        a->len = trk_rd_u32(r);
        if (a->count == 0 || a->first < next || a->first + a->count > TRK_SEQ_MAX ||
            a->off + a->len < a->off)
            return TRK_E_FIELD;
        next = a->first + a->count;
        total += a->count;
    }
    if (!trk_rd_ok(r))
        return TRK_E_SHORT;
    return total > TRK_GRANTS_MAX ? TRK_E_FIELD : TRK_OK;
}

int trk_wire_read_reqno(const uint8_t *pkt, size_t len, uint64_t *cid, uint32_t *reqno)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    struct trk_common c;
    int rc = begin(&r, &c, TRK_TYPE_REQUEST, TRK_REQ_KNOWN);
    if (rc != TRK_OK)
        return rc;
    *cid = c.cid;
    *reqno = trk_rd_u32(&r);
    return trk_rd_ok(&r) ? TRK_OK : TRK_E_SHORT;
}

int trk_wire_read_request(const uint8_t *pkt, size_t len, struct trk_request_pkt *q)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    int rc = begin(&r, &q->c, TRK_TYPE_REQUEST, TRK_REQ_KNOWN);
    if (rc != TRK_OK)
        return rc;
    q->reqno = trk_rd_u32(&r);
    q->ts = trk_rd_u32(&r);
    uint8_t kind = trk_rd_u8(&r);
    q->attempt = trk_rd_u8(&r);
    q->n_ranges = trk_rd_u8(&r);
    q->n_asks = trk_rd_u8(&r);
    q->w_cl_pkts = trk_rd_u32(&r);
    q->hold_us = trk_rd_u32(&r);
    q->hole = trk_rd_u48(&r);
    q->k = trk_rd_u48(&r);
    q->proof = trk_rd_u64(&r);
    q->down_una = trk_rd_u64(&r);
    q->up_off = trk_rd_u64(&r);
    q->cont_len = trk_rd_u16(&r);
    q->ucont_len = trk_rd_u16(&r);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    if (kind >= TRK_KIND_COUNT || q->attempt > 15 || q->n_ranges > TRK_PROOF_RANGES_MAX ||
        q->n_asks > TRK_ASKS_MAX || q->cont_len > TRK_CONT_BYTES_MAX ||
        q->ucont_len > TRK_UCONT_BYTES_MAX)
        return TRK_E_FIELD;
    q->kind = (enum trk_kind)kind;
    if ((rc = read_ranges(&r, q)) != TRK_OK || (rc = read_asks(&r, q)) != TRK_OK)
        return rc;
    q->cont = trk_rd_bytes(&r, q->cont_len);
    q->ucont = trk_rd_bytes(&r, q->ucont_len);
    q->up_len = trk_rd_left(&r);
    q->up = trk_rd_bytes(&r, q->up_len);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    return q->up_off + q->up_len < q->up_off ? TRK_E_FIELD : TRK_OK;
}

long trk_wire_write_request(uint8_t *buf, size_t cap, const struct trk_request_pkt *q)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    common_write(&w, &q->c, TRK_TYPE_REQUEST, false);
    trk_wr_u32(&w, q->reqno);
    trk_wr_u32(&w, q->ts);
    trk_wr_u8(&w, (uint8_t)q->kind);
    trk_wr_u8(&w, q->attempt);
    trk_wr_u8(&w, q->n_ranges);
    trk_wr_u8(&w, q->n_asks);
    trk_wr_u32(&w, q->w_cl_pkts);
    trk_wr_u32(&w, q->hold_us);
    trk_wr_u48(&w, q->hole);
    trk_wr_u48(&w, q->k);
    trk_wr_u64(&w, q->proof);
    trk_wr_u64(&w, q->down_una);
    trk_wr_u64(&w, q->up_off);
    trk_wr_u16(&w, (uint16_t)q->cont_len);
    trk_wr_u16(&w, (uint16_t)q->ucont_len);
    for (unsigned i = 0; i < q->n_ranges; i++) {
        trk_wr_u48(&w, q->range[i].first);
        trk_wr_u16(&w, q->range[i].count);
    }
    for (unsigned i = 0; i < q->n_asks; i++) {
        trk_wr_u48(&w, q->ask[i].first);
        trk_wr_u16(&w, q->ask[i].count);
        trk_wr_u64(&w, q->ask[i].off);
        trk_wr_u32(&w, q->ask[i].len);
    }
    trk_wr_bytes(&w, q->cont, q->cont_len);
    trk_wr_bytes(&w, q->ucont, q->ucont_len);
    trk_wr_bytes(&w, q->up, q->up_len);
    return finish(&w);
}

int trk_wire_read_uplink(const uint8_t *pkt, size_t len, struct trk_uplink_pkt *u)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    int rc = begin(&r, &u->c, TRK_TYPE_UPLINK, TRK_REQ_REPEAT | TRK_REQ_FIN);
    if (rc != TRK_OK)
        return rc;
    u->reqno = trk_rd_u32(&r);
    u->ts = trk_rd_u32(&r);
    u->ref = trk_rd_u64(&r);
    u->up_off = trk_rd_u64(&r);
    u->up_len = trk_rd_left(&r);
    u->up = trk_rd_bytes(&r, u->up_len);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    return u->up_off + u->up_len < u->up_off ? TRK_E_FIELD : TRK_OK;
}

long trk_wire_write_uplink(uint8_t *buf, size_t cap, const struct trk_uplink_pkt *u)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    common_write(&w, &u->c, TRK_TYPE_UPLINK, false);
    trk_wr_u32(&w, u->reqno);
    trk_wr_u32(&w, u->ts);
    trk_wr_u64(&w, u->ref);
    trk_wr_u64(&w, u->up_off);
    trk_wr_bytes(&w, u->up, u->up_len);
    return finish(&w);
}

static int read_sacks(struct trk_rd *r, struct trk_up_state *up)
{
    unsigned n = trk_rd_u8(r);
    if (n == 0 || n > TRK_SACKS_MAX)
        return trk_rd_ok(r) ? TRK_E_FIELD : TRK_E_SHORT;
    uint64_t at = up->ack;
    for (unsigned i = 0; i < n; i++) {
        uint32_t gap = trk_rd_u32(r), count = trk_rd_u32(r);
        if ((gap == 0 && i > 0) || count == 0)
            return trk_rd_ok(r) ? TRK_E_FIELD : TRK_E_SHORT;
        up->sack[i].start = at + gap;
        up->sack[i].end = at = at + gap + count;
    }
    up->n_sacks = (uint8_t)n;
    return trk_rd_ok(r) ? TRK_OK : TRK_E_SHORT;
}

static void write_sacks(struct trk_wr *w, const struct trk_up_state *up)
{
    uint64_t at = up->ack;
    trk_wr_u8(w, up->n_sacks);
    for (unsigned i = 0; i < up->n_sacks; i++) {
        trk_wr_u32(w, (uint32_t)(up->sack[i].start - at));
        trk_wr_u32(w, (uint32_t)(up->sack[i].end - up->sack[i].start));
        at = up->sack[i].end;
    }
}

/* A transport or a user continuation: their bounds are the same. */
static int read_cont(struct trk_rd *r, const uint8_t **cont, size_t *len)
{
    _Static_assert(TRK_CONT_BYTES_MAX == TRK_UCONT_BYTES_MAX, "one reader for both");
    *len = trk_rd_u16(r);
    if (*len == 0 || *len > TRK_CONT_BYTES_MAX)
        return trk_rd_ok(r) ? TRK_E_FIELD : TRK_E_SHORT;
    *cont = trk_rd_bytes(r, *len);
    return trk_rd_ok(r) ? TRK_OK : TRK_E_SHORT;
}

static void write_cont(struct trk_wr *w, const uint8_t *cont, size_t len)
{
    trk_wr_u16(w, (uint16_t)len);
    trk_wr_bytes(w, cont, len);
}

int trk_wire_read_data(const uint8_t *pkt, size_t len, struct trk_data_pkt *d)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    int rc = begin(&r, &d->c, TRK_TYPE_DATA, TRK_DATA_KNOWN);
    if (rc != TRK_OK)
        return rc;
    d->reqno = trk_rd_u32(&r);
    d->ts = trk_rd_u32(&r);
    d->instance = trk_rd_u16(&r);
    d->seq = trk_rd_u48(&r);
    d->train_end = trk_rd_u48(&r);
    d->nonce = trk_rd_u64(&r);
    d->limit = trk_rd_u48(&r);
    d->off = trk_rd_u64(&r);
    d->up.ack = trk_rd_u64(&r);
    d->up.credit_bytes = trk_rd_u32(&r);
    d->up.n_sacks = 0;
    d->cont = d->ucont = NULL;
    d->cont_len = d->ucont_len = 0;
    d->state = (d->c.flags & TRK_DATA_STATE) != 0 ? trk_rd_u64(&r) : 0;
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    if ((d->c.flags & TRK_DATA_SACK) != 0 && (rc = read_sacks(&r, &d->up)) != TRK_OK)
        return rc;
    if ((d->c.flags & TRK_DATA_CONT) != 0 && (rc = read_cont(&r, &d->cont, &d->cont_len)) != TRK_OK)
        return rc;
    if ((d->c.flags & TRK_DATA_UCONT) != 0 &&
        (rc = read_cont(&r, &d->ucont, &d->ucont_len)) != TRK_OK)
        return rc;
    d->payload_len = trk_rd_left(&r);
    d->payload = trk_rd_bytes(&r, d->payload_len);
    return d->train_end < d->seq || d->off + d->payload_len < d->off ? TRK_E_FIELD : TRK_OK;
}

long trk_wire_write_data_head(uint8_t *buf, size_t cap, const struct trk_data_pkt *d)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    common_write(&w, &d->c, TRK_TYPE_DATA, true);
    trk_wr_u32(&w, d->reqno);
    trk_wr_u32(&w, d->ts);
    trk_wr_u16(&w, d->instance);
    trk_wr_u48(&w, d->seq);
    trk_wr_u48(&w, d->train_end);
    trk_wr_u64(&w, d->nonce);
    trk_wr_u48(&w, d->limit);
    trk_wr_u64(&w, d->off);
    trk_wr_u64(&w, d->up.ack);
    trk_wr_u32(&w, d->up.credit_bytes);
    if ((d->c.flags & TRK_DATA_STATE) != 0)
        trk_wr_u64(&w, d->state);
    if ((d->c.flags & TRK_DATA_SACK) != 0)
        write_sacks(&w, &d->up);
    if ((d->c.flags & TRK_DATA_CONT) != 0)
        write_cont(&w, d->cont, d->cont_len);
    if ((d->c.flags & TRK_DATA_UCONT) != 0)
        write_cont(&w, d->ucont, d->ucont_len);
    return finish(&w);
}

size_t trk_wire_data_ext_bytes(size_t cont_len, size_t ucont_len, unsigned n_sacks)
{
    return (cont_len != 0 ? 2 + cont_len : 0) + (ucont_len != 0 ? 2 + ucont_len : 0) +
           (n_sacks != 0 ? 1 + 8 * (size_t)n_sacks : 0);
}

static int read_refused(struct trk_rd *r, struct trk_ack_pkt *a)
{
    unsigned n = trk_rd_u8(r);
    if (n == 0 || n > TRK_REFUSED_MAX)
        return trk_rd_ok(r) ? TRK_E_FIELD : TRK_E_SHORT;
    for (unsigned i = 0; i < n; i++) {
        a->refused[i].first = trk_rd_u48(r);
        a->refused[i].bits = trk_rd_u64(r);
    }
    a->n_refused = (uint8_t)n;
    return trk_rd_ok(r) ? TRK_OK : TRK_E_SHORT;
}

static int read_opened(struct trk_rd *r, struct trk_ack_pkt *a)
{
    a->nonce = trk_rd_u64(r);
    a->reset_token = trk_rd_u64(r);
    a->uplink_ref = trk_rd_u64(r);
    a->versions = trk_rd_u16(r);
    a->caps = trk_rd_u16(r);
    return trk_rd_ok(r) ? TRK_OK : TRK_E_SHORT;
}

int trk_wire_read_ack(const uint8_t *pkt, size_t len, struct trk_ack_pkt *a)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    *a = (struct trk_ack_pkt){0};
    int rc = begin(&r, &a->c, TRK_TYPE_ACK, TRK_ACK_KNOWN);
    if (rc != TRK_OK)
        return rc;
    a->reqno = trk_rd_u32(&r);
    a->ts = trk_rd_u32(&r);
    a->instance = trk_rd_u16(&r);
    a->reason = trk_rd_u8(&r);
    uint8_t reserved = trk_rd_u8(&r);
    a->train_end = trk_rd_u48(&r);
    a->limit = trk_rd_u48(&r);
    a->avail = trk_rd_u64(&r);
    a->up.ack = trk_rd_u64(&r);
    a->up.credit_bytes = trk_rd_u32(&r);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    if (a->reason >= TRK_REASON_COUNT || reserved != 0)
        return TRK_E_FIELD;
    if ((a->c.flags & TRK_ACK_OPENED) != 0 && (rc = read_opened(&r, a)) != TRK_OK)
        return rc;
    if ((a->c.flags & TRK_ACK_SACK) != 0 && (rc = read_sacks(&r, &a->up)) != TRK_OK)
        return rc;
    if ((a->c.flags & TRK_ACK_REFUSED) != 0 && (rc = read_refused(&r, a)) != TRK_OK)
        return rc;
    if ((a->c.flags & TRK_ACK_CONT) != 0 && (rc = read_cont(&r, &a->cont, &a->cont_len)) != TRK_OK)
        return rc;
    if ((a->c.flags & TRK_ACK_UCONT) != 0 &&
        (rc = read_cont(&r, &a->ucont, &a->ucont_len)) != TRK_OK)
        return rc;
    if (trk_rd_left(&r) != 0 &&
        ((a->c.flags & TRK_ACK_OPENED) == 0 || !all_zero(r.p, trk_rd_left(&r))))
        return TRK_E_FIELD;
    return TRK_OK;
}

long trk_wire_write_ack(uint8_t *buf, size_t cap, const struct trk_ack_pkt *a, size_t pad_to)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    common_write(&w, &a->c, TRK_TYPE_ACK, true);
    trk_wr_u32(&w, a->reqno);
    trk_wr_u32(&w, a->ts);
    trk_wr_u16(&w, a->instance);
    trk_wr_u8(&w, a->reason);
    trk_wr_u8(&w, 0);
    trk_wr_u48(&w, a->train_end);
    trk_wr_u48(&w, a->limit);
    trk_wr_u64(&w, a->avail);
    trk_wr_u64(&w, a->up.ack);
    trk_wr_u32(&w, a->up.credit_bytes);
    if ((a->c.flags & TRK_ACK_OPENED) != 0) {
        trk_wr_u64(&w, a->nonce);
        trk_wr_u64(&w, a->reset_token);
        trk_wr_u64(&w, a->uplink_ref);
        trk_wr_u16(&w, a->versions);
        trk_wr_u16(&w, a->caps);
    }
    if ((a->c.flags & TRK_ACK_SACK) != 0)
        write_sacks(&w, &a->up);
    if ((a->c.flags & TRK_ACK_REFUSED) != 0) {
        trk_wr_u8(&w, a->n_refused);
        for (unsigned i = 0; i < a->n_refused; i++) {
            trk_wr_u48(&w, a->refused[i].first);
            trk_wr_u64(&w, a->refused[i].bits);
        }
    }
    if ((a->c.flags & TRK_ACK_CONT) != 0)
        write_cont(&w, a->cont, a->cont_len);
    if ((a->c.flags & TRK_ACK_UCONT) != 0)
        write_cont(&w, a->ucont, a->ucont_len);
    if ((a->c.flags & TRK_ACK_OPENED) != 0)
        pad(&w, pad_to);
    return finish(&w);
}

int trk_wire_read_reset(const uint8_t *pkt, size_t len, struct trk_reset_pkt *x)
{
    struct trk_rd r = trk_rd_make(pkt, len);
    int rc = begin(&r, &x->c, TRK_TYPE_RESET, 0);
    if (rc != TRK_OK)
        return rc;
    x->token = trk_rd_u64(&r);
    x->reason = trk_rd_u16(&r);
    x->cont_len = trk_rd_u16(&r);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    if (x->cont_len > TRK_CONT_BYTES_MAX || x->c.from_server != (x->cont_len == 0))
        return TRK_E_FIELD;
    x->cont = trk_rd_bytes(&r, x->cont_len);
    if (!trk_rd_ok(&r))
        return TRK_E_SHORT;
    return trk_rd_left(&r) == 0 ? TRK_OK : TRK_E_FIELD;
}

long trk_wire_write_reset(uint8_t *buf, size_t cap, const struct trk_reset_pkt *x, bool from_server)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    common_write(&w, &x->c, TRK_TYPE_RESET, from_server);
    trk_wr_u64(&w, x->token);
    trk_wr_u16(&w, x->reason);
    trk_wr_u16(&w, (uint16_t)x->cont_len);
    trk_wr_bytes(&w, x->cont, x->cont_len);
    return finish(&w);
}

long trk_wire_write_version(uint8_t *buf, size_t cap, const struct trk_common *in)
{
    struct trk_wr w = trk_wr_make(buf, cap);
    struct trk_common c = *in;
    c.flags = 0;
    common_write(&w, &c, TRK_TYPE_VERSION, true);
    trk_wr_u8(&w, 1);
    trk_wr_u8(&w, TRK_VERSION);
    return finish(&w);
}
