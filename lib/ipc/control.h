/*
 * Control messages between the daemon and its users (shim, `trickles` command): pure codec.
 *
 * Carried by an AF_UNIX SOCK_SEQPACKET socket at `<dir>/trickled.sock`, one message a packet. Every
 * request has exactly one answer with the same correlation number; the daemon sends nothing
 * unasked. A client may send several before it reads. The shim opens a connection per call (nothing
 * to inherit over fork, nothing to lock, no descriptor to lose in a close-all loop), the daemon
 * must make that cheap. Requests are small enough never to block on a fresh connection; the shim
 * waits at most TRK_CTL_TIMEOUT_MS for an answer. The data listener (AF_UNIX SOCK_STREAM, see
 * link.h) is `<dir>/data.sock`, next to it.
 *
 *   request                      descriptor   answer
 *   HELLO   who is asking                     HELLO_REPLY: who answers, in which network namespace
 *   BIND    id flags local       bound TCP    ACK. The descriptor is the real TCP socket that the
 *                                socket       application bound; the application's unix end is
 *                                             bound to the L name of the same id. The daemon owns
 *                                             it from here.
 *   LISTEN  id backlog                        ACK. listen() on that TCP socket has succeeded, and
 *                                             Trickles clients are served too (unless TCP_ONLY).
 *                                             The application listens already. Repeated for a new
 *                                             backlog.
 *   OPTION  id level name value               ACK. Of the options the daemon acts on only SO_LINGER
 *                                             (8 bytes: int on/off, int seconds; {1,0} = RST when
 *                                             the application closes) is sent; others may be
 *                                             ignored.
 *   SWEEP   local                             ACK. value = TCP sockets closed because their
 *                                             application's end is gone (asked after EADDRINUSE,
 *                                             before one retry)
 *   INFO    id                                INFO_REPLY: one connection, by the id in its name
 *   STATUS                                    STATUS_REPLY with a memfd: the whole state as a JSON
 *                                             text
 *
 * Of a stateless service (libminisocket). This connection stays: it is the service, which ends with
 * it.
 *
 *   MINI_LISTEN   layout flags   bound TCP    MINI_LISTEN_REPLY with three descriptors: memory,
 *                 local          socket, not  doorbell to the application, doorbell to the daemon
 *                                listening    (ringmem.h). The TCP socket proves that the
 *                                             application may serve there, and reserves the port;
 *                                             the daemon keeps it.
 *   MINI_EXTRACT  n bytes cap    memfd        ACK, value = length; with a memfd of sealed events,
 *                                             rewound (minirec.h). The events are the service's no
 *                                             more
 *   MINI_INSTALL  bytes          memfd        ACK, value = events taken
 *
 * ACK and the _REPLYs carry `error_no`: 0, or a positive errno: EPROTO (message not understood),
 * ENOENT (id unknown), EPERM (id of another user: the daemon compares SO_PEERCRED), or what the
 * system call gave. A message that does not decode is answered by ACK with EPROTO and its
 * correlation if it has one, and the connection is closed.
 *
 * Existence of a listener or bound socket: a throwaway AF_UNIX socket that cannot be bound to its
 * exact L name (EADDRINUSE) proves that it is alive; whether it listens, sock_diag says.
 *
 * Layout: little-endian, fixed offsets, exact length per type; a reserved byte must be zero.
 * Header, 16 bytes: magic u32 | version u16 | type u16 | correlation u64. Addresses are 24 bytes:
 * family u8 | reserved u8 | port u16 | scope u16 | reserved u16 | ip 16 bytes.
 */
#ifndef TRK_IPC_CONTROL_H
#define TRK_IPC_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/name.h"

#define TRK_CTL_MAGIC           0x434b5254u /* "TRKC" in a dump */
#define TRK_CTL_VERSION         1u
#define TRK_CTL_MAX_BYTES       256u
#define TRK_CTL_TIMEOUT_MS      1000
#define TRK_CTL_VALUE_MAX_BYTES 16u
#define TRK_CTL_SOCKET_NAME     "trickled.sock"
#define TRK_CTL_DATA_NAME       "data.sock"

/* X(name, number, body bytes) */
#define TRK_CTL_TYPES(X)                                                                           \
    X(HELLO, 1, 8)                                                                                 \
    X(HELLO_REPLY, 2, 24)                                                                          \
    X(ACK, 3, 8)                                                                                   \
    X(BIND, 4, 40)                                                                                 \
    X(LISTEN, 5, 16)                                                                               \
    X(OPTION, 6, 40)                                                                               \
    X(SWEEP, 7, 24)                                                                                \
    X(INFO, 8, 8)                                                                                  \
    X(INFO_REPLY, 9, 136)                                                                          \
    X(STATUS, 10, 0)                                                                               \
    X(STATUS_REPLY, 11, 8)                                                                         \
    X(MINI_LISTEN, 12, 32)                                                                         \
    X(MINI_LISTEN_REPLY, 13, 24)                                                                   \
    X(MINI_EXTRACT, 14, 16)                                                                        \
    X(MINI_INSTALL, 15, 8)

enum trk_ctl_type {
#define TRK_CTL_X(name, number, bytes) TRK_CTL_##name = (number),
    TRK_CTL_TYPES(TRK_CTL_X)
#undef TRK_CTL_X
};

struct trk_ctl_hello {
    uint32_t pid;
};

