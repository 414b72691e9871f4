/*
 * ticket.h: all that is needed to answer one event of a stateless service, now or later, here or
 * elsewhere. A plain value: copy it, keep it (detached events), encode it (extracted events). Pure.
 */
#ifndef TRK_CORE_TICKET_H
#define TRK_CORE_TICKET_H

#include "core/server.h"
#include "core/ucont.h"

enum {
    TRK_TICKET_RUNS_MAX = 32,
    TRK_TICKET_BYTES_MAX = 1536, /* encoded */
};

/* Neighbouring seqs that may be sent, for a stretch of the stream: seq first + i carries
 * [off + i * payload, off + (i + 1) * payload) cut at off + len. */
struct trk_run {
    uint64_t first;
    uint16_t count;
    uint64_t off;
    uint32_t len;
};

struct trk_ticket {
    struct trk_answer to;
    struct trk_secret secret;
    struct trk_law law;
    bool give_cont; /* seal law and secret into the answer */
    bool asked;     /* the request asked for packets */
    bool answered;  /* an answer has left already: what follows is late */
    uint8_t reason;
    uint16_t pkt_len;       /* of the request */
    uint64_t issued_us;     /* wall clock when the request came */
    bool has_ucont;         /* `ucont` is the one presented */
    struct trk_ucont ucont; /* without one: all 0, end 0 */
    uint64_t up_known;      /* uplink bytes below this are received, consumed or held */
    unsigned n_runs;
    struct trk_run run[TRK_TICKET_RUNS_MAX]; /* ascending by seq */
};

/*
 * Fills t from a verified request and the continuation that it presented (NULL: none). Grants
 * beyond TRK_TICKET_RUNS_MAX runs are left out: they count as not sent.
 */
void trk_ticket_make(struct trk_ticket *t, const struct trk_request *req,
                     const struct trk_ucont *ucont, uint64_t now_us);

/* Writes t to buf (TRK_TICKET_BYTES_MAX bytes); returns the length. */
size_t trk_ticket_write(const struct trk_ticket *t, uint8_t *buf);

/* The inverse, of any bytes at all. *used is how many were read. TRK_OK, TRK_E_SHORT, TRK_E_FIELD.
 */
int trk_ticket_read(const uint8_t *buf, size_t len, struct trk_ticket *t, size_t *used)
    __attribute__((warn_unused_result));

#endif
