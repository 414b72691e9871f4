/*
 * client_int.h: the client's inside, shared by client*.c only.
 *
 *   client.c          life, opening, reading answers, timers
 *   client_epoch.c    continuations, cuts, timeouts, loss detection (protocol: THE STATELESS
 *                     WINDOW)
 *   client_ask.c      what to ask for next: limits, stream ranges, pacing
 *   client_request.c  writing REQUEST, UPLINK, OPEN, RESET
 *   client_up.c       the uplink: a plain stateful sender
 *   client_ucont.c    user continuations of a stateless service: held, presented
 */
#ifndef TRK_CORE_CLIENT_INT_H
#define TRK_CORE_CLIENT_INT_H

#include "base/rcvbuf.h"
#include "core/client.h"
#include "core/cont.h"
#include "core/pace.h"
#include "core/rtt.h"
#include "core/sndbuf.h"
#include "core/track.h"
#include "core/ucont.h"

#define TRK_NO_OFF UINT64_MAX

enum {
    TRK_OPEN_RETRY_MS = 100,     /* protocol section 8: 100, 200, then doubled */
    TRK_OPEN_TRIES = 10,         /* about 50 s in all; the caller usually decides earlier */
    TRK_FIRST_WAIT_NS = 2000000, /* the first request waits so long for the application's bytes */
    TRK_DELAY_MAX_NS = 25000000, /* a proof is never put off longer */
    TRK_DELAY_MIN_NS = 1000000,  /* timers are no finer */
    TRK_REORDER_MIN = 3,
    TRK_REORDER_MAX = 300,
    TRK_REORDER_STEPS_MAX = 4,
    TRK_REORDER_FORGET_CUTS = 16,
    TRK_UNDO_TRIES = 3,
    TRK_KEEPALIVE_FIRST_MS =
        1000, /* doubled up to the next: a lost push is found soon after activity */
    TRK_KEEPALIVE_MAX_MS = 20000,  /* NATs forget UDP after 30 s */
    TRK_CANNOT_OPEN_TRIES = 3,     /* over at least as many seconds: "cannot open" is soft */
    TRK_SILENCE_LIMIT_MS = 120000, /* nothing heard while something is asked for: ETIMEDOUT */
    TRK_CLOSE_TRIES = 6,           /* of the last proof; then the server has surely gone */
    TRK_RESET_REPEATS = 3,
    TRK_TOLD_MAX = 4, /* refreshes on their way at once: one per round trip, usually */
    TRK_WANT_RANGES_MAX = 4096,
    TRK_SEGS_MAX = 1 << 16, /* uplink packets in flight */
    TRK_UCONTS_HELD_MAX = 8, /* a state or two, and places in them */
    TRK_AWAY_AGAIN_MS = 500, /* a service that restarts is missed for no longer */
    TRK_AWAY_LIMIT_MS = 60000,
    TRK_RING_IDLE_MS = 2000, /* an empty ring is given back */
    TRK_UP_ROOM_BYTES = 256, /* of a REQUEST, kept from asks if uplink bytes wait */
};

/* A user continuation. */
struct trk_held {
    struct trk_ucont u; /* its end: as known of its state by now */
    uint16_t len;
    uint8_t bytes[TRK_UCONT_BYTES_MAX];
};

/* What one REQUEST may ask for. */
struct trk_ask_window {
    uint64_t lo, hi;     /* stream offsets */
    uint64_t cut;        /* no seq is to carry bytes of both sides of it */
    unsigned max_blocks; /* asks that have room */
    bool all;            /* everything outstanding again */
    bool only_news;      /* nothing, if all that could be asked for has been sent already */
    bool reused;         /* out: lost bytes were put onto unsent seqs */
    unsigned blocks;     /* out: of what is asked for now that was not before */
    uint64_t next_seq, next_off;
};

/* An uplink packet in flight. */
struct trk_seg {
    uint64_t off;
    uint64_t sent_ns;
    uint32_t tx; /* request number it last went with */
    uint16_t len;
    bool fin;
    bool repeat;
    enum {
        SEG_SENT,
        SEG_LOST,
        SEG_ACKED, /* or held by the server; a stateless one may lose it again */
    } state;
    uint32_t held_reqno; /* stateless: of the answer that said so */
};

