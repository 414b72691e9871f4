/*
 * accept_tcp.h: kernel TCP clients of an application's listener. Each accepted descriptor is sent through a fresh
 * connection into the application's AF_UNIX listener, under a T name; the shim's accept swaps it in.
 *
 * While the application's queue is full nothing more is accepted: the kernel's TCP queue is the bound.
 */
#ifndef TRK_DAEMON_ACCEPT_TCP_H
#define TRK_DAEMON_ACCEPT_TCP_H

#include "daemon/listeners.h"

/* Begins (idempotent; nothing to do without a TCP socket). Returns 0 or -errno. */
int trk_accept_tcp_start(struct trk_listener *l) __attribute__((warn_unused_result));
/* Stops; a client that waits is reset. */
void trk_accept_tcp_stop(struct trk_listener *l);

#endif
