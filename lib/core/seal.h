/*
 * seal.h: what the engine needs from cryptography, as an interface.
 *
 * The engine never sees a key. The caller hands it a table of functions (lib/crypto implements it
 * with OpenSSL; tests may implement it otherwise). Every function is thread-compatible: one context
 * per thread.
 *
 * Keys are chosen by a label and by the step of the cluster secret's ratchet (protocol.md section
 * 5): S_{n+1} = HKDF(S_n). A step that the keyring does not hold (too old, or too far ahead) makes
 * the call fail.
 */
#ifndef TRK_CORE_SEAL_H
#define TRK_CORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

/* One key per purpose; a label never changes its meaning. */
enum trk_key_label {
    TRK_KEY_TRANSPORT = 1, /* transport continuations */
    TRK_KEY_USER = 2,      /* user continuations */
    TRK_KEY_TOKEN = 3,     /* reset token and uplink reference */
    TRK_KEY_PATH = 4,      /* PATH challenges */
    TRK_KEY_NONCE = 5,     /* range nonces */
};

enum {
    TRK_SEAL_NONCE_BYTES = 24, /* XAES-256-GCM: random, in front of the ciphertext */
    TRK_SEAL_TAG_BYTES = 16,   /* behind it */
    TRK_SEAL_OVERHEAD_BYTES = TRK_SEAL_NONCE_BYTES + TRK_SEAL_TAG_BYTES,
};

struct trk_seal_ops {
    /*
     * Seals pt[0..pt_len) under (label, step) with associated data aad. Writes nonce | ciphertext |
     * tag, pt_len + TRK_SEAL_OVERHEAD_BYTES bytes, to out (out must not overlap pt). Returns 0, or
     * -1 if the step is not held. On the packet path: about 0.5 us for 100 bytes.
     */
    int (*seal)(void *ctx, enum trk_key_label label, uint32_t step, const uint8_t *aad,
                size_t aad_len, const uint8_t *pt, size_t pt_len, uint8_t *out);
    /*
     * The inverse: in[0..in_len) is nonce | ciphertext | tag; writes in_len -
     * TRK_SEAL_OVERHEAD_BYTES bytes to out. Returns 0; -1 if the step is not held, in_len is too
     * short, or authentication fails (out is then wiped).
     */
    int (*open)(void *ctx, enum trk_key_label label, uint32_t step, const uint8_t *aad,
                size_t aad_len, const uint8_t *in, size_t in_len, uint8_t *out);
    /*
     * The secret sequence r of the range nonces (protocol.md section 3): r_s for s in
     * [2*first_block, 2*(first_block + n_blocks)), two values per AES-128 block over rho(64) |
     * instance(16) | block number(48), all big-endian; value 2b is the first eight bytes of block
     * b, value 2b+1 the last eight, both read big-endian. n_blocks at most TRK_NONCE_BLOCKS_MAX.
     * Returns 0, or -1 if the step is not held.
     */
    int (*nonces)(void *ctx, uint32_t step, uint64_t rho, uint16_t instance, uint64_t first_block,
                  size_t n_blocks, uint64_t *out);
    /*
     * Two 64-bit values that only the servers can compute from conn: out[0] the reset token, out[1]
     * the uplink reference (AES-128 under TRK_KEY_TOKEN over conn(64) | 0(64)). Returns 0, or -1 if
     * the step is not held.
     */
    int (*tokens)(void *ctx, uint32_t step, uint64_t conn, uint64_t out[2]);
    /* Fills buf with n unpredictable bytes. Never fails (the implementation aborts if the system
     * has none). */
    void (*random)(void *ctx, void *buf, size_t n);
    /* The step to seal with now. */
    uint32_t (*step)(void *ctx);
    void *ctx;
};

enum { TRK_NONCE_BLOCKS_MAX = 128 };

/* The step whose low 16 bits are given and that is nearest to the present one. */
static inline uint32_t trk_seal_whole_step(uint32_t now, uint16_t low)
{
    int16_t ahead = (int16_t)(uint16_t)(low - (uint16_t)now);
    return (uint32_t)((int64_t)now + ahead);
}

#endif
