#include "crypto/sealer.h"

#include "crypto/keyring.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/xaes.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

_Static_assert((int)TRK_XAES_NONCE_BYTES == (int)TRK_SEAL_NONCE_BYTES, "one nonce");
_Static_assert((int)TRK_XAES_TAG_BYTES == (int)TRK_SEAL_TAG_BYTES, "one tag");

enum {
    AES128_KEY_BYTES = 16,
    BLOCK_BYTES = 16,
};

/* Block numbers are 48 bits on the wire of the cipher. */
static const uint64_t BLOCKS = UINT64_C(1) << 48;

/* The expanded keys of one step; live says whether there are any. */
struct step_keys {
    uint32_t step;
    int live;
    struct trk_xaes_key transport;
    struct trk_xaes_key user;
    struct trk_xaes_key path;
    EVP_CIPHER_CTX *nonce;
    EVP_CIPHER_CTX *token;
};

struct trk_sealer {
    const struct trk_keyring *kr;
    struct trk_random_pool *pool;
    struct trk_xaes_scratch scratch;
    struct step_keys steps[TRK_KEYRING_STEPS_MAX]; /* at step modulo TRK_KEYRING_STEPS_MAX */
    uint8_t blocks[TRK_NONCE_BLOCKS_MAX * BLOCK_BYTES];
};

/* ---- keys of a step ---- */

static void step_clear(struct step_keys *keys)
{
    trk_xaes_key_clear(&keys->transport);
    trk_xaes_key_clear(&keys->user);
    trk_xaes_key_clear(&keys->path);
    EVP_CIPHER_CTX_free(keys->nonce);
    EVP_CIPHER_CTX_free(keys->token);
    memset(keys, 0, sizeof(*keys));
}

static int expand_xaes(const struct trk_keyring *kr, enum trk_key_label label, uint32_t step,
                       struct trk_xaes_key *out)
{
    uint8_t key[TRK_XAES_KEY_BYTES];
    int result = trk_keyring_derive(kr, label, step, key, sizeof(key));

    if (result == 0)
        result = trk_xaes_key_init(out, key);
    OPENSSL_cleanse(key, sizeof(key));
    return result;
}

static int expand_aes128(const struct trk_keyring *kr, enum trk_key_label label, uint32_t step,
                         EVP_CIPHER_CTX **out)
{
    uint8_t key[AES128_KEY_BYTES];
    int ok;

    *out = EVP_CIPHER_CTX_new();
    ok = *out != NULL && trk_keyring_derive(kr, label, step, key, sizeof(key)) == 0 &&
         EVP_EncryptInit_ex(*out, EVP_aes_128_ecb(), NULL, key, NULL) == 1 &&
         EVP_CIPHER_CTX_set_padding(*out, 0) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    return ok ? 0 : -1;
}

static int step_init(struct step_keys *keys, const struct trk_keyring *kr, uint32_t step)
{
    keys->step = step;
    keys->live = expand_xaes(kr, TRK_KEY_TRANSPORT, step, &keys->transport) == 0 &&
                 expand_xaes(kr, TRK_KEY_USER, step, &keys->user) == 0 &&
                 expand_xaes(kr, TRK_KEY_PATH, step, &keys->path) == 0 &&
                 expand_aes128(kr, TRK_KEY_NONCE, step, &keys->nonce) == 0 &&
                 expand_aes128(kr, TRK_KEY_TOKEN, step, &keys->token) == 0;
    if (keys->live)
        return 0;
    step_clear(keys);
    return -1;
}

int trk_sealer_update(struct trk_sealer *sealer)
{
    uint32_t oldest = trk_keyring_oldest(sealer->kr);
    uint32_t newest = trk_keyring_newest(sealer->kr);
    int result = 0;

    for (size_t i = 0; i < TRK_KEYRING_STEPS_MAX; i++) {
        struct step_keys *keys = &sealer->steps[i];

        if (keys->live && (keys->step < oldest || keys->step > newest))
            step_clear(keys);
    }
    for (uint32_t n = 0; n <= newest - oldest; n++) {
        struct step_keys *keys = &sealer->steps[(oldest + n) % TRK_KEYRING_STEPS_MAX];

        if (!keys->live && step_init(keys, sealer->kr, oldest + n) != 0)
            result = -1;
    }
    return result;
}

static struct step_keys *step_find(struct trk_sealer *sealer, uint32_t step)
{
    struct step_keys *keys = &sealer->steps[step % TRK_KEYRING_STEPS_MAX];

    return keys->live && keys->step == step ? keys : NULL;
}

static const struct trk_xaes_key *xaes_find(struct trk_sealer *sealer, enum trk_key_label label,
                                            uint32_t step)
{
    struct step_keys *keys = step_find(sealer, step);

    if (keys == NULL)
        return NULL;
    switch (label) {
    case TRK_KEY_TRANSPORT:
        return &keys->transport;
    case TRK_KEY_USER:
        return &keys->user;
    case TRK_KEY_PATH:
        return &keys->path;
    case TRK_KEY_TOKEN:
    case TRK_KEY_NONCE:
        break;
    }
    return NULL;
}

