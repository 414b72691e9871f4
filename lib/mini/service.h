/*
 * service.h: a service descriptor: its back end, and the events that are in the application's hands.
 *
 * An event's name (msk_t) is tag of the service (16 bits), count (32), slot (16): a slot holds one
 * event at a time and knows its name, so an old or a foreign name is found out by one comparison.
 */
#ifndef TRK_MINI_SERVICE_H
#define TRK_MINI_SERVICE_H

#include "mini/backend.h"
#include "mini/table.h"

enum { MSK_SLOTS_MAX = 1 << 16 };

struct msk_service {
    struct msk_object object;
    struct msk_back *back;
    uint16_t port;
    uint16_t tag;
    uint32_t count;
    struct msk_job **slot; /* NULL: free */
    uint16_t *free_slot;   /* a stack of free ones */
    unsigned n_slots, n_free;
    unsigned live; /* events of the last msk_events() that are neither dropped nor detached */
    msk_t *batch;  /* the names of all of them */
    struct msk_job **taken;
    int batch_len, batch_cap;
};

/* errno = err; returns -1. */
int msk_fail(int err);

/* client.c: what msk_finish() and msk_timeout() do for a client's connection. */
int msk_client_finish(struct msk_object *o);
int msk_client_timeout(const struct msk_object *o);

/* The service of fd, or NULL with errno. */
struct msk_service *msk_service_get(int fd);
/* The service and the event, or NULL with errno. */
struct msk_job *msk_service_job(int fd, msk_t msk, struct msk_service **s);
/* The event of that name; NULL: none. */
struct msk_job *msk_service_find(const struct msk_service *s, msk_t msk);

/* Where an event is kept: what must be known to let go of it. */
struct msk_place {
    unsigned slot;
    bool detached;
};
static inline struct msk_place msk_service_place(const struct msk_job *job)
{
    return (struct msk_place){.slot = job->slot, .detached = job->detached};
}

/* The event leaves the application's hands: its name is good for nothing any more. */
void msk_service_forget(struct msk_service *s, struct msk_place place);
/* Sends the answer of an event, which is gone then. 0 or -errno. */
int msk_service_drop(struct msk_service *s, struct msk_job *job);
/* What is queued leaves if no event of the last batch is left to wait for. */
void msk_service_settle(struct msk_service *s);

#endif
