/* The back end through trickled: not there yet. */
#include <config.h>

#include "mini/backend.h"

#include <errno.h>

int msk_ringside_open(struct msk_back **out, uint16_t port, const struct msk_options *opt)
{
    (void)out;
    (void)port;
    (void)opt;
    return -ECONNREFUSED;
}
