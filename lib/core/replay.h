/*
 * replay.h: the replay table: which seqs were sent, exactly, in constant memory. Pure (memory from
 * the caller).
 *
 * One cache line of 64 bytes holds a 64-bit tag of (salt, instance, seq / 384), the time of its
 * last use and a bitmap of 384 seqs; four lines make a set. No Bloom filter: a false hit would cost
 * a window cut (protocol research 1.6). Losing the table may let a packet be sent twice; it never
 * makes an answer wrong.
 *
 * Evicting a line that is still fresh raises its set's floor time; a continuation issued at or
 * before the floor must be answered STALE when its line is not found, or was begun later (research
 * 5.1). So memory is constant and nothing fresh is forgotten. Continuations newer than the floor may be
 * served because none is issued before trk_replay_known() of all that it is good for, and each
 * touches the lines that there are: the floor is never below the issue of one that lost marks.
 *
 * Threading: one writer. Times are the server's wall clock in us.
 */
#ifndef TRK_CORE_REPLAY_H
#define TRK_CORE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRK_REPLAY_DEFAULT_BYTES = 16 << 20,
    TRK_REPLAY_MIN_BYTES = 1 << 12,
    TRK_REPLAY_LINE_SEQS = 384,
};

struct trk_replay_line;

struct trk_replay {
    struct trk_replay_line *lines;
    uint64_t *floor_us; /* per set */
    uint64_t *known_us; /* per line: its set's floor when it was begun; what was sent up to then may be missing */
    size_t set_mask;
    uint64_t fresh_us;
    uint64_t evictions; /* of fresh lines: a table too small shows here */
};

/*
 * Lays an empty table over mem[0..bytes), aligned to 64 bytes, borrowed for the table's life; bytes
 * at least TRK_REPLAY_MIN_BYTES. Touches all of it (so that it never faults later). Lines younger
 * than fresh_us are not evicted silently. Returns TRK_OK or TRK_E_INVAL.
 */
int trk_replay_init(struct trk_replay *t, void *mem, size_t bytes, uint64_t fresh_us)
    __attribute__((warn_unused_result));

/* The space that a seq belongs to. */
struct trk_space {
    uint64_t rho;
    uint16_t instance;
};

/*
 * Which of the n (at most 64) seqs from `first` on were sent: bit i is first + i. *stale is set
 * (never cleared) when that cannot be known any more for a continuation issued at issued_us. One or
 * two cache misses.
 */
uint64_t trk_replay_sent(const struct trk_replay *t, struct trk_space space, uint64_t first,
                         unsigned n, uint64_t issued_us, bool *stale);

/*
 * Is all known that was ever marked in [first, end), to one whose continuation was issued at issued_us?
 * False: answer STALE. One look-up for each line's worth of seqs.
 */
bool trk_replay_known(const struct trk_replay *t, struct trk_space space, uint64_t first,
                      uint64_t end, uint64_t issued_us);

/* A continuation good for [first, end) is issued: what is marked there stays as long as it is fresh. */
void trk_replay_touch(struct trk_replay *t, struct trk_space space, uint64_t first, uint64_t end,
                      uint64_t now_us);

/* Marks those of the n (at most 64) seqs from `first` on whose bit is set. Makes room by eviction
 * where needed. */
void trk_replay_mark(struct trk_replay *t, struct trk_space space, uint64_t first, unsigned n,
                     uint64_t bits, uint64_t now_us);

#endif
