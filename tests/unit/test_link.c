/*
 * test_link.c: the link model (tests/net/link.h): exact times without chance, statistics with it,
 * and the option and corruption helpers.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "link_corrupt.h"
#include "link_options.h"

enum { MS = 1000000, PKT_BYTES = 1500, MANY = 200000 };

static uint8_t packet[TRK_LINK_PACKET_BYTES];

static struct trk_link *link_make(const struct trk_link_config *cfg, uint64_t seed)
{
    struct trk_link *l = trk_link_new(cfg, seed, 4096);
    ck_assert_ptr_nonnull(l);
    return l;
}

/* Takes out what is due until the end of time; returns how many. */
static unsigned drain(struct trk_link *l)
{
    uint8_t out[TRK_LINK_PACKET_BYTES];
    uint64_t due;
    unsigned n = 0;
    while (trk_link_receive(l, UINT64_MAX, out, &due) > 0)
        n++;
    return n;
}

START_TEST(rate_and_delay_are_exact)
{
    struct trk_link_config cfg = {.rate_bps = 12000000, .delay_ns = 20 * MS};
    struct trk_link *l = link_make(&cfg, 1);
    uint8_t out[TRK_LINK_PACKET_BYTES];
    uint64_t due;
    for (unsigned i = 0; i < 3; i++) /* 1500 bytes at 12 Mbit/s: 1 ms each, one behind the other */
        ck_assert_int_eq(trk_link_send(l, 0, packet, PKT_BYTES), 1);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(trk_link_next_ns(l), (21 + i) * MS);
        ck_assert_uint_eq(trk_link_receive(l, (21 + i) * MS - 1, out, &due), 0);
        ck_assert_uint_eq(trk_link_receive(l, (21 + i) * MS, out, &due), PKT_BYTES);
        ck_assert_uint_eq(due, (21 + i) * MS);
    }
    ck_assert_uint_eq(trk_link_next_ns(l), UINT64_MAX);
    ck_assert_int_eq(trk_link_send(l, 100 * MS, packet, PKT_BYTES),
                     1); /* idle time earns nothing */
    ck_assert_uint_eq(trk_link_next_ns(l), 121 * MS);
    trk_link_free(l);
}
END_TEST

START_TEST(queue_in_packets_drops_the_tail)
{
    struct trk_link_config cfg = {.rate_bps = 12000000, .queue_pkts = 5};
    struct trk_link *l = link_make(&cfg, 1);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(trk_link_send(l, 0, packet, PKT_BYTES), i < 5);
    ck_assert_uint_eq(trk_link_stats(l)->queue_drop_pkts, 3);
    ck_assert_int_eq(trk_link_send(l, MS - 1, packet, PKT_BYTES), 0);
    ck_assert_int_eq(trk_link_send(l, MS, packet, PKT_BYTES), 1); /* one has left */
    ck_assert_uint_eq(drain(l), 6);
    trk_link_free(l);
}
END_TEST

START_TEST(queue_in_bytes_drops_the_tail)
{
    struct trk_link_config cfg = {.rate_bps = 12000000, .queue_bytes = 4000};
    struct trk_link *l = link_make(&cfg, 1);
    ck_assert_int_eq(trk_link_send(l, 0, packet, PKT_BYTES), 1);
    ck_assert_int_eq(trk_link_send(l, 0, packet, PKT_BYTES), 1);
    ck_assert_int_eq(trk_link_send(l, 0, packet, PKT_BYTES), 0);
    ck_assert_int_eq(trk_link_send(l, 0, packet, 1000), 1);
    ck_assert_int_eq(trk_link_send(l, 0, packet, 1), 0);
    trk_link_free(l);
}
END_TEST

/* Sends MANY packets over l, 10 us apart, taking out what is due as it goes. */
static void send_many(struct trk_link *l)
{
    uint8_t out[TRK_LINK_PACKET_BYTES];
    uint64_t due;
    for (uint64_t i = 0; i < MANY; i++) {
        (void)trk_link_send(l, i * 10000, packet, 100);
        while (trk_link_receive(l, i * 10000, out, &due) > 0)
            ;
    }
    (void)drain(l);
}

START_TEST(chances_are_as_asked)
{
    struct trk_link_config cfg = {.delay_ns = MS,
                                  .loss_ppm = 50000,
                                  .duplicate_ppm = 20000,
                                  .reorder_ppm = 10000,
                                  .reorder_ns = MS / 2};
    struct trk_link *l = link_make(&cfg, (uint64_t)_i);
    const struct trk_link_stats *s = trk_link_stats(l);
    send_many(l);
    /* Five standard deviations of a binomial: sqrt(200000 * 0.05 * 0.95) = 97, and so on. */
    ck_assert_int_lt(llabs((long long)s->loss_pkts - MANY / 20), 490);
    ck_assert_int_lt(llabs((long long)s->duplicate_pkts - MANY * 95 / 5000), 310);
    ck_assert_int_lt(llabs((long long)s->reorder_pkts - MANY * 97 / 10000), 220);
    ck_assert_uint_eq(s->delivered_pkts, MANY - s->loss_pkts + s->duplicate_pkts);
    ck_assert_uint_eq(s->no_room_pkts, 0);
    trk_link_free(l);
}
END_TEST

