/*
 * minisocket.h: the minisocket API: servers that keep no state for their connections, and clients.
 *
 * A server takes events. Each event is a minisocket: like a socket it names one client and can be
 * sent to; unlike a socket it is gone once the event has been handled. What the server must know to
 * go on travels to the client as a user continuation, sealed, and comes back with the next event.
 * So open connections cost the server nothing, and any server process with the same secret can
 * handle any event.
 *
 * The stream of answers. A connection has one downlink stream of bytes, from offset 0. A user
 * continuation can give the bytes [from, end) of it. An event asks for ranges of the stream; the
 * handler describes the stream from a cursor on, and the library sends of it what was asked for and
 * skips the rest (files are not even read there). So the simplest handler, one that describes its
 * whole answer each time, is right, and one that generates bytes can look at msk_wanted() and stop.
 *
 * Handlers run at least once: an event can come again, here or at another server, with the same
 * user continuation and the same request bytes. From the same continuation the same bytes must
 * follow. minisocket(7) says how to write one that is right.
 *
 * All functions return 0 or a count, or -1 with errno set. Thread-compatible: one thread per
 * descriptor at a time. A descriptor belongs to the process that got it: in a child after fork(2)
 * every call gives EBADF. Source: A. Shieh, A. C. Myers, E. G. Sirer, "A Stateless Approach
 * to Connection-Oriented Protocols", ACM TOCS 2008; what differs from it is said in minisocket(7).
 */
#ifndef TRICKLES_MINISOCKET_H
#define TRICKLES_MINISOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSK_API __attribute__((visibility("default")))

/* Most bytes of a user continuation, and of request bytes that one event can show. */
#define MSK_UCONT_MAX_BYTES   400
#define MSK_REQUEST_MAX_BYTES 65536
/* Ranges of one event. */
#define MSK_RANGES_MAX 32
/* Offset not known; the cursor. */
#define MSK_UNKNOWN UINT64_MAX
#define MSK_HERE    (UINT64_MAX - 1)

/* Names one event at one service descriptor; never 0. */
typedef uint64_t msk_t;

/* ---- services ---- */

enum msk_backend {
    MSK_AUTO = 0, /* the daemon; $MSK_BACKEND (daemon, embedded) overrides */
    MSK_DAEMON,   /* through trickled: a ring of events mapped by both */
    MSK_EMBEDDED, /* engine and UDP socket in this process */
};

enum msk_listen_flags {
    MSK_SHARED = 1 << 0, /* other processes of this user may serve the same port: each event goes to
                            one of them */
    MSK_WANT_NEW = 1 << 1, /* events MSK_NEW are wanted (for services that speak first) */
};

/* Zero means the default for every member. */
struct msk_options {
    size_t size; /* sizeof (struct msk_options); 0 is taken as that of this version */
    enum msk_backend backend;
    unsigned flags;    /* enum msk_listen_flags */
    const char *local; /* numeric address to serve at; NULL: all */
    const char *
        socket_path; /* daemon: its control socket; NULL: $TRICKLES_SOCKET, then the usual places */
    uint16_t udp_port; /* embedded: 0 is 842, or 8742 where that is not allowed. msk_connect: the
                          server's; 0 is both of them (842 alone for services below 1024) */
    const char *
        secret_path; /* embedded: secret file (made if missing); NULL: one for this process alone */
    size_t table_bytes; /* embedded: replay table; 0 is 16 MiB */
};

/*
 * Serves a service port. Returns a descriptor that is readable when events wait: poll it in any
 * event loop, read it by msk_events() only, end it by msk_finish(). opt may be NULL. Errors:
 * EINVAL; EACCES (a privileged port), EADDRINUSE (a TCP listener or another service has it;
 * MSK_SHARED missing on one side); ECONNREFUSED (no daemon; start trickled, or use MSK_EMBEDDED);
 * ENOBUFS (it has as many services as it takes, in all or of this user); EMFILE, ENOMEM, EPROTO (the
 * daemon is of another version).
 */
MSK_API int msk_listen(uint16_t service_port, const struct msk_options *opt);

/* Ends a service or a client's connection and closes its descriptor. Events not yet answered are
 * dropped: clients ask again. EBADF. */
MSK_API int msk_finish(int fd);

/* ---- events ---- */

