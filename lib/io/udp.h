/*
 * udp.h: UDP sockets that move packets in trains (GSO out, GRO in), many trains to a system call.
 *
 * A train is a run of datagrams of one size (the last may be shorter) with one source and one
 * destination. Measured on Linux 6, trains both ways are worth a factor of three to ten over single
 * datagrams.
 *
 * What every socket has: large buffers (SO_*BUFFORCE where allowed), the local address of each
 * packet (so that answers leave from the address that was asked; a connected one has one), ECT(0) set and the ECN mark of
 * each packet read, don't-fragment set with the kernel's path MTU cache ignored (IP_PMTUDISC_PROBE:
 * the engine searches the packet size itself), and ICMP errors queued per destination (IP_RECVERR).
 * Sockets are non-blocking and close-on-exec.
 *
 * Not thread-safe: one socket, one receive ring and one batch are used by one thread at a time.
 * Different sockets may be used by different threads. Nothing is allocated after the *_new and
 * *_open calls.
 *
 * Errors: 0 or a count, or a negative errno value.
 */
#ifndef TRK_IO_UDP_H
#define TRK_IO_UDP_H

#include "base/sockaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    TRK_UDP_TRAIN_MAX_BYTES = 65507, /* IPv4: 65535 - 20 - 8; the kernel refuses more in one call */
    TRK_UDP_TRAIN_MAX_PKTS = 128, /* UDP_MAX_SEGMENTS; 64 before Linux 6.9: found out, remembered */
    TRK_UDP_BUFFER_BYTES = 8 << 20, /* 64 trains in flight are 4 MiB, half of it is bookkeeping */
};

enum trk_udp_flags {
    /* Neither V4 nor V6: dual-stack, or IPv4 where the host has no IPv6. */
    TRK_UDP_V4 = 1u << 0,        /* IPv4 only */
    TRK_UDP_V6 = 1u << 1,        /* IPv6 only */
    TRK_UDP_NO_GSO = 1u << 2,    /* one datagram per message, as on a kernel without UDP_SEGMENT */
    TRK_UDP_NO_GRO = 1u << 3,    /* no coalescing on receipt */
    TRK_UDP_REUSEPORT = 1u << 4, /* several workers on one port */
};

struct trk_udp_options {
    uint16_t port;            /* local port, host order; 0: ephemeral */
    unsigned flags;           /* enum trk_udp_flags */
    union trk_sockaddr local; /* AF_UNSPEC: any address. Its port is ignored */
    /* AF_UNSPEC: unconnected. Else the only peer; it decides the family too. */
    union trk_sockaddr remote;
    /*
     * With local and remote: an open socket that has this port already (without REUSEPORT). The new one
     * shares the port and takes the packets of remote from it; until it is connected those of others
     * too. Both count into its statistics, and it must live longer.
     */
    struct trk_udp *beside;
    size_t buffer_bytes; /* each way; 0: TRK_UDP_BUFFER_BYTES */
};

/* The two ends of a packet, as seen from this host. */
struct trk_udp_path {
    union trk_sockaddr remote; /* the peer */
    union trk_sockaddr local;  /* us. Sending: AF_UNSPEC lets the kernel choose; port ignored */
    unsigned ifindex;          /* where it came in; sending: for link-local IPv6. 0: unknown */
};

/* Counters, since the socket was opened. */
struct trk_udp_stats {
    uint64_t rx_trains, rx_pkts, rx_bytes;
    uint64_t rx_truncated;    /* longer than a receive slot: dropped */
    uint64_t rx_kernel_drops; /* lost in a full receive buffer (SO_MEMINFO) */
    uint64_t rx_errors;       /* ICMP errors reported */
    uint64_t tx_trains, tx_pkts, tx_bytes;
    uint64_t tx_again;    /* the send buffer was full and the rest was kept */
    uint64_t tx_enobufs;  /* trains dropped below us (device queue) */
    uint64_t tx_too_big;  /* messages refused with EMSGSIZE */
    uint64_t tx_failed;   /* messages refused for another reason */
    uint64_t tx_overflow; /* messages dropped because more was kept than fits */
    uint64_t gso_refused; /* times that the kernel refused a train of this length */
};

struct trk_udp;
struct trk_udp_rx;
struct trk_udp_tx;

/* ---- sockets ---- */

/*
 * Opens a socket. Without remote it is a server's or an unconnected client's; with remote it is
 * connected, and takes packets from that peer only. *out is owned by the caller (trk_udp_close).
 * Errors: -EADDRINUSE, -EACCES (port below 1024), -EAFNOSUPPORT, -EINVAL, -ENOMEM, -EMFILE, and
 * what bind(2) and connect(2) give.
 */
