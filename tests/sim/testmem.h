/*
 * testmem.h: memory for the engine under test: counts what is out, and can fail the n-th allocation. Every block is
 * moved when it is resized and filled with junk when new, so that stale pointers and unset bytes show.
 */
#ifndef TRK_SIM_TESTMEM_H
#define TRK_SIM_TESTMEM_H

#include <stdint.h>

#include "base/mem.h"

struct testmem {
    struct trk_mem mem; /* hand this to the engine */
    uint64_t calls;     /* allocations and resizes so far */
    uint64_t fail_at;   /* the call with this number (from 1) fails, and all later ones if fail_rest; 0: none */
    int fail_rest;
    uint64_t failed;
    long blocks; /* out now */
    size_t bytes;
    size_t peak_bytes;
};

void testmem_init(struct testmem *m);

#endif
