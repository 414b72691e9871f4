/*
 * err.h: the engine's result codes, one list with the class of each. errno exists only at the
 * boundaries (io, preload).
 *
 * Classes: DROP (the packet is ignored and counted by reason, never answered), AGAIN (nothing now),
 * CONN (this connection is over), CALLER (wrong use or refused resource), FATAL.
 */
#ifndef TRK_BASE_ERR_H
#define TRK_BASE_ERR_H

#define TRK_ERR_LIST(X)                                                                            \
    X(SHORT, -1, DROP, "packet shorter than its fields")                                           \
    X(VERSION, -2, DROP, "version not spoken")                                                     \
    X(TYPE, -3, DROP, "unknown packet type or wrong direction")                                    \
    X(FIELD, -4, DROP, "field out of its range")                                                   \
    X(CANNOT_OPEN, -5, DROP, "continuation cannot be opened")                                      \
    X(UNKNOWN, -6, DROP, "no such connection")                                                     \
    X(DUPLICATE, -7, DROP, "copy of a packet already handled")                                     \
    X(AGAIN, -8, AGAIN, "nothing to do now")                                                       \
    X(CLOSED, -9, CONN, "connection is closed")                                                    \
    X(RESET, -10, CONN, "connection was reset by the peer")                                        \
    X(TIMEOUT, -11, CONN, "peer does not answer")                                                  \
    X(REFUSED, -12, CONN, "no such service at the peer")                                           \
    X(NOMEM, -13, CALLER, "out of memory")                                                         \
    X(INVAL, -14, CALLER, "invalid argument")                                                      \
    X(NOSPACE, -15, CALLER, "buffer too small")                                                    \
    X(KEY, -16, FATAL, "no key for this step")

enum trk_err {
    TRK_OK = 0,
#define X(name, value, class, text) TRK_E_##name = value,
    TRK_ERR_LIST(X)
#undef X
};

/* How many codes there are: counters by reason are arrays of this size, indexed by -code. */
enum { TRK_ERR_COUNT = 17 };

/* A static English sentence without a full stop for any code, "unknown error" for others. */
const char *trk_err_text(int code);

/* Ends the program with a message: for broken invariants of our own, never for bytes from outside.
 */
_Noreturn void trk_panic(const char *file, int line, const char *what);

/* An assertion that stays on in release builds. */
#define TRK_ASSERT(cond)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            trk_panic(__FILE__, __LINE__, #cond);                                                  \
    } while (0)

#endif
