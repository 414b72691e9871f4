/* trickled: start, run, stop. */
#include <config.h>

#include "crypto/random.h"
#include "daemon/compat.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/dial.h"
#include "daemon/keys.h"
#include "daemon/listeners.h"
#include "daemon/minis.h"
#include "daemon/netns.h"
#include "daemon/options.h"
#include "daemon/places.h"
#include "daemon/port.h"
#include "daemon/rediscover.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

enum {
    RX_SLOTS = 32,       /* trains received with one call: 2 MiB */
    KEYS_TICK_SECONDS = 60,
    TABLE_ALIGN = 64,
    TRIM_ENDED = 256, /* connections ended before it is worth giving memory back */
    TRIM_MS = 50,     /* and how long after the first of them */
};

/* The daemon and what only main knows of it. */
struct program {
    struct trk_daemon d;
    struct trk_places_open places;
    struct trk_timer second; /* once a second */
    unsigned seconds;
    struct trk_timer trim;
    unsigned ended; /* connections, since memory was given back */
    uint64_t busy_ns; /* when there was last something to do: --user */
    int ready_fd;     /* told when all is up: the parent that waits; -1: nobody does */
    struct trk_random_pool *random;
};

static struct program program = {.ready_fd = -1};

uint64_t trk_daemon_random(const struct trk_daemon *d)
{
    uint64_t n;
    (void)d;
    trk_random_fill(program.random, &n, sizeof n);
    return n;
}

void trk_daemon_out_of_descriptors(struct trk_daemon *d, int err)
{
    uint64_t suppressed = 0;
    d->count.descriptors_used_up++;
    if (trk_log_allow(&d->fd_limit, trk_loop_now_ns(d->loop), &suppressed))
        trk_log(&d->log, TRK_LOG_WARN, "no new connections for the moment: %s (%llu more times)", strerror(err),
                (unsigned long long)suppressed);
}

static void trim(struct trk_timer *t)
{
    (void)t;
    program.ended = 0;
    (void)malloc_trim(0);
}

void trk_daemon_connection_ended(struct trk_daemon *d)
{
    if (++program.ended == TRIM_ENDED)
        trk_loop_arm(d->loop, &program.trim, trk_loop_now_ns(d->loop) + TRIM_MS * UINT64_C(1000000));
}

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size != 0)
        return realloc(p, size);
    free(p);
    return NULL;
}

static void sink_syslog(void *ctx, enum trk_log_level level, const char *line)
{
    static const int priority[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_DEBUG};
    (void)ctx;
    syslog(priority[level], "%s", line);
}

/* ---- the process ---- */

static void harden(void)
{
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
#if !defined(__SANITIZE_ADDRESS__) /* its leak check looks at this process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The child goes on; the parent waits for its word and leaves with 0, or with 1 if it ended without one. */
static int detach(int *ready_fd)
{
    int pipes[2];
    char word;
    if (pipe(pipes) != 0)
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child > 0) {
        close(pipes[1]);
        _exit(read(pipes[0], &word, 1) == 1 ? 0 : 1);
    }
    close(pipes[0]);
    *ready_fd = pipes[1];
    (void)setsid();
    return chdir("/") == 0 ? 0 : -errno;
}

/* Whoever started us may wait for the end of our output: we keep none of it. */
static void leave_terminal(struct trk_daemon *d)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    openlog("trickled", LOG_PID, LOG_DAEMON);
    d->log.sink = sink_syslog;
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        (void)dup2(null, fd);
    if (null > 2)
        close(null);
}

static void tell_ready(struct program *p)
{
    if (p->ready_fd < 0)
        return;
    leave_terminal(&p->d);
    if (write(p->ready_fd, "r", 1) != 1)
        trk_log(&p->d.log, TRK_LOG_DEBUG, "nobody waits for the start");
    close(p->ready_fd);
    p->ready_fd = -1;
}

/* ---- once a second ---- */

static bool is_idle(const struct trk_daemon *d)
{
    return trk_listeners_count(d->listeners) == 0 && d->minis->count == 0 && trk_dials_count(d->dials) == 0 && trk_compat_count(d->compat) == 0;
}

static void second(struct trk_timer *t)
{
    struct program *p = TRK_HEAP_OBJECT(t, struct program, second);
    struct trk_daemon *d = &p->d;
    uint64_t now = trk_loop_now_ns(d->loop), asked = trk_control_last_ns(d->control);
    if (d->pcap != NULL)
        trk_pcap_flush(d->pcap);
    if (p->ended > 0 && p->ended < TRIM_ENDED)
        trim(&p->trim); /* the last few of many */
    trk_minis_tick(d->minis);
    if (++p->seconds % KEYS_TICK_SECONDS == 0)
        trk_keys_tick(d);
    if (!is_idle(d) || asked > p->busy_ns)
        p->busy_ns = is_idle(d) ? asked : now;
    if (d->is_user && d->conf.idle_exit_seconds != 0 &&
        now >= p->busy_ns + d->conf.idle_exit_seconds * UINT64_C(1000000000)) {
        trk_log(&d->log, TRK_LOG_INFO, "idle: leaving");
        trk_loop_stop(d->loop);
    }
    trk_loop_arm(d->loop, t, now + UINT64_C(1000000000));
}

