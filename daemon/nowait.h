/*
 * nowait.h: calls that may wait on a socket which an application shares.
 *
 * O_NONBLOCK belongs to the open file, not to our descriptor: whoever has sent it to us can clear it at any moment.
 * accept4 and connect have no MSG_DONTWAIT. Between begin and end such a call that waits fails with EINTR after
 * TRK_NOWAIT_MS, by a timer of the process (SIGALRM, ITIMER_REAL: nothing else may use them).
 */
#ifndef TRK_DAEMON_NOWAIT_H
#define TRK_DAEMON_NOWAIT_H

enum { TRK_NOWAIT_MS = 2 };

/* Not nested: the inner end ends both. */
void trk_nowait_begin(void);
void trk_nowait_end(void);

/* Closes a descriptor that somebody sent: the last one of a TCP socket waits for its data where SO_LINGER says so. */
void trk_nowait_close(int fd);

#endif
