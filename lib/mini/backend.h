/*
 * backend.h: what a back end of the minisocket API gives the API: events as jobs, memory for
 * answers, and sending them. Two of them: embed.c (engine and UDP socket in this process) and
 * ringside.c (trickled, through a shared-memory ring).
 *
 * A job is one event in the library's hands, from take() until answer() without `keep`, reset(), or
 * extract(). The back end owns it. answer.c fills it as the handler describes bytes: what was asked
 * for is copied to job->payload, run after run, each run's bytes contiguous from its off on.
 */
#ifndef TRK_MINI_BACKEND_H
#define TRK_MINI_BACKEND_H

#include "core/mini.h"
#include "trickles/minisocket.h"

struct msk_back;

enum {
    MSK_EXTRACT_MAX = 256, /* events in one call of msk_extract_events() */
    /* Answers of a batch leave in parts of about this size: what is in the cache now is sent now. */
    MSK_PART_BYTES = 256 << 10,
};

/* A continuation set by the handler, held until the answer leaves. */
struct msk_set {
    bool is_set;
    uint64_t from;
    size_t len;
    uint8_t bytes[MSK_UCONT_MAX_BYTES];
};

struct msk_job {
    /*
     * What the application sees. The back end fills all but msk, range and n_ranges. What it points
     * to stays where it is until the job is gone, also when it is kept: the application has a copy.
     */
    struct msk_event ev;
    unsigned n_runs;
    struct msk_range run[MSK_RANGES_MAX]; /* back end: the ticket's, by seq: offsets may be out of
                                             order, and overlap */
    size_t need;                          /* API: msk_need(); 0: nothing said */
    bool detached;                        /* API */
    /* The rest is answer.c's. */
    struct msk_range range[MSK_RANGES_MAX]; /* for ev: the runs in order and joined */
    uint64_t start, cursor;
    uint64_t described_to;    /* nothing may be described below */
    bool stated;              /* there is a state: a continuation was presented, or an answer left */
    uint64_t from, state_end; /* of that state; 0, 0 without one */
    uint64_t end;             /* where msk_end() was called; MSK_UNKNOWN */
    bool closing, begun, fresh, end_consumed;
    size_t consumed, consumed_before; /* request bytes; those that answers before consumed */
    uint64_t asked_end;               /* one past the last byte asked for */
    uint8_t *payload;                 /* from room(); NULL before anything was asked and described */
    uint32_t at[MSK_RANGES_MAX]; /* where run i's bytes begin in payload */
    struct msk_set below; /* set last within what the continuation presented can give */
    struct msk_set first, last; /* set first beyond it, and last */
    struct trk_mini_answer answer; /* to be sent: its pointers lead into this struct and ev */
    unsigned slot;                 /* api.c: its place in the table of events */
    struct msk_job *next;          /* the back end's, for lists */
};

struct msk_back_ops {
    /*
     * Up to max new jobs, oldest first. All that a back end has queued to send leaves before new
     * events are looked for. Returns how many, or -errno.
     */
    int (*take)(struct msk_back *b, struct msk_job **jobs, int max);
    /* Memory for the job's payload: the sum of its runs. NULL: none now (ENOMEM). */
    uint8_t *(*room)(struct msk_back *b, struct msk_job *job);
    /*
     * Queues job->answer and payload to be sent. The job is gone unless keep:
     * then `run` and n_runs become what can still be sent, and payload is the back end's again. 0 or
     * -errno: ENOBUFS (keep: too many are kept; nothing has happened), EINVAL (the answer contradicts
     * itself; the job is gone all the same).
     */
    int (*answer)(struct msk_back *b, struct msk_job *job, bool keep);
    int (*reset)(struct msk_back *b, struct msk_job *job); /* queued too; the job is gone */
    /* What is queued leaves now: called when no job of the last take() is left. */
    void (*flush)(struct msk_back *b);
    ssize_t (*extract)(struct msk_back *b, struct msk_job *const *jobs, int n, uint8_t *buf,
                       size_t cap); /* the jobs are gone if it succeeds */
    int (*install)(struct msk_back *b, const uint8_t *buf, size_t len);
    int (*timeout_ms)(struct msk_back *b);
    void (*close)(struct msk_back *b); /* frees it, its jobs too */
};

struct msk_back {
    const struct msk_back_ops *ops;
    int fd; /* readable when take() may give something */
};

/* Make one. 0 or -errno; *out is owned by the caller. */
int msk_embed_open(struct msk_back **out, uint16_t port, const struct msk_options *opt);
int msk_ringside_open(struct msk_back **out, uint16_t port, const struct msk_options *opt);

#endif
