/*
 * What the hooks share: initialisation, the daemon, trace, the kernel TCP socket behind a
 * descriptor.
 *
 * Nothing here is bound to a descriptor: all that is known of one lies in the kernel (tag.h,
 * store.h, ipc/name.h). The process keeps the environment's settings and a hint of where the daemon
 * was last seen. No threads, no locks, no allocation after initialisation; after it all is
 * async-signal-safe, and works in a vfork child. Hooks return as the C library does (-1 and errno);
 * all else 0 or -errno.
 */
#ifndef TRK_PRELOAD_SHIM_H
#define TRK_PRELOAD_SHIM_H

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ipc/control.h"
#include "ipc/link.h"
#include "ipc/locate.h"
#include "ipc/name.h"
#include "real.h"
#include "store.h"
#include "tag.h"

/* ---- init.c */

/* Read the environment and resolve the C library's calls; once, by a constructor or by the first
 * hook that is called before it. */
void trk_shim_init(void);

extern int trk_shim_is_ready;

/* Opens every hook. */
static inline void trk_shim_enter(void)
{
    if (__builtin_expect(!trk_shim_is_ready, 0)) {
        trk_shim_init();
    }
}

/* May this program have sockets of ours at all? */
int trk_shim_admits_program(void);

/* Do the rules give this address to Trickles? */
int trk_shim_admits(int is_listen, const struct trk_ipc_addr *addr);

/* ---- trace.c: TRICKLES_DEBUG=1 */

extern int trk_trace_is_on;

void trk_trace_init(void);
void trk_trace_write(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on standard error: process, then what the caller says. Keeps errno. */
#define trk_trace(...)                                                                             \
    do {                                                                                           \
        if (__builtin_expect(trk_trace_is_on, 0)) {                                                \
            trk_trace_write(__VA_ARGS__);                                                          \
        }                                                                                          \
    } while (0)

/* ---- daemon.c */

/* The place of a daemon that answered within the last second (else it is looked for again, and with
 * `may_start` the user's own is started), or NULL. Errno is kept. */
const struct trk_locate_place *trk_daemon_find(int may_start);

/* Forget what was seen: a call to the daemon failed. */
void trk_daemon_forget(void);

/* May a process of this uid connect into our listeners (the daemon, root, ourselves)? */
int trk_daemon_is_trusted(uid_t uid);

/*
 * Ask the daemon (see ipc/control.h) over a connection of its own; `fd` (borrowed, -1: none) goes
 * along. Fills in the correlation. Returns 0 with a reply of type `want`; an ACK instead of another
 * wanted type counts as its error. -errno: what the answer said, or -ECONNREFUSED: no daemon,
 * -ETIMEDOUT ...
 */
int trk_daemon_ask(struct trk_ctl_msg *request, int fd, enum trk_ctl_type want,
                   struct trk_ctl_msg *answer);

/* ---- spawn.c */

/* Start `trickled --user` for this user and wait (at most 3 s) until its control socket is there.
 * 0, or -errno; other processes that try at the same time wait for the one. */
int trk_spawn_daemon(const struct trk_locate *loc);

/* ---- tcp.c */

/* A kernel TCP socket with all options that the application set on `fd`. Close-on-exec. Descriptor
 * or -errno. It is the judge of options and of bind(), and what a descriptor falls back to. */
int trk_tcp_open(int fd, const struct trk_tag *tag);

/* Put `new_fd` (taken) in place of `fd` under its number, keeping O_NONBLOCK, close-on-exec and the
 * epoll registrations of this process. Duplicates of the old file do not follow. 0 or -errno. */
int trk_tcp_replace(int fd, int new_fd);

/* The daemon is gone: make `fd` a kernel TCP socket with its options, bound as it was. 0 or
 * -errno. */
int trk_tcp_fall_back(int fd, const struct trk_tag *tag);

/* ---- route.c */

/*
 * What TCP checks at once: family, length, a route. Fills in the local address (port 0) that the
 * routing table gives, or gave within the last 10 ms, and the remote one as the kernel reads it
 * (0.0.0.0 is this host). 0 or -errno.
 */
int trk_route_find(const struct trk_tag *tag, const struct sockaddr *addr, socklen_t len,
                   struct trk_ipc_addr *local, struct trk_ipc_addr *remote);

/* ---- state.c */

/* A new AF_UNIX stream socket with this tag. `flags`: SOCK_NONBLOCK, SOCK_CLOEXEC. Descriptor or
 * -errno. */
int trk_state_open(int flags, const struct trk_tag *tag);

/* A random id for a name, never 0. */
uint64_t trk_state_new_id(void);

/* The name of this end (own = 1) or of its peer. 0 or -EINVAL. */
int trk_state_name(int fd, int own, struct trk_name *name);

/* CONNECTING becomes CONNECTED if the daemon has said so; `result` (may be NULL) gets its word. */
void trk_state_refresh(int fd, struct trk_tag *tag, struct trk_link_result *result);

/* The addresses as the application shall see them. 0, or -ENOTCONN for `remote` where there is
 * none. */
int trk_state_local(int fd, const struct trk_tag *tag, struct trk_ipc_addr *local);
int trk_state_remote(int fd, const struct trk_tag *tag, struct trk_ipc_addr *remote);

/* The id by which the daemon knows this connection or listener; 0 if it has none yet. */
uint64_t trk_state_id(int fd, const struct trk_tag *tag);

/* Give an address to an application: truncated as accept(2) says. 0, -EFAULT or -EINVAL. */
int trk_state_give_addr(const struct trk_ipc_addr *addr, const struct trk_tag *tag,
                        struct sockaddr *out, socklen_t *out_len);

/* Write the set-up message of ipc/link.h: `text` is a name, `len` TRK_LINK_CONNECT_BYTES or
 * TRK_LINK_ACCEPT_BYTES, `passed` the descriptor that goes with it (-1: none). 0 or -errno. */
int trk_state_send_setup(int fd, const struct trk_name *text, size_t len, int passed);

/* Tell the daemon about SO_LINGER. Best effort. */
void trk_state_tell_linger(int fd, const struct trk_tag *tag);

/* ---- the calls, one file per family; semantics are those of the C library */

int trk_hook_socket(int domain, int type, int protocol);
int trk_hook_bind(int fd, const struct sockaddr *addr, socklen_t len);
int trk_hook_listen(int fd, int backlog);
/* `is_plain`: accept() and not accept4(); it matters to those behind us only */
int trk_hook_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, int is_plain);
int trk_hook_connect(int fd, const struct sockaddr *addr, socklen_t len);
int trk_hook_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int trk_hook_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int trk_hook_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int trk_hook_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int trk_hook_shutdown(int fd, int how);
/* SIOCOUTQ on `fd`: 0 or -errno; -ENOTSOCK: not ours. */
int trk_hook_outq(int fd, int *bytes);
ssize_t trk_hook_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addr_len);
ssize_t trk_hook_sendmsg(int fd, const struct msghdr *msg, int flags);

/* -1 with errno from a negative code, else the value. */
static inline int trk_shim_return(int rc)
{
    if (rc < 0) {
        errno = -rc;
        return -1;
    }
    return rc;
}

#endif
