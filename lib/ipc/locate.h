/*
 * Where the daemon is, and talking to it once: for the shim and the command-line tools.
 *
 * Search order (the first directory whose control socket accepts a connection):
 *   1. $TRICKLES_SOCKET (a path of the control socket; then nothing else is tried)
 *   2. /run/trickles/trickled.sock
 *   3. $XDG_RUNTIME_DIR/trickles/trickled.sock
 *   4. /tmp/trickles-<uid>/trickled.sock, if the directory is the user's own and closed to others
 * The user's own daemon lives in 3, or in 4 where XDG_RUNTIME_DIR is not set.
 *
 * No allocation and no locks; the environment is read only by trk_locate_init. The rest is
 * async-signal-safe.
 */
#ifndef TRK_IPC_LOCATE_H
#define TRK_IPC_LOCATE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "ipc/control.h"

#define TRK_LOCATE_PLACES_MAX 3

struct trk_locate_place {
    struct sockaddr_un control; /* ...trickled.sock */
    struct sockaddr_un data;    /* ...data.sock, in the same directory */
    int is_private;             /* the directory must be ours: see trk_locate_connect */
};

struct trk_locate {
    int count;
    int is_fixed; /* TRICKLES_SOCKET was given: start no daemon elsewhere */
    struct trk_locate_place places[TRK_LOCATE_PLACES_MAX];
    char own_dir[96]; /* where the user's own daemon lives or would; "" if is_fixed */
};

/* Read the environment. Paths too long for a sockaddr_un are left out. */
void trk_locate_init(struct trk_locate *loc, uid_t uid);

/* The same for a control socket at this path and nowhere else. */
void trk_locate_fixed(struct trk_locate *loc, const char *path);

/*
 * Connect to the control (`data` = 0) or data socket of one place. The descriptor is close-on-exec,
 * blocking, with send and receive time-outs of TRK_CTL_TIMEOUT_MS. The listening process must be
 * root's, `uid`'s, or of the user who owns the directory. Returns the descriptor, or -errno
 * (-EPERM: not trusted).
 */
int trk_locate_connect(const struct trk_locate_place *place, int data, uid_t uid);

/*
 * One request and its answer on a connected control socket: encodes, sends with `fd` (-1: none),
 * waits, decodes, checks type and correlation. `fd_out` may be NULL. Returns 0 (look at error_no of
 * the answer) or -errno: -ETIMEDOUT, -ECONNRESET (the daemon went away), -EPROTO.
 */
int trk_locate_ask(int sock, const struct trk_ctl_msg *request, int fd, struct trk_ctl_msg *answer,
                   int *fd_out);

/* The same for an answer with up to max descriptors; those that did not come are -1. */
int trk_locate_ask_many(int sock, const struct trk_ctl_msg *request, int fd,
                        struct trk_ctl_msg *answer, int *fds, unsigned max);

#endif
