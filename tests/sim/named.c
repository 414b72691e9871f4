#include "named.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../rounds.h"
#include "adversary.h"
#include "named_mini.h"
#include "world.h"

static bool good(const char *name, const struct outcome *o)
{
    if (!o->ok)
        printf("  %s: %s\n", name, o->why);
    return o->ok;
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* A connection with an application at the other end; everything plain. */
static void plain_soft(uint64_t seed, struct scenario *sc)
{
    scenario_plain(seed, 0, sc);
    sc->server.soft = true;
}

static bool run_plain(const char *name, struct scenario *sc, const struct named_opt *opt, uint64_t most_ns,
                      struct outcome *o)
{
    scenario_tie(sc);
    world_once(sc, opt->trace, o);
    if (opt->verbose)
        printf("  %s: %.3f s, %" PRIu64 " down, %" PRIu64 " up, cuts %" PRIu64 " timeouts %" PRIu64 " stales %" PRIu64 "\n", name,
               seconds(o->end_ns), o->down_bytes, o->up_bytes, o->info.cuts, o->info.timeouts, o->info.stales);
    if (o->ok && o->end_ns > most_ns) {
        printf("  %s: took %.3f s, more than %.3f\n", name, seconds(o->end_ns), seconds(most_ns));
        return false;
    }
    return good(name, o);
}

/* --- 5 % of the requests lost, nothing else: overlap repairs them, at no cost --- */
static bool request_loss(const struct named_opt *opt)
{
    uint64_t clean_ns = 0, lossy_ns = 0, cuts = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct scenario sc;
        struct outcome o;
        scenario_plain(seed, 8 << 20, &sc);
        sc.client.down_window_bytes = 128 << 10; /* below path and queue: no loss but ours */
        sc.down.queue_bytes = 200000;
        if (!run_plain("clean", &sc, opt, sc.limit_ns, &o))
            return false;
        clean_ns += o.last_byte_ns;
        sc.up.loss_ppm = 50000;
        if (!run_plain("5 % of requests lost", &sc, opt, sc.limit_ns, &o))
            return false;
        lossy_ns += o.last_byte_ns;
        cuts += o.info.cuts + o.info.timeouts;
    }
    double ratio = (double)clean_ns / (double)lossy_ns;
    printf("  goodput with 5 %% of requests lost: %.4f of that without; %" PRIu64 " cuts in 40 MiB\n", ratio, cuts);
    return ratio >= 0.98 && cuts <= 5;
}

/* --- 40 % lost both ways --- */
static bool heavy_loss(const struct named_opt *opt)
{
    bool ok = true;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct scenario sc;
        struct outcome o;
        scenario_plain(seed, 100000, &sc);
        sc.up.loss_ppm = sc.down.loss_ppm = 400000;
        ok &= run_plain("download", &sc, opt, sc.limit_ns, &o);
        plain_soft(seed, &sc);
        sc.up.loss_ppm = sc.down.loss_ppm = 400000;
        sc.app.out_total = 60000;
        sc.server.app.out_total = 1000;
        ok &= run_plain("upload", &sc, opt, sc.limit_ns, &o);
    }
    return ok;
}

/* --- the fork bound (trickles-protocol(7)): at most 6 W + 20 seqs beyond what is proved, 2 W + max(2, W/2) + 2 without
 * TIMEOUT. --- */
static uint64_t bound(uint64_t w, bool timeouts)
{
    return timeouts ? 6 * w + 20 : 2 * w + (w / 2 > 2 ? w / 2 : 2) + 2;
}

