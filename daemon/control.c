/* The control socket: see control.h. */
#include <config.h>

#include "daemon/control.h"

#include "daemon/addrs.h"
#include "daemon/listeners.h"
#include "daemon/minis.h"
#include "daemon/nowait.h"
#include "daemon/party.h"
#include "daemon/port.h"
#include "daemon/status.h"
#include "ipc/fdpass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_MAX = 64,
    MESSAGES_MAX = 64, /* of one client in one turn */
    STARVED_MS = 100,
};

struct control_client {
    struct control_client *next, **pprev; /* first: trk_loop_defer_free writes here */
    struct trk_control *s;
    struct trk_watch watch;
    struct ucred cred;
    uint64_t heard_ns;
    struct trk_service *service; /* this connection is a stateless service */
};

/* Descriptors that go with an answer. */
struct gift {
    int fd[TRK_FDPASS_MAX];
    unsigned n;
    bool is_lent; /* not ours to close */
};

struct trk_control {
    struct trk_daemon *d;
    int listen_fd;
    struct trk_watch watch;
    struct trk_timer resume;
    struct control_client *clients;
    unsigned count;
    uint64_t last_ns;
};

static void drop(struct control_client *c)
{
    *c->pprev = c->next;
    if (c->next != NULL)
        c->next->pprev = c->pprev;
    if (c->service != NULL)
        trk_minis_end(c->service);
    else
        c->s->count--;
    trk_loop_unwatch(c->s->d->loop, &c->watch);
    close(c->watch.fd);
    trk_loop_defer_free(c->s->d->loop, c);
}

/* ---- answers ---- */

static void acknowledge(struct trk_ctl_msg *out, int rc, uint32_t value)
{
    out->type = TRK_CTL_ACK;
    out->u.ack.error_no = rc < 0 ? (uint32_t)-rc : 0;
    out->u.ack.value = value;
}

static void hello(struct control_client *c, struct trk_ctl_msg *out)
{
    out->type = TRK_CTL_HELLO_REPLY;
    out->u.hello_reply = (struct trk_ctl_hello_reply){
        .pid = (uint32_t)getpid(),
        .netns_cookie = c->s->d->netns,
        .uid = (uint32_t)geteuid(),
        .udp_port = c->s->d->server_port != NULL ? trk_port_number(c->s->d->server_port) : 0,
    };
}

/* A worker may ask before we have seen that it has accepted. */
static struct trk_party *find(const struct control_client *c, uint64_t id)
{
    struct trk_party *p = trk_party_find(c->s->d, id);
    if (p == NULL || p->catch_up == NULL)
        return p;
    p->catch_up(p);
    return trk_party_find(c->s->d, id);
}

static int option(struct control_client *c, const struct trk_ctl_option *o)
{
    struct trk_party *p = find(c, o->id);
    struct linger l;
    if (p == NULL)
        return -ENOENT;
    if (c->cred.uid != p->uid && c->cred.uid != 0)
        return -EPERM;
    if (o->level != SOL_SOCKET || o->name != SO_LINGER || o->value_bytes != sizeof l)
        return 0;
    memcpy(&l, o->value, sizeof l);
    if (p->set_abortive != NULL)
        p->set_abortive(p, l.l_onoff != 0 && l.l_linger == 0);
    return 0;
}

static void info(struct control_client *c, const struct trk_ctl_info *in, struct trk_ctl_msg *out)
{
    struct trk_party *p = find(c, in->id);
    struct trk_party_facts facts;
    memset(&facts, 0, sizeof facts);
    out->type = TRK_CTL_INFO_REPLY;
    if (p == NULL || (c->cred.uid != p->uid && c->cred.uid != 0)) {
        out->u.info_reply.error_no = p == NULL ? ENOENT : EPERM;
        return;
    }
    p->tell(p, &facts);
    out->u.info_reply = facts.info;
}

/* ---- stateless services ---- */

