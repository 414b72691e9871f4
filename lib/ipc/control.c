/* Codec of the control messages: see control.h. One list of fields per message serves both
 * directions, so that encoder and decoder cannot disagree. */
#include <config.h>

#include "ipc/control.h"

#include <errno.h>
#include <string.h>

#define HEADER_BYTES 16u

/* A place in a message that is being written (`out` set) or read (`in` set). Faults are sticky. */
struct pass {
    uint8_t *out;
    const uint8_t *in;
    size_t pos;
    int is_bad;
};

static void pass_bytes(struct pass *p, uint8_t *field, size_t len)
{
    if (p->out != NULL) {
        memcpy(p->out + p->pos, field, len);
    } else if (p->in != NULL) {
        memcpy(field, p->in + p->pos, len);
    }
    p->pos += len;
}

static uint64_t pass_uint(struct pass *p, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    pass_bytes(p, bytes, len);
    value = 0;
    for (size_t i = len; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static void pass_u8(struct pass *p, uint8_t *field)
{
    *field = (uint8_t)pass_uint(p, *field, 1);
}

static void pass_u16(struct pass *p, uint16_t *field)
{
    *field = (uint16_t)pass_uint(p, *field, 2);
}

static void pass_u32(struct pass *p, uint32_t *field)
{
    *field = (uint32_t)pass_uint(p, *field, 4);
}

static void pass_i32(struct pass *p, int32_t *field)
{
    *field = (int32_t)(uint32_t)pass_uint(p, (uint32_t)*field, 4);
}

static void pass_u64(struct pass *p, uint64_t *field)
{
    *field = pass_uint(p, *field, 8);
}

static void pass_reserved(struct pass *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (pass_uint(p, 0, 1) != 0) {
            p->is_bad = 1;
        }
    }
}

static void pass_addr(struct pass *p, struct trk_ipc_addr *addr)
{
    static const uint8_t zero[16];
    pass_u8(p, &addr->family);
    pass_reserved(p, 1);
    pass_u16(p, &addr->port);
    pass_u16(p, &addr->scope);
    pass_reserved(p, 2);
    pass_bytes(p, addr->ip, sizeof addr->ip);
    size_t used = addr->family == 6 ? 16 : addr->family;
    if ((addr->family != 0 && addr->family != 4 && addr->family != 6) ||
        memcmp(addr->ip + used, zero, 16 - used) != 0 || (addr->family != 6 && addr->scope != 0) ||
        (addr->family == 0 && addr->port != 0)) {
        p->is_bad = 1;
    }
}

static void pass_option(struct pass *p, struct trk_ctl_option *option)
{
    pass_u64(p, &option->id);
    pass_i32(p, &option->level);
    pass_i32(p, &option->name);
    pass_u8(p, &option->value_bytes);
    pass_reserved(p, 7);
    pass_bytes(p, option->value, sizeof option->value);
    if (option->value_bytes > TRK_CTL_VALUE_MAX_BYTES) {
        p->is_bad = 1;
        return;
    }
    for (size_t i = option->value_bytes; i < TRK_CTL_VALUE_MAX_BYTES; i++) {
        if (option->value[i] != 0) {
            p->is_bad = 1;
        }
    }
}

static void pass_info_reply(struct pass *p, struct trk_ctl_info_reply *info)
{
    pass_u32(p, &info->error_no);
    pass_u8(p, &info->state);
    pass_u8(p, &info->is_tcp);
    pass_reserved(p, 2);
    pass_addr(p, &info->local);
    pass_addr(p, &info->remote);
    uint32_t *figures[] = {&info->rtt_us,    &info->rttvar_us,     &info->min_rtt_us,
                           &info->rto_us,    &info->cwnd_pkts,     &info->ssthresh_pkts,
                           &info->mss_bytes, &info->in_flight_pkts};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        pass_u32(p, figures[i]);
    }
    pass_u64(p, &info->bytes_acked);
    pass_u64(p, &info->bytes_received);
    pass_u64(p, &info->bytes_retrans);
    pass_u64(p, &info->outq_bytes);
    pass_u32(p, &info->retrans_pkts);
    pass_u32(p, &info->lost_pkts);
    pass_u32(p, &info->pkts_out);
    pass_u32(p, &info->pkts_in);
    if (info->state > TRK_CTL_CONN_LISTENING || info->is_tcp > 1) {
        p->is_bad = 1;
    }
}

static void pass_mini(struct pass *p, struct trk_ctl_msg *msg)
{
    switch ((int)msg->type) {
    case TRK_CTL_MINI_LISTEN:
        pass_u16(p, &msg->u.mini_listen.layout);
        pass_u8(p, &msg->u.mini_listen.flags);
        pass_reserved(p, 5);
        pass_addr(p, &msg->u.mini_listen.local);
        if ((msg->u.mini_listen.flags & ~TRK_CTL_MINI_KNOWN) != 0) {
            p->is_bad = 1;
        }
        break;
    case TRK_CTL_MINI_LISTEN_REPLY:
        pass_u32(p, &msg->u.mini_listen_reply.error_no);
        pass_u16(p, &msg->u.mini_listen_reply.layout);
        pass_reserved(p, 2);
        pass_u32(p, &msg->u.mini_listen_reply.down_bytes);
        pass_u32(p, &msg->u.mini_listen_reply.up_bytes);
        pass_u32(p, &msg->u.mini_listen_reply.slots);
        pass_u32(p, &msg->u.mini_listen_reply.detached_max);
        break;
    case TRK_CTL_MINI_EXTRACT:
        pass_u32(p, &msg->u.mini_extract.n);
        pass_u32(p, &msg->u.mini_extract.bytes);
        pass_u64(p, &msg->u.mini_extract.cap);
        break;
    case TRK_CTL_MINI_INSTALL:
        pass_u32(p, &msg->u.mini_install.bytes);
        pass_reserved(p, 4);
        break;
    }
}

