#include "io/udp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

enum { ECT0 = 2 };

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* Raises a buffer past the system's limit where we may, else as far as the limit goes. */
static void set_buffer(int fd, int force_name, int name, size_t bytes)
{
    int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    if (set_int(fd, SOL_SOCKET, force_name, value) < 0)
        set_int(fd, SOL_SOCKET, name, value);
}

/*
 * Options of one IP version. A connected socket has one local address, so packets need not say it. The ECN mark
 * of received packets is worth having, not worth failing for.
 */
static int set_v4(int fd, bool connected)
{
    int r = set_int(fd, IPPROTO_IP, IP_PKTINFO, !connected);
    if (r == 0)
        r = set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
    if (r == 0)
        r = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    if (r == 0 && set_int(fd, IPPROTO_IP, IP_TOS, ECT0) == 0)
        set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
    return r;
}

static int set_v6(int fd, bool connected)
{
    int r = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, !connected);
    if (r == 0)
        r = set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    if (r == 0)
        r = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    if (r == 0 && set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, ECT0) == 0)
        set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    return r;
}

static int set_options(struct trk_udp *u, unsigned flags, size_t buffer_bytes)
{
    int r = u->family == AF_INET6 ? set_v6(u->fd, u->connected) : 0;
    if (r == 0 && (u->family == AF_INET || u->dual))
        r = set_v4(u->fd, u->connected);
    if (r < 0)
        return r;
    set_buffer(u->fd, SO_RCVBUFFORCE, SO_RCVBUF, buffer_bytes);
    set_buffer(u->fd, SO_SNDBUFFORCE, SO_SNDBUF, buffer_bytes);
    u->gro = !(flags & TRK_UDP_NO_GRO) && set_int(u->fd, SOL_UDP, UDP_GRO, 1) == 0;
    /* Setting "no segmentation" as the socket's default says whether the kernel knows the option.
     */
    bool gso = !(flags & TRK_UDP_NO_GSO) && set_int(u->fd, SOL_UDP, UDP_SEGMENT, 0) == 0;
    u->max_segs = gso ? TRK_UDP_TRAIN_MAX_PKTS : 1;
    return 0;
}

/* The addresses of a socket that is bound, and connected if it is to be. */
static int learn_names(struct trk_udp *u)
{
    socklen_t len = sizeof u->local;
    if (getsockname(u->fd, &u->local.sa, &len) < 0)
        return -errno;
    if (!u->connected)
        return 0;
    len = sizeof u->remote;
    if (getpeername(u->fd, &u->remote.sa, &len) < 0)
        return -errno;
    u->others_wait = trk_udp_holds(u);
    return 0;
}

bool trk_udp_holds(struct trk_udp *u)
{
    uint8_t byte;
    if (recv(u->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) >= 0)
        return true;
    if (errno == EAGAIN)
        return false;
    u->error_waiting = true; /* an ICMP error, told of once; what it is about is in the error queue */
    return true;
}

/* A socket of the family that the options ask for; falls back to IPv4 where a host has no IPv6. */
static int make_socket(struct trk_udp *u, const struct trk_udp_options *opt)
{
    const int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int family = opt->remote.sa.sa_family ? opt->remote.sa.sa_family : opt->local.sa.sa_family;
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    if (family == AF_UNSPEC && (opt->flags & TRK_UDP_V4))
        family = AF_INET;
    u->dual = family == AF_UNSPEC && !(opt->flags & TRK_UDP_V6);
    if (family != AF_INET) {
        u->family = AF_INET6;
        u->fd = socket(AF_INET6, type, 0);
        if (u->fd >= 0)
            return set_int(u->fd, IPPROTO_IPV6, IPV6_V6ONLY, u->dual ? 0 : 1);
        if (errno != EAFNOSUPPORT || !u->dual)
            return -errno;
        u->dual = false;
    }
    u->family = AF_INET;
    u->fd = socket(AF_INET, type, 0);
    return u->fd < 0 ? -errno : 0;
}

/* May others bind the port that u and all that were opened beside it have? The first error. */
static int set_shared(const struct trk_udp *u, int on)
{
    int first = 0;
    for (; u; u = u->kin) {
        int r = set_int(u->fd, SOL_SOCKET, SO_REUSEPORT, on);
        first = first ? first : r;
    }
    return first;
}

/* A port can be shared where all that have it allow it. They do for this moment alone: else whoever
 * runs as the same user could join them. */
static int bind_beside(struct trk_udp *u, const union trk_sockaddr *at)
{
    int r = set_int(u->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0)
        r = set_shared(u->port, 1);
    if (r == 0 && bind(u->fd, &at->sa, trk_sockaddr_len(at)) < 0)
        r = -errno;
    set_shared(u->port, 0);
    set_int(u->fd, SOL_SOCKET, SO_REUSEPORT, 0);
    return r;
}

static int bind_to(struct trk_udp *u, const union trk_sockaddr *at)
{
    if (u->port)
        return bind_beside(u, at);
    return bind(u->fd, &at->sa, trk_sockaddr_len(at)) < 0 ? -errno : 0;
}

