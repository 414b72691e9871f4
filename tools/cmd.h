/*
 * cmd.h: the subcommands of `trickles`, one file each, and what they share.
 *
 * A subcommand takes its own argument vector (argv[0] is its name) and returns the exit status of the process. Each
 * answers --help on standard output with status 0. Errors are one line on standard error, "trickles: ...".
 */
#ifndef TRK_TOOLS_CMD_H
#define TRK_TOOLS_CMD_H

#include <stdbool.h>

struct trk_locate_place;

enum {
    TRK_EXIT_OK = 0,
    TRK_EXIT_FAILED = 1, /* asked for correctly, and did not work */
    TRK_EXIT_USAGE = 2,
    /* Of `run`, as env(1) has them; anything else is the program's own. */
    TRK_EXIT_RUN = 125,
    TRK_EXIT_NOT_RUNNABLE = 126,
    TRK_EXIT_NOT_FOUND = 127,
};

int trk_cmd_run(int argc, char **argv);
int trk_cmd_status(int argc, char **argv);
int trk_cmd_keygen(int argc, char **argv);
int trk_cmd_ping(int argc, char **argv);

/* "trickles: <text>" and a newline on standard error. */
void trk_cmd_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A whole decimal number within [min, max] from text into *out. Returns false, after complaining with `what`, for
 * anything else.
 */
bool trk_cmd_number(const char *what, const char *text, long min, long max, long *out)
    __attribute__((warn_unused_result));

/* After getopt_long has complained: where help is. Returns TRK_EXIT_USAGE. */
int trk_cmd_usage(const char *subcommand);

#endif