struct trk_uplink {
    struct trk_sndbuf buf;
    struct trk_seg *seg; /* ring of cap, a power of two; oldest at head */
    size_t cap, head, n;
    uint64_t next;  /* first byte never sent */
    uint64_t limit; /* highest offset that may be sent */
    bool fin_given, fin_sent, fin_acked;
    uint32_t in_flight, n_lost;
    uint32_t cwnd_q, ssthresh; /* packets, cwnd with TRK_Q fractional bits */
    uint32_t recover_tx;       /* losses of packets sent before this do not cut again */
    bool in_recovery;
    struct trk_pace pace;
    uint64_t paced_ns;    /* nothing goes before, 0: nothing is held back */
    uint64_t progress_ns; /* last new acknowledgement, or start of activity */
    unsigned backoff;
    bool probed;
    uint64_t retransmits;
    uint32_t held_reqno; /* stateless: newest request whose answer said what is held */
};

struct trk_client {
    struct trk_client_conf conf;
    struct trk_mem mem, ring_mem;
    enum trk_client_state state;
    int error;

    /* opening */
    unsigned opens_sent;
    uint64_t open_next_ns;
    uint64_t reset_token, uplink_ref;
    uint8_t steer;

    /* the continuation in hand, and the epoch asked in */
    uint8_t cont[TRK_CONT_BYTES];
    uint64_t cont_ns;     /* when it came */
    struct trk_law law;   /* of cont */
    struct trk_law epoch; /* = law, or derived from it while `pending` */
    bool pending;
    enum trk_kind kind;
    uint64_t hole;
    uint8_t attempt;
    uint32_t w_cl; /* frozen while pending */
    uint32_t fs;   /* packets that were under way at the last cut */
    uint64_t parent_fold;
    uint64_t hole_nonce;  /* the hole's, if it came after all */
    bool hole_rcvd;
    unsigned undo_left;   /* requests that still say that the cut was wrong */
    /* What the server has verified of the present epoch: base..good_k. After a bad nonce claims go
     * back to it. */
    uint64_t good_k, good_fold;
    struct {
        uint64_t k, fold;
    } told[TRK_TOLD_MAX]; /* claims of the last requests for a refresh */
    unsigned told_at;
    struct trk_track cur, old; /* old: the epoch before, while its packets are still under way */
    uint32_t unsent_reqno;     /* last answer that said what is unsent */
    uint64_t unsent_end;
    uint32_t space_reqno; /* first request of the present space: earlier answers carry bytes only */

    /* requests */
    uint32_t reqno;      /* of the next one */
    uint64_t overlap[2]; /* where the new asks of the last two requests began */
    bool ask_now, probe, keepalive, refresh_due;
    bool repairing; /* out of order, or of the epoch before: what may be asked for goes at once */
    uint64_t ask_due_ns; /* delayed proof or ask */
    unsigned arrivals;   /* DATA since the last request */
    uint64_t refresh_ns; /* last request with REFRESH */
    bool child_due;      /* nobody was asked yet for the sealed child of this derivation */
    struct trk_pace pace; /* of new asks */
    bool answered; /* some REQUEST was answered: the server has what soft state it wants */
    uint64_t last_out_ns;
    uint64_t request_ns; /* last REQUEST: uplink packets close behind it need no continuation */

    /* loss and timers */
    struct trk_rtt rtt;
    uint32_t sampled_reqno;  /* newest request whose answer gave a sample */
    uint32_t newest_echo_us; /* newest request time that DATA answered, in this space */
    bool have_echo;
    unsigned reorder; /* packets: adaptive */
    unsigned reorder_steps; /* quarters of srtt that the time rule waits: grows with reordering */
    uint64_t reorder_cut;   /* the count of cuts when reordering was seen last */
    uint64_t progress_ns; /* last DATA, or first ask after idleness */
    unsigned backoff;
    bool probed;
    uint64_t heard_ns;
    uint64_t keepalive_ns; /* interval */
    uint64_t taken_ns;     /* when the application took downlink bytes last */
    uint64_t quiet_ns;     /* since when nothing happened: keep-alives count from here */
    unsigned cannot_open;
    uint64_t cannot_open_ns;
    unsigned final_tries;
    uint32_t final_reqno; /* the first request that said that all of the server's stream is here */
    bool final_sent;
    unsigned resets_left;
    uint64_t reset_next_ns;

    /* downlink bytes */
    struct trk_rcvbuf down;
    struct trk_ranges want; /* to be asked for again, first */
    uint64_t ask_off;       /* next byte never asked for */
    uint64_t down_high;     /* one past the highest byte received */
    uint64_t fin_off;
    bool discard;
    bool rwnd_blocked;
    bool starved; /* bytes came that there was no memory for, and the application has read none since */

