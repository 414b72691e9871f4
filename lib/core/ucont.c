#include "core/ucont.h"

/* Could a server have made this? */
static bool is_sane(const struct trk_ucont *u)
{
    bool end = (u->flags & TRK_UCONT_END) != 0, fin = (u->flags & TRK_UCONT_FIN) != 0;
    if ((u->flags & ~TRK_UCONT_KNOWN) != 0 || (fin && !end) || u->state == 0)
        return false;
    return end ? u->end >= u->from && u->end != UINT64_MAX : u->end == UINT64_MAX;
}

int trk_ucont_read(const uint8_t *ucont, size_t len, struct trk_ucont *u)
{
    if (len < TRK_UCONT_OVERHEAD_BYTES || len > TRK_UCONT_BYTES_MAX)
        return TRK_E_SHORT;
    struct trk_rd r = trk_rd_make(ucont, TRK_UCONT_CLEAR_BYTES);
    uint8_t kind = trk_rd_u8(&r);
    u->flags = trk_rd_u8(&r);
    u->key_step = trk_rd_u16(&r);
    u->state = trk_rd_u64(&r);
    u->up = trk_rd_u64(&r);
    u->from = trk_rd_u64(&r);
    u->end = trk_rd_u64(&r);
    u->after = trk_rd_u64(&r);
    if ((u->flags & TRK_UCONT_END) == 0) {
        if (u->end != 0)
            return TRK_E_FIELD;
        u->end = UINT64_MAX;
    }
    return kind == TRK_UCONT_KIND && is_sane(u) ? TRK_OK : TRK_E_FIELD;
}

void trk_ucont_write_clear(struct trk_wr *w, const struct trk_ucont *u)
{
    trk_wr_u8(w, TRK_UCONT_KIND);
    trk_wr_u8(w, u->flags);
    trk_wr_u16(w, u->key_step);
    trk_wr_u64(w, u->state);
    trk_wr_u64(w, u->up);
    trk_wr_u64(w, u->from);
    trk_wr_u64(w, (u->flags & TRK_UCONT_END) != 0 ? u->end : 0);
    trk_wr_u64(w, u->after);
}

int trk_ucont_seal(const struct trk_seal_ops *ops, struct trk_ucont *u, uint64_t conn,
                   uint16_t service_port, const uint8_t *user, size_t user_len, uint8_t *out,
                   size_t *len)
{
    if (user_len > TRK_UCONT_USER_BYTES_MAX || !is_sane(u))
        return TRK_E_INVAL;
    uint32_t step = ops->step(ops->ctx);
    u->key_step = (uint16_t)step;
    struct trk_wr clear = trk_wr_make(out, TRK_UCONT_CLEAR_BYTES);
    trk_ucont_write_clear(&clear, u);
    uint8_t plain[TRK_UCONT_BOUND_BYTES + TRK_UCONT_USER_BYTES_MAX];
    struct trk_wr w = trk_wr_make(plain, sizeof plain);
    trk_wr_u64(&w, conn);
    trk_wr_u16(&w, service_port);
    trk_wr_bytes(&w, user, user_len);
    TRK_ASSERT(trk_wr_ok(&clear) && trk_wr_left(&clear) == 0 && trk_wr_ok(&w));
    if (ops->seal(ops->ctx, TRK_KEY_USER, step, out, TRK_UCONT_CLEAR_BYTES, plain, trk_wr_len(&w),
                  out + TRK_UCONT_CLEAR_BYTES) != 0)
        return TRK_E_KEY;
    *len = TRK_UCONT_OVERHEAD_BYTES + user_len;
    return TRK_OK;
}

int trk_ucont_open(const struct trk_seal_ops *ops, const uint8_t *ucont, size_t len, uint64_t conn,
                   uint16_t service_port, struct trk_ucont *u, uint8_t *user, size_t *user_len)
{
    int rc = trk_ucont_read(ucont, len, u);
    if (rc != TRK_OK)
        return rc;
    uint8_t plain[TRK_UCONT_BOUND_BYTES + TRK_UCONT_USER_BYTES_MAX];
    uint32_t step = trk_seal_whole_step(ops->step(ops->ctx), u->key_step);
    if (ops->open(ops->ctx, TRK_KEY_USER, step, ucont, TRK_UCONT_CLEAR_BYTES,
                  ucont + TRK_UCONT_CLEAR_BYTES, len - TRK_UCONT_CLEAR_BYTES, plain) != 0)
        return TRK_E_CANNOT_OPEN;
    struct trk_rd r = trk_rd_make(plain, len - TRK_UCONT_CLEAR_BYTES - TRK_SEAL_OVERHEAD_BYTES);
    uint64_t of_conn = trk_rd_u64(&r);
    uint16_t of_port = trk_rd_u16(&r);
    if (of_conn != conn || of_port != service_port)
        return TRK_E_CANNOT_OPEN;
    *user_len = trk_rd_left(&r);
    memcpy(user, r.p, *user_len);
    return TRK_OK;
}
