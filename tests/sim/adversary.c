#include "adversary.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_MAX = 132 };

static void take_cont(struct adversary *a, const uint8_t *cont)
{
    for (unsigned i = 0; i < a->n_conts; i++)
        if (memcmp(a->cont[i], cont, TRK_CONT_CLEAR_BYTES - 8) == 0)
            return; /* the same but for the time of issue */
    if (a->n_conts < ADVERSARY_CONTS)
        memcpy(a->cont[a->n_conts++], cont, TRK_CONT_BYTES);
}

static void take_data(struct adversary *a, const struct trk_data_pkt *d)
{
    a->data++;
    if (d->cont != NULL)
        take_cont(a, d->cont);
    if (d->seq >= ADVERSARY_SEQS)
        return;
    a->sent_twice |= a->have[d->seq];
    a->fresh += !a->have[d->seq];
    a->have[d->seq] = true;
    a->nonce[d->seq] = d->nonce;
    if (d->seq > a->highest)
        a->highest = d->seq;
}

static void deliver(void *ctx, struct simpkt *pkt)
{
    struct adversary *a = ctx;
    struct trk_data_pkt d;
    struct trk_ack_pkt ack;
    a->bytes_in += pkt->len;
    if (trk_wire_read_data(pkt->data, pkt->len, &d) == TRK_OK) {
        take_data(a, &d);
    } else if (trk_wire_read_ack(pkt->data, pkt->len, &ack) == TRK_OK) {
        a->reason[ack.reason]++;
        if (ack.cont != NULL && ack.reason != TRK_REASON_STALE)
            take_cont(a, ack.cont);
    }
    free(pkt);
}

static void flush(struct adversary *a)
{
    while (sim_step(&a->sim))
        ;
}

static void send(struct adversary *a, const uint8_t *pkt, size_t len)
{
    a->bytes_out += len;
    simserver_read(&a->server, &a->addr, pkt, len);
    flush(a);
}

void adversary_init(struct adversary *a, uint64_t seed)
{
    memset(a, 0, sizeof *a);
    a->rng = rng_split(seed, 40);
    a->addr = (struct trk_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 9}, 41000};
    a->reqno = 1;
    sim_init(&a->sim);
    fakeseal_init(&a->judge_fake, seed, &a->judge_ops);
    judge_init(&a->judge, &a->judge_ops);
    struct simlink_conf none = {0};
    simlink_init(&a->down, &a->sim, &none, rng_split(seed, 41), deliver, a);
    struct simserver_conf conf = {.packet_max = TRK_PACKET_V4_BYTES,
                                  .file_bytes = UINT64_MAX / 2,
                                  .table_bytes = 1 << 20,
                                  .seed = seed};
    simserver_init(&a->server, &a->sim, &conf, &a->down, &a->judge);
    uint8_t buf[TRK_PACKET_V4_BYTES];
    struct trk_open o = {.c = {.cid = 77}, .nonce = 1, .service_port = 80, .versions = 1u << TRK_VERSION};
    long n = trk_wire_write_open(buf, sizeof buf, &o, 1200);
    send(a, buf, (size_t)n);
}

void adversary_free(struct adversary *a)
{
    simserver_free(&a->server);
    judge_free(&a->judge);
    sim_free(&a->sim, free);
}

void adversary_round(struct adversary *a)
{
    memcpy(a->old, a->have, sizeof a->old);
    a->sim.now_ns += 50 * SIM_MS;
}

void adversary_law(const struct adversary *a, unsigned i, struct trk_law *law)
{
    TRK_ASSERT(trk_cont_read_law(a->cont[i], TRK_CONT_BYTES, law) == TRK_OK);
}

uint64_t adversary_k(const struct adversary *a, const struct trk_law *law)
{
    uint64_t k = law->base - 1;
    while (k + 1 < ADVERSARY_SEQS && k + 1 < trk_law_range_end(law) && a->old[k + 1])
        k++;
    return k;
}

static uint64_t fold(const struct adversary *a, uint64_t first, uint64_t end)
{
    uint64_t acc = 0;
    for (uint64_t s = first; s < end && s < ADVERSARY_SEQS; s++)
        acc ^= a->nonce[s];
    return acc;
}

