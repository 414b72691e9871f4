#include "io/udp_internal.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdlib.h>

enum {
    SLOT_BYTES = 65536, /* a train of GRO is one buffer below 64 KiB; so is the largest datagram */
    /*
     * From one slot to the next. At a power of two, what a batch of single packets brings would all
     * fall into the same few sets of the processor's cache and be gone before it is looked at.
     */
    STRIDE_BYTES = SLOT_BYTES + 1536,
    SLOTS_MAX = 64,
    CONTROL_BYTES =
        192,            /* pktinfo of both families, TOS, TCLASS, GRO: 144 with headers */
    QUOTE_BYTES = 1024, /* of an ICMP error: routers quote 548 or less, rarely up to 1232 */
    ERRORS_PER_CALL = 64, /* a flood of ICMP must not starve packets */
};

union control {
    struct cmsghdr align;
    uint8_t bytes[CONTROL_BYTES];
};

struct trk_udp_rx {
    unsigned slots;
    bool named; /* the headers ask for the sender's name */
    uint8_t *memory;
    struct mmsghdr hdrs[SLOTS_MAX];
    struct iovec iovs[SLOTS_MAX];
    union trk_sockaddr names[SLOTS_MAX];
    union control controls[SLOTS_MAX];
};

static void reset_slot(struct trk_udp_rx *rx, unsigned i)
{
    struct msghdr *h = &rx->hdrs[i].msg_hdr;
    h->msg_name = rx->named ? &rx->names[i] : NULL;
    h->msg_namelen = rx->named ? sizeof rx->names[i] : 0;
    h->msg_controllen = sizeof rx->controls[i];
    h->msg_flags = 0;
}

struct trk_udp_rx *trk_udp_rx_new(unsigned slots)
{
    if (slots == 0 || slots > SLOTS_MAX)
        return NULL;
    struct trk_udp_rx *rx = calloc(1, sizeof *rx);
    if (!rx)
        return NULL;
    rx->memory = aligned_alloc(64, (size_t)slots * STRIDE_BYTES);
    if (!rx->memory) {
        free(rx);
        return NULL;
    }
    rx->slots = slots;
    rx->named = true;
    for (unsigned i = 0; i < slots; i++) {
        rx->iovs[i] = (struct iovec){rx->memory + (size_t)i * STRIDE_BYTES, SLOT_BYTES};
        rx->hdrs[i].msg_hdr = (struct msghdr){
            .msg_iov = &rx->iovs[i], .msg_iovlen = 1, .msg_control = &rx->controls[i]};
        reset_slot(rx, i);
    }
    return rx;
}

/*
 * A connected socket's packets come from its peer: the kernel need not copy that name for each. (One of another that
 * it was queueing in the moment of the connect may get that name as well, as one with a forged address has it.)
 */
static void ask_names(struct trk_udp_rx *rx, bool named)
{
    if (rx->named == named)
        return;
    rx->named = named;
    for (unsigned i = 0; i < rx->slots; i++)
        reset_slot(rx, i);
}

void trk_udp_rx_free(struct trk_udp_rx *rx)
{
    if (!rx)
        return;
    free(rx->memory);
    free(rx);
}

void trk_udp_rx_touch(struct trk_udp_rx *rx)
{
    trk_mem_touch(rx, sizeof *rx);
    trk_mem_touch(rx->memory, (size_t)rx->slots * STRIDE_BYTES);
}

unsigned trk_udp_rx_slots(const struct trk_udp_rx *rx)
{
    return rx->slots;
}

/* Control messages are ours to copy out of: their payload need not be aligned for what it holds. */
static void get(void *to, size_t n, const struct cmsghdr *c)
{
    if (c->cmsg_len >= CMSG_LEN(n))
        memcpy(to, CMSG_DATA(c), n);
}

static void read_ip(struct trk_udp_train *t, const struct cmsghdr *c)
{
    if (c->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info = {0};
        get(&info, sizeof info, c);
        t->path.local = (union trk_sockaddr){.in = {.sin_family = AF_INET}};
        t->path.local.in.sin_addr = info.ipi_spec_dst; /* where an answer should leave from */
        t->path.ifindex = (unsigned)info.ipi_ifindex;
    } else if (c->cmsg_type == IP_TOS) {
        uint8_t tos = 0;
        get(&tos, sizeof tos, c);
        t->ecn = tos & 3;
    }
}

static void read_ipv6(struct trk_udp_train *t, const struct cmsghdr *c)
{
    if (c->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info = {0};
        get(&info, sizeof info, c);
        if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr))
            return; /* IP_PKTINFO says it better */
        t->path.local = (union trk_sockaddr){.in6 = {.sin6_family = AF_INET6}};
        t->path.local.in6.sin6_addr = info.ipi6_addr;
        t->path.ifindex = (unsigned)info.ipi6_ifindex;
    } else if (c->cmsg_type == IPV6_TCLASS) {
        int tclass = 0;
        get(&tclass, sizeof tclass, c);
        t->ecn = (uint8_t)(tclass & 3);
    }
}

