/* Batches of lib/io: bounds, what a kernel refuses, what is kept, what is joined to a train. */
#include <config.h>

#include "udp_pair.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

START_TEST(bounds_of_a_message)
{
    open_pair(0, 0, AF_INET);
    struct trk_udp_path path = {.ifindex = 0};
    ck_assert_ptr_nonnull(trk_udp_tx_reserve(t.tx, TRK_UDP_TX_ARENA_BYTES));
    ck_assert_ptr_null(trk_udp_tx_reserve(t.tx, TRK_UDP_TX_ARENA_BYTES + 1));
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 65508, 1400, &path, 0), -EMSGSIZE);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 129 * 100, 100, &path, 0), -EMSGSIZE);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 100, 0, &path, 0), -EINVAL);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 0, 100, &path, 0), -EINVAL);
    struct iovec iov = {t.bytes, 10};
    ck_assert_int_eq(trk_udp_tx_add(t.tx, &iov, 0, 10, &path, 0), -EINVAL);
    ck_assert_int_eq(trk_udp_tx_add(t.tx, &iov, TRK_UDP_TX_MSG_IOVS_MAX + 1, 10, &path, 0),
                     -EINVAL);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 0);
    /* At the bounds: the longest train by count, the longest by bytes. */
    ck_assert_int_eq(queue(0, 128 * 100, 100, 0), 0);
    ck_assert_int_eq(queue(12800, 65507, 1400, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 12800 + 65507);
    expect_bytes(12800 + 65507);
    ck_assert_uint_eq(fault.messages, 2);
    ck_assert_uint_eq(trk_udp_stats(t.client)->gso_refused, 0);
    close_pair();
}
END_TEST

START_TEST(full_batch_says_so_and_goes_on_after_a_flush)
{
    open_pair(0, 0, AF_INET);
    unsigned n = 0;
    while (queue(n * 8, 8, 8, n) == 0)
        n++;
    ck_assert_uint_eq(n, TRK_UDP_TX_MSGS_MAX);
    ck_assert_ptr_null(trk_udp_tx_reserve(t.tx, 8));
    struct iovec iov = {t.bytes, 8};
    struct trk_udp_path path = {.ifindex = 0};
    ck_assert_int_eq(trk_udp_tx_add(t.tx, &iov, 1, 8, &path, 0), -ENOBUFS);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 8 * n);
    expect_bytes(8 * n);
    ck_assert_int_eq(queue(0, 8, 8, 0), 0);
    close_pair();
}
END_TEST

START_TEST(batch_full_of_pieces_gives_no_memory_either)
{
    /* Else a train would be written and could not be queued. */
    open_pair(0, 0, AF_INET);
    struct iovec iov[TRK_UDP_TX_MSG_IOVS_MAX];
    struct trk_udp_path path = {.ifindex = 0};
    for (unsigned i = 0; i < TRK_UDP_TX_MSG_IOVS_MAX; i++)
        iov[i] = (struct iovec){t.bytes, 1};
    for (unsigned i = 0; i < TRK_UDP_TX_IOVS_MAX / TRK_UDP_TX_MSG_IOVS_MAX; i++) {
        ck_assert_ptr_nonnull(trk_udp_tx_reserve(t.tx, 8));
        ck_assert_int_eq(trk_udp_tx_add(t.tx, iov, TRK_UDP_TX_MSG_IOVS_MAX, 512, &path, 0), 0);
    }
    ck_assert_ptr_null(trk_udp_tx_reserve(t.tx, 8));
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, TRK_UDP_TX_IOVS_MAX);
    ck_assert_ptr_nonnull(trk_udp_tx_reserve(t.tx, 8));
    close_pair();
}
END_TEST

/* The kernel refuses trains (a socket without UDP checksums, really; or by injection, every way it
 * may be). */
