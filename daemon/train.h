/*
 * train.h: datagrams that are made of pieces, put together to trains: equal sizes, one after the other, leave as one
 * message.
 */
#ifndef TRK_DAEMON_TRAIN_H
#define TRK_DAEMON_TRAIN_H

#include "core/wire.h"
#include "daemon/port.h"

#include <sys/uio.h>

/* Of a datagram: header, payload (two where a ring wraps, one more behind its end). */
enum { TRK_TRAIN_PIECES_MAX = 4 };

/* `port` and `path` set, the rest zero. */
struct trk_train {
    struct trk_port *port;
    struct trk_udp_path path;
    struct iovec iov[TRK_TRAIN_PIECES_MAX * TRK_GRANTS_MAX];
    unsigned n;
    unsigned pkts;
    size_t segment, bytes;
};

/* One more datagram of n pieces (at most TRK_TRAIN_PIECES_MAX), borrowed until the port's next flush. */
void trk_train_add(struct trk_train *t, const struct iovec *iov, unsigned n);
/* Queues what was added. */
void trk_train_send(struct trk_train *t);

#endif
