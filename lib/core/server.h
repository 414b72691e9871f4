/*
 * server.h: the stateless server. Bytes and the time in; events and answer packets out. Keeps
 * nothing: `const struct trk_server` is keys and configuration, `struct trk_replay` is soft state
 * whose loss costs speed only.
 *
 * A packet's way: trk_server_read() parses, opens the continuation, checks address, freshness and
 * proof, computes the window, filters by the replay table, and gives an event. The service (the
 * daemon's compatibility service, a minisocket service, a test) decides which of the granted
 * packets it has bytes for, and calls trk_server_train() for their headers, or trk_server_ack().
 * Every REQUEST that opens must be answered by one or the other.
 *
 * Wall clock in us (`now_us`), since continuations outlive the process. Not thread-safe as to the
 * replay table.
 */
#ifndef TRK_CORE_SERVER_H
#define TRK_CORE_SERVER_H

#include "base/addr.h"
#include "core/cont.h"
#include "core/replay.h"
#include "core/wire.h"

enum {
    TRK_FRESHNESS_US = 10 * 1000000, /* proofs and replay */
    TRK_HELD_US = 100000, /* an answer may be sealed so much later than its request was committed */
    TRK_HEAD_BYTES_MAX =
        TRK_DATA_BYTES + TRK_DATA_STATE_BYTES + 2 + TRK_CONT_BYTES + 1 + 8 * TRK_SACKS_MAX,
    TRK_HEAD_UCONT_BYTES_MAX = 2 + TRK_UCONT_BYTES_MAX, /* more, in the last header of a train */
    TRK_UP_INITIAL_BYTES =
        65536, /* uplink bytes that may be sent before the first answer to a REQUEST */
    TRK_REPLY_BYTES_MAX =
        1472, /* an answer to an OPEN is padded up to the OPEN's size, at most this */
};
#define TRK_LIFETIME_US (UINT64_C(86400) * 1000000)

struct trk_server {
    struct trk_seal_ops seal;
    uint16_t instance;
    uint16_t packet_max; /* largest packet size to agree to; TRK_PACKET_MIN_BYTES at least */
    uint64_t freshness_us;
    uint64_t lifetime_us;
};

/* All that an answer needs, now or later: copied into soft state for late answers. */
struct trk_answer {
    struct trk_addr peer;
    uint64_t cid;
    uint64_t conn;
    uint32_t reqno;
    uint32_t ts;
    struct trk_space space;
    uint32_t nonce_step;
    uint32_t open_step;
    uint64_t limit;
    uint64_t high_sent;   /* highest asked seq that was sent before; 0 if none */
    uint16_t packet_size; /* UDP payload of a full DATA packet */
    uint16_t payload_bytes; /* stream bytes of one */
    bool stateless;         /* DATA says which state its bytes follow from */
    uint8_t steer;
};

/* A packet that may be sent: seq, and the stream range that the client wants in it. */
struct trk_grant {
    uint64_t seq;
    uint64_t off;
    uint16_t len; /* at most to.payload_bytes */
};

/* A verified REQUEST. Borrowed pointers live as long as the datagram. */
struct trk_request {
    struct trk_answer to;
    struct trk_law law; /* the epoch that was asked in: the derived one for HOLE and TIMEOUT */
    struct trk_secret secret; /* conn, ports, address */
    enum trk_kind kind;
    uint64_t hole;  /* f of HOLE and TIMEOUT */
    size_t pkt_len; /* of the whole datagram: an answer without DATA stays within it */
    bool first;     /* its continuation comes straight from an OPEN's answer */
    bool give_cont; /* seal law and secret into the answer */
    uint64_t keep_first, keep_end; /* seqs that this continuation is good for, in to.space */
    uint8_t reason; /* enum trk_reason: why nothing more was granted; OK if all asked was */
    bool asked;     /* it asked for packets */
    uint64_t cont_issued_us; /* of the continuation presented */
    uint64_t down_una;       /* the client has all below */
    uint32_t srtt_us;
    bool fin, repeat;
    uint64_t up_off;
    const uint8_t *up;
    size_t up_len;
    const uint8_t *ucont;
    size_t ucont_len;
    unsigned n_grants;
    struct trk_grant grant[TRK_GRANTS_MAX]; /* ascending seq, none sent before */
    uint8_t n_refused;
    struct {
        uint64_t first, bits;
    } refused[TRK_REFUSED_MAX];
};

