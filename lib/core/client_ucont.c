/*
 * The client of a stateless service: the user continuations that it holds, and which of them a
 * request presents.
 *
 * Each run of a handler may begin a state, after the one that was presented to it: runs are a tree.
 * What is held is one path of it. A new state is taken only if it is after the newest one, or in
 * the newest one's place as long as no byte of that was taken; and never from where bytes of the
 * path are here already. So the stream is of one path, whatever copies, repeats and older
 * continuations made.
 */
#include "core/client_int.h"

static struct trk_held *newest(const struct trk_client *c)
{
    return &c->held[c->n_held - 1];
}

/* Index of the first one held of the newest state. */
static unsigned newest_first(const struct trk_client *c)
{
    unsigned i = c->n_held - 1;
    while (i > 0 && c->held[i - 1].u.state == c->held[i].u.state)
        i--;
    return i;
}

/* Index of the first one held of a state; n_held if none is. */
static unsigned find(const struct trk_client *c, uint64_t state)
{
    unsigned i = 0;
    while (i < c->n_held && c->held[i].u.state != state)
        i++;
    return i;
}

static bool begins(const struct trk_ucont *u)
{
    return u->after != u->state;
}

/* One past what the state of entry i gives: its own end, or where the next one takes over. */
static uint64_t end_of(const struct trk_client *c, unsigned i)
{
    unsigned j = i + 1;
    while (j < c->n_held && c->held[j].u.state == c->held[i].u.state)
        j++;
    uint64_t end = c->held[i].u.end;
    return j < c->n_held ? trk_min64(end, c->held[j].u.from) : end;
}

uint64_t trk_uc_up(const struct trk_client *c)
{
    return c->n_held > 0 ? newest(c)->u.up : 0;
}

/* Uplink bytes, or a FIN, that no state has consumed. */
static bool up_pending(const struct trk_client *c)
{
    return trk_uc_up(c) < c->up.buf.end + (c->up.fin_given ? 1 : 0);
}

uint64_t trk_uc_reach(const struct trk_client *c)
{
    return c->n_held == 0 || up_pending(c) ? UINT64_MAX : newest(c)->u.end;
}

bool trk_uc_beyond(const struct trk_client *c, uint64_t off)
{
    return c->n_held > 0 && up_pending(c) && off >= newest(c)->u.end;
}

bool trk_uc_idle(const struct trk_client *c)
{
    return c->n_held > 0 && !up_pending(c) && c->down.una >= newest(c)->u.end;
}

void trk_uc_wake(struct trk_client *c, uint64_t now_ns)
{
    c->heard_ns = c->quiet_ns = c->progress_ns = now_ns;
    c->probed = false;
}

void trk_uc_free(struct trk_client *c)
{
    if (c->held != NULL)
        c->mem.resize(c->mem.ctx, c->held, 0);
    c->held = NULL;
    c->n_held = 0;
}

static void remove_at(struct trk_client *c, unsigned at)
{
    c->n_held--;
    memmove(&c->held[at], &c->held[at + 1], (c->n_held - at) * sizeof c->held[0]);
}

/*
 * Room for one more. The continuation that can be done without is the one with least between its
 * neighbours, of those further on in a state: what it gives can be had from the one before.
 */
static bool make_room(struct trk_client *c)
{
    unsigned best = 0;
    uint64_t least = UINT64_MAX;
    if (c->n_held < TRK_UCONTS_HELD_MAX)
        return true;
    for (unsigned i = 1; i + 1 < c->n_held; i++) {
        uint64_t gap = c->held[i + 1].u.from - c->held[i - 1].u.from;
        if (c->held[i - 1].u.state == c->held[i].u.state && gap < least) {
            least = gap;
            best = i;
        }
    }
    if (best != 0)
        remove_at(c, best);
    return best != 0;
}

static void put(struct trk_client *c, unsigned at, const struct trk_ucont *u, const uint8_t *bytes,
                size_t len)
{
    memmove(&c->held[at + 1], &c->held[at], (c->n_held - at) * sizeof c->held[0]);
    c->n_held++;
    c->held[at].u = *u;
    c->held[at].len = (uint16_t)len;
    memcpy(c->held[at].bytes, bytes, len);
}

/* What lies below `una` is needed no more. */
static void drop_old(struct trk_client *c)
{
    while (c->n_held > 1 && c->held[1].u.from <= c->down.una)
        remove_at(c, 0);
}

/* The end of the newest state has become known, or the newest state is another one. */
static void settle(struct trk_client *c)
{
    drop_old(c);
    const struct trk_ucont *u = &newest(c)->u;
    c->fin_off = (u->flags & TRK_UCONT_FIN) != 0 ? u->end : TRK_NO_OFF;
    if (trk_uc_reach(c) != UINT64_MAX)
        trk_ask_trim(c, u->end);
}

