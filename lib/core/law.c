#include "core/law.h"

#define ONE_Q (1u << TRK_Q)

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t pkts_q(uint32_t pkts)
{
    return min_u32(pkts, TRK_WINDOW_MAX_PKTS) << TRK_Q;
}

uint32_t trk_law_window_q(const struct trk_law *law, uint64_t k)
{
    uint64_t o = k + 1 > law->law_base ? k + 1 - law->law_base : 0;
    uint32_t w = trk_reno_window_q(law, o);
    return max_u32(ONE_Q, min_u32(w, pkts_q(TRK_WINDOW_MAX_PKTS)));
}

uint64_t trk_law_range_end(const struct trk_law *law)
{
    uint64_t w0 = max_u32(law->w0_q >> TRK_Q, 1);
    return law->law_base + 4 * w0 + TRK_LAW_RANGE_PKTS;
}

uint64_t trk_law_limit(const struct trk_law *law, uint64_t k, uint32_t n, uint32_t w_cl, bool probe)
{
    uint64_t w = trk_law_window(law, k);
    uint64_t own = max_u32(w_cl, 1);
    if (own < w)
        w = own;
    uint64_t credit = n < w ? n : w; /* L = W: what bounds how long a cut can be put off */
    uint64_t limit = k + w + credit + (probe ? 1 : 0);
    uint64_t end = trk_law_range_end(law);
    return limit < end ? limit : end - 1;
}

void trk_law_first(struct trk_law *out, uint16_t packet_size, uint16_t owner, uint64_t now_us)
{
    *out = (struct trk_law){
        .law = TRK_LAW_RENO,
        .flags = TRK_LAW_FIRST,
        .packet_size = packet_size,
        .owner = owner,
        .base = 1, /* so that k = base - 1 is a number: seq 0 is never sent */
        .law_base = 1,
        .w0_q = pkts_q(TRK_IW_PKTS),
        .ssthresh_q = pkts_q(TRK_WINDOW_MAX_PKTS),
        .issued_us = now_us,
    };
}

int trk_law_derive(const struct trk_law *parent, enum trk_kind kind, uint64_t f, uint8_t a,
                   uint32_t w_cl, struct trk_law *child)
{
    if ((kind != TRK_KIND_HOLE && kind != TRK_KIND_TIMEOUT) || f < parent->base || a > 15 ||
        f >= trk_law_range_end(parent))
        return TRK_E_FIELD;
    uint64_t w = trk_law_window(parent, f - 1); /* Wd; the credit L is W as well */
    uint32_t cut = max_u32(2, min_u32((uint32_t)w, max_u32(w_cl, 1)) / 2); /* beta = 1/2 */
    *child = *parent;
    child->epoch = (uint16_t)(parent->epoch + 1);
    child->generation = 0;
    child->flags &= (uint8_t) ~(TRK_LAW_FIRST | TRK_LAW_TIMEOUT);
    child->wprior_q = (uint32_t)(w << TRK_Q);
    if (kind == TRK_KIND_HOLE) {
        child->base = f + 2 * w + 1;
        child->w0_q = child->ssthresh_q = pkts_q(cut);
        child->fs_pkts = (uint32_t)w;
    } else {
        bool again = (parent->flags & TRK_LAW_TIMEOUT) != 0 &&
                     f == parent->base; /* nothing proved in between */
        child->base = f + 6 * w + 3 + a;
        child->w0_q = ONE_Q;
        if (!again)
            child->ssthresh_q = pkts_q(cut);
        child->fs_pkts = 0;
        child->flags |= TRK_LAW_TIMEOUT;
    }
    child->law_base = child->base;
    return child->base + 8 * w > TRK_SEQ_MAX ? TRK_E_FIELD : TRK_OK;
}

void trk_law_refresh(const struct trk_law *parent, uint64_t k, uint64_t asked, uint32_t w_cl,
                     uint64_t age_us, uint32_t rtt_us, struct trk_law *child)
{
    uint32_t w = trk_law_window_q(parent, k);
    uint64_t flight = asked > k ? asked - k : 0;
    uint32_t used =
        pkts_q(flight > TRK_WINDOW_MAX_PKTS / 2 ? TRK_WINDOW_MAX_PKTS : (uint32_t)(2 * flight));
    *child = *parent;
    child->generation = (uint8_t)(parent->generation + 1);
    child->flags &= (uint8_t)~TRK_LAW_FIRST;
    child->law_base = k + 1;
    child->w0_q = max_u32(
        ONE_Q, min_u32(w, min_u32(max_u32(pkts_q(TRK_IW_PKTS), used), pkts_q(max_u32(w_cl, 1)))));
    if (rtt_us != 0) {
        child->srtt_us = parent->srtt_us == 0 ? rtt_us : parent->srtt_us / 8 * 7 + rtt_us / 8;
        child->minrtt_us = parent->minrtt_us == 0 ? rtt_us : min_u32(parent->minrtt_us, rtt_us);
    }
    if (age_us > TRK_IDLE_US && age_us > 4 * (uint64_t)parent->srtt_us) {
        child->ssthresh_q = max_u32(parent->ssthresh_q, w / 4 * 3);
        child->w0_q = min_u32(child->w0_q, pkts_q(TRK_IW_PKTS));
    }
}

int trk_law_undo(const struct trk_law *parent, uint64_t f, uint64_t k, uint32_t ssthresh_prev_q,
                 struct trk_law *child)
{
    uint64_t w = parent->wprior_q >> TRK_Q;
    if ((parent->flags & TRK_LAW_TIMEOUT) != 0 || w == 0 || f + 2 * w + 1 != parent->base ||
        k + 1 < parent->law_base || k >= parent->base + 2 * w)
        return TRK_E_FIELD;
    *child = *parent;
    child->generation = (uint8_t)(parent->generation + 1);
    child->law_base = k + 1;
    child->w0_q = max_u32(trk_law_window_q(parent, k), parent->wprior_q);
    child->ssthresh_q = max_u32(parent->ssthresh_q, ssthresh_prev_q);
    child->wprior_q = 0; /* not twice */
    child->fs_pkts = 0;
    return TRK_OK;
}

void trk_law_stale(const struct trk_law *parent, struct trk_law *child)
{
    uint32_t iw = pkts_q(TRK_IW_PKTS);
    *child = *parent;
    child->epoch = (uint16_t)(parent->epoch + 1);
    child->generation = 0;
    child->flags &=
        (uint8_t)~TRK_LAW_TIMEOUT; /* FIRST stays: it says that no request was accepted yet */
    child->base = child->law_base = 1;
    child->w0_q = min_u32(iw, max_u32(parent->w0_q, ONE_Q));
    child->ssthresh_q = max_u32(parent->w0_q / 2, iw);
    child->fs_pkts = 0;
}
