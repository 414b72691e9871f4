/*
 * serve.h: what the examples share: their options, and the loop.
 */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <trickles/minisocket.h>

/* A program, and where it serves: zero what has no other value. */
struct serve {
    const char *program; /* for messages */
    const char *help;
    uint16_t port;
    void (*rest)(void); /* after each batch of events; may be NULL */
    struct msk_options options;
};

/* What serve_options() knows, for the help text. */
#define SERVE_HELP                                                                                 \
    "  -p, --port N           service port; needed\n"                                              \
    "  -a, --address ADDRESS  serve at this address only\n"                                        \
    "  -S, --shared           let other processes serve the same port\n"                           \
    "  -s, --socket PATH      the daemon's control socket\n"                                       \
    "  -e, --embedded         without a daemon: the engine runs in this process\n"                 \
    "  -u, --udp-port N       embedded: UDP port\n"                                                \
    "  -k, --secret FILE      embedded: secret, made if missing; needed to outlive a restart\n"    \
    "  -h, --help             show this\n"

/* An option of the program's own. */
struct serve_own {
    char letter;
    const char *name;
    const char **value; /* where its argument goes */
};

/* Takes the options, the program's own among them (own ends with a letter 0), and sees that there
 * are so many operands, which are then the last in argv. Ends the program where that is wrong, and
 * at --help. */
void serve_options(struct serve *s, int argc, char **argv, const struct serve_own *own,
                   int operands);
/* Ends the program with its help text: it was not called right. */
_Noreturn void serve_usage(const struct serve *s);

/*
 * Handles one event: describes what follows from its continuation and request, and ends with
 * msk_drop(), msk_reset() or msk_detach(). It must answer from what the event holds alone: the
 * event before may have been another process's.
 */
typedef void serve_handler(int fd, const struct msk_event *ev);

/* Listens; prints a line when it does; without a port, serve_usage(). The service's descriptor, or
 * -1 after a message. */
int serve_listen(const struct serve *s);

/* Takes what events wait and has them handled. False after a message: the service is at its end. */
bool serve_events(const struct serve *s, int fd, serve_handler *handle);

/* Listens and serves for ever. Returns the exit status of a program that could not. */
int serve(const struct serve *s, serve_handler *handle);

/* Whether the event asks for any of the stream's bytes [off, off + len). */
bool serve_asked(const struct msk_event *ev, uint64_t off, uint64_t len);

#endif
