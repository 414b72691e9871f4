/* The client role: applications' connections. See dial.h; finding a way is in dial_race.c. */
#include <config.h>

#include "daemon/dial.h"

#include "daemon/addrs.h"
#include "daemon/listeners.h"
#include "daemon/netns.h"
#include "daemon/peersocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

enum {
    ACCEPTS_MAX = 64,        /* in one turn */
    STARVED_MS = 100,        /* without descriptors or room: how long accepting stops */
    SETUP_SECONDS = 10,      /* the shim sends the order at once */
    SETUPS_MAX = 1024,       /* whoever does not: the oldest goes first, so that nobody is kept out */
    REFUSED_SECONDS = 2,     /* ICMP says for so long that the peer's daemon is gone, and nothing else comes */
    EPHEMERAL_FIRST = 32768, /* Linux's ip_local_port_range */
    EPHEMERAL_COUNT = 28232,
    TRAIN_BYTES = 64000,     /* room for one train of requests */
};

struct trk_dials {
    struct trk_daemon *d;
    int listen_fd;
    struct trk_watch watch;
    struct trk_timer resume;
    struct trk_dialled setups; /* only its links are used */
    unsigned n_setups;
    struct trk_map cids;
    struct trk_memo memo, speakers;
    unsigned count;
    unsigned next_port;
    struct trk_dialled *last; /* whose packet came last: trains are of one connection */
};

static uint64_t now_ns(const struct trk_dialled *c)
{
    return trk_loop_now_ns(c->d->loop);
}

struct trk_memo *trk_dials_memo(struct trk_dials *s)
{
    return &s->memo;
}

struct trk_memo *trk_dials_speakers(struct trk_dials *s)
{
    return &s->speakers;
}

int trk_dials_enter(struct trk_dialled *c)
{
    return trk_map_put(&c->d->dials->cids, c->cid, c, NULL) == 0 ? 0 : -ENOMEM;
}

void trk_dials_leave(struct trk_dialled *c)
{
    trk_map_remove(&c->d->dials->cids, c->cid);
    if (c->d->dials->last == c)
        c->d->dials->last = NULL;
}

uint16_t trk_dials_next_port(struct trk_dials *s)
{
    return (uint16_t)(EPHEMERAL_FIRST + s->next_port++ % EPHEMERAL_COUNT);
}

/* ---- waiting for orders ---- */

static void join_setups(struct trk_dials *s, struct trk_dialled *c)
{
    struct trk_dialled *ring = &s->setups;
    c->setup_prev = ring->setup_prev;
    c->setup_next = ring;
    ring->setup_prev->setup_next = c;
    ring->setup_prev = c;
    if (++s->n_setups > SETUPS_MAX)
        trk_dial_drop(ring->setup_next);
}

static void leave_setups(struct trk_dials *s, struct trk_dialled *c)
{
    if (c->setup_next == NULL)
        return;
    c->setup_prev->setup_next = c->setup_next;
    c->setup_next->setup_prev = c->setup_prev;
    c->setup_next = c->setup_prev = NULL;
    s->n_setups--;
}

/* ---- ends ---- */

static void close_parts(struct trk_dialled *c)
{
    trk_loop_arm(c->d->loop, &c->timer, TRK_LOOP_NEVER);
    trk_loop_cancel(c->d->loop, &c->task);
    trk_dial_race_stop(c);
    if (c->state == TRK_DIAL_RELAY)
        trk_relay_stop(&c->relay, c->d, false);
    trk_applink_reset(&c->link);
    trk_party_remove(c->d, &c->party);
}

void trk_dial_drop(struct trk_dialled *c)
{
    struct trk_dials *s = c->d->dials;
    if (c->dead)
        return;
    c->dead = true;
    leave_setups(s, c);
    close_parts(c);
    s->count--;
    trk_loop_defer_free(c->d->loop, c);
    trk_daemon_connection_ended(c->d);
}

void trk_dial_fail(struct trk_dialled *c, int err)
{
    char text[TRK_ADDRS_TEXT_BYTES];
    trk_log(&c->d->log, TRK_LOG_DEBUG, "connect to %s: %s", trk_addrs_text(&c->target, text), strerror(err));
    c->d->count.connects_failed++;
    trk_applink_fail(&c->link, err);
    trk_dial_drop(c);
}

