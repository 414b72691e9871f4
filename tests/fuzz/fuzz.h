/*
 * fuzz.h: what every fuzz target has. A target is one file fuzz_NAME.c; it is built twice:
 *
 *   fuzz_NAME    with --enable-fuzzers: libFuzzer looks for inputs
 *   replay_NAME  always: runs the target's seeds, everything near them (each truncation, each byte
 * changed) and the corpus kept in corpus/fuzz_NAME, as a test of `make check`; `replay_NAME --write
 * DIR` writes the seeds for libFuzzer, `replay_NAME FILE...` runs single inputs
 *
 * Seeds are made by the encoders when they are needed, so that they follow the format.
 */
#ifndef TRK_TESTS_FUZZ_H
#define TRK_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The input, for as long as the call takes. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void fuzz_emit_fn(void *arg, const uint8_t *data, size_t size);

/* Gives the target's seeds to emit, one by one; at least one. */
void fuzz_seeds(fuzz_emit_fn *emit, void *arg);

/* "fuzz_NAME". */
extern const char fuzz_name[];

/* A property of the code under test; what fails it is a finding. */
#define FUZZ_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
