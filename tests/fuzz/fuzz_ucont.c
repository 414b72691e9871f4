/*
 * User continuations: whatever reads can be written again, and what opens is sealed to the same bytes. Input: a
 * continuation.
 */
#include <config.h>

#include "core/ucont.h"

#include "clear_seal.h"
#include "fuzz.h"

const char fuzz_name[] = "fuzz_ucont";

enum { CONN = 7, PORT = 80 };

static void check_clear(const uint8_t *data, const struct trk_ucont *u)
{
    uint8_t clear[TRK_UCONT_CLEAR_BYTES];
    struct trk_wr w = trk_wr_make(clear, sizeof clear);
    trk_ucont_write_clear(&w, u);
    FUZZ_CHECK(trk_wr_ok(&w) && trk_wr_left(&w) == 0 && memcmp(clear, data, sizeof clear) == 0);
    FUZZ_CHECK(u->state != 0 && u->end >= u->from);
    FUZZ_CHECK(((u->flags & TRK_UCONT_END) != 0) == (u->end != UINT64_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t counter = 0;
    struct trk_seal_ops ops = clear_seal_ops(&counter);
    struct trk_ucont clear, u, u2;
    uint8_t user[TRK_UCONT_USER_BYTES_MAX], user2[TRK_UCONT_USER_BYTES_MAX], out[TRK_UCONT_BYTES_MAX];
    size_t user_len, user2_len, out_len;
    int c = trk_ucont_read(data, size, &clear);
    int r = trk_ucont_open(&ops, data, size, CONN, PORT, &u, user, &user_len);
    FUZZ_CHECK(r != TRK_OK || c == TRK_OK);
    if (c == TRK_OK)
        check_clear(data, &clear);
    if (r != TRK_OK)
        return 0;
    FUZZ_CHECK(user_len == size - TRK_UCONT_OVERHEAD_BYTES);
    FUZZ_CHECK(trk_ucont_seal(&ops, &u, CONN, PORT, user, user_len, out, &out_len) == TRK_OK && out_len == size);
    FUZZ_CHECK(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u2, user2, &user2_len) == TRK_OK);
    FUZZ_CHECK(user2_len == user_len && memcmp(user, user2, user_len) == 0);
    FUZZ_CHECK(trk_ucont_open(&ops, out, out_len, CONN + 1, PORT, &u2, user2, &user2_len) == TRK_E_CANNOT_OPEN);
    return 0;
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    static const struct trk_ucont seeds[] = {
        {.flags = 0, .state = 1, .up = 100, .from = 1000, .end = UINT64_MAX},
        {.flags = TRK_UCONT_END, .state = 2, .up = 200, .from = 2000, .end = 3000, .after = 1},
        {.flags = TRK_UCONT_END | TRK_UCONT_FIN, .state = 3, .up = 201, .from = 3000, .end = 3000, .after = 2},
    };
    uint64_t counter = 0;
    struct trk_seal_ops ops = clear_seal_ops(&counter);
    uint8_t user[TRK_UCONT_USER_BYTES_MAX] = {1, 2, 3}, out[TRK_UCONT_BYTES_MAX];
    size_t len;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct trk_ucont u = seeds[i];
        size_t n = i == 2 ? sizeof user : 10 * i;
        FUZZ_CHECK(trk_ucont_seal(&ops, &u, CONN, PORT, user, n, out, &len) == TRK_OK);
        emit(arg, out, len);
    }
}
