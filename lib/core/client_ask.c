/*
 * What to ask for: which seqs (limits, overlap, pacing), for which bytes (lost ones first, then new
 * ones).
 *
 * Bytes are tracked by stream range received, never by seq: what a seq carried is what arrived in
 * it.
 */
#include "core/client_int.h"

static uint16_t payload_of(const struct trk_client *c)
{
    return trk_law_payload_bytes(&c->epoch);
}

/* Wants [from, to), less what is here already. */
static void want(struct trk_client *c, uint64_t from, uint64_t to)
{
    struct trk_range gap;
    from = trk_max64(from, c->down.una);
    to = trk_min64(to, c->fin_off);
    if (c->stateless) { /* what does not fit our buffer comes later, as new */
        uint64_t limit = trk_rcvbuf_limit(&c->down);
        if (to > limit)
            c->ask_off = trk_min64(c->ask_off, limit);
        to = trk_min64(trk_min64(to, limit), trk_uc_reach(c));
    }
    while (from < to && trk_ranges_gap(&c->down.above, from, to, &gap)) {
        if (trk_ranges_add(&c->want, &c->mem, gap.start, gap.end) == TRK_E_NOMEM)
            trk_client_fail(c, TRK_E_NOMEM);
        from = gap.end;
    }
}

void trk_ask_requeue(struct trk_client *c, const struct trk_seq_entry *e)
{
    /* It may have carried other bytes than asked, as all credit for what is still to come: whatever is
     * missing below is wanted again. */
    bool credit = e->fresh || (!c->stateless && e->off >= c->down_high);
    want(c, e->off, e->off + e->len);
    if (credit)
        want(c, c->down.una, trk_min64(c->down_high, e->off));
}

void trk_ask_rest(struct trk_client *c, const struct trk_seq_entry *e)
{
    want(c, e->off, e->off + e->len);
}

void trk_ask_holes(struct trk_client *c)
{
    want(c, c->down.una, c->down_high);
}

void trk_ask_restart(struct trk_client *c)
{
    /* cutting off the end of the set makes no new range, so it cannot fail */
    (void)trk_ranges_sub(&c->want, &c->mem, c->down_high, UINT64_MAX);
    c->ask_off = c->down_high;
    trk_ask_holes(c);
}

/* Is [start, end) under way in seqs that ask for exactly these bytes? Then it is not wanted twice.
 */
static void drop_under_way(struct trk_client *c, const struct trk_track *t)
{
    for (uint64_t s = t->k + 1; s <= t->high_asked; s++) {
        const struct trk_seq_entry *e = trk_track_at(t, s);
        if (e->state == TRK_SEQ_ASKED)
            (void)trk_ranges_sub(&c->want, &c->mem, e->off, e->off + e->len);
    }
}

/*
 * New bytes beyond those asked for so far go behind what really came: the server may have sent
 * shorter pieces. A stateless service answers each request for itself, so only what went with
 * request reqno moves; what that leaves open is wanted.
 */
static void resync(struct trk_client *c, uint64_t seq, uint32_t reqno)
{
    uint64_t off = c->down_high;
    uint16_t piece = payload_of(c);
    for (uint64_t s = trk_max64(seq, c->cur.k) + 1; s <= c->cur.high_asked; s++) {
        struct trk_seq_entry *e = trk_track_at(&c->cur, s);
        if (!e->fresh || (e->state != TRK_SEQ_ASKED && e->state != TRK_SEQ_UNSENT) ||
            (c->stateless && e->reqno != reqno))
            continue;
        e->off = off;
        e->len = piece;
        off += piece;
    }
    if (c->stateless)
        want(c, off, c->ask_off);
    else
        c->ask_off = off;
}

void trk_ask_bytes(struct trk_client *c, const struct trk_data_pkt *d)
{
    uint64_t whole_end = d->off + d->payload_len;
    uint64_t end =
        trk_min64(whole_end, trk_rcvbuf_limit(&c->down)); /* what lies beyond was not kept */
    bool exact = end == c->down_high + d->payload_len && d->payload_len == payload_of(c);
    if ((d->c.flags & TRK_DATA_FIN) != 0 && c->fin_off == TRK_NO_OFF && whole_end >= c->down_high)
        c->fin_off = whole_end;
    if (end > c->down_high) {
        c->down_high = end;
        if (!exact && d->seq >= c->cur.base && !trk_newer32(c->space_reqno, d->reqno))
            resync(c, d->seq, d->reqno);
    }
    if (c->want.n > 0)
        (void)trk_ranges_sub(&c->want, &c->mem, d->off, end);
    if (c->ask_off < c->down_high || end < whole_end) /* cut off at our window: comes again */
        c->ask_off = c->down_high;
}

