/* getsockname(), getpeername(), shutdown(): see shim.h. */
#include <config.h>

#include "shim.h"

int trk_hook_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct trk_tag tag;
    struct trk_ipc_addr local;
    int kept_errno = errno;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.getsockname(fd, addr, len);
    }
    int rc = trk_state_local(fd, &tag, &local);
    if (rc == 0) {
        rc = trk_state_give_addr(&local, &tag, addr, len);
    }
    errno = kept_errno;
    return trk_shim_return(rc);
}

int trk_hook_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct trk_tag tag;
    struct trk_ipc_addr remote;
    int kept_errno = errno;
    trk_shim_enter();
    if (!trk_tag_get(fd, &tag)) {
        return trk_real.getpeername(fd, addr, len);
    }
    int rc = trk_state_remote(fd, &tag, &remote);
    if (rc == 0) {
        rc = trk_state_give_addr(&remote, &tag, addr, len);
    }
    errno = kept_errno;
    return trk_shim_return(rc);
}

int trk_hook_shutdown(int fd, int how)
{
    struct trk_tag tag;
    trk_shim_enter();
    if (trk_tag_get(fd, &tag) && (tag.state == TRK_TAG_FRESH || tag.state == TRK_TAG_FAILED ||
                                  tag.state == TRK_TAG_CLOSED)) {
        return trk_shim_return(how < SHUT_RD || how > SHUT_RDWR ? -EINVAL : -ENOTCONN);
    }
    return trk_real.shutdown(fd, how);
}
