/* Answering: the calls that describe, set and send. Each finds its event, checks its arguments, and
 * leaves the rest to answer.c. */
#include <config.h>

#include "mini/answer.h"
#include "mini/service.h"

#include <errno.h>
#include <limits.h>

enum { PIECES_MAX = IOV_MAX }; /* of one call */

static int result(int rc)
{
    return rc == 0 ? 0 : msk_fail(-rc);
}

ssize_t msk_send(int fd, msk_t msk, const void *buf, size_t len)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    if (job == NULL)
        return -1;
    if ((buf == NULL && len > 0) || len > SSIZE_MAX)
        return msk_fail(EINVAL);
    int rc = msk_answer_bytes(s->back, job, buf, len);
    return rc == 0 ? (ssize_t)len : msk_fail(-rc);
}

/* Total length, or -EINVAL. */
static ssize_t check_pieces(const struct iovec *iov, int n)
{
    size_t total = 0;
    if (n < 0 || n > PIECES_MAX || (iov == NULL && n > 0))
        return -EINVAL;
    for (int i = 0; i < n; i++) {
        if ((iov[i].iov_base == NULL && iov[i].iov_len > 0) || iov[i].iov_len > SSIZE_MAX - total)
            return -EINVAL;
        total += iov[i].iov_len;
    }
    return (ssize_t)total;
}

static ssize_t describe(struct msk_service *s, struct msk_job *job, const struct iovec *iov, int n)
{
    struct msk_answer_mark mark;
    ssize_t total = check_pieces(iov, n);
    if (total < 0)
        return total;
    int rc = 0;
    msk_answer_mark(job, &mark);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = msk_answer_bytes(s->back, job, iov[i].iov_base, iov[i].iov_len);
    if (rc != 0)
        msk_answer_undo(job, &mark);
    return rc == 0 ? total : rc;
}

ssize_t msk_sendv(int fd, msk_t msk, const struct iovec *iov, int n)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    if (job == NULL)
        return -1;
    ssize_t total = describe(s, job, iov, n);
    return total >= 0 ? total : msk_fail((int)-total);
}

ssize_t msk_sendfilev(int fd, msk_t msk, const struct msk_file *files, int n)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    struct msk_answer_mark mark;
    size_t total = 0;
    int rc = 0;
    if (job == NULL)
        return -1;
    if (n < 0 || n > PIECES_MAX || (files == NULL && n > 0))
        return msk_fail(EINVAL);
    msk_answer_mark(job, &mark);
    for (int i = 0; rc == 0 && i < n; i++) {
        rc = files[i].len > SSIZE_MAX - total ? -EINVAL
                                              : msk_answer_file(s->back, job, &files[i]);
        total += files[i].len;
    }
    if (rc != 0)
        msk_answer_undo(job, &mark);
    return rc == 0 ? (ssize_t)total : msk_fail(-rc);
}

int msk_seek(int fd, msk_t msk, uint64_t off)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? result(msk_answer_seek(job, off)) : -1;
}

uint64_t msk_tell(int fd, msk_t msk)
{
    struct msk_service *s;
    const struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? job->cursor : MSK_UNKNOWN;
}

uint64_t msk_wanted(int fd, msk_t msk)
{
    struct msk_service *s;
    const struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? msk_answer_wanted(job) : 0;
}

int msk_consume(int fd, msk_t msk, size_t n)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? result(msk_answer_consume(job, n)) : -1;
}

int msk_need(int fd, msk_t msk, size_t n)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    if (job == NULL)
        return -1;
    if (n == 0 || n > MSK_REQUEST_MAX_BYTES)
        return msk_fail(EINVAL);
    job->need = n;
    return 0;
}

int msk_setucont(int fd, msk_t msk, uint64_t off, const void *buf, size_t len, unsigned flags)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? result(msk_answer_set(job, off, buf, len, flags)) : -1;
}

int msk_end(int fd, msk_t msk)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? result(msk_answer_end(job, false)) : -1;
}

int msk_close(int fd, msk_t msk)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    return job != NULL ? result(msk_answer_end(job, true)) : -1;
}

/* ---- the end of an event ---- */

int msk_reset(int fd, msk_t msk)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    if (job == NULL)
        return -1;
    msk_service_forget(s, msk_service_place(job));
    int rc = s->back->ops->reset(s->back, job);
    msk_service_settle(s);
    return result(rc);
}

