/*
 * A program that uses sockets in every way that the shim answers for, and writes down what it saw.
 * It is run twice, on kernel TCP and under the shim, and the two transcripts must be equal
 * (bare-against-shim). Nothing that differs from run to run is written: ports are compared, not
 * shown.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *outcome(long rc)
{
    static char text[2][64];
    static int turn;
    turn = !turn;
    if (rc < 0) {
        snprintf(text[turn], sizeof text[turn], "%s", strerrorname_np(errno));
    } else {
        snprintf(text[turn], sizeof text[turn], "%ld", rc);
    }
    return text[turn];
}

/* One line of the transcript: the call as written here, and what came of it. */
#define SAY(call)                                                                                  \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long rc_ = (long)(call);                                                                   \
        printf("  %s -> %s\n", #call, outcome(rc_));                                               \
    } while (0)

/* The same where the value is a descriptor number, which does not matter. */
#define SAY_FD(var, call)                                                                          \
    do {                                                                                           \
        errno = 0;                                                                                 \
        (var) = (call);                                                                            \
        printf("  %s -> %s\n", #call, (var) >= 0 ? "fd" : strerrorname_np(errno));                 \
    } while (0)

static void chapter(const char *title)
{
    printf("%s\n", title);
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return in;
}

static void say_events(const char *what, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    (void)poll(&p, 1, 0);
    printf("  %s:%s%s%s%s%s\n", what, p.revents & POLLIN ? " IN" : "",
           p.revents & POLLOUT ? " OUT" : "", p.revents & POLLRDHUP ? " RDHUP" : "",
           p.revents & POLLHUP ? " HUP" : "", p.revents & POLLERR ? " ERR" : "");
}

/* Wait until there is something to read or an end. What a peer does arrives when the daemon had its
 * turn; on kernel TCP it is there at once. */
static void await_in(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
    if (poll(&p, 1, 10000) != 1) {
        printf("  nothing came in 10 s\n");
    }
}

/* A failed connect shows its end a moment before it shows that it is writable: the kernel wakes us
 * when the other side closes, and frees what it had not read after that. */
static void await_out(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    do {
        if (poll(&p, 1, 10000) != 1) {
            printf("  not writable in 10 s\n");
            return;
        }
    } while ((p.revents & POLLOUT) == 0);
}

static int int_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -errno;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0) {
        return 0;
    }
    return ss.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)(void *)&ss)->sin_port)
                                   : ntohs(((struct sockaddr_in6 *)(void *)&ss)->sin6_port);
}

static void say_addr(const char *what, int rc, const struct sockaddr_storage *ss, socklen_t len)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (rc != 0) {
        printf("  %s: %s\n", what, strerrorname_np(errno));
        return;
    }
    if (ss->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)ss)->sin_addr, text,
                  sizeof text);
    } else if (ss->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)ss)->sin6_addr, text,
                  sizeof text);
    }
    printf("  %s: family %d, %u bytes, %s\n", what, ss->ss_family, len, text);
}

static void say_names(const char *who, int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    printf(" %s\n", who);
    memset(&ss, 0, sizeof ss);
    int rc = getsockname(fd, (struct sockaddr *)&ss, &len);
    say_addr("getsockname", rc, &ss, len);
    len = sizeof ss;
    rc = getpeername(fd, (struct sockaddr *)&ss, &len);
    say_addr("getpeername", rc, &ss, len);
}

static int listener(void)
{
    struct sockaddr_in in = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&in, sizeof in) != 0 || listen(fd, 16) != 0) {
        perror("listener");
        exit(2);
    }
    return fd;
}

static void make_pair(int *client, int *server)
{
    int l = listener();
    struct sockaddr_in in = loopback(port_of(l));
    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(*client, (struct sockaddr *)&in, sizeof in) != 0) {
        perror("make_pair");
        exit(2);
    }
    *server = accept(l, NULL, NULL);
    close(l);
}

