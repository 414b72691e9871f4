/* What a seed means. */
#include <inttypes.h>
#include <stdio.h>

#include "world.h"

/* The client of a stateless service. */
static void tie_mini(struct scenario *sc, uint64_t up_salt, uint64_t down_salt)
{
    struct app *c = &sc->app;
    struct simmini_conf *m = &sc->server.mini;
    bool asks = m->kind == SIMMINI_SEEKABLE || m->kind == SIMMINI_CHAINED;
    m->up_salt = c->out_salt = up_salt;
    m->down_salt = c->in_salt = down_salt;
    c->ask_bytes = m->ask_bytes;
    c->answer_bytes = m->answer_bytes;
    c->in_total = m->kind == SIMMINI_UPLOAD ? m->answer_bytes : m->n_requests * m->answer_bytes;
    c->chained = m->kind == SIMMINI_CHAINED;
    c->versions = m->version_every_ns != 0 ? SIMMINI_VERSIONS_MAX : c->chained ? 1 : 0;
    c->fin_after_eof = m->close_first && m->kind != SIMMINI_UPLOAD;
    if (asks)
        c->out_total = m->n_requests * m->ask_bytes;
    sc->may_reset = m->version_every_ns != 0;
}

void scenario_tie(struct scenario *sc)
{
    struct app *c = &sc->app, *s = &sc->server.app;
    uint64_t down_salt = sc->seed * 2 + 1, up_salt = sc->seed * 2 + 2;
    if (sc->server.mini.kind != SIMMINI_NONE) {
        tie_mini(sc, up_salt, down_salt);
        return;
    }
    if (!sc->server.soft) {
        sc->server.file_salt = c->in_salt = down_salt;
        c->in_total = sc->server.file_bytes;
        c->out_total = 0;
        return;
    }
    c->out_salt = s->in_salt = up_salt;
    s->in_total = c->out_total;
    s->out_salt = c->in_salt = s->kind == APP_ECHO ? up_salt : down_salt;
    c->in_total = s->kind == APP_ECHO ? c->out_total : s->out_total;
}

void scenario_mini(uint64_t seed, enum simmini_kind kind, struct scenario *sc)
{
    scenario_plain(seed, 0, sc);
    sc->server.mini = (struct simmini_conf){.kind = kind,
                                            .n_requests = 1,
                                            .ask_bytes = 100,
                                            .answer_bytes = 1 << 20,
                                            .batch = 1,
                                            .close_first = true,
                                            .checkpoint_bytes = 8192,
                                            .chunk_bytes = 4096,
                                            .rate = 1 << 20,
                                            .reasm_bytes = 1 << 20};
    scenario_tie(sc);
}

void scenario_plain(uint64_t seed, uint64_t bytes, struct scenario *sc)
{
    struct simlink_conf path = {.delay_ns = 20 * SIM_MS, .rate_bps = 10000000, .queue_bytes = 50000};
    *sc = (struct scenario){.seed = seed, .up = path, .down = path, .stall_ns = 150 * SIM_S, .limit_ns = 3600 * SIM_S};
    sc->server = (struct simserver_conf){.packet_max = TRK_PACKET_V4_BYTES,
                                         .file_bytes = bytes,
                                         .sock_bytes = 200000,
                                         .up_window_bytes = 1 << 18,
                                         .table_bytes = 1 << 16,
                                         .seed = seed};
    struct rng r = rng_split(seed, 3);
    sc->client = (struct trk_client_conf){.cid = rng_next(&r),
                                          .nonce = rng_next(&r),
                                          .service_port = SIMSERVER_PORT,
                                          .client_port = 33000,
                                          .packet_size = TRK_PACKET_V4_BYTES,
                                          .down_window_bytes = 4 << 20,
                                          .up_window_bytes = 1 << 20};
    scenario_tie(sc);
}

