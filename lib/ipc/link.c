/* Result cells: see link.h. */
#include <config.h>

#include "ipc/link.h"

#include <errno.h>
#include <sys/socket.h>

#ifndef SO_INCOMING_CPU
#define SO_INCOMING_CPU 49
#endif

/* A cell: state in bits 31-30 (3 = never written, as the kernel's initial -1), 29 TCP, 23-16 errno,
 * 15-0 port. */
uint32_t trk_link_pack_result(const struct trk_link_result *result)
{
    return (uint32_t)result->state << 30 | (result->is_tcp ? 1u << 29 : 0) |
           ((uint32_t)result->error_no & 0xff) << 16 | result->local_port;
}

struct trk_link_result trk_link_unpack_result(uint32_t cell)
{
    struct trk_link_result result = {.state = TRK_LINK_NONE};
    uint32_t state = cell >> 30;
    if (state == TRK_LINK_UP) {
        result.state = TRK_LINK_UP;
        result.is_tcp = (cell >> 29 & 1) != 0;
        result.local_port = (uint16_t)cell;
    } else if (state == TRK_LINK_FAILED) {
        result.state = TRK_LINK_FAILED;
        result.error_no = (int)(cell >> 16 & 0xff);
    }
    return result;
}

int trk_link_set_result(int fd, const struct trk_link_result *result)
{
    uint32_t cell = trk_link_pack_result(result);
    return setsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cell, sizeof cell) == 0 ? 0 : -errno;
}

int trk_link_get_result(int fd, struct trk_link_result *result)
{
    uint32_t cell = UINT32_MAX;
    socklen_t len = sizeof cell;
    if (getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &cell, &len) != 0) {
        return -errno;
    }
    *result = trk_link_unpack_result(cell);
    return 0;
}
