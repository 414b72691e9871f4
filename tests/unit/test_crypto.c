/* XAES-256-GCM, HKDF, random bytes and the sealer: known answers, tampering, steps, forks. */
#include "crypto/hkdf.h"
#include "crypto/keyring.h"
#include "crypto/random.h"
#include "crypto/sealer.h"
#include "crypto/xaes.h"

#include <check.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char NONCE[] = "ABCDEFGHIJKLMNOPQRSTUVWX";

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

/* ---- XAES-256-GCM ---- */

struct xaes_vector {
    uint8_t key_byte;
    const char *aad;
    const char *sealed_hex;
};

/* The two vectors of the C2SP specification; in both the plaintext is "XAES-256-GCM". */
static const struct xaes_vector xaes_vectors[] = {
    {0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
    {0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};

START_TEST(xaes_published_vectors)
{
    const struct xaes_vector *v = &xaes_vectors[_i];
    struct trk_xaes_scratch scratch = {0};
    struct trk_xaes_key key = {0};
    uint8_t raw[TRK_XAES_KEY_BYTES];
    uint8_t expect[64];
    uint8_t sealed[64];
    uint8_t opened[64];
    size_t n = unhex(v->sealed_hex, expect);
    struct trk_xaes_message m = {
        .nonce = (const uint8_t *)NONCE,
        .aad = (const uint8_t *)v->aad,
        .aad_bytes = strlen(v->aad),
        .text = (const uint8_t *)"XAES-256-GCM",
        .text_bytes = 12,
    };

    memset(raw, v->key_byte, sizeof(raw));
    ck_assert_int_eq(trk_xaes_scratch_init(&scratch), 0);
    ck_assert_int_eq(trk_xaes_key_init(&key, raw), 0);
    ck_assert_int_eq(trk_xaes_seal(&key, &scratch, &m, sealed), 0);
    ck_assert_mem_eq(sealed, expect, n);
    m.text = sealed;
    m.text_bytes = n;
    ck_assert_int_eq(trk_xaes_open(&key, &scratch, &m, opened), 0);
    ck_assert_mem_eq(opened, "XAES-256-GCM", 12);
    trk_xaes_key_clear(&key);
    trk_xaes_scratch_clear(&scratch);
}
END_TEST

/* SHAKE128 as the specification's source of inputs: all of it drawn at once, then used up. */
struct shake {
    uint8_t *bytes;
    size_t used;
};

static const uint8_t *shake_take(struct shake *s, size_t n)
{
    const uint8_t *p = s->bytes + s->used;

    s->used += n;
    return p;
}

enum {
    ACCUMULATED_ROUNDS = 10000,
    ROUND_BYTES_MAX = 32 + 24 + 1 + 255 + 1 + 255,
};

START_TEST(xaes_accumulated_vector)
{
    static const char expect_hex[] =
        "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939";
    size_t stream_bytes = (size_t)ACCUMULATED_ROUNDS * ROUND_BYTES_MAX;
    struct shake in = {malloc(stream_bytes), 0};
    EVP_MD_CTX *source = EVP_MD_CTX_new();
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    struct trk_xaes_scratch scratch = {0};
    uint8_t sealed[255 + TRK_XAES_TAG_BYTES];
    uint8_t expect[32];
    uint8_t got[32];

    ck_assert_ptr_nonnull(in.bytes);
    ck_assert_int_eq(EVP_DigestInit_ex(source, EVP_shake128(), NULL), 1);
    ck_assert_int_eq(EVP_DigestFinalXOF(source, in.bytes, stream_bytes), 1);
    ck_assert_int_eq(EVP_DigestInit_ex(digest, EVP_shake128(), NULL), 1);
    ck_assert_int_eq(trk_xaes_scratch_init(&scratch), 0);
    for (int i = 0; i < ACCUMULATED_ROUNDS; i++) {
        struct trk_xaes_key key = {0};
        struct trk_xaes_message m = {0};

        ck_assert_int_eq(trk_xaes_key_init(&key, shake_take(&in, 32)), 0);
        m.nonce = shake_take(&in, 24);
        m.text_bytes = *shake_take(&in, 1);
        m.text = shake_take(&in, m.text_bytes);
        m.aad_bytes = *shake_take(&in, 1);
        m.aad = shake_take(&in, m.aad_bytes);
        ck_assert_int_eq(trk_xaes_seal(&key, &scratch, &m, sealed), 0);
        EVP_DigestUpdate(digest, sealed, m.text_bytes + TRK_XAES_TAG_BYTES);
        trk_xaes_key_clear(&key);
    }
    ck_assert_int_eq(EVP_DigestFinalXOF(digest, got, sizeof(got)), 1);
    unhex(expect_hex, expect);
    ck_assert_mem_eq(got, expect, sizeof(expect));
    trk_xaes_scratch_clear(&scratch);
    EVP_MD_CTX_free(source);
    EVP_MD_CTX_free(digest);
    free(in.bytes);
}
END_TEST

START_TEST(xaes_too_long_refused)
{
    struct trk_xaes_scratch scratch = {0};
    struct trk_xaes_key key = {0};
    uint8_t byte = 0;
    struct trk_xaes_message m = {.nonce = (const uint8_t *)NONCE, .aad = &byte, .text = &byte};

    ck_assert_int_eq(trk_xaes_scratch_init(&scratch), 0);
    ck_assert_int_eq(trk_xaes_key_init(&key, (const uint8_t *)"0123456789abcdef0123456789abcdef"),
                     0);
    m.text_bytes = (size_t)INT32_MAX / 2 + 1;
    ck_assert_int_eq(trk_xaes_seal(&key, &scratch, &m, &byte), -1);
    ck_assert_int_eq(trk_xaes_open(&key, &scratch, &m, &byte), -1);
    m.text_bytes = 1;
    m.aad_bytes = (size_t)INT32_MAX / 2 + 1;
    ck_assert_int_eq(trk_xaes_seal(&key, &scratch, &m, &byte), -1);
    ck_assert_int_eq(trk_xaes_open(&key, &scratch, &m, &byte), -1);
    trk_xaes_key_clear(&key);
    trk_xaes_scratch_clear(&scratch);
}
END_TEST

/* ---- HKDF ---- */

START_TEST(hkdf_rfc5869_without_salt)
{
    /* Worked out with Python's hmac module, secret 00 01 .. 1f; RFC 5869's own cases have other
     * secret lengths. */
    static const struct {
        const char *info;
        const char *hex;
    } vectors[] = {
        {"trickles ratchet", "6df6e9ad3ce4e80d9f9d892d8bee205403c4af889d34087f1dbe3e5e82bf6f2a"},
        {"trickles key transport",
         "c274395b987af6855806157aaaa7dd0ff042e79c3b4375b9367674c07c34bd9f"},
        {"trickles key user", "468cc95e14b708c82479b2ece96d96e0844f881202bff6620b05f6f89a37f286"},
        {"trickles key token", "7c9b9aa2faa71cf1e777f519c4726b44"},
        {"trickles key path", "540513c4df089082aad9a12d16858a6faaf6f0069974023b575dce17d762cc8f"},
        {"trickles key nonce", "c6e5770650a391153faee04ea4ed4dbf"},
    };
    uint8_t secret[32];
    uint8_t expect[32];
    uint8_t got[32];

    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t n = unhex(vectors[i].hex, expect);

        ck_assert_int_eq(trk_hkdf(secret, vectors[i].info, got, n), 0);
        ck_assert_mem_eq(got, expect, n);
    }
}
END_TEST

/* ---- random bytes ---- */

static int compare_draws(const void *a, const void *b)
{
    return memcmp(a, b, 24);
}

START_TEST(random_pool_never_repeats)
{
    enum { DRAWS = 1000 };
    static uint8_t seen[DRAWS][24];
    struct trk_random_pool *pool = trk_random_pool_new();

    ck_assert_ptr_nonnull(pool);
    for (size_t i = 0; i < DRAWS; i++)
        trk_random_fill(pool, seen[i], 24);
    trk_random_pool_free(pool);
    qsort(seen, DRAWS, sizeof seen[0], compare_draws);
    for (size_t i = 1; i < DRAWS; i++)
        ck_assert_mem_ne(seen[i - 1], seen[i], 24);
}
END_TEST

START_TEST(random_pool_larger_than_batch)
{
    uint8_t big[TRK_RANDOM_BATCH_BYTES + 1] = {0};
    struct trk_random_pool *pool = trk_random_pool_new();
    unsigned any = 0;

    trk_random_fill(pool, big, 0);
    ck_assert_uint_eq(big[0], 0);
    trk_random_fill(pool, big, sizeof(big));
    for (size_t i = sizeof(big) - 16; i < sizeof(big); i++)
        any |= big[i];
    ck_assert_uint_ne(any, 0);
    ck_assert_uint_eq(pool->left_bytes, 0);
    trk_random_fill(pool, big, TRK_RANDOM_BATCH_BYTES);
    ck_assert_uint_eq(pool->left_bytes, 0);
    trk_random_pool_free(pool);
    trk_random_fill(NULL, big, sizeof(big));
}
END_TEST

START_TEST(random_pool_dropped_on_fork)
{
    uint8_t mine[24];
    uint8_t childs[24];
    int ends[2];
    int status = 0;
    struct trk_random_pool *pool = trk_random_pool_new();
    pid_t child;

    trk_random_fill(pool, mine, sizeof(mine)); /* a batch is there now, mostly unused */
    ck_assert_uint_gt(pool->left_bytes, 0);
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        int empty = pool->left_bytes == 0;

        trk_random_fill(pool, mine, sizeof(mine));
        _exit(write(ends[1], mine, sizeof(mine)) == (ssize_t)sizeof(mine) && empty ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(ends[0], childs, sizeof(childs)), sizeof(childs));
    trk_random_fill(pool, mine, sizeof(mine));
    ck_assert_mem_ne(mine, childs, sizeof(mine));
    trk_random_pool_free(pool);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* ---- the sealer ---- */

enum { STEP = 20000 };

struct fixture {
    struct trk_keyring *kr;
    struct trk_sealer *sealer;
    struct trk_seal_ops ops;
};

static void fixture_open(struct fixture *f)
{
    uint8_t secret[32];

    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)i;
    f->kr = trk_keyring_from_secret(STEP, secret);
    ck_assert_ptr_nonnull(f->kr);
    f->sealer = trk_sealer_new(f->kr);
    ck_assert_ptr_nonnull(f->sealer);
    f->ops = trk_sealer_ops(f->sealer);
}

static void fixture_close(struct fixture *f)
{
    trk_sealer_free(f->sealer);
    trk_keyring_free(f->kr);
}

static void advance(struct fixture *f, uint32_t step)
{
    ck_assert_int_eq(trk_keyring_advance(f->kr, step, NULL), 0);
    ck_assert_int_eq(trk_sealer_update(f->sealer), 0);
}

static const uint8_t AAD[] = "law part";
static const uint8_t PLAIN[] = "the secret part of a continuation";

static int seal(struct fixture *f, enum trk_key_label label, uint32_t step, uint8_t *out)
{
    return f->ops.seal(f->ops.ctx, label, step, AAD, sizeof(AAD), PLAIN, sizeof(PLAIN), out);
}

static int unseal(struct fixture *f, enum trk_key_label label, uint32_t step, const uint8_t *in,
                  size_t n, uint8_t *out)
{
    return f->ops.open(f->ops.ctx, label, step, AAD, sizeof(AAD), in, n, out);
}

enum { SEALED_BYTES = sizeof(PLAIN) + TRK_SEAL_OVERHEAD_BYTES };

START_TEST(sealer_round_trip_every_length)
{
    enum { MAX = 300 };
    struct fixture f;
    uint8_t plain[MAX];
    uint8_t sealed[MAX + TRK_SEAL_OVERHEAD_BYTES];
    uint8_t opened[MAX];

    fixture_open(&f);
    for (size_t i = 0; i < MAX; i++)
        plain[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < MAX; n++) {
        size_t aad = n % 33;

        ck_assert_int_eq(
            f.ops.seal(f.ops.ctx, TRK_KEY_TRANSPORT, STEP, plain, aad, plain, n, sealed), 0);
        memset(opened, 0xee, sizeof(opened));
        ck_assert_int_eq(f.ops.open(f.ops.ctx, TRK_KEY_TRANSPORT, STEP, plain, aad, sealed,
                                    n + TRK_SEAL_OVERHEAD_BYTES, opened),
                         0);
        ck_assert_int_eq(memcmp(opened, plain, n), 0);
        ck_assert_uint_eq(opened[n], 0xee);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_altered_bit_refused_and_wiped)
{
    static const uint8_t zero[sizeof(PLAIN)];
    struct fixture f;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&f);
    ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, STEP, sealed), 0);
    for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        memset(opened, 0xee, sizeof(opened));
        ck_assert_int_eq(unseal(&f, TRK_KEY_TRANSPORT, STEP, sealed, sizeof(sealed), opened), -1);
        ck_assert_mem_eq(opened, zero, sizeof(zero));
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert_int_eq(unseal(&f, TRK_KEY_TRANSPORT, STEP, sealed, sizeof(sealed), opened), 0);
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_altered_aad_refused)
{
    struct fixture f;
    uint8_t aad[sizeof(AAD)];
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&f);
    memcpy(aad, AAD, sizeof(aad));
    ck_assert_int_eq(seal(&f, TRK_KEY_USER, STEP, sealed), 0);
    for (size_t bit = 0; bit < 8 * sizeof(aad); bit++) {
        aad[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_int_eq(f.ops.open(f.ops.ctx, TRK_KEY_USER, STEP, aad, sizeof(aad), sealed,
                                    sizeof(sealed), opened),
                         -1);
        aad[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert_int_eq(f.ops.open(f.ops.ctx, TRK_KEY_USER, STEP, aad, sizeof(aad) - 1, sealed,
                                sizeof(sealed), opened),
                     -1);
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_every_truncation_refused)
{
    struct fixture f;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[SEALED_BYTES];

    fixture_open(&f);
    ck_assert_int_eq(seal(&f, TRK_KEY_PATH, STEP, sealed), 0);
    for (size_t n = 0; n < sizeof(sealed); n++) {
        /* The exact size on the heap, so that a sanitizer sees a read past it. */
        uint8_t *copy = malloc(n + 1);

        ck_assert_ptr_nonnull(copy);
        memcpy(copy + 1, sealed, n);
        ck_assert_int_eq(unseal(&f, TRK_KEY_PATH, STEP, copy + 1, n, opened), -1);
        free(copy);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_labels_and_steps_are_apart)
{
    static const enum trk_key_label labels[] = {TRK_KEY_TRANSPORT, TRK_KEY_USER, TRK_KEY_PATH};
    struct fixture f;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&f);
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t step = STEP; step <= STEP + 1; step++) {
            ck_assert_int_eq(seal(&f, labels[i], step, sealed), 0);
            for (size_t j = 0; j < 3; j++) {
                for (uint32_t other = STEP; other <= STEP + 1; other++)
                    ck_assert_int_eq(unseal(&f, labels[j], other, sealed, sizeof(sealed), opened),
                                     i == j && step == other ? 0 : -1);
            }
        }
    }
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_foreign_labels_refused)
{
    static const int labels[] = {0, TRK_KEY_TOKEN, TRK_KEY_NONCE, TRK_KEY_NONCE + 1, 1000};
    struct fixture f;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&f);
    ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, STEP, sealed), 0);
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        enum trk_key_label label = (enum trk_key_label)labels[i];
        uint8_t out[SEALED_BYTES];

        ck_assert_int_eq(seal(&f, label, STEP, out), -1);
        ck_assert_int_eq(unseal(&f, label, STEP, sealed, sizeof(sealed), opened), -1);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_steps_not_held_refused)
{
    static const uint32_t absent[] = {0, STEP - 8, STEP - 1, STEP + 2, STEP + 8, UINT32_MAX};
    struct fixture f;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];
    uint64_t values[2];

    fixture_open(&f);
    ck_assert_uint_eq(f.ops.step(f.ops.ctx), STEP);
    ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, STEP, sealed), 0);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        uint8_t out[SEALED_BYTES];

        ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, absent[i], out), -1);
        ck_assert_int_eq(unseal(&f, TRK_KEY_TRANSPORT, absent[i], sealed, sizeof(sealed), opened),
                         -1);
        ck_assert_int_eq(f.ops.nonces(f.ops.ctx, absent[i], 1, 1, 0, 1, values), -1);
        ck_assert_int_eq(f.ops.tokens(f.ops.ctx, absent[i], 1, values), -1);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_opens_until_the_lifetime_ends)
{
    struct fixture f;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&f);
    ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, STEP, sealed), 0);
    advance(&f, STEP + 1);
    ck_assert_uint_eq(f.ops.step(f.ops.ctx), STEP + 1);
    ck_assert_int_eq(unseal(&f, TRK_KEY_TRANSPORT, STEP, sealed, sizeof(sealed), opened), 0);
    advance(&f, STEP + 2);
    ck_assert_int_eq(unseal(&f, TRK_KEY_TRANSPORT, STEP, sealed, sizeof(sealed), opened), -1);
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_many_steps_reuse_the_slots)
{
    struct fixture f;
    uint8_t old[SEALED_BYTES];
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&f);
    ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, STEP, old), 0);
    for (uint32_t step = STEP + 1; step < STEP + 30; step++) {
        ck_assert_int_eq(seal(&f, TRK_KEY_TRANSPORT, step, sealed), 0); /* one ahead */
        advance(&f, step);
        ck_assert_int_eq(unseal(&f, TRK_KEY_TRANSPORT, step, sealed, sizeof(sealed), opened), 0);
        memcpy(old, sealed, sizeof(old));
    }
    fixture_close(&f);
}
END_TEST

