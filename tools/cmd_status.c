/*
 * trickles status: what the daemon knows, as a table or as the daemon's own JSON text.
 *
 * The daemon is the one that programs would find: $TRICKLES_SOCKET, the system's, the user's (ipc/locate.h). The text
 * comes in a memfd; trickles(1) lists its members. Members that are missing show as "-", so that a command and a daemon
 * of different versions get along.
 */
#include "config.h"

#include "cmd.h"
#include "ipc/locate.h"
#include "table.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] = "usage: trickles status [OPTION]...\n"
                           "\n"
                           "Shows the daemon's connections: which go over Trickles, which over TCP and why.\n"
                           "\n"
                           "  -j, --json          all that the daemon tells, as JSON\n"
                           "  -s, --socket PATH   control socket of the daemon (default: $TRICKLES_SOCKET, the system's,\n"
                           "                      the user's)\n"
                           "  -h, --help          show this\n"
                           "\n"
                           "The exit status is 0, or 1 if no daemon answers.\n";

static const off_t TEXT_BYTES_MAX = 256 << 20; /* 100,000 connections are some 40 MB */

/* ---- asking ---- */

/* The text of the memfd, NUL-terminated; the caller frees it. NULL after complaining. */
static char *read_text(int fd, size_t *len)
{
    struct stat st;
    char *text = NULL;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > TEXT_BYTES_MAX ||
        (text = malloc((size_t)st.st_size + 1)) == NULL) {
        trk_cmd_complain("status: the daemon's answer cannot be read");
        return NULL;
    }
    for (*len = 0; *len < (size_t)st.st_size;) {
        ssize_t n = pread(fd, text + *len, (size_t)st.st_size - *len, (off_t)*len);
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    text[*len] = '\0';
    return text;
}

/* Asks the daemon at one place. Returns a text, or NULL with -errno in *rc. */
static char *ask(const struct trk_locate_place *place, size_t *len, int *rc)
{
    struct trk_ctl_msg request = {.type = TRK_CTL_STATUS, .correlation = 1}, answer = {0};
    int fd = -1;
    int sock = trk_locate_connect(place, 0, geteuid());
    *rc = sock;
    if (sock < 0)
        return NULL;
    *rc = trk_locate_ask(sock, &request, -1, &answer, &fd);
    close(sock);
    if (*rc == 0 && answer.type != TRK_CTL_STATUS_REPLY)
        *rc = answer.type == TRK_CTL_ACK && answer.u.ack.error_no != 0 ? -(int)answer.u.ack.error_no : -EPROTO;
    else if (*rc == 0 && answer.u.status_reply.error_no != 0)
        *rc = -(int)answer.u.status_reply.error_no;
    char *text = *rc == 0 ? read_text(fd, len) : NULL;
    if (*rc == 0 && text == NULL)
        *rc = -EIO;
    if (fd >= 0)
        close(fd);
    return text;
}

/* The first daemon that answers. */
static char *ask_any(size_t *len)
{
    struct trk_locate loc;
    trk_locate_init(&loc, geteuid());
    for (int i = 0; i < loc.count; i++) {
        int rc = 0;
        char *text = ask(&loc.places[i], len, &rc);
        if (text != NULL)
            return text;
        if (rc != -ENOENT && rc != -ECONNREFUSED)
            trk_cmd_complain("status: %s: %s", loc.places[i].control.sun_path, strerror(-rc));
    }
    trk_cmd_complain("status: no daemon is running%s", loc.count > 0 ? " at:" : ": the socket's path is too long");
    for (int i = 0; i < loc.count; i++)
        (void)fprintf(stderr, "  %s\n", loc.places[i].control.sun_path);
    return NULL;
}

