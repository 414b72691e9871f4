/* The server role: life of served connections. See compat.h; answers are in compat_answer.c. */
#include <config.h>

#include "daemon/compat.h"

#include "daemon/addrs.h"
#include "daemon/minis.h"
#include "daemon/tombs.h"
#include "io/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)

enum {
    QUEUE_SECONDS = 10,      /* longest wait for a place in an application's accept queue */
    QUEUED_MAX = 4096,       /* connections that wait so */
    RETRY_MS_MAX = 20,       /* between tries */
    LINGER_SECONDS = 3,      /* repeats of the last packets are answered; the client's RTO has doubled thrice by then */
    LINGERING_MAX = 16384,   /* the oldest goes first */
    RING_IDLE_SECONDS = 2,   /* empty rings are given back */
};

struct trk_compat {
    struct trk_daemon *d;
    struct trk_map conns; /* by connection identity */
    struct trk_map refs;  /* by uplink reference */
    unsigned count, queued, lingering;
    struct trk_served lingering_ring; /* only its links are used; oldest first, and all stay equally long */
    struct trk_timer linger_timer;
    struct trk_tombs tombs;
};

static uint64_t now_ns(const struct trk_served *c)
{
    return trk_loop_now_ns(c->d->loop);
}

/* ---- ends ---- */

static void leave_state(struct trk_served *c)
{
    struct trk_compat *s = c->d->compat;
    if (c->state == TRK_SERVED_QUEUED)
        s->queued--;
    if (c->state == TRK_SERVED_LINGERING) {
        s->lingering--;
        c->linger_prev->linger_next = c->linger_next;
        c->linger_next->linger_prev = c->linger_prev;
    } else {
        s->count--;
    }
}

static void give_ring_back(struct trk_served *c)
{
    if (c->down.cap == 0)
        return;
    trk_port_flush(c->d->server_port); /* queued trains may borrow from it */
    trk_down_free(&c->down, c->d);
}

static void drop(struct trk_served *c)
{
    struct trk_daemon *d = c->d;
    if (c->dead)
        return;
    c->dead = true;
    leave_state(c);
    trk_map_remove(&d->compat->conns, c->soft.conn);
    trk_map_remove(&d->compat->refs, c->soft.ref);
    trk_party_remove(d, &c->party);
    trk_tombs_add(&d->compat->tombs, c->soft.conn, c->first_issued_us, trk_loop_wall_us(d->loop));
    trk_loop_arm(d->loop, &c->timer, TRK_LOOP_NEVER);
    trk_loop_cancel(d->loop, &c->task);
    trk_applink_reset(&c->link);
    give_ring_back(c);
    trk_soft_free(&c->soft, &d->buffers.mem);
    trk_loop_defer_free(d->loop, c);
    trk_daemon_connection_ended(d);
}

void trk_compat_abort(struct trk_served *c)
{
    if (c->dead)
        return;
    if (c->state != TRK_SERVED_LINGERING)
        trk_compat_send_reset(c->d, &c->soft.to, &c->path);
    drop(c);
}

static void set_state(struct trk_served *c, enum trk_served_state state)
{
    TRK_ASSERT(state == c->state + 1 || (state == TRK_SERVED_ACCEPTING && c->state == TRK_SERVED_QUEUED));
    if (c->state == TRK_SERVED_QUEUED)
        c->d->compat->queued--;
    c->state = state;
    c->since_ns = now_ns(c);
}

static void drop_lingered(struct trk_timer *t)
{
    struct trk_compat *s = TRK_HEAP_OBJECT(t, struct trk_compat, linger_timer);
    struct trk_served *ring = &s->lingering_ring;
    const uint64_t stay_ns = LINGER_SECONDS * SECOND_NS;
    while (ring->linger_next != ring && now_ns(ring->linger_next) >= ring->linger_next->since_ns + stay_ns)
        drop(ring->linger_next);
    if (ring->linger_next != ring)
        trk_loop_arm(s->d->loop, t, ring->linger_next->since_ns + stay_ns);
}

