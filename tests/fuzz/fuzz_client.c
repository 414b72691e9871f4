/*
 * The client engine: a server's datagrams, timers and an application that does as it likes.
 *
 * op, low three bits: 0 a datagram (bytes follow), 1 time passes (length: ms), 2 to the next
 * deadline, 3 the application reads, 4 writes (length: bytes), 5 ends its side, 6 reads no more, 7
 * aborts. Bit 3: the next allocation but one fails. Bit 4: the batch goes on (nothing is sent yet).
 */
#include <config.h>

#include "core/client.h"
#include "core/ucont.h"

#include "clear_seal.h"
#include "frames.h"
#include "server_world.h"

#include <string.h>

const char fuzz_name[] = "fuzz_client";

enum {
    DATAGRAM,
    PASS,
    DEADLINE,
    READ,
    WRITE,
    FIN,
    DISCARD,
    ABORT,
    NO_MEMORY = 8,
    BATCH = 16,
    WRITES_MAX = 2000, /* datagrams at one instant: the window, and some */
};

#define MS UINT64_C(1000000)

static long memory_left;

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    if (memory_left == 0)
        return NULL;
    if (memory_left > 0)
        memory_left--;
    return realloc(p, size);
}

static const struct trk_mem memory = {.resize = resize};

static const struct trk_client_conf conf = {.mem = &memory,
                                            .cid = 1,
                                            .nonce = 2,
                                            .service_port = 80,
                                            .client_port = 1000,
                                            .packet_size = 1200,
                                            .down_window_bytes = 1 << 16,
                                            .up_window_bytes = 1 << 16};

static bool has_bytes(uint8_t op)
{
    return (op & 7) == DATAGRAM;
}

/* Where the client's datagrams go, or nowhere. */
struct host {
    struct trk_client *c;
    uint64_t now_ns;
    void (*out)(const uint8_t *pkt, size_t len);
};

static void check_leaves(const uint8_t *p, size_t n)
{
    struct trk_common c;
    struct trk_open o;
    struct trk_request_pkt q;
    struct trk_uplink_pkt u;
    struct trk_reset_pkt x;
    FUZZ_CHECK(trk_wire_common(p, n, &c) == TRK_OK && !c.from_server && c.cid == conf.cid);
    FUZZ_CHECK((c.type == TRK_TYPE_OPEN && trk_wire_read_open(p, n, &o) == TRK_OK) ||
               (c.type == TRK_TYPE_REQUEST && trk_wire_read_request(p, n, &q) == TRK_OK) ||
               (c.type == TRK_TYPE_UPLINK && trk_wire_read_uplink(p, n, &u) == TRK_OK) ||
               (c.type == TRK_TYPE_RESET && trk_wire_read_reset(p, n, &x) == TRK_OK));
}

static void write_all(struct host *h)
{
    uint8_t buf[1472];
    size_t n;
    for (unsigned i = 0; (n = trk_client_write(h->c, h->now_ns, buf, sizeof buf)) > 0; i++) {
        FUZZ_CHECK(i < WRITES_MAX && n <= sizeof buf);
        check_leaves(buf, n);
        if (h->out)
            h->out(buf, n);
    }
}

static void expire(struct host *h)
{
    for (unsigned i = 0; trk_client_deadline(h->c) <= h->now_ns; i++) {
        FUZZ_CHECK(i < 100); /* handled means that it is not due any more */
        trk_client_expire(h->c, h->now_ns);
        write_all(h);
    }
}

static void read_app(struct host *h, size_t most)
{
    struct iovec iov[2];
    int k = trk_client_down_peek(h->c, iov);
    size_t n = (k > 0 ? iov[0].iov_len : 0) + (k > 1 ? iov[1].iov_len : 0);
    trk_client_down_consume(h->c, h->now_ns, n < most ? n : most);
}

