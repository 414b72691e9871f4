/* connect(): bind the descriptor to a name that says from where to where, connect it to the
 * daemon's data listener, fill the send buffer with the set-up message; the daemon empties it when
 * the connection is up. Departures from TCP are told in libtrickles(7). */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "shim.h"

#define DATA_BUSY_TRIES 50 /* of 1 ms, where the daemon's queue of new connections is full */

static int is_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) == 0;
}

/* A bound socket keeps its L name; the store takes what that cannot say. */
static int remember_addrs(int fd, struct trk_tag *tag, const struct trk_name *order)
{
    struct trk_store store;
    int rc = trk_store_load(fd, &store);
    if (rc == 0) {
        rc = trk_store_put(&store, TRK_STORE_OWN, TRK_STORE_OWN_LOCAL, &order->local,
                           sizeof order->local);
    }
    if (rc == 0) {
        rc = trk_store_put(&store, TRK_STORE_OWN, TRK_STORE_OWN_REMOTE, &order->remote,
                           sizeof order->remote);
    }
    if (rc == 0) {
        rc = trk_store_save(fd, &store);
    }
    tag->bits |= TRK_TAG_STORE;
    return rc;
}

/* The connect order, and the descriptor's own name. */
static int make_order(int fd, struct trk_tag *tag, const struct trk_ipc_addr *local,
                      const struct trk_ipc_addr *remote, struct trk_name *order)
{
    struct trk_name bound;
    *order = (struct trk_name){.kind = TRK_NAME_CONNECT, .local = *local, .remote = *remote};
    order->flags = (tag->bits & TRK_TAG_V6) != 0 ? TRK_NAME_F_V6 : 0;
    if (!trk_shim_admits(0, remote)) {
        order->flags |= TRK_NAME_F_TCP_ONLY;
    }
    if ((tag->bits & TRK_TAG_BOUND) != 0 && trk_state_name(fd, 1, &bound) == 0) {
        order->id = bound.id;
        if (!trk_ipc_addr_is_any(&bound.local)) {
            order->local = bound.local;
        }
        order->local.port = bound.local.port;
        return remember_addrs(fd, tag, order);
    }
    struct sockaddr_un un;
    socklen_t len;
    order->id = trk_state_new_id();
    int rc = trk_name_to_sockaddr(order, &un, &len);
    if (rc == 0 && trk_real.bind(fd, (struct sockaddr *)&un, len) != 0) {
        rc = -errno;
    }
    return rc;
}

static int connect_data(int fd, const struct trk_locate_place *place)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < DATA_BUSY_TRIES; i++) {
        if (trk_real.connect(fd, (const struct sockaddr *)&place->data, sizeof place->data) == 0) {
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        if (errno == EAGAIN) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return -EAGAIN;
}

/* The daemon has spoken, or is gone. 0, or what connect() says. */
static int finish(int fd, struct trk_tag *tag, int is_hung_up)
{
    struct trk_link_result result;
    trk_state_refresh(fd, tag, &result);
    if (tag->state == TRK_TAG_CONNECTED) {
        return 0;
    }
    if (result.state != TRK_LINK_FAILED && !is_hung_up) {
        return -EALREADY;
    }
    int ignored;
    socklen_t len = sizeof ignored;
    (void)trk_real.getsockopt(fd, SOL_SOCKET, SO_ERROR, &ignored, &len);
    tag->state = TRK_TAG_CLOSED;
    (void)trk_tag_set(fd, tag);
    return result.state == TRK_LINK_FAILED ? -result.error_no : -ECONNREFUSED;
}

/* With TCP the kernel goes on waiting after a handler with SA_RESTART. Which handler ran is not to
 * be known here: if all that are installed have it, it did. Handlers of faults (sanitizers and
 * language runtimes install them) are not what interrupts a wait. */
static int handlers_restart(void)
{
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction act;
        int is_fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL ||
                       sig == SIGTRAP || sig == SIGABRT;
        if (!is_fault && sigaction(sig, NULL, &act) == 0 && act.sa_handler != SIG_DFL &&
            act.sa_handler != SIG_IGN && (act.sa_flags & SA_RESTART) == 0) {
            return 0;
        }
    }
    return 1;
}

/* SO_SNDTIMEO bounds connect(), too. -1: no bound. */
static int limit_ms(int fd)
{
    struct timeval tv = {0};
    socklen_t len = sizeof tv;
    if (trk_real.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len) != 0 ||
        (tv.tv_sec == 0 && tv.tv_usec == 0)) {
        return -1;
    }
    return tv.tv_sec > INT32_MAX / 1000 - 1 ? -1
                                            : (int)(tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000);
}

/* A blocking connect waits here, the first time or again after EINTR. */
static int wait_established(int fd, struct trk_tag *tag)
{
    int limit = limit_ms(fd);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int n = poll(&p, 1, limit);
        if (n < 0 && (errno != EINTR || limit >= 0 || !handlers_restart())) {
            return -errno;
        }
        if (n == 0) {
            return -EINPROGRESS;
        }
        if (n > 0) {
            int rc = finish(fd, tag, (p.revents & (POLLHUP | POLLERR)) != 0);
            if (rc != -EALREADY) {
                return rc;
            }
        }
    }
}

