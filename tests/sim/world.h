/*
 * world.h: one run: a scenario drawn from a seed (or laid out by a named run), a client, a server, the path between them
 * and the judge. The same scenario gives the same run, byte for byte.
 */
#ifndef TRK_SIM_WORLD_H
#define TRK_SIM_WORLD_H

#include "judge.h"
#include "simclient.h"
#include "simserver.h"

enum { WORLD_WHY_BYTES = 320, WORLD_STORM_PKTS = 5000 };

struct scenario {
    uint64_t seed;
    struct simlink_conf up, down; /* client to server, server to client */
    struct simserver_conf server;
    struct trk_client_conf client; /* mem is filled in */
    struct app app;                /* the client's */
    uint64_t poll_ns;
    uint64_t table_loss_ns; /* 0: never */
    bool soft_loss;         /* the soft state goes too: the client must be reset */
    uint64_t stall_ns;      /* without any progress for so long, it is stuck */
    uint64_t limit_ns;      /* must be over by then */
    bool no_judge;          /* packets are altered: the judge would see forgeries */
    bool may_fail;          /* the client may give up, cleanly */
    bool gone;              /* the service is away for good: that must end in a reset */
    bool may_reset;         /* the service may say that it cannot go on */
    uint64_t fail_alloc;    /* the client's n-th allocation fails; 0: none */
};

struct world {
    struct scenario sc;
    struct sim sim;
    struct simlink up, down;
    struct simserver server;
    struct simclient client;
    struct judge judge;
    struct fakeseal judge_fake; /* the judge's own copy of the key */
    struct trk_seal_ops judge_ops;
    struct trk_addr addr; /* the client's */
};

struct outcome {
    bool ok;
    char why[WORLD_WHY_BYTES];
    uint64_t end_ns;
    uint64_t first_byte_ns, last_byte_ns; /* of the download, at the client */
    uint64_t down_bytes, up_bytes;
    uint64_t hash; /* of all that the server sent */
    uint64_t window_max;
    uint64_t events;
    size_t client_peak_bytes;
    uint64_t client_allocs;
    struct trk_client_info info;
    int error;
};

/* Draws a scenario. */
void scenario_draw(uint64_t seed, struct scenario *sc);
/* One line. */
void scenario_print(const struct scenario *sc);
/* A plain base to alter: 10 Mbit/s, 40 ms, no faults, a download of `bytes` from the stateless service. */
void scenario_plain(uint64_t seed, uint64_t bytes, struct scenario *sc);
/* The same with a stateless service: one request of 100 bytes, an answer of 1 MiB. */
void scenario_mini(uint64_t seed, enum simmini_kind kind, struct scenario *sc);
/* Copies lengths and salts so that both applications agree. Call after altering server.app, app or file_bytes. */
void scenario_tie(struct scenario *sc);

void world_init(struct world *w, const struct scenario *sc);
/* Runs to the end and says how it went. */
void world_run(struct world *w, struct outcome *out);
void world_free(struct world *w);
/* What is to be looked at after that: memory. */
void world_after(const struct world *w, const struct scenario *sc, struct outcome *out);
/* All three, for a scenario. */
void world_once(const struct scenario *sc, bool trace, struct outcome *out);

#endif
