/* An application's end of a connection: see applink.h. */
#include <config.h>

#include "daemon/applink.h"

#include "ipc/fdpass.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is consumed after it was copied elsewhere goes here: small enough to stay in the cache. One thread. */
static uint8_t scratch[64 << 10];

enum {
    WATCHED = EPOLLIN | EPOLLRDHUP | EPOLLET,
    NEAR_BYTES = 256, /* before what is looked at: copied along rather than skipped by SO_PEEK_OFF */
};

void trk_applink_init(struct trk_applink *l, struct trk_daemon *d, int fd)
{
    *l = (struct trk_applink){.d = d, .fd = fd, .dup = -1, .peek_at = -1, .news = true};
}

int trk_applink_watch(struct trk_applink *l, void (*ready)(struct trk_watch *w, uint32_t events))
{
    return trk_loop_watch(l->d->loop, &l->watch, l->fd, WATCHED, ready);
}

void trk_applink_note(struct trk_applink *l, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
        l->news = true;
    if (events & EPOLLOUT)
        l->full = false;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        l->eof = true;
    if (events & EPOLLHUP) {
        l->gone = true;
        l->closed |= !l->finished;
    }
    if (events & EPOLLERR)
        l->broken = l->gone = l->eof = true;
}

int trk_applink_read_setup(struct trk_applink *l, struct trk_name *name, struct ucred *who)
{
    char text[TRK_LINK_TEXT_BYTES];
    int dup = -1;
    ssize_t n = trk_fdpass_recv_from(l->fd, text, sizeof text, &dup, MSG_DONTWAIT, who);
    l->news = n != -EAGAIN;
    if (n == -EAGAIN)
        return -EAGAIN;
    if (n <= 0)
        return -ECONNRESET;
    l->dup = dup;
    /* The shim sends the whole message at once, so a part of it is somebody else. */
    if (n != (ssize_t)sizeof text || trk_name_parse(text, strnlen(text, sizeof text), name) != 0)
        return -EPROTO;
    return dup < 0 && name->kind == TRK_NAME_CONNECT ? -EPROTO : 0;
}

/* Consumes len queued bytes. */
static int drain(struct trk_applink *l, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(l->fd, scratch, len < sizeof scratch ? len : sizeof scratch, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -ECONNRESET : -errno;
        len -= (size_t)n;
        if (l->peek_at >= 0)
            l->peek_at = l->peek_at > n ? l->peek_at - (int)n : 0;
    }
    return 0;
}

static void enlarge(int fd, size_t bytes)
{
    int half = (int)(bytes / 2); /* the kernel doubles it */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof half) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
}

static void drop_dup(struct trk_applink *l)
{
    if (l->dup >= 0)
        close(l->dup);
    l->dup = -1;
}

int trk_applink_establish(struct trk_applink *l, bool connecting, uint16_t local_port, bool is_tcp)
{
    struct trk_link_result result = {.state = TRK_LINK_UP, .local_port = local_port, .is_tcp = is_tcp};
    int rc = connecting ? trk_link_set_result(l->dup, &result) : 0;
    if (l->dup >= 0)
        enlarge(l->dup, l->d->conf.socket_buffer_bytes);
    drop_dup(l);
    l->lag = (connecting ? TRK_LINK_CONNECT_BYTES : TRK_LINK_ACCEPT_BYTES) - TRK_LINK_TEXT_BYTES;
    l->up = rc == 0;
    l->news = !connecting || l->eof; /* a connecting application could not write before this */
    return rc;
}

void trk_applink_fail(struct trk_applink *l, int err)
{
    struct trk_link_result result = {.state = TRK_LINK_FAILED, .error_no = err};
    if (l->dup >= 0)
        (void)trk_link_set_result(l->dup, &result);
    trk_applink_reset(l);
}

int trk_applink_look(struct trk_applink *l)
{
    int queued;
    if (!l->news || !l->up)
        return 0;
    l->news = false;
    if (ioctl(l->fd, SIOCINQ, &queued) != 0)
        return -errno;
    if (queued < 0 || (size_t)queued < l->lag) /* the end of the set-up message may be on its way */
        return l->eof || l->end != 0 ? -ECONNRESET : 0;
    l->end = l->taken + (uint64_t)queued - l->lag;
    return 0;
}

/* Where byte `at` of what v describes lies. */
static uint8_t *byte_at(const struct iovec *iov, int n, size_t at)
{
    int i = 0;
    while (i + 1 < n && at >= iov[i].iov_len)
        at -= iov[i++].iov_len;
    return (uint8_t *)iov[i].iov_base + at;
}

/*
 * One call consumes the lag and all but the last byte wanted; a second reads that last one with MSG_PEEK, so that it
 * lags. A read may be short (a descriptor passed by the application ends one): the same holds then.
 */
