#include "core/credit.h"

#include <string.h>

enum { JOIN_SEQS_MAX = 384 }; /* further apart it is not worth looking */

/* Which of n (at most 64) seqs were sent. "Issued for ever": a floor time does not matter here, since
 * a seq of which nothing is known is one that this service was granted and did not use. */
static uint64_t sent_bits(const struct trk_replay *replay, struct trk_space space, uint64_t first,
                          unsigned n)
{
    bool stale = false;
    return trk_replay_sent(replay, space, first, n, UINT64_MAX, &stale);
}

static uint64_t all_bits(unsigned n)
{
    return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Was all of [first, end) sent? True for an empty range. */
static bool all_sent(const struct trk_replay *replay, struct trk_space space, uint64_t first,
                     uint64_t end)
{
    if (end > first && end - first > JOIN_SEQS_MAX)
        return false;
    while (first < end) {
        unsigned n = end - first < 64 ? (unsigned)(end - first) : 64;
        if (sent_bits(replay, space, first, n) != all_bits(n))
            return false;
        first += n;
    }
    return true;
}

static void remove_at(struct trk_credit *c, unsigned at)
{
    c->n--;
    memmove(&c->v[at], &c->v[at + 1], (c->n - at) * sizeof c->v[0]);
}

void trk_credit_add(struct trk_credit *c, const struct trk_replay *replay, struct trk_space space,
                    uint64_t first, uint64_t end)
{
    unsigned at = 0;
    if (first >= end)
        return;
    while (at < c->n && !all_sent(replay, space, c->v[at].end, first))
        at++; /* ends well below */
    while (at < c->n && (c->v[at].start <= end || all_sent(replay, space, end, c->v[at].start))) {
        first = c->v[at].start < first ? c->v[at].start : first;
        end = c->v[at].end > end ? c->v[at].end : end;
        remove_at(c, at);
    }
    if (c->n == TRK_CREDIT_RANGES_MAX) {
        if (at == 0) /* it would be the lowest itself */
            return;
        remove_at(c, 0);
        at--;
    }
    memmove(&c->v[at + 1], &c->v[at], (c->n - at) * sizeof c->v[0]);
    c->v[at] = (struct trk_range){first, end};
    c->n++;
}

bool trk_credit_next(struct trk_credit *c, const struct trk_replay *replay, struct trk_space space,
                     uint64_t *seq)
{
    while (c->n > 0) {
        uint64_t first = c->v[0].start, left = c->v[0].end - first;
        unsigned n = left < 64 ? (unsigned)left : 64;
        uint64_t sent = sent_bits(replay, space, first, n);
        if (sent != all_bits(n)) {
            *seq = first + (unsigned)__builtin_ctzll(~sent);
            return true;
        }
        trk_credit_use(c, first + n - 1);
    }
    return false;
}

void trk_credit_use(struct trk_credit *c, uint64_t seq)
{
    while (c->n > 0 && c->v[0].end <= seq + 1)
        remove_at(c, 0);
    if (c->n > 0 && c->v[0].start <= seq)
        c->v[0].start = seq + 1;
}

uint64_t trk_credit_count(const struct trk_credit *c)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < c->n; i++)
        n += c->v[i].end - c->v[i].start;
    return n;
}

void trk_credit_cap(struct trk_credit *c, uint64_t pkts)
{
    for (unsigned i = 0; i < c->n; i++) {
        uint64_t here = c->v[i].end - c->v[i].start;
        if (here >= pkts) {
            c->v[i].end = c->v[i].start + pkts;
            c->n = i + (pkts > 0 ? 1 : 0);
            return;
        }
        pkts -= here;
    }
}
