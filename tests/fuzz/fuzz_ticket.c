/*
 * Tickets of any bytes, and any answers to them: no answer makes packets that break a rule. Input: an encoded ticket,
 * then answers of ANSWER_BYTES each, the first of them pending.
 */
#include <config.h>

#include "core/mini.h"

#include "clear_seal.h"
#include "fuzz.h"

const char fuzz_name[] = "fuzz_ticket";

enum { ANSWER_BYTES = 64, REQUEST_MAX_BYTES = 3000, ANSWERS_MAX = 4 };

static _Alignas(64) uint8_t table[TRK_REPLAY_MIN_BYTES];
static struct trk_mini_plan plan;

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, size);
}

/* Numbers near those that matter: bits of what the fuzzer gives choose around them. */
static uint64_t near(uint64_t base, uint16_t by)
{
    return base + by - 0x8000;
}

static void read_answer(const uint8_t *bytes, const struct trk_ticket *t, struct trk_mini_answer *a)
{
    static const uint8_t user[TRK_UCONT_BYTES_MAX];
    struct trk_rd r = trk_rd_make(bytes, ANSWER_BYTES);
    uint16_t flags = trk_rd_u16(&r);
    uint64_t base = t->ucont.end != UINT64_MAX ? t->ucont.end : t->ucont.from;
    *a = (struct trk_mini_answer){.consumed_end = flags & 1,
                                  .fresh = flags & 2,
                                  .has_first = flags & 4,
                                  .has_last = flags & 8,
                                  .end_known = flags & 16,
                                  .fin = flags & 32,
                                  .pending = flags & 64};
    a->consumed = trk_rd_u16(&r);
    a->need = trk_rd_u16(&r);
    a->first = (struct trk_mini_ucont){near(base, trk_rd_u16(&r)), user, trk_rd_u16(&r) % (sizeof user + 1)};
    a->last = (struct trk_mini_ucont){near(base, trk_rd_u16(&r)), user, trk_rd_u16(&r) % (sizeof user + 1)};
    a->end = flags & 128 ? trk_rd_u64(&r) : near(base, trk_rd_u16(&r));
    for (unsigned i = 0; i < TRK_TICKET_RUNS_MAX; i++)
        a->have[i] = trk_rd_left(&r) >= 4 ? trk_rd_u32(&r) : 0;
}

static bool state_known(const struct trk_ticket *before, uint64_t state)
{
    struct trk_ack_pkt ack;
    struct trk_ucont u;
    struct trk_data_pkt d;
    if (before->has_ucont && before->ucont.state == state)
        return true;
    if (plan.before_len != 0 && trk_wire_read_ack(plan.before, plan.before_len, &ack) == TRK_OK && ack.ucont_len != 0 &&
        trk_ucont_read(ack.ucont, ack.ucont_len, &u) == TRK_OK && u.state == state)
        return true;
    return plan.n == 1 && trk_wire_read_data(plan.heads, plan.head_len[0], &d) == TRK_OK && d.ucont_len != 0 &&
           trk_ucont_read(d.ucont, d.ucont_len, &u) == TRK_OK && u.state == state;
}

static void check_plan(const struct trk_ticket *before, const struct trk_mini_answer *a)
{
    uint64_t seq = 0;
    FUZZ_CHECK(plan.n <= TRK_GRANTS_MAX);
    for (unsigned i = 0; i < plan.n; i++) {
        const struct trk_piece *p = &plan.piece[i];
        const struct trk_run *r = &before->run[plan.src[i].run];
        struct trk_data_pkt d;
        FUZZ_CHECK(plan.src[i].run < before->n_runs && p->seq > seq);
        seq = p->seq;
        FUZZ_CHECK(p->seq >= r->first && p->seq < r->first + r->count && p->off == r->off + plan.src[i].at);
        FUZZ_CHECK(plan.src[i].at + p->len <= a->have[plan.src[i].run]);
        FUZZ_CHECK((size_t)plan.head_len[i] + p->len <= before->to.packet_size);
        FUZZ_CHECK(trk_wire_read_data(plan.heads + (size_t)i * TRK_HEAD_BYTES_MAX, plan.head_len[i], &d) == TRK_OK);
        FUZZ_CHECK(d.seq == p->seq && d.state == p->state && state_known(before, d.state));
    }
}

