/* Bytes with descriptors: see fdpass.h. */
#include <config.h>

#include "ipc/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t trk_fdpass_send_many(int sock, const void *data, size_t len, const int *fds, unsigned n_fds,
                             int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(TRK_FDPASS_MAX * sizeof(int))];
    } control = {.bytes = {0}};
    union { /* sendmsg only reads, but struct iovec is not const */
        const void *in;
        void *out;
    } base = {.in = data};
    struct iovec iov = {.iov_base = base.out, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n_fds > TRK_FDPASS_MAX) {
        return -EINVAL;
    }
    if (n_fds > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof *fds);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof *fds);
        memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof *fds);
    }
    ssize_t n;
    do {
        n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t trk_fdpass_send(int sock, const void *data, size_t len, int fd, int flags)
{
    return trk_fdpass_send_many(sock, data, len, &fd, fd >= 0, flags);
}

/* Where received descriptors go. */
struct taken {
    int *fds;
    unsigned max, n;
};

/* Keep what fits of one control message, close the rest. */
static void take_fds(struct cmsghdr *cmsg, struct taken *t)
{
    size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int got;
        memcpy(&got, CMSG_DATA(cmsg) + i * sizeof got, sizeof got);
        if (t->n < t->max) {
            t->fds[t->n++] = got;
        } else {
            close(got);
        }
    }
}

static void drop_fds(struct taken *t)
{
    while (t->n > 0) {
        t->n--;
        close(t->fds[t->n]);
        t->fds[t->n] = -1;
    }
}

static ssize_t recv_all(int sock, void *data, size_t len, struct taken *taken, int flags,
                        struct ucred *who)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(TRK_FDPASS_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec iov = {.iov_base = data, .iov_len = len};
    struct msghdr msg;
    ssize_t n;
    for (unsigned i = 0; i < taken->max; i++) {
        taken->fds[i] = -1;
    }
    *who = (struct ucred){.pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1};
    do {
        memset(&msg, 0, sizeof msg);
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            take_fds(c, taken);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
                   c->cmsg_len >= CMSG_LEN(sizeof *who)) {
            memcpy(who, CMSG_DATA(c), sizeof *who);
        }
    }
    int is_cut = (msg.msg_flags & MSG_CTRUNC) != 0;
    /* A packet without bytes may carry a descriptor; callers take it for the end. */
    if (is_cut || n == 0) {
        drop_fds(taken);
    }
    return is_cut ? -EPROTO : n;
}

ssize_t trk_fdpass_recv_from(int sock, void *data, size_t len, int *fd, int flags,
                             struct ucred *who)
{
    struct taken taken = {.fds = fd, .max = 1};
    return recv_all(sock, data, len, &taken, flags, who);
}

ssize_t trk_fdpass_recv(int sock, void *data, size_t len, int *fd, int flags)
{
    struct ucred who;
    return trk_fdpass_recv_from(sock, data, len, fd, flags, &who);
}

ssize_t trk_fdpass_recv_many(int sock, void *data, size_t len, int *fds, unsigned max, int flags)
{
    struct ucred who;
    struct taken taken = {.fds = fds, .max = max};
    return recv_all(sock, data, len, &taken, flags, &who);
}