static void unconnected(void)
{
    chapter("a socket that is nothing yet");
    char byte;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    printf("  nonblock %d cloexec %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
           fcntl(fd, F_GETFD) & FD_CLOEXEC);
    say_events("events", fd);
    say_names("names", fd);
    SAY(shutdown(fd, SHUT_RDWR));
    SAY(shutdown(fd, 77));
    SAY(send(-1, &byte, 1, 0));
    struct sockaddr_in in = loopback(1);
    SAY(sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&in, sizeof in));
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    SAY(int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    SAY(accept(fd, NULL, NULL));
    close(fd);
    SAY(socket(AF_INET, 77, 0));
    SAY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    SAY_FD(fd, socket(AF_INET, SOCK_DGRAM, 0));
    SAY(int_option(fd, SOL_SOCKET, SO_PROTOCOL));
    close(fd);
    SAY(connect(-1, (struct sockaddr *)&in, sizeof in));
}

static void binding(void)
{
    chapter("bind");
    struct sockaddr_in in = loopback(0);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SAY(bind(fd, (struct sockaddr *)&in, 8));
    SAY(bind(fd, (struct sockaddr *)&in6, sizeof in6));
    in.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1: nobody's */
    SAY(bind(fd, (struct sockaddr *)&in, sizeof in));
    in = loopback(0);
    SAY(bind(fd, (struct sockaddr *)&in, sizeof in));
    printf("  has a port %d\n", port_of(fd) != 0);
    say_names("bound", fd);
    SAY(bind(fd, (struct sockaddr *)&in, sizeof in));
    int other = socket(AF_INET, SOCK_STREAM, 0);
    in = loopback(port_of(fd));
    SAY(bind(other, (struct sockaddr *)&in, sizeof in));
    SAY(listen(fd, 5));
    SAY(bind(other, (struct sockaddr *)&in, sizeof in));
    SAY(int_option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    say_events("listener", fd);
    SAY(listen(fd, 50));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    close(fd);
    SAY(bind(other, (struct sockaddr *)&in, sizeof in));
    close(other);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SAY(listen(fd, 0));
    printf("  listen without bind has a port %d\n", port_of(fd) != 0);
    say_names("any", fd);
    close(fd);
    int one = 1;
    int a = socket(AF_INET, SOCK_STREAM, 0);
    int b = socket(AF_INET, SOCK_STREAM, 0);
    SAY(setsockopt(a, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    SAY(setsockopt(b, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    in = loopback(0);
    SAY(bind(a, (struct sockaddr *)&in, sizeof in));
    in = loopback(port_of(a));
    SAY(bind(b, (struct sockaddr *)&in, sizeof in));
    SAY(listen(a, 5));
    SAY(listen(b, 5));
    close(a);
    close(b);
}

static void connecting(void)
{
    chapter("connect");
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    int l = listener();
    struct sockaddr_in in = loopback(port_of(l));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SAY(connect(fd, (struct sockaddr *)&in, 1));
    SAY(connect(fd, (struct sockaddr *)&in, 8));
    SAY(connect(fd, (struct sockaddr *)&in6, sizeof in6));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    SAY(bind(fd, (struct sockaddr *)&in, sizeof in));
    SAY(listen(fd, 1));
    int a;
    struct sockaddr_storage ss;
    socklen_t len = 6;
    memset(&ss, 0xee, sizeof ss);
    SAY_FD(a, accept4(l, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));
    printf("  truncated: length %u, byte 5 %02x, byte 6 %02x\n", len, ((uint8_t *)&ss)[5],
           ((uint8_t *)&ss)[6]);
    printf("  accepted: nonblock %d cloexec %d\n", (fcntl(a, F_GETFL) & O_NONBLOCK) != 0,
           fcntl(a, F_GETFD) & FD_CLOEXEC);
    say_names("client", fd);
    say_names("server", a);
    struct sockaddr_in peer;
    len = sizeof peer;
    (void)getpeername(a, (struct sockaddr *)&peer, &len);
    printf("  the server sees the client's port: %d\n", ntohs(peer.sin_port) == port_of(fd));
    len = sizeof peer;
    (void)getpeername(fd, (struct sockaddr *)&peer, &len);
    printf("  the client sees the server's port: %d\n", ntohs(peer.sin_port) == port_of(l));
    len = (socklen_t)-1;
    SAY(getpeername(fd, (struct sockaddr *)&peer, &len));
    SAY(accept(a, NULL, NULL));
    close(a);
    close(fd);
    close(l);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in)); /* nobody listens now */
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    SAY(getpeername(fd, (struct sockaddr *)&peer, &len));
    l = listener();
    in = loopback(port_of(l));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in)); /* a second attempt on the same socket */
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    in.sin_addr.s_addr = htonl(INADDR_ANY);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in)); /* 0.0.0.0 is this host */
    say_names("to any", fd);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    in.sin_addr.s_addr = htonl(0xe0000001);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in)); /* multicast */
    close(fd);
    close(l);
}