struct trk_ctl_hello_reply {
    uint32_t error_no;
    uint32_t pid;          /* the daemon's */
    uint64_t netns_cookie; /* SO_NETNS_COOKIE of the daemon; 0 = unknown. The shim uses no daemon of
                              another network namespace: connections would leave from there */
    uint32_t uid;          /* whose connections into listeners are the daemon's; under socket
                              activation SO_PEERCRED would say root */
    uint16_t udp_port;     /* server port, 0 = none */
};

struct trk_ctl_ack {
    uint32_t error_no;
    uint32_t value;
};

struct trk_ctl_bind {
    uint64_t id;
    uint8_t flags; /* TRK_NAME_F_* */
    struct trk_ipc_addr local;
};

struct trk_ctl_listen {
    uint64_t id;
    int32_t backlog; /* as the application gave it */
};

struct trk_ctl_option {
    uint64_t id;
    int32_t level;
    int32_t name;
    uint8_t value_bytes; /* 0..16 */
    uint8_t value[TRK_CTL_VALUE_MAX_BYTES];
};

struct trk_ctl_sweep {
    struct trk_ipc_addr local; /* what could not be bound */
};

struct trk_ctl_info {
    uint64_t id;
};

enum trk_ctl_conn_state {
    TRK_CTL_CONN_CONNECTING = 1,
    TRK_CTL_CONN_UP = 2,
    TRK_CTL_CONN_CLOSING = 3, /* one direction or both have ended */
    TRK_CTL_CONN_FAILED = 4,
    TRK_CTL_CONN_LISTENING = 5,
};

/* Figures of one connection, in the units of struct tcp_info. */
struct trk_ctl_info_reply {
    uint32_t error_no; /* ENOENT: the rest is zero */
    uint8_t state;     /* enum trk_ctl_conn_state */
    uint8_t is_tcp;    /* relayed or handed over as kernel TCP */
    struct trk_ipc_addr local;
    struct trk_ipc_addr remote;
    uint32_t rtt_us;
    uint32_t rttvar_us;
    uint32_t min_rtt_us;
    uint32_t rto_us;
    uint32_t cwnd_pkts;
    uint32_t ssthresh_pkts;
    uint32_t mss_bytes;
    uint32_t in_flight_pkts;
    uint64_t bytes_acked;    /* sent by this end and proved received */
    uint64_t bytes_received; /* handed to this end */
    uint64_t bytes_retrans;
    uint64_t outq_bytes; /* written by the application and not yet acknowledged by the peer */
    uint32_t retrans_pkts;
    uint32_t lost_pkts;
    uint32_t pkts_out;
    uint32_t pkts_in;
};

struct trk_ctl_status_reply {
    uint32_t error_no;
};

enum trk_ctl_mini_flags {
    TRK_CTL_MINI_SHARED = 1, /* others of the same user may serve there too, if they all say so */
    TRK_CTL_MINI_WANT_NEW = 2,
    TRK_CTL_MINI_KNOWN = 3,
};

struct trk_ctl_mini_listen {
    uint16_t layout; /* TRK_RINGMEM_LAYOUT; EPROTO if it is not the daemon's */
    uint8_t flags;
    struct trk_ipc_addr local;
};

struct trk_ctl_mini_listen_reply {
    uint32_t error_no;
    uint16_t layout;
    uint32_t down_bytes;   /* ring of events */
    uint32_t up_bytes;     /* ring of answers */
    uint32_t slots;        /* events that the application may have at a time */
    uint32_t detached_max; /* of these, kept ones */
};

struct trk_ctl_mini_extract {
    uint32_t n;     /* events */
    uint32_t bytes; /* of the memfd */
    uint64_t cap;   /* ENOSPC where more would come back */
};

struct trk_ctl_mini_install {
    uint32_t bytes;
};

struct trk_ctl_msg {
    enum trk_ctl_type type;
    uint64_t correlation;
    union {
        struct trk_ctl_hello hello;
        struct trk_ctl_hello_reply hello_reply;
        struct trk_ctl_ack ack;
        struct trk_ctl_bind bind;
        struct trk_ctl_listen listen;
        struct trk_ctl_option option;
        struct trk_ctl_sweep sweep;
        struct trk_ctl_info info;
        struct trk_ctl_info_reply info_reply;
        struct trk_ctl_status_reply status_reply;
        struct trk_ctl_mini_listen mini_listen;
        struct trk_ctl_mini_listen_reply mini_listen_reply;
        struct trk_ctl_mini_extract mini_extract;
        struct trk_ctl_mini_install mini_install;
    } u;
};

/*
 * Write `msg` into `buf` (capacity `cap` bytes; TRK_CTL_MAX_BYTES always suffices).
 * Returns the length in bytes; -EINVAL: unknown type or a field out of its range; -ENOSPC.
 */
int trk_ctl_encode(const struct trk_ctl_msg *msg, uint8_t *buf, size_t cap);

/*
 * Read one packet of `len` bytes (any bytes at all). Returns 0, or -EPROTO with msg->type = 0 and
 * msg->correlation set if the header was ours, else 0. What decodes encodes again to the same
 * bytes.
 */
int trk_ctl_decode(const uint8_t *buf, size_t len, struct trk_ctl_msg *msg);

/* "BIND" ... for traces; "?" where unknown. Static. */
const char *trk_ctl_type_name(enum trk_ctl_type type);

#endif
