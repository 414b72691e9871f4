/*
 * Sockets of lib/io on the loopback interface. sendmmsg is this program's own, so that what a
 * kernel does rarely (a full buffer, a refused train) can be made to happen at a chosen call; it
 * goes to the kernel otherwise.
 */
#include <config.h>

#include "io/clock.h"
#include "io/udp.h"

#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the sendmmsg in between ---- */

static struct {
    int err;                  /* what the faulty call fails with */
    unsigned skip, times;     /* calls that pass before, calls that fail */
    unsigned most;            /* messages that one call takes; 0: all */
    unsigned gso_above;       /* trains above this many datagrams fail (0: none do) */
    unsigned calls, messages; /* seen */
} fault;

static size_t total_of(const struct msghdr *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->msg_iovlen; i++)
        n += h->msg_iov[i].iov_len;
    return n;
}

/* The number of datagrams that h asks the kernel to make, by its one two-byte control message. */
static size_t datagrams_of(struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
        if (c->cmsg_len == CMSG_LEN(sizeof(uint16_t))) {
            uint16_t segment;
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
            return (total_of(h) + segment - 1) / segment;
        }
    return 1;
}

int sendmmsg(int fd, struct mmsghdr *hdrs, unsigned n, int flags)
{
    fault.calls++;
    if (fault.skip > 0) {
        fault.skip--;
    } else if (fault.times > 0) {
        fault.times--;
        errno = fault.err;
        return -1;
    }
    if (fault.most && n > fault.most)
        n = fault.most;
    for (unsigned i = 0; fault.gso_above && i < n; i++)
        if (datagrams_of(&hdrs[i].msg_hdr) > fault.gso_above) {
            n = i;
            if (i == 0) {
                errno = fault.err;
                return -1;
            }
        }
    long r = syscall(SYS_sendmmsg, fd, hdrs, n, flags);
    if (r > 0)
        fault.messages += (unsigned)r;
    return (int)r;
}

/* ---- a pair of sockets and what arrives ---- */

enum { BIG = 1 << 20 };

static struct {
    struct trk_udp *server, *client;
    struct trk_udp_rx *rx;
    struct trk_udp_tx *tx;
    uint8_t bytes[BIG]; /* all datagrams, one after the other */
    size_t len, sizes[4096];
    unsigned pkts, trains;
    struct trk_udp_path path; /* of the last train */
    uint8_t ecn;
    struct trk_udp_error error;
    unsigned errors;
    unsigned refused;
    int refused_err;
    uint64_t refused_tag;
} t;

static void on_train(void *arg, const struct trk_udp_train *train)
{
    ck_assert_ptr_eq(arg, &t);
    t.trains++;
    t.path = train->path;
    t.ecn = train->ecn;
    for (size_t at = 0; at < train->len_bytes; at += train->segment_bytes) {
        size_t n = train->len_bytes - at;
        n = n < train->segment_bytes ? n : train->segment_bytes;
        ck_assert_uint_le(t.len + n, BIG);
        memcpy(t.bytes + t.len, train->data + at, n);
        t.len += n;
        t.sizes[t.pkts++] = n;
    }
}

static void on_error(void *arg, const struct trk_udp_error *e)
{
    ck_assert_ptr_eq(arg, &t);
    t.errors++;
    t.error = *e;
    t.error.payload = NULL;
    ck_assert_uint_le(t.len + e->payload_len_bytes, BIG);
    memcpy(t.bytes, e->payload, e->payload_len_bytes);
}

static void on_refused(void *arg, const struct trk_udp_path *path, uint64_t tag, int err)
{
    ck_assert_ptr_eq(arg, &t);
    ck_assert_ptr_nonnull(path);
    t.refused++;
    t.refused_err = err;
    t.refused_tag = tag;
}

