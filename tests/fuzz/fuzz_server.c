/*
 * The server engine with its soft state: rows of datagrams from three addresses. Continuations can
 * be forged here, so everything behind the seal is reached too.
 *
 * op: bits 0-1 the sender (3: the applications write and take instead), bits 2-3 time that passes
 * first (0, 1 ms, 1.5 s, 11 s), bit 4 the proof is made right, bit 5 the next allocation but one
 * fails.
 */
#include <config.h>

#include "clear_seal.h"
#include "frames.h"
#include "server_world.h"

const char fuzz_name[] = "fuzz_server";

enum { APPS = 3, MEND = 0x10, NO_MEMORY = 0x20, MS_1 = 0x04, S_11 = 0x0c };

static const uint32_t passes_us[] = {0, 1000, 1500000, 11000000};

static bool has_bytes(uint8_t op)
{
    return (op & 3) != APPS;
}

static struct trk_addr sender(uint8_t op)
{
    struct trk_addr a = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = 1000};
    if ((op & 3) == 1)
        a.port = 1001;
    if ((op & 3) == 2)
        a.ip[15] = 1;
    return a;
}

static void run_frame(struct world *w, const struct frame *f)
{
    w->now_us += passes_us[f->op >> 2 & 3];
    if (f->op & NO_MEMORY)
        w->memory_left = 1;
    if (has_bytes(f->op)) {
        struct trk_addr from = sender(f->op);
        world_datagram(w, &from, f->bytes, f->len, (f->op & MEND) != 0);
    } else {
        world_apps(w, f->amount & 0x3fff, (f->amount & 0x4000) != 0, (f->amount & 0x8000) != 0);
    }
    w->memory_left = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct trk_rd r = trk_rd_make(data, size);
    struct frame f;
    world_init(&w, NULL, NULL);
    for (unsigned i = 0; i < FRAMES_MAX && frame_next(&r, has_bytes, &f); i++)
        run_frame(&w, &f);
    world_free(&w);
    return 0;
}

/* ---- seeds: a client's side of conversations, written down with the server's answers at hand ----
 */

static uint8_t seed[1 << 16];
static struct trk_wr out;
static struct world talk;
static uint8_t cont[TRK_CONT_BYTES]; /* the newest that the server gave */
static uint64_t ref;

static void on_answer(void *arg, const uint8_t *pkt, size_t len)
{
    struct trk_ack_pkt a;
    struct trk_data_pkt d;
    (void)arg;
    if (trk_wire_read_ack(pkt, len, &a) == TRK_OK) {
        if (a.cont_len == sizeof cont)
            memcpy(cont, a.cont, sizeof cont);
        if (a.c.flags & TRK_ACK_OPENED)
            ref = a.uplink_ref;
    } else if (trk_wire_read_data(pkt, len, &d) == TRK_OK && d.cont_len == sizeof cont) {
        memcpy(cont, d.cont, sizeof cont);
    }
}

static void say(uint8_t op, const uint8_t *bytes, size_t len)
{
    const struct frame f = {.op = op, .amount = (uint16_t)len, .bytes = bytes, .len = len};
    frame_put(&out, op, has_bytes(op) ? bytes : NULL, len);
    run_frame(&talk, &f);
}

static void say_open(void)
{
    uint8_t pkt[1472];
    const struct trk_open o = {.c.cid = 1, .service_port = 80, .versions = 1u << TRK_VERSION};
    say(0, pkt, (size_t)trk_wire_write_open(pkt, sizeof pkt, &o, 1200));
}

static void say_request(uint8_t op, struct trk_request_pkt q)
{
    uint8_t pkt[1472];
    static uint32_t reqno;
    q.c.cid = 1;
    q.reqno = ++reqno;
    q.w_cl_pkts = 1000;
    q.cont = cont;
    q.cont_len = sizeof cont;
    say(op, pkt, (size_t)trk_wire_write_request(pkt, sizeof pkt, &q));
}