    struct trk_uplink up;
    struct trk_client_info stat;

    /* of a stateless service: client_ucont.c */
    bool stateless;
    struct trk_held *held; /* owned; TRK_UCONTS_HELD_MAX of them, at first use */
    unsigned n_held;       /* one path of states, ascending by `from`; the newest state last */
    uint32_t held_reqno;   /* earlier requests presented none of the newest state */
    bool poke;             /* the service is to look again at uplink bytes that it has */
    uint64_t limbo_ns;     /* bytes came whose state is not known: asked again then; 0: no */
    uint64_t limbo_next_ns; /* not sooner */
    uint64_t limbo_up;     /* uplink bytes below were consumed in a state that is not known */
    uint64_t away_since_ns; /* nothing but AWAY was heard since; 0: no */
    uint64_t away_next_ns; /* next try */
};

/* 32 bits of us: the timestamps on the wire. */
static inline uint32_t trk_us32(uint64_t ns)
{
    return (uint32_t)(ns / 1000);
}

static inline bool trk_newer32(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static inline uint64_t trk_min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t trk_max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* client.c */
void trk_client_fail(struct trk_client *c, int error);
/* Whole of the server's stream was received, FIN included. */
bool trk_client_down_done(const struct trk_client *c);
/* Both streams have ended, and only the answer to the last proof may be missing. */
bool trk_client_ending(const struct trk_client *c);

/* client_epoch.c */
/* Takes a continuation that came with an answer; stale: with reason STALE. */
void trk_epoch_take_cont(struct trk_client *c, uint64_t now_ns, const uint8_t *cont, size_t len,
                         bool stale);
/* A request for a refresh goes out with the present claim. */
void trk_epoch_told(struct trk_client *c);
/* A DATA packet of this space: proofs and trackers. Returns TRK_OK if its seq was news. */
int trk_epoch_data(struct trk_client *c, uint64_t now_ns, const struct trk_data_pkt *d);
/* Every asked seq above train_end, last asked in reqno or before, was not sent yet. ts and late are
 * the answer's. */
void trk_epoch_unsent(struct trk_client *c, uint64_t now_ns, uint32_t reqno, uint32_t ts, bool late,
                      uint64_t train_end);
/* The seqs that an ACK refuses were sent. */
void trk_epoch_refused(struct trk_client *c, uint64_t now_ns, const struct trk_ack_pkt *a);
/* Finds losses after a batch, cuts where due. */
void trk_epoch_detect(struct trk_client *c, uint64_t now_ns);
/* The retransmission timer fired (empty_claim: after PROOF_BAD, from what was verified). */
void trk_epoch_timeout(struct trk_client *c, uint64_t now_ns, bool empty_claim);
/* The highest seq that may be asked for now. */
uint64_t trk_epoch_limit(const struct trk_client *c);

/* client_ask.c */
/* Bytes of a DATA packet came (already in `down`). */
void trk_ask_bytes(struct trk_client *c, const struct trk_data_pkt *d);
/* Puts the missing part of a seq's range back in the queue. */
void trk_ask_requeue(struct trk_client *c, const struct trk_seq_entry *e);
/* Of a stateless service: a seq came, and what of its range did not is wanted. */
void trk_ask_rest(struct trk_client *c, const struct trk_seq_entry *e);
/* Wants every hole below the highest byte received, whatever is under way. */
void trk_ask_holes(struct trk_client *c);
/* Nothing is under way any more: wants all that is missing, from the lowest byte on. */
void trk_ask_restart(struct trk_client *c);
/* After a batch: when must the next request leave at the latest? */
void trk_ask_schedule(struct trk_client *c, uint64_t now_ns);
/* Is a REQUEST due now, for the downlink's sake? */
bool trk_ask_due(struct trk_client *c, uint64_t now_ns);
/* A new continuation opened the window of a client that waits for nothing else: asks at once. */
void trk_ask_unblock(struct trk_client *c);
/* When it will be, if nothing else happens. */
uint64_t trk_ask_deadline(const struct trk_client *c);
/* Chooses what this request asks for and notes it as asked. Returns the number of blocks. */
unsigned trk_ask_fill(struct trk_client *c, uint64_t now_ns, struct trk_ask_window *win,
                      struct trk_ask *out);
/* There is nothing at or beyond end: what was asked for there is room for something else. */
void trk_ask_trim(struct trk_client *c, uint64_t end);
/* The lowest offset that is asked for in seqs from `from` on; TRK_NO_OFF if none is. */
uint64_t trk_ask_lowest(const struct trk_client *c, uint64_t from);
uint32_t trk_ask_quantum(const struct trk_client *c);

/* client_request.c */
/* for_up: for the sake of uplink bytes; a stateless service must see its newest state then. */
size_t trk_request_write(struct trk_client *c, uint64_t now_ns, bool for_up, uint8_t *buf,
                         size_t cap);
size_t trk_request_open(struct trk_client *c, uint64_t now_ns, uint8_t *buf, size_t cap);
size_t trk_request_reset(struct trk_client *c, uint8_t *buf, size_t cap);
size_t trk_request_uplink(struct trk_client *c, uint64_t now_ns, uint8_t *buf, size_t cap);

/* client_up.c */
void trk_up_init(struct trk_uplink *u, size_t window_bytes);
void trk_up_free(struct trk_uplink *u, const struct trk_mem *mem, const struct trk_mem *ring_mem);
/* What an answer to request reqno says of the uplink; request_ns: when that left, 0 if it is not
 * known. whole: it had room for all ranges; else nothing is said of what lies above the last. */
void trk_up_ack(struct trk_client *c, uint64_t now_ns, uint64_t request_ns, uint32_t reqno,
                const struct trk_up_state *up, bool whole);
/* Bytes that went with request reqno, or all that are under way, came to nothing: again, at once. It
 * says nothing about the path. */
void trk_up_again(struct trk_client *c, uint32_t reqno, bool all);
/* Held or under way, bytes below `end` were used up there and are not known to be: again. */
void trk_up_again_below(struct trk_client *c, uint64_t end);
/* May (and can) a packet with uplink bytes or FIN go now? */
bool trk_up_ready(struct trk_client *c, uint64_t now_ns);
/* The next one, at most `room` payload bytes, booked as sent with request tx. NULL if there is no
 * memory or no room. */
const struct trk_seg *trk_up_take(struct trk_client *c, uint64_t now_ns, uint32_t tx, size_t room);
uint64_t trk_up_deadline(const struct trk_client *c);
void trk_up_expire(struct trk_client *c, uint64_t now_ns);
/* Bytes wait, but the server gave no room for them. */
bool trk_up_blocked(const struct trk_client *c);

/* client_ucont.c: only for stateless services */
/* Takes a user continuation that came with an answer. */
void trk_uc_take(struct trk_client *c, const uint8_t *ucont, size_t len);
void trk_uc_free(struct trk_client *c);
/* How much of the payload, from its front on, may be taken: it follows a state that is held. */
size_t trk_uc_keep(const struct trk_client *c, const struct trk_data_pkt *d);
/* The downlink ends at `end` in this state. */
void trk_uc_fin(struct trk_client *c, uint64_t state, uint64_t end);
/* Bytes were taken: what lies below them is needed no more; at the end the service looks again. */
void trk_uc_advance(struct trk_client *c);
/* Bytes of this answer were left, or uplink bytes below up_ack used: their state has not come. */
void trk_uc_unknown(struct trk_client *c, uint64_t now_ns, uint32_t reqno, uint64_t up_ack);
/* Time to ask again for what came to nothing. */
void trk_uc_expire(struct trk_client *c, uint64_t now_ns);
/* Uplink bytes below are consumed, the FIN counting one. */
uint64_t trk_uc_up(const struct trk_client *c);
/* One past what can be had, now or in answer to uplink bytes that are not consumed yet. */
uint64_t trk_uc_reach(const struct trk_client *c);
/* off is where only the answer to such bytes could be. */
bool trk_uc_beyond(const struct trk_client *c, uint64_t off);
/* Nothing can come, and nothing is to be sent. */
bool trk_uc_idle(const struct trk_client *c);
/* Something is going to be sent after idleness. */
void trk_uc_wake(struct trk_client *c, uint64_t now_ns);
/* Which one this request presents (NULL: none is held), and what may be asked for with it. */
const struct trk_held *trk_uc_present(struct trk_client *c, bool for_up,
                                      struct trk_ask_window *win);
/* Is it of the newest state? Uplink bytes go with no other. */
bool trk_uc_is_newest(const struct trk_client *c, const struct trk_held *h);

#endif
