/*
 * log.h: what a person reads: five levels, one line at a time, to a sink that the program chooses.
 *
 * A line is bounded, and bytes that are not printable are escaped (\n as "\x0a"), so that a peer's text can forge no line.
 * Nothing here knows what a secret is: never give it one; keys, continuations and payload are not logged at any level.
 * Threads: none of its own state; a sink must allow the use that is made of it.
 */
#ifndef TRK_BASE_LOG_H
#define TRK_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, what it is for */
#define TRK_LOG_LEVELS(X)                                                                          \
    X(ERROR, "error") /* something asked for cannot be done */                                     \
    X(WARN, "warn")   /* going on, but an administrator should look */                             \
    X(INFO, "info")   /* start, stop, reload: a handful of lines a day */                          \
    X(DEBUG, "debug") /* per connection */                                                         \
    X(TRACE, "trace") /* per packet */

enum trk_log_level {
#define TRK_LOG_ENUM(name, text) TRK_LOG_##name,
    TRK_LOG_LEVELS(TRK_LOG_ENUM)
#undef TRK_LOG_ENUM
};

enum { TRK_LOG_LINE_BYTES = 1024 }; /* with the final NUL; longer lines end in "..." */

struct trk_log {
    enum trk_log_level level; /* the last level that is written */
    /* Takes one line without newline; borrowed for the call. */
    void (*sink)(void *ctx, enum trk_log_level level, const char *line);
    void *ctx;
};

/* Whether a line of this level would be written; a NULL log writes nothing. */
static inline bool trk_log_wants(const struct trk_log *log, enum trk_log_level level)
{
    return log != NULL && log->sink != NULL && level <= log->level;
}

/* Formats and writes one line, whatever its level. Use trk_log. */
void trk_log_write(const struct trk_log *log, enum trk_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Arguments are evaluated only if the level is wanted: debug lines on the packet path cost a comparison. */
#define trk_log(log, level, ...)                                                                   \
    do {                                                                                           \
        if (trk_log_wants(log, level))                                                             \
            trk_log_write(log, level, __VA_ARGS__);                                                \
    } while (0)

/* "warn" and the like; never NULL. */
const char *trk_log_level_name(enum trk_log_level level);

/* The inverse. Returns 0, or -1 if there is no such level (*level is left). */
int trk_log_level_parse(const char *name, enum trk_log_level *level)
    __attribute__((warn_unused_result));

/* A sink: "<program>: <level>: <line>" to standard error in one write; ctx is the program's name (const char *). */
void trk_log_sink_stderr(void *ctx, enum trk_log_level level, const char *line);

/* At most burst lines in each window; all zero but the two constants before the first use. */
struct trk_log_limit {
    uint64_t window_ns;
    uint32_t burst;
    uint32_t used;
    uint64_t start_ns;
    uint64_t suppressed;
};

/*
 * Whether one more line may be written at now_ns (monotonic). When it returns true, *suppressed is how many were held back
 * since the last true, for the caller to mention.
 */
bool trk_log_allow(struct trk_log_limit *limit, uint64_t now_ns, uint64_t *suppressed);

#endif