/* One parent, nothing proved meanwhile: every child of it, in any order, and the refreshed parents of the same k. */
static bool fork_once(uint64_t seed, unsigned rounds, bool timeouts, double *worst)
{
    static struct adversary a;
    struct trk_law law;
    adversary_init(&a, seed);
    adversary_behave(&a, rounds);
    unsigned last = a.n_conts;
    adversary_law(&a, last - 1, &law);
    uint64_t k = adversary_k(&a, &law), w = trk_law_window(&law, k);
    a.fresh = 0;
    for (unsigned i = 0; i < last; i++) { /* every one that it ever got; those too old are worth nothing */
        struct trk_law each;
        adversary_law(&a, i, &each);
        if (adversary_k(&a, &each) == k)
            adversary_all(&a, i, timeouts);
    }
    uint64_t once = a.fresh;
    for (unsigned i = 0; i < a.n_conts; i++) { /* again, and with the refreshed ones */
        struct trk_law each;
        adversary_law(&a, i, &each);
        if (adversary_k(&a, &each) == k)
            adversary_all(&a, i, timeouts);
    }
    uint64_t most = bound(w, timeouts);
    bool ok = a.fresh <= most && a.highest <= k + most && !a.sent_twice && judge_why(&a.judge) == NULL;
    if (!ok)
        printf("  seed %" PRIu64 ": W %" PRIu64 ", k %" PRIu64 ": %" PRIu64 " (%" PRIu64 " at first), up to %" PRIu64
               ", bound %" PRIu64 ", twice %d, %s\n",
               seed, w, k, a.fresh, once, a.highest, most, a.sent_twice,
               judge_why(&a.judge) != NULL ? judge_why(&a.judge) : "-");
    double share = (double)a.fresh / (double)most;
    if (share > *worst)
        *worst = share;
    adversary_free(&a);
    return ok;
}

static bool fork_bound(const struct named_opt *opt)
{
    bool ok = true;
    double with = 0, without = 0;
    const uint64_t seeds = rounds_of(12);
    (void)opt;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        for (unsigned rounds = 0; rounds <= 3; rounds++) {
            ok &= fork_once(seed, rounds, true, &with);
            ok &= fork_once(seed, rounds, false, &without);
        }
    printf("  most that an adversary got: %.2f of 6 W + 20; without TIMEOUT %.2f of 2 W + max(2, W/2) + 2\n", with,
           without);
    /* the bound is tight with TIMEOUT: an adversary that gets nothing has a fault of its own */
    return ok && with > 0.8 && without > 0.5;
}

/* Round after round: each uses all that was received in the one before. What it keeps in flight stays within the bound of
 * the largest window that any of its continuations can prove. */
static bool fork_sustained(const struct named_opt *opt)
{
    static struct adversary a;
    bool ok = true;
    double worst = 0;
    adversary_init(&a, 99);
    adversary_behave(&a, 1);
    for (unsigned round = 0; round < 6; round++) {
        uint64_t most = 0, w_max = 0;
        unsigned n = a.n_conts;
        a.fresh = 0;
        unsigned from = n > 40 ? n - 40 : 0; /* the newest ones; older ones lie below them */
        for (unsigned i = from; i < n; i++) {
            struct trk_law law;
            adversary_law(&a, i, &law);
            uint64_t w = trk_law_window(&law, adversary_k(&a, &law));
            w_max = w > w_max ? w : w_max;
        }
        most = bound(w_max, true);
        for (unsigned i = from; i < n; i++)
            adversary_all(&a, i, true);
        double share = (double)a.fresh / (double)most;
        worst = share > worst ? share : worst;
        if (opt->verbose)
            printf("  round %u: W %" PRIu64 ", %" PRIu64 " packets, %.2f of the bound; %u continuations\n", round, w_max, a.fresh,
                   share, a.n_conts);
        adversary_round(&a);
    }
    ok = !a.sent_twice && judge_why(&a.judge) == NULL;
    if (!ok)
        printf("  %s\n", judge_why(&a.judge) != NULL ? judge_why(&a.judge) : "a seq came twice");
    printf("  most in one round: %.2f of 6 W + 20\n", worst);
    adversary_free(&a);
    return ok && worst <= 1.0;
}

/* --- proofs of packets that never came, and old requests: worth nothing --- */
static bool optimistic(const struct named_opt *opt)
{
    static struct adversary a;
    struct trk_law law;
    (void)opt;
    adversary_init(&a, 7);
    adversary_behave(&a, 2);
    adversary_law(&a, a.n_conts - 1, &law);
    uint64_t k = adversary_k(&a, &law), before = a.data;
    for (uint64_t ahead = 1; ahead <= 40; ahead++) /* k + ahead claimed, nonces guessed */
        adversary_ask(&a, a.n_conts - 1, TRK_KIND_ASK, 0, 0, k + ahead, k + ahead + 1, k + ahead + 30, 0, ahead % 2 == 0);
    for (unsigned i = 0; i < 40; i++)
        adversary_ask(&a, a.n_conts - 1, TRK_KIND_HOLE, k + 2 + i, 0, k + 200, k + 201, k + 230, 0, i % 2 == 0);
    bool ok = a.data == before && a.judge.accepted_false == 0 && judge_why(&a.judge) == NULL &&
              a.reason[TRK_REASON_PROOF_BAD] > 0;
    printf("  80 false proofs: %" PRIu64 " packets, %u answers PROOF_BAD\n", a.data - before,
           a.reason[TRK_REASON_PROOF_BAD]);
    adversary_free(&a);
    return ok;
}

