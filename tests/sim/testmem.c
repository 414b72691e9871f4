#include "testmem.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 16 }; /* keeps malloc's alignment */

static void *resize(void *ctx, void *p, size_t size)
{
    struct testmem *m = ctx;
    size_t old = 0;
    if (p != NULL)
        memcpy(&old, (uint8_t *)p - HEAD_BYTES, sizeof old);
    uint8_t *fresh = NULL;
    if (size != 0) {
        m->calls++;
        if (m->fail_at != 0 && (m->calls == m->fail_at || (m->fail_rest && m->calls > m->fail_at))) {
            m->failed++;
            return NULL;
        }
        fresh = malloc(size + HEAD_BYTES);
        if (fresh == NULL)
            abort();
        memset(fresh, 0xa5, size + HEAD_BYTES);
        memcpy(fresh, &size, sizeof size);
        fresh += HEAD_BYTES;
        if (p != NULL)
            memcpy(fresh, p, old < size ? old : size);
        m->blocks++;
        m->bytes += size;
    }
    if (p != NULL) {
        memset(p, 0x5a, old);
        free((uint8_t *)p - HEAD_BYTES);
        m->blocks--;
        m->bytes -= old;
    }
    if (m->bytes > m->peak_bytes)
        m->peak_bytes = m->bytes;
    return fresh;
}

void testmem_init(struct testmem *m)
{
    *m = (struct testmem){0};
    m->mem = (struct trk_mem){.resize = resize, .ctx = m};
}
