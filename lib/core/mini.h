/*
 * mini.h: a stateless service: verified requests in, events out; answers in, packets out. Sans-I/O;
 * daemon, embedded library and simulator run the same code. Keeps nothing but the reassembly soft
 * state (reasm.h) and the replay table.
 *
 * A packet's way: trk_server_read() -> trk_server_commit() -> trk_mini_take() -> handler ->
 * trk_mini_plan() -> trk_server_train() and trk_server_ack() as the plan says.
 */
#ifndef TRK_CORE_MINI_H
#define TRK_CORE_MINI_H

#include "core/reasm.h"
#include "core/ticket.h"

struct trk_mini {
    const struct trk_server *srv; /* borrowed */
    struct trk_replay *replay;    /* borrowed */
    struct trk_reasm *reasm;      /* borrowed */
};

enum trk_mini_kind { /* as enum msk_kind */
                     TRK_MINI_NEW = 1,
                     TRK_MINI_REQUEST,
                     TRK_MINI_MORE,
                     TRK_MINI_CLOSED,
};

/* What a handler sees. */
struct trk_mini_input {
    const uint8_t *user; /* of the continuation presented; borrowed */
    size_t user_len;
    const uint8_t *request; /* from ticket.ucont.up on; borrowed */
    size_t request_len;
    bool request_end; /* the client's FIN follows */
    bool held;        /* the request bytes lie in the reassembly as well */
};

struct trk_mini_event {
    enum trk_mini_kind kind;
    struct trk_ticket ticket;
    struct trk_mini_input in; /* points to `user` below, and into the datagram or the reassembly:
                                 good until the next call */
    uint8_t user[TRK_UCONT_USER_BYTES_MAX];
};

/*
 * A verified REQUEST of a stateless connection, after trk_server_commit(). True: *ev is for a
 * handler, which is to be answered by trk_mini_plan(). False: no handler need run: answer with
 * trk_mini_ack() for ev->ticket (which is filled). want_new: MSK_NEW events are wanted.
 */
bool trk_mini_take(struct trk_mini *m, uint64_t now_us, const struct trk_request *req,
                   bool want_new, struct trk_mini_event *ev);

/* A user continuation set by a handler. */
struct trk_mini_ucont {
    uint64_t from;
    const uint8_t *user;
    size_t user_len;
};

/* A handler's answer, as far as what was asked for goes. */
struct trk_mini_answer {
    uint32_t have[TRK_TICKET_RUNS_MAX]; /* of run i: so many bytes, from its off on, are there */
    size_t consumed;                    /* request bytes */
    bool consumed_end;                  /* and the FIN behind them */
    bool fresh;                         /* a new state although nothing was consumed */
    bool has_first;                     /* where a new state begins; it is `after` the one presented */
    struct trk_mini_ucont first;
    bool has_last; /* a checkpoint further on in the same state, `after` itself */
    struct trk_mini_ucont last;
    bool end_known;
    uint64_t end;
    bool fin;     /* the downlink ends at `end` */
    bool pending; /* detached: more may come */
};

/* Packets to be sent for one answer, in this order: ack_before, the train, ack_after. */
struct trk_mini_plan {
    unsigned n; /* DATA packets */
    struct trk_piece piece[TRK_GRANTS_MAX];
    struct {
        uint8_t run; /* payload: bytes [at, at + piece.len) of this run */
        uint32_t at;
    } src[TRK_GRANTS_MAX];
    size_t before_len; /* 0: none */
    uint8_t before[TRK_REPLY_BYTES_MAX];
    size_t after_len; /* 0: none */
    uint8_t after[TRK_REPLY_BYTES_MAX];
    uint16_t head_len[TRK_GRANTS_MAX];
    /* header i at i * TRK_HEAD_BYTES_MAX */
    uint8_t heads[TRK_GRANTS_MAX * TRK_HEAD_BYTES_MAX + TRK_HEAD_UCONT_BYTES_MAX];
};

/*
 * Turns an answer into packets: seals what continuations it needs, writes the headers, marks the
 * replay table. `in` is what the handler saw (request bytes that it left are kept in the
 * reassembly; user bytes are sealed again where bytes were consumed and no continuation was set).
 * Seqs sent meanwhile (on another ticket) are left out. t->answered is set; runs that were used are
 * taken out of t, so that a pending ticket can be answered further. Returns TRK_OK; TRK_E_INVAL (an
 * answer that contradicts itself or the ticket: have above run.len, end below what is sent, user
 * bytes too long, consumed more than there was: checked, since it may come from another process) or
 * TRK_E_KEY: nothing is to be sent.
 */
int trk_mini_plan(struct trk_mini *m, uint64_t now_us, struct trk_ticket *t,
                  const struct trk_mini_answer *a, const struct trk_mini_input *in,
                  struct trk_mini_plan *plan) __attribute__((warn_unused_result));

/* The ACK for a request that no handler sees, or has nothing for: length, written to buf
 * (TRK_REPLY_BYTES_MAX); 0 without key. reason: OK to choose by the ticket. */
size_t trk_mini_ack(struct trk_mini *m, uint64_t now_us, const struct trk_ticket *t,
                    enum trk_reason reason, uint8_t *buf);

#endif