/* One past the last new byte that may be asked for now. */
static uint64_t ask_end(const struct trk_client *c)
{
    uint64_t end = trk_min64(trk_rcvbuf_limit(&c->down), c->fin_off);
    return c->stateless ? trk_min64(end, trk_uc_reach(c)) : end;
}

/* Is there anything that the stream still lacks and nobody was asked for? */
static bool has_need(const struct trk_client *c)
{
    if (c->want.n > 0)
        return true;
    if (c->ask_off >= ask_end(c))
        return false;
    uint32_t half = trk_law_window(&c->epoch, c->cur.k) / 2;
    return c->cur.n_unsent <
           (half > 2 ? half : 2); /* the server has enough credit for what may come */
}

uint32_t trk_ask_quantum(const struct trk_client *c)
{
    uint32_t w = trk_law_window(&c->epoch, c->cur.k);
    uint64_t per_ms = c->rtt.srtt_us != 0 ? (uint64_t)w * 1000 / c->rtt.srtt_us : 0;
    uint64_t q = trk_min64(per_ms, w / 4);
    q = trk_min64(q, TRK_ASK_PKTS_MAX);
    return q < 2 ? 2 : (uint32_t)q;
}

static void refill(struct trk_client *c, uint64_t now_ns)
{
    uint32_t w = trk_law_window(&c->epoch, c->cur.k);
    bool slow_start = c->epoch.ssthresh_q >> TRK_Q > w;
    trk_pace_fill(&c->pace, now_ns, w, c->rtt.srtt_us, slow_start, 16 + 2 * trk_ask_quantum(c));
}

static uint64_t may_ask(const struct trk_client *c)
{
    uint64_t limit = trk_epoch_limit(c);
    return limit > c->cur.high_asked ? limit - c->cur.high_asked : 0;
}

/* A stateless service has no credit: the seqs that were not used are asked for anew. */
static bool can_ask(const struct trk_client *c)
{
    return may_ask(c) > 0 || (c->stateless && c->cur.n_unsent > 0);
}

/* No asks but for repeats while a service is away, or while it is not clear which state is to be. */
static bool is_held(const struct trk_client *c, uint64_t now_ns)
{
    if (c->away_since_ns != 0)
        return now_ns < c->away_next_ns;
    return c->limbo_ns != 0 && !c->probe && !c->keepalive;
}

bool trk_ask_due(struct trk_client *c, uint64_t now_ns)
{
    if (c->state != TRK_CLIENT_OPEN || is_held(c, now_ns))
        return false;
    if (c->stateless && trk_uc_idle(c))
        return false;
    if (c->ask_now || c->probe || c->keepalive || c->poke)
        return true;
    if (now_ns >= c->ask_due_ns)
        return true;
    if ((c->arrivals < trk_ask_quantum(c) && !c->repairing) || !has_need(c) || !can_ask(c))
        return false;
    refill(c, now_ns);
    return trk_pace_pkts(&c->pace) > 0;
}

void trk_ask_schedule(struct trk_client *c, uint64_t now_ns)
{
    if (c->arrivals == 0 || c->ask_due_ns != TRK_NEVER_NS)
        return;
    uint64_t delay = TRK_DELAY_MAX_NS;
    if (has_need(c) && can_ask(c)) {
        delay = trk_min64(delay, (uint64_t)c->rtt.srtt_us * 125);
        delay = trk_max64(delay, TRK_DELAY_MIN_NS);
    } else if (has_need(c) && !c->pending && c->cur.n_asked + c->old.n_asked == 0) {
        /* All that was asked for is here, and the range of the continuation is used up: only a
         * fresh one helps, and nothing else is going to ask for it. */
        c->refresh_due = true;
        delay = 0;
    }
    c->ask_due_ns = now_ns + delay;
}

uint64_t trk_ask_lowest(const struct trk_client *c, uint64_t from)
{
    uint64_t low = TRK_NO_OFF;
    for (uint64_t s = trk_max64(from, c->cur.k + 1); s <= c->cur.high_asked; s++) {
        const struct trk_seq_entry *e = trk_track_at(&c->cur, s);
        if ((e->state == TRK_SEQ_ASKED || e->state == TRK_SEQ_UNSENT) && e->len > 0)
            low = trk_min64(low, e->off);
    }
    return low;
}