/* ---- the operations ---- */

static int op_seal(void *ctx, enum trk_key_label label, uint32_t step, const uint8_t *aad,
                   size_t aad_len, const uint8_t *pt, size_t pt_len, uint8_t *out)
{
    struct trk_sealer *sealer = ctx;
    const struct trk_xaes_key *key = xaes_find(sealer, label, step);
    struct trk_xaes_message m = {
        .nonce = out, .aad = aad, .aad_bytes = aad_len, .text = pt, .text_bytes = pt_len};

    if (key == NULL)
        return -1;
    trk_random_fill(sealer->pool, out, TRK_XAES_NONCE_BYTES);
    return trk_xaes_seal(key, &sealer->scratch, &m, out + TRK_XAES_NONCE_BYTES);
}

static int op_open(void *ctx, enum trk_key_label label, uint32_t step, const uint8_t *aad,
                   size_t aad_len, const uint8_t *in, size_t in_len, uint8_t *out)
{
    struct trk_sealer *sealer = ctx;
    const struct trk_xaes_key *key = xaes_find(sealer, label, step);
    struct trk_xaes_message m = {.nonce = in, .aad = aad, .aad_bytes = aad_len};

    if (in_len < TRK_SEAL_OVERHEAD_BYTES)
        return -1;
    if (key == NULL) {
        OPENSSL_cleanse(out, in_len - TRK_SEAL_OVERHEAD_BYTES);
        return -1;
    }
    m.text = in + TRK_XAES_NONCE_BYTES;
    m.text_bytes = in_len - TRK_XAES_NONCE_BYTES;
    return trk_xaes_open(key, &sealer->scratch, &m, out);
}

static void put_be64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof(v));
}

static uint64_t get_be64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "put_be64 and get_be64 swap");

static int op_nonces(void *ctx, uint32_t step, uint64_t rho, uint16_t instance,
                     uint64_t first_block, size_t n_blocks, uint64_t *out)
{
    struct trk_sealer *sealer = ctx;
    struct step_keys *keys = step_find(sealer, step);
    uint8_t *blocks = sealer->blocks;
    int bytes = (int)(n_blocks * BLOCK_BYTES);
    int n = 0;

    if (keys == NULL || n_blocks > TRK_NONCE_BLOCKS_MAX || first_block > BLOCKS - n_blocks)
        return -1;
    for (size_t i = 0; i < n_blocks; i++) {
        put_be64(blocks + i * BLOCK_BYTES, rho);
        put_be64(blocks + i * BLOCK_BYTES + 8, (uint64_t)instance << 48 | (first_block + i));
    }
    if (n_blocks > 0 && EVP_EncryptUpdate(keys->nonce, blocks, &n, blocks, bytes) != 1)
        return -1;
    for (size_t i = 0; i < 2 * n_blocks; i++)
        out[i] = get_be64(blocks + i * 8);
    return 0;
}

static int op_tokens(void *ctx, uint32_t step, uint64_t conn, uint64_t out[2])
{
    struct step_keys *keys = step_find(ctx, step);
    uint8_t block[BLOCK_BYTES] = {0};
    int n = 0;

    if (keys == NULL)
        return -1;
    put_be64(block, conn);
    if (EVP_EncryptUpdate(keys->token, block, &n, block, BLOCK_BYTES) != 1)
        return -1;
    out[0] = get_be64(block);
    out[1] = get_be64(block + 8);
    OPENSSL_cleanse(block, sizeof(block));
    return 0;
}

static void op_random(void *ctx, void *buf, size_t n)
{
    struct trk_sealer *sealer = ctx;

    trk_random_fill(sealer->pool, buf, n);
}

static uint32_t op_step(void *ctx)
{
    struct trk_sealer *sealer = ctx;

    return trk_keyring_current(sealer->kr);
}

/* ---- a sealer ---- */

struct trk_sealer *trk_sealer_new(const struct trk_keyring *kr)
{
    struct trk_sealer *sealer = trk_secret_alloc(sizeof(*sealer));

    if (sealer == NULL)
        return NULL;
    sealer->kr = kr;
    sealer->pool = trk_random_pool_new(); /* NULL: drawn one by one */
    if (trk_xaes_scratch_init(&sealer->scratch) != 0 || trk_sealer_update(sealer) != 0) {
        trk_sealer_free(sealer);
        return NULL;
    }
    return sealer;
}

void trk_sealer_free(struct trk_sealer *sealer)
{
    if (sealer == NULL)
        return;
    for (size_t i = 0; i < TRK_KEYRING_STEPS_MAX; i++)
        step_clear(&sealer->steps[i]);
    trk_xaes_scratch_clear(&sealer->scratch);
    trk_random_pool_free(sealer->pool);
    trk_secret_free(sealer, sizeof(*sealer));
}

struct trk_seal_ops trk_sealer_ops(struct trk_sealer *sealer)
{
    return (struct trk_seal_ops){
        .seal = op_seal,
        .open = op_open,
        .nonces = op_nonces,
        .tokens = op_tokens,
        .random = op_random,
        .step = op_step,
        .ctx = sealer,
    };
}
