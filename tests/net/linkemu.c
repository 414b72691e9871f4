/*
 * linkemu.c: joins two network namespaces by an emulated link (this kernel may lack netem).
 *
 * One TUN device per namespace; a loop that reads packets from each, gives them to the model of
 * that direction (link.h) and writes to the other device what has come due. It sleeps until the
 * next packet is due, less a little, and spins for the rest: a sleep alone ends tens of
 * microseconds late.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "link.h"
#include "link_options.h"

enum {
    NS_PER_S = 1000000000,
    READS_PER_TURN = 32, /* so that one busy direction cannot starve the other */
    DEVICE_QUEUE_PKTS =
        5000, /* the kernel's own queue before us must never be the one that drops */
};

struct direction {
    struct trk_link *link;
    int from, to; /* TUN descriptors */
    uint64_t late_max_ns, late_sum_ns;
    uint64_t write_error_pkts;
};

static volatile sig_atomic_t stop_wanted, stats_wanted;

static void on_signal(int signo)
{
    if (signo == SIGUSR1)
        stats_wanted = 1;
    else
        stop_wanted = 1;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Enters the namespace for good; the process goes from one to the next. 0 or -1 with a message. */
static int enter_netns(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
    if (rc != 0)
        fprintf(stderr, "linkemu: namespace %s: %s\n", name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int bring_up(struct ifreq *ifr, unsigned mtu)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -1;
    ifr->ifr_mtu = (int)mtu;
    int rc = ioctl(s, SIOCSIFMTU, ifr);
    ifr->ifr_qlen = DEVICE_QUEUE_PKTS;
    rc = rc != 0 ? rc : ioctl(s, SIOCSIFTXQLEN, ifr);
    ifr->ifr_flags = IFF_UP;
    rc = rc != 0 ? rc : ioctl(s, SIOCSIFFLAGS, ifr);
    close(s);
    return rc;
}

/* A TUN device in the namespace, up; its descriptor, or -1 with a message. */
static int open_tun(const char *netns, const char *device, unsigned mtu)
{
    struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    if (strlen(device) >= sizeof ifr.ifr_name) {
        fprintf(stderr, "linkemu: %s: name too long for a device\n", device);
        return -1;
    }
    memcpy(ifr.ifr_name, device, strlen(device));
    if (enter_netns(netns) != 0)
        return -1;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) != 0 || bring_up(&ifr, mtu) != 0) {
        fprintf(stderr, "linkemu: TUN device %s in %s: %s\n", device, netns, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static void print_stats(const struct direction *d, const char *name)
{
    const struct trk_link_stats *s = trk_link_stats(d->link);
    uint64_t n = s->delivered_pkts != 0 ? s->delivered_pkts : 1;
    fprintf(stderr,
            "%s arrived=%" PRIu64 " delivered=%" PRIu64 " bytes=%" PRIu64 " queue_drop=%" PRIu64
            " loss=%" PRIu64 " burst_loss=%" PRIu64 " reorder=%" PRIu64 " duplicate=%" PRIu64
            " corrupt=%" PRIu64 " no_room=%" PRIu64 " write_error=%" PRIu64 " late_mean_us=%" PRIu64
            ".%01" PRIu64 " late_max_us=%" PRIu64 "\n",
            name, s->arrived_pkts, s->delivered_pkts, s->delivered_bytes, s->queue_drop_pkts,
            s->loss_pkts, s->burst_loss_pkts, s->reorder_pkts, s->duplicate_pkts, s->corrupt_pkts,
            s->no_room_pkts, d->write_error_pkts, d->late_sum_ns / n / 1000,
            d->late_sum_ns / n / 100 % 10, d->late_max_ns / 1000);
}

static void take_in(struct direction *d)
{
    uint8_t pkt[TRK_LINK_PACKET_BYTES];
    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = read(d->from, pkt, sizeof pkt);
        if (n <= 0)
            return;
        (void)trk_link_send(d->link, now_ns(), pkt, (size_t)n);
    }
}

static void give_out(struct direction *d)
{
    uint8_t pkt[TRK_LINK_PACKET_BYTES];
    uint64_t due, now;
    size_t n;
    while ((n = trk_link_receive(d->link, now = now_ns(), pkt, &due)) > 0) {
        d->late_sum_ns += now - due;
        if (now - due > d->late_max_ns)
            d->late_max_ns = now - due;
        if (write(d->to, pkt, n) != (ssize_t)n)
            d->write_error_pkts++; /* the device is down: a cut cable */
    }
}

/* Sleeps until a packet arrives, or one is nearly due, or a signal (mask as while sleeping). */
static void wait_for_work(const struct direction dir[2], uint64_t spin_ns, const sigset_t *mask)
{
    uint64_t a = trk_link_next_ns(dir[0].link), b = trk_link_next_ns(dir[1].link);
    uint64_t next = a < b ? a : b, now = now_ns();
    struct timespec timeout = {0, 0};
    if (next > now + spin_ns && next != UINT64_MAX) {
        uint64_t wait = next - now - spin_ns;
        timeout = (struct timespec){(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};
    }
    struct pollfd p[2] = {{dir[0].from, POLLIN, 0}, {dir[1].from, POLLIN, 0}};
    (void)ppoll(p, 2, next == UINT64_MAX ? NULL : &timeout, mask);
}

/* On a loaded machine the link must still keep time: ask for the real-time class, and say so if it
 * is refused. */
static void keep_time(void)
{
    struct sched_param p = {.sched_priority = 10};
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (mlockall(MCL_CURRENT) != 0 || sched_setscheduler(0, SCHED_FIFO, &p) != 0)
        fprintf(stderr, "linkemu: no real-time class (%s); timing is the scheduler's\n",
                strerror(errno));
}

static void catch_signals(sigset_t *old)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1};
    struct sigaction sa = {.sa_handler = on_signal};
    sigset_t block;
    sigemptyset(&block);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &sa, NULL);
        sigaddset(&block, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &block, old);
    sigdelset(old, SIGUSR1);
    sigdelset(old, SIGTERM);
    sigdelset(old, SIGINT);
}

