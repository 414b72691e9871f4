/*
 * sealer.h: core/seal.h with OpenSSL: sealing, range nonces, tokens and random bytes under a keyring.
 *
 * Holds one set of expanded keys per step of the keyring, made when the ratchet turns and not per packet. Labels: seal and
 * open take TRANSPORT, USER and PATH; any other makes them fail, because NONCE and TOKEN are keys of another cipher.
 * Threads: thread-compatible; one sealer, and one keyring, per thread.
 */
#ifndef TRK_CRYPTO_SEALER_H
#define TRK_CRYPTO_SEALER_H

#include "core/seal.h"

struct trk_keyring;
struct trk_sealer;

/*
 * Returns a sealer that borrows the keyring for as long as it lives, or NULL if there is no memory. The caller frees it.
 */
struct trk_sealer *trk_sealer_new(const struct trk_keyring *kr) __attribute__((warn_unused_result));

/* Wipes and frees; NULL is ignored. */
void trk_sealer_free(struct trk_sealer *sealer);

/*
 * To be called after trk_keyring_advance or trk_keyring_tick: expands the keys of new steps, wipes those of steps gone.
 * Returns 0, or -1 if there is no memory; steps without keys fail until the next call.
 */
int trk_sealer_update(struct trk_sealer *sealer) __attribute__((warn_unused_result));

/* The table for the engine; valid as long as the sealer, which is its ctx. */
struct trk_seal_ops trk_sealer_ops(struct trk_sealer *sealer);

#endif