START_TEST(bursts_have_the_asked_length)
{
    struct trk_link_config cfg = {
        .burst_enter_ppm = 5000, .burst_leave_ppm = 250000, .burst_loss_ppm = TRK_LINK_PPM};
    struct trk_link *l = link_make(&cfg, (uint64_t)_i);
    unsigned bursts = 0, lost = 0, in_burst = 0;
    for (unsigned i = 0; i < MANY; i++) {
        unsigned gone = trk_link_send(l, i, packet, 100) == 0;
        bursts += gone && !in_burst;
        lost += gone;
        in_burst = gone;
        (void)drain(l);
    }
    /* Mean burst 1 / 0.25 = 4 packets, stationary loss 0.005 / 0.255 = 1.96 %. */
    ck_assert_uint_ge(lost, bursts * 37 / 10);
    ck_assert_uint_le(lost, bursts * 43 / 10);
    ck_assert_int_lt(abs((int)lost - MANY * 196 / 10000), 600);
    trk_link_free(l);
}
END_TEST

/* How many packets of a run over l arrived after a later one; each carries its number. */
static unsigned count_inversions(struct trk_link *l)
{
    uint8_t out[TRK_LINK_PACKET_BYTES];
    uint64_t due, number, highest = 0;
    unsigned late = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        uint8_t pkt[64] = {0};
        memcpy(pkt, &i, sizeof i);
        (void)trk_link_send(l, i * 10000, pkt, sizeof pkt);
        while (trk_link_receive(l, i * 10000, out, &due) > 0) {
            memcpy(&number, out, sizeof number);
            late += number < highest;
            highest = number > highest ? number : highest;
        }
    }
    return late;
}

START_TEST(jitter_alone_keeps_order_reordering_does_not)
{
    struct trk_link_config cfg = {.delay_ns = 5 * MS, .jitter_ns = 3 * MS};
    struct trk_link *l = link_make(&cfg, (uint64_t)_i);
    ck_assert_uint_eq(count_inversions(l), 0);
    trk_link_free(l);
    cfg.reorder_ppm = 20000;
    cfg.reorder_ns = 4 * MS;
    l = link_make(&cfg, (uint64_t)_i);
    ck_assert_uint_gt(count_inversions(l), 200);
    trk_link_free(l);
}
END_TEST

START_TEST(same_seed_same_luck_other_seed_other_luck)
{
    struct trk_link_config cfg = {.loss_ppm = 300000, .duplicate_ppm = 100000};
    struct trk_link *a = link_make(&cfg, 7), *b = link_make(&cfg, 7), *c = link_make(&cfg, 8);
    unsigned differ = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        int copies = trk_link_send(a, i, packet, 100);
        ck_assert_int_eq(copies, trk_link_send(b, i, packet, 100));
        differ += copies != trk_link_send(c, i, packet, 100);
    }
    ck_assert_uint_gt(differ, 100);
    trk_link_free(a);
    trk_link_free(b);
    trk_link_free(c);
}
END_TEST

START_TEST(wrong_input_is_refused_and_counted)
{
    struct trk_link_config cfg = {.loss_ppm = TRK_LINK_PPM + 1};
    ck_assert_ptr_null(trk_link_new(&cfg, 1, 10));
    cfg.loss_ppm = 0;
    ck_assert_ptr_null(trk_link_new(&cfg, 1, 0));
    struct trk_link *l = trk_link_new(&cfg, 1, 2);
    ck_assert_int_eq(trk_link_send(l, 0, packet, TRK_LINK_PACKET_BYTES + 1), 0);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(trk_link_send(l, i, packet, 100), i < 2);
    ck_assert_uint_eq(trk_link_stats(l)->no_room_pkts, 2);
    trk_link_free(l);
    trk_link_free(NULL);
}
END_TEST

/* RFC 1071 over the whole UDP datagram with its IPv4 pseudo header; 0 when the checksum in it is
 * right. */
static unsigned udp_sum(const uint8_t *pkt, size_t len)
{
    uint64_t s = 17 + len - 20;
    for (size_t i = 12; i < len; i += 2)
        s += (unsigned)pkt[i] << 8 | (i + 1 < len ? pkt[i + 1] : 0);
    while (s >> 16)
        s = (s & 0xFFFF) + (s >> 16);
    return (unsigned)(~s & 0xFFFF);
}

