/* Kernel TCP clients: see accept_tcp.h. */
#include <config.h>

#include "daemon/accept_tcp.h"

#include "daemon/addrs.h"
#include "daemon/nowait.h"
#include "ipc/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_MAX = 64,    /* in one turn */
    RETRY_MIN_MS = 1,    /* while the application's queue is full */
    RETRY_DOUBLINGS = 5, /* up to 32 ms */
    STARVED_MS = 100,    /* while there are no descriptors */
};

static void pause_for(struct trk_listener *l, uint64_t ms)
{
    trk_loop_rewatch(l->d->loop, &l->tcp_watch, 0);
    trk_loop_arm(l->d->loop, &l->tcp_retry, trk_loop_now_ns(l->d->loop) + ms * 1000000);
}

/* The client gets a reset: a clean end would look like an answer. */
static void refuse(int fd)
{
    struct linger abortive = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
}

/* Hands over fd. 0: done; -EAGAIN: later; others: it cannot be done. */
static int hand_over(struct trk_listener *l, int fd)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof ss;
    uint64_t id;
    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return -errno;
    union trk_sockaddr local = trk_addrs_from_storage(&ss);
    len = sizeof ss;
    if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
        return -errno; /* reset meanwhile */
    union trk_sockaddr remote = trk_addrs_from_storage(&ss);
    int link = trk_listener_connect(l, TRK_NAME_TCP, &local, &remote, &id);
    if (link == -EMFILE || link == -ENFILE)
        trk_daemon_out_of_descriptors(l->d, -link);
    if (link < 0)
        return link == -ECONNREFUSED ? link : -EAGAIN;
    int rc = trk_fdpass_send(link, "", 1, fd, MSG_DONTWAIT) == 1 ? 0 : -ECONNABORTED;
    l->d->count.accepted_tcp += rc == 0;
    close(link);
    return rc;
}

/* False: fd is kept, and the listener waits; or the listener is gone. */
static bool serve(struct trk_listener *l, int fd)
{
    int rc = hand_over(l, fd);
    if (rc == -EAGAIN) {
        l->tcp_waiting_fd = fd;
        pause_for(l, (uint64_t)RETRY_MIN_MS << (l->tcp_tries < RETRY_DOUBLINGS ? l->tcp_tries++ : RETRY_DOUBLINGS));
        return false;
    }
    if (rc != 0)
        refuse(fd);
    close(fd);
    l->tcp_waiting_fd = -1;
    l->tcp_tries = 0;
    return rc != -ECONNREFUSED || trk_listeners_test(l->d->listeners, l);
}

/* The application has made its socket one that waits: no TCP clients for it any more. */
static void give_up(struct trk_listener *l)
{
    char text[TRK_ADDRS_TEXT_BYTES];
    trk_log(&l->d->log, TRK_LOG_DEBUG, "%s: its TCP socket blocks: closed", trk_addrs_text(&l->local, text));
    trk_accept_tcp_stop(l);
    trk_nowait_close(l->tcp_fd);
    l->tcp_fd = -1;
}

static void accept_all(struct trk_listener *l)
{
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(l->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno == EINTR) {
            give_up(l);
        } else if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            trk_daemon_out_of_descriptors(l->d, errno);
            pause_for(l, STARVED_MS);
        }
        if (fd < 0 || !serve(l, fd))
            return;
    }
}

static void tcp_ready(struct trk_watch *w, uint32_t events)
{
    (void)events;
    trk_nowait_begin();
    accept_all(TRK_HEAP_OBJECT(w, struct trk_listener, tcp_watch));
    trk_nowait_end();
}

static void retry(struct trk_timer *t)
{
    struct trk_listener *l = TRK_HEAP_OBJECT(t, struct trk_listener, tcp_retry);
    if (l->tcp_waiting_fd >= 0 && !serve(l, l->tcp_waiting_fd))
        return;
    trk_loop_rewatch(l->d->loop, &l->tcp_watch, EPOLLIN);
}

int trk_accept_tcp_start(struct trk_listener *l)
{
    if (l->tcp_fd < 0 || l->tcp_watch.ready != NULL)
        return 0;
    int flags = fcntl(l->tcp_fd, F_GETFL);
    if (flags < 0 || fcntl(l->tcp_fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -errno;
    l->tcp_retry.fire = retry;
    return trk_loop_watch(l->d->loop, &l->tcp_watch, l->tcp_fd, EPOLLIN, tcp_ready);
}

void trk_accept_tcp_stop(struct trk_listener *l)
{
    trk_loop_arm(l->d->loop, &l->tcp_retry, TRK_LOOP_NEVER);
    trk_loop_unwatch(l->d->loop, &l->tcp_watch);
    if (l->tcp_waiting_fd >= 0) {
        refuse(l->tcp_waiting_fd);
        close(l->tcp_waiting_fd);
    }
    l->tcp_waiting_fd = -1;
}