START_TEST(sealer_two_hosts_agree)
{
    struct fixture a;
    struct fixture b;
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[sizeof(PLAIN)];

    fixture_open(&a);
    fixture_open(&b);
    advance(&a, STEP + 100); /* in one jump */
    for (uint32_t step = STEP + 1; step <= STEP + 99; step++)
        advance(&b, step); /* one by one, and a step behind at the end */
    ck_assert_int_eq(seal(&a, TRK_KEY_TRANSPORT, STEP + 100, sealed), 0);
    ck_assert_int_eq(unseal(&b, TRK_KEY_TRANSPORT, STEP + 100, sealed, sizeof(sealed), opened), 0);
    ck_assert_mem_eq(opened, PLAIN, sizeof(PLAIN));
    fixture_close(&a);
    fixture_close(&b);
}
END_TEST

START_TEST(nonces_known_answer)
{
    /* openssl enc -aes-128-ecb over 0123456789abcdef 002a 000000000005 and ..06, key as in the HKDF
     * vectors. */
    static const uint64_t expect[] = {0x65e3c0300b836c91, 0xc89c0d44a5083c97, 0xaa287e7d90d98ef1,
                                      0x5e003ef4f5d6661f};
    struct fixture f;
    uint64_t out[4];

    fixture_open(&f);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 0x0123456789abcdef, 42, 5, 2, out), 0);
    ck_assert_mem_eq(out, expect, sizeof(expect));
    fixture_close(&f);
}
END_TEST

