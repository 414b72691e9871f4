/*
 * sockaddr.h: one IPv4 or IPv6 socket address, as a value that can be copied.
 *
 * Pure. IPv4 is always AF_INET here, also when it came through a dual-stack socket: the I/O layer
 * maps and unmaps, so that one peer has one form and two addresses can be compared.
 */
#ifndef TRK_BASE_SOCKADDR_H
#define TRK_BASE_SOCKADDR_H

#include "base/addr.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* sa.sa_family is AF_INET, AF_INET6, or AF_UNSPEC for "none" (an all-zero value). */
union trk_sockaddr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* The number of bytes that the kernel wants for a; 0 for AF_UNSPEC. */
static inline socklen_t trk_sockaddr_len(const union trk_sockaddr *a)
{
    if (a->sa.sa_family == AF_INET)
        return sizeof a->in;
    return a->sa.sa_family == AF_INET6 ? sizeof a->in6 : 0;
}

/* The port in host order; 0 for AF_UNSPEC. */
static inline uint16_t trk_sockaddr_port(const union trk_sockaddr *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohs(a->in.sin_port);
    return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

/* Sets the port (host order); nothing for AF_UNSPEC. */
static inline void trk_sockaddr_set_port(union trk_sockaddr *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET)
        a->in.sin_port = htons(port);
    else if (a->sa.sa_family == AF_INET6)
        a->in6.sin6_port = htons(port);
}

/* Same host (family, address, scope), whatever the port. */
static inline bool trk_sockaddr_same_host(const union trk_sockaddr *a, const union trk_sockaddr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    if (a->sa.sa_family != AF_INET6)
        return true;
    return a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
           memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
}

/* Same host and same port. */
static inline bool trk_sockaddr_equal(const union trk_sockaddr *a, const union trk_sockaddr *b)
{
    return trk_sockaddr_same_host(a, b) && trk_sockaddr_port(a) == trk_sockaddr_port(b);
}

/* a as an AF_INET6 address: itself, or the v4-mapped form of an AF_INET one. For dual-stack
 * sockets. */
static inline union trk_sockaddr trk_sockaddr_mapped(const union trk_sockaddr *a)
{
    if (a->sa.sa_family != AF_INET)
        return *a;
    union trk_sockaddr m = {.in6 = {.sin6_family = AF_INET6, .sin6_port = a->in.sin_port}};
    m.in6.sin6_addr.s6_addr[10] = 0xff;
    m.in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&m.in6.sin6_addr.s6_addr[12], &a->in.sin_addr, 4);
    return m;
}

/* The inverse: a v4-mapped AF_INET6 address as AF_INET; every other address as it is. */
static inline union trk_sockaddr trk_sockaddr_unmapped(const union trk_sockaddr *a)
{
    if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        return *a;
    union trk_sockaddr v4 = {.in = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port}};
    memcpy(&v4.in.sin_addr, &a->in6.sin6_addr.s6_addr[12], 4);
    return v4;
}

/* The engine's form of a; all zero for AF_UNSPEC. Loses the scope of link-local IPv6. */
static inline struct trk_addr trk_sockaddr_to_addr(const union trk_sockaddr *a)
{
    union trk_sockaddr m = trk_sockaddr_mapped(a);
    struct trk_addr out = {.port = trk_sockaddr_port(a)};
    if (m.sa.sa_family == AF_INET6)
        memcpy(out.ip, &m.in6.sin6_addr, sizeof out.ip);
    return out;
}

/* The inverse, for sending: AF_INET for v4-mapped addresses. */
static inline union trk_sockaddr trk_sockaddr_from_addr(const struct trk_addr *a)
{
    union trk_sockaddr s = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)}};
    memcpy(&s.in6.sin6_addr, a->ip, sizeof a->ip);
    return trk_sockaddr_unmapped(&s);
}

#endif
