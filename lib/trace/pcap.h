/*
 * pcap.h: writes a packet capture that tcpdump, Wireshark and libpcap open.
 *
 * The daemon moves UDP payloads, not frames: IPv4 or IPv6 and UDP headers are made up around each
 * datagram (correct lengths and checksums, so that a dissector has nothing to complain about).
 * Nanosecond pcap, LINKTYPE_RAW (101).
 *
 * Writing never disturbs the daemon: packets are gathered in memory and written in large pieces;
 * the first error (a full disk, a file grown past its bound) ends the capture, is told once through
 * the warn function, and later packets are counted as dropped. The file then ends after a whole
 * packet. A file that cannot be written at once (a pipe whose reader sleeps) loses packets instead
 * of time; a descriptor is put in non-blocking mode for that.
 *
 * Not thread-safe.
 */
#ifndef TRK_TRACE_PCAP_H
#define TRK_TRACE_PCAP_H

#include "base/sockaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRK_PCAP_SNAP_BYTES = 65535 + 40,  /* the largest datagram with its headers is never cut */
    TRK_PCAP_BUFFER_BYTES = 512 << 10, /* gathered before a write; at least one largest packet */
};

#define TRK_PCAP_MAX_BYTES_DEFAULT                                                                 \
    ((uint64_t)1 << 32) /* 4 GiB: a forgotten capture must not fill a disk */

struct trk_pcap;

/* Told once when the capture ends early: err > 0 is errno (EFBIG: max_bytes reached). */
typedef void trk_pcap_warn_fn(void *arg, int err);

/*
 * Creates (or truncates) the file at path, mode 0600, and writes the file header. max_bytes: size
 * at which the capture stops, 0 for TRK_PCAP_MAX_BYTES_DEFAULT. warn may be NULL. *out is owned by
 * the caller. Returns 0 or -errno.
 */
int trk_pcap_open(struct trk_pcap **out, const char *path, uint64_t max_bytes,
                  trk_pcap_warn_fn *warn, void *arg) __attribute__((warn_unused_result));

/*
 * Adds one datagram. from and to: both AF_INET or both AF_INET6 (else it is counted as dropped).
 * wall_ns: nanoseconds since 1970. Never blocks for longer than one write(2) to a file takes.
 * Nothing after an early end.
 */
void trk_pcap_write(struct trk_pcap *p, const union trk_sockaddr *from,
                    const union trk_sockaddr *to, const uint8_t *data, size_t len_bytes,
                    uint64_t wall_ns);

/* Adds every datagram of a train (segment_bytes each, the last may be shorter). */
void trk_pcap_write_train(struct trk_pcap *p, const union trk_sockaddr *from,
                          const union trk_sockaddr *to, const uint8_t *data, size_t len_bytes,
                          size_t segment_bytes, uint64_t wall_ns);

/* Writes what is gathered; call it now and then (once a second) so that a reader sees a live
 * capture. */
void trk_pcap_flush(struct trk_pcap *p);

/* Packets written (or gathered), and packets dropped. */
void trk_pcap_counts(const struct trk_pcap *p, uint64_t *written, uint64_t *dropped);

/* Flushes, closes and frees. NULL is allowed. Returns 0, or -errno of the error that ended the
 * capture. */
int trk_pcap_close(struct trk_pcap *p);

#endif
