/* The kernel TCP socket behind a descriptor of ours. See shim.h. */
#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "epoll.h"
#include "shim.h"

static const struct {
    uint32_t bit;
    int level;
    int name;
} switches[] = {
    {TRK_TAG_NODELAY, IPPROTO_TCP, TCP_NODELAY},   {TRK_TAG_CORK, IPPROTO_TCP, TCP_CORK},
    {TRK_TAG_REUSEADDR, SOL_SOCKET, SO_REUSEADDR}, {TRK_TAG_REUSEPORT, SOL_SOCKET, SO_REUSEPORT},
    {TRK_TAG_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE}, {TRK_TAG_V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY},
};

/* Options that the AF_UNIX socket keeps itself. */
static void copy_native(int from, int to)
{
    static const int names[] = {SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint8_t value[32];
        socklen_t len = sizeof value;
        if (trk_real.getsockopt(from, SOL_SOCKET, names[i], value, &len) == 0) {
            (void)trk_real.setsockopt(to, SOL_SOCKET, names[i], value, len);
        }
    }
}

int trk_tcp_open(int fd, const struct trk_tag *tag)
{
    int is_v6 = (tag->bits & TRK_TAG_V6) != 0;
    int tcp = trk_real.socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (tcp < 0) {
        return -errno;
    }
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        int on = 1;
        if ((tag->bits & switches[i].bit) != 0) {
            (void)trk_real.setsockopt(tcp, switches[i].level, switches[i].name, &on, sizeof on);
        }
    }
    if ((tag->bits & TRK_TAG_STORE) != 0) {
        struct trk_store store;
        (void)trk_store_load(fd, &store);
        for (size_t i = 0; i < store.count; i++) {
            const struct trk_store_entry *e = &store.entries[i];
            if (e->level != TRK_STORE_OWN) {
                (void)trk_real.setsockopt(tcp, e->level, e->name, e->value, e->len);
            }
        }
    }
    if ((tag->bits & TRK_TAG_NATIVE) != 0) {
        copy_native(fd, tcp);
    }
    return tcp;
}

int trk_tcp_replace(int fd, int new_fd)
{
    int fd_flags = fcntl(fd, F_GETFD);
    int old_flags = fcntl(fd, F_GETFL);
    int new_flags = fcntl(new_fd, F_GETFL);
    struct trk_epoll_list watchers;
    int rc = 0;
    trk_epoll_find(fd, &watchers);
    if (fd_flags < 0 || old_flags < 0 || new_flags < 0 ||
        fcntl(new_fd, F_SETFL, (new_flags & ~O_NONBLOCK) | (old_flags & O_NONBLOCK)) != 0 ||
        dup3(new_fd, fd, (fd_flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0) {
        rc = -errno;
    }
    close(new_fd);
    if (rc == 0) {
        trk_epoll_restore(fd, &watchers);
    }
    return rc;
}

int trk_tcp_fall_back(int fd, const struct trk_tag *tag)
{
    struct trk_name name;
    int tcp = trk_tcp_open(fd, tag);
    if (tcp < 0) {
        return tcp;
    }
    if ((tag->bits & TRK_TAG_BOUND) != 0 && trk_state_name(fd, 1, &name) == 0) {
        struct sockaddr_storage ss;
        socklen_t len = trk_ipc_addr_to_sockaddr(&name.local, (tag->bits & TRK_TAG_V6) != 0, &ss);
        if (trk_real.bind(tcp, (struct sockaddr *)&ss, len) != 0) {
            int rc = -errno;
            close(tcp);
            return rc;
        }
    }
    int rc = trk_tcp_replace(fd, tcp);
    trk_trace("fd %d: falls back to kernel TCP: no daemon", fd);
    return rc;
}
