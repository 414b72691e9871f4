/* Sockets of lib/io: opening them, receiving, ICMP errors, addresses, counters. */
#include <config.h>

#include "io/clock.h"

#include "udp_pair.h"

START_TEST(clocks_advance_and_agree_on_units)
{
    uint64_t a = trk_clock_mono_ns(), w = trk_clock_wall_us();
    ck_assert_uint_gt(a, 0);
    ck_assert_uint_ge(trk_clock_mono_ns(), a);
    ck_assert_uint_gt(w, UINT64_C(1600000000) * 1000000);
    ck_assert_uint_lt(trk_clock_wall_ns() / 1000 - w, 1000000);
}
END_TEST

/* Bit 0: no GSO at the sender, bit 1: no GRO at the receiver, bit 2: IPv6, bit 3: pieces instead of
 * one buffer. */
START_TEST(train_crosses_whole_and_in_order)
{
    bool gso = !(_i & 1), gro = !(_i & 2);
    int family = _i & 4 ? AF_INET6 : AF_INET;
    open_pair(gro ? 0 : TRK_UDP_NO_GRO, gso ? 0 : TRK_UDP_NO_GSO, family);
    ck_assert(trk_udp_has_gso(t.client) == gso && trk_udp_has_gro(t.server) == gro);
    const size_t len = 43 * 1400 + 700;
    if (_i & 8) {
        /* A header of 40 bytes made in the arena before each payload that lies elsewhere. */
        static uint8_t payload[44 * 1360];
        struct iovec iov[88];
        uint8_t *heads = trk_udp_tx_reserve(t.tx, 44 * 40);
        for (size_t i = 0; i < len; i++)
            *(i % 1400 < 40 ? heads + i / 1400 * 40 + i % 1400
                            : payload + i / 1400 * 1360 + i % 1400 - 40) = pattern(i);
        trk_udp_tx_keep(t.tx, 44 * 40);
        for (size_t i = 0; i < 44; i++) {
            iov[2 * i] = (struct iovec){heads + 40 * i, 40};
            iov[2 * i + 1] = (struct iovec){payload + 1360 * i, i == 43 ? 660 : 1360};
        }
        ck_assert_int_eq(
            trk_udp_tx_add(t.tx, iov, 88, 1400, &(struct trk_udp_path){.ifindex = 0}, 1), 0);
    } else {
        ck_assert_int_eq(queue(0, len, 1400, 1), 0);
    }
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 1);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 0);
    receive_bytes(t.server, len);
    expect_bytes(len);
    expect_sizes(len, 1400);
    ck_assert_uint_eq(fault.messages, gso ? 1 : 44);
    ck_assert_uint_eq(fault.calls, 1);
    ck_assert_uint_eq(t.trains, gso && gro ? 1 : 44);
    ck_assert_uint_eq(trk_udp_stats(t.client)->tx_pkts, 44);
    ck_assert_uint_eq(trk_udp_stats(t.server)->rx_pkts, 44);
    ck_assert_uint_eq(trk_udp_stats(t.server)->rx_bytes, len);
    ck_assert_uint_eq(t.ecn, 2);
    close_pair();
}
END_TEST