static void trim_track(struct trk_track *t, uint64_t end, enum trk_seq_state left)
{
    for (uint64_t s = t->k + 1; s <= t->high_asked; s++) {
        struct trk_seq_entry *e = trk_track_at(t, s);
        if ((e->state != TRK_SEQ_ASKED && e->state != TRK_SEQ_UNSENT) || e->off + e->len <= end)
            continue;
        e->len = e->off < end ? (uint16_t)(end - e->off) : 0;
        if (e->len == 0)
            trk_track_set(t, e, left);
    }
}

void trk_ask_trim(struct trk_client *c, uint64_t end)
{
    trim_track(&c->cur, end, TRK_SEQ_UNSENT);
    trim_track(&c->old, end, TRK_SEQ_NONE);
    (void)trk_ranges_sub(&c->want, &c->mem, end, UINT64_MAX);
    c->ask_off = trk_min64(c->ask_off, end);
}

void trk_ask_unblock(struct trk_client *c)
{
    if (c->cur.n_asked == 0 && has_need(c) && may_ask(c) > 0)
        c->ask_now = true;
}

uint64_t trk_ask_deadline(const struct trk_client *c)
{
    if (c->stateless && trk_uc_idle(c))
        return TRK_NEVER_NS;
    return c->limbo_ns != 0 ? c->limbo_ns : c->ask_due_ns;
}

/* Asks for seq entry e to bring [off, off + len). */
static void book(struct trk_client *c, uint64_t now_ns, struct trk_seq_entry *e, uint64_t off,
                 uint64_t len, bool fresh)
{
    trk_track_set(&c->cur, e, TRK_SEQ_ASKED);
    e->off = off;
    e->len = (uint16_t)len;
    e->fresh = fresh;
    e->asked_us = trk_us32(now_ns);
    e->reqno = c->reqno;
}

/* Seq s brings [off, off + len): one more block, unless it continues the last. */
static void count_block(struct trk_ask_window *win, uint64_t s, uint64_t off, uint64_t len)
{
    if (win->blocks == 0 || s != win->next_seq || off != win->next_off)
        win->blocks++;
    win->next_seq = s + 1;
    win->next_off = off + len;
}

/* Half of the room is for what is asked for again. */
static bool is_full(const struct trk_client *c, const struct trk_ask_window *win)
{
    return c->stateless && win->blocks >= win->max_blocks / 2;
}

/* The next bytes to ask for, lost ones first; false if none. */
static bool next_bytes(struct trk_client *c, const struct trk_ask_window *win, uint64_t *off,
                       uint64_t *len, bool *fresh)
{
    uint16_t piece = payload_of(c);
    size_t i = trk_ranges_find(&c->want, win->lo);
    *fresh = i == c->want.n || c->want.v[i].start >= win->hi;
    *off = *fresh ? c->ask_off : trk_max64(c->want.v[i].start, win->lo);
    uint64_t end = trk_min64(*fresh ? ask_end(c) : c->want.v[i].end, win->hi);
    if (*off >= end || *off < win->lo)
        return false;
    if (*off < win->cut)
        end = trk_min64(end, win->cut);
    *len = trk_min64(end - *off, piece);
    if (*fresh)
        c->ask_off += *len;
    return *fresh || trk_ranges_sub(&c->want, &c->mem, *off, *off + *len) == TRK_OK;
}

/*
 * A stateless service keeps nothing for seqs that it did not use: what they were to bring is put back,
 * and they are given out anew, lowest first. They stay unsent until they are asked for again.
 */
static void release_unsent(struct trk_client *c)
{
    bool above = false; /* newer bytes are under way */
    for (uint64_t s = c->cur.high_asked; c->cur.n_unsent > 0 && s > c->cur.k; s--) {
        struct trk_seq_entry *e = trk_track_at(&c->cur, s);
        above |= e->state == TRK_SEQ_ASKED && e->fresh;
        if (e->state != TRK_SEQ_UNSENT)
            continue;
        if (e->fresh && !above)
            c->ask_off = trk_min64(c->ask_off, trk_max64(e->off, c->down_high));
        else
            want(c, e->off, e->off + e->len);
        e->len = 0;
        e->fresh = false;
    }
    (void)trk_ranges_sub(&c->want, &c->mem, c->ask_off, UINT64_MAX);
}

