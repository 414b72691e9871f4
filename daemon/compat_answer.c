/* Answers of the server role: trains of DATA and ACKs. See compat.h. */
#include <config.h>

#include "daemon/addrs.h"
#include "daemon/compat.h"
#include "daemon/train.h"

enum {
    LONG_RTT_US = 5000,            /* above it, bytes in flight leave the socket at once: they stay for long */
    READ_AHEAD_BYTES = 512 << 10,  /* beyond what was sent, once a ring is in use */
};

static uint64_t available(const struct trk_served *c)
{
    return c->state == TRK_SERVED_OPEN ? c->link.end : 0;
}

static bool ends(const struct trk_served *c)
{
    return c->state == TRK_SERVED_OPEN && c->link.eof && !c->link.news;
}

static void fill_extras(struct trk_served *c, struct trk_extras *x, struct trk_up_state *up, bool late)
{
    trk_soft_up_state(&c->soft, up);
    *x = (struct trk_extras){.up = up, .late = late, .avail = available(c), .reason = c->reason};
    if (c->give_cont) {
        x->law = &c->law;
        x->secret = &c->secret;
    }
}

static void answered(struct trk_served *c)
{
    trk_soft_answered(&c->soft);
    c->owed_ns = 0;
    c->give_cont = false;
    c->reason = TRK_REASON_OK;
}

static struct trk_udp_path path_to(const struct trk_served *c, const struct trk_answer *to)
{
    struct trk_udp_path path = c->path;
    struct trk_addr now = trk_addrs_engine(&path.remote);
    if (!trk_addr_same(&now, &to->peer))
        path.remote = trk_addrs_socket(&to->peer);
    return path;
}

void trk_compat_ack(struct trk_served *c, const struct trk_request *req, uint64_t train_end)
{
    struct trk_daemon *d = c->d;
    const struct trk_answer *to = req != NULL ? &req->to : &c->soft.to;
    struct trk_udp_path path = path_to(c, to);
    struct trk_up_state up;
    struct trk_extras x;
    uint8_t *buf = trk_port_room(d->server_port, TRK_REPLY_BYTES_MAX);
    if (train_end == 0 && to->reqno == c->train_reqno)
        train_end = c->train_end;
    /* Held back: its time says nothing of the path. */
    fill_extras(c, &x, &up, req == NULL && c->heard_ns != trk_loop_now_ns(d->loop));
    long n = buf != NULL ? trk_server_ack(&d->server, trk_loop_wall_us(d->loop), to, req, train_end, &x, buf,
                                          TRK_REPLY_BYTES_MAX)
                         : -1;
    if (n > 0) {
        trk_port_send(d->server_port, (size_t)n, (size_t)n, &path);
        d->count.ack_pkts++;
    }
    answered(c);
}

void trk_compat_send_reset(struct trk_daemon *d, const struct trk_answer *to, const struct trk_udp_path *path)
{
    uint8_t *buf = trk_port_room(d->server_port, TRK_REPLY_BYTES_MAX);
    long n = buf != NULL ? trk_server_reset(&d->server, to, 0, buf, TRK_REPLY_BYTES_MAX) : -1;
    if (n <= 0)
        return;
    trk_port_send(d->server_port, (size_t)n, (size_t)n, path);
    d->count.resets_out++;
}

/* ---- trains ---- */

/* The socket's bytes of pieces[first..], as far as they follow each other: looked at with one call. */
static long peek_run(struct trk_served *c, const struct trk_piece *pieces, unsigned n, unsigned first, uint8_t *out,
                     unsigned *run)
{
    size_t len = pieces[first].len;
    unsigned i = first + 1;
    while (i < n && pieces[i].off == pieces[first].off + len)
        len += pieces[i++].len;
    *run = i - first;
    if (len != 0 && trk_applink_peek(&c->link, pieces[first].off, out, len) != 0)
        return -1;
    c->d->count.peeked += len;
    return (long)len;
}

/*
 * Headers, then payload that has to be copied, lie in the port's room; payload in the ring is borrowed. Returns false
 * if the application's socket did not give what it had.
 */
static bool build(struct trk_served *c, const struct trk_piece *pieces, unsigned n, uint8_t *heads,
                  const uint16_t *head_len, uint8_t *copied, struct trk_train *b)
{
    unsigned run_end = 0;
    uint8_t *at = copied;
    for (unsigned i = 0; i < n; i++) {
        struct iovec iov[TRK_TRAIN_PIECES_MAX] = {{.iov_base = heads + (size_t)i * TRK_HEAD_BYTES_MAX, .iov_len = head_len[i]}};
        unsigned k = 1;
        if (pieces[i].len != 0 && trk_down_in_ring(&c->down, pieces[i].off)) {
            uint64_t left = c->down.to - pieces[i].off;
            size_t behind = left < pieces[i].len ? pieces[i].len - (size_t)left : 0; /* the ring had no room for it */
            k += trk_down_pieces(&c->down, pieces[i].off, pieces[i].len - behind, &iov[1]);
            if (behind != 0) {
                if (trk_applink_peek(&c->link, c->down.to, at, behind) != 0)
                    return false;
                iov[k++] = (struct iovec){.iov_base = at, .iov_len = behind};
                at += behind;
            }
        } else if (pieces[i].len != 0) {
            unsigned run = 1;
            if (i >= run_end) {
                if (peek_run(c, pieces, n, i, at, &run) < 0)
                    return false;
                run_end = i + run;
            }
            iov[k++] = (struct iovec){.iov_base = at, .iov_len = pieces[i].len};
            at += pieces[i].len;
        }
        trk_train_add(b, iov, k);
    }
    trk_train_send(b);
    return true;
}