static void carry(struct direction dir[2], uint64_t spin_ns, const sigset_t *mask)
{
    while (!stop_wanted) {
        for (int d = 0; d < 2; d++) {
            take_in(&dir[d]);
            give_out(&dir[d]);
        }
        if (stats_wanted) {
            stats_wanted = 0;
            print_stats(&dir[0], "a->b");
            print_stats(&dir[1], "b->a");
        }
        wait_for_work(dir, spin_ns, mask);
    }
}

int main(int argc, char **argv)
{
    struct trk_link_options o;
    struct direction dir[2] = {{0}};
    sigset_t mask;
    int tun[2], rc = trk_link_options_parse(&o, argc, argv);
    if (rc != 0)
        return rc == 1 ? EXIT_SUCCESS : 2;
    catch_signals(&mask);
    for (int d = 0; d < 2; d++) {
        if ((tun[d] = open_tun(o.netns[d], o.device, o.mtu_bytes)) < 0)
            return EXIT_FAILURE;
        /* Two directions, two sequences: what one does must not change the other's luck. */
        dir[d].link = trk_link_new(&o.dir[d], o.seed * 2 + (uint64_t)d, o.capacity);
        if (dir[d].link == NULL) {
            fputs("linkemu: no memory\n", stderr);
            return EXIT_FAILURE;
        }
    }
    for (int d = 0; d < 2; d++) {
        dir[d].from = tun[d];
        dir[d].to = tun[!d];
    }
    keep_time();
    printf("ready seed=%" PRIu64 "\n", o.seed);
    fflush(stdout);
    carry(dir, o.spin_ns, &mask);
    print_stats(&dir[0], "a->b");
    print_stats(&dir[1], "b->a");
    for (int d = 0; d < 2; d++)
        trk_link_free(dir[d].link);
    return EXIT_SUCCESS;
}
