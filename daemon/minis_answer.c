/* Stateless services: answers in, packets out. See minis.h. */
#include <config.h>

#include "daemon/minicheck.h"
#include "daemon/minis.h"
#include "daemon/train.h"

#include <string.h>

/* Of one service before the packets leave and others have their turn: an eighth of its ring, which it can fill again. */
enum { ANSWERS_MAX = 1024, ANSWERS_BYTES_MAX = TRK_MINIS_UP_BYTES / 8 };

static void send_copy(struct trk_minis *m, const uint8_t *pkt, size_t len, const struct trk_udp_path *path)
{
    uint8_t *room = len != 0 ? trk_port_room(m->d->server_port, len) : NULL;
    if (room == NULL)
        return;
    memcpy(room, pkt, len);
    trk_port_send(m->d->server_port, len, len, path);
    m->d->count.ack_pkts++;
}

/* Headers are copied, payload stays in the application's ring until the flush. */
static void send_data(struct trk_minis *m, const struct trk_checked *c, const struct trk_udp_path *path)
{
    static struct trk_train train; /* large, and there is one thread */
    const struct trk_mini_plan *p = &m->plan;
    struct trk_port *port = m->d->server_port;
    size_t bytes = 0;
    for (unsigned i = 0; i < p->n; i++)
        bytes += p->head_len[i];
    uint8_t *head = trk_port_room(port, bytes);
    if (head == NULL)
        return; /* as if the network had lost them */
    trk_port_keep(port, bytes);
    train = (struct trk_train){.port = port, .path = *path};
    for (unsigned i = 0; i < p->n; i++) {
        union { /* sendmsg only reads, but struct iovec is not const */
            const uint8_t *in;
            void *out;
        } payload = {.in = p->piece[i].len != 0 ? c->bytes[p->src[i].run] + p->src[i].at : NULL};
        struct iovec iov[2] = {{.iov_base = head, .iov_len = p->head_len[i]},
                               {.iov_base = payload.out, .iov_len = p->piece[i].len}};
        memcpy(head, p->heads + (size_t)i * TRK_HEAD_BYTES_MAX, p->head_len[i]);
        head += p->head_len[i];
        trk_train_add(&train, iov, p->piece[i].len != 0 ? 2 : 1);
    }
    trk_train_send(&train);
    m->d->count.data_pkts += p->n;
}

static void send_plan(struct trk_minis *m, const struct trk_checked *c, const struct trk_udp_path *path)
{
    send_copy(m, m->plan.before, m->plan.before_len, path);
    if (m->plan.n > 0)
        send_data(m, c, path);
    send_copy(m, m->plan.after, m->plan.after_len, path);
}

static void send_reset(struct trk_service *s, const struct trk_slot *slot)
{
    struct trk_minis *m = s->all;
    uint8_t pkt[TRK_RESET_BYTES];
    long n = trk_server_reset(&m->d->server, &slot->ticket.to, 0, pkt, sizeof pkt);
    if (n > 0) {
        send_copy(m, pkt, (size_t)n, &slot->path);
        m->d->count.resets_out++;
    }
    trk_reasm_consume(&m->reasm, slot->ticket.to.conn, UINT64_MAX);
}

/* The slot after an answer that more may follow. */
static void go_on(struct trk_slot *slot, const struct trk_checked *c)
{
    slot->request_len -= (uint32_t)c->answer.consumed;
    slot->request_end &= !c->answer.consumed_end;
    slot->has_user |= c->answer.has_first;
}

/* More request bytes came than the handler saw, and it did nothing: it is asked again. False: there is no room. */
static bool show_again(struct trk_service *s, struct trk_slot *slot, const struct trk_checked *c)
{
    struct trk_mini_input in = c->in;
    slot->kind = (uint8_t)trk_mini_again(&s->all->core, trk_loop_wall_us(s->all->d->loop), &slot->ticket, &in);
    slot->request_len = (uint32_t)in.request_len;
    slot->request_end = in.request_end;
    slot->held = in.held;
    if (trk_minis_show(s, slot, trk_slots_renew(&s->slots, slot), &in) == 0)
        return true;
    trk_reasm_consume(&s->all->reasm, slot->ticket.to.conn, 0);
    trk_minis_ack(s->all, &slot->ticket, TRK_REASON_AWAY, &slot->path);
    return false;
}