START_TEST(answer_leaves_from_the_address_that_was_asked)
{
    memset(&t, 0, sizeof t);
    ck_assert_int_eq(trk_udp_open(&t.server, &(struct trk_udp_options){.flags = 0}), 0);
    /* Another address of the loopback network: an answer from the default one would not reach a
     * connected socket. */
    struct trk_udp_options o = {.flags = 0};
    o.remote = loopback(AF_INET, trk_sockaddr_port(trk_udp_local(t.server)));
    o.remote.in.sin_addr.s_addr = htonl(0x7f000509);
    ck_assert_int_eq(trk_udp_open(&t.client, &o), 0);
    t.rx = trk_udp_rx_new(4);
    t.tx = trk_udp_tx_new(t.client, on_refused, &t);
    ck_assert_int_eq(queue(0, 100, 100, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 100);
    ck_assert_int_eq(t.path.local.sa.sa_family, AF_INET);
    ck_assert(trk_sockaddr_equal(&t.path.local, &o.remote));
    ck_assert_int_eq(t.path.remote.sa.sa_family, AF_INET);
    ck_assert(trk_sockaddr_equal(&t.path.remote, trk_udp_local(t.client)));
    ck_assert(trk_udp_reaches(t.server, &t.path.remote));

    struct trk_udp_tx *back = trk_udp_tx_new(t.server, on_refused, &t);
    memcpy(trk_udp_tx_reserve(back, 5), "reply", 5);
    ck_assert_int_eq(trk_udp_tx_commit(back, 5, 5, &t.path, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(back), 0);
    t.len = t.pkts = 0;
    receive_bytes(t.client, 5);
    ck_assert_mem_eq(t.bytes, "reply", 5);
    ck_assert(trk_sockaddr_equal(&t.path.remote, &o.remote));
    trk_udp_tx_free(back);
    close_pair();
}
END_TEST

START_TEST(ipv6_answer_reaches_the_asker)
{
    open_pair(0, 0, AF_INET6);
    ck_assert_int_eq(queue(0, 64, 64, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 64);
    ck_assert_int_eq(t.path.remote.sa.sa_family, AF_INET6);
    ck_assert(IN6_IS_ADDR_LOOPBACK(&t.path.local.in6.sin6_addr));
    struct trk_udp_tx *back = trk_udp_tx_new(t.server, on_refused, &t);
    memset(trk_udp_tx_reserve(back, 3000), 7, 3000);
    ck_assert_int_eq(trk_udp_tx_commit(back, 3000, 1200, &t.path, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(back), 0);
    t.len = t.pkts = 0;
    receive_bytes(t.client, 3000);
    expect_sizes(3000, 1200);
    trk_udp_tx_free(back);
    close_pair();
}
END_TEST

START_TEST(refused_port_is_reported_with_its_destination)
{
    /* Unconnected, so that the destination can only come from the report. */
    memset(&t, 0, sizeof t);
    memset(&fault, 0, sizeof fault);
    ck_assert_int_eq(trk_udp_open(&t.server, &(struct trk_udp_options){.flags = TRK_UDP_V4}), 0);
    struct trk_udp_path dead = {.remote =
                                    loopback(AF_INET, trk_sockaddr_port(trk_udp_local(t.server)))};
    trk_udp_close(t.server); /* nobody there now */
    ck_assert_int_eq(trk_udp_open(&t.server, &(struct trk_udp_options){.flags = TRK_UDP_V4}), 0);
    struct trk_udp_path live = {.remote =
                                    loopback(AF_INET, trk_sockaddr_port(trk_udp_local(t.server)))};
    ck_assert_int_eq(trk_udp_open(&t.client, &(struct trk_udp_options){.flags = 0}), 0);
    t.rx = trk_udp_rx_new(4);
    t.tx = trk_udp_tx_new(t.client, on_refused, &t);

    memcpy(trk_udp_tx_reserve(t.tx, 4), "dead", 4);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 4, 4, &dead, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    /* The pending error must not take the next packet, to another destination, with it. */
    memcpy(trk_udp_tx_reserve(t.tx, 4), "live", 4);
    ck_assert_int_eq(trk_udp_tx_commit(t.tx, 4, 4, &live, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_uint_eq(t.refused, 0);
    receive_bytes(t.server, 4);
    ck_assert_mem_eq(t.bytes, "live", 4);

    ck_assert_int_eq(trk_udp_recv_batch(t.client, t.rx, on_train, on_error, &t), 0);
    ck_assert_uint_eq(t.errors, 1);
    ck_assert_int_eq(t.error.kind, TRK_UDP_ERR_REFUSED);
    ck_assert_int_eq(t.error.err, ECONNREFUSED);
    ck_assert(trk_sockaddr_equal(&t.error.remote, &dead.remote));
    ck_assert_int_eq(t.error.by.sa.sa_family, AF_INET);
    ck_assert_uint_eq(t.error.payload_len_bytes, 4);
    ck_assert_mem_eq(t.bytes, "dead", 4);
    struct pollfd p = {.fd = trk_udp_fd(t.client), .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 0), 0); /* drained: neither POLLIN nor POLLERR */
    close_pair();
}
END_TEST

START_TEST(refused_ipv6_port_is_reported)
{
    open_pair(0, 0, AF_INET6);
    trk_udp_close(t.server);
    t.server = NULL;
    ck_assert_int_eq(queue(0, 10, 10, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    wait_readable(t.client);
    ck_assert_int_eq(trk_udp_recv_batch(t.client, t.rx, on_train, on_error, &t), 0);
    ck_assert_uint_eq(t.errors, 1);
    ck_assert_int_eq(t.error.kind, TRK_UDP_ERR_REFUSED);
    ck_assert_int_eq(t.error.remote.sa.sa_family, AF_INET6);
    close_pair();
}
END_TEST

START_TEST(opening_fails_with_a_reason)
{
    struct trk_udp *a, *b;
    ck_assert_int_eq(trk_udp_open(&a, &(struct trk_udp_options){.flags = 0}), 0);
    struct trk_udp_options same = {.port = trk_sockaddr_port(trk_udp_local(a))};
    ck_assert_int_eq(trk_udp_open(&b, &same), -EADDRINUSE);
    struct trk_udp_options odd = {.local = {.sa = {.sa_family = AF_UNIX}}};
    ck_assert_int_eq(trk_udp_open(&b, &odd), -EAFNOSUPPORT);
    struct trk_udp_options mixed = {.local = loopback(AF_INET6, 0), .remote = loopback(AF_INET, 9)};
    ck_assert_int_eq(trk_udp_open(&b, &mixed), -EINVAL);
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(trk_udp_adopt(&b, tcp, 0), -EINVAL);
    ck_assert_int_eq(close(tcp), 0); /* still ours */
    ck_assert_ptr_null(trk_udp_rx_new(0));
    ck_assert_ptr_null(trk_udp_rx_new(65));
    size_t rcv, snd;
    trk_udp_buffers(a, &rcv, &snd);
    ck_assert_uint_gt(rcv, 200 << 10);
    ck_assert_uint_gt(snd, 200 << 10);
    trk_udp_close(a);
    trk_udp_close(NULL);
    trk_udp_rx_free(NULL);
    trk_udp_tx_free(NULL);
}
END_TEST

START_TEST(adopted_socket_works_like_an_opened_one)
{
    open_pair(0, 0, AF_INET);
    int fd = dup(trk_udp_fd(t.server));
    struct trk_udp *u;
    ck_assert_int_eq(trk_udp_adopt(&u, fd, 0), 0);
    ck_assert(trk_sockaddr_equal(trk_udp_local(u), trk_udp_local(t.server)));
    trk_udp_close(t.server);
    t.server = u;
    ck_assert_int_eq(queue(0, 9000, 1000, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    receive_bytes(t.server, 9000);
    expect_bytes(9000);
    ck_assert_int_eq(t.path.remote.sa.sa_family, AF_INET); /* dual: the v4-mapped form is undone */
    close_pair();
}
END_TEST

static int bound_socket(int family, union trk_sockaddr *name)
{
    int fd = socket(family, SOCK_DGRAM, 0);
    socklen_t len = sizeof *name;
    *name = loopback(family, 0);
    ck_assert_int_eq(bind(fd, &name->sa, trk_sockaddr_len(name)), 0);
    ck_assert_int_eq(getsockname(fd, &name->sa, &len), 0);
    return fd;
}

static void say(int from, const union trk_sockaddr *to, size_t len)
{
    ck_assert_int_eq(sendto(from, "x", len, 0, &to->sa, trk_sockaddr_len(to)), (ssize_t)len);
}

/* A socket that takes a name while others can still write to it, then is connected. */
START_TEST(what_came_before_the_peer_was_chosen_bears_its_own_name)
{
    union trk_sockaddr here, peer, stranger;
    int family = _i == 0 ? AF_INET : AF_INET6;
    int fd = bound_socket(family, &here), peer_fd = bound_socket(family, &peer);
    int stranger_fd = bound_socket(family, &stranger);
    memset(&t, 0, sizeof t);
    t.rx = trk_udp_rx_new(1);
    say(stranger_fd, &here, 0); /* an empty one is one too */
    say(peer_fd, &here, 1);
    say(stranger_fd, &here, 1);
    ck_assert_int_eq(connect(fd, &peer.sa, trk_sockaddr_len(&peer)), 0);
    say(peer_fd, &here, 1);
    say(stranger_fd, &here, 1);
    ck_assert_int_eq(trk_udp_adopt(&t.server, fd, 0), 0);
    static const bool by_peer[] = {false, true, false, true};
    for (unsigned i = 0; i < sizeof by_peer / sizeof *by_peer; i++) {
        ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), 1);
        ck_assert(trk_sockaddr_equal(&t.path.remote, by_peer[i] ? &peer : &stranger));
        ck_assert(trk_sockaddr_equal(&t.path.local, &here));
    }
    ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), 0);
    say(peer_fd, &here, 1);
    ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), 1);
    ck_assert(trk_sockaddr_equal(&t.path.remote, &peer));
    ck_assert(trk_sockaddr_equal(&t.path.local, &here));
    trk_udp_rx_free(t.rx);
    trk_udp_close(t.server);
    close(peer_fd);
    close(stranger_fd);
}
END_TEST

/* The ring's headers serve sockets of both kinds in turn. */
START_TEST(one_ring_serves_connected_and_unconnected_sockets)
{
    open_pair(0, 0, AF_INET);
    union trk_sockaddr client = *trk_udp_local(t.client);
    union trk_sockaddr server = loopback(AF_INET, trk_sockaddr_port(trk_udp_local(t.server)));
    for (unsigned i = 0; i < 3; i++) {
        say(trk_udp_fd(t.server), &client, 1);
        ck_assert_int_eq(trk_udp_recv_batch(t.client, t.rx, on_train, on_error, &t), 1);
        ck_assert(trk_sockaddr_equal(&t.path.remote, &server));
        ck_assert(trk_sockaddr_equal(&t.path.local, &client));
        ck_assert_int_eq(send(trk_udp_fd(t.client), "x", 1, 0), 1);
        ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), 1);
        ck_assert(trk_sockaddr_equal(&t.path.remote, &client));
        ck_assert(trk_sockaddr_equal(&t.path.local, &server));
    }
    close_pair();
}
END_TEST

START_TEST(more_than_a_ring_of_trains_comes_in_several_batches)
{
    open_pair(0, 0, AF_INET);
    for (size_t i = 0; i < 40; i++)
        ck_assert_int_eq(queue(i * 5000, 5000, 1000, i), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), 16);
    receive_bytes(t.server, 200000);
    expect_bytes(200000);
    ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), 0);
    close_pair();
}
END_TEST