static void make_udp(uint8_t *pkt, size_t len)
{
    memset(pkt, 0, len);
    pkt[0] = 0x45;
    pkt[9] = 17;
    for (size_t i = 12; i < 24; i++)
        pkt[i] = (uint8_t)(i * 37);
    pkt[24] = (uint8_t)((len - 20) >> 8);
    pkt[25] = (uint8_t)(len - 20);
    for (size_t i = 28; i < len; i++)
        pkt[i] = (uint8_t)(i * 91);
    unsigned sum = udp_sum(pkt, len);
    pkt[26] = (uint8_t)(sum >> 8);
    pkt[27] = (uint8_t)sum;
}

START_TEST(corruption_breaks_or_keeps_the_checksum)
{
    uint8_t pkt[101], before[101];
    for (uint64_t random = 0; random < 4096; random++) {
        make_udp(pkt, sizeof pkt);
        ck_assert_uint_eq(udp_sum(pkt, sizeof pkt), 0);
        memcpy(before, pkt, sizeof pkt);
        ck_assert_int_eq(trk_link_corrupt(pkt, sizeof pkt, random, 0), 1);
        ck_assert_uint_ne(udp_sum(pkt, sizeof pkt), 0);
        ck_assert_mem_eq(pkt, before, 20);
        memcpy(pkt, before, sizeof pkt);
        ck_assert_int_eq(trk_link_corrupt(pkt, sizeof pkt, random, 1), 1);
        ck_assert_uint_eq(udp_sum(pkt, sizeof pkt), 0);
        ck_assert_int_ne(memcmp(pkt + 28, before + 28, sizeof pkt - 28), 0);
    }
    ck_assert_int_eq(trk_link_corrupt(pkt, 20, 1, 0), 0);
    ck_assert_int_eq(trk_link_corrupt(pkt, 28, 1, 1), 0);
    memset(pkt, 0, sizeof pkt);
    ck_assert_int_eq(trk_link_corrupt(pkt, sizeof pkt, 1, 0), 0);
}
END_TEST

START_TEST(values_have_units)
{
    uint64_t v;
    uint32_t n;
    ck_assert(trk_link_parse_rate("20M", &v) == 0 && v == 20000000);
    ck_assert(trk_link_parse_rate("1.5G", &v) == 0 && v == 1500000000);
    ck_assert(trk_link_parse_rate("20MB", &v) == -1);
    ck_assert(trk_link_parse_time("40ms", &v) == 0 && v == 40 * MS);
    ck_assert(trk_link_parse_time("40", &v) == -1);
    ck_assert(trk_link_parse_time("-1ms", &v) == -1);
    ck_assert(trk_link_parse_percent("1.25", &n) == 0 && n == 12500);
    ck_assert(trk_link_parse_percent("100%", &n) == 0 && n == TRK_LINK_PPM);
    ck_assert(trk_link_parse_percent("100.1", &n) == -1);
    ck_assert(trk_link_parse_percent("nan", &n) == -1);
    ck_assert(trk_link_parse_count("64k", &n) == 0 && n == 64000);
    ck_assert(trk_link_parse_count("", &n) == -1);
}
END_TEST

START_TEST(options_set_one_direction_or_both)
{
    char *argv[] = {(char[]){"linkemu"}, (char[]){"--ns-a"},    (char[]){"x"},
                    (char[]){"--ns-b"},  (char[]){"y"},         (char[]){"--rate"},
                    (char[]){"10M"},     (char[]){"--ba-loss"}, (char[]){"5"}};
    struct trk_link_options o;
    ck_assert_int_eq(trk_link_options_parse(&o, 9, argv), 0);
    ck_assert_uint_eq(o.dir[0].rate_bps, 10000000);
    ck_assert_uint_eq(o.dir[1].rate_bps, 10000000);
    ck_assert_uint_eq(o.dir[0].loss_ppm, 0);
    ck_assert_uint_eq(o.dir[1].loss_ppm, 50000);
    ck_assert_int_eq(trk_link_options_parse(&o, 8, argv), -1); /* --ba-loss lacks its value */
    ck_assert_int_eq(trk_link_options_parse(&o, 3, argv), -1); /* only one namespace */
    memcpy(argv[7], "--xx", 5);
    ck_assert_int_eq(trk_link_options_parse(&o, 9, argv), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("link");
    TCase *t = tcase_create("model");
    tcase_add_test(t, rate_and_delay_are_exact);
    tcase_add_test(t, queue_in_packets_drops_the_tail);
    tcase_add_test(t, queue_in_bytes_drops_the_tail);
    tcase_add_loop_test(t, chances_are_as_asked, 1, 6);
    tcase_add_loop_test(t, bursts_have_the_asked_length, 1, 6);
    tcase_add_loop_test(t, jitter_alone_keeps_order_reordering_does_not, 1, 4);
    tcase_add_test(t, same_seed_same_luck_other_seed_other_luck);
    tcase_add_test(t, wrong_input_is_refused_and_counted);
    tcase_add_test(t, corruption_breaks_or_keeps_the_checksum);
    tcase_add_test(t, values_have_units);
    tcase_add_test(t, options_set_one_direction_or_both);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
