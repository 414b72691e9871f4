#include "base/ranges.h"

#include <string.h>

#include "base/err.h"

void trk_ranges_init(struct trk_ranges *s, size_t max)
{
    *s = (struct trk_ranges){.max = max};
}

void trk_ranges_free(struct trk_ranges *s, const struct trk_mem *mem)
{
    if (s->v != NULL)
        mem->resize(mem->ctx, s->v, 0);
    trk_ranges_init(s, s->max);
}

size_t trk_ranges_find(const struct trk_ranges *s, uint64_t x)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid].end > x)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Makes room for one more range. */
static int reserve(struct trk_ranges *s, const struct trk_mem *mem)
{
    if (s->n >= s->max)
        return TRK_E_NOSPACE;
    if (s->n < s->cap)
        return TRK_OK;
    size_t cap = s->cap == 0 ? 4 : s->cap * 2;
    if (cap > s->max)
        cap = s->max;
    struct trk_range *v = mem->resize(mem->ctx, s->v, cap * sizeof *v);
    if (v == NULL)
        return TRK_E_NOMEM;
    s->v = v;
    s->cap = cap;
    return TRK_OK;
}

/* Replaces ranges [from, to) by one. */
static void collapse(struct trk_ranges *s, size_t from, size_t to, struct trk_range with)
{
    s->v[from] = with;
    memmove(&s->v[from + 1], &s->v[to], (s->n - to) * sizeof *s->v);
    s->n -= to - from - 1;
}

static int insert(struct trk_ranges *s, const struct trk_mem *mem, size_t at, struct trk_range r)
{
    int rc = reserve(s, mem);
    if (rc != TRK_OK)
        return rc;
    memmove(&s->v[at + 1], &s->v[at], (s->n - at) * sizeof *s->v);
    s->v[at] = r;
    s->n++;
    return TRK_OK;
}

int trk_ranges_add(struct trk_ranges *s, const struct trk_mem *mem, uint64_t start, uint64_t end)
{
    if (start >= end)
        return TRK_OK;
    size_t from = start == 0 ? 0 : trk_ranges_find(s, start - 1); /* touching counts */
    size_t to = from;
    struct trk_range r = {start, end};
    while (to < s->n && s->v[to].start <= end) {
        if (s->v[to].start < r.start)
            r.start = s->v[to].start;
        if (s->v[to].end > r.end)
            r.end = s->v[to].end;
        to++;
    }
    if (from == to)
        return insert(s, mem, from, r);
    collapse(s, from, to, r);
    return TRK_OK;
}

int trk_ranges_sub(struct trk_ranges *s, const struct trk_mem *mem, uint64_t start, uint64_t end)
{
    if (start >= end || s->n == 0)
        return TRK_OK;
    size_t i = trk_ranges_find(s, start);
    if (i < s->n && s->v[i].start < start) {
        if (s->v[i].end > end) { /* a hole in the middle */
            int rc = insert(s, mem, i + 1, (struct trk_range){end, s->v[i].end});
            if (rc == TRK_OK)
                s->v[i].end = start;
            return rc;
        }
        s->v[i].end = start;
        i++;
    }
    size_t to = i;
    while (to < s->n && s->v[to].end <= end)
        to++;
    memmove(&s->v[i], &s->v[to], (s->n - to) * sizeof *s->v);
    s->n -= to - i;
    if (i < s->n && s->v[i].start < end)
        s->v[i].start = end;
    return TRK_OK;
}

bool trk_ranges_has(const struct trk_ranges *s, uint64_t start, uint64_t end)
{
    if (start >= end)
        return true;
    size_t i = trk_ranges_find(s, start);
    return i < s->n && s->v[i].start <= start && s->v[i].end >= end;
}

bool trk_ranges_gap(const struct trk_ranges *s, uint64_t start, uint64_t end, struct trk_range *gap)
{
    size_t i = trk_ranges_find(s, start);
    if (i < s->n && s->v[i].start <= start) {
        start = s->v[i].end;
        i++;
    }
    if (start >= end)
        return false;
    gap->start = start;
    gap->end = i < s->n && s->v[i].start < end ? s->v[i].start : end;
    return true;
}
