/*
 * link_corrupt.h: damage to a packet as a bad wire does it. Pure.
 */
#ifndef TRK_TESTS_LINK_CORRUPT_H
#define TRK_TESTS_LINK_CORRUPT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Flips one bit, chosen by random, behind the IP header of pkt (IPv4 or IPv6 without extension
 * headers), so that the receiver's checksum fails. With fix_checksum the bit lies behind the TCP or
 * UDP header and the checksum is repaired, so that the damage reaches the receiving program; a
 * packet that is neither, or has no payload, is left alone. Returns 1 if a bit was flipped, else 0.
 */
int trk_link_corrupt(uint8_t *pkt, size_t len, uint64_t random, int fix_checksum);

#endif
