/*
 * wire.h: the packets of Trickles, parsed in place and written. Pure. Layouts:
 * trickles-protocol(7), section PACKETS.
 *
 * Decoding checks every length and range, borrows from the packet (pointers into it), and returns
 * TRK_OK or a DROP code. Whatever decodes has an encoder that gives the same bytes. Sequence
 * numbers are 48 bits on the wire.
 */
#ifndef TRK_CORE_WIRE_H
#define TRK_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"

enum {
    TRK_VERSION = 1,
    TRK_PORT_SYSTEM = 842, /* the system daemon's UDP port */
    TRK_PORT_USER = 8742,  /* a user's own daemon's */

    TRK_OPEN_MIN_BYTES =
        1200, /* an OPEN is padded to at least this: RFC 9000 section 14's reason */
    TRK_PACKET_MIN_BYTES = 1200,  /* UDP payload that every path must carry */
    TRK_PACKET_MAX_BYTES = 65507, /* largest UDP payload over IPv4 */
    TRK_PACKET_V4_BYTES = 1472,   /* an Ethernet MTU of 1500 less IPv4 and UDP */
    TRK_PACKET_V6_BYTES = 1452,   /* the same less IPv6 and UDP */

    TRK_PROOF_RANGES_MAX = 16, /* ranges beyond k in one proof */
    TRK_ASKS_MAX = 32,         /* ask blocks in one REQUEST */
    TRK_ASK_PKTS_MAX =
        44, /* new packets that one REQUEST asks for: one train, 44 * 1472 <= 65,507 */
    TRK_GRANTS_MAX =
        132, /* packets that one REQUEST can be granted: the ask and the two that it overlaps */
    TRK_SACKS_MAX = 4,         /* uplink ranges in an answer */
    TRK_REFUSED_MAX = 4,       /* refused blocks in an ACK */
    TRK_REFUSED_BYTES_MAX = 8, /* bitmap bytes of one: 64 packets */
    TRK_CONT_BYTES_MAX = 512,  /* a transport continuation, with room to grow */
    TRK_UCONT_BYTES_MAX = 512, /* a user continuation */

    TRK_COMMON_BYTES = 12,
    TRK_OPEN_BYTES = 36,    /* before token and early bytes */
    TRK_REQUEST_BYTES = 72, /* before ranges, asks, continuations and uplink bytes */
    TRK_UPLINK_BYTES = 36,
    TRK_DATA_BYTES = 68, /* before extensions and payload */
    TRK_DATA_STATE_BYTES = 8, /* of every DATA of a stateless connection */
    TRK_ACK_BYTES = 56,
    TRK_RESET_BYTES = 24,
};

#define TRK_SEQ_MAX ((UINT64_C(1) << 48) - 1)

enum trk_type {
    TRK_TYPE_VERSION = 0, /* s to c */
    TRK_TYPE_OPEN = 1,    /* c to s */
    TRK_TYPE_REQUEST = 2, /* c to s */
    TRK_TYPE_UPLINK = 3,  /* c to s: uplink bytes, short form */
    TRK_TYPE_DATA = 4,    /* s to c */
    TRK_TYPE_ACK = 5,     /* s to c */
    TRK_TYPE_RESET = 6,   /* both */
    TRK_TYPE_PATH = 7,    /* both; laid out, not spoken yet */
};

/* Kinds of REQUEST (trickles-protocol(7), TRANSITIONS). */
enum trk_kind {
    TRK_KIND_ASK = 0,
    TRK_KIND_HOLE = 1,
    TRK_KIND_TIMEOUT = 2,
    TRK_KIND_UNDO = 3,
    TRK_KIND_CE = 4,
    TRK_KIND_EXIT_SS = 5,
    TRK_KIND_SIZE = 6,
    TRK_KIND_COUNT = 7,
};

/* Reasons in an ACK. */
enum trk_reason {
    TRK_REASON_OK = 0,
    TRK_REASON_NO_DATA =
        1, /* granted, nothing to send yet: the credit is kept where there is soft state */
    TRK_REASON_WINDOW = 2,      /* asked beyond the limit */
    TRK_REASON_SENT = 3,        /* all asked was sent already */
    TRK_REASON_STALE = 4,       /* no longer fresh: a new continuation comes with this */
    TRK_REASON_PROOF_BAD = 5,   /* the proof does not fit */
    TRK_REASON_CANNOT_OPEN = 6, /* soft: wrong key, altered, or past its lifetime */
    TRK_REASON_NOT_HERE = 7,    /* another host has the soft state */
    TRK_REASON_NO_SERVICE = 8,  /* nobody listens on this service port */
    TRK_REASON_NEED_CONT = 9,   /* UPLINK without soft state here: send a REQUEST */
    TRK_REASON_BUSY = 10,       /* too many connections: try later */
    TRK_REASON_ADDRESS = 11,    /* the continuation belongs to another address */
    TRK_REASON_AWAY = 12,       /* the stateless service is not there now: ask again */
    TRK_REASON_COUNT = 13,
};