static void write_app(struct host *h, size_t most)
{
    struct iovec iov[2];
    int k = trk_client_up_space(h->c, iov);
    size_t done = 0;
    for (int i = 0; i < k && done < most; i++) {
        size_t n = iov[i].iov_len < most - done ? iov[i].iov_len : most - done;
        memset(iov[i].iov_base, 'u', n);
        done += n;
    }
    trk_client_up_commit(h->c, h->now_ns, done);
}

static void run_op(struct host *h, const struct frame *f)
{
    uint64_t due = trk_client_deadline(h->c);
    switch (f->op & 7) {
    case DATAGRAM:
        (void)trk_client_read(h->c, h->now_ns, f->bytes, f->len);
        break;
    case PASS:
        h->now_ns += f->amount * MS;
        break;
    case DEADLINE:
        if (due != TRK_NEVER_NS && due > h->now_ns)
            h->now_ns = due;
        break;
    case READ:
        read_app(h, f->amount);
        break;
    case WRITE:
        write_app(h, f->amount);
        break;
    case FIN:
        trk_client_up_fin(h->c, h->now_ns);
        break;
    case DISCARD:
        trk_client_down_discard(h->c, h->now_ns);
        break;
    default:
        trk_client_abort(h->c, h->now_ns);
    }
}

static void run_frame(struct host *h, const struct frame *f)
{
    if (f->op & NO_MEMORY)
        memory_left = 1;
    run_op(h, f);
    if (!(f->op & BATCH)) {
        trk_client_batch_end(h->c, h->now_ns);
        write_all(h);
        expire(h);
    }
    memory_left = -1;
    struct trk_client_info info;
    trk_client_get_info(h->c, &info);
    FUZZ_CHECK(info.state == trk_client_state(h->c));
    FUZZ_CHECK((info.state == TRK_CLIENT_FAILED) == (trk_client_error(h->c) != TRK_OK));
}

static bool start(struct host *h, void (*out)(const uint8_t *pkt, size_t len))
{
    memory_left = -1;
    *h = (struct host){.now_ns = 1000 * MS, .out = out};
    h->c = trk_client_new(&conf, h->now_ns);
    if (!h->c)
        return false;
    write_all(h);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host h;
    struct trk_rd r = trk_rd_make(data, size);
    struct frame f;
    if (!start(&h, NULL))
        abort();
    for (unsigned i = 0; i < FRAMES_MAX && frame_next(&r, has_bytes, &f); i++)
        run_frame(&h, &f);
    trk_client_free(h.c);
    return 0;
}

/* ---- seeds: what real servers said to this client ---- */

static uint8_t seed[1 << 18];
static struct trk_wr out;
static struct world world;
static struct host host;
static uint8_t mail[1 << 18]; /* what is on the way to the client: length (16 bits), bytes */
static size_t mail_len;

static void to_client(void *arg, const uint8_t *pkt, size_t len)
{
    (void)arg;
    FUZZ_CHECK(mail_len + len + 2 <= sizeof mail);
    mail[mail_len] = (uint8_t)(len >> 8);
    mail[mail_len + 1] = (uint8_t)len;
    memcpy(mail + mail_len + 2, pkt, len);
    mail_len += len + 2;
}

static void to_server(const uint8_t *pkt, size_t len)
{
    const struct trk_addr from = {.ip = {[15] = 1}, .port = 5};
    world_datagram(&world, &from, pkt, len, false);
}

static void act(uint8_t op, const uint8_t *bytes, size_t len)
{
    const struct frame f = {.op = op, .amount = (uint16_t)len, .bytes = bytes, .len = len};
    frame_put(&out, op, has_bytes(op) ? bytes : NULL, len);
    run_frame(&host, &f);
}

/* Hands over the mail that is there now, but for each lose-th datagram (0: none is lost). */
static void deliver(unsigned lose)
{
    static uint8_t now[sizeof mail];
    size_t n = mail_len, at = 0;
    unsigned i = 0;
    memcpy(now, mail, n);
    mail_len = 0;
    while (at < n) {
        size_t len = (size_t)now[at] << 8 | now[at + 1];
        if (lose == 0 || ++i % lose != 0)
            act(DATAGRAM | (at + 2 + len < n ? BATCH : 0), now + at + 2, len);
        at += 2 + len;
    }
    world.now_us += 20000;
    act(PASS, NULL, 20);
    act(READ, NULL, 60000);
}

