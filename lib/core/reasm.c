#include "core/reasm.h"

#define NEVER UINT64_MAX

enum { MIN_BUFFER_BYTES = 2048 };

struct trk_reasm_entry {
    struct trk_reasm_entry *older, *newer;
    uint64_t conn;
    uint64_t used_us;
    uint64_t base; /* stream offset of buf[0] */
    uint64_t fin;  /* offset of the client's FIN; NEVER */
    uint64_t need_up; /* from where on `need` bytes are waited for */
    size_t need;
    uint64_t shown_up; /* a handler sees what is there from here on, */
    uint64_t shown_us; /* since then; 0: none does */
    uint8_t *buf;
    size_t cap;             /* at most TRK_MINI_UP_WINDOW_BYTES */
    struct trk_ranges have; /* stream offsets, within [base, base + cap) */
};

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void trk_reasm_init(struct trk_reasm *r, const struct trk_mem *mem, const uint64_t seed[2],
                    unsigned max_entries, uint64_t max_bytes)
{
    TRK_ASSERT(max_entries >= 1);
    *r = (struct trk_reasm){.mem = *mem, .max_entries = max_entries, .max_bytes = max_bytes};
    trk_map_init(&r->map, seed, &r->mem);
}

static struct trk_reasm_entry *find(const struct trk_reasm *r, uint64_t conn)
{
    return r->n == 0 ? NULL : trk_map_get(&r->map, conn);
}

static void unlink_entry(struct trk_reasm *r, struct trk_reasm_entry *e)
{
    *(e->older != NULL ? &e->older->newer : &r->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &r->newest) = e->older;
}

static void link_newest(struct trk_reasm *r, struct trk_reasm_entry *e)
{
    e->older = r->newest;
    e->newer = NULL;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = e;
    r->newest = e;
}

static void give_up(struct trk_reasm *r, struct trk_reasm_entry *e)
{
    trk_map_remove(&r->map, e->conn);
    unlink_entry(r, e);
    r->bytes -= sizeof *e + e->cap;
    r->n--;
    trk_ranges_free(&e->have, &r->mem);
    if (e->buf != NULL)
        r->mem.resize(r->mem.ctx, e->buf, 0);
    r->mem.resize(r->mem.ctx, e, 0);
}

void trk_reasm_clear(struct trk_reasm *r)
{
    while (r->oldest != NULL)
        give_up(r, r->oldest);
    trk_map_clear(&r->map);
}

/* Room for `more` bytes: the oldest entries go, never `keep`. */
static bool make_room(struct trk_reasm *r, size_t more, const struct trk_reasm_entry *keep)
{
    while (r->bytes + more > r->max_bytes && r->oldest != NULL && r->oldest != keep) {
        give_up(r, r->oldest);
        r->evicted++;
    }
    return r->bytes + more <= r->max_bytes;
}

static struct trk_reasm_entry *begin(struct trk_reasm *r, uint64_t conn, uint64_t up)
{
    while (r->n >= r->max_entries) {
        give_up(r, r->oldest);
        r->evicted++;
    }
    if (!make_room(r, sizeof(struct trk_reasm_entry), NULL))
        return NULL;
    struct trk_reasm_entry *e = r->mem.resize(r->mem.ctx, NULL, sizeof *e);
    if (e == NULL)
        return NULL;
    *e = (struct trk_reasm_entry){.conn = conn, .base = up, .fin = NEVER};
    trk_ranges_init(&e->have, TRK_REASM_RANGES_MAX);
    if (trk_map_put(&r->map, conn, e, NULL) != 0) {
        r->mem.resize(r->mem.ctx, e, 0);
        return NULL;
    }
    link_newest(r, e);
    r->n++;
    r->bytes += sizeof *e;
    return e;
}

/* A buffer for n bytes from base on; e is the newest. */
static int grow(struct trk_reasm *r, struct trk_reasm_entry *e, size_t n)
{
    size_t cap = e->cap == 0 ? MIN_BUFFER_BYTES : e->cap;
    if (n <= e->cap)
        return TRK_OK;
    while (cap < n)
        cap *= 2;
    if (!make_room(r, cap - e->cap, e))
        return TRK_E_NOMEM;
    uint8_t *buf = r->mem.resize(r->mem.ctx, e->buf, cap);
    if (buf == NULL)
        return TRK_E_NOMEM;
    r->bytes += cap - e->cap;
    e->buf = buf;
    e->cap = cap;
    return TRK_OK;
}

/* Everything below `up` is done with. */
static void forward(struct trk_reasm *r, struct trk_reasm_entry *e, uint64_t up)
{
    uint64_t by = up - e->base;
    if (by < e->cap)
        memmove(e->buf, e->buf + by, e->cap - by);
    int rc = trk_ranges_sub(&e->have, &r->mem, 0, up); /* a front: never one range more */
    TRK_ASSERT(rc == TRK_OK);
    e->base = up;
    e->need = 0;
    if (e->fin < up)
        e->fin = NEVER;
}

/* Goes back to `up`, below base: what does not fit into the window from there is lost. */
static int back(struct trk_reasm *r, struct trk_reasm_entry *e, uint64_t up)
{
    uint64_t by = e->base - up;
    uint64_t top = e->have.n > 0 ? e->have.v[e->have.n - 1].end : e->base;
    uint64_t limit = up + TRK_MINI_UP_WINDOW_BYTES;
    if (top > limit) {
        int rc = trk_ranges_sub(&e->have, &r->mem, limit, NEVER);
        TRK_ASSERT(rc == TRK_OK);
        top = max_u64(limit, e->base);
    }
    if (top > e->base) {
        int rc = grow(r, e, (size_t)(top - up));
        if (rc != TRK_OK)
            return rc;
        memmove(e->buf + by, e->buf, (size_t)(top - e->base));
    }
    e->base = up;
    e->need = 0;
    return TRK_OK;
}

