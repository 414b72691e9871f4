/* The capture writer, read back with libpcap; headers are checked by sums computed here, not by the
 * writer's code. */
#include <config.h>

#include "trace/pcap.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], file[96];
static unsigned warnings;
static int warned;

static void on_warn(void *arg, int err)
{
    ck_assert_ptr_eq(arg, dir);
    warnings++;
    warned = err;
}

static void setup(void)
{
    strcpy(dir, "/tmp/test_pcap.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/capture", dir);
    warnings = 0;
    warned = 0;
}

static void teardown(void)
{
    unlink(file);
    ck_assert_int_eq(rmdir(dir), 0);
}

static union trk_sockaddr addr(int family, const char *text, uint16_t port)
{
    union trk_sockaddr a = {.sa = {.sa_family = (sa_family_t)family}};
    void *to = family == AF_INET ? (void *)&a.in.sin_addr : (void *)&a.in6.sin6_addr;
    ck_assert_int_eq(inet_pton(family, text, to), 1);
    trk_sockaddr_set_port(&a, port);
    return a;
}

static struct trk_pcap *open_capture(uint64_t max_bytes)
{
    struct trk_pcap *p;
    ck_assert_int_eq(trk_pcap_open(&p, file, max_bytes, on_warn, dir), 0);
    return p;
}

static pcap_t *open_reader(void)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *r = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
    ck_assert_msg(r != NULL, "%s", text);
    ck_assert_int_eq(pcap_datalink(r), DLT_RAW);
    return r;
}

/* Packets that libpcap finds; fails if the file ends in the middle of one. */
static unsigned count_packets(void)
{
    pcap_t *r = open_reader();
    struct pcap_pkthdr *h;
    const u_char *bytes;
    unsigned n = 0;
    int got;
    while ((got = pcap_next_ex(r, &h, &bytes)) == 1) {
        ck_assert_uint_eq(h->caplen, h->len);
        n++;
    }
    ck_assert_msg(got == PCAP_ERROR_BREAK, "%s", pcap_geterr(r));
    pcap_close(r);
    return n;
}

static uint32_t sum16(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* A UDP packet that checks out has the sum 0xffff over pseudo header, header and payload. */
static void check_udp(const uint8_t *addresses, size_t n, const uint8_t *udp, size_t len)
{
    uint8_t pseudo[4] = {0, IPPROTO_UDP, (uint8_t)(len >> 8), (uint8_t)len};
    uint32_t sum = sum16(addresses, n) + sum16(pseudo, 4) + sum16(udp, len);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    ck_assert_uint_eq(sum, 0xffff);
    ck_assert_uint_eq(be16(udp + 4), len);
}

START_TEST(packets_read_back_as_they_were)
{
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 40000), b = addr(AF_INET, "192.0.2.9", 842);
    union trk_sockaddr c = addr(AF_INET6, "2001:db8::1", 40000),
                       d = addr(AF_INET6, "2001:db8::9", 842);
    struct trk_pcap *p = open_capture(0);
    trk_pcap_write(p, &a, &b, (const uint8_t *)"hello", 5, UINT64_C(1700000000123456789));
    trk_pcap_write(p, &d, &c, (const uint8_t *)"odd", 3, UINT64_C(1700000001000000001));
    trk_pcap_write(p, &b, &a, NULL, 0, 0);
    uint64_t taken, dropped;
    trk_pcap_counts(p, &taken, &dropped);
    ck_assert(taken == 3 && dropped == 0);
    ck_assert_int_eq(trk_pcap_close(p), 0);

    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    pcap_t *r = open_reader();
    struct pcap_pkthdr *h;
    const u_char *x;
    ck_assert_int_eq(pcap_next_ex(r, &h, &x), 1);
    ck_assert_int_eq(h->ts.tv_sec, 1700000000);
    ck_assert_int_eq(h->ts.tv_usec, 123456789); /* nanoseconds, as asked of libpcap */
    ck_assert_uint_eq(h->len, 20 + 8 + 5);
    ck_assert_uint_eq(x[0], 0x45);
    ck_assert_uint_eq(be16(x + 2), h->len);
    ck_assert_uint_eq(x[9], IPPROTO_UDP);
    ck_assert_uint_eq(sum16(x, 20), 0xffff);
    ck_assert_mem_eq(x + 12, &a.in.sin_addr, 4);
    ck_assert_mem_eq(x + 16, &b.in.sin_addr, 4);
    ck_assert_uint_eq(be16(x + 20), 40000);
    ck_assert_uint_eq(be16(x + 22), 842);
    check_udp(x + 12, 8, x + 20, 13);
    ck_assert_mem_eq(x + 28, "hello", 5);

    ck_assert_int_eq(pcap_next_ex(r, &h, &x), 1);
    ck_assert_uint_eq(h->len, 40 + 8 + 3);
    ck_assert_uint_eq(x[0], 0x60);
    ck_assert_uint_eq(be16(x + 4), 11);
    ck_assert_uint_eq(x[6], IPPROTO_UDP);
    ck_assert_mem_eq(x + 8, &d.in6.sin6_addr, 16);
    ck_assert_mem_eq(x + 24, &c.in6.sin6_addr, 16);
    ck_assert_uint_eq(be16(x + 40), 842);
    check_udp(x + 8, 32, x + 40, 11);
    ck_assert_mem_eq(x + 48, "odd", 3);

    ck_assert_int_eq(pcap_next_ex(r, &h, &x), 1);
    ck_assert_uint_eq(h->len, 28);
    ck_assert_int_eq(pcap_next_ex(r, &h, &x), PCAP_ERROR_BREAK);
    pcap_close(r);
}
END_TEST

