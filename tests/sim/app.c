#include "app.h"

#include <string.h>

#include "rng.h"
#include "sim.h"
#include "simmini.h"

enum { PAGE = 65536, TICK_NS = 2000000 };

static uint8_t page[2 * PAGE]; /* twice the same, so that a run never wraps */

static void make_page(void)
{
    static bool made;
    if (made)
        return;
    struct rng r = {4242};
    rng_fill(&r, page, PAGE);
    memcpy(page + PAGE, page, PAGE);
    made = true;
}

/* Start within the page of the 64 KiB part that off is in: another one for each part and stream. */
static size_t place(uint64_t salt, uint64_t off)
{
    return (size_t)((off + (off >> 16) * 7919 + salt * 40503) & (PAGE - 1));
}

void app_bytes(uint64_t salt, uint64_t off, uint8_t *out, size_t n)
{
    make_page();
    while (n > 0) {
        size_t run = PAGE - (size_t)(off & (PAGE - 1));
        if (run > n)
            run = n;
        memcpy(out, page + place(salt, off), run);
        out += run;
        off += run;
        n -= run;
    }
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t app_written(const struct app *a, uint64_t now_ns)
{
    uint64_t n = a->out_total;
    if (now_ns < a->start_ns)
        return 0;
    if (a->kind == APP_ECHO)
        n = a->read;
    else if (a->kind == APP_ANSWER)
        n = min_u64(n, a->read / a->ask_bytes * a->answer_bytes);
    else if (a->kind == APP_ASK)
        n = min_u64(n, (a->read / a->answer_bytes + 1) * a->ask_bytes);
    if (a->out_rate != 0)
        n = min_u64(n, (uint64_t)((unsigned __int128)(now_ns - a->start_ns) * a->out_rate / SIM_S));
    return n;
}

bool app_ended(const struct app *a, uint64_t now_ns)
{
    if ((a->fin_after_eof && !a->eof) || now_ns < a->fin_ns)
        return false;
    uint64_t total = a->kind == APP_ECHO ? a->read : a->out_total;
    return (a->kind != APP_ECHO || a->eof) && app_written(a, now_ns) == total && now_ns >= a->start_ns;
}

size_t app_would_read(const struct app *a, uint64_t now_ns)
{
    if (now_ns >= a->pause_from_ns && now_ns < a->pause_to_ns)
        return 0;
    if (a->in_rate == 0)
        return SIZE_MAX;
    uint64_t by_now = (uint64_t)((unsigned __int128)now_ns * a->in_rate / SIM_S);
    return by_now > a->read ? (size_t)(by_now - a->read) : 0;
}

/* At most an answer's rest, of any version that it can still be of. */
static size_t read_version(struct app *a, const uint8_t *p, size_t n)
{
    uint8_t want[512];
    uint64_t left = a->answer_bytes - a->read % a->answer_bytes;
    size_t run = n < sizeof want ? n : sizeof want;
    run = left < run ? (size_t)left : run;
    for (unsigned v = 0; v < a->versions; v++) {
        uint64_t salt = simmini_salt(a->in_salt, v);
        if (left == a->answer_bytes) {
            a->alive |= 1u << v;
            a->chain[v] = simmini_chain(salt, a->read);
        }
        if ((a->alive >> v & 1) == 0)
            continue;
        app_bytes(salt, a->read, want, run);
        if (a->chained)
            simmini_link(&a->chain[v], want, run);
        if (memcmp(want, p, run) != 0)
            a->alive &= ~(1u << v);
    }
    if (a->alive == 0 && !a->wrong) {
        a->wrong = true;
        a->wrong_at = a->read;
    }
    return run;
}

void app_read(struct app *a, const uint8_t *p, size_t n)
{
    make_page();
    if ((n > 0 && a->eof) || a->read + n > a->in_total) {
        a->wrong_at = a->wrong ? a->wrong_at : a->read;
        a->wrong = true;
    }
    while (n > 0) {
        size_t run = PAGE - (size_t)(a->read & (PAGE - 1));
        if (run > n)
            run = n;
        if (a->versions != 0)
            run = read_version(a, p, n);
        else if (!a->wrong && memcmp(p, page + place(a->in_salt, a->read), run) != 0) {
            a->wrong = true;
            a->wrong_at = a->read;
        }
        a->read += run;
        p += run;
        n -= run;
    }
}

void app_read_eof(struct app *a)
{
    if (!a->eof && a->read != a->in_total) {
        a->wrong = true;
        a->wrong_at = a->read;
    }
    a->eof = true;
}

uint64_t app_next_ns(const struct app *a, uint64_t now_ns)
{
    uint64_t next = SIM_NEVER;
    if (now_ns < a->start_ns)
        next = min_u64(next, a->start_ns);
    if (now_ns < a->fin_ns)
        next = min_u64(next, a->fin_ns);
    if (now_ns < a->pause_to_ns)
        next = min_u64(next, now_ns < a->pause_from_ns ? a->pause_from_ns : a->pause_to_ns);
    if ((a->out_rate != 0 && app_written(a, now_ns) < a->out_total) || (a->in_rate != 0 && !a->eof))
        next = min_u64(next, (now_ns / TICK_NS + 1) * TICK_NS);
    return next;
}
