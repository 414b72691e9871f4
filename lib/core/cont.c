#include "core/cont.h"

void trk_cont_write_law(struct trk_wr *w, const struct trk_law *l)
{
    trk_wr_u8(w, TRK_CONT_KIND_TRANSPORT);
    trk_wr_u8(w, l->law);
    trk_wr_u8(w, l->flags);
    trk_wr_u8(w, l->generation);
    trk_wr_u16(w, l->epoch);
    trk_wr_u16(w, l->packet_size);
    trk_wr_u16(w, l->owner);
    trk_wr_u16(w, l->key_step);
    trk_wr_u48(w, l->base);
    trk_wr_u48(w, l->law_base);
    trk_wr_u32(w, l->w0_q);
    trk_wr_u32(w, l->ssthresh_q);
    trk_wr_u32(w, l->wmax_q);
    trk_wr_u32(w, l->wprior_q);
    trk_wr_u32(w, l->k_us);
    trk_wr_u32(w, l->t0_us);
    trk_wr_u32(w, l->srtt_us);
    trk_wr_u32(w, l->minrtt_us);
    trk_wr_u32(w, l->fs_pkts);
    trk_wr_u64(w, l->issued_us);
}

int trk_cont_read_law(const uint8_t *cont, size_t len, struct trk_law *l)
{
    struct trk_rd r = trk_rd_make(cont, len);
    uint8_t kind = trk_rd_u8(&r);
    l->law = trk_rd_u8(&r);
    l->flags = trk_rd_u8(&r);
    l->generation = trk_rd_u8(&r);
    l->epoch = trk_rd_u16(&r);
    l->packet_size = trk_rd_u16(&r);
    l->owner = trk_rd_u16(&r);
    l->key_step = trk_rd_u16(&r);
    l->base = trk_rd_u48(&r);
    l->law_base = trk_rd_u48(&r);
    l->w0_q = trk_rd_u32(&r);
    l->ssthresh_q = trk_rd_u32(&r);
    l->wmax_q = trk_rd_u32(&r);
    l->wprior_q = trk_rd_u32(&r);
    l->k_us = trk_rd_u32(&r);
    l->t0_us = trk_rd_u32(&r);
    l->srtt_us = trk_rd_u32(&r);
    l->minrtt_us = trk_rd_u32(&r);
    l->fs_pkts = trk_rd_u32(&r);
    l->issued_us = trk_rd_u64(&r);
    if (!trk_rd_ok(&r) || len != TRK_CONT_BYTES)
        return TRK_E_SHORT;
    uint32_t w_max = (uint32_t)TRK_WINDOW_MAX_PKTS << TRK_Q;
    if (kind != TRK_CONT_KIND_TRANSPORT || l->law != TRK_LAW_RENO ||
        (l->flags & ~TRK_LAW_KNOWN) != 0 || l->packet_size < TRK_PACKET_MIN_BYTES || l->base == 0 ||
        l->law_base < l->base || l->w0_q > w_max || l->w0_q < 1u << TRK_Q ||
        l->ssthresh_q > w_max || l->fs_pkts > TRK_WINDOW_MAX_PKTS)
        return TRK_E_FIELD;
    return TRK_OK;
}

void trk_cont_write_secret(struct trk_wr *w, const struct trk_secret *s)
{
    trk_wr_u64(w, s->conn);
    trk_wr_u64(w, s->rho);
    trk_wr_bytes(w, s->peer.ip, sizeof s->peer.ip);
    trk_wr_u16(w, s->peer.port);
    trk_wr_u16(w, s->client_port);
    trk_wr_u16(w, s->service_port);
    trk_wr_u32(w, s->nonce_step);
    trk_wr_u32(w, s->open_step);
    trk_wr_u64(w, s->opened_us);
    trk_wr_u32(w, s->ssthresh_prev_q);
}

void trk_cont_read_secret(struct trk_rd *r, struct trk_secret *s)
{
    s->conn = trk_rd_u64(r);
    s->rho = trk_rd_u64(r);
    const uint8_t *ip = trk_rd_bytes(r, sizeof s->peer.ip);
    if (ip != NULL)
        memcpy(s->peer.ip, ip, sizeof s->peer.ip);
    s->peer.port = trk_rd_u16(r);
    s->client_port = trk_rd_u16(r);
    s->service_port = trk_rd_u16(r);
    s->nonce_step = trk_rd_u32(r);
    s->open_step = trk_rd_u32(r);
    s->opened_us = trk_rd_u64(r);
    s->ssthresh_prev_q = trk_rd_u32(r);
}

int trk_cont_seal(const struct trk_seal_ops *ops, struct trk_law *law, const struct trk_secret *s,
                  uint8_t *out)
{
    uint32_t step = ops->step(ops->ctx);
    law->key_step = (uint16_t)step;
    struct trk_wr clear = trk_wr_make(out, TRK_CONT_CLEAR_BYTES);
    trk_cont_write_law(&clear, law);
    uint8_t plain[TRK_CONT_SECRET_BYTES];
    struct trk_wr w = trk_wr_make(plain, sizeof plain);
    trk_cont_write_secret(&w, s);
    TRK_ASSERT(trk_wr_ok(&clear) && trk_wr_ok(&w) && trk_wr_left(&w) == 0);
    int rc = ops->seal(ops->ctx, TRK_KEY_TRANSPORT, step, out, TRK_CONT_CLEAR_BYTES, plain,
                       sizeof plain, out + TRK_CONT_CLEAR_BYTES);
    return rc == 0 ? TRK_OK : TRK_E_KEY;
}

int trk_cont_open(const struct trk_seal_ops *ops, const uint8_t *cont, size_t len,
                  struct trk_law *law, struct trk_secret *s)
{
    int rc = trk_cont_read_law(cont, len, law);
    if (rc != TRK_OK)
        return rc;
    uint8_t plain[TRK_CONT_SECRET_BYTES];
    uint32_t step = trk_seal_whole_step(ops->step(ops->ctx), law->key_step);
    if (ops->open(ops->ctx, TRK_KEY_TRANSPORT, step, cont, TRK_CONT_CLEAR_BYTES,
                  cont + TRK_CONT_CLEAR_BYTES, len - TRK_CONT_CLEAR_BYTES, plain) != 0)
        return TRK_E_CANNOT_OPEN;
    struct trk_rd r = trk_rd_make(plain, sizeof plain);
    trk_cont_read_secret(&r, s);
    TRK_ASSERT(trk_rd_ok(&r));
    return TRK_OK;
}