/* What another continuation of a state says of its end. False: it contradicts what is known. */
static bool learn_end(struct trk_client *c, unsigned first, uint8_t flags, uint64_t end)
{
    const struct trk_ucont *known = &c->held[first].u, *last = &newest(c)->u;
    if ((known->flags & TRK_UCONT_END) != 0 && (flags & TRK_UCONT_END) != 0 && end != known->end)
        return false;
    if ((known->flags & flags) == flags) /* no news */
        return true;
    if (last->state != known->state || end < trk_max64(last->from, c->down_high))
        return false;
    for (unsigned i = first; i < c->n_held; i++) {
        c->held[i].u.flags |= flags;
        c->held[i].u.end = end;
    }
    return true;
}

/*
 * A state goes on with more uplink bytes consumed, which changed nothing of what it gives: what is held of
 * it with fewer, from there on, is replaced.
 */
static void take_more_up(struct trk_client *c, const struct trk_ucont *u)
{
    while (c->n_held > 0 && newest(c)->u.state == u->state && newest(c)->u.from >= u->from)
        c->n_held--;
    c->limbo_ns = c->limbo_up = 0;
    c->poke = c->up.n > 0 && c->up.in_flight == 0 && c->up.next > u->up; /* it may have seen no more yet */
}

/* A place further on in a state that is held. */
static void take_place(struct trk_client *c, unsigned first, struct trk_ucont *u,
                       const uint8_t *bytes, size_t len)
{
    const uint64_t state = u->state;
    const bool last = state == newest(c)->u.state;
    bool ours = last ? u->up >= newest(c)->u.up : u->up == c->held[first].u.up;
    if (!ours || u->from < c->held[first].u.from || !learn_end(c, first, u->flags, u->end) ||
        u->from > end_of(c, first))
        return;
    u->end = c->held[first].u.end;
    u->flags = c->held[first].u.flags;
    if (last && u->up > newest(c)->u.up)
        take_more_up(c, u);
    if (make_room(c)) {
        unsigned at = find(c, state);
        while (at < c->n_held && c->held[at].u.state == state && c->held[at].u.from < u->from)
            at++;
        if (at == c->n_held || c->held[at].u.state != state || c->held[at].u.from != u->from)
            put(c, at, u, bytes, len);
    }
    settle(c);
}

/* Could the stream go on with this state, behind what is here? */
static bool goes_on(const struct trk_client *c, struct trk_ucont *u)
{
    bool end = (u->flags & TRK_UCONT_END) != 0, fin = (u->flags & TRK_UCONT_FIN) != 0;
    if (end && u->end == c->down_high) /* has nothing to give: the bytes before may be the same again */
        u->from = u->end;
    if (u->from < c->down_high)
        return false;
    return !trk_client_down_done(c) || (fin && u->end == c->fin_off);
}

/* After the newest state, or (*at) in its place. */
static bool finds_place(const struct trk_client *c, const struct trk_ucont *u, unsigned *at)
{
    *at = c->n_held;
    if (c->n_held == 0)
        return u->after == 0 && u->from == 0;
    const struct trk_ucont *last = &newest(c)->u;
    bool same_fin = (u->flags & TRK_UCONT_FIN) != 0 && u->end == last->end;
    if (u->after == last->state)
        return u->up >= last->up && u->from >= last->from && u->from <= last->end &&
               ((last->flags & TRK_UCONT_FIN) == 0 || same_fin);
    *at = newest_first(c);
    const struct trk_ucont *first = &c->held[*at].u;
    return begins(first) && u->after == first->after && u->up > last->up &&
           u->from == first->from && c->down_high <= first->from;
}

static bool take_state(struct trk_client *c, struct trk_ucont *u, const uint8_t *bytes, size_t len)
{
    unsigned at;
    if (!begins(u) || !goes_on(c, u) || !finds_place(c, u, &at))
        return false;
    if (at == c->n_held && !make_room(c))
        return false;
    if (at < c->n_held)
        c->n_held = at;
    at = c->n_held;
    put(c, at, u, bytes, len);
    c->held_reqno = c->reqno;
    c->limbo_ns = c->limbo_up = 0;
    c->poke = c->up.n > 0 && c->up.next > u->up;
    c->ask_now = true;
    settle(c);
    return true;
}

static bool make_list(struct trk_client *c)
{
    if (c->held != NULL)
        return true;
    c->held = c->mem.resize(c->mem.ctx, NULL, TRK_UCONTS_HELD_MAX * sizeof c->held[0]);
    if (c->held == NULL)
        trk_client_fail(c, TRK_E_NOMEM);
    return c->held != NULL;
}

