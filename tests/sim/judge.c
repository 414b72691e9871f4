#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cont.h"

enum { IW = 10, SEQS_MAX = 1 << 24, CONTS_BYTES = 2 + 512 + 2 + 166 };

static void fail(struct judge *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct judge *c, const char *format, ...)
{
    va_list args;
    if (c->why_set)
        return;
    c->why_set = true;
    va_start(args, format);
    (void)vsnprintf(c->why, sizeof c->why, format, args);
    va_end(args);
}

void judge_init(struct judge *c, const struct trk_seal_ops *seal)
{
    memset(c, 0, sizeof *c);
    c->seal = seal;
    c->hash = UINT64_C(0xcbf29ce484222325);
}

void judge_free(struct judge *c)
{
    for (unsigned i = 0; i < c->n_spaces; i++) {
        free(c->space[i].nonce);
        free(c->space[i].state);
        free(c->space[i].allowed);
    }
}

const char *judge_why(const struct judge *c)
{
    return c->why_set ? c->why : NULL;
}

void judge_table_lost(struct judge *c)
{
    c->table_lost = true;
}

/* Big-endian number of n bytes at an offset. The caller knows that it is there. */
static uint64_t at(const uint8_t *p, size_t off, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | p[off + i];
    return v;
}

static struct judge_space *space_of(struct judge *c, uint64_t rho)
{
    for (unsigned i = c->n_spaces; i-- > 0;)
        if (c->space[i].rho == rho)
            return &c->space[i];
    if (c->n_spaces == JUDGE_SPACES) { /* STALE floods: forget the oldest */
        free(c->space[0].nonce);
        free(c->space[0].state);
        free(c->space[0].allowed);
        memmove(&c->space[0], &c->space[1], (JUDGE_SPACES - 1) * sizeof c->space[0]);
        c->n_spaces--;
    }
    struct judge_space *s = &c->space[c->n_spaces++];
    *s = (struct judge_space){.rho = rho};
    return s;
}

static void reach(struct judge_space *s, uint64_t seq)
{
    if (seq < s->cap)
        return;
    uint64_t cap = s->cap == 0 ? 1024 : s->cap;
    while (cap <= seq)
        cap *= 2;
    s->nonce = realloc(s->nonce, cap * sizeof *s->nonce);
    s->state = realloc(s->state, cap);
    s->allowed = realloc(s->allowed, cap * sizeof *s->allowed);
    if (s->nonce == NULL || s->state == NULL || s->allowed == NULL)
        abort();
    memset(s->nonce + s->cap, 0, (cap - s->cap) * sizeof *s->nonce);
    memset(s->state + s->cap, 0, cap - s->cap);
    memset(s->allowed + s->cap, 0, (cap - s->cap) * sizeof *s->allowed);
    s->cap = cap;
}

/* The law part as far as Reno needs it; windows in packets plus packets already proved within the window. */
struct law {
    uint64_t base, law_base, w0, done, ssthresh, w0_whole, wq;
    bool timeout;
};

/* Per-ACK Reno: the window after o more packets were acknowledged one by one. */
static uint64_t reno(const struct law *l, uint64_t o)
{
    uint64_t cwnd = l->w0, acked = l->w0 >= l->ssthresh ? l->done : 0;
    while (o > 0) {
        if (cwnd < l->ssthresh) {
            cwnd++;
            o--;
            continue;
        }
        uint64_t need = cwnd - acked;
        if (o < need)
            break;
        o -= need; /* a whole window at a time: the same, sooner */
        cwnd++;
        acked = 0;
    }
    return cwnd;
}

static struct law law_of(const uint8_t *cont)
{
    struct law l = {.base = at(cont, 12, 6), .law_base = at(cont, 18, 6)};
    uint64_t w0_q = at(cont, 24, 4);
    l.w0 = w0_q >> 12;
    l.done = ((w0_q & 4095) * l.w0 + 2048) >> 12;
    l.ssthresh = at(cont, 28, 4) >> 12;
    l.timeout = (at(cont, 2, 1) & 1) != 0;
    return l;
}

