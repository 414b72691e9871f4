/*
 * getsockopt(), setsockopt(): kernel TCP is the judge. An option is set on a kernel TCP socket that
 * has all the options set so far; the kernel says whether it is right and what it reads back as,
 * and that is kept with the descriptor: the switches that every program sets in the tag (without
 * asking), the rest in the store. Reading asks such a socket again, so lengths, truncation and
 * unknown options are the kernel's. What depends on the connection is answered here.
 */
#include <config.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>

#include "shim.h"

enum option_class {
    BY_STORE = 0, /* the general way */
    BY_TAG,       /* a bit of the tag */
    BY_KERNEL,    /* the AF_UNIX socket keeps it and acts on it as TCP would */
    REFUSED,      /* TCP knows it, but success would promise what is not done */
    STATE,        /* read only, answered here */
};

struct option {
    enum option_class class;
    uint32_t bit;
};

static struct option classify_socket(int name)
{
    switch (name) {
    case SO_REUSEADDR:
        return (struct option){BY_TAG, TRK_TAG_REUSEADDR};
    case SO_REUSEPORT:
        return (struct option){BY_TAG, TRK_TAG_REUSEPORT};
    case SO_KEEPALIVE:
        return (struct option){BY_TAG, TRK_TAG_KEEPALIVE};
    case SO_LINGER:
    case SO_RCVTIMEO:
    case SO_SNDTIMEO:
    case SO_RCVLOWAT:
    case SO_TYPE:
    case SO_ACCEPTCONN:
    case SO_COOKIE:
#ifdef SO_NETNS_COOKIE
    case SO_NETNS_COOKIE:
#endif
        return (struct option){BY_KERNEL, 0};
    case SO_ATTACH_FILTER:
    case SO_ATTACH_BPF:
    case SO_DETACH_FILTER:
    case SO_LOCK_FILTER:
    case SO_ATTACH_REUSEPORT_CBPF:
    case SO_ATTACH_REUSEPORT_EBPF:
    case SO_ZEROCOPY:
        return (struct option){REFUSED, 0};
    case SO_ERROR:
    case SO_DOMAIN:
    case SO_PROTOCOL:
        return (struct option){STATE, 0};
    default:
        return (struct option){BY_STORE, 0};
    }
}

static struct option classify_tcp(int name)
{
    switch (name) {
    case TCP_NODELAY:
        return (struct option){BY_TAG, TRK_TAG_NODELAY};
    case TCP_CORK:
        return (struct option){BY_TAG, TRK_TAG_CORK};
    case TCP_MD5SIG:
    case TCP_MD5SIG_EXT:
    case TCP_REPAIR:
    case TCP_ULP:
        return (struct option){REFUSED, 0};
    case TCP_INFO:
        return (struct option){STATE, 0};
    default:
        return (struct option){BY_STORE, 0};
    }
}

static struct option classify(const struct trk_tag *tag, int level, int name)
{
    if (level == SOL_SOCKET) {
        return classify_socket(name);
    }
    if (level == IPPROTO_TCP) {
        return classify_tcp(name);
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY && (tag->bits & TRK_TAG_V6) != 0) {
        return (struct option){BY_TAG, TRK_TAG_V6ONLY};
    }
    return (struct option){BY_STORE, 0};
}

static int give_bytes(const void *from, socklen_t size, void *value, socklen_t *len)
{
    if ((int)*len < 0) {
        return -EINVAL;
    }
    socklen_t n = *len < size ? *len : size;
    memcpy(value, from, n);
    *len = n;
    return 0;
}

static int give_int(int number, void *value, socklen_t *len)
{
    return give_bytes(&number, sizeof number, value, len);
}

/* SO_ERROR: the kernel's, but for the verdict on a connect, which is the daemon's, once. */
static int take_error(int fd, struct trk_tag *tag)
{
    struct trk_link_result result;
    int native = 0;
    socklen_t len = sizeof native;
    (void)trk_real.getsockopt(fd, SOL_SOCKET, SO_ERROR, &native, &len);
    if (tag->state != TRK_TAG_CONNECTING) {
        return native;
    }
    trk_state_refresh(fd, tag, &result);
    if (tag->state == TRK_TAG_CONNECTED) {
        return native;
    }
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int is_hung_up = poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
    if (result.state != TRK_LINK_FAILED && !is_hung_up) {
        return 0;
    }
    tag->state = TRK_TAG_FAILED;
    (void)trk_tag_set(fd, tag);
    return result.state == TRK_LINK_FAILED ? result.error_no : ECONNREFUSED;
}

/* The options set so far, asked of a kernel TCP socket. */
static int ask_tcp(int fd, const struct trk_tag *tag, int level, int name, void *value,
                   socklen_t *len)
{
    int tcp = trk_tcp_open(fd, tag);
    if (tcp < 0) {
        return tcp;
    }
    int rc = trk_real.getsockopt(tcp, level, name, value, len) == 0 ? 0 : -errno;
    close(tcp);
    return rc;
}