void trk_uc_take(struct trk_client *c, const uint8_t *ucont, size_t len)
{
    struct trk_ucont u;
    if (trk_ucont_read(ucont, len, &u) != TRK_OK || !make_list(c))
        return;
    if (u.up > c->up.next + (c->up.fin_sent ? 1 : 0))
        return; /* never sent */
    unsigned first = find(c, u.state);
    if (first < c->n_held)
        take_place(c, first, &u, ucont, len);
    else
        (void)take_state(c, &u, ucont, len);
}

size_t trk_uc_keep(const struct trk_client *c, const struct trk_data_pkt *d)
{
    unsigned i = find(c, d->state);
    if (i == c->n_held || (begins(&c->held[i].u) && d->off < c->held[i].u.from))
        return 0;
    uint64_t end = end_of(c, i);
    return end <= d->off ? 0 : (size_t)trk_min64(d->payload_len, end - d->off);
}

void trk_uc_fin(struct trk_client *c, uint64_t state, uint64_t end)
{
    unsigned i = find(c, state);
    if (i < c->n_held && learn_end(c, i, TRK_UCONT_END | TRK_UCONT_FIN, end))
        settle(c);
}

void trk_uc_advance(struct trk_client *c)
{
    if (c->n_held == 0)
        return;
    drop_old(c);
    if (c->down.una == newest(c)->u.end && c->up.n > 0)
        c->poke = true; /* a handler may have put off what is next until all of this is there */
}

void trk_uc_unknown(struct trk_client *c, uint64_t now_ns, uint32_t reqno, uint64_t up_ack)
{
    if (trk_newer32(c->held_reqno, reqno))
        return; /* of a run beside the path; what is wanted is asked for with the newest state */
    uint64_t wait_ns = trk_max64((uint64_t)c->rtt.srtt_us * 125, TRK_DELAY_MIN_NS);
    c->limbo_up = trk_max64(c->limbo_up, up_ack);
    if (c->limbo_ns == 0)
        c->limbo_ns = trk_max64(now_ns + wait_ns, c->limbo_next_ns);
}

void trk_uc_expire(struct trk_client *c, uint64_t now_ns)
{
    if (c->limbo_ns == 0 || now_ns < c->limbo_ns)
        return;
    trk_up_again_below(c, c->limbo_up);
    c->limbo_ns = c->limbo_up = 0;
    c->limbo_next_ns = now_ns + trk_max64((uint64_t)c->rtt.srtt_us * 1000, 2 * TRK_DELAY_MIN_NS);
    c->keepalive = true; /* all that is outstanding, once in a round trip: each run is a new state */
}

bool trk_uc_is_newest(const struct trk_client *c, const struct trk_held *h)
{
    return c->n_held == 0 || (h != NULL && h->u.state == newest(c)->u.state);
}

/* The last one from which off can be had. */
static unsigned covers(const struct trk_client *c, uint64_t off)
{
    unsigned i = c->n_held - 1;
    while (i > 0 && c->held[i].u.from > off)
        i--;
    return i;
}

/*
 * Which one to present: for what is missing lowest, or for new bytes; then it also reaches back to those
 * asked for before, as far as its state does. Uplink bytes are for the newest state.
 */
static unsigned choose(const struct trk_client *c, bool for_up)
{
    for_up |= c->poke;
    if (c->probe || c->keepalive)
        return covers(c, c->down.una);
    if (c->want.n > 0 && !for_up)
        return covers(c, c->want.v[0].start);
    unsigned i = for_up ? c->n_held - 1 : covers(c, c->ask_off);
    uint64_t low = trk_ask_lowest(c, for_up ? 0 : c->overlap[0]);
    while (i > 0 && c->held[i].u.from > low && c->held[i - 1].u.state == c->held[i].u.state)
        i--;
    return i;
}

const struct trk_held *trk_uc_present(struct trk_client *c, bool for_up,
                                      struct trk_ask_window *win)
{
    win->all = c->probe || c->keepalive || c->poke || for_up;
    win->only_news = (for_up || c->poke) && !c->probe && !c->keepalive;
    win->cut = c->n_held > 0 && newest(c)->u.end != UINT64_MAX ? newest(c)->u.end : 0;
    if (c->n_held == 0) {
        c->poke = false;
        return NULL;
    }
    unsigned i = choose(c, for_up);
    struct trk_held *h = &c->held[i];
    win->lo = h->u.from;
    win->hi = trk_uc_is_newest(c, h) ? trk_uc_reach(c) : end_of(c, i);
    c->poke = c->poke && !trk_uc_is_newest(c, h);
    return h;
}
