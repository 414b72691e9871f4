#include "crypto/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

int trk_hkdf(const uint8_t *secret, const char *info, uint8_t *out, size_t out_bytes)
{
    /* OSSL_PARAM has no const for what it only reads: give it copies. */
    uint8_t key[TRK_HKDF_SECRET_BYTES];
    char digest[] = "SHA256";
    char *label = strdup(info);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    int ok = 0;

    memcpy(key, secret, sizeof(key));
    if (ctx != NULL && label != NULL) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, strlen(label)),
            OSSL_PARAM_construct_end(),
        };
        ok = EVP_KDF_derive(ctx, out, out_bytes, params) == 1;
    }
    if (!ok)
        OPENSSL_cleanse(out, out_bytes);
    OPENSSL_cleanse(key, sizeof(key));
    free(label);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : -1;
}
