/*
 * A daemon for the tests of the shim: it speaks lib/ipc and joins applications of one host to each
 * other without any network (a switch). Applications that nobody here serves are dialled by kernel
 * TCP. It keeps every rule of ipc/link.h, so a failure of a shim test is the shim's.
 *
 *     mock_daemon DIR        serves DIR/trickled.sock and DIR/data.sock; prints "ready" when it
 *                            does
 *
 * For tests: 127.77.E.x fails with errno E; port 7 is an echo that is held until a SWEEP of port 7
 * comes. Not a model for the real one: blocking where it may not matter, tables of fixed size,
 * linear search.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/control.h"
#include "ipc/fdpass.h"
#include "ipc/link.h"
#include "ipc/locate.h"
#include "ipc/name.h"

#define ENDS_MAX      8192
#define LISTENERS_MAX 256
#define ECHO_PORT     7

enum kind { FREE, CONTROL_LISTEN, DATA_LISTEN, CONTROL, TCP_LISTEN, LINK, TCP };

struct listener {
    struct trk_name name;
    int tcp;
    int is_listening;
};

/* One descriptor in the loop. A LINK or TCP end has a peer to which its bytes go. */
struct end {
    enum kind kind;
    int fd;
    struct end *peer;
    struct listener *listener; /* TCP_LISTEN */
    struct trk_name name;
    int passed;              /* the duplicate of the application's end, until established */
    int is_set_up;           /* the set-up message has been read */
    int is_held;             /* echo that waits */
    int is_dialling;         /* TCP whose connect is under way */
    int is_waiting;          /* S link that found the listener's queue full */
    int has_fin;             /* it will send no more */
    int fin_is_sent;         /* we have shut down towards it */
    int is_gone;             /* closed at the other side */
    int resets;              /* SO_LINGER {1, 0} */
    struct sockaddr_un into; /* is_waiting */
    socklen_t into_len;
};

static struct end ends[ENDS_MAX];
static struct listener listeners[LISTENERS_MAX];
static int loop_fd;
static uint16_t next_port = 40000;
static uint64_t next_id = 0x6d6f636b00000001;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct end *add_end(int fd, enum kind kind)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    if (kind != LINK && kind != TCP) {
        ev.events = EPOLLIN;
    }
    for (size_t i = 0; i < ENDS_MAX; i++) {
        if (ends[i].kind == FREE) {
            ends[i] = (struct end){.kind = kind, .fd = fd, .passed = -1};
            ev.data.ptr = &ends[i];
            if (epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
                die("epoll_ctl");
            }
            return &ends[i];
        }
    }
    fprintf(stderr, "mock: too many connections\n");
    exit(1);
}

static void drop(struct end *e)
{
    if (e->passed >= 0) {
        close(e->passed);
    }
    if (e->peer != NULL && e->peer != e) {
        e->peer->peer = NULL;
    }
    close(e->fd);
    e->kind = FREE;
}

/* Reset towards the application or the TCP peer, and the other side with it. */
static void reset(struct end *e)
{
    struct linger rst = {1, 0};
    struct end *peer = e->peer;
    (void)setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &rst,
                     sizeof rst); /* TCP; a link leaves its sentinel */
    drop(e);
    if (peer != NULL && peer != e) {
        (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
        drop(peer);
    }
}

static void read_rest_of_setup(struct end *e)
{
    char rest[TRK_LINK_CONNECT_BYTES - TRK_LINK_TEXT_BYTES - 1]; /* the sentinel stays */
    if (recv(e->fd, rest, sizeof rest, MSG_DONTWAIT) != (ssize_t)sizeof rest) {
        fprintf(stderr, "mock: set-up message is short\n");
    }
}

