/* Stateless services: events that go to, and come from, other processes and hosts (core/bundle.h). See minis.h. */
#include <config.h>

#include "core/bundle.h"
#include "daemon/addrs.h"
#include "daemon/minis.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert((int)TRK_REC_USER_BYTES_MAX >= (int)TRK_UCONT_USER_BYTES_MAX, "user bytes fit");

/* The first len bytes of an application's memfd, copied: it can still change. NULL: it is none, or shorter. */
static uint8_t *read_memfd(int fd, size_t len)
{
    if (fd < 0 || len == 0 || fcntl(fd, F_GET_SEALS) < 0) /* other files might keep us waiting */
        return NULL;
    uint8_t *bytes = malloc(len);
    size_t done = 0;
    ssize_t n = 1;
    while (bytes != NULL && done < len && n > 0) {
        n = pread(fd, bytes + done, len - done, (off_t)done);
        done += n > 0 ? (size_t)n : 0;
    }
    if (bytes != NULL && done == len)
        return bytes;
    free(bytes);
    return NULL;
}

static int write_memfd(const uint8_t *bytes, size_t len)
{
    int fd = memfd_create("trickles-events", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, bytes, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -ENOMEM;
    }
    return fd;
}

/* ---- out ---- */

/* What the application says of one of its events is for itself to be right about; what it is, we know. */
static int put_event(struct trk_service *s, const struct trk_rec_event *e, struct trk_wr *w)
{
    bool wild;
    const struct trk_slot *slot = trk_slots_find(&s->slots, e->handle, &wild);
    if (slot == NULL)
        return wild ? -EINVAL : -ENOENT;
    if (e->request_len != slot->request_len || e->user_len > TRK_UCONT_USER_BYTES_MAX)
        return -EINVAL;
    bool asks_for_more = slot->request_len == 0 && !slot->request_end;
    struct trk_bundle_item item = {
        .kind = slot->kind != TRK_MINI_NEW && asks_for_more ? TRK_MINI_MORE : slot->kind,
        .has_user = slot->ticket.has_ucont,
        .request_end = slot->request_end,
        .local = trk_addrs_engine(&slot->path.local),
        .ifindex = slot->path.ifindex,
        .user = e->user,
        .user_len = slot->ticket.has_ucont ? e->user_len : 0,
        .request = e->request,
        .request_len = e->request_len,
        .ticket = slot->ticket,
    };
    item.local.port = 0;
    trk_bundle_put(w, &item);
    return 0;
}

/* The list as plain items: their length, or -errno. */
static ssize_t put_all(struct trk_service *s, const uint8_t *list, size_t len, uint32_t n, struct trk_wr *w)
{
    static struct trk_rec_event e; /* large, and there is one thread */
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (trk_rec_unlist(list, len, &at, &e) != 0)
            return -EINVAL;
        int rc = put_event(s, &e, w);
        if (rc != 0)
            return rc;
    }
    return trk_wr_ok(w) ? (ssize_t)trk_wr_len(w) : -ENOSPC;
}

static void forget_all(struct trk_service *s, const uint8_t *list, size_t len, uint32_t n)
{
    static struct trk_rec_event e;
    size_t at = 0;
    bool wild;
    for (uint32_t i = 0; i < n && trk_rec_unlist(list, len, &at, &e) == 0; i++) {
        struct trk_slot *slot = trk_slots_find(&s->slots, e.handle, &wild);
        if (slot == NULL) /* named twice: gone the second time */
            continue;
        trk_reasm_consume(&s->all->reasm, slot->ticket.to.conn, 0);
        trk_slots_give(&s->slots, slot);
    }
}

static int seal(struct trk_service *s, const struct trk_ctl_mini_extract *x, const uint8_t *list, uint8_t *plain,
                size_t most, uint8_t *sealed, uint32_t *bytes)
{
    const struct trk_daemon *d = s->all->d;
    struct trk_wr w = trk_wr_make(plain, most);
    ssize_t len = put_all(s, list, x->bytes, x->n, &w);
    if (len < 0)
        return (int)len;
    if ((size_t)len > TRK_BUNDLE_BYTES_MAX || (uint64_t)len + TRK_BUNDLE_OVERHEAD_BYTES > x->cap)
        return -ENOSPC;
    if (trk_bundle_seal(&d->server.seal, trk_sockaddr_port(&s->local), trk_loop_wall_us(d->loop), x->n, plain,
                        (size_t)len, sealed) != TRK_OK)
        return -ENOMEM;
    *bytes = (uint32_t)(len + TRK_BUNDLE_OVERHEAD_BYTES);
    return write_memfd(sealed, *bytes);
}

int trk_minis_extract(struct trk_service *s, const struct trk_ctl_mini_extract *x, int fd, uint32_t *bytes)
{
    if (x->n == 0 || x->n > TRK_BUNDLE_EVENTS_MAX || x->bytes > TRK_BUNDLE_BYTES_MAX)
        return -EINVAL;
    trk_minis_ready(&s->watch, 0); /* answers that were given before */
    if (s->cut)
        return -EINVAL;
    size_t most = x->bytes + x->n * (size_t)(TRK_BUNDLE_ITEM_FIXED_BYTES + TRK_TICKET_BYTES_MAX);
    uint8_t *list = read_memfd(fd, x->bytes), *plain = malloc(most), *sealed = malloc(most + TRK_BUNDLE_OVERHEAD_BYTES);
    int rc = list == NULL ? -EINVAL : -ENOMEM;
    if (list != NULL && plain != NULL && sealed != NULL)
        rc = seal(s, x, list, plain, most, sealed, bytes);
    if (rc >= 0)
        forget_all(s, list, x->bytes, x->n);
    free(list);
    free(plain);
    free(sealed);
    return rc;
}