static void connecting_nonblocking(void)
{
    chapter("connect without blocking");
    int l = listener();
    struct sockaddr_in in = loopback(port_of(l));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    await_out(fd);
    say_events("established", fd);
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    say_names("client", fd);
    close(fd);
    close(l);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    await_out(fd);
    say_events("refused", fd);
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    await_out(fd);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    SAY(int_option(fd, SOL_SOCKET, SO_ERROR));
    close(fd);
    l = listener();
    in = loopback(port_of(l));
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    await_out(fd);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    close(fd);
    int lfl = fcntl(l, F_GETFL);
    (void)fcntl(l, F_SETFL, lfl | O_NONBLOCK);
    int a;
    await_in(l);
    SAY_FD(a, accept(l, NULL, NULL));
    close(a);
    SAY(accept(l, NULL, NULL));
    close(l);
}

static void bound_connect(void)
{
    chapter("bind, then connect");
    int l = listener();
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct sockaddr_in in = loopback(port_of(l));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SAY(bind(fd, (struct sockaddr *)&any, sizeof any));
    uint16_t port = port_of(fd);
    say_names("bound", fd);
    SAY(connect(fd, (struct sockaddr *)&in, sizeof in));
    say_names("connected", fd);
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    int a = accept(l, (struct sockaddr *)&peer, &len);
    printf("  same port: %d %d\n", port_of(fd) == port, ntohs(peer.sin_port) == port);
    close(a);
    close(fd);
    close(l);
}

