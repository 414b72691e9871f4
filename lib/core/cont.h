/*
 * cont.h: the transport continuation: the law part in clear, the secret part sealed, one AEAD.
 * Pure.
 *
 * Layout: trickles-protocol(7), TRANSPORT CONTINUATION. The law part is associated data: readable
 * by the client, alterable by nobody.
 */
#ifndef TRK_CORE_CONT_H
#define TRK_CORE_CONT_H

#include "base/addr.h"
#include "core/law.h"
#include "core/seal.h"

enum {
    TRK_CONT_KIND_TRANSPORT = 0xc1, /* kind and layout in one byte */
    TRK_CONT_CLEAR_BYTES = 68,
    TRK_CONT_SECRET_BYTES = 58,
    TRK_CONT_BYTES = TRK_CONT_CLEAR_BYTES + TRK_SEAL_OVERHEAD_BYTES + TRK_CONT_SECRET_BYTES,
};

/* What only servers read. */
struct trk_secret {
    uint64_t conn;        /* identity of the connection for its whole life */
    uint64_t rho;         /* salt of the nonces and of the replay table; new after STALE */
    struct trk_addr peer; /* validated address; port as last seen */
    uint16_t client_port; /* the inner source port */
    uint16_t service_port;
    uint32_t nonce_step;      /* key step of the range nonces of this salt */
    uint32_t open_step;       /* key step of reset token and uplink reference */
    uint64_t opened_us;       /* wall clock of the OPEN: lifetime counts from here */
    uint32_t ssthresh_prev_q; /* before the last cut: for UNDO */
};

/*
 * Reads the law part; `cont` has at least TRK_CONT_CLEAR_BYTES valid bytes of a continuation of
 * `len` bytes. What any holder can do. Returns TRK_OK, TRK_E_SHORT or TRK_E_FIELD.
 */
int trk_cont_read_law(const uint8_t *cont, size_t len, struct trk_law *law)
    __attribute__((warn_unused_result));

/*
 * The two parts as plain bytes, TRK_CONT_CLEAR_BYTES and TRK_CONT_SECRET_BYTES; whoever keeps the
 * secret part seals it. Reading fails by the cursor alone.
 */
void trk_cont_write_law(struct trk_wr *w, const struct trk_law *law);
void trk_cont_write_secret(struct trk_wr *w, const struct trk_secret *secret);
void trk_cont_read_secret(struct trk_rd *r, struct trk_secret *secret);

/*
 * Seals law and secret into out[0..TRK_CONT_BYTES). law->key_step is set from the seal's present
 * step. Returns TRK_OK or TRK_E_KEY. About 0.5 us.
 */
int trk_cont_seal(const struct trk_seal_ops *ops, struct trk_law *law,
                  const struct trk_secret *secret, uint8_t *out)
    __attribute__((warn_unused_result));

/* The inverse. Returns TRK_OK, or a DROP code: TRK_E_SHORT, TRK_E_FIELD, TRK_E_CANNOT_OPEN. */
int trk_cont_open(const struct trk_seal_ops *ops, const uint8_t *cont, size_t len,
                  struct trk_law *law, struct trk_secret *secret)
    __attribute__((warn_unused_result));

#endif
