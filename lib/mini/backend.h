/*
 * backend.h: what a back end of the minisocket API gives the API: events as jobs, memory for
 * answers, and sending them. Two of them: embed.c (engine and UDP socket in this process) and
 * ringside.c (trickled, through a shared-memory ring).
 *
 * A job is one event in the library's hands, from take() until answer() without `keep`, or
 * reset(). answer.c fills it as the handler describes bytes: what was asked for is copied to
 * job->payload, run after run, each run's bytes contiguous from its off on.
 */
#ifndef TRK_MINI_BACKEND_H
#define TRK_MINI_BACKEND_H

#include "core/mini.h"
#include "trickles/minisocket.h"

struct msk_back;

/* A continuation set by the handler, held until the answer leaves. */
struct msk_set {
    bool is_set;
    uint64_t from;
    size_t len;
    uint8_t bytes[MSK_UCONT_MAX_BYTES];
};

struct msk_job {
    struct msk_event ev; /* what the application sees; pointers into the back end's memory */
    struct msk_range range[MSK_RANGES_MAX]; /* the runs of the ticket */
    uint64_t state_end;                     /* as ev.end */
    bool detached;
    /* the answer under way: answer.c */
    uint64_t cursor;
    uint64_t described_to; /* nothing may be described below */
    uint8_t *payload;      /* from room(), at the first byte that was asked for; NULL before */
    uint32_t at[MSK_RANGES_MAX]; /* where run i's bytes begin in payload */
    struct msk_set first, last;
    struct trk_mini_answer answer;
    struct msk_job *next; /* of the API's lists */
};

struct msk_back_ops {
    /* Up to max new jobs, filled in ev, range, state_end; the rest zero. Returns how many, or
     * -errno. */
    int (*take)(struct msk_back *b, struct msk_job **jobs, int max);
    /* Memory for the job's payload: the sum of its ranges. NULL: none now (ENOMEM). */
    uint8_t *(*room)(struct msk_back *b, struct msk_job *job);
    /* Sends job->answer (its ucont pointers set by the API); the job is gone unless keep. 0 or
     * -errno. */
    int (*answer)(struct msk_back *b, struct msk_job *job, bool keep);
    int (*reset)(struct msk_back *b, struct msk_job *job); /* the job is gone */
    int (*need)(struct msk_back *b, struct msk_job *job, size_t n);
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
