/*
 * minicheck.h: an application's answer, compared with the event that it is for, in the engine's form. The application
 * may be hostile: what does not fit is refused, and of what fits no number can lead outside the record. What it says
 * about the stream itself trk_mini_plan() judges. Pure.
 */
#ifndef TRK_DAEMON_MINICHECK_H
#define TRK_DAEMON_MINICHECK_H

#include "daemon/slots.h"
#include "ipc/minirec.h"

struct trk_checked {
    struct trk_mini_answer answer;
    struct trk_mini_input in;                  /* what the handler saw, as far as it matters now */
    const uint8_t *bytes[TRK_TICKET_RUNS_MAX]; /* answer.have[i] bytes of run i; borrowed from the record */
};

/* False: the record contradicts the event. rec is as trk_rec_answer_read() gave it. */
bool trk_minicheck(const struct trk_slot *slot, const struct trk_rec_answer *rec, struct trk_checked *out)
    __attribute__((warn_unused_result));

#endif