/* The application's end is closed (or is closed now, by a reset); the engine may still have something to say. */
static void leave(struct trk_dialled *c)
{
    trk_applink_reset(&c->link);
    c->state = TRK_DIAL_LEAVING;
    c->since_ns = now_ns(c);
}

static void set_up_state(struct trk_dialled *c, enum trk_dial_state state)
{
    TRK_ASSERT(c->state == TRK_DIAL_RACING);
    c->state = state;
    c->since_ns = now_ns(c);
    int rc = trk_applink_establish(&c->link, true, trk_sockaddr_port(&c->source), state == TRK_DIAL_RELAY);
    if (rc != 0)
        trk_dial_drop(c);
    else
        trk_loop_later(c->d->loop, &c->task);
}

void trk_dial_up(struct trk_dialled *c)
{
    c->d->count.connects_trickles++;
    set_up_state(c, TRK_DIAL_TRICKLES);
}

static void relay_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_dialled *c = TRK_HEAP_OBJECT(w, struct trk_dialled, relay.watch);
    trk_relay_note(&c->relay, events);
    trk_loop_later(c->d->loop, &c->task);
}

void trk_dial_up_tcp(struct trk_dialled *c)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof ss;
    if (getsockname(c->tcp_fd, (struct sockaddr *)&ss, &len) == 0)
        c->source = trk_addrs_from_storage(&ss);
    trk_loop_unwatch(c->d->loop, &c->tcp_watch);
    if (trk_relay_start(&c->relay, c->d, c->tcp_fd, relay_ready) != 0) {
        trk_dial_fail(c, ENOMEM);
        return;
    }
    c->tcp_fd = -1;
    c->d->count.connects_tcp++;
    set_up_state(c, TRK_DIAL_RELAY);
}

/* ---- bytes between application and engine ---- */

static bool from_application(struct trk_dialled *c)
{
    struct iovec iov[2];
    int n;
    if (c->link.broken || (c->abortive && c->link.gone) || trk_applink_look(&c->link) != 0)
        return false;
    while (c->link.taken < c->link.end && (n = trk_client_up_space(c->client, iov)) > 0) {
        long got = trk_applink_take(&c->link, iov, n);
        if (got < 0)
            return false;
        if (got == 0)
            break;
        trk_client_up_commit(c->client, now_ns(c), (size_t)got);
    }
    if (c->link.eof && c->link.taken == c->link.end)
        trk_client_up_fin(c->client, now_ns(c));
    return true;
}

static uint64_t orphan_deadline(const struct trk_dialled *c)
{
    return c->orphan_ns + c->d->conf.orphan_seconds * SECOND_NS;
}

/*
 * The application has closed, and the peer has had time to do the same. The time runs from when the peer has all bytes:
 * before, a slow path or reader is no reason to cut them off.
 */
static bool is_orphan(struct trk_dialled *c)
{
    struct trk_client_info i;
    if (!c->link.gone)
        return false;
    trk_client_get_info(c->client, &i);
    if (c->orphan_ns == 0 || i.up_bytes < c->link.end)
        c->orphan_ns = now_ns(c);
    return now_ns(c) >= orphan_deadline(c);
}

static bool to_application(struct trk_dialled *c)
{
    struct iovec iov[2];
    int n;
    while (!c->link.full && (n = trk_client_down_peek(c->client, iov)) > 0) {
        long done = trk_applink_write(&c->link, iov, n);
        if (done < 0)
            return false;
        trk_client_down_consume(c->client, now_ns(c), (size_t)done);
    }
    if (c->link.deaf)
        trk_client_down_discard(c->client, now_ns(c));
    if (!c->fin_written && trk_client_down_eof(c->client)) {
        c->fin_written = true;
        trk_applink_finish_writing(&c->link);
    }
    return true;
}

/* Datagrams of one size that follow each other leave as one train. */
static void send_packets(struct trk_dialled *c)
{
    struct trk_port *port = c->d->client_port;
    uint8_t *room;
    size_t used, segment, n;
    do {
        used = segment = 0;
        room = trk_port_room(port, TRAIN_BYTES + TRK_REPLY_BYTES_MAX);
        if (room == NULL)
            return; /* the socket is full: the engine's timers will bring it again */
        while (used < TRAIN_BYTES &&
               (n = trk_client_write(c->client, now_ns(c), room + used, TRK_REPLY_BYTES_MAX)) > 0) {
            if (used > 0 && n > segment) { /* longer than those before: begins a train of its own */
                trk_port_send(port, used, segment, &c->path);
                uint8_t *next = trk_port_room(port, TRAIN_BYTES + TRK_REPLY_BYTES_MAX);
                if (next == NULL)
                    return;
                memmove(next, room + used, n);
                room = next;
                used = 0;
            }
            segment = used == 0 ? n : segment;
            used += n;
            if (n < segment)
                break;
        }
        if (used > 0)
            trk_port_send(port, used, segment, &c->path);
    } while (used > 0);
}

