/*
 * What the shim must do that kernel TCP does not show by itself: one test a run, named by the
 * argument. The runner (shim.test) starts a mock_daemon for each, sets LD_PRELOAD, and gives its
 * process id in MOCK_PID. Exit 0 is success; a failed check says where.
 */
#include <config.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipc/control.h"
#include "ipc/fdpass.h"
#include "ipc/locate.h"

#define HELD_PORT 7

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s (errno %s)\n", __FILE__, __LINE__, #condition,      \
                    strerrorname_np(errno));                                                       \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static const char *own_path;

/* The C library's own calls, to look behind the shim. */
static int (*real_socket)(int, int, int);
static int (*real_connect)(int, const struct sockaddr *, socklen_t);
static int (*real_getsockname)(int, struct sockaddr *, socklen_t *);
static int (*real_getsockopt)(int, int, int, void *, socklen_t *);

static void find_real(void *libc, const char *name, void *slot)
{
    void *found = dlsym(libc, name);
    CHECK(found != NULL);
    memcpy(slot, &found, sizeof found);
}

static void look_behind(void)
{
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    CHECK(libc != NULL);
    find_real(libc, "socket", &real_socket);
    find_real(libc, "connect", &real_connect);
    find_real(libc, "getsockname", &real_getsockname);
    find_real(libc, "getsockopt", &real_getsockopt);
}

static int real_domain(int fd)
{
    int domain = -1;
    socklen_t len = sizeof domain;
    CHECK(real_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0);
    return domain;
}

static struct sockaddr_in addr4(const char *host, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    CHECK(inet_pton(AF_INET, host, &in.sin_addr) == 1);
    return in;
}

static int try_connect(int fd, const char *host, uint16_t port)
{
    struct sockaddr_in in = addr4(host, port);
    return connect(fd, (struct sockaddr *)&in, sizeof in) == 0 ? 0 : errno;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in in = {0};
    socklen_t len = sizeof in;
    CHECK(getsockname(fd, (struct sockaddr *)&in, &len) == 0);
    return ntohs(in.sin_port);
}

static int make_listener(int flags)
{
    struct sockaddr_in in = addr4("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof in) == 0 && listen(fd, 64) == 0);
    return fd;
}

static int so_error(int fd)
{
    int value = -1;
    socklen_t len = sizeof value;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len) == 0);
    return value;
}

static void release_held(unsigned want)
{
    struct trk_locate loc;
    struct trk_ctl_msg ask = {.type = TRK_CTL_SWEEP};
    struct trk_ctl_msg answer;
    ask.u.sweep.local = (struct trk_ipc_addr){.family = 4, .port = HELD_PORT};
    trk_locate_init(&loc, geteuid());
    do { /* the order may still be on its way to the daemon */
        int sock = trk_locate_connect(&loc.places[0], 0, geteuid());
        CHECK(sock >= 0 && trk_locate_ask(sock, &ask, -1, &answer, NULL) == 0);
        close(sock);
    } while (answer.u.ack.value < want);
}

static void await_events(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    CHECK(poll(&p, 1, 10000) == 1);
}

/* nginx's order: epoll first, connect after. */
static void check_held_connect(uint32_t mode)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | mode};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int ep = epoll_create1(0);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 1 && ev.events == (EPOLLOUT | EPOLLHUP));
    CHECK(try_connect(fd, "127.0.0.1", HELD_PORT) == EINPROGRESS);
    CHECK(epoll_wait(ep, &ev, 1, 50) == 0);
    CHECK(write(fd, "x", 1) == -1 && errno == EAGAIN);
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == -1 && errno == ENOTCONN);
    CHECK(port_of(fd) != 0);
    CHECK(so_error(fd) == 0);
    CHECK(try_connect(fd, "127.0.0.1", HELD_PORT) == EALREADY);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 0);
    release_held(1);
    CHECK(epoll_wait(ep, &ev, 1, 10000) == 1 && ev.events == EPOLLOUT);
    CHECK(so_error(fd) == 0);
    CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
          ntohs(peer.sin_port) == HELD_PORT);
    CHECK(try_connect(fd, "127.0.0.1", HELD_PORT) == EISCONN);
    CHECK(write(fd, "echo", 4) == 4);
    char buf[8];
    await_events(fd, POLLIN);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 1 && (ev.events & EPOLLIN) != 0);
    CHECK(read(fd, buf, sizeof buf) == 4 && memcmp(buf, "echo", 4) == 0);
    close(ep);
    close(fd);
}

