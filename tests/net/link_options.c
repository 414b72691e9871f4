#include "link_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MTU = 1500, DEFAULT_CAPACITY = 32768, DEFAULT_SPIN_NS = 20000 };

static const char help[] =
    "Usage: linkemu --ns-a NAME --ns-b NAME [OPTION...]\n"
    "Joins two network namespaces by an emulated link: makes a TUN device in each, prints\n"
    "\"ready\" when both are there, and carries packets until SIGINT or SIGTERM.\n"
    "\n"
    "  --ns-a NAME, --ns-b NAME   the namespaces (ip netns); needs CAP_NET_ADMIN and "
    "CAP_SYS_ADMIN\n"
    "  --device NAME              name of the TUN devices (default: link0)\n"
    "  --seed N                   seed of all chance (default: 1); printed\n"
    "  --mtu BYTES                MTU of the devices (default: 1500)\n"
    "  --spin TIME                wait by spinning this long before a packet is due (default: "
    "20us)\n"
    "  --capacity N               packets under way per direction (default: 32768)\n"
    "\n"
    "What the link does; \"--ab-\" or \"--ba-\" in front of a name sets one direction only:\n"
    "  --rate RATE                bit/s of IP packets, with k, M or G (default: unlimited)\n"
    "  --delay TIME               one way, with ns, us, ms or s\n"
    "  --jitter TIME              added to the delay, even from 0; never reorders\n"
    "  --queue N                  drop-tail queue, packets (k allowed; default: unlimited)\n"
    "  --queue-bytes N            drop-tail queue, bytes\n"
    "  --loss PERCENT             single packets (in bursts: while the state is good)\n"
    "  --burst-enter PERCENT      Gilbert-Elliott: good to bad, per packet\n"
    "  --burst-leave PERCENT      bad to good, per packet (default: 25)\n"
    "  --burst-loss PERCENT       loss while bad (default: 100)\n"
    "  --reorder PERCENT          packets held back, by\n"
    "  --reorder-delay TIME       this long (default: 10ms)\n"
    "  --duplicate PERCENT        packets delivered twice\n"
    "  --corrupt PERCENT          packets with one bit flipped behind the IP header\n"
    "  --corrupt-fix 0|1          repair the checksum, so that the program receives the damage\n"
    "\n"
    "Counters go to standard error on SIGUSR1 and at the end.\n";

static int split_number(const char *s, double *value, const char **unit)
{
    char *end;
    errno = 0;
    *value = strtod(s, &end);
    *unit = end;
    return end == s || errno != 0 || !(*value >= 0) || *value > 1e15 ? -1 : 0;
}

struct unit {
    const char *name;
    double factor;
};

static int parse_scaled(const char *s, const struct unit *units, double max, double *out)
{
    const char *unit;
    if (split_number(s, out, &unit) != 0)
        return -1;
    for (; units->name != NULL; units++)
        if (strcmp(unit, units->name) == 0) {
            *out *= units->factor;
            return *out <= max ? 0 : -1;
        }
    return -1;
}

int trk_link_parse_rate(const char *s, uint64_t *bps)
{
    static const struct unit units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
    double v;
    if (parse_scaled(s, units, 1e12, &v) != 0)
        return -1;
    *bps = (uint64_t)v;
    return 0;
}

int trk_link_parse_time(const char *s, uint64_t *ns)
{
    static const struct unit units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
    double v;
    if (parse_scaled(s, units, 1e12, &v) != 0)
        return -1;
    *ns = (uint64_t)v;
    return 0;
}

int trk_link_parse_percent(const char *s, uint32_t *ppm)
{
    static const struct unit units[] = {{"", 1e4}, {"%", 1e4}, {NULL, 0}};
    double v;
    if (parse_scaled(s, units, TRK_LINK_PPM, &v) != 0)
        return -1;
    *ppm = (uint32_t)(v + 0.5);
    return 0;
}

int trk_link_parse_count(const char *s, uint32_t *count)
{
    static const struct unit units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
    double v;
    if (parse_scaled(s, units, 2e9, &v) != 0)
        return -1;
    *count = (uint32_t)v;
    return 0;
}

enum kind { RATE, TIME, PERCENT, COUNT };

