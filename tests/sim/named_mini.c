#include "named_mini.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

enum { GOODPUT_SEEDS = 24 };

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* What the service counted in the last run. */
static struct simmini counted;

static bool run(const char *name, struct scenario *sc, const struct named_opt *opt, uint64_t most_ns, struct outcome *o)
{
    static struct world w;
    scenario_tie(sc);
    world_init(&w, sc);
    w.client.trace = opt->trace;
    world_run(&w, o);
    counted = w.server.mini;
    world_free(&w);
    world_after(&w, sc, o);
    if (opt->verbose)
        printf("  %s, seed %" PRIu64 ": %.3f s, %" PRIu64 " down, %" PRIu64 " up, cuts %" PRIu64 " timeouts %" PRIu64
               " stales %" PRIu64 "; %" PRIu64 " events, %" PRIu64 " repeats, %" PRIu64 " AWAY, %" PRIu64 " drops\n",
               name, sc->seed, seconds(o->end_ns), o->down_bytes, o->up_bytes, o->info.cuts, o->info.timeouts,
               o->info.stales, counted.events, counted.repeats, counted.aways, counted.drops);
    if (!o->ok)
        printf("  %s, seed %" PRIu64 ": %s\n", name, sc->seed, o->why);
    if (o->ok && o->end_ns > most_ns)
        printf("  %s, seed %" PRIu64 ": took %.3f s, more than %.3f\n", name, sc->seed, seconds(o->end_ns),
               seconds(most_ns));
    return o->ok && o->end_ns <= most_ns;
}

static const char *const names[] = {"", "seekable", "chained", "upload", "push"};

/* Bytes enough, either way, for this kind of service. */
static void sized(uint64_t seed, enum simmini_kind kind, uint64_t bytes, struct scenario *sc)
{
    scenario_mini(seed, kind, sc);
    sc->server.mini.answer_bytes = bytes;
    if (kind != SIMMINI_UPLOAD)
        return;
    sc->app.out_total = bytes;
    sc->server.mini.answer_bytes = 1000;
}

/* --- every handler on a clean path: the time that it takes, and nothing handled twice --- */
bool mini_plain(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (enum simmini_kind kind = SIMMINI_SEEKABLE; kind <= SIMMINI_PUSH; kind++) {
        sized(1, kind, 1 << 20, &sc);
        ok &= run(names[kind], &sc, opt, 3 * SIM_S, &o);
        ok &= counted.repeats == 0;
    }
    return ok;
}

/* --- as fast as the service without continuations, on the same paths --- */
static uint64_t download_ns(uint64_t seed, enum simmini_kind kind, uint32_t loss, const struct named_opt *opt, bool *ok)
{
    struct scenario sc;
    struct outcome o;
    const uint64_t bytes = loss == 0 ? 8 << 20 : 2 << 20;
    if (kind == SIMMINI_NONE)
        scenario_plain(seed, bytes, &sc);
    else
        sized(seed, kind, bytes, &sc);
    sc.server.mini.checkpoint_bytes = 32768; /* a handler's choice, and 200 bytes each */
    sc.down.loss_ppm = sc.up.loss_ppm = loss;
    *ok &= run(kind == SIMMINI_NONE ? "file" : names[kind], &sc, opt, sc.limit_ns, &o);
    return o.last_byte_ns;
}

bool mini_goodput(const struct named_opt *opt)
{
    static const uint32_t losses[] = {0, 10000};
    bool ok = true;
    for (unsigned l = 0; l < sizeof losses / sizeof losses[0]; l++) {
        uint64_t ns[3] = {0};
        for (uint64_t seed = 1; seed <= (losses[l] == 0 ? 1 : GOODPUT_SEEDS); seed++)
            for (enum simmini_kind kind = SIMMINI_NONE; kind <= SIMMINI_CHAINED; kind++)
                ns[kind] += download_ns(seed, kind, losses[l], opt, &ok);
        double seekable = (double)ns[0] / (double)ns[1], chained = (double)ns[0] / (double)ns[2];
        printf("  %.1f %% lost: goodput of the file's, seekable %.3f, chained %.3f\n", losses[l] / 1e4, seekable, chained);
        double least = losses[l] == 0 ? 0.97 : 0.95; /* the patterns of loss differ: some 2 % of noise */
        ok &= seekable >= least && chained >= least;
    }
    return ok;
}

