/*
 * cursor.h: bounded reading and writing of big-endian fields. Pure.
 *
 * A read past the end yields zero, consumes nothing and makes the cursor bad for good; callers
 * check once, at the end, with trk_rd_ok(). A write past the end does nothing and makes the writer
 * bad likewise.
 */
#ifndef TRK_BASE_CURSOR_H
#define TRK_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct trk_rd {
    const uint8_t *p;   /* next byte, borrowed */
    const uint8_t *end; /* one past the last */
    bool bad;
};

struct trk_wr {
    uint8_t *p;     /* next byte, borrowed */
    uint8_t *end;   /* one past the last that may be written */
    uint8_t *start; /* the first */
    bool bad;
};

static inline struct trk_rd trk_rd_make(const uint8_t *buf, size_t len)
{
    return (struct trk_rd){.p = buf, .end = buf + len, .bad = false};
}

static inline size_t trk_rd_left(const struct trk_rd *r)
{
    return (size_t)(r->end - r->p);
}

static inline bool trk_rd_ok(const struct trk_rd *r)
{
    return !r->bad;
}

/* Borrows the next n bytes; NULL (and bad) if there are fewer. */
static inline const uint8_t *trk_rd_bytes(struct trk_rd *r, size_t n)
{
    if (r->bad || trk_rd_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

/* An unsigned number of n bytes, n at most 8. */
static inline uint64_t trk_rd_uint(struct trk_rd *r, size_t n)
{
    const uint8_t *p = trk_rd_bytes(r, n);
    uint64_t v = 0;
    if (p != NULL)
        for (size_t i = 0; i < n; i++)
            v = v << 8 | p[i];
    return v;
}

static inline uint8_t trk_rd_u8(struct trk_rd *r)
{
    return (uint8_t)trk_rd_uint(r, 1);
}

static inline uint16_t trk_rd_u16(struct trk_rd *r)
{
    return (uint16_t)trk_rd_uint(r, 2);
}

static inline uint32_t trk_rd_u32(struct trk_rd *r)
{
    return (uint32_t)trk_rd_uint(r, 4);
}

static inline uint64_t trk_rd_u48(struct trk_rd *r)
{
    return trk_rd_uint(r, 6);
}

static inline uint64_t trk_rd_u64(struct trk_rd *r)
{
    return trk_rd_uint(r, 8);
}

static inline struct trk_wr trk_wr_make(uint8_t *buf, size_t cap)
{
    return (struct trk_wr){.p = buf, .end = buf + cap, .start = buf, .bad = false};
}

static inline size_t trk_wr_len(const struct trk_wr *w)
{
    return (size_t)(w->p - w->start);
}

static inline size_t trk_wr_left(const struct trk_wr *w)
{
    return (size_t)(w->end - w->p);
}

static inline bool trk_wr_ok(const struct trk_wr *w)
{
    return !w->bad;
}

/* Room for n bytes, to be filled by the caller; NULL (and bad) if there is none. */
static inline uint8_t *trk_wr_room(struct trk_wr *w, size_t n)
{
    if (w->bad || trk_wr_left(w) < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->p;
    w->p += n;
    return p;
}

static inline void trk_wr_uint(struct trk_wr *w, uint64_t v, size_t n)
{
    uint8_t *p = trk_wr_room(w, n);
    if (p != NULL)
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static inline void trk_wr_u8(struct trk_wr *w, uint8_t v)
{
    trk_wr_uint(w, v, 1);
}

static inline void trk_wr_u16(struct trk_wr *w, uint16_t v)
{
    trk_wr_uint(w, v, 2);
}

static inline void trk_wr_u32(struct trk_wr *w, uint32_t v)
{
    trk_wr_uint(w, v, 4);
}

static inline void trk_wr_u48(struct trk_wr *w, uint64_t v)
{
    trk_wr_uint(w, v, 6);
}

static inline void trk_wr_u64(struct trk_wr *w, uint64_t v)
{
    trk_wr_uint(w, v, 8);
}

static inline void trk_wr_bytes(struct trk_wr *w, const void *src, size_t n)
{
    uint8_t *p = trk_wr_room(w, n);
    if (p != NULL && n > 0)
        memcpy(p, src, n);
}

static inline void trk_wr_zero(struct trk_wr *w, size_t n)
{
    uint8_t *p = trk_wr_room(w, n);
    if (p != NULL)
        memset(p, 0, n);
}

#endif
