/* Answers in, datagrams out. See embed_int.h. */
#include <config.h>

#include "mini/embed_int.h"

#include "io/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

static struct msk_embed *embed_of(struct msk_back *b)
{
    return (struct msk_embed *)(void *)b;
}

static struct msk_embed_job *whole(struct msk_job *job)
{
    return (struct msk_embed_job *)(void *)job;
}

/* ---- the send batch ---- */

static void flush_packets(struct msk_embed *e)
{
    if (trk_udp_tx_queued(e->tx) == 0)
        return;
    bool full = trk_udp_tx_flush(e->tx) == 1;
    if (full == e->blocked)
        return;
    struct epoll_event ev = {.events = full ? EPOLLIN | EPOLLOUT : EPOLLIN};
    if (epoll_ctl(e->back.fd, EPOLL_CTL_MOD, trk_udp_fd(e->udp), &ev) == 0)
        e->blocked = full;
}

void msk_embed_flush(struct msk_back *b)
{
    struct msk_embed *e = embed_of(b);
    flush_packets(e);
    msk_embed_reclaim(e);
}

/* NULL: the socket is full: drop, as a router would. */
static uint8_t *reserve(struct msk_embed *e, size_t n)
{
    uint8_t *room = trk_udp_tx_reserve(e->tx, n);
    if (room == NULL) {
        flush_packets(e);
        room = trk_udp_tx_reserve(e->tx, n);
    }
    return room;
}

void msk_embed_send(struct msk_embed *e, const struct trk_udp_path *path, const uint8_t *pkt,
                    size_t n)
{
    uint8_t *room = reserve(e, n);
    if (room == NULL)
        return;
    memcpy(room, pkt, n);
    int rc = trk_udp_tx_commit(e->tx, n, n, path, 0); /* never full: there was room to reserve */
    (void)rc;
}

/* ---- trains ---- */

/* Datagrams of two pieces, header and payload. Equal sizes go as one train. */
struct builder {
    struct msk_embed *e;
    const struct trk_udp_path *path;
    struct iovec iov[2 * TRK_GRANTS_MAX];
    unsigned n, pkts;
    size_t segment, bytes;
};

static void send_train(struct builder *b)
{
    struct msk_embed *e = b->e;
    if (b->n > 0 && trk_udp_tx_add(e->tx, b->iov, b->n, b->segment, b->path, 0) == -ENOBUFS) {
        /*
         * The flush frees the memory that the headers lie in. They are still there until somebody
         * reserves it again, so this train must leave at once. Where the flush kept messages it is
         * dropped.
         */
        flush_packets(e);
        if (!e->blocked && trk_udp_tx_add(e->tx, b->iov, b->n, b->segment, b->path, 0) == 0)
            flush_packets(e);
    }
    b->n = b->pkts = 0;
    b->bytes = 0;
}

static void add_packet(struct builder *b, struct iovec head, struct iovec payload)
{
    size_t len = head.iov_len + payload.iov_len;
    if (b->n > 0 &&
        (len > b->segment || b->bytes % b->segment != 0 || b->pkts == TRK_UDP_TRAIN_MAX_PKTS ||
         b->bytes + len > TRK_UDP_TRAIN_MAX_BYTES))
        send_train(b);
    if (b->n == 0)
        b->segment = len;
    b->iov[b->n++] = head;
    if (payload.iov_len > 0)
        b->iov[b->n++] = payload;
    b->pkts++;
    b->bytes += len;
}

/* Headers are copied, one behind the other; payload stays where the handler's bytes are. */
static void send_data(struct msk_embed *e, const struct msk_embed_job *j)
{
    const struct trk_mini_plan *p = &e->plan;
    struct builder b; /* not cleared: 4 KiB for each answer */
    size_t bytes = 0;
    b.e = e;
    b.path = &j->path;
    b.n = b.pkts = 0;
    b.segment = b.bytes = 0;
    for (unsigned i = 0; i < p->n; i++)
        bytes += p->head_len[i];
    uint8_t *head = p->n > 0 ? reserve(e, bytes) : NULL;
    if (head == NULL)
        return;
    trk_udp_tx_keep(e->tx, bytes);
    for (unsigned i = 0; i < p->n; i++) {
        uint8_t *from = j->job.payload + j->job.at[p->src[i].run] + p->src[i].at;
        memcpy(head, p->heads + (size_t)i * TRK_HEAD_BYTES_MAX, p->head_len[i]);
        add_packet(&b, (struct iovec){head, p->head_len[i]},
                   (struct iovec){p->piece[i].len > 0 ? from : head, p->piece[i].len});
        head += p->head_len[i];
        e->queued_bytes += p->piece[i].len;
    }
    send_train(&b);
}