/* ---- showing ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && *text != '\0' ? text : NULL;
}

static uint64_t number_of(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 ? (uint64_t)n : 0;
}

static bool is(const json_t *object, const char *key, const char *want)
{
    const char *text = text_of(object, key);
    return text != NULL && strcmp(text, want) == 0;
}

/* "Trickles", "Trickles, stateless", or "TCP: why". */
static const char *carrier(const json_t *c, char buf[TRK_TABLE_CELL_BYTES])
{
    const char *why = text_of(c, "why");
    if (is(c, "transport", "trickles"))
        return json_is_true(json_object_get(c, "stateless")) ? "Trickles, stateless" : "Trickles";
    if (!is(c, "transport", "tcp"))
        return "-";
    (void)snprintf(buf, TRK_TABLE_CELL_BYTES, "TCP%s%s", why != NULL ? ": " : "", why != NULL ? why : "");
    return buf;
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static const char *count_or_dash(uint64_t n, char buf[TRK_TABLE_NUMBER_BYTES])
{
    if (n == 0)
        return "-";
    (void)snprintf(buf, TRK_TABLE_NUMBER_BYTES, "%" PRIu64, n);
    return buf;
}

static bool add_row(struct trk_table *t, const json_t *c)
{
    char pid[TRK_TABLE_NUMBER_BYTES], in[TRK_TABLE_NUMBER_BYTES], out[TRK_TABLE_NUMBER_BYTES];
    char window[TRK_TABLE_NUMBER_BYTES], rtt[TRK_TABLE_NUMBER_BYTES], why[TRK_TABLE_CELL_BYTES];
    bool listens = is(c, "state", "listening");
    return trk_table_add(t, or_dash(text_of(c, "program"))) &&
           trk_table_add(t, count_or_dash(number_of(c, "pid"), pid)) &&
           trk_table_add(t, or_dash(text_of(c, "local"))) && trk_table_add(t, or_dash(text_of(c, "remote"))) &&
           trk_table_add(t, or_dash(text_of(c, "state"))) &&
           trk_table_add(t, listens ? "-" : trk_table_bytes(number_of(c, "bytes_received"), in)) &&
           trk_table_add(t, listens ? "-" : trk_table_bytes(number_of(c, "bytes_sent"), out)) &&
           trk_table_add(t, count_or_dash(number_of(c, "window_pkts"), window)) &&
           trk_table_add(t, trk_table_time_us(number_of(c, "rtt_us"), rtt)) && trk_table_add(t, carrier(c, why));
}

static void heading(const json_t *root, const json_t *connections)
{
    size_t trickles = 0, tcp = 0, listeners = 0, i;
    const json_t *c;
    json_array_foreach(connections, i, c) {
        if (is(c, "state", "listening"))
            listeners++;
        else if (is(c, "transport", "trickles"))
            trickles++;
        else if (is(c, "transport", "tcp"))
            tcp++;
    }
    (void)printf("trickled %s, pid %" PRIu64 ", UDP port %" PRIu64 ", up %" PRIu64 " s: %zu connection%s over Trickles, "
                 "%zu over TCP, %zu listener%s\n",
                 or_dash(text_of(root, "version")), number_of(root, "pid"), number_of(root, "port"),
                 number_of(root, "uptime_s"), trickles, trickles == 1 ? "" : "s", tcp, listeners,
                 listeners == 1 ? "" : "s");
}

static bool add_service(struct trk_table *t, const json_t *s)
{
    static const char *const counts[] = {"events", "answers", "open", "kept", "full"};
    char number[TRK_TABLE_NUMBER_BYTES];
    bool good = trk_table_add(t, or_dash(text_of(s, "program"))) &&
                trk_table_add(t, count_or_dash(number_of(s, "pid"), number)) &&
                trk_table_add(t, or_dash(text_of(s, "local")));
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        (void)snprintf(number, sizeof number, "%" PRIu64, number_of(s, counts[i]));
        good = good && trk_table_add(t, number);
    }
    return good;
}

/* Programs that serve without state; nothing where there are none. */
static bool show_services(const json_t *services)
{
    static const char *const headings[] = {"SERVICE",  ">PID",  "LOCAL", ">EVENTS",
                                           ">ANSWERS", ">OPEN", ">KEPT", ">FULL", NULL};
    const json_t *s;
    struct trk_table t;
    size_t i;
    if (json_array_size(services) == 0)
        return true;
    bool good = trk_table_init(&t, headings);
    json_array_foreach(services, i, s)
        good = good && add_service(&t, s);
    if (good)
        trk_table_print(&t, stdout);
    trk_table_free(&t);
    return good;
}

static bool show_connections(const json_t *connections)
{
    static const char *const headings[] = {"PROGRAM", ">PID", "LOCAL",    "REMOTE", "STATE", ">IN",
                                           ">OUT",    ">WINDOW", ">RTT", "CARRIER", NULL};
    const json_t *c;
    struct trk_table t;
    size_t i;
    if (json_array_size(connections) == 0)
        return true;
    bool good = trk_table_init(&t, headings);
    json_array_foreach(connections, i, c)
        good = good && add_row(&t, c);
    if (good)
        trk_table_print(&t, stdout);
    trk_table_free(&t);
    return good;
}

static bool show(const json_t *root)
{
    const json_t *connections = json_object_get(root, "connections");
    heading(root, connections);
    return show_connections(connections) && show_services(json_object_get(root, "services"));
}

int trk_cmd_status(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool as_json = false;
    size_t len = 0;
    int c;
    while ((c = getopt_long(argc, argv, "hjs:", options, NULL)) != -1) {
        switch (c) {
        case 'j':
            as_json = true;
            break;
        case 's':
            if (setenv("TRICKLES_SOCKET", optarg, 1) != 0)
                return TRK_EXIT_FAILED;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return TRK_EXIT_OK;
        default:
            return trk_cmd_usage("status");
        }
    }
    if (optind != argc) {
        trk_cmd_complain("status: no arguments, not '%s'", argv[optind]);
        return trk_cmd_usage("status");
    }
    char *text = ask_any(&len);
    if (text == NULL)
        return TRK_EXIT_FAILED;
    json_error_t why;
    json_t *root = json_loadb(text, len, 0, &why);
    bool good = root != NULL;
    if (!good)
        trk_cmd_complain("status: the daemon's answer is no JSON: %s", why.text);
    else if (as_json)
        good = json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 && putchar('\n') == '\n';
    else
        good = show(root);
    json_decref(root);
    free(text);
    return good ? TRK_EXIT_OK : TRK_EXIT_FAILED;
}
