#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "link_corrupt.h"
#include "link_rng.h"

enum { NS_PER_S = 1000000000 };

struct packet {
    uint64_t due_ns,
        order; /* order breaks ties, so that equal instants keep the order of arrival */
    size_t len;
    uint8_t bytes[TRK_LINK_PACKET_BYTES];
};

/* A packet that waits for, or is in, transmission: what the drop-tail queue counts. */
struct waiting {
    uint64_t depart_ns;
    size_t len;
};

struct trk_link {
    struct trk_link_config cfg;
    struct trk_link_stats stats;
    uint64_t rng;
    int bad; /* the state of the Gilbert-Elliott chain */
    uint64_t order;
    uint64_t last_depart_ns, last_due_ns;
    size_t capacity, n_heap, n_free;
    struct packet *pool;
    struct packet **heap; /* by due_ns, then order */
    struct packet **free;
    struct waiting *fifo; /* ring of capacity entries */
    size_t fifo_first, n_fifo;
    uint64_t fifo_bytes;
};

static int config_ok(const struct trk_link_config *c)
{
    return c->loss_ppm <= TRK_LINK_PPM && c->burst_enter_ppm <= TRK_LINK_PPM &&
           c->burst_leave_ppm <= TRK_LINK_PPM && c->burst_loss_ppm <= TRK_LINK_PPM &&
           c->reorder_ppm <= TRK_LINK_PPM && c->duplicate_ppm <= TRK_LINK_PPM &&
           c->corrupt_ppm <= TRK_LINK_PPM;
}

struct trk_link *trk_link_new(const struct trk_link_config *cfg, uint64_t seed, size_t capacity)
{
    if (!config_ok(cfg) || capacity == 0)
        return NULL;
    struct trk_link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->cfg = *cfg;
    l->rng = seed;
    l->capacity = capacity;
    l->pool = calloc(capacity, sizeof *l->pool);
    l->heap = calloc(capacity, sizeof(void *));
    l->free = calloc(capacity, sizeof(void *));
    l->fifo = calloc(capacity, sizeof *l->fifo);
    if (l->pool == NULL || l->heap == NULL || l->free == NULL || l->fifo == NULL) {
        trk_link_free(l);
        return NULL;
    }
    for (size_t i = 0; i < capacity; i++)
        l->free[i] = &l->pool[capacity - 1 - i]; /* a stack: slots in use stay few and warm */
    l->n_free = capacity;
    return l;
}

void trk_link_free(struct trk_link *l)
{
    if (l == NULL)
        return;
    free(l->pool);
    free(l->heap);
    free(l->free);
    free(l->fifo);
    free(l);
}

const struct trk_link_stats *trk_link_stats(const struct trk_link *l)
{
    return &l->stats;
}

static int chance(struct trk_link *l, uint32_t ppm)
{
    return ppm != 0 && trk_link_rng_below(&l->rng, TRK_LINK_PPM) < ppm;
}

/* ---- the heap of packets under way ---- */

