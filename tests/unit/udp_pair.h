/*
 * udp_pair.h: two sockets of lib/io on the loopback interface, and what arrives: what the tests of
 * udp.h share. sendmmsg is the program's own, so that what a kernel does rarely (a full buffer, a
 * refused train) can be made to happen at a chosen call; it goes to the kernel otherwise.
 */
#ifndef TRK_TESTS_UDP_PAIR_H
#define TRK_TESTS_UDP_PAIR_H

#include "io/udp.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static inline size_t total_of(const struct msghdr *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->msg_iovlen; i++)
        n += h->msg_iov[i].iov_len;
    return n;
}

/* The number of datagrams that h asks the kernel to make, by its one two-byte control message. */
static inline size_t datagrams_of(struct msghdr *h)
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

static inline void on_train(void *arg, const struct trk_udp_train *train)
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

static inline void on_error(void *arg, const struct trk_udp_error *e)
{
    ck_assert_ptr_eq(arg, &t);
    t.errors++;
    t.error = *e;
    t.error.payload = NULL;
    ck_assert_uint_le(t.len + e->payload_len_bytes, BIG);
    memcpy(t.bytes, e->payload, e->payload_len_bytes);
}

static inline void on_refused(void *arg, const struct trk_udp_path *path, uint64_t tag, int err)
{
    ck_assert_ptr_eq(arg, &t);
    ck_assert_ptr_nonnull(path);
    t.refused++;
    t.refused_err = err;
    t.refused_tag = tag;
}

static inline union trk_sockaddr loopback(int family, uint16_t port)
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
static inline void open_pair(unsigned server_flags, unsigned client_flags, int family)
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

static inline void close_pair(void)
{
    trk_udp_tx_free(t.tx);
    trk_udp_rx_free(t.rx);
    trk_udp_close(t.client);
    trk_udp_close(t.server);
}

static inline void wait_readable(struct trk_udp *u)
{
    struct pollfd p = {.fd = trk_udp_fd(u), .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 5000), 1);
}

static inline void receive_bytes(struct trk_udp *u, size_t n)
{
    while (t.len < n) {
        wait_readable(u);
        ck_assert_int_ge(trk_udp_recv_batch(u, t.rx, on_train, on_error, &t), 0);
    }
}

static inline uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

/* Queues the bytes [from, from + len) of the pattern as one train made in the arena. */
static inline int queue(size_t from, size_t len, size_t segment, uint64_t tag)
{
    uint8_t *p = trk_udp_tx_reserve(t.tx, len);
    if (!p)
        return -ENOBUFS;
    for (size_t i = 0; i < len; i++)
        p[i] = pattern(from + i);
    return trk_udp_tx_commit(t.tx, len, segment, &(struct trk_udp_path){.ifindex = 0}, tag);
}

static inline void expect_bytes(size_t n)
{
    ck_assert_uint_eq(t.len, n);
    for (size_t i = 0; i < n; i++)
        if (t.bytes[i] != pattern(i)) /* a ck_assert() each would take minutes */
            ck_abort_msg("byte %zu", i);
}

/* Every datagram has the segment's size, but the last. */
static inline void expect_sizes(size_t len, size_t segment)
{
    ck_assert_uint_eq(t.pkts, (len + segment - 1) / segment);
    for (unsigned i = 0; i + 1 < t.pkts; i++)
        ck_assert_uint_eq(t.sizes[i], segment);
}

/* Runs a test case and gives the exit status. */
static inline int run_case(const char *name, TCase *c)
{
    Suite *s = suite_create(name);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