/* fd is taken. */
static void mini_listen(struct control_client *c, const struct trk_ctl_mini_listen *in, int fd, struct trk_ctl_msg *out,
                        struct gift *gift)
{
    struct trk_daemon *d = c->s->d;
    struct trk_service *s = NULL;
    int rc = -EBUSY;
    if (c->service == NULL)
        rc = trk_minis_listen(d->minis, in, fd, c->watch.fd, &c->cred, &s);
    else if (fd >= 0)
        trk_nowait_close(fd);
    out->type = TRK_CTL_MINI_LISTEN_REPLY;
    out->u.mini_listen_reply = (struct trk_ctl_mini_listen_reply){
        .error_no = (uint32_t)-rc,
        .layout = TRK_RINGMEM_LAYOUT,
        .down_bytes = TRK_MINIS_DOWN_BYTES,
        .up_bytes = TRK_MINIS_UP_BYTES,
        .slots = TRK_MINIS_SLOTS,
        .detached_max = d->conf.minisocket_detached_max,
    };
    if (rc != 0)
        return;
    c->service = s;
    c->s->count--; /* it is no question any more: services have a bound of their own */
    *gift = (struct gift){.fd = {s->memory.memory_fd, s->memory.app_fd, s->memory.daemon_fd}, .n = 3, .is_lent = true};
}

/* Services of local's port whose process is gone, which we have not heard yet. Returns how many. */
static uint32_t sweep_services(struct control_client *c, const union trk_sockaddr *local)
{
    struct control_client *next;
    uint32_t n = 0;
    char byte;
    for (struct control_client *at = c->s->clients; at != NULL; at = next) {
        next = at->next;
        if (at == c || at->service == NULL || trk_sockaddr_port(&at->service->local) != trk_sockaddr_port(local) ||
            recv(at->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
            continue;
        drop(at);
        n++;
    }
    return n;
}

static void mini_extract(struct control_client *c, const struct trk_ctl_mini_extract *in, int fd,
                         struct trk_ctl_msg *out, struct gift *gift)
{
    uint32_t bytes = 0;
    int rc = c->service != NULL ? trk_minis_extract(c->service, in, fd, &bytes) : -EINVAL;
    acknowledge(out, rc, bytes);
    if (rc >= 0)
        *gift = (struct gift){.fd = {rc}, .n = 1};
}

static void mini_install(struct control_client *c, const struct trk_ctl_mini_install *in, int fd,
                         struct trk_ctl_msg *out)
{
    int rc = c->service != NULL ? trk_minis_install(c->service, in, fd) : -EINVAL;
    acknowledge(out, rc, rc > 0 ? (uint32_t)rc : 0);
}

/* Handles one message; *gift gets what goes along with the answer. */
static void handle(struct control_client *c, const struct trk_ctl_msg *in, int fd, struct trk_ctl_msg *out,
                   struct gift *gift)
{
    struct trk_listeners *ls = c->s->d->listeners;
    union trk_sockaddr sa;
    int rc;
    switch ((int)in->type) {
    case TRK_CTL_HELLO:
        hello(c, out);
        break;
    case TRK_CTL_BIND:
        rc = trk_listeners_bind(ls, &in->u.bind, fd, c->cred.uid, c->cred.pid);
        acknowledge(out, rc, 0);
        return; /* fd is taken */
    case TRK_CTL_LISTEN:
        acknowledge(out, trk_listeners_listen(ls, in->u.listen.id, in->u.listen.backlog, c->cred.uid), 0);
        break;
    case TRK_CTL_OPTION:
        acknowledge(out, option(c, &in->u.option), 0);
        break;
    case TRK_CTL_SWEEP:
        sa = trk_addrs_from_ipc(&in->u.sweep.local);
        acknowledge(out, 0, trk_listeners_sweep(ls, &sa) + sweep_services(c, &sa));
        break;
    case TRK_CTL_INFO:
        info(c, &in->u.info, out);
        break;
    case TRK_CTL_STATUS:
        out->type = TRK_CTL_STATUS_REPLY;
        rc = trk_status_memfd(c->s->d, c->cred.uid);
        if (rc >= 0)
            *gift = (struct gift){.fd = {rc}, .n = 1};
        out->u.status_reply.error_no = rc < 0 ? (uint32_t)-rc : 0;
        break;
    case TRK_CTL_MINI_LISTEN:
        mini_listen(c, &in->u.mini_listen, fd, out, gift);
        return; /* fd is taken */
    case TRK_CTL_MINI_EXTRACT:
        mini_extract(c, &in->u.mini_extract, fd, out, gift);
        break;
    case TRK_CTL_MINI_INSTALL:
        mini_install(c, &in->u.mini_install, fd, out);
        break;
    default:
        acknowledge(out, -EPROTO, 0);
        break;
    }
    if (fd >= 0)
        trk_nowait_close(fd);
}

static bool send_answer(struct control_client *c, const struct trk_ctl_msg *out, const struct gift *gift)
{
    uint8_t buf[TRK_CTL_MAX_BYTES];
    int len = trk_ctl_encode(out, buf, sizeof buf);
    bool sent = len > 0 &&
                trk_fdpass_send_many(c->watch.fd, buf, (size_t)len, gift->fd, gift->n, MSG_DONTWAIT) == len;
    for (unsigned i = 0; i < gift->n && !gift->is_lent; i++)
        close(gift->fd[i]);
    return sent;
}

/* One message. False: the connection is closed. */
static bool serve(struct control_client *c)
{
    uint8_t buf[TRK_CTL_MAX_BYTES];
    struct trk_ctl_msg in, out;
    struct gift gift = {.n = 0};
    int fd = -1;
    ssize_t n = trk_fdpass_recv(c->watch.fd, buf, sizeof buf, &fd, MSG_DONTWAIT);
    if (n == -EAGAIN)
        return false;
    if (n <= 0) {
        drop(c);
        return false;
    }
    memset(&out, 0, sizeof out);
    bool understood = trk_ctl_decode(buf, (size_t)n, &in) == 0;
    out.correlation = in.correlation;
    if (understood) {
        handle(c, &in, fd, &out, &gift);
    } else {
        acknowledge(&out, -EPROTO, 0);
        if (fd >= 0)
            trk_nowait_close(fd);
    }
    bool sent = send_answer(c, &out, &gift);
    if (!sent || !understood)
        drop(c);
    return sent && understood;
}

static void client_ready(struct trk_watch *w, uint32_t events)
{
    struct control_client *c = TRK_HEAP_OBJECT(w, struct control_client, watch);
    (void)events;
    c->s->last_ns = c->heard_ns = trk_loop_now_ns(c->s->d->loop);
    for (unsigned i = 0; i < MESSAGES_MAX; i++)
        if (!serve(c))
            return;
}

/* ---- accepting ---- */

static int start(struct trk_control *s, int fd)
{
    struct control_client *c = calloc(1, sizeof *c);
    socklen_t len = sizeof c->cred;
    if (c == NULL)
        return -ENOMEM;
    c->s = s;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->cred, &len) != 0 ||
        trk_loop_watch(s->d->loop, &c->watch, fd, EPOLLIN, client_ready) != 0) {
        free(c);
        return -ENOMEM;
    }
    c->next = s->clients;
    c->pprev = &s->clients;
    if (c->next != NULL)
        c->next->pprev = &c->next;
    s->clients = c;
    s->count++;
    client_ready(&c->watch, EPOLLIN); /* its first message is there already, as a rule */
    return 0;
}

