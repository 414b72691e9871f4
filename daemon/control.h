/*
 * control.h: the control socket (ipc/control.h): the shim's BIND, LISTEN, OPTION, SWEEP, INFO, `trickles status`, and stateless
 * services, each of which is a connection that stays.
 *
 * Each message is answered at once; a connection that does not read its answers is closed. The caller is known by
 * SO_PEERCRED; what belongs to another user is refused with EPERM (root may do everything). Where there are too many
 * connections, the one that has been silent for longest is closed (no service).
 */
#ifndef TRK_DAEMON_CONTROL_H
#define TRK_DAEMON_CONTROL_H

#include "daemon/daemon.h"

enum { TRK_CONTROL_CLIENTS_MAX = 1024 };

/* Serves listen_fd (taken). Returns NULL without memory. */
struct trk_control *trk_control_new(struct trk_daemon *d, int listen_fd) __attribute__((warn_unused_result));
/* NULL is allowed. */
void trk_control_free(struct trk_control *s);
/* When something was last asked (monotonic). */
uint64_t trk_control_last_ns(const struct trk_control *s);

#endif
