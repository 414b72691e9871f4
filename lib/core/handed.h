/*
 * handed.h: which seqs of a connection were handed to a handler a moment ago. Requests overlap, so at
 * full speed each seq is asked for two or three times before the first answer has marked it as sent;
 * without this the handler would describe, and read from its files, the same bytes each time.
 *
 * Soft state of constant size, without any duty to end an entry: it is worth something for
 * TRK_HANDED_US only, and a request that asks for nothing else is handed out whole. Only for a service
 * whose events are answered in order: with several processes a later answer could overtake. Pure.
 */
#ifndef TRK_CORE_HANDED_H
#define TRK_CORE_HANDED_H

#include "core/ticket.h"

enum {
    TRK_HANDED_CONNS = 256, /* those in full flight at once; more only lose the benefit */
    TRK_HANDED_US = 5000,   /* a handler that has not answered by then may be asked again */
};

/* All zero: empty. */
struct trk_handed {
    struct {
        uint64_t conn, rho;
        uint64_t high;     /* the highest seq handed out */
        uint64_t place;    /* of seq 0 in the stream, if seqs and bytes go on as they do there */
        uint64_t until_us; /* wall clock */
    } of[TRK_HANDED_CONNS];
};

/*
 * An event that only asks for more is going to be handed out: leaves out of its runs what was handed
 * out less than TRK_HANDED_US ago, for the same bytes, if something remains, and notes the rest.
 */
void trk_handed_cut(struct trk_handed *h, uint64_t now_us, struct trk_ticket *t);

#endif
