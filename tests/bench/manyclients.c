/*
 * manyclients: up to millions of client ends of stateless HTTP connections in one process and little
 * memory, for the benchmarks of minisocket servers. Each holds what a client must hold (two
 * continuations, its proof, two stream offsets) in struct end, and asks for one small document at a
 * time: no congestion control, for there is never more than one packet under way for each.
 *
 *   manyclients [--udp PORT] [--port PORT] [--path PATH] ADDRESS
 *
 * Commands on standard input, one line of JSON on standard output for each:
 *   open N             N ends in all: OPEN, then one GET each
 *   ask FRACTION       the first FRACTION * N of them GET once more
 *   rate N SECONDS     N ends GET in a closed loop
 */
#include <config.h>

#include "core/cont.h"
#include "core/ucont.h"
#include "io/clock.h"
#include "io/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    UCONT_BYTES_MAX = 224,  /* what an end has room for */
    UNDER_WAY_MAX = 2000,   /* ends that wait for an answer, while many are opened */
    AGAIN_MS = 400,         /* an unanswered request is repeated after this */
    GIVE_UP_MS = 30000,     /* an end without an answer for so long has failed */
    TRAIN_PKTS = 40,
    REFRESH_MS = 1,
};

enum state { NONE, OPENING, WAITING, IDLE, FAILED };

struct end {
    uint64_t fold;
    uint64_t down, up; /* stream offsets: received, consumed */
    uint64_t k;
    uint32_t reqno;
    uint32_t since_ms;   /* the present exchange */
    uint32_t sent_ms;    /* last packet */
    uint32_t refresh_ms; /* last REFRESH */
    uint8_t state;
    uint8_t ucont_len;
    uint8_t cont[TRK_CONT_BYTES];
    uint8_t ucont[UCONT_BYTES_MAX];
};

static struct {
    struct end *ends;
    uint32_t n, cap;
    struct trk_udp *udp;
    struct trk_udp_rx *rx;
    struct trk_udp_tx *tx;
    struct trk_udp_path path;
    uint8_t *train; /* being written, in the batch's memory */
    size_t train_len, segment;
    uint64_t cid_base;
    uint16_t service_port;
    char get[512];
    size_t get_len;
    uint32_t now_ms;
    uint32_t under_way, loop_ends; /* ends below loop_ends ask again at once */
    bool looping;
    uint64_t answers, repeats, stales, failures, wrong;
} g;

static void die(const char *what, int err)
{
    (void)fprintf(stderr, "manyclients: %s: %s\n", what, strerror(err));
    exit(1);
}

/* ---- sending: trains of equal datagrams ---- */

static void end_train(void)
{
    if (g.train_len > 0 && trk_udp_tx_commit(g.tx, g.train_len, g.segment, &g.path, 0) != 0)
        die("a train does not fit", ENOBUFS);
    g.train = NULL;
    g.train_len = 0;
}

static void flush(void)
{
    end_train();
    while (trk_udp_tx_flush(g.tx) == 1) {
        struct pollfd p = {.fd = trk_udp_fd(g.udp), .events = POLLOUT};
        (void)poll(&p, 1, 100);
    }
}

static void emit(const uint8_t *pkt, size_t len)
{
    if (g.train_len > 0 && (len != g.segment || g.train_len >= TRAIN_PKTS * g.segment))
        end_train();
    if (g.train == NULL) {
        g.train = trk_udp_tx_reserve(g.tx, TRAIN_PKTS * TRK_PACKET_V4_BYTES);
        if (g.train == NULL) {
            flush();
            g.train = trk_udp_tx_reserve(g.tx, TRAIN_PKTS * TRK_PACKET_V4_BYTES);
        }
        g.segment = len;
    }
    memcpy(g.train + g.train_len, pkt, len);
    g.train_len += len;
}

static void send_open(struct end *e)
{
    uint8_t pkt[TRK_PACKET_V4_BYTES];
    uint64_t index = (uint64_t)(e - g.ends);
    struct trk_open o = {.c = {.cid = g.cid_base + index},
                         .nonce = ~(g.cid_base + index),
                         .ts = g.now_ms,
                         .service_port = g.service_port,
                         .client_port = (uint16_t)(1024 + index % 60000),
                         .versions = 1u << TRK_VERSION};
    long n = trk_wire_write_open(pkt, sizeof pkt, &o, sizeof pkt);
    e->sent_ms = g.now_ms;
    emit(pkt, (size_t)n);
}

