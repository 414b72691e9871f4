/*
 * rediscover.h: running listeners found by a daemon that was restarted. The kernel lists the bound names of unix sockets
 * (sock_diag), and an L name says all that is needed (ipc/name.h): the TCP listener is made again from it.
 *
 * A listener whose TCP port is taken belongs to another daemon that lives, and is left alone. A user's own daemon takes
 * its user's listeners only. Names are not protected, so a name alone gives nobody what the kernel would not have given
 * him: a port below ip_unprivileged_port_start is taken up for root only, and where several users claim a port, for root
 * or for nobody. Such a server has to be started again.
 */
#ifndef TRK_DAEMON_REDISCOVER_H
#define TRK_DAEMON_REDISCOVER_H

#include "daemon/daemon.h"

/* Returns how many were found and are served again, or -errno. */
int trk_rediscover(struct trk_daemon *d);

#endif