/* Has the application got all that came? */
static bool is_delivered(struct trk_dialled *c)
{
    struct iovec iov[2];
    return c->link.gone || c->link.deaf || trk_client_down_peek(c->client, iov) == 0;
}

/* The engine's connection is over: once all that came is with the application, its end is closed as well. */
static void settle(struct trk_dialled *c)
{
    enum trk_client_state state = trk_client_state(c->client);
    if (c->state == TRK_DIAL_TRICKLES && state == TRK_CLIENT_CLOSED && is_delivered(c)) {
            trk_applink_close(&c->link);
        leave(c);
    } else if (c->state == TRK_DIAL_TRICKLES && state == TRK_CLIENT_FAILED && is_delivered(c)) {
        leave(c);
    }
    if (c->state == TRK_DIAL_LEAVING && !trk_client_lingers(c->client))
        trk_dial_drop(c);
}

/* Moves bytes both ways. False: the application is gone, or its peer is. */
static bool move(struct trk_dialled *c)
{
    if (c->refused_ns != 0 && now_ns(c) >= c->refused_ns + REFUSED_SECONDS * SECOND_NS)
        return false;
    return from_application(c) && !is_orphan(c) && to_application(c);
}

static void run_trickles(struct trk_dialled *c)
{
    uint64_t now = now_ns(c);
    if (now >= trk_client_deadline(c->client))
        trk_client_expire(c->client, now);
    if (c->got_packets)
        trk_client_batch_end(c->client, now);
    c->got_packets = false;
    if (c->state == TRK_DIAL_TRICKLES && trk_client_state(c->client) == TRK_CLIENT_OPEN && !move(c))
        trk_client_abort(c->client, now);
    else if (c->state == TRK_DIAL_TRICKLES && trk_client_state(c->client) != TRK_CLIENT_OPEN && !to_application(c))
        c->link.gone = true;
    send_packets(c);
    settle(c);
    if (c->dead)
        return;
    uint64_t at = trk_client_deadline(c->client);
    if (c->state == TRK_DIAL_TRICKLES && c->orphan_ns != 0 && orphan_deadline(c) < at)
        at = orphan_deadline(c);
    trk_loop_arm(c->d->loop, &c->timer, at);
}

static void run_relay(struct trk_dialled *c)
{
    if (c->abortive && c->link.gone)
        c->link.broken = true;
    enum trk_relay_result result = trk_relay_run(&c->relay, &c->link);
    if (result == TRK_RELAY_WAIT && c->link.gone && c->relay.fin_to_tcp)
        result = TRK_RELAY_DONE; /* the kernel waits for the peer's end, as after any close */
    switch (result) {
    case TRK_RELAY_WAIT:
        break;
    case TRK_RELAY_MORE:
        trk_loop_later(c->d->loop, &c->task);
        break;
    case TRK_RELAY_DONE:
        trk_relay_stop(&c->relay, c->d, true);
            trk_applink_close(&c->link);
        trk_dial_drop(c);
        break;
    case TRK_RELAY_RESET:
        trk_dial_drop(c);
        break;
    }
}

/* ---- set-up ---- */

static void run_setup(struct trk_dialled *c)
{
    struct ucred who;
    int rc = trk_applink_read_setup(&c->link, &c->name, &who);
    if (rc == -EAGAIN && !c->link.gone)
        return;
    if (rc != 0 || c->name.kind != TRK_NAME_CONNECT) {
        trk_dial_drop(c);
        return;
    }
    int bound = trk_listeners_take(c->d->listeners, c->name.id, c->party.uid);
    c->tcp_fd = bound >= 0 ? bound : -1;
    c->party.id = c->name.id;
    c->party.tell = trk_dial_tell;
    c->party.set_abortive = trk_dial_set_abortive;
    if (bound == -EPERM || trk_party_add(c->d, &c->party) != 0) {
        trk_dial_fail(c, EACCES);
        return;
    }
    c->d->count.connects++;
    leave_setups(c->d->dials, c);
    c->state = TRK_DIAL_RACING;
    c->since_ns = now_ns(c);
    trk_dial_race(c);
    if (!c->dead && c->state == TRK_DIAL_RACING)
        trk_loop_arm(c->d->loop, &c->timer, trk_dial_race_deadline(c));
}