/*
 * A continuation that does not fit into the last packet of a train needs a packet of its own, at once where the client
 * waits for it to ask for more. With half a window of credit left it does not: the continuation goes with the next
 * packet that has room, such as the FIN, or as a late ACK.
 */
static bool may_hold_back(const struct trk_served *c)
{
    return trk_credit_count(&c->soft.credit) >= c->window_pkts / 2;
}

static void hold_back(struct trk_served *c)
{
    trk_soft_answered(&c->soft);
    c->owed_ns = trk_loop_now_ns(c->d->loop);
}

static bool send_pieces(struct trk_served *c, const struct trk_piece *pieces, unsigned n, const struct trk_answer *to,
                        bool late)
{
    static struct trk_train b; /* large, and there is one thread */
    struct trk_daemon *d = c->d;
    uint16_t head_len[TRK_GRANTS_MAX];
    struct trk_up_state up;
    struct trk_extras x;
    bool left = false;
    size_t heads_bytes = (size_t)n * TRK_HEAD_BYTES_MAX, bytes = 0;
    for (unsigned i = 0; i < n; i++)
        bytes += pieces[i].len;
    uint8_t *room = trk_port_room(d->server_port, heads_bytes + bytes);
    if (room == NULL)
        return true; /* as if the network had lost them */
    fill_extras(c, &x, &up, late);
    if (trk_server_train(&d->server, &d->replay, trk_loop_wall_us(d->loop), to, pieces, n, &x, room, head_len, &left) !=
        TRK_OK)
        return false;
    trk_port_keep(d->server_port, heads_bytes + bytes);
    b = (struct trk_train){.port = d->server_port, .path = path_to(c, to)};
    if (!build(c, pieces, n, room, head_len, room + heads_bytes, &b))
        return false;
    d->count.data_pkts += n;
    c->train_reqno = to->reqno;
    c->train_end = pieces[n - 1].seq;
    if (!left)
        answered(c);
    else if (may_hold_back(c))
        hold_back(c);
    else
        trk_compat_ack(c, NULL, pieces[n - 1].seq);
    return true;
}

/* ---- what to send ---- */

/* Bytes that stay in flight for long, or are many, must not hold up the application: they move to memory. */
static bool spill(struct trk_served *c)
{
    uint64_t una = c->soft.down_una, high = c->soft.down_high;
    bool ring = c->down.from != c->down.to;
    if (c->state != TRK_SERVED_OPEN || c->link.end == una || high <= una)
        return true;
    if (!ring && high - una < c->d->conf.spill_bytes && c->srtt_us < LONG_RTT_US)
        return true;
    return trk_down_spill(&c->down, &c->link, c->d, c->d->server_port, high + READ_AHEAD_BYTES) == 0;
}

static bool plan_and_send(struct trk_served *c, const struct trk_request *req, unsigned *sent)
{
    struct trk_piece pieces[TRK_GRANTS_MAX];
    const struct trk_answer *to;
    bool late;
    *sent = trk_soft_plan(&c->soft, &c->d->replay, req, available(c), ends(c), trk_loop_wall_us(c->d->loop), pieces,
                          TRK_GRANTS_MAX, &to, &late);
    return *sent == 0 || send_pieces(c, pieces, *sent, to, late);
}

void trk_compat_answer(struct trk_served *c, const struct trk_request *req)
{
    unsigned sent;
    if (!spill(c) || !plan_and_send(c, req, &sent)) {
        trk_compat_abort(c);
        return;
    }
    if (sent != 0)
        return;
    c->reason = req->reason == TRK_REASON_OK && req->asked ? TRK_REASON_NO_DATA : req->reason;
    bool waits_for_cont = !req->asked && req->give_cont; /* no bytes will come that it could ride on */
    if (req->n_refused != 0 || waits_for_cont || (c->reason != TRK_REASON_OK && c->reason != TRK_REASON_NO_DATA))
        trk_compat_ack(c, req, 0);
}

bool trk_compat_push(struct trk_served *c)
{
    unsigned sent = 1;
    while (sent != 0 && trk_soft_can_push(&c->soft, available(c), ends(c)))
        if (!spill(c) || !plan_and_send(c, NULL, &sent))
            return false;
    return true;
}
