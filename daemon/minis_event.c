/* Stateless services: requests in, events out. See minis.h. */
#include <config.h>

#include "daemon/addrs.h"
#include "daemon/minis.h"

#include <errno.h>

_Static_assert((int)TRK_REC_RUNS_MAX >= (int)TRK_TICKET_RUNS_MAX, "every run is told");
_Static_assert((int)TRK_REC_USER_BYTES_MAX >= (int)TRK_UCONT_USER_BYTES_MAX, "continuations fit");
_Static_assert((int)TRK_REC_REQUEST_BYTES_MAX >= (int)TRK_MINI_UP_WINDOW_BYTES, "requests fit");

void trk_minis_ack(struct trk_minis *m, const struct trk_ticket *t, enum trk_reason reason,
                   const struct trk_udp_path *path)
{
    struct trk_daemon *d = m->d;
    uint8_t *buf = trk_port_room(d->server_port, TRK_REPLY_BYTES_MAX);
    size_t n = buf != NULL ? trk_mini_ack(&m->core, trk_loop_wall_us(d->loop), t, reason, buf) : 0;
    if (n == 0)
        return;
    trk_port_send(d->server_port, n, n, path);
    d->count.ack_pkts++;
}

/* The record of an event. */
static void describe(const struct trk_slot *slot, uint64_t handle, const struct trk_mini_input *in,
                     struct trk_rec_event *e)
{
    const struct trk_ticket *t = &slot->ticket;
    union trk_sockaddr peer = slot->path.remote;
    trk_sockaddr_set_port(&peer, t->secret.client_port);
    e->handle = handle;
    e->conn = t->to.conn;
    e->from = t->ucont.from;
    e->end = t->ucont.end;
    e->up = t->ucont.up;
    e->peer = trk_addrs_to_ipc(&peer);
    e->flags = (slot->has_user ? TRK_REC_E_UCONT : 0u) | (in->request_end ? TRK_REC_E_REQUEST_END : 0u) |
               (in->held ? TRK_REC_E_HELD : 0u);
    e->request_len = (uint32_t)in->request_len;
    e->packets = 0;
    e->packet_bytes = t->to.payload_bytes;
    e->user_len = (uint16_t)in->user_len;
    e->kind = slot->kind;
    e->n_runs = (uint8_t)t->n_runs;
    e->user = in->user;
    e->request = in->request;
    for (unsigned i = 0; i < t->n_runs; i++) {
        e->run[i] = (struct trk_rec_run){.off = t->run[i].off, .len = t->run[i].len, .count = t->run[i].count};
        e->packets += t->run[i].count;
    }
}

int trk_minis_show(struct trk_service *s, const struct trk_slot *slot, uint64_t handle, const struct trk_mini_input *in)
{
    static struct trk_rec_event e; /* large, and there is one thread */
    uint8_t *out;
    describe(slot, handle, in, &e);
    size_t len = trk_rec_event_bytes(&e);
    int rc = trk_ring_reserve(&s->down, (uint32_t)len, &out);
    if (rc == -EPROTO)
        trk_minis_cut(s, "the index of its ring of events is wrong");
    if (rc != 0)
        return rc;
    trk_rec_event_write(&e, out);
    trk_ring_commit(&s->down, TRK_REC_EVENT, (uint32_t)len);
    s->wake = true;
    s->events++;
    s->all->d->count.mini_events++;
    return 0;
}

/* Hands m->event to s. False: there is no room. */
static bool hand_out(struct trk_service *s, const struct trk_udp_path *path)
{
    const struct trk_mini_event *ev = &s->all->event;
    uint64_t handle;
    struct trk_slot *slot = trk_slots_take(&s->slots, &handle);
    if (slot == NULL)
        return false;
    slot->kind = (uint8_t)ev->kind;
    slot->has_user = ev->ticket.has_ucont;
    slot->request_end = ev->in.request_end;
    slot->held = ev->in.held;
    slot->request_len = (uint32_t)ev->in.request_len;
    slot->path = *path;
    slot->ticket = ev->ticket;
    if (trk_minis_show(s, slot, handle, &ev->in) == 0)
        return true;
    trk_slots_give(&s->slots, slot);
    return false;
}

void trk_minis_request(struct trk_minis *m, const struct trk_udp_path *path, const struct trk_request *req)
{
    struct trk_daemon *d = m->d;
    struct trk_mini_event *ev = &m->event;
    uint64_t now_us = trk_loop_wall_us(d->loop);
    union trk_sockaddr at = path->local;
    trk_sockaddr_set_port(&at, req->secret.service_port);
    struct trk_service *s = trk_minis_find(m, &at);
    d->count.requests++;
    trk_server_commit(&d->server, &d->replay, now_us, req);
    if (s == NULL) {
        trk_ticket_make(&ev->ticket, req, NULL, now_us);
        trk_minis_ack(m, &ev->ticket, TRK_REASON_AWAY, path);
        d->count.mini_away++;
        return;
    }
    if (!trk_mini_take(&m->core, now_us, req, s->want_new, ev)) {
        trk_minis_ack(m, &ev->ticket, TRK_REASON_OK, path);
        return;
    }
    if (ev->kind == TRK_MINI_MORE && !s->shared)
        trk_handed_cut(&m->handed, now_us, &ev->ticket);
    if (hand_out(s, path))
        return;
    s->full++;
    d->count.mini_full++;
    trk_reasm_consume(&m->reasm, ev->ticket.to.conn, 0);
    trk_minis_ack(m, &ev->ticket, TRK_REASON_AWAY, path);
}