static void draw_path(struct rng *r, struct scenario *sc)
{
    static const uint64_t rates[] = {0, 1000000, 2000000, 10000000, 50000000, 100000000};
    struct simlink_conf *d = &sc->down, *u = &sc->up;
    uint64_t rtt = rng_log(r, 0, 8) * SIM_MS;
    d->rate_bps = rates[rng_below(r, sizeof rates / sizeof rates[0])];
    d->delay_ns = rtt / 2;
    uint64_t bdp = d->rate_bps / 8 * rtt / SIM_S;
    d->queue_bytes = (uint32_t)(6000 + bdp * rng_in(r, 1, 8) / 4);
    *u = *d;
    u->rate_bps = rng_below(r, 3) == 0 ? d->rate_bps / 4 : d->rate_bps;
    if (rng_below(r, 3) == 0)
        u->delay_ns = rng_log(r, 0, 6) * SIM_MS;
}

static void draw_faults(struct rng *r, struct simlink_conf *l)
{
    static const uint32_t losses[] = {0, 0, 0, 1000, 10000, 30000, 100000, 250000};
    l->loss_ppm = losses[rng_below(r, sizeof losses / sizeof losses[0])];
    if (rng_below(r, 4) == 0) {
        l->burst_ppm = (uint32_t)rng_log(r, 8, 14);
        l->burst_end_ppm = (uint32_t)rng_in(r, 50000, 500000);
        l->burst_loss_ppm = (uint32_t)rng_in(r, 300000, 1000000);
    }
    if (rng_below(r, 4) == 0)
        l->dup_ppm = (uint32_t)rng_log(r, 8, 17);
    if (rng_below(r, 3) == 0) {
        l->reorder_ppm = (uint32_t)rng_log(r, 8, 17);
        l->reorder_ns = rng_log(r, 0, 5) * SIM_MS;
    }
    if (rng_below(r, 6) == 0)
        l->corrupt_ppm = (uint32_t)rng_log(r, 8, 14);
    if (rng_below(r, 20) == 0) {
        l->dead_from_ns = rng_in(r, 0, 3000) * SIM_MS;
        l->dead_to_ns = l->dead_from_ns + rng_log(r, 6, 13) * SIM_MS;
    }
}

static void draw_reader(struct rng *r, struct app *a)
{
    if (rng_below(r, 6) == 0)
        a->in_rate = rng_log(r, 13, 18);
    if (rng_below(r, 6) == 0) {
        a->pause_from_ns = rng_in(r, 0, 2000) * SIM_MS;
        a->pause_to_ns = a->pause_from_ns + rng_log(r, 6, 14) * SIM_MS;
    }
}

static void draw_apps(struct rng *r, struct scenario *sc, uint64_t most)
{
    struct app *c = &sc->app, *s = &sc->server.app;
    uint64_t a = rng_below(r, 8) == 0 ? 0 : rng_log(r, 0, 21) % most, b = rng_below(r, 8) == 0 ? 0 : rng_log(r, 0, 21) % most;
    draw_reader(r, c);
    draw_reader(r, s);
    c->out_total = a;
    s->out_total = b;
    switch (rng_below(r, 5)) {
    case 0: /* upload; the answer comes at the end */
        s->out_total = b % 5000;
        s->fin_after_eof = true;
        break;
    case 1: /* both at once, perhaps at a rate, perhaps late */
        if (rng_below(r, 2) == 0)
            c->out_rate = rng_log(r, 13, 20);
        if (rng_below(r, 2) == 0)
            s->out_rate = rng_log(r, 13, 20);
        if (rng_below(r, 3) == 0)
            s->start_ns = rng_log(r, 0, 14) * SIM_MS;
        break;
    case 2:
        s->kind = APP_ECHO;
        break;
    case 3: /* requests and answers */
        c->kind = APP_ASK;
        s->kind = APP_ANSWER;
        c->ask_bytes = s->ask_bytes = rng_log(r, 4, 9);
        c->answer_bytes = s->answer_bytes = rng_log(r, 4, 15);
        uint64_t n = rng_in(r, 1, 20);
        c->out_total = n * c->ask_bytes;
        s->out_total = n * c->answer_bytes;
        s->fin_after_eof = true;
        break;
    default: /* download; the client ends its half at once or last */
        c->out_total = a % 300;
        c->fin_after_eof = rng_below(r, 2) == 0;
        break;
    }
}