/* Sends an answer. Returns whether the event lives on. */
static bool answer(struct trk_service *s, struct trk_slot *slot, const struct trk_rec_answer *rec)
{
    static struct trk_checked c; /* large, and there is one thread */
    struct trk_minis *m = s->all;
    if (rec->flags & TRK_REC_A_RESET) {
        send_reset(s, slot);
        return false;
    }
    int rc = trk_minicheck(slot, rec, &c)
                 ? trk_mini_plan(&m->core, trk_loop_wall_us(m->d->loop), &slot->ticket, &c.answer, &c.in, &m->plan)
                 : TRK_E_INVAL;
    if (rc == TRK_E_AGAIN)
        return show_again(s, slot, &c);
    m->d->count.mini_refused += rc == TRK_E_INVAL;
    if (rc != TRK_OK)
        return false; /* as if the network had lost it */
    send_plan(m, &c, &slot->path);
    if (c.answer.pending)
        go_on(slot, &c);
    return c.answer.pending;
}

/* One record. False: s is cut off. */
static bool take(struct trk_service *s, const struct trk_ring_record *record)
{
    static struct trk_rec_answer rec; /* large, and there is one thread */
    bool wild;
    if (record->type != TRK_REC_ANSWER || trk_rec_answer_read(record->bytes, record->len, &rec) != 0) {
        trk_minis_cut(s, "a record that is no answer");
        return false;
    }
    struct trk_slot *slot = trk_slots_find(&s->slots, rec.handle, &wild);
    if (wild || (slot != NULL && (rec.flags & TRK_REC_A_KEEP) && !trk_slots_keep(&s->slots, slot))) {
        trk_minis_cut(s, wild ? "an answer to no event" : "more events are kept than it may");
        return false;
    }
    s->answers++;
    s->late += slot == NULL;
    s->all->d->count.mini_answers++;
    if (slot != NULL && !answer(s, slot, &rec) && !s->cut)
        trk_slots_give(&s->slots, slot);
    return !s->cut;
}

static void read_answers(struct trk_service *s)
{
    struct trk_ring_record record;
    size_t bytes = 0;
    for (unsigned i = 0; i < ANSWERS_MAX && bytes < ANSWERS_BYTES_MAX; i++) {
        int rc = trk_ring_next(&s->up, &record);
        if (rc == 0 && trk_ring_sleep(&s->up))
            return;
        if (rc < 0) {
            trk_minis_cut(s, "the index of its ring of answers is wrong");
            return;
        }
        s->borrowed |= rc > 0;
        if (rc > 0 && !take(s, &record))
            return;
        bytes += rc > 0 ? record.len : 0;
    }
    trk_loop_later(s->all->d->loop, &s->task);
}

void trk_minis_ready(struct trk_watch *w, uint32_t events)
{
    (void)events;
    read_answers(TRK_HEAP_OBJECT(w, struct trk_service, watch));
}

void trk_minis_run(struct trk_task *t)
{
    read_answers(TRK_HEAP_OBJECT(t, struct trk_service, task));
}

/* The port's flush was before: nothing is borrowed any more. */
void trk_minis_flush(struct trk_flush *f)
{
    struct trk_minis *m = TRK_HEAP_OBJECT(f, struct trk_minis, flush);
    for (struct trk_service *s = m->first; s != NULL; s = s->next) {
        bool wake = s->borrowed && trk_ring_release(&s->up);
        wake |= s->wake && trk_ring_must_wake(&s->down);
        s->borrowed = s->wake = false;
        if (wake)
            trk_ringmem_wake(s->memory.bell_fd);
    }
}
