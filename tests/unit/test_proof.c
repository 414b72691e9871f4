/* Range nonces: p_s = r_s xor r_{s+1}, and the proof of a span is two values of r. */
#include "core/proof.h"

#include "base/err.h"
#include "fakeseal.h"
#include "unit.h"

static struct fakeseal fs;
static struct trk_seal_ops ops;
static const struct trk_space space = {UINT64_C(0x1122334455667788), 9};

/* r_s, straight from the cipher. */
static uint64_t r_of(uint64_t s)
{
    uint64_t pair[2];
    ck_assert_int_eq(ops.nonces(ops.ctx, 1, space.rho, space.instance, s / 2, 1, pair), 0);
    return pair[s % 2];
}

START_TEST(nonces_odd_even_and_most)
{
    uint64_t out[254];
    fakeseal_init(&fs, 3, &ops);
    for (uint64_t first = 0; first < 9; first++)
        for (unsigned n = 0; n <= 254; n += n < 6 ? 1 : 62) {
            ck_assert_int_eq(trk_proof_nonces(&ops, 1, space, first, n, out), TRK_OK);
            for (unsigned i = 0; i < n; i++)
                ck_assert_uint_eq(out[i], r_of(first + i) ^ r_of(first + i + 1));
        }
    ck_assert_int_eq(trk_proof_nonces(&ops, 1, space, TRK_REPLAY_LINE_SEQS - 1, 2, out), TRK_OK);
    ck_assert_int_eq(trk_proof_nonces(&ops, 1, space, (UINT64_C(1) << 48) - 2, 1, out), TRK_OK);
}
END_TEST

START_TEST(span_equals_fold_of_nonces)
{
    struct rng r = {unit_seed("proof", 20269)};
    uint64_t nonce[200];
    fakeseal_init(&fs, 3, &ops);
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t first = rng_below(&r, 1000000), fold = 5, acc = 5;
        unsigned n = (unsigned)rng_below(&r, 200);
        ck_assert_int_eq(trk_proof_nonces(&ops, 1, space, first, n, nonce), TRK_OK);
        for (unsigned i = 0; i < n; i++)
            fold ^= nonce[i];
        ck_assert_int_eq(trk_proof_span(&ops, 1, space, first, first + n, &acc), TRK_OK);
        ck_assert_uint_eq(acc, fold);
    }
    uint64_t acc = 77;
    ck_assert_int_eq(trk_proof_span(&ops, 1, space, 10, 10, &acc), TRK_OK);
    ck_assert_int_eq(trk_proof_span(&ops, 1, space, 10, 9, &acc), TRK_OK);
    ck_assert_uint_eq(acc, 77);
}
END_TEST

START_TEST(spans_of_other_spaces_differ)
{
    uint64_t a = 0, b = 0, c = 0;
    fakeseal_init(&fs, 3, &ops);
    ck_assert_int_eq(trk_proof_span(&ops, 1, space, 1, 9, &a), TRK_OK);
    ck_assert_int_eq(trk_proof_span(&ops, 1, (struct trk_space){space.rho + 1, 9}, 1, 9, &b), TRK_OK);
    ck_assert_int_eq(trk_proof_span(&ops, 1, (struct trk_space){space.rho, 8}, 1, 9, &c), TRK_OK);
    ck_assert(a != b && a != c && b != c);
}
END_TEST

START_TEST(step_not_held_is_an_error)
{
    uint64_t out[4] = {0}, acc = 3;
    fakeseal_init(&fs, 3, &ops);
    ck_assert_int_eq(trk_proof_nonces(&ops, 2, space, 1, 4, out), TRK_E_KEY);
    ck_assert_int_eq(trk_proof_span(&ops, 2, space, 1, 4, &acc), TRK_E_KEY);
    ck_assert_uint_eq(acc, 3);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {nonces_odd_even_and_most, span_equals_fold_of_nonces, spans_of_other_spaces_differ,
                                  step_not_held_is_an_error};
    return unit_run("proof", tests, COUNT(tests));
}
