/*
 * options.h: trickled's command line.
 */
#ifndef TRK_DAEMON_OPTIONS_H
#define TRK_DAEMON_OPTIONS_H

#include <stdbool.h>

struct trk_options {
    bool foreground;
    bool user;           /* --user: this user's own daemon */
    const char *socket;  /* borrowed from argv; NULL: not given */
    const char *config;
    const char *secret;
    int port; /* 0: not given */
};

enum trk_options_result { TRK_OPTIONS_RUN, TRK_OPTIONS_EXIT_OK, TRK_OPTIONS_EXIT_USAGE };

/* Reads argv; --help and --version print and want an exit. Errors go to standard error. */
enum trk_options_result trk_options_parse(struct trk_options *o, int argc, char **argv);

#endif
