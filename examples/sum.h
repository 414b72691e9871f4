/*
 * sum.h: a SHA-256 that can stop anywhere and go on in another process: what it is by then is a
 * plain value, which may travel in a continuation.
 */
#ifndef EXAMPLES_SUM_H
#define EXAMPLES_SUM_H

#include <stddef.h>
#include <stdint.h>

enum { SUM_BYTES = 32, SUM_BLOCK_BYTES = 64 };

/* After so many bytes. Equal for equal bytes, however they were cut. */
struct sum {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[SUM_BLOCK_BYTES]; /* the bytes % SUM_BLOCK_BYTES last of them, then zeros */
};

void sum_begin(struct sum *s);
void sum_add(struct sum *s, const void *bytes, size_t len);
/* Of all so far. */
void sum_tell(const struct sum *s, uint8_t out[SUM_BYTES]);

#endif