/* Every datagram that the client sent, kept. */
struct tape {
    unsigned n;
    struct {
        size_t len;
        uint8_t data[TRK_PACKET_V4_BYTES];
    } pkt[2000];
};

static struct tape tape;

static bool record(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx;
    if (tape.n < 2000) {
        memcpy(tape.pkt[tape.n].data, data, len);
        tape.pkt[tape.n++].len = len;
    }
    return false;
}

static bool replayed(const struct named_opt *opt)
{
    static struct world w;
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    scenario_plain(5, 1 << 20, &sc);
    tape.n = 0;
    world_init(&w, &sc);
    w.client.trace = opt->trace;
    w.up.eat = record;
    world_run(&w, &o);
    ok = good("transfer", &o);
    for (int late = 0; late < 2 && ok; late++) { /* fresh, and then stale */
        uint64_t data = w.judge.data, out = 0, in = 0, sent = w.down.bytes;
        for (unsigned i = 0; i < tape.n; i++) {
            simserver_read(&w.server, &w.addr, tape.pkt[i].data, tape.pkt[i].len);
            in += tape.pkt[i].len;
        }
        out = w.down.bytes - sent;
        printf("  %u requests replayed %s: %" PRIu64 " DATA, %.2f of their bytes\n", tape.n, late ? "after 15 s" : "at once",
               w.judge.data - data, (double)out / (double)in);
        ok = w.judge.data == data && out <= in && judge_why(&w.judge) == NULL;
        w.sim.now_ns += 15 * SIM_S;
    }
    world_free(&w);
    return ok;
}

/* --- an attacker floods the server with one old request of the client's, whose answers reach the client --- */
static void flood(void *ctx, void *arg)
{
    struct world *w = ctx;
    (void)arg;
    if (tape.n > 1)
        for (int i = 0; i < 20; i++)
            simserver_read(&w->server, &w->addr, tape.pkt[1].data, tape.pkt[1].len);
    if (!w->client.over)
        sim_at(&w->sim, w->sim.now_ns + 10 * SIM_MS, flood, w, NULL);
}

static bool stale_flood(const struct named_opt *opt)
{
    static struct world w;
    struct scenario sc;
    struct outcome o;
    scenario_plain(6, 4 << 20, &sc);
    sc.app.in_rate = 200000; /* slow, so that the first requests go stale meanwhile */
    tape.n = 0;
    world_init(&w, &sc);
    w.client.trace = opt->trace;
    w.up.eat = record;
    sim_at(&w.sim, 12 * SIM_S, flood, &w, NULL);
    world_run(&w, &o);
    bool ok = good("flooded", &o);
    printf("  finished in %.1f s beside the flood; %" PRIu64 " stales taken\n", seconds(o.end_ns), o.info.stales);
    world_free(&w);
    return ok && o.info.stales <= 5;
}

/* --- nonces altered on the way: every proof is false until the client times out with an empty claim --- */
static bool bad_nonces(const struct named_opt *opt)
{
    bool ok = true;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct scenario sc;
        struct outcome o;
        scenario_plain(seed, 1 << 20, &sc);
        sc.down.nonce_ppm = 2000;
        ok &= run_plain("1 in 500 nonces altered", &sc, opt, 3 * SIM_S, &o);
    }
    return ok;
}

/* --- packets altered anywhere, as if UDP had no checksum: nothing may break; bytes may be wrong --- */
static bool altered(const struct named_opt *opt)
{
    (void)opt;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct scenario sc;
        struct outcome o;
        scenario_plain(seed, 300000, &sc);
        sc.server.soft = seed % 2 == 0;
        sc.app.out_total = sc.server.app.out_total = 100000;
        sc.up.raw = sc.down.raw = true;
        sc.up.corrupt_ppm = sc.down.corrupt_ppm = seed % 4 < 2 ? 20000 : 300000;
        sc.no_judge = sc.may_fail = true;
        sc.limit_ns = 300 * SIM_S;
        scenario_tie(&sc);
        world_once(&sc, false, &o);
        if (!o.ok && strstr(o.why, "memory") != NULL)
            return good("altered", &o);
    }
    return true;
}

