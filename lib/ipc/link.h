/*
 * The data link between a shimmed application and the daemon: what goes over one AF_UNIX stream,
 * and the rules by which the kernel is made to show TCP's behaviour to an application whose reads
 * and writes are not intercepted. Constants and two tiny system-call helpers; no state, no
 * allocation, no locks.
 *
 * SET-UP MESSAGE. The first thing an application's end ever sends, on a connection of either
 * direction, is written by the shim before the application sees it, with one sendmsg:
 *
 *     name text, NUL-padded to TRK_LINK_TEXT_BYTES; zeros; as its last byte TRK_LINK_SENTINEL; with
 *     SCM_RIGHTS: one descriptor, a duplicate of the application's own end (but see Accepted)
 *
 *   - Connecting (application -> the daemon's data listener): TRK_LINK_CONNECT_BYTES. A C name,
 *     complete, also where the application's end is bound to an L name (bind, then connect: same id
 *     as its BIND). The text is the connect order; the peer name of accept() need not be looked at.
 *   - Accepted (daemon -> the application's listener, S kind): TRK_LINK_ACCEPT_BYTES. The S name
 *     given back. It also tells the daemon that the application has accepted. Anything else there:
 *     not our shim; reset it. Where the name has TRK_NAME_F_WIDEN the shim sets SO_SNDBUF to
 *     TRK_LINK_SNDBUF_BYTES itself, and passes no duplicate if it got that (net.core.wmem_max may
 *     be less): with a descriptor of an AF_UNIX socket in flight, each close of any such socket
 *     wakes the kernel's collector of cycles.
 *   - T kind: no set-up message. The daemon connects into the listener, sends one byte with
 *     SCM_RIGHTS holding the kernel TCP descriptor (O_NONBLOCK as it likes: the accept hook sets
 *     it), closes both.
 *
 *   What the daemon does: recvmsg() of exactly TRK_LINK_TEXT_BYTES (MSG_CMSG_CLOEXEC) on the first
 *   readable event. This takes the duplicate out of the queue (in flight it would keep the
 *   application's end open, and its close unseen), and leaves the rest of the message charged to
 *   the application's send buffer: that is what keeps a connecting descriptor not writable (the
 *   shim has set SO_SNDBUF to the kernel's minimum, 4608; poll reports OUT only at a quarter of
 *   it).
 *
 * ESTABLISHED (daemon, connecting ends): 1. trk_link_set_result(dup, UP, 0, local port, transport);
 *   2. SO_SNDBUFFORCE (else SO_SNDBUF) on dup, TRK_LINK_SNDBUF_BYTES: the application gets
 *   EPOLLOUT; 3. close dup. The rest of the set-up message may go on lying there: it is less than a
 *   quarter of any buffer that is given now. For accepted ends 2 and 3, where a duplicate came.
 * FAILED (daemon, connecting ends): 1. trk_link_set_result(dup, FAILED, errno, 0, ..); 2. close
 *   dup; 3. close the link with the rest unread. The application gets ERR|HUP, and the shim's
 *   getsockopt(SO_ERROR) or connect() gives the errno. Use what TCP says: ECONNREFUSED, ETIMEDOUT,
 *   EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EACCES.
 * The duplicate is never kept longer than to one of these two.
 *
 * SENTINEL RULE. The daemon leaves at least one byte unread in its receive queue on every link,
 * always: it consumes with a lag of one byte or more. Then its death, by whatever signal, is a
 * close with bytes unread, which the application sees as its queued data and then ECONNRESET, never
 * as a clean end. The first such byte is TRK_LINK_SENTINEL, which is not application data: application
 * byte k is at stream position k behind the set-up message. (With SO_PEEK_OFF this costs nothing:
 * data are peeked, then consumed up to one byte before the end.)
 * RST from the application = EPOLLERR (SO_ERROR is ECONNRESET): it closed with bytes unread. Look
 * at it before reading: recv() gives the sentinel first, and no error. Or EPOLLHUP after an OPTION
 * with SO_LINGER {1, 0}. EPOLLRDHUP alone is FIN, EPOLLHUP without ERR a close: FIN, and data that
 * arrive later are answered as TCP does, by a reset.
 * FIN to the application = shutdown(SHUT_WR) by the daemon, never close: its writes must go on to
 * work.
 * RST to the application = close with a byte unread, which the sentinel rule always provides.
 * Clean end, when both directions have ended (FIN sent to the application and acknowledged by the
 * peer's side of things, EOF seen behind the last byte from it): consume the last byte too, then
 * close. Closing with it unread would turn the EOF that the application has not read yet into
 * ECONNRESET. Likewise before closing a link whose application has closed already (harmless either
 * way).
 * A write to an application that did SHUT_RD gives EPIPE: drop the bytes, keep the other direction.
 *
 * CELLS. The shim keeps state in SO_MAX_PACING_RATE (64 bits) and in an inert classic BPF
 * filter of the descriptor; the daemon writes only SO_INCOMING_CPU (32 bits, nothing on an AF_UNIX
 * socket uses it) and the send buffer. Neither side writes the other's cell, so there is no race to
 * lose.
 */
#ifndef TRK_IPC_LINK_H
#define TRK_IPC_LINK_H

#include <stddef.h>
#include <stdint.h>

/* Sizes of the set-up message. Under the smallest send buffer the kernel makes of 2304 bytes one
 * skb of 2240, which takes some 4.3 KiB of memory, more than a quarter of that buffer (so: not
 * writable), less than all of it (so: there is a second one), and together they are more than all
 * (so: a write is EAGAIN). The daemon may come between the two. */
#define TRK_LINK_TEXT_BYTES    128u
#define TRK_LINK_CONNECT_BYTES 2304u
#define TRK_LINK_ACCEPT_BYTES  (TRK_LINK_TEXT_BYTES + 1u)
#define TRK_LINK_SENTINEL      0x54u

/* The send buffer that the daemon gives to an application's end: as many one-byte writes as fit
 * into 2 MiB (2,700, at 768 bytes each) before it must have looked once. */
#define TRK_LINK_SNDBUF_BYTES (2 * 1024 * 1024)

enum trk_link_state {
    TRK_LINK_NONE = 0,   /* the daemon has not said yet */
    TRK_LINK_UP = 1,     /* established */
    TRK_LINK_FAILED = 2, /* error_no says why */
};

struct trk_link_result {
    enum trk_link_state state;
    int error_no;        /* FAILED: positive errno, 1..255 */
    uint16_t local_port; /* UP: what getsockname() shall say; 0 keeps what the name says */
    int is_tcp;          /* UP: the daemon relays kernel TCP (the peer has no Trickles) */
};

/* Pure: the 32-bit cell of a result, and back. A cell that nobody wrote reads as NONE. */
uint32_t trk_link_pack_result(const struct trk_link_result *result);
struct trk_link_result trk_link_unpack_result(uint32_t cell);

/* Write (daemon, through the passed duplicate) and read (shim) the result cell of an application's
 * end. 0 or -errno. */
int trk_link_set_result(int fd, const struct trk_link_result *result);
int trk_link_get_result(int fd, struct trk_link_result *result);

#endif
