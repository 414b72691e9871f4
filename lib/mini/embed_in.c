/* Datagrams in, events out. See embed_int.h. */
#include <config.h>

#include "mini/embed_int.h"

#include "io/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    HOUSEKEEPING_US = 1000000, /* reassembly that nobody continued; keys, where a step has passed */
    HOUSEKEEPING_MS = HOUSEKEEPING_US / 1000,
    BATCHES_MAX = 8, /* without an event, before the caller has its turn */
};

static struct msk_embed *embed_of(struct msk_back *b)
{
    return (struct msk_embed *)(void *)b;
}

static void send_reply(struct msk_embed *e, const struct trk_udp_path *path)
{
    if (e->ev.reply_len > 0)
        msk_embed_send(e, path, e->ev.reply, e->ev.reply_len);
}

static void send_ack(struct msk_embed *e, const struct trk_udp_path *path,
                     const struct trk_ticket *t, enum trk_reason reason)
{
    uint8_t pkt[TRK_REPLY_BYTES_MAX];
    size_t n = trk_mini_ack(&e->mini, e->now_us, t, reason, pkt);
    if (n > 0)
        msk_embed_send(e, path, pkt, n);
}

static void send_reset(struct msk_embed *e, const struct trk_udp_path *path,
                       const struct trk_answer *to)
{
    uint8_t pkt[TRK_RESET_BYTES];
    long n = trk_server_reset(&e->server, to, 0, pkt, sizeof pkt);
    if (n > 0)
        msk_embed_send(e, path, pkt, (size_t)n);
}

static bool make_job(struct msk_embed *e, const struct trk_udp_path *path)
{
    struct msk_embed_job *j = e->n_pending < MSK_PENDING_MAX ? msk_embed_job(e) : NULL;
    if (j == NULL)
        return false;
    j->ticket = e->mev.ticket;
    j->path = *path;
    if (msk_embed_hold(j, &e->mev.in) != 0) {
        msk_embed_done(e, j);
        return false;
    }
    msk_embed_show(j, e->mev.kind);
    msk_embed_push(e, j);
    return true;
}

static void on_request(struct msk_embed *e, const struct trk_udp_path *path)
{
    const struct trk_request *req = &e->ev.req;
    if (!req->to.stateless) { /* opened at another kind of service, which is gone */
        send_reset(e, path, &req->to);
        return;
    }
    trk_server_commit(&e->server, &e->replay, e->now_us, req);
    if (req->secret.service_port != e->port) {
        trk_ticket_make(&e->mev.ticket, req, NULL, e->now_us);
        send_ack(e, path, &e->mev.ticket, TRK_REASON_AWAY);
        return;
    }
    if (trk_mini_take(&e->mini, e->now_us, req, e->want_new, &e->mev)) {
        if (e->mev.kind == TRK_MINI_MORE)
            trk_handed_cut(&e->handed, e->now_us, &e->mev.ticket);
        if (!make_job(e, path)) /* no memory, or too many wait: as if the network had lost it */
            trk_reasm_consume(&e->reasm, e->mev.ticket.to.conn, 0);
    } else
        send_ack(e, path, &e->mev.ticket, TRK_REASON_OK);
}

static void on_packet(struct msk_embed *e, const struct trk_udp_path *path, const uint8_t *pkt,
                      size_t len)
{
    struct trk_addr from = trk_sockaddr_to_addr(&path->remote);
    switch (trk_server_read(&e->server, &e->replay, e->now_us, &from, pkt, len, &e->ev)) {
    case TRK_V_DROP:
    case TRK_V_RESET: /* there is nothing to forget */
        break;
    case TRK_V_OPEN:
        trk_server_answer_open(&e->server, e->now_us,
                               e->ev.open.service_port == e->port ? TRK_REASON_OK
                                                                  : TRK_REASON_NO_SERVICE,
                               true, &e->ev);
        send_reply(e, path);
        break;
    case TRK_V_UPLINK:
        trk_server_need_cont(&e->server, &e->ev);
        send_reply(e, path);
        break;
    case TRK_V_REPLY:
        send_reply(e, path);
        break;
    case TRK_V_REQUEST:
        on_request(e, path);
        break;
    }
}

static void on_train(void *arg, const struct trk_udp_train *t)
{
    struct msk_embed *e = arg;
    for (size_t at = 0; at < t->len_bytes; at += t->segment_bytes) {
        size_t left = t->len_bytes - at;
        on_packet(e, &t->path, t->data + at, left < t->segment_bytes ? left : t->segment_bytes);
    }
}

static void keep_house(struct msk_embed *e)
{
    struct trk_error_text err;
    if (e->now_us >= e->kept_us && e->now_us - e->kept_us < HOUSEKEEPING_US)
        return;
    e->kept_us = e->now_us;
    trk_reasm_expire(&e->reasm, e->now_us);
    /* A file that cannot be written is tried again the next time; where there is no memory for new
     * keys they fail to seal until there is. */
    int rc = trk_keyring_tick(e->keyring, e->now_us / 1000000, &err);
    rc |= trk_sealer_update(e->sealer);
    (void)rc;
}

void msk_embed_ring(struct msk_embed *e)
{
    uint64_t n = 1;
    bool more = e->n_pending > 0;
    if (more == e->more)
        return;
    ssize_t rc = more ? write(e->more_fd, &n, sizeof n) : read(e->more_fd, &n, sizeof n);
    if (rc == (ssize_t)sizeof n)
        e->more = more;
}

static int receive(struct msk_embed *e)
{
    int n = 0;
    e->now_us = trk_clock_wall_us();
    keep_house(e);
    for (unsigned i = 0; i < BATCHES_MAX; i++) {
        n = trk_udp_recv_batch(e->udp, e->rx, on_train, NULL, e);
        if (n != MSK_RECV_SLOTS || e->n_pending > 0)
            break;
    }
    msk_embed_flush(&e->back); /* answers to openings, and what no handler sees */
    return n < 0 ? n : 0;
}

int msk_embed_take(struct msk_back *b, struct msk_job **jobs, int max)
{
    struct msk_embed *e = embed_of(b);
    int n = 0;
    msk_embed_flush(b);
    int rc = e->n_pending == 0 ? receive(e) : 0;
    while (n < max && e->head != NULL) {
        jobs[n++] = e->head;
        e->head = e->head->next;
        e->n_pending--;
    }
    if (e->head == NULL)
        e->tail = &e->head;
    msk_embed_ring(e);
    return n > 0 ? n : rc;
}

int msk_embed_timeout(struct msk_back *b)
{
    return embed_of(b)->reasm.n > 0 ? HOUSEKEEPING_MS : -1;
}