/* --- a server that restarts in the middle --- */
static bool restarted(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        scenario_plain(seed, 2 << 20, &sc);
        sc.table_loss_ns = seed * 150 * SIM_MS;
        ok &= run_plain("stateless goes on", &sc, opt, 4 * SIM_S, &o);
        plain_soft(seed, &sc);
        sc.app.out_total = sc.server.app.out_total = 1 << 20;
        sc.table_loss_ns = seed * 100 * SIM_MS;
        sc.soft_loss = true;
        ok &= run_plain("soft is reset", &sc, opt, 10 * SIM_S, &o);
        if (o.error != TRK_E_RESET) {
            printf("  soft state lost: ended with %s\n", trk_err_text(o.error));
            ok = false;
        }
    }
    return ok;
}

/* --- long quiet times --- */
static bool idle(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    plain_soft(1, &sc);
    sc.server.app.out_total = 500000;
    sc.server.app.start_ns = 30 * SIM_S;
    ok &= run_plain("push after 30 s", &sc, opt, 33 * SIM_S, &o);
    plain_soft(2, &sc);
    sc.app.out_total = 500000;
    sc.app.start_ns = 30 * SIM_S;
    sc.server.app.out_total = 500000;
    sc.server.app.fin_after_eof = true;
    ok &= run_plain("upload after 30 s", &sc, opt, 33 * SIM_S, &o);
    plain_soft(3, &sc);
    sc.server.app.out_total = 500000;
    sc.server.app.start_ns = 300 * SIM_S;
    sc.stall_ns = 400 * SIM_S;
    ok &= run_plain("push after 5 minutes", &sc, opt, 303 * SIM_S, &o);
    for (uint64_t seed = 4; seed < 14; seed++) { /* a push, and the first second of it is lost */
        plain_soft(seed, &sc);
        sc.server.app.out_total = 5000;
        sc.server.app.start_ns = (20 + seed) * SIM_S;
        sc.down.dead_from_ns = sc.server.app.start_ns;
        sc.down.dead_to_ns = sc.down.dead_from_ns + SIM_S;
        ok &= run_plain("lost push", &sc, opt, sc.down.dead_to_ns + 25 * SIM_S, &o);
    }
    return ok;
}

static bool zero_window(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        plain_soft(seed, &sc);
        sc.client.down_window_bytes = 32768;
        sc.server.up_window_bytes = 32768;
        sc.app.out_total = sc.server.app.out_total = 400000;
        sc.app.pause_from_ns = 200 * SIM_MS;
        sc.app.pause_to_ns = sc.app.pause_from_ns + seed * 4 * SIM_S;
        sc.server.app.pause_from_ns = 100 * SIM_MS;
        sc.server.app.pause_to_ns = sc.server.app.pause_from_ns + (12 - seed) * 4 * SIM_S;
        ok &= run_plain("windows closed for a while", &sc, opt, 55 * SIM_S, &o);
        scenario_plain(seed, 400000, &sc);
        sc.client.down_window_bytes = 32768;
        sc.app.pause_from_ns = 200 * SIM_MS;
        sc.app.pause_to_ns = sc.app.pause_from_ns + seed * 4 * SIM_S;
        ok &= run_plain("stateless, window closed", &sc, opt, sc.app.pause_to_ns + 5 * SIM_S, &o);
    }
    return ok;
}

/* --- what ends a stream is lost --- */
static unsigned eat_left;
static uint64_t eat_from;

static bool eat_end(void *ctx, const uint8_t *data, size_t len)
{
    struct trk_data_pkt d;
    (void)ctx;
    if (eat_left == 0 || trk_wire_read_data(data, len, &d) != TRK_OK || d.off + d.payload_len <= eat_from)
        return false;
    eat_left--;
    return true;
}