int msk_drop(int fd, msk_t msk)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    if (job == NULL)
        return -1;
    int rc = msk_service_drop(s, job);
    msk_service_settle(s);
    return result(rc);
}

/* A kept event stays in the application's hands, no longer in the batch's. */
int msk_detach(int fd, msk_t msk)
{
    struct msk_service *s;
    struct msk_job *job = msk_service_job(fd, msk, &s);
    if (job == NULL)
        return -1;
    struct msk_place place = msk_service_place(job);
    msk_answer_finish(job, true);
    int rc = s->back->ops->answer(s->back, job, true);
    if (rc == -EINVAL) { /* the back end has let go of it */
        msk_service_forget(s, place);
    } else if (rc == 0) {
        if (!job->detached)
            s->live--;
        msk_answer_go_on(job);
    }
    msk_service_settle(s);
    return result(rc);
}

static int answer_one(struct msk_service *s, struct msk_bulk *e)
{
    struct msk_job *job = msk_service_find(s, e->msk);
    int rc = job != NULL ? 0 : -ENOENT;
    if ((e->flags & ~(unsigned)(MSK_BULK_END | MSK_BULK_CLOSE | MSK_BULK_KEEP)) != 0)
        rc = -EINVAL;
    if (rc == 0 && e->consume > 0)
        rc = msk_answer_consume(job, e->consume);
    if (rc == 0 && e->ucont != NULL)
        rc = msk_answer_set(job, MSK_HERE, e->ucont, e->ucont_len, 0);
    if (rc == 0) {
        ssize_t n = describe(s, job, e->iov, e->n_iov);
        rc = n < 0 ? (int)n : 0;
    }
    if (rc == 0 && (e->flags & (MSK_BULK_END | MSK_BULK_CLOSE)) != 0)
        rc = msk_answer_end(job, (e->flags & MSK_BULK_CLOSE) != 0);
    if (rc == 0 && (e->flags & MSK_BULK_KEEP) == 0)
        rc = msk_service_drop(s, job);
    return rc;
}

int msk_sendbulk(int fd, struct msk_bulk *bulk, int n)
{
    struct msk_service *s = msk_service_get(fd);
    int good = 0;
    if (s == NULL)
        return -1;
    if (n < 0 || (bulk == NULL && n > 0))
        return msk_fail(EINVAL);
    for (int i = 0; i < n; i++) {
        bulk[i].error = -answer_one(s, &bulk[i]);
        good += bulk[i].error == 0;
    }
    msk_service_settle(s);
    return good;
}

/* ---- moving events ---- */

static bool repeats(const msk_t *msks, int n)
{
    for (int i = 0; i < n; i++)
        if (msks[i] == msks[n])
            return true;
    return false;
}

ssize_t msk_extract_events(int fd, const msk_t *msks, int n, void *buf, size_t cap)
{
    struct msk_job *jobs[MSK_EXTRACT_MAX];
    struct msk_place place[MSK_EXTRACT_MAX];
    struct msk_service *s = msk_service_get(fd);
    if (s == NULL)
        return -1;
    if (msks == NULL || buf == NULL || n < 1 || n > MSK_EXTRACT_MAX)
        return msk_fail(EINVAL);
    for (int i = 0; i < n; i++) {
        jobs[i] = repeats(msks, i) ? NULL : msk_service_find(s, msks[i]);
        if (jobs[i] == NULL)
            return msk_fail(ENOENT);
        if (jobs[i]->begun)
            return msk_fail(EBUSY);
        place[i] = msk_service_place(jobs[i]);
    }
    ssize_t len = s->back->ops->extract(s->back, jobs, n, buf, cap);
    if (len < 0)
        return msk_fail((int)-len);
    for (int i = 0; i < n; i++)
        msk_service_forget(s, place[i]);
    msk_service_settle(s);
    return len;
}

int msk_install_events(int fd, const void *buf, size_t len)
{
    struct msk_service *s = msk_service_get(fd);
    if (s == NULL)
        return -1;
    if (buf == NULL)
        return msk_fail(EINVAL);
    int n = s->back->ops->install(s->back, buf, len);
    return n >= 0 ? n : msk_fail(-n);
}