static void answer_all(struct trk_mini *m, struct trk_ticket *t, const uint8_t *data, size_t size)
{
    uint8_t request[REQUEST_MAX_BYTES] = {0};
    uint64_t shown = t->up_end - t->ucont.up;
    struct trk_mini_input in = {.request = request,
                                .request_len = shown < sizeof request ? (size_t)shown : sizeof request,
                                .request_end = t->up_fin};
    for (unsigned i = 0; i < ANSWERS_MAX && size >= ANSWER_BYTES; i++) {
        struct trk_mini_answer a;
        struct trk_ticket before = *t;
        read_answer(data, t, &a);
        int rc = trk_mini_plan(m, t->came_us + i, t, &a, &in, &plan);
        FUZZ_CHECK(rc == TRK_OK || rc == TRK_E_INVAL || rc == TRK_E_AGAIN || rc == TRK_E_KEY);
        FUZZ_CHECK(rc != TRK_E_AGAIN); /* nothing comes meanwhile */
        if (rc != TRK_OK)
            return;
        check_plan(&before, &a);
        in.request_len -= a.consumed;
        in.held = true;
        data += ANSWER_BYTES;
        size -= ANSWER_BYTES;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t seed[2] = {1, 2};
    static const struct trk_mem mem = {.resize = resize};
    uint8_t again[TRK_TICKET_BYTES_MAX];
    struct trk_ticket t;
    size_t used;
    if (trk_ticket_read(data, size, &t, &used) != TRK_OK)
        return 0;
    FUZZ_CHECK(used <= size && trk_ticket_write(&t, again) == used && memcmp(again, data, used) == 0);
    uint64_t counter = 0;
    struct trk_server srv = {.seal = clear_seal_ops(&counter), .instance = 5, .packet_max = TRK_PACKET_V4_BYTES};
    struct trk_replay replay;
    struct trk_reasm reasm;
    struct trk_mini m = {&srv, &replay, &reasm};
    FUZZ_CHECK(trk_replay_init(&replay, table, sizeof table, TRK_FRESHNESS_US) == TRK_OK);
    trk_reasm_init(&reasm, &mem, seed, 2, 1 << 20);
    answer_all(&m, &t, data + used, size - used);
    size_t len = trk_mini_ack(&m, t.came_us, &t, TRK_REASON_OK, plan.before);
    FUZZ_CHECK(len <= TRK_REPLY_BYTES_MAX);
    trk_reasm_clear(&reasm);
    return 0;
}

/* A ticket of n runs, and two answers: one pending, one that ends it. */
static void emit_ticket(fuzz_emit_fn *emit, void *arg, unsigned n, bool has_ucont, bool give_cont)
{
    struct trk_ticket t = {.give_cont = give_cont, .asked = true, .pkt_len = 300, .came_us = 5000, .has_ucont = has_ucont};
    uint8_t buf[TRK_TICKET_BYTES_MAX + 2 * ANSWER_BYTES] = {0};
    trk_law_first(&t.law, 1472, 5, 1000);
    t.law.flags |= TRK_LAW_STATELESS;
    t.to = (struct trk_answer){.conn = 3, .space = {4, 5}, .nonce_step = CLEAR_SEAL_STEP, .limit = 100};
    t.secret = (struct trk_secret){.conn = 3, .rho = 4, .service_port = 80};
    t.keep_first = 1;
    if (has_ucont)
        t.ucont = (struct trk_ucont){.flags = TRK_UCONT_END, .state = 9, .up = 10, .from = 0, .end = 3000};
    t.up_end = t.ucont.up + 50;
    t.up_fin = true;
    for (unsigned i = 0; i < n; i++)
        t.run[t.n_runs++] = (struct trk_run){1 + 4 * i, 4, 3000 * i, 3000};
    size_t len = trk_ticket_write(&t, buf);
    struct trk_wr w = trk_wr_make(buf + len, 2 * ANSWER_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        trk_wr_u16(&w, (uint16_t)(i == 0 ? 4 + 64 : 1 + 8 + 16 + 32));
        trk_wr_u16(&w, i == 0 ? 20 : 30);
        trk_wr_u16(&w, 0);
        trk_wr_u16(&w, 0x8000);
        trk_wr_u16(&w, 40);
        trk_wr_u16(&w, 0x8000);
        trk_wr_u16(&w, 60);
        trk_wr_u16(&w, 0x8000 + 3000);
        trk_wr_u32(&w, i == 0 ? 100 : 0);
        trk_wr_u32(&w, i == 0 ? 0 : 2000);
        trk_wr_zero(&w, (i + 1) * (size_t)ANSWER_BYTES - trk_wr_len(&w));
    }
    emit(arg, buf, len + trk_wr_len(&w));
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    emit_ticket(emit, arg, 0, false, false);
    emit_ticket(emit, arg, 2, false, true);
    emit_ticket(emit, arg, 3, true, true);
    emit_ticket(emit, arg, TRK_TICKET_RUNS_MAX, true, false);
}
