/* Records of a stateless service's rings: see minirec.h. */
#include <config.h>

#include "ipc/minirec.h"

#include <errno.h>
#include <string.h>

/* Heads of the records: numbers, copied as a whole; no padding. */
struct event_head {
    uint64_t handle, conn, from, end, up;
    uint8_t ip[16];
    uint16_t peer_port, peer_scope;
    uint8_t peer_family, kind;
    uint16_t user_len;
    uint32_t flags, request_len, packets;
    uint16_t packet_bytes, n_runs;
};

struct answer_head {
    uint64_t handle, end, first_from, last_from;
    uint32_t flags, consumed, payload_len, request_len;
    uint16_t first_len, last_len, user_len, n_stretches;
    uint32_t need, reserved;
};

_Static_assert(sizeof(struct event_head) == 80, "no padding");
_Static_assert(sizeof(struct answer_head) == TRK_REC_PAYLOAD_AT, "no padding");
_Static_assert(sizeof(struct trk_rec_run) == 16, "no padding");
_Static_assert(sizeof(struct trk_rec_stretch) == 16, "no padding");

/* A place in a record that is being written; memcpy of nothing may have no source. */
static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
    if (len != 0) {
        memcpy(at, bytes, len);
    }
    return at + len;
}

/* ---- events ---- */

static size_t event_bytes(size_t n_runs, size_t user_len, size_t request_len)
{
    return sizeof(struct event_head) + n_runs * sizeof(struct trk_rec_run) + user_len + request_len;
}

size_t trk_rec_event_bytes(const struct trk_rec_event *e)
{
    return event_bytes(e->n_runs, e->user_len, e->request_len);
}

void trk_rec_event_write(const struct trk_rec_event *e, uint8_t *out)
{
    struct event_head h = {.handle = e->handle,
                           .conn = e->conn,
                           .from = e->from,
                           .end = e->end,
                           .up = e->up,
                           .peer_port = e->peer.port,
                           .peer_scope = e->peer.scope,
                           .peer_family = e->peer.family,
                           .kind = e->kind,
                           .user_len = e->user_len,
                           .flags = e->flags,
                           .request_len = e->request_len,
                           .packets = e->packets,
                           .packet_bytes = e->packet_bytes,
                           .n_runs = e->n_runs};
    memcpy(h.ip, e->peer.ip, sizeof h.ip);
    out = put(out, &h, sizeof h);
    out = put(out, e->run, e->n_runs * sizeof e->run[0]);
    out = put(out, e->user, e->user_len);
    (void)put(out, e->request, e->request_len);
}

static bool event_is_good(const struct event_head *h, size_t len)
{
    return h->handle != 0 && (h->peer_family == 4 || h->peer_family == 6) &&
           h->user_len <= TRK_REC_USER_BYTES_MAX && (h->flags & ~(uint32_t)TRK_REC_E_KNOWN) == 0 &&
           h->request_len <= TRK_REC_REQUEST_BYTES_MAX && h->n_runs <= TRK_REC_RUNS_MAX &&
           len == event_bytes(h->n_runs, h->user_len, h->request_len);
}

int trk_rec_event_read(const uint8_t *rec, size_t len, struct trk_rec_event *e)
{
    struct event_head h;
    if (len < sizeof h) {
        return -EPROTO;
    }
    memcpy(&h, rec, sizeof h);
    if (!event_is_good(&h, len)) {
        return -EPROTO;
    }
    *e = (struct trk_rec_event){
        .handle = h.handle,
        .conn = h.conn,
        .from = h.from,
        .end = h.end,
        .up = h.up,
        .peer = {.family = h.peer_family, .port = h.peer_port, .scope = h.peer_scope},
        .flags = h.flags,
        .request_len = h.request_len,
        .packets = h.packets,
        .packet_bytes = h.packet_bytes,
        .user_len = h.user_len,
        .kind = h.kind,
        .n_runs = (uint8_t)h.n_runs};
    memcpy(e->peer.ip, h.ip, sizeof h.ip);
    memcpy(e->run, rec + sizeof h, h.n_runs * sizeof e->run[0]);
    e->user = rec + sizeof h + h.n_runs * sizeof e->run[0];
    e->request = e->user + h.user_len;
    return 0;
}

/* ---- lists ---- */

