/* Starting the user's own daemon. See shim.h.
 *
 * The application must not notice: no SIGCHLD, nothing for its wait() to find, no descriptor, no
 * lock of the C library. So: clone() with no exit signal (such a child is seen by __WCLONE waits
 * only), which forks again and leaves, so that the daemon is nobody's child. Both do only system
 * calls. */
#include <config.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "shim.h"

#define WAIT_MS     3000
#define ENVIRON_MAX 512
#define PATH_BYTES  (sizeof((struct trk_locate *)0)->own_dir + 16)

extern char **environ;

static const char *daemon_path(void)
{
    const char *path = getenv("TRICKLES_DAEMON");
    return path != NULL ? path : SBINDIR "/trickled";
}

/* The daemon must not be hooked by the library that starts it. */
static void copy_environ(char **out)
{
    size_t n = 0;
    for (char **e = environ; *e != NULL && n + 1 < ENVIRON_MAX; e++) {
        if (strncmp(*e, "LD_PRELOAD=", 11) != 0) {
            out[n++] = *e;
        }
    }
    out[n] = NULL;
}

static void reset_signals(void)
{
    sigset_t none;
    struct sigaction plain;
    memset(&plain, 0, sizeof plain);
    plain.sa_handler = SIG_DFL;
    for (int sig = 1; sig < NSIG; sig++) {
        (void)sigaction(sig, &plain, NULL);
    }
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child's child: become the daemon, which says to the file log what it has to say. Does not
 * return. */
static void become_daemon(const char *path, char **env, const char *log)
{
    char name[] = "trickled";
    char arg[] = "--user";
    char *argv[] = {name, arg, NULL};
    int null = open("/dev/null", O_RDWR);
    int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0600);
    for (int fd = 0; null >= 0 && fd < 3; fd++) {
        (void)dup2(fd == 2 && out >= 0 ? out : null, fd);
    }
    (void)trk_real.syscall(SYS_close_range, 3u, ~0u, 0u);
    (void)!chdir("/");
    reset_signals();
    (void)execve(path, argv, env);
    _exit(127);
}

/* Start it detached. Returns its process id or -errno. */
static pid_t start(const char *path, const char *log)
{
    static char *env[ENVIRON_MAX];
    int report[2];
    pid_t daemon = -1;
    if (access(path, X_OK) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        return -errno;
    }
    copy_environ(env);
    pid_t child = (pid_t)trk_real.syscall(SYS_clone, 0ul, 0ul, 0ul, 0ul, 0ul);
    if (child == 0) {
        (void)setsid();
        pid_t inner =
            (pid_t)trk_real.syscall(SYS_clone, (unsigned long)SIGCHLD, 0ul, 0ul, 0ul, 0ul);
        if (inner == 0) {
            become_daemon(path, env, log);
        }
        (void)!write(report[1], &inner, sizeof inner);
        _exit(0);
    }
    close(report[1]);
    if (child < 0 || read(report[0], &daemon, sizeof daemon) != (ssize_t)sizeof daemon) {
        daemon = -1;
    }
    close(report[0]);
    if (child > 0) {
        while (waitpid(child, NULL, (int)__WCLONE) < 0 && errno == EINTR) {
        }
    }
    return daemon > 0 ? daemon : -EAGAIN;
}

static int answers(const struct trk_locate *loc)
{
    int sock = trk_locate_connect(&loc->places[loc->count - 1], 0, geteuid());
    if (sock < 0) {
        return 0;
    }
    close(sock);
    return 1;
}

static int elapsed_ms(const struct timespec *from)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)((now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000);
}

/* Until the socket answers, the process ends or the time is over: events of the directory and the
 * process, no polling (but for the moment between bind and listen, which makes no event). */
static int await(const struct trk_locate *loc, pid_t daemon)
{
    struct timespec from;
    int rc = -ETIMEDOUT;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int process = (int)trk_real.syscall(SYS_pidfd_open, daemon, 0);
    (void)inotify_add_watch(watch, loc->own_dir, IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
    for (int spent = 0; spent < WAIT_MS; spent = elapsed_ms(&from)) {
        struct pollfd fds[2] = {{.fd = watch, .events = POLLIN}, {.fd = process, .events = POLLIN}};
        char events[1024];
        if (answers(loc)) {
            rc = 0;
            break;
        }
        if (poll(fds, 2, 20) > 0 && fds[1].revents != 0) {
            rc = answers(loc) ? 0 : -ECHILD; /* it ended; perhaps another one was there first */
            break;
        }
        while (read(watch, events, sizeof events) > 0) {
        }
    }
    close(watch);
    close(process);
    return rc;
}

static void name_in(char out[PATH_BYTES], const struct trk_locate *loc, const char *name)
{
    size_t len = strlen(loc->own_dir);
    memcpy(out, loc->own_dir, len);
    memcpy(out + len, name, strlen(name) + 1);
}

int trk_spawn_daemon(const struct trk_locate *loc)
{
    char lock_path[PATH_BYTES], log_path[PATH_BYTES];
    struct stat st;
    const char *path = daemon_path();
    if (loc->own_dir[0] == '\0' || path[0] != '/' || access(path, X_OK) != 0) {
        return -ENOENT;
    }
    if (mkdir(loc->own_dir, 0700) != 0 && errno != EEXIST) {
        return -errno;
    }
    if (lstat(loc->own_dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 022) != 0) {
        return -EPERM;
    }
    name_in(lock_path, loc, "/start.lock");
    name_in(log_path, loc, "/trickled.log");
    int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        return -errno;
    }
    int rc = 0;
    while (flock(lock, LOCK_EX) != 0) { /* held for at most WAIT_MS by whoever starts it now */
        if (errno != EINTR) {
            rc = -errno;
            break;
        }
    }
    if (rc == 0 && !answers(loc)) {
        pid_t daemon = start(path, log_path);
        rc = daemon < 0 ? (int)daemon : await(loc, daemon);
        if (rc != 0) {
            trk_trace("daemon: %s may say why it did not start", log_path);
        }
    }
    close(lock);
    return rc;
}
