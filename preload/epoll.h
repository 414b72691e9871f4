/*
 * Epoll registrations of one descriptor, read from the kernel (/proc/self/fdinfo), so that they can
 * follow when another file must take its number. For the rare paths only: it looks at every
 * descriptor of the process. No allocation. Registrations made by other processes, or through other
 * duplicates, are not seen.
 */
#ifndef TRK_PRELOAD_EPOLL_H
#define TRK_PRELOAD_EPOLL_H

#include <stddef.h>
#include <stdint.h>

#define TRK_EPOLL_MAX 16

struct trk_epoll_registration {
    int epoll_fd;
    uint32_t events;
    uint64_t data;
};

struct trk_epoll_list {
    size_t count;
    struct trk_epoll_registration items[TRK_EPOLL_MAX];
};

/* Which epoll descriptors of this process watch number `fd`? Beyond TRK_EPOLL_MAX, or without
 * /proc: those found. */
void trk_epoll_find(int fd, struct trk_epoll_list *list);

/* Register `fd`, which is another file now, as it was. */
void trk_epoll_restore(int fd, const struct trk_epoll_list *list);

/* Pure: one line of an epoll descriptor's fdinfo. 1 if it is a registration of number `fd`. */
int trk_epoll_parse_line(const char *line, int fd, struct trk_epoll_registration *out);

#endif
