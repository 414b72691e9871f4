/* socket(): a TCP socket becomes an unconnected AF_UNIX stream socket with a tag, under the same
 * flags, if the program takes part and a daemon is there. All else is the kernel's. */
#include <config.h>

#include <netinet/in.h>
#include <stdatomic.h>

#include "shim.h"

/* On a host without IPv6 a program must learn so from socket(), not later. */
static int kernel_has_v6(void)
{
    static atomic_int known; /* 0 not yet, 1 yes, 2 no */
    if (atomic_load(&known) == 0) {
        int fd = trk_real.socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        atomic_store(&known, fd >= 0 || errno != EAFNOSUPPORT ? 1 : 2);
        if (fd >= 0) {
            close(fd);
        }
    }
    return atomic_load(&known) == 1;
}

static int is_tcp(int domain, int type, int protocol)
{
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    return (domain == AF_INET || domain == AF_INET6) && (type & ~flags) == SOCK_STREAM &&
           (protocol == 0 || protocol == IPPROTO_TCP);
}

int trk_hook_socket(int domain, int type, int protocol)
{
    int kept_errno = errno;
    trk_shim_enter();
    if (!is_tcp(domain, type, protocol) || !trk_shim_admits_program() ||
        (domain == AF_INET6 && !kernel_has_v6())) {
        return trk_real.socket(domain, type, protocol);
    }
    if (trk_daemon_find(1) == NULL) {
        trk_trace("socket: kernel TCP: no daemon");
        return trk_real.socket(domain, type, protocol);
    }
    struct trk_tag tag = {.state = TRK_TAG_FRESH, .bits = domain == AF_INET6 ? TRK_TAG_V6 : 0};
    int fd = trk_state_open(type & ~SOCK_STREAM, &tag);
    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
        return trk_shim_return(fd);
    }
    if (fd < 0) { /* a sandbox without AF_UNIX */
        trk_trace("socket: kernel TCP: no AF_UNIX here: %s", strerrordesc_np(-fd));
        return trk_real.socket(domain, type, protocol);
    }
    trk_trace("fd %d: socket, IPv%d", fd, domain == AF_INET6 ? 6 : 4);
    errno = kept_errno;
    return fd;
}
