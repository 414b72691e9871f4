/*
 * hostile_service: registers as a stateless service, and then does what the library never would.
 *
 *     hostile_service SOCKET PORT MODE
 *
 * Says "serving", and then "cut" when the daemon has cut it off, or "done" when it has done its worst and was not; it
 * stays until it is killed. Modes: see the table at the end; some wait for an event, that is for a client.
 *
 *     hostile_service SOCKET PORT reuse|crowd
 *
 * reuse: with a port that others can have as well. Says "accepted" or why not. crowd: as many services as it may have,
 * from PORT on. Says how many, and why not more.
 */
#include <config.h>

#include "ipc/locate.h"
#include "ipc/minirec.h"
#include "ipc/ringmem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 300000, LONG_MS = 20000 };

static struct trk_ringmem memory;
static struct trk_ring down, up;
static int sock;
static uint64_t state = 88172645463325252ull;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void die(const char *what)
{
    fprintf(stderr, "hostile_service: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void say(const char *text)
{
    printf("%s\n", text);
    (void)fflush(stdout);
}

/* ---- registering, as the library does ---- */

static int registered(const char *socket_path, uint16_t port, int reuse, struct trk_ctl_msg *answer, int fds[3])
{
    struct trk_locate loc;
    struct trk_ctl_msg ask = {.type = TRK_CTL_MINI_LISTEN, .correlation = 1};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (tcp < 0 || setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) != 0 ||
        bind(tcp, (struct sockaddr *)&in, sizeof in) != 0)
        die("bind");
    ask.u.mini_listen.layout = TRK_RINGMEM_LAYOUT;
    (void)trk_ipc_addr_from_sockaddr(&ask.u.mini_listen.local, (struct sockaddr *)&in, sizeof in);
    trk_locate_fixed(&loc, socket_path);
    sock = trk_locate_connect(&loc.places[0], 0, geteuid());
    if (sock < 0 || trk_locate_ask_many(sock, &ask, tcp, answer, fds, 3) != 0)
        die("MINI_LISTEN");
    return (int)answer->u.mini_listen_reply.error_no;
}

static void serve(const char *socket_path, uint16_t port)
{
    struct trk_ctl_msg answer;
    int fds[3];
    if ((errno = registered(socket_path, port, 0, &answer, fds)) != 0)
        die("MINI_LISTEN");
    memory = (struct trk_ringmem){.memory_fd = fds[0],
                                  .app_fd = fds[1],
                                  .bell_fd = -1,
                                  .daemon_fd = fds[2],
                                  .down_bytes = answer.u.mini_listen_reply.down_bytes,
                                  .up_bytes = answer.u.mini_listen_reply.up_bytes};
    if (trk_ringmem_map(&memory) != 0)
        die("memory");
    trk_ringmem_rings(&memory, &down, &up);
    say("serving");
}

/* ---- registering as it should not ---- */

static int reuse(const char *socket_path, uint16_t port)
{
    struct trk_ctl_msg answer;
    int fds[3], error_no = registered(socket_path, port, 1, &answer, fds);
    say(error_no == 0 ? "accepted" : strerrorname_np(error_no));
    return 0;
}

static int crowd(const char *socket_path, uint16_t port)
{
    struct trk_ctl_msg answer;
    unsigned n = 0;
    int fds[3], error_no;
    while ((error_no = registered(socket_path, (uint16_t)(port + n), 0, &answer, fds)) == 0)
        n++;
    printf("%u %s\n", n, strerrorname_np(error_no));
    (void)fflush(stdout);
    (void)pause();
    return 0;
}

/* ---- parts of attacks ---- */

static void bell(void)
{
    trk_ringmem_wake(memory.daemon_fd); /* whether it sleeps or not */
}

/* Waits for an event. */
static struct trk_rec_event event(void)
{
    static struct trk_rec_event e;
    struct trk_ring_record rec;
    struct pollfd p = {.fd = memory.app_fd, .events = POLLIN};
    while (trk_ring_next(&down, &rec) == 0)
        if (trk_ring_sleep(&down) && poll(&p, 1, LONG_MS) != 1)
            die("no event");
    if (trk_rec_event_read(rec.bytes, rec.len, &e) != 0)
        die("event");
    return e;
}

/* Puts a record in, as soon as there is room. */
static void put(uint32_t type, const struct trk_rec_answer *a)
{
    uint32_t len = (uint32_t)trk_rec_answer_bytes(a);
    struct pollfd p = {.fd = memory.app_fd, .events = POLLIN};
    uint64_t n;
    uint8_t *out;
    while (trk_ring_reserve(&up, len, &out) == -EAGAIN) {
        bell();
        if (trk_ring_stall(&up, len) && (poll(&p, 1, LONG_MS) != 1 || read(memory.app_fd, &n, sizeof n) != sizeof n))
            die("no room");
    }
    trk_rec_answer_write(a, out);
    trk_ring_commit(&up, type, len);
}

/* ---- attacks ---- */

static void type(void)
{
    const struct trk_rec_answer a = {.handle = 1ull << 32};
    put(77, &a);
}

static void head(void)
{
    atomic_store(&up.control->head, 123456);
}

static void back(void)
{
    const struct trk_rec_answer a = {.handle = 1ull << 32};
    for (unsigned i = 0; i < MANY; i++) /* round and round the ring */
        put(TRK_REC_ANSWER, &a);
    bell();
    atomic_store(&up.control->head, 8);
}

static void header(void)
{
    uint64_t word = UINT64_C(2) << 32 | 0xfffffff0u;
    memcpy(up.bytes, &word, sizeof word);
    atomic_store(&up.control->head, 64);
}

static void wild(void)
{
    const struct trk_rec_answer a = {.handle = 1ull << 32 | 999999};
    put(TRK_REC_ANSWER, &a);
}

static void keep(void) /* an event that is kept, and answered again and again */
{
    struct trk_rec_event e = event();
    const struct trk_rec_answer a = {.handle = e.handle, .flags = TRK_REC_A_KEEP};
    for (unsigned i = 0; i < MANY; i++)
        put(TRK_REC_ANSWER, &a);
}

static void tail(void) /* of the ring of events: seen when it would be full */
{
    (void)event();
    atomic_store(&down.control->tail, UINT64_MAX - 7);
    const struct trk_rec_answer a = {.handle = 1ull << 32 | 999999};
    put(TRK_REC_ANSWER, &a); /* and an end of it */
}

static void stale(void)
{
    const struct trk_rec_answer a = {.handle = 7ull << 32};
    for (unsigned i = 0; i < MANY; i++)
        put(TRK_REC_ANSWER, &a);
}

static void bells(void)
{
    for (unsigned i = 0; i < MANY; i++)
        trk_ringmem_wake(memory.daemon_fd);
}

static void deaf(void) /* a bell that cannot be rung any more, and at which one waits */
{
    const uint64_t most = UINT64_MAX - 1;
    if (fcntl(memory.app_fd, F_SETFL, 0) != 0)
        die("fcntl");
    (void)!write(memory.app_fd, &most, sizeof most);
    (void)event();
}

/* Answers of nonsense to true events, each many times. */
static void answers(void)
{
    static uint8_t bytes[4096];
    for (unsigned k = 0; k < 3; k++) {
        struct trk_rec_event e = event();
        for (unsigned i = 0; i < 1000; i++) {
            struct trk_rec_answer a = {.handle = e.handle,
                                       .flags = (uint32_t)draw() & (TRK_REC_A_KNOWN & ~TRK_REC_A_RESET),
                                       .end = draw() >> draw() % 64,
                                       .consumed = (uint32_t)(draw() % 200),
                                       .need = (uint32_t)draw(),
                                       .first = {.from = draw() >> draw() % 64, .len = (uint16_t)(draw() % 500)},
                                       .last = {.from = draw() >> draw() % 64, .len = (uint16_t)(draw() % 500)},
                                       .payload_len = 4096,
                                       .n_stretches = (uint8_t)(draw() % 33)};
            a.payload = a.first.user = a.last.user = bytes;
            for (unsigned s = 0; s < a.n_stretches; s++)
                a.stretch[s] = (struct trk_rec_stretch){.off = draw() >> (draw() % 32 + 32),
                                                        .len = (uint32_t)(draw() % 2048),
                                                        .at = (uint32_t)(draw() % 2048)};
            put(TRK_REC_ANSWER, &a);
        }
        bell();
    }
}

/* The whole memory, again and again, while the daemon reads and writes there. */
static void scribble(void)
{
    (void)event();
    for (unsigned round = 0; round < 200; round++) {
        for (size_t at = 0; at < memory.bytes; at += 8) {
            uint64_t word = draw();
            if (at >= TRK_RINGMEM_BYTES_AT && draw() % 2 == 0) /* what looks like a record */
                word = UINT64_C(2) << 32 | draw() % 300;
            memcpy(memory.base + at, &word, sizeof word);
        }
        atomic_store(&up.control->head, draw() % (2u * memory.up_bytes) & ~UINT64_C(7));
        bell();
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} modes[] = {
    {"type", type}, {"head", head},   {"back", back},   {"header", header},   {"wild", wild},         {"keep", keep},
    {"tail", tail}, {"stale", stale}, {"bells", bells}, {"answers", answers}, {"scribble", scribble},
    {"deaf", deaf},
};

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    if (strcmp(argv[3], "reuse") == 0)
        return reuse(argv[1], (uint16_t)atoi(argv[2]));
    if (strcmp(argv[3], "crowd") == 0)
        return crowd(argv[1], (uint16_t)atoi(argv[2]));
    serve(argv[1], (uint16_t)atoi(argv[2]));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, argv[3]) != 0)
            continue;
        modes[i].run();
        bell();
        struct pollfd p = {.fd = sock, .events = POLLIN | POLLRDHUP};
        say(poll(&p, 1, 1000) == 1 ? "cut" : "done");
        (void)pause();
    }
    return 2;
}