static void send_get(struct end *e)
{
    uint8_t pkt[TRK_PACKET_V4_BYTES];
    struct trk_law law;
    if (trk_cont_read_law(e->cont, sizeof e->cont, &law) != TRK_OK)
        die("a continuation cannot be read", EPROTO);
    uint32_t piece = trk_law_payload_bytes(&law);
    struct trk_request_pkt q = {
        .c = {.cid = g.cid_base + (uint64_t)(e - g.ends)},
        .reqno = e->reqno++,
        .ts = g.now_ms,
        .kind = TRK_KIND_ASK,
        .n_asks = 1,
        .w_cl_pkts = TRK_IW_PKTS,
        .k = e->k,
        .proof = e->fold,
        .down_una = e->down,
        .up_off = e->up,
        /* the seq of a lost packet is used up: the next one is asked for as well */
        .ask[0] = {e->k + 1, e->sent_ms != e->since_ms ? 4 : 1, e->down, piece},
        .cont = e->cont,
        .cont_len = sizeof e->cont,
        .ucont = e->ucont,
        .ucont_len = e->ucont_len,
        .up = (const uint8_t *)g.get,
        .up_len = g.get_len,
    };
    if (g.now_ms - e->refresh_ms >= REFRESH_MS || (law.flags & TRK_LAW_FIRST) != 0) {
        q.c.flags |= TRK_REQ_REFRESH;
        e->refresh_ms = g.now_ms;
    }
    long n = trk_wire_write_request(pkt, sizeof pkt, &q);
    e->sent_ms = g.now_ms;
    emit(pkt, (size_t)n);
}

static void begin_get(struct end *e)
{
    e->state = WAITING;
    e->since_ms = e->sent_ms = g.now_ms;
    g.under_way++;
    send_get(e);
}

static void finished(struct end *e, enum state state)
{
    e->state = (uint8_t)state;
    g.under_way--;
    g.failures += state == FAILED;
    if (state == IDLE && g.looping && (uint32_t)(e - g.ends) < g.loop_ends)
        begin_get(e);
}

/* ---- receiving ---- */

static void keep_ucont(struct end *e, const uint8_t *ucont, size_t len)
{
    struct trk_ucont u;
    if (ucont == NULL || trk_ucont_read(ucont, len, &u) != TRK_OK || u.up < e->up)
        return;
    if (len > sizeof e->ucont)
        die("a user continuation is longer than an end has room for", EMSGSIZE);
    memcpy(e->ucont, ucont, len);
    e->ucont_len = (uint8_t)len;
}

/* A continuation, if it is later than the one held. */
static void keep_cont(struct end *e, const uint8_t *cont, size_t len)
{
    struct trk_law law, held;
    if (cont == NULL || trk_cont_read_law(cont, len, &law) != TRK_OK)
        return;
    if (e->state == OPENING || trk_cont_read_law(e->cont, sizeof e->cont, &held) != TRK_OK ||
        (int16_t)(law.epoch - held.epoch) > 0 ||
        (law.epoch == held.epoch && law.law_base > held.law_base))
        memcpy(e->cont, cont, sizeof e->cont);
}

/* The whole document, in one packet. */
static bool is_whole(const uint8_t *p, size_t len)
{
    static const char ok[] = "HTTP/1.1 200 ", field[] = "\r\nContent-Length: ";
    if (len < sizeof ok - 1 || memcmp(p, ok, sizeof ok - 1) != 0)
        return false;
    const uint8_t *body = memmem(p, len, "\r\n\r\n", 4), *size = memmem(p, len, field, sizeof field - 1);
    if (body == NULL || size == NULL)
        return false;
    return strtoul((const char *)size + sizeof field - 1, NULL, 10) == (size_t)(p + len - body - 4);
}