static int bind_and_connect(struct trk_udp *u, const struct trk_udp_options *opt)
{
    union trk_sockaddr at = opt->local;
    if (at.sa.sa_family == AF_UNSPEC)
        at.sa.sa_family = (sa_family_t)u->family; /* all zero otherwise: the "any" address */
    if (at.sa.sa_family != u->family)
        return -EINVAL;
    trk_sockaddr_set_port(&at, opt->port);
    /* Left to connect where nothing is asked for, so that the kernel chooses address and port for
     * that peer. */
    bool wanted = opt->port != 0 || opt->local.sa.sa_family != AF_UNSPEC;
    int r = wanted || !u->connected ? bind_to(u, &at) : 0;
    if (r < 0)
        return r;
    if (u->connected && connect(u->fd, &opt->remote.sa, trk_sockaddr_len(&opt->remote)) < 0)
        return -errno;
    return learn_names(u);
}

int trk_udp_open(struct trk_udp **out, const struct trk_udp_options *opt)
{
    struct trk_udp *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    u->fd = -1;
    u->connected = opt->remote.sa.sa_family != AF_UNSPEC;
    u->port = opt->beside;
    u->stats = u->port ? u->port->stats : &u->own;
    int r = make_socket(u, opt);
    if (r == 0)
        r = set_options(u, opt->flags,
                        opt->buffer_bytes ? opt->buffer_bytes : TRK_UDP_BUFFER_BYTES);
    if (r == 0 && (opt->flags & TRK_UDP_REUSEPORT))
        r = set_int(u->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0)
        r = bind_and_connect(u, opt);
    if (r < 0) {
        trk_udp_close(u);
        return r;
    }
    if (u->port) {
        u->kin = u->port->kin;
        u->port->kin = u;
    }
    *out = u;
    return 0;
}

static int get_int(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

int trk_udp_adopt(struct trk_udp **out, int fd, unsigned flags)
{
    int family = get_int(fd, SOL_SOCKET, SO_DOMAIN);
    if (get_int(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_UDP)
        return -EINVAL;
    struct trk_udp *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    u->fd = fd;
    u->stats = &u->own;
    u->family = family;
    u->dual = family == AF_INET6 && get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    union trk_sockaddr peer;
    socklen_t len = sizeof peer;
    u->connected = getpeername(fd, &peer.sa, &len) == 0;
    int r = set_options(u, flags & (TRK_UDP_NO_GSO | TRK_UDP_NO_GRO), TRK_UDP_BUFFER_BYTES);
    if (r == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        r = -errno;
    if (r == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        r = -errno;
    if (r == 0)
        r = learn_names(u);
    if (r < 0) {
        free(u); /* fd stays the caller's */
        return r;
    }
    *out = u;
    return 0;
}

/* Asked for, not sent along with each packet: once there is a drop, that would be one more message to copy for
 * every packet. The kernel's counter has 32 bits. */
static void count_drops(struct trk_udp *u)
{
    uint32_t info[SK_MEMINFO_VARS];
    socklen_t len = sizeof info;
    if (getsockopt(u->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 || len < sizeof info)
        return;
    u->stats->rx_kernel_drops += info[SK_MEMINFO_DROPS] - u->drops;
    u->drops = info[SK_MEMINFO_DROPS];
}

void trk_udp_close(struct trk_udp *u)
{
    if (!u)
        return;
    for (struct trk_udp *k = u->port; k; k = k->kin)
        if (k->kin == u)
            k->kin = u->kin;
    if (u->fd >= 0) {
        count_drops(u);
        close(u->fd);
    }
    free(u);
}

int trk_udp_fd(const struct trk_udp *u)
{
    return u->fd;
}

const union trk_sockaddr *trk_udp_local(const struct trk_udp *u)
{
    return &u->local;
}

bool trk_udp_reaches(const struct trk_udp *u, const union trk_sockaddr *remote)
{
    return remote->sa.sa_family == u->family || (u->dual && remote->sa.sa_family == AF_INET);
}

bool trk_udp_has_gso(const struct trk_udp *u)
{
    return u->max_segs > 1;
}

bool trk_udp_has_gro(const struct trk_udp *u)
{
    return u->gro;
}

void trk_udp_buffers(const struct trk_udp *u, size_t *rcvbuf_bytes, size_t *sndbuf_bytes)
{
    int r = get_int(u->fd, SOL_SOCKET, SO_RCVBUF), s = get_int(u->fd, SOL_SOCKET, SO_SNDBUF);
    *rcvbuf_bytes = r < 0 ? 0 : (size_t)r;
    *sndbuf_bytes = s < 0 ? 0 : (size_t)s;
}

const struct trk_udp_stats *trk_udp_stats(struct trk_udp *u)
{
    for (struct trk_udp *k = u; k; k = k->kin)
        count_drops(k);
    return u->stats;
}
