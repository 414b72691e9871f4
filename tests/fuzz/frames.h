/* frames.h: an input of a stateful target as a row of frames: op (8 bits), length (16 bits), bytes.
 */
#ifndef TRK_TESTS_FRAMES_H
#define TRK_TESTS_FRAMES_H

#include "base/cursor.h"
#include "fuzz.h"

enum { FRAMES_MAX = 500 }; /* of one input: longer ones find nothing new and cost time */

struct frame {
    uint8_t op;
    uint16_t amount;      /* the length as written */
    const uint8_t *bytes; /* as many of them as there are */
    size_t len;
};

/* The next frame, false at the end. has_bytes(op) says whether bytes follow, or the length is only
 * a number. */
static inline bool frame_next(struct trk_rd *r, bool (*has_bytes)(uint8_t op), struct frame *f)
{
    if (trk_rd_left(r) < 3)
        return false;
    f->op = trk_rd_u8(r);
    f->amount = trk_rd_u16(r);
    f->len = 0;
    f->bytes = r->p;
    if (has_bytes(f->op)) {
        f->len = f->amount < trk_rd_left(r) ? f->amount : trk_rd_left(r);
        f->bytes = trk_rd_bytes(r, f->len);
    }
    return true;
}

/* A writer of frames, for seeds. */
static inline void frame_put(struct trk_wr *w, uint8_t op, const uint8_t *bytes, size_t len)
{
    trk_wr_u8(w, op);
    trk_wr_u16(w, (uint16_t)len);
    if (bytes)
        trk_wr_bytes(w, bytes, len);
}

#endif
