#include "crypto/xaes.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum {
    BLOCK_BYTES = 16,
    HALF_NONCE_BYTES = 12, /* derives the key; the other twelve bytes are GCM's own nonce */
    CMAC_POLYNOMIAL = 0x87,
};

/* EVP takes int lengths; half of the range leaves room for any sum of ours. */
static const size_t MAX_LEN = INT_MAX / 2;

int trk_xaes_scratch_init(struct trk_xaes_scratch *scratch)
{
    scratch->seal = EVP_CIPHER_CTX_new();
    scratch->open = EVP_CIPHER_CTX_new();
    if (scratch->seal != NULL && scratch->open != NULL &&
        EVP_EncryptInit_ex(scratch->seal, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1 &&
        EVP_DecryptInit_ex(scratch->open, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1)
        return 0;
    trk_xaes_scratch_clear(scratch);
    return -1;
}

void trk_xaes_scratch_clear(struct trk_xaes_scratch *scratch)
{
    EVP_CIPHER_CTX_free(scratch->seal);
    EVP_CIPHER_CTX_free(scratch->open);
    memset(scratch, 0, sizeof(*scratch));
}

/* Multiplication by x in GF(2^128), no branch on the secret. */
static void double_block(uint8_t block[BLOCK_BYTES])
{
    uint8_t mask = (uint8_t)(0U - (block[0] >> 7 & 1U));

    for (size_t i = 0; i + 1 < BLOCK_BYTES; i++)
        block[i] = (uint8_t)((block[i] << 1) | (block[i + 1] >> 7));
    block[BLOCK_BYTES - 1] = (uint8_t)((block[BLOCK_BYTES - 1] << 1) ^ (mask & CMAC_POLYNOMIAL));
}

int trk_xaes_key_init(struct trk_xaes_key *xk, const uint8_t *key)
{
    static const uint8_t zero[BLOCK_BYTES];
    int n = 0;

    xk->ecb = EVP_CIPHER_CTX_new();
    if (xk->ecb == NULL || EVP_EncryptInit_ex(xk->ecb, EVP_aes_256_ecb(), NULL, key, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(xk->ecb, 0) != 1 ||
        EVP_EncryptUpdate(xk->ecb, xk->k1, &n, zero, BLOCK_BYTES) != 1 || n != BLOCK_BYTES) {
        trk_xaes_key_clear(xk);
        return -1;
    }
    double_block(xk->k1);
    return 0;
}

void trk_xaes_key_clear(struct trk_xaes_key *xk)
{
    EVP_CIPHER_CTX_free(xk->ecb);
    OPENSSL_cleanse(xk, sizeof(*xk));
    xk->ecb = NULL;
}

/* The key of one message: the CMAC-shaped derivation of the specification, both blocks in one call.
 */
static int message_key(const struct trk_xaes_key *xk, const uint8_t *nonce, uint8_t *key)
{
    uint8_t m[TRK_XAES_KEY_BYTES] = {0, 1, 'X', 0};
    int n = 0;

    memcpy(m + 4, nonce, HALF_NONCE_BYTES);
    memcpy(m + BLOCK_BYTES, m, BLOCK_BYTES);
    m[BLOCK_BYTES + 1] = 2;
    for (size_t i = 0; i < sizeof(m); i++)
        m[i] ^= xk->k1[i % BLOCK_BYTES];
    if (EVP_EncryptUpdate(xk->ecb, key, &n, m, sizeof(m)) != 1 || n != (int)sizeof(m))
        return -1;
    OPENSSL_cleanse(m, sizeof(m));
    return 0;
}

int trk_xaes_seal(const struct trk_xaes_key *xk, const struct trk_xaes_scratch *scratch,
                  const struct trk_xaes_message *m, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = scratch->seal;
    uint8_t key[TRK_XAES_KEY_BYTES];
    int n = 0;
    int ok;

    if (m->aad_bytes > MAX_LEN || m->text_bytes > MAX_LEN)
        return -1;
    ok =
        message_key(xk, m->nonce, key) == 0 &&
        EVP_EncryptInit_ex(ctx, NULL, NULL, key, m->nonce + HALF_NONCE_BYTES) == 1 &&
        (m->aad_bytes == 0 || EVP_EncryptUpdate(ctx, NULL, &n, m->aad, (int)m->aad_bytes) == 1) &&
        (m->text_bytes == 0 || EVP_EncryptUpdate(ctx, out, &n, m->text, (int)m->text_bytes) == 1) &&
        EVP_EncryptFinal_ex(ctx, out + m->text_bytes, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TRK_XAES_TAG_BYTES, out + m->text_bytes) ==
            1;
    OPENSSL_cleanse(key, sizeof(key));
    if (ok)
        return 0;
    OPENSSL_cleanse(out, m->text_bytes + TRK_XAES_TAG_BYTES);
    return -1;
}

int trk_xaes_open(const struct trk_xaes_key *xk, const struct trk_xaes_scratch *scratch,
                  const struct trk_xaes_message *m, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = scratch->open;
    uint8_t key[TRK_XAES_KEY_BYTES];
    uint8_t tag[TRK_XAES_TAG_BYTES];
    size_t plain_bytes;
    int n = 0;
    int ok;

    if (m->aad_bytes > MAX_LEN || m->text_bytes > MAX_LEN || m->text_bytes < TRK_XAES_TAG_BYTES)
        return -1;
    plain_bytes = m->text_bytes - TRK_XAES_TAG_BYTES;
    memcpy(tag, m->text + plain_bytes, sizeof(tag));
    /* A final call that needs somewhere to point gets the tag's copy: it writes nothing for GCM. */
    ok = message_key(xk, m->nonce, key) == 0 &&
         EVP_DecryptInit_ex(ctx, NULL, NULL, key, m->nonce + HALF_NONCE_BYTES) == 1 &&
         (m->aad_bytes == 0 || EVP_DecryptUpdate(ctx, NULL, &n, m->aad, (int)m->aad_bytes) == 1) &&
         (plain_bytes == 0 || EVP_DecryptUpdate(ctx, out, &n, m->text, (int)plain_bytes) == 1) &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TRK_XAES_TAG_BYTES, tag) == 1 &&
         EVP_DecryptFinal_ex(ctx, tag, &n) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    if (ok)
        return 0;
    OPENSSL_cleanse(out, plain_bytes);
    return -1;
}