static void run(struct trk_task *t)
{
    struct trk_dialled *c = TRK_HEAP_OBJECT(t, struct trk_dialled, task);
    switch (c->state) {
    case TRK_DIAL_SETUP:
        run_setup(c);
        break;
    case TRK_DIAL_RACING:
        trk_dial_race_run(c);
        if (!c->dead && c->state == TRK_DIAL_RACING)
            trk_loop_arm(c->d->loop, &c->timer, trk_dial_race_deadline(c));
        break;
    case TRK_DIAL_TRICKLES:
    case TRK_DIAL_LEAVING:
        run_trickles(c);
        break;
    case TRK_DIAL_RELAY:
        run_relay(c);
        break;
    }
}

static void timer_fired(struct trk_timer *t)
{
    struct trk_dialled *c = TRK_HEAP_OBJECT(t, struct trk_dialled, timer);
    if (c->state == TRK_DIAL_SETUP && now_ns(c) >= c->since_ns + SETUP_SECONDS * SECOND_NS)
        trk_dial_drop(c);
    else
        trk_loop_later(c->d->loop, &c->task);
}

static void watch_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_dialled *c = TRK_HEAP_OBJECT(w, struct trk_dialled, link.watch);
    trk_applink_note(&c->link, events);
    trk_loop_later(c->d->loop, &c->task);
}

/* ---- accepting ---- */

static int start(struct trk_dials *s, int fd)
{
    struct trk_dialled *c = calloc(1, sizeof *c);
    struct ucred cred = {.uid = (uid_t)-1};
    socklen_t len = sizeof cred;
    if (c == NULL)
        return -ENOMEM;
    c->d = s->d;
    c->task.run = run;
    c->timer.fire = timer_fired;
    c->tcp_fd = c->relay.tcp_fd = -1;
    c->since_ns = now_ns(c);
    trk_applink_init(&c->link, s->d, fd);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
        c->party.uid = cred.uid;
        c->party.pid = cred.pid;
    }
    if (trk_applink_watch(&c->link, watch_ready) != 0) {
        free(c);
        return -ENOMEM;
    }
    s->count++;
    trk_loop_arm(s->d->loop, &c->timer, c->since_ns + SETUP_SECONDS * SECOND_NS);
    trk_loop_later(s->d->loop, &c->task);
    join_setups(s, c);
    return 0;
}

/* Who comes from another network namespace shall not leave by ours. Kernels that cannot say are trusted. */
static bool is_neighbour(const struct trk_daemon *d, int fd)
{
    return d->netns == 0 || trk_netns_is(d->netns, fd);
}

static void pause_accepting(struct trk_dials *s)
{
    trk_loop_rewatch(s->d->loop, &s->watch, 0);
    trk_loop_arm(s->d->loop, &s->resume, trk_loop_now_ns(s->d->loop) + STARVED_MS * UINT64_C(1000000));
}

static void resume_accepting(struct trk_timer *t)
{
    struct trk_dials *s = TRK_HEAP_OBJECT(t, struct trk_dials, resume);
    trk_loop_rewatch(s->d->loop, &s->watch, EPOLLIN);
}

static void accept_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_dials *s = TRK_HEAP_OBJECT(w, struct trk_dials, watch);
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                trk_daemon_out_of_descriptors(s->d, errno);
                pause_accepting(s);
            }
            return;
        }
        bool busy = s->count >= s->d->conf.connections_max; /* in the queue it would wait for as long */
        s->d->count.busy += busy;
        if (busy || !is_neighbour(s->d, fd) || start(s, fd) != 0)
            close(fd);
    }
}

/* ---- packets ---- */

static struct trk_dialled *find_cid(struct trk_dials *s, uint64_t cid)
{
    if (s->last == NULL || s->last->cid != cid)
        s->last = trk_map_get(&s->cids, cid);
    return s->last;
}

