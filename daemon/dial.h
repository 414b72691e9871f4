/*
 * dial.h: the client role: connections that applications make. They arrive on the data listener, each with its connect
 * order (ipc/link.h).
 *
 * States of a dialled connection:
 *     SETUP     the order has not come yet
 *     RACING    OPENs are on the way to the peer's possible ports; TCP is tried beside them after tcp-after-ms, or at
 *               once where the peer refused or is remembered to have no Trickles; the first answer wins
 *     TRICKLES  established
 *     RELAY     established over kernel TCP
 *     LEAVING   the application's end is closed; the engine still has something to send (FIN, RESET)
 * SETUP -> RACING -> TRICKLES | RELAY; TRICKLES -> LEAVING; all -> freed.
 */
#ifndef TRK_DAEMON_DIAL_H
#define TRK_DAEMON_DIAL_H

#include "core/client.h"
#include "daemon/applink.h"
#include "daemon/memo.h"
#include "daemon/party.h"
#include "daemon/port.h"
#include "daemon/relay.h"

enum trk_dial_state { TRK_DIAL_SETUP, TRK_DIAL_RACING, TRK_DIAL_TRICKLES, TRK_DIAL_RELAY, TRK_DIAL_LEAVING };

/* One UDP port where the peer's daemon may be. */
struct trk_dial_peer {
    union trk_sockaddr at;
    const char *refused; /* why it is not there; NULL: it may be */
};

struct trk_dialled {
    struct trk_task task; /* first: trk_loop_defer_free writes here */
    struct trk_party party;
    struct trk_daemon *d;
    enum trk_dial_state state;
    struct trk_applink link;
    struct trk_timer timer;    /* the engine's deadline, TCP's turn, time-outs */
    struct trk_name name;
    union trk_sockaddr target; /* what the application connects to */
    union trk_sockaddr source; /* the application's address; port: the one it sees */
    uint64_t since_ns;         /* of the present state */
    bool dead;

    struct trk_dialled *setup_next, *setup_prev; /* ring of those in SETUP, oldest first */

    struct trk_client *client; /* NULL: none, or none any more */
    uint64_t cid, nonce;
    struct trk_dial_peer peer[TRK_CONFIG_PEER_PORTS_MAX];
    unsigned n_peers;
    struct trk_udp_path path; /* to the peer that answered */
    bool got_packets;         /* in this round */
    size_t got_bytes;         /* since its path was called busy, or ever */
    bool abortive;
    bool fin_written;
    uint64_t refused_ns; /* established, and ICMP says since then that nobody is there; 0: no */
    uint64_t orphan_ns;

    int tcp_fd; /* bound by the application, or being connected; -1: none */
    bool tcp_trying; /* or refused, tcp_error */
    int tcp_error;   /* TCP was refused, but a busy Trickles server may answer yet; 0: no */
    struct trk_watch tcp_watch;
    const char *why; /* not Trickles; static; NULL: it is */
    struct trk_relay relay;
};

/* Listens for applications on listen_fd (taken). Returns the service or NULL (no memory). */
struct trk_dials *trk_dials_new(struct trk_daemon *d, int listen_fd) __attribute__((warn_unused_result));
/* Resets every connection. NULL is allowed. */
void trk_dials_free(struct trk_dials *dials);
unsigned trk_dials_count(const struct trk_dials *dials);

/* Handlers of the client port. */
extern const struct trk_port_ops trk_dial_ports;

/* ---- dial.c, for its other half ---- */

/* The application's connect fails with err (positive errno). c is freed at the end of the round. */
void trk_dial_fail(struct trk_dialled *c, int err);
/* Frees c at the end of the round; the application gets a reset if its end is still open. */
void trk_dial_drop(struct trk_dialled *c);

/* ---- dial_info.c: a party's answers (party.h) ---- */

void trk_dial_tell(struct trk_party *p, struct trk_party_facts *f);
void trk_dial_set_abortive(struct trk_party *p, bool on);

/* ---- dial_race.c: finding a way to the peer ---- */

/* Begins: c->name is set. May end in trk_dial_fail(). */
void trk_dial_race(struct trk_dialled *c);
/* A datagram for c while RACING. */
void trk_dial_race_packet(struct trk_dialled *c, const union trk_sockaddr *from, const uint8_t *pkt, size_t len);
/* ICMP says that nobody is at this port. */
void trk_dial_race_refused(struct trk_dialled *c, const union trk_sockaddr *at, const char *why);
/* Time has passed, or the engine has something to send. */
void trk_dial_race_run(struct trk_dialled *c);
/* When trk_dial_race_run() wants to be called. */
uint64_t trk_dial_race_deadline(const struct trk_dialled *c);
/* Ends all tries. */
void trk_dial_race_stop(struct trk_dialled *c);

/* The services of dial.c that dial_race.c uses. */
struct trk_memo *trk_dials_memo(struct trk_dials *dials);
/* UDP ports that have opened connections lately. */
struct trk_memo *trk_dials_speakers(struct trk_dials *dials);
/* Enters c by its cid. -ENOMEM. */
int trk_dials_enter(struct trk_dialled *c) __attribute__((warn_unused_result));
void trk_dials_leave(struct trk_dialled *c);
uint16_t trk_dials_next_port(struct trk_dials *dials);
/* Trickles has won: path is set. */
void trk_dial_up(struct trk_dialled *c);
/* TCP has won: tcp_fd is connected. */
void trk_dial_up_tcp(struct trk_dialled *c);

#endif
