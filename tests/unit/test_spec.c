/*
 * The test vectors of man/trickles-protocol.7, read out of the page: what it says, the code does. Packets are found as
 * the hex dumps after ".Ss Packets", in order; numbers of the other sections must stand in the page as text.
 */
#include "core/cont.h"
#include "core/proof.h"
#include "core/ucont.h"
#include "crypto/keyring.h"
#include "crypto/sealer.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES_MAX = 1 << 18, DUMPS = 7, DUMP_BYTES_MAX = 256 };

static const uint64_t CID = UINT64_C(0x0102030405060708), STATE = UINT64_C(0x8877665544332211);

static char page[PAGE_BYTES_MAX];
static uint8_t dump[DUMPS][DUMP_BYTES_MAX];
static size_t dump_len[DUMPS];

static void read_page(void)
{
    char path[4096];
    const char *srcdir = getenv("srcdir");
    (void)snprintf(path, sizeof path, "%s/man/trickles-protocol.7", srcdir != NULL ? srcdir : ".");
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    size_t n = fread(page, 1, sizeof page - 1, f);
    (void)fclose(f);
    ck_assert(n > 0 && n < sizeof page - 1);
    page[n] = '\0';
}

/* "0010  00 11 ..." of the line at text into dump i at offset. */
static void read_line(unsigned i, const char *text)
{
    char *end = NULL;
    for (text += 4; *text == ' '; text = end) {
        while (*text == ' ')
            text++;
        unsigned long byte = strtoul(text, &end, 16);
        ck_assert(end == text + 2 && byte <= 0xff && dump_len[i] < DUMP_BYTES_MAX);
        dump[i][dump_len[i]++] = (uint8_t)byte;
    }
    ck_assert(*text == '\n');
}

static void read_dumps(void)
{
    unsigned n = 0;
    read_page();
    const char *line = strstr(page, "\n.Ss Packets\n");
    ck_assert(line != NULL);
    for (line++; line != NULL && strncmp(line, ".Sh", 3) != 0; line = strchr(line, '\n') + 1) {
        unsigned at = 0;
        if (line[0] == '.' || sscanf(line, "%4x  ", &at) != 1 || strncmp(line + 4, "  ", 2) != 0)
            continue;
        if (at == 0)
            dump_len[n++] = 0;
        ck_assert(n >= 1 && n <= DUMPS && at == dump_len[n - 1]);
        read_line(n - 1, line);
    }
    ck_assert_uint_eq(n, DUMPS);
}

static void same(unsigned i, const uint8_t *pkt, long len)
{
    ck_assert_int_eq(len, (long)dump_len[i]);
    ck_assert_mem_eq(pkt, dump[i], dump_len[i]);
}

