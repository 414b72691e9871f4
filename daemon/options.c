/* trickled's command line: see options.h. */
#include <config.h>

#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: trickled [OPTION]...\n"
    "Carry the TCP connections of programs that run under libtrickles.so over Trickles.\n"
    "\n"
    "  -f, --foreground     stay in the foreground, log to standard error\n"
    "  -s, --socket PATH    control socket (the data socket lies beside it)\n"
    "  -c, --config FILE    configuration file\n"
    "  -k, --secret FILE    cluster secret (made by `trickles keygen`)\n"
    "  -p, --port N         UDP port of the server role\n"
    "  -u, --user           be this user's own daemon: own directory, port 8742, exit when idle\n"
    "  -h, --help           show this and exit\n"
    "  -V, --version        show the version and exit\n"
    "\n"
    "See trickled(8) and trickled.conf(5).\n";

static const struct option long_options[] = {
    {"foreground", no_argument, NULL, 'f'}, {"socket", required_argument, NULL, 's'},
    {"config", required_argument, NULL, 'c'}, {"secret", required_argument, NULL, 'k'},
    {"port", required_argument, NULL, 'p'}, {"user", no_argument, NULL, 'u'},
    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int parse_port(const char *text, int *port)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > 65535) {
        fprintf(stderr, "trickled: --port wants a number of 1 to 65535, not \"%s\"\n", text);
        return -1;
    }
    *port = (int)n;
    return 0;
}

enum trk_options_result trk_options_parse(struct trk_options *o, int argc, char **argv)
{
    int c;
    memset(o, 0, sizeof *o);
    optind = 1;
    while ((c = getopt_long(argc, argv, "fs:c:k:p:uhV", long_options, NULL)) != -1) {
        switch (c) {
        case 'f':
            o->foreground = true;
            break;
        case 's':
            o->socket = optarg;
            break;
        case 'c':
            o->config = optarg;
            break;
        case 'k':
            o->secret = optarg;
            break;
        case 'p':
            if (parse_port(optarg, &o->port) != 0)
                return TRK_OPTIONS_EXIT_USAGE;
            break;
        case 'u':
            o->user = true;
            break;
        case 'h':
            fputs(help, stdout);
            return TRK_OPTIONS_EXIT_OK;
        case 'V':
            puts("trickled " PACKAGE_VERSION);
            return TRK_OPTIONS_EXIT_OK;
        default:
            fputs("Try `trickled --help'.\n", stderr);
            return TRK_OPTIONS_EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "trickled: \"%s\" is not an option\nTry `trickled --help'.\n", argv[optind]);
        return TRK_OPTIONS_EXIT_USAGE;
    }
    return TRK_OPTIONS_RUN;
}
