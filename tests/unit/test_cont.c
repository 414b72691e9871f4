/* The transport continuation: its bytes by hand, round trip, and nothing altered opens. */
#include "core/cont.h"

#include "base/err.h"
#include "fakeseal.h"
#include "unit.h"

/* clang-format off */
static const uint8_t clear[TRK_CONT_CLEAR_BYTES] = {
    0xc1, 0x00, 0x01, 0x07,             /* kind, law, flags TIMEOUT, generation */
    0x01, 0x02, 0x05, 0xc0,             /* epoch 258, packet size 1472 */
    0xab, 0xcd, 0x00, 0x01,             /* owner, key step */
    0x00, 0x00, 0x12, 0x34, 0x56, 0x78, /* base */
    0x00, 0x00, 0x12, 0x34, 0x56, 0x79, /* law base */
    0x00, 0x00, 0xa8, 0x00,             /* w0: 10.5 */
    0x00, 0x04, 0x00, 0x00,             /* ssthresh: 64 */
    0x00, 0x00, 0x00, 0x05,             /* wmax */
    0x00, 0x01, 0x40, 0x00,             /* wprior: 20 */
    0x00, 0x00, 0x00, 0x06,             /* K */
    0x00, 0x00, 0x00, 0x07,             /* t0 */
    0x00, 0x00, 0x9c, 0x40,             /* srtt 40 ms */
    0x00, 0x00, 0x75, 0x30,             /* minimum 30 ms */
    0x00, 0x00, 0x00, 0x14,             /* FS 20 */
    0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2a, /* issued */
};
static const uint8_t secret_bytes[TRK_CONT_SECRET_BYTES] = {
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, /* conn */
    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, /* rho */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3, /* 10.1.2.3 */
    0xc0, 0x01, 0x80, 0x02, 0x00, 0x50,             /* its port, inner port, service 80 */
    0x00, 0x00, 0x00, 0x01,                         /* nonce step */
    0x00, 0x00, 0x00, 0x02,                         /* open step */
    0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, /* opened */
    0x00, 0x00, 0x30, 0x00,                         /* ssthresh before the cut */
};
/* clang-format on */

static struct fakeseal fs;
static struct trk_seal_ops ops;

static void the_law(struct trk_law *l)
{
    *l = (struct trk_law){.law = 0,
                          .flags = TRK_LAW_TIMEOUT,
                          .generation = 7,
                          .epoch = 258,
                          .packet_size = 1472,
                          .owner = 0xabcd,
                          .base = 0x12345678,
                          .law_base = 0x12345679,
                          .w0_q = 0xa800,
                          .ssthresh_q = 64 << TRK_Q,
                          .wmax_q = 5,
                          .wprior_q = 20 << TRK_Q,
                          .k_us = 6,
                          .t0_us = 7,
                          .srtt_us = 40000,
                          .minrtt_us = 30000,
                          .fs_pkts = 20,
                          .issued_us = UINT64_C(0x000600000000002a)};
}

static void the_secret(struct trk_secret *s)
{
    *s = (struct trk_secret){.conn = UINT64_C(0x1112131415161718),
                             .rho = UINT64_C(0x2122232425262728),
                             .peer = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}, 0xc001},
                             .client_port = 0x8002,
                             .service_port = 80,
                             .nonce_step = 1,
                             .open_step = 2,
                             .opened_us = UINT64_C(0x0005000000000001),
                             .ssthresh_prev_q = 0x3000};
}

static void sealed(uint8_t *out)
{
    struct trk_law l;
    struct trk_secret s;
    fakeseal_init(&fs, 99, &ops);
    the_law(&l);
    the_secret(&s);
    ck_assert_int_eq(trk_cont_seal(&ops, &l, &s, out), TRK_OK);
    ck_assert_uint_eq(l.key_step, 1);
}

START_TEST(seal_bytes_as_written)
{
    uint8_t cont[TRK_CONT_BYTES], plain[TRK_CONT_SECRET_BYTES];
    sealed(cont);
    ck_assert_mem_eq(cont, clear, sizeof clear);
    ck_assert_int_eq(ops.open(ops.ctx, TRK_KEY_TRANSPORT, 1, cont, sizeof clear, cont + sizeof clear,
                              sizeof cont - sizeof clear, plain),
                     0);
    ck_assert_mem_eq(plain, secret_bytes, sizeof plain);
}
END_TEST