/* The page has this text. */
static void says(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void says(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ck_assert_msg(strstr(page, text) != NULL, "the page does not say: %s", text);
}

START_TEST(packets_as_the_page_has_them)
{
    static const uint8_t cont[4] = {0xc1, 0, 0, 0};
    uint8_t pkt[DUMP_BYTES_MAX];
    read_dumps();
    struct trk_request_pkt q = {
        .c = {.flags = TRK_REQ_REFRESH, .cid = CID},
        .reqno = 9,
        .ts = 0x1000,
        .kind = TRK_KIND_ASK,
        .n_ranges = 1,
        .n_asks = 1,
        .w_cl_pkts = 16,
        .hold_us = 5000,
        .k = 23,
        .proof = UINT64_C(0xcdba7f8802ecb556),
        .down_una = 26800,
        .up_off = 120,
        .range = {{25, 2}},
        .ask = {{38, 6, 49304, 57728 - 49304}},
        .cont = cont,
        .cont_len = sizeof cont,
        .up = (const uint8_t *)"hi",
        .up_len = 2,
    };
    same(0, pkt, trk_wire_write_request(pkt, sizeof pkt, &q));
    ck_assert_int_eq(trk_wire_read_request(dump[0], dump_len[0], &q), TRK_OK);
    struct trk_up_state up = {.ack = 122, .credit_bytes = 65536, .n_sacks = 1, .sack = {{222, 272}}};
    struct trk_data_pkt d = {
        .c = {.steer = 3, .flags = TRK_DATA_FIN | TRK_DATA_SACK, .cid = CID},
        .reqno = 9,
        .ts = 0x1000,
        .instance = 7,
        .seq = 43,
        .train_end = 43,
        .nonce = UINT64_C(0x99508db921fbea11),
        .limit = 44,
        .off = 56324,
        .up = up,
    };
    long n = trk_wire_write_data_head(pkt, sizeof pkt, &d);
    ck_assert_int_gt(n, 0);
    memcpy(pkt + n, "ok", 2);
    same(1, pkt, n + 2);
    ck_assert_int_eq(trk_wire_read_data(dump[1], dump_len[1], &d), TRK_OK);
    struct trk_ack_pkt a = {
        .c = {.steer = 3, .flags = TRK_ACK_SACK | TRK_ACK_REFUSED, .cid = CID},
        .reqno = 10,
        .ts = 0x1100,
        .instance = 7,
        .reason = TRK_REASON_SENT,
        .limit = 44,
        .avail = 60000,
        .up = up,
        .n_refused = 1,
        .refused = {{38, 0x3f}},
    };
    same(2, pkt, trk_wire_write_ack(pkt, sizeof pkt, &a, 0));
    ck_assert_int_eq(trk_wire_read_ack(dump[2], dump_len[2], &a), TRK_OK);
    struct trk_reset_pkt x = {.c = {.cid = CID}, .token = UINT64_C(0xd5045342332a079b)};
    same(3, pkt, trk_wire_write_reset(pkt, sizeof pkt, &x, true));
    ck_assert_int_eq(trk_wire_read_reset(dump[3], dump_len[3], &x), TRK_OK);
    struct trk_common c = {.cid = CID};
    same(4, pkt, trk_wire_write_version(pkt, sizeof pkt, &c));
    static const uint8_t ucont[4] = {0xd1, 1, 0, 0};
    d = (struct trk_data_pkt){
        .c = {.steer = 3, .flags = TRK_DATA_STATE | TRK_DATA_UCONT, .cid = CID},
        .reqno = 9,
        .ts = 0x1000,
        .instance = 7,
        .seq = 43,
        .train_end = 43,
        .nonce = UINT64_C(0x99508db921fbea11),
        .limit = 44,
        .off = 57726,
        .up = {.ack = 122, .credit_bytes = 65536},
        .state = STATE,
        .ucont = ucont,
        .ucont_len = sizeof ucont,
    };
    n = trk_wire_write_data_head(pkt, sizeof pkt, &d);
    ck_assert_int_gt(n, 0);
    memcpy(pkt + n, "ok", 2);
    same(6, pkt, n + 2);
    ck_assert_int_eq(trk_wire_read_data(dump[6], dump_len[6], &d), TRK_OK);
}
END_TEST

static const uint8_t secret_of_page[TRK_KEYRING_SECRET_BYTES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                                 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                                 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

START_TEST(user_continuation_as_the_page_has_it)
{
    const struct trk_ucont want = {.flags = TRK_UCONT_END,
                                   .key_step = 20000,
                                   .state = STATE,
                                   .up = 122,
                                   .from = 49304,
                                   .end = 57728,
                                   .after = UINT64_C(0x1020304050607080)};
    struct trk_ucont u;
    uint8_t user[TRK_UCONT_USER_BYTES_MAX], clear[TRK_UCONT_CLEAR_BYTES];
    size_t user_len;
    struct trk_wr w = trk_wr_make(clear, sizeof clear);
    read_dumps();
    trk_ucont_write_clear(&w, &want);
    ck_assert_mem_eq(clear, dump[5], sizeof clear);
    struct trk_keyring *kr = trk_keyring_from_secret(20000, secret_of_page);
    struct trk_sealer *sealer = trk_sealer_new(kr);
    ck_assert(kr != NULL && sealer != NULL);
    struct trk_seal_ops ops = trk_sealer_ops(sealer);
    ck_assert_int_eq(trk_ucont_open(&ops, dump[5], dump_len[5], CID, 80, &u, user, &user_len), TRK_OK);
    ck_assert_uint_eq(user_len, 6);
    ck_assert_mem_eq(user, "page 7", 6);
    ck_assert(u.state == want.state && u.up == 122 && u.from == 49304 && u.end == 57728 && u.after == want.after);
    ck_assert_int_eq(trk_ucont_open(&ops, dump[5], dump_len[5], CID, 81, &u, user, &user_len), TRK_E_CANNOT_OPEN);
    trk_sealer_free(sealer);
    trk_keyring_free(kr);
}
END_TEST

START_TEST(fixed_sizes_as_the_page_has_them)
{
    read_page();
    says("OPEN Ta 1 Ta client to server Ta %d,", TRK_OPEN_BYTES);
    says("REQUEST Ta 2 Ta client to server Ta %d\n", TRK_REQUEST_BYTES);
    says("UPLINK Ta 3 Ta client to server Ta %d\n", TRK_UPLINK_BYTES);
    says("DATA Ta 4 Ta server to client Ta %d\n", TRK_DATA_BYTES);
    says("ACK Ta 5 Ta server to client Ta %d\n", TRK_ACK_BYTES);
    says("RESET Ta 6 Ta both Ta %d\n", TRK_RESET_BYTES);
    says("\n%d bytes: the law part", TRK_CONT_BYTES);
    says("\n%d  24   nonce", TRK_CONT_CLEAR_BYTES);
    says("\n%d  %d   ciphertext", TRK_CONT_CLEAR_BYTES + TRK_SEAL_NONCE_BYTES, TRK_CONT_SECRET_BYTES);
    says("packet size less %d (less %d on", TRK_DATA_BYTES, TRK_DATA_BYTES + TRK_DATA_STATE_BYTES);
    says(": %d to %d bytes.\n", TRK_UCONT_OVERHEAD_BYTES, TRK_UCONT_BYTES_MAX);
    says("\n%d  24   nonce\n%d  n    ciphertext", TRK_UCONT_CLEAR_BYTES, TRK_UCONT_CLEAR_BYTES + TRK_SEAL_NONCE_BYTES);
    says("(%d at most)", TRK_UCONT_USER_BYTES_MAX);
}
END_TEST

START_TEST(keys_and_nonces_as_the_page_has_them)
{
    const uint32_t step = 20000;
    struct trk_space space = {UINT64_C(0x1122334455667788), 7};
    uint64_t nonce[5], token[2], proof = 0, r[2];
    read_page();
    struct trk_keyring *kr = trk_keyring_from_secret(step, secret_of_page);
    struct trk_sealer *sealer = trk_sealer_new(kr);
    ck_assert(kr != NULL && sealer != NULL);
    struct trk_seal_ops ops = trk_sealer_ops(sealer);
    ck_assert_int_eq(trk_proof_nonces(&ops, step, space, 1, 5, nonce), TRK_OK);
    for (unsigned s = 1; s <= 5; s++) {
        ck_assert_int_eq(ops.nonces(ops.ctx, step, space.rho, space.instance, s / 2, 1, r), 0);
        says("\n%u  %016" PRIx64 "  %016" PRIx64 "\n", s, r[s % 2], nonce[s - 1]);
    }
    ck_assert_int_eq(trk_proof_span(&ops, step, space, 1, 5, &proof), TRK_OK);
    says("r_1 xor r_5 = %016" PRIx64 "\n", proof);
    ck_assert_int_eq(ops.tokens(ops.ctx, step, CID, token), 0);
    says("\nreset token       %016" PRIx64 "\n", token[0]);
    says("\nuplink reference  %016" PRIx64 "\n", token[1]);
    trk_sealer_free(sealer);
    trk_keyring_free(kr);
}
END_TEST

/* Rows of the table of windows: w0 in Q12, ssthresh in packets, then pairs of o and W. */
static const struct {
    uint32_t w0_q, ssthresh;
    uint64_t at[8][2];
    unsigned n;
} windows[] = {
    {10 << TRK_Q, TRK_WINDOW_MAX_PKTS, {{0, 40960}, {1, 45056}, {16, 106496}, {100, 450560}}, 4},
    {10 << TRK_Q,
     16,
     {{0, 40960}, {5, 61440}, {6, 65536}, {10, 66560}, {22, 69632}, {23, 69872}, {39, 73728}, {100, 86796}},
     8},
    {5 << TRK_Q, 5, {{0, 20480}, {1, 21299}, {4, 23756}, {5, 24576}}, 4},
    {1 << TRK_Q, 5, {{0, 4096}, {4, 20480}, {5, 21299}, {10, 25258}}, 4},
    {11 << (TRK_Q - 1), 5, {{0, 22937}, {1, 23756}, {2, 24576}, {8, 28672}}, 4},
};

START_TEST(windows_as_the_page_has_them)
{
    read_page();
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct trk_law law = {.base = 1, .law_base = 1, .w0_q = windows[i].w0_q, .ssthresh_q = windows[i].ssthresh << TRK_Q};
        for (unsigned j = 0; j < windows[i].n; j++) {
            ck_assert_uint_eq(trk_law_window_q(&law, windows[i].at[j][0]), windows[i].at[j][1]);
            says("%" PRIu64 ": %" PRIu64, windows[i].at[j][0], windows[i].at[j][1]);
        }
    }
}
END_TEST

static struct trk_law parent(void)
{
    return (struct trk_law){.base = 1,
                            .law_base = 1,
                            .w0_q = 10 << TRK_Q,
                            .ssthresh_q = 16 << TRK_Q,
                            .packet_size = TRK_PACKET_MIN_BYTES};
}

START_TEST(grants_as_the_page_has_them)
{
    static const struct {
        uint32_t n, w_cl;
        bool probe;
        uint64_t limit;
    } rows[] = {{0, 1000, false, 40}, {3, 1000, false, 43}, {3, 1000, true, 44}, {50, 1000, false, 57}, {3, 4, false, 30}};
    struct trk_law p = parent();
    read_page();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_uint_eq(trk_law_limit(&p, 23, rows[i].n, rows[i].w_cl, rows[i].probe), rows[i].limit);
        says("\n23  %-3" PRIu32 " %-5" PRIu32 " %-7s %" PRIu64 "\n", rows[i].n, rows[i].w_cl, rows[i].probe ? "yes" : "no",
             rows[i].limit);
    }
    ck_assert_uint_eq(trk_law_range_end(&p), 105);
}
END_TEST