static bool is_empty(const struct trk_reasm_entry *e)
{
    return e->have.n == 0 && e->fin == NEVER;
}

/* Stores what of [off, end) is new to e. */
static int store(struct trk_reasm *r, struct trk_reasm_entry *e, uint64_t off, uint64_t end,
                 const uint8_t *bytes)
{
    if (off >= end || trk_ranges_has(&e->have, off, end))
        return TRK_OK;
    if (grow(r, e, (size_t)(end - e->base)) != TRK_OK ||
        trk_ranges_add(&e->have, &r->mem, off, end) != TRK_OK)
        return TRK_E_NOMEM;
    memcpy(e->buf + (off - e->base), bytes, (size_t)(end - off));
    return TRK_OK;
}

int trk_reasm_add(struct trk_reasm *r, uint64_t now_us, uint64_t conn, uint64_t up, uint64_t off,
                  const uint8_t *bytes, size_t len, bool fin)
{
    uint64_t end = off + len;
    if (end < up || (end == up && !fin) || off >= up + TRK_MINI_UP_WINDOW_BYTES + (fin ? 1 : 0))
        return TRK_OK;
    struct trk_reasm_entry *e = find(r, conn);
    if (e == NULL && (e = begin(r, conn, up)) == NULL)
        return TRK_E_NOMEM;
    unlink_entry(r, e);
    link_newest(r, e);
    e->used_us = now_us;
    int rc = TRK_OK;
    if (up > e->base)
        forward(r, e, up);
    else if (off < e->base && up < e->base)
        rc = back(r, e, up);
    uint64_t limit = min_u64(e->base + TRK_MINI_UP_WINDOW_BYTES, e->fin);
    uint64_t from = max_u64(off, e->base), to = min_u64(end, limit);
    if (rc == TRK_OK)
        rc = store(r, e, from, to, from < end ? bytes + (from - off) : NULL);
    if (rc == TRK_OK && fin && end <= limit && end >= e->base && e->fin == NEVER &&
        (e->have.n == 0 || e->have.v[e->have.n - 1].end <= end))
        e->fin = end;
    if (is_empty(e))
        give_up(r, e);
    return rc;
}

bool trk_reasm_peek(const struct trk_reasm *r, uint64_t conn, uint64_t up, const uint8_t **bytes,
                    size_t *len, bool *fin)
{
    const struct trk_reasm_entry *e = find(r, conn);
    *bytes = NULL;
    *len = 0;
    *fin = false;
    if (e == NULL || up < e->base)
        return false;
    size_t i = trk_ranges_find(&e->have, up);
    if (i < e->have.n && e->have.v[i].start <= up) {
        *bytes = e->buf + (up - e->base);
        *len = (size_t)(e->have.v[i].end - up);
    }
    *fin = e->fin == up + *len;
    return *len > 0 || *fin;
}

bool trk_reasm_show(struct trk_reasm *r, uint64_t now_us, uint64_t conn, uint64_t up)
{
    struct trk_reasm_entry *e = find(r, conn);
    if (e == NULL)
        return true;
    bool shown = e->shown_us != 0 && e->shown_up == up && now_us >= e->shown_us &&
                 now_us - e->shown_us < TRK_REASM_SHOWN_US;
    if (shown)
        return false;
    e->shown_up = up;
    e->shown_us = now_us;
    return true;
}

bool trk_reasm_holds(const struct trk_reasm *r, uint64_t conn)
{
    return find(r, conn) != NULL;
}

void trk_reasm_consume(struct trk_reasm *r, uint64_t conn, uint64_t up)
{
    struct trk_reasm_entry *e = find(r, conn);
    if (e == NULL)
        return;
    e->shown_us = 0;
    if (up <= e->base)
        return;
    forward(r, e, up);
    if (is_empty(e))
        give_up(r, e);
}

int trk_reasm_need(struct trk_reasm *r, uint64_t conn, uint64_t up, size_t n)
{
    struct trk_reasm_entry *e = find(r, conn);
    if (e == NULL)
        return TRK_E_UNKNOWN;
    if (up < e->base) /* another run has consumed more: nobody waits there */
        return TRK_OK;
    e->need_up = up;
    e->need = n;
    return TRK_OK;
}

size_t trk_reasm_needed(const struct trk_reasm *r, uint64_t conn, uint64_t up)
{
    const struct trk_reasm_entry *e = find(r, conn);
    return e != NULL && e->need_up == up ? e->need : 0;
}

void trk_reasm_up_state(const struct trk_reasm *r, uint64_t conn, uint64_t ack,
                        struct trk_up_state *up)
{
    *up = (struct trk_up_state){.ack = ack, .credit_bytes = TRK_MINI_UP_WINDOW_BYTES};
    const struct trk_reasm_entry *e = find(r, conn);
    if (e == NULL)
        return;
    for (size_t i = trk_ranges_find(&e->have, ack); i < e->have.n && up->n_sacks < TRK_SACKS_MAX;
         i++) {
        if (e->have.v[i].end - ack > UINT32_MAX) /* of a much later continuation: cannot be named */
            return;
        up->sack[up->n_sacks].start = max_u64(e->have.v[i].start, ack);
        up->sack[up->n_sacks].end = e->have.v[i].end;
        up->n_sacks++;
    }
}

void trk_reasm_expire(struct trk_reasm *r, uint64_t now_us)
{
    while (r->oldest != NULL && r->oldest->used_us + TRK_REASM_AGE_US < now_us)
        give_up(r, r->oldest);
}
