/* bind(), bindresvport(), listen(): the kernel TCP socket of the same address is made and bound
 * here, with the application's rights, so that permission, EADDRINUSE and port 0 are the kernel's;
 * the daemon gets it. */
#include <config.h>

#include <netinet/in.h>
#include <string.h>

#include "shim.h"

/* Bind a new TCP socket like `fd`; an address in use may be one whose application is gone but which
 * the daemon has not noticed yet: it looks, and one more try decides. Descriptor or -errno. */
static int open_bound(int fd, const struct trk_tag *tag, const struct sockaddr *addr, socklen_t len)
{
    int tcp = trk_tcp_open(fd, tag);
    if (tcp < 0) {
        return tcp;
    }
    int rc = trk_real.bind(tcp, addr, len) == 0 ? 0 : -errno;
    struct trk_ctl_msg sweep = {.type = TRK_CTL_SWEEP};
    struct trk_ctl_msg answer;
    if (rc == -EADDRINUSE && trk_ipc_addr_from_sockaddr(&sweep.u.sweep.local, addr, len) == 0 &&
        trk_daemon_ask(&sweep, -1, TRK_CTL_ACK, &answer) == 0 && answer.u.ack.value > 0) {
        rc = trk_real.bind(tcp, addr, len) == 0 ? 0 : -errno;
    }
    if (rc != 0) {
        close(tcp);
        return rc;
    }
    return tcp;
}

/* What the kernel made of it: port 0 got a number, bindv6only may be set. */
static int describe(int tcp, const struct trk_tag *tag, struct trk_name *name)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    if (trk_real.getsockname(tcp, (struct sockaddr *)&ss, &len) != 0) {
        return -errno;
    }
    memset(name, 0, sizeof *name);
    name->kind = TRK_NAME_BOUND;
    name->id = trk_state_new_id();
    int rc = trk_ipc_addr_from_sockaddr(&name->local, (struct sockaddr *)&ss, len);
    if ((tag->bits & TRK_TAG_REUSEADDR) != 0) {
        name->flags |= TRK_NAME_F_REUSEADDR;
    }
    if ((tag->bits & TRK_TAG_REUSEPORT) != 0) {
        name->flags |= TRK_NAME_F_REUSEPORT;
    }
    if ((tag->bits & TRK_TAG_V6) != 0) {
        int v6only = 0;
        socklen_t size = sizeof v6only;
        (void)trk_real.getsockopt(tcp, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size);
        name->flags |= TRK_NAME_F_V6;
        if (v6only) {
            name->flags |= TRK_NAME_F_V6ONLY;
        }
    }
    if (!trk_shim_admits(1, &name->local)) {
        name->flags |= TRK_NAME_F_TCP_ONLY;
    }
    return rc;
}

static int set_own_name(int fd, const struct trk_name *name)
{
    struct sockaddr_un un;
    socklen_t len;
    int rc = trk_name_to_sockaddr(name, &un, &len);
    if (rc == 0 && trk_real.bind(fd, (struct sockaddr *)&un, len) != 0) {
        rc = -errno;
    }
    return rc;
}

/* Takes `tcp`. */
static int hand_over(int fd, struct trk_tag *tag, int tcp)
{
    struct trk_ctl_msg ask = {.type = TRK_CTL_BIND};
    struct trk_ctl_msg answer;
    struct trk_name name;
    int rc = describe(tcp, tag, &name);
    if (rc == 0) {
        rc = set_own_name(fd, &name);
    }
    if (rc != 0) {
        close(tcp);
        return rc;
    }
    ask.u.bind = (struct trk_ctl_bind){.id = name.id, .flags = name.flags, .local = name.local};
    rc = trk_daemon_ask(&ask, tcp, TRK_CTL_ACK, &answer);
    if (rc != 0) {
        trk_trace("fd %d: bind: kernel TCP: %s", fd, strerrordesc_np(-rc));
        return trk_tcp_replace(fd, tcp);
    }
    close(tcp);
    tag->bits |= TRK_TAG_BOUND;
    trk_trace("fd %d: bound to port %u, id %016llx%s", fd, name.local.port,
              (unsigned long long)name.id,
              (name.flags & TRK_NAME_F_TCP_ONLY) != 0 ? ", TCP only (rules)" : "");
    return trk_tag_set(fd, tag);
}

int trk_hook_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    int kept_errno = errno;
    struct trk_tag tag;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.bind(fd, addr, len);
    }
    if (tag.state != TRK_TAG_FRESH || (tag.bits & TRK_TAG_BOUND) != 0) {
        return trk_shim_return(-EINVAL);
    }
    int tcp = open_bound(fd, &tag, addr, len);
    int rc = tcp < 0 ? tcp : hand_over(fd, &tag, tcp);
    errno = kept_errno;
    return trk_shim_return(rc);
}

int trk_hook_listen(int fd, int backlog)
{
    int kept_errno = errno;
    struct trk_tag tag;
    struct trk_ctl_msg ask = {.type = TRK_CTL_LISTEN};
    struct trk_ctl_msg answer;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.listen(fd, backlog);
    }
    if (tag.state != TRK_TAG_FRESH && tag.state != TRK_TAG_LISTENING) {
        return trk_shim_return(-EINVAL);
    }
    if ((tag.bits & TRK_TAG_BOUND) == 0) { /* TCP chooses a port then */
        struct sockaddr_storage any;
        struct trk_ipc_addr none = {0};
        socklen_t len = trk_ipc_addr_to_sockaddr(&none, (tag.bits & TRK_TAG_V6) != 0, &any);
        if (trk_hook_bind(fd, (struct sockaddr *)&any, len) != 0) {
            return -1;
        }
        if (!trk_tag_get(fd, &tag)) { /* fell back */
            return trk_real.listen(fd, backlog);
        }
    }
    if (trk_real.listen(fd, backlog) != 0) {
        return -1;
    }
    ask.u.listen.id = trk_state_id(fd, &tag);
    ask.u.listen.backlog = backlog;
    int rc = trk_daemon_ask(&ask, -1, TRK_CTL_ACK, &answer);
    if (rc == -ECONNREFUSED || rc == -ENOENT) { /* gone, or restarted since bind */
        rc = trk_tcp_fall_back(fd, &tag);
        return rc == 0 ? trk_real.listen(fd, backlog) : trk_shim_return(rc);
    }
    if (rc == 0) {
        tag.state = TRK_TAG_LISTENING;
        rc = trk_tag_set(fd, &tag);
        trk_trace("fd %d: listens", fd);
    }
    errno = kept_errno;
    return trk_shim_return(rc);
}
