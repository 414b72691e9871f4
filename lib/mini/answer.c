/* Answers as handlers describe them: see answer.h. */
#include <config.h>

#include "mini/answer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Nobody gets so far; sums of an offset and a length cannot overflow below it. */
#define OFF_MAX (UINT64_MAX >> 1)

/* ---- runs ---- */

static uint64_t run_end(const struct msk_job *job, unsigned i)
{
    return job->run[i].off + job->run[i].len;
}

/* Where the next byte of run i is to come from. */
static uint64_t run_next(const struct msk_job *job, unsigned i)
{
    return job->run[i].off + job->answer.have[i];
}

static void insert_range(struct msk_job *job, struct msk_range r)
{
    unsigned i = job->ev.n_ranges++;
    for (; i > 0 && job->range[i - 1].off > r.off; i--)
        job->range[i] = job->range[i - 1];
    job->range[i] = r;
}

/* Ascending and disjoint, neighbours joined. */
static void order_ranges(struct msk_job *job)
{
    unsigned n = 0;
    job->ev.n_ranges = 0;
    for (unsigned i = 0; i < job->n_runs; i++)
        insert_range(job, job->run[i]);
    for (unsigned i = 0; i < job->ev.n_ranges; i++) {
        struct msk_range r = job->range[i], *last = n > 0 ? &job->range[n - 1] : NULL;
        if (last == NULL || r.off > last->off + last->len)
            job->range[n++] = r;
        else if (r.off + r.len > last->off + last->len)
            last->len = r.off + r.len - last->off;
    }
    job->ev.n_ranges = n;
    job->ev.range = job->range;
}

/* A new answer to the runs as they are now. */
static void lay_out(struct msk_job *job)
{
    uint64_t at = 0;
    job->asked_end = 0;
    for (unsigned i = 0; i < job->n_runs; i++) {
        job->at[i] = (uint32_t)at;
        job->answer.have[i] = 0;
        at += job->run[i].len;
        if (run_end(job, i) > job->asked_end)
            job->asked_end = run_end(job, i);
    }
    job->payload = NULL;
    job->below.is_set = job->first.is_set = job->last.is_set = false;
    job->fresh = job->begun = false;
    job->need = 0;
}

void msk_answer_begin(struct msk_job *job)
{
    bool request = job->ev.kind == MSK_REQUEST || job->ev.kind == MSK_CLOSED;
    order_ranges(job);
    lay_out(job);
    job->detached = job->closing = job->end_consumed = false;
    job->stated = job->ev.ucont != NULL;
    job->from = job->ev.from;
    job->state_end = job->ev.end;
    job->end = MSK_UNKNOWN;
    job->consumed = job->consumed_before = 0;
    job->described_to = job->from;
    job->start = job->cursor =
        request && job->state_end != MSK_UNKNOWN ? job->state_end : job->from;
}

/* ---- describing ---- */

static int check_room(const struct msk_job *job, uint64_t len)
{
    uint64_t most = job->end != MSK_UNKNOWN ? job->end : OFF_MAX;
    return job->cursor > most || len > most - job->cursor ? -EINVAL : 0;
}

/* Bytes [from, from + len) of what is described next are for run i. */
static bool cut(const struct msk_job *job, unsigned i, uint64_t len, uint64_t *from, size_t *n)
{
    uint64_t next = run_next(job, i), end = run_end(job, i), to = job->cursor + len;
    if (next < job->cursor || next >= to || next == end)
        return false;
    *from = next - job->cursor;
    *n = (size_t)((end < to ? end : to) - next);
    return true;
}

static int need_room(struct msk_back *b, struct msk_job *job)
{
    if (job->payload == NULL)
        job->payload = b->ops->room(b, job);
    return job->payload != NULL ? 0 : -ENOMEM;
}

static void described(struct msk_job *job, uint64_t len)
{
    job->cursor += len;
    job->described_to = job->cursor;
    job->begun = true;
}

