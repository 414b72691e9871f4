/*
 * answer.h: an answer as its handler describes it: a cursor in the stream of answers; what was asked
 * for is cut out, the rest skipped; continuations and ends are noted. Pure but for the back end's
 * room() and pread(2).
 *
 * State and continuation. An answer either goes on with the state of the continuation presented, or
 * begins a new one: if it consumes, if there was none, or if the handler says MSK_FRESH. A new state
 * begins where the former ends, with the first continuation that was set there, or else with the
 * former's bytes. All others that are set are checkpoints.
 *
 * Functions return 0 or -errno.
 */
#ifndef TRK_MINI_ANSWER_H
#define TRK_MINI_ANSWER_H

#include "mini/backend.h"

/* A job as take() gave it: orders its runs for the application, puts the cursor at its beginning. */
void msk_answer_begin(struct msk_job *job);

/* The next len bytes of the stream, from buf. -EINVAL (beyond msk_end, or the stream's bound),
 * -ENOMEM. */
int msk_answer_bytes(struct msk_back *b, struct msk_job *job, const void *buf, size_t len);
/* The next len bytes, from a file at off. Also -EIO: it ends before; what pread(2) says. */
int msk_answer_file(struct msk_back *b, struct msk_job *job, const struct msk_file *f);

/* What msk_answer_undo() goes back to. */
struct msk_answer_mark {
    bool begun;
    uint64_t cursor, described_to;
    uint32_t have[MSK_RANGES_MAX];
};
void msk_answer_mark(const struct msk_job *job, struct msk_answer_mark *mark);
void msk_answer_undo(struct msk_job *job, const struct msk_answer_mark *mark);

/* As msk_wanted(). */
uint64_t msk_answer_wanted(const struct msk_job *job);
/* -EINVAL: below `from`, below what was described, or past the stream's bound. */
int msk_answer_seek(struct msk_job *job, uint64_t off);
/* -EINVAL: more than there is. */
int msk_answer_consume(struct msk_job *job, size_t n);
/* -EMSGSIZE, -EINVAL (out of order, below the state's `from`, beyond the end, unknown flags). */
int msk_answer_set(struct msk_job *job, uint64_t off, const void *buf, size_t len, unsigned flags);
/* The stream ends at the cursor, until the next request or for good. -EINVAL: it was said to end
 * elsewhere. */
int msk_answer_end(struct msk_job *job, bool close);

/* Fills job->answer from what was said. Cannot fail. */
void msk_answer_finish(struct msk_job *job, bool pending);
/* After answer() with keep: the job as it can be answered further. */
void msk_answer_go_on(struct msk_job *job);

#endif
