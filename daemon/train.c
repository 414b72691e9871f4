/* Trains of datagrams: see train.h. */
#include <config.h>

#include "daemon/train.h"

void trk_train_send(struct trk_train *t)
{
    if (t->n > 0)
        trk_port_sendv(t->port, t->iov, t->n, t->segment, &t->path);
    t->n = t->pkts = 0;
    t->bytes = 0;
}

void trk_train_add(struct trk_train *t, const struct iovec *iov, unsigned n)
{
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += iov[i].iov_len;
    if (t->n > 0 && (len > t->segment || t->bytes % t->segment != 0 || t->pkts == TRK_UDP_TRAIN_MAX_PKTS ||
                     t->bytes + len > TRK_UDP_TRAIN_MAX_BYTES))
        trk_train_send(t);
    if (t->n == 0)
        t->segment = len;
    for (unsigned i = 0; i < n; i++)
        t->iov[t->n++] = iov[i];
    t->pkts++;
    t->bytes += len;
}