/* --- 40 % lost both ways --- */
bool mini_heavy_loss(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    uint64_t repeats = 0;
    for (uint64_t seed = 1; seed <= 6; seed++)
        for (enum simmini_kind kind = SIMMINI_SEEKABLE; kind <= SIMMINI_PUSH; kind++) {
            sized(seed, kind, 60000, &sc);
            sc.up.loss_ppm = sc.down.loss_ppm = 400000;
            ok &= run(names[kind], &sc, opt, sc.limit_ns, &o);
            repeats += counted.repeats;
        }
    printf("  handlers consumed %" PRIu64 " times what had been consumed before\n", repeats);
    return ok && repeats > 0;
}

/* --- requests of every size up to the largest, one by one and all at once, either end first --- */
bool mini_requests(const struct named_opt *opt)
{
    static const uint64_t sizes[] = {1, 999, 1400, 5000, 30000, TRK_MINI_UP_WINDOW_BYTES};
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned how = 0; how < 16; how++) {
            scenario_mini(i * 16 + how, how & 8 ? SIMMINI_CHAINED : SIMMINI_SEEKABLE, &sc);
            sc.server.mini.n_requests = 8;
            sc.server.mini.ask_bytes = sizes[i];
            sc.server.mini.answer_bytes = 20000;
            sc.server.mini.close_first = (how & 1) != 0;
            sc.server.mini.batch = how & 2 ? 3 : 1;
            sc.app.kind = how & 4 ? APP_ASK : APP_BULK;
            sc.up.loss_ppm = sc.down.loss_ppm = i % 2 != 0 ? 10000 : 0;
            ok &= run("requests", &sc, opt, (4 + sizes[i] / 8000) * SIM_S, &o);
        }
    return ok;
}

/* --- what the server has put together is lost, once, at every packet; and again and again; and is not in one place --- */
bool mini_reassembly(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    uint64_t clean_ns = 0, worst_ns = 0;
    for (uint64_t at = 0; at <= 150; at++) { /* 0: never */
        scenario_mini(1, SIMMINI_SEEKABLE, &sc);
        sc.server.mini.ask_bytes = TRK_MINI_UP_WINDOW_BYTES;
        sc.server.mini.answer_bytes = 5000;
        sc.server.mini.n_requests = 2;
        sc.server.mini.reasm_drop_at = at;
        sc.app.kind = APP_ASK;
        ok &= run("dropped once", &sc, opt, 3 * SIM_S, &o);
        clean_ns = at == 0 ? o.last_byte_ns : clean_ns;
        worst_ns = o.last_byte_ns > worst_ns ? o.last_byte_ns : worst_ns;
    }
    printf("  two requests of 64 KiB: %.3f s; where it was dropped once, at most %.3f s\n", seconds(clean_ns),
           seconds(worst_ns));
    for (uint64_t seed = 1; seed <= 10; seed++) {
        sized(seed, SIMMINI_UPLOAD, 300000, &sc);
        sc.server.mini.chunk_bytes = 1;
        sc.server.mini.reasm_none = true;
        ok &= run("upload, none at all", &sc, opt, 60 * SIM_S, &o);
        scenario_mini(seed, SIMMINI_CHAINED, &sc);
        sc.server.mini.ask_bytes = 3000;
        sc.server.mini.n_objects = 3;
        sc.server.mini.answer_bytes = 300000;
        ok &= run("three servers", &sc, opt, 10 * SIM_S, &o);
    }
    return ok;
}

