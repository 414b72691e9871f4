/* The back end through trickled: registering, again after the daemon's end, and closing. See
 * ringside_int.h. */
#include <config.h>

#include "mini/ringside_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the port, reserved in the kernel ---- */

static int read_local(const char *text, uint16_t port, struct sockaddr_storage *ss, socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(ss, 0, sizeof *ss);
    if (text != NULL && inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(ss, &in, *len = sizeof in);
        return 0;
    }
    memcpy(ss, &in6, *len = sizeof in6);
    if (text != NULL && inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)ss)->sin6_addr) != 1)
        return -EINVAL;
    return 0;
}

/* Under the shim (libtrickles) these calls would make something else of it. */
static int real_socket(int family)
{
    return (int)syscall(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int real_bind(int fd, const struct sockaddr_storage *ss, socklen_t len)
{
    return (int)syscall(SYS_bind, fd, ss, len);
}

/* IPv6 and IPv4 with one socket where nothing else is asked for; IPv4 where the host has no other.
 */
static int open_socket(struct sockaddr_storage *ss, socklen_t *len, bool any)
{
    static const int off = 0;
    int fd = real_socket(ss->ss_family);
    if (fd < 0 && errno == EAFNOSUPPORT && any) {
        struct sockaddr_in in = {.sin_family = AF_INET,
                                 .sin_port = ((struct sockaddr_in6 *)ss)->sin6_port};
        memcpy(ss, &in, *len = sizeof in);
        fd = real_socket(AF_INET);
    }
    if (fd >= 0 && ss->ss_family == AF_INET6 && any &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
        close(fd);
        return -errno;
    }
    return fd >= 0 ? fd : -errno;
}

/* A process of ours may have died a moment ago, and the daemon not have seen it: it is asked to
 * look. */
static void sweep(struct msk_ringside *r)
{
    struct trk_ctl_msg request = {.type = TRK_CTL_SWEEP,
                                  .correlation = 1,
                                  .u.sweep.local = r->local},
                       answer;
    for (int i = 0; i < r->places.count; i++) {
        int sock = trk_locate_connect(&r->places.places[i], 0, geteuid());
        if (sock < 0)
            continue;
        (void)trk_locate_ask(sock, &request, -1, &answer, NULL);
        close(sock);
    }
}

/* What a TCP server has left there (TIME_WAIT) keeps nobody out. Only who binds needs to say so:
 * later it would let others in. */
static int bind_again(int fd, const struct sockaddr_storage *ss, socklen_t len)
{
    static const int on = 1, off = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        real_bind(fd, ss, len) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off) != 0)
        return -errno;
    return 0;
}