static void linger(struct trk_served *c)
{
    struct trk_compat *s = c->d->compat;
    struct trk_served *ring = &s->lingering_ring;
    set_state(c, TRK_SERVED_LINGERING);
    trk_loop_arm(c->d->loop, &c->timer, TRK_LOOP_NEVER);
    if (ring->linger_next == ring)
        trk_loop_arm(c->d->loop, &s->linger_timer, c->since_ns + LINGER_SECONDS * SECOND_NS);
    s->count--;
    trk_applink_close(&c->link);
    give_ring_back(c);
    trk_rcvbuf_free(&c->soft.up, &c->d->buffers.mem); /* all was taken */
    trk_daemon_connection_ended(c->d);
    trk_party_remove(c->d, &c->party);
    c->linger_prev = ring->linger_prev;
    c->linger_next = ring;
    ring->linger_prev->linger_next = c;
    ring->linger_prev = c;
    if (++s->lingering > LINGERING_MAX)
        drop(ring->linger_next);
}

/* ---- the application's side ---- */

static void watch_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_served *c = TRK_HEAP_OBJECT(w, struct trk_served, link.watch);
    trk_applink_note(&c->link, events);
    trk_loop_later(c->d->loop, &c->task);
}

/* Tries to get into the application's queue. False: c is lost. */
static bool knock(struct trk_served *c)
{
    struct trk_daemon *d = c->d;
    union trk_sockaddr at = c->local;
    struct trk_listener *l = trk_listeners_find(d->listeners, &at, c->soft.conn);
    uint64_t id;
    if (l == NULL)
        return false;
    int fd = trk_listener_connect(l, TRK_NAME_STREAM, &c->local, &c->remote, &id);
    if (fd == -EMFILE || fd == -ENFILE)
        trk_daemon_out_of_descriptors(d, -fd);
    if (fd == -EAGAIN || fd == -EMFILE || fd == -ENFILE) {
        uint64_t ms = UINT64_C(1) << (c->tries < 5 ? c->tries++ : 5);
        c->retry_ns = now_ns(c) + (ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX) * MS_NS;
        return now_ns(c) < c->since_ns + QUEUE_SECONDS * SECOND_NS;
    }
    if (fd == -ECONNREFUSED && !trk_listeners_test(d->listeners, l))
        return knock(c); /* closed a moment ago: perhaps another one listens there */
    if (fd < 0)
        return false;
    trk_applink_init(&c->link, d, fd);
    c->link.news = false; /* the watch says when it has been accepted */
    c->party.id = id;
    c->party.uid = l->party.uid;
    c->party.pid = l->party.pid;
    set_state(c, TRK_SERVED_ACCEPTING);
    return trk_party_add(d, &c->party) == 0 && trk_applink_watch(&c->link, watch_ready) == 0;
}

/* The application has accepted: its set-up message is there. False: c is lost. */
static bool set_up(struct trk_served *c)
{
    struct trk_name name;
    struct ucred who;
    int rc = trk_applink_read_setup(&c->link, &name, &who);
    if (rc == -EAGAIN)
        return !c->link.gone;
    if (rc != 0 || name.id != c->party.id || trk_applink_establish(&c->link, false, 0, false) != 0)
        return false;
    if (who.pid != 0) { /* a worker, which may have another user than the listener */
        c->party.uid = who.uid;
        c->party.pid = who.pid;
    }
    set_state(c, TRK_SERVED_OPEN);
    c->d->count.accepted++;
    return true;
}

/* Uplink bytes to the application. False: c is lost. */
static bool deliver(struct trk_served *c)
{
    struct iovec iov[2];
    int n;
    if (c->state == TRK_SERVED_QUEUED || c->state == TRK_SERVED_LINGERING)
        return true;
    while (!c->link.full && (n = trk_rcvbuf_peek(&c->soft.up, iov)) > 0) {
        long done = trk_applink_write(&c->link, iov, n);
        if (done < 0)
            return false;
        trk_rcvbuf_consume(&c->soft.up, &c->d->buffers.mem, (size_t)done);
        c->bytes_up += (uint64_t)done;
        c->up_ns = now_ns(c);
    }
    if (!c->fin_written && trk_soft_up_eof(&c->soft)) {
        c->fin_written = true;
        trk_applink_finish_writing(&c->link);
        trk_rcvbuf_trim(&c->soft.up, &c->d->buffers.mem);
    }
    return true;
}