START_TEST(transitions_as_the_page_has_them)
{
    struct trk_law p = parent(), c, again;
    read_page();
    ck_assert_int_eq(trk_law_derive(&p, TRK_KIND_HOLE, 24, 0, 1000, &c), TRK_OK);
    says("HOLE 24, w_cl 1000        B' %" PRIu64 "    w0' = ssthresh' = %" PRIu32 "  FS' %" PRIu32 "\n", c.base, c.w0_q,
         c.fs_pkts);
    says("wprior' %" PRIu32 "\n", c.wprior_q);
    ck_assert(c.w0_q == c.ssthresh_q && c.law_base == c.base);
    ck_assert_int_eq(trk_law_derive(&p, TRK_KIND_HOLE, 24, 0, 6, &c), TRK_OK);
    says("HOLE 24, w_cl 6           B' %" PRIu64 "    w0' = ssthresh' = %" PRIu32 "  FS' %" PRIu32 "\n", c.base, c.w0_q,
         c.fs_pkts);
    ck_assert_int_eq(trk_law_derive(&p, TRK_KIND_TIMEOUT, 24, 2, 1000, &c), TRK_OK);
    says("TIMEOUT 24, 2, w_cl 1000  B' %" PRIu64 "   w0' %" PRIu32 "  ssthresh' %" PRIu32 "  FS' %" PRIu32 "\n", c.base, c.w0_q,
         c.ssthresh_q, c.fs_pkts);
    ck_assert_int_eq(trk_law_derive(&c, TRK_KIND_TIMEOUT, c.base, 3, 1000, &again), TRK_OK);
    says("TIMEOUT %" PRIu64 ", 3 of that    B' %" PRIu64 "   w0' %" PRIu32 "  ssthresh' %" PRIu32 "\n", c.base, again.base,
         again.w0_q, again.ssthresh_q);
    trk_law_refresh(&p, 23, 40, 1000, 50000, 40000, &c);
    says("Bl' %" PRIu64 "   w0' %" PRIu32 "  srtt' %" PRIu32 "\n", c.law_base, c.w0_q, c.srtt_us);
    says("and then k = 29         W = %" PRIu32 ",", trk_law_window_q(&c, 29));
    ck_assert_uint_eq(trk_law_window_q(&c, 29), trk_law_window_q(&p, 29));
    trk_law_refresh(&p, 23, 40, 1000, 2000000, 0, &c);
    says("Bl' %" PRIu64 "   w0' %" PRIu32 "  ssthresh' %" PRIu32 "\n", c.law_base, c.w0_q, c.ssthresh_q);
    trk_law_stale(&p, &c);
    says("STALE                     B' %" PRIu64 "     w0' %" PRIu32 "  ssthresh' %" PRIu32 "\n", c.base, c.w0_q, c.ssthresh_q);
}
END_TEST

