/* See tag.h. */
#include <config.h>

#include "tag.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "real.h"

#define MAGIC 0x54726bull /* "Trk" in the top 24 bits */

uint64_t trk_tag_pack(const struct trk_tag *tag)
{
    return MAGIC << 40 | (uint64_t)tag->state << 32 | tag->bits;
}

int trk_tag_unpack(uint64_t value, struct trk_tag *tag)
{
    unsigned state = (unsigned)(value >> 32 & 0xff);
    if (value >> 40 != MAGIC || state > TRK_TAG_ACCEPTED) {
        return -EINVAL;
    }
    tag->state = (enum trk_tag_state)state;
    tag->bits = (uint32_t)value;
    return 0;
}

int trk_tag_get(int fd, struct trk_tag *tag)
{
    int kept_errno = errno;
    uint64_t value = 0;
    socklen_t len = sizeof value;
    int is_ours = trk_real.getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &value, &len) == 0 &&
                  len == sizeof value && trk_tag_unpack(value, tag) == 0;
    errno = kept_errno;
    return is_ours;
}

int trk_tag_set(int fd, const struct trk_tag *tag)
{
    uint64_t value = trk_tag_pack(tag);
    return trk_real.setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &value, sizeof value) == 0
               ? 0
               : -errno;
}