static void on_signal(void *arg, int signum)
{
    struct program *p = arg;
    trk_log(&p->d.log, TRK_LOG_INFO, "%s: stopping", strsignal(signum));
    trk_loop_stop(p->d.loop);
}

/* ---- start ---- */

static void capture_ended(void *arg, int err)
{
    struct trk_daemon *d = arg;
    trk_log(&d->log, TRK_LOG_WARN, "the packet capture has ended: %s", strerror(err));
}

static int start_engine(struct trk_daemon *d)
{
    size_t bytes = (d->conf.replay_bytes + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
    d->replay_memory = aligned_alloc(TABLE_ALIGN, bytes);
    d->rx = trk_udp_rx_new(RX_SLOTS);
    if (d->replay_memory == NULL || d->rx == NULL ||
        trk_replay_init(&d->replay, d->replay_memory, bytes, d->server.freshness_us) != TRK_OK) {
        trk_log(&d->log, TRK_LOG_ERROR, "out of memory");
        return -1;
    }
    trk_udp_rx_touch(d->rx);
    if (d->conf.pcap == NULL)
        return 0;
    int rc = trk_pcap_open(&d->pcap, d->conf.pcap, d->conf.pcap_max_bytes, capture_ended, d);
    if (rc != 0)
        trk_log(&d->log, TRK_LOG_ERROR, "%s: %s", d->conf.pcap, strerror(-rc));
    return rc;
}

static int open_port(struct trk_daemon *d, struct trk_port **port, uint16_t number, const struct trk_port_ops *ops)
{
    int rc = trk_port_open(port, d, number, ops);
    const char *hint = rc == -EADDRINUSE ? " (does another trickled run here? --port gives this one another port)"
                       : rc == -EACCES   ? " (it is root's; --user is a daemon of your own)"
                                         : "";
    if (rc != 0)
        trk_log(&d->log, TRK_LOG_ERROR, "UDP port %u: %s%s", number, strerror(-rc), hint);
    return rc;
}

static int start_services(struct program *p)
{
    struct trk_daemon *d = &p->d;
    d->listeners = trk_listeners_new(d);
    d->compat = trk_compat_new(d);
    if (d->listeners == NULL || d->compat == NULL)
        return -1;
    if (open_port(d, &d->server_port, d->conf.port, &trk_compat_ports) != 0 ||
        open_port(d, &d->client_port, 0, &trk_dial_ports) != 0)
        return -1;
    d->minis = trk_minis_new(d);
    if (d->minis == NULL)
        return -1;
    int found = trk_rediscover(d);
    if (found < 0)
        trk_log(&d->log, TRK_LOG_WARN, "running listeners cannot be found: %s", strerror(-found));
    else if (found > 0)
        trk_log(&d->log, TRK_LOG_INFO, "%d running listeners are served again", found);
    const char *socket = d->conf.socket;
    if (trk_places_open(&p->places, socket, &d->log) != 0)
        return -1;
    d->netns = trk_netns_cookie(p->places.control_fd);
    d->dials = trk_dials_new(d, p->places.data_fd);
    d->control = trk_control_new(d, p->places.control_fd);
    return d->dials != NULL && d->control != NULL ? 0 : -1;
}

static void stop_services(struct program *p)
{
    struct trk_daemon *d = &p->d;
    trk_control_free(d->control);
    trk_dials_free(d->dials);
    trk_minis_free(d->minis);
    trk_compat_free(d->compat);
    trk_listeners_free(d->listeners);
    trk_port_close(d->server_port);
    trk_port_close(d->client_port);
    if (p->places.control.sun_path[0] != '\0')
        trk_places_close(&p->places);
    if (d->pcap != NULL && trk_pcap_close(d->pcap) != 0)
        trk_log(&d->log, TRK_LOG_WARN, "the packet capture is not complete");
    trk_udp_rx_free(d->rx);
    free(d->replay_memory);
    trk_map_clear(&d->party_ids);
}

static int run(struct program *p)
{
    struct trk_daemon *d = &p->d;
    trk_buffers_init(&d->buffers, d->conf.buffer_bytes_total);
    if (trk_loop_on_signal(d->loop, on_signal, p) != 0 || start_engine(d) != 0 || start_services(p) != 0)
        return -1;
    p->busy_ns = trk_loop_now_ns(d->loop);
    p->second.fire = second;
    p->trim.fire = trim;
    second(&p->second);
    trk_log(&d->log, TRK_LOG_INFO, "serving UDP port %u, control socket %s", trk_port_number(d->server_port),
            d->conf.socket);
    tell_ready(p);
    return trk_loop_run(d->loop);
}

static void use_port(struct trk_config *conf, uint16_t port)
{
    bool known = false;
    conf->port = port;
    for (unsigned i = 0; i < conf->n_peer_ports; i++)
        known |= conf->peer_ports[i] == port;
    if (!known && conf->n_peer_ports < TRK_CONFIG_PEER_PORTS_MAX)
        conf->peer_ports[conf->n_peer_ports++] = port;
}

static int set_path(char **to, const char *given, const char *fallback)
{
    if (given == NULL && *to != NULL)
        return 0;
    free(*to);
    *to = strdup(given != NULL ? given : fallback);
    return *to != NULL ? 0 : -1;
}

/* We leave the folder that the paths were given in. */
static int make_absolute(char **path)
{
    char *whole, *here = *path != NULL && **path != '/' ? getcwd(NULL, 0) : NULL;
    if (*path == NULL || **path == '/')
        return 0;
    int n = here != NULL ? asprintf(&whole, "%s/%s", here, *path) : -1;
    free(here);
    if (n < 0)
        return -1;
    free(*path);
    *path = whole;
    return 0;
}

/* A user without a home to write to, such as a server's, still gets a daemon: its secret is there as long as its sockets. */
static const char *default_secret(struct trk_daemon *d, const struct trk_places *places)
{
    if (places->secret_else[0] == '\0' || access(places->secret, F_OK) == 0 || trk_keys_can_keep(places->secret))
        return places->secret;
    trk_log(&d->log, TRK_LOG_INFO, "%s cannot be kept; the secret is in %s", places->secret, places->secret_else);
    return places->secret_else;
}

/* Configuration, then the command line over it. *may_create: the secret is at its default place. */
static int configure(struct trk_daemon *d, const struct trk_options *o, bool *may_create)
{
    struct trk_places places;
    trk_places_init(&places, o->user);
    trk_config_init(&d->conf, o->user);
    if (trk_config_read(&d->conf, o->config != NULL ? o->config : places.config, o->config != NULL, &d->log) != 0)
        return -1;
    d->log.level = d->conf.log_level;
    if (o->port != 0 || d->conf.port != TRK_PORT_SYSTEM)
        use_port(&d->conf, o->port != 0 ? (uint16_t)o->port : d->conf.port);
    *may_create = o->secret == NULL && d->conf.secret == NULL;
    if (set_path(&d->conf.secret, o->secret, *may_create ? default_secret(d, &places) : NULL) != 0 ||
        set_path(&d->conf.socket, o->socket, places.socket) != 0)
        return -1;
    if (o->foreground || o->user)
        return 0;
    return make_absolute(&d->conf.secret) | make_absolute(&d->conf.socket) | make_absolute(&d->conf.pcap);
}

static int init(struct program *p, const struct trk_options *o)
{
    struct trk_daemon *d = &p->d;
    static char name[] = "trickled";
    d->log = (struct trk_log){.level = TRK_LOG_INFO, .sink = trk_log_sink_stderr, .ctx = name};
    d->mem = (struct trk_mem){.resize = resize};
    d->is_user = o->user;
    d->fd_limit = (struct trk_log_limit){.window_ns = UINT64_C(10000000000), .burst = 1};
    p->random = trk_random_pool_new();
    d->boot_ns = trk_clock_mono_ns();
    d->seed[0] = trk_daemon_random(d);
    d->seed[1] = trk_daemon_random(d);
    trk_map_init(&d->party_ids, d->seed, &d->mem);
    bool may_create;
    if (configure(d, o, &may_create) != 0)
        return -1;
    return trk_keys_load(d, d->conf.secret, may_create);
}

int main(int argc, char **argv)
{
    struct program *p = &program;
    struct trk_options o;
    switch (trk_options_parse(&o, argc, argv)) {
    case TRK_OPTIONS_RUN:
        break;
    case TRK_OPTIONS_EXIT_OK:
        return 0;
    case TRK_OPTIONS_EXIT_USAGE:
        return 2;
    }
    harden();
    int rc = init(p, &o);
    if (rc == 0 && !o.foreground && !o.user)
        rc = detach(&p->ready_fd);
    p->d.loop = rc == 0 ? trk_loop_new(&p->d.mem) : NULL;
    if (p->d.loop != NULL) {
        rc = run(p);
        stop_services(p);
        trk_loop_free(p->d.loop);
    }
    bool failed = rc != 0 || p->d.loop == NULL;
    trk_keys_free(&p->d);
    trk_config_free(&p->d.conf);
    trk_random_pool_free(p->random);
    return failed;
}
