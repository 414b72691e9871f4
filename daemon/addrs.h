/*
 * addrs.h: one address, three forms: base/sockaddr.h (sockets), base/addr.h (engine), ipc/name.h (names and control
 * messages). Pure.
 */
#ifndef TRK_DAEMON_ADDRS_H
#define TRK_DAEMON_ADDRS_H

#include "base/addr.h"
#include "base/sockaddr.h"
#include "ipc/name.h"

#include <stdbool.h>

struct trk_addr trk_addrs_engine(const union trk_sockaddr *sa);
union trk_sockaddr trk_addrs_socket(const struct trk_addr *a);
/* v4-mapped addresses become IPv4. An address of no family gives AF_UNSPEC. */
union trk_sockaddr trk_addrs_from_ipc(const struct trk_ipc_addr *a);
struct trk_ipc_addr trk_addrs_to_ipc(const union trk_sockaddr *sa);
/* Of what accept4, getsockname and getpeername fill in; other families give AF_UNSPEC. */
union trk_sockaddr trk_addrs_from_storage(const struct sockaddr_storage *ss);

/*
 * How well does a socket bound to `bound` (v6only: IPV6_V6ONLY is set) serve packets to `to`, whatever the ports? 0: not at
 * all; else the greater the more exact.
 */
int trk_addrs_fit(const union trk_sockaddr *bound, bool v6only, const union trk_sockaddr *to);

enum { TRK_ADDRS_TEXT_BYTES = 64 };
/* "192.0.2.1:80", "[2001:db8::1]:80", "-". Returns text (TRK_ADDRS_TEXT_BYTES bytes). */
const char *trk_addrs_text(const union trk_sockaddr *sa, char *text);

#endif
