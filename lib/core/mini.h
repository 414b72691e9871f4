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
    const uint8_t *request; /* from ticket.ucont.up on; borrowed; to trk_mini_plan() NULL with a
                               length means that they are not at hand any more: what is left of them
                               is kept only where it is `held` */
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
 * A verified REQUEST of a stateless connection (req->to.stateless), after trk_server_commit(). True:
 * *ev is for a handler, which is to be answered by trk_mini_plan(). False: no handler need run:
 * answer with trk_mini_ack() for ev->ticket (which is filled). want_new: MSK_NEW events are wanted.
 * Where there is no handler to ask (AWAY), trk_ticket_make() in place of this fills the ticket.
 */
bool trk_mini_take(struct trk_mini *m, uint64_t now_us, const struct trk_request *req,
                   bool want_new, struct trk_mini_event *ev);

/* A user continuation set by a handler. */
struct trk_mini_ucont {
    uint64_t from;
    const uint8_t *user;
    size_t user_len;
};

/*
 * A handler's answer, as far as what was asked for goes. Zero: nothing.
 *
 * A new state begins with the first answer to a connection, with `fresh`, and with what consumes, if
 * `first` is set or the end of the continuation presented is known. It begins at `first`.from, which
 * must be that end where it is known (0 without a continuation), and not below the `from` presented
 * where it is not. Without `first` the user bytes presented are sealed again, for that beginning.
 * What is given below it follows from the continuation presented. Where the end is not known and no
 * `first` is set, what consumes leaves the state as it is: the same bytes follow, with a greater `up`.
 *
 * A continuation can give no more than its end: a later answer from it may make known an end that was
 * not, and that the downlink ends there, and nothing else. Without end_known a new state's end is not
 * known, unless it gives nothing (no `first`, no bytes, not pending) and so has the old one's.
 */
struct trk_mini_answer {
    uint32_t have[TRK_TICKET_RUNS_MAX]; /* of run i: so many bytes, from its off on, are there */
    size_t consumed;                    /* request bytes */
    bool consumed_end;                  /* and the FIN behind them (all of them were consumed) */
    size_t need; /* no event for fewer request bytes than this, after those consumed; 0: for any */
    bool fresh;  /* a new state although nothing was consumed */
    bool has_first; /* where a new state begins; it is `after` the one presented; without a new
                       state, a checkpoint as `last` */
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
        uint8_t run; /* payload: bytes [at, at + piece.len) of this run, as it was before */
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
 * reassembly; user bytes are sealed again where a continuation is needed and none was set). Seqs
 * sent meanwhile (on another ticket) are left out, with the bytes that were for them.
 *
 * Afterwards t->answered is set, the runs used are taken out of t (trk_runs_use() with `have` and,
 * for a new state, its beginning), and t->ucont is the new state's where there is one: to answer a
 * pending ticket further the caller moves `in` on by what was consumed, and to the user bytes of
 * `first`. A late answer with nothing to tell is an empty plan.
 *
 * Returns TRK_OK; TRK_E_AGAIN: nothing was consumed, given or kept pending, and meanwhile more
 * request bytes came than the handler saw: show it the event again (trk_mini_again()), send nothing;
 * TRK_E_INVAL (an answer that contradicts itself or the ticket: checked, since it may come from
 * another process) or TRK_E_KEY: nothing is to be sent, t is as it was.
 */
int trk_mini_plan(struct trk_mini *m, uint64_t now_us, struct trk_ticket *t,
                  const struct trk_mini_answer *a, const struct trk_mini_input *in,
                  struct trk_mini_plan *plan) __attribute__((warn_unused_result));

/* After TRK_E_AGAIN: all request bytes that there are now. Returns TRK_MINI_REQUEST or
 * TRK_MINI_CLOSED. in->request is good until the next call. */
enum trk_mini_kind trk_mini_again(struct trk_mini *m, uint64_t now_us, struct trk_ticket *t,
                                  struct trk_mini_input *in);

/* The ACK for a request that no handler sees: length, written to buf (TRK_REPLY_BYTES_MAX); 0
 * without key. reason: OK to choose by the ticket. */
size_t trk_mini_ack(struct trk_mini *m, uint64_t now_us, const struct trk_ticket *t,
                    enum trk_reason reason, uint8_t *buf);

#endif