static void ipv6(void)
{
    chapter("IPv6");
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    int one = 1;
    int l = socket(AF_INET6, SOCK_STREAM, 0);
    SAY(int_option(l, SOL_SOCKET, SO_DOMAIN));
    SAY(int_option(l, IPPROTO_IPV6, IPV6_V6ONLY));
    SAY(bind(l, (struct sockaddr *)&in6, sizeof in6));
    SAY(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
    SAY(listen(l, 5));
    say_names("any", l);
    uint16_t port = port_of(l);
    struct sockaddr_in in = loopback(port);
    int c = socket(AF_INET, SOCK_STREAM, 0);
    SAY(connect(c, (struct sockaddr *)&in, sizeof in));
    int a = accept(l, (struct sockaddr *)&ss, &len);
    say_addr("accept", 0, &ss, len);
    say_names("server of an IPv4 client", a);
    close(a);
    close(c);
    in6.sin6_addr = in6addr_loopback;
    in6.sin6_port = htons(port);
    c = socket(AF_INET6, SOCK_STREAM, 0);
    SAY(connect(c, (struct sockaddr *)&in, sizeof in));
    SAY(connect(c, (struct sockaddr *)&in6, 20));
    SAY(connect(c, (struct sockaddr *)&in6, sizeof in6));
    len = sizeof ss;
    a = accept(l, (struct sockaddr *)&ss, &len);
    say_addr("accept", 0, &ss, len);
    say_names("client", c);
    close(a);
    close(c);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
    c = socket(AF_INET6, SOCK_STREAM, 0);
    SAY(connect(c, (struct sockaddr *)&in6, sizeof in6));
    say_names("v4-mapped", c);
    close(c);
    c = socket(AF_INET6, SOCK_STREAM, 0);
    SAY(setsockopt(c, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
    SAY(connect(c, (struct sockaddr *)&in6, sizeof in6));
    close(c);
    close(l);
}

static void ending(void)
{
    chapter("half close, close, reset");
    int c;
    int s;
    char buf[16];
    make_pair(&c, &s);
    SAY(send(c, "abc", 3, 0));
    SAY(shutdown(c, SHUT_WR));
    SAY(send(c, "x", 1, MSG_NOSIGNAL));
    SAY(recv(s, buf, sizeof buf, MSG_WAITALL));
    await_in(s);
    say_events("after FIN", s);
    SAY(recv(s, buf, sizeof buf, 0));
    SAY(send(s, "late", 4, 0));
    SAY(recv(c, buf, 4, MSG_WAITALL));
    SAY(close(s));
    SAY(recv(c, buf, sizeof buf, 0));
    SAY(close(c));
    make_pair(&c, &s);
    SAY(send(c, "abc", 3, 0));
    await_in(s);
    SAY(close(s)); /* unread: a reset */
    await_in(c);
    SAY(recv(c, buf, sizeof buf, 0));
    SAY(recv(c, buf, sizeof buf, 0));
    SAY(close(c));
    make_pair(&c, &s);
    struct linger rst = {1, 0};
    SAY(setsockopt(s, SOL_SOCKET, SO_LINGER, &rst, sizeof rst));
    SAY(close(s));
    await_in(c);
    say_events("after RST", c);
    SAY(int_option(c, SOL_SOCKET, SO_ERROR));
    SAY(int_option(c, SOL_SOCKET, SO_ERROR));
    SAY(recv(c, buf, sizeof buf, 0));
    SAY(close(c));
    make_pair(&c, &s);
    SAY(close(s));
    await_in(c);
    say_events("after close", c);
    SAY(recv(c, buf, sizeof buf, 0));
    SAY(send(c, "x", 1, MSG_NOSIGNAL)); /* the first goes out, and brings the reset */
    await_in(c);
    SAY(close(c));
}

static void sending(void)
{
    chapter("ways to send");
    int c;
    int s;
    char buf[64];
    struct sockaddr_in in = loopback(9);
    make_pair(&c, &s);
    SAY(sendto(c, "abc", 3, 0, (struct sockaddr *)&in, sizeof in));
    struct iovec iov = {buf, 3};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_name = &in, .msg_namelen = sizeof in};
    memcpy(buf, "def", 3);
    SAY(sendmsg(c, &msg, 0));
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    msg.msg_control = &control;
    msg.msg_controllen = sizeof control;
    control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    SAY(sendmsg(c, &msg, 0)); /* TCP passes no descriptors */
    struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
    SAY(sendmmsg(c, two, 2, 0));
    SAY(recv(s, buf, 15, MSG_WAITALL));
    printf("  %.15s\n", buf);
    SAY(recv(s, buf, 1, MSG_DONTWAIT));
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    SAY(send(c, "z", 1, 0));
    await_in(s);
    SAY(recvfrom(s, buf, 1, MSG_PEEK, (struct sockaddr *)&from, &len));
    int n = -1;
    SAY(ioctl(s, FIONREAD, &n));
    printf("  FIONREAD %d\n", n);
    SAY(recv(s, buf, 1, 0));
    int file = fileno(tmpfile());
    SAY(write(file, "0123456789", 10));
    off_t at = 2;
    SAY(sendfile(c, file, &at, 8));
    SAY(recv(s, buf, 8, MSG_WAITALL));
    int pipes[2];
    SAY(pipe(pipes));
    SAY(send(c, "spliced", 7, 0));
    await_in(s);
    SAY(splice(s, NULL, pipes[1], NULL, 7, 0));
    SAY(splice(pipes[0], NULL, s, NULL, 7, 0));
    SAY(recv(c, buf, 7, MSG_WAITALL));
    close(pipes[0]);
    close(pipes[1]);
    SAY(syscall(SYS_sendto, c, "q", 1, 0, NULL, 0));
    SAY(recv(s, buf, 1, MSG_WAITALL));
    SAY(syscall(SYS_getpid) == getpid());
    SAY(syscall(9999));
    close(c);
    close(s);
    int l = listener();
    struct sockaddr_in to = loopback(port_of(l));
    c = socket(AF_INET, SOCK_STREAM, 0);
    SAY(sendto(c, "fast", 4, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof to));
    s = accept(l, NULL, NULL);
    SAY(recv(s, buf, 4, MSG_WAITALL));
    close(c);
    close(s);
    close(l);
}

struct option {
    const char *text;
    int level;
    int name;
};

#define OPTION(level, name)                                                                        \
    {                                                                                              \
#name, level, name                                                                         \
    }

static const struct option options[] = {
    OPTION(SOL_SOCKET, SO_DOMAIN),
    OPTION(SOL_SOCKET, SO_TYPE),
    OPTION(SOL_SOCKET, SO_PROTOCOL),
    OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_REUSEPORT),
    OPTION(SOL_SOCKET, SO_KEEPALIVE),
    OPTION(SOL_SOCKET, SO_BROADCAST),
    OPTION(SOL_SOCKET, SO_OOBINLINE),
    OPTION(SOL_SOCKET, SO_RCVLOWAT),
    OPTION(SOL_SOCKET, SO_SNDBUF),
    OPTION(SOL_SOCKET, SO_RCVBUF),
    OPTION(SOL_SOCKET, SO_PRIORITY),
    OPTION(SOL_SOCKET, SO_TIMESTAMP),
    OPTION(SOL_SOCKET, SO_MARK),
    OPTION(SOL_SOCKET, SO_INCOMING_CPU),
    OPTION(SOL_SOCKET, SO_MAX_PACING_RATE),
    OPTION(SOL_SOCKET, SO_ACCEPTCONN),
    OPTION(SOL_SOCKET, SO_BUSY_POLL),
    OPTION(SOL_SOCKET, SO_DONTROUTE),
    OPTION(SOL_SOCKET, 4711),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_TCP, TCP_CORK),
    OPTION(IPPROTO_TCP, TCP_MAXSEG),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_KEEPCNT),
    OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
    OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN),
    OPTION(IPPROTO_TCP, TCP_FASTOPEN_CONNECT),
    OPTION(IPPROTO_TCP, TCP_QUICKACK),
    OPTION(IPPROTO_TCP, TCP_SYNCNT),
    OPTION(IPPROTO_TCP, TCP_LINGER2),
    OPTION(IPPROTO_TCP, TCP_WINDOW_CLAMP),
    OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
    OPTION(IPPROTO_TCP, 4711),
    OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
    OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
    OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
    OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    OPTION(IPPROTO_IPV6, IPV6_TCLASS),
    OPTION(4711, 1),
};