START_TEST(refused_trains_go_out_singly_for_good)
{
    open_pair(0, 0, AF_INET);
    int on = 1;
    ck_assert_int_eq(setsockopt(trk_udp_fd(t.client), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    ck_assert_int_eq(queue(0, 10 * 1000 + 1, 1000, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 10001);
    expect_bytes(10001);
    expect_sizes(10001, 1000);
    ck_assert_uint_eq(t.refused, 0);
    ck_assert(!trk_udp_has_gso(t.client));
    ck_assert_uint_eq(trk_udp_stats(t.client)->gso_refused, 1);
    fault.calls = fault.messages = 0;
    ck_assert_int_eq(queue(10001, 5000, 1000, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(fault.calls, 1); /* remembered: no second refusal */
    ck_assert_uint_eq(fault.messages, 5);
    receive_bytes(t.server, 15001);
    expect_bytes(15001);
    close_pair();
}
END_TEST

START_TEST(older_kernels_get_shorter_trains)
{
    open_pair(0, 0, AF_INET);
    fault.err = _i ? EIO : EINVAL;
    fault.gso_above = 64;
    ck_assert_int_eq(queue(0, 100 * 500, 500, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 50000);
    expect_bytes(50000);
    ck_assert_uint_eq(fault.messages, 2); /* 64 and 36 */
    ck_assert(trk_udp_has_gso(t.client));
    fault.gso_above = 1; /* now not even those */
    t.len = t.pkts = 0;
    ck_assert_int_eq(queue(0, 100 * 500, 500, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 50000);
    expect_bytes(50000);
    ck_assert(!trk_udp_has_gso(t.client));
    close_pair();
}
END_TEST

START_TEST(full_socket_keeps_the_rest_and_the_borrowed_bytes)
{
    open_pair(0, _i ? TRK_UDP_NO_GSO : 0, AF_INET);
    fault.err = EAGAIN;
    fault.most = 2; /* two messages leave, then the buffer is full */
    fault.skip = 1;
    fault.times = 1;
    static uint8_t borrowed[4 * 3000];
    for (size_t i = 0; i < sizeof borrowed; i++)
        borrowed[i] = pattern(i);
    struct trk_udp_path path = {.ifindex = 0};
    for (size_t i = 0; i < 4; i++) {
        struct iovec iov[2] = {{borrowed + 3000 * i, 10}, {borrowed + 3000 * i + 10, 2990}};
        ck_assert_int_eq(trk_udp_tx_add(t.tx, iov, 2, 1000, &path, i), 0);
    }
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 1);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx),
                      _i ? 4 : 2); /* singly, two are less than one train */
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_again, 1);
    memset(borrowed, 0xee, sizeof borrowed);          /* given back: it may change */
    ck_assert_int_eq(queue(12000, 3000, 1000, 4), 0); /* and more may be queued behind */
    fault.times = 1;
    fault.skip = 0;
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 1); /* still full */
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 15000);
    expect_bytes(15000);
    expect_sizes(15000, 1000);
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_overflow, 0);
    close_pair();
}
END_TEST

START_TEST(what_is_kept_is_bounded)
{
    open_pair(0, 0, AF_INET);
    static uint8_t far_away[60000];
    struct iovec iov = {far_away, sizeof far_away};
    struct trk_udp_path path = {.ifindex = 0};
    for (unsigned i = 0; i < 20; i++) /* 1.2 MB */
        ck_assert_int_eq(trk_udp_tx_add(t.tx, &iov, 1, 1000, &path, i), 0);
    fault.err = EAGAIN;
    fault.times = 1;
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 1);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 17); /* 17 * 60,032 <= 1 MiB */
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_overflow, 3);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    close_pair();
}
END_TEST

START_TEST(lost_below_us_is_counted_and_skipped)
{
    open_pair(0, 0, AF_INET);
    fault.err = ENOBUFS;
    fault.times = 1;
    ck_assert_int_eq(queue(5000, 2000, 1000, 0), 0); /* this one is lost */
    ck_assert_int_eq(queue(0, 3000, 1000, 1), 0);    /* another tag: another message */
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_enobufs, 1);
    ck_assert_uint_eq(t.refused, 0);
    receive_bytes(t.server, 3000);
    expect_bytes(3000);
    close_pair();
}
END_TEST

