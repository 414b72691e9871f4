/*
 * server_world.h: a server engine with replay table, soft state and a service of the simplest kind,
 * for the targets that need one. Sealing is clear_seal.h's. Every answer is checked before it is
 * given to the caller.
 */
#ifndef TRK_TESTS_SERVER_WORLD_H
#define TRK_TESTS_SERVER_WORLD_H

#include "core/soft.h"

#include <stddef.h>
#include <stdint.h>

enum {
    WORLD_SOFTS = 4,
    WORLD_REPLAY_BYTES = 1 << 15,
    WORLD_INSTANCE = 9,
    WORLD_SENT_MAX = 4096, /* seqs remembered, to find one that is sent twice */
};

/* A datagram of the server's, for the time of the call. */
typedef void world_out_fn(void *arg, const uint8_t *pkt, size_t len);

struct world_conn {
    struct trk_soft soft;
    uint64_t avail; /* bytes that the application has written */
    bool used, fin;
};

struct world {
    struct trk_server srv;
    struct trk_replay replay;
    uint64_t counter; /* of the sealer's random bytes */
    uint64_t now_us, began_us;
    struct world_conn conns[WORLD_SOFTS];
    unsigned next_victim;
    struct trk_mem mem;
    long memory_left; /* allocations that still succeed; negative: all */
    world_out_fn *out;
    void *arg;
    unsigned n_sent;
    struct {
        uint64_t rho, seq;
    } sent[WORLD_SENT_MAX];
};

/* A new world; out may be NULL. Uses static memory for the table: one world at a time. */
void world_init(struct world *w, world_out_fn *out, void *arg);
void world_free(struct world *w);

/* A datagram from `from` arrives. mend: its proof is made right first (fuzzers cannot guess it). */
void world_datagram(struct world *w, const struct trk_addr *from, const uint8_t *pkt, size_t len,
                    bool mend);

/* Every application writes n bytes more (and its end), and takes all uplink bytes if take. */
void world_apps(struct world *w, uint32_t n, bool fin, bool take);

#endif
