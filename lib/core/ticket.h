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
    TRK_TICKET_LAYOUT = 1,       /* its first byte */
};

/*
 * Neighbouring seqs that may be sent, for a stretch of the stream: seq first + i carries
 * [off + i * payload, off + (i + 1) * payload) cut at off + len. len is at least 1 and at most
 * count * payload; where it is less than that the last seqs are room for nothing yet.
 */
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
    uint16_t pkt_len;        /* of the request */
    uint64_t came_us;        /* wall clock when the request came */
    uint64_t cont_issued_us; /* of its continuation, */
    uint64_t keep_first;    /* and the first seq that one issued anew is good for; 0: a new space */
    bool has_ucont;         /* `ucont` is the one presented, or what an answer put in its place */
    struct trk_ucont ucont; /* without one: all 0, end 0 */
    uint64_t up_end;        /* one past the request bytes that the event shows; ucont.up: none */
    bool up_fin;            /* and it shows that the client's FIN follows them */
    unsigned n_runs;
    struct trk_run run[TRK_TICKET_RUNS_MAX]; /* ascending by seq */
};

/*
 * Fills t from a verified request and the continuation that it presented (NULL: none); up_end is
 * ucont.up, for the caller to move. Left out, as if not sent: what lies below the continuation's
 * `from`, and what is beyond TRK_TICKET_RUNS_MAX runs. A run is split at its `end` where that is
 * known, so that what follows it (the answer to a new request) begins a run.
 */
void trk_ticket_make(struct trk_ticket *t, const struct trk_request *req,
                     const struct trk_ucont *ucont, uint64_t now_us);

/* One past what the continuation can give; UINT64_MAX where that is not known. */
static inline uint64_t trk_ticket_end(const struct trk_ticket *t)
{
    return t->ucont.end;
}

/*
 * Takes have[i] bytes from the front of each run i, and the seqs that carried them: no seq carries
 * bytes of both sides of `split` (where a new state begins; 0: nowhere). Runs that are used up go;
 * what is left is for the seqs that are left. Whoever keeps a copy of the runs keeps it by this.
 * Returns how many runs there are then.
 */
unsigned trk_runs_use(struct trk_run *run, unsigned n, const uint32_t *have, uint64_t split,
                      uint16_t payload_bytes);

/* Writes t to buf (TRK_TICKET_BYTES_MAX bytes); returns the length. */
size_t trk_ticket_write(const struct trk_ticket *t, uint8_t *buf);

/* The inverse, of any bytes at all. *used is how many were read. TRK_OK, TRK_E_SHORT, TRK_E_FIELD.
 */
int trk_ticket_read(const uint8_t *buf, size_t len, struct trk_ticket *t, size_t *used)
    __attribute__((warn_unused_result));

#endif
