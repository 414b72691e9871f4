/*
 * embed_int.h: the embedded back end: engine, UDP socket, keys, replay table and reassembly in this
 * process. One thread.
 *
 *   embed.c       opening and closing; the back end's table
 *   embed_jobs.c  memory: jobs, and the bytes of answers
 *   embed_in.c    datagrams in, events out
 *   embed_out.c   answers in, datagrams out
 *   embed_move.c  extraction and installation
 *
 * A job that is done, and the bytes of its answer, stay until the next flush: the send batch borrows
 * them. A flush leaves nothing borrowed.
 */
#ifndef TRK_MINI_EMBED_INT_H
#define TRK_MINI_EMBED_INT_H

#include "core/handed.h"
#include "core/mini.h"
#include "core/server.h"
#include "crypto/keyring.h"
#include "crypto/random.h"
#include "crypto/sealer.h"
#include "io/udp.h"
#include "mini/backend.h"

enum {
    MSK_JOBS_MAX = 4096,
    MSK_JOBS_READY = 2048,    /* there from the start: what one receive call can bring, 128 in a slot */
    MSK_JOBS_CHUNK = 64,      /* made at once */
    MSK_DETACHED_MAX = 1024,  /* kept by the application */
    MSK_PENDING_MAX = 3072,   /* waiting for msk_events(): as many, and installed ones */
    MSK_INSTALLED_MAX = 1024, /* bundles remembered, so that none is installed twice */
    MSK_SMALL_BYTES = 1472,   /* request bytes of one packet fit */
    MSK_ROOM_BYTES = 1 << 20, /* of answers, made at once; one answer has at most 132 packets */
    MSK_ROOMS_MAX = 64,
    MSK_ROOMS_READY = 2,      /* there from the start */
    MSK_RECV_SLOTS = 16,
};

struct msk_embed_job {
    struct msk_job job; /* first */
    struct trk_ticket ticket;
    struct trk_udp_path path;
    struct trk_mini_input in; /* points into this struct, or to `big` */
    bool from_arena;          /* job.payload is; else it is malloc's, for a kept one */
    uint8_t *big;             /* a request longer than one packet; malloc's */
    uint8_t user[TRK_UCONT_USER_BYTES_MAX];
    uint8_t later[TRK_UCONT_USER_BYTES_MAX]; /* what an answer put in the place of user */
    uint8_t small[MSK_SMALL_BYTES];
};

struct msk_chunk {
    struct msk_chunk *next;
    struct msk_embed_job jobs[MSK_JOBS_CHUNK];
};

struct msk_embed {
    struct msk_back back; /* first */
    uint16_t port;
    bool want_new;
    struct trk_mem mem; /* malloc's */
    struct trk_keyring *keyring;
    struct trk_sealer *sealer;
    struct trk_server server;
    void *table;
    size_t table_bytes;
    struct trk_replay replay;
    struct trk_reasm reasm;
    struct trk_mini mini;
    struct trk_handed handed;
    struct trk_udp *udp;
    struct trk_udp_rx *rx;
    struct trk_udp_tx *tx;
    int more_fd; /* eventfd, readable while jobs wait */
    bool more, blocked;
    uint64_t now_us; /* of this batch */
    uint64_t kept_us; /* last housekeeping */

    struct msk_chunk *chunks;
    unsigned n_jobs;
    struct msk_job *free_jobs;
    struct msk_job *done; /* free after the next flush */
    struct msk_job *head, **tail; /* pending, oldest first */
    unsigned n_pending, n_detached;
    uint8_t *room[MSK_ROOMS_MAX];
    unsigned n_rooms, room_now;
    size_t room_used;
    unsigned room_users;  /* jobs whose answer is not queued yet */
    size_t queued_bytes;

    struct {
        uint64_t id, until_us;
    } installed[MSK_INSTALLED_MAX];

    struct trk_event ev; /* large ones, and there is one thread */
    struct trk_mini_event mev;
    struct trk_mini_plan plan;
};

/* ---- embed_jobs.c ---- */

/* The memory that every server uses sooner or later, all of it in place: so that it grows with nothing. 0 or -ENOMEM. */
int msk_embed_prepare(struct msk_embed *e);
/* A job from the pool, or NULL: too many, or no memory. */
struct msk_embed_job *msk_embed_job(struct msk_embed *e);
/* The job waits for msk_events(). */
void msk_embed_push(struct msk_embed *e, struct msk_embed_job *j);
/* The job is done: free after the next flush. */
void msk_embed_done(struct msk_embed *e, struct msk_embed_job *j);
/* Nothing is borrowed any more. */
void msk_embed_reclaim(struct msk_embed *e);
void msk_embed_free_jobs(struct msk_embed *e);
uint8_t *msk_embed_room(struct msk_back *b, struct msk_job *job);
/* The job's answer is queued, or thrown away. */
void msk_embed_leave_room(struct msk_embed *e, struct msk_embed_job *j);
/* Copies what a handler sees into the job. 0 or -ENOMEM. */
int msk_embed_hold(struct msk_embed_job *j, const struct trk_mini_input *in);
/* Fills job.ev and the runs from kind, ticket and in. */
void msk_embed_show(struct msk_embed_job *j, enum trk_mini_kind kind);

/* ---- embed_in.c ---- */

int msk_embed_take(struct msk_back *b, struct msk_job **jobs, int max);
int msk_embed_timeout(struct msk_back *b);
/* The eventfd says whether jobs wait. */
void msk_embed_ring(struct msk_embed *e);

/* ---- embed_out.c ---- */

/* Queues one datagram of n bytes, copied. */
void msk_embed_send(struct msk_embed *e, const struct trk_udp_path *path, const uint8_t *pkt,
                    size_t n);
int msk_embed_answer(struct msk_back *b, struct msk_job *job, bool keep);
int msk_embed_reset(struct msk_back *b, struct msk_job *job);
void msk_embed_flush(struct msk_back *b);

/* ---- embed_move.c ---- */

ssize_t msk_embed_extract(struct msk_back *b, struct msk_job *const *jobs, int n, uint8_t *buf,
                          size_t cap);
int msk_embed_install(struct msk_back *b, const uint8_t *buf, size_t len);

#endif
