/*
 * The client engine: a server's datagrams, timers and an application that does as it likes.
 *
 * op, low three bits: 0 a datagram (bytes follow), 1 time passes (length: ms), 2 to the next
 * deadline, 3 the application reads, 4 writes (length: bytes), 5 ends its side, 6 reads no more, 7
 * aborts. Bit 3: the next allocation but one fails. Bit 4: the batch goes on (nothing is sent yet).
 */
#include <config.h>

#include "core/client.h"

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

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    talk(emit, arg, 0, 0);
    talk(emit, arg, 3, 0);
    talk(emit, arg, 0, 9000);
    uint8_t silence[12]; /* a server that says nothing, then an abort */
    out = trk_wr_make(silence, sizeof silence);
    for (unsigned i = 0; i < 3; i++)
        frame_put(&out, DEADLINE, NULL, 0);
    frame_put(&out, ABORT, NULL, 0);
    emit(arg, silence, trk_wr_len(&out));
}