static void say_option(const char *when, int fd, const struct option *o)
{
    unsigned char value[8] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
    socklen_t len = 4;
    errno = 0;
    int rc = getsockopt(fd, o->level, o->name, value, &len);
    printf("  %s %s -> %s len %u value %02x%02x%02x%02x\n", when, o->text, outcome(rc), len,
           value[0], value[1], value[2], value[3]);
}

static void option_matrix(int family)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct option *o = &options[i];
        static const int values[] = {1, 0, 3, 70000, -1};
        int fd = socket(family, SOCK_STREAM, 0);
        say_option("at first", fd, o);
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            errno = 0;
            int rc = setsockopt(fd, o->level, o->name, &values[v], sizeof values[v]);
            printf("  set %s %d -> %s\n", o->text, values[v], outcome(rc));
            say_option("then", fd, o);
        }
        unsigned char byte = 0xee;
        socklen_t len = 1;
        errno = 0;
        printf("  get %s into one byte -> %s", o->text,
               outcome(getsockopt(fd, o->level, o->name, &byte, &len)));
        printf(" len %u value %02x\n", len, byte);
        errno = 0;
        printf("  set %s from one byte -> %s\n", o->text,
               outcome(setsockopt(fd, o->level, o->name, "\1", 1)));
        say_option("at last", fd, o);
        close(fd);
    }
}

