/*
 * trickles run: puts libtrickles.so into LD_PRELOAD and becomes the program.
 *
 * The library is the one that was installed with this command (../lib beside the folder of the executable), so that
 * an installed tree can be moved; else the one of the configured libdir.
 */
#include "config.h"

#include "cmd.h"
#include "loadable.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] = "usage: trickles run [OPTION]... PROGRAM [ARGUMENT]...\n"
                           "\n"
                           "Runs PROGRAM so that its TCP connections go over Trickles where the other end has it.\n"
                           "\n"
                           "  -d, --debug         say on standard error what the library decides (TRICKLES_DEBUG)\n"
                           "  -q, --quiet         do not warn about programs that cannot take part\n"
                           "  -r, --require       do not start programs that cannot take part\n"
                           "  -s, --socket PATH   control socket of the daemon (TRICKLES_SOCKET)\n"
                           "  -h, --help          show this\n"
                           "\n"
                           "The exit status is PROGRAM's; 125 if trickles failed, 126 if PROGRAM cannot be run, 127 if\n"
                           "it was not found.\n";

static const char LIBRARY[] = "libtrickles.so";

struct run_options {
    bool quiet;
    bool require;
};

/* Fills path (PATH_MAX) with the library's place. */
static bool find_library(char *path)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = '\0';
        char *slash = strrchr(exe, '/');
        if (slash != NULL) {
            *slash = '\0';
            char beside[PATH_MAX + sizeof LIBRARY + 8];
            (void)snprintf(beside, sizeof beside, "%s/../lib/%s", exe, LIBRARY);
            if (realpath(beside, path) != NULL)
                return true;
        }
    }
    if (realpath(LIBDIR "/libtrickles.so", path) != NULL)
        return true;
    trk_cmd_complain("%s is neither in ../lib beside this command nor in %s", LIBRARY, LIBDIR);
    return false;
}

/* The daemon that the library may start is the one installed with it, unless the environment names another. */
static bool set_daemon(const char *lib)
{
    char path[PATH_MAX + sizeof "/../sbin/trickled"];
    char *real = NULL;
    (void)snprintf(path, sizeof path, "%.*s/../sbin/trickled", (int)(strrchr(lib, '/') - lib), lib);
    if (access(path, X_OK) != 0 || (real = realpath(path, NULL)) == NULL)
        return true;
    bool good = setenv("TRICKLES_DAEMON", real, 0) == 0;
    free(real);
    return good;
}

/* Is lib one of the entries of list (separated by colons or spaces)? */
static bool listed(const char *list, const char *lib)
{
    size_t len = strlen(lib);
    for (const char *at = strstr(list, lib); at != NULL; at = strstr(at + 1, lib))
        if ((at == list || strchr(": ", at[-1]) != NULL) && strchr(": ", at[len]) != NULL)
            return true; /* strchr finds the NUL at the end as well */
    return false;
}

/* Ours comes first, whatever is there stays. */
static bool set_preload(void)
{
    char lib[PATH_MAX];
    if (!find_library(lib))
        return false;
    if (strpbrk(lib, ": ") != NULL) {
        trk_cmd_complain("%s: LD_PRELOAD cannot name a path with a colon or a space", lib);
        return false;
    }
    const char *old = getenv("LD_PRELOAD");
    if (old != NULL && listed(old, lib))
        return true;
    char *list = NULL;
    if (old != NULL && *old != '\0') {
        if (asprintf(&list, "%s:%s", lib, old) < 0)
            list = NULL;
    } else {
        list = strdup(lib);
    }
    bool good = list != NULL && setenv("LD_PRELOAD", list, 1) == 0 && set_daemon(lib);
    free(list);
    if (!good)
        trk_cmd_complain("LD_PRELOAD: %s", strerror(ENOMEM));
    return good;
}

/* Returns 0, or the exit status with which to give up. */
static int parse(int argc, char **argv, struct run_options *run)
{
    static const struct option options[] = {{"debug", no_argument, NULL, 'd'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"require", no_argument, NULL, 'r'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    bool kept = true;
    while ((c = getopt_long(argc, argv, "+hdqrs:", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            kept &= setenv("TRICKLES_DEBUG", "1", 1) == 0;
            break;
        case 'q':
            run->quiet = true;
            break;
        case 'r':
            run->require = true;
            break;
        case 's':
            kept &= setenv("TRICKLES_SOCKET", optarg, 1) == 0;
            break;
        case 'h':
            (void)fputs(help, stdout);
            (void)fflush(stdout);
            exit(TRK_EXIT_OK);
        default:
            (void)trk_cmd_usage("run");
            return TRK_EXIT_RUN;
        }
    }
    if (optind == argc) {
        trk_cmd_complain("run: which program?");
        (void)trk_cmd_usage("run");
        return TRK_EXIT_RUN;
    }
    if (!kept) {
        trk_cmd_complain("environment: %s", strerror(ENOMEM));
        return TRK_EXIT_RUN;
    }
    return 0;
}

/* Says so if the program cannot take part. False: it must not be started. */
static bool look_at(const char *path, const struct run_options *run)
{
    struct trk_loadable_result found;
    trk_loadable_check(path, &found);
    const char *why = trk_loadable_why(found.answer);
    if (*why == '\0')
        return true;
    if (run->require)
        trk_cmd_complain("%s %s; not started", found.file, why);
    else if (!run->quiet)
        trk_cmd_complain("warning: %s %s; it will use plain TCP", found.file, why);
    return !run->require;
}

int trk_cmd_run(int argc, char **argv)
{
    struct run_options run = {false, false};
    char path[TRK_LOADABLE_PATH_BYTES];
    int status = parse(argc, argv, &run);
    if (status != 0)
        return status;
    char **program = argv + optind;
    int rc = trk_loadable_find(program[0], path);
    if (rc != 0) {
        trk_cmd_complain("%s: %s", program[0], strerror(-rc));
        return rc == -ENOENT ? TRK_EXIT_NOT_FOUND : TRK_EXIT_NOT_RUNNABLE;
    }
    if (!look_at(path, &run))
        return TRK_EXIT_NOT_RUNNABLE;
    if (!set_preload())
        return TRK_EXIT_RUN;
    (void)execvp(program[0], program);
    trk_cmd_complain("%s: %s", program[0], strerror(errno));
    return errno == ENOENT ? TRK_EXIT_NOT_FOUND : TRK_EXIT_NOT_RUNNABLE;
}
