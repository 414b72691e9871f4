/* The loop of the examples: see serve.h. */
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 64 };

static bool take_port(const struct serve *s, const char *argument, uint16_t *port)
{
    char *end;
    long n = strtol(argument, &end, 10);
    if (end == argument || *end != '\0' || n < 1 || n > 65535) {
        fprintf(stderr, "%s: a port is a number from 1 to 65535, not '%s'\n", s->program, argument);
        return false;
    }
    *port = (uint16_t)n;
    return true;
}

bool serve_option(struct serve *s, int c, const char *argument, const char *help)
{
    switch (c) {
    case 'p':
        return take_port(s, argument, &s->port);
    case 'u':
        return take_port(s, argument, &s->options.udp_port);
    case 'a':
        s->options.local = argument;
        return true;
    case 's':
        s->options.socket_path = argument;
        return true;
    case 'k':
        s->options.secret_path = argument;
        return true;
    case 'e':
        s->options.backend = MSK_EMBEDDED;
        return true;
    case 'S':
        s->options.flags |= MSK_SHARED;
        return true;
    case 'h':
        exit(fputs(help, stdout) < 0 || fflush(stdout) != 0);
    default:
        fprintf(stderr, "Try: %s --help\n", s->program);
        return false;
    }
}

int serve_listen(const struct serve *s)
{
    if (s->port == 0) {
        fprintf(stderr, "%s: --port is missing; try --help\n", s->program);
        return -1;
    }
    int fd = msk_listen(s->port, &s->options);
    if (fd < 0) {
        fprintf(stderr, "%s: port %u: %s\n", s->program, s->port,
                errno == ECONNREFUSED ? "no daemon: start trickled, or use --embedded"
                                      : strerror(errno));
        return -1;
    }
    printf("%s: serving at port %u\n", s->program, s->port);
    fflush(stdout);
    return fd;
}

bool serve_events(const struct serve *s, int fd, serve_handler *handle)
{
    struct msk_event events[EVENTS_MAX];
    int n = msk_events(fd, events, EVENTS_MAX);
    for (int i = 0; i < n; i++)
        handle(fd, &events[i]);
    if (n >= 0)
        return true;
    fprintf(stderr, "%s: %s\n", s->program, strerror(errno));
    return errno == ECONNRESET; /* the library goes on as soon as there is a daemon again */
}

int serve(const struct serve *s, serve_handler *handle)
{
    int fd = serve_listen(s);
    if (fd < 0)
        return EXIT_FAILURE;
    do {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, msk_timeout(fd));
    } while (serve_events(s, fd, handle));
    return EXIT_FAILURE;
}

bool serve_asked(const struct msk_event *ev, uint64_t off, uint64_t len)
{
    for (unsigned i = 0; i < ev->n_ranges; i++) {
        const struct msk_range *r = &ev->range[i];
        if (r->off < off + len && off < r->off + r->len)
            return true;
    }
    return false;
}
