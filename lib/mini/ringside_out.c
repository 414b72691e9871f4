/* Answers into the ring. See ringside_int.h. */
#include <config.h>

#include "mini/ringside_int.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- room ---- */

static size_t payload_bytes(const struct msk_job *job)
{
    size_t n = 0;
    for (unsigned i = 0; i < job->n_runs; i++)
        n += (size_t)job->run[i].len;
    return n;
}

/* The most that the rest of the job's answer takes. */
static size_t rest_bytes(const struct msk_job *job)
{
    return MSK_RANGES_MAX * sizeof(struct trk_rec_stretch) + 3 * (size_t)TRK_REC_USER_BYTES_MAX +
           job->ev.request_len;
}

void msk_ringside_unreserve(struct msk_ringside *r)
{
    struct msk_ringside_job *j = r->reserved;
    if (j == NULL)
        return;
    size_t n = payload_bytes(&j->job);
    uint8_t *own = malloc(n);
    if (own != NULL)
        memcpy(own, j->job.payload, n);
    j->job.payload = own;
    j->lost = own == NULL; /* whatever is described behind it */
    j->in_ring = false;
    r->reserved = NULL;
}

uint8_t *msk_ringside_room(struct msk_back *b, struct msk_job *job)
{
    struct msk_ringside *r = msk_ringside_of(b);
    struct msk_ringside_job *j = msk_ringside_whole(job);
    size_t n = payload_bytes(job);
    uint8_t *record;
    j->in_ring = r->sock >= 0 && r->reserved == NULL && !job->detached &&
                 trk_ring_reserve(&r->up, (uint32_t)(TRK_REC_PAYLOAD_AT + n + rest_bytes(job)),
                                  &record) == 0;
    if (!j->in_ring)
        return malloc(n);
    r->reserved = j;
    return record + TRK_REC_PAYLOAD_AT;
}

/* ---- the ring ---- */

static void wake_daemon(struct msk_ringside *r)
{
    if (trk_ring_must_wake(&r->up))
        trk_ringmem_wake(r->memory.daemon_fd);
    r->untold_bytes = 0;
}

void msk_ringside_flush(struct msk_back *b)
{
    struct msk_ringside *r = msk_ringside_of(b);
    if (r->untold_bytes > 0 && r->sock >= 0)
        wake_daemon(r);
}

/* Waits until the daemon has read on. False: it has not, or is gone. */
static bool wait_for_daemon(struct msk_ringside *r)
{
    struct pollfd p[2] = {{.fd = r->memory.app_fd, .events = POLLIN},
                          {.fd = r->sock, .events = POLLIN | POLLRDHUP}};
    uint64_t rings;
    int rc;
    do
        rc = poll(p, 2, MSK_RINGSIDE_STALL_MS);
    while (rc < 0 && errno == EINTR);
    return rc > 0 && p[1].revents == 0 &&
           read(r->memory.app_fd, &rings, sizeof rings) == sizeof rings;
}

/* A record of len bytes; NULL: the daemon is lost. */
static uint8_t *reserve(struct msk_ringside *r, uint32_t len)
{
    uint8_t *out;
    bool waited = false;
    int rc;
    while ((rc = trk_ring_reserve(&r->up, len, &out)) == -EAGAIN) {
        wake_daemon(r);
        if (!trk_ring_stall(&r->up, len))
            continue;
        waited = true;
        if (!wait_for_daemon(r)) {
            rc = -ETIMEDOUT;
            break;
        }
    }
    if (rc != 0) {
        msk_ringside_lose(r);
        return NULL;
    }
    if (waited)
        msk_ringside_look_again(r); /* the bell that we took may have been for events */
    return out;
}

/* Writes a record where room for it was reserved. The daemon is told in mid-batch too: it sends while the rest is
 * described. */
static void publish(struct msk_ringside *r, const struct trk_rec_answer *rec, uint8_t *out)
{
    uint32_t len = (uint32_t)trk_rec_answer_bytes(rec);
    trk_rec_answer_write(rec, out);
    trk_ring_commit(&r->up, TRK_REC_ANSWER, len);
    r->untold_bytes += len;
    if (r->untold_bytes >= MSK_PART_BYTES)
        wake_daemon(r);
}

/* ---- answers ---- */