/* Steps 2 and 3 of ESTABLISHED in link.h. */
static void open_up(struct end *e)
{
    int bytes = TRK_LINK_SNDBUF_BYTES;
    if (e->passed < 0) {
        return;
    }
    if (setsockopt(e->passed, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(e->passed, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    close(e->passed);
    e->passed = -1;
}

static void establish(struct end *e, int is_tcp)
{
    struct trk_link_result up = {
        .state = TRK_LINK_UP, .local_port = e->name.local.port, .is_tcp = is_tcp};
    if (trk_link_set_result(e->passed, &up) != 0) {
        die("result");
    }
    open_up(e);
    read_rest_of_setup(e);
}

static void refuse(struct end *e, int error_no)
{
    struct trk_link_result failed = {.state = TRK_LINK_FAILED, .error_no = error_no};
    (void)trk_link_set_result(e->passed, &failed);
    drop(e);
}

static struct listener *find_listener(const struct trk_ipc_addr *to)
{
    struct trk_ipc_addr want = *to;
    trk_ipc_addr_unmap(&want);
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *l = &listeners[i];
        struct trk_ipc_addr have = l->name.local;
        trk_ipc_addr_unmap(&have);
        int is_any = trk_ipc_addr_is_any(&have);
        int takes_family = have.family == want.family ||
                           (is_any && have.family == 6 && (l->name.flags & TRK_NAME_F_V6ONLY) == 0);
        if (l->name.id != 0 && l->is_listening && have.port == want.port && takes_family &&
            (l->name.flags & TRK_NAME_F_TCP_ONLY) == 0 &&
            (is_any || memcmp(have.ip, want.ip, 16) == 0)) {
            return l;
        }
    }
    return NULL;
}

static int is_alive(const struct trk_name *name)
{
    struct sockaddr_un un;
    socklen_t len = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (trk_name_to_sockaddr(name, &un, &len) != 0 || fd < 0) {
        die("is_alive");
    }
    int rc = bind(fd, (struct sockaddr *)&un, len);
    int alive = rc != 0 && errno == EADDRINUSE;
    close(fd);
    return alive;
}

static void forget_listener(struct listener *l)
{
    for (size_t i = 0; i < ENDS_MAX; i++) {
        if (ends[i].kind == TCP_LISTEN && ends[i].listener == l) {
            ends[i].kind = FREE;
        }
    }
    close(l->tcp);
    memset(l, 0, sizeof *l);
}

/* Connect into an application's listener. An end, or NULL with errno. */
static struct end *connect_into(const struct listener *l, enum trk_name_kind kind,
                                const struct trk_ipc_addr *local, const struct trk_ipc_addr *remote)
{
    struct trk_name name = {
        .kind = (uint8_t)kind, .id = next_id++, .local = *local, .remote = *remote};
    if (kind == TRK_NAME_STREAM && name.id % 2 == 0) { /* every other one: both ways are tried */
        name.flags = TRK_NAME_F_WIDEN;
    }
    struct sockaddr_un un;
    socklen_t len = 0;
    trk_ipc_addr_unmap(&name.local);
    trk_ipc_addr_unmap(&name.remote);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || trk_name_to_sockaddr(&name, &un, &len) != 0 ||
        bind(fd, (struct sockaddr *)&un, len) != 0 ||
        trk_name_to_sockaddr(&l->name, &un, &len) != 0) {
        die("connect_into");
    }
    int is_full = 0;
    if (connect(fd, (struct sockaddr *)&un, len) != 0) {
        if (errno != EAGAIN) {
            int kept = errno;
            close(fd);
            errno = kept;
            return NULL;
        }
        is_full = 1;
    }
    struct end *e = add_end(fd, LINK);
    e->name = name;
    e->is_waiting = is_full;
    e->into = un;
    e->into_len = len;
    return e;
}

/* The last byte of a link stays; forward what lies behind it. Echo: the peer is the end itself. */
static void pump(struct end *from)
{
    static char buf[65536];
    struct end *to = from->peer;
    size_t lag = from->kind == LINK ? 1 : 0;
    if (to == NULL || !from->is_set_up || to->is_waiting || to->is_dialling || from->is_held) {
        return;
    }
    for (;;) {
        struct pollfd p = {.fd = from->fd, .events = POLLRDHUP};
        (void)poll(&p, 1, 0);
        if ((p.revents & POLLERR) != 0) { /* closed with bytes unread: recv would not say so */
            reset(from);
            return;
        }
        ssize_t n = recv(from->fd, buf, sizeof buf, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) {
            reset(from);
            return;
        }
        size_t fresh = n > (ssize_t)lag ? (size_t)n - lag : 0;
        if (fresh > 0 && to->is_gone) { /* TCP: data at a closed socket are answered by RST */
            reset(from);
            return;
        }
        if (fresh == 0) {
            if ((p.revents & (POLLRDHUP | POLLHUP)) != 0 && !from->has_fin) {
                from->has_fin = 1;
                from->is_gone = (p.revents & POLLHUP) != 0 && !from->fin_is_sent;
            }
            break;
        }
        ssize_t sent = send(to->fd, buf + lag, fresh, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EPIPE && !to->has_fin) {
            sent = (ssize_t)fresh; /* SHUT_RD over there: the bytes are dropped */
        }
        if (sent <= 0) {
            if (sent < 0 && errno != EAGAIN) {
                reset(from);
            }
            return;
        }
        if (recv(from->fd, buf, (size_t)sent, MSG_DONTWAIT) != sent) {
            die("consume");
        }
    }
    if (from->has_fin && !to->fin_is_sent) {
        to->fin_is_sent = 1;
        if (from->resets) {
            reset(from);
            return;
        }
        (void)shutdown(to->fd, SHUT_WR);
    }
}

/* Both directions have ended: take the last byte too, or the application's EOF becomes a reset. */
static void end_clean(struct end *e)
{
    char last[2];
    (void)recv(e->fd, last, sizeof last, MSG_DONTWAIT);
    drop(e);
}

static void pump_both(struct end *e)
{
    struct end *peer = e->peer;
    pump(e);
    if (peer != NULL && peer != e && peer->kind != FREE && peer->peer == e && e->kind != FREE) {
        pump(peer);
    }
    if (e->kind != FREE && e->has_fin && e->peer != NULL && e->peer->has_fin) {
        struct end *other = e->peer;
        end_clean(e);
        if (other != e) {
            end_clean(other);
        }
    }
}

static void join(struct end *a, struct end *b)
{
    a->peer = b;
    b->peer = a;
}

static void dial_tcp(struct end *e)
{
    struct sockaddr_storage ss;
    struct trk_ipc_addr to = e->name.remote;
    trk_ipc_addr_unmap(&to);
    socklen_t len = trk_ipc_addr_to_sockaddr(&to, to.family == 6, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, (struct sockaddr *)&ss, len) != 0 && errno != EINPROGRESS)) {
        int error_no = errno;
        if (fd >= 0) {
            close(fd);
        }
        refuse(e, error_no);
        return;
    }
    struct end *tcp = add_end(fd, TCP);
    tcp->is_dialling = 1;
    tcp->is_set_up = 1;
    join(e, tcp);
}

