/*
 * law.h: the window as a pure function of what has been proved, and the transitions between epochs.
 * Pure, integers only.
 *
 * struct trk_law is the law part of a transport continuation: clients compute their limits from it
 * and predict the next epoch, servers police with it; both run this code. Source: research on the
 * stateless window (protocol specification trickles-protocol(7), THE STATELESS WINDOW); the closed
 * form is the original's (NSDI 2005, section 4.2), written for exact equality with per-ACK Reno
 * (RFC 5681 section 3.1, one packet per window).
 *
 * Windows are fixed point, TRK_Q fractional bits ("_q"), so that a refresh in mid-window loses no
 * progress.
 *
 * Invariants: base <= law_base; W is at least 1 packet; for a given law part W never falls as k
 * grows.
 */
#ifndef TRK_CORE_LAW_H
#define TRK_CORE_LAW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire.h"

enum {
    TRK_Q = 12,              /* fractional bits of a window: 2^20 packets at most */
    TRK_IW_PKTS = 10,        /* RFC 6928 */
    TRK_LAW_RANGE_PKTS = 64, /* validity beyond four windows */
    TRK_IDLE_US = 1000000,   /* a continuation older than this, and than 4 srtt, restarts at IW (RFC
                                5681 4.1) */
    TRK_WINDOW_MAX_PKTS = 1 << 19,
};

enum trk_law_id {
    TRK_LAW_RENO = 0,
    TRK_LAW_CUBIC = 1, /* laid out, not spoken yet */
};

enum {                         /* flags of the law part */
       TRK_LAW_TIMEOUT = 0x01, /* an epoch that a timeout began */
       TRK_LAW_FIRST = 0x02,   /* comes from the answer to an OPEN: no soft state exists yet */
       TRK_LAW_STATELESS = 0x04, /* the service is stateless: DATA names states; for the connection's life */
       TRK_LAW_KNOWN = 0x07,
};

/* The law part of a transport continuation, in clear on the wire. */
struct trk_law {
    uint8_t law; /* enum trk_law_id */
    uint8_t flags;
    uint8_t generation; /* counts refreshes within the epoch, wraps */
    uint16_t epoch;     /* counts cuts, timeouts and new spaces, wraps */
    uint16_t packet_size;
    uint16_t owner;    /* instance in whose space seqs are granted */
    uint16_t key_step; /* low 16 bits of the step that seals it */
    uint64_t base;     /* B: proofs start here */
    uint64_t law_base; /* Bl: the law counts from here */
    uint32_t w0_q;     /* W with nothing proved since Bl */
    uint32_t ssthresh_q;
    uint32_t wmax_q;   /* cubic */
    uint32_t wprior_q; /* W at the last cut */
    uint32_t k_us;     /* cubic K */
    uint32_t t0_us;    /* cubic clock at Bl */
    uint32_t srtt_us;
    uint32_t minrtt_us;
    uint32_t fs_pkts; /* FS: window at the last cut, in packets; 0 when nothing is to be metered */
    uint64_t issued_us; /* wall clock of the server that sealed it */
};

/* A packet law: W in fixed point after o packets were proved since the law base. */
typedef uint32_t trk_law_fn(const struct trk_law *law, uint64_t o);
trk_law_fn trk_reno_window_q;

/* W(k) in fixed point; k at least law_base - 1 (less counts as that). O(1). */
uint32_t trk_law_window_q(const struct trk_law *law, uint64_t k);

/* W(k) in whole packets, at least 1. */
static inline uint32_t trk_law_window(const struct trk_law *law, uint64_t k)
{
    return trk_law_window_q(law, k) >> TRK_Q;
}

/*
 * The grant rule: the highest seq that may be sent when B..k and n further seqs above k are proved;
 * w_cl is the client's own window. Adds 1 for a probe. Includes the continuation's hard range.
 */
uint64_t trk_law_limit(const struct trk_law *law, uint64_t k, uint32_t n, uint32_t w_cl,
                       bool probe);

/* Stream bytes of a full DATA packet of this connection. */
static inline uint16_t trk_law_payload_bytes(const struct trk_law *law)
{
    unsigned state = (law->flags & TRK_LAW_STATELESS) != 0 ? TRK_DATA_STATE_BYTES : 0;
    return (uint16_t)(law->packet_size - TRK_DATA_BYTES - state);
}

/* One past the highest seq that this continuation is good for at all. */
uint64_t trk_law_range_end(const struct trk_law *law);

/* The first law part of a connection. */
void trk_law_first(struct trk_law *out, uint16_t packet_size, uint16_t owner, uint64_t now_us);

/*
 * HOLE and TIMEOUT: the child of `parent` at first hole f (base <= f) and attempt a. Deterministic
 * in its arguments: every server and the client get the same. Issue time stays the parent's (the
 * server sets its own when it seals). Returns TRK_OK, or TRK_E_FIELD for another kind, f below
 * base, a above 15, or past the range.
 */
int trk_law_derive(const struct trk_law *parent, enum trk_kind kind, uint64_t f, uint8_t a,
                   uint32_t w_cl, struct trk_law *child) __attribute__((warn_unused_result));

/*
 * REFRESH at k: same epoch and base, the law rebased at k + 1. `asked` is the highest seq asked
 * (what is in flight is asked - k: an application-limited window does not grow), age_us how long
 * ago the parent was issued, rtt_us a sample or 0.
 */
void trk_law_refresh(const struct trk_law *parent, uint64_t k, uint64_t asked, uint32_t w_cl,
                     uint64_t age_us, uint32_t rtt_us, struct trk_law *child);

/*
 * UNDO: the hole f of the cut that began this epoch was no loss, it arrived after all (proved by the
 * caller). Same epoch and base; the law goes on at k + 1 with the window and ssthresh from before the
 * cut. Only once, and only soon after the cut. Returns TRK_OK, or TRK_E_FIELD where it does not
 * apply.
 */
int trk_law_undo(const struct trk_law *parent, uint64_t f, uint64_t k, uint32_t ssthresh_prev_q,
                 struct trk_law *child) __attribute__((warn_unused_result));

/* STALE: a new space from seq 0 with a restarted window. */
void trk_law_stale(const struct trk_law *parent, struct trk_law *child);

#endif
