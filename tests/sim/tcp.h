/*
 * tcp.h: a plain TCP Reno in the simulator: the measure for goodput. Stateful sender, SACK (RFC 6675, three later arrivals
 * and the time rule of RFC 8985 for repeats), one cut per recovery, RFC 6298 with at least 200 ms, IW 10, an ACK for two
 * packets or after 40 ms. Counts in whole packets.
 */
#ifndef TRK_SIM_TCP_H
#define TRK_SIM_TCP_H

#include "simlink.h"

/*
 * How long `pkts` packets of packet_bytes (UDP payload, as ours) take from the first to the last in order, over a path of
 * these two directions (data goes down). limit_ns if they do not arrive by then.
 */
uint64_t tcp_time_ns(const struct simlink_conf *down, const struct simlink_conf *up, uint64_t seed, uint64_t pkts,
                     size_t packet_bytes, uint64_t limit_ns, uint64_t *cuts);

#endif
