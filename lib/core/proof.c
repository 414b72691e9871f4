#include "core/proof.h"

#include "base/err.h"

int trk_proof_nonces(const struct trk_seal_ops *ops, uint32_t step, struct trk_space space,
                     uint64_t first, unsigned n, uint64_t *out)
{
    uint64_t r[2 * TRK_NONCE_BLOCKS_MAX];
    TRK_ASSERT(n <= 2 * TRK_NONCE_BLOCKS_MAX - 2);
    if (n == 0)
        return TRK_OK;
    uint64_t block = first / 2;
    size_t n_blocks = (size_t)((first + n) / 2 - block + 1);
    if (ops->nonces(ops->ctx, step, space.rho, space.instance, block, n_blocks, r) != 0)
        return TRK_E_KEY;
    for (unsigned i = 0; i < n; i++)
        out[i] = r[first % 2 + i] ^ r[first % 2 + i + 1];
    return TRK_OK;
}

/* r_s alone. */
static int secret_at(const struct trk_seal_ops *ops, uint32_t step, struct trk_space space,
                     uint64_t s, uint64_t *r)
{
    uint64_t pair[2];
    if (ops->nonces(ops->ctx, step, space.rho, space.instance, s / 2, 1, pair) != 0)
        return TRK_E_KEY;
    *r = pair[s % 2];
    return TRK_OK;
}

int trk_proof_span(const struct trk_seal_ops *ops, uint32_t step, struct trk_space space,
                   uint64_t first, uint64_t end, uint64_t *acc)
{
    uint64_t a, b;
    if (first >= end)
        return TRK_OK;
    int rc = secret_at(ops, step, space, first, &a);
    if (rc == TRK_OK)
        rc = secret_at(ops, step, space, end, &b);
    if (rc == TRK_OK)
        *acc ^= a ^ b;
    return rc;
}