/* --- amnesia, both ways --- */
bool mini_amnesia(const struct named_opt *opt)
{
    bool ok = true;
    unsigned n = 0;
    for (uint64_t seed = 1; n < 40 && ok; seed++) {
        struct scenario sc;
        struct outcome one, two, all;
        scenario_draw(seed, &sc);
        enum simmini_kind kind = sc.server.mini.kind;
        if (kind == SIMMINI_NONE || kind == SIMMINI_PUSH || sc.may_fail || sc.server.real_seal || sc.may_reset)
            continue; /* PUSH keeps events: its drawn runs lose them */
        n++;
        sc.table_loss_ns = 0;
        sc.server.amnesia = AMNESIA_NONE;
        ok &= run("one server", &sc, opt, sc.limit_ns, &one);
        sc.server.amnesia = AMNESIA_OBJECT;
        ok &= run("a new object for every packet", &sc, opt, sc.limit_ns, &two);
        sc.server.amnesia = AMNESIA_ALL;
        ok &= run("a new object and table for every packet", &sc, opt, sc.limit_ns, &all);
        if (one.hash != two.hash || one.end_ns != two.end_ns) {
            printf("  seed %" PRIu64 ": a new object for every packet gave other bytes\n", seed);
            ok = false;
        }
    }
    return ok;
}

/* --- the service is away: it says so, or nothing is heard --- */
bool mini_away(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (uint64_t seed = 1; seed <= 8; seed++)
        for (enum simmini_kind kind = SIMMINI_SEEKABLE; kind <= SIMMINI_PUSH; kind++) {
            const uint64_t from = seed * 100 * SIM_MS - 60 * SIM_MS, to = from + seed * SIM_S;
            sized(seed, kind, 1 << 20, &sc);
            sc.server.mini.away_from_ns = from;
            sc.server.mini.away_to_ns = to;
            ok &= run("away", &sc, opt, to + 3 * SIM_S, &o);
            ok &= counted.aways == 0 || counted.aways < 80 + 4 * seed; /* a window, then twice a second */
            sized(seed, kind, 1 << 20, &sc);
            sc.up.dead_from_ns = sc.down.dead_from_ns = from;
            sc.up.dead_to_ns = sc.down.dead_to_ns = to;
            ok &= run("silent", &sc, opt, to + (to - from) + 4 * SIM_S, &o);
        }
    sized(1, SIMMINI_SEEKABLE, 1 << 20, &sc);
    sc.server.mini.away_from_ns = 300 * SIM_MS;
    sc.server.mini.away_to_ns = SIM_NEVER;
    sc.may_fail = sc.gone = true;
    ok &= run("away for good", &sc, opt, 62 * SIM_S, &o);
    printf("  away for good: %s after %.1f s, %" PRIu64 " times AWAY\n", trk_err_text(o.error), seconds(o.end_ns),
           counted.aways);
    return ok && o.error == TRK_E_RESET && o.end_ns >= 60 * SIM_S;
}

/* --- the content changes in mid-download: all of one version, or a reset, never a mixture --- */
bool mini_versions(const struct named_opt *opt)
{
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    unsigned whole = 0, reset = 0;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        scenario_mini(seed, seed % 2 != 0 ? SIMMINI_SEEKABLE : SIMMINI_CHAINED, &sc);
        sc.server.mini.version_every_ns = (20 + seed * 5) * SIM_MS;
        sc.server.mini.n_requests = 1 + seed % 6;
        sc.server.mini.answer_bytes = 100 + seed * seed * 20;
        sc.app.kind = seed % 3 != 0 ? APP_ASK : APP_BULK;
        sc.up.loss_ppm = sc.down.loss_ppm = (uint32_t)(seed % 5) * 20000;
        sc.down.dup_ppm = sc.up.dup_ppm = 100000;
        sc.server.mini.n_objects = 1 + (unsigned)(seed % 3);
        ok &= run("versions", &sc, opt, sc.limit_ns, &o);
        whole += o.info.state == TRK_CLIENT_CLOSED;
        reset += o.error == TRK_E_RESET;
    }
    printf("  %u downloads of one version for each answer, %u resets\n", whole, reset);
    return ok && whole >= 20 && reset >= 20;
}