static void finish_dial(struct end *tcp)
{
    int error_no = 0;
    socklen_t len = sizeof error_no;
    struct pollfd p = {.fd = tcp->fd, .events = POLLOUT};
    struct end *e = tcp->peer;
    if (poll(&p, 1, 0) <= 0) {
        return;
    }
    (void)getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error_no, &len);
    if (error_no != 0 || e == NULL) {
        drop(tcp);
        if (e != NULL) {
            refuse(e, error_no);
        }
        return;
    }
    struct sockaddr_storage ss;
    struct trk_ipc_addr local;
    len = sizeof ss;
    (void)getsockname(tcp->fd, (struct sockaddr *)&ss, &len);
    (void)trk_ipc_addr_from_sockaddr(&local, (struct sockaddr *)&ss, len);
    e->name.local.port = local.port;
    tcp->is_dialling = 0;
    establish(e, 1);
    pump_both(e);
}

static void start_link(struct end *e)
{
    struct trk_ipc_addr to = e->name.remote;
    trk_ipc_addr_unmap(&to);
    if (to.family == 4 && to.ip[0] == 127 && to.ip[1] == 77) {
        refuse(e, to.ip[2]);
        return;
    }
    if (e->name.local.port == 0) {
        e->name.local.port = next_port++;
    }
    if (to.port == ECHO_PORT) {
        e->peer = e;
        e->is_held = 1;
        return;
    }
    struct listener *l = (e->name.flags & TRK_NAME_F_TCP_ONLY) == 0 ? find_listener(&to) : NULL;
    if (l == NULL) {
        e->name.local.port = 0;
        dial_tcp(e);
        return;
    }
    struct end *app = connect_into(l, TRK_NAME_STREAM, &e->name.remote, &e->name.local);
    if (app == NULL) {
        forget_listener(l);
        refuse(e, ECONNREFUSED);
        return;
    }
    join(e, app);
    establish(e, 0);
}

