/* udp_internal.h: what the files of udp.h share. Not for other modules. */
#ifndef TRK_IO_UDP_INTERNAL_H
#define TRK_IO_UDP_INTERNAL_H

#include <config.h>

#include "base/mem.h"
#include "io/udp.h"

struct trk_udp {
    int fd;
    int family;         /* of the socket: AF_INET6 also when dual */
    bool dual;          /* an AF_INET6 socket that carries IPv4 too */
    bool connected;     /* one peer: neither sends nor receives take a name */
    bool others_wait;   /* ...but what others sent before it was connected may wait in it */
    bool gro;           /* the kernel joins datagrams */
    bool error_waiting; /* a send met an ICMP error: the queue is worth a look */
    unsigned max_segs;  /* datagrams that the kernel takes in one message; 1: no GSO */
    uint32_t drops;     /* last value of the kernel's counter */
    struct trk_udp *port, *kin; /* the socket that it was opened beside; the next one of those */
    union trk_sockaddr local, remote; /* remote: of a connected one */
    struct trk_udp_stats own, *stats; /* own, or those of the socket that it was opened beside */
};

/* Does a packet wait, or an ICMP error before it? */
bool trk_udp_holds(struct trk_udp *u);

/* UDP_MAX_SEGMENTS of kernels before 6.9: tried before GSO is given up. */
enum { TRK_UDP_OLD_TRAIN_PKTS = 64 };

#endif
