/*
 * Messages wait in a list; a flush cuts each into chunks of as many datagrams as the kernel takes
 * at once (its whole train, as a rule) and sends chunks, many to a call. A refusal of a train
 * lowers that number for the socket; the lower number is kept only if the shorter chunk then goes
 * through, so that one odd message cannot turn GSO off.
 */
#include "io/udp_internal.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>

enum {
    CHUNKS = 64,                          /* in one sendmmsg */
    SLICES = 2 * TRK_UDP_TX_MSG_IOVS_MAX, /* for chunks that are parts of a message */
    ATTEMPTS = 3, /* an ICMP error about another packet makes a send fail once; two may come close
                     together */
    ALIGN = 64,   /* trains start on a cache line */
};

struct tx_msg {
    size_t len_bytes, segment_bytes;
    size_t sent_bytes; /* a multiple of segment_bytes until done */
    unsigned iov_first, iov_count;
    struct trk_udp_path path;
    uint64_t tag;
};

union tx_control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
};

struct chunk {
    unsigned msg;
    size_t len_bytes;
};

struct trk_udp_tx {
    struct trk_udp *u;
    trk_udp_refused_fn *refused;
    void *arg;

    uint8_t *arenas; /* two, one behind the other: kept messages move from one to the other */
    unsigned arena;  /* the one in use */
    size_t arena_used;

    unsigned head, count; /* msgs[head..count) wait */
    unsigned iov_count;
    struct tx_msg msgs[TRK_UDP_TX_MSGS_MAX];
    struct iovec iovs[TRK_UDP_TX_IOVS_MAX];

    unsigned attempts;      /* failures in a row of the first chunk */
    unsigned segs_on_trial; /* the socket's max_segs before an unproved reduction; 0: none */

    struct mmsghdr hdrs[CHUNKS];
    struct chunk chunks[CHUNKS];
    union trk_sockaddr names[CHUNKS];
    union tx_control controls[CHUNKS];
    struct iovec slices[SLICES];
};

struct trk_udp_tx *trk_udp_tx_new(struct trk_udp *u, trk_udp_refused_fn *refused, void *arg)
{
    struct trk_udp_tx *tx = calloc(1, sizeof *tx);
    if (!tx)
        return NULL;
    tx->arenas = aligned_alloc(ALIGN, 2 * (size_t)TRK_UDP_TX_ARENA_BYTES);
    if (!tx->arenas) {
        free(tx);
        return NULL;
    }
    tx->u = u;
    tx->refused = refused;
    tx->arg = arg;
    return tx;
}

void trk_udp_tx_free(struct trk_udp_tx *tx)
{
    if (!tx)
        return;
    free(tx->arenas);
    free(tx);
}

void trk_udp_tx_touch(struct trk_udp_tx *tx)
{
    trk_mem_touch(tx, sizeof *tx);
    trk_mem_touch(tx->arenas, 2 * (size_t)TRK_UDP_TX_ARENA_BYTES);
}

unsigned trk_udp_tx_queued(const struct trk_udp_tx *tx)
{
    return tx->count - tx->head;
}

/* ---- filling ---- */

static uint8_t *arena_at(const struct trk_udp_tx *tx, unsigned which, size_t offset)
{
    return tx->arenas + (size_t)which * TRK_UDP_TX_ARENA_BYTES + offset;
}

uint8_t *trk_udp_tx_reserve(struct trk_udp_tx *tx, size_t max_bytes)
{
    if (tx->count == TRK_UDP_TX_MSGS_MAX || tx->iov_count == TRK_UDP_TX_IOVS_MAX ||
        max_bytes > TRK_UDP_TX_ARENA_BYTES - tx->arena_used)
        return NULL;
    return arena_at(tx, tx->arena, tx->arena_used);
}

void trk_udp_tx_keep(struct trk_udp_tx *tx, size_t n_bytes)
{
    size_t used = (tx->arena_used + n_bytes + ALIGN - 1) / ALIGN * ALIGN;
    assert(n_bytes <= TRK_UDP_TX_ARENA_BYTES && used <= TRK_UDP_TX_ARENA_BYTES);
    tx->arena_used = used;
}

static size_t segs_of(size_t len_bytes, size_t segment_bytes)
{
    return (len_bytes + segment_bytes - 1) / segment_bytes;
}