/* A question takes no time: whoever has been silent for longest only keeps others out. */
static void make_room(struct trk_control *s)
{
    struct control_client *oldest = NULL;
    for (struct control_client *c = s->clients; c != NULL; c = c->next)
        if (c->service == NULL && (oldest == NULL || c->heard_ns < oldest->heard_ns))
            oldest = c;
    if (oldest != NULL)
        drop(oldest);
}

static void pause_accepting(struct trk_control *s)
{
    trk_loop_rewatch(s->d->loop, &s->watch, 0);
    trk_loop_arm(s->d->loop, &s->resume, trk_loop_now_ns(s->d->loop) + STARVED_MS * UINT64_C(1000000));
}

static void resume_accepting(struct trk_timer *t)
{
    struct trk_control *s = TRK_HEAP_OBJECT(t, struct trk_control, resume);
    trk_loop_rewatch(s->d->loop, &s->watch, EPOLLIN);
}

static void accept_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_control *s = TRK_HEAP_OBJECT(w, struct trk_control, watch);
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            trk_daemon_out_of_descriptors(s->d, errno);
            pause_accepting(s);
        }
        if (fd < 0)
            return;
        if (s->count >= TRK_CONTROL_CLIENTS_MAX)
            make_room(s);
        if (start(s, fd) != 0)
            close(fd);
    }
}

struct trk_control *trk_control_new(struct trk_daemon *d, int listen_fd)
{
    struct trk_control *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->d = d;
    s->listen_fd = listen_fd;
    s->resume.fire = resume_accepting;
    s->last_ns = trk_loop_now_ns(d->loop);
    if (trk_loop_watch(d->loop, &s->watch, listen_fd, EPOLLIN, accept_ready) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

void trk_control_free(struct trk_control *s)
{
    if (s == NULL)
        return;
    while (s->clients != NULL)
        drop(s->clients);
    trk_loop_unwatch(s->d->loop, &s->watch);
    trk_loop_arm(s->d->loop, &s->resume, TRK_LOOP_NEVER);
    close(s->listen_fd);
    free(s);
}

uint64_t trk_control_last_ns(const struct trk_control *s)
{
    return s->last_ns;
}