static void test_connect_edge_triggered(void)
{
    check_held_connect(EPOLLET);
}

static void test_connect_level_triggered(void)
{
    check_held_connect(0);
}

static void test_connect_errors(void)
{
    static const int errors[] = {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char host[32];
        struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
        snprintf(host, sizeof host, "127.77.%d.1", errors[i]);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(try_connect(fd, host, 99) == errors[i]);
        CHECK(so_error(fd) == 0);
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int ep = epoll_create1(0);
        CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0 && epoll_wait(ep, &ev, 1, 0) == 1);
        CHECK(try_connect(fd, host, 99) == EINPROGRESS);
        CHECK(epoll_wait(ep, &ev, 1, 10000) == 1);
        CHECK((ev.events & (EPOLLERR | EPOLLHUP)) == (EPOLLERR | EPOLLHUP));
        CHECK(so_error(fd) == errors[i]);
        CHECK(so_error(fd) == 0);
        close(ep);
        close(fd);
    }
}

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
    (void)sig;
    signals++;
}

static void set_alarm(int flags, int times)
{
    struct sigaction act = {.sa_handler = count_signal, .sa_flags = flags};
    struct itimerval timer = {{0, times > 1 ? 20000 : 0}, {0, 20000}};
    CHECK(sigaction(SIGALRM, &act, NULL) == 0 && setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void test_blocking_connect_is_interrupted_and_bounded(void)
{
    struct timeval limit = {0, 100000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
    CHECK(try_connect(fd, "127.0.0.1", HELD_PORT) == EINPROGRESS);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    set_alarm(0, 1);
    CHECK(try_connect(fd, "127.0.0.1", HELD_PORT) == EINTR && signals == 1);
    close(fd);
    /* Handlers with SA_RESTART do not end it: three of them, then another process lets it through.
     * */
    signals = 0;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct timespec pause = {0, 100000000};
        (void)nanosleep(&pause, NULL);
        release_held(1);
        _exit(0);
    }
    set_alarm(SA_RESTART, 2);
    CHECK(try_connect(fd, "127.0.0.1", HELD_PORT) == 0);
    CHECK(signals >= 2);
    struct itimerval none = {{0, 0}, {0, 0}};
    CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(fd);
}

#define WORKERS     3
#define CONNECTIONS 60

/* Accept until told to stop, answer each with one byte. */
static void work(int listener, int id)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int ep = epoll_create1(0);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) == 0);
    for (;;) {
        CHECK(epoll_wait(ep, &ev, 1, 10000) == 1);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            char byte = (char)('0' + id);
            CHECK(write(fd, &byte, 1) == 1);
            close(fd);
        } else {
            CHECK(errno == EAGAIN);
        }
    }
}

static void test_workers_accept_each_connection_once(void)
{
    pid_t children[WORKERS];
    int fds[CONNECTIONS];
    int listener = make_listener(SOCK_NONBLOCK);
    for (int i = 0; i < WORKERS; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            work(listener, i);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(try_connect(fds[i], "127.0.0.1", port_of(listener)) == 0);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        char buf[4];
        CHECK(recv(fds[i], buf, 1, MSG_WAITALL) == 1 && buf[0] >= '0' && buf[0] < '0' + WORKERS);
        CHECK(recv(fds[i], buf, 1, 0) == 0); /* the end, and no second worker's byte */
        close(fds[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        kill(children[i], SIGKILL);
        CHECK(waitpid(children[i], NULL, 0) == children[i]);
    }
}

/* In a process that knows nothing but the descriptor. */
static int exec_child(char **argv)
{
    int fd = atoi(argv[2]);
    struct sockaddr_in own = {0};
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof own;
    int idle = 0;
    int nodelay = 0;
    int domain = 0;
    CHECK(getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
          ntohs(own.sin_port) == atoi(argv[3]));
    CHECK(getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
          ntohs(peer.sin_port) == atoi(argv[4]));
    len = sizeof idle;
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &len) == 0 && idle == 77);
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len) == 0 && nodelay == 1);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_INET);
    CHECK(real_domain(fd) == AF_UNIX);
    return 0;
}

