/*
 * keyring.h: the cluster secret and its ratchet.
 *
 * Hosts of a cluster share a file of one line, "<step> <64 hex digits>": a step number n and S_n. Time is cut into steps
 * (step = unix time / step_seconds, rounded down) and S_{n+1} = HKDF-SHA256(S_n, "trickles ratchet"), so each host turns
 * the ratchet alone. A step is held for its own time and then for the lifetime of what it sealed; then it is wiped and the
 * file is rewritten with the oldest step still held, so that a file stolen later opens nothing older. One step ahead is
 * held too: another host's clock may be a little fast.
 *
 *     steps held:   current - ceil(lifetime / step) ... current, current + 1
 *     file holds:   the first of them
 *
 * A file from the next step is accepted (this clock may be slow): it is then the oldest, and used to seal. A file older
 * than TRK_KEYRING_JUMP_MAX steps, or further ahead than one, is refused: a wrong clock or a wrong file, and a ratchet
 * cannot be turned back.
 *
 * Keys: HKDF-SHA256(S_n, "trickles key <label>"), label one of transport, user, path (32 bytes), token, nonce (16).
 * Threads: thread-compatible. Source: protocol.md section 5.
 */
#ifndef TRK_CRYPTO_KEYRING_H
#define TRK_CRYPTO_KEYRING_H

#include "core/seal.h"
#include "crypto/linefile.h"

enum {
    TRK_KEYRING_SECRET_BYTES = 32,
    TRK_KEYRING_STEPS_MAX = 8,       /* held at once, the one ahead included */
    TRK_KEYRING_JUMP_MAX = 400,      /* more than a year of daily steps: a wrong clock */
    TRK_KEYRING_STEP_SECONDS = 86400,
    TRK_KEYRING_LIFETIME_SECONDS = 86400,
};

/* Both in seconds, both at least 1, and the lifetime at most TRK_KEYRING_STEPS_MAX - 2 steps. Same on all hosts. */
struct trk_keyring_clock {
    uint32_t step_seconds;
    uint32_t lifetime_seconds;
};

struct trk_keyring;

/* A day and a day. */
struct trk_keyring_clock trk_keyring_default_clock(void);

/*
 * Writes the line of a new secret file, for the step that now_s (Unix time) falls into, without a newline, to line
 * (TRK_LINEFILE_BYTES_MAX + 1 bytes; the caller wipes it). Returns 0, or -1 with the reason in err.
 */
int trk_keyring_new_line(char *line, const struct trk_keyring_clock *clock, uint64_t now_s,
                         struct trk_error_text *err) __attribute__((warn_unused_result));

/*
 * Makes a new secret file at path (mode 0600) for the step that now_s (Unix time) falls into. Never touches an existing
 * one. Returns 0, or -1 with the reason in err.
 */
int trk_keyring_generate(const char *path, const struct trk_keyring_clock *clock, uint64_t now_s,
                         struct trk_error_text *err) __attribute__((warn_unused_result));

/*
 * Reads the file, turns the ratchet to now_s, and rewrites the file if a step is past its lifetime. Refuses a file that
 * group or others may touch. Returns a keyring, which the caller frees, or NULL with the reason in err.
 */
struct trk_keyring *trk_keyring_load(const char *path, const struct trk_keyring_clock *clock,
                                     uint64_t now_s, struct trk_error_text *err)
    __attribute__((warn_unused_result));

/*
 * For tests and the simulator: S_step = secret (TRK_KEYRING_SECRET_BYTES, copied), current at step; no file, default
 * clock. Returns a keyring, which the caller frees, or NULL if there is no memory.
 */
struct trk_keyring *trk_keyring_from_secret(uint32_t step, const uint8_t *secret)
    __attribute__((warn_unused_result));

/* Wipes and frees; NULL is ignored. */
void trk_keyring_free(struct trk_keyring *kr);

/*
 * Turns the ratchet so that step is current; a step in the past changes nothing. Steps past their lifetime are wiped. The
 * file is not touched. Returns 0; or -1 with the reason in err and nothing changed: more than TRK_KEYRING_JUMP_MAX steps
 * at once, or OpenSSL failed.
 */
int trk_keyring_advance(struct trk_keyring *kr, uint32_t step, struct trk_error_text *err)
    __attribute__((warn_unused_result));

/*
 * To be called now and then (once a minute is plenty) with the Unix time: advances, and rewrites the file if the oldest
 * step held has changed since it was written. Returns 0, or -1 with the reason in err; where only the writing failed the
 * keys have moved on, and the next tick tries to write again.
 */
int trk_keyring_tick(struct trk_keyring *kr, uint64_t now_s, struct trk_error_text *err)
    __attribute__((warn_unused_result));

/* The step to seal with now, and the ends of what is held (both included). */
uint32_t trk_keyring_current(const struct trk_keyring *kr);
uint32_t trk_keyring_oldest(const struct trk_keyring *kr);
uint32_t trk_keyring_newest(const struct trk_keyring *kr);

/*
 * Derives the key of (label, step) into out, out_bytes long. Returns 0, or -1 if the step is not held, the label unknown
 * or OpenSSL fails. Microseconds: not for the packet path.
 */
int trk_keyring_derive(const struct trk_keyring *kr, enum trk_key_label label, uint32_t step,
                       uint8_t *out, size_t out_bytes) __attribute__((warn_unused_result));

#endif