static void pass_body(struct pass *p, struct trk_ctl_msg *msg)
{
    switch ((int)msg->type) {
    case TRK_CTL_HELLO:
        pass_u32(p, &msg->u.hello.pid);
        pass_reserved(p, 4);
        break;
    case TRK_CTL_HELLO_REPLY:
        pass_u32(p, &msg->u.hello_reply.error_no);
        pass_u32(p, &msg->u.hello_reply.pid);
        pass_u64(p, &msg->u.hello_reply.netns_cookie);
        pass_u32(p, &msg->u.hello_reply.uid);
        pass_u16(p, &msg->u.hello_reply.udp_port);
        pass_reserved(p, 2);
        break;
    case TRK_CTL_ACK:
        pass_u32(p, &msg->u.ack.error_no);
        pass_u32(p, &msg->u.ack.value);
        break;
    case TRK_CTL_BIND:
        pass_u64(p, &msg->u.bind.id);
        pass_u8(p, &msg->u.bind.flags);
        pass_reserved(p, 7);
        pass_addr(p, &msg->u.bind.local);
        break;
    case TRK_CTL_LISTEN:
        pass_u64(p, &msg->u.listen.id);
        pass_i32(p, &msg->u.listen.backlog);
        pass_reserved(p, 4);
        break;
    case TRK_CTL_OPTION:
        pass_option(p, &msg->u.option);
        break;
    case TRK_CTL_SWEEP:
        pass_addr(p, &msg->u.sweep.local);
        break;
    case TRK_CTL_INFO:
        pass_u64(p, &msg->u.info.id);
        break;
    case TRK_CTL_INFO_REPLY:
        pass_info_reply(p, &msg->u.info_reply);
        break;
    case TRK_CTL_STATUS:
        break;
    case TRK_CTL_STATUS_REPLY:
        pass_u32(p, &msg->u.status_reply.error_no);
        pass_reserved(p, 4);
        break;
    default:
        pass_mini(p, msg);
        break;
    }
}

/* Body bytes of a type, -1 where there is no such type. */
static int body_bytes(unsigned type)
{
    switch (type) {
#define TRK_CTL_X(name, number, bytes)                                                             \
    case (number):                                                                                 \
        return (bytes);
        TRK_CTL_TYPES(TRK_CTL_X)
#undef TRK_CTL_X
    default:
        return -1;
    }
}

int trk_ctl_encode(const struct trk_ctl_msg *msg, uint8_t *buf, size_t cap)
{
    struct trk_ctl_msg copy = *msg; /* the fields pass through variables: `msg` stays untouched */
    int body = body_bytes((unsigned)msg->type);
    if (body < 0) {
        return -EINVAL;
    }
    size_t len = HEADER_BYTES + (size_t)body;
    if (cap < len) {
        return -ENOSPC;
    }
    struct pass p = {.out = buf};
    (void)pass_uint(&p, TRK_CTL_MAGIC, 4);
    (void)pass_uint(&p, TRK_CTL_VERSION, 2);
    (void)pass_uint(&p, (unsigned)msg->type, 2);
    pass_u64(&p, &copy.correlation);
    pass_body(&p, &copy);
    return p.is_bad || p.pos != len ? -EINVAL : (int)len;
}

int trk_ctl_decode(const uint8_t *buf, size_t len, struct trk_ctl_msg *msg)
{
    memset(msg, 0, sizeof *msg);
    if (len < HEADER_BYTES) {
        return -EPROTO;
    }
    struct pass p = {.in = buf};
    uint64_t magic = pass_uint(&p, 0, 4);
    uint64_t version = pass_uint(&p, 0, 2);
    unsigned type = (unsigned)pass_uint(&p, 0, 2);
    if (magic != TRK_CTL_MAGIC) {
        return -EPROTO;
    }
    uint64_t correlation = pass_uint(&p, 0, 8);
    int body = body_bytes(type);
    if (version == TRK_CTL_VERSION && body >= 0 && len == HEADER_BYTES + (size_t)body) {
        msg->type = (enum trk_ctl_type)type;
        pass_body(&p, msg);
        if (!p.is_bad) {
            msg->correlation = correlation;
            return 0;
        }
    }
    memset(msg, 0, sizeof *msg);
    msg->correlation = correlation;
    return -EPROTO;
}

const char *trk_ctl_type_name(enum trk_ctl_type type)
{
    switch (type) {
#define TRK_CTL_X(name, number, bytes)                                                             \
    case (number):                                                                                 \
        return #name;
        TRK_CTL_TYPES(TRK_CTL_X)
#undef TRK_CTL_X
    default:
        return "?";
    }
}
