/*
 * hkdf.h: HKDF with SHA-256 (RFC 5869), no salt. Pure; any thread.
 */
#ifndef TRK_CRYPTO_HKDF_H
#define TRK_CRYPTO_HKDF_H

#include <stddef.h>
#include <stdint.h>

enum { TRK_HKDF_SECRET_BYTES = 32 };

/*
 * Derives out[0..out_bytes), at most 255 * 32, from secret (TRK_HKDF_SECRET_BYTES) and the text info. Returns 0, or -1
 * if OpenSSL fails (no memory); out is wiped then. Microseconds: not for the packet path.
 */
int trk_hkdf(const uint8_t *secret, const char *info, uint8_t *out, size_t out_bytes)
    __attribute__((warn_unused_result));

#endif
