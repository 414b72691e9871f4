/* Events that move to another process or host: core/bundle.h. See embed_int.h. */
#include <config.h>

#include "core/bundle.h"
#include "io/clock.h"
#include "mini/embed_int.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert((int)MSK_EXTRACT_MAX <= (int)TRK_BUNDLE_EVENTS_MAX, "all fit into one");

static struct trk_bundle_item item_of(const struct msk_embed_job *j)
{
    bool asks_for_more = j->in.request_len == 0 && !j->in.request_end;
    enum trk_mini_kind kind = (enum trk_mini_kind)j->job.ev.kind;
    return (struct trk_bundle_item){
        .kind = (uint8_t)(kind != TRK_MINI_NEW && asks_for_more ? TRK_MINI_MORE : kind),
        .has_user = j->ticket.has_ucont,
        .request_end = j->in.request_end,
        .local = trk_sockaddr_to_addr(&j->path.local),
        .ifindex = j->path.ifindex,
        .user = j->in.user,
        .user_len = j->ticket.has_ucont ? j->in.user_len : 0,
        .request = j->in.request,
        .request_len = j->in.request_len,
        .ticket = j->ticket,
    };
}

static ssize_t seal(struct msk_embed *e, struct msk_job *const *jobs, int n, uint8_t *plain,
                    size_t most, uint8_t *buf, size_t cap)
{
    struct trk_wr w = trk_wr_make(plain, most);
    for (int i = 0; i < n; i++) {
        struct trk_bundle_item it = item_of((const struct msk_embed_job *)(void *)jobs[i]);
        trk_bundle_put(&w, &it);
    }
    size_t len = trk_wr_len(&w);
    if (!trk_wr_ok(&w) || len > TRK_BUNDLE_BYTES_MAX || len + TRK_BUNDLE_OVERHEAD_BYTES > cap)
        return -ENOSPC;
    int rc = trk_bundle_seal(&e->server.seal, e->port, trk_clock_wall_us(), (unsigned)n, plain, len,
                             buf);
    return rc == TRK_OK ? (ssize_t)(len + TRK_BUNDLE_OVERHEAD_BYTES) : -ENOMEM;
}

ssize_t msk_embed_extract(struct msk_back *b, struct msk_job *const *jobs, int n, uint8_t *buf,
                          size_t cap)
{
    struct msk_embed *e = (struct msk_embed *)(void *)b;
    size_t most = 0;
    for (int i = 0; i < n; i++)
        most += TRK_BUNDLE_ITEM_FIXED_BYTES + TRK_TICKET_BYTES_MAX + TRK_UCONT_USER_BYTES_MAX +
                jobs[i]->ev.request_len;
    uint8_t *plain = malloc(most);
    if (plain == NULL)
        return -ENOMEM;
    ssize_t len = seal(e, jobs, n, plain, most, buf, cap);
    free(plain);
    for (int i = 0; len > 0 && i < n; i++)
        msk_embed_done(e, (struct msk_embed_job *)(void *)jobs[i]);
    return len;
}

/* ---- installing ---- */

/* -ESTALE: too old, or seen before; -ENOBUFS: too many to remember. Else it is remembered. */
static int remember(struct msk_embed *e, const struct trk_bundle *bundle, uint64_t now_us)
{
    uint64_t until_us = bundle->issued_us + TRK_FRESHNESS_US;
    if (until_us < now_us || bundle->issued_us > now_us + TRK_FRESHNESS_US)
        return -ESTALE;
    unsigned at = MSK_INSTALLED_MAX;
    for (unsigned i = 0; i < MSK_INSTALLED_MAX; i++) {
        if (e->installed[i].id == bundle->id && e->installed[i].until_us >= now_us)
            return -ESTALE;
        if (e->installed[i].until_us < now_us)
            at = i;
    }
    if (at == MSK_INSTALLED_MAX)
        return -ENOBUFS;
    e->installed[at].id = bundle->id;
    e->installed[at].until_us = until_us;
    return 0;
}

static struct msk_embed_job *job_of(struct msk_embed *e, const struct trk_bundle_item *it)
{
    struct msk_embed_job *j = msk_embed_job(e);
    if (j == NULL)
        return NULL;
    struct trk_mini_input in = {.user = it->user,
                                .user_len = it->user_len,
                                .request = it->request,
                                .request_len = it->request_len,
                                .request_end = it->request_end};
    j->ticket = it->ticket;
    j->path = (struct trk_udp_path){.remote = trk_sockaddr_from_addr(&it->ticket.to.peer),
                                    .local = trk_sockaddr_from_addr(&it->local),
                                    .ifindex = it->ifindex};
    if (msk_embed_hold(j, &in) != 0) {
        msk_embed_done(e, j);
        return NULL;
    }
    msk_embed_show(j, (enum trk_mini_kind)it->kind);
    return j;
}

/* All n items, or none: *list gets the jobs, in order. */
static int read_items(struct msk_embed *e, struct trk_rd *r, unsigned n, struct msk_job **list)
{
    struct msk_job **tail = list;
    struct trk_bundle_item it;
    int rc = 0;
    *list = NULL;
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        struct msk_embed_job *j = NULL;
        if (trk_bundle_get(r, &it) != TRK_OK || it.ticket.secret.service_port != e->port)
            rc = -EBADMSG; /* sealed under our secret, so this is another version's */
        else if ((j = job_of(e, &it)) == NULL)
            rc = -ENOBUFS;
        if (j == NULL)
            break;
        j->job.next = NULL;
        *tail = &j->job;
        tail = &j->job.next;
    }
    return rc == 0 && trk_rd_left(r) != 0 ? -EBADMSG : rc;
}

static int install(struct msk_embed *e, const struct trk_bundle *bundle, struct trk_rd *r)
{
    struct msk_job *list, *next;
    uint64_t now_us = trk_clock_wall_us();
    if (e->n_pending + bundle->n > MSK_PENDING_MAX)
        return -ENOBUFS;
    int rc = read_items(e, r, bundle->n, &list);
    if (rc == 0)
        rc = remember(e, bundle, now_us);
    for (; list != NULL; list = next) {
        struct msk_embed_job *j = (struct msk_embed_job *)(void *)list;
        next = list->next;
        if (rc == 0)
            msk_embed_push(e, j);
        else
            msk_embed_done(e, j);
    }
    msk_embed_ring(e);
    return rc == 0 ? (int)bundle->n : rc;
}

int msk_embed_install(struct msk_back *b, const uint8_t *buf, size_t len)
{
    struct msk_embed *e = (struct msk_embed *)(void *)b;
    struct trk_bundle bundle;
    if (len < TRK_BUNDLE_OVERHEAD_BYTES || len > TRK_BUNDLE_BYTES_MAX)
        return -EBADMSG;
    uint8_t *plain = malloc(len);
    if (plain == NULL)
        return -ENOMEM;
    int rc = -EBADMSG;
    if (trk_bundle_open(&e->server.seal, e->port, buf, len, &bundle, plain) == TRK_OK) {
        struct trk_rd r = trk_rd_make(plain, len - TRK_BUNDLE_OVERHEAD_BYTES);
        rc = install(e, &bundle, &r);
    }
    free(plain);
    return rc;
}