/* One host or one switch: no delay to speak of, no limit, receivers that are late; windows grow large and fast. */
static void draw_near(struct rng *r, struct scenario *sc)
{
    static const uint64_t rates[] = {0, 1000000000, 10000000000};
    sc->down.rate_bps = sc->up.rate_bps = rates[rng_below(r, 3)];
    sc->down.delay_ns = sc->up.delay_ns = rng_log(r, 10, 17);
    sc->down.queue_bytes = sc->up.queue_bytes = (uint32_t)rng_log(r, 14, 21);
    sc->down.loss_ppm = sc->up.loss_ppm = rng_below(r, 2) != 0 ? 0 : 100;
    sc->client.down_window_bytes = sc->client.up_window_bytes = sc->server.up_window_bytes = 1u << rng_in(r, 16, 22);
    sc->server.sock_bytes = (size_t)rng_log(r, 16, 22);
    sc->poll_ns = rng_log(r, 0, 9) * 1000;
    sc->app.in_rate = sc->server.app.in_rate = sc->app.out_rate = sc->server.app.out_rate = 0;
    if (sc->server.soft && sc->server.app.kind == APP_BULK)
        sc->server.app.out_total = sc->app.out_total = rng_log(r, 10, 23);
    sc->server.file_bytes = rng_log(r, 10, 23);
}

/* What a stateless service's soft state goes through, where what the client sends can do without it. */
static void draw_amnesia(struct rng *r, struct scenario *sc)
{
    struct simmini_conf *m = &sc->server.mini;
    uint64_t pkts = m->kind == SIMMINI_UPLOAD ? m->chunk_bytes / 1000 + 1 : m->ask_bytes / 1000 + 1;
    bool one_packet = m->kind == SIMMINI_UPLOAD ? m->chunk_bytes == 1 : m->ask_bytes <= 200 && sc->app.kind == APP_ASK;
    if (rng_below(r, 4) == 0)
        m->reasm_drop_ppm = (uint32_t)(rng_log(r, 10, 16) / pkts); /* or no request would ever be whole */
    if (rng_below(r, 4) == 0)
        m->reasm_drop_at = rng_in(r, 2, 60);
    if (one_packet && rng_below(r, 3) == 0)
        m->reasm_none = true;
    if (rng_below(r, 3) == 0 && pkts <= 3)
        m->n_objects = (unsigned)rng_in(r, 2, 3);
    if (rng_below(r, 6) == 0)
        sc->server.amnesia = rng_below(r, 2) != 0 ? AMNESIA_ALL : AMNESIA_OBJECT;
    if (rng_below(r, 8) == 0) {
        m->away_from_ns = rng_in(r, 0, 2000) * SIM_MS;
        m->away_to_ns = m->away_from_ns + rng_log(r, 5, 14) * SIM_MS;
    }
}