static bool lost_end(const struct named_opt *opt)
{
    bool ok = true;
    for (unsigned n = 1; n <= 4; n++)
        for (unsigned soft = 0; soft < 2; soft++)
            for (unsigned last = 1; last <= 6; last++) {
                static struct world w;
                struct scenario sc;
                struct outcome o;
                scenario_plain(n, 200000, &sc);
                sc.server.soft = soft != 0;
                sc.server.app.out_total = 200000;
                scenario_tie(&sc);
                world_init(&w, &sc);
                w.client.trace = opt->trace;
                eat_left = n;
                eat_from = 200000 - last * 1404;
                w.down.eat = eat_end;
                world_run(&w, &o);
                world_free(&w);
                ok &= good("lost end", &o);
                if (o.end_ns > (4 + (1u << n)) * SIM_S / 2) {
                    printf("  %u losses of the last %u packets, %s: %.3f s\n", n, last, soft ? "soft" : "stateless",
                           seconds(o.end_ns));
                    ok = false;
                }
            }
    return ok;
}

/* --- amnesia, both ways --- */
static bool amnesia(const struct named_opt *opt)
{
    bool ok = true;
    (void)opt;
    for (uint64_t seed = 1; seed <= 80 && ok; seed++) {
        struct scenario sc;
        struct outcome one, two, all;
        scenario_draw(seed, &sc);
        if (sc.server.mini.kind != SIMMINI_NONE)
            continue; /* a run of their own */
        sc.server.soft = false;
        sc.server.real_seal = false;
        sc.table_loss_ns = 0;
        if (sc.server.file_bytes > 300000)
            sc.server.file_bytes = 300000;
        scenario_tie(&sc);
        sc.server.amnesia = AMNESIA_NONE;
        world_once(&sc, false, &one);
        sc.server.amnesia = AMNESIA_OBJECT;
        world_once(&sc, false, &two);
        sc.server.amnesia = AMNESIA_ALL;
        world_once(&sc, false, &all);
        ok = good("one server", &one) && good("a new object for every packet", &two) &&
             good("a new object and table for every packet", &all);
        if (one.hash != two.hash || one.end_ns != two.end_ns) {
            printf("  seed %" PRIu64 ": a new object for every packet gave other bytes\n", seed);
            ok = false;
        }
    }
    return ok;
}

static bool long_fat(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        scenario_plain(seed, 30 << 20, &sc);
        sc.up.rate_bps = sc.down.rate_bps = 100000000;
        sc.up.delay_ns = sc.down.delay_ns = 100 * SIM_MS;
        sc.up.queue_bytes = sc.down.queue_bytes = 2500000;
        sc.client.down_window_bytes = 16 << 20;
        ok &= run_plain("100 Mbit/s 200 ms", &sc, opt, 15 * SIM_S, &o);
    }
    return ok;
}

/* --- the window grows as Reno's, whatever refreshes there are on the way --- */
static bool eat_one(void *ctx, const uint8_t *data, size_t len)
{
    struct trk_data_pkt d;
    (void)ctx;
    if (eat_left == 0 || trk_wire_read_data(data, len, &d) != TRK_OK || d.seq != eat_from)
        return false;
    eat_left--;
    return true;
}

static bool growth(const struct named_opt *opt)
{
    static struct world w;
    enum { CUT_AT = 20, PKTS = 2000 };
    struct scenario sc;
    struct outcome o;
    scenario_plain(1, PKTS * 1404, &sc);
    sc.up.rate_bps = sc.down.rate_bps = 100000000;
    sc.up.queue_bytes = sc.down.queue_bytes = 2500000;
    sc.client.down_window_bytes = 16 << 20;
    scenario_tie(&sc);
    world_init(&w, &sc);
    w.client.trace = opt->trace;
    eat_left = 1;
    eat_from = CUT_AT;
    w.down.eat = eat_one;
    world_run(&w, &o);
    world_free(&w);
    /* one packet more for each whole window since the cut; up to 4 * CUT_AT packets were under way then */
    uint64_t window = o.info.ssthresh_pkts, left = PKTS - 4 * CUT_AT;
    for (; left > window; left -= window++)
        ;
    printf("  window %u after one cut to %u, at least %" PRIu64 " expected\n", o.info.window_pkts, o.info.ssthresh_pkts, window);
    return good("one cut", &o) && o.info.cuts == 1 && o.info.window_pkts >= window;
}

/* --- requests lost in bursts, nothing else: the next one asks for all that was never sent --- */
static unsigned to_server;

static bool eat_bursts(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return to_server++ % 60 >= 54;
}