static void talk(fuzz_emit_fn *emit, void *arg, unsigned lose, size_t upload)
{
    out = trk_wr_make(seed, sizeof seed);
    mail_len = 0;
    world_init(&world, to_client, NULL);
    if (!start(&host, to_server))
        abort();
    deliver(0);
    if (upload) {
        act(WRITE, NULL, upload);
        act(FIN, NULL, 0);
    }
    for (unsigned i = 0; i < 12 && trk_wr_len(&out) < 40000; i++) {
        world_apps(&world, 2500, i == 8, true);
        deliver(i % 2 ? lose : 0);
        if (lose && mail_len == 0)
            act(DEADLINE, NULL, 0);
    }
    act(DISCARD, NULL, 0);
    deliver(0);
    trk_client_free(host.c);
    world_free(&world);
    FUZZ_CHECK(trk_wr_ok(&out));
    emit(arg, seed, trk_wr_len(&out));
}

/* ---- and what a stateless service says: by hand ---- */

static struct trk_request_pkt asked; /* the client's newest */

static void by_hand(const uint8_t *pkt, size_t len)
{
    struct trk_request_pkt q;
    if (trk_wire_read_request(pkt, len, &q) == TRK_OK)
        asked = q;
}

static size_t say_ucont(struct trk_ucont u, uint8_t *ucont)
{
    uint64_t counter = 0;
    const struct trk_seal_ops ops = clear_seal_ops(&counter);
    size_t len = 0;
    FUZZ_CHECK(trk_ucont_seal(&ops, &u, 1, 80, (const uint8_t *)"state", 5, ucont, &len) == TRK_OK);
    return len;
}

static void say_opened(void)
{
    uint64_t counter = 0;
    const struct trk_seal_ops ops = clear_seal_ops(&counter);
    const struct trk_secret secret = {.conn = 1};
    uint8_t cont[TRK_CONT_BYTES], pkt[1472];
    struct trk_law law;
    trk_law_first(&law, 1200, 1, 1);
    law.flags |= TRK_LAW_STATELESS;
    FUZZ_CHECK(trk_cont_seal(&ops, &law, &secret, cont) == TRK_OK);
    const struct trk_ack_pkt a = {.c = {.flags = TRK_ACK_OPENED | TRK_ACK_CONT, .cid = conf.cid},
                                  .ts = (uint32_t)(host.now_ns / 1000),
                                  .nonce = conf.nonce,
                                  .versions = 2,
                                  .cont = cont,
                                  .cont_len = sizeof cont,
                                  .up = {.credit_bytes = 65536}};
    long n = trk_wire_write_ack(pkt, sizeof pkt, &a, 1200);
    FUZZ_CHECK(n > 0);
    act(DATAGRAM, pkt, (size_t)n);
}

static void say_ack(enum trk_reason reason, const struct trk_ucont *u, uint64_t held)
{
    uint8_t pkt[1472], ucont[TRK_UCONT_BYTES_MAX];
    struct trk_ack_pkt a = {.c = {.cid = conf.cid}, .reqno = asked.reqno, .ts = asked.ts, .reason = (uint8_t)reason};
    if (u) {
        a.c.flags |= TRK_ACK_UCONT;
        a.ucont = ucont;
        a.ucont_len = say_ucont(*u, ucont);
        a.up.ack = u->up;
    }
    if (held > a.up.ack) {
        a.c.flags |= TRK_ACK_SACK;
        a.up.n_sacks = 1;
        a.up.sack[0].start = a.up.ack;
        a.up.sack[0].end = held;
    }
    a.up.credit_bytes = 65536;
    long n = trk_wire_write_ack(pkt, sizeof pkt, &a, 0);
    FUZZ_CHECK(n > 0);
    act(DATAGRAM, pkt, (size_t)n);
}

