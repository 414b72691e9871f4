/*
 * instance.h: the host's 16-bit instance id, which must survive restarts (protocol.md section 3, Instances): configured,
 * or drawn once and kept in a file beside the secret.
 */
#ifndef TRK_CRYPTO_INSTANCE_H
#define TRK_CRYPTO_INSTANCE_H

#include "crypto/linefile.h"

#include <stdint.h>

/*
 * Reads the id (1 to 65535, one decimal line) from path into *id; draws one and makes the file if there is none. The id
 * is no secret, but a file that others may write is refused. Returns 0, or -1 with the reason in err.
 */
int trk_instance_load(const char *path, uint16_t *id, struct trk_error_text *err)
    __attribute__((warn_unused_result));

#endif
