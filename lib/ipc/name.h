/*
 * Names: how a shimmed descriptor says what it is, in the kernel and nowhere else.
 *
 * Pure (no system call, no allocation, no global): the shim, the daemon and the tools all use it;
 * safe in a signal handler.
 *
 * Every end of a shimmed connection is an AF_UNIX stream socket bound to an abstract name. The name
 * survives dup, fork, exec and descriptor passing, is shown by `ss -x`, and is found again by a
 * restarted daemon through sock_diag. As text (hex digits are lower case, all fields of fixed width
 * but for the two address families), without the leading NUL byte of the abstract name:
 *
 *     trk1/<kind>/<id, 16 hex>/<flags, 2 hex>/<local>/<remote>
 *     <local>, <remote> = "-"  |  8 hex ":" port 4 hex  |  32 hex ":" port 4 hex
 *
 *     kind  who binds it          local                        remote
 *     C     shim, at connect      0.0.0.0/:: address filled    where the application connects to
 *                                 in from the routing table,
 *                                 port 0: the daemon chooses
 *     L     shim, at bind         the address bound            "-" (also after listen or connect)
 *     S     daemon, before it     the listener's side of this  the Trickles client's address
 *           connects into an L    connection
 *     T     daemon, likewise      as S                         the TCP client's address
 *
 * "local" and "remote" are always as the application sees them. An address of an AF_INET6
 * application stays what the application gave (a v4-mapped one in 32 hex digits); daemons use
 * trk_ipc_addr_unmap(). In S and T names the daemon gives IPv4 peers in 8 digits, and the shim maps
 * them where it must. A link-local address carries its interface index in its second 16-bit word,
 * as KAME does (the longest name is 102 bytes; 107 fit, and a scope written out would not).
 */
#ifndef TRK_IPC_NAME_H
#define TRK_IPC_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The longest text of a name, without NUL. */
#define TRK_NAME_MAX_BYTES 102

enum trk_name_kind {
    TRK_NAME_CONNECT = 'C',
    TRK_NAME_BOUND = 'L',
    TRK_NAME_STREAM = 'S',
    TRK_NAME_TCP = 'T',
};

/* Flags of a name, and of BIND. What a listener's flags say is what a restarted daemon must give to
 * the TCP listener that it makes again. */
#define TRK_NAME_F_V6        0x01u /* the application's socket is AF_INET6 */
#define TRK_NAME_F_V6ONLY    0x02u /* IPV6_V6ONLY is on */
#define TRK_NAME_F_REUSEPORT 0x04u /* SO_REUSEPORT is on */
#define TRK_NAME_F_REUSEADDR 0x08u /* SO_REUSEADDR is on */
#define TRK_NAME_F_TCP_ONLY                                                                        \
    0x10u /* the rules say: kernel TCP (the daemon dials or serves it), no UDP */
#define TRK_NAME_F_WIDEN                                                                           \
    0x20u /* S: the send buffer is to be TRK_LINK_SNDBUF_BYTES; who cannot passes a duplicate */

struct trk_ipc_addr {
    uint8_t family; /* 0 (none), 4 or 6 */
    uint8_t ip[16]; /* network order; IPv4 in the first four; the rest zero */
    uint16_t port;  /* host order */
    uint16_t scope; /* interface index of a link-local IPv6 address, else 0 */
};

struct trk_name {
    uint8_t kind; /* enum trk_name_kind */
    uint8_t flags;
    uint64_t id; /* random, from whoever binds the name; never 0 */
    struct trk_ipc_addr local;
    struct trk_ipc_addr remote;
};

/*
 * Write the text of `name` into `text` (at least TRK_NAME_MAX_BYTES + 1 bytes; NUL-terminated).
 * Returns its length in bytes, or -EINVAL where kind, id or a family is not one of the above.
 */
int trk_name_format(const struct trk_name *name, char *text);

/*
 * Read the text of a name (`len` bytes, no NUL needed, any bytes at all). Exactly what
 * trk_name_format() writes is accepted, nothing else. Returns 0, or -EINVAL with `name` zeroed.
 */
int trk_name_parse(const char *text, size_t len, struct trk_name *name);

/* The abstract address of `name`; `*len` gets its length. Returns 0 or -EINVAL. */
int trk_name_to_sockaddr(const struct trk_name *name, struct sockaddr_un *addr, socklen_t *len);

/* The name in what accept4, getsockname or getpeername gave: 0, or -EINVAL where it is none of
 * ours. */
int trk_name_from_sockaddr(const struct sockaddr_un *addr, socklen_t len, struct trk_name *name);

/*
 * From a sockaddr_in or sockaddr_in6 of `len` bytes. Returns 0; -EINVAL where `len` is too short;
 * -EAFNOSUPPORT for another family.
 */
int trk_ipc_addr_from_sockaddr(struct trk_ipc_addr *addr, const struct sockaddr *sa, socklen_t len);

/*
 * To a sockaddr of the application's family: `v6` non-zero gives a sockaddr_in6 (IPv4 as v4-mapped,
 * no address as ::), zero a sockaddr_in (v4-mapped unmapped, no address as 0.0.0.0). Returns its
 * length.
 */
socklen_t trk_ipc_addr_to_sockaddr(const struct trk_ipc_addr *addr, int v6,
                                   struct sockaddr_storage *out);

/* Turn a v4-mapped IPv6 address into IPv4; others stay. */
void trk_ipc_addr_unmap(struct trk_ipc_addr *addr);

/* Is the address 0.0.0.0, :: or none? */
int trk_ipc_addr_is_any(const struct trk_ipc_addr *addr);

#endif
