/* The exported names: each is one call. libtrickles.map lists them, a test compares. */
#include <config.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int socket(int domain, int type, int protocol)
{
    return trk_hook_socket(domain, type, protocol);
}

EXPORT int bind(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
    return trk_hook_bind(fd, addr.__sockaddr__, len);
}

EXPORT int listen(int fd, int backlog)
{
    return trk_hook_listen(fd, backlog);
}

EXPORT int accept(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
    return trk_hook_accept(fd, addr.__sockaddr__, len, 0, 1);
}

EXPORT int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len, int flags)
{
    return trk_hook_accept(fd, addr.__sockaddr__, len, flags, 0);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
    return trk_hook_connect(fd, addr.__sockaddr__, len);
}

EXPORT int getsockname(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
    return trk_hook_getsockname(fd, addr.__sockaddr__, len);
}

EXPORT int getpeername(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
    return trk_hook_getpeername(fd, addr.__sockaddr__, len);
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    return trk_hook_getsockopt(fd, level, name, value, len);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return trk_hook_setsockopt(fd, level, name, value, len);
}

EXPORT int shutdown(int fd, int how)
{
    return trk_hook_shutdown(fd, how);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG addr,
                      socklen_t addr_len)
{
    return trk_hook_sendto(fd, buf, len, flags, addr.__sockaddr__, addr_len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return trk_hook_sendmsg(fd, msg, flags);
}

/* Few programs use it on a stream; where one of the messages has what sendmsg would change, they go
 * one by one. */
EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    struct trk_tag tag;
    unsigned sent = 0;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.sendmmsg(fd, msgs, count, flags);
    }
    while (sent < count) {
        ssize_t n = trk_hook_sendmsg(fd, &msgs[sent].msg_hdr, flags);
        if (n < 0) {
            break;
        }
        msgs[sent++].msg_len = (unsigned)n;
    }
    return sent > 0 || count == 0 ? (int)sent : -1;
}

/* The C library's own calls its internal bind. Ports 512 to 1023 by rule; it uses 600 to 1023. */
EXPORT int bindresvport(int fd, struct sockaddr_in *addr)
{
    struct trk_tag tag;
    struct sockaddr_in any = {.sin_family = AF_INET};
    const unsigned first = 600;
    const unsigned count = 1024 - first;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.bindresvport(fd, addr);
    }
    struct sockaddr_in *to = addr != NULL ? addr : &any;
    if (to->sin_family != AF_INET) {
        return trk_shim_return(-EPFNOSUPPORT);
    }
    for (unsigned i = 0; i < count; i++) {
        to->sin_port = htons((uint16_t)(first + ((unsigned)getpid() + i) % count));
        if (trk_hook_bind(fd, (struct sockaddr *)to, sizeof *to) == 0) {
            return 0;
        }
        if (errno != EADDRINUSE) {
            return -1;
        }
    }
    return -1;
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    trk_shim_enter();
    if (request == SIOCOUTQ && arg != NULL) {
        int kept_errno = errno;
        int bytes;
        int rc = trk_hook_outq(fd, &bytes);
        if (rc != -ENOTSOCK) {
            if (rc == 0) {
                memcpy(arg, &bytes, sizeof bytes);
                errno = kept_errno;
            }
            return trk_shim_return(rc);
        }
        errno = kept_errno;
    }
    return trk_real.ioctl(fd, request, arg);
}

/* An argument of syscall() as a pointer. */
static void *pointer(long value)
{
    return (void *)value; /* the kernel's own convention */
}

/*
 * Programs that make socket calls by number (libuv, Node). Exactly these numbers; every other call,
 * also an unknown one, goes on as it came, with six arguments.
 */
EXPORT long syscall(long number, ...)
{
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(args, long);
    }
    va_end(args);
    trk_shim_enter();
    switch (number) {
    case SYS_socket:
        return trk_hook_socket((int)a[0], (int)a[1], (int)a[2]);
    case SYS_bind:
        return trk_hook_bind((int)a[0], pointer(a[1]), (socklen_t)a[2]);
    case SYS_listen:
        return trk_hook_listen((int)a[0], (int)a[1]);
#ifdef SYS_accept
    case SYS_accept:
        return trk_hook_accept((int)a[0], pointer(a[1]), pointer(a[2]), 0, 1);
#endif
    case SYS_accept4:
        return trk_hook_accept((int)a[0], pointer(a[1]), pointer(a[2]), (int)a[3], 0);
    case SYS_connect:
        return trk_hook_connect((int)a[0], pointer(a[1]), (socklen_t)a[2]);
    case SYS_getsockname:
        return trk_hook_getsockname((int)a[0], pointer(a[1]), pointer(a[2]));
    case SYS_getpeername:
        return trk_hook_getpeername((int)a[0], pointer(a[1]), pointer(a[2]));
    case SYS_getsockopt:
        return trk_hook_getsockopt((int)a[0], (int)a[1], (int)a[2], pointer(a[3]), pointer(a[4]));
    case SYS_setsockopt:
        return trk_hook_setsockopt((int)a[0], (int)a[1], (int)a[2], pointer(a[3]), (socklen_t)a[4]);
    case SYS_shutdown:
        return trk_hook_shutdown((int)a[0], (int)a[1]);
    case SYS_sendto:
        return trk_hook_sendto((int)a[0], pointer(a[1]), (size_t)a[2], (int)a[3], pointer(a[4]),
                               (socklen_t)a[5]);
    case SYS_sendmsg:
        return trk_hook_sendmsg((int)a[0], pointer(a[1]), (int)a[2]);
    default:
        return trk_real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}
