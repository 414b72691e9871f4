#include "core/replay.h"

#include <string.h>

#include "base/err.h"

enum { LINE_WORDS = TRK_REPLAY_LINE_SEQS / 64, SET_LINES = 4 };

struct trk_replay_line {
    uint64_t tag;     /* 0: empty */
    uint64_t used_us; /* last mark or touch */
    uint64_t bits[LINE_WORDS];
};

_Static_assert(sizeof(struct trk_replay_line) == 64, "one cache line");

/* The salt is secret and random, so mixing needs no key (finaliser of splitmix64). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t tag_of(struct trk_space space, uint64_t block)
{
    uint64_t tag = mix(space.rho ^ mix(block << 16 | space.instance));
    return tag != 0 ? tag : 1;
}

int trk_replay_init(struct trk_replay *t, void *mem, size_t bytes, uint64_t fresh_us)
{
    const size_t set_bytes =
        SET_LINES * (sizeof(struct trk_replay_line) + sizeof(uint64_t)) + sizeof(uint64_t);
    if (mem == NULL || bytes < TRK_REPLAY_MIN_BYTES || (uintptr_t)mem % 64 != 0)
        return TRK_E_INVAL;
    size_t sets = 1;
    while (sets * 2 * set_bytes <= bytes)
        sets *= 2;
    memset(mem, 0, bytes);
    *t = (struct trk_replay){.lines = mem, .set_mask = sets - 1, .fresh_us = fresh_us};
    t->floor_us = (uint64_t *)(void *)(t->lines + sets * SET_LINES);
    t->known_us = t->floor_us + sets;
    return TRK_OK;
}

static struct trk_replay_line *find(const struct trk_replay *t, uint64_t tag)
{
    struct trk_replay_line *set = &t->lines[(tag & t->set_mask) * SET_LINES];
    for (unsigned i = 0; i < SET_LINES; i++)
        if (set[i].tag == tag)
            return &set[i];
    return NULL;
}

/* The line of a tag, made by evicting the set's oldest if need be. */
static struct trk_replay_line *claim(struct trk_replay *t, uint64_t tag, uint64_t now_us)
{
    struct trk_replay_line *line = find(t, tag);
    if (line != NULL)
        return line;
    size_t s = tag & t->set_mask;
    line = &t->lines[s * SET_LINES];
    for (unsigned i = 1; i < SET_LINES; i++)
        if (t->lines[s * SET_LINES + i].used_us < line->used_us)
            line = &t->lines[s * SET_LINES + i];
    if (line->tag != 0 && line->used_us + t->fresh_us >= now_us) {
        t->evictions++;
        if (line->used_us > t->floor_us[s])
            t->floor_us[s] = line->used_us;
    }
    memset(line, 0, sizeof *line);
    line->tag = tag;
    t->known_us[line - t->lines] = t->floor_us[s];
    return line;
}

static uint64_t low_bits(unsigned n)
{
    return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Bits [at, at + n) of a line's map; n at most 64, all within the line. */
static uint64_t get_bits(const struct trk_replay_line *line, unsigned at, unsigned n)
{
    unsigned word = at / 64, shift = at % 64;
    uint64_t v = line->bits[word] >> shift;
    if (shift + n > 64)
        v |= line->bits[word + 1] << (64 - shift);
    return n == 64 ? v : v & ((UINT64_C(1) << n) - 1);
}

static void set_bits(struct trk_replay_line *line, unsigned at, unsigned n, uint64_t v)
{
    unsigned word = at / 64, shift = at % 64;
    line->bits[word] |= v << shift;
    if (shift + n > 64)
        line->bits[word + 1] |= v >> (64 - shift);
}

/* How many of n seqs from `first` lie in first's line. */
static unsigned in_line(uint64_t first, unsigned n)
{
    unsigned room = (unsigned)(TRK_REPLAY_LINE_SEQS - first % TRK_REPLAY_LINE_SEQS);
    return n < room ? n : room;
}

/*
 * May marks that a continuation leans on be missing from a line (NULL: not there)? Times much later than
 * its issue are of a clock that was set back since; they would be believed for as long as that.
 */
static bool forgotten(const struct trk_replay *t, uint64_t tag, const struct trk_replay_line *line,
                      uint64_t issued_us)
{
    uint64_t up_to_us =
        line != NULL ? t->known_us[line - t->lines] : t->floor_us[tag & t->set_mask];
    return t->evictions != 0 && issued_us <= up_to_us && up_to_us - issued_us <= 2 * t->fresh_us;
}

uint64_t trk_replay_sent(const struct trk_replay *t, struct trk_space space, uint64_t first,
                         unsigned n, uint64_t issued_us, bool *stale)
{
    TRK_ASSERT(n >= 1 && n <= 64);
    uint64_t sent = 0;
    for (unsigned done = 0; done < n;) {
        uint64_t at = first + done;
        unsigned here = in_line(at, n - done);
        uint64_t tag = tag_of(space, at / TRK_REPLAY_LINE_SEQS);
        const struct trk_replay_line *line = find(t, tag);
        uint64_t bits =
            line != NULL ? get_bits(line, (unsigned)(at % TRK_REPLAY_LINE_SEQS), here) : 0;
        sent |= bits << done;
        if (bits != low_bits(here)) /* "not sent": is that known? */
            *stale |= forgotten(t, tag, line, issued_us);
        done += here;
    }
    return sent;
}

bool trk_replay_known(const struct trk_replay *t, struct trk_space space, uint64_t first,
                      uint64_t end, uint64_t issued_us)
{
    for (uint64_t b = first / TRK_REPLAY_LINE_SEQS; first < end && b <= (end - 1) / TRK_REPLAY_LINE_SEQS;
         b++) {
        uint64_t tag = tag_of(space, b);
        if (t->evictions != 0 && forgotten(t, tag, find(t, tag), issued_us))
            return false;
    }
    return true;
}

void trk_replay_touch(struct trk_replay *t, struct trk_space space, uint64_t first, uint64_t end,
                      uint64_t now_us)
{
    for (uint64_t b = first / TRK_REPLAY_LINE_SEQS; first < end && b <= (end - 1) / TRK_REPLAY_LINE_SEQS;
         b++) {
        struct trk_replay_line *line = find(t, tag_of(space, b));
        if (line != NULL)
            line->used_us = now_us;
    }
}

void trk_replay_mark(struct trk_replay *t, struct trk_space space, uint64_t first, unsigned n,
                     uint64_t bits, uint64_t now_us)
{
    TRK_ASSERT(n >= 1 && n <= 64);
    for (unsigned done = 0; done < n;) {
        uint64_t at = first + done;
        unsigned here = in_line(at, n - done);
        uint64_t part = bits >> done;
        if (here < 64)
            part &= (UINT64_C(1) << here) - 1;
        if (part != 0) {
            struct trk_replay_line *line =
                claim(t, tag_of(space, at / TRK_REPLAY_LINE_SEQS), now_us);
            set_bits(line, (unsigned)(at % TRK_REPLAY_LINE_SEQS), here, part);
            line->used_us = now_us;
        }
        done += here;
    }
}