long trk_applink_take(struct trk_applink *l, const struct iovec *iov, int n)
{
    struct iovec v[3] = {{.iov_base = scratch, .iov_len = l->lag}};
    struct msghdr msg = {.msg_iov = v, .msg_iovlen = 1};
    size_t want = 0, left = (size_t)(l->end - l->taken);
    for (int i = 0; i < n && i < 2; i++) {
        size_t len = iov[i].iov_len < left - want ? iov[i].iov_len : left - want;
        v[msg.msg_iovlen++] = (struct iovec){.iov_base = iov[i].iov_base, .iov_len = len};
        want += len;
    }
    if (want == 0)
        return 0;
    for (size_t i = msg.msg_iovlen - 1; i > 0; i--) {
        if (v[i].iov_len > 0) {
            v[i].iov_len--;
            break;
        }
    }
    ssize_t r = recvmsg(l->fd, &msg, MSG_DONTWAIT);
    if (r <= 0)
        return r == 0 ? -ECONNRESET : -errno;
    if ((size_t)r < l->lag) { /* no further than into what was taken */
        l->lag -= (size_t)r;
        return 0;
    }
    r -= (ssize_t)l->lag - 1;
    if (recv(l->fd, byte_at(iov, n, (size_t)r - 1), 1, MSG_PEEK | MSG_DONTWAIT) != 1)
        return -ECONNRESET;
    l->lag = 1;
    l->taken += (uint64_t)r;
    return r;
}

/* Without SO_PEEK_OFF, which a connection with short answers then never needs. Returns how many bytes of out came. */
static ssize_t peek_near(const struct trk_applink *l, size_t at, uint8_t *out, size_t len)
{
    struct iovec v[2] = {{.iov_base = scratch, .iov_len = at}, {.iov_base = out, .iov_len = len}};
    struct msghdr msg = {.msg_iov = v, .msg_iovlen = 2};
    ssize_t n = recvmsg(l->fd, &msg, MSG_PEEK | MSG_DONTWAIT);
    return n > (ssize_t)at ? n - (ssize_t)at : 0;
}

int trk_applink_peek(struct trk_applink *l, uint64_t off, uint8_t *out, size_t len)
{
    int at = (int)(off - l->taken + l->lag);
    if (l->peek_at < 0 && at <= NEAR_BYTES) {
        ssize_t n = peek_near(l, (size_t)at, out, len);
        at += (int)n;
        out += n;
        len -= (size_t)n;
    }
    if (len == 0)
        return 0;
    if (at != l->peek_at && setsockopt(l->fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof at) != 0)
        return -errno;
    l->peek_at = at;
    while (len > 0) {
        ssize_t n = recv(l->fd, out, len, MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0)
            return n == 0 ? -ECONNRESET : -errno;
        l->peek_at += (int)n;
        out += n;
        len -= (size_t)n;
    }
    return 0;
}

int trk_applink_move(struct trk_applink *l, uint8_t *out, size_t len)
{
    struct iovec iov = {.iov_base = out, .iov_len = len};
    while (iov.iov_len > 0) {
        int off = 0;
        if (l->peek_at >= 0 && setsockopt(l->fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off) != 0)
            return -errno;
        if (l->peek_at >= 0)
            l->peek_at = 0;
        long n = trk_applink_take(l, &iov, 1);
        if (n <= 0)
            return n == 0 ? -ECONNRESET : (int)n;
        if (l->peek_at >= 0)
            l->peek_at = 1; /* the lag byte was looked at */
        iov.iov_base = (uint8_t *)iov.iov_base + n;
        iov.iov_len -= (size_t)n;
    }
    return 0;
}

int trk_applink_release(struct trk_applink *l, uint64_t off)
{
    if (off <= l->taken)
        return 0;
    l->lag += (size_t)(off - l->taken);
    l->taken = off;
    if (l->gone && !l->news && off == l->end) /* all that ever comes: the close will do it */
        return 0;
    int rc = drain(l, l->lag - 1);
    l->lag = 1;
    return rc;
}

/* The buffer is full. The first time it is made larger: true, try again. */
static bool widen(struct trk_applink *l)
{
    l->full = true;
    if (l->wide)
        return false;
    l->wide = true;
    enlarge(l->fd, l->d->conf.socket_buffer_bytes);
    if (l->watch.ready != NULL)
        trk_loop_rewatch(l->d->loop, &l->watch, WATCHED | EPOLLOUT);
    l->full = false;
    return true;
}

static long write_failed(struct trk_applink *l, const struct iovec *iov, int n)
{
    long all = 0;
    if (errno == EAGAIN)
        return widen(l) ? trk_applink_write(l, iov, n) : 0;
    struct pollfd p = {.fd = l->fd};
    if (errno != EPIPE || l->gone || poll(&p, 1, 0) < 0 || (p.revents & POLLHUP))
        return -EPIPE;
    l->deaf = true; /* it did SHUT_RD: its other direction goes on */
    for (int i = 0; i < n; i++)
        all += (long)iov[i].iov_len;
    return all;
}

long trk_applink_write(struct trk_applink *l, const struct iovec *iov, int n)
{
    struct iovec v[2] = {{.iov_len = 0}};
    struct msghdr msg = {.msg_iov = v, .msg_iovlen = (size_t)(n < 2 ? n : 2)};
    for (int i = 0; i < n && i < 2; i++)
        v[i] = iov[i];
    ssize_t r;
    do
        r = sendmsg(l->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r >= 0 ? r : write_failed(l, iov, n);
}

void trk_applink_finish_writing(struct trk_applink *l)
{
    if (l->fd >= 0 && !l->gone)
        (void)shutdown(l->fd, SHUT_WR);
    l->finished = true;
}

void trk_applink_reset(struct trk_applink *l)
{
    drop_dup(l);
    if (l->fd >= 0) {
        trk_loop_forget(&l->watch);
        close(l->fd);
    }
    l->fd = -1;
}

void trk_applink_close(struct trk_applink *l)
{
    if (l->fd >= 0 && !l->closed) /* what is unread would make this a reset */
        (void)drain(l, l->lag + (size_t)(l->end - l->taken));
    trk_applink_reset(l);
}