/* Lengths of messages, all with the segment 1000, and how many messages the kernel gets. */
static const struct joining {
    size_t len[4];
    unsigned messages;
} joinings[] = {
    {{1000, 1000, 3000, 1000}, 1}, /* whole datagrams */
    {{2000, 400, 1000, 1000}, 2},  /* a short one ends a train */
    {{400, 1000, 400, 1000}, 3},   /* too short for the next, which takes the third */
    {{400, 400, 400, 200}, 1},     /* alike */
};

static void queue_all(const struct joining *j, size_t *len)
{
    *len = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_t segment = j->len[i] < 1000 ? j->len[i] : 1000;
        ck_assert_int_eq(queue(*len, j->len[i], segment, 0), 0);
        *len += j->len[i];
    }
}

START_TEST(neighbours_are_joined_and_stay_in_order)
{
    const struct joining *j = &joinings[_i];
    size_t len;
    unsigned at = 0;
    open_pair(0, 0, AF_INET);
    queue_all(j, &len);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), j->messages);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, len);
    expect_bytes(len);
    for (unsigned i = 0; i < 4; i++)
        for (size_t left = j->len[i], n; left > 0; left -= n, at++) {
            n = left < 1000 ? left : 1000;
            ck_assert_uint_eq(t.sizes[at], n);
        }
    close_pair();
}
END_TEST

/* A train is never longer than what the kernel takes, in datagrams and in bytes. */
START_TEST(joined_trains_are_bounded)
{
    open_pair(0, 0, AF_INET);
    for (unsigned i = 0; i <= TRK_UDP_TRAIN_MAX_PKTS; i++)
        ck_assert_int_eq(queue(10 * i, 10, 10, 0), 0);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 2);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 10 * (TRK_UDP_TRAIN_MAX_PKTS + 1));
    ck_assert_int_eq(queue(0, 65000, 1000, 0), 0);
    ck_assert_int_eq(queue(0, 507, 507, 0), 0);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 1);
    ck_assert_int_eq(queue(0, 65000, 1000, 0), 0);
    ck_assert_int_eq(queue(0, 508, 508, 0), 0);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 3);
    close_pair();
}
END_TEST

START_TEST(another_path_is_another_message)
{
    struct trk_udp_path elsewhere = {.ifindex = 0};
    open_pair(0, 0, AF_INET);
    ck_assert_int_eq(queue(0, 100, 100, 0), 0);
    elsewhere.local = (union trk_sockaddr){.in = {.sin_family = AF_INET}};
    elsewhere.local.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_ptr_nonnull(trk_udp_tx_reserve(t.tx, 100));
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 100, 100, &elsewhere, 0), 0);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 2);
    trk_sockaddr_set_port(&elsewhere.local, 7); /* which is ignored */
    ck_assert_ptr_nonnull(trk_udp_tx_reserve(t.tx, 100));
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 100, 100, &elsewhere, 0), 0);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 2);
    close_pair();
}
END_TEST

START_TEST(unreachable_message_is_refused_and_the_rest_goes_on)
{
    memset(&t, 0, sizeof t);
    memset(&fault, 0, sizeof fault);
    ck_assert_int_eq(trk_udp_open(&t.server, &(struct trk_udp_options){.flags = 0}), 0);
    ck_assert_int_eq(trk_udp_open(&t.client, &(struct trk_udp_options){.flags = TRK_UDP_V4}), 0);
    t.rx = trk_udp_rx_new(1);
    t.tx = trk_udp_tx_new(t.client, on_refused, &t);
    struct trk_udp_path bad = {.remote = loopback(AF_INET, 9)}, good = bad;
    bad.remote.in.sin_addr.s_addr = htonl(0xffffffff); /* broadcast: EACCES without SO_BROADCAST */
    trk_sockaddr_set_port(&good.remote, trk_sockaddr_port(trk_udp_local(t.server)));
    memcpy(trk_udp_tx_reserve(t.tx, 3), "bad", 3);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 3, 3, &bad, 77), 0);
    memcpy(trk_udp_tx_reserve(t.tx, 4), "good", 4);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 4, 4, &good, 78), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(t.refused, 1);
    ck_assert_uint_eq(t.refused_tag, 77);
    ck_assert_int_ne(t.refused_err, 0);
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_failed, 1);
    receive_bytes(t.server, 4);
    ck_assert_mem_eq(t.bytes, "good", 4);
    close_pair();
}
END_TEST