/* A stateless service in place of what was drawn. */
static void draw_mini(struct rng *r, struct scenario *sc, uint64_t most)
{
    struct simmini_conf *m = &sc->server.mini;
    struct app *c = &sc->app;
    *m = (struct simmini_conf){.kind = (enum simmini_kind)rng_in(r, SIMMINI_SEEKABLE, SIMMINI_PUSH),
                               .n_requests = rng_in(r, 1, 20),
                               .ask_bytes = rng_log(r, 0, 8),
                               .answer_bytes = rng_log(r, 0, 16) % most + 1,
                               .batch = rng_in(r, 1, 3),
                               .close_first = rng_below(r, 2) != 0,
                               .checkpoint_bytes = rng_log(r, 10, 14),
                               .chunk_bytes = rng_below(r, 3) == 0 ? 1 : rng_log(r, 0, 13),
                               .use_need = rng_below(r, 2) != 0,
                               .rate = rng_log(r, 12, 20),
                               .reasm_bytes = 200000};
    if (rng_below(r, 3) == 0)
        m->ucont_bytes = rng_in(r, 1, SIMMINI_UCONT_MAX);
    *c = (struct app){.kind = rng_below(r, 3) != 0 ? APP_ASK : APP_BULK};
    draw_reader(r, c);
    sc->server.soft = false;
    if (rng_below(r, 4) == 0) { /* one large answer; or requests of many packets */
        m->n_requests = 1;
        m->answer_bytes = rng_log(r, 14, 22) % most + 1;
    } else if (rng_below(r, 3) == 0) {
        m->n_requests = rng_in(r, 1, 4);
        m->ask_bytes = rng_in(r, 1, TRK_MINI_UP_WINDOW_BYTES);
    }
    if (m->kind == SIMMINI_UPLOAD) {
        c->kind = APP_BULK;
        c->out_total = rng_log(r, 0, 20) % most;
        m->answer_bytes = m->answer_bytes % 5000 + 1;
        if (rng_below(r, 2) == 0)
            c->out_rate = rng_log(r, 13, 20);
    } else if (m->kind == SIMMINI_PUSH) {
        c->kind = APP_BULK;
        c->out_total = rng_below(r, 2) * rng_log(r, 0, 12);
        c->out_rate = rng_log(r, 8, 14);
        m->rate = m->rate * 60 < m->n_requests * m->answer_bytes ? m->n_requests * m->answer_bytes / 60 : m->rate;
    } else if (rng_below(r, 4) == 0)
        m->version_every_ns = rng_log(r, 6, 14) * SIM_MS;
    draw_amnesia(r, sc);
    sc->soft_loss = sc->table_loss_ns != 0;
}

void scenario_draw(uint64_t seed, struct scenario *sc)
{
    scenario_plain(seed, 0, sc);
    struct rng r = rng_split(seed, 10);
    draw_path(&r, sc);
    draw_faults(&r, &sc->down);
    draw_faults(&r, &sc->up);
    uint32_t worst = sc->down.loss_ppm > sc->up.loss_ppm ? sc->down.loss_ppm : sc->up.loss_ppm;
    uint64_t most = worst >= 100000 ? 100000 : worst >= 30000 ? 500000 : 3000000;
    if (sc->up.rate_bps != 0 && sc->up.rate_bps < 1000000)
        most = most < 1000000 ? most : 1000000;
    sc->server.soft = rng_below(&r, 2) != 0;
    sc->server.file_bytes = rng_below(&r, 20) == 0 ? rng_below(&r, 2) : rng_log(&r, 8, 23) % most;
    if (sc->server.soft)
        draw_apps(&r, sc, most);
    else
        draw_reader(&r, &sc->app);
    if (!sc->server.soft && rng_below(&r, 8) == 0)
        sc->server.amnesia = rng_below(&r, 2) != 0 ? AMNESIA_ALL : AMNESIA_OBJECT;
    if (rng_below(&r, 12) == 0)
        sc->table_loss_ns = rng_log(&r, 0, 12) * SIM_MS;
    sc->may_fail = worst >= 100000 && (sc->up.dead_to_ns != 0 || sc->down.dead_to_ns != 0 || sc->up.burst_ppm != 0 || sc->down.burst_ppm != 0); /* in opening */
    sc->soft_loss = false; /* the daemon's table outlives nothing of it: named runs */
    if (rng_below(&r, 10) == 0)
        sc->server.table_bytes = TRK_REPLAY_MIN_BYTES; /* lines are evicted while fresh */
    sc->server.packet_max = (uint16_t)(rng_below(&r, 2) != 0 ? TRK_PACKET_V4_BYTES : rng_in(&r, 1200, 1472));
    sc->client.packet_size = (uint16_t)(rng_below(&r, 2) != 0 ? TRK_PACKET_V4_BYTES : rng_in(&r, 1200, 1472));
    sc->client.down_window_bytes = (size_t)rng_log(&r, 13, 22);
    sc->client.up_window_bytes = (size_t)rng_log(&r, 13, 20);
    sc->server.up_window_bytes = (size_t)rng_log(&r, 13, 18);
    sc->server.sock_bytes = (size_t)rng_log(&r, 13, 18);
    sc->poll_ns = rng_below(&r, 2) != 0 ? 0 : rng_log(&r, 0, 11) * 1000;
    if (rng_below(&r, 25) == 0)
        draw_near(&r, sc);
    sc->server.real_seal = rng_below(&r, 100) == 0;
    r = rng_split(seed, 11); /* what is drawn above is as it was before there were these */
    if (rng_below(&r, 4) == 0)
        draw_mini(&r, sc, most);
    scenario_tie(sc);
}

