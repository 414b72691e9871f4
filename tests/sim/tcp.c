#include "tcp.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 3, DUP = 3, RTO_MIN_MS = 200, DELACK_MS = 40 };

struct seg {
    uint64_t sent_ns;
    bool sacked, lost, again;
};

struct ack {
    uint64_t cum; /* all below came */
    unsigned n;
    struct {
        uint64_t from, to;
    } block[BLOCKS];
};

struct tcp {
    struct sim sim;
    struct simlink down, up;
    uint64_t total, packet_bytes;
    /* sender */
    struct seg *seg;
    uint64_t una, nxt, high_sacked, recover;
    uint64_t newest_ns; /* send time of the newest packet that arrived */
    bool in_recovery;
    double cwnd, ssthresh; /* a measure, not the engine: floating point is welcome */
    uint64_t pipe, n_lost, cuts;
    double srtt, rttvar, rto; /* ns */
    unsigned backoff;
    uint64_t timer_ns, lost_from;
    /* receiver */
    bool *got;
    uint64_t rcv_nxt, rcv_high;
    unsigned unacked;
    uint64_t delack_ns, done_ns;
};

static void send_more(struct tcp *t);

static void rtt_sample(struct tcp *t, double r)
{
    if (t->srtt == 0) {
        t->srtt = r;
        t->rttvar = r / 2;
    } else {
        double d = t->srtt > r ? t->srtt - r : r - t->srtt;
        t->rttvar = 0.75 * t->rttvar + 0.25 * d;
        t->srtt = 0.875 * t->srtt + 0.125 * r;
    }
    double var = 4 * t->rttvar > RTO_MIN_MS * 1e6 ? 4 * t->rttvar : RTO_MIN_MS * 1e6; /* as Linux */
    t->rto = t->srtt + var;
}

static void cut(struct tcp *t)
{
    t->ssthresh = t->cwnd / 2 > 2 ? t->cwnd / 2 : 2;
    t->recover = t->nxt;
    t->cuts++;
}

static void mark_lost(struct tcp *t, uint64_t s)
{
    t->seg[s].lost = true;
    t->pipe--;
    t->n_lost++;
    if (s < t->lost_from)
        t->lost_from = s;
}

static void timeout(void *ctx, void *arg)
{
    struct tcp *t = ctx;
    (void)arg;
    if (t->una >= t->total || t->sim.now_ns < t->timer_ns)
        return;
    for (uint64_t s = t->una; s < t->nxt; s++)
        if (!t->seg[s].sacked && !t->seg[s].lost)
            mark_lost(t, s);
    cut(t);
    t->cwnd = 1;
    t->in_recovery = false;
    t->backoff++;
    t->timer_ns = SIM_NEVER;
    send_more(t);
}

static void arm(struct tcp *t)
{
    double rto = (t->srtt == 0 ? 1e9 : t->rto) * (double)(1u << (t->backoff < 8 ? t->backoff : 8));
    t->timer_ns = t->sim.now_ns + (uint64_t)rto;
    sim_at(&t->sim, t->timer_ns, timeout, t, NULL);
}

static void transmit(struct tcp *t, uint64_t s, bool again)
{
    uint8_t pkt[2000] = {0};
    memcpy(pkt, &s, sizeof s);
    t->seg[s].sent_ns = t->sim.now_ns;
    t->seg[s].again = again;
    t->pipe++;
    if (t->timer_ns == SIM_NEVER)
        arm(t);
    simlink_send(&t->down, pkt, t->packet_bytes);
}

static void send_more(struct tcp *t)
{
    while (t->pipe < (uint64_t)t->cwnd) {
        if (t->n_lost > 0) {
            while (!t->seg[t->lost_from].lost || t->seg[t->lost_from].sacked)
                t->lost_from++;
            t->seg[t->lost_from].lost = false;
            t->n_lost--;
            transmit(t, t->lost_from, true);
        } else if (t->nxt < t->total) {
            transmit(t, t->nxt++, false);
        } else {
            return;
        }
    }
}

static void arrived(struct tcp *t, uint64_t s)
{
    struct seg *g = &t->seg[s];
    if (g->sacked)
        return;
    g->sacked = true;
    if (g->lost)
        t->n_lost--;
    else
        t->pipe--;
    if (!g->again)
        rtt_sample(t, (double)(t->sim.now_ns - g->sent_ns));
    if (g->sent_ns > t->newest_ns)
        t->newest_ns = g->sent_ns;
    if (s > t->high_sacked)
        t->high_sacked = s;
}

/* Three later ones came, or for a repeat, one sent a quarter of a round trip later. */
static bool find_lost(struct tcp *t)
{
    bool any = false;
    unsigned above = 0;
    for (uint64_t s = t->high_sacked + 1; s-- > t->una;) {
        struct seg *g = &t->seg[s];
        if (g->sacked) {
            above++;
            continue;
        }
        bool late = (double)g->sent_ns + t->srtt / 4 < (double)t->newest_ns;
        if (g->lost || !(g->again ? late : above >= DUP))
            continue;
        mark_lost(t, s);
        any = true;
    }
    return any;
}