START_TEST(trains_become_packets)
{
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 1), b = addr(AF_INET, "192.0.2.9", 2);
    static uint8_t train[3 * 1400 + 7];
    for (size_t i = 0; i < sizeof train; i++)
        train[i] = (uint8_t)(i / 1400);
    struct trk_pcap *p = open_capture(0);
    trk_pcap_write_train(p, &a, &b, train, sizeof train, 1400, 5);
    trk_pcap_flush(p); /* a reader of the live file sees them */
    pcap_t *r = open_reader();
    struct pcap_pkthdr *h;
    const u_char *x;
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(pcap_next_ex(r, &h, &x), 1);
        ck_assert_uint_eq(h->len, 28 + (i < 3 ? 1400 : 7));
        ck_assert_uint_eq(x[28], i);
    }
    pcap_close(r);
    ck_assert_int_eq(trk_pcap_close(p), 0);
    ck_assert_uint_eq(count_packets(), 4);
}
END_TEST

START_TEST(packets_at_and_above_the_largest_size)
{
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 1), c = addr(AF_INET6, "2001:db8::1", 1);
    static uint8_t big[65528];
    struct trk_pcap *p = open_capture(0);
    trk_pcap_write(p, &a, &a, big, 65507, 0);
    trk_pcap_write(p, &a, &a, big, 65508, 0); /* no such packet */
    trk_pcap_write(p, &c, &c, big, 65527, 0);
    trk_pcap_write(p, &c, &c, big, 65528, 0);
    trk_pcap_write(p, &a, &c, big, 10, 0); /* nor between families */
    uint64_t taken, dropped;
    trk_pcap_counts(p, &taken, &dropped);
    ck_assert_uint_eq(taken, 2);
    ck_assert_uint_eq(dropped, 3);
    ck_assert_int_eq(trk_pcap_close(p), 0);
    ck_assert_uint_eq(count_packets(), 2);
}
END_TEST

START_TEST(bound_ends_the_capture_after_a_whole_packet)
{
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 1);
    uint8_t data[100] = {0};
    /* Exactly ten packets, or one byte less. */
    struct trk_pcap *p = open_capture(24 + 10 * (16 + 28 + 100) - (_i ? 1 : 0));
    for (unsigned i = 0; i < 20; i++)
        trk_pcap_write(p, &a, &a, data, sizeof data, 0);
    ck_assert_uint_eq(warnings, 1);
    ck_assert_int_eq(warned, EFBIG);
    uint64_t taken, dropped;
    trk_pcap_counts(p, &taken, &dropped);
    ck_assert_uint_eq(taken, _i ? 9 : 10);
    ck_assert_uint_eq(taken + dropped, 20);
    ck_assert_int_eq(trk_pcap_close(p), -EFBIG);
    ck_assert_uint_eq(count_packets(), taken);
}
END_TEST