/* ---- timers ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t orphan_deadline(const struct trk_served *c)
{
    return c->orphan_ns + c->d->conf.orphan_seconds * SECOND_NS;
}

/*
 * The application has closed, and the client has had time to do the same. The time runs from when the client has all
 * bytes: before, a slow path or reader is no reason to cut them off (a silent one is).
 */
static bool is_orphan(struct trk_served *c)
{
    if (!c->link.gone)
        return false;
    if (c->orphan_ns == 0 || c->soft.down_una < c->link.end)
        c->orphan_ns = now_ns(c);
    return now_ns(c) >= orphan_deadline(c);
}

static bool is_idle(const struct trk_served *c, uint64_t since_ns)
{
    return now_ns(c) >= since_ns + RING_IDLE_SECONDS * SECOND_NS;
}

/* When to look at a ring: once a second where it is not empty by then (a silent client, or application). */
static uint64_t ring_deadline(const struct trk_served *c, uint64_t since_ns)
{
    return is_idle(c, since_ns) ? now_ns(c) + SECOND_NS : since_ns + RING_IDLE_SECONDS * SECOND_NS;
}

static uint64_t next_deadline(const struct trk_served *c)
{
    const struct trk_config *conf = &c->d->conf;
    if (c->state == TRK_SERVED_LINGERING)
        return c->owed_ns != 0 ? c->owed_ns + conf->ack_delay_us * UINT64_C(1000) : TRK_LOOP_NEVER;
    uint64_t at = c->heard_ns + conf->silent_seconds * SECOND_NS;
    if (c->state == TRK_SERVED_QUEUED)
        at = earlier(at, c->retry_ns);
    if (c->owed_ns != 0)
        at = earlier(at, c->owed_ns + conf->ack_delay_us * UINT64_C(1000));
    if (c->down.cap != 0)
        at = earlier(at, ring_deadline(c, c->heard_ns));
    if (c->soft.up.cap != 0)
        at = earlier(at, ring_deadline(c, c->up_ns));
    if (c->orphan_ns != 0)
        at = earlier(at, orphan_deadline(c));
    return at;
}

/* The timer is set where nothing nearer is set already: most deadlines only move away. */
static void rearm(struct trk_served *c)
{
    uint64_t at = next_deadline(c);
    if (!trk_heap_contains(&c->timer.node) || at < c->timer.node.deadline_ns)
        trk_loop_arm(c->d->loop, &c->timer, at);
}

/* False: c is lost. */
static bool time_out(struct trk_served *c)
{
    uint64_t now = now_ns(c);
    if (c->state == TRK_SERVED_LINGERING)
        return true;
    if (now >= c->heard_ns + c->d->conf.silent_seconds * SECOND_NS) {
        c->d->count.silent++;
        return false;
    }
    if (c->state == TRK_SERVED_QUEUED && now >= c->retry_ns && !knock(c))
        return false;
    if (is_idle(c, c->heard_ns) && c->down.from == c->down.to)
        give_ring_back(c);
    if (is_idle(c, c->up_ns))
        trk_rcvbuf_trim(&c->soft.up, &c->d->buffers.mem);
    return !is_orphan(c);
}

static void timer_fired(struct trk_timer *t)
{
    struct trk_served *c = TRK_HEAP_OBJECT(t, struct trk_served, timer);
    if (!time_out(c)) {
        trk_compat_abort(c);
        return;
    }
    if (c->owed_ns != 0 && now_ns(c) >= c->owed_ns + c->d->conf.ack_delay_us * UINT64_C(1000))
        trk_compat_ack(c, NULL, 0);
    trk_loop_arm(c->d->loop, t, next_deadline(c));
}

/* ---- the end of a round ---- */

/* What the application's end says: set-up, more bytes, its end. False: c is lost. */
static bool look(struct trk_served *c)
{
    if (c->state == TRK_SERVED_ACCEPTING && c->link.news && !set_up(c))
        return false;
    if (c->state != TRK_SERVED_OPEN)
        return true;
    if (c->link.broken || (c->abortive && c->link.gone) || trk_applink_look(&c->link) != 0)
        return false;
    return !is_orphan(c) && deliver(c);
}

/* Less than a packet, and new: the application is most likely writing more, or closing, just now. One round is enough to
 * make one packet of it. */
