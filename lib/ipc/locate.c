/* Finding the daemon and asking it: see locate.h. */
#include <config.h>

#include "ipc/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "ipc/fdpass.h"

#define SYSTEM_DIR "/run/trickles"

/* Append `text` at `*len` of a buffer of `cap` bytes; on overflow *len becomes `cap`. */
static void append(char *buf, size_t cap, size_t *len, const char *text, size_t text_bytes)
{
    if (*len >= cap || text_bytes >= cap - *len) {
        *len = cap;
        return;
    }
    memcpy(buf + *len, text, text_bytes);
    *len += text_bytes;
    buf[*len] = '\0';
}

static int make_path(struct sockaddr_un *addr, const char *dir, size_t dir_bytes, const char *name)
{
    size_t len = 0;
    memset(addr, 0, sizeof *addr);
    addr->sun_family = AF_UNIX;
    append(addr->sun_path, sizeof addr->sun_path, &len, dir, dir_bytes);
    append(addr->sun_path, sizeof addr->sun_path, &len, "/", 1);
    append(addr->sun_path, sizeof addr->sun_path, &len, name, strlen(name));
    return len < sizeof addr->sun_path ? 0 : -ENAMETOOLONG;
}

static void add_place(struct trk_locate *loc, const char *dir, const char *control, int is_private)
{
    struct trk_locate_place *place = &loc->places[loc->count];
    size_t dir_bytes = strlen(dir);
    place->is_private = is_private;
    if (make_path(&place->control, dir, dir_bytes, control) == 0 &&
        make_path(&place->data, dir, dir_bytes, TRK_CTL_DATA_NAME) == 0) {
        loc->count++;
    }
}

/* TRICKLES_SOCKET: any path; the data socket is its neighbour. */
static void add_fixed(struct trk_locate *loc, const char *path)
{
    char dir[sizeof((struct sockaddr_un *)0)->sun_path];
    const char *slash = strrchr(path, '/');
    size_t dir_bytes = slash != NULL ? (size_t)(slash - path) : 1;
    if (dir_bytes >= sizeof dir) {
        return;
    }
    memcpy(dir, slash != NULL ? path : ".", dir_bytes);
    dir[dir_bytes] = '\0';
    add_place(loc, dir, slash != NULL ? slash + 1 : path, 0);
}

static void set_own_dir(struct trk_locate *loc, const char *runtime_dir, uid_t uid)
{
    size_t len = 0;
    if (runtime_dir != NULL && runtime_dir[0] == '/') {
        append(loc->own_dir, sizeof loc->own_dir, &len, runtime_dir, strlen(runtime_dir));
        append(loc->own_dir, sizeof loc->own_dir, &len, "/trickles", 9);
    } else {
        char digits[12];
        size_t at = sizeof digits;
        unsigned value = uid;
        do {
            digits[--at] = (char)('0' + value % 10);
            value /= 10;
        } while (value != 0);
        append(loc->own_dir, sizeof loc->own_dir, &len, "/tmp/trickles-", 14);
        append(loc->own_dir, sizeof loc->own_dir, &len, digits + at, sizeof digits - at);
    }
    if (len >= sizeof loc->own_dir) {
        loc->own_dir[0] = '\0';
    }
}

void trk_locate_fixed(struct trk_locate *loc, const char *path)
{
    memset(loc, 0, sizeof *loc);
    loc->is_fixed = 1;
    add_fixed(loc, path);
}

void trk_locate_init(struct trk_locate *loc, uid_t uid)
{
    const char *fixed = getenv("TRICKLES_SOCKET");
    if (fixed != NULL && fixed[0] != '\0') {
        trk_locate_fixed(loc, fixed);
        return;
    }
    memset(loc, 0, sizeof *loc);
    set_own_dir(loc, getenv("XDG_RUNTIME_DIR"), uid);
    add_place(loc, SYSTEM_DIR, TRK_CTL_SOCKET_NAME, 0);
    if (loc->own_dir[0] != '\0') {
        add_place(loc, loc->own_dir, TRK_CTL_SOCKET_NAME, 1);
    }
}

/* Who may listen there: root, the user, and who owns the directory; where the directory must be the
 * user's own (anyone can make one in /tmp), nobody else may even write into it. */
static int check_trust(int sock, const struct trk_locate_place *place, uid_t uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    char dir[sizeof place->control.sun_path];
    struct stat st;
    if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return -errno;
    }
    memcpy(dir, place->control.sun_path, sizeof dir);
    char *slash = strrchr(dir, '/');
    if (slash == NULL || lstat((*slash = '\0', dir), &st) != 0) {
        return -EPERM;
    }
    int is_owned =
        st.st_uid == uid || st.st_uid == 0; /* root's: a server that gave up privileges */
    if (place->is_private && (!S_ISDIR(st.st_mode) || !is_owned || (st.st_mode & 022) != 0)) {
        return -EPERM;
    }
    return peer.uid == 0 || peer.uid == uid || peer.uid == st.st_uid ? 0 : -EPERM;
}

int trk_locate_connect(const struct trk_locate_place *place, int data, uid_t uid)
{
    const struct sockaddr_un *addr = data ? &place->data : &place->control;
    struct timeval limit = {.tv_sec = TRK_CTL_TIMEOUT_MS / 1000,
                            .tv_usec = TRK_CTL_TIMEOUT_MS % 1000 * 1000};
    int sock = socket(AF_UNIX, (data ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return -errno;
    }
    int rc = 0;
    if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        connect(sock, (const struct sockaddr *)addr, sizeof *addr) != 0) {
        rc = -errno;
    } else {
        rc = check_trust(sock, place, uid);
    }
    if (rc != 0) {
        close(sock);
        return rc;
    }
    return sock;
}

static void close_all(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
        fds[i] = -1;
    }
}

int trk_locate_ask_many(int sock, const struct trk_ctl_msg *request, int fd,
                        struct trk_ctl_msg *answer, int *fds, unsigned max)
{
    uint8_t buf[TRK_CTL_MAX_BYTES];
    for (unsigned i = 0; i < max; i++) {
        fds[i] = -1;
    }
    int len = trk_ctl_encode(request, buf, sizeof buf);
    if (len < 0) {
        return len;
    }
    ssize_t n = trk_fdpass_send(sock, buf, (size_t)len, fd, 0);
    if (n >= 0) {
        n = trk_fdpass_recv_many(sock, buf, sizeof buf, fds, max, 0);
    }
    if (n <= 0) {
        return n == 0 || n == -EPIPE ? -ECONNRESET : n == -EAGAIN ? -ETIMEDOUT : (int)n;
    }
    int rc = trk_ctl_decode(buf, (size_t)n, answer);
    if (rc == 0 && answer->correlation != request->correlation) {
        rc = -EPROTO;
    }
    if (rc != 0) {
        close_all(fds, max);
    }
    return rc;
}

int trk_locate_ask(int sock, const struct trk_ctl_msg *request, int fd, struct trk_ctl_msg *answer,
                   int *fd_out)
{
    int got_fd = -1;
    int rc = trk_locate_ask_many(sock, request, fd, answer, &got_fd, 1);
    if (fd_out != NULL && rc == 0) {
        *fd_out = got_fd;
    } else if (got_fd >= 0) {
        close(got_fd);
    }
    return rc;
}
