/*
 * ucont.h: the user continuation: where it stands in both streams in clear, the application's state
 * sealed, one AEAD. Pure.
 *
 * Layout: trickles-protocol(7), USER CONTINUATION. Clients order their continuations by the clear
 * part; it is associated data, so nobody can alter it. The sealed part is bound to the connection
 * and to the service port.
 *
 * Each run of a handler that makes a new choice begins a state, and says after which one: runs are a
 * tree, and a client takes the bytes of one path of it alone, whatever comes back to it and when.
 */
#ifndef TRK_CORE_UCONT_H
#define TRK_CORE_UCONT_H

#include <stdbool.h>

#include "core/seal.h"
#include "core/wire.h"

enum {
    TRK_UCONT_KIND = 0xd1, /* kind and layout in one byte */
    TRK_UCONT_CLEAR_BYTES = 44,
    TRK_UCONT_BOUND_BYTES = 10, /* conn and service port, sealed */
    TRK_UCONT_OVERHEAD_BYTES =
        TRK_UCONT_CLEAR_BYTES + TRK_SEAL_OVERHEAD_BYTES + TRK_UCONT_BOUND_BYTES,
    TRK_UCONT_USER_BYTES_MAX = TRK_UCONT_BYTES_MAX - TRK_UCONT_OVERHEAD_BYTES, /* 418 */
};

enum {                       /* flags */
       TRK_UCONT_END = 0x01, /* `end` is known */
       TRK_UCONT_FIN = 0x02, /* the downlink ends at `end`; only with END */
       TRK_UCONT_KNOWN = 0x03,
};

/* The clear part. */
struct trk_ucont {
    uint8_t flags;
    uint16_t key_step; /* low 16 bits of the step that seals it */
    uint64_t state;    /* names the bytes: the same for all continuations of one answer; never 0 */
    uint64_t up;       /* uplink bytes below are in it; a FIN counts one. A state whose end is not known
                          goes on where more is consumed that changes nothing of what it gives: `up`
                          is greater then, and the state the same */
    uint64_t from;     /* the first downlink offset that it can give */
    uint64_t end;      /* one past the last; UINT64_MAX where not known (0 on the wire) */
    uint64_t after;    /* begins its state: the state of the continuation presented (0: none was); a
                          checkpoint further on in a state: that state itself. At offset 36 */
};

/* The clear part as plain bytes, TRK_UCONT_CLEAR_BYTES; trk_ucont_read() reads them. */
void trk_ucont_write_clear(struct trk_wr *w, const struct trk_ucont *u);

/*
 * Reads the clear part: the first TRK_UCONT_CLEAR_BYTES of a continuation of `len` bytes; what any
 * holder can do. Returns TRK_OK, TRK_E_SHORT (len is not between the overhead and
 * TRK_UCONT_BYTES_MAX) or TRK_E_FIELD (kind, unknown flags, state 0, end below from or UINT64_MAX, end
 * without END, FIN without END).
 */
int trk_ucont_read(const uint8_t *ucont, size_t len, struct trk_ucont *u)
    __attribute__((warn_unused_result));

/*
 * Seals u and user[0..user_len) (at most TRK_UCONT_USER_BYTES_MAX) into out (TRK_UCONT_BYTES_MAX
 * bytes); u->key_step is set. *len is the length. Returns TRK_OK, TRK_E_INVAL (too long, or
 * trk_ucont_read() would refuse u) or TRK_E_KEY. About 0.5 us.
 */
int trk_ucont_seal(const struct trk_seal_ops *ops, struct trk_ucont *u, uint64_t conn,
                   uint16_t service_port, const uint8_t *user, size_t user_len, uint8_t *out,
                   size_t *len) __attribute__((warn_unused_result));

/*
 * The inverse: user (TRK_UCONT_USER_BYTES_MAX bytes) gets the application's bytes, *user_len their
 * number. Returns TRK_OK, TRK_E_SHORT, TRK_E_FIELD, or TRK_E_CANNOT_OPEN: altered, no key, another
 * connection or service.
 */
int trk_ucont_open(const struct trk_seal_ops *ops, const uint8_t *ucont, size_t len, uint64_t conn,
                   uint16_t service_port, struct trk_ucont *u, uint8_t *user, size_t *user_len)
    __attribute__((warn_unused_result));

#endif
