/*
 * link_options.h: linkemu's command line. Pure apart from messages on standard error and --help on
 * standard output.
 */
#ifndef TRK_TESTS_LINK_OPTIONS_H
#define TRK_TESTS_LINK_OPTIONS_H

#include <stdint.h>

#include "link.h"

struct trk_link_options {
    const char *netns[2];          /* names below /run/netns of sides a and b; borrowed from argv */
    const char *device;            /* name of the TUN device in both namespaces; borrowed */
    struct trk_link_config dir[2]; /* 0: a to b, 1: b to a */
    uint64_t seed;
    uint64_t spin_ns;  /* wait by spinning for the last so many ns before a packet is due */
    uint32_t capacity; /* packets under way per direction at most */
    unsigned mtu_bytes;
};

/*
 * Fills *o from argv. Returns 0 to go on, 1 if --help was printed, -1 after a message about a wrong
 * option or value.
 */
int trk_link_options_parse(struct trk_link_options *o, int argc, char **argv);

/* Value parsers, each 0 or -1: "20M" (bit/s), "40ms" (ns), "1.5" or "1.5%" (ppm), "64k" (count). */
int trk_link_parse_rate(const char *s, uint64_t *bps);
int trk_link_parse_time(const char *s, uint64_t *ns);
int trk_link_parse_percent(const char *s, uint32_t *ppm);
int trk_link_parse_count(const char *s, uint32_t *count);

#endif
