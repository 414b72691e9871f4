/*
 * config.h: the configuration file (trickled.conf(5)), read with libconfuse, and its defaults.
 *
 * Every value is checked when it is read; an error names file, line and key. Command line options override.
 */
#ifndef TRK_DAEMON_CONFIG_H
#define TRK_DAEMON_CONFIG_H

#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRK_CONFIG_PEER_PORTS_MAX = 4 };

struct trk_config {
    char *secret;   /* path of the cluster secret; NULL: the default place, made when it is not there */
    char *socket;   /* path of the control socket; NULL: the default place */
    char *pcap;     /* path of a packet capture; NULL: none */
    uint16_t instance;                            /* 0: drawn once and kept beside the secret */
    uint16_t port;                                /* UDP server port */
    uint16_t peer_ports[TRK_CONFIG_PEER_PORTS_MAX]; /* where peers' daemons are looked for */
    unsigned n_peer_ports;
    enum trk_log_level log_level;
    uint16_t packet_size_max_bytes; /* largest UDP payload to agree to */
    uint64_t pcap_max_bytes;
    size_t down_window_bytes;      /* client: received bytes held for a slow application */
    size_t up_window_bytes;        /* both: uplink bytes held (client: unacknowledged; server: not yet taken) */
    size_t buffer_bytes_total;     /* such bytes, both ways, of all connections: buffers.h */
    size_t socket_buffer_bytes;    /* each way between daemon and application */
    size_t spill_bytes;            /* bytes in flight above which they move from socket to memory */
    size_t ring_bytes_max;         /* such memory of one connection */
    size_t ring_bytes_total;       /* and of all */
    size_t replay_bytes;           /* replay table */
    unsigned connections_max;      /* of each role */
    unsigned listeners_max;
    unsigned minisocket_detached_max; /* events that one stateless service may keep */
    unsigned ack_delay_us;         /* longest that an answer waits for bytes from the application */
    unsigned tcp_after_ms;         /* TCP is tried beside an unanswered OPEN after this */
    unsigned refusal_seconds;      /* how long a peer without Trickles is remembered */
    unsigned silent_seconds;       /* a server-side connection whose client is silent for so long is reset */
    unsigned orphan_seconds;       /* how long one that its application has closed waits for the peer's end */
    unsigned idle_exit_seconds;    /* --user: exit after so long without applications; 0: never */
};

/* The defaults; `user` for a user's own daemon. */
void trk_config_init(struct trk_config *conf, bool user);
void trk_config_free(struct trk_config *conf);

/*
 * Reads path over what is in conf. Errors are given to log, each with file and line. Returns 0 or -1. A file that is
 * not there is an error only if `must_exist`.
 */
int trk_config_read(struct trk_config *conf, const char *path, bool must_exist, const struct trk_log *log)
    __attribute__((warn_unused_result));

/* The same for a text in memory, called `name` in errors: for tests and the fuzzer. */
int trk_config_read_text(struct trk_config *conf, const char *text, const struct trk_log *log)
    __attribute__((warn_unused_result));

#endif
