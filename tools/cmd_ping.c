/*
 * trickles ping: measures the way to another host's daemon and back.
 *
 * An OPEN for service port 0, where there is never a service: the refusal echoes nonce and timestamp, and the daemon
 * keeps nothing (trickles-protocol(7), OPENING). Tries the system daemon's port, then a user's.
 */
#include "config.h"

#include "cmd.h"
#include "core/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char help[] = "usage: trickles ping [OPTION]... HOST\n"
                           "\n"
                           "Asks the daemon of HOST for a sign of life and measures the round trip.\n"
                           "\n"
                           "  -c, --count N       stop after N probes (default: until interrupted)\n"
                           "  -i, --interval MS   time between probes in ms (default 1000)\n"
                           "  -W, --wait MS       how long to wait for an answer in ms (default 1000)\n"
                           "  -p, --port PORT     UDP port of the daemon (default: 842, else 8742)\n"
                           "  -4, --ipv4          use IPv4 only\n"
                           "  -6, --ipv6          use IPv6 only\n"
                           "  -q, --quiet         only the statistics\n"
                           "  -h, --help          show this\n"
                           "\n"
                           "The exit status is 0 if there was an answer, 1 if there was none, 2 for other errors.\n";

enum { PORTS_MAX = 2, ANSWER_BYTES_MAX = 2048 };

static const uint64_t NS_PER_MS = 1000000;

