/*
 * proof.h: range nonces. p_s = r_s xor r_{s+1}: the proof of a..b is r_a xor r_{b+1}, two PRF
 * values whatever the length. The server's side; a client only folds the p_s that it received.
 * Pure. Source: the original (NSDI 2005, section 4.4).
 */
#ifndef TRK_CORE_PROOF_H
#define TRK_CORE_PROOF_H

#include "core/replay.h"
#include "core/seal.h"

/* Nonces p_first.. of n (at most 254) packets into out. Returns TRK_OK or TRK_E_KEY. 46 nonces:
 * about 40 ns. */
int trk_proof_nonces(const struct trk_seal_ops *ops, uint32_t step, struct trk_space space,
                     uint64_t first, unsigned n, uint64_t *out) __attribute__((warn_unused_result));

/* Folds into *acc what proves all of [first, end). Nothing for an empty range. Returns TRK_OK or
 * TRK_E_KEY. */
int trk_proof_span(const struct trk_seal_ops *ops, uint32_t step, struct trk_space space,
                   uint64_t first, uint64_t end, uint64_t *acc) __attribute__((warn_unused_result));

#endif