START_TEST(drops_of_a_full_receive_buffer_are_counted)
{
    open_pair(0, 0, AF_INET);
    int small = 1; /* the kernel makes it its minimum */
    ck_assert_int_eq(setsockopt(trk_udp_fd(t.server), SOL_SOCKET, SO_RCVBUF, &small, sizeof small),
                     0);
    for (unsigned i = 0; i < 50; i++)
        ck_assert_int_eq(queue(0, 1000, 1000, i), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
    while (trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t) > 0)
        ;
    ck_assert_uint_lt(t.pkts, 50);
    for (unsigned i = 0; i < 2; i++) /* once each */
        ck_assert_uint_eq(trk_udp_stats(t.server)->rx_kernel_drops, 50 - t.pkts);
    close_pair();
}
END_TEST

/* Of a socket beside a port: counted with the port's, while it is there and after. */
START_TEST(drops_beside_a_port_are_the_ports)
{
    int one = 1;
    open_pair(0, 0, AF_INET);
    struct trk_udp_options o = {.port = trk_sockaddr_port(trk_udp_local(t.server)),
                                .local = loopback(AF_INET, 0),
                                .remote = *trk_udp_local(t.client),
                                .beside = t.server};
    struct trk_udp *u;
    ck_assert_int_eq(trk_udp_open(&u, &o), 0);
    ck_assert_int_eq(setsockopt(trk_udp_fd(u), SOL_SOCKET, SO_RCVBUF, &one, sizeof one), 0);
    for (uint64_t more = 0, dropped = 0; more < 3; more++) {
        for (unsigned i = 0; i < 50; i++)
            ck_assert_int_eq(queue(0, 1000, 1000, i), 0);
        ck_assert_int_eq(trk_udp_tx_flush(t.tx), 0);
        if (more == 2)
            trk_udp_close(u);
        uint64_t now = trk_udp_stats(t.server)->rx_kernel_drops;
        ck_assert_uint_gt(now, dropped);
        dropped = now;
    }
    close_pair();
}
END_TEST

