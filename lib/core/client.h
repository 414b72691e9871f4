/*
 * client.h: one connection, the client's side: the congestion controller, all timers, both byte
 * streams. Sans-I/O: datagrams and the time in; datagrams, stream bytes and the next deadline out.
 *
 * Use: trk_client_init(); then after anything happened (datagram read, deadline reached, stream
 * bytes added or taken) call trk_client_write() until it returns 0 and send each datagram; then ask
 * trk_client_deadline(). Packets of one burst have equal sizes where they can, so that the caller
 * may send them as a GSO train.
 *
 * Times are monotonic ns. Memory comes from conf.mem. One thread at a time.
 *
 * States: OPENING -> OPEN -> CLOSED, and from either to FAILED (client_state.c has the table).
 */
#ifndef TRK_CORE_CLIENT_H
#define TRK_CORE_CLIENT_H

#include <sys/uio.h>

#include "base/mem.h"
#include "core/wire.h"

#define TRK_NEVER_NS UINT64_MAX

struct trk_client_conf {
    const struct trk_mem *mem; /* borrowed for the client's life */
    const struct trk_mem *ring_mem; /* likewise, for the streams' bytes: where it gives none, windows
                                       stay small. NULL: mem */
    uint64_t cid;              /* random, unique among the caller's connections */
    uint64_t nonce;            /* random: the OPEN's */
    uint16_t service_port;
    uint16_t client_port; /* inner source port */
    uint16_t packet_size; /* largest to offer; TRK_PACKET_MIN_BYTES..TRK_PACKET_V4_BYTES. Smaller is
                             tried as well */
    size_t down_window_bytes; /* most received bytes held for the application: bounds the rate */
    size_t up_window_bytes; /* most bytes accepted from the application and not yet acknowledged */
};

enum trk_client_state {
    TRK_CLIENT_OPENING,
    TRK_CLIENT_OPEN,
    TRK_CLIENT_CLOSED, /* both directions ended and acknowledged */
    TRK_CLIENT_FAILED, /* trk_client_error() says why */
};

struct trk_client; /* opaque: allocated by trk_client_new() */

struct trk_client_info {
    enum trk_client_state state;
    uint32_t srtt_us; /* 0: no sample yet */
    uint32_t rttvar_us;
    uint32_t rto_us;
    uint32_t window_pkts; /* the law's */
    uint32_t ssthresh_pkts;
    uint32_t up_window_pkts;
    uint16_t packet_size;
    uint64_t down_bytes; /* delivered in order */
    uint64_t up_bytes;   /* acknowledged */
    uint64_t cuts, timeouts, stales, undone_hint, undone;
    uint64_t pkts_in, pkts_out, data_in, data_dup;
    uint64_t up_retransmits, up_cuts, up_timeouts;
    bool stateless; /* the service is: it keeps nothing of the connection */
};

/* A new connection, OPENING; the first trk_client_write() gives the OPEN. NULL if there is no
 * memory. */
struct trk_client *trk_client_new(const struct trk_client_conf *conf, uint64_t now_ns);
void trk_client_free(struct trk_client *c);

/*
 * Takes a datagram that came for this cid from the server's address. Returns TRK_OK or a DROP code
 * (counted by the caller); the state may have changed.
 */
int trk_client_read(struct trk_client *c, uint64_t now_ns, const uint8_t *pkt, size_t len);
/*
 * ICMP says that nobody has the port that this packet of ours went to (its beginning is enough). Of a
 * stateless service that is as if it had answered AWAY: it is not there now, and nothing was lost on the
 * way. Others are not waited for, nothing changes.
 */
void trk_client_unreached(struct trk_client *c, uint64_t now_ns, const uint8_t *pkt, size_t len);

/*
 * The end of a receive batch: asks are decided here, once per batch rather than once per packet.
 * Call it after the last trk_client_read() of a batch and before trk_client_write().
 */
void trk_client_batch_end(struct trk_client *c, uint64_t now_ns);

/*
 * The next datagram to send, written to buf (cap at least 1472). Returns its length, or 0 when
 * there is nothing to send now.
 */
size_t trk_client_write(struct trk_client *c, uint64_t now_ns, uint8_t *buf, size_t cap);

/* When trk_client_expire() wants to be called; TRK_NEVER_NS if never. */
uint64_t trk_client_deadline(const struct trk_client *c);
/* Handles what is due. */
void trk_client_expire(struct trk_client *c, uint64_t now_ns);

enum trk_client_state trk_client_state(const struct trk_client *c);
/* Of a FAILED connection: TRK_E_REFUSED, TRK_E_RESET, TRK_E_TIMEOUT or TRK_E_NOMEM; else TRK_OK. */
int trk_client_error(const struct trk_client *c);

/* Downlink bytes ready for the application, borrowed, at most two pieces; returns how many. */
int trk_client_down_peek(const struct trk_client *c, struct iovec iov[2]);
/* It took n of them. */
void trk_client_down_consume(struct trk_client *c, uint64_t now_ns, size_t n);
/* All bytes before the server's FIN were taken. */
bool trk_client_down_eof(const struct trk_client *c);
/* The application will read no more: bytes are acknowledged and thrown away from now on. */
void trk_client_down_discard(struct trk_client *c, uint64_t now_ns);

/* Room for uplink bytes, borrowed, at most two pieces (to be filled in order); returns how many. */
int trk_client_up_space(struct trk_client *c, struct iovec iov[2]);
/* n bytes were put there. */
void trk_client_up_commit(struct trk_client *c, uint64_t now_ns, size_t n);
/* No more bytes will come: sends a FIN behind them. Idempotent. */
void trk_client_up_fin(struct trk_client *c, uint64_t now_ns);
/* Everything given, FIN included, has been acknowledged. */
bool trk_client_up_done(const struct trk_client *c);

/* Ends the connection at once: FAILED with TRK_E_RESET, and RESETs to the server, a few times. */
void trk_client_abort(struct trk_client *c, uint64_t now_ns);
/* After the end (CLOSED, FAILED): is there something left to send? The object must live until this
 * is false. */
bool trk_client_lingers(const struct trk_client *c);

void trk_client_get_info(const struct trk_client *c, struct trk_client_info *info);

#endif
