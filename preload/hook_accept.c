/* accept(), accept4(): the kernel's accept on the AF_UNIX listener, into which the daemon connects.
 * A Trickles connection is set up; a TCP peer's own descriptor takes the number. Whoever else found
 * the listener's abstract name (names have no permissions) is dropped, and accept goes on. */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "ipc/fdpass.h"
#include "shim.h"

#define HANDOVER_MS                                                                                \
    1000 /* between the daemon's connect and its send: microseconds, but for a dead one */

static int is_from_daemon(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return trk_real.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           trk_daemon_is_trusted(peer.uid);
}

/* The TCP descriptor that comes through `fd` takes its number. 0 or -errno. */
static int take_tcp(int fd, int flags)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    int tcp = -1;
    int rc;
    do {
        rc = poll(&p, 1, HANDOVER_MS);
    } while (rc < 0 && errno == EINTR);
    ssize_t n = trk_fdpass_recv(fd, &byte, 1, &tcp, MSG_DONTWAIT);
    if (tcp < 0) {
        return n < 0 ? (int)n : -ECONNABORTED;
    }
    int file_flags = fcntl(tcp, F_GETFL);
    int want = (flags & SOCK_NONBLOCK) != 0 ? file_flags | O_NONBLOCK : file_flags & ~O_NONBLOCK;
    rc = 0;
    if ((want != file_flags && fcntl(tcp, F_SETFL, want) != 0) ||
        dup3(tcp, fd, (flags & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0) {
        rc = -errno;
    }
    close(tcp);
    return rc;
}

/* What TCP's accept hands down from the listener. */
static void inherit(int listener, int fd, const struct trk_tag *tag)
{
    static const int names[] = {SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO};
    for (size_t i = 0; (tag->bits & TRK_TAG_NATIVE) != 0 && i < 3; i++) {
        uint8_t value[32];
        socklen_t len = sizeof value;
        if (trk_real.getsockopt(listener, SOL_SOCKET, names[i], value, &len) == 0) {
            (void)trk_real.setsockopt(fd, SOL_SOCKET, names[i], value, len);
        }
    }
    struct trk_store store;
    if ((tag->bits & TRK_TAG_STORE) != 0 && trk_store_load(listener, &store) == 0) {
        (void)trk_store_save(fd, &store);
    }
}

/* A socket that its peer has closed with a byte unread takes the number: reading gives ECONNRESET. */
static int become_reset(int fd, int flags)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | (flags & (SOCK_NONBLOCK | SOCK_CLOEXEC)), 0, pair) != 0) {
        return -errno;
    }
    int rc = send(pair[0], "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
    close(pair[1]);
    if (rc == 0 && dup3(pair[0], fd, (flags & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0) {
        rc = -errno;
    }
    close(pair[0]);
    return rc;
}

/* The send buffer that the daemon wants of this end, made here (ipc/link.h, Accepted). False: the
 * daemon must do it, which may be allowed more. */
static int is_widened(int fd, const struct trk_name *name)
{
    int half = TRK_LINK_SNDBUF_BYTES / 2; /* the kernel doubles it */
    int got = 0;
    socklen_t len = sizeof got;
    return (name->flags & TRK_NAME_F_WIDEN) != 0 &&
           trk_real.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half) == 0 &&
           trk_real.getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &len) == 0 && got >= 2 * half;
}

static int set_up(int listener, int fd, int flags, const struct trk_tag *tag,
                  const struct trk_name *name)
{
    struct trk_tag mine = {.state = TRK_TAG_ACCEPTED, .bits = tag->bits & TRK_TAG_INHERITED};
    /* The daemon closes before it has this only where the connection was reset, or it was killed
     * itself. What it had written could be read, and then a clean end, which must not be. */
    int passed = is_widened(fd, name) ? -1 : fd;
    int rc = trk_state_send_setup(fd, name, TRK_LINK_ACCEPT_BYTES, passed);
    int is_reset = rc == -EPIPE || rc == -ECONNRESET;
    rc = is_reset ? become_reset(fd, flags) : 0;
    if (rc == 0) {
        rc = trk_tag_set(fd, &mine);
    }
    if (rc != 0) {
        return rc;
    }
    if ((tag->bits & (TRK_TAG_NATIVE | TRK_TAG_STORE)) != 0) {
        inherit(listener, fd, tag);
    }
    if ((tag->bits & TRK_TAG_LINGER0) != 0 && !is_reset) {
        trk_state_tell_linger(fd, &mine);
    }
    return 0;
}

/* One connection from the queue. Its descriptor and name, or -errno; -EINPROGRESS: take the
 * next. */
static int accept_one(int listener, int flags, const struct trk_tag *tag, struct trk_name *name)
{
    struct sockaddr_un un;
    socklen_t len = sizeof un;
    int fd = trk_real.accept4(listener, (struct sockaddr *)&un, &len, flags);
    if (fd < 0) {
        return -errno;
    }
    int rc = -EINPROGRESS;
    if (trk_name_from_sockaddr(&un, len, name) == 0 && is_from_daemon(fd)) {
        if (name->kind == TRK_NAME_STREAM) {
            rc = set_up(listener, fd, flags, tag, name);
        } else if (name->kind == TRK_NAME_TCP) {
            rc = take_tcp(fd, flags);
        }
    }
    if (rc != 0) {
        trk_trace("fd %d: accept: dropped a connection: %s", listener, strerrordesc_np(-rc));
        close(fd);
        return rc == -EMFILE ? rc : -EINPROGRESS;
    }
    trk_trace("fd %d: accepted on %d, %s, id %016llx", fd, listener,
              name->kind == TRK_NAME_TCP ? "kernel TCP" : "Trickles", (unsigned long long)name->id);
    return fd;
}

int trk_hook_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, int is_plain)
{
    int kept_errno = errno;
    struct trk_tag tag;
    struct trk_name name;
    int got;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return is_plain ? trk_real.accept(fd, addr, len) : trk_real.accept4(fd, addr, len, flags);
    }
    if (addr != NULL && (len == NULL || (int)*len < 0)) {
        return trk_shim_return(len == NULL ? -EFAULT : -EINVAL);
    }
    do {
        got = accept_one(fd, flags, &tag, &name);
    } while (got == -EINPROGRESS);
    if (got >= 0) {
        if (addr != NULL) {
            (void)trk_state_give_addr(&name.remote, &tag, addr, len);
        }
        errno = kept_errno;
    }
    return trk_shim_return(got);
}