int trk_udp_open(struct trk_udp **out, const struct trk_udp_options *opt)
    __attribute__((warn_unused_result));

/*
 * The same over a bound socket that another process opened (a supervisor's). Takes fd on success
 * only; sets every option that trk_udp_open sets but SO_REUSEPORT. flags: NO_GSO and NO_GRO only.
 * -EINVAL if fd is no UDP socket.
 */
int trk_udp_adopt(struct trk_udp **out, int fd, unsigned flags) __attribute__((warn_unused_result));

/* Closes the socket and frees u. NULL is allowed. Batches made for it must be freed first. */
void trk_udp_close(struct trk_udp *u);

/* The descriptor, for polling only (readable, writable). Still owned by u. */
int trk_udp_fd(const struct trk_udp *u);

/* The bound address and port (AF_INET6 "any" when dual-stack). */
const union trk_sockaddr *trk_udp_local(const struct trk_udp *u);

/* Can carry packets to a peer of this family. */
bool trk_udp_reaches(const struct trk_udp *u, const union trk_sockaddr *remote);

/* Does the kernel cut trains for us (false: refused once, or NO_GSO)? And join them? */
bool trk_udp_has_gso(const struct trk_udp *u);
bool trk_udp_has_gro(const struct trk_udp *u);

/* The buffer sizes that the kernel granted, in its own count (twice what was asked for). */
void trk_udp_buffers(const struct trk_udp *u, size_t *rcvbuf_bytes, size_t *sndbuf_bytes);

/* As of now. Valid until u is closed. */
const struct trk_udp_stats *trk_udp_stats(struct trk_udp *u);

/* ---- receiving ---- */

/*
 * One received train: datagrams at data, data + segment_bytes, ...; the last may be shorter. data
 * lies in the receive ring: it may be changed in place, and is valid during the callback only.
 */
struct trk_udp_train {
    uint8_t *data;
    size_t len_bytes;     /* of all datagrams together; 0 for an empty datagram */
    size_t segment_bytes; /* == len_bytes where there is one datagram */
    uint8_t ecn;          /* the ECN bits of every datagram: 0 none, 1 ECT(1), 2 ECT(0), 3 CE */
    struct trk_udp_path path;
};

typedef void trk_udp_recv_fn(void *arg, const struct trk_udp_train *train);

/* What an ICMP message said about a packet of ours. */
enum trk_udp_error_kind {
    TRK_UDP_ERR_REFUSED = 1, /* port unreachable: nothing listens there */
    TRK_UDP_ERR_UNREACHABLE, /* host or network unreachable, administratively prohibited */
    TRK_UDP_ERR_TOO_BIG,     /* a router (or our own device) cannot pass the size: mtu_bytes */
    TRK_UDP_ERR_OTHER,
};

struct trk_udp_error {
    enum trk_udp_error_kind kind;
    int err;                   /* the errno value that the kernel gives for it */
    union trk_sockaddr remote; /* where the packet went; port 0 if not known */
    union trk_sockaddr by;     /* who says so (a router); AF_UNSPEC if unknown */
    unsigned mtu_bytes;        /* TOO_BIG: the IP packet size that would pass; 0 if not said */
    /* The start of the packet's UDP payload as quoted, valid during the callback; may be empty. */
    const uint8_t *payload;
    size_t payload_len_bytes;
};

typedef void trk_udp_error_fn(void *arg, const struct trk_udp_error *error);

/*
 * A ring of slots of 64 KiB into which packets are received; any number of sockets of one thread
 * may share one. slots: 1 to 64 (a slot holds one train; 32 are 2 MiB). NULL without memory or with
 * slots out of range. Free with trk_udp_rx_free (NULL allowed).
 */
struct trk_udp_rx *trk_udp_rx_new(unsigned slots) __attribute__((warn_unused_result));
void trk_udp_rx_free(struct trk_udp_rx *rx);
unsigned trk_udp_rx_slots(const struct trk_udp_rx *rx);
/* Memory is touched on use; after this call all of it is there, and use makes it no more. */
void trk_udp_rx_touch(struct trk_udp_rx *rx);

/*
 * Receives up to rx's slots of trains with one system call and hands each to recv, in order of
 * arrival. Pending ICMP errors are handed to error (NULL: dropped) first. The callbacks may send,
 * must not receive from or close u. Returns the number of trains, 0 when nothing waits (fewer than
 * the slots also means: nothing more now), or -errno for errors that do not go away (-EBADF, ...).
 *
 * Polling with uv_poll: a waiting ICMP error alone raises POLLERR, which libuv reports as UV_EBADF
 * and stops the handle: call this, then start the handle again.
 */
