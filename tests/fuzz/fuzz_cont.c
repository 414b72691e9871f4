/*
 * Continuations, and the law over every law part that decodes. Input: up to 32 bytes of arguments,
 * then a continuation.
 */
#include <config.h>

#include "core/cont.h"

#include "clear_seal.h"
#include "fuzz.h"

const char fuzz_name[] = "fuzz_cont";

enum { ARGUMENT_BYTES = 32 };

struct arguments {
    uint64_t k, f;
    uint32_t n, w_cl, age_us, rtt_us;
    uint8_t kind, attempt;
    bool probe;
};

static struct arguments read_arguments(const uint8_t *p)
{
    struct trk_rd r = trk_rd_make(p, ARGUMENT_BYTES);
    struct arguments a = {.k = trk_rd_u48(&r), .f = trk_rd_u48(&r)};
    a.n = trk_rd_u32(&r);
    a.w_cl = trk_rd_u32(&r);
    a.age_us = trk_rd_u32(&r);
    a.rtt_us = trk_rd_u32(&r);
    a.kind = trk_rd_u8(&r);
    a.attempt = trk_rd_u8(&r);
    a.probe = trk_rd_u8(&r) & 1;
    return a;
}

/* What a server seals decodes again, to the same bytes. */
static void check_sealable(const struct trk_seal_ops *ops, struct trk_law *law,
                           const struct trk_secret *s)
{
    uint8_t one[TRK_CONT_BYTES], two[TRK_CONT_BYTES];
    struct trk_law law2;
    struct trk_secret s2;
    FUZZ_CHECK(trk_cont_seal(ops, law, s, one) == TRK_OK);
    FUZZ_CHECK(trk_cont_open(ops, one, sizeof one, &law2, &s2) == TRK_OK);
    FUZZ_CHECK(trk_cont_seal(ops, &law2, &s2, two) == TRK_OK);
    FUZZ_CHECK(memcmp(one, two, sizeof one) == 0);
}

static void check_window(const struct trk_law *law, const struct arguments *a)
{
    uint64_t end = trk_law_range_end(law);
    uint64_t k = a->k < law->base ? law->base - 1 : a->k < end ? a->k : end - 1;
    uint32_t w = trk_law_window_q(law, k);
    FUZZ_CHECK(w >= 1u << TRK_Q && w >> TRK_Q <= TRK_WINDOW_MAX_PKTS);
    FUZZ_CHECK(trk_law_window_q(law, k + 1) >= w); /* never falls */
    uint64_t limit = trk_law_limit(law, k, a->n, a->w_cl, a->probe);
    FUZZ_CHECK(limit < end && limit <= k + 2 * (uint64_t)(w >> TRK_Q) + 1);
    FUZZ_CHECK(trk_law_limit(law, k, a->n, 1, false) <= limit); /* reductions are free */
}

static void check_children(const struct trk_seal_ops *ops, const struct trk_law *law,
                           const struct trk_secret *s, const struct arguments *a)
{
    struct trk_law child;
    enum trk_kind kind = a->kind & 1 ? TRK_KIND_HOLE : TRK_KIND_TIMEOUT;
    if (trk_law_derive(law, kind, a->f, a->attempt & 15, a->w_cl, &child) == TRK_OK) {
        FUZZ_CHECK(child.base > a->f && child.law_base == child.base);
        FUZZ_CHECK(trk_law_window(&child, child.base - 1) <= trk_law_window(law, a->f - 1) ||
                   trk_law_window(&child, child.base - 1) <= 2);
        check_sealable(ops, &child, s);
    }
    uint64_t k = a->k < law->base ? law->base - 1 : a->k;
    if (k < trk_law_range_end(law)) {
        trk_law_refresh(law, k, k + a->n, a->w_cl, a->age_us, a->rtt_us, &child);
        FUZZ_CHECK(trk_law_window_q(&child, k) <= trk_law_window_q(law, k));
        check_sealable(ops, &child, s);
    }
    trk_law_stale(law, &child);
    FUZZ_CHECK(trk_law_window(&child, 0) <= TRK_IW_PKTS);
    check_sealable(ops, &child, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < ARGUMENT_BYTES)
        return 0;
    uint64_t counter = 0;
    struct trk_seal_ops ops = clear_seal_ops(&counter);
    struct arguments a = read_arguments(data);
    struct trk_law law, clear;
    struct trk_secret s;
    int r = trk_cont_open(&ops, data + ARGUMENT_BYTES, size - ARGUMENT_BYTES, &law, &s);
    int c = trk_cont_read_law(data + ARGUMENT_BYTES, size - ARGUMENT_BYTES, &clear);
    FUZZ_CHECK(r != TRK_OK || c == TRK_OK);
    if (c == TRK_OK)
        check_window(&clear, &a); /* what a client does with it */
    if (r != TRK_OK)
        return 0;
    check_sealable(&ops, &law, &s);
    /* Only what servers seal has children; none comes near the end of the seqs within its lifetime.
     */
    if (trk_law_range_end(&law) < TRK_SEQ_MAX)
        check_children(&ops, &law, &s, &a);
    return 0;
}

static void emit_law(fuzz_emit_fn *emit, void *arg, struct trk_law *law, uint64_t k, uint8_t kind)
{
    uint64_t counter = 0;
    struct trk_seal_ops ops = clear_seal_ops(&counter);
    const struct trk_secret s = {.conn = 1, .rho = 2, .nonce_step = CLEAR_SEAL_STEP};
    uint8_t seed[ARGUMENT_BYTES + TRK_CONT_BYTES] = {0};
    struct trk_wr w = trk_wr_make(seed, ARGUMENT_BYTES);
    trk_wr_u48(&w, k);
    trk_wr_u48(&w, k + 1);
    trk_wr_u32(&w, 3);
    trk_wr_u32(&w, 100);
    trk_wr_u32(&w, 2000000);
    trk_wr_u32(&w, 30000);
    trk_wr_u8(&w, kind);
    FUZZ_CHECK(trk_cont_seal(&ops, law, &s, seed + ARGUMENT_BYTES) == TRK_OK);
    emit(arg, seed, sizeof seed);
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    struct trk_law law, next;
    trk_law_first(&law, 1472, 9, 1000000);
    emit_law(emit, arg, &law, 0, TRK_KIND_HOLE);
    trk_law_refresh(&law, 20, 60, 100, 40000, 30000, &next);
    emit_law(emit, arg, &next, 30, TRK_KIND_TIMEOUT);
    FUZZ_CHECK(trk_law_derive(&next, TRK_KIND_HOLE, 33, 0, 100, &law) == TRK_OK);
    emit_law(emit, arg, &law, law.base + 3, TRK_KIND_HOLE);
    FUZZ_CHECK(trk_law_derive(&law, TRK_KIND_TIMEOUT, law.base + 4, 3, 100, &next) == TRK_OK);
    emit_law(emit, arg, &next, next.base - 1, TRK_KIND_TIMEOUT);
}
