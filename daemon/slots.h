/*
 * slots.h: the events of one stateless service that are in its application's hands: what the daemon must know to send
 * their answers. Private to the daemon; the application has handles.
 *
 * A handle is generation (32 bits) and place: one that was answered is found out, one that was never given out too. A
 * table of fixed size, all memory there from the start. Pure but for that.
 */
#ifndef TRK_DAEMON_SLOTS_H
#define TRK_DAEMON_SLOTS_H

#include "core/mini.h"
#include "io/udp.h"

struct trk_slot {
    uint32_t generation; /* of the event in it, or of the last one */
    uint32_t next_free;
    bool used;
    bool kept; /* answered in part: more may come */
    bool has_user, request_end, held;
    uint8_t kind;
    uint32_t request_len; /* that the application was shown and has not consumed */
    struct trk_udp_path path;
    struct trk_ticket ticket;
};

struct trk_slots {
    struct trk_slot *slot;
    uint32_t n, free, used;
    uint32_t kept, kept_max;
};

/* n free slots (1 at least), of which kept_max may be kept at a time. Returns 0 or -ENOMEM. */
int trk_slots_init(struct trk_slots *s, uint32_t n, uint32_t kept_max) __attribute__((warn_unused_result));
/* Zeroed is allowed. */
void trk_slots_free(struct trk_slots *s);

/* A slot for a new event, to be filled, and its handle; NULL: all are used. */
struct trk_slot *trk_slots_take(struct trk_slots *s, uint64_t *handle);
/* The event is gone; the handle is good for nothing any more. */
void trk_slots_give(struct trk_slots *s, struct trk_slot *slot);
/* The event in a slot gets another handle: it is shown again, and not kept any more. */
uint64_t trk_slots_renew(struct trk_slots *s, struct trk_slot *slot);
/* The event is kept. False: too many are. Repeatable. */
bool trk_slots_keep(struct trk_slots *s, struct trk_slot *slot);

/* The event of a handle. NULL: it is gone; *wild: there can be no such handle. */
struct trk_slot *trk_slots_find(struct trk_slots *s, uint64_t handle, bool *wild);

#endif