static void read_control(struct trk_udp *u, struct msghdr *h, struct trk_udp_train *t)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP) {
            read_ip(t, c);
        } else if (c->cmsg_level == IPPROTO_IPV6) {
            read_ipv6(t, c);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int segment = 0;
            get(&segment, sizeof segment, c);
            if (segment > 0 && (size_t)segment < t->len_bytes)
                t->segment_bytes = (size_t)segment;
        }
    }
    if (t->path.local.sa.sa_family != AF_UNSPEC)
        trk_sockaddr_set_port(&t->path.local, trk_sockaddr_port(&u->local));
}

static void deliver(struct trk_udp *u, struct trk_udp_rx *rx, unsigned i, trk_udp_recv_fn *recv,
                    void *arg)
{
    struct msghdr *h = &rx->hdrs[i].msg_hdr;
    size_t len = rx->hdrs[i].msg_len;
    if (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) { /* cut, or the segment size may be lost */
        u->stats->rx_truncated++;
        return;
    }
    struct trk_udp_train t = {.data = rx->iovs[i].iov_base, .len_bytes = len, .segment_bytes = len};
    t.path.remote = trk_sockaddr_unmapped(rx->named ? &rx->names[i] : &u->remote);
    if (u->connected)
        t.path.local = trk_sockaddr_unmapped(&u->local);
    read_control(u, h, &t);
    u->stats->rx_trains++;
    u->stats->rx_pkts += len ? (len + t.segment_bytes - 1) / t.segment_bytes : 1;
    u->stats->rx_bytes += len;
    recv(arg, &t);
}

/* ---- the error queue ---- */

static enum trk_udp_error_kind kind_of(int err)
{
    switch (err) {
    case ECONNREFUSED:
        return TRK_UDP_ERR_REFUSED;
    case EMSGSIZE:
        return TRK_UDP_ERR_TOO_BIG;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case EACCES: /* administratively prohibited (IPv6; Linux gives EHOSTUNREACH for IPv4) */
    case EPERM:
        return TRK_UDP_ERR_UNREACHABLE;
    default:
        return TRK_UDP_ERR_OTHER;
    }
}

static bool is_recverr(const struct cmsghdr *c)
{
    return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
           (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

/* The extended error, and behind it the address of who sent the ICMP message. */
static bool parse_error(const struct cmsghdr *c, struct trk_udp_error *e)
{
    struct {
        struct sock_extended_err ee;
        union trk_sockaddr by;
    } q = {0};
    size_t n = c->cmsg_len - CMSG_LEN(0);
    if (n < sizeof q.ee)
        return false;
    memcpy(&q, CMSG_DATA(c), n < sizeof q ? n : sizeof q);
    e->err = (int)q.ee.ee_errno;
    e->kind = kind_of(e->err);
    e->by = trk_sockaddr_unmapped(&q.by);
    if (e->kind == TRK_UDP_ERR_TOO_BIG)
        e->mtu_bytes = q.ee.ee_info;
    return true;
}

static void drain_errors(struct trk_udp *u, trk_udp_error_fn *error, void *arg)
{
    uint8_t quote[QUOTE_BYTES];
    union control control;
    u->error_waiting = false;
    for (int i = 0; i < ERRORS_PER_CALL; i++) {
        union trk_sockaddr name = {.sa = {.sa_family = AF_UNSPEC}};
        struct iovec iov = {quote, sizeof quote};
        struct msghdr h = {.msg_name = &name,
                           .msg_namelen = sizeof name,
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(u->fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (n < 0)
            return;
        struct trk_udp_error e = {.payload = quote, .payload_len_bytes = (size_t)n};
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
            if (!is_recverr(c) || !parse_error(c, &e))
                continue;
            e.remote = trk_sockaddr_unmapped(&name);
            u->stats->rx_errors++;
            if (error)
                error(arg, &e);
        }
    }
    u->error_waiting = true; /* there may be more */
}

/* Errors that say something about the socket, not about a packet. */
static bool is_fatal(int err)
{
    return err == EBADF || err == ENOTSOCK || err == EFAULT || err == EINVAL || err == EOPNOTSUPP;
}

int trk_udp_recv_batch(struct trk_udp *u, struct trk_udp_rx *rx, trk_udp_recv_fn *recv,
                       trk_udp_error_fn *error, void *arg)
{
    if (u->error_waiting)
        drain_errors(u, error, arg);
    ask_names(rx, !u->connected || u->others_wait);
    int n = recvmmsg(u->fd, rx->hdrs, rx->slots, MSG_DONTWAIT, NULL);
    if (n < 0) {
        if (is_fatal(errno))
            return -errno;
        /*
         * Nothing waits, or an ICMP error came first (it is reported once, by this call, and is in
         * the queue too): either way the queue must be emptied, or the descriptor stays ready.
         */
        bool again = errno != EAGAIN;
        drain_errors(u, error, arg);
        if (again)
            n = recvmmsg(u->fd, rx->hdrs, rx->slots, MSG_DONTWAIT, NULL);
        if (n < 0)
            return 0;
    }
    for (int i = 0; i < n; i++) {
        deliver(u, rx, (unsigned)i, recv, arg);
        reset_slot(rx, (unsigned)i);
    }
    u->others_wait = u->others_wait && trk_udp_holds(u);
    return n;
}