static int earlier(const struct packet *a, const struct packet *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct trk_link *l, struct packet *p)
{
    size_t i = l->n_heap++;
    for (; i > 0 && earlier(p, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = p;
}

static struct packet *heap_pop(struct trk_link *l)
{
    struct packet *top = l->heap[0], *last = l->heap[--l->n_heap];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < l->n_heap) {
        if (child + 1 < l->n_heap && earlier(l->heap[child + 1], l->heap[child]))
            child++;
        if (!earlier(l->heap[child], last))
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = last;
    return top;
}

/* ---- the drop-tail queue and the transmitter ---- */

static void fifo_release(struct trk_link *l, uint64_t now_ns)
{
    while (l->n_fifo > 0 && l->fifo[l->fifo_first].depart_ns <= now_ns) {
        l->fifo_bytes -= l->fifo[l->fifo_first].len;
        l->fifo_first = (l->fifo_first + 1) % l->capacity;
        l->n_fifo--;
    }
}

/* Puts a packet into the queue and sets *depart_ns to the end of its transmission; 0 if it is
 * dropped. */
static int enqueue(struct trk_link *l, uint64_t now_ns, size_t len, uint64_t *depart_ns)
{
    fifo_release(l, now_ns);
    if ((l->cfg.queue_pkts != 0 && l->n_fifo >= l->cfg.queue_pkts) ||
        (l->cfg.queue_bytes != 0 && l->fifo_bytes + len > l->cfg.queue_bytes)) {
        l->stats.queue_drop_pkts++;
        return 0;
    }
    if (l->n_fifo == l->capacity) {
        l->stats.no_room_pkts++;
        return 0;
    }
    uint64_t start = now_ns > l->last_depart_ns ? now_ns : l->last_depart_ns;
    if (l->cfg.rate_bps != 0)
        start += (uint64_t)len * 8 * NS_PER_S / l->cfg.rate_bps;
    *depart_ns = l->last_depart_ns = start;
    size_t at = (l->fifo_first + l->n_fifo++) % l->capacity;
    l->fifo[at] = (struct waiting){start, len};
    l->fifo_bytes += len;
    return 1;
}

/* ---- the wire ---- */

static int lost(struct trk_link *l)
{
    int burst = 0;
    if (l->cfg.burst_enter_ppm != 0) {
        if (chance(l, l->bad ? l->cfg.burst_leave_ppm : l->cfg.burst_enter_ppm))
            l->bad = !l->bad;
        burst = l->bad && chance(l, l->cfg.burst_loss_ppm);
    }
    int is_lost = burst || (!l->bad && chance(l, l->cfg.loss_ppm));
    l->stats.burst_loss_pkts += (uint64_t)burst;
    l->stats.loss_pkts += (uint64_t)is_lost;
    return is_lost;
}

static uint64_t arrival_ns(struct trk_link *l, uint64_t depart_ns)
{
    uint64_t due = depart_ns + l->cfg.delay_ns;
    if (l->cfg.jitter_ns != 0)
        due += trk_link_rng_below(&l->rng, l->cfg.jitter_ns + 1);
    if (due < l->last_due_ns)
        due = l->last_due_ns; /* jitter alone never reorders */
    if (chance(l, l->cfg.reorder_ppm)) {
        l->stats.reorder_pkts++;
        return due + l->cfg.reorder_ns; /* later packets overtake this one */
    }
    return l->last_due_ns = due;
}

static int launch(struct trk_link *l, uint64_t due_ns, const void *pkt, size_t len)
{
    if (l->n_free == 0) {
        l->stats.no_room_pkts++;
        return 0;
    }
    struct packet *p = l->free[--l->n_free];
    p->due_ns = due_ns;
    p->order = l->order++;
    p->len = len;
    memcpy(p->bytes, pkt, len);
    if (chance(l, l->cfg.corrupt_ppm))
        l->stats.corrupt_pkts += (uint64_t)trk_link_corrupt(
            p->bytes, len, trk_link_rng_next(&l->rng), l->cfg.corrupt_fix_checksum);
    heap_push(l, p);
    return 1;
}

int trk_link_send(struct trk_link *l, uint64_t now_ns, const void *pkt, size_t len)
{
    uint64_t depart_ns;
    l->stats.arrived_pkts++;
    l->stats.arrived_bytes += len;
    if (len > TRK_LINK_PACKET_BYTES) {
        l->stats.no_room_pkts++;
        return 0;
    }
    if (!enqueue(l, now_ns, len, &depart_ns) || lost(l))
        return 0;
    int copies = launch(l, arrival_ns(l, depart_ns), pkt, len);
    if (chance(l, l->cfg.duplicate_ppm)) {
        l->stats.duplicate_pkts++;
        copies += launch(l, arrival_ns(l, depart_ns), pkt, len);
    }
    return copies;
}

uint64_t trk_link_next_ns(const struct trk_link *l)
{
    return l->n_heap == 0 ? UINT64_MAX : l->heap[0]->due_ns;
}

size_t trk_link_receive(struct trk_link *l, uint64_t now_ns, void *out, uint64_t *due_ns)
{
    if (l->n_heap == 0 || l->heap[0]->due_ns > now_ns)
        return 0;
    struct packet *p = heap_pop(l);
    memcpy(out, p->bytes, p->len);
    *due_ns = p->due_ns;
    l->free[l->n_free++] = p;
    l->stats.delivered_pkts++;
    l->stats.delivered_bytes += p->len;
    return p->len;
}