static union trk_sockaddr loopback(int family, uint16_t port)
{
    union trk_sockaddr a = {.sa = {.sa_family = (sa_family_t)family}};
    if (family == AF_INET)
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        a.in6.sin6_addr = in6addr_loopback;
    trk_sockaddr_set_port(&a, port);
    return a;
}

/* A server with its flags, and a client connected to it. */
static void open_pair(unsigned server_flags, unsigned client_flags, int family)
{
    memset(&t, 0, sizeof t);
    memset(&fault, 0, sizeof fault);
    ck_assert_int_eq(trk_udp_open(&t.server, &(struct trk_udp_options){.flags = server_flags}), 0);
    struct trk_udp_options o = {.flags = client_flags};
    o.remote = loopback(family, trk_sockaddr_port(trk_udp_local(t.server)));
    ck_assert_int_eq(trk_udp_open(&t.client, &o), 0);
    t.rx = trk_udp_rx_new(16);
    t.tx = trk_udp_tx_new(t.client, on_refused, &t);
    ck_assert(t.rx && t.tx);
}

static void close_pair(void)
{
    trk_udp_tx_free(t.tx);
    trk_udp_rx_free(t.rx);
    trk_udp_close(t.client);
    trk_udp_close(t.server);
}

static void wait_readable(struct trk_udp *u)
{
    struct pollfd p = {.fd = trk_udp_fd(u), .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 5000), 1);
}

static void receive_bytes(struct trk_udp *u, size_t n)
{
    while (t.len < n) {
        wait_readable(u);
        ck_assert_int_ge(trk_udp_recv_batch(u, t.rx, on_train, on_error, &t), 0);
    }
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

/* Queues the bytes [from, from + len) of the pattern as one train made in the arena. */
static int queue(size_t from, size_t len, size_t segment, uint64_t tag)
{
    uint8_t *p = trk_udp_tx_reserve(t.tx, len);
    if (!p)
        return -ENOBUFS;
    for (size_t i = 0; i < len; i++)
        p[i] = pattern(from + i);
    return trk_udp_tx_commit(t.tx, len, segment, &(struct trk_udp_path){.ifindex = 0}, tag);
}

static void expect_bytes(size_t n)
{
    ck_assert_uint_eq(t.len, n);
    for (size_t i = 0; i < n; i++)
        if (t.bytes[i] != pattern(i)) /* a ck_assert() each would take minutes */
            ck_abort_msg("byte %zu", i);
}

/* Every datagram has the segment's size, but the last. */
static void expect_sizes(size_t len, size_t segment)
{
    ck_assert_uint_eq(t.pkts, (len + segment - 1) / segment);
    for (unsigned i = 0; i + 1 < t.pkts; i++)
        ck_assert_uint_eq(t.sizes[i], segment);
}

/* ---- tests ---- */

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
    Suite *s = suite_create("udp");
    TCase *c = tcase_create("udp");
    tcase_add_test(c, clocks_advance_and_agree_on_units);
    tcase_add_test(c, addresses_map_both_ways);
    tcase_add_loop_test(c, train_crosses_whole_and_in_order, 0, 16);
    tcase_add_test(c, answer_leaves_from_the_address_that_was_asked);
    tcase_add_test(c, ipv6_answer_reaches_the_asker);
    tcase_add_test(c, refused_port_is_reported_with_its_destination);
    tcase_add_test(c, refused_ipv6_port_is_reported);
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
    tcase_add_test(c, opening_fails_with_a_reason);
    tcase_add_test(c, adopted_socket_works_like_an_opened_one);
    tcase_add_loop_test(c, what_came_before_the_peer_was_chosen_bears_its_own_name, 0, 2);
    tcase_add_test(c, one_ring_serves_connected_and_unconnected_sockets);
    tcase_add_test(c, more_than_a_ring_of_trains_comes_in_several_batches);
    tcase_add_test(c, drops_of_a_full_receive_buffer_are_counted);
    tcase_add_test(c, drops_beside_a_port_are_the_ports);
    tcase_add_test(c, broken_socket_is_an_error_not_a_loop);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