int trk_udp_recv_batch(struct trk_udp *u, struct trk_udp_rx *rx, trk_udp_recv_fn *recv,
                       trk_udp_error_fn *error, void *arg);

/* ---- sending ---- */

/*
 * A message that the kernel refused: err > 0 is errno, EMSGSIZE for a datagram above the device's
 * MTU. Never for EAGAIN and ENOBUFS, which are ordinary loss. Of a train, some may have been sent.
 */
typedef void trk_udp_refused_fn(void *arg, const struct trk_udp_path *path, uint64_t tag, int err);

enum {
    TRK_UDP_TX_MSGS_MAX = 256,       /* messages (trains) in one batch */
    TRK_UDP_TX_IOVS_MAX = 4096,      /* pieces in one batch: 44 packets are 88 (header, payload) */
    TRK_UDP_TX_MSG_IOVS_MAX = 1024,  /* pieces in one message: IOV_MAX */
    TRK_UDP_TX_ARENA_BYTES = 1 << 20 /* memory for trains and headers that are built here */
};

/*
 * A batch for u: collects messages, sends them with as few system calls as possible. refused (may
 * be NULL) is called from flush only, with arg. Memory: twice TRK_UDP_TX_ARENA_BYTES, touched on
 * use. NULL without memory.
 */
struct trk_udp_tx *trk_udp_tx_new(struct trk_udp *u, trk_udp_refused_fn *refused, void *arg)
    __attribute__((warn_unused_result));
void trk_udp_tx_free(struct trk_udp_tx *tx);
/* As trk_udp_rx_touch(). */
void trk_udp_tx_touch(struct trk_udp_tx *tx);

/*
 * max_bytes of contiguous memory to write a train or headers into; valid until it is committed or
 * the batch is flushed. A second reserve without commit gives the same memory again. NULL when the
 * batch is full (flush first) or max_bytes is above TRK_UDP_TX_ARENA_BYTES.
 */
uint8_t *trk_udp_tx_reserve(struct trk_udp_tx *tx, size_t max_bytes);

/* Keeps the first n_bytes of what reserve gave: headers that iovecs of trk_udp_tx_add point into.
 */
void trk_udp_tx_keep(struct trk_udp_tx *tx, size_t n_bytes);

/*
 * What follows queues messages. One that has the path and the tag of the one before, and a size that
 * allows one train of both, is joined to it.
 */

/*
 * Queues the first len_bytes of what reserve gave as one message: datagrams of segment_bytes each,
 * the last may be shorter. path->remote is ignored on a connected socket. tag comes back in
 * refused. Returns 0; -ENOBUFS when the batch is full (cannot be after a reserve that gave memory);
 * -EMSGSIZE above TRK_UDP_TRAIN_MAX_BYTES or TRK_UDP_TRAIN_MAX_PKTS; -EINVAL for a zero length.
 */
int trk_udp_tx_commit(struct trk_udp_tx *tx, size_t len_bytes, size_t segment_bytes,
                      const struct trk_udp_path *path, uint64_t tag)
    __attribute__((warn_unused_result));

/*
 * Queues a message made of pieces, without copying: iov[0..n) in order are the datagrams one after
 * the other (pieces need not match datagram borders). The iovecs are copied, the bytes are borrowed
 * until the next flush returns: what cannot be sent then is copied. Errors as for commit, and
 * -EINVAL for n of 0 or above TRK_UDP_TX_MSG_IOVS_MAX.
 */
int trk_udp_tx_add(struct trk_udp_tx *tx, const struct iovec *iov, unsigned n, size_t segment_bytes,
                   const struct trk_udp_path *path, uint64_t tag)
    __attribute__((warn_unused_result));

/*
 * Sends all that is queued. Returns 0 when nothing is left, 1 when the socket's buffer is full: the
 * rest is kept (at most TRK_UDP_TX_MSGS_MAX messages and TRK_UDP_TX_ARENA_BYTES; what is more is
 * dropped and counted, as a router would): wait until the socket is writable and flush again.
 * -errno only for errors of the socket itself (-EBADF). Memory from reserve is no longer valid.
 *
 * A train that the kernel will not cut (EIO: no checksum offload on the route, or IPsec; EINVAL: no
 * GSO, or too many datagrams) goes out in shorter ones, at last singly, and the socket remembers
 * it.
 */
int trk_udp_tx_flush(struct trk_udp_tx *tx) __attribute__((warn_unused_result));

/* Messages queued (kept ones included). */
unsigned trk_udp_tx_queued(const struct trk_udp_tx *tx);

#endif
