#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "realseal.h"

enum { MAP_BYTES = 16384 }; /* the index of reassembly */

static void to_server(void *ctx, struct simpkt *pkt)
{
    struct world *w = ctx;
    simserver_read(&w->server, &w->addr, pkt->data, pkt->len);
    free(pkt);
}

static void lose_table(void *ctx, void *arg)
{
    struct world *w = ctx;
    (void)arg;
    simserver_restart(&w->server, w->sc.soft_loss);
}

void world_init(struct world *w, const struct scenario *sc)
{
    memset(w, 0, sizeof *w);
    w->sc = *sc;
    w->addr = (struct trk_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 40000};
    sim_init(&w->sim);
    fakeseal_init(&w->judge_fake, sc->server.seed, &w->judge_ops);
    if (sc->server.real_seal)
        realseal_ops(&w->judge_ops);
    judge_init(&w->judge, &w->judge_ops);
    w->judge.table_useless = sc->server.amnesia == AMNESIA_ALL;
    simlink_init(&w->up, &w->sim, &sc->up, rng_split(sc->seed, 1), to_server, w);
    simlink_init(&w->down, &w->sim, &sc->down, rng_split(sc->seed, 2), simclient_deliver, &w->client);
    simserver_init(&w->server, &w->sim, &sc->server, &w->down, sc->no_judge ? NULL : &w->judge);
    testmem_init(&w->client.mem);
    w->client.mem.fail_at = sc->fail_alloc;
    simclient_init(&w->client, &w->sim, &sc->client, &sc->app, sc->poll_ns, &w->up);
    if (sc->table_loss_ns != 0)
        sim_at(&w->sim, sc->table_loss_ns, lose_table, w, NULL);
}

void world_free(struct world *w)
{
    simclient_free(&w->client);
    simserver_free(&w->server);
    judge_free(&w->judge);
    sim_free(&w->sim, free);
}

static void say(struct outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct outcome *o, const char *format, ...)
{
    va_list args;
    if (!o->ok)
        return;
    o->ok = false;
    va_start(args, format);
    (void)vsnprintf(o->why, sizeof o->why, format, args);
    va_end(args);
}

/* Is the application itself the reason that nothing moves? */
static bool app_waits(const struct world *w)
{
    const struct app *c = &w->client.app, *s = &w->sc.server.app;
    uint64_t now = w->sim.now_ns;
    return now < c->start_ns || now < s->start_ns || (now >= c->pause_from_ns && now < c->pause_to_ns) ||
           (now >= s->pause_from_ns && now < s->pause_to_ns);
}

static void judge_end(struct world *w, struct outcome *o)
{
    struct simclient *n = &w->client;
    const struct app *a = &n->app;
    bool mini = w->sc.server.mini.kind != SIMMINI_NONE;
    bool reset_due = w->sc.table_loss_ns != 0 && w->sc.soft_loss && w->sc.server.soft;
    if (a->wrong)
        say(o, "download: wrong byte or wrong end at %" PRIu64 " of %" PRIu64, a->wrong_at, a->in_total);
    for (unsigned i = 0; i < SIMSERVER_CONNS; i++)
        if (w->server.conn[i].used && w->server.conn[i].app.wrong)
            say(o, "upload: wrong byte or wrong end at %" PRIu64, w->server.conn[i].app.wrong_at);
    if (!w->sc.no_judge && judge_why(&w->judge) != NULL)
        say(o, "judge: %s", judge_why(&w->judge));
    if (w->judge.accepted_false != 0)
        say(o, "%" PRIu64 " false proofs accepted", w->judge.accepted_false);
    const struct simmini *m = &w->server.mini;
    if (m->wrong || m->wrong_plan)
        say(o, "handler: %s", m->wrong ? "request bytes that the client did not write" : "an answer was refused");
    if (o->info.state == TRK_CLIENT_FAILED) {
        if ((((reset_due && !mini) || w->sc.gone) || (w->sc.may_reset && m->resets > 0)) && o->error == TRK_E_RESET)
            return;
        if (!w->sc.may_fail || (w->sc.fail_alloc == 0 && o->error != TRK_E_TIMEOUT))
            say(o, "client failed: %s", trk_err_text(o->error));
        return;
    }
    if (o->info.state != TRK_CLIENT_CLOSED)
        return;
    if (!a->eof || a->read != a->in_total)
        say(o, "closed after %" PRIu64 " of %" PRIu64 " downlink bytes, eof %d", a->read, a->in_total, a->eof);
    if (mini && m->up_high != a->out_total + 1)
        say(o, "closed after %" PRIu64 " of %" PRIu64 " uplink bytes", m->up_high, a->out_total + 1);
    if (!w->sc.server.soft || mini)
        return;
    const struct simconn *c = &w->server.conn[0];
    if (!c->used || !c->app.eof || c->app.read != c->app.in_total)
        say(o, "closed after %" PRIu64 " of %" PRIu64 " uplink bytes", c->app.read, c->app.in_total);
}