void adversary_ask(struct adversary *a, unsigned i, enum trk_kind kind, uint64_t hole, uint8_t attempt, uint64_t k,
                   uint64_t first, uint64_t end, uint16_t flags, bool false_proof)
{
    uint8_t buf[TRK_PACKET_V4_BYTES];
    struct trk_law parent, law;
    adversary_law(a, i, &parent);
    law = parent;
    if (kind != TRK_KIND_ASK &&
        trk_law_derive(&parent, kind, hole, attempt, TRK_WINDOW_MAX_PKTS, &law) != TRK_OK)
        return;
    struct trk_request_pkt q = {
        .c = {.cid = 77, .flags = flags},
        .reqno = a->reqno++,
        .kind = kind,
        .hole = hole,
        .attempt = attempt,
        .w_cl_pkts = TRK_WINDOW_MAX_PKTS,
        .k = k,
        .proof = fold(a, law.base, k + 1) ^ (kind != TRK_KIND_ASK ? fold(a, parent.base, hole) : 0),
        .cont = a->cont[i],
        .cont_len = TRK_CONT_BYTES,
    };
    if (false_proof)
        q.proof ^= rng_next(&a->rng) | 1;
    do {
        uint64_t n = end - first < ASK_MAX ? end - first : ASK_MAX;
        q.n_asks = n > 0 ? 1 : 0;
        q.ask[0] = (struct trk_ask){.first = first, .count = (uint16_t)n, .off = first * 1132, .len = (uint32_t)n * 1132};
        long len = trk_wire_write_request(buf, sizeof buf, &q);
        TRK_ASSERT(len > 0);
        send(a, buf, (size_t)len);
        q.reqno = a->reqno++;
        first += n;
    } while (first < end);
}

struct move {
    enum trk_kind kind;
    uint64_t hole;
    uint8_t attempt;
};

/* One move: with everything that it grants. */
static void play(struct adversary *a, unsigned i, const struct move *m)
{
    struct trk_law parent, law;
    adversary_law(a, i, &parent);
    law = parent;
    uint64_t k = adversary_k(a, &parent);
    if (m->kind != TRK_KIND_ASK) {
        if (trk_law_derive(&parent, m->kind, m->hole, m->attempt, TRK_WINDOW_MAX_PKTS, &law) != TRK_OK)
            return;
        k = law.base - 1; /* nothing is proved within the child */
    }
    uint64_t limit = trk_law_limit(&law, k, 0, TRK_WINDOW_MAX_PKTS, true);
    uint16_t flags = TRK_REQ_PROBE | TRK_REQ_REFRESH;
    adversary_ask(a, i, m->kind, m->hole, m->attempt, k, k + 1, limit + 1, flags, false);
}

void adversary_all(struct adversary *a, unsigned i, bool timeouts)
{
    static struct move moves[1 << 16];
    struct trk_law law;
    size_t n = 0;
    adversary_law(a, i, &law);
    uint64_t k = adversary_k(a, &law);
    for (uint64_t f = law.base; f <= k + 1 && n + 20 < sizeof moves / sizeof moves[0]; f++) {
        moves[n++] = (struct move){TRK_KIND_HOLE, f, 0};
        for (uint8_t t = 0; timeouts && t < 16; t++)
            moves[n++] = (struct move){TRK_KIND_TIMEOUT, f, t};
    }
    bool greedy = rng_below(&a->rng, 2) == 0; /* cuts close gaps, so they are best made last */
    for (size_t j = n; j > 1 && !greedy; j--) {
        size_t x = (size_t)rng_below(&a->rng, j);
        struct move swap = moves[j - 1];
        moves[j - 1] = moves[x];
        moves[x] = swap;
    }
    play(a, i, &(struct move){TRK_KIND_ASK, 0, 0});
    for (int pass = 0; pass < (greedy ? 2 : 1); pass++)
        for (size_t j = 0; j < n; j++)
            if (!greedy || (moves[j].kind == TRK_KIND_HOLE) == (pass == 1))
                play(a, i, &moves[j]);
}

void adversary_behave(struct adversary *a, unsigned rounds)
{
    for (unsigned r = 0; r < rounds; r++) {
        struct trk_law law;
        unsigned i = a->n_conts - 1;
        adversary_law(a, i, &law);
        uint64_t k = adversary_k(a, &law);
        uint64_t limit = trk_law_limit(&law, k, 0, TRK_WINDOW_MAX_PKTS, false);
        adversary_ask(a, i, TRK_KIND_ASK, 0, 0, k, k + 1, limit + 1, TRK_REQ_REFRESH, false);
        adversary_round(a);
    }
}
