/*
 * daemon.h: what the parts of trickled share. One object, made in main.c; every service has a pointer to it. One thread.
 *
 * Parts: loop (events) | port (UDP) | control, listeners, accept_tcp, rediscover (applications' sockets) | dial, relay
 * (client role) | compat, down (server role) | applink (one application's end of a connection) | minis, slots, minicheck
 * (stateless services) | status.
 */
#ifndef TRK_DAEMON_DAEMON_H
#define TRK_DAEMON_DAEMON_H

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "core/server.h"
#include "crypto/keyring.h"
#include "crypto/sealer.h"
#include "daemon/buffers.h"
#include "daemon/config.h"
#include "daemon/loop.h"
#include "trace/pcap.h"

struct trk_port;
struct trk_listeners;
struct trk_compat;
struct trk_dials;
struct trk_control;
struct trk_udp_rx;
struct trk_party;
struct trk_minis;

/* What is counted: shown by `trickles status`. X(name, meaning) */
#define TRK_COUNTERS(X)                                                                                                \
    X(opens, "OPENs answered with a continuation")                                                                     \
    X(refused, "OPENs for ports where nobody listens")                                                                 \
    X(busy, "connections refused for lack of room")                                                                    \
    X(requests, "verified REQUESTs")                                                                                   \
    X(uplinks, "UPLINK packets of known connections")                                                                  \
    X(uplinks_unknown, "UPLINK packets without soft state here")                                                       \
    X(unknown_conns, "REQUESTs of connections without soft state: reset")                                              \
    X(resets_in, "connections reset by the peer")                                                                      \
    X(resets_out, "connections that we reset")                                                                         \
    X(accepted, "connections handed to listeners")                                                                     \
    X(accepted_tcp, "kernel TCP connections handed to listeners")                                                      \
    X(silent, "connections whose client fell silent")                                                                  \
    X(connects, "connections asked for by applications")                                                               \
    X(connects_trickles, "of these, over Trickles")                                                                    \
    X(connects_tcp, "of these, over kernel TCP")                                                                       \
    X(connects_failed, "of these, failed")                                                                             \
    X(stray, "datagrams for no connection of ours")                                                                    \
    X(data_pkts, "DATA packets sent")                                                                                  \
    X(ack_pkts, "ACK packets sent")                                                                                    \
    X(spilled, "bytes moved from application sockets to memory")                                                       \
    X(peeked, "bytes sent straight from application sockets")                                                          \
    X(mini_events, "events given to stateless services")                                                               \
    X(mini_answers, "answers from them")                                                                               \
    X(mini_refused, "answers that contradicted themselves or their event")                                             \
    X(mini_away, "REQUESTs for stateless services that were not there")                                                \
    X(mini_full, "REQUESTs for which a stateless service had no room")                                                 \
    X(mini_cut, "stateless services cut off for what they wrote")                                                      \
    X(descriptors_used_up, "times that a connection waited for a free descriptor")

struct trk_counters {
#define X(name, text) uint64_t name;
    TRK_COUNTERS(X)
#undef X
    uint64_t drops[TRK_ERR_COUNT]; /* datagrams at the server port dropped, by reason */
    uint64_t client_drops[TRK_ERR_COUNT];
};

struct trk_daemon {
    struct trk_config conf;
    struct trk_log log;
    struct trk_mem mem;
    struct trk_buffers buffers; /* what streams hold */
    struct trk_loop *loop;
    bool is_user;    /* a user's own daemon */
    uint64_t seed[2]; /* of hash maps */
    uint64_t boot_ns; /* monotonic */
    uint64_t netns;   /* of our own network: netns.h */

    struct trk_keyring *keyring;
    struct trk_sealer *sealer;
    struct trk_server server;
    struct trk_replay replay;
    void *replay_memory;

    struct trk_udp_rx *rx;
    struct trk_pcap *pcap;
    struct trk_port *server_port;
    struct trk_port *client_port;
    struct trk_listeners *listeners;
    struct trk_compat *compat;
    struct trk_minis *minis;
    struct trk_dials *dials;
    struct trk_control *control;
    struct trk_party *parties; /* all connections and listeners: see party.h */
    struct trk_map party_ids;
    size_t ring_bytes; /* in use by all connections (down.h) */
    struct trk_counters count;
    struct trk_log_limit fd_limit; /* of the line about descriptors used up */
};

/* Unpredictable numbers. */
uint64_t trk_daemon_random(const struct trk_daemon *d);

/* A connection has ended: after many of them the C library's free memory goes back to the system. */
void trk_daemon_connection_ended(struct trk_daemon *d);

/* accept or socket failed with EMFILE, ENFILE, ENOMEM or ENOBUFS: counts, and logs at most once in ten seconds. */
void trk_daemon_out_of_descriptors(struct trk_daemon *d, int err);

#endif