START_TEST(open_gives_back_every_field)
{
    uint8_t cont[TRK_CONT_BYTES];
    struct trk_law l = {0}, want, open_law = {0};
    struct trk_secret s = {0}, want_s;
    sealed(cont);
    the_law(&want);
    the_secret(&want_s);
    want.key_step = 1;
    ck_assert_int_eq(trk_cont_read_law(cont, sizeof cont, &l), TRK_OK);
    ck_assert_int_eq(trk_cont_open(&ops, cont, sizeof cont, &open_law, &s), TRK_OK);
    const struct trk_law *both[] = {&l, &open_law};
    for (int i = 0; i < 2; i++) {
        const struct trk_law *g = both[i];
        ck_assert(g->law == want.law && g->flags == want.flags && g->generation == want.generation &&
                  g->epoch == want.epoch && g->packet_size == want.packet_size && g->owner == want.owner &&
                  g->key_step == want.key_step && g->base == want.base && g->law_base == want.law_base);
        ck_assert(g->w0_q == want.w0_q && g->ssthresh_q == want.ssthresh_q && g->wmax_q == want.wmax_q &&
                  g->wprior_q == want.wprior_q && g->k_us == want.k_us && g->t0_us == want.t0_us);
        ck_assert(g->srtt_us == want.srtt_us && g->minrtt_us == want.minrtt_us && g->fs_pkts == want.fs_pkts &&
                  g->issued_us == want.issued_us);
    }
    ck_assert(s.conn == want_s.conn && s.rho == want_s.rho && trk_addr_same(&s.peer, &want_s.peer) &&
              s.client_port == want_s.client_port && s.service_port == want_s.service_port &&
              s.nonce_step == want_s.nonce_step && s.open_step == want_s.open_step && s.opened_us == want_s.opened_us &&
              s.ssthresh_prev_q == want_s.ssthresh_prev_q);
}
END_TEST

START_TEST(open_any_altered_bit_refused)
{
    uint8_t cont[TRK_CONT_BYTES];
    struct trk_law l;
    struct trk_secret s;
    sealed(cont);
    for (size_t bit = 0; bit < 8 * sizeof cont; bit++) {
        cont[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(trk_cont_open(&ops, cont, sizeof cont, &l, &s) != TRK_OK, "bit %zu", bit);
        cont[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_int_eq(trk_cont_open(&ops, cont, sizeof cont, &l, &s), TRK_OK);
}
END_TEST

START_TEST(open_any_other_length_refused)
{
    uint8_t cont[TRK_CONT_BYTES + 1] = {0};
    struct trk_law l;
    struct trk_secret s;
    sealed(cont);
    for (size_t len = 0; len <= sizeof cont; len++) {
        uint8_t *copy = malloc(len + 1); /* so that a sanitizer sees a read past the end */
        memcpy(copy, cont, len);
        ck_assert(len == TRK_CONT_BYTES || trk_cont_read_law(copy, len, &l) == TRK_E_SHORT);
        ck_assert(len == TRK_CONT_BYTES || trk_cont_open(&ops, copy, len, &l, &s) == TRK_E_SHORT);
        free(copy);
    }
}
END_TEST

/* One field out of range at a time: offset, bytes, value. */
static const struct {
    size_t at;
    size_t n;
    uint64_t value;
    int want;
} fields[] = {
    {0, 1, 0xc0, TRK_E_FIELD},         {1, 1, 1, TRK_E_FIELD},
    {2, 1, 8, TRK_E_FIELD},            {2, 1, 7, TRK_OK},
    {6, 2, 1199, TRK_E_FIELD},         {6, 2, 1200, TRK_OK},
    {12, 6, 0, TRK_E_FIELD},           {12, 6, 0x1234567a, TRK_E_FIELD}, /* above the law base */
    {12, 6, 0x12345679, TRK_OK},       {24, 4, 0xfff, TRK_E_FIELD},
    {24, 4, 0x1000, TRK_OK},           {24, 4, 0x80000000, TRK_OK},
    {24, 4, 0x80000001, TRK_E_FIELD},  {28, 4, 0x80000000, TRK_OK},
    {28, 4, 0x80000001, TRK_E_FIELD},  {56, 4, TRK_WINDOW_MAX_PKTS, TRK_OK},
    {56, 4, TRK_WINDOW_MAX_PKTS + 1, TRK_E_FIELD},
};

START_TEST(read_law_field_bounds)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        uint8_t cont[TRK_CONT_BYTES] = {0};
        struct trk_law l;
        memcpy(cont, clear, sizeof clear);
        for (size_t j = 0; j < fields[i].n; j++)
            cont[fields[i].at + j] = (uint8_t)(fields[i].value >> 8 * (fields[i].n - 1 - j));
        ck_assert_msg(trk_cont_read_law(cont, sizeof cont, &l) == fields[i].want, "row %zu", i);
    }
}
END_TEST

START_TEST(key_step_wraps_and_ages)
{
    uint8_t cont[TRK_CONT_BYTES];
    struct trk_law l;
    struct trk_secret s;
    fakeseal_init(&fs, 99, &ops);
    fs.step = fs.oldest = 0xffff;
    the_law(&l);
    the_secret(&s);
    ck_assert_int_eq(trk_cont_seal(&ops, &l, &s, cont), TRK_OK);
    fs.step = 0x10000;
    ck_assert_int_eq(trk_cont_open(&ops, cont, sizeof cont, &l, &s), TRK_OK);
    fs.oldest = 0x10000; /* the step has been dropped */
    ck_assert_int_eq(trk_cont_open(&ops, cont, sizeof cont, &l, &s), TRK_E_CANNOT_OPEN);
    fs.step = 5;
    fs.oldest = 6; /* holds nothing at all */
    ck_assert_int_eq(trk_cont_seal(&ops, &l, &s, cont), TRK_E_KEY);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {seal_bytes_as_written,         open_gives_back_every_field,
                                  open_any_altered_bit_refused,  open_any_other_length_refused,
                                  read_law_field_bounds,         key_step_wraps_and_ages};
    return unit_run("cont", tests, COUNT(tests));
}
