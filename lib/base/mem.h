/*
 * mem.h: memory comes into the engine from outside. One function does it all, so that a test can
 * fail the n-th call.
 */
#ifndef TRK_BASE_MEM_H
#define TRK_BASE_MEM_H

#include <stddef.h>

struct trk_mem {
    /*
     * As realloc(3): p NULL allocates, size 0 frees (and returns NULL). Returns NULL when there is
     * no memory, and p stays valid then.
     */
    void *(*resize)(void *ctx, void *p, size_t size);
    void *ctx;
};

#endif