static void on_packet(struct trk_daemon *d, struct trk_port *port, const struct trk_udp_path *path, const uint8_t *pkt,
                      size_t len)
{
    struct trk_common common;
    struct trk_dialled *c =
        trk_wire_common(pkt, len, &common) == TRK_OK ? find_cid(d->dials, common.cid) : NULL;
    if (c == NULL) {
        d->count.stray++;
        return;
    }
    if (c->state == TRK_DIAL_RACING) {
        trk_dial_race_packet(c, &path->remote, pkt, len);
        return;
    }
    if (!trk_sockaddr_equal(&path->remote, &c->path.remote)) {
        d->count.stray++; /* the loser of the race, or a forger */
        return;
    }
    c->refused_ns = 0;
    c->got_packets = true;
    c->got_bytes += len;
    if (c->got_bytes >= TRK_PEERSOCK_BYTES) {
        c->got_bytes = 0;
        trk_port_favour(port, path);
    }
    int rc = trk_client_read(c->client, now_ns(c), pkt, len);
    if (rc != TRK_OK)
        d->count.client_drops[-rc < TRK_ERR_COUNT ? -rc : 0]++;
    trk_loop_later(d->loop, &c->task);
}

/* An established connection's packet found no port. Unmodified servers' soft state is gone with it; a stateless service
 * goes on when it is back, and the engine has a limit. */
static void refused(struct trk_dialled *c, const uint8_t *pkt, size_t len)
{
    struct trk_client_info info;
    if (c->client == NULL)
        return;
    trk_client_get_info(c->client, &info);
    if (!info.stateless && c->refused_ns == 0)
        c->refused_ns = now_ns(c);
    trk_client_unreached(c->client, now_ns(c), pkt, len);
    trk_loop_later(c->d->loop, &c->task);
}

static void on_error(struct trk_daemon *d, struct trk_port *port, const struct trk_udp_error *error)
{
    struct trk_common common;
    (void)port;
    if (error->kind != TRK_UDP_ERR_REFUSED && error->kind != TRK_UDP_ERR_UNREACHABLE)
        return;
    if (trk_wire_common(error->payload, error->payload_len_bytes, &common) != TRK_OK)
        return;
    struct trk_dialled *c = trk_map_get(&d->dials->cids, common.cid);
    if (c == NULL)
        return;
    if (c->state == TRK_DIAL_RACING)
        trk_dial_race_refused(c, &error->remote, NULL);
    else if (error->kind == TRK_UDP_ERR_REFUSED)
        refused(c, error->payload, error->payload_len_bytes);
}

const struct trk_port_ops trk_dial_ports = {.packet = on_packet, .error = on_error};

/* ---- the service ---- */

struct trk_dials *trk_dials_new(struct trk_daemon *d, int listen_fd)
{
    struct trk_dials *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->d = d;
    s->listen_fd = listen_fd;
    s->setups.setup_next = s->setups.setup_prev = &s->setups;
    s->resume.fire = resume_accepting;
    s->next_port = (unsigned)(trk_daemon_random(d) % EPHEMERAL_COUNT);
    s->memo.seed = trk_daemon_random(d);
    s->speakers.seed = trk_daemon_random(d);
    trk_map_init(&s->cids, d->seed, &d->mem);
    if (trk_loop_watch(d->loop, &s->watch, listen_fd, EPOLLIN, accept_ready) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

void trk_dials_free(struct trk_dials *s)
{
    if (s == NULL)
        return;
    while (s->setups.setup_next != &s->setups)
        trk_dial_drop(s->setups.setup_next);
    struct trk_party *next, *p = s->d->parties;
    for (; p != NULL; p = next) {
        next = p->next;
        if (p->tell != trk_dial_tell)
            continue;
        struct trk_dialled *c = TRK_HEAP_OBJECT(p, struct trk_dialled, party);
        if (c->client != NULL && c->state == TRK_DIAL_TRICKLES) {
            trk_client_abort(c->client, now_ns(c));
            send_packets(c);
        }
        trk_dial_drop(c);
    }
    trk_loop_unwatch(s->d->loop, &s->watch);
    trk_loop_arm(s->d->loop, &s->resume, TRK_LOOP_NEVER);
    close(s->listen_fd);
    trk_map_clear(&s->cids);
    free(s);
}

unsigned trk_dials_count(const struct trk_dials *s)
{
    return s->count;
}