static bool request_bursts(const struct named_opt *opt)
{
    static struct world w;
    struct scenario sc;
    struct outcome o;
    scenario_plain(1, 4 << 20, &sc);
    sc.client.down_window_bytes = 128 << 10; /* below path and queue: no loss but ours */
    sc.down.queue_bytes = 200000;
    scenario_tie(&sc);
    world_init(&w, &sc);
    w.client.trace = opt->trace;
    to_server = 0;
    w.up.eat = eat_bursts;
    world_run(&w, &o);
    world_free(&w);
    printf("  6 of 60 requests lost in a row: %" PRIu64 " cuts, %" PRIu64 " timeouts\n", o.info.cuts, o.info.timeouts);
    return good("bursts", &o) && o.info.cuts == 0 && o.info.timeouts == 0;
}

/* --- what does not carry bytes shares queues with what does --- */
static bool few_answers(const struct named_opt *opt)
{
    static struct world w;
    struct scenario sc;
    struct outcome o;
    scenario_plain(1, 8 << 20, &sc);
    sc.down.loss_ppm = sc.up.loss_ppm = 10000;
    scenario_tie(&sc);
    world_init(&w, &sc);
    w.client.trace = opt->trace;
    world_run(&w, &o);
    double each = (double)w.down.sent / (double)w.judge.data;
    printf("  %.2f packets from the server for each DATA, at 1 %% loss\n", each);
    world_free(&w);
    return good("1 % loss", &o) && each <= 1.15;
}

/* --- bytes now and then, some lost: what is missing is asked for at once, whatever was asked of its seq --- */
static bool slow_writer(const struct named_opt *opt)
{
    enum { SEEDS = 16, RATE = 8000, SECONDS = 5 };
    bool ok = true;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct scenario sc;
        struct outcome o;
        plain_soft(seed, &sc);
        sc.up.delay_ns = SIM_MS;
        sc.down.delay_ns = 6 * SIM_MS;
        sc.down.loss_ppm = 10000;
        sc.server.app.out_total = RATE * SECONDS;
        sc.server.app.out_rate = RATE;
        ok &= run_plain("slow writer", &sc, opt, SECONDS * SIM_S + SIM_S, &o) && o.ok;
    }
    return ok;
}


/* --- 5 % lost and some held back: repeats of what was sent must not put the time rule off until a timeout --- */
static bool held_back(const struct named_opt *opt)
{
    enum { SEEDS = 16 };
    uint64_t timeouts = 0, cuts = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct scenario sc;
        struct outcome o;
        scenario_plain(seed, 2 << 20, &sc);
        sc.down.loss_ppm = sc.up.loss_ppm = 50000;
        sc.down.reorder_ppm = sc.up.reorder_ppm = 20000;
        sc.down.hold_ns = sc.up.hold_ns = 8 * SIM_MS;
        if (!run_plain("held back", &sc, opt, sc.limit_ns, &o))
            return false;
        timeouts += o.info.timeouts;
        cuts += o.info.cuts;
    }
    printf("  5 %% lost, 2 %% held back for 8 ms: %" PRIu64 " cuts, %" PRIu64 " timeouts in %d MiB\n", cuts, timeouts, 2 * SEEDS);
    return timeouts * 200 <= cuts;
}

static bool real_crypto(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    (void)opt;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        scenario_draw(seed, &sc);
        sc.server.real_seal = true;
        world_once(&sc, false, &o);
        ok &= good("with lib/crypto", &o);
    }
    return ok;
}