/* Returns how many of most are used. */
static uint64_t rebook_unsent(struct trk_client *c, struct trk_ask_window *win, uint64_t most)
{
    uint64_t done = 0;
    for (uint64_t s = c->cur.k + 1;
         c->cur.n_unsent > 0 && s <= c->cur.high_asked && done < most; s++) {
        struct trk_seq_entry *e = trk_track_at(&c->cur, s);
        uint64_t len;
        if (e->state != TRK_SEQ_UNSENT)
            continue;
        if (is_full(c, win) || !next_bytes(c, win, &e->off, &len, &e->fresh))
            break;
        e->len = (uint16_t)len;
        e->reqno = c->reqno;
        count_block(win, s, e->off, len);
        c->overlap[0] = trk_min64(c->overlap[0], s);
        c->overlap[1] = trk_min64(c->overlap[1], s);
        done++;
    }
    return done;
}

/* Lost bytes go onto credit that the server already has: a lower seq must not stay unsent below a
 * higher one. No more than have room in a REQUEST beside new ones. */
static void reuse_unsent(struct trk_client *c, uint64_t now_ns, struct trk_ask_window *win)
{
    unsigned left = TRK_GRANTS_MAX - TRK_ASK_PKTS_MAX;
    for (uint64_t s = c->cur.k + 1;
         c->cur.n_unsent > 0 && c->want.n > 0 && left > 0 && s <= c->cur.high_asked; s++) {
        struct trk_seq_entry *e = trk_track_at(&c->cur, s);
        uint64_t off, len;
        bool fresh;
        if (e->state != TRK_SEQ_UNSENT)
            continue;
        if (!next_bytes(c, win, &off, &len, &fresh))
            return;
        book(c, now_ns, e, off, len, fresh);
        win->reused = true;
        left--;
        c->overlap[0] = trk_min64(c->overlap[0], s);
        c->overlap[1] = trk_min64(c->overlap[1], s);
    }
}

static uint64_t ask_new(struct trk_client *c, uint64_t now_ns, struct trk_ask_window *win)
{
    uint64_t first = c->cur.high_asked + 1, n = trk_min64(may_ask(c), TRK_ASK_PKTS_MAX), done = 0;
    if (c->probe && n == 0)
        n = 1;
    else if (!c->probe)
        n = trk_min64(n, trk_pace_pkts(&c->pace));
    if (c->stateless && c->cur.n_unsent > 0) {
        release_unsent(c);
        done = rebook_unsent(c, win, trk_min64(TRK_ASK_PKTS_MAX, trk_pace_pkts(&c->pace)));
        trk_pace_take(&c->pace, done);
        if (!c->probe) /* what the limit allows beyond goes with it, not with a request of its own */
            n = trk_min64(trk_min64(n, TRK_ASK_PKTS_MAX - done), trk_pace_pkts(&c->pace));
        done = 0;
    }
    while (done < n && (c->probe || (has_need(c) && !is_full(c, win)))) {
        uint64_t off, len;
        bool fresh;
        if (!next_bytes(c, win, &off, &len, &fresh)) {
            if (!c->probe || done > 0)
                break;
            off = c->down.una; /* a probe repeats the oldest bytes if there are no others */
            len = payload_of(c);
            fresh = false;
        }
        struct trk_seq_entry *e = trk_track_push(&c->cur, &c->mem);
        if (e == NULL) {
            trk_client_fail(c, TRK_E_NOMEM);
            break;
        }
        e->first_reqno = c->reqno;
        book(c, now_ns, e, off, len, fresh);
        count_block(win, c->cur.high_asked, off, len);
        done++;
        if (c->probe)
            break;
    }
    trk_pace_take(&c->pace, done);
    return first;
}

/*
 * Collects into blocks, newest first, and turns them round: all from `from` on, and of what is below
 * that which the server may never have been asked for, if requests were lost. Returns how many. Where
 * there is not room for all, what is asked for the first time goes before repeats.
 */
