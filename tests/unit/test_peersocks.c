/* Connected sockets beside a port: whose packets they take, how many there are, and when they go. */
#include "daemon/peersocks.h"

#include "daemon/port.h"

#include "unit.h"

#include <errno.h>
#include <poll.h>

enum { IDLE_MS = 400 };

static struct {
    struct testmem mem;
    struct trk_loop *loop;
    struct trk_udp *port;
    struct trk_udp_rx *rx;
    struct trk_peersocks set;
    struct trk_timer stop;
    unsigned by_port, by_peers; /* datagrams */
    struct trk_udp_path path;   /* of the last */
} b;

static void on_port(void *arg, const struct trk_udp_train *train)
{
    (void)arg;
    b.path = train->path;
    b.by_port++;
}

static void on_peer(void *arg, const struct trk_udp_train *train)
{
    (void)arg;
    b.path = train->path;
    b.by_peers++;
}

static unsigned receive(void *arg, struct trk_udp *udp)
{
    ck_assert_ptr_eq(arg, &b);
    int n = trk_udp_recv_batch(udp, b.rx, on_peer, NULL, &b);
    ck_assert_int_ge(n, 0);
    return (unsigned)n;
}

static void stop(struct trk_timer *t)
{
    (void)t;
    trk_loop_stop(b.loop);
}

static void run_ms(uint64_t ms)
{
    trk_loop_arm(b.loop, &b.stop, trk_loop_now_ns(b.loop) + ms * 1000000);
    ck_assert_int_eq(trk_loop_run(b.loop), 0);
}

static void set_up(void)
{
    memset(&b, 0, sizeof b);
    testmem_init(&b.mem);
    b.loop = trk_loop_new(&b.mem.mem);
    b.rx = trk_udp_rx_new(16);
    ck_assert_ptr_nonnull(b.loop);
    ck_assert_ptr_nonnull(b.rx);
    ck_assert_int_eq(trk_udp_open(&b.port, &(struct trk_udp_options){.port = 0}), 0);
    b.stop.fire = stop;
    b.set = (struct trk_peersocks){
        .loop = b.loop, .port = b.port, .idle_ns = IDLE_MS * UINT64_C(1000000), .receive = receive, .arg = &b};
}

static void tear_down(void)
{
    trk_peersocks_close(&b.set);
    trk_udp_close(b.port);
    trk_udp_rx_free(b.rx);
    trk_loop_free(b.loop);
}

static struct trk_udp *new_peer(int family)
{
    struct trk_udp *peer = NULL;
    struct trk_udp_options o = {.remote = {.sa = {.sa_family = (sa_family_t)family}}};
    if (family == AF_INET)
        o.remote.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        o.remote.in6.sin6_addr = in6addr_loopback;
    trk_sockaddr_set_port(&o.remote, trk_sockaddr_port(trk_udp_local(b.port)));
    ck_assert_int_eq(trk_udp_open(&peer, &o), 0);
    return peer;
}

static void speak(struct trk_udp *peer)
{
    ck_assert_int_eq(send(trk_udp_fd(peer), "x", 1, 0), 1);
}

/* A datagram of peer comes: by the port or by a socket beside it? */
static bool comes_by_port(struct trk_udp *peer)
{
    struct pollfd p[TRK_PEERSOCKS_MAX + 1] = {{.fd = trk_udp_fd(b.port), .events = POLLIN}};
    unsigned n = 1, before = b.by_peers;
    for (unsigned i = 0; i < TRK_PEERSOCKS_MAX; i++)
        if (b.set.sock[i].udp != NULL)
            p[n++] = (struct pollfd){.fd = trk_udp_fd(b.set.sock[i].udp), .events = POLLIN};
    speak(peer);
    ck_assert_int_eq(poll(p, n, 5000), 1);
    if (p[0].revents != 0)
        ck_assert_int_eq(trk_udp_recv_batch(b.port, b.rx, on_port, NULL, &b), 1);
    for (unsigned i = 0; p[0].revents == 0 && b.by_peers == before; i++) {
        ck_assert_uint_lt(i, 5000);
        run_ms(1);
    }
    ck_assert(trk_sockaddr_equal(&b.path.remote, trk_udp_local(peer)));
    return p[0].revents != 0;
}

