/*
 * places.h: where the daemon's files are (defaults by role), its lock, and its two listening unix sockets.
 */
#ifndef TRK_DAEMON_PLACES_H
#define TRK_DAEMON_PLACES_H

#include "base/log.h"

#include <stdbool.h>
#include <sys/un.h>

enum { TRK_PLACES_PATH_BYTES = 512 };

struct trk_places {
    char config[TRK_PLACES_PATH_BYTES]; /* default configuration file; may not exist */
    char secret[TRK_PLACES_PATH_BYTES]; /* default secret; made if it is not there */
    char secret_else[TRK_PLACES_PATH_BYTES]; /* and where that cannot be made: beside a user's socket; "" for the system */
    char socket[TRK_PLACES_PATH_BYTES]; /* default control socket */
};

/* The default places of the system daemon, or of this user's own (environment: XDG_*, HOME). */
void trk_places_init(struct trk_places *p, bool user);

struct trk_places_open {
    int lock_fd;
    int control_fd; /* SOCK_SEQPACKET, listening */
    int data_fd;    /* SOCK_STREAM, listening */
    struct sockaddr_un control, data;
    char lock[TRK_PLACES_PATH_BYTES];
};

/*
 * Makes the directory of the control socket where it is not there (0755 for root, else 0700), takes its lock, and listens
 * at the control socket and at data.sock beside it. Root's sockets may be used by everybody. Errors are logged, among
 * them that another daemon has the lock. Returns 0 or -1.
 */
int trk_places_open(struct trk_places_open *o, const char *control_path, const struct trk_log *log)
    __attribute__((warn_unused_result));

/* Removes the sockets; the lock file stays (who waits for it has it open). Close the services first: the listening
 * descriptors are theirs. */
void trk_places_close(struct trk_places_open *o);

#endif
