/*
 * simrun: the simulator's command. simrun --help says how it is used.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "named.h"
#include "table.h"
#include "world.h"

static const char usage[] =
    "Usage: simrun [OPTION]...\n"
    "Whole client and server engines in virtual time, judged; every run is had again by its seed.\n"
    "\n"
    "  --seeds N     run N drawn scenarios (default 100)\n"
    "  --from S      the first seed (default 1)\n"
    "  --seed X      run this one only, and say what it was\n"
    "  --verbose     one line for each run\n"
    "  --trace       with --seed or --name: every packet\n"
    "  --named       run the named runs\n"
    "  --name NAME   run this one of them; --list gives the names\n"
    "  --list        names\n"
    "  --alloc-sweep fail each allocation of the client in turn\n"
    "  --table       goodput against a TCP Reno in the same simulator\n"
    "  --links       the same over the links of make bench-links, --seeds N runs of each\n";

struct options {
    uint64_t seeds, from, seed;
    bool one, verbose, trace, named, list, table, links, sweep;
    const char *name;
};

static bool run_seed(uint64_t seed, const struct options *opt)
{
    struct scenario sc;
    struct outcome out;
    scenario_draw(seed, &sc);
    if (opt->one)
        scenario_print(&sc);
    world_once(&sc, opt->trace, &out);
    if (!out.ok || opt->verbose || opt->one)
        printf("seed %" PRIu64 ": %s%s; %.3f s, %" PRIu64 " down, %" PRIu64 " up, %" PRIu64 " events, cuts %" PRIu64
               " timeouts %" PRIu64 " stales %" PRIu64 ", W to %" PRIu64 "\n",
               seed, out.ok ? "ok" : "FAILED: ", out.why, (double)out.end_ns / 1e9, out.down_bytes, out.up_bytes, out.events,
               out.info.cuts, out.info.timeouts, out.info.stales, out.window_max);
    if (!out.ok && !opt->one)
        scenario_print(&sc);
    return out.ok;
}

static bool run_seeds(const struct options *opt)
{
    uint64_t bad = 0;
    for (uint64_t i = 0; i < opt->seeds; i++)
        bad += !run_seed(opt->from + i, opt);
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " failed\n", opt->seeds, opt->from, bad);
    return bad == 0;
}

static bool run_options(const struct options *opt)
{
    if (opt->list)
        named_list();
    else if (opt->table)
        return table_print();
    else if (opt->links)
        return table_links(opt->seeds);
    else if (opt->sweep)
        return named_alloc_sweep(opt->verbose);
    else if (opt->named || opt->name != NULL)
        return named_run(opt->name, opt->verbose, opt->trace);
    else if (opt->one)
        return run_seed(opt->seed, opt);
    else
        return run_seeds(opt);
    return true;
}

static bool number(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 0);
    return *text != '\0' && *end == '\0';
}

int main(int argc, char **argv)
{
    enum { SEEDS = 256, FROM, SEED, VERBOSE, TRACE, NAMED, NAME, LIST, SWEEP, TABLE, LINKS, HELP };
    static const struct option longs[] = {
        {"seeds", required_argument, NULL, SEEDS}, {"from", required_argument, NULL, FROM},
        {"seed", required_argument, NULL, SEED},   {"verbose", no_argument, NULL, VERBOSE},
        {"trace", no_argument, NULL, TRACE},       {"named", no_argument, NULL, NAMED},
        {"name", required_argument, NULL, NAME},   {"list", no_argument, NULL, LIST},
        {"alloc-sweep", no_argument, NULL, SWEEP}, {"table", no_argument, NULL, TABLE},
        {"links", no_argument, NULL, LINKS},
        {"help", no_argument, NULL, HELP},         {NULL, 0, NULL, 0}};
    struct options opt = {.seeds = 100, .from = 1};
    bool good = true;
    for (int c; good && (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        switch (c) {
        case SEEDS:
            good = number(optarg, &opt.seeds);
            break;
        case FROM:
            good = number(optarg, &opt.from);
            break;
        case SEED:
            good = opt.one = number(optarg, &opt.seed);
            break;
        case VERBOSE:
            opt.verbose = true;
            break;
        case TRACE:
            opt.trace = true;
            break;
        case NAMED:
            opt.named = true;
            break;
        case NAME:
            opt.name = optarg;
            break;
        case LIST:
            opt.list = true;
            break;
        case SWEEP:
            opt.sweep = true;
            break;
        case TABLE:
            opt.table = true;
            break;
        case LINKS:
            opt.links = true;
            break;
        case HELP:
            (void)fputs(usage, stdout);
            return 0;
        default:
            good = false;
        }
    if (!good || optind != argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return run_options(&opt) ? 0 : 1;
}
