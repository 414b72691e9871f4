#include "fakeseal.h"

#include <stdbool.h>
#include <string.h>

static uint64_t mix(uint64_t a, uint64_t b)
{
    struct rng r = {a ^ (b * UINT64_C(0xff51afd7ed558ccd)) ^ b >> 29};
    return rng_next(&r);
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v = 0;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t absorb(uint64_t h, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        h = mix(h, load64(p));
    uint64_t last = n + 1;
    for (size_t i = 0; i < n; i++)
        last = last << 8 | p[i];
    return mix(h, last);
}

static bool held(const struct fakeseal *f, uint32_t step)
{
    return step >= f->oldest && step <= f->step;
}

static uint64_t key_of(const struct fakeseal *f, unsigned label, uint32_t step)
{
    return mix(mix(f->secret, label), step);
}

static void cipher(uint64_t key, const uint8_t *nonce, const uint8_t *in, size_t n, uint8_t *out)
{
    struct rng stream = {mix(key, load64(nonce)) ^ load64(nonce + 8)};
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = rng_next(&stream);
        for (size_t j = i; j < n && j < i + 8; j++, word >>= 8)
            out[j] = (uint8_t)(in[j] ^ (uint8_t)word);
    }
}

static void tag_of(uint64_t key, const uint8_t *aad, size_t aad_len, const uint8_t *ct, size_t ct_len, uint64_t tag[2])
{
    tag[0] = absorb(absorb(mix(key, 1), aad, aad_len), ct, ct_len);
    tag[1] = mix(key, tag[0]);
}

static int do_seal(void *ctx, enum trk_key_label label, uint32_t step, const uint8_t *aad, size_t aad_len,
                   const uint8_t *pt, size_t pt_len, uint8_t *out)
{
    struct fakeseal *f = ctx;
    if (!held(f, step))
        return -1;
    f->seals++;
    uint64_t key = key_of(f, label, step), tag[2];
    rng_fill(&f->random, out, TRK_SEAL_NONCE_BYTES);
    cipher(key, out, pt, pt_len, out + TRK_SEAL_NONCE_BYTES);
    tag_of(key, aad, aad_len, out, TRK_SEAL_NONCE_BYTES + pt_len, tag);
    memcpy(out + TRK_SEAL_NONCE_BYTES + pt_len, tag, sizeof tag);
    return 0;
}

static int do_open(void *ctx, enum trk_key_label label, uint32_t step, const uint8_t *aad, size_t aad_len,
                   const uint8_t *in, size_t in_len, uint8_t *out)
{
    struct fakeseal *f = ctx;
    f->opens++;
    if (!held(f, step) || in_len < TRK_SEAL_OVERHEAD_BYTES) {
        f->opens_failed++;
        return -1;
    }
    size_t pt_len = in_len - TRK_SEAL_OVERHEAD_BYTES;
    uint64_t key = key_of(f, label, step), tag[2];
    tag_of(key, aad, aad_len, in, TRK_SEAL_NONCE_BYTES + pt_len, tag);
    if (memcmp(in + TRK_SEAL_NONCE_BYTES + pt_len, tag, sizeof tag) != 0) {
        f->opens_failed++;
        memset(out, 0, pt_len);
        return -1;
    }
    cipher(key, in, in + TRK_SEAL_NONCE_BYTES, pt_len, out);
    return 0;
}

static int do_nonces(void *ctx, uint32_t step, uint64_t rho, uint16_t instance, uint64_t first_block, size_t n_blocks,
                     uint64_t *out)
{
    struct fakeseal *f = ctx;
    if (!held(f, step))
        return -1;
    uint64_t key = mix(mix(key_of(f, TRK_KEY_NONCE, step), rho), instance);
    f->prfs += n_blocks;
    for (size_t i = 0; i < 2 * n_blocks; i++)
        out[i] = mix(key, 2 * first_block + i);
    return 0;
}

static int do_tokens(void *ctx, uint32_t step, uint64_t conn, uint64_t out[2])
{
    struct fakeseal *f = ctx;
    if (!held(f, step))
        return -1;
    uint64_t key = mix(key_of(f, TRK_KEY_TOKEN, step), conn);
    out[0] = mix(key, 1);
    out[1] = mix(key, 2);
    return 0;
}

static void do_random(void *ctx, void *buf, size_t n)
{
    struct fakeseal *f = ctx;
    rng_fill(&f->random, buf, n);
}

static uint32_t do_step(void *ctx)
{
    const struct fakeseal *f = ctx;
    return f->step;
}

void fakeseal_init(struct fakeseal *f, uint64_t secret, struct trk_seal_ops *ops)
{
    *f = (struct fakeseal){.secret = secret, .step = 1, .random = rng_split(secret, 77)};
    *ops = (struct trk_seal_ops){.seal = do_seal,
                                 .open = do_open,
                                 .nonces = do_nonces,
                                 .tokens = do_tokens,
                                 .random = do_random,
                                 .step = do_step,
                                 .ctx = f};
}