enum { /* flags of REQUEST and UPLINK */
       TRK_REQ_PROBE = 0x0001,
       TRK_REQ_REFRESH = 0x0002,
       TRK_REQ_REPEAT = 0x0004, /* the uplink bytes were sent before */
       TRK_REQ_FIN = 0x0008,    /* the uplink ends behind these bytes */
       TRK_REQ_KNOWN = 0x000f,
};

enum {                         /* flags of DATA */
       TRK_DATA_FIN = 0x0001,  /* the downlink ends behind this payload */
       TRK_DATA_CONT = 0x0002, /* carries a continuation */
       TRK_DATA_SACK = 0x0004, /* carries uplink ranges */
       TRK_DATA_LATE = 0x0008, /* sent on kept credit: its timestamp says nothing about the RTT */
       TRK_DATA_STATE = 0x0010, /* names the state that the payload follows from: stateless services */
       TRK_DATA_UCONT = 0x0020, /* carries a user continuation */
       TRK_DATA_KNOWN = 0x003f,
};

enum {                          /* flags of ACK */
       TRK_ACK_OPENED = 0x0001, /* answers an OPEN: nonce, tokens, versions follow */
       TRK_ACK_CONT = 0x0002,
       TRK_ACK_SACK = 0x0004,
       TRK_ACK_LATE = 0x0008,
       TRK_ACK_REFUSED = 0x0010, /* bitmaps of seqs already sent follow */
       TRK_ACK_UCONT = 0x0020,   /* carries a user continuation */
       TRK_ACK_KNOWN = 0x003f,
};

/* The first twelve bytes of every packet. */
struct trk_common {
    uint8_t version;
    bool from_server;
    enum trk_type type;
    uint8_t steer; /* worker that has the soft state; set by the server, echoed by the client */
    uint16_t flags;
    uint64_t cid;
};

struct trk_open {
    struct trk_common c;
    uint64_t nonce; /* echoed by the answer */
    uint32_t ts;
    uint16_t service_port;
    uint16_t client_port; /* the inner source port */
    uint16_t versions;    /* bit v set: version v is spoken */
    uint16_t caps;
    const uint8_t *token;
    size_t token_len;
    const uint8_t *early;
    size_t early_len;
    size_t size; /* of the whole datagram: the packet size that the client offers */
};

struct trk_proof_range {
    uint64_t first;
    uint16_t count;
};

/* Seqs first..first+count-1 are asked for, to carry the stream range [off, off + len) in equal
 * pieces, in order. */
struct trk_ask {
    uint64_t first;
    uint16_t count;
    uint64_t off;
    uint32_t len;
};

struct trk_request_pkt {
    struct trk_common c;
    uint32_t reqno;
    uint32_t ts;
    enum trk_kind kind;
    uint8_t attempt;
    uint8_t n_ranges;
    uint8_t n_asks;
    uint32_t w_cl_pkts;
    uint32_t hold_us; /* how long the client kept the continuation before this request */
    uint64_t hole;    /* f of HOLE, TIMEOUT and UNDO; else 0 */
    uint64_t k;
    uint64_t proof;
    uint64_t down_una;
    uint64_t up_off;
    struct trk_proof_range range[TRK_PROOF_RANGES_MAX];
    struct trk_ask ask[TRK_ASKS_MAX];
    const uint8_t *cont;
    size_t cont_len;
    const uint8_t *ucont;
    size_t ucont_len;
    const uint8_t *up;
    size_t up_len;
};

struct trk_uplink_pkt {
    struct trk_common c;
    uint32_t reqno;
    uint32_t ts;
    uint64_t ref;
    uint64_t up_off;
    const uint8_t *up;
    size_t up_len;
};

/* What answers say of the uplink. */
struct trk_up_state {
    uint64_t ack;          /* all below is in the hands of the application's buffer */
    uint32_t credit_bytes; /* ack + credit: the highest offset that may be sent */
    uint8_t n_sacks;
    struct {
        uint64_t start, end;
    } sack[TRK_SACKS_MAX]; /* received beyond ack, ascending */
};

