/*
 * soft.h: the soft state of one connection in use, for services that have an unmodified server
 * behind them (protocol.md section 7, mode stateful): credit kept for data that is not there yet,
 * uplink reassembly, and what the application's stream has given. Sans-I/O; the daemon and the
 * simulator run the same code.
 *
 * Downlink offsets: down_una (client has all below: may be released) <= down_high (highest byte
 * ever sent). Granted seqs are used lowest first: for what was asked again, then for new bytes in
 * order, whatever range the client put against a seq (it tracks bytes by what arrives). So no
 * unsent seq ever lies below a sent one, and none looks lost.
 */
#ifndef TRK_CORE_SOFT_H
#define TRK_CORE_SOFT_H

#include "base/rcvbuf.h"
#include "core/credit.h"
#include "core/server.h"

enum {
    TRK_SOFT_REQNO_AHEAD = 1 << 16, /* no client is so many packets ahead of what we heard */
    TRK_SOFT_OLD_CREDIT_US = 1000000, /* older credit is worth at most IW */
    TRK_SOFT_FIN_AGAIN_US = 100000,   /* a FIN alone is not repeated sooner */
    TRK_SOFT_ACK_PKTS = 2,            /* answer at once after so many unanswered uplink packets */
};

struct trk_soft {
    uint64_t conn;
    uint64_t ref;         /* of UPLINK packets */
    struct trk_answer to; /* newest request: for acks and resets */
    struct trk_answer credit_to;
    struct trk_credit credit; /* may be sent when there are bytes */
    uint64_t credit_us;
    uint64_t credit_base; /* of its epoch: siblings have the same epoch number, never the same base */
    uint64_t down_una;
    uint64_t down_high;
    uint64_t down_fin; /* offset of the FIN, UINT64_MAX while unknown */
    bool fin_sent;
    uint64_t fin_us; /* when it was sent last */
    struct trk_rcvbuf up;
    uint64_t up_fin;     /* offset of the client's FIN, UINT64_MAX while unknown */
    uint64_t up_recent;  /* where uplink bytes came last */
    uint64_t up_limit;   /* as last told to the client */
    unsigned owed;       /* packets not answered yet */
    uint64_t owed_us;    /* since when */
    uint64_t heard_us;   /* last packet of this connection */
    uint64_t bytes_down; /* sent, repeats included */
};

/* Soft state from the first request. up_window_bytes bounds uplink bytes held for the application.
 */
int trk_soft_init(struct trk_soft *s, const struct trk_server *srv, const struct trk_request *first,
                  size_t up_window_bytes, uint64_t now_us) __attribute__((warn_unused_result));
void trk_soft_free(struct trk_soft *s, const struct trk_mem *mem);

/*
 * Takes in a REQUEST: releases, address, uplink bytes, credit. Afterwards call trk_soft_plan() with
 * it, then trk_soft_up_* and trk_soft_ack(). Returns TRK_OK, TRK_E_NOMEM (uplink bytes were not
 * kept: they will come again).
 */
int trk_soft_request(struct trk_soft *s, const struct trk_mem *mem, const struct trk_request *req,
                     uint64_t now_us);

/* Takes in an UPLINK packet whose ref is s->ref. TRK_E_UNKNOWN if it comes from another address:
 * drop it. */
int trk_soft_uplink(struct trk_soft *s, const struct trk_mem *mem, const struct trk_uplink_pkt *u,
                    const struct trk_addr *from, uint64_t now_us);

/*
 * What to send now: bytes [down_una, avail) can be had from the application, and if `fin` the
 * stream ends at avail. With req: its grants join the credit, and it is answered; with NULL: the
 * kept credit alone, for new bytes. Writes at most max pieces and returns how many; *to is what to
 * answer to, *late whether it is on credit. The caller must then send them all. Pieces are
 * ascending in seq; not necessarily in offset.
 */
unsigned trk_soft_plan(struct trk_soft *s, const struct trk_replay *replay,
                       const struct trk_request *req, uint64_t avail, bool fin, uint64_t now_us,
                       struct trk_piece *pieces, unsigned max, const struct trk_answer **to,
                       bool *late);

/* Could trk_soft_plan() with NULL send something now? (new bytes or a FIN, and credit) */
bool trk_soft_can_push(const struct trk_soft *s, uint64_t avail, bool fin);

/* What answers say of the uplink. Also records it as told. */
void trk_soft_up_state(struct trk_soft *s, struct trk_up_state *up);

/* An answer to everything owed was just sent. */
void trk_soft_answered(struct trk_soft *s);

/* Has the window towards the client opened enough since it was told last that an unasked ACK is
 * due? */
bool trk_soft_window_news(const struct trk_soft *s);

/* The client has sent its FIN and the application has taken all bytes before it. */
bool trk_soft_up_eof(const struct trk_soft *s);

/* Both ends are done: FIN sent and acknowledged, FIN received and delivered. */
bool trk_soft_done(const struct trk_soft *s);

#endif