enum msk_kind {
    MSK_NEW = 1, /* a connection is there, and has sent nothing yet (MSK_WANT_NEW) */
    MSK_REQUEST, /* request bytes that no continuation has consumed yet; packets may be asked for as
                    well */
    MSK_MORE,    /* more of the stream is asked for */
    MSK_CLOSED,  /* as MSK_REQUEST, and behind these bytes (there may be none) the client has shut
                    down its side */
};

struct msk_range {
    uint64_t off;
    uint64_t len;
};

/* All pointers are borrowed: they live as long as the event (until msk_drop, or the next msk_events
 * for one that is not detached). */
struct msk_event {
    msk_t msk;
    enum msk_kind kind;
    uint64_t conn; /* names the connection for its whole life; the same at every server */
    struct sockaddr_storage peer; /* the client's address, and the port that its application has */
    const void *ucont;            /* what msk_setucont gave; NULL with 0: none yet */
    size_t ucont_len;
    uint64_t from,
        end; /* what that continuation can give; end may be MSK_UNKNOWN; both 0 without one */
    const void *request; /* consumed by nobody yet; the same bytes come again until msk_consume */
    size_t request_len;
    uint64_t
        request_off;   /* stream offset of the first of them: how many bytes were consumed before,
                          the client's end counting as one */
    unsigned n_ranges; /* what is asked for: ascending, disjoint */
    const struct msk_range *range;
    unsigned packets;      /* how many packets may be sent for it */
    unsigned packet_bytes; /* stream bytes of a full one */
};

/*
 * Takes up to max waiting events, oldest first. Returns how many; 0: none wait (poll the descriptor
 * again). Events of the last call that were neither dropped nor detached are dropped first.
 * EBADF; EINVAL. The daemon's end is no error: 0 is returned, the descriptor is readable now and
 * then, and the call registers the service again once a daemon is there. Events of before are good
 * for nothing then: their answers go nowhere, and clients ask again.
 */
MSK_API int msk_events(int fd, struct msk_event *events, int max);

/* Milliseconds after which msk_events() must be called even if the descriptor is not readable; -1:
 * never. */
MSK_API int msk_timeout(int fd);

/* ---- answering ----
 *
 * Each event has an answer with a cursor, a stream offset. It begins at `from`; for MSK_REQUEST and
 * MSK_CLOSED at `end` where that is known (the answer to a new request follows what was answered
 * before). EBADF: no such service. EINVAL: an argument, or what contradicts what was said before.
 * ENOENT: no such event (dropped, or of another descriptor). ENOMEM.
 */

/* Describes the next bytes of the stream: moves the cursor on by len; what was not asked for is not
 * sent. Returns len. */
MSK_API ssize_t msk_send(int fd, msk_t msk, const void *buf, size_t len);
MSK_API ssize_t msk_sendv(int fd, msk_t msk, const struct iovec *iov, int n);

/* A piece of a file. */
struct msk_file {
    int fd;
    off_t off;
    size_t len;
};

/* The same with pieces of files; only what is asked for is read. Besides: what pread(2) gives; EIO
 * where a file ends before off + len (it was cut: msk_reset is the honest answer). */
MSK_API ssize_t msk_sendfilev(int fd, msk_t msk, const struct msk_file *files, int n);

/* Moves the cursor: bytes between are not described. Backwards too, but not below `from` nor below
 * what was described last (EINVAL). */
MSK_API int msk_seek(int fd, msk_t msk, uint64_t off);
/* The cursor; MSK_UNKNOWN on error. */
MSK_API uint64_t msk_tell(int fd, msk_t msk);
/* Bytes from the cursor to the last one that is asked for and can be sent; 0: nothing that is
 * described now will be sent, the rest can be left out. */
MSK_API uint64_t msk_wanted(int fd, msk_t msk);

/* The first n request bytes are consumed: the continuation to be set holds what they meant. All of
 * them for MSK_CLOSED consumes the end as well. A consumed request without msk_setucont keeps the
 * former continuation's bytes. */
MSK_API int msk_consume(int fd, msk_t msk, size_t n);
/* No event for fewer than n request bytes (at most MSK_REQUEST_MAX_BYTES) is wanted from this
 * connection; a hint. */
MSK_API int msk_need(int fd, msk_t msk, size_t n);

enum msk_ucont_flags {
    MSK_FRESH = 1 << 0, /* the bytes of this answer follow from this continuation alone, and another
                           run would give others: the client takes none of them without it. Implied
                           by consuming, and by the first. */
};