static bool waits_for_more(struct trk_served *c)
{
    uint64_t end = c->link.end;
    if (c->state != TRK_SERVED_OPEN || c->link.eof || end == c->waited_end ||
        end - c->soft.down_high >= c->soft.to.payload_bytes)
        return false;
    c->waited_end = end;
    trk_loop_later(c->d->loop, &c->task);
    return true;
}

static void note_owed(struct trk_served *c)
{
    if (c->soft.owed != 0 && c->owed_ns == 0)
        c->owed_ns = now_ns(c);
    if (c->state == TRK_SERVED_OPEN && trk_soft_done(&c->soft)) /* nothing else will come that it could ride on */
        c->give_cont = false;
    else if (c->soft.owed < TRK_SOFT_ACK_PKTS && (c->state != TRK_SERVED_OPEN || !trk_soft_window_news(&c->soft)))
        return;
    trk_compat_ack(c, NULL, 0);
}

static void run(struct trk_task *t)
{
    struct trk_served *c = TRK_HEAP_OBJECT(t, struct trk_served, task);
    if (!look(c) || (!waits_for_more(c) && !trk_compat_push(c))) {
        trk_compat_abort(c);
        return;
    }
    note_owed(c);
    if (c->state == TRK_SERVED_OPEN && trk_soft_done(&c->soft))
        linger(c);
    if (!c->dead)
        rearm(c);
}

/* ---- packets ---- */

static void tell(struct trk_party *p, struct trk_party_facts *f)
{
    const struct trk_served *c = TRK_HEAP_OBJECT(p, struct trk_served, party);
    f->role = "accept";
    f->transport = "trickles";
    f->info.state = c->state == TRK_SERVED_ACCEPTING  ? TRK_CTL_CONN_CONNECTING
                    : c->link.eof || c->fin_written ? TRK_CTL_CONN_CLOSING
                                                    : TRK_CTL_CONN_UP;
    f->info.local = trk_addrs_to_ipc(&c->local);
    f->info.remote = trk_addrs_to_ipc(&c->remote);
    f->info.rtt_us = c->srtt_us;
    f->info.cwnd_pkts = c->window_pkts;
    f->info.mss_bytes = c->soft.to.payload_bytes;
    f->info.bytes_acked = c->soft.down_una;
    f->info.bytes_received = c->bytes_up;
    f->info.bytes_retrans = c->soft.bytes_down - c->soft.down_high;
    f->info.outq_bytes = c->link.end > c->soft.down_una ? c->link.end - c->soft.down_una : 0;
}

static void set_abortive(struct trk_party *p, bool on)
{
    TRK_HEAP_OBJECT(p, struct trk_served, party)->abortive = on;
}

static void catch_up(struct trk_party *p)
{
    struct trk_served *c = TRK_HEAP_OBJECT(p, struct trk_served, party);
    if (c->state != TRK_SERVED_ACCEPTING)
        return;
    if (set_up(c))
        trk_loop_later(c->d->loop, &c->task);
    else
        trk_compat_abort(c);
}

static bool may_begin(const struct trk_compat *s, const struct trk_request *req)
{
    uint64_t now_us = trk_loop_wall_us(s->d->loop);
    return req->first && req->cont_issued_us + s->d->server.freshness_us >= now_us &&
           !trk_tombs_has(&s->tombs, req->to.conn, req->cont_issued_us);
}

static bool enter(struct trk_compat *s, struct trk_served *c)
{
    if (trk_map_put(&s->conns, c->soft.conn, c, NULL) != 0)
        return false;
    if (trk_map_get(&s->refs, c->soft.ref) != NULL || trk_map_put(&s->refs, c->soft.ref, c, NULL) != 0) {
        trk_map_remove(&s->conns, c->soft.conn);
        return false;
    }
    s->count++;
    s->queued++;
    return true;
}

