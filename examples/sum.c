/* SHA-256 as a value: see sum.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* the state of EVP's digests cannot be taken out of them */
#include "sum.h"

#include <string.h>

#include <openssl/sha.h>

static void load(SHA256_CTX *c, const struct sum *s)
{
    SHA256_Init(c);
    for (int i = 0; i < 8; i++)
        c->h[i] = s->h[i];
    c->Nl = (uint32_t)(s->bytes << 3); /* it counts bits */
    c->Nh = (uint32_t)(s->bytes >> 29);
    c->num = s->bytes % SUM_BLOCK_BYTES;
    memcpy(c->data, s->block, sizeof s->block); /* bytes, whatever its type says */
}

static void save(struct sum *s, const SHA256_CTX *c)
{
    *s = (struct sum){.bytes = (uint64_t)c->Nh << 29 | c->Nl >> 3};
    for (int i = 0; i < 8; i++)
        s->h[i] = c->h[i];
    memcpy(s->block, c->data, c->num);
}

void sum_begin(struct sum *s)
{
    SHA256_CTX c;
    SHA256_Init(&c);
    save(s, &c);
}

void sum_add(struct sum *s, const void *bytes, size_t len)
{
    SHA256_CTX c;
    load(&c, s);
    SHA256_Update(&c, bytes, len);
    save(s, &c);
}

void sum_tell(const struct sum *s, uint8_t out[SUM_BYTES])
{
    SHA256_CTX c;
    load(&c, s);
    SHA256_Final(out, &c);
}