START_TEST(broken_socket_is_an_error_not_a_loop)
{
    open_pair(0, 0, AF_INET);
    fault.err = EBADF;
    fault.times = 1;
    ck_assert_int_eq(queue(0, 10, 10, 0), 0);
    ck_assert_int_eq(trk_udp_tx_flush(t.tx), -EBADF);
    ck_assert_uint_eq(trk_udp_tx_queued(t.tx), 0);
    int fd = dup(trk_udp_fd(t.server)), null = dup(0);
    ck_assert_int_ge(dup2(null, trk_udp_fd(t.server)), 0);
    ck_assert_int_eq(trk_udp_recv_batch(t.server, t.rx, on_train, on_error, &t), -ENOTSOCK);
    close(fd);
    close(null);
    close_pair();
}
END_TEST

START_TEST(addresses_map_both_ways)
{
    union trk_sockaddr v4 = loopback(AF_INET, 842), v6 = loopback(AF_INET6, 842);
    union trk_sockaddr mapped = trk_sockaddr_mapped(&v4);
    ck_assert_int_eq(mapped.sa.sa_family, AF_INET6);
    union trk_sockaddr back = trk_sockaddr_unmapped(&mapped);
    ck_assert(trk_sockaddr_equal(&back, &v4));
    back = trk_sockaddr_unmapped(&v6);
    ck_assert(trk_sockaddr_equal(&back, &v6));
    ck_assert(!trk_sockaddr_equal(&v4, &v6));
    struct trk_addr a = trk_sockaddr_to_addr(&v4);
    static const uint8_t want[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    ck_assert_mem_eq(a.ip, want, 16);
    ck_assert_uint_eq(a.port, 842);
    back = trk_sockaddr_from_addr(&a);
    ck_assert(trk_sockaddr_equal(&back, &v4));
    a = trk_sockaddr_to_addr(&v6);
    back = trk_sockaddr_from_addr(&a);
    ck_assert(trk_sockaddr_equal(&back, &v6));
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("udp");
    tcase_add_test(c, clocks_advance_and_agree_on_units);
    tcase_add_test(c, addresses_map_both_ways);
    tcase_add_loop_test(c, train_crosses_whole_and_in_order, 0, 16);
    tcase_add_test(c, answer_leaves_from_the_address_that_was_asked);
    tcase_add_test(c, ipv6_answer_reaches_the_asker);
    tcase_add_test(c, refused_port_is_reported_with_its_destination);
    tcase_add_test(c, refused_ipv6_port_is_reported);
    tcase_add_test(c, opening_fails_with_a_reason);
    tcase_add_test(c, adopted_socket_works_like_an_opened_one);
    tcase_add_loop_test(c, what_came_before_the_peer_was_chosen_bears_its_own_name, 0, 2);
    tcase_add_test(c, one_ring_serves_connected_and_unconnected_sockets);
    tcase_add_test(c, more_than_a_ring_of_trains_comes_in_several_batches);
    tcase_add_test(c, drops_of_a_full_receive_buffer_are_counted);
    tcase_add_test(c, drops_beside_a_port_are_the_ports);
    tcase_add_test(c, broken_socket_is_an_error_not_a_loop);
    return run_case("udp", c);
}