static void describe(const struct msk_ringside_job *j, bool keep, struct trk_rec_answer *rec)
{
    const struct msk_job *job = &j->job;
    const struct trk_mini_answer *a = &job->answer;
    size_t left = job->ev.request_len - j->consumed;
    rec->handle = j->handle;
    rec->end = a->end;
    rec->flags = (keep ? TRK_REC_A_KEEP : 0u) | (a->consumed_end ? TRK_REC_A_CONSUMED_END : 0u) |
                 (a->fresh ? TRK_REC_A_FRESH : 0u) | (a->has_first ? TRK_REC_A_FIRST : 0u) |
                 (a->has_last ? TRK_REC_A_LAST : 0u) | (a->end_known ? TRK_REC_A_END : 0u) |
                 (a->fin ? TRK_REC_A_FIN : 0u);
    rec->consumed = (uint32_t)a->consumed;
    rec->need =
        (uint32_t)(job->need < TRK_REC_REQUEST_BYTES_MAX ? job->need : TRK_REC_REQUEST_BYTES_MAX);
    if (a->has_first)
        rec->first = (struct trk_rec_ucont){
            .from = a->first.from, .len = (uint16_t)a->first.user_len, .user = a->first.user};
    if (a->has_last)
        rec->last = (struct trk_rec_ucont){
            .from = a->last.from, .len = (uint16_t)a->last.user_len, .user = a->last.user};
    if (!a->has_first && !a->has_last) {
        rec->user = j->user;
        rec->user_len = (uint16_t)j->user_len;
    }
    if (!j->held && a->consumed < left) {
        rec->request = (const uint8_t *)job->ev.request + j->consumed;
        rec->request_len = (uint32_t)left;
    }
}

static void add_payload(const struct msk_job *job, struct trk_rec_answer *rec)
{
    rec->n_stretches = (uint8_t)job->n_runs;
    rec->payload = job->payload;
    for (unsigned i = 0; i < job->n_runs; i++) {
        uint32_t have = job->answer.have[i], at = have != 0 ? job->at[i] : 0;
        rec->stretch[i] = (struct trk_rec_stretch){.off = job->run[i].off, .len = have, .at = at};
        if (at + have > rec->payload_len)
            rec->payload_len = at + have;
    }
}

/* False: the daemon was lost. */
static bool send_record(struct msk_ringside *r, struct msk_ringside_job *j,
                        const struct trk_rec_answer *rec)
{
    uint8_t *out;
    if (r->reserved == j) {
        out = j->job.payload - TRK_REC_PAYLOAD_AT;
        r->reserved = NULL;
    } else {
        msk_ringside_unreserve(r);
        if ((out = reserve(r, (uint32_t)trk_rec_answer_bytes(rec))) == NULL)
            return false;
    }
    publish(r, rec, out);
    return true;
}

void msk_ringside_decline(struct msk_ringside *r, uint64_t handle)
{
    const struct trk_rec_answer rec = {.handle = handle};
    msk_ringside_unreserve(r);
    uint8_t *out = reserve(r, (uint32_t)trk_rec_answer_bytes(&rec));
    if (out != NULL)
        publish(r, &rec, out);
}

/* The job as it can be answered further. */
static void go_on(struct msk_ringside *r, struct msk_ringside_job *j)
{
    const struct trk_mini_answer *a = &j->job.answer;
    struct msk_job *job = &j->job;
    if (!j->in_ring)
        free(job->payload);
    job->payload = NULL;
    j->in_ring = j->lost = false;
    j->consumed += a->consumed;
    if (a->has_first) {
        memcpy(j->later_user, a->first.user, a->first.user_len);
        j->user = j->later_user;
        j->user_len = a->first.user_len;
    }
    if (j->epoch != r->epoch) {
        job->n_runs = 0; /* nobody would send it */
        return;
    }
    job->n_runs = trk_runs_use(j->run, job->n_runs, a->have, a->has_first ? a->first.from : 0,
                               (uint16_t)job->ev.packet_bytes);
    for (unsigned i = 0; i < job->n_runs; i++)
        job->run[i] = (struct msk_range){.off = j->run[i].off, .len = j->run[i].len};
}

int msk_ringside_answer(struct msk_back *b, struct msk_job *job, bool keep)
{
    struct msk_ringside *r = msk_ringside_of(b);
    struct msk_ringside_job *j = msk_ringside_whole(job);
    bool is_live = j->epoch == r->epoch && r->sock >= 0;
    if (is_live && keep && !job->detached && r->n_kept >= r->kept_max)
        return -ENOBUFS;
    if (is_live) {
        struct trk_rec_answer rec = {.handle = j->handle};
        if (!j->lost) {
            describe(j, keep, &rec);
            add_payload(job, &rec);
        }
        (void)send_record(r, j, &rec);
    }
    if (!keep) {
        msk_ringside_done(r, j);
        return 0;
    }
    if (!job->detached && j->epoch == r->epoch)
        r->n_kept++;
    job->detached = true;
    go_on(r, j);
    return 0;
}

int msk_ringside_reset(struct msk_back *b, struct msk_job *job)
{
    struct msk_ringside *r = msk_ringside_of(b);
    struct msk_ringside_job *j = msk_ringside_whole(job);
    const struct trk_rec_answer rec = {.handle = j->handle, .flags = TRK_REC_A_RESET};
    if (j->epoch == r->epoch && r->sock >= 0)
        (void)send_record(r, j, &rec);
    msk_ringside_done(r, j);
    return 0;
}
