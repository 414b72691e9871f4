/*
 * clock.h: the two clocks of the daemon. The engine reads none: whoever calls it passes the time
 * in.
 *
 * The calls are the vDSO's (about 25 ns); read once per batch of packets, not once per packet.
 * Thread-safe.
 */
#ifndef TRK_IO_CLOCK_H
#define TRK_IO_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that never goes back (CLOCK_MONOTONIC); for every timer and interval.
 * Never 0. */
uint64_t trk_clock_mono_ns(void);

/* Microseconds since 1970 UTC (CLOCK_REALTIME); for what leaves the host: issue times in
 * continuations. */
uint64_t trk_clock_wall_us(void);

/* The same in nanoseconds; for packet captures. */
uint64_t trk_clock_wall_ns(void);

#endif
