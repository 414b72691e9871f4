/*
 * secret.h: memory for secrets.
 *
 * Pages of their own: left out of core dumps, kept out of swap where the limits allow it, wiped when freed. What OpenSSL
 * keeps inside its contexts (expanded keys) lies on its own heap and is not covered: a process that holds keys should
 * also switch core dumps off.
 * Threads: none of its own state.
 */
#ifndef TRK_CRYPTO_SECRET_H
#define TRK_CRYPTO_SECRET_H

#include <stddef.h>

/*
 * Returns n_bytes (> 0) of zeroed memory, page aligned, or NULL if there is none. The caller owns it and gives it back
 * with trk_secret_free and the same n_bytes.
 */
void *trk_secret_alloc(size_t n_bytes) __attribute__((warn_unused_result));

/* Wipes and frees what trk_secret_alloc returned; NULL is ignored. */
void trk_secret_free(void *memory, size_t n_bytes);

#endif
