/* Service descriptors: making, ending, taking events. See service.h. */
#include <config.h>

#include "mini/service.h"

#include "mini/answer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

int msk_fail(int err)
{
    errno = err;
    return -1;
}

struct msk_service *msk_service_get(int fd)
{
    struct msk_object *o = msk_table_get(fd, MSK_OBJECT_SERVICE);
    if (o == NULL)
        (void)msk_fail(EBADF);
    return (struct msk_service *)(void *)o; /* its first member */
}

struct msk_job *msk_service_find(const struct msk_service *s, msk_t msk)
{
    unsigned i = (unsigned)(msk & (MSK_SLOTS_MAX - 1));
    struct msk_job *job = i < s->n_slots ? s->slot[i] : NULL;
    return job != NULL && job->ev.msk == msk ? job : NULL;
}

struct msk_job *msk_service_job(int fd, msk_t msk, struct msk_service **s)
{
    *s = msk_service_get(fd);
    if (*s == NULL)
        return NULL;
    struct msk_job *job = msk_service_find(*s, msk);
    if (job == NULL)
        (void)msk_fail(ENOENT);
    return job;
}

/* ---- slots ---- */

/* Room for n more events; as many as there is room for are told by n_free. */
static void grow(struct msk_service *s, unsigned n)
{
    unsigned want = s->n_slots > 0 ? s->n_slots : 64;
    while (want - s->n_slots + s->n_free < n && want < MSK_SLOTS_MAX)
        want *= 2;
    if (n <= s->n_free || want == s->n_slots)
        return;
    struct msk_job **slot = realloc(s->slot, want * sizeof(struct msk_job *));
    if (slot != NULL)
        s->slot = slot;
    uint16_t *free_slot = realloc(s->free_slot, want * sizeof *free_slot);
    if (free_slot != NULL)
        s->free_slot = free_slot;
    if (slot == NULL || free_slot == NULL)
        return;
    for (unsigned i = want; i > s->n_slots; i--) {
        s->slot[i - 1] = NULL;
        s->free_slot[s->n_free++] = (uint16_t)(i - 1);
    }
    s->n_slots = want;
}

static void enter(struct msk_service *s, struct msk_job *job)
{
    unsigned i = s->free_slot[--s->n_free];
    s->count++;
    if (s->tag == 0 && s->count == 0 && i == 0)
        s->count++; /* no event is called 0 */
    job->ev.msk = (uint64_t)s->tag << 48 | (uint64_t)s->count << 16 | i;
    job->slot = i;
    s->slot[i] = job;
}

void msk_service_forget(struct msk_service *s, struct msk_place place)
{
    s->slot[place.slot] = NULL;
    s->free_slot[s->n_free++] = (uint16_t)place.slot;
    if (!place.detached)
        s->live--;
}

void msk_service_settle(struct msk_service *s)
{
    if (s->live == 0)
        s->back->ops->flush(s->back);
}

int msk_service_drop(struct msk_service *s, struct msk_job *job)
{
    msk_service_forget(s, msk_service_place(job));
    msk_answer_finish(job, false);
    return s->back->ops->answer(s->back, job, false);
}

/* ---- making and ending ---- */

/* The caller may be of an earlier version, with fewer members. */
static int read_options(struct msk_options *to, const struct msk_options *from)
{
    size_t size = from != NULL && from->size != 0 ? from->size : sizeof *to;
    *to = (struct msk_options){.size = sizeof *to};
    if (from == NULL)
        return 0;
    if (size < offsetof(struct msk_options, backend) + sizeof to->backend || size > sizeof *to)
        return -EINVAL;
    memcpy(to, from, size);
    to->size = sizeof *to;
    return 0;
}

static int choose_backend(struct msk_options *opt)
{
    const char *name = getenv("MSK_BACKEND");
    if ((unsigned)opt->backend > MSK_EMBEDDED ||
        (opt->flags & ~(unsigned)(MSK_SHARED | MSK_WANT_NEW)) != 0)
        return -EINVAL;
    if (opt->backend != MSK_AUTO)
        return 0;
    opt->backend = MSK_DAEMON;
    if (name == NULL || name[0] == '\0' || strcmp(name, "daemon") == 0)
        return 0;
    if (strcmp(name, "embedded") != 0)
        return -EINVAL;
    opt->backend = MSK_EMBEDDED;
    return 0;
}

