/*
 * credit.h: the seqs that a service was granted and had no bytes for: a few ascending ranges. Pure,
 * constant size.
 *
 * Only seqs that some request asked for may be in it, so ranges with seqs in between that nobody asked
 * for (their request was lost) stay apart; what lies between and was sent already joins them. What
 * has been sent is not taken out: the replay table says so when the credit is used.
 */
#ifndef TRK_CORE_CREDIT_H
#define TRK_CORE_CREDIT_H

#include "base/ranges.h"
#include "core/replay.h"

enum { TRK_CREDIT_RANGES_MAX = 16 };

struct trk_credit {
    unsigned n;
    struct trk_range v[TRK_CREDIT_RANGES_MAX]; /* ascending, disjoint, none empty */
};

/* Adds [first, end). At the bound the lowest range is given up: the client asks again. */
void trk_credit_add(struct trk_credit *c, const struct trk_replay *replay, struct trk_space space,
                    uint64_t first, uint64_t end);

/* The lowest seq that was not sent yet, still in the credit afterwards; false if there is none. */
bool trk_credit_next(struct trk_credit *c, const struct trk_replay *replay, struct trk_space space,
                     uint64_t *seq);

/* All up to seq is used. */
void trk_credit_use(struct trk_credit *c, uint64_t seq);

/* How many seqs it has (sent ones that lie between count). */
uint64_t trk_credit_count(const struct trk_credit *c);

/* Keeps the lowest pkts seqs only (sent ones count). */
void trk_credit_cap(struct trk_credit *c, uint64_t pkts);

#endif
