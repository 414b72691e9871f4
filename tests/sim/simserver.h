/*
 * simserver.h: a host with the real server engine and one of three services behind it.
 *
 * STATELESS: a file whose bytes are a function of the offset; nothing is kept for a connection, ever.
 * SOFT: an application behind trk_soft, as the daemon has it.
 * MINI: a stateless service with handlers: simmini.h.
 */
#ifndef TRK_SIM_SIMSERVER_H
#define TRK_SIM_SIMSERVER_H

#include "app.h"
#include "core/server.h"
#include "core/soft.h"
#include "fakeseal.h"
#include "simlink.h"
#include "simmini.h"
#include "testmem.h"

struct judge;

enum { SIMSERVER_CONNS = 16, SIMSERVER_PORT = 80 };
#define SIM_WALL_US (UINT64_C(1790000000) * 1000000) /* the servers' clock at virtual time 0 */

enum simserver_amnesia {
    AMNESIA_NONE,
    AMNESIA_OBJECT, /* a new server object for every packet, the same table */
    AMNESIA_ALL,    /* a new server object and a new table for every packet */
};

struct simserver_conf {
    bool soft;
    bool real_seal; /* lib/crypto instead of the fake */
    enum simserver_amnesia amnesia;
    uint16_t packet_max;
    uint64_t file_bytes;     /* stateless */
    uint64_t file_salt;
    struct app app;          /* soft: each connection starts as a copy */
    size_t sock_bytes;       /* soft: what the application can write ahead */
    size_t up_window_bytes;  /* soft */
    size_t table_bytes;
    uint64_t seed;
    struct simmini_conf mini; /* of a kind: this service */
};

struct simconn {
    bool used;
    struct trk_soft soft;
    struct app app;
};

struct simserver {
    struct simserver_conf conf;
    struct sim *sim;
    struct simlink *out;
    struct judge *judge; /* NULL: nobody looks */
    struct fakeseal fake;
    struct trk_server srv;
    struct trk_replay replay;
    void *table;
    struct testmem mem;
    struct simconn conn[SIMSERVER_CONNS];
    struct simmini mini;
    uint64_t packets;
    uint64_t boot_us; /* older connections that are not known are gone */
    uint64_t timer_ns;
    uint64_t drops[TRK_ERR_COUNT];
    uint64_t opens, requests, refusals, resets_sent, resets_got, need_conts;
};

void simserver_init(struct simserver *s, struct sim *sim, const struct simserver_conf *conf, struct simlink *out,
                    struct judge *judge);
void simserver_free(struct simserver *s);
/* A datagram of the client's at ip 10.0.0.x. Borrowed. */
void simserver_read(struct simserver *s, const struct trk_addr *from, const uint8_t *pkt, size_t len);
/* Sends a datagram. */
void simserver_emit(struct simserver *s, const uint8_t *pkt, size_t len);
/* Loses the replay table, and the soft state too if `soft`: a restart. */
void simserver_restart(struct simserver *s, bool soft);

static inline uint64_t simserver_wall_us(const struct simserver *s)
{
    return SIM_WALL_US + s->sim->now_ns / 1000;
}

#endif
