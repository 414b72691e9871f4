/*
 * The tag: 64 bits that the kernel keeps for us in every descriptor of ours, and by which it is
 * known to be ours. It lies in SO_MAX_PACING_RATE, which the kernel stores for any socket and uses
 * only for TCP; it is the open file's, so it is the same after dup, fork, exec and descriptor
 * passing. A value of 2^62 bytes per second is no pacing rate that anyone sets.
 *
 * State machine of `state` (the kernel's AF_UNIX state moves along):
 *
 *     from         on                                                to
 *     FRESH        listen                                            LISTENING
 *     FRESH        connect                                           CONNECTING
 *     CONNECTING   the daemon's result is UP                         CONNECTED
 *     CONNECTING   it is FAILED, and SO_ERROR has told so            FAILED
 *     CONNECTING   it is FAILED, and connect has told so             CLOSED
 *     FAILED       connect (gives ECONNABORTED, as TCP)              CLOSED
 *     CLOSED       connect (a new file takes the number)             CONNECTING
 *
 * ACCEPTED is what accept returns. BOUND is a bit: set by bind, kept over listen and connect.
 *
 * The tag is read, changed and written without a lock: two threads that change options of one
 * socket at one moment may lose one of the changes. States change only in calls that TCP serialises
 * by meaning.
 */
#ifndef TRK_PRELOAD_TAG_H
#define TRK_PRELOAD_TAG_H

#include <stdint.h>

enum trk_tag_state {
    TRK_TAG_FRESH = 0,
    TRK_TAG_LISTENING = 1,
    TRK_TAG_CONNECTING = 2,
    TRK_TAG_CONNECTED = 3,
    TRK_TAG_FAILED = 4,
    TRK_TAG_CLOSED = 5,
    TRK_TAG_ACCEPTED = 6,
};

/* Bits: what is true of the socket, and the switches that programs set most. */
#define TRK_TAG_V6        (1u << 0) /* AF_INET6 */
#define TRK_TAG_BOUND     (1u << 1) /* bound by the application; the name is an L name */
#define TRK_TAG_STORE     (1u << 2) /* more options are in the store (store.h) */
#define TRK_TAG_NATIVE    (1u << 3) /* SO_LINGER or a time-out was set: accept copies them */
#define TRK_TAG_NODELAY   (1u << 4)
#define TRK_TAG_CORK      (1u << 5)
#define TRK_TAG_REUSEADDR (1u << 6)
#define TRK_TAG_REUSEPORT (1u << 7)
#define TRK_TAG_KEEPALIVE (1u << 8)
#define TRK_TAG_V6ONLY    (1u << 9)
#define TRK_TAG_LINGER0                                                                            \
    (1u << 10) /* SO_LINGER {1, 0}: the daemon has to be told once it knows the id */
/* Kept by what accept returns. */
#define TRK_TAG_INHERITED                                                                          \
    (TRK_TAG_V6 | TRK_TAG_STORE | TRK_TAG_NATIVE | TRK_TAG_NODELAY | TRK_TAG_CORK |                \
     TRK_TAG_REUSEADDR | TRK_TAG_REUSEPORT | TRK_TAG_KEEPALIVE | TRK_TAG_V6ONLY | TRK_TAG_LINGER0)

struct trk_tag {
    enum trk_tag_state state;
    uint32_t bits; /* TRK_TAG_* */
};

/* Pure. Unpack returns 0, or -EINVAL where the value is no tag. */
uint64_t trk_tag_pack(const struct trk_tag *tag);
int trk_tag_unpack(uint64_t value, struct trk_tag *tag);

/* Is `fd` ours? 1 and the tag, or 0; errno is kept. One system call. */
int trk_tag_get(int fd, struct trk_tag *tag);

/* 0 or -errno. */
int trk_tag_set(int fd, const struct trk_tag *tag);

#endif