/* connect() on a descriptor whose attempt is under way. */
static int connect_again(int fd, struct trk_tag *tag)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (is_blocking(fd)) {
        return wait_established(fd, tag);
    }
    (void)poll(&p, 1, 0);
    return finish(fd, tag, (p.revents & (POLLHUP | POLLERR)) != 0);
}

/* A failed AF_UNIX socket cannot be connected again: a new one takes the number, with all
 * options. */
static int renew(int fd, struct trk_tag *tag)
{
    struct trk_store store = {0};
    struct trk_name name;
    int is_bound = (tag->bits & TRK_TAG_BOUND) != 0 && trk_state_name(fd, 1, &name) == 0;
    if ((tag->bits & TRK_TAG_STORE) != 0) {
        (void)trk_store_load(fd, &store);
    }
    tag->state = TRK_TAG_FRESH;
    int fresh = trk_state_open(SOCK_CLOEXEC, tag);
    if (fresh < 0) {
        return fresh;
    }
    if (store.count > 0) {
        (void)trk_store_save(fresh, &store);
    }
    int rc = trk_tcp_replace(fd, fresh);
    if (rc == 0 && is_bound) {
        struct sockaddr_un un;
        socklen_t len;
        rc = trk_name_to_sockaddr(&name, &un, &len);
        if (rc == 0 && trk_real.bind(fd, (struct sockaddr *)&un, len) != 0) {
            rc = -errno;
        }
    }
    trk_trace("fd %d: connect again after a failure: new file", fd);
    return rc;
}

static int start(int fd, struct trk_tag *tag, const struct trk_ipc_addr *local,
                 const struct trk_ipc_addr *remote, const struct trk_locate_place *place)
{
    struct trk_name order;
    int smallest = 0;
    int rc = make_order(fd, tag, local, remote, &order);
    if (rc != 0) {
        return rc;
    }
    (void)trk_real.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
    rc = connect_data(fd, place);
    if (rc != 0) {
        trk_daemon_forget();
        return -ENOTCONN;
    }
    tag->state = TRK_TAG_CONNECTING;
    rc = trk_tag_set(fd, tag);
    if (rc == 0) {
        rc = trk_state_send_setup(fd, &order, TRK_LINK_CONNECT_BYTES, fd);
    }
    trk_trace("fd %d: connect, id %016llx, port %u%s: %s", fd, (unsigned long long)order.id,
              remote->port, (order.flags & TRK_NAME_F_TCP_ONLY) != 0 ? ", TCP only (rules)" : "",
              rc == 0 ? "asked" : strerrordesc_np(-rc));
    /* A daemon that refuses at once closes while we still write: its verdict is in the result
     * cell. */
    return rc == 0 || rc == -EPIPE || rc == -ECONNRESET ? -EINPROGRESS : rc;
}

static int connect_first(int fd, struct trk_tag *tag, const struct sockaddr *addr, socklen_t len)
{
    struct trk_ipc_addr local = {0};
    struct trk_ipc_addr remote;
    int rc = trk_route_find(tag, addr, len, &local, &remote);
    if (rc != 0) {
        return rc;
    }
    const struct trk_locate_place *place = trk_daemon_find(0);
    rc = place != NULL ? start(fd, tag, &local, &remote, place) : -ENOTCONN;
    if (rc == -ENOTCONN) { /* no daemon any more */
        rc = trk_tcp_fall_back(fd, tag);
        return rc == 0 ? (trk_real.connect(fd, addr, len) == 0 ? 0 : -errno) : rc;
    }
    return rc == -EINPROGRESS && is_blocking(fd) ? wait_established(fd, tag) : rc;
}

static int dissolve(int fd, struct trk_tag *tag)
{
    if (tag->state == TRK_TAG_LISTENING || tag->state == TRK_TAG_FRESH) {
        return 0;
    }
    return renew(fd, tag);
}

int trk_hook_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    int kept_errno = errno;
    struct trk_tag tag;
    int rc;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.connect(fd, addr, len);
    }
    if (addr == NULL) {
        return trk_shim_return(-EFAULT);
    }
    if (len < sizeof addr->sa_family) {
        return trk_shim_return(-EINVAL);
    }
    if (addr->sa_family == AF_UNSPEC) {
        rc = dissolve(fd, &tag);
        errno = kept_errno;
        return trk_shim_return(rc);
    }
    switch (tag.state) {
    case TRK_TAG_CONNECTED:
    case TRK_TAG_ACCEPTED:
    case TRK_TAG_LISTENING:
        rc = -EISCONN;
        break;
    case TRK_TAG_CONNECTING:
        rc = connect_again(fd, &tag);
        break;
    case TRK_TAG_FAILED: /* SO_ERROR took the reason */
        tag.state = TRK_TAG_CLOSED;
        rc = trk_tag_set(fd, &tag) != 0 ? -EBADF : -ECONNABORTED;
        break;
    case TRK_TAG_CLOSED:
        rc = renew(fd, &tag);
        rc = rc == 0 ? connect_first(fd, &tag, addr, len) : rc;
        break;
    case TRK_TAG_FRESH:
    default:
        rc = connect_first(fd, &tag, addr, len);
        break;
    }
    errno = kept_errno;
    return trk_shim_return(rc);
}