static uint8_t tcp_state(const struct trk_tag *tag)
{
    switch (tag->state) {
    case TRK_TAG_CONNECTED:
    case TRK_TAG_ACCEPTED:
        return TCP_ESTABLISHED;
    case TRK_TAG_CONNECTING:
        return TCP_SYN_SENT;
    case TRK_TAG_LISTENING:
        return TCP_LISTEN;
    case TRK_TAG_FRESH:
    case TRK_TAG_FAILED:
    case TRK_TAG_CLOSED:
    default:
        return TCP_CLOSE;
    }
}

/* The daemon's figures of this connection. 0 or -errno. */
static int ask_figures(int fd, const struct trk_tag *tag, struct trk_ctl_info_reply *figures)
{
    struct trk_ctl_msg ask = {.type = TRK_CTL_INFO};
    struct trk_ctl_msg answer;
    ask.u.info.id = trk_state_id(fd, tag);
    if (ask.u.info.id == 0) {
        return -ENOENT;
    }
    int rc = trk_daemon_ask(&ask, -1, TRK_CTL_INFO_REPLY, &answer);
    if (rc == 0) {
        *figures = answer.u.info_reply;
        rc = -(int)(figures->error_no & 0xfff);
    }
    return rc;
}

static int give_tcp_info(int fd, struct trk_tag *tag, void *value, socklen_t *len)
{
    struct tcp_info info;
    struct trk_ctl_info_reply figures;
    memset(&info, 0, sizeof info);
    trk_state_refresh(fd, tag, NULL);
    info.tcpi_state = tcp_state(tag);
    if (info.tcpi_state == TCP_ESTABLISHED && ask_figures(fd, tag, &figures) == 0) {
        info.tcpi_rtt = figures.rtt_us;
        info.tcpi_rttvar = figures.rttvar_us;
        info.tcpi_rto = figures.rto_us;
        info.tcpi_snd_cwnd = figures.cwnd_pkts;
        info.tcpi_snd_ssthresh = figures.ssthresh_pkts;
        info.tcpi_snd_mss = figures.mss_bytes;
        info.tcpi_rcv_mss = figures.mss_bytes;
        info.tcpi_unacked = figures.in_flight_pkts;
        info.tcpi_lost = figures.lost_pkts;
        info.tcpi_total_retrans = figures.retrans_pkts;
    }
    return give_bytes(&info, sizeof info, value, len);
}

static int give_state(int fd, struct trk_tag *tag, int level, int name, void *value, socklen_t *len)
{
    if (level == IPPROTO_TCP) {
        return give_tcp_info(fd, tag, value, len);
    }
    switch (name) {
    case SO_ERROR:
        return give_int(take_error(fd, tag), value, len);
    case SO_DOMAIN:
        return give_int((tag->bits & TRK_TAG_V6) != 0 ? AF_INET6 : AF_INET, value, len);
    default:
        return give_int(IPPROTO_TCP, value, len);
    }
}

int trk_hook_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct trk_tag tag;
    int kept_errno = errno;
    int rc;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.getsockopt(fd, level, name, value, len);
    }
    struct option option = classify(&tag, level, name);
    if (option.class == BY_KERNEL) {
        return trk_real.getsockopt(fd, level, name, value, len);
    }
    if (value == NULL || len == NULL) {
        return trk_shim_return(-EFAULT);
    }
    if (option.class == BY_TAG) {
        rc = give_int((tag.bits & option.bit) != 0, value, len);
    } else if (option.class == STATE) {
        rc = give_state(fd, &tag, level, name, value, len);
    } else {
        struct trk_ctl_info_reply figures;
        trk_state_refresh(fd, &tag, NULL);
        rc = ask_tcp(fd, &tag, level, name, value, len);
        /* The one number that programs expect to change with the connection. */
        if (rc == 0 && level == IPPROTO_TCP && name == TCP_MAXSEG && *len == sizeof(int) &&
            tcp_state(&tag) == TCP_ESTABLISHED && ask_figures(fd, &tag, &figures) == 0 &&
            figures.mss_bytes != 0) {
            memcpy(value, &figures.mss_bytes, sizeof(int));
        }
    }
    errno = kept_errno;
    return trk_shim_return(rc);
}

static int set_bit(int fd, struct trk_tag *tag, uint32_t bit, const void *value, socklen_t len)
{
    int on;
    if (len < sizeof on) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    if (bit == TRK_TAG_V6ONLY && (tag->state != TRK_TAG_FRESH || (tag->bits & TRK_TAG_BOUND))) {
        return -EINVAL;
    }
    memcpy(&on, value, sizeof on);
    uint32_t bits = on != 0 ? tag->bits | bit : tag->bits & ~bit;
    if (bits == tag->bits) {
        return 0;
    }
    tag->bits = bits;
    return trk_tag_set(fd, tag);
}

