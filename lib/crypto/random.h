/*
 * random.h: unpredictable bytes, drawn from the kernel in small batches.
 *
 * A system call per nonce costs as much as the seal itself. A batch must never be used twice, so the pool lies in a page
 * that the kernel empties in a forked child (MADV_WIPEONFORK); where that is not to be had, nothing is batched. A batch
 * is sixteen sealing nonces and no more: a virtual machine that is snapshot and resumed twice repeats what was left of
 * it, and nothing in user space can be told of that in time.
 * Threads: one pool per thread.
 */
#ifndef TRK_CRYPTO_RANDOM_H
#define TRK_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { TRK_RANDOM_BATCH_BYTES = 16 * 24 };

/* Bytes at the end of the array that are still unused; a page of zeroes is an empty pool. */
struct trk_random_pool {
    size_t left_bytes;
    uint8_t bytes[TRK_RANDOM_BATCH_BYTES];
};

/* Returns an empty pool, or NULL if there is no such memory (use no pool then). Freed with trk_random_pool_free. */
struct trk_random_pool *trk_random_pool_new(void) __attribute__((warn_unused_result));

/* Wipes and frees; NULL is ignored. */
void trk_random_pool_free(struct trk_random_pool *pool);

/* Fills buf with n bytes. pool may be NULL (nothing is batched then). Aborts if the system has no randomness. */
void trk_random_fill(struct trk_random_pool *pool, void *buf, size_t n);

#endif
