/*
 * minirec.h: the records of a stateless service's rings: events to the application, answers to the
 * daemon. Pure codec. Numbers in the host's order (both ends are on one host; the layout's version
 * is TRK_RINGMEM_LAYOUT).
 *
 * A record being read lies in memory that its writer can still change: all numbers are copied first
 * and checked then; bytes (pointers into the record) may change at any time and must never decide
 * about an access.
 *
 * EVENT   daemon -> application: what a handler is to see.
 * ANSWER  application -> daemon: what is to be sent for it. Bytes of the downlink come as stretches
 *         of the stream; the payload is first in the record, so that an application can write it
 *         there before it knows the rest.
 */
#ifndef TRK_IPC_MINIREC_H
#define TRK_IPC_MINIREC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/name.h"

enum trk_rec_type {
    TRK_REC_EVENT = 1,
    TRK_REC_ANSWER = 2,
};

enum {
    TRK_REC_RUNS_MAX = 32,        /* of an event; stretches of an answer */
    TRK_REC_USER_BYTES_MAX = 512, /* application's bytes of a continuation; the daemon asks less */
    TRK_REC_REQUEST_BYTES_MAX = 65536, /* of one event */
    TRK_REC_PAYLOAD_AT = 64,           /* where an answer's payload begins */
};

/* Bytes [off, off + len) of the downlink stream are asked for, in up to `count` packets. */
struct trk_rec_run {
    uint64_t off;
    uint32_t len;
    uint32_t count;
};

/* Bytes [off, off + len) of the downlink stream are there, from `at` of the payload on. */
struct trk_rec_stretch {
    uint64_t off;
    uint32_t len;
    uint32_t at;
};

enum trk_rec_event_flags {
    TRK_REC_E_UCONT = 1,       /* a continuation was presented: user, from, end */
    TRK_REC_E_REQUEST_END = 2, /* the client's FIN follows the request bytes */
    TRK_REC_E_HELD = 4,        /* the daemon has the request bytes: none need come back */
    TRK_REC_E_KNOWN = 7,
};

struct trk_rec_event {
    uint64_t handle; /* never 0 */
    uint64_t conn;
    uint64_t from, end; /* end UINT64_MAX: not known */
    uint64_t up;        /* stream offset of the first request byte */
    struct trk_ipc_addr peer;
    uint32_t flags;
    uint32_t request_len;
    uint32_t packets; /* that may be sent */
    uint16_t packet_bytes;
    uint16_t user_len;
    uint8_t kind; /* enum trk_mini_kind */
    uint8_t n_runs;
    struct trk_rec_run run[TRK_REC_RUNS_MAX];
    const uint8_t *user;    /* borrowed */
    const uint8_t *request; /* borrowed */
};

enum trk_rec_answer_flags {
    TRK_REC_A_KEEP = 0x001, /* more may come for this event */
    TRK_REC_A_CONSUMED_END = 0x002,
    TRK_REC_A_FRESH = 0x004,
    TRK_REC_A_FIRST = 0x008, /* `first` is set */
    TRK_REC_A_LAST = 0x010,
    TRK_REC_A_END = 0x020, /* `end` is known */
    TRK_REC_A_FIN = 0x040,
    TRK_REC_A_RESET = 0x080, /* the connection ends; nothing else is looked at */
    TRK_REC_A_KNOWN = 0x0ff,
};

/* Application's bytes that take over at a stream offset. */
struct trk_rec_ucont {
    uint64_t from;
    uint16_t len;
    const uint8_t *user; /* borrowed */
};

struct trk_rec_answer {
    uint64_t handle;
    uint64_t end;
    uint32_t flags;
    uint32_t consumed; /* request bytes */
    uint32_t need;     /* no event for fewer request bytes is wanted; 0: nothing said */
    struct trk_rec_ucont first, last;
    uint32_t payload_len;
    uint16_t user_len; /* of the event, as it is now: where neither first nor last is set; or 0 */
    uint32_t
        request_len; /* of the event, as it is now: where some are left that are not held; or 0 */
    uint8_t n_stretches;
    struct trk_rec_stretch stretch[TRK_REC_RUNS_MAX]; /* in any order */
    const uint8_t *payload;                           /* borrowed, as the next two */
    const uint8_t *user;
    const uint8_t *request;
};

/* Bytes of the record; e: counts and lengths within their bounds. */
size_t trk_rec_event_bytes(const struct trk_rec_event *e);
/* Writes it: as many bytes. out is aligned to 8. */
void trk_rec_event_write(const struct trk_rec_event *e, uint8_t *out);
/* Reads any bytes. 0 or -EPROTO. */
int trk_rec_event_read(const uint8_t *rec, size_t len, struct trk_rec_event *e)
    __attribute__((warn_unused_result));

/*
 * A list of events in a memfd (MINI_EXTRACT): of each its length in 8 bytes and its record, filled
 * up to a multiple of 8. Only handle, user and request are looked at.
 */
size_t trk_rec_listed_bytes(const struct trk_rec_event *e);
/* Writes one; returns trk_rec_listed_bytes(). out is aligned to 8. */
size_t trk_rec_list(const struct trk_rec_event *e, uint8_t *out);
/* Reads the event at *at, which moves on. 0 or -EPROTO. */
int trk_rec_unlist(const uint8_t *list, size_t len, size_t *at, struct trk_rec_event *e)
    __attribute__((warn_unused_result));

/* The same for answers. The payload, payload_len bytes, is at rec + TRK_REC_PAYLOAD_AT: where
 * a->payload is that place it is not copied. */
size_t trk_rec_answer_bytes(const struct trk_rec_answer *a);
void trk_rec_answer_write(const struct trk_rec_answer *a, uint8_t *out);
int trk_rec_answer_read(const uint8_t *rec, size_t len, struct trk_rec_answer *a)
    __attribute__((warn_unused_result));

#endif
