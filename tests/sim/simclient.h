/*
 * simclient.h: a host with the real client engine and an application.
 */
#ifndef TRK_SIM_SIMCLIENT_H
#define TRK_SIM_SIMCLIENT_H

#include "app.h"
#include "core/client.h"
#include "simlink.h"
#include "testmem.h"

enum { SIMCLIENT_INBOX = 512 };

struct simclient {
    struct sim *sim;
    struct simlink *out;
    struct testmem mem;
    struct trk_client *c; /* NULL if it could not be made */
    struct app app;
    uint64_t poll_ns; /* datagrams are read in batches this far apart (an event loop with other work) */
    bool polling;
    unsigned n_in;
    struct simpkt *in[SIMCLIENT_INBOX];
    uint64_t timer_ns;
    uint64_t ticked_ns; /* the last tick, and how many before it at the same time */
    unsigned spins;
    bool trace;
    bool over;      /* CLOSED or FAILED was seen */
    uint64_t over_ns;
    uint64_t moved_ns; /* last time that a byte or FIN moved, either way */
    uint64_t moved_mark;
    uint64_t drops[32];
    uint64_t writes;
};

void simclient_init(struct simclient *n, struct sim *sim, const struct trk_client_conf *conf, const struct app *app,
                    uint64_t poll_ns, struct simlink *out);
void simclient_free(struct simclient *n);
/* First packet; also after anything else changed. */
void simclient_pump(struct simclient *n);
/* Takes the packet over. */
void simclient_deliver(void *ctx, struct simpkt *pkt);

#endif