static struct trk_served *make(struct trk_daemon *d, const struct trk_udp_path *path, const struct trk_request *req)
{
    struct trk_served *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->d = d;
    c->task.run = run;
    c->timer.fire = timer_fired;
    c->party.tell = tell;
    c->party.set_abortive = set_abortive;
    c->party.catch_up = catch_up;
    c->path = *path;
    c->local = path->local;
    trk_sockaddr_set_port(&c->local, req->secret.service_port);
    c->remote = path->remote;
    trk_sockaddr_set_port(&c->remote, req->secret.client_port);
    c->first_issued_us = req->cont_issued_us;
    c->heard_ns = c->since_ns = c->up_ns = now_ns(c);
    c->link.fd = c->link.dup = -1;
    if (trk_soft_init(&c->soft, &d->server, req, d->conf.up_window_bytes, trk_loop_wall_us(d->loop)) != TRK_OK ||
        !enter(d->compat, c)) {
        trk_soft_free(&c->soft, &d->buffers.mem);
        free(c);
        return NULL;
    }
    return c;
}

static void answer_busy(struct trk_daemon *d, const struct trk_udp_path *path, const struct trk_request *req)
{
    struct trk_up_state up = {.ack = 0};
    struct trk_extras x = {.up = &up, .reason = TRK_REASON_BUSY};
    uint8_t *buf = trk_port_room(d->server_port, TRK_REPLY_BYTES_MAX);
    long n = buf == NULL ? -1
                         : trk_server_ack(&d->server, trk_loop_wall_us(d->loop), &req->to, NULL, 0, &x, buf,
                                          TRK_REPLY_BYTES_MAX);
    if (n > 0)
        trk_port_send(d->server_port, (size_t)n, (size_t)n, path);
    d->count.busy++;
}

/* The first request of a connection, or a RESET. NULL: answered. */
static struct trk_served *begin(struct trk_daemon *d, const struct trk_udp_path *path, const struct trk_request *req)
{
    struct trk_compat *s = d->compat;
    if (!may_begin(s, req)) {
        d->count.unknown_conns++;
        trk_compat_send_reset(d, &req->to, path);
        return NULL;
    }
    struct trk_served *c = s->count < d->conf.connections_max && s->queued < QUEUED_MAX ? make(d, path, req) : NULL;
    if (c == NULL) {
        answer_busy(d, path, req);
        return NULL;
    }
    if (!knock(c)) {
        trk_compat_abort(c);
        return NULL;
    }
    return c;
}

static void take_request(struct trk_served *c, const struct trk_udp_path *path, const struct trk_request *req)
{
    c->path = *path;
    c->heard_ns = now_ns(c);
    if (req->srtt_us != 0)
        c->srtt_us = req->srtt_us;
    c->window_pkts = trk_law_window(&req->law, 0);
    if (req->give_cont) {
        c->give_cont = true;
        c->law = req->law;
        c->secret = req->secret;
    }
    /* no memory: it will come again */
    trk_soft_request(&c->soft, &c->d->buffers.mem, req, trk_loop_wall_us(c->d->loop));
}

static void on_request(struct trk_daemon *d, const struct trk_udp_path *path, const struct trk_request *req)
{
    struct trk_served *c = trk_map_get(&d->compat->conns, req->to.conn);
    d->count.requests++;
    trk_server_commit(&d->server, &d->replay, trk_loop_wall_us(d->loop), req);
    if (c == NULL && (c = begin(d, path, req)) == NULL)
        return;
    take_request(c, path, req);
    bool brings = req->up_len != 0 || req->fin;
    if ((c->state == TRK_SERVED_OPEN && trk_down_release(&c->down, &c->link, c->soft.down_una) != 0) ||
        (brings && !deliver(c)) || (c->link.news && !look(c))) {
        trk_compat_abort(c);
        return;
    }
    trk_compat_answer(c, req);
    if (!c->dead)
        trk_loop_later(d->loop, &c->task);
}

static void on_uplink(struct trk_daemon *d, struct trk_port *port, const struct trk_udp_path *path,
                      struct trk_event *ev)
{
    struct trk_served *c = trk_map_get(&d->compat->refs, ev->uplink.ref);
    if (c != NULL &&
        trk_soft_uplink(&c->soft, &d->buffers.mem, &ev->uplink, &ev->from, trk_loop_wall_us(d->loop)) !=
            TRK_E_UNKNOWN) {
        d->count.uplinks++;
        c->heard_ns = now_ns(c);
        trk_loop_later(d->loop, &c->task);
        return;
    }
    d->count.uplinks_unknown++;
    trk_server_need_cont(&d->server, ev);
    uint8_t *buf = ev->reply_len != 0 ? trk_port_room(port, ev->reply_len) : NULL;
    if (buf == NULL)
        return;
    memcpy(buf, ev->reply, ev->reply_len);
    trk_port_send(port, ev->reply_len, ev->reply_len, path);
}