static void wait_for_success(pid_t child)
{
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void run_child(int fd, uint16_t own, uint16_t peer)
{
    char text[3][16];
    char verb[] = "exec-child";
    char path[256];
    char *argv[] = {path, verb, text[0], text[1], text[2], NULL};
    snprintf(path, sizeof path, "%s", own_path);
    snprintf(text[0], sizeof text[0], "%d", fd);
    snprintf(text[1], sizeof text[1], "%u", own);
    snprintf(text[2], sizeof text[2], "%u", peer);
    pid_t child = vfork();
    if (child == 0) {
        execv(path, argv);
        _exit(127);
    }
    wait_for_success(child);
}

static void test_identity_survives_exec_dup_and_passing(void)
{
    int one = 1;
    int idle = 77;
    int listener = make_listener(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0);
    CHECK(try_connect(fd, "127.0.0.1", port_of(listener)) == 0);
    uint16_t own = port_of(fd);
    uint16_t peer = port_of(listener);
    run_child(fd, own, peer);
    int other = dup2(fd, 333);
    close(fd);
    run_child(other, own, peer);
    int pair[2];
    int got;
    char byte;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(trk_fdpass_send(pair[0], "x", 1, other, 0) == 1);
    close(other);
    CHECK(trk_fdpass_recv(pair[1], &byte, 1, &got, 0) == 1 && got >= 0);
    CHECK(fcntl(got, F_SETFD, 0) == 0);
    run_child(got, own, peer);
    /* A listener that another process inherits by exec goes on to accept: nginx's binary upgrade.
     * */
    int accepted = accept(listener, NULL, NULL);
    CHECK(setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
    CHECK(setsockopt(accepted, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0);
    run_child(accepted, peer, own);
    CHECK(write(got, "alive", 5) == 5);
    char buf[8];
    CHECK(recv(accepted, buf, 5, MSG_WAITALL) == 5);
}

static void test_tcp_peer_on_the_same_listener(void)
{
    int listener = make_listener(0);
    struct sockaddr_in in = addr4("127.0.0.1", port_of(listener));
    struct sockaddr_in from = {0};
    struct sockaddr_in tcp_own = {0};
    socklen_t len = sizeof from;
    int tcp = real_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(real_connect(tcp, (struct sockaddr *)&in, sizeof in) == 0);
    CHECK(real_getsockname(tcp, (struct sockaddr *)&tcp_own, &len) == 0);
    int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(fd >= 0 && real_domain(fd) == AF_INET);
    CHECK(from.sin_port == tcp_own.sin_port);
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(write(tcp, "hello", 5) == 5);
    await_events(fd, POLLIN);
    char buf[8];
    CHECK(read(fd, buf, sizeof buf) == 5);
    close(fd);
    int tcp2 = real_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(real_connect(tcp2, (struct sockaddr *)&in, sizeof in) == 0);
    fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 && fcntl(fd, F_GETFD) == 0);
    int trk = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(try_connect(trk, "127.0.0.1", port_of(listener)) == 0);
    fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0 && real_domain(fd) == AF_UNIX);
}

static void test_strangers_do_not_get_into_a_listener(void)
{
    int listener = make_listener(SOCK_NONBLOCK);
    struct sockaddr_un un;
    socklen_t len = sizeof un;
    CHECK(real_getsockname(listener, (struct sockaddr *)&un, &len) == 0);
    int stranger = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(stranger, (struct sockaddr *)&un, len) == 0);
    CHECK(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
    char byte;
    CHECK(read(stranger, &byte, 1) == 0);
    CHECK(close(stranger) == 0);
}

static pid_t daemon_pid(void)
{
    const char *text = getenv("MOCK_PID");
    CHECK(text != NULL);
    return (pid_t)atoi(text);
}

/* Its descriptors are closed when this returns. */
static void kill_daemon(void)
{
    struct pollfd p = {.events = POLLIN};
    p.fd = (int)syscall(SYS_pidfd_open, daemon_pid(), 0);
    CHECK(p.fd >= 0 && kill(daemon_pid(), SIGKILL) == 0);
    CHECK(poll(&p, 1, 10000) == 1);
    close(p.fd);
}

static void test_killed_daemon_is_a_reset_after_the_data(void)
{
    char buf[8];
    int listener = make_listener(0);
    int old = socket(AF_INET, SOCK_STREAM, 0); /* made now, connected when there is no daemon */
    int unbound = socket(AF_INET, SOCK_STREAM, 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(try_connect(fd, "127.0.0.1", port_of(listener)) == 0);
    int accepted = accept(listener, NULL, NULL);
    CHECK(write(accepted, "data", 4) == 4);
    await_events(fd, POLLIN);
    int pending = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(try_connect(pending, "127.0.0.1", HELD_PORT) == EINPROGRESS);
    kill_daemon();
    await_events(accepted, POLLRDHUP);
    CHECK(recv(fd, buf, 4, MSG_WAITALL) == 4 && memcmp(buf, "data", 4) == 0);
    CHECK(recv(fd, buf, 4, 0) == -1 && errno == ECONNRESET);
    CHECK(recv(accepted, buf, 4, 0) == -1 && errno == ECONNRESET);
    await_events(pending, POLLOUT);
    CHECK(so_error(pending) == ECONNREFUSED && so_error(pending) == 0);
    /* Sockets from before fall back under their number, new ones are TCP's at once. */
    CHECK(listen(unbound, 5) == 0 && real_domain(unbound) == AF_INET);
    CHECK(try_connect(old, "127.0.0.1", port_of(unbound)) == 0 && real_domain(old) == AF_INET);
    int fresh = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(real_domain(fresh) == AF_INET);
}

/* Another file takes the number (a retry after a failure, a fallback): whoever watches it goes on
 * to. */
static void test_watchers_follow_to_another_file(void)
{
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET, .data.u64 = 0x0123456789abcdef};
    int listener = make_listener(0);
    int ep = epoll_create1(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(try_connect(fd, "127.77.111.1", 99) == EINPROGRESS);
    await_events(fd, POLLOUT);
    CHECK(try_connect(fd, "127.77.111.1", 99) == ECONNREFUSED);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    CHECK(try_connect(fd, "127.0.0.1", port_of(listener)) == EINPROGRESS);
    do { /* before connect the new file was hung up and writable, as a socket that is nothing yet */
        CHECK(epoll_wait(ep, &ev, 1, 10000) == 1 && ev.data.u64 == 0x0123456789abcdef);
    } while ((ev.events & EPOLLHUP) != 0);
    CHECK(so_error(fd) == 0);
    CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) == 0);
    int old = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int tcp_listener = real_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listen(tcp_listener, 1) == 0);
    ev = (struct epoll_event){.events = EPOLLOUT, .data.u64 = 42};
    CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL) == 0 &&
          epoll_ctl(ep, EPOLL_CTL_ADD, old, &ev) == 0);
    kill_daemon();
    CHECK(try_connect(old, "127.0.0.1", port_of(tcp_listener)) == EINPROGRESS);
    CHECK(real_domain(old) == AF_INET);
    CHECK(epoll_wait(ep, &ev, 1, 10000) == 1 && ev.data.u64 == 42);
}

