/*
 * The C library's own functions behind the hooked names. Resolved once with dlsym(RTLD_NEXT), so
 * that other preloaded libraries stay in the chain. All of our own system calls go through this
 * table: a call by name would come back to the hooks (for lib/ipc, which calls by name, the
 * linker's --wrap does it).
 */
#ifndef TRK_PRELOAD_REAL_H
#define TRK_PRELOAD_REAL_H

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRK_REALS(X)                                                                               \
    X(socket)                                                                                      \
    X(bind)                                                                                        \
    X(bindresvport)                                                                                \
    X(listen)                                                                                      \
    X(accept)                                                                                      \
    X(accept4)                                                                                     \
    X(connect)                                                                                     \
    X(getsockname)                                                                                 \
    X(getpeername)                                                                                 \
    X(getsockopt)                                                                                  \
    X(setsockopt)                                                                                  \
    X(shutdown)                                                                                    \
    X(ioctl)                                                                                       \
    X(sendto)                                                                                      \
    X(sendmsg)                                                                                     \
    X(sendmmsg)                                                                                    \
    X(syscall)

struct trk_real {
#define TRK_REAL_X(name) __typeof__(&name) name;
    TRK_REALS(TRK_REAL_X)
#undef TRK_REAL_X
};

extern struct trk_real trk_real;

/* Fill the table. Ends the process with a message if the C library lacks one of the names (it
 * cannot). */
void trk_real_init(void);

#endif