/* Set it on a kernel TCP socket; keep what that reads back. */
static int set_by_store(int fd, struct trk_tag *tag, int level, int name, const void *value,
                        socklen_t len)
{
    uint8_t canonical[TRK_STORE_VALUE_MAX_BYTES];
    struct trk_store store;
    int tcp = trk_tcp_open(fd, tag);
    if (tcp < 0) {
        return tcp;
    }
    int rc = trk_real.setsockopt(tcp, level, name, value, len) == 0 ? 0 : -errno;
    close(tcp);
    /* What does not fit, or is not a value to read back (a group joined, a key), has been judged;
     * there is nothing to keep. */
    if (rc != 0 || value == NULL || len > sizeof canonical || level < 0 || level > 254) {
        return rc;
    }
    memcpy(canonical, value, len);
    rc = trk_store_load(fd, &store);
    if (rc == 0) {
        rc = trk_store_put(&store, level, name, canonical, len);
    }
    if (rc == 0) {
        rc = trk_store_save(fd, &store);
    }
    if (rc != 0) {
        trk_trace("fd %d: option %d/%d not kept: %s", fd, level, name, strerrordesc_np(-rc));
        return 0;
    }
    tag->bits |= TRK_TAG_STORE;
    return trk_tag_set(fd, tag);
}

/* TCP bounds SO_RCVLOWAT by its buffer: what a TCP socket makes of it is set. */
static int set_lowat(int fd, const struct trk_tag *tag, const void *value, socklen_t len)
{
    int lowat = 1;
    socklen_t size = sizeof lowat;
    int tcp = trk_tcp_open(fd, tag);
    if (tcp < 0) {
        return tcp;
    }
    int rc = 0;
    if (trk_real.setsockopt(tcp, SOL_SOCKET, SO_RCVLOWAT, value, len) != 0 ||
        trk_real.getsockopt(tcp, SOL_SOCKET, SO_RCVLOWAT, &lowat, &size) != 0 ||
        trk_real.setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat) != 0) {
        rc = -errno;
    }
    close(tcp);
    return rc;
}

static int set_by_kernel(int fd, struct trk_tag *tag, int level, int name, const void *value,
                         socklen_t len)
{
    if (name == SO_RCVLOWAT) {
        return set_lowat(fd, tag, value, len);
    }
    if (trk_real.setsockopt(fd, level, name, value, len) != 0) {
        return -errno;
    }
    if (name != SO_LINGER && name != SO_RCVTIMEO && name != SO_SNDTIMEO) {
        return 0;
    }
    uint32_t was = tag->bits;
    tag->bits |= TRK_TAG_NATIVE;
    if (name == SO_LINGER) {
        struct linger linger;
        memcpy(&linger, value, sizeof linger); /* the kernel has just accepted that much */
        int is_reset = linger.l_onoff != 0 && linger.l_linger == 0;
        tag->bits = is_reset ? tag->bits | TRK_TAG_LINGER0 : tag->bits & ~TRK_TAG_LINGER0;
    }
    int rc = tag->bits != was ? trk_tag_set(fd, tag) : 0;
    trk_state_refresh(fd, tag,
                      NULL); /* tells the daemon itself, if the connection came up just now */
    if (((tag->bits ^ was) & TRK_TAG_LINGER0) != 0 && tag->state != TRK_TAG_FRESH) {
        trk_state_tell_linger(fd, tag);
    }
    return rc;
}

int trk_hook_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct trk_tag tag;
    int kept_errno = errno;
    int rc;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.setsockopt(fd, level, name, value, len);
    }
    struct option option = classify(&tag, level, name);
    switch (option.class) {
    case BY_TAG:
        rc = set_bit(fd, &tag, option.bit, value, len);
        break;
    case BY_KERNEL:
        rc = set_by_kernel(fd, &tag, level, name, value, len);
        break;
    case REFUSED:
        rc = level == SOL_SOCKET && name == SO_ZEROCOPY ? -EOPNOTSUPP : -ENOPROTOOPT;
        break;
    case BY_STORE:
    case STATE:
    default:
        rc = set_by_store(fd, &tag, level, name, value, len);
        break;
    }
    errno = kept_errno;
    return trk_shim_return(rc);
}

/* ioctl(SIOCOUTQ): an AF_UNIX socket counts memory, TCP bytes that the peer has not
 * acknowledged. */
int trk_hook_outq(int fd, int *bytes)
{
    struct trk_tag tag;
    struct trk_ctl_info_reply figures;
    if (!trk_tag_get(fd, &tag)) {
        return -ENOTSOCK;
    }
    if (tag.state == TRK_TAG_LISTENING) {
        return -EINVAL;
    }
    if (tcp_state(&tag) == TCP_CLOSE || ask_figures(fd, &tag, &figures) != 0) {
        *bytes = 0;
        return 0;
    }
    *bytes = figures.outq_bytes > INT32_MAX ? INT32_MAX : (int)figures.outq_bytes;
    return 0;
}
