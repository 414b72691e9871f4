/*
 * rediscover.h: running listeners found by a daemon that was restarted. The kernel lists the bound names of unix sockets
 * (sock_diag), and an L name says all that is needed (ipc/name.h): the TCP listener is made again from it.
 *
 * A listener whose TCP port is taken belongs to another daemon that lives, and is left alone. A user's own daemon takes
 * its user's listeners only.
 */
#ifndef TRK_DAEMON_REDISCOVER_H
#define TRK_DAEMON_REDISCOVER_H

#include "daemon/daemon.h"

/* Returns how many were found and are served again, or -errno. */
int trk_rediscover(struct trk_daemon *d);

#endif
