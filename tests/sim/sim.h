/*
 * sim.h: virtual time: an event queue whose order is the same for the same seed, always. Events at the same instant
 * run in the order in which they were scheduled.
 */
#ifndef TRK_SIM_SIM_H
#define TRK_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)
#define SIM_NEVER UINT64_MAX

typedef void sim_fn(void *ctx, void *arg);

struct sim_event {
    uint64_t at_ns;
    uint64_t order;
    sim_fn *fn;
    void *ctx;
    void *arg;
};

struct sim {
    uint64_t now_ns;
    uint64_t order;
    struct sim_event *heap; /* owned */
    size_t n, cap;
};

void sim_init(struct sim *s);
/* Forgets all events; arguments that are still queued are passed to drop (NULL: ignored). */
void sim_free(struct sim *s, void (*drop)(void *arg));
/* Calls fn(ctx, arg) at that instant (the past counts as now). */
void sim_at(struct sim *s, uint64_t at_ns, sim_fn *fn, void *ctx, void *arg);
/* Runs the next event, moving time to it. False if there is none. */
bool sim_step(struct sim *s);

#endif
