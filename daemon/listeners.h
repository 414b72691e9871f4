/*
 * listeners.h: the applications' bound and listening sockets.
 *
 * An application's listener is two sockets: its own AF_UNIX listener, bound to an L name (ipc/name.h), into which the
 * daemon connects; and the real TCP socket that the application bound and passed to the daemon, on which kernel TCP
 * clients arrive.
 *
 * The TCP socket must not outlive the application's: a tenth of a second after the L name is gone it is closed (the name
 * is tried by binding a throwaway socket to it: EADDRINUSE proves that it is alive), at once when the process that
 * registered it ends or a client asks for it, and on demand (trk_listeners_sweep).
 */
#ifndef TRK_DAEMON_LISTENERS_H
#define TRK_DAEMON_LISTENERS_H

#include "base/sockaddr.h"
#include "daemon/party.h"
#include "ipc/name.h"

enum { TRK_LISTENERS_TEST_MS = 100 };

struct trk_listener {
    struct trk_party party;
    struct trk_daemon *d;
    struct trk_listener *next;      /* of the same port */
    struct trk_listener *test_next; /* ring of all: existence tests go round */
    struct trk_listener *test_prev;
    struct trk_name name; /* the L name */
    union trk_sockaddr local;
    bool listening;
    uint64_t alive_ns; /* the round in which its name was last seen to be in use */
    int tcp_fd; /* -1: none */
    int pidfd;  /* of the process that registered it; -1: none */
    struct trk_watch pid_watch;

    struct trk_watch tcp_watch; /* accept_tcp.c, these four */
    struct trk_timer tcp_retry;
    int tcp_waiting_fd; /* accepted, and the application's queue is full; -1: none */
    unsigned tcp_tries;
};

/* Returns a registry or NULL (no memory). */
struct trk_listeners *trk_listeners_new(struct trk_daemon *d) __attribute__((warn_unused_result));
/* Closes every TCP socket. NULL is allowed. */
void trk_listeners_free(struct trk_listeners *ls);

/*
 * BIND: takes tcp_fd (closed on error as well). Returns 0 or -errno: -EINVAL (tcp_fd is no TCP socket of our
 * network, bound to just what bind says), -EEXIST, -ENOMEM, -ENOBUFS (listeners_max).
 */
int trk_listeners_bind(struct trk_listeners *ls, const struct trk_ctl_bind *bind, int tcp_fd, uid_t uid, pid_t pid)
    __attribute__((warn_unused_result));
/* LISTEN. Returns 0 or -errno: -ENOENT, -EPERM, what listen(2) gave. */
int trk_listeners_listen(struct trk_listeners *ls, uint64_t id, int backlog, uid_t uid)
    __attribute__((warn_unused_result));
/* A running listener found at start-up: as bind and listen, tcp_fd -1 allowed. */
int trk_listeners_adopt(struct trk_listeners *ls, const struct trk_name *name, int tcp_fd, uid_t uid)
    __attribute__((warn_unused_result));
/*
 * The TCP socket of a bound id whose application now connects: the id is no longer a listener's, the caller owns the
 * descriptor. -ENOENT, -EPERM.
 */
int trk_listeners_take(struct trk_listeners *ls, uint64_t id, uid_t uid) __attribute__((warn_unused_result));

/* Closes what belongs to local's port and is gone. Returns how many. */
unsigned trk_listeners_sweep(struct trk_listeners *ls, const union trk_sockaddr *local);

/*
 * Who serves Trickles clients at this address and port: the most exact address first; several with equal addresses
 * (SO_REUSEPORT) by `spread`. NULL if nobody.
 */
struct trk_listener *trk_listeners_find(const struct trk_listeners *ls, const union trk_sockaddr *local,
                                        uint64_t spread);

/* Is l's application there still? If not, l is closed (and freed at the end of the round). One system call. */
bool trk_listeners_test(struct trk_listeners *ls, struct trk_listener *l);

/* Does anybody serve Trickles clients at this address and port, tested now? Who is gone is closed. */
bool trk_listeners_serve(struct trk_listeners *ls, const union trk_sockaddr *local) __attribute__((warn_unused_result));

/* How many there are; how many listen. */
unsigned trk_listeners_count(const struct trk_listeners *ls);

/*
 * Connects into the application's listener under an S or T name. Returns a descriptor (non-blocking) and the id of the
 * new name, or -errno: -EAGAIN (its queue is full), -ECONNREFUSED (gone, or somebody else's now), -EMFILE, ...
 */
int trk_listener_connect(struct trk_listener *l, enum trk_name_kind kind, const union trk_sockaddr *local,
                         const union trk_sockaddr *remote, uint64_t *id) __attribute__((warn_unused_result));

#endif
