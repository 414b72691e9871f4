/*
 * party.h: what every connection and listener has in common: an id in its name, an owner, and something to tell about
 * itself (INFO, STATUS, options).
 */
#ifndef TRK_DAEMON_PARTY_H
#define TRK_DAEMON_PARTY_H

#include "daemon/daemon.h"
#include "ipc/control.h"

#include <sys/types.h>

struct trk_party_facts {
    const char *role;      /* "connect", "accept", "listen": static */
    const char *transport; /* "trickles", "tcp", "undecided": static */
    const char *why;       /* why TCP; NULL otherwise: static */
    bool stateless;        /* trickles, to a service that keeps nothing of it */
    struct trk_ctl_info_reply info;
};

struct trk_party {
    struct trk_party *next, **pprev; /* in d->parties */
    uint64_t id;                     /* of its name */
    uid_t uid;
    pid_t pid; /* who made it (SO_PEERCRED); 0: not known */
    void (*tell)(struct trk_party *p, struct trk_party_facts *facts);
    /* Takes in what tells who owns it, if that waits unread; may end the connection. May be NULL. */
    void (*catch_up)(struct trk_party *p);
    /* SO_LINGER {1,0} was set (or unset): the application's close is a reset. May be NULL. */
    void (*set_abortive)(struct trk_party *p, bool on);
};

/* Enters p (id, tell and set_abortive set) in the daemon's list and index. -ENOMEM; -EEXIST: the id is taken. */
int trk_party_add(struct trk_daemon *d, struct trk_party *p) __attribute__((warn_unused_result));
/* Takes p out; one that was never added is left alone. */
void trk_party_remove(struct trk_daemon *d, struct trk_party *p);
struct trk_party *trk_party_find(const struct trk_daemon *d, uint64_t id);

#endif