/* The set-up message is there: take its text and the duplicate. */
static void on_setup(struct end *e)
{
    char text[TRK_LINK_TEXT_BYTES];
    struct trk_name name;
    ssize_t n = trk_fdpass_recv(e->fd, text, sizeof text, &e->passed, MSG_DONTWAIT);
    if (n == -EAGAIN) {
        return;
    }
    if (n != (ssize_t)sizeof text || trk_name_parse(text, strnlen(text, sizeof text), &name) != 0 ||
        (name.kind == TRK_NAME_CONNECT && e->passed < 0)) {
        reset(e);
        return;
    }
    e->is_set_up = 1;
    if (name.kind == TRK_NAME_STREAM && name.id == e->name.id) {
        open_up(e);
    } else if (name.kind == TRK_NAME_CONNECT && e->name.id == 0) {
        e->name = name;
        start_link(e);
    } else {
        fprintf(stderr, "mock: set-up message of a wrong kind\n");
        reset(e);
    }
}

/* A TCP client: its descriptor goes to the application. */
static void on_tcp_client(struct end *e)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    struct trk_ipc_addr local;
    struct trk_ipc_addr remote;
    struct listener *l = e->listener;
    int tcp = accept4(e->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (tcp < 0) {
        return;
    }
    (void)trk_ipc_addr_from_sockaddr(&remote, (struct sockaddr *)&ss, len);
    len = sizeof ss;
    (void)getsockname(tcp, (struct sockaddr *)&ss, &len);
    (void)trk_ipc_addr_from_sockaddr(&local, (struct sockaddr *)&ss, len);
    struct end *app = connect_into(l, TRK_NAME_TCP, &local, &remote);
    if (app == NULL) {
        forget_listener(l);
    } else {
        (void)trk_fdpass_send(app->fd, "T", 1, tcp, 0);
        drop(app);
    }
    close(tcp);
}

static int sweep(const struct trk_ipc_addr *addr)
{
    int closed = 0;
    if (addr->port == ECHO_PORT) {
        for (size_t i = 0; i < ENDS_MAX; i++) {
            if (ends[i].kind == LINK && ends[i].is_held) {
                ends[i].is_held = 0;
                establish(&ends[i], 0);
                pump(&ends[i]);
                closed++;
            }
        }
        return closed;
    }
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        struct listener *l = &listeners[i];
        if (l->name.id != 0 && l->name.local.port == addr->port && !is_alive(&l->name)) {
            forget_listener(l);
            closed++;
        }
    }
    return closed;
}

static struct listener *listener_by_id(uint64_t id)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (listeners[i].name.id == id) {
            return &listeners[i];
        }
    }
    return NULL;
}

static struct end *link_by_id(uint64_t id)
{
    for (size_t i = 0; i < ENDS_MAX; i++) {
        if (ends[i].kind == LINK && ends[i].name.id == id) {
            return &ends[i];
        }
    }
    return NULL;
}

static uint32_t on_listen(const struct trk_ctl_listen *ask)
{
    struct listener *l = listener_by_id(ask->id);
    if (l == NULL) {
        return ENOENT;
    }
    if (listen(l->tcp, ask->backlog) != 0) {
        return (uint32_t)errno;
    }
    if (!l->is_listening) {
        l->is_listening = 1;
        add_end(l->tcp, TCP_LISTEN)->listener = l;
    }
    return 0;
}

static uint32_t on_bind(const struct trk_ctl_bind *ask, int fd)
{
    struct listener *l = listener_by_id(0);
    if (l == NULL || fd < 0) {
        return ENOMEM;
    }
    l->name = (struct trk_name){
        .kind = TRK_NAME_BOUND, .id = ask->id, .flags = ask->flags, .local = ask->local};
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    l->tcp = fd;
    return 0;
}

static void fill_info(uint64_t id, struct trk_ctl_info_reply *info)
{
    struct end *e = link_by_id(id);
    int queued = 0;
    memset(info, 0, sizeof *info);
    if (e == NULL) {
        info->error_no = ENOENT;
        return;
    }
    (void)ioctl(e->fd, SIOCINQ, &queued);
    info->state = e->passed >= 0 ? TRK_CTL_CONN_CONNECTING : TRK_CTL_CONN_UP;
    info->local = e->name.local;
    info->remote = e->name.remote;
    info->rtt_us = 1234;
    info->mss_bytes = 1400;
    info->outq_bytes = queued > 1 && e->passed < 0 ? (uint64_t)queued - 1 : 0;
}