static int open_back(struct msk_service *s, const struct msk_options *given)
{
    struct msk_options opt;
    int rc = read_options(&opt, given);
    if (rc == 0)
        rc = choose_backend(&opt);
    if (rc != 0)
        return rc;
    return opt.backend == MSK_EMBEDDED ? msk_embed_open(&s->back, s->port, &opt)
                                       : msk_ringside_open(&s->back, s->port, &opt);
}

static void free_service(struct msk_service *s)
{
    if (s->back != NULL)
        s->back->ops->close(s->back);
    free(s->slot);
    free(s->free_slot);
    free(s->batch);
    free(s->taken);
    free(s);
}

int msk_listen(uint16_t service_port, const struct msk_options *opt)
{
    static atomic_uint tags;
    if (service_port == 0)
        return msk_fail(EINVAL);
    struct msk_service *s = calloc(1, sizeof *s);
    if (s == NULL)
        return msk_fail(ENOMEM);
    s->port = service_port;
    s->tag = (uint16_t)atomic_fetch_add(&tags, 1);
    int rc = open_back(s, opt);
    if (rc == 0) {
        s->object = (struct msk_object){.kind = MSK_OBJECT_SERVICE, .fd = s->back->fd};
        rc = msk_table_put(&s->object);
    }
    if (rc != 0) {
        free_service(s);
        return msk_fail(-rc);
    }
    return s->object.fd;
}

int msk_finish(int fd)
{
    struct msk_object *o = msk_table_any(fd);
    if (o == NULL)
        return msk_fail(EBADF);
    msk_table_remove(fd);
    if (o->kind == MSK_OBJECT_CLIENT)
        return msk_client_finish(o);
    free_service((struct msk_service *)(void *)o);
    return 0;
}

/* ---- events ---- */

static int batch_room(struct msk_service *s, int max)
{
    if (max <= s->batch_cap)
        return 0;
    msk_t *batch = realloc(s->batch, (size_t)max * sizeof *batch);
    if (batch != NULL)
        s->batch = batch;
    struct msk_job **taken = realloc(s->taken, (size_t)max * sizeof(struct msk_job *));
    if (taken != NULL)
        s->taken = taken;
    if (batch == NULL || taken == NULL)
        return -ENOMEM;
    s->batch_cap = max;
    return 0;
}

static void drop_last_batch(struct msk_service *s)
{
    for (int i = 0; i < s->batch_len && s->live > 0; i++) {
        struct msk_job *job = msk_service_find(s, s->batch[i]);
        if (job != NULL && !job->detached)
            (void)msk_service_drop(s, job);
    }
    s->batch_len = 0;
}

int msk_events(int fd, struct msk_event *events, int max)
{
    struct msk_service *s = msk_service_get(fd);
    if (s == NULL)
        return -1;
    if (events == NULL || max < 1)
        return msk_fail(EINVAL);
    if (max > MSK_SLOTS_MAX)
        max = MSK_SLOTS_MAX;
    drop_last_batch(s);
    grow(s, (unsigned)max);
    if (batch_room(s, max) != 0)
        return msk_fail(ENOMEM);
    if (s->n_free == 0)
        return msk_fail(ENOMEM); /* all are kept; the back end's bound is far lower */
    int n = s->back->ops->take(s->back, s->taken, (unsigned)max < s->n_free ? max : (int)s->n_free);
    if (n < 0)
        return msk_fail(-n);
    for (int i = 0; i < n; i++) {
        struct msk_job *job = s->taken[i];
        msk_answer_begin(job);
        enter(s, job);
        s->batch[i] = job->ev.msk;
        events[i] = job->ev;
    }
    s->batch_len = n;
    s->live = (unsigned)n;
    return n;
}

int msk_timeout(int fd)
{
    struct msk_object *o = msk_table_any(fd);
    if (o == NULL)
        return msk_fail(EBADF);
    if (o->kind == MSK_OBJECT_CLIENT)
        return msk_client_timeout(o);
    struct msk_service *s = (struct msk_service *)(void *)o;
    return s->back->ops->timeout_ms(s->back);
}