/* In a network of its own (this test is a process of its own), with the loopback device at 1500
 * bytes. */
static void make_small_network(void)
{
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        /* Not a skip: where this fails, the machine does not allow what the project's tests need.
         */
        ck_abort_msg("cannot make a network namespace: %s", strerror(errno));
    }
    struct ifreq ifr = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ifr.ifr_mtu = 1500;
    ck_assert_int_eq(ioctl(fd, SIOCSIFMTU, &ifr), 0);
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
    close(fd);
}

START_TEST(datagram_above_the_mtu_is_refused_and_trains_stay_on)
{
    make_small_network();
    open_pair(0, 0, AF_INET);
    bool train = _i != 0;
    ck_assert_int_eq(queue(0, train ? 4 * 1473 : 1473, 1473, 5), 0);
    ck_assert_int_eq(queue(0, 4 * 1472, 1472, 6), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(t.refused, 1);
    ck_assert_uint_eq(t.refused_tag, 5);
    ck_assert_int_eq(t.refused_err, EMSGSIZE);
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_too_big, 1);
    ck_assert(trk_udp_has_gso(t.client));
    receive_bytes(t.server, 4 * 1472);
    expect_bytes(4 * 1472);
    t.len = 0;
    ck_assert_int_eq(trk_udp_recv_batch(t.client, t.rx, on_train, on_error, &t), 0);
    if (t.errors) { /* the kernel also queues it, with the size that would pass */
        ck_assert_int_eq(t.error.kind, TRK_UDP_ERR_TOO_BIG);
        ck_assert_uint_eq(t.error.mtu_bytes, 1500);
    }
    close_pair();
}
END_TEST

START_TEST(no_route_is_refused)
{
    make_small_network();
    open_pair(0, 0, AF_INET);
    trk_udp_tx_free(t.tx);
    t.tx = trk_udp_tx_new(t.server, on_refused, &t);
    struct trk_udp_path path = {.remote = loopback(AF_INET, 9)};
    path.remote.in.sin_addr.s_addr = htonl(0xc0000201);
    memset(trk_udp_tx_reserve(t.tx, 10), 0, 10);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 10, 10, &path, 1), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(t.refused, 1);
    ck_assert_int_eq(t.refused_err, ENETUNREACH);
    close_pair();
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("udp_tx");
    tcase_add_test(c, bounds_of_a_message);
    tcase_add_test(c, full_batch_says_so_and_goes_on_after_a_flush);
    tcase_add_test(c, batch_full_of_pieces_gives_no_memory_either);
    tcase_add_test(c, refused_trains_go_out_singly_for_good);
    tcase_add_loop_test(c, older_kernels_get_shorter_trains, 0, 2);
    tcase_add_loop_test(c, full_socket_keeps_the_rest_and_the_borrowed_bytes, 0, 2);
    tcase_add_test(c, what_is_kept_is_bounded);
    tcase_add_test(c, lost_below_us_is_counted_and_skipped);
    tcase_add_loop_test(c, neighbours_are_joined_and_stay_in_order, 0,
                        sizeof joinings / sizeof joinings[0]);
    tcase_add_test(c, joined_trains_are_bounded);
    tcase_add_test(c, another_path_is_another_message);
    tcase_add_test(c, unreachable_message_is_refused_and_the_rest_goes_on);
    tcase_add_loop_test(c, datagram_above_the_mtu_is_refused_and_trains_stay_on, 0, 2);
    tcase_add_test(c, no_route_is_refused);
    return run_case("udp_tx", c);
}
