/* The TCP relay: see relay.h. */
#include <config.h>

#include "daemon/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 256 << 10, /* moved at a time */
    TURN_CHUNKS = 4,         /* and in one turn, each way */
};

static uint8_t chunk[CHUNK_BYTES]; /* one thread */

int trk_relay_start(struct trk_relay *r, struct trk_daemon *d, int tcp_fd,
                    void (*ready)(struct trk_watch *w, uint32_t events))
{
    struct linger abortive = {.l_onoff = 1, .l_linger = 0};
    int on = 1;
    *r = (struct trk_relay){.tcp_fd = tcp_fd, .readable = true, .writable = true};
    (void)setsockopt(tcp_fd, SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
    (void)setsockopt(tcp_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* what comes in pieces leaves in pieces */
    int rc = trk_loop_watch(d->loop, &r->watch, tcp_fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, ready);
    if (rc != 0)
        r->tcp_fd = -1;
    return rc;
}

void trk_relay_note(struct trk_relay *r, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        r->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        r->writable = true;
}

static int hold(struct trk_relay_pipe *p, const uint8_t *bytes, size_t len)
{
    p->held = malloc(len);
    if (p->held == NULL)
        return -ENOMEM;
    memcpy(p->held, bytes, len);
    p->at = 0;
    p->len = len;
    return 0;
}

static void let_go(struct trk_relay_pipe *p, size_t n)
{
    p->at += n;
    if (p->at < p->len)
        return;
    free(p->held);
    p->held = NULL;
}

/* Bytes to the TCP socket: how many it took, or -errno. */
static long write_tcp(struct trk_relay *r, const uint8_t *bytes, size_t len)
{
    ssize_t n = send(r->tcp_fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
        n = 0;
    if (n < 0)
        return -errno;
    if ((size_t)n < len)
        r->writable = false;
    r->bytes_to_tcp += (uint64_t)n;
    return n;
}

static long write_app(struct trk_relay *r, struct trk_applink *l, uint8_t *bytes, size_t len)
{
    struct iovec iov = {.iov_base = bytes, .iov_len = len};
    long n = trk_applink_write(l, &iov, 1);
    if (n > 0)
        r->bytes_to_app += (uint64_t)n;
    return n;
}

/* One step towards the peer: 1 something moved, 0 nothing can, -1 reset. */
static int step_to_tcp(struct trk_relay *r, struct trk_applink *l)
{
    struct trk_relay_pipe *p = &r->to_tcp;
    if (!r->writable || r->fin_to_tcp)
        return 0;
    if (p->held != NULL) {
        long n = write_tcp(r, p->held + p->at, p->len - p->at);
        if (n > 0)
            let_go(p, (size_t)n);
        return n < 0 ? -1 : n > 0;
    }
    struct iovec iov = {.iov_base = chunk, .iov_len = sizeof chunk};
    if (trk_applink_look(l) != 0)
        return -1;
    long got = trk_applink_take(l, &iov, 1);
    if (got < 0)
        return -1;
    if (got == 0 && l->eof) {
        r->fin_to_tcp = true;
        (void)shutdown(r->tcp_fd, SHUT_WR);
    }
    long n = got > 0 ? write_tcp(r, chunk, (size_t)got) : 0;
    if (n < 0 || (n < got && hold(p, chunk + n, (size_t)(got - n)) != 0))
        return -1;
    return got > 0;
}

static int step_to_app(struct trk_relay *r, struct trk_applink *l)
{
    struct trk_relay_pipe *p = &r->to_app;
    if (l->full || r->fin_to_app)
        return 0;
    if (p->held != NULL) {
        long n = write_app(r, l, p->held + p->at, p->len - p->at);
        if (n > 0)
            let_go(p, (size_t)n);
        return n < 0 ? -1 : n > 0;
    }
    if (!r->readable)
        return 0;
    ssize_t got = recv(r->tcp_fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (got < 0) {
        r->readable = false;
        return errno == EAGAIN ? 0 : -1;
    }
    if (got == 0) {
        r->tcp_eof = r->fin_to_app = true;
        trk_applink_finish_writing(l);
        return 1;
    }
    long n = write_app(r, l, chunk, (size_t)got);
    return n < 0 || (n < got && hold(p, chunk + n, (size_t)(got - n)) != 0) ? -1 : 1;
}

enum trk_relay_result trk_relay_run(struct trk_relay *r, struct trk_applink *l)
{
    if (l->broken)
        return TRK_RELAY_RESET;
    for (unsigned i = 0; i < TURN_CHUNKS; i++) {
        int up = step_to_tcp(r, l);
        int down = up >= 0 ? step_to_app(r, l) : 0;
        if (up < 0 || down < 0)
            return TRK_RELAY_RESET;
        if (r->fin_to_tcp && r->fin_to_app)
            return TRK_RELAY_DONE;
        if (up == 0 && down == 0)
            return TRK_RELAY_WAIT;
    }
    return TRK_RELAY_MORE;
}

void trk_relay_stop(struct trk_relay *r, struct trk_daemon *d, bool clean)
{
    struct linger off = {.l_onoff = 0};
    if (r->tcp_fd < 0)
        return;
    if (clean)
        (void)setsockopt(r->tcp_fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    trk_loop_unwatch(d->loop, &r->watch);
    close(r->tcp_fd);
    r->tcp_fd = -1;
    free(r->to_tcp.held);
    free(r->to_app.held);
    r->to_tcp.held = r->to_app.held = NULL;
}
