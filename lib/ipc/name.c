/* Names of shimmed sockets: see name.h. */
#include <config.h>

#include "ipc/name.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define PREFIX       "trk1/"
#define PREFIX_BYTES 5u

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int is_link_local(const uint8_t ip[16])
{
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static char *put_hex(char *at, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        *at++ = "0123456789abcdef"[value >> (4 * (i - 1)) & 15];
    }
    return at;
}

/* Reading: `at` moves on, a fault is sticky as at = NULL. */
struct text {
    const char *at;
    const char *end;
};

static void fail(struct text *t)
{
    t->at = NULL;
}

static void take_char(struct text *t, char want)
{
    if (t->at == NULL || t->at == t->end || *t->at != want) {
        fail(t);
        return;
    }
    t->at++;
}

static uint64_t take_hex(struct text *t, unsigned digits)
{
    uint64_t value = 0;
    if (t->at == NULL || (size_t)(t->end - t->at) < digits) {
        fail(t);
        return 0;
    }
    for (unsigned i = 0; i < digits; i++) {
        char c = *t->at++;
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            fail(t);
            return 0;
        }
    }
    return value;
}

static char *put_addr(char *at, const struct trk_ipc_addr *addr)
{
    if (addr->family == 0) {
        *at++ = '-';
        return at;
    }
    size_t len = addr->family == 6 ? 16 : 4;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = addr->ip[i];
        if (addr->family == 6 && is_link_local(addr->ip) && (i == 2 || i == 3)) {
            byte = (uint8_t)(i == 2 ? addr->scope >> 8 : addr->scope);
        }
        at = put_hex(at, byte, 2);
    }
    *at++ = ':';
    return put_hex(at, addr->port, 4);
}

static void take_addr(struct text *t, struct trk_ipc_addr *addr)
{
    if (t->at != NULL && t->at < t->end && *t->at == '-') {
        t->at++;
        return;
    }
    /* The colon says which family it is: after 8 digits, or after 32. */
    size_t rest = t->at != NULL ? (size_t)(t->end - t->at) : 0;
    size_t len = rest > 8 && t->at[8] == ':' ? 4 : 16;
    for (size_t i = 0; i < len; i++) {
        addr->ip[i] = (uint8_t)take_hex(t, 2);
    }
    take_char(t, ':');
    addr->port = (uint16_t)take_hex(t, 4);
    addr->family = len == 4 ? 4 : 6;
    if (addr->family == 6 && is_link_local(addr->ip)) {
        addr->scope = (uint16_t)(addr->ip[2] << 8 | addr->ip[3]);
        addr->ip[2] = addr->ip[3] = 0;
    }
}

static int kind_is_known(int kind)
{
    return kind == TRK_NAME_CONNECT || kind == TRK_NAME_BOUND || kind == TRK_NAME_STREAM ||
           kind == TRK_NAME_TCP;
}

static int family_is_known(uint8_t family)
{
    return family == 0 || family == 4 || family == 6;
}

int trk_name_format(const struct trk_name *name, char *text)
{
    if (!kind_is_known(name->kind) || name->id == 0 || !family_is_known(name->local.family) ||
        !family_is_known(name->remote.family)) {
        return -EINVAL;
    }
    char *at = text;
    memcpy(at, PREFIX, PREFIX_BYTES);
    at += PREFIX_BYTES;
    *at++ = (char)name->kind;
    *at++ = '/';
    at = put_hex(at, name->id, 16);
    *at++ = '/';
    at = put_hex(at, name->flags, 2);
    *at++ = '/';
    at = put_addr(at, &name->local);
    *at++ = '/';
    at = put_addr(at, &name->remote);
    *at = '\0';
    return (int)(at - text);
}

int trk_name_parse(const char *text, size_t len, struct trk_name *name)
{
    struct text t = {.at = text, .end = text + len};
    memset(name, 0, sizeof *name);
    if (len < PREFIX_BYTES + 2 || memcmp(text, PREFIX, PREFIX_BYTES) != 0 ||
        !kind_is_known(text[PREFIX_BYTES])) {
        return -EINVAL;
    }
    name->kind = (uint8_t)text[PREFIX_BYTES];
    t.at += PREFIX_BYTES + 1;
    take_char(&t, '/');
    name->id = take_hex(&t, 16);
    take_char(&t, '/');
    name->flags = (uint8_t)take_hex(&t, 2);
    take_char(&t, '/');
    take_addr(&t, &name->local);
    take_char(&t, '/');
    take_addr(&t, &name->remote);
    if (t.at != t.end || name->id == 0) {
        memset(name, 0, sizeof *name);
        return -EINVAL;
    }
    return 0;
}