static int check(size_t len_bytes, size_t segment_bytes)
{
    if (segment_bytes == 0 || len_bytes == 0)
        return -EINVAL;
    if (len_bytes > TRK_UDP_TRAIN_MAX_BYTES ||
        segs_of(len_bytes, segment_bytes) > TRK_UDP_TRAIN_MAX_PKTS)
        return -EMSGSIZE;
    return 0;
}

/*
 * May a message of n pieces go on the end of the one before? Then it is one train: datagrams of one
 * size, the last may be shorter. Only neighbours are joined, so the order stays.
 */
static bool joins(const struct trk_udp_tx *tx, unsigned n, size_t len, size_t segment_bytes,
                  const struct trk_udp_path *path, uint64_t tag)
{
    if (trk_udp_tx_queued(tx) == 0)
        return false;
    const struct tx_msg *m = &tx->msgs[tx->count - 1];
    size_t whole = m->len_bytes + len;
    bool fits = m->len_bytes % m->segment_bytes == 0 && m->sent_bytes == 0 &&
                (segment_bytes == m->segment_bytes ||
                 (len == segment_bytes && len < m->segment_bytes));
    return fits && check(whole, m->segment_bytes) == 0 &&
           m->iov_count + n <= TRK_UDP_TX_MSG_IOVS_MAX && m->tag == tag &&
           m->path.ifindex == path->ifindex &&
           trk_sockaddr_equal(&m->path.remote, &path->remote) &&
           trk_sockaddr_same_host(&m->path.local, &path->local);
}

int trk_udp_tx_add(struct trk_udp_tx *tx, const struct iovec *iov, unsigned n, size_t segment_bytes,
                   const struct trk_udp_path *path, uint64_t tag)
{
    if (n == 0 || n > TRK_UDP_TX_MSG_IOVS_MAX)
        return -EINVAL;
    size_t len = 0;
    for (unsigned i = 0; i < n; i++) {
        if (iov[i].iov_len > TRK_UDP_TRAIN_MAX_BYTES)
            return -EMSGSIZE; /* and the sum cannot overflow */
        len += iov[i].iov_len;
    }
    int r = check(len, segment_bytes);
    if (r < 0)
        return r;
    if (tx->count == TRK_UDP_TX_MSGS_MAX || n > TRK_UDP_TX_IOVS_MAX - tx->iov_count)
        return -ENOBUFS;
    memcpy(&tx->iovs[tx->iov_count], iov, n * sizeof *iov);
    if (joins(tx, n, len, segment_bytes, path, tag)) {
        tx->msgs[tx->count - 1].len_bytes += len;
        tx->msgs[tx->count - 1].iov_count += n;
    } else {
        tx->msgs[tx->count++] = (struct tx_msg){.len_bytes = len,
                                                .segment_bytes = segment_bytes,
                                                .iov_first = tx->iov_count,
                                                .iov_count = n,
                                                .path = *path,
                                                .tag = tag};
    }
    tx->iov_count += n;
    return 0;
}

int trk_udp_tx_commit(struct trk_udp_tx *tx, size_t len_bytes, size_t segment_bytes,
                      const struct trk_udp_path *path, uint64_t tag)
{
    struct iovec iov = {arena_at(tx, tx->arena, tx->arena_used), len_bytes};
    int r = trk_udp_tx_add(tx, &iov, 1, segment_bytes, path, tag);
    if (r == 0)
        trk_udp_tx_keep(tx, len_bytes);
    return r;
}

/* ---- building one sendmmsg ---- */

/* The pieces of bytes [from, from + len) of m, written to out; 0 if more than room. */
static unsigned slice(const struct trk_udp_tx *tx, const struct tx_msg *m, size_t from, size_t len,
                      struct iovec *out, unsigned room)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->iov_count && len > 0; i++) {
        const struct iovec *piece = &tx->iovs[m->iov_first + i];
        if (from >= piece->iov_len) {
            from -= piece->iov_len;
            continue;
        }
        size_t take = piece->iov_len - from < len ? piece->iov_len - from : len;
        if (n == room)
            return 0;
        out[n++] = (struct iovec){(uint8_t *)piece->iov_base + from, take};
        len -= take;
        from = 0;
    }
    return n;
}

static struct cmsghdr *put(struct msghdr *h, struct cmsghdr *c, int level, int type,
                           const void *data, size_t n)
{
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    h->msg_controllen += CMSG_SPACE(n);
    return (struct cmsghdr *)(void *)((uint8_t *)c + CMSG_SPACE(n));
}

