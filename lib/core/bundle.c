#include "core/bundle.h"

#include "base/err.h"

enum { HAS_USER = 1, REQUEST_END = 2, KNOWN = 3 };

void trk_bundle_put(struct trk_wr *w, const struct trk_bundle_item *it)
{
    uint8_t ticket[TRK_TICKET_BYTES_MAX];
    size_t len = trk_ticket_write(&it->ticket, ticket);
    trk_wr_u8(w, it->kind);
    trk_wr_u8(w, (uint8_t)((it->has_user ? HAS_USER : 0) | (it->request_end ? REQUEST_END : 0)));
    trk_wr_bytes(w, it->local.ip, sizeof it->local.ip);
    trk_wr_u32(w, it->ifindex);
    trk_wr_u16(w, (uint16_t)it->user_len);
    trk_wr_bytes(w, it->user, it->user_len);
    trk_wr_u32(w, (uint32_t)it->request_len);
    trk_wr_bytes(w, it->request, it->request_len);
    trk_wr_bytes(w, ticket, len);
}

int trk_bundle_get(struct trk_rd *r, struct trk_bundle_item *it)
{
    size_t used = 0;
    it->kind = trk_rd_u8(r);
    uint8_t flags = trk_rd_u8(r);
    const uint8_t *ip = trk_rd_bytes(r, sizeof it->local.ip);
    it->ifindex = trk_rd_u32(r);
    it->user_len = trk_rd_u16(r);
    it->user = trk_rd_bytes(r, it->user_len);
    it->request_len = trk_rd_u32(r);
    it->request = trk_rd_bytes(r, it->request_len);
    if (!trk_rd_ok(r))
        return TRK_E_SHORT;
    it->local.port = 0;
    memcpy(it->local.ip, ip, sizeof it->local.ip);
    it->has_user = (flags & HAS_USER) != 0;
    it->request_end = (flags & REQUEST_END) != 0;
    if (it->kind < TRK_MINI_NEW || it->kind > TRK_MINI_CLOSED || (flags & ~KNOWN) != 0 ||
        it->user_len > TRK_UCONT_USER_BYTES_MAX || it->request_len > TRK_MINI_UP_WINDOW_BYTES ||
        (!it->has_user && it->user_len != 0))
        return TRK_E_FIELD;
    int rc = trk_ticket_read(r->p, trk_rd_left(r), &it->ticket, &used);
    if (rc == TRK_OK)
        (void)trk_rd_bytes(r, used);
    return rc;
}

static void write_clear(struct trk_wr *w, uint16_t service_port, uint32_t step,
                        const struct trk_bundle *b)
{
    trk_wr_u8(w, TRK_BUNDLE_KIND);
    trk_wr_u8(w, (uint8_t)(b->n - 1));
    trk_wr_u16(w, service_port);
    trk_wr_u32(w, step);
    trk_wr_u64(w, b->issued_us);
    trk_wr_u64(w, b->id);
}

int trk_bundle_seal(const struct trk_seal_ops *ops, uint16_t service_port, uint64_t now_us,
                    unsigned n, const uint8_t *plain, size_t len, uint8_t *out)
{
    struct trk_bundle b = {.n = n, .issued_us = now_us};
    uint8_t clear[TRK_BUNDLE_CLEAR_BYTES];
    struct trk_wr w = trk_wr_make(clear, sizeof clear);
    uint32_t step = ops->step(ops->ctx);
    TRK_ASSERT(n >= 1 && n <= TRK_BUNDLE_EVENTS_MAX && len <= TRK_BUNDLE_BYTES_MAX);
    ops->random(ops->ctx, &b.id, sizeof b.id);
    write_clear(&w, service_port, step, &b);
    TRK_ASSERT(trk_wr_ok(&w) && trk_wr_left(&w) == 0);
    memcpy(out, clear, sizeof clear);
    int rc = ops->seal(ops->ctx, TRK_KEY_USER, step, out, TRK_BUNDLE_CLEAR_BYTES, plain, len,
                       out + TRK_BUNDLE_CLEAR_BYTES);
    return rc == 0 ? TRK_OK : TRK_E_KEY;
}

int trk_bundle_open(const struct trk_seal_ops *ops, uint16_t service_port, const uint8_t *in,
                    size_t len, struct trk_bundle *b, uint8_t *plain)
{
    if (len < TRK_BUNDLE_OVERHEAD_BYTES || len > TRK_BUNDLE_BYTES_MAX + TRK_BUNDLE_OVERHEAD_BYTES)
        return TRK_E_SHORT;
    struct trk_rd r = trk_rd_make(in, TRK_BUNDLE_CLEAR_BYTES);
    uint8_t kind = trk_rd_u8(&r);
    b->n = trk_rd_u8(&r) + 1u;
    uint16_t port = trk_rd_u16(&r);
    uint32_t step = trk_rd_u32(&r);
    b->issued_us = trk_rd_u64(&r);
    b->id = trk_rd_u64(&r);
    if (kind != TRK_BUNDLE_KIND)
        return TRK_E_FIELD;
    if (ops->open(ops->ctx, TRK_KEY_USER, step, in, TRK_BUNDLE_CLEAR_BYTES,
                  in + TRK_BUNDLE_CLEAR_BYTES, len - TRK_BUNDLE_CLEAR_BYTES, plain) != 0)
        return TRK_E_CANNOT_OPEN;
    return port == service_port ? TRK_OK : TRK_E_UNKNOWN;
}
