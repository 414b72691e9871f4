/* sendto(), sendmsg(): only what TCP and AF_UNIX read differently is touched, that is an address,
 * MSG_ flags of TCP, and control data (a descriptor would really be passed). Calls without any go
 * straight through: no look at the descriptor, no system call more. */
#include <config.h>

#include <signal.h>

#include "shim.h"

#define TCP_ONLY_FLAGS (MSG_FASTOPEN | MSG_ZEROCOPY)

/* TCP's answer where there is no connection. */
static int no_connection(int flags)
{
    if ((flags & MSG_NOSIGNAL) == 0) {
        (void)raise(SIGPIPE);
    }
    return -EPIPE;
}

/* MSG_FASTOPEN connects, then sends. 0: go on and send. */
static int prepare(int fd, const struct trk_tag *tag, int flags, const struct sockaddr *addr,
                   socklen_t len)
{
    if (tag->state != TRK_TAG_FRESH) {
        return 0;
    }
    if ((flags & MSG_FASTOPEN) == 0 || addr == NULL) {
        return no_connection(flags);
    }
    return trk_hook_connect(fd, addr, len) == 0 ? 0 : -errno;
}

ssize_t trk_hook_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addr_len)
{
    struct trk_tag tag;
    trk_shim_enter();
    if ((addr == NULL && (flags & TCP_ONLY_FLAGS) == 0) || !trk_tag_get(fd, &tag)) {
        return trk_real.sendto(fd, buf, len, flags, addr, addr_len);
    }
    int rc = prepare(fd, &tag, flags, addr, addr_len);
    return rc != 0 ? trk_shim_return(rc)
                   : trk_real.sendto(fd, buf, len, flags & ~TCP_ONLY_FLAGS, NULL, 0);
}

ssize_t trk_hook_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct trk_tag tag;
    trk_shim_enter();
    if (msg == NULL ||
        (msg->msg_name == NULL && msg->msg_controllen == 0 && (flags & TCP_ONLY_FLAGS) == 0) ||
        !trk_tag_get(fd, &tag)) {
        return trk_real.sendmsg(fd, msg, flags);
    }
    int rc = prepare(fd, &tag, flags, msg->msg_name, msg->msg_namelen);
    if (rc != 0) {
        return trk_shim_return(rc);
    }
    struct msghdr plain = *msg;
    plain.msg_name = NULL;
    plain.msg_namelen = 0;
    plain.msg_control = NULL;
    plain.msg_controllen = 0;
    return trk_real.sendmsg(fd, &plain, flags & ~TCP_ONLY_FLAGS);
}