struct trk_data_pkt {
    struct trk_common c;
    uint32_t reqno;
    uint32_t ts;
    uint16_t instance;
    uint64_t seq;
    uint64_t train_end;
    uint64_t nonce;
    uint64_t limit;
    uint64_t off;
    struct trk_up_state up;
    uint64_t state; /* with STATE */
    const uint8_t *cont;
    size_t cont_len;
    const uint8_t *ucont;
    size_t ucont_len;
    const uint8_t *payload;
    size_t payload_len;
};

struct trk_ack_pkt {
    struct trk_common c;
    uint32_t reqno;
    uint32_t ts;
    uint16_t instance;
    uint8_t reason;
    uint64_t train_end; /* every asked seq above this has not been sent yet; 0: none has */
    uint64_t limit;
    uint64_t avail; /* downlink bytes below this offset can be had now */
    struct trk_up_state up;
    uint64_t nonce; /* with OPENED, these five */
    uint64_t reset_token;
    uint64_t uplink_ref;
    uint16_t versions;
    uint16_t caps;
    uint8_t n_refused;
    struct {
        uint64_t first;
        uint64_t bits; /* bit i, counted from the least: first + i was sent before */
    } refused[TRK_REFUSED_MAX];
    const uint8_t *cont;
    size_t cont_len;
    const uint8_t *ucont;
    size_t ucont_len;
};

struct trk_reset_pkt {
    struct trk_common c;
    uint64_t token; /* s to c; zero from clients */
    uint16_t reason;
    const uint8_t *cont; /* c to s: proves the right to reset */
    size_t cont_len;
};

/*
 * The common header alone; checks length, and type against direction, not the version. Returns
 * TRK_OK, TRK_E_SHORT or TRK_E_TYPE.
 */
int trk_wire_common(const uint8_t *pkt, size_t len, struct trk_common *out)
    __attribute__((warn_unused_result));

/* Connection and number of a REQUEST, of which there may be no more than the beginning. Returns as
 * the decoders. */
int trk_wire_read_reqno(const uint8_t *pkt, size_t len, uint64_t *cid, uint32_t *reqno)
    __attribute__((warn_unused_result));

/* Decoders: TRK_OK, TRK_E_SHORT, TRK_E_VERSION, TRK_E_TYPE or TRK_E_FIELD. What `out` borrows lives
 * as long as pkt. */
int trk_wire_read_open(const uint8_t *pkt, size_t len, struct trk_open *out)
    __attribute__((warn_unused_result));
int trk_wire_read_request(const uint8_t *pkt, size_t len, struct trk_request_pkt *out)
    __attribute__((warn_unused_result));
int trk_wire_read_uplink(const uint8_t *pkt, size_t len, struct trk_uplink_pkt *out)
    __attribute__((warn_unused_result));
int trk_wire_read_data(const uint8_t *pkt, size_t len, struct trk_data_pkt *out)
    __attribute__((warn_unused_result));
int trk_wire_read_ack(const uint8_t *pkt, size_t len, struct trk_ack_pkt *out)
    __attribute__((warn_unused_result));
int trk_wire_read_reset(const uint8_t *pkt, size_t len, struct trk_reset_pkt *out)
    __attribute__((warn_unused_result));

/*
 * Encoders: write the whole packet and return its length, or TRK_E_NOSPACE if cap is too small.
 * version, direction and type are the encoder's own; of `c` they use steer, flags and cid. An OPEN,
 * and an ACK with OPENED, are padded with zeros to pad_to bytes (0: no padding).
 */
long trk_wire_write_open(uint8_t *buf, size_t cap, const struct trk_open *in, size_t pad_to);
long trk_wire_write_request(uint8_t *buf, size_t cap, const struct trk_request_pkt *in);
long trk_wire_write_uplink(uint8_t *buf, size_t cap, const struct trk_uplink_pkt *in);
/* Header and extensions only: the payload follows wherever the caller has it. */
long trk_wire_write_data_head(uint8_t *buf, size_t cap, const struct trk_data_pkt *in);
long trk_wire_write_ack(uint8_t *buf, size_t cap, const struct trk_ack_pkt *in, size_t pad_to);
long trk_wire_write_reset(uint8_t *buf, size_t cap, const struct trk_reset_pkt *in,
                          bool from_server);
/* The answer to an unknown version: echoes steer and cid. */
long trk_wire_write_version(uint8_t *buf, size_t cap, const struct trk_common *in);

/* Bytes that the extensions of a DATA packet take: a continuation of cont_len and a user continuation of ucont_len (0:
 * none) and n_sacks ranges. STATE is not among them: it is part of every payload's geometry. */
size_t trk_wire_data_ext_bytes(size_t cont_len, size_t ucont_len, unsigned n_sacks);

#endif
