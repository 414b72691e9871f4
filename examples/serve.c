/* Options and loop of the examples: see serve.h. */
#include "serve.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 64, OWN_MAX = 4, EXIT_USAGE = 2 };

_Noreturn void serve_usage(const struct serve *s)
{
    fputs(s->help, stderr);
    exit(EXIT_USAGE);
}

static uint16_t port_of(const struct serve *s, const char *argument)
{
    char *end;
    long n = strtol(argument, &end, 10);
    if (end == argument || *end != '\0' || n < 1 || n > 65535) {
        fprintf(stderr, "%s: a port is a number from 1 to 65535, not '%s'\n", s->program, argument);
        exit(EXIT_USAGE);
    }
    return (uint16_t)n;
}

static void take_option(struct serve *s, int c, const char *argument)
{
    switch (c) {
    case 'p':
        s->port = port_of(s, argument);
        break;
    case 'u':
        s->options.udp_port = port_of(s, argument);
        break;
    case 'a':
        s->options.local = argument;
        break;
    case 's':
        s->options.socket_path = argument;
        break;
    case 'k':
        s->options.secret_path = argument;
        break;
    case 'e':
        s->options.backend = MSK_EMBEDDED;
        break;
    case 'S':
        s->options.flags |= MSK_SHARED;
        break;
    case 'h':
        exit(fputs(s->help, stdout) < 0 || fflush(stdout) != 0);
    default:
        fprintf(stderr, "Try: %s --help\n", s->program);
        exit(EXIT_USAGE);
    }
}

void serve_options(struct serve *s, int argc, char **argv, const struct serve_own *own,
                   int operands)
{
    static const struct option common[] = {
        {"port", required_argument, NULL, 'p'},
        {"address", required_argument, NULL, 'a'},
        {"embedded", no_argument, NULL, 'e'},
        {"socket", required_argument, NULL, 's'},
        {"udp-port", required_argument, NULL, 'u'},
        {"secret", required_argument, NULL, 'k'},
        {"shared", no_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct option options[OWN_MAX + sizeof common / sizeof *common];
    char letters[2 * OWN_MAX + sizeof "p:a:es:u:k:Sh"], *end = letters;
    size_t n = 0;
    for (; own[n].letter != 0; n++) {
        assert(n < OWN_MAX);
        options[n] = (struct option){own[n].name, required_argument, NULL, own[n].letter};
        *end++ = own[n].letter;
        *end++ = ':';
    }
    memcpy(options + n, common, sizeof common);
    strcpy(end, "p:a:es:u:k:Sh");
    int c;
    while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        const struct serve_own *o = own;
        while (o->letter != 0 && o->letter != c)
            o++;
        if (o->letter != 0)
            *o->value = optarg;
        else
            take_option(s, c, optarg);
    }
    if (argc - optind != operands)
        serve_usage(s);
}

int serve_listen(const struct serve *s)
{
    if (s->port == 0)
        serve_usage(s);
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
    if (n >= 0 && s->rest != NULL)
        s->rest();
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
