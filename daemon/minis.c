/* Stateless services: who serves what. See minis.h. */
#include <config.h>

#include "daemon/minis.h"

#include "daemon/addrs.h"
#include "daemon/listeners.h"
#include "daemon/netns.h"
#include "daemon/nowait.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct trk_minis *trk_minis_new(struct trk_daemon *d)
{
    struct trk_minis *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->d = d;
    trk_reasm_init(&m->reasm, &d->mem, d->seed, TRK_REASM_ENTRIES_DEFAULT, TRK_REASM_BYTES_DEFAULT);
    m->core = (struct trk_mini){.srv = &d->server, .replay = &d->replay, .reasm = &m->reasm};
    m->cut_limit = (struct trk_log_limit){.window_ns = UINT64_C(10000000000), .burst = 10};
    m->flush.flush = trk_minis_flush;
    trk_loop_add_flush(d->loop, &m->flush);
    return m;
}

void trk_minis_free(struct trk_minis *m)
{
    if (m == NULL)
        return;
    while (m->first != NULL)
        trk_minis_end(m->first);
    trk_reasm_clear(&m->reasm);
    m->flush.flush = NULL;
    free(m);
}

void trk_minis_tick(struct trk_minis *m)
{
    trk_reasm_expire(&m->reasm, trk_loop_wall_us(m->d->loop));
}

/* ---- registering ---- */

static int int_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

/*
 * The kernel has judged who may bind this port: the socket is the proof, and it must be what it is said to be. One that
 * others can bind beside (SO_REUSEADDR, while nobody listens) proves nothing.
 */
static bool proves(const struct trk_daemon *d, int fd, const union trk_sockaddr *claimed)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof ss;
    if (!trk_netns_is(d->netns, fd) || int_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
        int_option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP || int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0 ||
        int_option(fd, SOL_SOCKET, SO_REUSEADDR) != 0 || getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return false;
    union trk_sockaddr real = trk_addrs_from_storage(&ss);
    return trk_sockaddr_port(&real) != 0 && trk_sockaddr_equal(&real, claimed);
}

