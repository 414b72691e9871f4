/*
 * status.h: the daemon's state as a JSON text, for `trickles status`.
 *
 * {"version", "pid", "port", "uptime_s", "connections": [{"role", "program", "pid", "uid", "state", "transport", "why",
 * "local", "remote", "rtt_us", "window_pkts", "bytes_sent", "bytes_received", ...}], "services": [{"program", "pid", "uid",
 * "local", "shared", "events", "answers", "full", "late", "open", "kept"}], "counters": {...}, "drops": {...},
 * "udp": {"server": {...}, "client": {...}}}. A user sees her own connections, root sees all.
 */
#ifndef TRK_DAEMON_STATUS_H
#define TRK_DAEMON_STATUS_H

#include "daemon/daemon.h"

#include <sys/types.h>

/* Writes it to a memfd, rewound. Returns the descriptor (the caller's) or -errno. */
int trk_status_memfd(struct trk_daemon *d, uid_t asker);

#endif
