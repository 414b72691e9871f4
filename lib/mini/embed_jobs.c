/* Memory of the embedded back end: jobs in chunks, answers in an arena. See embed_int.h. */
#include <config.h>

#include "mini/embed_int.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert((int)MSK_RANGES_MAX >= (int)TRK_TICKET_RUNS_MAX, "every run is shown");
_Static_assert((int)MSK_UCONT_MAX_BYTES <= (int)TRK_UCONT_USER_BYTES_MAX, "continuations fit");
_Static_assert((int)MSK_NEW == (int)TRK_MINI_NEW && (int)MSK_CLOSED == (int)TRK_MINI_CLOSED,
               "one list of kinds");

static struct msk_embed_job *whole(struct msk_job *job)
{
    return (struct msk_embed_job *)(void *)job; /* its first member */
}

static bool make_chunk(struct msk_embed *e)
{
    struct msk_chunk *c = e->n_jobs < MSK_JOBS_MAX ? calloc(1, sizeof *c) : NULL;
    if (c == NULL)
        return false;
    trk_mem_touch(c, sizeof *c);
    c->next = e->chunks;
    e->chunks = c;
    e->n_jobs += MSK_JOBS_CHUNK;
    for (unsigned i = MSK_JOBS_CHUNK; i > 0; i--) {
        c->jobs[i - 1].job.next = e->free_jobs;
        e->free_jobs = &c->jobs[i - 1].job;
    }
    return true;
}

static bool make_room(struct msk_embed *e)
{
    if (e->n_rooms == MSK_ROOMS_MAX ||
        (e->room[e->n_rooms] = aligned_alloc(64, MSK_ROOM_BYTES)) == NULL)
        return false;
    e->n_rooms++;
    return true;
}

int msk_embed_prepare(struct msk_embed *e)
{
    while (e->n_jobs < MSK_JOBS_READY)
        if (!make_chunk(e))
            return -ENOMEM;
    while (e->n_rooms < MSK_ROOMS_READY) {
        if (!make_room(e))
            return -ENOMEM;
        trk_mem_touch(e->room[e->n_rooms - 1], MSK_ROOM_BYTES);
    }
    trk_udp_rx_touch(e->rx);
    trk_udp_tx_touch(e->tx);
    return 0;
}

struct msk_embed_job *msk_embed_job(struct msk_embed *e)
{
    if (e->free_jobs == NULL)
        (void)make_chunk(e);
    struct msk_job *job = e->free_jobs;
    if (job == NULL)
        return NULL;
    e->free_jobs = job->next;
    job->payload = NULL;
    job->detached = false;
    return whole(job);
}

void msk_embed_push(struct msk_embed *e, struct msk_embed_job *j)
{
    j->job.next = NULL;
    *e->tail = &j->job;
    e->tail = &j->job.next;
    e->n_pending++;
}

void msk_embed_done(struct msk_embed *e, struct msk_embed_job *j)
{
    if (j->job.detached)
        e->n_detached--;
    j->job.next = e->done;
    e->done = &j->job;
}

void msk_embed_reclaim(struct msk_embed *e)
{
    while (e->done != NULL) {
        struct msk_embed_job *j = whole(e->done);
        e->done = j->job.next;
        if (j->job.payload != NULL && !j->from_arena)
            free(j->job.payload);
        free(j->big);
        j->job.payload = j->big = NULL;
        j->job.next = e->free_jobs;
        e->free_jobs = &j->job;
    }
    e->queued_bytes = 0;
    if (e->room_users == 0) {
        e->room_now = 0;
        e->room_used = 0;
    }
}

void msk_embed_free_jobs(struct msk_embed *e)
{
    struct msk_chunk *next;
    for (struct msk_chunk *c = e->chunks; c != NULL; c = next) {
        next = c->next;
        for (unsigned i = 0; i < MSK_JOBS_CHUNK; i++) {
            if (c->jobs[i].job.payload != NULL && !c->jobs[i].from_arena)
                free(c->jobs[i].job.payload);
            free(c->jobs[i].big);
        }
        free(c);
    }
    for (unsigned i = 0; i < e->n_rooms; i++)
        free(e->room[i]);
}

/* ---- bytes of answers ---- */

static size_t payload_bytes(const struct msk_job *job)
{
    size_t n = 0;
    for (unsigned i = 0; i < job->n_runs; i++)
        n += (size_t)job->run[i].len;
    return n;
}

static uint8_t *arena_room(struct msk_embed *e, size_t n)
{
    if (n > MSK_ROOM_BYTES)
        return NULL;
    if (e->n_rooms > 0 && e->room_used + n > MSK_ROOM_BYTES) {
        e->room_now++;
        e->room_used = 0;
    }
    if (e->room_now == e->n_rooms && !make_room(e))
        return NULL;
    uint8_t *room = e->room[e->room_now] + e->room_used;
    e->room_used += (n + 63) / 64 * 64;
    return room;
}

uint8_t *msk_embed_room(struct msk_back *b, struct msk_job *job)
{
    struct msk_embed *e = (struct msk_embed *)(void *)b;
    struct msk_embed_job *j = whole(job);
    size_t n = payload_bytes(job);
    j->from_arena = !job->detached; /* a kept job would hold up the arena */
    uint8_t *room = j->from_arena ? arena_room(e, n) : malloc(n);
    if (room != NULL && j->from_arena)
        e->room_users++;
    return room;
}

void msk_embed_leave_room(struct msk_embed *e, struct msk_embed_job *j)
{
    if (j->job.payload != NULL && j->from_arena) {
        e->room_users--;
        j->job.payload = NULL;
    }
}

/* ---- what a handler sees ---- */

int msk_embed_hold(struct msk_embed_job *j, const struct trk_mini_input *in)
{
    uint8_t *request = j->small;
    if (in->request_len > sizeof j->small)
        request = j->big = malloc(in->request_len);
    if (request == NULL)
        return -ENOMEM;
    if (in->request_len > 0)
        memcpy(request, in->request, in->request_len);
    if (in->user_len > 0 && in->user != j->user)
        memcpy(j->user, in->user, in->user_len);
    j->in = *in;
    j->in.user = j->user;
    j->in.request = request;
    return 0;
}

void msk_embed_show(struct msk_embed_job *j, enum trk_mini_kind kind)
{
    struct msk_event *ev = &j->job.ev;
    const struct trk_ticket *t = &j->ticket;
    union trk_sockaddr peer = j->path.remote;
    trk_sockaddr_set_port(&peer, t->secret.client_port);
    ev->kind = (enum msk_kind)kind;
    ev->conn = t->secret.conn;
    memcpy(&ev->peer, &peer, sizeof peer);
    ev->ucont = t->has_ucont ? j->in.user : NULL;
    ev->ucont_len = t->has_ucont ? j->in.user_len : 0;
    ev->from = t->ucont.from;
    ev->end = t->ucont.end;
    ev->request = j->in.request;
    ev->request_len = j->in.request_len;
    ev->request_off = t->ucont.up;
    ev->packets = 0;
    ev->packet_bytes = t->to.payload_bytes;
    j->job.n_runs = t->n_runs;
    for (unsigned i = 0; i < t->n_runs; i++) {
        j->job.run[i] = (struct msk_range){.off = t->run[i].off, .len = t->run[i].len};
        ev->packets += t->run[i].count;
    }
}
