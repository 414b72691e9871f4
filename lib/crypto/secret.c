#include "crypto/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

void *trk_secret_alloc(size_t n_bytes)
{
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    /* Both are a second line of defence: a system that refuses them still gets a working daemon. */
    (void)madvise(memory, n_bytes, MADV_DONTDUMP);
    (void)mlock(memory, n_bytes);
    return memory;
}

void trk_secret_free(void *memory, size_t n_bytes)
{
    if (memory == NULL)
        return;
    OPENSSL_cleanse(memory, n_bytes);
    (void)munmap(memory, n_bytes);
}