enum trk_verdict {
    TRK_V_DROP,    /* ignore; ev->drop says why */
    TRK_V_REPLY,   /* the engine wrote the whole answer to ev->reply */
    TRK_V_OPEN,    /* ev->open: decide, then trk_server_answer_open() */
    TRK_V_REQUEST, /* ev->req */
    TRK_V_UPLINK,  /* ev->uplink: NOT verified: find the soft state whose ref and peer match, or
                      trk_server_need_cont() */
    TRK_V_RESET,   /* the client reset ev->req.secret.conn (verified); never answered */
};

struct trk_event {
    int drop; /* a DROP code */
    struct trk_addr from;
    struct trk_open open;
    struct trk_request req;
    struct trk_uplink_pkt uplink;
    size_t reply_len;
    uint8_t reply[TRK_REPLY_BYTES_MAX];
};

/* Takes one datagram. About 1 us for a REQUEST. Never fails but by its verdict. */
enum trk_verdict trk_server_read(const struct trk_server *srv, const struct trk_replay *replay,
                                 uint64_t now_us, const struct trk_addr *from, const uint8_t *pkt,
                                 size_t len, struct trk_event *ev);

/*
 * Answers an OPEN: with the first continuation (reason OK), or a refusal (NO_SERVICE, BUSY). Writes
 * to ev->reply/reply_len. Creates nothing. stateless: the service is (mini.h).
 */
void trk_server_answer_open(const struct trk_server *srv, uint64_t now_us, enum trk_reason reason,
                            bool stateless, struct trk_event *ev);

/* Answers an UPLINK for which there is no soft state here. Writes to ev->reply/reply_len. */
void trk_server_need_cont(const struct trk_server *srv, struct trk_event *ev);

/* Marks what a derived epoch closes (HOLE: its hole to its base), and keeps what the continuation to
 * be given leans on. Call once per REQUEST event, before serving. */
void trk_server_commit(const struct trk_server *srv, struct trk_replay *replay, uint64_t now_us,
                       const struct trk_request *req);

/* One packet that is going to be sent. */
struct trk_piece {
    uint64_t seq;
    uint64_t off;
    uint16_t len;
    bool fin;       /* the stream ends behind it */
    uint64_t state; /* of a stateless connection: what its bytes follow from */
};

/* What rides on an answer. */
struct trk_extras {
    const struct trk_up_state *up; /* never NULL */
    struct trk_law *law;           /* with secret: seal these into a continuation; NULL: none */
    const struct trk_secret *secret;
    const uint8_t *ucont; /* a user continuation, sealed; NULL: none */
    size_t ucont_len;
    bool late; /* sent on kept credit */
    uint64_t avail;
    uint8_t reason;
    uint16_t most_bytes; /* an ACK that grants nothing stays within it, unless it carries a user
                            continuation; 0: as `req` says */
};

/*
 * Writes the headers of a train of n pieces (1 to TRK_GRANTS_MAX, ascending seq) and marks them as
 * sent. The header of piece i goes to heads + i * TRK_HEAD_BYTES_MAX (with a user continuation in the
 * extras the last one needs TRK_HEAD_UCONT_BYTES_MAX more), its length to head_len[i]; the payload follows it in the datagram. Extras go into the last packet if they fit within
 * packet_size there; *extras_left says that they did not, and the caller adds a trk_server_ack().
 * A user continuation of which the train's own bytes need to be known first is not for here: it goes
 * ahead in an ACK.
 * Returns TRK_OK or TRK_E_KEY.
 */
int trk_server_train(const struct trk_server *srv, struct trk_replay *replay, uint64_t now_us,
                     const struct trk_answer *to, const struct trk_piece *pieces, unsigned n,
                     const struct trk_extras *extras, uint8_t *heads, uint16_t *head_len,
                     bool *extras_left) __attribute__((warn_unused_result));

/*
 * Writes an ACK to buf (cap at least TRK_REPLY_BYTES_MAX); train_end is the last seq of the DATA
 * that answered this request, 0 if none did. With `req` the ACK alone answers it (a copy's may have a
 * train_end all the same): it has the refused bitmaps where it stays no larger than the REQUEST was
 * (NULL: none). Returns its length or TRK_E_KEY.
 */
long trk_server_ack(const struct trk_server *srv, uint64_t now_us, const struct trk_answer *to,
                    const struct trk_request *req, uint64_t train_end,
                    const struct trk_extras *extras, uint8_t *buf, size_t cap);

/* Writes a RESET that the client will believe. Returns its length or TRK_E_KEY. */
long trk_server_reset(const struct trk_server *srv, const struct trk_answer *to, uint16_t reason,
                      uint8_t *buf, size_t cap);

/* The reference by which UPLINK packets name the connection of `to`. Returns TRK_OK or TRK_E_KEY.
 */
int trk_server_uplink_ref(const struct trk_server *srv, const struct trk_answer *to, uint64_t *ref)
    __attribute__((warn_unused_result));

#endif
