/*
 * bundle.h: events of a stateless service on their way to another process or host: sealed bytes.
 * Pure.
 *
 * Layout, numbers big-endian: clear part, associated data: 0 u8 0xe1 (kind and layout) | 1 u8
 * number of events less one | 2 u16 service port | 4 u32 key step | 8 u64 issued_us | 16 u64 id
 * (random). Then 24 nonce | ciphertext | 16 tag, label `user`. An event in it: u8 kind (enum
 * trk_mini_kind) | u8 flags: 1 user bytes are there, 2 request_end | 16 bytes address that the
 * request came to | u32 interface of a link-local one | u16 and user bytes | u32 and request bytes |
 * ticket (ticket.h).
 */
#ifndef TRK_CORE_BUNDLE_H
#define TRK_CORE_BUNDLE_H

#include "base/cursor.h"
#include "core/mini.h"

enum {
    TRK_BUNDLE_KIND = 0xe1,
    TRK_BUNDLE_CLEAR_BYTES = 24,
    TRK_BUNDLE_OVERHEAD_BYTES = TRK_BUNDLE_CLEAR_BYTES + TRK_SEAL_OVERHEAD_BYTES,
    TRK_BUNDLE_EVENTS_MAX = 256,
    TRK_BUNDLE_ITEM_FIXED_BYTES = 1 + 1 + 16 + 4 + 2 + 4,
    TRK_BUNDLE_BYTES_MAX = 1 << 26, /* sealed in one piece */
};

struct trk_bundle_item {
    uint8_t kind;
    bool has_user, request_end;
    struct trk_addr local; /* port 0 */
    uint32_t ifindex;
    const uint8_t *user; /* borrowed, as the request */
    size_t user_len;     /* at most TRK_UCONT_USER_BYTES_MAX */
    const uint8_t *request;
    size_t request_len; /* at most TRK_MINI_UP_WINDOW_BYTES */
    struct trk_ticket ticket;
};

/* Appends an item; w is bad where it does not fit. */
void trk_bundle_put(struct trk_wr *w, const struct trk_bundle_item *item);

/* Reads the next item. Returns TRK_OK, TRK_E_SHORT or TRK_E_FIELD. */
int trk_bundle_get(struct trk_rd *r, struct trk_bundle_item *item)
    __attribute__((warn_unused_result));

/*
 * Seals plain[0..len), n items (1 to TRK_BUNDLE_EVENTS_MAX), into out: len +
 * TRK_BUNDLE_OVERHEAD_BYTES bytes. Returns TRK_OK or TRK_E_KEY.
 */
int trk_bundle_seal(const struct trk_seal_ops *ops, uint16_t service_port, uint64_t now_us,
                    unsigned n, const uint8_t *plain, size_t len, uint8_t *out)
    __attribute__((warn_unused_result));

/* What the clear part says, once it is known to be true. */
struct trk_bundle {
    uint64_t id, issued_us;
    unsigned n;
};

/*
 * The inverse: writes len - TRK_BUNDLE_OVERHEAD_BYTES bytes to plain. Returns TRK_OK; TRK_E_SHORT,
 * TRK_E_FIELD, TRK_E_CANNOT_OPEN (altered, another secret); TRK_E_UNKNOWN: another service port's.
 * Whether it is too old, or a copy, is for the caller to judge.
 */
int trk_bundle_open(const struct trk_seal_ops *ops, uint16_t service_port, const uint8_t *in,
                    size_t len, struct trk_bundle *b, uint8_t *plain)
    __attribute__((warn_unused_result));

#endif