static size_t filled(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

size_t trk_rec_listed_bytes(const struct trk_rec_event *e)
{
    return sizeof(uint64_t) + filled(trk_rec_event_bytes(e));
}

size_t trk_rec_list(const struct trk_rec_event *e, uint8_t *out)
{
    uint64_t len = trk_rec_event_bytes(e);
    memcpy(out, &len, sizeof len);
    trk_rec_event_write(e, out + sizeof len);
    memset(out + sizeof len + len, 0, filled(len) - len);
    return sizeof len + filled(len);
}

int trk_rec_unlist(const uint8_t *list, size_t len, size_t *at, struct trk_rec_event *e)
{
    uint64_t n;
    if (len - *at < sizeof n) {
        return -EPROTO;
    }
    memcpy(&n, list + *at, sizeof n);
    size_t left = len - *at - sizeof n;
    if (n > left || filled(n) > left) {
        return -EPROTO;
    }
    int rc = trk_rec_event_read(list + *at + sizeof n, n, e);
    *at += sizeof n + filled(n);
    return rc;
}

/* ---- answers ---- */

static size_t answer_bytes(const struct answer_head *h)
{
    return TRK_REC_PAYLOAD_AT + (size_t)h->payload_len +
           h->n_stretches * sizeof(struct trk_rec_stretch) + h->first_len + h->last_len +
           h->user_len + (size_t)h->request_len;
}

static struct answer_head answer_head(const struct trk_rec_answer *a)
{
    return (struct answer_head){.handle = a->handle,
                                .end = a->end,
                                .first_from = a->first.from,
                                .last_from = a->last.from,
                                .flags = a->flags,
                                .consumed = a->consumed,
                                .need = a->need,
                                .payload_len = a->payload_len,
                                .request_len = a->request_len,
                                .first_len = a->first.len,
                                .last_len = a->last.len,
                                .user_len = a->user_len,
                                .n_stretches = a->n_stretches};
}

size_t trk_rec_answer_bytes(const struct trk_rec_answer *a)
{
    struct answer_head h = answer_head(a);
    return answer_bytes(&h);
}

void trk_rec_answer_write(const struct trk_rec_answer *a, uint8_t *out)
{
    struct answer_head h = answer_head(a);
    out = put(out, &h, sizeof h);
    if (a->payload != out) {
        (void)put(out, a->payload, a->payload_len);
    }
    out += a->payload_len;
    out = put(out, a->stretch, a->n_stretches * sizeof a->stretch[0]);
    out = put(out, a->first.user, a->first.len);
    out = put(out, a->last.user, a->last.len);
    out = put(out, a->user, a->user_len);
    (void)put(out, a->request, a->request_len);
}

static bool answer_is_good(const struct answer_head *h, size_t len)
{
    return h->handle != 0 && (h->flags & ~(uint32_t)TRK_REC_A_KNOWN) == 0 && h->reserved == 0 &&
           h->n_stretches <= TRK_REC_RUNS_MAX && h->first_len <= TRK_REC_USER_BYTES_MAX &&
           h->last_len <= TRK_REC_USER_BYTES_MAX && h->user_len <= TRK_REC_USER_BYTES_MAX &&
           h->request_len <= TRK_REC_REQUEST_BYTES_MAX && len == answer_bytes(h);
}

/* Inside the payload, at offsets that can be counted. */
static bool stretches_are_good(const struct trk_rec_answer *a)
{
    for (unsigned i = 0; i < a->n_stretches; i++) {
        const struct trk_rec_stretch *s = &a->stretch[i];
        if (s->len > a->payload_len || s->at > a->payload_len - s->len ||
            s->off > UINT64_MAX - s->len) {
            return false;
        }
    }
    return true;
}

int trk_rec_answer_read(const uint8_t *rec, size_t len, struct trk_rec_answer *a)
{
    struct answer_head h;
    if (len < sizeof h) {
        return -EPROTO;
    }
    memcpy(&h, rec, sizeof h);
    if (!answer_is_good(&h, len)) {
        return -EPROTO;
    }
    *a = (struct trk_rec_answer){.handle = h.handle,
                                 .end = h.end,
                                 .flags = h.flags,
                                 .consumed = h.consumed,
                                 .need = h.need,
                                 .first = {.from = h.first_from, .len = h.first_len},
                                 .last = {.from = h.last_from, .len = h.last_len},
                                 .payload_len = h.payload_len,
                                 .user_len = h.user_len,
                                 .request_len = h.request_len,
                                 .n_stretches = (uint8_t)h.n_stretches};
    a->payload = rec + TRK_REC_PAYLOAD_AT;
    const uint8_t *at = a->payload + h.payload_len;
    memcpy(a->stretch, at, h.n_stretches * sizeof a->stretch[0]);
    a->first.user = at + h.n_stretches * sizeof a->stretch[0];
    a->last.user = a->first.user + h.first_len;
    a->user = a->last.user + h.last_len;
    a->request = a->user + h.user_len;
    return stretches_are_good(a) ? 0 : -EPROTO;
}