static void put_control(const struct tx_msg *m, size_t len, struct msghdr *h, union tx_control *ctl)
{
    memset(ctl, 0, sizeof *ctl);
    struct cmsghdr *c = &ctl->align;
    h->msg_controllen = 0;
    const union trk_sockaddr *from = &m->path.local;
    if (from->sa.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = from->in.sin_addr};
        c = put(h, c, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else if (from->sa.sa_family == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_addr = from->in6.sin6_addr};
        if (IN6_IS_ADDR_LINKLOCAL(
                &info.ipi6_addr)) /* elsewhere it would override the routing table */
            info.ipi6_ifindex = m->path.ifindex;
        c = put(h, c, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
    if (len > m->segment_bytes) {
        uint16_t segment = (uint16_t)m->segment_bytes; /* below 65,507: check */
        put(h, c, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    h->msg_control = h->msg_controllen ? ctl : NULL;
}

static void put_name(const struct trk_udp *u, const struct tx_msg *m, struct msghdr *h,
                     union trk_sockaddr *name)
{
    if (u->connected) {
        h->msg_name = NULL;
        h->msg_namelen = 0;
        return;
    }
    *name = u->dual ? trk_sockaddr_mapped(&m->path.remote) : m->path.remote;
    h->msg_name = name;
    h->msg_namelen = trk_sockaddr_len(name);
}

/* Cuts the waiting messages into chunks, as many as fit one call. Returns how many, at least 1. */
static unsigned build(struct trk_udp_tx *tx)
{
    unsigned n = 0, slices = 0;
    size_t from = tx->msgs[tx->head].sent_bytes;
    for (unsigned i = tx->head; i < tx->count && n < CHUNKS;) {
        const struct tx_msg *m = &tx->msgs[i];
        size_t most = tx->u->max_segs * m->segment_bytes, left = m->len_bytes - from;
        size_t len = left < most ? left : most;
        struct msghdr *h = &tx->hdrs[n].msg_hdr;
        *h = (struct msghdr){.msg_iov = &tx->iovs[m->iov_first], .msg_iovlen = m->iov_count};
        if (len < m->len_bytes) {
            unsigned k = slice(tx, m, from, len, &tx->slices[slices], SLICES - slices);
            if (k == 0)
                break; /* the next call: a message has fewer pieces than there are slices */
            h->msg_iov = &tx->slices[slices];
            h->msg_iovlen = k;
            slices += k;
        }
        put_name(tx->u, m, h, &tx->names[n]);
        put_control(m, len, h, &tx->controls[n]);
        tx->chunks[n++] = (struct chunk){i, len};
        from += len;
        if (from == m->len_bytes) {
            from = 0;
            i++;
        }
    }
    assert(n > 0);
    return n;
}

/* ---- results ---- */

/* The first n chunks are gone. */
static void advance(struct trk_udp_tx *tx, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct tx_msg *m = &tx->msgs[tx->chunks[i].msg];
        m->sent_bytes += tx->chunks[i].len_bytes;
        if (m->sent_bytes == m->len_bytes)
            tx->head = tx->chunks[i].msg + 1;
    }
    tx->attempts = 0;
}

static void sent(struct trk_udp_tx *tx, unsigned n)
{
    struct trk_udp_stats *s = tx->u->stats;
    for (unsigned i = 0; i < n; i++) {
        const struct tx_msg *m = &tx->msgs[tx->chunks[i].msg];
        s->tx_trains++;
        s->tx_pkts += segs_of(tx->chunks[i].len_bytes, m->segment_bytes);
        s->tx_bytes += tx->chunks[i].len_bytes;
    }
    tx->segs_on_trial = 0; /* a reduction has proved itself */
    advance(tx, n);
}

/* The kernel will not have the first message, however short its chunks. */
static void refuse(struct trk_udp_tx *tx, int err)
{
    const struct tx_msg *m = &tx->msgs[tx->head++];
    if (tx->segs_on_trial) { /* so it was not the train */
        tx->u->max_segs = tx->segs_on_trial;
        tx->segs_on_trial = 0;
    }
    tx->attempts = 0;
    if (err == EMSGSIZE)
        tx->u->stats->tx_too_big++;
    else
        tx->u->stats->tx_failed++;
    if (tx->refused)
        tx->refused(tx->arg, &m->path, m->tag, err);
}

/*
 * EIO: the route has no checksum offload, or IPsec. EINVAL: no GSO in this kernel, more datagrams
 * than it takes at once, or larger than the device's MTU (the single datagram then gets EMSGSIZE,
 * and the trial fails).
 */
static bool shorten_trains(struct trk_udp_tx *tx, int err)
{
    struct trk_udp *u = tx->u;
    const struct chunk *c = &tx->chunks[0];
    size_t segs = segs_of(c->len_bytes, tx->msgs[c->msg].segment_bytes);
    if ((err != EIO && err != EINVAL) || segs == 1)
        return false;
    if (!tx->segs_on_trial)
        tx->segs_on_trial = u->max_segs;
    u->max_segs = segs > TRK_UDP_OLD_TRAIN_PKTS ? TRK_UDP_OLD_TRAIN_PKTS : 1;
    u->stats->gso_refused++;
    return true;
}

/* The send of the first chunk failed. 0: go on, 1: wait, -errno: the socket is broken. */
static int failed(struct trk_udp_tx *tx, int err)
{
    switch (err) {
    case EINTR:
        return 0;
    case EAGAIN:
        return 1;
    case EBADF:
    case ENOTSOCK:
    case EFAULT:
        return -err;
    case ENOBUFS: /* a full queue below us: the network lost it */
    case ENOMEM:
        tx->u->stats->tx_enobufs++;
        advance(tx, 1);
        return 0;
    default:
        break;
    }
    if (shorten_trains(tx, err))
        return 0;
    tx->u->error_waiting = true;
    if (++tx->attempts >= ATTEMPTS)
        refuse(tx, err);
    return 0;
}

static void forget_all(struct trk_udp_tx *tx)
{
    tx->head = tx->count = tx->iov_count = 0;
    tx->arena_used = 0;
    tx->attempts = 0;
}

/* Copies what is left of each message to the other arena, so that nothing borrowed is needed any
 * more. */
static void keep_rest(struct trk_udp_tx *tx)
{
    unsigned to = !tx->arena, kept = 0;
    size_t used = 0;
    for (unsigned i = tx->head; i < tx->count; i++) {
        struct tx_msg m = tx->msgs[i];
        size_t left = m.len_bytes - m.sent_bytes;
        if (left > TRK_UDP_TX_ARENA_BYTES - used) {
            tx->u->stats->tx_overflow++;
            continue;
        }
        uint8_t *at = arena_at(tx, to, used);
        size_t skip = m.sent_bytes, done = 0;
        for (unsigned k = 0; k < m.iov_count; k++) {
            const struct iovec *piece = &tx->iovs[m.iov_first + k];
            size_t off = skip < piece->iov_len ? skip : piece->iov_len;
            memcpy(at + done, (const uint8_t *)piece->iov_base + off, piece->iov_len - off);
            done += piece->iov_len - off;
            skip -= off;
        }
        assert(done == left);
        /* Message kept <= i, and its one piece goes to a place that no later message's pieces use
         * yet. */
        m.len_bytes = left;
        m.sent_bytes = 0;
        m.iov_first = kept;
        m.iov_count = 1;
        tx->iovs[kept] = (struct iovec){at, left};
        tx->msgs[kept++] = m;
        used = (used + left + ALIGN - 1) / ALIGN * ALIGN;
    }
    tx->head = 0;
    tx->count = tx->iov_count = kept;
    tx->arena = to;
    tx->arena_used = used;
}

int trk_udp_tx_flush(struct trk_udp_tx *tx)
{
    while (tx->head < tx->count) {
        unsigned n = build(tx);
        int k = sendmmsg(tx->u->fd, tx->hdrs, n, MSG_DONTWAIT);
        if (k > 0) {
            if ((unsigned)k < n)
                tx->u->error_waiting = true; /* perhaps: the kernel does not say why it stopped */
            sent(tx, (unsigned)k);
            continue;
        }
        int r = failed(tx, k < 0 ? errno : EAGAIN);
        if (r > 0) {
            tx->u->stats->tx_again++;
            keep_rest(tx);
            return trk_udp_tx_queued(tx) ? 1 : 0;
        }
        if (r < 0) {
            forget_all(tx);
            return r;
        }
    }
    forget_all(tx);
    return 0;
}
