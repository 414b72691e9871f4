/* Extracted events: core/bundle.h. Input: a sealed bundle. */
#include <config.h>

#include "core/bundle.h"

#include "clear_seal.h"
#include "fuzz.h"

#include <stdlib.h>

const char fuzz_name[] = "fuzz_bundle";

enum { PORT = 80, INPUT_MAX = 1 << 18 };

/* What decodes encodes again, to the same bytes. */
static void check_item(const struct trk_bundle_item *it, const uint8_t *was, size_t len)
{
    uint8_t *again = malloc(len);
    FUZZ_CHECK(again != NULL);
    struct trk_wr w = trk_wr_make(again, len);
    trk_bundle_put(&w, it);
    FUZZ_CHECK(trk_wr_ok(&w) && trk_wr_len(&w) == len && memcmp(again, was, len) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t counter = 0;
    struct trk_seal_ops ops = clear_seal_ops(&counter);
    struct trk_bundle b;
    struct trk_bundle_item it;
    if (size > INPUT_MAX)
        return 0;
    uint8_t *plain = malloc(size + 1);
    FUZZ_CHECK(plain != NULL);
    if (trk_bundle_open(&ops, PORT, data, size, &b, plain) == TRK_OK) {
        struct trk_rd r = trk_rd_make(plain, size - TRK_BUNDLE_OVERHEAD_BYTES);
        FUZZ_CHECK(b.n >= 1 && b.n <= TRK_BUNDLE_EVENTS_MAX);
        for (const uint8_t *from = r.p; trk_bundle_get(&r, &it) == TRK_OK; from = r.p)
            check_item(&it, from, (size_t)(r.p - from));
    }
    free(plain);
    return 0;
}

static void emit_one(fuzz_emit_fn *emit, void *arg, const struct trk_bundle_item *it)
{
    uint64_t counter = 0;
    struct trk_seal_ops ops = clear_seal_ops(&counter);
    uint8_t plain[4096], out[4096 + TRK_BUNDLE_OVERHEAD_BYTES];
    struct trk_wr w = trk_wr_make(plain, sizeof plain);
    trk_bundle_put(&w, it);
    FUZZ_CHECK(trk_wr_ok(&w));
    FUZZ_CHECK(trk_bundle_seal(&ops, PORT, 1, 1, plain, trk_wr_len(&w), out) == TRK_OK);
    emit(arg, out, trk_wr_len(&w) + TRK_BUNDLE_OVERHEAD_BYTES);
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    static const uint8_t bytes[] = "GET / HTTP/1.1";
    struct trk_bundle_item it = {.kind = TRK_MINI_NEW};
    it.ticket.to.packet_size = 1472;
    it.ticket.to.payload_bytes = 1396;
    trk_law_first(&it.ticket.law, 1472, 1, 1000000);
    it.ticket.law.flags |= TRK_LAW_STATELESS;
    emit_one(emit, arg, &it);
    it.kind = TRK_MINI_CLOSED;
    it.has_user = it.request_end = true;
    it.user = it.request = bytes;
    it.user_len = it.request_len = sizeof bytes;
    it.ticket.n_runs = 1;
    it.ticket.run[0] = (struct trk_run){.first = 1, .count = 2, .off = 0, .len = 2000};
    emit_one(emit, arg, &it);
}