static void other_options(void)
{
    chapter("options that are no int");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char name[16] = "";
    socklen_t len = sizeof name;
    SAY(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
    SAY(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
    printf("  %s %u\n", name, len);
    SAY(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonesuch", 8));
    struct linger linger = {1, 7};
    SAY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    SAY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4));
    linger = (struct linger){0};
    len = sizeof linger;
    SAY(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
    printf("  %d %d\n", linger.l_onoff, linger.l_linger);
    struct timeval tv = {2, 500000};
    SAY(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    tv = (struct timeval){0};
    len = sizeof tv;
    SAY(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
    printf("  %ld.%06ld\n", (long)tv.tv_sec, (long)tv.tv_usec);
    struct tcp_info info;
    len = sizeof info;
    memset(&info, 0, sizeof info);
    SAY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
    printf("  state %d\n", info.tcpi_state);
    int c;
    int s;
    make_pair(&c, &s);
    len = sizeof info;
    SAY(getsockopt(c, IPPROTO_TCP, TCP_INFO, &info, &len));
    printf("  state %d, has an rtt %d\n", info.tcpi_state, info.tcpi_rtt > 0);
    len = 1;
    SAY(getsockopt(c, IPPROTO_TCP, TCP_INFO, &info, &len));
    printf("  len %u\n", len);
    int queued = -1;
    SAY(ioctl(c, SIOCOUTQ, &queued));
    printf("  SIOCOUTQ %d\n", queued);
    close(c);
    close(s);
    close(fd);
}

static void inherited_options(void)
{
    chapter("options that accept hands down");
    int one = 1;
    int idle = 77;
    int l = listener();
    struct linger linger = {1, 3};
    struct timeval tv = {4, 0};
    SAY(setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    SAY(setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
    SAY(setsockopt(l, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle));
    SAY(setsockopt(l, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    SAY(setsockopt(l, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
    struct sockaddr_in in = loopback(port_of(l));
    int c = socket(AF_INET, SOCK_STREAM, 0);
    (void)connect(c, (struct sockaddr *)&in, sizeof in);
    int a = accept(l, NULL, NULL);
    SAY(int_option(a, IPPROTO_TCP, TCP_NODELAY));
    SAY(int_option(a, SOL_SOCKET, SO_KEEPALIVE));
    SAY(int_option(a, IPPROTO_TCP, TCP_KEEPIDLE));
    SAY(int_option(a, SOL_SOCKET, SO_DOMAIN));
    SAY(int_option(a, SOL_SOCKET, SO_ACCEPTCONN));
    SAY(int_option(c, IPPROTO_TCP, TCP_NODELAY));
    linger = (struct linger){0};
    socklen_t len = sizeof linger;
    SAY(getsockopt(a, SOL_SOCKET, SO_LINGER, &linger, &len));
    printf("  %d %d\n", linger.l_onoff, linger.l_linger);
    len = sizeof tv;
    SAY(getsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &tv, &len));
    printf("  %ld\n", (long)tv.tv_sec);
    close(a);
    close(c);
    close(l);
}

static void duplicates(void)
{
    chapter("duplicates");
    int c;
    int s;
    char buf[8];
    make_pair(&c, &s);
    int d = dup(c);
    int high;
    SAY_FD(high, fcntl(c, F_DUPFD_CLOEXEC, 700));
    say_names("dup", d);
    close(c);
    close(d);
    SAY(send(high, "still", 5, 0));
    SAY(recv(s, buf, 5, MSG_WAITALL));
    int pair[2];
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    SAY(send(pair[0], "u", 1, 0)); /* the application's own AF_UNIX sockets stay what they are */
    SAY(recv(pair[1], buf, 1, 0));
    SAY(int_option(pair[0], SOL_SOCKET, SO_DOMAIN));
    SAY(connect(pair[0], (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, 16));
    close(pair[0]);
    close(pair[1]);
    close(high);
    close(s);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    alarm(60);
    unconnected();
    binding();
    connecting();
    connecting_nonblocking();
    bound_connect();
    ipv6();
    ending();
    sending();
    chapter("options, IPv4");
    option_matrix(AF_INET);
    chapter("options, IPv6");
    option_matrix(AF_INET6);
    other_options();
    inherited_options();
    duplicates();
    return 0;
}
