/*
 * keys.h: the cluster secret and the instance id of this daemon: loaded at start, turned once a minute.
 */
#ifndef TRK_DAEMON_KEYS_H
#define TRK_DAEMON_KEYS_H

#include "daemon/daemon.h"

/* Can a secret be kept at path? Makes the folder where it is not there; it must be nobody else's. */
bool trk_keys_can_keep(const char *path);

/*
 * Loads the secret at path (made first if it is not there and `may_create`) and the instance id (conf.instance, else the
 * file "instance" beside the secret), and sets up d->server. Errors are logged. Returns 0 or -1.
 */
int trk_keys_load(struct trk_daemon *d, const char *path, bool may_create) __attribute__((warn_unused_result));
/* Turns the ratchet where it is time to. */
void trk_keys_tick(struct trk_daemon *d);
void trk_keys_free(struct trk_daemon *d);

#endif
