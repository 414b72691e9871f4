/*
 * reasm.h: reassembly of uplink bytes of stateless connections: bounded soft state, keyed by
 * connection. Losing an entry at any moment costs a resend, nothing else. Pure but for its memory.
 *
 * An entry holds bytes beyond what the client's user continuation has consumed. It is begun when
 * bytes come that do not follow it directly, or that a handler left. Bounds: entries, bytes of one
 * entry (TRK_MINI_UP_WINDOW_BYTES) and its ranges, bytes in all, age; the oldest goes first.
 *
 * A client may present an older continuation than before, and send again what was consumed after
 * it: an entry goes back to that then, with what it holds.
 */
#ifndef TRK_CORE_REASM_H
#define TRK_CORE_REASM_H

#include "base/map.h"
#include "base/ranges.h"
#include "core/wire.h"

enum {
    TRK_MINI_UP_WINDOW_BYTES = 65536, /* the longest request that one event can show */
    TRK_REASM_ENTRIES_DEFAULT = 4096,
    TRK_REASM_RANGES_MAX = 64,   /* of one entry: every second packet of a window */
    TRK_REASM_AGE_US = 10000000, /* as the freshness: older bytes would not be continued */
    TRK_REASM_SHOWN_US = 5000,   /* a handler that has not answered by then may be asked again */
};
#define TRK_REASM_BYTES_DEFAULT (UINT64_C(64) << 20)

struct trk_reasm_entry;

struct trk_reasm {
    struct trk_mem mem;
    struct trk_map map;                      /* conn -> entry */
    struct trk_reasm_entry *oldest, *newest; /* by last use */
    unsigned n, max_entries;
    uint64_t bytes, max_bytes; /* entries and their buffers */
    uint64_t evicted;          /* entries given up for room */
};

/*
 * An empty table at r, which must not move afterwards; mem is copied, its ctx borrowed. seed: of
 * the hash map. max_entries at least 1.
 */
void trk_reasm_init(struct trk_reasm *r, const struct trk_mem *mem, const uint64_t seed[2],
                    unsigned max_entries, uint64_t max_bytes);
/* Gives everything back; usable again. */
void trk_reasm_clear(struct trk_reasm *r);

/*
 * Uplink bytes [off, off + len), fin behind them, of a connection whose continuation has consumed
 * all below `up`. What is below `up`, beyond the window, or behind a FIN is not kept. Returns
 * TRK_OK or TRK_E_NOMEM (not kept: will come again).
 */
int trk_reasm_add(struct trk_reasm *r, uint64_t now_us, uint64_t conn, uint64_t up, uint64_t off,
                  const uint8_t *bytes, size_t len, bool fin) __attribute__((warn_unused_result));

/*
 * What is there from `up` on, contiguous: *bytes (borrowed until the next call that changes r),
 * *len; *fin: the client's FIN follows. False: nothing (0, false).
 */
bool trk_reasm_peek(const struct trk_reasm *r, uint64_t conn, uint64_t up, const uint8_t **bytes,
                    size_t *len, bool *fin);

/*
 * What is there from `up` on is going to be shown to a handler. False: it has been less than
 * TRK_REASM_SHOWN_US ago, and no answer came since (trk_reasm_consume()). Each packet of a train that
 * brings more than is needed would show all of it again.
 */
bool trk_reasm_show(struct trk_reasm *r, uint64_t now_us, uint64_t conn, uint64_t up);

/* Is anything held for this connection, wherever it is? */
bool trk_reasm_holds(const struct trk_reasm *r, uint64_t conn);

/* A handler has answered, and consumed all below `up`; the entry goes when nothing is left. With 0: no
 * handler will answer what trk_reasm_show() was for. */
void trk_reasm_consume(struct trk_reasm *r, uint64_t conn, uint64_t up);

/* A handler that has consumed all below `up` needs n bytes from there on before it can do anything:
 * TRK_OK, or TRK_E_UNKNOWN where no entry is held. Forgotten when bytes are consumed; of no effect
 * where another run has consumed more. */
int trk_reasm_need(struct trk_reasm *r, uint64_t conn, uint64_t up, size_t n);
/* What was needed last from `up` on; 0. */
size_t trk_reasm_needed(const struct trk_reasm *r, uint64_t conn, uint64_t up);

/* Fills up: ack, the lowest SACK ranges of what is held above it, credit TRK_MINI_UP_WINDOW_BYTES.
 */
void trk_reasm_up_state(const struct trk_reasm *r, uint64_t conn, uint64_t ack,
                        struct trk_up_state *up);

/* Gives up entries not used since now_us - TRK_REASM_AGE_US. */
void trk_reasm_expire(struct trk_reasm *r, uint64_t now_us);

#endif
