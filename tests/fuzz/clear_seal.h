/*
 * clear_seal.h: core/seal.h without any cryptography, so that a fuzzer can write continuations that
 * open: plaintext is sent in clear, and every tag but one that ends in an odd byte is good.
 * Deterministic.
 */
#ifndef TRK_TESTS_CLEAR_SEAL_H
#define TRK_TESTS_CLEAR_SEAL_H

#include "core/seal.h"

#include <string.h>

enum { CLEAR_SEAL_STEP = 5 }; /* the present step; its neighbours are held too */

static inline int clear_held(uint32_t step)
{
    return step >= CLEAR_SEAL_STEP - 1 && step <= CLEAR_SEAL_STEP + 1 ? 0 : -1;
}

static inline int clear_do_seal(void *ctx, enum trk_key_label label, uint32_t step,
                                const uint8_t *aad, size_t aad_len, const uint8_t *pt,
                                size_t pt_len, uint8_t *out)
{
    (void)ctx, (void)label, (void)aad, (void)aad_len;
    memset(out, 0, pt_len + TRK_SEAL_OVERHEAD_BYTES);
    memcpy(out + TRK_SEAL_NONCE_BYTES, pt, pt_len);
    return clear_held(step);
}

static inline int clear_do_open(void *ctx, enum trk_key_label label, uint32_t step,
                                const uint8_t *aad, size_t aad_len, const uint8_t *in,
                                size_t in_len, uint8_t *out)
{
    (void)ctx, (void)label, (void)aad, (void)aad_len;
    if (clear_held(step) != 0 || in_len < TRK_SEAL_OVERHEAD_BYTES || (in[in_len - 1] & 1) != 0)
        return -1;
    memcpy(out, in + TRK_SEAL_NONCE_BYTES, in_len - TRK_SEAL_OVERHEAD_BYTES);
    return 0;
}

static inline uint64_t clear_mix(uint64_t h)
{
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

static inline int clear_do_nonces(void *ctx, uint32_t step, uint64_t rho, uint16_t instance,
                                  uint64_t first_block, size_t n_blocks, uint64_t *out)
{
    (void)ctx;
    if (n_blocks > TRK_NONCE_BLOCKS_MAX)
        __builtin_trap(); /* out is no longer than that */
    for (size_t i = 0; i < 2 * n_blocks; i++)
        out[i] = clear_mix(clear_mix(rho + instance) + 2 * first_block + i);
    return clear_held(step);
}

static inline int clear_do_tokens(void *ctx, uint32_t step, uint64_t conn, uint64_t out[2])
{
    (void)ctx;
    out[0] = clear_mix(conn);
    out[1] = clear_mix(conn + 1);
    return clear_held(step);
}

/* ctx: a uint64_t, the state of a counter. */
static inline void clear_do_random(void *ctx, void *buf, size_t n)
{
    uint64_t *state = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = (uint8_t)clear_mix(++*state);
}

static inline uint32_t clear_do_step(void *ctx)
{
    (void)ctx;
    return CLEAR_SEAL_STEP;
}

/* counter: borrowed; the state of the random bytes. */
static inline struct trk_seal_ops clear_seal_ops(uint64_t *counter)
{
    return (struct trk_seal_ops){.seal = clear_do_seal,
                                 .open = clear_do_open,
                                 .nonces = clear_do_nonces,
                                 .tokens = clear_do_tokens,
                                 .random = clear_do_random,
                                 .step = clear_do_step,
                                 .ctx = counter};
}

#endif
