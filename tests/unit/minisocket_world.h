/*
 * minisocket_world.h: a service and a client in one process, over loopback UDP: what the tests of
 * libminisocket share. Waits for descriptors, with a deadline; never sleeps.
 */
#ifndef TRK_TESTS_MINISOCKET_WORLD_H
#define TRK_TESTS_MINISOCKET_WORLD_H

#include "unit.h"

#include "trickles/minisocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORLD_PORT = 8080, /* the service's: inside the packets, nothing is bound to it */
    WORLD_DEADLINE_S = 60,
    WORLD_READ_MAX = 16 << 20,
};

typedef void world_handler(int fd, const struct msk_event *ev);

/* One client's connection and what it got. */
struct world_client {
    int fd;
    uint8_t *got;
    size_t len;
    bool eof;
    int error;
};

struct world {
    int service;
    uint16_t udp_port;
    world_handler *handler;
    unsigned events;
};

static inline uint64_t world_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Some UDP port of the loopback that nobody has just now. */
static inline uint16_t world_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static inline struct msk_options world_options(uint16_t udp_port)
{
    return (struct msk_options){.size = sizeof(struct msk_options),
                                .backend = MSK_EMBEDDED,
                                .local = "127.0.0.1",
                                .udp_port = udp_port,
                                .table_bytes = 1 << 20};
}

/* A service with the options that edit() leaves (NULL: none to edit). */
static inline struct world world_open(world_handler *handler, void (*edit)(struct msk_options *))
{
    struct world w = {.handler = handler, .service = -1};
    while (w.service < 0) { /* another process may be quicker */
        w.udp_port = world_free_port();
        struct msk_options opt = world_options(w.udp_port);
        if (edit != NULL)
            edit(&opt);
        w.service = msk_listen(WORLD_PORT, &opt);
        ck_assert_msg(w.service >= 0 || errno == EADDRINUSE, "msk_listen: %s", strerror(errno));
    }
    return w;
}

static inline struct sockaddr_storage world_addr(uint16_t service_port)
{
    struct sockaddr_storage ss;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(service_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(&ss, 0, sizeof ss);
    memcpy(&ss, &a, sizeof a);
    return ss;
}

static inline struct world_client world_connect(const struct world *w)
{
    struct sockaddr_storage at = world_addr(WORLD_PORT);
    struct msk_options opt = world_options(w->udp_port);
    struct world_client c = {.fd = msk_connect(&at, 1, &opt)};
    ck_assert_msg(c.fd >= 0, "msk_connect: %s", strerror(errno));
    c.got = malloc(WORLD_READ_MAX);
    ck_assert(c.got != NULL);
    return c;
}

static inline void world_leave(struct world_client *c)
{
    ck_assert_int_eq(msk_finish(c->fd), 0);
    free(c->got);
}

static inline void world_ask(const struct world_client *c, const void *buf, size_t len)
{
    ck_assert_int_eq(msk_request(c->fd, buf, len, 0), (ssize_t)len);
}

static inline void world_ask_text(const struct world_client *c, const char *text)
{
    world_ask(c, text, strlen(text));
}

static inline void world_read(struct world_client *c)
{
    ssize_t n;
    while (!c->eof && c->error == 0 &&
           (n = msk_read(c->fd, c->got + c->len, WORLD_READ_MAX - c->len)) >= 0) {
        c->eof = n == 0;
        c->len += (size_t)n;
    }
    if (!c->eof && c->error == 0 && errno != EAGAIN)
        c->error = errno;
}

/* Takes what waits at the service, and has it handled. */
static inline void world_serve(struct world *w)
{
    struct msk_event ev[16];
    int n = msk_events(w->service, ev, 16);
    ck_assert_int_ge(n, 0);
    w->events += (unsigned)n;
    for (int i = 0; i < n; i++)
        w->handler(w->service, &ev[i]);
}

static inline int world_least(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Waits for something to happen at the service or at one of n clients, and deals with it. */
static inline void world_turn(struct world *w, struct world_client *c, int n, uint64_t deadline_ms)
{
    struct pollfd p[17] = {{.fd = w->service, .events = POLLIN}};
    int ms = w->service >= 0 ? msk_timeout(w->service) : -1;
    uint64_t now_ms = world_now_ms();
    ck_assert_int_le(n, 16);
    ck_assert_msg(now_ms < deadline_ms, "nothing comes of it");
    for (int i = 0; i < n; i++) {
        p[i + 1] = (struct pollfd){.fd = c[i].eof || c[i].error != 0 ? -1 : c[i].fd,
                                   .events = POLLIN};
        ms = p[i + 1].fd >= 0 ? world_least(ms, msk_timeout(c[i].fd)) : ms;
    }
    ms = world_least(ms, (int)(deadline_ms - now_ms));
    ck_assert_int_ge(poll(p, (nfds_t)n + 1, ms), 0);
    if (w->service >= 0)
        world_serve(w);
    for (int i = 0; i < n; i++)
        world_read(&c[i]);
}

static inline uint64_t world_deadline(void)
{
    return world_now_ms() + WORLD_DEADLINE_S * 1000;
}

/* Until c has got len bytes in all, or is at its end. */
static inline void world_until(struct world *w, struct world_client *c, size_t len)
{
    uint64_t deadline_ms = world_deadline();
    while (c->len < len && !c->eof && c->error == 0)
        world_turn(w, c, 1, deadline_ms);
    ck_assert_msg(c->error == 0, "the connection ended: %s", strerror(c->error));
}

/* Until c is at its end, or broken. */
static inline void world_to_end(struct world *w, struct world_client *c)
{
    uint64_t deadline_ms = world_deadline();
    while (!c->eof && c->error == 0)
        world_turn(w, c, 1, deadline_ms);
}

/* Byte `off` of a stream that tests compare. */
static inline uint8_t world_byte(uint64_t off)
{
    return (uint8_t)(off * 2654435761u >> 13 ^ off);
}

static inline void world_fill(uint8_t *to, uint64_t off, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = world_byte(off + i);
}

static inline void world_same(const uint8_t *got, uint64_t off, size_t len)
{
    size_t i = 0;
    while (i < len && got[i] == world_byte(off + i))
        i++;
    ck_assert_msg(i == len, "byte %zu differs", i);
}

/* A call failed, with this errno. */
static inline void fails(int rc, int err)
{
    int got = errno;
    ck_assert_int_eq(rc, -1);
    ck_assert_msg(got == err, "errno is %s, not %s", strerror(got), strerrorname_np(err));
}

#endif
