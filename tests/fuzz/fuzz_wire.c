/* Every packet decoder. What decodes has an encoder that gives the same bytes. */
#include <config.h>

#include "core/wire.h"

#include "fuzz.h"

#include <string.h>

const char fuzz_name[] = "fuzz_wire";

static uint8_t again[1 << 17];

static void same(const uint8_t *data, size_t size, long n)
{
    FUZZ_CHECK(n >= 0 && (size_t)n == size);
    FUZZ_CHECK(memcmp(again, data, size) == 0);
}

static void open_packet(const uint8_t *p, size_t n)
{
    struct trk_open o;
    if (trk_wire_read_open(p, n, &o) == TRK_OK)
        same(p, n, trk_wire_write_open(again, sizeof again, &o, n));
}

static void request_packet(const uint8_t *p, size_t n)
{
    struct trk_request_pkt q;
    if (trk_wire_read_request(p, n, &q) == TRK_OK)
        same(p, n, trk_wire_write_request(again, sizeof again, &q));
}

static void uplink_packet(const uint8_t *p, size_t n)
{
    struct trk_uplink_pkt u;
    if (trk_wire_read_uplink(p, n, &u) == TRK_OK)
        same(p, n, trk_wire_write_uplink(again, sizeof again, &u));
}

static void data_packet(const uint8_t *p, size_t n)
{
    struct trk_data_pkt d;
    if (trk_wire_read_data(p, n, &d) != TRK_OK)
        return;
    long head = trk_wire_write_data_head(again, sizeof again, &d);
    FUZZ_CHECK(head > 0 && (size_t)head + d.payload_len == n);
    FUZZ_CHECK((size_t)head == TRK_DATA_BYTES + trk_wire_data_ext_bytes(d.cont_len, d.ucont_len, d.up.n_sacks) +
                                 ((d.c.flags & TRK_DATA_STATE) != 0 ? TRK_DATA_STATE_BYTES : 0));
    FUZZ_CHECK(memcmp(again, p, (size_t)head) == 0 && d.payload == p + head);
}

static void ack_packet(const uint8_t *p, size_t n)
{
    struct trk_ack_pkt a;
    if (trk_wire_read_ack(p, n, &a) == TRK_OK)
        same(p, n, trk_wire_write_ack(again, sizeof again, &a, n));
}

static void reset_packet(const uint8_t *p, size_t n)
{
    struct trk_reset_pkt x;
    if (trk_wire_read_reset(p, n, &x) == TRK_OK)
        same(p, n, trk_wire_write_reset(again, sizeof again, &x, x.c.from_server));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trk_common c;
    if (size > TRK_PACKET_MAX_BYTES)
        return 0;
    int r = trk_wire_common(data, size, &c);
    FUZZ_CHECK(r == TRK_OK || r == TRK_E_SHORT || r == TRK_E_TYPE);
    /* All decoders see every packet: each must tell its own type by itself. */
    open_packet(data, size);
    request_packet(data, size);
    uplink_packet(data, size);
    data_packet(data, size);
    ack_packet(data, size);
    reset_packet(data, size);
    return 0;
}

static uint8_t seed[TRK_PACKET_MAX_BYTES];
static const uint8_t filler[600] = {1, 2, 3};

static void emit_requests(fuzz_emit_fn *emit, void *arg)
{
    struct trk_request_pkt q = {.c.cid = 1, .kind = TRK_KIND_ASK, .cont = filler, .cont_len = 166};
    emit(arg, seed, (size_t)trk_wire_write_request(seed, sizeof seed, &q));
    q.kind = TRK_KIND_HOLE;
    q.hole = 7;
    q.n_ranges = 2;
    q.range[0] = (struct trk_proof_range){30, 4};
    q.range[1] = (struct trk_proof_range){20, 5};
    q.n_asks = 2;
    q.ask[0] = (struct trk_ask){40, 10, 1000, 14000};
    q.ask[1] = (struct trk_ask){60, 44, 20000, 60000};
    q.ucont = filler;
    q.ucont_len = 20;
    q.up = filler;
    q.up_len = 100;
    emit(arg, seed, (size_t)trk_wire_write_request(seed, sizeof seed, &q));
}

static void emit_acks(fuzz_emit_fn *emit, void *arg)
{
    struct trk_ack_pkt a = {.c = {.cid = 1}, .reason = TRK_REASON_NO_DATA};
    emit(arg, seed, (size_t)trk_wire_write_ack(seed, sizeof seed, &a, 0));
    a.c.flags = TRK_ACK_OPENED | TRK_ACK_CONT;
    a.cont = filler;
    a.cont_len = 166;
    emit(arg, seed, (size_t)trk_wire_write_ack(seed, sizeof seed, &a, 400));
    a.c.flags = TRK_ACK_CONT | TRK_ACK_SACK | TRK_ACK_REFUSED;
    a.up.n_sacks = 2;
    a.up.sack[0].start = 5;
    a.up.sack[0].end = 9;
    a.up.sack[1].start = 10;
    a.up.sack[1].end = 12;
    a.n_refused = 2;
    a.refused[1].bits = 5;
    emit(arg, seed, (size_t)trk_wire_write_ack(seed, sizeof seed, &a, 0));
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    struct trk_open o = {.c.cid = 1, .versions = 1u << TRK_VERSION};
    emit(arg, seed, (size_t)trk_wire_write_open(seed, sizeof seed, &o, 1200));
    o.token = o.early = filler;
    o.token_len = 10;
    o.early_len = 20;
    emit(arg, seed, (size_t)trk_wire_write_open(seed, sizeof seed, &o, 1300));
    emit_requests(emit, arg);
    const struct trk_uplink_pkt u = {
        .c = {.cid = 1, .flags = TRK_REQ_FIN}, .up = filler, .up_len = 9};
    emit(arg, seed, (size_t)trk_wire_write_uplink(seed, sizeof seed, &u));
    struct trk_data_pkt d = {.c.cid = 1, .seq = 5, .train_end = 9};
    long n = trk_wire_write_data_head(seed, sizeof seed, &d);
    memcpy(seed + n, filler, 100);
    emit(arg, seed, (size_t)n + 100);
    d.c.flags = TRK_DATA_CONT | TRK_DATA_SACK | TRK_DATA_FIN;
    d.cont = filler;
    d.cont_len = 166;
    d.up.n_sacks = 1;
    d.up.sack[0].start = 1;
    d.up.sack[0].end = 2;
    emit(arg, seed, (size_t)trk_wire_write_data_head(seed, sizeof seed, &d));
    emit_acks(emit, arg);
    const struct trk_reset_pkt from_server = {.c.cid = 1, .token = 3},
                               from_client = {.c.cid = 1, .cont = filler, .cont_len = 166};
    emit(arg, seed, (size_t)trk_wire_write_reset(seed, sizeof seed, &from_server, true));
    emit(arg, seed, (size_t)trk_wire_write_reset(seed, sizeof seed, &from_client, false));
    const struct trk_common c = {.cid = 1};
    emit(arg, seed, (size_t)trk_wire_write_version(seed, sizeof seed, &c));
}