int msk_answer_bytes(struct msk_back *b, struct msk_job *job, const void *buf, size_t len)
{
    uint64_t from;
    size_t n;
    int rc = check_room(job, len);
    for (unsigned i = 0; rc == 0 && i < job->n_runs; i++) {
        if (!cut(job, i, len, &from, &n))
            continue;
        rc = need_room(b, job);
        if (rc == 0)
            memcpy(job->payload + job->at[i] + job->answer.have[i], (const uint8_t *)buf + from, n);
        if (rc == 0)
            job->answer.have[i] += (uint32_t)n;
    }
    if (rc == 0)
        described(job, len);
    return rc;
}

static int read_all(int fd, uint8_t *to, size_t n, off_t off)
{
    while (n > 0) {
        ssize_t got = pread(fd, to, n, off);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        to += got;
        off += got;
        n -= (size_t)got;
    }
    return 0;
}

int msk_answer_file(struct msk_back *b, struct msk_job *job, const struct msk_file *f)
{
    uint64_t from;
    size_t n;
    int rc = check_room(job, f->len);
    if (f->off < 0 || f->len > OFF_MAX - (uint64_t)f->off)
        rc = -EINVAL;
    for (unsigned i = 0; rc == 0 && i < job->n_runs; i++) {
        if (!cut(job, i, f->len, &from, &n))
            continue;
        rc = need_room(b, job);
        if (rc == 0)
            rc = read_all(f->fd, job->payload + job->at[i] + job->answer.have[i], n,
                          f->off + (off_t)from);
        if (rc == 0)
            job->answer.have[i] += (uint32_t)n;
    }
    if (rc == 0)
        described(job, f->len);
    return rc;
}

void msk_answer_mark(const struct msk_job *job, struct msk_answer_mark *mark)
{
    mark->begun = job->begun;
    mark->cursor = job->cursor;
    mark->described_to = job->described_to;
    memcpy(mark->have, job->answer.have, job->n_runs * sizeof mark->have[0]);
}

void msk_answer_undo(struct msk_job *job, const struct msk_answer_mark *mark)
{
    job->begun = mark->begun;
    job->cursor = mark->cursor;
    job->described_to = mark->described_to;
    memcpy(job->answer.have, mark->have, job->n_runs * sizeof mark->have[0]);
}

uint64_t msk_answer_wanted(const struct msk_job *job)
{
    uint64_t to = 0;
    for (unsigned i = 0; i < job->n_runs; i++)
        if (run_next(job, i) >= job->cursor && run_next(job, i) < run_end(job, i) &&
            run_end(job, i) > to)
            to = run_end(job, i);
    if (to > job->end)
        to = job->end;
    return to > job->cursor ? to - job->cursor : 0;
}

int msk_answer_seek(struct msk_job *job, uint64_t off)
{
    if (off < job->described_to || off > OFF_MAX)
        return -EINVAL;
    job->cursor = off;
    return 0;
}

/* ---- continuations and ends ---- */

/* The client's end is consumed with the last byte before it, or by answering at all. */
static bool consumes_end(const struct msk_job *job)
{
    return job->ev.kind == MSK_CLOSED && !job->end_consumed && job->consumed == job->ev.request_len;
}

static bool is_new(const struct msk_job *job)
{
    return job->consumed > job->consumed_before || consumes_end(job) || job->fresh || !job->stated;
}

int msk_answer_consume(struct msk_job *job, size_t n)
{
    if (n > job->ev.request_len)
        return -EINVAL;
    job->begun = true;
    if (n > job->consumed)
        job->consumed = n;
    return 0;
}

static void note(struct msk_set *set, uint64_t off, const void *buf, size_t len)
{
    set->is_set = true;
    set->from = off;
    set->len = len;
    if (len > 0)
        memcpy(set->bytes, buf, len);
}

static const struct msk_set *newest_set(const struct msk_job *job)
{
    return job->last.is_set    ? &job->last
           : job->first.is_set ? &job->first
           : job->below.is_set ? &job->below
                               : NULL;
}