static const struct {
    const char *name, *promise;
    bool (*run)(const struct named_opt *opt);
} runs[] = {
    {"request-loss", "5 % of requests lost costs at most 2 % of goodput and hardly a cut", request_loss},
    {"request-bursts", "requests lost in bursts cost no cut", request_bursts},
    {"growth", "after a cut the window grows as Reno's", growth},
    {"held-back", "lossy paths that reorder need hardly a timeout", held_back},
    {"slow-writer", "bytes now and then, some lost: none is missed for long", slow_writer},
    {"few-answers", "hardly an answer without bytes while there are bytes", few_answers},
    {"heavy-loss", "40 % lost both ways still finishes", heavy_loss},
    {"fork-bound", "all children of a parent together get no more than the bound", fork_bound},
    {"fork-sustained", "nor does an adversary that goes on, with all it ever got", fork_sustained},
    {"optimistic-ack", "false proofs gain nothing", optimistic},
    {"replay", "requests replayed gain nothing, fresh or stale", replayed},
    {"stale-flood", "a flood of stale answers does not stop the client", stale_flood},
    {"bad-nonces", "an altered nonce is recovered from", bad_nonces},
    {"altered", "altered packets break nothing", altered},
    {"restart", "a restarted server goes on, or resets what it cannot know", restarted},
    {"idle", "quiet for long, then bytes either way; lost pushes are found", idle},
    {"zero-window", "closed windows open again", zero_window},
    {"lost-end", "a lost FIN and lost last packets are repaired", lost_end},
    {"amnesia", "a new server for every packet gives the same bytes; without table it finishes", amnesia},
    {"long-fat", "a long fast path is filled", long_fat},
    {"mini-plain", "stateless services: each handler on a clean path, in the time it takes", mini_plain},
    {"mini-goodput", "they are within 3 % of the service without continuations", mini_goodput},
    {"mini-heavy-loss", "with 40 % lost both ways they finish", mini_heavy_loss},
    {"mini-requests", "requests of every size, one by one and all at once", mini_requests},
    {"mini-reassembly", "what was put together is lost at any packet: a resend, nothing else", mini_reassembly},
    {"mini-amnesia", "a new server for every packet gives the same bytes; without table it finishes", mini_amnesia},
    {"mini-away", "a service that is away is found again, or given up after 60 s", mini_away},
    {"mini-versions", "content that changes is never mixed", mini_versions},
    {"mini-idle", "an idle client sends nothing, and goes on after minutes", mini_idle},
    {"mini-lost-state", "lost first continuations cost a round trip each, and no storm", mini_lost_state},
    {"mini-slow-push", "what a stateless service says now and then comes at once", mini_slow_push},
    {"real-crypto", "drawn scenarios with lib/crypto", real_crypto},
};

enum { N_RUNS = sizeof runs / sizeof runs[0] };

void named_list(void)
{
    for (unsigned i = 0; i < N_RUNS; i++)
        printf("%-16s %s\n", runs[i].name, runs[i].promise);
}

bool named_run(const char *name, bool verbose, bool trace)
{
    struct named_opt opt = {verbose, trace};
    unsigned bad = 0, done = 0;
    for (unsigned i = 0; i < N_RUNS; i++) {
        if (name != NULL && strcmp(name, runs[i].name) != 0)
            continue;
        done++;
        bool ok = runs[i].run(&opt);
        printf("%s: %s: %s\n", ok ? "ok" : "FAILED", runs[i].name, runs[i].promise);
        (void)fflush(stdout);
        bad += !ok;
    }
    if (done == 0)
        printf("no such run: %s\n", name != NULL ? name : "");
    printf("%u named runs, %u failed\n", done, bad);
    return bad == 0 && done > 0;
}

bool named_alloc_sweep(bool verbose)
{
    static const char *const names[] = {"stateless", "soft", "seekable", "chained", "upload", "push"};
    uint64_t n = 0, finished = 0;
    for (unsigned soft = 0; soft < 2 + (unsigned)SIMMINI_PUSH; soft++)
        for (n = 1;; n++) {
            struct scenario sc;
            struct outcome o;
            scenario_plain(3, 150000, &sc);
            sc.server.soft = soft == 1;
            if (soft > 1)
                scenario_mini(3, (enum simmini_kind)(soft - 1), &sc);
            sc.server.mini.answer_bytes = 150000;
            sc.app.out_total = sc.server.app.out_total = 150000;
            sc.down.loss_ppm = sc.up.loss_ppm = 20000;
            sc.fail_alloc = n;
            sc.may_fail = true;
            scenario_tie(&sc);
            world_once(&sc, false, &o);
            if (!o.ok || (o.info.state == TRK_CLIENT_FAILED && o.error != TRK_E_NOMEM)) {
                printf("allocation %" PRIu64 " (%s): %s; error %s\n", n, names[soft], o.why,
                       trk_err_text(o.error));
                return false;
            }
            finished += o.info.state == TRK_CLIENT_CLOSED;
            if (verbose)
                printf("allocation %" PRIu64 ": state %d, %s\n", n, (int)o.info.state, trk_err_text(o.error));
            if (o.client_allocs < n)
                break; /* none was left to fail */
        }
    printf("allocation sweep: %" PRIu64 " allocations in the last run, %" PRIu64 " runs went on without\n", n - 1, finished);
    return true;
}
