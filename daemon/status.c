/* The state as JSON: see status.h. */
#include <config.h>

#include "daemon/status.h"

#include "daemon/addrs.h"
#include "daemon/minis.h"
#include "daemon/party.h"
#include "daemon/port.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the process asked for last, as a rule: a server's connections follow each other. */
struct program {
    pid_t pid;
    char name[64];
};

static void read_name(struct program *p, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, p->name, sizeof p->name - 1) : 0;
    if (fd >= 0)
        close(fd);
    p->pid = pid;
    p->name[n > 0 ? n : 0] = '\0';
    p->name[strcspn(p->name, "\n")] = '\0';
}

static const char *state_name(uint8_t state)
{
    static const char *const names[] = {"?", "connecting", "up", "closing", "failed", "listening"};
    return names[state < sizeof names / sizeof names[0] ? state : 0];
}

static json_t *address(const struct trk_ipc_addr *a)
{
    char text[TRK_ADDRS_TEXT_BYTES];
    union trk_sockaddr sa = trk_addrs_from_ipc(a);
    return json_string(trk_addrs_text(&sa, text));
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *connection(struct trk_party *p, struct program *program)
{
    struct trk_party_facts f;
    memset(&f, 0, sizeof f);
    p->tell(p, &f);
    if (p->pid != program->pid)
        read_name(program, p->pid);
    const struct trk_ctl_info_reply *i = &f.info;
    json_t *o = json_object();
    json_object_set_new(o, "role", json_string(f.role));
    json_object_set_new(o, "program", json_string(program->name));
    json_object_set_new(o, "pid", number((uint64_t)p->pid));
    json_object_set_new(o, "uid", number(p->uid));
    json_object_set_new(o, "state", json_string(state_name(i->state)));
    json_object_set_new(o, "transport", json_string(f.transport));
    json_object_set_new(o, "stateless", json_boolean(f.stateless));
    json_object_set_new(o, "why", f.why != NULL ? json_string(f.why) : json_null());
    json_object_set_new(o, "local", address(&i->local));
    json_object_set_new(o, "remote", address(&i->remote));
    if (i->state == TRK_CTL_CONN_LISTENING)
        return o;
    json_object_set_new(o, "rtt_us", number(i->rtt_us));
    json_object_set_new(o, "window_pkts", number(i->cwnd_pkts));
    json_object_set_new(o, "packet_bytes", number(i->mss_bytes));
    json_object_set_new(o, "bytes_sent", number(i->bytes_acked));
    json_object_set_new(o, "bytes_received", number(i->bytes_received));
    json_object_set_new(o, "bytes_queued", number(i->outq_bytes));
    json_object_set_new(o, "retransmitted_pkts", number(i->retrans_pkts));
    return o;
}

static json_t *service(const struct trk_service *s, struct program *program)
{
    struct trk_ipc_addr local = trk_addrs_to_ipc(&s->local);
    json_t *o = json_object();
    if (s->pid != program->pid)
        read_name(program, s->pid);
    json_object_set_new(o, "program", json_string(program->name));
    json_object_set_new(o, "pid", number((uint64_t)s->pid));
    json_object_set_new(o, "uid", number(s->uid));
    json_object_set_new(o, "local", address(&local));
    json_object_set_new(o, "shared", json_boolean(s->shared));
    json_object_set_new(o, "events", number(s->events));
    json_object_set_new(o, "answers", number(s->answers));
    json_object_set_new(o, "full", number(s->full));
    json_object_set_new(o, "late", number(s->late));
    json_object_set_new(o, "open", number(s->slots.used));
    json_object_set_new(o, "kept", number(s->slots.kept));
    return o;
}

static json_t *counters(const struct trk_daemon *d)
{
    json_t *o = json_object();
#define X(name, text) json_object_set_new(o, #name, number(d->count.name));
    TRK_COUNTERS(X)
#undef X
    json_object_set_new(o, "ring_bytes", number(d->ring_bytes));
    json_object_set_new(o, "reassembly_bytes", number(d->minis->reasm.bytes));
    json_object_set_new(o, "replay_evictions", number(d->replay.evictions));
    return o;
}

static json_t *drops(const uint64_t *by_reason)
{
    json_t *o = json_object();
    for (int i = 1; i < TRK_ERR_COUNT; i++)
        if (by_reason[i] != 0)
            json_object_set_new(o, trk_err_text(-i), number(by_reason[i]));
    return o;
}

static json_t *udp(struct trk_port *port)
{
    json_t *o = json_object();
    const struct trk_udp_stats *s = trk_port_stats(port);
#define FIELD(name) json_object_set_new(o, #name, number(s->name))
    FIELD(rx_trains), FIELD(rx_pkts), FIELD(rx_bytes), FIELD(rx_kernel_drops), FIELD(rx_errors);
    FIELD(tx_trains), FIELD(tx_pkts), FIELD(tx_bytes), FIELD(tx_again), FIELD(tx_enobufs), FIELD(tx_too_big);
    FIELD(tx_failed), FIELD(tx_overflow);
#undef FIELD
    return o;
}

static json_t *whole(struct trk_daemon *d, uid_t asker)
{
    json_t *o = json_object(), *list = json_array(), *services = json_array(), *sockets = json_object();
    struct program program = {.pid = 0};
    json_object_set_new(o, "version", json_string(PACKAGE_VERSION));
    json_object_set_new(o, "pid", number((uint64_t)getpid()));
    json_object_set_new(o, "port", number(trk_port_number(d->server_port)));
    json_object_set_new(o, "instance", number(d->server.instance));
    json_object_set_new(o, "uptime_s", number((trk_loop_now_ns(d->loop) - d->boot_ns) / 1000000000));
    for (struct trk_party *p = d->parties; p != NULL; p = p->next)
        if (asker == 0 || asker == p->uid)
            json_array_append_new(list, connection(p, &program));
    json_object_set_new(o, "connections", list);
    for (const struct trk_service *s = d->minis->first; s != NULL; s = s->next)
        if (asker == 0 || asker == s->uid)
            json_array_append_new(services, service(s, &program));
    json_object_set_new(o, "services", services);
    json_object_set_new(o, "counters", counters(d));
    json_object_set_new(o, "drops", drops(d->count.drops));
    json_object_set_new(o, "client_drops", drops(d->count.client_drops));
    json_object_set_new(sockets, "server", udp(d->server_port));
    json_object_set_new(sockets, "client", udp(d->client_port));
    json_object_set_new(o, "udp", sockets);
    return o;
}

int trk_status_memfd(struct trk_daemon *d, uid_t asker)
{
    int fd = memfd_create("trickles-status", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    json_t *o = whole(d, asker);
    int rc = o != NULL ? json_dumpfd(o, fd, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : -1;
    json_decref(o);
    if (rc != 0 || write(fd, "\n", 1) != 1 || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -ENOMEM;
    }
    return fd;
}
