/* trk-conform: see conform.h. */
#include <config.h>

#include "conform.h"

#include "core/wire.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char usage[] =
    "Usage: trk-conform [OPTION]... FILE\n"
    "Judges a packet capture of Trickles that was taken at the server.\n"
    "\n"
    "      --hostile-clients  clients may send anything; judge the server\n"
    "      --partial          the capture begins in the middle of connections\n"
    "      --port N           the server's UDP port (default: 842 and 8742)\n"
    "      --tail-ms N        requests in the last N ms need no answer (default: 50, or the RTT)\n"
    "      --verbose          say what was in the capture\n"
    "      --help             this text\n"
    "\n"
    "One line for each violation. Exit status: 0 none, 1 some, 2 the file cannot be read.\n";

static void print_stats(const struct conform_stats *s)
{
    printf("packets %" PRIu64 " (other %" PRIu64 "), bytes in %" PRIu64 " out %" PRIu64 "\n",
           s->packets, s->other, s->bytes_in, s->bytes_out);
    printf("OPEN %" PRIu64 ", REQUEST %" PRIu64 ", UPLINK %" PRIu64 ", DATA %" PRIu64
           ", ACK %" PRIu64 ", RESET %" PRIu64 ", PATH %" PRIu64 ", VERSION %" PRIu64 "\n",
           s->by_type[TRK_TYPE_OPEN], s->by_type[TRK_TYPE_REQUEST], s->by_type[TRK_TYPE_UPLINK],
           s->by_type[TRK_TYPE_DATA], s->by_type[TRK_TYPE_ACK], s->by_type[TRK_TYPE_RESET],
           s->by_type[TRK_TYPE_PATH], s->by_type[TRK_TYPE_VERSION]);
    printf("connections %" PRIu64 ", spaces %" PRIu64 ", seqs %" PRIu64 ", proofs checked %" PRIu64
           ", requests answered %" PRIu64 " (%" PRIu64 " of them by a later answer)\n",
           s->connections, s->spaces, s->seqs, s->proofs, s->answers, s->coalesced);
    if (s->states)
        printf("states of stateless services %" PRIu64 "\n", s->states);
    if (s->hostile || s->unjudged)
        printf("client faults allowed %" PRIu64 ", requests not judged %" PRIu64 "\n", s->hostile,
               s->unjudged);
    for (unsigned i = 0; i < CONFORM_RULES; i++)
        if (s->violations[i])
            printf("violations: %s %" PRIu64 "\n", conform_rule_text((enum conform_rule)i),
                   s->violations[i]);
}

static unsigned long number(const char *text, unsigned long max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n > max) {
        fprintf(stderr, "trk-conform: not a number from 0 to %lu: %s\n", max, text);
        exit(2);
    }
    return n;
}

static int judge(const struct conform_options *options, const char *path, uint16_t port,
                 bool verbose)
{
    char error[256];
    struct conform *c = conform_new(options);
    if (!c || conform_read_file(c, path, port, error, sizeof error) < 0) {
        fprintf(stderr, "trk-conform: %s: %s\n", path, c ? error : "out of memory");
        conform_free(c);
        return 2;
    }
    uint64_t violations = conform_end(c);
    if (verbose)
        print_stats(conform_stats(c));
    conform_free(c);
    return violations ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"hostile-clients", no_argument, NULL, 'H'},
                                          {"partial", no_argument, NULL, 'P'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"tail-ms", required_argument, NULL, 't'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct conform_options options = {.out = stdout};
    uint16_t port = 0;
    bool verbose = false;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'H':
            options.hostile_clients = true;
            break;
        case 'P':
            options.partial = true;
            break;
        case 'p':
            port = (uint16_t)number(optarg, UINT16_MAX);
            break;
        case 't':
            options.tail_ns = number(optarg, 3600000) * 1000000;
            break;
        case 'v':
            verbose = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind != argc - 1) {
        fputs(usage, stderr);
        return 2;
    }
    return judge(&options, argv[optind], port, verbose);
}
