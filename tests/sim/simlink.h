/*
 * simlink.h: one direction of a path: a drop-tail queue before a serial line, then delay and faults, all drawn from one
 * seed.
 */
#ifndef TRK_SIM_SIMLINK_H
#define TRK_SIM_SIMLINK_H

#include "rng.h"
#include "sim.h"

enum { SIMLINK_QUEUE_MAX = 2048 };

struct simlink_conf {
    uint64_t delay_ns;
    uint64_t rate_bps;     /* 0: no limit */
    uint32_t queue_bytes;  /* waiting behind the packet on the line */
    uint32_t queue_pkts;   /* the same in packets, that one included; at most SIMLINK_QUEUE_MAX; 0: no limit */
    uint32_t loss_ppm;     /* random */
    uint32_t burst_ppm;    /* per packet: chance that a bad time begins (Gilbert-Elliott) */
    uint32_t burst_end_ppm; /* per packet: chance that it ends */
    uint32_t burst_loss_ppm; /* loss within it */
    uint32_t dup_ppm;
    uint32_t reorder_ppm;
    uint64_t reorder_ns; /* most extra delay of a reordered packet, drawn for each */
    uint64_t hold_ns;    /* and what each of them has */
    uint64_t jitter_ns;  /* most extra delay of any packet; never reorders */
    uint32_t corrupt_ppm;
    bool raw; /* altered packets are delivered, as if UDP had no checksum; else they are lost */
    uint32_t nonce_ppm; /* DATA whose nonce alone is altered */
    uint64_t dead_from_ns, dead_to_ns; /* nothing passes in between */
};

/* A datagram on its way. */
struct simpkt {
    size_t len;
    uint8_t data[];
};

typedef void simlink_deliver(void *ctx, struct simpkt *pkt); /* takes the packet over: free() it */

struct simlink {
    struct simlink_conf conf;
    struct sim *sim;
    struct rng rng;
    uint64_t busy_to_ns, last_ns; /* the line; the latest arrival but for reordered ones */
    uint64_t out_ns[SIMLINK_QUEUE_MAX]; /* ring: when each packet in the queue has left it; with queue_pkts only */
    unsigned first, waiting;
    bool bad;
    uint64_t bad_ns; /* since */
    simlink_deliver *deliver;
    void *ctx;
    bool (*eat)(void *ctx, const uint8_t *data, size_t len); /* a named run's own losses; NULL: none */
    void *eat_ctx;
    uint64_t sent, bytes, lost, queue_drops, corrupted, duplicated, reordered;
};

void simlink_init(struct simlink *l, struct sim *sim, const struct simlink_conf *conf, struct rng rng,
                  simlink_deliver *deliver, void *ctx);
/* Sends a copy of data[0..len). */
void simlink_send(struct simlink *l, const uint8_t *data, size_t len);

#endif
