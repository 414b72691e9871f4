/* Memory of streams: see buffers.h. */
#include <config.h>

#include "daemon/buffers.h"

#include <malloc.h>
#include <stdlib.h>

static size_t counted(void *p)
{
    size_t size = p != NULL ? malloc_usable_size(p) : 0;
    return size > TRK_BUFFERS_SMALL_BYTES + 64 ? size : 0; /* malloc rounds up by less */
}

static void *resize(void *ctx, void *p, size_t size)
{
    struct trk_buffers *b = ctx;
    size_t old = counted(p), left = b->most_bytes - (b->used_bytes < b->most_bytes ? b->used_bytes : b->most_bytes);
    if (size > TRK_BUFFERS_SMALL_BYTES && size > old && size > left / 4)
        return NULL;
    void *fresh = size != 0 ? realloc(p, size) : NULL;
    if (size == 0)
        free(p);
    else if (fresh == NULL)
        return NULL;
    b->used_bytes += counted(fresh) - old;
    return fresh;
}

void trk_buffers_init(struct trk_buffers *b, size_t most_bytes)
{
    *b = (struct trk_buffers){.mem = {.resize = resize, .ctx = b}, .most_bytes = most_bytes};
}
