/*
 * applink.h: one application's end of a connection: the AF_UNIX stream between daemon and application, under the rules of
 * ipc/link.h (set-up message, sentinel: one byte always stays unread, so the daemon's death is a reset).
 *
 * Offsets are of the application's stream: its first byte is 0. In the kernel's queue lie [lag bytes that were taken, or
 * belong to the set-up message][bytes taken..end); the lag is never less than one byte.
 *
 * It is watched for bytes and ends; for room only once its buffer has been full, since a reader that keeps up would
 * wake the daemon with every read. So is the daemon's own send buffer enlarged at that time only.
 *
 * Two ways to read: trk_applink_take() copies out and consumes; trk_applink_peek() copies any bytes still queued and
 * trk_applink_release() consumes later. One connection uses one of the two.
 */
#ifndef TRK_DAEMON_APPLINK_H
#define TRK_DAEMON_APPLINK_H

#include "daemon/daemon.h"
#include "ipc/link.h"
#include "ipc/name.h"

#include <sys/socket.h>
#include <sys/uio.h>

struct trk_applink {
    struct trk_daemon *d;
    struct trk_watch watch;
    int fd;  /* -1: closed */
    int dup; /* of the application's end, until it is up or failed; -1: none */
    size_t lag;     /* bytes in the kernel's queue below `taken` */
    uint64_t taken; /* bytes below are consumed (but for the lag) */
    uint64_t end;   /* bytes below are known to be written */
    int peek_at;    /* what SO_PEEK_OFF stands at; -1: not set */
    bool up;        /* the set-up message is gone */
    bool news;      /* something may have been written since `end` was found */
    bool eof;       /* the application writes no more: end is final */
    bool gone;      /* it has closed, or both directions are shut down */
    bool closed;    /* it has closed, to be sure */
    bool finished;  /* we have shut down our direction */
    bool broken;    /* it has closed with bytes unread: a reset */
    bool deaf;      /* it reads no more */
    bool full;      /* its buffer is full: EPOLLOUT will come */
    bool wide;      /* its buffer was full once: enlarged, and EPOLLOUT is watched */
};

/* Takes over fd (connected, non-blocking). d is borrowed. */
void trk_applink_init(struct trk_applink *l, struct trk_daemon *d, int fd);

/* Watches it; `ready` finds the object that l is part of by l->watch. Returns 0 or -errno. Ends with reset and close. */
int trk_applink_watch(struct trk_applink *l, void (*ready)(struct trk_watch *w, uint32_t events))
    __attribute__((warn_unused_result));

/* Notes what epoll says. */
void trk_applink_note(struct trk_applink *l, uint32_t events);

/*
 * Reads the set-up message's name, the duplicate (which an accepting application need not pass), and who sent it
 * (fdpass.h). Returns 0, -EAGAIN, -ECONNRESET (the application is gone), -EPROTO (not our shim).
 */
int trk_applink_read_setup(struct trk_applink *l, struct trk_name *name, struct ucred *who)
    __attribute__((warn_unused_result));

/* Established: sets the result (connecting ends only), enlarges the application's buffer, gives the duplicate up. Returns
 * 0 or -errno. */
int trk_applink_establish(struct trk_applink *l, bool connecting, uint16_t local_port, bool is_tcp)
    __attribute__((warn_unused_result));

/* Failed before it was up: the application's connect gives err (positive errno). Closes. */
void trk_applink_fail(struct trk_applink *l, int err);

/* Brings `end` up to date where there is news. Returns 0 or -errno (the link is of no use then). */
int trk_applink_look(struct trk_applink *l) __attribute__((warn_unused_result));

/*
 * Takes bytes from `taken` on into iov (n at most 2). Returns how many (0: none, or end of file), or -errno. Call
 * trk_applink_look() before. At most three system calls, however many bytes.
 */
long trk_applink_take(struct trk_applink *l, const struct iovec *iov, int n) __attribute__((warn_unused_result));

/* Copies bytes [off, off + len), which lie within [taken, end), to out. Returns 0 or -errno. */
int trk_applink_peek(struct trk_applink *l, uint64_t off, uint8_t *out, size_t len)
    __attribute__((warn_unused_result));
/* Moves bytes [taken, taken + len) to out and consumes them. Returns 0 or -errno. */
int trk_applink_move(struct trk_applink *l, uint8_t *out, size_t len) __attribute__((warn_unused_result));
/* Consumes all below off (at most end), at the latest when it is closed. Returns 0 or -errno. */
int trk_applink_release(struct trk_applink *l, uint64_t off) __attribute__((warn_unused_result));

/*
 * Writes. Returns the bytes taken (0: the buffer is full, or deaf and discarded: see l->deaf), or -errno: -EPIPE when
 * the application is gone. A deaf application takes everything: TCP drops such bytes as well.
 */
long trk_applink_write(struct trk_applink *l, const struct iovec *iov, int n) __attribute__((warn_unused_result));
/* FIN to the application. */
void trk_applink_finish_writing(struct trk_applink *l);

/* A reset to the application (what it has not read yet it can still read first). */
void trk_applink_reset(struct trk_applink *l);
/* A clean end: both directions have ended; consumes the last byte first. */
void trk_applink_close(struct trk_applink *l);

#endif
