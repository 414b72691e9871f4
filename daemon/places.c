/* Files and sockets of the daemon: see places.h. */
#include <config.h>

#include "daemon/places.h"

#include "ipc/control.h"
#include "ipc/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* the kernel lowers it to somaxconn */

static void system_places(struct trk_places *p)
{
    snprintf(p->config, sizeof p->config, "%s/trickles/trickled.conf", SYSCONFDIR);
    snprintf(p->secret, sizeof p->secret, "%s/lib/trickles/secret", LOCALSTATEDIR);
    snprintf(p->socket, sizeof p->socket, "/run/trickles/%s", TRK_CTL_SOCKET_NAME);
}

/* $variable, else $HOME/fallback, else `last`; and behind it /trickles/file. */
static void user_place(char *out, const char *variable, const char *fallback, const char *last, const char *file)
{
    const char *base = getenv(variable), *home = getenv("HOME");
    if (base != NULL && base[0] == '/')
        snprintf(out, TRK_PLACES_PATH_BYTES, "%s/trickles/%s", base, file);
    else if (home != NULL && home[0] == '/')
        snprintf(out, TRK_PLACES_PATH_BYTES, "%s/%s/trickles/%s", home, fallback, file);
    else
        snprintf(out, TRK_PLACES_PATH_BYTES, "%s/%s", last, file);
}

void trk_places_init(struct trk_places *p, bool user)
{
    struct trk_locate loc;
    memset(p, 0, sizeof *p);
    if (!user) {
        system_places(p);
        return;
    }
    trk_locate_init(&loc, geteuid());
    user_place(p->config, "XDG_CONFIG_HOME", ".config", loc.own_dir, "trickled.conf");
    user_place(p->secret, "XDG_STATE_HOME", ".local/state", loc.own_dir, "secret");
    snprintf(p->secret_else, sizeof p->secret_else, "%s/secret", loc.own_dir);
    snprintf(p->socket, sizeof p->socket, "%s/%s", loc.own_dir, TRK_CTL_SOCKET_NAME);
}

static int make_directory(const char *path, const struct trk_log *log)
{
    char dir[TRK_PLACES_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    if (mkdir(dir, geteuid() == 0 ? 0755 : 0700) == 0 || errno == EEXIST)
        return 0;
    trk_log(log, TRK_LOG_ERROR, "%s: %s", dir, strerror(errno));
    return -1;
}

static int take_lock(struct trk_places_open *o, const char *control_path, const struct trk_log *log)
{
    const char *slash = strrchr(control_path, '/');
    snprintf(o->lock, sizeof o->lock, "%.*strickled.lock", slash != NULL ? (int)(slash - control_path) + 1 : 0,
             control_path);
    o->lock_fd = open(o->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (o->lock_fd < 0) {
        trk_log(log, TRK_LOG_ERROR, "%s: %s", o->lock, strerror(errno));
        return -1;
    }
    if (flock(o->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    trk_log(log, TRK_LOG_ERROR, "%s: another trickled runs here", o->lock);
    close(o->lock_fd);
    return -1;
}

static int listen_at(const char *path, int type, struct sockaddr_un *addr, const struct trk_log *log)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof addr->sun_path) {
        trk_log(log, TRK_LOG_ERROR, "%s: the path is longer than a socket's may be (%zu bytes)", path,
                sizeof addr->sun_path - 1);
        return -1;
    }
    memcpy(addr->sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlink(path); /* of a daemon that died: we have the lock */
    mode_t old = umask(geteuid() == 0 ? 0111 : 0177);
    if (fd < 0 || bind(fd, (struct sockaddr *)addr, sizeof *addr) != 0 || listen(fd, BACKLOG) != 0) {
        trk_log(log, TRK_LOG_ERROR, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    umask(old);
    return fd;
}

int trk_places_open(struct trk_places_open *o, const char *control_path, const struct trk_log *log)
{
    char data[TRK_PLACES_PATH_BYTES];
    const char *slash = strrchr(control_path, '/');
    memset(o, 0, sizeof *o);
    snprintf(data, sizeof data, "%.*s%s", slash != NULL ? (int)(slash - control_path) + 1 : 0, control_path,
             TRK_CTL_DATA_NAME);
    if (make_directory(control_path, log) != 0 || take_lock(o, control_path, log) != 0)
        return -1;
    /* The data socket first: who sees the control socket may use both. */
    o->data_fd = listen_at(data, SOCK_STREAM, &o->data, log);
    o->control_fd = o->data_fd >= 0 ? listen_at(control_path, SOCK_SEQPACKET, &o->control, log) : -1;
    if (o->control_fd >= 0)
        return 0;
    if (o->data_fd >= 0) {
        close(o->data_fd);
        unlink(data);
    }
    close(o->lock_fd);
    return -1;
}

void trk_places_close(struct trk_places_open *o)
{
    (void)unlink(o->control.sun_path);
    (void)unlink(o->data.sun_path);
    close(o->lock_fd);
}
