/*
 * table.h: goodput of the engine and of a plain TCP Reno over the same simulated links.
 */
#ifndef TRK_SIM_TABLE_H
#define TRK_SIM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* Prints the table. False if a ratio is out of all reason (below 0.5 or above 2 in the mean of a column). */
bool table_print(void);
/* The same for the links of make bench-links, with so many runs of each. False if a run failed. */
bool table_links(uint64_t seeds);

#endif
