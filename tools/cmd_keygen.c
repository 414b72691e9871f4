/* trickles keygen: a new cluster secret, to a file or to standard output. */
#include "config.h"

#include "cmd.h"
#include "crypto/keyring.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] = "usage: trickles keygen [OPTION]... [FILE]\n"
                           "\n"
                           "Makes a secret. All hosts that are to serve the same connections share one; give it to\n"
                           "trickled --secret. Without FILE it goes to standard output.\n"
                           "\n"
                           "  -o, --out FILE   write to FILE (mode 0600), which must not exist\n"
                           "  -h, --help       show this\n";

static int to_file(const char *path, uint64_t now_s)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    struct trk_error_text err;
    if (trk_keyring_generate(path, &clock, now_s, &err) == 0)
        return TRK_EXIT_OK;
    trk_cmd_complain("%s", err.text);
    return TRK_EXIT_FAILED;
}

static int to_output(uint64_t now_s)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    struct trk_error_text err;
    char line[TRK_LINEFILE_BYTES_MAX + 1];
    if (trk_keyring_new_line(line, &clock, now_s, &err) != 0) {
        trk_cmd_complain("%s", err.text);
        return TRK_EXIT_FAILED;
    }
    (void)puts(line);
    explicit_bzero(line, sizeof line);
    if (isatty(STDOUT_FILENO))
        (void)fputs("(this is a secret: keep it in a file that only trickled can read)\n", stderr);
    return TRK_EXIT_OK;
}

int trk_cmd_keygen(int argc, char **argv)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *path = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return TRK_EXIT_OK;
        }
        if (c != 'o')
            return trk_cmd_usage("keygen");
        path = optarg;
    }
    if (optind < argc && path == NULL)
        path = argv[optind++];
    if (optind < argc) {
        trk_cmd_complain("keygen: one file, not '%s' as well", argv[optind]);
        return trk_cmd_usage("keygen");
    }
    uint64_t now_s = (uint64_t)time(NULL);
    return path != NULL && strcmp(path, "-") != 0 ? to_file(path, now_s) : to_output(now_s);
}
