/* core/bundle.h: events on their way to another process. Layout by hand, round trip, and every way
 * to be no bundle of ours. */
#include <config.h>

#include "core/bundle.h"
#include "fakeseal.h"
#include "unit.h"

enum { PORT = 8080, CAP = 8192 };

static struct trk_seal_ops ops;
static struct fakeseal seal;
static uint8_t plain[CAP], sealed[CAP], opened[CAP];

static struct trk_bundle_item an_item(void)
{
    static const uint8_t user[] = "user", request[] = "GET /";
    struct trk_bundle_item it = {.kind = TRK_MINI_REQUEST,
                                 .has_user = true,
                                 .request_end = false,
                                 .ifindex = 0x01020304,
                                 .user = user,
                                 .user_len = 4,
                                 .request = request,
                                 .request_len = 5};
    for (unsigned i = 0; i < 16; i++)
        it.local.ip[i] = (uint8_t)i;
    it.ticket.to.packet_size = 1472;
    it.ticket.to.payload_bytes = 1396;
    trk_law_first(&it.ticket.law, 1472, 1, 1000000);
    it.ticket.law.flags |= TRK_LAW_STATELESS;
    return it;
}

START_TEST(item_is_laid_out_as_the_header_says)
{
    static const uint8_t head[] = {2, 1, 0, 1, 2, 3,   4,   5,   6,   7,   8, 9, 10, 11,  12, 13,
                                   14, 15, 1, 2, 3, 4, 0, 4, 'u', 's', 'e', 'r', 0, 0, 0, 5,
                                   'G', 'E', 'T', ' ', '/'};
    uint8_t ticket[TRK_TICKET_BYTES_MAX];
    struct trk_bundle_item it = an_item();
    struct trk_wr w = trk_wr_make(plain, sizeof plain);
    trk_bundle_put(&w, &it);
    ck_assert(trk_wr_ok(&w));
    ck_assert_int_eq(memcmp(plain, head, sizeof head), 0);
    size_t n = trk_ticket_write(&it.ticket, ticket);
    ck_assert_uint_eq(trk_wr_len(&w), sizeof head + n);
    ck_assert_int_eq(memcmp(plain + sizeof head, ticket, n), 0);
}
END_TEST

static size_t make(unsigned n)
{
    struct trk_bundle_item it = an_item();
    struct trk_wr w = trk_wr_make(plain, sizeof plain);
    for (unsigned i = 0; i < n; i++)
        trk_bundle_put(&w, &it);
    ck_assert(trk_wr_ok(&w));
    ck_assert_int_eq(trk_bundle_seal(&ops, PORT, 0x0102030405060708, n, plain, trk_wr_len(&w),
                                     sealed),
                     TRK_OK);
    return trk_wr_len(&w) + TRK_BUNDLE_OVERHEAD_BYTES;
}

START_TEST(sealed_opens_again_with_all_that_was_put_in)
{
    struct trk_bundle b;
    struct trk_bundle_item it;
    size_t len = make(2);
    static const uint8_t clear[] = {0xe1, 1, 0x1f, 0x90, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    ck_assert_int_eq(memcmp(sealed, clear, sizeof clear), 0);
    ck_assert_int_eq(trk_bundle_open(&ops, PORT, sealed, len, &b, opened), TRK_OK);
    ck_assert_uint_eq(b.n, 2);
    ck_assert_uint_eq(b.issued_us, 0x0102030405060708);
    struct trk_rd r = trk_rd_make(opened, len - TRK_BUNDLE_OVERHEAD_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(trk_bundle_get(&r, &it), TRK_OK);
        ck_assert(it.kind == TRK_MINI_REQUEST && it.has_user && !it.request_end);
        ck_assert_uint_eq(it.ifindex, 0x01020304);
        ck_assert_int_eq(memcmp(it.user, "user", it.user_len), 0);
        ck_assert_int_eq(memcmp(it.request, "GET /", it.request_len), 0);
        ck_assert_uint_eq(it.ticket.to.payload_bytes, 1396);
    }
    ck_assert_uint_eq(trk_rd_left(&r), 0);
}
END_TEST

START_TEST(altered_anywhere_does_not_open)
{
    struct trk_bundle b;
    size_t len = make(1);
    for (size_t i = 0; i < len; i++) {
        sealed[i] ^= 1;
        ck_assert_int_ne(trk_bundle_open(&ops, PORT, sealed, len, &b, opened), TRK_OK);
        sealed[i] ^= 1;
    }
    ck_assert_int_eq(trk_bundle_open(&ops, PORT, sealed, len, &b, opened), TRK_OK);
    for (size_t cut = 0; cut < len; cut++)
        ck_assert_int_ne(trk_bundle_open(&ops, PORT, sealed, cut, &b, opened), TRK_OK);
    ck_assert_int_eq(trk_bundle_open(&ops, PORT + 1, sealed, len, &b, opened), TRK_E_UNKNOWN);
}
END_TEST

START_TEST(item_cut_short_or_out_of_range_is_none)
{
    struct trk_bundle_item it = an_item();
    struct trk_wr w = trk_wr_make(plain, sizeof plain);
    trk_bundle_put(&w, &it);
    size_t len = trk_wr_len(&w);
    for (size_t cut = 0; cut < len; cut++) {
        struct trk_rd r = trk_rd_make(plain, cut);
        ck_assert_int_ne(trk_bundle_get(&r, &it), TRK_OK);
    }
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {{0, 0}, {0, 5}, {1, 4}, {1, 0}, {22, 2}, {28, 1}, {29, 2}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint8_t was = plain[bad[i].at];
        struct trk_rd r = trk_rd_make(plain, sizeof plain);
        plain[bad[i].at] = bad[i].value;
        ck_assert_int_ne(trk_bundle_get(&r, &it), TRK_OK);
        plain[bad[i].at] = was;
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        item_is_laid_out_as_the_header_says,
        sealed_opens_again_with_all_that_was_put_in,
        altered_anywhere_does_not_open,
        item_cut_short_or_out_of_range_is_none,
    };
    fakeseal_init(&seal, 7, &ops);
    return unit_run("bundle", tests, COUNT(tests));
}
