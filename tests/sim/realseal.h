/*
 * realseal.h: lib/crypto's sealer under a fixed secret, for runs that use the real cryptography. One for the process.
 */
#ifndef TRK_SIM_REALSEAL_H
#define TRK_SIM_REALSEAL_H

#include "core/seal.h"

/* Gives the table of functions. Made at the first call, freed at exit. */
void realseal_ops(struct trk_seal_ops *ops);

#endif