struct ping {
    const char *host;
    long count; /* 0: no end */
    long interval_ms;
    long wait_ms;
    int family;
    bool quiet;
    uint16_t ports[PORTS_MAX];
    unsigned n_ports;
    unsigned port_at; /* the one in use */
    bool settled;     /* an answer came: no other port is tried any more */
    struct sockaddr_storage to;
    socklen_t to_len;
    char address[NI_MAXHOST];
    int fd; /* connected to the port in use: so that ICMP errors come back */
    uint64_t cid;
    uint64_t sent, answered, refused;
    double sum_ms, squares_ms, min_ms, max_ms;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t random_u64(void)
{
    uint64_t x = 0;
    if (getrandom(&x, sizeof x, 0) != (ssize_t)sizeof x) {
        trk_cmd_complain("ping: getrandom: %s", strerror(errno));
        exit(TRK_EXIT_USAGE);
    }
    return x;
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
    if (a->ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons(port);
}

static bool resolve(struct ping *p)
{
    struct addrinfo hints = {.ai_family = p->family, .ai_socktype = SOCK_DGRAM}, *found = NULL;
    int rc = getaddrinfo(p->host, NULL, &hints, &found);
    if (rc != 0) {
        trk_cmd_complain("ping: %s: %s", p->host, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        return false;
    }
    memcpy(&p->to, found->ai_addr, found->ai_addrlen);
    p->to_len = found->ai_addrlen;
    freeaddrinfo(found);
    return getnameinfo((struct sockaddr *)&p->to, p->to_len, p->address, sizeof p->address, NULL, 0,
                       NI_NUMERICHOST) == 0;
}

/* A fresh socket to the port in use. */
static bool aim(struct ping *p)
{
    if (p->fd >= 0)
        close(p->fd);
    set_port(&p->to, p->ports[p->port_at]);
    p->fd = socket(p->to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd >= 0 && connect(p->fd, (struct sockaddr *)&p->to, p->to_len) == 0)
        return true;
    trk_cmd_complain("ping: %s: %s", p->address, strerror(errno));
    return false;
}

/* Returns 0 or errno. */
static int send_open(const struct ping *p, uint64_t nonce, uint32_t ts)
{
    uint8_t buf[TRK_OPEN_MIN_BYTES];
    struct trk_open open = {.c = {.cid = p->cid}, .nonce = nonce, .ts = ts, .versions = 1u << TRK_VERSION};
    long n = trk_wire_write_open(buf, sizeof buf, &open, sizeof buf);
    TRK_ASSERT(n > 0);
    return send(p->fd, buf, (size_t)n, 0) == n ? 0 : errno;
}

enum outcome { ANSWERED, OTHER_VERSION, REFUSED, SILENT, INTERRUPTED, BROKEN };

/* Is the datagram the answer to nonce? */
static enum outcome judge(const struct ping *p, const uint8_t *pkt, size_t len, uint64_t nonce)
{
    struct trk_common c;
    struct trk_ack_pkt ack;
    if (trk_wire_common(pkt, len, &c) != TRK_OK || c.cid != p->cid)
        return SILENT;
    if (c.type == TRK_TYPE_VERSION)
        return OTHER_VERSION;
    if (trk_wire_read_ack(pkt, len, &ack) != TRK_OK || (ack.c.flags & TRK_ACK_OPENED) == 0 || ack.nonce != nonce)
        return SILENT;
    return ANSWERED;
}

/* Waits until `until` for what answers nonce; *len is its length. */
static enum outcome await(const struct ping *p, uint64_t nonce, uint64_t until_ns, size_t *len)
{
    for (;;) {
        uint8_t buf[ANSWER_BYTES_MAX];
        struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
        uint64_t now = now_ns();
        if (stop)
            return INTERRUPTED;
        if (now >= until_ns)
            return SILENT;
        struct timespec left = {.tv_sec = (time_t)((until_ns - now) / 1000000000),
                                .tv_nsec = (long)((until_ns - now) % 1000000000)};
        if (ppoll(&pfd, 1, &left, NULL) <= 0)
            continue;
        ssize_t n = recv(p->fd, buf, sizeof buf, 0);
        if (n < 0 && errno == ECONNREFUSED)
            return REFUSED;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return BROKEN;
        enum outcome got = n < 0 ? SILENT : judge(p, buf, (size_t)n, nonce);
        *len = n < 0 ? 0 : (size_t)n;
        if (got != SILENT)
            return got;
    }
}

static void account(struct ping *p, double ms)
{
    if (p->answered == 0 || ms < p->min_ms)
        p->min_ms = ms;
    if (ms > p->max_ms)
        p->max_ms = ms;
    p->sum_ms += ms;
    p->squares_ms += ms * ms;
    p->answered++;
}

static void tell(const struct ping *p, enum outcome what, uint64_t number, size_t len, double ms)
{
    if (p->quiet)
        return;
    switch (what) {
    case ANSWERED:
        (void)printf("%zu bytes from %s port %u: seq=%" PRIu64 " time=%.3f ms\n", len, p->address,
                     (unsigned)p->ports[p->port_at], number, ms);
        break;
    case OTHER_VERSION:
        (void)printf("%s port %u: seq=%" PRIu64 " time=%.3f ms: speaks other versions only\n", p->address,
                     (unsigned)p->ports[p->port_at], number, ms);
        break;
    case REFUSED:
        (void)printf("%s port %u: seq=%" PRIu64 " refused: no daemon there\n", p->address,
                     (unsigned)p->ports[p->port_at], number);
        break;
    case SILENT:
        (void)printf("%s port %u: seq=%" PRIu64 " no answer\n", p->address, (unsigned)p->ports[p->port_at], number);
        break;
    case BROKEN:
        (void)printf("%s port %u: seq=%" PRIu64 " %s\n", p->address, (unsigned)p->ports[p->port_at], number,
                     strerror(errno));
        break;
    case INTERRUPTED:
        break;
    }
    (void)fflush(stdout);
}

/* One probe at the port in use. */
static enum outcome probe(struct ping *p, uint64_t number)
{
    uint64_t nonce = random_u64(), start = now_ns();
    size_t len = 0;
    int err = send_open(p, nonce, (uint32_t)(start / 1000));
    enum outcome what = err == 0              ? await(p, nonce, start + (uint64_t)p->wait_ms * NS_PER_MS, &len)
                        : err == ECONNREFUSED ? REFUSED
                                              : BROKEN;
    double ms = (double)(now_ns() - start) / (double)NS_PER_MS;
    if (what == ANSWERED || what == OTHER_VERSION) {
        p->settled = true;
        account(p, ms);
    }
    tell(p, what, number, len, ms);
    return what;
}

/* One probe; until there has been an answer, at one port after the other. */
static bool probe_ports(struct ping *p, uint64_t number)
{
    p->sent++;
    for (;;) {
        enum outcome what = probe(p, number);
        p->refused += what == REFUSED;
        if (what == INTERRUPTED && !p->settled && p->answered == 0)
            return true;
        if (p->settled || what == INTERRUPTED || p->n_ports == 1)
            return true;
        p->port_at = (p->port_at + 1) % p->n_ports;
        if (!aim(p))
            return false;
        if (p->port_at == 0)
            return true;
    }
}

static void rest(uint64_t until_ns)
{
    while (!stop) {
        uint64_t now = now_ns();
        if (now >= until_ns)
            return;
        struct timespec left = {.tv_sec = (time_t)((until_ns - now) / 1000000000),
                                .tv_nsec = (long)((until_ns - now) % 1000000000)};
        (void)ppoll(NULL, 0, &left, NULL);
    }
}

static void summary(const struct ping *p, uint64_t start_ns)
{
    double n = p->answered > 0 ? (double)p->answered : 1, mean = p->sum_ms / n;
    double variance = p->squares_ms / n - mean * mean;
    (void)printf("\n--- %s trickles ping statistics ---\n", p->host);
    (void)printf("%" PRIu64 " probes sent, %" PRIu64 " answered, %.0f%% lost, time %" PRIu64 " ms\n", p->sent,
                 p->answered, p->sent > 0 ? 100.0 * (double)(p->sent - p->answered) / (double)p->sent : 0.0,
                 (now_ns() - start_ns) / NS_PER_MS);
    if (p->answered > 0)
        (void)printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", p->min_ms, mean, p->max_ms,
                     variance > 0 ? sqrt(variance) : 0.0);
}

static int parse(int argc, char **argv, struct ping *p)
{
    static const struct option options[] = {
        {"count", required_argument, NULL, 'c'}, {"interval", required_argument, NULL, 'i'},
        {"wait", required_argument, NULL, 'W'},  {"port", required_argument, NULL, 'p'},
        {"ipv4", no_argument, NULL, '4'},        {"ipv6", no_argument, NULL, '6'},
        {"quiet", no_argument, NULL, 'q'},       {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    long port = 0;
    bool good = true;
    int c;
    while (good && (c = getopt_long(argc, argv, "hc:i:W:p:46q", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            good = trk_cmd_number("--count", optarg, 1, 1000000000, &p->count);
            break;
        case 'i':
            good = trk_cmd_number("--interval", optarg, 1, 3600000, &p->interval_ms);
            break;
        case 'W':
            good = trk_cmd_number("--wait", optarg, 1, 3600000, &p->wait_ms);
            break;
        case 'p':
            good = trk_cmd_number("--port", optarg, 1, 65535, &port);
            break;
        case '4':
            p->family = AF_INET;
            break;
        case '6':
            p->family = AF_INET6;
            break;
        case 'q':
            p->quiet = true;
            break;
        case 'h':
            (void)fputs(help, stdout);
            (void)fflush(stdout);
            exit(TRK_EXIT_OK);
        default:
            good = false;
        }
    }
    if (!good || optind + 1 != argc) {
        if (good)
            trk_cmd_complain("ping: which host? (one)");
        return trk_cmd_usage("ping");
    }
    p->host = argv[optind];
    p->n_ports = port != 0 ? 1 : PORTS_MAX;
    p->ports[0] = port != 0 ? (uint16_t)port : TRK_PORT_SYSTEM;
    p->ports[1] = TRK_PORT_USER;
    return TRK_EXIT_OK;
}

int trk_cmd_ping(int argc, char **argv)
{
    struct ping p = {.interval_ms = 1000, .wait_ms = 1000, .family = AF_UNSPEC, .fd = -1, .cid = random_u64()};
    int status = parse(argc, argv, &p);
    if (status != TRK_EXIT_OK)
        return status;
    if (!resolve(&p) || !aim(&p))
        return TRK_EXIT_USAGE;
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)printf("TRICKLES %s (%s): %d byte probes\n", p.host, p.address, TRK_OPEN_MIN_BYTES);
    (void)fflush(stdout);
    uint64_t start = now_ns();
    for (uint64_t number = 1; !stop && (p.count == 0 || number <= (uint64_t)p.count); number++) {
        uint64_t next = now_ns() + (uint64_t)p.interval_ms * NS_PER_MS;
        if (!probe_ports(&p, number)) {
            close(p.fd);
            return TRK_EXIT_USAGE;
        }
        if (p.count == 0 || number < (uint64_t)p.count)
            rest(next);
    }
    summary(&p, start);
    close(p.fd);
    return p.answered > 0 ? TRK_EXIT_OK : TRK_EXIT_FAILED;
}
