#include <config.h>

#include "trace/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_HEADER_BYTES = 24,
    RECORD_HEADER_BYTES = 16,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    UDP_BYTES = 8,
    LINKTYPE_RAW = 101, /* the packet begins with its IP header */
    TTL = 64,
};

#define MAGIC_NS 0xa1b23c4du

struct trk_pcap {
    int fd;
    bool regular;      /* a file that can be cut; else a FIFO or a device */
    int err;           /* errno that ended the capture; 0: it goes on */
    uint64_t file_max; /* bytes */
    uint64_t file_len; /* bytes written */
    uint64_t taken, dropped;
    trk_pcap_warn_fn *warn;
    void *arg;
    size_t used;        /* of buf */
    size_t first_whole; /* in buf: where the first packet begins that is not written in part */
    uint8_t buf[TRK_PCAP_BUFFER_BYTES];
};

/* ---- made-up headers ---- */

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* The one's complement sum of RFC 1071 over n bytes, added to sum. Only the last part may be odd.
 */
static uint64_t add_sum(uint64_t sum, const uint8_t *p, size_t n)
{
    for (; n > 1; p += 2, n -= 2)
        sum += (uint64_t)p[0] << 8 | p[1];
    return n ? sum + ((uint64_t)p[0] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t put_ipv4(uint8_t *p, const union trk_sockaddr *from, const union trk_sockaddr *to,
                       size_t udp_len)
{
    memset(p, 0, IPV4_BYTES);
    p[0] = 0x45;
    put16(p + 2, IPV4_BYTES + udp_len);
    p[6] = 0x40; /* don't fragment, as the sockets have it */
    p[8] = TTL;
    p[9] = IPPROTO_UDP;
    memcpy(p + 12, &from->in.sin_addr, 4);
    memcpy(p + 16, &to->in.sin_addr, 4);
    put16(p + 10, fold(add_sum(0, p, IPV4_BYTES)));
    return IPV4_BYTES;
}

static size_t put_ipv6(uint8_t *p, const union trk_sockaddr *from, const union trk_sockaddr *to,
                       size_t udp_len)
{
    memset(p, 0, IPV6_BYTES);
    p[0] = 0x60;
    put16(p + 4, udp_len);
    p[6] = IPPROTO_UDP;
    p[7] = TTL;
    memcpy(p + 8, &from->in6.sin6_addr, 16);
    memcpy(p + 24, &to->in6.sin6_addr, 16);
    return IPV6_BYTES;
}

/* addresses: source and destination as they lie in the IP header, for the pseudo header. */
static void put_udp(uint8_t *p, uint16_t from_port, uint16_t to_port, size_t udp_len,
                    const uint8_t *addresses, size_t addresses_len)
{
    put16(p, from_port);
    put16(p + 2, to_port);
    put16(p + 4, udp_len);
    put16(p + 6, 0);
    uint64_t sum = add_sum(IPPROTO_UDP + udp_len, addresses, addresses_len);
    uint16_t check = fold(add_sum(sum, p, udp_len));
    put16(p + 6, check ? check : 0xffff); /* 0 would mean "none" */
}

/* ---- the file ---- */

/* Where the last whole packet of the first n bytes of buf ends; first_whole if none does. */
static size_t whole_within(const struct trk_pcap *p, size_t n)
{
    size_t at = p->first_whole;
    for (;;) {
        uint32_t len;
        if (at + RECORD_HEADER_BYTES > n)
            return at;
        memcpy(&len, p->buf + at + 8, sizeof len);
        if (len > n - at - RECORD_HEADER_BYTES)
            return at;
        at += RECORD_HEADER_BYTES + len;
    }
}

static void end(struct trk_pcap *p, int err)
{
    p->err = err;
    p->used = 0;
    if (p->warn)
        p->warn(p->arg, err);
}

/* Packets of buf from `at` on will not be written. */
static void uncount(struct trk_pcap *p, size_t at)
{
    while (at < p->used) {
        uint32_t len;
        memcpy(&len, p->buf + at + 8, sizeof len);
        at += RECORD_HEADER_BYTES + len;
        p->taken--;
        p->dropped++;
    }
}

/* A write failed for good, n bytes of buf are in the file: the file must end after a packet. */
static void end_after(struct trk_pcap *p, size_t n, int err)
{
    size_t whole = whole_within(p, n);
    uncount(p, whole);
    if (p->regular && ftruncate(p->fd, (off_t)(p->file_len - (n - whole))) < 0)
        err = errno; /* the file ends in half a packet: say this instead */
    end(p, err);
}

void trk_pcap_flush(struct trk_pcap *p)
{
    size_t done = 0;
    int err = 0;
    while (!p->err && done < p->used && err == 0) {
        ssize_t n = write(p->fd, p->buf + done, p->used - done);
        if (n > 0) {
            done += (size_t)n;
            p->file_len += (uint64_t)n;
        } else if (errno != EINTR) {
            err = errno;
        }
    }
    if (p->err)
        return;
    if (err && err != EAGAIN) {
        end_after(p, done, err);
        return;
    }
    size_t whole = whole_within(p, done);
    if (whole < done) { /* the rest of a packet begun stays in front */
        uint32_t len;
        memcpy(&len, p->buf + whole + 8, sizeof len);
        whole += RECORD_HEADER_BYTES + len;
    }
    p->first_whole = whole > done ? whole - done : 0;
    p->used -= done;
    memmove(p->buf, p->buf + done, p->used);
}

/* Room for one more record of n bytes: writes if need be. False: this packet is dropped. */
static bool make_room(struct trk_pcap *p, size_t n)
{
    if (p->err)
        return false;
    if (n > sizeof p->buf - p->used)
        trk_pcap_flush(p);
    if (p->err || n > sizeof p->buf - p->used)
        return false;
    if (p->file_len + p->used + n <= p->file_max)
        return true;
    trk_pcap_flush(p);
    if (!p->err)
        end(p, EFBIG);
    return false;
}

void trk_pcap_write(struct trk_pcap *p, const union trk_sockaddr *from,
                    const union trk_sockaddr *to, const uint8_t *data, size_t len_bytes,
                    uint64_t wall_ns)
{
    bool v4 = from->sa.sa_family == AF_INET;
    size_t ip_len = v4 ? IPV4_BYTES : IPV6_BYTES, udp_len = UDP_BYTES + len_bytes;
    size_t room = v4 ? 65535 - IPV4_BYTES : 65535;
    if (from->sa.sa_family != to->sa.sa_family || (!v4 && from->sa.sa_family != AF_INET6) ||
        len_bytes > room - UDP_BYTES || !make_room(p, RECORD_HEADER_BYTES + ip_len + udp_len)) {
        p->dropped++;
        return;
    }
    uint32_t len = (uint32_t)(ip_len + udp_len);
    const uint32_t head[4] = {(uint32_t)(wall_ns / 1000000000u), (uint32_t)(wall_ns % 1000000000u),
                              len, len};
    uint8_t *at = p->buf + p->used;
    memcpy(at, head, sizeof head);
    at += sizeof head;
    uint8_t *udp = at + (v4 ? put_ipv4 : put_ipv6)(at, from, to, udp_len);
    if (len_bytes)
        memcpy(udp + UDP_BYTES, data, len_bytes);
    put_udp(udp, trk_sockaddr_port(from), trk_sockaddr_port(to), udp_len, v4 ? at + 12 : at + 8,
            v4 ? 8 : 32);
    p->used += sizeof head + len;
    p->taken++;
}

void trk_pcap_write_train(struct trk_pcap *p, const union trk_sockaddr *from,
                          const union trk_sockaddr *to, const uint8_t *data, size_t len_bytes,
                          size_t segment_bytes, uint64_t wall_ns)
{
    size_t at = 0;
    do {
        size_t n = len_bytes - at < segment_bytes ? len_bytes - at : segment_bytes;
        trk_pcap_write(p, from, to, data + at, n, wall_ns);
        at += n;
    } while (at < len_bytes);
}

void trk_pcap_counts(const struct trk_pcap *p, uint64_t *taken, uint64_t *dropped)
{
    *taken = p->taken;
    *dropped = p->dropped;
}

static int write_file_header(struct trk_pcap *p)
{
    const uint16_t version[2] = {2, 4};
    const uint32_t magic = MAGIC_NS, rest[4] = {0, 0, TRK_PCAP_SNAP_BYTES, LINKTYPE_RAW};
    memcpy(p->buf, &magic, sizeof magic);
    memcpy(p->buf + 4, version, sizeof version);
    memcpy(p->buf + 8, rest, sizeof rest);
    ssize_t n = write(p->fd, p->buf, FILE_HEADER_BYTES);
    if (n != FILE_HEADER_BYTES)
        return n < 0 ? -errno : -ENOSPC;
    p->file_len = FILE_HEADER_BYTES;
    return 0;
}

int trk_pcap_open(struct trk_pcap **out, const char *path, uint64_t max_bytes,
                  trk_pcap_warn_fn *warn, void *arg)
{
    struct trk_pcap *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->warn = warn;
    p->arg = arg;
    p->file_max = max_bytes ? max_bytes : TRK_PCAP_MAX_BYTES_DEFAULT;
    p->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    struct stat st = {0};
    int r = p->fd < 0 || fstat(p->fd, &st) < 0 ? -errno : write_file_header(p);
    if (r < 0) {
        if (p->fd >= 0)
            close(p->fd);
        free(p);
        return r;
    }
    p->regular = S_ISREG(st.st_mode);
    *out = p;
    return 0;
}

int trk_pcap_close(struct trk_pcap *p)
{
    if (!p)
        return 0;
    trk_pcap_flush(p);
    int r = -p->err;
    if (close(p->fd) < 0 && r == 0)
        r = -errno;
    free(p);
    return r;
}
