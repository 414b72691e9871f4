/*
 * serve.h: what the examples share: the options that say where to serve, and the loop.
 */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <trickles/minisocket.h>

/* Where to serve. Zero it, and hand it the options that main() does not know itself. */
struct serve {
    const char *program; /* for messages */
    uint16_t port;
    struct msk_options options;
};

/* For getopt_long(): the letters, the long names, and the help text. */
#define SERVE_LETTERS "p:a:es:u:k:Sh"
#define SERVE_LONG                                                                                 \
    {"port", required_argument, NULL, 'p'}, {"address", required_argument, NULL, 'a'},             \
        {"embedded", no_argument, NULL, 'e'}, {"socket", required_argument, NULL, 's'},            \
        {"udp-port", required_argument, NULL, 'u'}, {"secret", required_argument, NULL, 'k'},      \
        {"shared", no_argument, NULL, 'S'},                                                        \
    {                                                                                              \
        "help", no_argument, NULL, 'h'                                                             \
    }
#define SERVE_HELP                                                                                 \
    "  -p, --port N           service port; needed\n"                                              \
    "  -a, --address ADDRESS  serve at this address only\n"                                        \
    "  -S, --shared           let other processes serve the same port\n"                           \
    "  -s, --socket PATH      the daemon's control socket\n"                                       \
    "  -e, --embedded         without a daemon: the engine runs in this process\n"                 \
    "  -u, --udp-port N       embedded: UDP port\n"                                                \
    "  -k, --secret FILE      embedded: secret, made if missing; needed to outlive a restart\n"    \
    "  -h, --help             show this\n"

/* Takes option c with its argument; 'h' prints help and exits. False: not one of these, or wrong
 * (a message was printed). */
bool serve_option(struct serve *s, int c, const char *argument, const char *help);

/*
 * Handles one event: describes what follows from its continuation and request, and ends with
 * msk_drop(), msk_reset() or msk_detach(). It must answer from what the event holds alone: the
 * event before may have been another process's.
 */
typedef void serve_handler(int fd, const struct msk_event *ev);

/* Listens; prints a line when it does. The service's descriptor, or -1 after a message. */
int serve_listen(const struct serve *s);

/* Takes what events wait and has them handled. False after a message: the service is at its end. */
bool serve_events(const struct serve *s, int fd, serve_handler *handle);

/* Listens and serves for ever. Returns the exit status of a program that could not. */
int serve(const struct serve *s, serve_handler *handle);

/* Whether the event asks for any of the stream's bytes [off, off + len). */
bool serve_asked(const struct msk_event *ev, uint64_t off, uint64_t len);

#endif