static void send_plan(struct msk_embed *e, const struct msk_embed_job *j)
{
    if (e->plan.before_len > 0)
        msk_embed_send(e, &j->path, e->plan.before, e->plan.before_len);
    send_data(e, j);
    if (e->plan.after_len > 0)
        msk_embed_send(e, &j->path, e->plan.after, e->plan.after_len);
}

/* ---- answers ---- */

/* The job goes on: what was consumed is no longer shown, and a new state has taken over. */
static void keep_job(struct msk_embed *e, struct msk_embed_job *j)
{
    const struct trk_mini_answer *a = &j->job.answer;
    if (!j->job.detached)
        e->n_detached++;
    j->job.detached = true;
    j->in.request += a->consumed;
    j->in.request_len -= a->consumed;
    if (a->consumed_end)
        j->in.request_end = false;
    if (a->has_first) {
        memcpy(j->later, a->first.user, a->first.user_len);
        j->in.user = j->later;
        j->in.user_len = a->first.user_len;
    }
    j->job.n_runs = j->ticket.n_runs;
    for (unsigned i = 0; i < j->ticket.n_runs; i++)
        j->job.run[i] =
            (struct msk_range){.off = j->ticket.run[i].off, .len = j->ticket.run[i].len};
}

/* Its payload is in the send batch. Where that is borrowed from malloc it must leave first. */
static void release_payload(struct msk_embed *e, struct msk_embed_job *j)
{
    msk_embed_leave_room(e, j);
    if (j->job.payload == NULL)
        return;
    flush_packets(e);
    free(j->job.payload);
    j->job.payload = NULL;
}

/* More request bytes came while the handler looked at these, and it did nothing with them: an event
 * of its own. */
static int show_again(struct msk_embed *e, struct msk_embed_job *j)
{
    struct trk_mini_input in = j->in;
    uint8_t *old = j->big;
    enum trk_mini_kind kind = trk_mini_again(&e->mini, e->now_us, &j->ticket, &in);
    j->big = NULL;
    if (j->job.detached)
        e->n_detached--;
    j->job.detached = false;
    int rc = msk_embed_hold(j, &in);
    free(old);
    if (rc != 0)
        return rc;
    msk_embed_leave_room(e, j);
    msk_embed_show(j, kind);
    msk_embed_push(e, j);
    msk_embed_ring(e);
    return 0;
}

int msk_embed_answer(struct msk_back *b, struct msk_job *job, bool keep)
{
    struct msk_embed *e = embed_of(b);
    struct msk_embed_job *j = whole(job);
    if (keep && !job->detached && e->n_detached == MSK_DETACHED_MAX)
        return -ENOBUFS;
    int rc = trk_mini_plan(&e->mini, trk_clock_wall_us(), &j->ticket, &job->answer, &j->in,
                           &e->plan);
    if (rc == TRK_OK)
        send_plan(e, j); /* else a key is missing: as if the network had lost it */
    if (rc == TRK_E_AGAIN && show_again(e, j) == 0)
        return 0;
    if (keep && rc != TRK_E_INVAL) {
        keep_job(e, j);
        release_payload(e, j);
    } else {
        msk_embed_leave_room(e, j);
        msk_embed_done(e, j);
    }
    if (e->queued_bytes >= MSK_PART_BYTES)
        msk_embed_flush(b);
    return rc == TRK_E_INVAL ? -EINVAL : 0;
}

int msk_embed_reset(struct msk_back *b, struct msk_job *job)
{
    struct msk_embed *e = embed_of(b);
    struct msk_embed_job *j = whole(job);
    uint8_t pkt[TRK_RESET_BYTES];
    long n = trk_server_reset(&e->server, &j->ticket.to, 0, pkt, sizeof pkt);
    if (n > 0)
        msk_embed_send(e, &j->path, pkt, (size_t)n);
    trk_reasm_consume(&e->reasm, j->ticket.secret.conn, UINT64_MAX);
    msk_embed_leave_room(e, j);
    msk_embed_done(e, j);
    return 0;
}