static void takes_its_peers_packets(int family)
{
    set_up();
    struct trk_udp *first = new_peer(family), *second = new_peer(family), *other = new_peer(family);
    ck_assert(comes_by_port(first));
    struct trk_udp_path path = b.path;
    ck_assert_int_eq(trk_peersocks_open(&b.set, &path), 1);
    ck_assert_int_eq(trk_peersocks_open(&b.set, &path), 0);
    ck_assert(!comes_by_port(first));
    ck_assert(trk_sockaddr_equal(&b.path.local, &path.local));
    ck_assert(comes_by_port(second));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1);
    ck_assert(!comes_by_port(second));
    ck_assert(!comes_by_port(first));
    ck_assert(comes_by_port(other));
    ck_assert_uint_eq(trk_udp_stats(b.port)->rx_pkts, 6);
    trk_peersocks_close(&b.set);
    ck_assert(comes_by_port(first));
    trk_udp_close(first);
    trk_udp_close(second);
    trk_udp_close(other);
    tear_down();
}

START_TEST(each_takes_its_peers_packets)
{
    takes_its_peers_packets(AF_INET);
}
END_TEST

START_TEST(each_takes_its_peers_packets_ipv6)
{
    takes_its_peers_packets(AF_INET6);
}
END_TEST

/* Only for the moment of opening does the port let another in. */
START_TEST(nobody_else_can_share_the_port)
{
    set_up();
    struct trk_udp *first = new_peer(AF_INET), *second = new_peer(AF_INET), *thief = NULL;
    struct trk_udp_options o = {.port = trk_sockaddr_port(trk_udp_local(b.port)), .flags = TRK_UDP_REUSEPORT};
    ck_assert(comes_by_port(first));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1);
    ck_assert_int_eq(trk_udp_open(&thief, &o), -EADDRINUSE);
    ck_assert(comes_by_port(second));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1);
    ck_assert_int_eq(trk_udp_open(&thief, &o), -EADDRINUSE);
    o.local = b.path.local;
    ck_assert_int_eq(trk_udp_open(&thief, &o), -EADDRINUSE);
    trk_peersocks_close(&b.set);
    ck_assert_int_eq(trk_udp_open(&thief, &o), -EADDRINUSE);
    trk_udp_close(first);
    trk_udp_close(second);
    tear_down();
}
END_TEST

/* After one could not be opened there is a pause. */
START_TEST(a_failure_is_not_repeated_at_once)
{
    set_up();
    struct trk_udp *peer = new_peer(AF_INET);
    ck_assert(comes_by_port(peer));
    struct trk_udp_path good = b.path, bad = b.path;
    bad.local.in.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1: not ours */
    ck_assert_int_eq(trk_peersocks_open(&b.set, &bad), -EADDRNOTAVAIL);
    ck_assert_int_eq(trk_peersocks_open(&b.set, &good), 0);
    ck_assert_uint_eq(b.set.n, 0);
    ck_assert(comes_by_port(peer));
    run_ms(IDLE_MS + 1);
    ck_assert_int_eq(trk_peersocks_open(&b.set, &good), 1);
    ck_assert(!comes_by_port(peer));
    trk_udp_close(peer);
    tear_down();
}
END_TEST

START_TEST(an_idle_one_is_closed)
{
    set_up();
    struct trk_udp *busy = new_peer(AF_INET), *idle = new_peer(AF_INET);
    ck_assert(comes_by_port(busy));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1);
    ck_assert(comes_by_port(idle));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1);
    while (b.set.n == 2) {
        ck_assert(!comes_by_port(busy));
        run_ms(IDLE_MS / 20);
    }
    ck_assert_uint_eq(b.set.n, 1);
    ck_assert(!comes_by_port(busy));
    ck_assert(comes_by_port(idle));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1); /* and may come again */
    ck_assert(!comes_by_port(idle));
    trk_udp_close(busy);
    trk_udp_close(idle);
    tear_down();
}
END_TEST

