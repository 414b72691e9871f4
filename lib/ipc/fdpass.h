/*
 * Sending and receiving bytes with descriptors over AF_UNIX sockets. Thin over sendmsg and recvmsg;
 * no state, no allocation, async-signal-safe. One descriptor a message is the rule; rings come with
 * several.
 */
#ifndef TRK_IPC_FDPASS_H
#define TRK_IPC_FDPASS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { TRK_FDPASS_MAX = 4 }; /* descriptors of one message */

/*
 * Send `len` > 0 bytes with `fd` (borrowed; -1 sends none). `flags` are for sendmsg; MSG_NOSIGNAL
 * is added. Restarts on EINTR. Returns the bytes sent or -errno.
 */
ssize_t trk_fdpass_send(int sock, const void *data, size_t len, int fd, int flags);

/*
 * Receive up to `len` bytes; `*fd` gets the descriptor that came along (owned by the caller,
 * close-on-exec) or -1. Should more than one come, the others are closed. `flags` are for recvmsg.
 * Restarts on EINTR. Returns the bytes received, 0 at the end, or -errno (-EPROTO: descriptors were
 * truncated away).
 */
ssize_t trk_fdpass_recv(int sock, void *data, size_t len, int *fd, int flags);

/*
 * The same, and `*who` says which process has sent them, where SO_PASSCRED is on; else its pid is 0
 * and its uid -1.
 */
ssize_t trk_fdpass_recv_from(int sock, void *data, size_t len, int *fd, int flags,
                             struct ucred *who);

/* trk_fdpass_send with n descriptors (at most TRK_FDPASS_MAX). */
ssize_t trk_fdpass_send_many(int sock, const void *data, size_t len, const int *fds, unsigned n,
                             int flags);

/* trk_fdpass_recv for max descriptors: those that did not come are -1, more than max are closed. */
ssize_t trk_fdpass_recv_many(int sock, void *data, size_t len, int *fds, unsigned max, int flags);

#endif