static struct trk_request_pkt ask(uint64_t k, uint64_t first, uint16_t n, uint64_t off)
{
    return (struct trk_request_pkt){
        .k = k, .n_asks = 1, .ask[0] = {first, n, off, n * (1200u - TRK_DATA_BYTES)}};
}

static void begin_talk(void)
{
    out = trk_wr_make(seed, sizeof seed);
    world_init(&talk, on_answer, NULL);
    say_open();
    say_request(MEND | MS_1, ask(0, 1, 10, 0));
}

static void end_talk(fuzz_emit_fn *emit, void *arg)
{
    world_free(&talk);
    FUZZ_CHECK(trk_wr_ok(&out));
    emit(arg, seed, trk_wr_len(&out));
}

static void emit_download(fuzz_emit_fn *emit, void *arg)
{
    begin_talk();
    say(APPS, NULL, 0x3000);
    struct trk_request_pkt q = ask(4, 5, 20, 4528);
    q.c.flags = TRK_REQ_REFRESH;
    q.down_una = 4528;
    say_request(MEND | MS_1, q);
    q = ask(10, 11, 20, 11320);
    q.n_ranges = 1;
    q.range[0] = (struct trk_proof_range){13, 3};
    say_request(MEND | MS_1, q);
    say(APPS, NULL, 0x4000); /* FIN */
    end_talk(emit, arg);
}

static void emit_losses(fuzz_emit_fn *emit, void *arg)
{
    begin_talk();
    struct trk_law law, child;
    FUZZ_CHECK(trk_cont_read_law(cont, sizeof cont, &law) == TRK_OK);
    FUZZ_CHECK(trk_law_derive(&law, TRK_KIND_HOLE, 3, 0, 1000, &child) == TRK_OK);
    struct trk_request_pkt q = ask(child.base - 1, child.base, 5, 0);
    q.kind = TRK_KIND_HOLE;
    q.hole = 3;
    say_request(MEND | MS_1, q);
    FUZZ_CHECK(trk_law_derive(&law, TRK_KIND_TIMEOUT, 1, 2, 1000, &child) == TRK_OK);
    q = ask(child.base - 1, child.base, 1, 0);
    q.kind = TRK_KIND_TIMEOUT;
    q.hole = 1;
    q.attempt = 2;
    say_request(MEND | MS_1, q);
    say_request(MEND | S_11, ask(2, 3, 4, 0)); /* stale */
    say_request(MEND | MS_1, ask(0, 1, 4, 0));
    say_request(MS_1, ask(2, 3, 4, 0)); /* a bad proof */
    end_talk(emit, arg);
}

static void emit_upload(fuzz_emit_fn *emit, void *arg)
{
    uint8_t pkt[1472], bytes[300] = {1, 2, 3};
    begin_talk();
    struct trk_request_pkt q = {.up = bytes, .up_len = sizeof bytes};
    say_request(MEND, q);
    struct trk_uplink_pkt u = {
        .c.cid = 1, .reqno = 50, .ref = ref, .up_off = 900, .up = bytes, .up_len = 300};
    say(0, pkt, (size_t)trk_wire_write_uplink(pkt, sizeof pkt, &u));
    u.c.flags = TRK_REQ_FIN | TRK_REQ_REPEAT;
    u.up_off = 300;
    say(0, pkt, (size_t)trk_wire_write_uplink(pkt, sizeof pkt, &u));
    say(1, pkt, (size_t)trk_wire_write_uplink(pkt, sizeof pkt, &u)); /* another port */
    say(APPS, NULL, 0xc000);
    u.ref++;
    say(2, pkt, (size_t)trk_wire_write_uplink(pkt, sizeof pkt, &u));
    const struct trk_reset_pkt x = {.c.cid = 1, .cont = cont, .cont_len = sizeof cont};
    say(0, pkt, (size_t)trk_wire_write_reset(pkt, sizeof pkt, &x, false));
    end_talk(emit, arg);
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    emit_download(emit, arg);
    emit_losses(emit, arg);
    emit_upload(emit, arg);
}
