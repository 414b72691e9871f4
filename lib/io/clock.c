#include <config.h>

#include "io/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t); /* cannot fail for these two clocks */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t trk_clock_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t trk_clock_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000u;
}

uint64_t trk_clock_wall_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}
