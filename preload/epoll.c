/* See epoll.h. */
#include <config.h>

#include "epoll.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "shim.h"

#define PATH_BYTES 40

/* "/proc/self/<what>/<number>" */
static void make_path(char *path, const char *what, const char *number)
{
    size_t len = strlen(what);
    size_t digits = strlen(number);
    memcpy(path, "/proc/self/", 11);
    memcpy(path + 11, what, len);
    path[11 + len] = '/';
    memcpy(path + 12 + len, number, digits + 1);
}

/* The number after `key` in `line`, or 0 if there is none. */
static uint64_t number_after(const char *line, const char *key, int base)
{
    const char *at = strstr(line, key);
    return at != NULL ? strtoull(at + strlen(key), NULL, base) : 0;
}

int trk_epoll_parse_line(const char *line, int fd, struct trk_epoll_registration *out)
{
    if (strncmp(line, "tfd:", 4) != 0 || number_after(line, "tfd:", 10) != (uint64_t)fd) {
        return 0;
    }
    out->events = (uint32_t)number_after(line, "events:", 16);
    out->data = number_after(line, "data:", 16);
    return 1;
}

static void add_line(const char *line, int fd, int epoll_fd, struct trk_epoll_list *list)
{
    struct trk_epoll_registration found = {.epoll_fd = epoll_fd};
    if (list->count < TRK_EPOLL_MAX && trk_epoll_parse_line(line, fd, &found)) {
        list->items[list->count++] = found;
    }
}

/* All lines of one fdinfo; each is some 80 bytes, there may be very many. */
static void read_info(const char *number, int fd, struct trk_epoll_list *list)
{
    char path[PATH_BYTES];
    char buf[4096];
    size_t have = 0;
    ssize_t n;
    make_path(path, "fdinfo", number);
    int info = open(path, O_RDONLY | O_CLOEXEC);
    while (info >= 0 && (n = read(info, buf + have, sizeof buf - 1 - have)) > 0) {
        have += (size_t)n;
        buf[have] = '\0';
        char *line = buf;
        for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            add_line(line, fd, atoi(number), list);
        }
        have = (size_t)(buf + have - line);
        if (have == sizeof buf - 1) { /* no line is that long */
            break;
        }
        memmove(buf, line, have);
    }
    if (info >= 0) {
        close(info);
    }
}

static int is_epoll(const char *number)
{
    static const char want[] = "anon_inode:[eventpoll]";
    char path[PATH_BYTES];
    char target[sizeof want];
    make_path(path, "fd", number);
    ssize_t n = readlink(path, target, sizeof target);
    return n == (ssize_t)sizeof want - 1 && memcmp(target, want, sizeof want - 1) == 0;
}

void trk_epoll_find(int fd, struct trk_epoll_list *list)
{
    struct entry { /* struct linux_dirent64 */
        uint64_t ino;
        int64_t off;
        unsigned short bytes;
        unsigned char type;
        char name[];
    };
    _Alignas(8) char buf[2048];
    long n;
    list->count = 0;
    int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0 && (n = trk_real.syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *e = (const struct entry *)(const void *)(buf + at);
            at += e->bytes;
            if (e->name[0] != '.' && strlen(e->name) < 12 && is_epoll(e->name)) {
                read_info(e->name, fd, list);
            }
        }
    }
    if (dir >= 0) {
        close(dir);
    }
}

void trk_epoll_restore(int fd, const struct trk_epoll_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct epoll_event ev = {.events = list->items[i].events, .data.u64 = list->items[i].data};
        /* Where a duplicate of the old file lives on, its registration is still there under this
         * number, and is another one: both stay, as epoll(7) has it. */
        (void)epoll_ctl(list->items[i].epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    }
}
