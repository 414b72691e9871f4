#include "simclient.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

enum { SPINS_MAX = 100 };

static void tick(void *ctx, void *arg);

void simclient_init(struct simclient *n, struct sim *sim, const struct trk_client_conf *conf, const struct app *app,
                    uint64_t poll_ns, struct simlink *out)
{
    struct testmem mem = n->mem; /* set up by the caller: it may be made to fail */
    *n = (struct simclient){.sim = sim, .out = out, .mem = mem, .app = *app, .poll_ns = poll_ns, .timer_ns = SIM_NEVER};
    n->mem.mem.ctx = &n->mem;
    struct trk_client_conf own = *conf;
    own.mem = &n->mem.mem;
    n->c = trk_client_new(&own, sim->now_ns);
}

void simclient_free(struct simclient *n)
{
    trk_client_free(n->c);
    for (unsigned i = 0; i < n->n_in; i++)
        free(n->in[i]);
    n->n_in = 0;
}

/* The application reads, writes and ends as it would now. */
static void run_app(struct simclient *n)
{
    struct iovec iov[2];
    uint64_t now = n->sim->now_ns;
    size_t want = app_would_read(&n->app, now), taken = 0;
    int pieces = trk_client_down_peek(n->c, iov);
    for (int i = 0; i < pieces && want > 0; i++) {
        size_t len = iov[i].iov_len < want ? iov[i].iov_len : want;
        app_read(&n->app, iov[i].iov_base, len);
        want -= len;
        taken += len;
    }
    if (taken > 0)
        trk_client_down_consume(n->c, now, taken);
    if (trk_client_down_eof(n->c))
        app_read_eof(&n->app);
}

static uint64_t write_app(struct simclient *n, uint64_t done)
{
    struct iovec iov[2];
    uint64_t now = n->sim->now_ns, to = app_written(&n->app, now);
    while (done < to) {
        int pieces = trk_client_up_space(n->c, iov);
        if (pieces == 0)
            return done;
        size_t len = iov[0].iov_len < to - done ? iov[0].iov_len : (size_t)(to - done);
        app_bytes(n->app.out_salt, done, iov[0].iov_base, len);
        trk_client_up_commit(n->c, now, len);
        done += len;
    }
    if (app_ended(&n->app, now))
        trk_client_up_fin(n->c, now);
    return done;
}

static void arm(struct simclient *n)
{
    uint64_t next = trk_client_deadline(n->c), app = app_next_ns(&n->app, n->sim->now_ns);
    if (n->over && (n->app.eof || trk_client_state(n->c) == TRK_CLIENT_FAILED))
        app = SIM_NEVER;
    if (app < next)
        next = app;
    if (next >= n->timer_ns || next == SIM_NEVER)
        return;
    n->timer_ns = next;
    sim_at(n->sim, next, tick, n, NULL);
}

static void note_progress(struct simclient *n)
{
    struct trk_client_info info;
    trk_client_get_info(n->c, &info);
    uint64_t mark = info.down_bytes + info.up_bytes + n->writes + n->app.read + (uint64_t)info.state +
                    (trk_client_up_done(n->c) ? 1 : 0) + (n->app.eof ? 1 : 0);
    if (mark != n->moved_mark) {
        n->moved_mark = mark;
        n->moved_ns = n->sim->now_ns;
    }
    if (!n->over && (info.state == TRK_CLIENT_CLOSED || info.state == TRK_CLIENT_FAILED)) {
        n->over = true;
        n->over_ns = n->sim->now_ns;
    }
    if (n->trace)
        trace_client(n->sim->now_ns, &info);
}

void simclient_pump(struct simclient *n)
{
    uint8_t buf[TRK_PACKET_V4_BYTES];
    size_t len;
    if (n->c == NULL)
        return;
    enum trk_client_state st = trk_client_state(n->c);
    if (st == TRK_CLIENT_OPENING || st == TRK_CLIENT_OPEN || st == TRK_CLIENT_CLOSED)
        run_app(n);
    if (st == TRK_CLIENT_OPENING || st == TRK_CLIENT_OPEN)
        n->writes = write_app(n, n->writes);
    while ((len = trk_client_write(n->c, n->sim->now_ns, buf, sizeof buf)) > 0) {
        if (n->trace)
            trace_packet(n->sim->now_ns, "->", buf, len);
        simlink_send(n->out, buf, len);
    }
    note_progress(n);
    arm(n);
}

static void tick(void *ctx, void *arg)
{
    struct simclient *n = ctx;
    (void)arg;
    if (n->sim->now_ns < n->timer_ns) /* an earlier one was set later and has done it */
        return;
    n->timer_ns = SIM_NEVER;
    n->spins = n->sim->now_ns == n->ticked_ns ? n->spins + 1 : 0;
    n->ticked_ns = n->sim->now_ns;
    TRK_ASSERT(n->spins < SPINS_MAX); /* a deadline in the past and nothing to send: a loop without rest */
    if (trk_client_deadline(n->c) <= n->sim->now_ns)
        trk_client_expire(n->c, n->sim->now_ns);
    simclient_pump(n);
}

static void poll(void *ctx, void *arg)
{
    struct simclient *n = ctx;
    (void)arg;
    n->polling = false;
    for (unsigned i = 0; i < n->n_in; i++) {
        if (n->trace)
            trace_packet(n->sim->now_ns, "<-", n->in[i]->data, n->in[i]->len);
        int rc = trk_client_read(n->c, n->sim->now_ns, n->in[i]->data, n->in[i]->len);
        if (rc < 0 && -rc < 32)
            n->drops[-rc]++;
        free(n->in[i]);
    }
    n->n_in = 0;
    trk_client_batch_end(n->c, n->sim->now_ns);
    simclient_pump(n);
}

void simclient_deliver(void *ctx, struct simpkt *pkt)
{
    struct simclient *n = ctx;
    if (n->n_in == SIMCLIENT_INBOX || n->c == NULL) { /* a socket buffer is full at some point, too */
        free(pkt);
        return;
    }
    n->in[n->n_in++] = pkt;
    if (n->polling)
        return;
    n->polling = true;
    sim_at(n->sim, n->sim->now_ns + n->poll_ns, poll, n, NULL);
}
