/*
 * pace.h: a bucket of packets, so that a window that opens at once does not leave as one burst. Pure.
 *
 * Filled at twice the window per round trip in slow start and at 1.25 times in avoidance (as Linux's
 * fq and RFC 9002 section 7.7 suggest); holds at most `burst` packets or an eighth of a round trip's.
 */
#ifndef TRK_CORE_PACE_H
#define TRK_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { TRK_PACE_Q = 16 }; /* fractional bits of a packet */

struct trk_pace {
    uint64_t tokens_q;
    uint64_t at_ns; /* filled up to here */
};

/* Brings the bucket up to now. srtt_us 0: no estimate yet, and nothing is held back. */
static inline void trk_pace_fill(struct trk_pace *p, uint64_t now_ns, uint32_t window,
                                 uint32_t srtt_us, bool slow_start, uint32_t burst)
{
    uint64_t dt_us = (now_ns - p->at_ns) / 1000, full = (uint64_t)burst << TRK_PACE_Q;
    if (srtt_us == 0 || dt_us > srtt_us) {
        p->tokens_q = p->tokens_q > full ? p->tokens_q : full;
        p->at_ns = now_ns;
        return;
    }
    uint64_t per_rtt_q = (slow_start ? 2 * (uint64_t)window : window + (uint64_t)window / 4)
                         << TRK_PACE_Q;
    p->tokens_q += per_rtt_q * dt_us / srtt_us;
    p->at_ns += dt_us * 1000;
    if (per_rtt_q / 8 > full)
        full = per_rtt_q / 8;
    if (p->tokens_q > full)
        p->tokens_q = full;
}

/* How many packets may go now. */
static inline uint64_t trk_pace_pkts(const struct trk_pace *p)
{
    return p->tokens_q >> TRK_PACE_Q;
}

/* n packets went; more than there were leaves the bucket empty. */
static inline void trk_pace_take(struct trk_pace *p, uint64_t n)
{
    uint64_t q = n << TRK_PACE_Q;
    p->tokens_q = p->tokens_q > q ? p->tokens_q - q : 0;
}

#endif