static void test_bound_socket_falls_back_with_its_port(void)
{
    struct sockaddr_in in = addr4("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&in, sizeof in) == 0);
    uint16_t port = port_of(fd);
    kill_daemon();
    CHECK(listen(fd, 5) == 0 && real_domain(fd) == AF_INET && port_of(fd) == port);
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void test_port_is_free_when_the_server_is_gone(void)
{
    int listener = make_listener(0);
    struct sockaddr_in in = addr4("127.0.0.1", port_of(listener));
    close(listener);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&in, sizeof in) == 0 && listen(listener, 5) == 0);
}

static void test_no_descriptor_is_kept(void)
{
    int first = open("/dev/null", O_RDONLY);
    close(first);
    int listener = make_listener(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener == first && fd == first + 1);
    CHECK(try_connect(fd, "127.0.0.1", port_of(listener)) == 0);
    int accepted = accept(listener, NULL, NULL);
    CHECK(accepted == first + 2);
    int one = 1;
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one) == 0);
    int next = open("/dev/null", O_RDONLY);
    CHECK(next == first + 3);
    CHECK(close_range((unsigned)first, ~0u, 0) == 0);
    listener = make_listener(0);
    CHECK(listener == first);
}

static void test_queue_is_counted_in_bytes(void)
{
    int bytes = -1;
    int listener = make_listener(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(try_connect(fd, "127.0.0.1", port_of(listener)) == 0);
    int accepted = accept(listener, NULL, NULL);
    CHECK(ioctl(accepted, SIOCOUTQ, &bytes) == 0 && bytes == 0);
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    CHECK(getsockopt(accepted, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    CHECK(info.tcpi_rtt == 1234 && info.tcpi_snd_mss == 1400);
    int mss = 0;
    len = sizeof mss;
    CHECK(getsockopt(accepted, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) == 0 && mss == 1400);
    CHECK(listen(listener, 5) == 0 && ioctl(listener, SIOCOUTQ, &bytes) == -1 && errno == EINVAL);
}

/* Run by the runner with TRICKLES_RULES="addr=127.0.0.0/8 role=connect action=off". */
static void test_rule_for_an_address_keeps_the_descriptor(void)
{
    int listener = make_listener(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(try_connect(fd, "127.0.0.1", port_of(listener)) == 0);
    CHECK(real_domain(fd) == AF_UNIX);
    int accepted = accept(listener, NULL, NULL);
    CHECK(accepted >= 0 && real_domain(accepted) == AF_INET);
    CHECK(write(fd, "via", 3) == 3);
    char buf[4];
    CHECK(recv(accepted, buf, 3, MSG_WAITALL) == 3);
}

/* Without a daemon, or with TRICKLES_RULES="program=behave action=off". */
static void test_plain(void)
{
    CHECK(real_domain(make_listener(0)) == AF_INET);
}

/* Run without TRICKLES_SOCKET, with TRICKLES_DAEMON and XDG_RUNTIME_DIR. */
static void test_daemon_is_started(void)
{
    struct sigaction act = {.sa_handler = count_signal};
    CHECK(sigaction(SIGCHLD, &act, NULL) == 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(real_domain(fd) == AF_UNIX);
    CHECK(signals == 0);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    int next = open("/dev/null", O_RDONLY);
    CHECK(next == fd + 1);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"connect_edge_triggered", test_connect_edge_triggered},
    {"connect_level_triggered", test_connect_level_triggered},
    {"connect_errors", test_connect_errors},
    {"blocking_connect", test_blocking_connect_is_interrupted_and_bounded},
    {"workers", test_workers_accept_each_connection_once},
    {"identity", test_identity_survives_exec_dup_and_passing},
    {"tcp_peer", test_tcp_peer_on_the_same_listener},
    {"strangers", test_strangers_do_not_get_into_a_listener},
    {"killed_daemon", test_killed_daemon_is_a_reset_after_the_data},
    {"bound_fallback", test_bound_socket_falls_back_with_its_port},
    {"watchers", test_watchers_follow_to_another_file},
    {"port_free", test_port_is_free_when_the_server_is_gone},
    {"no_descriptor_kept", test_no_descriptor_is_kept},
    {"queue", test_queue_is_counted_in_bytes},
    {"rule_addr", test_rule_for_an_address_keeps_the_descriptor},
    {"plain", test_plain},
    {"start", test_daemon_is_started},
};

int main(int argc, char **argv)
{
    own_path = argv[0];
    look_behind();
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && strcmp(argv[1], "exec-child") == 0) {
        return exec_child(argv);
    }
    for (size_t i = 0; argc == 2 && i < sizeof tests / sizeof tests[0]; i++) {
        if (strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            return 0;
        }
    }
    fprintf(stderr, "usage: behave TEST\n");
    return 2;
}
