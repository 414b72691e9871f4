/* The user continuation: its bytes by hand, round trip, bounds, and nothing altered or foreign opens. */
#include "core/ucont.h"

#include "base/err.h"
#include "fakeseal.h"
#include "unit.h"

#define CONN UINT64_C(0x1112131415161718)
enum { PORT = 0x1f90 };

/* clang-format off */
static const uint8_t clear_end[TRK_UCONT_CLEAR_BYTES] = {
    0xd1, 0x03, 0x00, 0x01,                         /* kind, END and FIN, key step */
    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, /* state */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x2c, /* up: 300 */
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x05, /* from: 2^32 + 5 */
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x10, 0x05, /* end: 4096 further */
    0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, /* after */
};
static const uint8_t clear_open[TRK_UCONT_CLEAR_BYTES] = {
    0xd1, 0x00, 0x00, 0x01,
    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x2c,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x05,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* not known */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* after none */
};
static const uint8_t inner[] = {
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x1f, 0x90, 'p', 'a', 'g', 'e',
};
/* clang-format on */

static struct fakeseal fs;
static struct trk_seal_ops ops;
static uint8_t out[TRK_UCONT_BYTES_MAX];
static size_t out_len;
static uint8_t user[TRK_UCONT_USER_BYTES_MAX];
static size_t user_len;

static struct trk_ucont with_end(void)
{
    return (struct trk_ucont){.flags = TRK_UCONT_END | TRK_UCONT_FIN,
                              .state = UINT64_C(0x2122232425262728),
                              .up = 300,
                              .from = (UINT64_C(1) << 32) + 5,
                              .end = (UINT64_C(1) << 32) + 4101,
                              .after = UINT64_C(0x3132333435363738)};
}

static struct trk_ucont without_end(void)
{
    struct trk_ucont u = with_end();
    u.flags = 0;
    u.end = UINT64_MAX;
    u.after = 0;
    return u;
}

static int seal(struct trk_ucont u, const void *bytes, size_t len)
{
    fakeseal_init(&fs, 99, &ops);
    return trk_ucont_seal(&ops, &u, CONN, PORT, bytes, len, out, &out_len);
}

START_TEST(seal_bytes_as_written)
{
    uint8_t plain[sizeof inner];
    ck_assert_int_eq(seal(with_end(), "page", 4), TRK_OK);
    ck_assert_uint_eq(out_len, 44 + 24 + 14 + 16);
    ck_assert_mem_eq(out, clear_end, sizeof clear_end);
    ck_assert_int_eq(ops.open(ops.ctx, TRK_KEY_USER, 1, out, 44, out + 44, out_len - 44, plain), 0);
    ck_assert_mem_eq(plain, inner, sizeof inner);
    ck_assert_int_eq(seal(without_end(), "page", 4), TRK_OK);
    ck_assert_mem_eq(out, clear_open, sizeof clear_open);
}
END_TEST

START_TEST(open_gives_back_every_field)
{
    const struct trk_ucont want[] = {with_end(), without_end()};
    for (size_t i = 0; i < COUNT(want); i++) {
        struct trk_ucont u, r;
        ck_assert_int_eq(seal(want[i], "page", 4), TRK_OK);
        ck_assert_int_eq(trk_ucont_read(out, out_len, &r), TRK_OK);
        ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_OK);
        ck_assert_uint_eq(user_len, 4);
        ck_assert_mem_eq(user, "page", 4);
        ck_assert(u.flags == want[i].flags && u.key_step == 1 && u.state == want[i].state && u.up == want[i].up);
        ck_assert(u.from == want[i].from && u.end == want[i].end && u.after == want[i].after);
        ck_assert(r.flags == u.flags && r.key_step == 1 && r.state == u.state && r.up == u.up);
        ck_assert(r.from == u.from && r.end == u.end && r.after == u.after);
    }
}
END_TEST

START_TEST(user_bytes_none_most_and_one_past)
{
    uint8_t big[TRK_UCONT_USER_BYTES_MAX + 1];
    struct trk_ucont u;
    memset(big, 0xa5, sizeof big);
    ck_assert_int_eq(seal(with_end(), NULL, 0), TRK_OK);
    ck_assert_uint_eq(out_len, TRK_UCONT_OVERHEAD_BYTES);
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_OK);
    ck_assert_uint_eq(user_len, 0);
    ck_assert_int_eq(seal(with_end(), big, sizeof big - 1), TRK_OK);
    ck_assert_uint_eq(out_len, TRK_UCONT_BYTES_MAX);
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_OK);
    ck_assert_uint_eq(user_len, TRK_UCONT_USER_BYTES_MAX);
    ck_assert_mem_eq(user, big, user_len);
    ck_assert_int_eq(seal(with_end(), big, sizeof big), TRK_E_INVAL);
}
END_TEST

