/* Connected sockets beside a port: see peersocks.h. */
#include <config.h>

#include "daemon/peersocks.h"

static void ready(struct trk_watch *w, uint32_t events)
{
    struct trk_peersock *s = TRK_HEAP_OBJECT(w, struct trk_peersock, watch);
    (void)events;
    s->heard = true;
    (void)s->set->receive(s->set->arg, s->udp);
}

static void close_one(struct trk_peersock *s)
{
    trk_loop_unwatch(s->set->loop, &s->watch);
    trk_udp_close(s->udp);
    s->udp = NULL;
    s->set->n--;
}

static void close_idle(struct trk_timer *t)
{
    struct trk_peersocks *set = TRK_HEAP_OBJECT(t, struct trk_peersocks, timer);
    for (unsigned i = 0; i < TRK_PEERSOCKS_MAX; i++) {
        struct trk_peersock *s = &set->sock[i];
        if (s->udp != NULL && !s->heard && set->receive(set->arg, s->udp) == 0)
            close_one(s);
        s->heard = false;
    }
    if (set->n > 0)
        trk_loop_arm(set->loop, t, trk_loop_now_ns(set->loop) + set->idle_ns);
}

static bool is_link_local(const union trk_sockaddr *a)
{
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr);
}

/* A free place; NULL if there is none, or path has a socket already. */
static struct trk_peersock *place_for(struct trk_peersocks *set, const struct trk_udp_path *path)
{
    struct trk_peersock *found = NULL;
    for (unsigned i = 0; i < TRK_PEERSOCKS_MAX; i++) {
        struct trk_peersock *s = &set->sock[i];
        if (s->udp == NULL)
            found = s;
        else if (trk_sockaddr_equal(&s->path.remote, &path->remote) &&
                 trk_sockaddr_same_host(&s->path.local, &path->local))
            return NULL;
    }
    return found;
}

static int open_one(struct trk_peersock *s, struct trk_peersocks *set, const struct trk_udp_path *path)
{
    struct trk_udp_options opt = {.port = trk_sockaddr_port(trk_udp_local(set->port)),
                                  .local = path->local,
                                  .remote = path->remote,
                                  .beside = set->port};
    int rc = trk_udp_open(&s->udp, &opt);
    if (rc != 0)
        return rc;
    s->set = set;
    s->path = *path;
    s->heard = true;
    set->n++;
    rc = trk_loop_watch(set->loop, &s->watch, trk_udp_fd(s->udp), EPOLLIN, ready);
    if (rc != 0)
        close_one(s); /* what may have come by it is lost, as in the network */
    return rc;
}

int trk_peersocks_open(struct trk_peersocks *set, const struct trk_udp_path *path)
{
    uint64_t now_ns = trk_loop_now_ns(set->loop);
    struct trk_peersock *s = place_for(set, path);
    if (s == NULL || now_ns < set->not_before_ns || path->local.sa.sa_family == AF_UNSPEC ||
        is_link_local(&path->remote) || is_link_local(&path->local))
        return 0;
    int rc = open_one(s, set, path);
    if (rc != 0) {
        set->not_before_ns = now_ns + set->idle_ns;
        return rc;
    }
    set->timer.fire = close_idle;
    if (!trk_heap_contains(&set->timer.node))
        trk_loop_arm(set->loop, &set->timer, now_ns + set->idle_ns);
    return 1;
}

void trk_peersocks_close(struct trk_peersocks *set)
{
    for (unsigned i = 0; i < TRK_PEERSOCKS_MAX; i++)
        if (set->sock[i].udp != NULL)
            close_one(&set->sock[i]);
    trk_loop_arm(set->loop, &set->timer, TRK_LOOP_NEVER);
}
