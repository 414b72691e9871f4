/* See real.h. */
#include <config.h>

#include "real.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct trk_real trk_real;

static void resolve(const char *name, void *slot)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        static const char text[] = "libtrickles: the C library lacks a socket call; giving up\n";
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
        abort();
    }
    memcpy(slot, &found, sizeof found); /* ISO C has no cast from object to function pointer */
}

void trk_real_init(void)
{
#define TRK_REAL_X(name) resolve(#name, &trk_real.name);
    TRK_REALS(TRK_REAL_X)
#undef TRK_REAL_X
}

/* What lib/ipc's calls by name become (-Wl,--wrap). */
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

int __wrap_socket(int domain, int type, int protocol)
{
    return trk_real.socket(domain, type, protocol);
}

int __wrap_connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
    return trk_real.connect(fd, addr, len);
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return trk_real.getsockopt(fd, level, name, value, len);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return trk_real.setsockopt(fd, level, name, value, len);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return trk_real.sendmsg(fd, msg, flags);
}
