/*
 * xaes.h: XAES-256-GCM, an AEAD with a 192-bit nonce that may be drawn at random for ever.
 *
 * Source: C2SP, XAES-256-GCM. A CMAC of the first half of the nonce under the long-lived key gives a key for this one
 * message (two AES blocks), and AES-256-GCM seals with it under the second half: no counter, no id, nothing to remember.
 * Threads: thread-compatible. The scratch contexts are re-keyed for each message, never created.
 */
#ifndef TRK_CRYPTO_XAES_H
#define TRK_CRYPTO_XAES_H

#include <stddef.h>
#include <stdint.h>

enum {
    TRK_XAES_KEY_BYTES = 32,
    TRK_XAES_NONCE_BYTES = 24,
    TRK_XAES_TAG_BYTES = 16,
};

struct evp_cipher_ctx_st;

/* GCM contexts, shared by all keys of one thread. */
struct trk_xaes_scratch {
    struct evp_cipher_ctx_st *seal;
    struct evp_cipher_ctx_st *open;
};

/* One long-lived key: the expanded AES-256 key and CMAC's subkey K1. */
struct trk_xaes_key {
    struct evp_cipher_ctx_st *ecb;
    uint8_t k1[16];
};

/* What a message consists of; associated data may be NULL if aad_bytes is 0. All borrowed. */
struct trk_xaes_message {
    const uint8_t *nonce; /* TRK_XAES_NONCE_BYTES */
    const uint8_t *aad;
    size_t aad_bytes;
    const uint8_t *text; /* plaintext to seal, or ciphertext and tag to open */
    size_t text_bytes;
};

/* Returns 0, or -1 if there is no memory (nothing is held then). Freed with trk_xaes_scratch_clear. */
int trk_xaes_scratch_init(struct trk_xaes_scratch *scratch) __attribute__((warn_unused_result));

/* Frees and wipes; an all-zero scratch is ignored. */
void trk_xaes_scratch_clear(struct trk_xaes_scratch *scratch);

/* Expands key (TRK_XAES_KEY_BYTES). Returns 0, or -1 if there is no memory. Freed with trk_xaes_key_clear. */
int trk_xaes_key_init(struct trk_xaes_key *xk, const uint8_t *key) __attribute__((warn_unused_result));

/* Frees and wipes; an all-zero key is ignored. */
void trk_xaes_key_clear(struct trk_xaes_key *xk);

/*
 * Writes ciphertext and tag, text_bytes + TRK_XAES_TAG_BYTES, to out, which must not overlap the text. Returns 0, or -1
 * if a length passes INT_MAX / 2 or OpenSSL fails (out is wiped). On the packet path.
 */
int trk_xaes_seal(const struct trk_xaes_key *xk, const struct trk_xaes_scratch *scratch,
                  const struct trk_xaes_message *m, uint8_t *out) __attribute__((warn_unused_result));

/*
 * Writes the plaintext, text_bytes - TRK_XAES_TAG_BYTES, to out. Returns 0, or -1 if the text is shorter than a tag, too
 * long, or not authentic (out is wiped). On the packet path.
 */
int trk_xaes_open(const struct trk_xaes_key *xk, const struct trk_xaes_scratch *scratch,
                  const struct trk_xaes_message *m, uint8_t *out) __attribute__((warn_unused_result));

#endif