/*
 * The user continuation that takes over at stream offset `off` (MSK_HERE: the cursor). buf may be
 * anything of at most MSK_UCONT_MAX_BYTES; it is sealed: clients can neither read nor alter it, but
 * can present an older one again. Several may be set at ascending offsets; the first one, and the
 * last at or below what was sent, travel. EMSGSIZE: too long.
 */
MSK_API int msk_setucont(int fd, msk_t msk, uint64_t off, const void *buf, size_t len,
                         unsigned flags);

/* What can be given ends at the cursor, until the next request. */
MSK_API int msk_end(int fd, msk_t msk);
/* The downlink ends at the cursor, for good: the client reads an end of file there. */
MSK_API int msk_close(int fd, msk_t msk);
/* The connection ends at once, as an error at the client. The event is gone. */
MSK_API int msk_reset(int fd, msk_t msk);

/* The event is handled: the answer leaves. The minisocket is gone. */
MSK_API int msk_drop(int fd, msk_t msk);

/*
 * Keeps the event past the next msk_events(): what was described so far leaves, the rest of what is
 * asked for can be answered later, until msk_drop. The client goes on asking from time to time, as
 * new events: with the same `conn`. ENOBUFS: too many are kept (1,024 embedded; the daemon's
 * minisocket-detached-max).
 */
MSK_API int msk_detach(int fd, msk_t msk);

/* One entry of msk_sendbulk. */
struct msk_bulk {
    msk_t msk;
    const struct iovec *iov; /* described in order, as by msk_sendv */
    int n_iov;
    const void *ucont; /* set at the cursor before iov, as by msk_setucont; NULL: none */
    size_t ucont_len;
    size_t consume;
    unsigned flags; /* enum msk_bulk_flags */
    int error;      /* out: 0, or the errno of what failed (then the event is not dropped) */
};
enum msk_bulk_flags { MSK_BULK_END = 1, MSK_BULK_CLOSE = 2, MSK_BULK_KEEP = 4 /* not dropped */ };

/* Answers many events: consume, setucont, sendv, end or close, drop. Returns how many without
 * error. */
MSK_API int msk_sendbulk(int fd, struct msk_bulk *bulk, int n);

/*
 * Takes events out of this service, as sealed bytes that a service of the same port under the same
 * secret can install: in another process, or on another host. All or none: returns the length, or
 * -1. ENOSPC: cap is too small (4 KiB and the request bytes for each event suffice). EBUSY: an
 * answer to one of them was begun.
 */
MSK_API ssize_t msk_extract_events(int fd, const msk_t *msks, int n, void *buf, size_t cap);
/* Events come out of msk_events() again. Returns how many. EBADMSG: altered, of another secret or
 * service port; ESTALE: too old (10 s) or installed before; ENOBUFS. */
MSK_API int msk_install_events(int fd, const void *buf, size_t len);

/* ---- clients ---- */

/*
 * Connects to a service at the first of n addresses that answers (tried 300 ms apart); port is the
 * service's. Returns a descriptor at once; it is readable when something has happened: then call
 * msk_read(). The engine runs in this process: msk_timeout() says when to call at the latest (the
 * descriptor is readable then). opt: size, local, udp_port. EINVAL, EAFNOSUPPORT, EMFILE, ENOMEM.
 */
MSK_API int msk_connect(const struct sockaddr_storage *addrs, int n, const struct msk_options *opt);
/*
 * Sends request bytes; they are copied. reserve_len: how many bytes of answer the caller reckons
 * with and wants asked for at first (0: no idea). Returns len, or less where memory is short. EAGAIN:
 * so much does not fit now; EMSGSIZE: nor ever (MSK_REQUEST_MAX_BYTES); EPIPE after msk_shutdown; the connection's error.
 */
MSK_API ssize_t msk_request(int fd, const void *buf, size_t len, size_t reserve_len);
/* Reads of the downlink stream. Returns how many bytes, 0 at its end, -1 with EAGAIN: nothing now;
 * ECONNREFUSED, ETIMEDOUT, ECONNRESET. */
MSK_API ssize_t msk_read(int fd, void *buf, size_t len);
/* No more requests: the server sees the end. */
MSK_API int msk_shutdown(int fd);

#ifdef __cplusplus
}
#endif

#endif