static void take_data(struct end *e, const uint8_t *pkt, size_t len)
{
    struct trk_data_pkt d;
    if (trk_wire_read_data(pkt, len, &d) != TRK_OK || e->state != WAITING || d.seq <= e->k)
        return;
    /* Packets between were lost: proved is only what follows k directly. */
    keep_ucont(e, d.ucont, d.ucont_len);
    if (d.seq == e->k + 1) {
        e->k = d.seq;
        e->fold ^= d.nonce;
    }
    keep_cont(e, d.cont, d.cont_len);
    if (d.off != e->down || d.payload_len == 0)
        return;
    if (!is_whole(d.payload, d.payload_len)) {
        g.wrong++;
        finished(e, FAILED);
        return;
    }
    e->down += d.payload_len;
    e->up += g.get_len;
    g.answers++;
    finished(e, IDLE);
}

static void take_ack(struct end *e, const uint8_t *pkt, size_t len)
{
    struct trk_ack_pkt a;
    if (trk_wire_read_ack(pkt, len, &a) != TRK_OK)
        return;
    if (e->state == OPENING) {
        if (a.reason != TRK_REASON_OK || a.cont_len != sizeof e->cont) {
            finished(e, FAILED);
            return;
        }
        keep_cont(e, a.cont, a.cont_len);
        g.under_way--;
        begin_get(e);
        return;
    }
    keep_ucont(e, a.ucont, a.ucont_len);
    keep_cont(e, a.cont, a.cont_len);
    if (a.reason != TRK_REASON_STALE || a.cont == NULL || e->state != WAITING)
        return;
    g.stales++;
    e->k = 0;
    e->fold = 0;
    e->since_ms = e->sent_ms = g.now_ms;
    send_get(e);
}

static void take_train(void *arg, const struct trk_udp_train *t)
{
    (void)arg;
    for (size_t at = 0; at < t->len_bytes; at += t->segment_bytes) {
        const uint8_t *pkt = t->data + at;
        size_t len = t->len_bytes - at < t->segment_bytes ? t->len_bytes - at : t->segment_bytes;
        struct trk_common c;
        if (trk_wire_common(pkt, len, &c) != TRK_OK || c.cid - g.cid_base >= g.n)
            continue;
        struct end *e = &g.ends[c.cid - g.cid_base];
        if (c.type == TRK_TYPE_DATA)
            take_data(e, pkt, len);
        else if (c.type == TRK_TYPE_ACK)
            take_ack(e, pkt, len);
        else if (c.type == TRK_TYPE_RESET && (e->state == WAITING || e->state == OPENING))
            finished(e, FAILED);
    }
}

/* ---- the loop ---- */

static void repeat_silent(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct end *e = &g.ends[i];
        if ((e->state != OPENING && e->state != WAITING) || g.now_ms - e->sent_ms < AGAIN_MS)
            continue;
        if (g.now_ms - e->since_ms > GIVE_UP_MS) {
            finished(e, FAILED);
            continue;
        }
        g.repeats++;
        if (e->state == OPENING)
            send_open(e);
        else
            send_get(e);
    }
}

static void receive(int wait_ms)
{
    struct pollfd p = {.fd = trk_udp_fd(g.udp), .events = POLLIN};
    (void)poll(&p, 1, wait_ms);
    g.now_ms = (uint32_t)(trk_clock_mono_ns() / 1000000);
    while (trk_udp_recv_batch(g.udp, g.rx, take_train, NULL, NULL) > 0)
        flush();
}

static double seconds(void)
{
    return (double)trk_clock_mono_ns() / 1e9;
}

/* Starts ends [from, to) by `start`, at most UNDER_WAY_MAX at a time, and waits for all. */
static void sweep(uint32_t from, uint32_t to, void (*start)(struct end *))
{
    uint32_t next = from, checked_ms = 0;
    while (next < to || g.under_way > 0) {
        for (; next < to && g.under_way < UNDER_WAY_MAX; next++)
            start(&g.ends[next]);
        flush();
        receive(10);
        if (g.now_ms - checked_ms > AGAIN_MS / 4) {
            checked_ms = g.now_ms;
            repeat_silent(0, next > from ? next : g.n);
        }
    }
}

static void start_open(struct end *e)
{
    *e = (struct end){.state = OPENING, .since_ms = g.now_ms, .sent_ms = g.now_ms, .reqno = 1};
    g.under_way++;
    send_open(e);
}