/* --- idle --- */
static struct world *watched;
static unsigned idle_pkts;

static bool watch(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
    idle_pkts += watched->sim.now_ns > 2 * SIM_S && watched->sim.now_ns < 400 * SIM_S;
    return false;
}

bool mini_idle(const struct named_opt *opt)
{
    static struct world w;
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    idle_pkts = 0;
    for (enum simmini_kind kind = SIMMINI_SEEKABLE; kind <= SIMMINI_CHAINED; kind++) {
        scenario_mini(1, kind, &sc);
        sc.server.mini.close_first = false;
        sc.app.fin_ns = 400 * SIM_S;
        sc.stall_ns = 500 * SIM_S;
        scenario_tie(&sc);
        world_init(&w, &sc);
        w.client.trace = opt->trace;
        watched = &w;
        w.up.eat = watch;
        world_run(&w, &o);
        world_free(&w);
        ok &= o.ok && o.end_ns < 402 * SIM_S;
        if (!o.ok)
            printf("  %s: %s\n", names[kind], o.why);
    }
    printf("  packets of two clients in 398 idle seconds: %u; the end after them took %.3f s\n", idle_pkts,
           seconds(o.end_ns - 400 * SIM_S));
    return ok && idle_pkts == 0;
}

/* --- the first continuations of a state are lost, n times --- */
static unsigned firsts_left;

static bool eat_first(void *ctx, const uint8_t *data, size_t len)
{
    struct trk_ack_pkt a;
    struct trk_data_pkt d;
    struct trk_ucont u;
    const uint8_t *ucont = NULL;
    size_t n = 0;
    (void)ctx;
    if (trk_wire_read_ack(data, len, &a) == TRK_OK) {
        ucont = a.ucont;
        n = a.ucont_len;
    } else if (trk_wire_read_data(data, len, &d) == TRK_OK) {
        ucont = d.ucont;
        n = d.ucont_len;
    }
    if (firsts_left == 0 || ucont == NULL || trk_ucont_read(ucont, n, &u) != TRK_OK || u.after == u.state)
        return false;
    firsts_left--;
    return true;
}

bool mini_lost_state(const struct named_opt *opt)
{
    static struct world w;
    bool ok = true;
    uint64_t most = 0;
    for (unsigned n = 0; n <= 8; n++)
        for (enum simmini_kind kind = SIMMINI_SEEKABLE; kind <= SIMMINI_UPLOAD; kind++) {
            struct scenario sc;
            struct outcome o;
            sized(n + 1, kind, 300000, &sc);
            scenario_tie(&sc);
            world_init(&w, &sc);
            w.client.trace = opt->trace;
            firsts_left = n;
            w.down.eat = eat_first;
            world_run(&w, &o);
            most = w.server.requests > most ? w.server.requests : most;
            world_free(&w);
            if (opt->verbose || !o.ok || o.end_ns > SIM_S + n * 300 * SIM_MS)
                printf("  %s, %u lost: %.3f s, %" PRIu64 " requests %s\n", names[kind], n, seconds(o.end_ns),
                       w.server.requests, o.why);
            ok &= o.ok && o.end_ns <= SIM_S + n * 300 * SIM_MS;
        }
    printf("  most requests of a transfer of 300,000 bytes: %" PRIu64 "\n", most);
    return ok && most < 600;
}

/* --- a byte now and then: each comes at once, however short the pieces that the asks before brought --- */
bool mini_slow_push(const struct named_opt *opt)
{
    enum { RATE = 40, LATE_MS = 300 };
    bool ok = true;
    for (uint64_t total = RATE; total <= 10 * RATE; total += 7) {
        struct scenario sc;
        struct outcome o;
        scenario_mini(total, SIMMINI_PUSH, &sc);
        sc.server.mini.answer_bytes = total;
        sc.server.mini.rate = RATE;
        ok &= run("slow push", &sc, opt, total * SIM_S / RATE + LATE_MS * SIM_MS, &o);
    }
    return ok;
}
