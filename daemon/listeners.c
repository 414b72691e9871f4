/* Applications' listeners: see listeners.h. */
#include <config.h>

#include "daemon/listeners.h"

#include "daemon/accept_tcp.h"
#include "daemon/addrs.h"
#include "daemon/netns.h"
#include "daemon/nowait.h"
#include "ipc/link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TESTS_PER_TICK = 256 };

struct trk_listeners {
    struct trk_daemon *d;
    struct trk_map ports; /* port -> first struct trk_listener of a chain */
    struct trk_listener *test; /* next to be tested */
    unsigned count;
    struct trk_timer tick;
    int probe_fd; /* an unbound socket, which cannot get a name that is in use; -1: there was none to be had */
};

static void tell(struct trk_party *p, struct trk_party_facts *facts)
{
    const struct trk_listener *l = TRK_HEAP_OBJECT(p, struct trk_listener, party);
    facts->role = "listen";
    facts->transport = l->name.flags & TRK_NAME_F_TCP_ONLY ? "tcp" : "trickles";
    facts->info.state = l->listening ? TRK_CTL_CONN_LISTENING : TRK_CTL_CONN_CONNECTING;
    facts->info.local = l->name.local;
}

static struct trk_listener *find_id(const struct trk_listeners *ls, uint64_t id)
{
    struct trk_party *p = trk_party_find(ls->d, id);
    return p != NULL && p->tell == tell ? TRK_HEAP_OBJECT(p, struct trk_listener, party) : NULL;
}

static int make_probe(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Is a socket bound to this name? */
static bool name_alive(struct trk_listeners *ls, const struct trk_name *name)
{
    struct sockaddr_un addr;
    socklen_t len;
    if (trk_name_to_sockaddr(name, &addr, &len) != 0)
        return false;
    if (ls->probe_fd < 0)
        ls->probe_fd = make_probe();
    if (ls->probe_fd < 0)
        return true; /* not known: nothing is closed on a guess */
    if (bind(ls->probe_fd, (struct sockaddr *)&addr, len) != 0)
        return errno == EADDRINUSE;
    close(ls->probe_fd);
    ls->probe_fd = make_probe();
    return false;
}

/* ---- entering and leaving ---- */

static void enter_chain(struct trk_listeners *ls, struct trk_listener *l, struct trk_listener *first)
{
    if (first != NULL) {
        l->next = first->next;
        first->next = l;
    }
    if (ls->test == NULL) {
        l->test_next = l->test_prev = l;
        ls->test = l;
    } else {
        l->test_next = ls->test;
        l->test_prev = ls->test->test_prev;
        l->test_prev->test_next = l;
        ls->test->test_prev = l;
    }
    if (ls->count++ == 0)
        trk_loop_arm(ls->d->loop, &ls->tick,
                     trk_loop_now_ns(ls->d->loop) + TRK_LISTENERS_TEST_MS * UINT64_C(1000000));
}

static int enter(struct trk_listeners *ls, struct trk_listener *l)
{
    uint16_t port = l->name.local.port;
    struct trk_listener *first = trk_map_get(&ls->ports, port);
    if (ls->count >= ls->d->conf.listeners_max)
        return -ENOBUFS;
    int rc = trk_party_add(ls->d, &l->party);
    if (rc == 0 && first == NULL && trk_map_put(&ls->ports, port, l, NULL) != 0) {
        trk_party_remove(ls->d, &l->party);
        rc = -ENOMEM;
    }
    if (rc == 0)
        enter_chain(ls, l, first);
    return rc;
}

static void leave_chain(struct trk_listeners *ls, struct trk_listener *l)
{
    uint16_t port = l->name.local.port;
    struct trk_listener *at = trk_map_get(&ls->ports, port);
    if (at == l) {
        trk_map_remove(&ls->ports, port);
        if (l->next != NULL && trk_map_put(&ls->ports, port, l->next, NULL) != 0)
            trk_log(&ls->d->log, TRK_LOG_ERROR, "out of memory: listeners of port %u are lost", port);
    } else {
        while (at != NULL && at->next != l)
            at = at->next;
        if (at != NULL)
            at->next = l->next;
    }
    if (ls->test == l)
        ls->test = l->test_next != l ? l->test_next : NULL;
    l->test_prev->test_next = l->test_next;
    l->test_next->test_prev = l->test_prev;
    ls->count--;
}

/* Frees l; its TCP socket stays open if `keep` gets it. */
static void leave(struct trk_listeners *ls, struct trk_listener *l, int *keep)
{
    leave_chain(ls, l);
    trk_party_remove(ls->d, &l->party);
    trk_accept_tcp_stop(l);
    trk_loop_unwatch(ls->d->loop, &l->pid_watch);
    if (l->pidfd >= 0)
        close(l->pidfd);
    if (keep != NULL)
        *keep = l->tcp_fd;
    else if (l->tcp_fd >= 0)
        trk_nowait_close(l->tcp_fd);
    trk_loop_defer_free(ls->d->loop, l);
}

bool trk_listeners_test(struct trk_listeners *ls, struct trk_listener *l)
{
    char text[TRK_ADDRS_TEXT_BYTES];
    if (name_alive(ls, &l->name)) {
        l->alive_ns = trk_loop_now_ns(ls->d->loop);
        return true;
    }
    trk_log(&ls->d->log, TRK_LOG_DEBUG, "%s: its application is gone", trk_addrs_text(&l->local, text));
    leave(ls, l, NULL);
    return false;
}

static void tick(struct trk_timer *t)
{
    struct trk_listeners *ls = TRK_HEAP_OBJECT(t, struct trk_listeners, tick);
    unsigned n = ls->count < TESTS_PER_TICK ? ls->count : TESTS_PER_TICK;
    for (unsigned i = 0; i < n && ls->test != NULL; i++) {
        struct trk_listener *l = ls->test;
        ls->test = l->test_next;
        (void)trk_listeners_test(ls, l);
    }
    if (ls->count > 0)
        trk_loop_arm(ls->d->loop, t, trk_loop_now_ns(ls->d->loop) + TRK_LISTENERS_TEST_MS * UINT64_C(1000000));
}

/* The process that registered it has ended: others may still have it open. */
static void process_ended(struct trk_watch *w, uint32_t events)
{
    struct trk_listener *l = TRK_HEAP_OBJECT(w, struct trk_listener, pid_watch);
    (void)events;
    trk_loop_unwatch(l->d->loop, w);
    (void)trk_listeners_test(l->d->listeners, l);
}

static void watch_process(struct trk_listener *l, pid_t pid)
{
    l->pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (l->pidfd >= 0 && trk_loop_watch(l->d->loop, &l->pid_watch, l->pidfd, EPOLLIN, process_ended) != 0) {
        close(l->pidfd);
        l->pidfd = -1;
    }
}

static struct trk_listener *make(struct trk_listeners *ls, const struct trk_name *name, int tcp_fd, uid_t uid, pid_t pid)
{
    struct trk_listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->d = ls->d;
    l->name = *name;
    l->local = trk_addrs_from_ipc(&name->local);
    l->party = (struct trk_party){.id = name->id, .uid = uid, .pid = pid, .tell = tell};
    l->tcp_fd = tcp_fd;
    l->tcp_waiting_fd = -1;
    l->pidfd = -1;
    return l;
}

/* ---- messages ---- */

static bool has_int(int fd, int level, int name, int want)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, name, &value, &len) == 0 && value == want;
}

