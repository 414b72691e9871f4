/* From frames to UDP payloads. */
#include <config.h>

#include "conform.h"

#include "core/wire.h"

#include <pcap/pcap.h>
#include <string.h>

enum { UDP = 17, UDP_BYTES = 8, FRAGMENT_BITS = 0x3fff }; /* more fragments, and the offset */

struct datagram {
    struct trk_addr from, to;
    const uint8_t *payload;
    size_t len;
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Bytes before the IP header, or -1 for a link type that is not known. */
static int link_bytes(int link_type)
{
    switch (link_type) {
    case DLT_RAW:
        return 0;
    case DLT_EN10MB:
        return 14;
    case DLT_LINUX_SLL:
        return 16;
    case DLT_LINUX_SLL2:
        return 20;
    default:
        return -1;
    }
}

static void map_v4(uint8_t ip[16], const uint8_t *v4)
{
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    memcpy(ip + 12, v4, 4);
}

/* The length of the IP header of a UDP packet that is no fragment; 0 for everything else. */
static size_t read_ip(const uint8_t *p, size_t len, struct datagram *d)
{
    if (len >= 20 && p[0] >> 4 == 4) {
        size_t head = (p[0] & 15u) * 4u;
        if (head < 20 || p[9] != UDP || (be16(p + 6) & FRAGMENT_BITS))
            return 0;
        map_v4(d->from.ip, p + 12);
        map_v4(d->to.ip, p + 16);
        return head;
    }
    if (len >= 40 && p[0] >> 4 == 6 && p[6] == UDP) {
        memcpy(d->from.ip, p + 8, 16);
        memcpy(d->to.ip, p + 24, 16);
        return 40;
    }
    return 0;
}

static bool read_frame(const uint8_t *p, size_t len, size_t link, struct datagram *d)
{
    if (len < link)
        return false;
    size_t head = read_ip(p + link, len - link, d);
    if (head == 0 || len - link < head + UDP_BYTES)
        return false;
    const uint8_t *udp = p + link + head;
    size_t udp_len = be16(udp + 4);
    if (udp_len < UDP_BYTES || udp_len > len - link - head)
        return false; /* cut short by the capture */
    d->from.port = be16(udp);
    d->to.port = be16(udp + 2);
    d->payload = udp + UDP_BYTES;
    d->len = udp_len - UDP_BYTES;
    return true;
}

static bool wanted(const struct datagram *d, uint16_t port)
{
    if (port)
        return d->from.port == port || d->to.port == port;
    return d->from.port == TRK_PORT_SYSTEM || d->to.port == TRK_PORT_SYSTEM ||
           d->from.port == TRK_PORT_USER || d->to.port == TRK_PORT_USER;
}

int conform_read_file(struct conform *c, const char *path, uint16_t port, char *error,
                      size_t error_size)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *r = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!r) {
        snprintf(error, error_size, "%s", text);
        return -1;
    }
    int link = link_bytes(pcap_datalink(r)), got = PCAP_ERROR;
    if (link < 0) {
        snprintf(error, error_size, "link type %d is not known", pcap_datalink(r));
    } else {
        struct pcap_pkthdr *h;
        const u_char *bytes;
        for (uint64_t n = 1; (got = pcap_next_ex(r, &h, &bytes)) == 1; n++) {
            struct datagram d;
            uint64_t t = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec;
            if (read_frame(bytes, h->caplen, (size_t)link, &d) && wanted(&d, port))
                conform_packet(c, n, t, &d.from, &d.to, d.payload, d.len);
        }
        if (got != PCAP_ERROR_BREAK)
            snprintf(error, error_size, "%s", pcap_geterr(r));
    }
    pcap_close(r);
    return got == PCAP_ERROR_BREAK ? 0 : -1;
}