/* Its time is over, and something has come that nobody has looked at yet. */
START_TEST(an_idle_one_is_looked_at_before_it_is_closed)
{
    set_up();
    struct trk_udp *peer = new_peer(AF_INET);
    ck_assert(comes_by_port(peer));
    ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), 1);
    run_ms(IDLE_MS + 1); /* nothing came: once more, and it goes */
    speak(peer);
    ck_assert_int_eq(poll(NULL, 0, IDLE_MS + 1), 0);
    run_ms(1); /* timers come first */
    ck_assert_uint_eq(b.by_peers, 1);
    ck_assert_uint_eq(b.set.n, 1);
    trk_udp_close(peer);
    tear_down();
}
END_TEST

/* ---- the port ---- */

enum { WAITING = 600 };

static struct trk_daemon d;
static struct trk_udp *speaker;
static unsigned got, out_of_order;

/* Counts what comes; asks for a connected socket early on, and has one more datagram come by it. */
static void in_order(struct trk_daemon *daemon, struct trk_port *port, const struct trk_udp_path *path,
                     const uint8_t *pkt, size_t len)
{
    unsigned number;
    ck_assert_ptr_eq(daemon, &d);
    ck_assert_uint_eq(len, sizeof number);
    memcpy(&number, pkt, sizeof number);
    out_of_order += number != got;
    if (++got != 10)
        return;
    trk_port_favour(port, path);
    number = WAITING;
    ck_assert_int_eq(send(trk_udp_fd(speaker), &number, sizeof number, 0), sizeof number);
}

/* More than a turn's worth waits in the port when a socket is opened beside it: that came before. */
START_TEST(what_waits_in_the_port_comes_first)
{
    static const struct trk_port_ops ops = {.packet = in_order};
    struct trk_port *port = NULL;
    set_up();
    d = (struct trk_daemon){.loop = b.loop, .rx = b.rx};
    ck_assert_int_eq(trk_port_open(&port, &d, 0, &ops), 0);
    struct trk_udp_options o = {.remote = {.in = {.sin_family = AF_INET, .sin_port = htons(trk_port_number(port))}}};
    o.remote.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(trk_udp_open(&speaker, &o), 0);
    for (unsigned i = 0; i < WAITING; i++)
        ck_assert_int_eq(send(trk_udp_fd(speaker), &i, sizeof i, 0), sizeof i);
    for (unsigned i = 0; i < 5000 && got < WAITING + 1; i++)
        run_ms(1);
    ck_assert_uint_eq(got, WAITING + 1);
    ck_assert_uint_eq(out_of_order, 0);
    trk_udp_close(speaker);
    trk_port_close(port);
    tear_down();
}
END_TEST

START_TEST(there_are_only_so_many)
{
    struct trk_udp *peer[TRK_PEERSOCKS_MAX + 1];
    set_up();
    for (unsigned i = 0; i < TRK_PEERSOCKS_MAX + 1; i++) {
        peer[i] = new_peer(AF_INET);
        ck_assert(comes_by_port(peer[i]));
        ck_assert_int_eq(trk_peersocks_open(&b.set, &b.path), i < TRK_PEERSOCKS_MAX);
    }
    ck_assert(comes_by_port(peer[TRK_PEERSOCKS_MAX]));
    ck_assert(!comes_by_port(peer[0]));
    for (unsigned i = 0; i < TRK_PEERSOCKS_MAX + 1; i++)
        trk_udp_close(peer[i]);
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        each_takes_its_peers_packets,
        each_takes_its_peers_packets_ipv6,
        nobody_else_can_share_the_port,
        a_failure_is_not_repeated_at_once,
        an_idle_one_is_closed,
        an_idle_one_is_looked_at_before_it_is_closed,
        what_waits_in_the_port_comes_first,
        there_are_only_so_many,
    };
    return unit_run("peersocks", tests, COUNT(tests));
}
