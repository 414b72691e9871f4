/*
 * ringside_int.h: the back end through trickled: events and answers by a pair of rings
 * (ipc/ring.h), bytes copied once out of it, payload written in place where it can be.
 *
 * The public descriptor is an epoll instance over the doorbell (edge-triggered), one of our own,
 * the control connection (its end is the daemon's end) and a timer for trying again; so it is one
 * number for the service's whole life. It is readable from the first ring of the bell on until
 * take() has found nothing more.
 *
 * Epochs: each registration with a daemon is one. An event of an earlier one has no slot in the
 * daemon any more: its answer goes nowhere, as if the network had lost it.
 */
#ifndef TRK_MINI_RINGSIDE_INT_H
#define TRK_MINI_RINGSIDE_INT_H

#include "ipc/control.h"
#include "ipc/locate.h"
#include "ipc/minirec.h"
#include "ipc/ringmem.h"
#include "mini/backend.h"

enum {
    MSK_RINGSIDE_CHUNK = 64,         /* jobs made at once */
    MSK_RINGSIDE_SMALL_BYTES = 1472, /* request bytes of one packet fit */
    MSK_RINGSIDE_RETRY_MIN_MS = 10,  /* after the daemon's end */
    MSK_RINGSIDE_RETRY_MAX_MS = 500, /* as a client asks again (AWAY) */
    MSK_RINGSIDE_STALL_MS =
        5000, /* a daemon that takes no answers for so long is as good as gone */
};

struct msk_ringside_job {
    struct msk_job job; /* first */
    uint64_t handle, epoch;
    bool held;                          /* the daemon has the request bytes */
    bool in_ring;                       /* job.payload is reserved there; else it is malloc's */
    bool lost;                          /* there was no memory for what was described */
    size_t consumed;                    /* request bytes, by answers that left */
    struct trk_run run[MSK_RANGES_MAX]; /* as the daemon has them */
    const uint8_t *user;                /* of the state as it is now: below */
    size_t user_len;
    uint8_t *big; /* a request longer than one packet; malloc's */
    uint8_t first_user[TRK_REC_USER_BYTES_MAX];
    uint8_t later_user[TRK_REC_USER_BYTES_MAX];
    uint8_t small[MSK_RINGSIDE_SMALL_BYTES];
};

struct msk_ringside_chunk {
    struct msk_ringside_chunk *next;
    struct msk_ringside_job jobs[MSK_RINGSIDE_CHUNK];
};

struct msk_ringside {
    struct msk_back back; /* first */
    struct trk_locate places;
    struct trk_ipc_addr local;
    unsigned flags; /* enum msk_listen_flags */
    int tcp_fd;     /* reserves the port */
    int timer_fd;
    int again_fd; /* eventfd, never read: makes the public descriptor readable */
    int sock;     /* control connection; -1: there is no daemon */
    unsigned retry_ms;
    uint64_t epoch;
    struct trk_ringmem memory;
    struct trk_ring down, up;
    uint32_t untold_bytes;             /* of records that were written since the daemon was told */
    struct msk_ringside_job *reserved; /* whose payload lies in the ring, not committed */
    uint32_t n_kept, kept_max;         /* of this epoch */
    struct msk_ringside_chunk *chunks;
    struct msk_job *free_jobs;
};

static inline struct msk_ringside *msk_ringside_of(struct msk_back *b)
{
    return (struct msk_ringside *)(void *)b;
}

static inline struct msk_ringside_job *msk_ringside_whole(struct msk_job *job)
{
    return (struct msk_ringside_job *)(void *)job;
}

/* ---- ringside.c ---- */

/* The daemon is gone, or not to be trusted: back to trying. */
void msk_ringside_lose(struct msk_ringside *r);
/* take() is to be called again. */
void msk_ringside_look_again(struct msk_ringside *r);
/* What the public descriptor is readable for, but for events: the daemon's end, and time to try
 * again. */
void msk_ringside_look(struct msk_ringside *r);

/* ---- ringside_in.c ---- */

int msk_ringside_take(struct msk_back *b, struct msk_job **jobs, int max);
/* The job is over; its memory is free again. */
void msk_ringside_done(struct msk_ringside *r, struct msk_ringside_job *j);
void msk_ringside_free_jobs(struct msk_ringside *r);

/* ---- ringside_out.c ---- */

uint8_t *msk_ringside_room(struct msk_back *b, struct msk_job *job);
int msk_ringside_answer(struct msk_back *b, struct msk_job *job, bool keep);
int msk_ringside_reset(struct msk_back *b, struct msk_job *job);
void msk_ringside_flush(struct msk_back *b);
/* An event that cannot be shown: the daemon may forget it. */
void msk_ringside_decline(struct msk_ringside *r, uint64_t handle);
/* What is reserved in the ring moves to memory of its own. */
void msk_ringside_unreserve(struct msk_ringside *r);

/* ---- ringside_move.c ---- */

ssize_t msk_ringside_extract(struct msk_back *b, struct msk_job *const *jobs, int n, uint8_t *buf,
                             size_t cap);
int msk_ringside_install(struct msk_back *b, const uint8_t *buf, size_t len);

#endif