static void start_ask(struct end *e)
{
    if (e->state == IDLE)
        begin_get(e);
}

static void report(const char *command, double took)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    (void)printf("{\"command\": \"%s\", \"ends\": %u, \"answers\": %llu, \"failed\": %llu, \"repeats\": %llu, "
                 "\"stale\": %llu, \"wrong\": %llu, \"seconds\": %.3f, \"max_rss_kib\": %ld}\n",
                 command, g.n, (unsigned long long)g.answers, (unsigned long long)g.failures,
                 (unsigned long long)g.repeats, (unsigned long long)g.stales, (unsigned long long)g.wrong, took,
                 u.ru_maxrss);
    (void)fflush(stdout);
    g.answers = g.failures = g.repeats = g.stales = g.wrong = 0;
}

static void grow(uint32_t n)
{
    if (n <= g.n)
        return;
    struct end *ends = realloc(g.ends, (size_t)n * sizeof *ends);
    if (ends == NULL)
        die("no memory for so many", ENOMEM);
    g.ends = ends;
    uint32_t from = g.n;
    g.n = n;
    sweep(from, n, start_open);
}

static void rate(uint32_t n, double length_s)
{
    grow(n);
    double stop = seconds() + length_s;
    uint32_t checked_ms = g.now_ms;
    g.answers = 0;
    g.looping = true;
    g.loop_ends = n;
    for (uint32_t i = 0; i < n; i++)
        start_ask(&g.ends[i]);
    flush();
    while (seconds() < stop) {
        receive(10);
        if (g.now_ms - checked_ms > AGAIN_MS / 4) {
            checked_ms = g.now_ms;
            repeat_silent(0, n);
            flush();
        }
    }
    g.looping = false;
    uint64_t answers = g.answers;
    sweep(0, 0, start_ask);
    g.answers = answers;
}

static void serve_commands(void)
{
    char line[128], command[32];
    while (fgets(line, sizeof line, stdin) != NULL) {
        double a = 0, b = 0, began = seconds();
        if (sscanf(line, "%31s %lf %lf", command, &a, &b) < 2) {
            (void)fprintf(stderr, "manyclients: what is %s", line);
            continue;
        }
        g.now_ms = (uint32_t)(trk_clock_mono_ns() / 1000000);
        if (strcmp(command, "open") == 0)
            grow((uint32_t)a);
        else if (strcmp(command, "ask") == 0)
            sweep(0, (uint32_t)(a * g.n), start_ask);
        else if (strcmp(command, "rate") == 0)
            rate((uint32_t)a, b);
        else
            (void)fprintf(stderr, "manyclients: what is %s\n", command);
        report(command, seconds() - began);
    }
}

static void set_up(const char *address, uint16_t udp_port)
{
    struct trk_udp_options opt = {0};
    opt.remote.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(udp_port)};
    if (inet_pton(AF_INET, address, &opt.remote.in.sin_addr) != 1)
        die(address, EINVAL);
    g.path.remote = opt.remote;
    int rc = trk_udp_open(&g.udp, &opt);
    if (rc != 0)
        die("no socket", -rc);
    g.rx = trk_udp_rx_new(32);
    g.tx = trk_udp_tx_new(g.udp, NULL, NULL);
    if (g.rx == NULL || g.tx == NULL)
        die("no memory", ENOMEM);
    g.cid_base = trk_clock_wall_us() << 22;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"udp", required_argument, NULL, 'u'}, {"port", required_argument, NULL, 'p'},
        {"path", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    uint16_t udp_port = TRK_PORT_SYSTEM;
    const char *path = "/1k";
    int c;
    g.service_port = 80;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'u')
            udp_port = (uint16_t)atoi(optarg);
        else if (c == 'p')
            g.service_port = (uint16_t)atoi(optarg);
        else if (c == 'f')
            path = optarg;
        else
            return 2;
    }
    if (optind + 1 != argc) {
        (void)fprintf(stderr, "usage: manyclients [--udp PORT] [--port PORT] [--path PATH] ADDRESS\n");
        return 2;
    }
    g.get_len = (size_t)snprintf(g.get, sizeof g.get, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, argv[optind]);
    set_up(argv[optind], udp_port);
    serve_commands();
    return 0;
}
