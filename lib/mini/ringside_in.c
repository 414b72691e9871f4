/* Events from the ring. See ringside_int.h. */
#include <config.h>

#include "mini/ringside_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)MSK_RANGES_MAX >= (int)TRK_REC_RUNS_MAX, "every run is shown");
_Static_assert((int)MSK_NEW == (int)TRK_MINI_NEW && (int)MSK_CLOSED == (int)TRK_MINI_CLOSED,
               "one list of kinds");

/* ---- jobs ---- */

static struct msk_ringside_job *make(struct msk_ringside *r)
{
    if (r->free_jobs == NULL) { /* the daemon bounds how many there are */
        struct msk_ringside_chunk *c = calloc(1, sizeof *c);
        if (c == NULL)
            return NULL;
        c->next = r->chunks;
        r->chunks = c;
        for (unsigned i = MSK_RINGSIDE_CHUNK; i > 0; i--) {
            c->jobs[i - 1].job.next = r->free_jobs;
            r->free_jobs = &c->jobs[i - 1].job;
        }
    }
    struct msk_job *job = r->free_jobs;
    r->free_jobs = job->next;
    return msk_ringside_whole(job);
}

static void free_payload(struct msk_ringside_job *j)
{
    if (!j->in_ring)
        free(j->job.payload);
    j->job.payload = NULL;
    j->in_ring = false;
}

void msk_ringside_done(struct msk_ringside *r, struct msk_ringside_job *j)
{
    if (r->reserved == j)
        r->reserved = NULL;
    if (j->job.detached && j->epoch == r->epoch)
        r->n_kept--;
    free_payload(j);
    free(j->big);
    j->big = NULL;
    j->job.next = r->free_jobs;
    r->free_jobs = &j->job;
}

void msk_ringside_free_jobs(struct msk_ringside *r)
{
    struct msk_ringside_chunk *next;
    for (struct msk_ringside_chunk *c = r->chunks; c != NULL; c = next) {
        next = c->next;
        for (unsigned i = 0; i < MSK_RINGSIDE_CHUNK; i++) {
            free_payload(&c->jobs[i]);
            free(c->jobs[i].big);
        }
        free(c);
    }
    r->chunks = NULL;
    r->free_jobs = NULL;
}

/* ---- events ---- */

/* The record's bytes, copied: the ring's room is given back at once. */
static bool hold(struct msk_ringside_job *j, const struct trk_rec_event *e)
{
    uint8_t *request = j->small;
    if (e->request_len > sizeof j->small)
        request = j->big = malloc(e->request_len);
    if (request == NULL)
        return false;
    memcpy(request, e->request, e->request_len);
    memcpy(j->first_user, e->user, e->user_len);
    j->user = j->first_user;
    j->user_len = e->user_len;
    j->job.ev.request = request;
    return true;
}

static void show(struct msk_ringside_job *j, const struct trk_rec_event *e)
{
    struct msk_event *ev = &j->job.ev;
    bool has_ucont = (e->flags & TRK_REC_E_UCONT) != 0;
    ev->kind = (enum msk_kind)e->kind;
    ev->conn = e->conn;
    memset(&ev->peer, 0, sizeof ev->peer);
    (void)trk_ipc_addr_to_sockaddr(&e->peer, e->peer.family == 6, &ev->peer);
    ev->ucont = has_ucont ? j->user : NULL;
    ev->ucont_len = has_ucont ? j->user_len : 0;
    ev->from = e->from;
    ev->end = e->end;
    ev->request_len = e->request_len;
    ev->request_off = e->up;
    ev->packets = e->packets;
    ev->packet_bytes = e->packet_bytes;
    j->job.n_runs = e->n_runs;
    for (unsigned i = 0; i < e->n_runs; i++) {
        j->job.run[i] = (struct msk_range){.off = e->run[i].off, .len = e->run[i].len};
        j->run[i] = (struct trk_run){
            .count = (uint16_t)e->run[i].count, .off = e->run[i].off, .len = e->run[i].len};
    }
}

/* NULL: declined, or *lost: this is no event. */
static struct msk_job *job_of(struct msk_ringside *r, const struct trk_ring_record *rec, bool *lost)
{
    struct trk_rec_event e;
    *lost = rec->type != TRK_REC_EVENT || trk_rec_event_read(rec->bytes, rec->len, &e) != 0;
    if (*lost)
        return NULL;
    struct msk_ringside_job *j = make(r);
    if (j != NULL) {
        j->handle = e.handle;
        j->epoch = r->epoch;
        j->held = (e.flags & TRK_REC_E_HELD) != 0;
        j->consumed = 0;
        j->lost = false;
        j->job.detached = false;
        j->job.need = 0;
        if (hold(j, &e)) {
            show(j, &e);
            return &j->job;
        }
        msk_ringside_done(r, j);
    }
    msk_ringside_decline(r, e.handle);
    return NULL;
}

/* What is in the ring. */
static int drain(struct msk_ringside *r, struct msk_job **jobs, int max)
{
    struct trk_ring_record rec;
    int n = 0, rc = 1;
    bool lost = false;
    while (n < max && (rc = trk_ring_next(&r->down, &rec)) == 1 && !lost) {
        jobs[n] = job_of(r, &rec, &lost);
        n += jobs[n] != NULL;
    }
    if (rc < 0 || lost)
        msk_ringside_lose(r);
    else if (trk_ring_release(&r->down))
        trk_ringmem_wake(r->memory.daemon_fd);
    return n;
}

int msk_ringside_take(struct msk_back *b, struct msk_job **jobs, int max)
{
    struct msk_ringside *r = msk_ringside_of(b);
    bool looked = false;
    int n = 0;
    msk_ringside_flush(b);
    for (;;) {
        if (r->sock >= 0)
            n += drain(r, jobs + n, max - n);
        if (n == max)
            break;
        msk_ringside_look(r);
        looked = true;
        if (r->sock < 0 || trk_ring_sleep(&r->down))
            break;
    }
    if (n == max && looked && r->sock >= 0)
        msk_ringside_look_again(r); /* there may be more, and the bell was taken */
    return n;
}