static void say_data(uint64_t state, uint64_t seq, uint64_t off, size_t len, const struct trk_ucont *u)
{
    uint8_t pkt[1472] = {0}, ucont[TRK_UCONT_BYTES_MAX];
    struct trk_data_pkt d = {.c = {.cid = conf.cid, .flags = TRK_DATA_STATE},
                             .reqno = asked.reqno,
                             .ts = asked.ts,
                             .seq = seq,
                             .train_end = seq,
                             .off = off,
                             .state = state,
                             .up = {.ack = 100, .credit_bytes = 65536}};
    if (u) {
        d.c.flags |= TRK_DATA_UCONT;
        d.ucont = ucont;
        d.ucont_len = say_ucont(*u, ucont);
    }
    long n = trk_wire_write_data_head(pkt, sizeof pkt, &d);
    FUZZ_CHECK(n > 0);
    act(DATAGRAM, pkt, (size_t)n + len);
}

/* away: the service is not there at first. unknown: its first continuation comes late. */
static void talk_stateless(fuzz_emit_fn *emit, void *arg, bool away, bool unknown)
{
    const struct trk_ucont one = {.flags = TRK_UCONT_END, .state = 5, .up = 100, .end = 5000};
    const struct trk_ucont place = {.flags = TRK_UCONT_END, .state = 5, .after = 5, .up = 100, .from = 2000, .end = 5000};
    const struct trk_ucont rival = {.flags = TRK_UCONT_END, .state = 6, .up = 100, .end = 7000};
    const struct trk_ucont last = {.flags = TRK_UCONT_END | TRK_UCONT_FIN, .state = 7, .after = 5, .up = 301,
                                   .from = 5000, .end = 6000};
    out = trk_wr_make(seed, sizeof seed);
    if (!start(&host, by_hand))
        abort();
    say_opened();
    act(WRITE, NULL, 100);
    act(PASS, NULL, 20);
    if (away) {
        say_ack(TRK_REASON_AWAY, NULL, 0);
        act(DEADLINE, NULL, 0);
    }
    if (!unknown)
        say_ack(TRK_REASON_OK, &one, 0);
    say_data(5, 1, 0, 1124, NULL);
    act(DEADLINE, NULL, 0);
    say_ack(TRK_REASON_OK, &one, 0);
    say_ack(TRK_REASON_OK, &rival, 0);
    for (uint64_t i = 1; i < 4; i++)
        say_data(5, i + 1, i * 1124, 1124, i == 3 ? &place : NULL);
    act(WRITE, NULL, 200);
    act(FIN, NULL, 0);
    say_data(6, 6, 4496, 400, NULL);
    act(PASS, NULL, 20);
    say_ack(TRK_REASON_NO_DATA, NULL, 200);
    act(DEADLINE, NULL, 0);
    say_data(5, 5, 4496, 504, NULL);
    act(PASS, NULL, 20);
    say_ack(TRK_REASON_NO_DATA, NULL, 0); /* held no more */
    if (unknown)
        say_data(5, 8, 0, 1124, NULL);
    say_ack(TRK_REASON_OK, &last, 0);
    act(PASS, NULL, 20);
    say_data(7, 7, 5000, 1000, &last);
    act(READ, NULL, 60000);
    FUZZ_CHECK(trk_client_state(host.c) == TRK_CLIENT_CLOSED); /* all of it was believed */
    trk_client_free(host.c);
    FUZZ_CHECK(trk_wr_ok(&out));
    emit(arg, seed, trk_wr_len(&out));
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    talk(emit, arg, 0, 0);
    talk(emit, arg, 3, 0);
    talk(emit, arg, 0, 9000);
    for (unsigned how = 0; how < 4; how++)
        talk_stateless(emit, arg, (how & 1) != 0, (how & 2) != 0);
    uint8_t silence[12]; /* a server that says nothing, then an abort */
    out = trk_wr_make(silence, sizeof silence);
    for (unsigned i = 0; i < 3; i++)
        frame_put(&out, DEADLINE, NULL, 0);
    frame_put(&out, ABORT, NULL, 0);
    emit(arg, silence, trk_wr_len(&out));
}
