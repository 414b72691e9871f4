/*
 * netns.h: which network namespace a socket belongs to. A path in the file system reaches the daemon's sockets from any
 * namespace, so who comes from another one must be told apart: it may not leave by our network, nor pass off its own
 * port 80 as ours. An accepted AF_UNIX socket belongs to the namespace of who connected.
 */
#ifndef TRK_DAEMON_NETNS_H
#define TRK_DAEMON_NETNS_H

#include <stdbool.h>
#include <stdint.h>

/* The namespace's cookie; 0: the kernel does not say (before 5.14). One system call. */
uint64_t trk_netns_cookie(int fd);

/* Is fd a socket of the namespace with the cookie ours? Unknown is false. */
bool trk_netns_is(uint64_t ours, int fd);

#endif