static void print_link(const char *name, const struct simlink_conf *l)
{
    printf("  %s: %.1f Mbit/s %.1f ms queue %u loss %.2f%% burst %u/%u/%u dup %u reorder %u/%.1fms corrupt %u dead "
           "%.3f-%.3f\n",
           name, (double)l->rate_bps / 1e6, (double)l->delay_ns / 1e6, l->queue_bytes, (double)l->loss_ppm / 1e4,
           l->burst_ppm, l->burst_end_ppm, l->burst_loss_ppm, l->dup_ppm, l->reorder_ppm, (double)l->reorder_ns / 1e6,
           l->corrupt_ppm, (double)l->dead_from_ns / 1e9, (double)l->dead_to_ns / 1e9);
}

static void print_app(const char *name, const struct app *a)
{
    printf("  %s: kind %d out %" PRIu64 " at %" PRIu64 " B/s from %.3f s, in %" PRIu64 " at %" PRIu64
           " B/s, pause %.3f-%.3f, fin after eof %d, ask %" PRIu64 " answer %" PRIu64 "\n",
           name, (int)a->kind, a->out_total, a->out_rate, (double)a->start_ns / 1e9, a->in_total, a->in_rate,
           (double)a->pause_from_ns / 1e9, (double)a->pause_to_ns / 1e9, a->fin_after_eof, a->ask_bytes, a->answer_bytes);
}

static void print_mini(const struct simmini_conf *m)
{
    static const char *const kinds[] = {"", "seekable", "chained", "upload", "push"};
    printf("  %s: %" PRIu64 " requests of %" PRIu64 ", answers %" PRIu64 ", batch %" PRIu64 ", close first %d, version every "
           "%.3f s, ucont %zu, chunk %" PRIu64 ", need %d, rate %" PRIu64 "\n",
           kinds[m->kind], m->n_requests, m->ask_bytes, m->answer_bytes, m->batch, m->close_first,
           (double)m->version_every_ns / 1e9, m->ucont_bytes, m->chunk_bytes, m->use_need, m->rate);
    printf("  reassembly: %u tables, dropped %u ppm, at %" PRIu64 ", always %d; away %.3f-%.3f\n", m->n_objects,
           m->reasm_drop_ppm, m->reasm_drop_at, m->reasm_none, (double)m->away_from_ns / 1e9, (double)m->away_to_ns / 1e9);
}

void scenario_print(const struct scenario *sc)
{
    printf("scenario of seed %" PRIu64 ": %s service, amnesia %d, table lost at %.3f s, packet %u/%u, windows %zu %zu %zu %zu, "
           "poll %.1f us%s\n",
           sc->seed, sc->server.mini.kind != SIMMINI_NONE ? "mini" : sc->server.soft ? "soft" : "stateless", (int)sc->server.amnesia, (double)sc->table_loss_ns / 1e9,
           sc->client.packet_size, sc->server.packet_max, sc->client.down_window_bytes, sc->client.up_window_bytes,
           sc->server.up_window_bytes, sc->server.sock_bytes, (double)sc->poll_ns / 1e3,
           sc->server.real_seal ? ", real seal" : "");
    print_link("up", &sc->up);
    print_link("down", &sc->down);
    print_app("client", &sc->app);
    if (sc->server.mini.kind != SIMMINI_NONE)
        print_mini(&sc->server.mini);
    else if (sc->server.soft)
        print_app("server", &sc->server.app);
    else
        printf("  file %" PRIu64 "\n", sc->server.file_bytes);
}
