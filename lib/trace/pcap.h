/*
 * pcap.h: writes a packet capture that tcpdump, Wireshark and libpcap open.
 *
 * The daemon moves UDP payloads, not frames: IPv4 or IPv6 and UDP headers are made up around each
 * datagram (correct lengths and checksums, so that a dissector has nothing to complain about).
 * Nanosecond pcap, LINKTYPE_RAW (101), this machine's byte order.
 *
 * Writing never disturbs the daemon: packets are gathered in memory and written in large pieces.
 * The first error (a full disk, a file that reached its bound) ends the capture: the file is cut
 * behind its last whole packet, the warn function is told once, later packets are counted as
 * dropped. A file that does not take bytes at once (a FIFO whose reader sleeps) loses packets, not
 * time. A FIFO without a reader is an error at open; one whose reader goes away raises SIGPIPE,
 * which the program must ignore.
 *
 * Not thread-safe.
 */
#ifndef TRK_TRACE_PCAP_H
#define TRK_TRACE_PCAP_H

#include "base/sockaddr.h"

#include <stddef.h>
#include <stdint.h>

enum {
    TRK_PCAP_SNAP_BYTES = 65535 + 40,  /* the largest datagram with its headers is never cut */
    TRK_PCAP_BUFFER_BYTES = 512 << 10, /* gathered before a write */
};

/* 4 GiB: a forgotten capture must not fill a disk. */
#define TRK_PCAP_MAX_BYTES_DEFAULT ((uint64_t)1 << 32)

struct trk_pcap;

/* Told once when the capture ends early: err > 0 is errno (EFBIG: max_bytes reached). */
typedef void trk_pcap_warn_fn(void *arg, int err);

/*
 * Creates (or empties) the file at path, mode 0600, and writes the file header. max_bytes: size at
 * which the capture stops, 0 for TRK_PCAP_MAX_BYTES_DEFAULT. warn may be NULL. *out is owned by the
 * caller. Returns 0 or -errno.
 */
int trk_pcap_open(struct trk_pcap **out, const char *path, uint64_t max_bytes,
                  trk_pcap_warn_fn *warn, void *arg) __attribute__((warn_unused_result));

/*
 * Adds one datagram. from and to: both AF_INET or both AF_INET6 (else it is counted as dropped, as
 * is a payload that does not fit a UDP packet). wall_ns: nanoseconds since 1970. At most one
 * write(2) call that does not wait. About 0.3 us and the copy and checksum of the payload.
 */
void trk_pcap_write(struct trk_pcap *p, const union trk_sockaddr *from,
                    const union trk_sockaddr *to, const uint8_t *data, size_t len_bytes,
                    uint64_t wall_ns);

/* Adds every datagram of a train (segment_bytes each, above 0; the last may be shorter). */
void trk_pcap_write_train(struct trk_pcap *p, const union trk_sockaddr *from,
                          const union trk_sockaddr *to, const uint8_t *data, size_t len_bytes,
                          size_t segment_bytes, uint64_t wall_ns);

/* Writes what is gathered. Called about once a second, it lets a reader see a live capture. */
void trk_pcap_flush(struct trk_pcap *p);

/* Packets taken into the capture, and packets dropped. */
void trk_pcap_counts(const struct trk_pcap *p, uint64_t *taken, uint64_t *dropped);

/* Flushes, closes and frees. NULL is allowed. Returns 0, or -errno of what ended the capture. */
int trk_pcap_close(struct trk_pcap *p);

#endif