int msk_answer_set(struct msk_job *job, uint64_t off, const void *buf, size_t len, unsigned flags)
{
    const struct msk_set *top = newest_set(job);
    bool below;
    if (off == MSK_HERE)
        off = job->cursor;
    if (len > MSK_UCONT_MAX_BYTES)
        return -EMSGSIZE;
    if (off > OFF_MAX || off < job->from || (top != NULL && off < top->from) || off > job->end ||
        (flags & ~(unsigned)MSK_FRESH) != 0 || (buf == NULL && len > 0))
        return -EINVAL;
    below = job->state_end != MSK_UNKNOWN && off < job->state_end;
    if (flags != 0 && (below || top != NULL))
        return -EINVAL;
    job->begun = true;
    job->fresh |= (flags & MSK_FRESH) != 0;
    if (below)
        note(&job->below, off, buf, len);
    else if (!job->first.is_set)
        note(&job->first, off, buf, len);
    else if (off <= job->asked_end) /* beyond it nothing is sent that it could follow */
        note(&job->last, off, buf, len);
    return 0;
}

int msk_answer_end(struct msk_job *job, bool close)
{
    const struct msk_set *top = newest_set(job);
    bool elsewhere = !is_new(job) && job->state_end != MSK_UNKNOWN && job->cursor != job->state_end;
    if ((job->end != MSK_UNKNOWN && job->end != job->cursor) || elsewhere ||
        job->cursor < job->described_to || (top != NULL && top->from > job->cursor))
        return -EINVAL;
    job->begun = true;
    job->end = job->cursor;
    job->closing |= close;
    return 0;
}

static struct trk_mini_ucont travels(const struct msk_set *set)
{
    return (struct trk_mini_ucont){.from = set->from, .user = set->bytes, .user_len = set->len};
}

/* Up to here bytes are sent, or could be if they were there. */
static uint64_t sent_end(const struct msk_job *job)
{
    uint64_t end = 0;
    for (unsigned i = 0; i < job->n_runs; i++)
        if (job->answer.have[i] > 0 && run_next(job, i) > end)
            end = run_next(job, i);
    return end;
}

/*
 * The new state's first continuation, and a checkpoint in it. A state begins where the former one
 * ends; without a first one there the engine seals the former's bytes again.
 */
static void choose_new(struct msk_job *job, uint64_t sent)
{
    struct trk_mini_answer *a = &job->answer;
    const struct msk_set *last = &job->last;
    a->has_first = job->first.is_set &&
                   (job->state_end == MSK_UNKNOWN || job->first.from == job->state_end);
    if (a->has_first)
        a->first = travels(&job->first);
    else if (!last->is_set || last->from > sent)
        last = &job->first;
    uint64_t begin = a->has_first                     ? job->first.from
                     : job->state_end != MSK_UNKNOWN ? job->state_end
                                                      : job->from;
    a->has_last = last->is_set && last->from > begin && last->from <= sent;
    if (a->has_last)
        a->last = travels(last);
}

/* The furthest checkpoint that is of use. */
static void choose_checkpoint(struct msk_job *job, uint64_t sent)
{
    struct trk_mini_answer *a = &job->answer;
    const struct msk_set *set = job->last.is_set && job->last.from <= sent     ? &job->last
                                : job->first.is_set && job->first.from <= sent ? &job->first
                                                                               : &job->below;
    a->has_last = set->is_set && set->from > job->from && set->from <= sent &&
                  (job->state_end == MSK_UNKNOWN || set->from < job->state_end);
    if (a->has_last)
        a->last = travels(set);
}

void msk_answer_finish(struct msk_job *job, bool pending)
{
    struct trk_mini_answer *a = &job->answer;
    a->consumed = job->consumed - job->consumed_before;
    a->consumed_end = consumes_end(job);
    a->need = job->need;
    a->fresh = job->fresh;
    a->pending = pending;
    a->fin = job->closing;
    a->end_known = job->end != MSK_UNKNOWN;
    a->end = job->end;
    a->has_first = a->has_last = false;
    if (is_new(job))
        choose_new(job, sent_end(job));
    else
        choose_checkpoint(job, sent_end(job));
}

void msk_answer_go_on(struct msk_job *job)
{
    const struct trk_mini_answer *a = &job->answer;
    if (is_new(job) && (job->stated || job->begun || a->consumed_end)) {
        if (a->has_first)
            job->from = a->first.from;
        else if (job->state_end != MSK_UNKNOWN)
            job->from = job->state_end;
        job->state_end = MSK_UNKNOWN;
        job->stated = true;
    }
    if (a->end_known)
        job->state_end = a->end;
    job->consumed_before = job->consumed;
    job->end_consumed |= a->consumed_end;
    lay_out(job);
    job->detached = true;
}