static int reserve_port(struct msk_ringside *r, uint16_t port, const char *local)
{
    static const int on = 1;
    struct sockaddr_storage ss;
    socklen_t len;
    int rc = read_local(local, port, &ss, &len);
    if (rc != 0)
        return rc;
    r->tcp_fd = open_socket(&ss, &len, local == NULL);
    if (r->tcp_fd < 0)
        return r->tcp_fd;
    if ((r->flags & MSK_SHARED) != 0 &&
        setsockopt(r->tcp_fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return -errno;
    (void)trk_ipc_addr_from_sockaddr(&r->local, (struct sockaddr *)&ss, len);
    if (real_bind(r->tcp_fd, &ss, len) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    sweep(r);
    return bind_again(r->tcp_fd, &ss, len);
}

/* ---- the daemon ---- */

static int watch(struct msk_ringside *r, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};
    return epoll_ctl(r->back.fd, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

/* Packets of a daemon in another network would leave from there. 0 or -errno. */
static int greet(int sock)
{
    struct trk_ctl_msg request = {.type = TRK_CTL_HELLO, .correlation = 1}, answer;
    uint64_t netns = 0;
    socklen_t len = sizeof netns;
    request.u.hello.pid = (uint32_t)getpid();
    int rc = trk_locate_ask(sock, &request, -1, &answer, NULL);
    if (rc != 0)
        return rc;
    if (answer.type != TRK_CTL_HELLO_REPLY || answer.u.hello_reply.error_no != 0)
        return -EPROTO;
    uint64_t its = answer.u.hello_reply.netns_cookie;
    if (getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len) == 0 && its != 0 &&
        its != netns)
        return -ECONNREFUSED;
    return 0;
}

static int ask_to_listen(struct msk_ringside *r, int sock, struct trk_ctl_msg *answer, int fds[3])
{
    struct trk_ctl_msg request = {.type = TRK_CTL_MINI_LISTEN, .correlation = 2};
    request.u.mini_listen = (struct trk_ctl_mini_listen){
        .layout = TRK_RINGMEM_LAYOUT,
        .flags = (uint8_t)((r->flags & MSK_SHARED ? TRK_CTL_MINI_SHARED : 0) |
                           (r->flags & MSK_WANT_NEW ? TRK_CTL_MINI_WANT_NEW : 0)),
        .local = r->local,
    };
    int rc = trk_locate_ask_many(sock, &request, r->tcp_fd, answer, fds, 3);
    if (rc != 0)
        return rc;
    if (answer->type != TRK_CTL_MINI_LISTEN_REPLY)
        return -EPROTO; /* a daemon that knows no such services */
    return -(int)(answer->u.mini_listen_reply.error_no & 0xfff);
}

static int register_at(struct msk_ringside *r, int sock)
{
    struct trk_ctl_msg answer;
    int fds[3] = {-1, -1, -1};
    int rc = greet(sock);
    if (rc == 0)
        rc = ask_to_listen(r, sock, &answer, fds);
    r->memory = (struct trk_ringmem){
        .memory_fd = fds[0], .app_fd = fds[1], .daemon_fd = fds[2], .bell_fd = -1};
    if (rc == 0) {
        const struct trk_ctl_mini_listen_reply *reply = &answer.u.mini_listen_reply;
        r->memory.down_bytes = reply->down_bytes;
        r->memory.up_bytes = reply->up_bytes;
        r->kept_max = reply->detached_max;
        rc = reply->layout == TRK_RINGMEM_LAYOUT ? trk_ringmem_map(&r->memory) : -EPROTO;
    }
    if (rc == 0)
        rc = watch(r, r->memory.app_fd, EPOLLIN | EPOLLET);
    if (rc == 0)
        rc = watch(r, sock, EPOLLIN | EPOLLRDHUP);
    if (rc != 0) {
        trk_ringmem_close(&r->memory);
        return rc;
    }
    trk_ringmem_rings(&r->memory, &r->down, &r->up);
    r->sock = sock;
    return 0;
}

/* At the first daemon that is there. 0 or -errno; -ECONNREFUSED: there is none. */
static int connect_daemon(struct msk_ringside *r)
{
    int rc = -ECONNREFUSED;
    for (int i = 0; i < r->places.count; i++) {
        int sock = trk_locate_connect(&r->places.places[i], 0, geteuid());
        if (sock < 0)
            continue;
        rc = register_at(r, sock);
        if (rc == 0) {
            r->retry_ms = MSK_RINGSIDE_RETRY_MIN_MS;
            msk_ringside_look_again(r); /* events may be there before we say that we sleep */
            return 0;
        }
        close(sock);
        if (rc != -ECONNREFUSED)
            return rc == -ECONNRESET || rc == -ETIMEDOUT ? -ECONNREFUSED : rc;
    }
    return rc;
}

static void arm(struct msk_ringside *r)
{
    struct itimerspec its = {.it_value = {.tv_sec = r->retry_ms / 1000,
                                          .tv_nsec = (long)(r->retry_ms % 1000) * 1000000}};
    (void)timerfd_settime(r->timer_fd, 0, &its, NULL);
    r->retry_ms =
        r->retry_ms * 2 < MSK_RINGSIDE_RETRY_MAX_MS ? r->retry_ms * 2 : MSK_RINGSIDE_RETRY_MAX_MS;
}

static void hang_up(struct msk_ringside *r)
{
    struct epoll_event unused = {.events = 0};
    if (r->sock < 0)
        return;
    msk_ringside_unreserve(r);
    /* Copies in children would keep closed descriptors in the set. */
    (void)epoll_ctl(r->back.fd, EPOLL_CTL_DEL, r->sock, &unused);
    (void)epoll_ctl(r->back.fd, EPOLL_CTL_DEL, r->memory.app_fd, &unused);
    close_fd(&r->sock);
    trk_ringmem_close(&r->memory);
    r->epoch++;
    r->n_kept = 0;
    r->untold_bytes = 0;
}

void msk_ringside_lose(struct msk_ringside *r)
{
    hang_up(r);
    arm(r);
}

void msk_ringside_look_again(struct msk_ringside *r)
{
    trk_ringmem_wake(r->again_fd);
}

/* A full bell would not ring. */
static void silence(int bell_fd)
{
    uint8_t rings[4096];
    while (read(bell_fd, rings, sizeof rings) == sizeof rings)
        ;
}

void msk_ringside_look(struct msk_ringside *r)
{
    struct epoll_event events[4];
    int n = epoll_wait(r->back.fd, events, 4, 0);
    for (int i = 0; i < n; i++) {
        uint64_t count;
        if (events[i].data.fd == r->timer_fd &&
            read(r->timer_fd, &count, sizeof count) == sizeof count && r->sock < 0 &&
            connect_daemon(r) != 0)
            arm(r);
        else if (events[i].data.fd == r->sock && r->sock >= 0)
            msk_ringside_lose(r);
        else if (events[i].data.fd == r->memory.app_fd && r->sock >= 0)
            silence(r->memory.app_fd);
    }
}

/* ---- the back end ---- */

static int no_timeout(struct msk_back *b)
{
    (void)b;
    return -1;
}

static void ringside_close(struct msk_back *b)
{
    struct msk_ringside *r = msk_ringside_of(b);
    if (r->sock >= 0)
        msk_ringside_flush(b);
    hang_up(r);
    msk_ringside_free_jobs(r);
    close_fd(&r->tcp_fd);
    close_fd(&r->timer_fd);
    close_fd(&r->again_fd);
    close_fd(&r->back.fd);
    free(r);
}

static const struct msk_back_ops ops = {
    .take = msk_ringside_take,
    .room = msk_ringside_room,
    .answer = msk_ringside_answer,
    .reset = msk_ringside_reset,
    .flush = msk_ringside_flush,
    .extract = msk_ringside_extract,
    .install = msk_ringside_install,
    .timeout_ms = no_timeout,
    .close = ringside_close,
};

static int open_descriptor(struct msk_ringside *r)
{
    r->back.fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->back.fd < 0)
        return -errno;
    r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (r->timer_fd < 0)
        return -errno;
    r->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->again_fd < 0)
        return -errno;
    int rc = watch(r, r->timer_fd, EPOLLIN);
    return rc == 0 ? watch(r, r->again_fd, EPOLLIN | EPOLLET) : rc;
}

int msk_ringside_open(struct msk_back **out, uint16_t port, const struct msk_options *opt)
{
    struct msk_ringside *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -ENOMEM;
    r->back = (struct msk_back){.ops = &ops, .fd = -1};
    r->tcp_fd = r->timer_fd = r->again_fd = r->sock = -1;
    r->memory = (struct trk_ringmem){.memory_fd = -1, .app_fd = -1, .daemon_fd = -1, .bell_fd = -1};
    r->flags = opt->flags;
    r->retry_ms = MSK_RINGSIDE_RETRY_MIN_MS;
    if (opt->socket_path != NULL)
        trk_locate_fixed(&r->places, opt->socket_path);
    else
        trk_locate_init(&r->places, geteuid());
    int rc = open_descriptor(r);
    if (rc == 0)
        rc = reserve_port(r, port, opt->local);
    if (rc == 0)
        rc = connect_daemon(r);
    if (rc != 0) {
        ringside_close(&r->back);
        return rc;
    }
    *out = &r->back;
    return 0;
}