/* THE FORK BOUND: no transition of any claim reaches beyond k + 6 W + 20; without TIMEOUT not beyond 2 W + ... + 2. */
START_TEST(fork_bound_holds_for_every_claim)
{
    struct trk_law p = parent(), c;
    for (uint64_t k = 0; k < 60; k++) {
        uint64_t w = trk_law_window(&p, k), half = w / 2 > 2 ? w / 2 : 2;
        for (uint64_t f = 1; f <= k + 1; f++) {
            ck_assert_int_eq(trk_law_derive(&p, TRK_KIND_HOLE, f, 0, UINT32_MAX, &c), TRK_OK);
            ck_assert_uint_le(trk_law_limit(&c, c.base - 1, 0, UINT32_MAX, true), k + 2 * w + half + 2);
            for (uint8_t a = 0; a <= 15; a++) {
                ck_assert_int_eq(trk_law_derive(&p, TRK_KIND_TIMEOUT, f, a, UINT32_MAX, &c), TRK_OK);
                ck_assert_uint_le(trk_law_limit(&c, c.base - 1, 0, UINT32_MAX, true), k + 6 * w + 20);
            }
        }
        /* It is met: by the last hole and the last attempt. */
        ck_assert_uint_eq(trk_law_limit(&c, c.base - 1, 0, UINT32_MAX, true), k + 6 * w + 20);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec");
    TCase *tc = tcase_create("page");
    tcase_add_test(tc, packets_as_the_page_has_them);
    tcase_add_test(tc, user_continuation_as_the_page_has_it);
    tcase_add_test(tc, fixed_sizes_as_the_page_has_them);
    tcase_add_test(tc, keys_and_nonces_as_the_page_has_them);
    tcase_add_test(tc, windows_as_the_page_has_them);
    tcase_add_test(tc, grants_as_the_page_has_them);
    tcase_add_test(tc, transitions_as_the_page_has_them);
    tcase_add_test(tc, fork_bound_holds_for_every_claim);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
