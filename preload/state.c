/* What a descriptor of ours is, read from the kernel. See shim.h. */
#include <config.h>

#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "ipc/fdpass.h"
#include "shim.h"

int trk_state_open(int flags, const struct trk_tag *tag)
{
    int fd = trk_real.socket(AF_UNIX, SOCK_STREAM | flags, 0);
    if (fd < 0) {
        return -errno;
    }
    int rc = trk_tag_set(fd, tag);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    return fd;
}

uint64_t trk_state_new_id(void)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof id, GRND_NONBLOCK) != (ssize_t)sizeof id) {
        /* Early boot. The kernel refuses a name that exists, so this need not be unguessable. */
        struct timespec ts;
        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        id = (uint64_t)ts.tv_sec << 50 ^ (uint64_t)ts.tv_nsec << 20 ^ (uint64_t)getpid();
    }
    return id != 0 ? id : 1;
}

int trk_state_name(int fd, int own, struct trk_name *name)
{
    struct sockaddr_un un;
    socklen_t len = sizeof un;
    int rc = own ? trk_real.getsockname(fd, (struct sockaddr *)&un, &len)
                 : trk_real.getpeername(fd, (struct sockaddr *)&un, &len);
    return rc == 0 ? trk_name_from_sockaddr(&un, len, name) : -EINVAL;
}

void trk_state_refresh(int fd, struct trk_tag *tag, struct trk_link_result *result)
{
    struct trk_link_result got = {.state = TRK_LINK_NONE};
    if (tag->state == TRK_TAG_CONNECTING || tag->state == TRK_TAG_CONNECTED) {
        (void)trk_link_get_result(fd, &got);
    }
    if (tag->state == TRK_TAG_CONNECTING && got.state == TRK_LINK_UP) {
        tag->state = TRK_TAG_CONNECTED;
        (void)trk_tag_set(fd, tag);
        if ((tag->bits & TRK_TAG_LINGER0) != 0) {
            trk_state_tell_linger(fd, tag);
        }
    }
    if (result != NULL) {
        *result = got;
    }
}

/* An address of a bound-then-connected socket, from the store. */
static int stored_addr(int fd, int which, struct trk_ipc_addr *addr)
{
    struct trk_store store;
    const struct trk_store_entry *e;
    if (trk_store_load(fd, &store) != 0 ||
        (e = trk_store_find(&store, TRK_STORE_OWN, which)) == NULL || e->len != sizeof *addr) {
        return -ENOTCONN;
    }
    memcpy(addr, e->value, sizeof *addr);
    return 0;
}

int trk_state_local(int fd, const struct trk_tag *tag, struct trk_ipc_addr *local)
{
    struct trk_name name;
    struct trk_tag fresh = *tag;
    struct trk_link_result result;
    memset(local, 0, sizeof *local);
    if (trk_state_name(fd, tag->state != TRK_TAG_ACCEPTED, &name) != 0) {
        return 0; /* nobody bound it: 0.0.0.0:0 */
    }
    *local = name.local;
    if (name.kind == TRK_NAME_BOUND && tag->state != TRK_TAG_LISTENING &&
        trk_ipc_addr_is_any(local)) {
        (void)stored_addr(fd, TRK_STORE_OWN_LOCAL, local);
    }
    if (name.kind != TRK_NAME_CONNECT) {
        return 0;
    }
    trk_state_refresh(fd, &fresh, &result);
    if (result.state == TRK_LINK_UP && result.local_port != 0) {
        local->port = result.local_port;
    } else if (fresh.state == TRK_TAG_CONNECTING) {
        struct trk_ctl_msg ask = {.type = TRK_CTL_INFO, .u.info.id = name.id};
        struct trk_ctl_msg answer;
        if (trk_daemon_ask(&ask, -1, TRK_CTL_INFO_REPLY, &answer) == 0) {
            local->port = answer.u.info_reply.local.port;
        }
    }
    return 0;
}

int trk_state_remote(int fd, const struct trk_tag *tag, struct trk_ipc_addr *remote)
{
    struct trk_name name;
    struct trk_tag fresh = *tag;
    trk_state_refresh(fd, &fresh, NULL);
    if (fresh.state != TRK_TAG_CONNECTED && fresh.state != TRK_TAG_ACCEPTED) {
        return -ENOTCONN;
    }
    if (trk_state_name(fd, fresh.state == TRK_TAG_CONNECTED, &name) != 0) {
        return -ENOTCONN;
    }
    if (name.kind == TRK_NAME_BOUND) {
        return stored_addr(fd, TRK_STORE_OWN_REMOTE, remote);
    }
    *remote = name.remote;
    return 0;
}

uint64_t trk_state_id(int fd, const struct trk_tag *tag)
{
    struct trk_name name;
    return trk_state_name(fd, tag->state != TRK_TAG_ACCEPTED, &name) == 0 ? name.id : 0;
}

int trk_state_give_addr(const struct trk_ipc_addr *addr, const struct trk_tag *tag,
                        struct sockaddr *out, socklen_t *out_len)
{
    struct sockaddr_storage ss;
    if (out_len == NULL || out == NULL) {
        return -EFAULT;
    }
    if ((int)*out_len < 0) {
        return -EINVAL;
    }
    socklen_t len = trk_ipc_addr_to_sockaddr(addr, (tag->bits & TRK_TAG_V6) != 0, &ss);
    memcpy(out, &ss, *out_len < len ? *out_len : len);
    *out_len = len;
    return 0;
}

int trk_state_send_setup(int fd, const struct trk_name *text, size_t len, int passed)
{
    char setup[TRK_LINK_CONNECT_BYTES];
    memset(setup, 0, len);
    int rc = trk_name_format(text, setup);
    if (rc < 0) {
        return rc;
    }
    setup[len - 1] = (char)TRK_LINK_SENTINEL;
    ssize_t n = trk_fdpass_send(fd, setup, len, passed, MSG_DONTWAIT);
    if (n == (ssize_t)len) {
        return 0;
    }
    return n < 0 ? (int)n : -EPIPE;
}

void trk_state_tell_linger(int fd, const struct trk_tag *tag)
{
    struct trk_ctl_msg ask = {.type = TRK_CTL_OPTION};
    struct trk_ctl_msg answer;
    struct linger linger = {0};
    socklen_t len = sizeof linger;
    ask.u.option.id = trk_state_id(fd, tag);
    ask.u.option.level = SOL_SOCKET;
    ask.u.option.name = SO_LINGER;
    ask.u.option.value_bytes = sizeof linger;
    if (ask.u.option.id != 0 &&
        trk_real.getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0) {
        memcpy(ask.u.option.value, &linger, sizeof linger);
        (void)trk_daemon_ask(&ask, -1, TRK_CTL_ACK, &answer);
    }
}
