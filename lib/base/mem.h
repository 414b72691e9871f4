/*
 * mem.h: memory comes into the engine from outside. One function does it all, so that a test can
 * fail the n-th call.
 */
#ifndef TRK_BASE_MEM_H
#define TRK_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

struct trk_mem {
    /*
     * As realloc(3): p NULL allocates, size 0 frees (and returns NULL). Returns NULL when there is
     * no memory, and p stays valid then.
     */
    void *(*resize)(void *ctx, void *p, size_t size);
    void *ctx;
};

/* Has the kernel give all pages of memory that is allocated already: it will not grow on use. */
static inline void trk_mem_touch(void *memory, size_t bytes)
{
    enum { PAGE_BYTES = 4096 }; /* the smallest that there is */
    volatile uint8_t *at = memory;
    for (size_t i = 0; i < bytes; i += PAGE_BYTES)
        at[i] = at[i];
    if (bytes > 0)
        at[bytes - 1] = at[bytes - 1];
}

#endif
