#include "named_mini.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

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

/* --- every handler on a clean path: the time that it takes, and nothing handled twice --- */
bool mini_plain(const struct named_opt *opt)
{
    static const char *const names[] = {"", "seekable", "chained", "upload", "push"};
    struct scenario sc;
    struct outcome o;
    bool ok = true;
    for (enum simmini_kind kind = SIMMINI_SEEKABLE; kind <= SIMMINI_PUSH; kind++) {
        scenario_mini(1, kind, &sc);
        if (kind == SIMMINI_UPLOAD) {
            sc.app.out_total = 1 << 20;
            sc.server.mini.answer_bytes = 1000;
        }
        ok &= run(names[kind], &sc, opt, 3 * SIM_S, &o);
        ok &= counted.repeats == 0;
    }
    return ok;
}
