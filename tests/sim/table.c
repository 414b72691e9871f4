#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "tcp.h"
#include "world.h"

enum { SEEDS = 2, PAYLOAD = 1404, LIMIT_S = 600 };

static const uint64_t rates[] = {10000000, 100000000};
static const uint64_t rtts_ms[] = {10, 50, 200};
static const unsigned queues_pct[] = {50, 100, 200};
static const uint32_t losses[] = {0, 1000, 10000, 30000};

enum { RATES = 2, RTTS = 3, QUEUES = 3, LOSSES = 4 };

struct cell {
    double down, up; /* log of ours / TCP's, summed */
    double mbit, tcp_mbit;
    uint64_t cuts, tcp_cuts;
};

static void path(uint64_t rate, uint64_t rtt_ms, unsigned queue_pct, uint32_t loss, struct simlink_conf *l)
{
    uint64_t bdp = rate / 8 * rtt_ms / 1000;
    *l = (struct simlink_conf){.delay_ns = rtt_ms * SIM_MS / 2,
                               .rate_bps = rate,
                               .queue_bytes = (uint32_t)(bdp * queue_pct / 100),
                               .loss_ppm = loss};
}

/* Seconds that the engine takes for so many bytes. */
static bool ours(const struct simlink_conf *l, uint64_t seed, uint64_t bytes, bool upload, bool soft, double *s,
                 struct outcome *o)
{
    struct scenario sc;
    scenario_plain(seed, bytes, &sc);
    sc.down = sc.up = *l;
    sc.limit_ns = LIMIT_S * SIM_S;
    sc.client.down_window_bytes = 32 << 20;
    sc.client.up_window_bytes = 32 << 20;
    sc.server.up_window_bytes = 32 << 20;
    sc.no_judge = true; /* many packets; drawn scenarios are judged */
    sc.server.soft = soft || upload;
    if (upload) {
        sc.app.out_total = bytes;
        sc.server.app.fin_after_eof = true;
    } else if (soft) {
        sc.server.app.out_total = bytes;
        sc.server.sock_bytes = 4 << 20;
    }
    scenario_tie(&sc);
    world_once(&sc, false, o);
    if (!o->ok)
        printf("seed %" PRIu64 ": %s\n", seed, o->why);
    *s = (double)(upload ? o->end_ns : o->last_byte_ns) / 1e9;
    return o->ok;
}

static bool measure(uint64_t rate, uint64_t rtt_ms, unsigned queue_pct, uint32_t loss, struct cell *c)
{
    struct simlink_conf l;
    bool ok = true;
    uint64_t seconds = loss >= 10000 ? 4 : 10;
    uint64_t pkts = rate / 8 * seconds / PAYLOAD;
    if (loss >= 10000 && pkts > 8000)
        pkts = 8000; /* a lossy path carries little, however fast */
    path(rate, rtt_ms, queue_pct, loss, &l);
    *c = (struct cell){0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        double down = 1, up = 1;
        uint64_t none = 0;
        struct outcome d, u;
        ok &= ours(&l, seed, pkts * PAYLOAD, false, false, &down, &d);
        ok &= ours(&l, seed, pkts * PAYLOAD, true, true, &up, &u);
        double tcp = (double)tcp_time_ns(&l, &l, seed, pkts, PAYLOAD + 68, LIMIT_S * SIM_S, &none) / 1e9;
        c->tcp_cuts += none;
        c->cuts += d.info.cuts + d.info.timeouts;
        c->down += log(tcp / down) / SEEDS;
        c->up += log(tcp / up) / SEEDS;
        c->mbit += (double)pkts * PAYLOAD * 8e-6 / down / SEEDS;
        c->tcp_mbit += (double)pkts * PAYLOAD * 8e-6 / tcp / SEEDS;
    }
    return ok;
}

enum { ANY = 1u << 30 }; /* bytes: the packets are what counts */

#define LINK20(delay, ...) \
    {.rate_bps = 20000000, .delay_ns = (delay)*SIM_MS, .queue_bytes = ANY, __VA_ARGS__}

/* The links of make bench-links; kernel TCP's packets carry 1448 bytes. */
static const struct {
    const char *name;
    unsigned mib;
    struct simlink_conf path;
} links[] = {
    {"20 Mbit/s 40 ms", 10, LINK20(20, .queue_pkts = 100)},
    {"... 1 % loss", 10, LINK20(20, .queue_pkts = 100, .loss_ppm = 10000)},
    {"... bursts", 10,
     LINK20(20, .queue_pkts = 100, .burst_ppm = 2000, .burst_end_ppm = 200000, .burst_loss_ppm = 1000000)},
    {"... short queue", 10, LINK20(20, .queue_pkts = 20)},
    {"100 Mbit/s 200 ms", 60,
     {.rate_bps = 100000000, .delay_ns = 100 * SIM_MS, .queue_bytes = ANY, .queue_pkts = 1000}},
    {"30 ms 5 % loss", 5, LINK20(15, .queue_pkts = 100, .loss_ppm = 50000)},
    {"... reorder, copies", 5,
     LINK20(15, .jitter_ns = 3 * SIM_MS, .queue_pkts = 100, .loss_ppm = 50000, .reorder_ppm = 20000,
            .hold_ns = 8 * SIM_MS, .dup_ppm = 20000)},
};

