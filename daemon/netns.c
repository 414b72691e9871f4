/* Network namespaces: see netns.h. */
#include <config.h>

#include "daemon/netns.h"

#include <sys/socket.h>

uint64_t trk_netns_cookie(int fd)
{
    uint64_t cookie = 0;
#ifdef SO_NETNS_COOKIE
    socklen_t len = sizeof cookie;
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) != 0)
        cookie = 0;
#else
    (void)fd;
#endif
    return cookie;
}

bool trk_netns_is(uint64_t ours, int fd)
{
    return ours != 0 && trk_netns_cookie(fd) == ours;
}