START_TEST(nonces_any_batch_gives_the_same_sequence)
{
    enum { BLOCKS = TRK_NONCE_BLOCKS_MAX };
    struct fixture f;
    uint64_t whole[2 * BLOCKS];
    uint64_t part[2 * BLOCKS];

    fixture_open(&f);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 7, 9, 1000, BLOCKS, whole), 0);
    for (size_t first = 0; first < BLOCKS; first += 13) {
        for (size_t n = 0; first + n <= BLOCKS; n += 5) {
            ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 7, 9, 1000 + first, n, part), 0);
            ck_assert_int_eq(memcmp(part, whole + 2 * first, 16 * n), 0);
        }
    }
    fixture_close(&f);
}
END_TEST

START_TEST(nonces_bounds)
{
    const uint64_t end = UINT64_C(1) << 48;
    struct fixture f;
    uint64_t out[2 * TRK_NONCE_BLOCKS_MAX];

    fixture_open(&f);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, end - 128, 128, out), 0);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, end - 127, 128, out), -1);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, 0, 129, out), -1);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, UINT64_MAX, 1, out), -1);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, 0, SIZE_MAX, out), -1);
    fixture_close(&f);
}
END_TEST

START_TEST(nonces_depend_on_every_input)
{
    struct fixture f;
    uint64_t base[2];
    uint64_t other[2];

    fixture_open(&f);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, 1, 1, base), 0);
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 2, 1, 1, 1, other), 0);
    ck_assert_mem_ne(base, other, sizeof(base));
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 2, 1, 1, other), 0);
    ck_assert_mem_ne(base, other, sizeof(base));
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP, 1, 1, 2, 1, other), 0);
    ck_assert_mem_ne(base, other, sizeof(base));
    ck_assert_int_eq(f.ops.nonces(f.ops.ctx, STEP + 1, 1, 1, 1, 1, other), 0);
    ck_assert_mem_ne(base, other, sizeof(base));
    fixture_close(&f);
}
END_TEST

