/*
 * compat.h: the server role: connections of Trickles clients to unmodified servers (mode `stateful`).
 *
 * An OPEN creates nothing. The first REQUEST, with a continuation that comes straight from the OPEN's answer, is fresh,
 * was sealed after this daemon started and has not been used before, makes soft state (core/soft.h) and a connection
 * into the application's listener. Any other request without soft state here is answered with a RESET.
 *
 * States of a served connection:
 *     QUEUED     the application's accept queue is full: tried again, with a bound
 *     ACCEPTING  connected; the application's set-up message has not come (it has not accepted yet)
 *     OPEN       bytes flow
 *     LINGERING  both directions have ended; repeats are still answered for a while (TCP's TIME_WAIT)
 * QUEUED -> ACCEPTING -> OPEN -> LINGERING -> freed; any state -> freed by a reset.
 */
#ifndef TRK_DAEMON_COMPAT_H
#define TRK_DAEMON_COMPAT_H

#include "core/soft.h"
#include "daemon/down.h"
#include "daemon/listeners.h"
#include "daemon/port.h"

enum trk_served_state { TRK_SERVED_QUEUED, TRK_SERVED_ACCEPTING, TRK_SERVED_OPEN, TRK_SERVED_LINGERING };

struct trk_served {
    struct trk_task task; /* first: trk_loop_defer_free writes here */
    struct trk_party party;
    struct trk_daemon *d;
    enum trk_served_state state;
    struct trk_soft soft;
    struct trk_applink link;
    struct trk_down down;
    struct trk_timer timer;
    struct trk_udp_path path;  /* of the newest packet: answers go back that way */
    union trk_sockaddr local;  /* as the application sees itself */
    union trk_sockaddr remote; /* and its peer */
    uint64_t first_issued_us;  /* of the continuation that made it */
    bool give_cont;            /* the next answer carries law and secret */
    struct trk_law law;
    struct trk_secret secret;
    uint8_t reason;       /* of the next ACK */
    uint32_t train_reqno; /* the newest request that DATA answered, and its last seq: later ACKs say so too */
    uint64_t train_end;
    uint64_t waited_end;  /* bytes up to here have waited a round for more */
    bool fin_written;     /* the application has got the client's FIN */
    bool abortive;        /* SO_LINGER {1, 0}: its close is a reset */
    bool dead;            /* being freed */
    uint64_t heard_ns;    /* last packet */
    uint64_t up_ns;       /* when the application was given uplink bytes last */
    uint64_t owed_ns;     /* since when an answer is owed; 0: none is */
    uint64_t retry_ns;    /* QUEUED: next try */
    uint64_t since_ns;    /* of the present state */
    uint64_t orphan_ns;   /* since when the application is gone; 0: it is there */
    unsigned tries;
    uint32_t srtt_us;
    uint32_t window_pkts;
    uint64_t bytes_up;
    struct trk_served *linger_next; /* queue of LINGERING ones, oldest first */
    struct trk_served *linger_prev;
};

/* Returns the service or NULL (no memory). */
struct trk_compat *trk_compat_new(struct trk_daemon *d) __attribute__((warn_unused_result));
/* Resets every connection. NULL is allowed. */
void trk_compat_free(struct trk_compat *compat);

/* Handlers of the server port. */
extern const struct trk_port_ops trk_compat_ports;

/* How many connections there are, LINGERING ones not counted. */
unsigned trk_compat_count(const struct trk_compat *compat);

/* ---- compat_answer.c: the way out ---- */

/* Answers req with what it was granted, as far as bytes are there; owes an ACK otherwise. */
void trk_compat_answer(struct trk_served *c, const struct trk_request *req);
/* Sends on kept credit what can be sent. Returns false if the connection was lost by it. */
bool trk_compat_push(struct trk_served *c) __attribute__((warn_unused_result));
/* Sends an ACK for all that is owed. */
void trk_compat_ack(struct trk_served *c, const struct trk_request *req, uint64_t train_end);
/* Sends a RESET to `to` over path. */
void trk_compat_send_reset(struct trk_daemon *d, const struct trk_answer *to, const struct trk_udp_path *path);

/* ---- compat.c ---- */

/* Ends c: RESET to the client, reset to the application. */
void trk_compat_abort(struct trk_served *c);

#endif
