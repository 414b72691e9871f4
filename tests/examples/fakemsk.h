/*
 * fakemsk.h: the minisocket API over a client in memory, for tests of handlers. Links in place of
 * libminisocket.
 *
 * The client behaves as clients may: it asks for odd ranges, shows request bytes in odd pieces,
 * loses answers and parts of them, presents continuations that it should have dropped, repeats
 * events. What it is given must be true to trickles/minisocket.h and never contradict itself: a
 * handler that breaks a rule fails the test at once. Chance comes from one seed.
 *
 * forget: each event is handled in a process of its own, forked before the first of them: whatever
 * a handler left in memory is gone. That is the amnesia test.
 */
#ifndef TESTS_EXAMPLES_FAKEMSK_H
#define TESTS_EXAMPLES_FAKEMSK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trickles/minisocket.h>

enum { FAKE_FD = 77, FAKE_HELD_MAX = 64 };

typedef void fake_handler(int fd, const struct msk_event *ev);

/* A continuation that the client holds. */
struct fake_ucont {
    uint64_t state, up, from, end; /* end: MSK_UNKNOWN */
    bool fin;
    size_t len;
    uint8_t user[MSK_UCONT_MAX_BYTES];
};

struct fake {
    uint64_t rng;
    bool forget;
    bool careful;  /* loses and repeats nothing, asks in order: for tests of one thing */
    size_t window; /* most bytes that one event asks for; 0: as chance has it */
    unsigned need; /* the last msk_need() */
    uint64_t conn;
    uint8_t *up; /* what the client says */
    size_t up_len;
    bool up_fin;
    uint8_t *down;             /* what it has got, */
    uint64_t *stamp;           /* of which state; 0: not yet */
    size_t down_cap, down_len; /* down_len: all below is there */
    bool closed, reset;
    unsigned n_held, n_events, n_new_states;
    struct fake_ucont held[FAKE_HELD_MAX]; /* by age */
};

/* A client of a new connection. */
struct fake *fake_new(uint64_t seed, bool forget);
void fake_free(struct fake *f);
/* It says something; it shuts down its side. */
void fake_say(struct fake *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fake_say_bytes(struct fake *f, const void *buf, size_t len);
void fake_hang_up(struct fake *f);
/* One event. False: there is nothing left to say or to ask for. */
bool fake_step(struct fake *f, fake_handler *handle);
/* Events until there is nothing left; fails after `limit` of them. */
void fake_run(struct fake *f, fake_handler *handle, unsigned limit);
/* Events that ask on until at least len bytes have come; for streams without an end. */
void fake_run_to(struct fake *f, fake_handler *handle, size_t len, unsigned limit);
/* Presents held continuation i, asks for [off, off + len) with no request bytes, and tells how many
 * bytes came (into out), without taking note of anything. -1: reset. */
ssize_t fake_replay(struct fake *f, fake_handler *handle, unsigned i, uint64_t off, size_t len,
                    void *out);
/* Presents held continuation i again with what was said since, as a client that goes back would.
 * It is then the newest: all that came after it is forgotten. */
void fake_go_back(struct fake *f, unsigned i);
/* Events kept by msk_detach() in this process; their answers are taken by the client. */
unsigned fake_detached(void);
void fake_take_detached(struct fake *f);
/* Number below n. */
uint64_t fake_below(struct fake *f, uint64_t n);

#endif