static void on_open(struct trk_daemon *d, const struct trk_udp_path *path, struct trk_event *ev)
{
    union trk_sockaddr at = path->local;
    enum trk_reason reason = TRK_REASON_OK;
    trk_sockaddr_set_port(&at, ev->open.service_port);
    bool stateless = trk_minis_serve(d->minis, &at);
    if (stateless)
        reason = TRK_REASON_OK;
    else if (!trk_listeners_serve(d->listeners, &at))
        reason = TRK_REASON_NO_SERVICE;
    else if (d->compat->count >= d->conf.connections_max)
        reason = TRK_REASON_BUSY;
    d->count.opens += reason == TRK_REASON_OK;
    d->count.refused += reason == TRK_REASON_NO_SERVICE;
    d->count.busy += reason == TRK_REASON_BUSY;
    trk_server_answer_open(&d->server, trk_loop_wall_us(d->loop), reason, stateless, ev);
}

static void send_reply(struct trk_port *port, const struct trk_udp_path *path, const struct trk_event *ev)
{
    uint8_t *buf = ev->reply_len != 0 ? trk_port_room(port, ev->reply_len) : NULL;
    if (buf == NULL)
        return;
    memcpy(buf, ev->reply, ev->reply_len);
    trk_port_send(port, ev->reply_len, ev->reply_len, path);
}

static void on_packet(struct trk_daemon *d, struct trk_port *port, const struct trk_udp_path *path, const uint8_t *pkt,
                      size_t len)
{
    static struct trk_event ev; /* large, and there is one thread */
    struct trk_addr from = trk_addrs_engine(&path->remote);
    struct trk_served *c;
    switch (trk_server_read(&d->server, &d->replay, trk_loop_wall_us(d->loop), &from, pkt, len, &ev)) {
    case TRK_V_DROP:
        d->count.drops[-ev.drop < TRK_ERR_COUNT && ev.drop <= 0 ? -ev.drop : 0]++;
        break;
    case TRK_V_OPEN:
        on_open(d, path, &ev);
        send_reply(port, path, &ev);
        break;
    case TRK_V_REPLY:
        send_reply(port, path, &ev);
        break;
    case TRK_V_REQUEST:
        if (ev.req.to.stateless)
            trk_minis_request(d->minis, path, &ev.req);
        else
            on_request(d, path, &ev.req);
        break;
    case TRK_V_UPLINK:
        on_uplink(d, port, path, &ev);
        break;
    case TRK_V_RESET:
        c = trk_map_get(&d->compat->conns, ev.req.secret.conn);
        d->count.resets_in++;
        if (c != NULL)
            drop(c);
        break;
    }
}

const struct trk_port_ops trk_compat_ports = {.packet = on_packet};

/* ---- the service ---- */

struct trk_compat *trk_compat_new(struct trk_daemon *d)
{
    struct trk_compat *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->d = d;
    s->lingering_ring.linger_next = s->lingering_ring.linger_prev = &s->lingering_ring;
    s->linger_timer.fire = drop_lingered;
    trk_map_init(&s->conns, d->seed, &d->mem);
    trk_map_init(&s->refs, d->seed, &d->mem);
    trk_tombs_init(&s->tombs, trk_clock_wall_us(), d->server.freshness_us, d->seed, &d->mem);
    return s;
}

void trk_compat_free(struct trk_compat *s)
{
    size_t cursor = 0;
    const struct trk_map_entry *e;
    if (s == NULL)
        return;
    while ((e = trk_map_next(&s->conns, &cursor)) != NULL) {
        trk_compat_abort(e->value);
        cursor = 0;
    }
    trk_loop_arm(s->d->loop, &s->linger_timer, TRK_LOOP_NEVER);
    trk_map_clear(&s->conns);
    trk_map_clear(&s->refs);
    trk_tombs_free(&s->tombs);
    free(s);
}

unsigned trk_compat_count(const struct trk_compat *s)
{
    return s->count;
}