/* ---- in ---- */

/* 0: it is new, and remembered now. */
static int remember(struct trk_minis *m, const struct trk_bundle *b)
{
    uint64_t now_us = trk_loop_wall_us(m->d->loop), until_us = b->issued_us + m->d->server.freshness_us;
    unsigned at = TRK_MINIS_INSTALLED_MAX;
    if (until_us < now_us || b->issued_us > now_us + m->d->server.freshness_us)
        return -ESTALE;
    for (unsigned i = 0; i < TRK_MINIS_INSTALLED_MAX; i++) {
        if (m->installed[i].id == b->id && m->installed[i].until_us >= now_us)
            return -ESTALE;
        if (m->installed[i].until_us < now_us)
            at = i;
    }
    if (at == TRK_MINIS_INSTALLED_MAX)
        return -ENOBUFS;
    m->installed[at].id = b->id;
    m->installed[at].until_us = until_us;
    return 0;
}

/* What the ring needs for one event, at most. */
static uint64_t record_bytes(const struct trk_bundle_item *item)
{
    const struct trk_rec_event e = {.n_runs = (uint8_t)item->ticket.n_runs,
                                    .user_len = (uint16_t)item->user_len,
                                    .request_len = (uint32_t)item->request_len};
    return trk_ring_whole((uint32_t)trk_rec_event_bytes(&e));
}

/* Are all n items good, and is there room for them? */
static int check_items(struct trk_service *s, struct trk_rd r, unsigned n)
{
    static struct trk_bundle_item item; /* large, and there is one thread */
    uint64_t need = 0, longest = 0;
    for (unsigned i = 0; i < n; i++) {
        if (trk_bundle_get(&r, &item) != TRK_OK || item.ticket.secret.service_port != trk_sockaddr_port(&s->local))
            return -EBADMSG; /* sealed under our secret, so this is another version's */
        uint64_t bytes = record_bytes(&item);
        need += bytes;
        longest = bytes > longest ? bytes : longest;
    }
    if (trk_rd_left(&r) != 0)
        return -EBADMSG;
    return s->slots.n - s->slots.used >= n && trk_ring_room(&s->down) >= need + longest ? 0 : -ENOBUFS;
}

static void install_item(struct trk_service *s, const struct trk_bundle_item *item)
{
    uint64_t handle;
    struct trk_slot *slot = trk_slots_take(&s->slots, &handle);
    const struct trk_mini_input in = {.user = item->user,
                                      .user_len = item->user_len,
                                      .request = item->request,
                                      .request_len = item->request_len,
                                      .request_end = item->request_end};
    TRK_ASSERT(slot != NULL); /* check_items() has counted */
    slot->kind = item->kind;
    slot->has_user = item->ticket.has_ucont;
    slot->request_end = item->request_end;
    slot->held = false;
    slot->request_len = (uint32_t)item->request_len;
    slot->path = (struct trk_udp_path){.remote = trk_addrs_socket(&item->ticket.to.peer),
                                       .local = trk_addrs_socket(&item->local),
                                       .ifindex = item->ifindex};
    slot->ticket = item->ticket;
    if (trk_minis_show(s, slot, handle, &in) != 0)
        trk_slots_give(&s->slots, slot);
}

static int install(struct trk_service *s, const struct trk_bundle *b, struct trk_rd r)
{
    static struct trk_bundle_item item;
    int rc = check_items(s, r, b->n);
    if (rc == 0)
        rc = remember(s->all, b);
    if (rc != 0)
        return rc;
    for (unsigned i = 0; i < b->n && trk_bundle_get(&r, &item) == TRK_OK; i++)
        install_item(s, &item);
    return (int)b->n;
}

int trk_minis_install(struct trk_service *s, const struct trk_ctl_mini_install *x, int fd)
{
    const struct trk_daemon *d = s->all->d;
    struct trk_bundle b;
    if (s->cut)
        return -EINVAL;
    if (x->bytes < TRK_BUNDLE_OVERHEAD_BYTES || x->bytes > TRK_BUNDLE_BYTES_MAX)
        return -EBADMSG;
    uint8_t *sealed = read_memfd(fd, x->bytes), *plain = malloc(x->bytes);
    int rc = sealed == NULL ? -EINVAL : -ENOMEM;
    if (sealed != NULL && plain != NULL)
        rc = trk_bundle_open(&d->server.seal, trk_sockaddr_port(&s->local), sealed, x->bytes, &b, plain) != TRK_OK
                 ? -EBADMSG
                 : install(s, &b, trk_rd_make(plain, x->bytes - TRK_BUNDLE_OVERHEAD_BYTES));
    free(sealed);
    free(plain);
    return rc;
}
