/*
 * relay.h: kernel TCP for an application whose peer has no Trickles: bytes between its AF_UNIX end and a TCP socket.
 *
 * Half closes and resets pass both ways. SO_LINGER {1, 0} stands on the TCP socket until both directions have ended
 * well, so that this daemon's death is a reset at the peer, never a clean end.
 */
#ifndef TRK_DAEMON_RELAY_H
#define TRK_DAEMON_RELAY_H

#include "daemon/applink.h"

struct trk_relay_pipe {
    uint8_t *held; /* bytes that the other side did not take yet; NULL: none */
    size_t at, len;
};

struct trk_relay {
    int tcp_fd;
    struct trk_watch watch;
    bool readable, writable; /* edges seen and not used up */
    bool tcp_eof;   /* the peer has ended */
    bool fin_to_tcp, fin_to_app;
    struct trk_relay_pipe to_tcp, to_app;
    uint64_t bytes_to_tcp, bytes_to_app;
};

/* Begins over a connected socket (taken). Returns 0 or -errno (the socket is then still the caller's). */
int trk_relay_start(struct trk_relay *r, struct trk_daemon *d, int tcp_fd,
                    void (*ready)(struct trk_watch *w, uint32_t events)) __attribute__((warn_unused_result));

/* To be called by `ready`. */
void trk_relay_note(struct trk_relay *r, uint32_t events);

enum trk_relay_result {
    TRK_RELAY_WAIT,  /* nothing to do until the next event */
    TRK_RELAY_MORE,  /* its turn is over, there is more: call again soon */
    TRK_RELAY_DONE,  /* both directions have ended well */
    TRK_RELAY_RESET, /* one side is gone: reset the other */
};

/* Moves what can be moved, at most about 1 MiB each way. */
enum trk_relay_result trk_relay_run(struct trk_relay *r, struct trk_applink *l) __attribute__((warn_unused_result));

/* Closes the TCP socket: with a FIN after all bytes if `clean`, else with a reset. */
void trk_relay_stop(struct trk_relay *r, struct trk_daemon *d, bool clean);

#endif
