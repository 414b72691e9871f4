/*
 * minis.h: stateless services (libminisocket's): who serves which port, their rings, their events and answers.
 *
 * A service is a process with a control connection (MINI_LISTEN) and a pair of rings (ipc/ring.h). An event that is
 * handed out takes a slot (slots.h); its answer, from the ring, is checked, turned into packets by core/mini.h, and
 * sent with payload borrowed from the ring: the ring's room is given back after the flush. Nothing is kept for a
 * connection: all memory is there when a service registers.
 *
 * A service whose process is gone (its control connection ends) is forgotten at once, with its slots: what it has not
 * answered is answered with AWAY, and clients ask again until somebody serves. A process that writes what the library
 * never would is cut off, and nobody else notices.
 *
 * minis.c: registry | minis_event.c: way in | minis_answer.c: way out | minis_move.c: events from and to elsewhere.
 */
#ifndef TRK_DAEMON_MINIS_H
#define TRK_DAEMON_MINIS_H

#include "core/handed.h"
#include "daemon/port.h"
#include "daemon/slots.h"
#include "ipc/control.h"
#include "ipc/minirec.h"
#include "ipc/ringmem.h"

#include <sys/types.h>

enum {
    TRK_MINIS_MAX = 64,             /* services: each costs about 12 MiB */
    TRK_MINIS_PER_USER_MAX = 16,    /* of a user who is neither root nor the daemon's own */
    TRK_MINIS_SLOTS = 4096,         /* events that an application has; minisocket-detached-max come on top */
    TRK_MINIS_DOWN_BYTES = 1 << 20, /* ring of events: some 5,000 small ones */
    TRK_MINIS_UP_BYTES = 4 << 20,   /* ring of answers: some 60 trains */
    TRK_MINIS_INSTALLED_MAX = 1024, /* bundles remembered, so that none is installed twice */
};

struct trk_minis;

struct trk_service {
    struct trk_task task; /* answers left over; first: trk_loop_defer_free writes here */
    struct trk_minis *all;
    struct trk_service *next; /* in the registry */
    struct trk_watch watch;   /* the doorbell */
    struct trk_ringmem memory;
    struct trk_ring down, up;
    struct trk_slots slots;
    union trk_sockaddr local; /* port included */
    bool v6only, shared, want_new;
    bool cut;       /* no longer in the registry: misbehaved */
    bool wake;      /* events were written in this round */
    bool borrowed;  /* answers were read in this round: to be given back after the flush */
    int tcp_fd;     /* reserves the port */
    int control_fd; /* borrowed */
    uid_t uid;
    pid_t pid;
    uint64_t events, answers;
    uint64_t full; /* requests for whose event there was no room */
    uint64_t late; /* answers to events that were gone */
};

struct trk_minis {
    struct trk_daemon *d;
    struct trk_reasm reasm;
    struct trk_mini core;
    struct trk_handed handed;
    struct trk_flush flush;
    struct trk_service *first;
    unsigned count;
    struct trk_log_limit cut_limit;
    struct {
        uint64_t id, until_us;
    } installed[TRK_MINIS_INSTALLED_MAX];
    struct trk_mini_event event; /* large ones, and there is one thread */
    struct trk_mini_plan plan;
};

/* ---- minis.c ---- */

/* Returns a registry, or NULL (no memory). The server port must be open. */
struct trk_minis *trk_minis_new(struct trk_daemon *d) __attribute__((warn_unused_result));
/* Ends every service. NULL is allowed. */
void trk_minis_free(struct trk_minis *m);
/* Once a second: old soft state goes. */
void trk_minis_tick(struct trk_minis *m);

/*
 * MINI_LISTEN: takes tcp_fd (closed on error as well) and makes *out, owned by the caller, which ends it with
 * trk_minis_end(). control_fd is borrowed: it is shut down if the service misbehaves. Returns 0 or -errno: -EPROTO
 * (another layout), -EINVAL (tcp_fd is no TCP socket of our network, bound to just that, without
 * SO_REUSEADDR and not listening), -EADDRINUSE, -ENOBUFS (TRK_MINIS_MAX, TRK_MINIS_PER_USER_MAX), -ENOMEM, -EMFILE.
 */
int trk_minis_listen(struct trk_minis *m, const struct trk_ctl_mini_listen *listen, int tcp_fd, int control_fd,
                     const struct ucred *who, struct trk_service **out) __attribute__((warn_unused_result));
/* The service's process has gone: all that was its is given back; s is freed at the end of the round. */
void trk_minis_end(struct trk_service *s);
/* It wrote what the library never would: no event for it any more, and its control connection is shut down. */
void trk_minis_cut(struct trk_service *s, const char *why);

/* Does somebody serve this address and port, and is it no other user's listener's? */
bool trk_minis_serve(const struct trk_minis *m, const union trk_sockaddr *local);
/* Who is to get an event that came to this address and port: the most exact address; several at random. NULL: nobody.
 */
struct trk_service *trk_minis_find(const struct trk_minis *m, const union trk_sockaddr *local);

/* ---- minis_event.c ---- */

/* A verified REQUEST of a stateless connection: an event, or an ACK. */
void trk_minis_request(struct trk_minis *m, const struct trk_udp_path *path, const struct trk_request *req);
/* Writes the event in `slot` to s's ring; in: what is to be seen. -EAGAIN (full), -EPROTO (s is cut off). */
int trk_minis_show(struct trk_service *s, const struct trk_slot *slot, uint64_t handle, const struct trk_mini_input *in)
    __attribute__((warn_unused_result));
/* Sends an ACK for a ticket. */
void trk_minis_ack(struct trk_minis *m, const struct trk_ticket *t, enum trk_reason reason,
                   const struct trk_udp_path *path);

/* ---- minis_answer.c ---- */

/* The doorbell: answers are there. */
void trk_minis_ready(struct trk_watch *w, uint32_t events);
/* Goes on with what is left (task of the service). */
void trk_minis_run(struct trk_task *t);
/* After the port's flush: doorbells, and room given back. */
void trk_minis_flush(struct trk_flush *f);

/* ---- minis_move.c ---- */

/* MINI_EXTRACT, fd: the application's memfd (borrowed). Returns a memfd with *bytes sealed bytes (the caller's), or
 * -errno: -EINVAL, -ENOENT (an event is gone), -ENOSPC (above cap), -ENOMEM. */
int trk_minis_extract(struct trk_service *s, const struct trk_ctl_mini_extract *extract, int fd, uint32_t *bytes)
    __attribute__((warn_unused_result));
/* MINI_INSTALL. Returns the number of events, or -errno: -EINVAL, -EBADMSG, -ESTALE, -ENOBUFS, -ENOMEM. */
int trk_minis_install(struct trk_service *s, const struct trk_ctl_mini_install *install, int fd)
    __attribute__((warn_unused_result));

#endif
