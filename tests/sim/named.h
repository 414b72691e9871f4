/*
 * named.h: runs laid out by hand, each for one promise of the protocol.
 */
#ifndef TRK_SIM_NAMED_H
#define TRK_SIM_NAMED_H

#include <stdbool.h>

void named_list(void);
/* Runs one, or all (name NULL). Prints a line for each; true if all kept their promise. */
bool named_run(const char *name, bool verbose, bool trace);
/* A short transfer with the n-th allocation of the client failing, for every n. */
bool named_alloc_sweep(bool verbose);

#endif
