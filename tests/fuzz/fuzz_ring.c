/* Rings in shared memory whose other side writes anything, and the records in them. */
#include <config.h>

#include "ipc/minirec.h"
#include "ipc/ring.h"

#include "fuzz.h"

#include <errno.h>
#include <string.h>

const char fuzz_name[] = "fuzz_ring";

enum { SIZE = 1024, INDEX_BYTES = 8 };

static _Alignas(8) uint8_t ring_bytes[SIZE];

static void look_at(const struct trk_ring_record *rec)
{
    struct trk_rec_event e;
    struct trk_rec_answer a;
    FUZZ_CHECK(rec->bytes >= ring_bytes && rec->bytes + rec->len <= ring_bytes + SIZE);
    if (trk_rec_event_read(rec->bytes, rec->len, &e) == 0) {
        FUZZ_CHECK(e.request + e.request_len == rec->bytes + rec->len);
        FUZZ_CHECK(e.n_runs <= TRK_REC_RUNS_MAX && trk_rec_event_bytes(&e) == rec->len);
    }
    if (trk_rec_answer_read(rec->bytes, rec->len, &a) == 0) {
        FUZZ_CHECK(a.request + a.request_len == rec->bytes + rec->len);
        FUZZ_CHECK(a.n_stretches <= TRK_REC_RUNS_MAX && trk_rec_answer_bytes(&a) == rec->len);
    }
}

/* An index, then what the peer has written; both read and answered by the writer's side. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trk_ring_control control;
    struct trk_ring reader, writer;
    struct trk_ring_record rec;
    uint64_t index;
    uint8_t *out;
    int rc;
    if (size < INDEX_BYTES || size > INDEX_BYTES + SIZE) {
        return 0;
    }
    memcpy(&index, data, INDEX_BYTES);
    memset(ring_bytes, 0, sizeof ring_bytes);
    memcpy(ring_bytes, data + INDEX_BYTES, size - INDEX_BYTES);
    memset(&control, 0, sizeof control);
    trk_ring_init(&reader, &control, ring_bytes, SIZE);
    trk_ring_init(&writer, &control, ring_bytes, SIZE);
    atomic_store(&control.head, index);
    atomic_store(&control.tail, index);
    while ((rc = trk_ring_next(&reader, &rec)) == 1) {
        look_at(&rec);
    }
    FUZZ_CHECK(rc == 0 || !trk_ring_sleep(&reader));
    for (unsigned i = 0; i < 2; i++) {
        FUZZ_CHECK(trk_ring_reserve(&writer, trk_ring_record_max(&writer), &out) == 0);
        trk_ring_commit(&writer, 1, trk_ring_record_max(&writer));
    }
    rc = trk_ring_reserve(&writer, 100, &out); /* full: now the index counts */
    FUZZ_CHECK(rc == (index % 8 != 0 || index > SIZE ? -EPROTO : index < 112 ? -EAGAIN : 0));
    return 0;
}

static void emit_ring(fuzz_emit_fn *emit, void *arg, const uint8_t *rec, size_t len)
{
    struct trk_ring_control control = {.head = 0};
    struct trk_ring r;
    uint8_t seed[INDEX_BYTES + SIZE], *out;
    trk_ring_init(&r, &control, ring_bytes, SIZE);
    memset(ring_bytes, 0, sizeof ring_bytes);
    for (unsigned i = 0; i < 2; i++) {
        FUZZ_CHECK(trk_ring_reserve(&r, (uint32_t)len, &out) == 0);
        memcpy(out, rec, len);
        trk_ring_commit(&r, TRK_REC_ANSWER, (uint32_t)len);
    }
    memcpy(seed, &r.head, INDEX_BYTES);
    memcpy(seed + INDEX_BYTES, ring_bytes, r.head);
    emit(arg, seed, INDEX_BYTES + r.head);
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    static const uint8_t text[] = "0123456789abcdef";
    _Alignas(8) uint8_t rec[512];
    struct trk_rec_event e = {.handle = 1,
                              .peer = {.family = 4, .ip = {127, 0, 0, 1}, .port = 80},
                              .flags = TRK_REC_E_UCONT,
                              .request_len = 4,
                              .user_len = 5,
                              .n_runs = 2,
                              .run = {{0, 1000, 1}, {2000, 5, 1}},
                              .user = text,
                              .request = text};
    struct trk_rec_answer a = {.handle = 1,
                               .flags = TRK_REC_A_FIRST | TRK_REC_A_END,
                               .consumed = 2,
                               .first = {.from = 3, .len = 4, .user = text},
                               .payload_len = 16,
                               .user_len = 2,
                               .request_len = 3,
                               .n_stretches = 2,
                               .stretch = {{0, 10, 0}, {20, 6, 10}},
                               .payload = text,
                               .user = text,
                               .request = text};
    emit_ring(emit, arg, text, sizeof text);
    trk_rec_event_write(&e, rec);
    emit_ring(emit, arg, rec, trk_rec_event_bytes(&e));
    trk_rec_answer_write(&a, rec);
    emit_ring(emit, arg, rec, trk_rec_answer_bytes(&a));
}
