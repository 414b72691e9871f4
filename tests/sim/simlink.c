#include "simlink.h"

#include <stdlib.h>
#include <string.h>

enum { IP_UDP_BYTES = 28, BAD_TIME_MAX_NS = 300000000, NONCE_AT = 34 /* in DATA */ };

void simlink_init(struct simlink *l, struct sim *sim, const struct simlink_conf *conf, struct rng rng,
                  simlink_deliver *deliver, void *ctx)
{
    *l = (struct simlink){.conf = *conf, .sim = sim, .rng = rng, .deliver = deliver, .ctx = ctx};
}

static void arrive(void *ctx, void *arg)
{
    struct simlink *l = ctx;
    l->deliver(l->ctx, arg);
}

static bool lost(struct simlink *l)
{
    const struct simlink_conf *c = &l->conf;
    if (l->bad && l->sim->now_ns > l->bad_ns + BAD_TIME_MAX_NS)
        l->bad = false; /* a bad time ends by itself, or a sender that backs off would never see its end */
    if (!l->bad)
        l->bad_ns = l->sim->now_ns;
    if (l->bad ? rng_ppm(&l->rng, c->burst_end_ppm) : rng_ppm(&l->rng, c->burst_ppm))
        l->bad = !l->bad;
    return rng_ppm(&l->rng, l->bad ? c->burst_loss_ppm : c->loss_ppm);
}

/* Lets those go that have left; is there room for one more? */
static bool has_slot(struct simlink *l)
{
    if (l->conf.queue_pkts == 0)
        return true;
    while (l->waiting > 0 && l->out_ns[l->first] <= l->sim->now_ns) {
        l->first = (l->first + 1) % SIMLINK_QUEUE_MAX;
        l->waiting--;
    }
    return l->waiting < l->conf.queue_pkts;
}

/* When the last bit has left the line; SIM_NEVER if the queue is full. */
static uint64_t serialise(struct simlink *l, size_t len)
{
    uint64_t now = l->sim->now_ns, rate = l->conf.rate_bps;
    if (rate == 0)
        return now;
    uint64_t start = l->busy_to_ns > now ? l->busy_to_ns : now;
    uint64_t waiting = (uint64_t)((unsigned __int128)(start - now) * rate / 8 / SIM_S);
    if (waiting > l->conf.queue_bytes || !has_slot(l))
        return SIM_NEVER;
    l->busy_to_ns = start + (uint64_t)(len + IP_UDP_BYTES) * 8 * SIM_S / rate;
    if (l->conf.queue_pkts != 0)
        l->out_ns[(l->first + l->waiting++) % SIMLINK_QUEUE_MAX] = l->busy_to_ns;
    return l->busy_to_ns;
}

static void put(struct simlink *l, uint64_t at, const uint8_t *data, size_t len)
{
    bool altered = len > 0 && rng_ppm(&l->rng, l->conf.corrupt_ppm);
    l->corrupted += altered;
    if (altered && !l->conf.raw)
        return;
    struct simpkt *p = malloc(sizeof *p + len);
    if (p == NULL)
        abort();
    p->len = len;
    memcpy(p->data, data, len);
    if (altered) {
        for (uint64_t n = rng_in(&l->rng, 1, 3); n > 0; n--)
            p->data[rng_below(&l->rng, len)] ^= (uint8_t)(1u << rng_below(&l->rng, 8));
        if (rng_below(&l->rng, 4) == 0)
            p->len = (size_t)rng_below(&l->rng, len);
    }
    if (len > NONCE_AT + 8 && data[0] == 0x34 && rng_ppm(&l->rng, l->conf.nonce_ppm))
        p->data[NONCE_AT + rng_below(&l->rng, 8)] ^= 0x10;
    if (l->conf.jitter_ns != 0) {
        at += rng_below(&l->rng, l->conf.jitter_ns + 1);
        l->last_ns = at = at > l->last_ns ? at : l->last_ns;
    }
    if (rng_ppm(&l->rng, l->conf.reorder_ppm)) {
        l->reordered++;
        at += l->conf.hold_ns + rng_below(&l->rng, l->conf.reorder_ns + 1);
    }
    sim_at(l->sim, at, arrive, l, p);
}

void simlink_send(struct simlink *l, const uint8_t *data, size_t len)
{
    uint64_t now = l->sim->now_ns;
    l->sent++;
    l->bytes += len;
    uint64_t out = serialise(l, len);
    if (out == SIM_NEVER) {
        l->queue_drops++;
        return;
    }
    bool dead = now >= l->conf.dead_from_ns && now < l->conf.dead_to_ns;
    bool eaten = l->eat != NULL && l->eat(l->eat_ctx, data, len);
    if (lost(l) || dead || eaten) {
        l->lost++;
        return;
    }
    put(l, out + l->conf.delay_ns, data, len);
    if (rng_ppm(&l->rng, l->conf.dup_ppm)) {
        l->duplicated++;
        put(l, out + l->conf.delay_ns + rng_below(&l->rng, 5 * SIM_MS), data, len);
    }
}
