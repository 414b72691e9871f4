/* trickles: the command. Chooses the subcommand; see cmd.h. */
#include "config.h"

#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct subcommand subcommands[] = {
    {"run", trk_cmd_run},
    {"status", trk_cmd_status},
    {"keygen", trk_cmd_keygen},
    {"ping", trk_cmd_ping},
};

static const char help[] = "usage: trickles COMMAND [OPTION]... [ARGUMENT]...\n"
                           "\n"
                           "  run PROGRAM [ARGUMENT]...   run a program with its TCP over Trickles\n"
                           "  status                      show connections: which are Trickles, which are TCP and why\n"
                           "  keygen [FILE]               make a secret for one or more daemons\n"
                           "  ping HOST                   ask a host's daemon for a sign of life\n"
                           "\n"
                           "  -h, --help      show this; also: trickles COMMAND --help\n"
                           "  -V, --version   show the version\n"
                           "\n"
                           "trickles(1) has the whole story, trickles(7) what this is about.\n";

void trk_cmd_complain(const char *format, ...)
{
    va_list args;
    (void)fputs("trickles: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

bool trk_cmd_number(const char *what, const char *text, long min, long max, long *out)
{
    char *end = NULL;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < min || n > max) {
        trk_cmd_complain("%s must be a number from %ld to %ld, not '%s'", what, min, max, text);
        return false;
    }
    *out = n;
    return true;
}

int trk_cmd_usage(const char *subcommand)
{
    (void)fprintf(stderr, "Try: trickles%s%s --help\n", *subcommand != '\0' ? " " : "", subcommand);
    return TRK_EXIT_USAGE;
}

/* What was written must have arrived: a full disk behind `trickles keygen > file` is a failure. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    trk_cmd_complain("standard output: %s", strerror(errno));
    return status == TRK_EXIT_OK ? TRK_EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "+hV", options, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return finish(TRK_EXIT_OK);
        }
        if (c == 'V') {
            (void)puts("trickles " PACKAGE_VERSION);
            return finish(TRK_EXIT_OK);
        }
        return trk_cmd_usage("");
    }
    if (optind == argc) {
        (void)fputs(help, stderr);
        return TRK_EXIT_USAGE;
    }
    const char *name = argv[optind];
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++) {
        if (strcmp(name, subcommands[i].name) != 0)
            continue;
        int skip = optind;
        optind = 0; /* GNU getopt: start afresh on another vector */
        return finish(subcommands[i].run(argc - skip, argv + skip));
    }
    trk_cmd_complain("there is no command '%s'", name);
    return trk_cmd_usage("");
}
