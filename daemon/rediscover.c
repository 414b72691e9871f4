/* Running listeners: see rediscover.h. sock_diag(7). */
#include <config.h>

#include "daemon/rediscover.h"

#include "daemon/addrs.h"
#include "daemon/listeners.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDIAG_SHOW_UID
#define UDIAG_SHOW_UID 0x40
#endif
enum { ATTR_UID = 7 }; /* UNIX_DIAG_UID: newer than some headers */

enum { PRIVILEGED_BELOW = 1024 }; /* where /proc does not say */

struct claim {
    struct trk_name name;
    uid_t uid;
};

struct search {
    struct trk_daemon *d;
    struct claim *claims; /* listeners_max */
    unsigned n;
    unsigned privileged; /* ports below this one are root's */
};

static int ask(int nl)
{
    struct {
        struct nlmsghdr h;
        struct unix_diag_req r;
    } q = {
        .h = {.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .r = {.sdiag_family = AF_UNIX,
              .udiag_states = 1u << TCP_LISTEN,
              .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID},
    };
    return send(nl, &q, sizeof q, 0) == (ssize_t)sizeof q ? 0 : -errno;
}

/* The TCP listener again: -EADDRINUSE if somebody has it. */
static int listen_tcp(const struct trk_name *name)
{
    struct sockaddr_storage ss;
    int on = 1, v6only = (name->flags & TRK_NAME_F_V6ONLY) != 0;
    bool v6 = name->flags & TRK_NAME_F_V6;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t len = trk_ipc_addr_to_sockaddr(&name->local, v6, &ss);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (v6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only);
    if (bind(fd, (struct sockaddr *)&ss, len) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int err = errno;
    close(fd);
    return -err;
}

/* One of several listeners of a user that share a port (SO_REUSEPORT), of which another was taken up already. */
static bool is_sibling(const struct trk_daemon *d, const struct claim *c)
{
    union trk_sockaddr at = trk_addrs_from_ipc(&c->name.local);
    const struct trk_listener *l = trk_listeners_find(d->listeners, &at, 0);
    return l != NULL && l->party.uid == c->uid && (c->name.flags & TRK_NAME_F_REUSEPORT) &&
           (l->name.flags & TRK_NAME_F_REUSEPORT) && trk_sockaddr_equal(&l->local, &at);
}

static bool overlap(const struct trk_name *a, const struct trk_name *b)
{
    union trk_sockaddr x = trk_addrs_from_ipc(&a->local), y = trk_addrs_from_ipc(&b->local);
    return a->local.port == b->local.port && (trk_ipc_addr_is_any(&a->local) || trk_ipc_addr_is_any(&b->local) ||
                                              trk_sockaddr_same_host(&x, &y));
}

/*
 * Anybody can take any abstract name, and no kernel has judged these: a claim is believed where nobody gains by a lie.
 * Returns why not, or NULL.
 */
static const char *why_not(const struct search *s, const struct claim *c)
{
    if (c->uid == 0)
        return NULL;
    if (c->name.local.port < s->privileged)
        return "its port is root's; start it again";
    for (unsigned i = 0; i < s->n; i++)
        if (s->claims[i].uid != c->uid && overlap(&s->claims[i].name, &c->name))
            return "two users claim it; start it again";
    return NULL;
}

static bool take_up(struct search *s, const struct claim *c)
{
    char at[TRK_ADDRS_TEXT_BYTES];
    union trk_sockaddr local = trk_addrs_from_ipc(&c->name.local);
    const char *why = why_not(s, c);
    int fd = why != NULL || is_sibling(s->d, c) ? -1 : listen_tcp(&c->name);
    if (fd < -1)
        why = strerror(-fd);
    if (why != NULL) {
        trk_log(&s->d->log, TRK_LOG_WARN, "the listener at %s of user %u is left alone: %s",
                trk_addrs_text(&local, at), (unsigned)c->uid, why);
        return false;
    }
    return trk_listeners_adopt(s->d->listeners, &c->name, fd, c->uid) == 0;
}

static void note_claim(struct search *s, const char *text, size_t len, uid_t uid)
{
    struct claim c = {.uid = uid};
    if (len < 1 || text[0] != '\0' || trk_name_parse(text + 1, len - 1, &c.name) != 0 || c.name.kind != TRK_NAME_BOUND)
        return;
    if (uid == (uid_t)-1 || (geteuid() != 0 && uid != geteuid()) || s->n >= s->d->conf.listeners_max)
        return;
    s->claims[s->n++] = c;
}

static void read_socket(struct search *s, const struct nlmsghdr *h)
{
    /* NLMSG_DATA and RTA_DATA, which would drop const */
    const struct unix_diag_msg *m = (const void *)((const char *)h + NLMSG_HDRLEN);
    const char *at = (const char *)(m + 1), *end = (const char *)h + h->nlmsg_len;
    const char *name = NULL;
    size_t name_len = 0;
    uid_t uid = (uid_t)-1;
    while ((size_t)(end - at) >= sizeof(struct rtattr)) {
        const struct rtattr *a = (const struct rtattr *)(const void *)at;
        if (a->rta_len < sizeof *a || a->rta_len > (size_t)(end - at))
            break;
        if (a->rta_type == UNIX_DIAG_NAME) {
            name = (const char *)a + RTA_LENGTH(0);
            name_len = RTA_PAYLOAD(a);
        } else if (a->rta_type == ATTR_UID && RTA_PAYLOAD(a) >= sizeof uid) {
            memcpy(&uid, (const char *)a + RTA_LENGTH(0), sizeof uid);
        }
        at += RTA_ALIGN(a->rta_len) < (size_t)(end - at) ? RTA_ALIGN(a->rta_len) : (size_t)(end - at);
    }
    if (name != NULL && m->udiag_type == SOCK_STREAM)
        note_claim(s, name, name_len, uid);
}

/* One datagram of the dump. 1: the last one; 0: there is more; -errno. */
static int read_part(struct search *s, int nl)
{
    static char buf[32768] __attribute__((aligned(8)));
    ssize_t n = recv(nl, buf, sizeof buf, 0);
    if (n <= 0)
        return n == 0 ? -EPROTO : errno == EINTR ? 0 : -errno;
    for (size_t at = 0; at + sizeof(struct nlmsghdr) <= (size_t)n;) {
        const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)(buf + at);
        if (h->nlmsg_len < sizeof *h || h->nlmsg_len > (size_t)n - at)
            return -EPROTO;
        at += NLMSG_ALIGN(h->nlmsg_len);
        if (h->nlmsg_type == NLMSG_DONE)
            return 1;
        if (h->nlmsg_type == NLMSG_ERROR)
            return -EPROTO;
        if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
            read_socket(s, h);
    }
    return 0;
}

static unsigned privileged_below(void)
{
    unsigned port = PRIVILEGED_BELOW;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (f != NULL && fscanf(f, "%u", &port) != 1)
        port = PRIVILEGED_BELOW;
    if (f != NULL)
        fclose(f);
    return port;
}

static int list(struct search *s)
{
    int nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (nl < 0)
        return -errno;
    int rc = ask(nl);
    while (rc == 0)
        rc = read_part(s, nl);
    close(nl);
    return rc < 0 ? rc : 0;
}

int trk_rediscover(struct trk_daemon *d)
{
    struct search s = {.d = d, .privileged = privileged_below()};
    int found = 0;
    s.claims = calloc(d->conf.listeners_max, sizeof *s.claims);
    if (s.claims == NULL)
        return -ENOMEM;
    int rc = list(&s);
    for (unsigned i = 0; rc == 0 && i < s.n; i++)
        found += take_up(&s, &s.claims[i]);
    free(s.claims);
    return rc < 0 ? rc : found;
}
