#include "link_corrupt.h"

enum { PROTO_TCP = 6, PROTO_UDP = 17, IPV6_HEADER_BYTES = 40 };

/* Where the transport header starts, or 0 if pkt is no IP packet that we understand. */
static size_t transport_offset(const uint8_t *pkt, size_t len, unsigned *proto)
{
    if (len >= 20 && pkt[0] >> 4 == 4) {
        size_t header = (size_t)(pkt[0] & 15) * 4;
        *proto = pkt[9];
        return header >= 20 && header < len ? header : 0;
    }
    if (len > IPV6_HEADER_BYTES && pkt[0] >> 4 == 6) {
        *proto = pkt[6];
        return IPV6_HEADER_BYTES;
    }
    return 0;
}

/* Offset of the payload and of the checksum inside the transport header; payload 0 if there is
 * none. */
static size_t payload_offset(const uint8_t *pkt, size_t len, size_t at, unsigned proto, size_t *sum)
{
    if (proto == PROTO_UDP && len > at + 8) {
        *sum = at + 6;
        return at + 8;
    }
    if (proto == PROTO_TCP && len >= at + 20) {
        size_t header = (size_t)(pkt[at + 12] >> 4) * 4;
        *sum = at + 16;
        return header >= 20 && at + header < len ? at + header : 0;
    }
    return 0;
}

/* RFC 1624, equation 3: the checksum after one 16-bit word of the packet has changed from before to
 * after. */
static void fix_sum(uint8_t *sum, unsigned before, unsigned after)
{
    unsigned old = (unsigned)sum[0] << 8 | sum[1];
    unsigned s = (~old & 0xFFFFu) + (~before & 0xFFFFu) + after;
    s = (s & 0xFFFFu) + (s >> 16);
    s = (s & 0xFFFFu) + (s >> 16);
    s = ~s & 0xFFFFu;
    if (s == 0)
        s = 0xFFFFu; /* zero would mean "no checksum" in UDP; both stand for the same sum */
    sum[0] = (uint8_t)(s >> 8);
    sum[1] = (uint8_t)s;
}

int trk_link_corrupt(uint8_t *pkt, size_t len, uint64_t random, int fix_checksum)
{
    unsigned proto = 0;
    size_t from = transport_offset(pkt, len, &proto), sum = 0;
    if (from == 0)
        return 0;
    size_t start = from;
    if (fix_checksum && (start = payload_offset(pkt, len, from, proto, &sum)) == 0)
        return 0;
    size_t bit = (size_t)(random % ((len - start) * 8));
    size_t byte = start + bit / 8;
    uint8_t mask = (uint8_t)(1u << (bit % 8));
    if (fix_checksum) {
        unsigned shift = (byte - from) % 2 ? 0 : 8; /* which half of its 16-bit word the byte is */
        fix_sum(pkt + sum, (unsigned)pkt[byte] << shift, (unsigned)(pkt[byte] ^ mask) << shift);
    }
    pkt[byte] ^= mask;
    return 1;
}
