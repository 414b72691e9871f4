/*
 * Reno as a function of the packets proved since the law base. Exactly what per-ACK Reno computes
 * (one packet more per packet in slow start, one more per window in congestion avoidance), in
 * closed form.
 *
 * In avoidance the window m is the largest with m(m-1)/2 <= o' + s(s-1)/2, where o' counts from the
 * moment when the window was s whole packets. The fraction of w0 is the part of a window already
 * done: so a refresh in mid-window goes on where it was.
 */
#include "core/law.h"

/* The largest m with m * m <= x, by Newton from above: at most 32 steps, 5 usual. */
static uint64_t isqrt(uint64_t x)
{
    if (x < 2)
        return x;
    uint64_t r = UINT64_C(1) << ((64 - __builtin_clzll(x) + 1) / 2);
    for (;;) {
        uint64_t next = (r + x / r) / 2;
        if (next >= r)
            return r;
        r = next;
    }
}

/* Avoidance from s_q with o packets proved since. */
static uint32_t avoidance_q(uint32_t s_q, uint64_t o)
{
    uint64_t s = s_q >> TRK_Q;
    if (s == 0)
        s = 1;
    uint64_t done = ((uint64_t)(s_q & ((1u << TRK_Q) - 1)) * s + (1u << (TRK_Q - 1))) >> TRK_Q;
    uint64_t sum = o + done + s * (s - 1) / 2;
    uint64_t m = (1 + isqrt(1 + 8 * sum)) / 2;
    if (m > TRK_WINDOW_MAX_PKTS)
        return (uint32_t)TRK_WINDOW_MAX_PKTS << TRK_Q;
    uint64_t rest = sum - m * (m - 1) / 2; /* proved within the present window: 0 to m - 1 */
    return (uint32_t)(m << TRK_Q | (rest << TRK_Q) / m);
}

uint32_t trk_reno_window_q(const struct trk_law *law, uint64_t o)
{
    uint64_t cap = UINT64_C(1) << 40; /* beyond any valid range: keeps the squares small */
    if (o > cap)
        o = cap;
    uint32_t w0 = law->w0_q >> TRK_Q, ssthresh = law->ssthresh_q >> TRK_Q;
    if (w0 >= ssthresh)
        return avoidance_q(law->w0_q, o);
    uint64_t slow = ssthresh - w0; /* packets until ssthresh */
    if (o < slow)
        return (uint32_t)((w0 + o) << TRK_Q);
    return avoidance_q(ssthresh << TRK_Q, o - slow);
}
