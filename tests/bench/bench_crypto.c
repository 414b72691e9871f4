/*
 * bench_crypto: what the operations of core/seal.h cost, in ns, one thread. Each figure is the
 * median of nine rounds. For reading, not for judging: it always exits 0.
 */
#include "crypto/keyring.h"
#include "crypto/sealer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS = 9,
    OPERATIONS = 50000,
    STEP = 1,
    TRAIN_BLOCKS = 23, /* 46 values: a train of 44 wherever it begins */
    BUFFER_BYTES = 2048,
};

struct bench {
    struct trk_seal_ops ops;
    size_t bytes;
    uint8_t plain[BUFFER_BYTES];
    uint8_t sealed[BUFFER_BYTES + TRK_SEAL_OVERHEAD_BYTES];
    uint64_t values[2 * TRK_NONCE_BLOCKS_MAX];
};

static void check(int result)
{
    if (result != 0) {
        fprintf(stderr, "bench_crypto: an operation failed\n");
        exit(1);
    }
}

static void run_seal(struct bench *b)
{
    check(b->ops.seal(b->ops.ctx, TRK_KEY_TRANSPORT, STEP, b->plain, 96, b->plain, b->bytes,
                      b->sealed));
}

static void run_open(struct bench *b)
{
    check(b->ops.open(b->ops.ctx, TRK_KEY_TRANSPORT, STEP, b->plain, 96, b->sealed,
                      b->bytes + TRK_SEAL_OVERHEAD_BYTES, b->plain));
}

static void run_nonces(struct bench *b)
{
    check(b->ops.nonces(b->ops.ctx, STEP, 1, 1, b->values[0] & 0xffff, b->bytes, b->values));
}

static void run_tokens(struct bench *b)
{
    check(b->ops.tokens(b->ops.ctx, STEP, b->values[0], b->values));
}

static void run_random(struct bench *b)
{
    b->ops.random(b->ops.ctx, b->sealed, b->bytes);
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(struct bench *b, const char *name, size_t bytes, void (*run)(struct bench *))
{
    double rounds[ROUNDS];

    b->bytes = bytes;
    for (int r = 0; r < ROUNDS; r++) {
        double start = now_ns();

        for (int i = 0; i < OPERATIONS; i++)
            run(b);
        rounds[r] = (now_ns() - start) / OPERATIONS;
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
    printf("%-44s %8.1f ns  (best %.1f)\n", name, rounds[ROUNDS / 2], rounds[0]);
}

int main(void)
{
    static const uint8_t secret[TRK_KEYRING_SECRET_BYTES] = {1, 2, 3};
    static struct bench b;
    struct trk_keyring *kr = trk_keyring_from_secret(STEP, secret);
    struct trk_sealer *sealer = kr != NULL ? trk_sealer_new(kr) : NULL;

    if (sealer == NULL) {
        fprintf(stderr, "bench_crypto: no memory\n");
        return 1;
    }
    b.ops = trk_sealer_ops(sealer);
    measure(&b, "seal 100 bytes, 96 associated", 100, run_seal);
    measure(&b, "open 100 bytes, 96 associated", 100, run_open);
    measure(&b, "seal 1300 bytes, 96 associated", 1300, run_seal);
    measure(&b, "open 1300 bytes, 96 associated", 1300, run_open);
    measure(&b, "range nonces, train of 44 (23 blocks)", TRAIN_BLOCKS, run_nonces);
    measure(&b, "range nonces, 1 block", 1, run_nonces);
    measure(&b, "tokens of a connection", 0, run_tokens);
    measure(&b, "random, 8 bytes", 8, run_random);
    measure(&b, "random, 24 bytes", 24, run_random);
    trk_sealer_free(sealer);
    trk_keyring_free(kr);
    return 0;
}