int trk_name_to_sockaddr(const struct trk_name *name, struct sockaddr_un *addr, socklen_t *len)
{
    memset(addr, 0, sizeof *addr);
    addr->sun_family = AF_UNIX;
    int text_bytes = trk_name_format(name, addr->sun_path + 1);
    if (text_bytes < 0) {
        return text_bytes;
    }
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)text_bytes);
    return 0;
}

int trk_name_from_sockaddr(const struct sockaddr_un *addr, socklen_t len, struct trk_name *name)
{
    size_t head = offsetof(struct sockaddr_un, sun_path) + 1;
    if (len < head || len > sizeof *addr || addr->sun_family != AF_UNIX ||
        addr->sun_path[0] != '\0') {
        memset(name, 0, sizeof *name);
        return -EINVAL;
    }
    return trk_name_parse(addr->sun_path + 1, len - head, name);
}

int trk_ipc_addr_from_sockaddr(struct trk_ipc_addr *addr, const struct sockaddr *sa, socklen_t len)
{
    memset(addr, 0, sizeof *addr);
    if (len < sizeof sa->sa_family) {
        return -EINVAL;
    }
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        if (len < sizeof in) {
            return -EINVAL;
        }
        memcpy(&in, sa, sizeof in);
        addr->family = 4;
        addr->port = ntohs(in.sin_port);
        memcpy(addr->ip, &in.sin_addr, 4);
        return 0;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        /* The kernel takes the address without its scope (RFC 2133) as well: 24 bytes. */
        if (len < offsetof(struct sockaddr_in6, sin6_scope_id)) {
            return -EINVAL;
        }
        memset(&in6, 0, sizeof in6);
        memcpy(&in6, sa, len < sizeof in6 ? len : sizeof in6);
        addr->family = 6;
        addr->port = ntohs(in6.sin6_port);
        memcpy(addr->ip, &in6.sin6_addr, 16);
        if (is_link_local(addr->ip)) {
            addr->scope = (uint16_t)in6.sin6_scope_id;
            addr->ip[2] = addr->ip[3] = 0; /* where the name carries the scope; zero by RFC 4291 */
        }
        return 0;
    }
    return -EAFNOSUPPORT;
}

socklen_t trk_ipc_addr_to_sockaddr(const struct trk_ipc_addr *addr, int v6,
                                   struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (v6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
        if (addr->family == 6) {
            memcpy(&in6.sin6_addr, addr->ip, 16);
            in6.sin6_scope_id = addr->scope;
        } else if (addr->family == 4) {
            memcpy(&in6.sin6_addr, mapped_prefix, sizeof mapped_prefix);
            memcpy((uint8_t *)&in6.sin6_addr + sizeof mapped_prefix, addr->ip, 4);
        }
        memcpy(out, &in6, sizeof in6);
        return sizeof in6;
    }
    struct trk_ipc_addr plain = *addr;
    trk_ipc_addr_unmap(&plain);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(plain.port)};
    if (plain.family == 4) {
        memcpy(&in.sin_addr, plain.ip, 4);
    }
    memcpy(out, &in, sizeof in);
    return sizeof in;
}

void trk_ipc_addr_unmap(struct trk_ipc_addr *addr)
{
    if (addr->family == 6 && memcmp(addr->ip, mapped_prefix, sizeof mapped_prefix) == 0) {
        uint8_t v4[4];
        memcpy(v4, addr->ip + sizeof mapped_prefix, 4);
        memset(addr->ip, 0, sizeof addr->ip);
        memcpy(addr->ip, v4, 4);
        addr->family = 4;
        addr->scope = 0;
    }
}

int trk_ipc_addr_is_any(const struct trk_ipc_addr *addr)
{
    static const uint8_t zero[16];
    struct trk_ipc_addr plain = *addr;
    trk_ipc_addr_unmap(&plain);
    return memcmp(plain.ip, zero, sizeof zero) == 0;
}