static const struct {
    const char *name;
    enum kind kind;
    size_t at;
} settings[] = {
    {"rate", RATE, offsetof(struct trk_link_config, rate_bps)},
    {"delay", TIME, offsetof(struct trk_link_config, delay_ns)},
    {"jitter", TIME, offsetof(struct trk_link_config, jitter_ns)},
    {"queue", COUNT, offsetof(struct trk_link_config, queue_pkts)},
    {"queue-bytes", COUNT, offsetof(struct trk_link_config, queue_bytes)},
    {"loss", PERCENT, offsetof(struct trk_link_config, loss_ppm)},
    {"burst-enter", PERCENT, offsetof(struct trk_link_config, burst_enter_ppm)},
    {"burst-leave", PERCENT, offsetof(struct trk_link_config, burst_leave_ppm)},
    {"burst-loss", PERCENT, offsetof(struct trk_link_config, burst_loss_ppm)},
    {"reorder", PERCENT, offsetof(struct trk_link_config, reorder_ppm)},
    {"reorder-delay", TIME, offsetof(struct trk_link_config, reorder_ns)},
    {"duplicate", PERCENT, offsetof(struct trk_link_config, duplicate_ppm)},
    {"corrupt", PERCENT, offsetof(struct trk_link_config, corrupt_ppm)},
    {"corrupt-fix", COUNT, offsetof(struct trk_link_config, corrupt_fix_checksum)},
};

static int parse_value(enum kind kind, const char *value, void *out)
{
    switch (kind) {
    case RATE:
        return trk_link_parse_rate(value, out);
    case TIME:
        return trk_link_parse_time(value, out);
    case PERCENT:
        return trk_link_parse_percent(value, out);
    case COUNT:
        return trk_link_parse_count(value, out);
    }
    return -1;
}

/* A setting of one or both directions; 1 if name is none, -1 if the value is wrong. */
static int set_direction(struct trk_link_options *o, const char *name, const char *value)
{
    int first = 0, last = 1;
    if (strncmp(name, "ab-", 3) == 0 || strncmp(name, "ba-", 3) == 0) {
        first = last = name[0] == 'b';
        name += 3;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(name, settings[i].name) != 0)
            continue;
        for (int d = first; d <= last; d++)
            if (parse_value(settings[i].kind, value, (char *)&o->dir[d] + settings[i].at) != 0)
                return -1;
        return 0;
    }
    return 1;
}

static int parse_seed(const char *value, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(value, &end, 0);
    return errno != 0 || end == value || *end != '\0' ? -1 : 0;
}

/* A setting of the whole link; 1 if name is none, -1 if the value is wrong. */
static int set_global(struct trk_link_options *o, const char *name, const char *value)
{
    if (strcmp(name, "ns-a") == 0)
        o->netns[0] = value;
    else if (strcmp(name, "ns-b") == 0)
        o->netns[1] = value;
    else if (strcmp(name, "device") == 0)
        o->device = value;
    else if (strcmp(name, "seed") == 0)
        return parse_seed(value, &o->seed);
    else if (strcmp(name, "mtu") == 0)
        return trk_link_parse_count(value, &o->mtu_bytes) != 0 || o->mtu_bytes < 576 ||
                       o->mtu_bytes > TRK_LINK_PACKET_BYTES
                   ? -1
                   : 0;
    else if (strcmp(name, "spin") == 0)
        return trk_link_parse_time(value, &o->spin_ns);
    else if (strcmp(name, "capacity") == 0)
        return trk_link_parse_count(value, &o->capacity) != 0 || o->capacity == 0 ? -1 : 0;
    else
        return 1;
    return 0;
}

static void set_defaults(struct trk_link_options *o)
{
    *o = (struct trk_link_options){.device = "link0",
                                   .seed = 1,
                                   .spin_ns = DEFAULT_SPIN_NS,
                                   .capacity = DEFAULT_CAPACITY,
                                   .mtu_bytes = DEFAULT_MTU};
    for (int d = 0; d < 2; d++) {
        o->dir[d].burst_leave_ppm = TRK_LINK_PPM / 4;
        o->dir[d].burst_loss_ppm = TRK_LINK_PPM;
        o->dir[d].reorder_ns = 10000000;
    }
}

int trk_link_options_parse(struct trk_link_options *o, int argc, char **argv)
{
    set_defaults(o);
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return 1;
        }
        if (strncmp(argv[i], "--", 2) != 0 || i + 1 == argc) {
            fprintf(stderr, "linkemu: %s: not an option with a value; see --help\n", argv[i]);
            return -1;
        }
        int rc = set_global(o, argv[i] + 2, argv[i + 1]);
        if (rc == 1)
            rc = set_direction(o, argv[i] + 2, argv[i + 1]);
        if (rc != 0) {
            fprintf(stderr,
                    rc == 1 ? "linkemu: %s: no such option; see --help\n"
                            : "linkemu: %s %s: wrong value; see --help\n",
                    argv[i], argv[i + 1]);
            return -1;
        }
    }
    if (o->netns[0] == NULL || o->netns[1] == NULL) {
        fputs("linkemu: --ns-a and --ns-b are needed; see --help\n", stderr);
        return -1;
    }
    return 0;
}