START_TEST(tokens_known_answer)
{
    struct fixture f;
    uint64_t out[2];

    fixture_open(&f);
    ck_assert_int_eq(f.ops.tokens(f.ops.ctx, STEP, 0xfedcba9876543210, out), 0);
    ck_assert_uint_eq(out[0], 0x94c7c23a413a0597);
    ck_assert_uint_eq(out[1], 0x006760fcacc536fe);
    fixture_close(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crypto");
    TCase *xaes = tcase_create("xaes");
    TCase *parts = tcase_create("hkdf and random");
    TCase *sealer = tcase_create("sealer");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(xaes, xaes_published_vectors, 0,
                        sizeof(xaes_vectors) / sizeof(xaes_vectors[0]));
    tcase_add_test(xaes, xaes_accumulated_vector);
    tcase_add_test(xaes, xaes_too_long_refused);
    tcase_set_timeout(xaes, 120);
    tcase_add_test(parts, hkdf_rfc5869_without_salt);
    tcase_add_test(parts, random_pool_never_repeats);
    tcase_add_test(parts, random_pool_larger_than_batch);
    tcase_add_test(parts, random_pool_dropped_on_fork);
    tcase_add_test(sealer, sealer_round_trip_every_length);
    tcase_add_test(sealer, sealer_altered_bit_refused_and_wiped);
    tcase_add_test(sealer, sealer_altered_aad_refused);
    tcase_add_test(sealer, sealer_every_truncation_refused);
    tcase_add_test(sealer, sealer_labels_and_steps_are_apart);
    tcase_add_test(sealer, sealer_foreign_labels_refused);
    tcase_add_test(sealer, sealer_steps_not_held_refused);
    tcase_add_test(sealer, sealer_opens_until_the_lifetime_ends);
    tcase_add_test(sealer, sealer_many_steps_reuse_the_slots);
    tcase_add_test(sealer, sealer_two_hosts_agree);
    tcase_add_test(sealer, nonces_known_answer);
    tcase_add_test(sealer, nonces_any_batch_gives_the_same_sequence);
    tcase_add_test(sealer, nonces_bounds);
    tcase_add_test(sealer, nonces_depend_on_every_input);
    tcase_add_test(sealer, tokens_known_answer);
    tcase_set_timeout(sealer, 120);
    suite_add_tcase(suite, xaes);
    suite_add_tcase(suite, parts);
    suite_add_tcase(suite, sealer);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
