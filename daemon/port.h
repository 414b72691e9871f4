/*
 * port.h: one UDP socket of the daemon in the event loop: receive batches in, send batches out, one flush a round.
 */
#ifndef TRK_DAEMON_PORT_H
#define TRK_DAEMON_PORT_H

#include "daemon/daemon.h"
#include "io/udp.h"

struct trk_port;

struct trk_port_ops {
    /* One datagram, borrowed for the call. */
    void (*packet)(struct trk_daemon *d, struct trk_port *port, const struct trk_udp_path *path, const uint8_t *pkt,
                   size_t len);
    /* An ICMP error about a datagram of ours. */
    void (*error)(struct trk_daemon *d, struct trk_port *port, const struct trk_udp_error *error);
};

/* Opens port number `number` (0: any), dual-stack, and watches it. Returns 0 or -errno. */
int trk_port_open(struct trk_port **out, struct trk_daemon *d, uint16_t number, const struct trk_port_ops *ops)
    __attribute__((warn_unused_result));
/* Sends what is queued if the socket takes it, and closes. NULL is allowed. */
void trk_port_close(struct trk_port *port);

/*
 * Memory for n bytes (at most 512 KiB) of datagrams or headers, valid until the end of the round or trk_port_flush().
 * NULL: the socket is full; drop, as a router would. May flush: borrowed bytes given before are then sent or copied.
 */
uint8_t *trk_port_room(struct trk_port *port, size_t n);
/* Keeps the first n bytes of the room, for iovecs to point into. */
void trk_port_keep(struct trk_port *port, size_t n);
/* Queues the first len bytes of the room as datagrams of segment bytes each (the last may be shorter). */
void trk_port_send(struct trk_port *port, size_t len, size_t segment, const struct trk_udp_path *path);
/* Queues datagrams made of pieces, borrowed until the next flush. n at most 1024. */
void trk_port_sendv(struct trk_port *port, const struct iovec *iov, unsigned n, size_t segment,
                    const struct trk_udp_path *path);
/* Sends now (or copies what the socket does not take): nothing borrowed is used afterwards. */
void trk_port_flush(struct trk_port *port);

/* Much comes by this path (as received): from now on by a connected socket beside the port (peersocks.h). */
void trk_port_favour(struct trk_port *port, const struct trk_udp_path *path);

uint16_t trk_port_number(const struct trk_port *port);
const struct trk_udp_stats *trk_port_stats(struct trk_port *port);

#endif