static bool is_v6only(const union trk_sockaddr *local, int tcp_fd)
{
    return local->sa.sa_family == AF_INET6 && int_option(tcp_fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
}

/* How well does s serve packets to this address? As trk_addrs_fit(). */
static int fit(const struct trk_service *s, const union trk_sockaddr *to)
{
    return trk_sockaddr_port(&s->local) == trk_sockaddr_port(to) ? trk_addrs_fit(&s->local, s->v6only, to) : 0;
}

/* The kernel keeps addresses apart, but for who shares them, copies of one socket, and tricks with SO_REUSEADDR. */
static bool is_taken(const struct trk_minis *m, const union trk_sockaddr *local, int tcp_fd, bool shared, uid_t uid)
{
    const struct trk_service other = {.local = *local, .v6only = is_v6only(local, tcp_fd)};
    for (const struct trk_service *s = m->first; s != NULL; s = s->next) {
        bool meets = s->uid == uid ? trk_sockaddr_equal(&s->local, local)
                                   : fit(s, local) > 0 || fit(&other, &s->local) > 0;
        if (meets && !(shared && s->shared && s->uid == uid))
            return true;
    }
    return false;
}

/* Whoever runs the daemon may have all of it. */
static bool is_full(const struct trk_minis *m, uid_t uid)
{
    unsigned n = 0;
    for (const struct trk_service *s = m->first; s != NULL; s = s->next)
        n += s->uid == uid;
    return m->count >= TRK_MINIS_MAX || (n >= TRK_MINIS_PER_USER_MAX && uid != 0 && uid != geteuid());
}

static int open_rings(struct trk_service *s)
{
    struct trk_daemon *d = s->all->d;
    int rc =
        trk_slots_init(&s->slots, TRK_MINIS_SLOTS + d->conf.minisocket_detached_max, d->conf.minisocket_detached_max);
    if (rc == 0)
        rc = trk_ringmem_make(&s->memory, TRK_MINIS_DOWN_BYTES, TRK_MINIS_UP_BYTES);
    if (rc != 0)
        return rc;
    trk_ringmem_rings(&s->memory, &s->down, &s->up);
    rc = trk_loop_watch(d->loop, &s->watch, s->memory.daemon_fd, EPOLLIN | EPOLLET, trk_minis_ready);
    TRK_ASSERT(rc != 0 || trk_ring_sleep(&s->up)); /* the application does not have it yet */
    return rc;
}

/* Gives back what s has; it is in no list. */
static void release(struct trk_service *s)
{
    struct trk_loop *loop = s->all->d->loop;
    if (s->borrowed)
        trk_port_flush(s->all->d->server_port); /* queued trains borrow from the ring */
    trk_loop_unwatch(loop, &s->watch);
    trk_loop_cancel(loop, &s->task);
    trk_ringmem_close(&s->memory);
    trk_slots_free(&s->slots);
    trk_nowait_close(s->tcp_fd);
    trk_loop_defer_free(loop, s);
}

static int check(const struct trk_minis *m, const struct trk_ctl_mini_listen *listen, int tcp_fd, uid_t uid)
{
    union trk_sockaddr local = trk_addrs_from_ipc(&listen->local);
    if (listen->layout != TRK_RINGMEM_LAYOUT)
        return -EPROTO;
    if (tcp_fd < 0 || !proves(m->d, tcp_fd, &local))
        return -EINVAL;
    if (is_taken(m, &local, tcp_fd, listen->flags & TRK_CTL_MINI_SHARED, uid))
        return -EADDRINUSE;
    return is_full(m, uid) ? -ENOBUFS : 0;
}

static struct trk_service *make(struct trk_minis *m, const struct trk_ctl_mini_listen *listen, int tcp_fd,
                                const struct ucred *who)
{
    struct trk_service *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->all = m;
    s->task.run = trk_minis_run;
    s->memory = (struct trk_ringmem){.memory_fd = -1, .daemon_fd = -1, .app_fd = -1, .bell_fd = -1};
    s->local = trk_addrs_from_ipc(&listen->local);
    s->v6only = is_v6only(&s->local, tcp_fd);
    s->shared = listen->flags & TRK_CTL_MINI_SHARED;
    s->want_new = listen->flags & TRK_CTL_MINI_WANT_NEW;
    s->tcp_fd = tcp_fd;
    s->uid = who->uid;
    s->pid = who->pid;
    return s;
}

int trk_minis_listen(struct trk_minis *m, const struct trk_ctl_mini_listen *listen, int tcp_fd, int control_fd,
                     const struct ucred *who, struct trk_service **out)
{
    char text[TRK_ADDRS_TEXT_BYTES];
    int rc = check(m, listen, tcp_fd, who->uid);
    struct trk_service *s = rc == 0 ? make(m, listen, tcp_fd, who) : NULL;
    if (s == NULL) {
        if (tcp_fd >= 0)
            trk_nowait_close(tcp_fd);
        return rc != 0 ? rc : -ENOMEM;
    }
    s->control_fd = control_fd;
    rc = open_rings(s);
    if (rc != 0) {
        release(s);
        return rc;
    }
    s->next = m->first;
    m->first = s;
    m->count++;
    trk_log(&m->d->log, TRK_LOG_DEBUG, "%s: served by process %d", trk_addrs_text(&s->local, text), (int)s->pid);
    *out = s;
    return 0;
}

/* ---- ends ---- */

static void leave(struct trk_service *s)
{
    struct trk_service **at = &s->all->first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->all->count--;
}

/* Nobody will answer these any more: clients ask again. */
static void excuse(struct trk_service *s)
{
    for (uint32_t i = 0; i < s->slots.n && s->slots.used > 0; i++) {
        struct trk_slot *slot = &s->slots.slot[i];
        if (!slot->used)
            continue;
        if (!slot->ticket.answered)
            trk_minis_ack(s->all, &slot->ticket, TRK_REASON_AWAY, &slot->path);
        trk_slots_give(&s->slots, slot);
    }
}

void trk_minis_end(struct trk_service *s)
{
    char text[TRK_ADDRS_TEXT_BYTES];
    if (!s->cut)
        leave(s);
    excuse(s);
    trk_log(&s->all->d->log, TRK_LOG_DEBUG, "%s: no longer served by process %d", trk_addrs_text(&s->local, text),
            (int)s->pid);
    release(s);
}

void trk_minis_cut(struct trk_service *s, const char *why)
{
    struct trk_daemon *d = s->all->d;
    char text[TRK_ADDRS_TEXT_BYTES];
    uint64_t suppressed;
    if (s->cut)
        return;
    leave(s);
    s->cut = true;
    trk_loop_unwatch(d->loop, &s->watch);
    trk_loop_cancel(d->loop, &s->task);
    (void)shutdown(s->control_fd, SHUT_RDWR); /* seen as its end */
    d->count.mini_cut++;
    if (trk_log_allow(&s->all->cut_limit, trk_loop_now_ns(d->loop), &suppressed))
        trk_log(&d->log, TRK_LOG_WARN, "%s: process %d is cut off: %s (%llu more such)",
                trk_addrs_text(&s->local, text), (int)s->pid, why, (unsigned long long)suppressed);
}

/* ---- looking up ---- */

/* How many fit best; *best: how well. */
static unsigned count_best(const struct trk_minis *m, const union trk_sockaddr *local, int *best)
{
    unsigned n = 0;
    *best = 0;
    for (const struct trk_service *s = m->first; s != NULL; s = s->next) {
        int f = fit(s, local);
        n = f > *best ? 1 : n + (f == *best && f > 0);
        *best = f > *best ? f : *best;
    }
    return n;
}

/* Whom the kernel lets listen has the port: a service's socket does not, and another's could come beside it. */
bool trk_minis_serve(const struct trk_minis *m, const union trk_sockaddr *local)
{
    const struct trk_service *s = trk_minis_find(m, local);
    const struct trk_listener *l = s != NULL ? trk_listeners_find(m->d->listeners, local, 0) : NULL;
    return s != NULL && (l == NULL || l->party.uid == s->uid);
}

struct trk_service *trk_minis_find(const struct trk_minis *m, const union trk_sockaddr *local)
{
    int best;
    unsigned n = count_best(m, local, &best);
    if (n == 0)
        return NULL;
    uint64_t pick = n > 1 ? trk_daemon_random(m->d) % n : 0;
    for (struct trk_service *s = m->first; s != NULL; s = s->next)
        if (fit(s, local) == best && pick-- == 0)
            return s;
    return NULL;
}