/*
 * A name is a claim on an address, and the TCP socket is what proves it: its kernel has judged the claim. So it must be
 * of our network, and the name must say of it what it is.
 */
static bool proves(const struct trk_daemon *d, int fd, const struct trk_name *name)
{
    bool v6 = name->flags & TRK_NAME_F_V6, v6only = name->flags & TRK_NAME_F_V6ONLY;
    union trk_sockaddr claimed = trk_addrs_from_ipc(&name->local);
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof ss;
    if (!trk_netns_is(d->netns, fd) || !has_int(fd, SOL_SOCKET, SO_TYPE, SOCK_STREAM) ||
        !has_int(fd, SOL_SOCKET, SO_PROTOCOL, IPPROTO_TCP) ||
        !has_int(fd, SOL_SOCKET, SO_DOMAIN, v6 ? AF_INET6 : AF_INET) ||
        (v6 && !has_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only)) ||
        getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return false;
    union trk_sockaddr real = trk_addrs_from_storage(&ss);
    return real.sa.sa_family != AF_UNSPEC && trk_sockaddr_equal(&real, &claimed);
}

int trk_listeners_bind(struct trk_listeners *ls, const struct trk_ctl_bind *bind, int tcp_fd, uid_t uid, pid_t pid)
{
    struct trk_name name = {.kind = TRK_NAME_BOUND, .flags = bind->flags, .id = bind->id, .local = bind->local};
    if (tcp_fd < 0)
        return -EINVAL;
    int rc = bind->id == 0 || !proves(ls->d, tcp_fd, &name) ? -EINVAL : 0;
    struct trk_listener *l = rc == 0 ? make(ls, &name, tcp_fd, uid, pid) : NULL;
    if (rc == 0)
        rc = l != NULL ? enter(ls, l) : -ENOMEM;
    if (rc != 0) {
        free(l);
        trk_nowait_close(tcp_fd);
        return rc;
    }
    watch_process(l, pid);
    return 0;
}

int trk_listeners_listen(struct trk_listeners *ls, uint64_t id, int backlog, uid_t uid)
{
    struct trk_listener *l = find_id(ls, id);
    if (l == NULL)
        return -ENOENT;
    if (uid != l->party.uid && uid != 0)
        return -EPERM;
    if (l->tcp_fd >= 0 && listen(l->tcp_fd, backlog) != 0)
        return -errno;
    l->listening = true;
    return trk_accept_tcp_start(l);
}

int trk_listeners_adopt(struct trk_listeners *ls, const struct trk_name *name, int tcp_fd, uid_t uid)
{
    struct trk_listener *l = make(ls, name, tcp_fd, uid, 0);
    int rc = l != NULL ? enter(ls, l) : -ENOMEM;
    if (rc != 0) {
        free(l);
        if (tcp_fd >= 0)
            trk_nowait_close(tcp_fd);
        return rc;
    }
    l->listening = true;
    return trk_accept_tcp_start(l);
}

