/*
 * rtt.h: round-trip estimate and retransmission timeout (RFC 6298). Pure; microseconds.
 */
#ifndef TRK_CORE_RTT_H
#define TRK_CORE_RTT_H

#include <stdint.h>

enum {
    TRK_RTO_INITIAL_US = 1000000, /* RFC 6298 section 2.1 */
    TRK_RTO_MIN_US = 200000,      /* as Linux; the RFC's 1 s is a lower bound nobody keeps */
    TRK_RTO_MAX_US = 60000000,
};

struct trk_rtt {
    uint32_t srtt_us; /* 0: no sample yet */
    uint32_t rttvar_us;
    uint32_t min_us;
};

/* Takes a sample. Samples of 0 count as 1. */
static inline void trk_rtt_sample(struct trk_rtt *r, uint32_t us)
{
    if (us == 0)
        us = 1;
    if (r->srtt_us == 0) {
        r->srtt_us = us;
        r->rttvar_us = us / 2;
        r->min_us = us;
        return;
    }
    uint32_t diff = us > r->srtt_us ? us - r->srtt_us : r->srtt_us - us;
    r->rttvar_us = r->rttvar_us - r->rttvar_us / 4 + diff / 4;
    r->srtt_us = r->srtt_us - r->srtt_us / 8 + us / 8;
    if (r->srtt_us == 0)
        r->srtt_us = 1;
    if (us < r->min_us)
        r->min_us = us;
}

/* The timeout after `backoff` doublings. */
static inline uint64_t trk_rtt_rto_us(const struct trk_rtt *r, unsigned backoff)
{
    uint64_t us =
        r->srtt_us == 0 ? TRK_RTO_INITIAL_US : (uint64_t)r->srtt_us + 4 * (uint64_t)r->rttvar_us;
    if (us < TRK_RTO_MIN_US)
        us = TRK_RTO_MIN_US;
    us <<= backoff > 10 ? 10 : backoff;
    return us < TRK_RTO_MAX_US ? us : TRK_RTO_MAX_US;
}

/* Silence after which a probe is worth a packet (RFC 8985 section 7, with 10 ms for timers). */
static inline uint64_t trk_rtt_probe_us(const struct trk_rtt *r)
{
    return 2 * (uint64_t)r->srtt_us + 10000;
}

#endif
