/*
 * failing_memory.h: memory that counts what is held and can refuse the n-th request.
 */
#ifndef TRK_TESTS_FAILING_MEMORY_H
#define TRK_TESTS_FAILING_MEMORY_H

#include "base/mem.h"

#include <stdlib.h>

struct failing_memory {
    size_t held; /* pieces */
    long left;   /* requests that still succeed; negative: all */
};

/* The resize of a struct trk_mem whose ctx is a struct failing_memory. */
static inline void *failing_resize(void *ctx, void *p, size_t size)
{
    struct failing_memory *m = ctx;
    void *fresh;

    if (size == 0) {
        m->held -= p != NULL;
        free(p);
        return NULL;
    }
    if (m->left == 0)
        return NULL;
    fresh = realloc(p, size);
    if (fresh == NULL)
        return NULL;
    m->left -= m->left > 0;
    m->held += p == NULL;
    return fresh;
}

#endif