static unsigned collect(struct trk_client *c, uint64_t now_ns, uint64_t from,
                        const struct trk_ask_window *win, struct trk_ask *out)
{
    uint16_t piece = payload_of(c);
    uint64_t low = trk_min64(from, trk_max64(c->cur.high_sent, c->cur.k) + 1);
    unsigned n = 0, total = 0, first_time = c->stateless ? win->blocks : 0;
    const bool crowded = win->reused && c->cur.high_asked - low >= TRK_GRANTS_MAX;
    if (trk_client_down_done(c)) /* credit that is left is of no use */
        return 0;
    for (uint64_t s = c->cur.high_asked; s >= low && s > c->cur.k && total < TRK_GRANTS_MAX; s--) {
        struct trk_seq_entry *e = trk_track_at(&c->cur, s);
        if (e->state != TRK_SEQ_ASKED && (e->state != TRK_SEQ_UNSENT || s < from))
            continue;
        if (e->off < win->lo || e->off >= win->hi || e->len == 0)
            continue;
        if (crowded && e->reqno != c->reqno) /* the server knows of it, and not of what is new below */
            continue;
        struct trk_ask *a = n > 0 ? &out[n - 1] : NULL;
        uint16_t len = (uint16_t)trk_min64(e->len, win->hi - e->off);
        bool again = e->reqno != c->reqno;
        if (a != NULL && a->first == s + 1 && e->off + piece == a->off && len == piece) {
            a->first = s;
            a->off = e->off;
            a->count++;
            a->len += len;
        } else if (n < win->max_blocks - (again ? first_time : 0)) {
            out[n++] = (struct trk_ask){.first = s, .count = 1, .off = e->off, .len = len};
            first_time -= !again && first_time > 0;
        } else if (first_time > 0) {
            continue;
        } else {
            break;
        }
        if (e->state == TRK_SEQ_UNSENT)
            trk_track_set(&c->cur, e, TRK_SEQ_ASKED);
        if (s > c->cur.high_sent) /* else the time rule would begin anew with every repeat */
            e->asked_us = trk_us32(now_ns);
        e->reqno = c->reqno;
        total++;
    }
    for (unsigned i = 0; i < n / 2; i++) {
        struct trk_ask x = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = x;
    }
    return n;
}

/*
 * Is what could be asked for next only a guess: bytes behind what the newest state gives, in the hope
 * that the answer to a request under way is so long? One REQUEST's worth of that is enough until the
 * answer's continuation says more; a window's worth would be several REQUESTs for each short answer.
 */
static bool is_guess(const struct trk_client *c)
{
    return c->stateless && c->want.n == 0 && trk_uc_beyond(c, c->ask_off);
}

/* Is there more to ask for than what this window is for? */
static bool wants_below(const struct trk_client *c, uint64_t off)
{
    return c->want.n > 0 && c->want.v[0].start < off;
}

unsigned trk_ask_fill(struct trk_client *c, uint64_t now_ns, struct trk_ask_window *win,
                      struct trk_ask *out)
{
    bool idle = c->cur.n_asked + c->old.n_asked == 0;
    refill(c, now_ns);
    if (c->want.n > 0) {
        drop_under_way(c, &c->cur);
        drop_under_way(c, &c->old);
    }
    if (!c->stateless)
        reuse_unsent(c, now_ns, win);
    uint64_t from = c->overlap[0];
    uint64_t first_new = ask_new(c, now_ns, win);
    if (win->all)
        from = c->cur.k + 1;
    else if (c->stateless)
        from = c->overlap[0];
    c->rwnd_blocked = c->ask_off >= trk_rcvbuf_limit(&c->down) && c->ask_off < c->fin_off;
    unsigned n = win->only_news && win->blocks == 0 ? 0 : collect(c, now_ns, from, win, out);
    if (first_new <= c->cur.high_asked) {
        c->overlap[0] = c->overlap[1];
        c->overlap[1] = first_new;
    }
    if (idle && c->cur.n_asked > 0) {
        c->progress_ns = now_ns;
        c->probed = false;
    }
    c->probe = c->keepalive = c->ask_now = c->repairing = false;
    c->arrivals = 0;
    c->ask_due_ns = TRK_NEVER_NS;
    if (has_need(c) && can_ask(c) && !is_guess(c)) { /* more than one train, or the bucket is empty */
        bool pace = trk_pace_pkts(&c->pace) > 0;
        c->ask_now = pace && (!c->stateless || win->blocks > 0 || wants_below(c, win->lo));
        c->ask_due_ns = pace ? TRK_NEVER_NS : now_ns + TRK_DELAY_MIN_NS;
    }
    return n;
}