START_TEST(lengths_out_of_bounds_are_short)
{
    uint8_t longer[TRK_UCONT_BYTES_MAX + 1] = {0};
    struct trk_ucont u;
    ck_assert_int_eq(seal(with_end(), NULL, 0), TRK_OK);
    memcpy(longer, out, out_len);
    for (size_t n = 0; n < TRK_UCONT_OVERHEAD_BYTES; n++) {
        ck_assert_int_eq(trk_ucont_read(out, n, &u), TRK_E_SHORT);
        ck_assert_int_eq(trk_ucont_open(&ops, out, n, CONN, PORT, &u, user, &user_len), TRK_E_SHORT);
    }
    ck_assert_int_eq(trk_ucont_read(longer, TRK_UCONT_BYTES_MAX, &u), TRK_OK);
    ck_assert_int_eq(trk_ucont_read(longer, TRK_UCONT_BYTES_MAX + 1, &u), TRK_E_SHORT);
}
END_TEST

/* What no server makes: neither read nor sealed. */
START_TEST(contradictions_are_refused_both_ways)
{
    const struct trk_ucont no[] = {
        {.flags = 0x04, .state = 1, .end = UINT64_MAX},
        {.flags = 0xff, .state = 1, .end = 9},
        {.flags = TRK_UCONT_FIN, .state = 1, .end = UINT64_MAX},
        {.flags = TRK_UCONT_END, .state = 1, .from = 10, .end = 9},
        {.flags = TRK_UCONT_END, .state = 1, .from = 10, .end = UINT64_MAX},
        {.flags = 0, .state = 1, .end = 9},
        {.flags = TRK_UCONT_END, .state = 0, .end = 9},
    };
    struct trk_ucont u = {.flags = TRK_UCONT_END, .state = 1, .from = 10, .end = 10}, r;
    uint8_t bytes[TRK_UCONT_OVERHEAD_BYTES] = {0};
    ck_assert_int_eq(seal(u, "x", 1), TRK_OK);
    for (size_t i = 0; i < COUNT(no); i++) {
        struct trk_wr w = trk_wr_make(bytes, TRK_UCONT_CLEAR_BYTES);
        ck_assert_int_eq(seal(no[i], "x", 1), TRK_E_INVAL);
        trk_ucont_write_clear(&w, &no[i]);
        if (no[i].flags == 0) /* the encoder leaves out an end that is not known */
            bytes[35] = 9;
        ck_assert_msg(trk_ucont_read(bytes, sizeof bytes, &r) == TRK_E_FIELD, "%zu", i);
    }
    ck_assert_int_eq(seal(u, "x", 1), TRK_OK);
    out[0] = 0xc1;
    ck_assert_int_eq(trk_ucont_read(out, out_len, &r), TRK_E_FIELD);
}
END_TEST

START_TEST(altered_anywhere_does_not_open)
{
    struct trk_ucont u;
    ck_assert_int_eq(seal(with_end(), "page", 4), TRK_OK);
    for (size_t i = 0; i < out_len; i++) {
        out[i] ^= 1;
        ck_assert_int_ne(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_OK);
        out[i] ^= 1;
    }
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len - 1, CONN, PORT, &u, user, &user_len), TRK_E_CANNOT_OPEN);
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_OK);
}
END_TEST

START_TEST(other_connection_service_or_key_does_not_open)
{
    struct trk_ucont u;
    ck_assert_int_eq(seal(with_end(), "page", 4), TRK_OK);
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN + 1, PORT, &u, user, &user_len), TRK_E_CANNOT_OPEN);
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT + 1, &u, user, &user_len), TRK_E_CANNOT_OPEN);
    fs.step = 3; /* two days later: the step is found by its low bits, while it is held */
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_OK);
    fs.oldest = 2;
    ck_assert_int_eq(trk_ucont_open(&ops, out, out_len, CONN, PORT, &u, user, &user_len), TRK_E_CANNOT_OPEN);
    fs.oldest = 4;
    u = with_end();
    ck_assert_int_eq(trk_ucont_seal(&ops, &u, CONN, PORT, NULL, 0, out, &out_len), TRK_E_KEY);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {seal_bytes_as_written,
                            open_gives_back_every_field,
                            user_bytes_none_most_and_one_past,
                            lengths_out_of_bounds_are_short,
                            contradictions_are_refused_both_ways,
                            altered_anywhere_does_not_open,
                            other_connection_service_or_key_does_not_open};
    return unit_run("ucont", tests, COUNT(tests));
}
