/*
 * addr.h: a UDP endpoint as the engine sees it. IPv4 is carried as v4-mapped IPv6 (::ffff:a.b.c.d,
 * RFC 4291 2.5.5.2).
 */
#ifndef TRK_BASE_ADDR_H
#define TRK_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct trk_addr {
    uint8_t ip[16]; /* network order */
    uint16_t port;  /* host order */
};

static inline bool trk_addr_same_ip(const struct trk_addr *a, const struct trk_addr *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static inline bool trk_addr_same(const struct trk_addr *a, const struct trk_addr *b)
{
    return a->port == b->port && trk_addr_same_ip(a, b);
}

#endif