int trk_listeners_take(struct trk_listeners *ls, uint64_t id, uid_t uid)
{
    struct trk_listener *l = find_id(ls, id);
    int fd = -1;
    if (l == NULL || l->listening)
        return -ENOENT;
    if (uid != l->party.uid && uid != 0)
        return -EPERM;
    leave(ls, l, &fd);
    return fd;
}

unsigned trk_listeners_sweep(struct trk_listeners *ls, const union trk_sockaddr *local)
{
    unsigned n = 0;
    struct trk_listener *next, *l = trk_map_get(&ls->ports, trk_sockaddr_port(local));
    for (; l != NULL; l = next) {
        next = l->next;
        n += !trk_listeners_test(ls, l);
    }
    return n;
}

/* ---- looking up ---- */

/* As trk_addrs_fit(). */
static int fit(const struct trk_listener *l, const union trk_sockaddr *to)
{
    if (!l->listening || (l->name.flags & TRK_NAME_F_TCP_ONLY))
        return 0;
    return trk_addrs_fit(&l->local, l->name.flags & TRK_NAME_F_V6ONLY, to);
}

struct trk_listener *trk_listeners_find(const struct trk_listeners *ls, const union trk_sockaddr *local,
                                        uint64_t spread)
{
    struct trk_listener *first = trk_map_get(&ls->ports, trk_sockaddr_port(local)), *l;
    int best = 0;
    unsigned n = 0;
    for (l = first; l != NULL; l = l->next) {
        int f = fit(l, local);
        n = f > best ? 1 : n + (f == best && f > 0);
        best = f > best ? f : best;
    }
    if (n == 0)
        return NULL;
    unsigned pick = (unsigned)(spread % n);
    for (l = first; l != NULL; l = l->next)
        if (fit(l, local) == best && pick-- == 0)
            return l;
    return NULL;
}

bool trk_listeners_serve(struct trk_listeners *ls, const union trk_sockaddr *local)
{
    struct trk_listener *l;
    while ((l = trk_listeners_find(ls, local, 0)) != NULL) {
        bool asked = l->alive_ns == trk_loop_now_ns(ls->d->loop); /* once a round is enough */
        if (asked || trk_listeners_test(ls, l))
            return true;
    }
    return false;
}

unsigned trk_listeners_count(const struct trk_listeners *ls)
{
    return ls->count;
}

/* ---- connecting into one ---- */

/* Somebody else may have taken the name after the application ended. */
static bool belongs_to(int fd, const struct trk_listener *l)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && (cred.uid == l->party.uid || cred.uid == 0);
}

static int connect_named(int fd, const struct trk_name *from, const struct trk_name *to)
{
    struct sockaddr_un addr;
    socklen_t len;
    int rc = trk_name_to_sockaddr(from, &addr, &len);
    if (rc != 0)
        return rc;
    if (bind(fd, (struct sockaddr *)&addr, len) != 0)
        return -errno;
    rc = trk_name_to_sockaddr(to, &addr, &len);
    if (rc == 0 && connect(fd, (struct sockaddr *)&addr, len) != 0)
        rc = -errno;
    return rc;
}

int trk_listener_connect(struct trk_listener *l, enum trk_name_kind kind, const union trk_sockaddr *local,
                         const union trk_sockaddr *remote, uint64_t *id)
{
    struct trk_name name = {.kind = (uint8_t)kind, .id = trk_daemon_random(l->d) | 1};
    name.local = trk_addrs_to_ipc(local);
    name.remote = trk_addrs_to_ipc(remote);
    if (kind == TRK_NAME_STREAM && l->d->conf.socket_buffer_bytes == TRK_LINK_SNDBUF_BYTES)
        name.flags = TRK_NAME_F_WIDEN;
    *id = name.id;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    /* The set-up message shall tell who has accepted. It stays so: a read then ends where another process's bytes
     * begin, and one call for each connection is saved. */
    if (kind == TRK_NAME_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    int rc = connect_named(fd, &name, &l->name);
    if (rc == 0 && !belongs_to(fd, l))
        rc = -ECONNREFUSED;
    if (rc != 0) {
        close(fd);
        return rc;
    }
    return fd;
}

/* ---- life ---- */

struct trk_listeners *trk_listeners_new(struct trk_daemon *d)
{
    struct trk_listeners *ls = calloc(1, sizeof *ls);
    if (ls == NULL)
        return NULL;
    ls->d = d;
    ls->tick.fire = tick;
    ls->probe_fd = make_probe();
    trk_map_init(&ls->ports, d->seed, &d->mem);
    return ls;
}

void trk_listeners_free(struct trk_listeners *ls)
{
    if (ls == NULL)
        return;
    while (ls->test != NULL)
        leave(ls, ls->test, NULL);
    trk_loop_arm(ls->d->loop, &ls->tick, TRK_LOOP_NEVER);
    trk_map_clear(&ls->ports);
    if (ls->probe_fd >= 0)
        close(ls->probe_fd);
    free(ls);
}