enum { LINKS = sizeof links / sizeof *links };

struct line {
    double mbit;
    uint64_t cuts, timeouts;
};

static bool one_link(unsigned i, uint64_t seeds, bool upload, struct line *l)
{
    bool ok = true;
    uint64_t bytes = (uint64_t)links[i].mib << 20;
    *l = (struct line){0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct outcome o;
        double s = 1;
        ok &= ours(&links[i].path, seed, bytes, upload, true, &s, &o);
        l->mbit += (double)bytes * 8e-6 / s / (double)seeds;
        l->cuts += upload ? o.info.up_cuts : o.info.cuts;
        l->timeouts += upload ? o.info.up_timeouts : o.info.timeouts;
    }
    return ok;
}

/* The oracle's, with as many bytes. */
static void tcp_link(unsigned i, uint64_t seeds, struct line *l)
{
    const struct simlink_conf *p = &links[i].path;
    uint64_t bytes = (uint64_t)links[i].mib << 20;
    *l = (struct line){0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t cuts = 0, ns = tcp_time_ns(p, p, seed, (bytes + 1447) / 1448, 1472, LIMIT_S * SIM_S, &cuts);
        l->cuts += cuts;
        l->mbit += (double)bytes * 8e3 / (double)ns / (double)seeds;
    }
}

bool table_links(uint64_t seeds)
{
    bool ok = true;
    double n = (double)seeds;
    printf("means of %" PRIu64 " runs: Mbit/s, cuts and timeouts in a run, goodput by TCP's\n"
           "link                      TCP Reno              download                    upload\n",
           seeds);
    for (unsigned i = 0; i < LINKS; i++) {
        struct line t, d, u;
        tcp_link(i, seeds, &t);
        ok &= one_link(i, seeds, false, &d);
        ok &= one_link(i, seeds, true, &u);
        printf("%-20s %6.2f %6.1f", links[i].name, t.mbit, (double)t.cuts / n);
        printf("    %6.2f %6.1f %5.1f %6.3f", d.mbit, (double)d.cuts / n, (double)d.timeouts / n, d.mbit / t.mbit);
        printf("    %6.2f %6.1f %5.1f %6.3f\n", u.mbit, (double)u.cuts / n, (double)u.timeouts / n, u.mbit / t.mbit);
    }
    return ok;
}

bool table_print(void)
{
    double down[LOSSES] = {0}, up[LOSSES] = {0};
    bool ok = true;
    printf("goodput, downloads and uploads, against a TCP Reno with SACK over the same simulated path\n"
           "  Mbit/s  rtt ms  queue  loss %%   ours   TCP   down/TCP  up/TCP  cuts ours/TCP\n");
    for (unsigned l = 0; l < LOSSES; l++)
        for (unsigned r = 0; r < RATES; r++)
            for (unsigned t = 0; t < RTTS; t++)
                for (unsigned q = 0; q < QUEUES; q++) {
                    struct cell c;
                    ok &= measure(rates[r], rtts_ms[t], queues_pct[q], losses[l], &c);
                    down[l] += c.down / (RATES * RTTS * QUEUES);
                    up[l] += c.up / (RATES * RTTS * QUEUES);
                    printf("  %6.0f  %6" PRIu64 "  %5.1f  %6.1f  %6.2f  %6.2f  %6.3f  %6.3f  %5" PRIu64 "/%" PRIu64 "\n",
                           (double)rates[r] / 1e6, rtts_ms[t], queues_pct[q] / 100.0, losses[l] / 1e4, c.mbit,
                           c.tcp_mbit, exp(c.down), exp(c.up), c.cuts, c.tcp_cuts);
                }
    for (unsigned l = 0; l < LOSSES; l++) {
        printf("loss %.1f %%: geometric mean of 18 cells: downloads %.3f, uploads %.3f\n", losses[l] / 1e4, exp(down[l]),
               exp(up[l]));
        ok &= exp(down[l]) > 0.6 && exp(down[l]) < 1.7 && exp(up[l]) > 0.5 && exp(up[l]) < 1.7;
    }
    return ok;
}