START_TEST(full_disk_ends_the_capture_after_a_whole_packet)
{
    /* The kernel writes up to the limit, so the write that fails has left half a packet. */
    const struct rlimit lim = {100000, 100000};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 1);
    static uint8_t data[1400];
    struct trk_pcap *p = open_capture(0);
    for (unsigned i = 0; i < 2000; i++)
        trk_pcap_write(p, &a, &a, data, sizeof data, 0);
    ck_assert_uint_eq(warnings, 1);
    uint64_t taken, dropped;
    trk_pcap_counts(p, &taken, &dropped);
    ck_assert_uint_eq(taken, (100000 - 24) / (16 + 28 + 1400));
    ck_assert_uint_eq(taken + dropped, 2000);
    ck_assert_int_eq(trk_pcap_close(p), -warned);
    ck_assert_uint_eq(count_packets(), taken);
}
END_TEST

START_TEST(sleeping_reader_costs_packets_not_time)
{
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    struct trk_pcap *p;
    ck_assert_int_eq(trk_pcap_open(&p, file, 0, on_warn, dir), -ENXIO); /* no reader */
    int in = open(file, O_RDONLY | O_NONBLOCK);
    p = open_capture(0);
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 1);
    static uint8_t data[1400], all[4 << 20];
    size_t len = 0;
    for (unsigned i = 0; i < 3000; i++) {
        trk_pcap_write(p, &a, &a, data, sizeof data, i);
        if (i % 1000 == 999) { /* the reader wakes up, takes an odd piece, sleeps again */
            ssize_t n = read(in, all + len, 10007);
            ck_assert_int_gt(n, 0);
            len += (size_t)n;
        }
    }
    uint64_t taken, dropped;
    trk_pcap_counts(p, &taken, &dropped);
    ck_assert_uint_gt(dropped, 1000);
    ck_assert_uint_eq(taken + dropped, 3000);
    ck_assert_uint_eq(warnings, 0);
    for (ssize_t n; trk_pcap_flush(p), (n = read(in, all + len, sizeof all - len)) > 0;)
        len += (size_t)n;
    ck_assert_int_eq(trk_pcap_close(p), 0);
    close(in);
    unlink(file);
    FILE *f = fopen(file, "w");
    ck_assert_uint_eq(fwrite(all, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_uint_eq(count_packets(), taken);
}
END_TEST

START_TEST(reader_that_goes_away_ends_the_capture)
{
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    int in = open(file, O_RDONLY | O_NONBLOCK);
    struct trk_pcap *p = open_capture(0);
    close(in);
    union trk_sockaddr a = addr(AF_INET, "192.0.2.1", 1);
    trk_pcap_write(p, &a, &a, (const uint8_t *)"x", 1, 0);
    trk_pcap_flush(p);
    trk_pcap_flush(p);
    ck_assert_uint_eq(warnings, 1);
    ck_assert_int_eq(warned, EPIPE);
    ck_assert_int_eq(trk_pcap_close(p), -EPIPE);
}
END_TEST

START_TEST(opening_fails_with_a_reason)
{
    struct trk_pcap *p;
    ck_assert_int_eq(trk_pcap_open(&p, "/nonexistent/x", 0, NULL, NULL), -ENOENT);
    ck_assert_int_eq(trk_pcap_open(&p, dir, 0, NULL, NULL), -EISDIR);
    ck_assert_int_eq(trk_pcap_open(&p, "/dev/full", 0, NULL, NULL), -ENOSPC);
    ck_assert_int_eq(trk_pcap_close(NULL), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pcap");
    TCase *c = tcase_create("pcap");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, packets_read_back_as_they_were);
    tcase_add_test(c, trains_become_packets);
    tcase_add_test(c, packets_at_and_above_the_largest_size);
    tcase_add_loop_test(c, bound_ends_the_capture_after_a_whole_packet, 0, 2);
    tcase_add_test(c, full_disk_ends_the_capture_after_a_whole_packet);
    tcase_add_test(c, sleeping_reader_costs_packets_not_time);
    tcase_add_test(c, reader_that_goes_away_ends_the_capture);
    tcase_add_test(c, opening_fails_with_a_reason);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
