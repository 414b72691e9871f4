#include "crypto/random.h"

#include "crypto/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

static void draw(uint8_t *out, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(out, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            /* Going on with guessable nonces would give the keys away; stopping is the only safe
             * answer. */
            fprintf(stderr, "trickles: the system gives no random bytes: %s\n", strerror(errno));
            abort();
        }
        out += got;
        n -= (size_t)got;
    }
}

struct trk_random_pool *trk_random_pool_new(void)
{
    struct trk_random_pool *pool = trk_secret_alloc(sizeof(*pool));

    if (pool != NULL && madvise(pool, sizeof(*pool), MADV_WIPEONFORK) != 0) {
        trk_secret_free(pool, sizeof(*pool));
        return NULL;
    }
    return pool;
}

void trk_random_pool_free(struct trk_random_pool *pool)
{
    trk_secret_free(pool, sizeof(*pool));
}

void trk_random_fill(struct trk_random_pool *pool, void *buf, size_t n)
{
    uint8_t *from;

    if (n == 0)
        return;
    if (pool == NULL || n > sizeof(pool->bytes)) {
        draw(buf, n);
        return;
    }
    if (pool->left_bytes < n) {
        draw(pool->bytes, sizeof(pool->bytes));
        pool->left_bytes = sizeof(pool->bytes);
    }
    from = pool->bytes + sizeof(pool->bytes) - pool->left_bytes;
    memcpy(buf, from, n);
    OPENSSL_cleanse(from, n);
    pool->left_bytes -= n;
}