static void on_ack(void *ctx, struct simpkt *pkt)
{
    struct tcp *t = ctx;
    struct ack a;
    memcpy(&a, pkt->data, sizeof a);
    free(pkt);
    uint64_t before = t->una, acked = 0;
    for (; t->una < a.cum; t->una++) {
        acked += !t->seg[t->una].sacked;
        arrived(t, t->una);
    }
    for (unsigned i = 0; i < a.n; i++)
        for (uint64_t s = a.block[i].from; s < a.block[i].to; s++) {
            acked += !t->seg[s].sacked;
            arrived(t, s);
        }
    if (t->in_recovery && t->una >= t->recover)
        t->in_recovery = false;
    bool was = t->in_recovery;
    if (find_lost(t) && !t->in_recovery && t->una >= t->recover) {
        cut(t);
        t->cwnd = t->ssthresh;
        t->in_recovery = true;
    }
    if (!was && !t->in_recovery)
        t->cwnd += t->cwnd < t->ssthresh ? (double)acked : (double)acked / t->cwnd;
    if (t->una > before) {
        t->backoff = 0;
        t->timer_ns = SIM_NEVER;
        if (t->una < t->nxt)
            arm(t);
    }
    if (t->una < t->total)
        send_more(t);
}

static void send_ack(struct tcp *t)
{
    struct ack a = {.cum = t->rcv_nxt};
    uint64_t s = t->rcv_high; /* newest blocks first */
    while (s > t->rcv_nxt && a.n < BLOCKS) {
        while (s > t->rcv_nxt && !t->got[s - 1])
            s--;
        uint64_t to = s;
        while (s > t->rcv_nxt && t->got[s - 1])
            s--;
        if (to > s) {
            a.block[a.n].from = s;
            a.block[a.n++].to = to;
        }
    }
    t->unacked = 0;
    t->delack_ns = SIM_NEVER;
    uint8_t pkt[sizeof a];
    memcpy(pkt, &a, sizeof a);
    simlink_send(&t->up, pkt, sizeof pkt);
}

static void delayed(void *ctx, void *arg)
{
    struct tcp *t = ctx;
    (void)arg;
    if (t->delack_ns <= t->sim.now_ns && t->unacked > 0)
        send_ack(t);
}

static void on_data(void *ctx, struct simpkt *pkt)
{
    struct tcp *t = ctx;
    uint64_t s;
    memcpy(&s, pkt->data, sizeof s);
    free(pkt);
    bool in_order = s == t->rcv_nxt;
    t->got[s] = true;
    if (s + 1 > t->rcv_high)
        t->rcv_high = s + 1;
    while (t->rcv_nxt < t->total && t->got[t->rcv_nxt])
        t->rcv_nxt++;
    if (t->rcv_nxt == t->total && t->done_ns == 0)
        t->done_ns = t->sim.now_ns;
    t->unacked++;
    if (!in_order || t->unacked >= 2 || t->rcv_nxt < t->rcv_high || t->rcv_nxt == t->total) {
        send_ack(t);
    } else {
        t->delack_ns = t->sim.now_ns + DELACK_MS * SIM_MS;
        sim_at(&t->sim, t->delack_ns, delayed, t, NULL);
    }
}

uint64_t tcp_time_ns(const struct simlink_conf *down, const struct simlink_conf *up, uint64_t seed, uint64_t pkts,
                     size_t packet_bytes, uint64_t limit_ns, uint64_t *cuts)
{
    static struct tcp t;
    t = (struct tcp){.total = pkts,
                     .packet_bytes = packet_bytes,
                     .cwnd = 10,
                     .ssthresh = 1e9,
                     .timer_ns = SIM_NEVER,
                     .delack_ns = SIM_NEVER,
                     .lost_from = UINT64_MAX};
    sim_init(&t.sim);
    simlink_init(&t.down, &t.sim, down, rng_split(seed, 51), on_data, &t);
    simlink_init(&t.up, &t.sim, up, rng_split(seed, 52), on_ack, &t);
    t.seg = calloc(pkts + 1, sizeof *t.seg);
    t.got = calloc(pkts + 1, sizeof *t.got);
    if (t.seg == NULL || t.got == NULL)
        abort();
    send_more(&t);
    while (t.done_ns == 0 && t.sim.now_ns < limit_ns && sim_step(&t.sim))
        ;
    uint64_t took = t.done_ns != 0 ? t.done_ns : limit_ns;
    *cuts = t.cuts;
    sim_free(&t.sim, free);
    free(t.seg);
    free(t.got);
    return took;
}