static uint64_t window(const struct law *l, uint64_t k)
{
    return reno(l, k + 1 > l->law_base ? k + 1 - l->law_base : 0);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct law derive(const struct law *p, unsigned kind, uint64_t f, uint64_t a, uint64_t w_cl)
{
    uint64_t wd = window(p, f - 1), cut = max_u64(2, min_u64(wd, max_u64(1, w_cl)) / 2);
    struct law l = {.w0 = kind == 1 ? cut : 1, .ssthresh = cut, .timeout = kind == 2};
    l.base = kind == 1 ? f + 2 * wd + 1 : f + 6 * wd + 3 + a;
    if (kind == 2 && p->timeout && f == p->base)
        l.ssthresh = p->ssthresh;
    l.law_base = l.base;
    return l;
}

/* Folds the nonces of [first, end); true if all of them were sent. */
static bool fold(struct judge_space *s, uint64_t first, uint64_t end, uint64_t *acc)
{
    if (first >= end)
        return true;
    if (end - first > SEQS_MAX)
        return false;
    for (uint64_t q = first; q < end; q++) {
        if (q >= s->cap || s->state[q] != 1)
            return false;
        *acc ^= s->nonce[q];
    }
    return true;
}

static void close_gap(struct judge *c, struct judge_space *s, uint64_t f, uint64_t base)
{
    if (c->table_useless || base - f > SEQS_MAX)
        return;
    reach(s, base);
    for (uint64_t q = f; q < base; q++)
        if (s->state[q] == 0)
            s->state[q] = 2;
}

static struct judge_req *note_req(struct judge *c, const uint8_t *p, uint64_t rho, uint64_t limit)
{
    uint32_t reqno = (uint32_t)at(p, 12, 4);
    struct judge_req *r = &c->req[reqno % JUDGE_REQS];
    *r = (struct judge_req){.used = true, .reqno = reqno, .cid = at(p, 4, 8), .rho = rho, .limit = limit};
    return r;
}

/* What this request may be given, now or later. */
static void allow(struct judge_space *s, const uint8_t *asks, unsigned n_asks, uint64_t k, uint64_t limit)
{
    for (unsigned i = 0; i < n_asks; i++) {
        uint64_t first = at(asks, 20 * i, 6), end = first + at(asks, 20 * i + 6, 2);
        for (uint64_t q = max_u64(first, k + 1); q < end && q <= limit; q++) {
            reach(s, q);
            s->allowed[q] = true;
        }
    }
}

static void judge_request(struct judge *c, const uint8_t *p, size_t cont_at, uint64_t rho)
{
    unsigned kind = p[20], attempt = p[21], n_ranges = p[22], n_asks = p[23];
    uint64_t w_cl = at(p, 24, 4), hole = at(p, 32, 6), k = at(p, 38, 6), proof = at(p, 44, 8);
    bool probe = (at(p, 2, 2) & 1) != 0;
    struct judge_space *s = space_of(c, rho);
    struct law parent = law_of(p + cont_at), l = parent;
    if (c->now_len > at(p, cont_at + 6, 2))
        fail(c, "request of %zu bytes, packets have %" PRIu64, c->now_len, at(p, cont_at + 6, 2));
    uint64_t acc = 0, n = 0;
    bool sent = true;
    if (kind == 1 || kind == 2) {
        l = derive(&parent, kind, hole, attempt, w_cl);
        sent = fold(s, parent.base, hole, &acc);
    }
    sent = sent && fold(s, l.base, k + 1, &acc);
    for (unsigned i = 0; i < n_ranges; i++) {
        uint64_t first = at(p, 72 + 8 * i, 6), count = at(p, 72 + 8 * i + 6, 2);
        n += kind == 3 && i == n_ranges - 1 ? 0 : count; /* the hole of an UNDO is no credit */
        sent = sent && fold(s, first, first + count, &acc);
    }
    c->now_bad_proof = !sent || acc != proof;
    uint64_t w = min_u64(window(&l, k), max_u64(1, w_cl));
    c->window_max = max_u64(c->window_max, w);
    uint64_t limit = min_u64(k + w + min_u64(n, w) + (probe ? 1 : 0), l.law_base + 4 * max_u64(1, l.w0) + 63);
    c->now = note_req(c, p, rho, limit);
    if (!c->now_bad_proof)
        allow(s, p + 72 + 8 * n_ranges, n_asks, k, limit);
    if (kind == 1 && !c->now_bad_proof)
        close_gap(c, s, hole, l.base);
}

void judge_arrival(struct judge *c, const uint8_t *p, size_t len)
{
    c->now = NULL;
    c->now_len = len;
    c->now_opens = false;
    c->now_bad_proof = false;
    c->answers = 0;
    c->answer_data = 0;
    c->answer_bytes = 0;
    c->answer_stale = c->answer_bad = c->answer_ucont = false;
    if (len < 72 || p[0] != 0x22)
        return;
    struct trk_request_pkt q; /* only to know whether it is well formed: codecs have tests of their own */
    struct trk_law law;
    struct trk_secret secret;
    if (trk_wire_read_request(p, len, &q) != TRK_OK || q.cont_len != TRK_CONT_BYTES ||
        trk_cont_open(c->seal, q.cont, q.cont_len, &law, &secret) != TRK_OK)
        return;
    c->requests++;
    c->now_opens = true;
    judge_request(c, p, (size_t)(q.cont - p), secret.rho);
}

static const struct judge_req *covering(struct judge *c, const uint8_t *p)
{
    uint32_t reqno = (uint32_t)at(p, 12, 4);
    struct judge_req *r = &c->req[reqno % JUDGE_REQS];
    return r->used && r->reqno == reqno && r->cid == at(p, 4, 8) ? r : NULL;
}

static void judge_data(struct judge *c, const uint8_t *p)
{
    uint64_t seq = at(p, 22, 6), train_end = at(p, 28, 6), nonce = at(p, 34, 8), limit = at(p, 42, 6);
    const struct judge_req *r = covering(c, p);
    c->data++;
    c->answer_data++;
    if (r == NULL) {
        fail(c, "DATA %" PRIu64 " answers no request (%" PRIu64 ")", seq, at(p, 12, 4));
        return;
    }
    struct judge_space *s = space_of(c, r->rho);
    reach(s, seq);
    if (!s->allowed[seq] || train_end < seq || limit != r->limit)
        fail(c, "DATA %" PRIu64 " allowed %d, limit %" PRIu64 " (says %" PRIu64 "), train to %" PRIu64, seq,
             s->allowed[seq], r->limit, limit, train_end);
    if (s->state[seq] != 0 && !c->table_useless) {
        if (!c->table_lost || (s->state[seq] == 1 && s->nonce[seq] != nonce))
            fail(c, "DATA %" PRIu64 " %s", seq, s->state[seq] == 1 ? "sent twice" : "sent from a closed gap");
        s->resent++;
    }
    if (s->state[seq] == 1 && s->nonce[seq] != nonce)
        fail(c, "DATA %" PRIu64 " has two nonces", seq);
    if (s->state[seq] != 1)
        s->sent++;
    s->state[seq] = 1;
    s->nonce[seq] = nonce;
    s->highest = max_u64(s->highest, seq);
    if (c->now != NULL && r == c->now && c->now_bad_proof)
        fail(c, "DATA %" PRIu64 " granted on a false proof", seq);
}

void judge_answer(struct judge *c, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i += 1 + len / 64) /* enough to tell two runs apart */
        c->hash = (c->hash ^ p[i]) * UINT64_C(0x100000001b3);
    c->hash = (c->hash ^ len) * UINT64_C(0x100000001b3);
    c->answers++;
    c->answer_bytes += len;
    if (p[0] == 0x34) {
        judge_data(c, p);
        return;
    }
    if (p[0] != 0x35)
        return;
    unsigned reason = p[22];
    c->answer_stale |= reason == 4;
    c->answer_bad |= reason == 5;
    c->answer_ucont |= (at(p, 2, 2) & 0x20) != 0;
    const struct judge_req *r = covering(c, p);
    if (c->now != NULL && r == c->now && reason < 4 && !c->answer_stale && at(p, 30, 6) != c->now->limit)
        fail(c, "limit %" PRIu64 " in an ACK, not %" PRIu64, at(p, 30, 6), c->now->limit);
}

void judge_arrival_done(struct judge *c, enum trk_verdict v)
{
    if (v == TRK_V_OPEN || v == TRK_V_REPLY) {
        if (c->answer_bytes > c->now_len)
            fail(c, "%" PRIu64 " bytes for %zu before validation", c->answer_bytes, c->now_len);
        return;
    }
    if (!c->now_opens)
        return;
    if (c->answers == 0 && v == TRK_V_REQUEST)
        fail(c, "request %u was not answered", c->now->reqno);
    uint64_t most = c->now_len + (c->answer_ucont ? CONTS_BYTES : 0);
    if (c->answer_data == 0 && v == TRK_V_REQUEST && c->answer_bytes > most)
        fail(c, "%" PRIu64 " bytes without DATA for a request of %zu", c->answer_bytes, c->now_len);
    if (v == TRK_V_REQUEST && c->now_bad_proof && !c->answer_bad && !c->answer_stale)
        c->accepted_false++;
    if (v == TRK_V_REQUEST && !c->now_bad_proof && c->answer_bad)
        fail(c, "request %u: a true proof was refused", c->now->reqno);
}