static bool finished(const struct world *w)
{
    bool failed = trk_client_state(w->client.c) == TRK_CLIENT_FAILED;
    return w->client.over && !trk_client_lingers(w->client.c) && (failed || w->client.app.eof);
}

void world_run(struct world *w, struct outcome *o)
{
    *o = (struct outcome){.ok = true};
    if (w->client.c == NULL) {
        o->client_allocs = w->client.mem.calls;
        if (!w->sc.may_fail)
            say(o, "no memory for a client");
        return;
    }
    simclient_pump(&w->client);
    uint64_t last_read = 0, excuse_ns = 0, moved_ns = 0, sent = 0;
    while (o->ok && !finished(w)) {
        if (!sim_step(&w->sim)) {
            say(o, "nothing left to happen, and not over");
            break;
        }
        o->events++;
        uint64_t now = w->sim.now_ns;
        if (w->client.app.read != last_read) {
            last_read = w->client.app.read;
            o->first_byte_ns = o->first_byte_ns != 0 ? o->first_byte_ns : now;
            o->last_byte_ns = now;
        }
        if (app_waits(w))
            excuse_ns = now;
        uint64_t since = w->client.moved_ns > excuse_ns ? w->client.moved_ns : excuse_ns;
        if (now > since + w->sc.stall_ns)
            say(o, "stalled: nothing moved since %.3f s", (double)since / 1e9);
        if (w->client.moved_ns != moved_ns) {
            moved_ns = w->client.moved_ns;
            sent = w->up.sent;
        }
        if (w->up.sent - sent > WORLD_STORM_PKTS)
            say(o, "storm: %" PRIu64 " packets sent and nothing moved", w->up.sent - sent);
        if (now > w->sc.limit_ns)
            say(o, "not over after %.0f s", (double)now / 1e9);
        if (w->client.app.wrong || (!w->sc.no_judge && judge_why(&w->judge) != NULL))
            break;
    }
    o->end_ns = w->sim.now_ns;
    trk_client_get_info(w->client.c, &o->info);
    o->error = trk_client_error(w->client.c);
    o->down_bytes = w->client.app.read;
    o->up_bytes = o->info.up_bytes;
    o->hash = w->judge.hash;
    o->window_max = w->judge.window_max;
    o->client_allocs = w->client.mem.calls;
    o->client_peak_bytes = w->client.mem.peak_bytes;
    judge_end(w, o);
}

void world_after(const struct world *w, const struct scenario *sc, struct outcome *out)
{
    const struct testmem *mem = &w->server.mem;
    bool mini = sc->server.mini.kind != SIMMINI_NONE;
    if (w->client.mem.blocks != 0)
        say(out, "client: %ld blocks of memory not given back", w->client.mem.blocks);
    if (mem->blocks != 0)
        say(out, "server: %ld blocks of memory not given back", mem->blocks);
    if (!sc->server.soft && !mini && mem->calls != 0)
        say(out, "stateless server took memory");
    if (mini && mem->peak_bytes > sc->server.mini.reasm_bytes * w->server.mini.conf.n_objects + MAP_BYTES)
        say(out, "stateless service took %zu bytes", mem->peak_bytes);
}

void world_once(const struct scenario *sc, bool trace, struct outcome *out)
{
    static struct world w;
    world_init(&w, sc);
    w.client.trace = trace;
    world_run(&w, out);
    world_free(&w);
    world_after(&w, sc, out);
}