static void on_control(struct end *e)
{
    uint8_t buf[TRK_CTL_MAX_BYTES];
    struct trk_ctl_msg ask;
    struct trk_ctl_msg answer = {.type = TRK_CTL_ACK};
    int fd = -1;
    ssize_t n = trk_fdpass_recv(e->fd, buf, sizeof buf, &fd, MSG_DONTWAIT);
    if (n <= 0) {
        drop(e);
        return;
    }
    if (trk_ctl_decode(buf, (size_t)n, &ask) != 0) {
        answer.u.ack.error_no = EPROTO;
    }
    answer.correlation = ask.correlation;
    struct end *link;
    switch ((unsigned)ask.type) {
    case TRK_CTL_HELLO:
        answer.type = TRK_CTL_HELLO_REPLY;
        answer.u.hello_reply =
            (struct trk_ctl_hello_reply){.pid = (uint32_t)getpid(), .uid = getuid()};
        break;
    case TRK_CTL_BIND:
        answer.u.ack.error_no = on_bind(&ask.u.bind, fd);
        fd = -1;
        break;
    case TRK_CTL_LISTEN:
        answer.u.ack.error_no = on_listen(&ask.u.listen);
        break;
    case TRK_CTL_OPTION:
        link = link_by_id(ask.u.option.id);
        answer.u.ack.error_no = link == NULL ? ENOENT : 0;
        if (link != NULL) {
            struct linger linger;
            memcpy(&linger, ask.u.option.value, sizeof linger);
            link->resets = linger.l_onoff && linger.l_linger == 0;
        }
        break;
    case TRK_CTL_SWEEP:
        answer.u.ack.value = (uint32_t)sweep(&ask.u.sweep.local);
        break;
    case TRK_CTL_INFO:
        answer.type = TRK_CTL_INFO_REPLY;
        fill_info(ask.u.info.id, &answer.u.info_reply);
        break;
    default:
        answer.u.ack.error_no = EPROTO;
        break;
    }
    if (fd >= 0) {
        close(fd);
    }
    int len = trk_ctl_encode(&answer, buf, sizeof buf);
    if (len < 0 || send(e->fd, buf, (size_t)len, MSG_NOSIGNAL) != len) {
        drop(e);
    }
}

static void on_link(struct end *e)
{
    if (e->is_waiting) {
        return;
    }
    if (!e->is_set_up) {
        on_setup(e);
    }
    if (e->kind == FREE || !e->is_set_up) {
        return;
    }
    if (e->passed >= 0) { /* still connecting: has the application gone? */
        struct pollfd p = {.fd = e->fd, .events = POLLRDHUP};
        if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0) {
            reset(e);
        }
        return;
    }
    pump_both(e);
}

/* Listeners whose queue was full: no event tells when there is room. Returns whether any is left.
 * */
static int retry_waiting(void)
{
    int left = 0;
    for (size_t i = 0; i < ENDS_MAX; i++) {
        struct end *e = &ends[i];
        if (e->kind == LINK && e->is_waiting) {
            if (connect(e->fd, (struct sockaddr *)&e->into, e->into_len) == 0) {
                e->is_waiting = 0;
                if (e->peer != NULL) {
                    pump(e->peer);
                }
            } else if (errno == EAGAIN) {
                left = 1;
            } else {
                reset(e);
            }
        }
    }
    return left;
}

static void on_event(struct end *e)
{
    int fd;
    switch (e->kind) {
    case CONTROL_LISTEN:
    case DATA_LISTEN:
        fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            (void)add_end(fd, e->kind == CONTROL_LISTEN ? CONTROL : LINK);
        }
        break;
    case CONTROL:
        on_control(e);
        break;
    case TCP_LISTEN:
        on_tcp_client(e);
        break;
    case LINK:
        on_link(e);
        break;
    case TCP:
        if (e->is_dialling) {
            finish_dial(e);
        } else {
            pump_both(e);
        }
        break;
    case FREE:
    default:
        break;
    }
}

static void serve(const char *dir, const char *name, int type, enum kind kind)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (snprintf(un.sun_path, sizeof un.sun_path, "%s/%s", dir, name) >= (int)sizeof un.sun_path) {
        errno = ENAMETOOLONG;
        die(dir);
    }
    (void)unlink(un.sun_path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof un) != 0 || listen(fd, 4096) != 0) {
        die(un.sun_path);
    }
    (void)add_end(fd, kind);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: mock_daemon DIR\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    serve(argv[1], TRK_CTL_DATA_NAME, SOCK_STREAM, DATA_LISTEN);
    serve(argv[1], TRK_CTL_SOCKET_NAME, SOCK_SEQPACKET, CONTROL_LISTEN);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(loop_fd, events, 64, retry_waiting() ? 1 : -1);
        for (int i = 0; i < n; i++) {
            on_event(events[i].data.ptr);
        }
    }
}
