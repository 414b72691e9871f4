/*
 * Epochs: which continuation the client holds, what it may ask for under it, when it cuts.
 *
 * A loss or a timeout makes the client derive the next epoch by itself (`pending`): its requests
 * carry the continuation in hand, the kind and the hole, and ask in the derived epoch; the server
 * derives the same and gives the sealed result to those that are flagged REFRESH. Never two
 * derivations: a loss in a pending epoch waits until it is in hand.
 */
#include "core/client_int.h"

/* Gives up all that is under way in a tracker: its bytes go back to the queue. */
static void abandon(struct trk_client *c, struct trk_track *t)
{
    uint64_t lowest_fresh = TRK_NO_OFF;
    for (uint64_t s = t->k + 1; s <= t->high_asked; s++) {
        struct trk_seq_entry *e = trk_track_at(t, s);
        if (e->state == TRK_SEQ_UNSENT &&
            e->fresh) /* never sent: ask for these bytes as new ones again */
            lowest_fresh = trk_min64(lowest_fresh, e->off);
        else if (e->state == TRK_SEQ_ASKED || e->state == TRK_SEQ_UNSENT)
            trk_ask_requeue(c, e);
    }
    if (lowest_fresh < c->ask_off)
        c->ask_off = trk_max64(lowest_fresh, c->down_high);
    trk_track_reset(t, t->base);
}

/* Begins asking in c->epoch. */
static void begin(struct trk_client *c)
{
    trk_track_reset(&c->cur, c->epoch.base);
    c->overlap[0] = c->overlap[1] = c->epoch.base;
    c->ask_now = true;
}

/* Packets under way, as FlightSize in RFC 5681: what a cut halves where that is less than the
 * window. */
static uint32_t flight(const struct trk_client *c)
{
    return c->cur.n_asked + c->cur.n_lost + c->cur.n_rcvd + c->old.n_asked;
}

/* Computes the next epoch; false where the continuation does not reach that far (it must be
 * refreshed first). */
static bool derive(struct trk_client *c, enum trk_kind kind, uint64_t f, uint8_t attempt,
                   uint64_t fold)
{
    struct trk_law child;
    uint32_t w = trk_law_window(&c->law, f - 1), in_flight = flight(c);
    if (c->pending && f == c->hole)
        w = c->w_cl; /* the same loss again: what was under way then */
    else if (in_flight + w / 4 + 2 < w) /* limited by the application or its buffer, not by us */
        w = in_flight > 0 ? in_flight : 1;
    if (trk_law_derive(&c->law, kind, f, attempt, w, &child) != TRK_OK)
        return false;
    c->pending = c->child_due = true;
    c->kind = kind;
    c->hole = f;
    c->attempt = attempt;
    c->w_cl = w;
    c->parent_fold = fold;
    c->hole_rcvd = false;
    c->undo_left = 0;
    c->fs = w < child.fs_pkts ? w : child.fs_pkts;
    c->epoch = child;
    return true;
}

/* A hole was found: the old window's packets go on arriving while the new epoch is asked for,
 * metered. */
static void cut(struct trk_client *c)
{
    if (!derive(c, TRK_KIND_HOLE, c->cur.k + 1, 0, c->cur.fold))
        return;
    abandon(c, &c->old);
    struct trk_track was = c->cur;
    c->cur = c->old;
    c->old = was;
    for (uint64_t s = c->old.k + 1; s <= c->old.high_asked; s++) {
        struct trk_seq_entry *e = trk_track_at(&c->old, s);
        if (e->state != TRK_SEQ_UNSENT)
            continue;
        if (e->fresh)
            c->ask_off = trk_min64(c->ask_off, trk_max64(e->off, c->down_high));
        else
            trk_ask_requeue(c, e);
        trk_track_set(&c->old, e, TRK_SEQ_NONE);
    }
    c->stat.cuts++;
    if (c->stat.cuts - c->reorder_cut > TRK_REORDER_FORGET_CUTS) {
        c->reorder = TRK_REORDER_MIN; /* not seen for long: RFC 8985 section 6.2 */
        c->reorder_steps = 1;
    }
    begin(c);
}

/* Nothing of the present epoch is verified. */
static void forget_claims(struct trk_client *c)
{
    c->good_k = c->good_fold = 0; /* base is at least 1 */
    for (unsigned i = 0; i < TRK_TOLD_MAX; i++)
        c->told[i].k = 0;
}

void trk_epoch_told(struct trk_client *c)
{
    c->told[c->told_at].k = c->cur.k;
    c->told[c->told_at].fold = c->cur.fold;
    c->told_at = (c->told_at + 1) % TRK_TOLD_MAX;
}

/* A refresh came: the server has seen that this claim is true. */
static void verified(struct trk_client *c, uint64_t k)
{
    for (unsigned i = 0; i < TRK_TOLD_MAX; i++)
        if (c->told[i].k == k && k > c->good_k) {
            c->good_k = k;
            c->good_fold = c->told[i].fold;
        }
}

void trk_epoch_timeout(struct trk_client *c, uint64_t now_ns, bool empty_claim)
{
    uint64_t f = c->pending ? c->hole : c->cur.k + 1;
    uint64_t fold = c->pending ? c->parent_fold : c->cur.fold;
    uint8_t attempt = 0;
    if (empty_claim) { /* once; if that was refused as well, nothing at all is claimed */
        f = c->good_k >= c->law.base ? c->good_k + 1 : c->law.base;
        fold = c->good_k >= c->law.base ? c->good_fold : 0;
        forget_claims(c);
    }
    if (c->pending && c->kind == TRK_KIND_TIMEOUT && c->hole == f)
        attempt = c->attempt < 15 ? (uint8_t)(c->attempt + 1) : 15;
    c->progress_ns = now_ns;
    c->probed = false;
    c->ask_now = true;
    c->stat.timeouts++;
    if (!derive(c, TRK_KIND_TIMEOUT, f, attempt, fold)) {
        c->refresh_due = true;
        return;
    }
    abandon(c, &c->old);
    abandon(c, &c->cur);
    trk_ask_restart(c);
    begin(c);
}

static void new_space(struct trk_client *c, const struct trk_law *law)
{
    abandon(c, &c->old);
    abandon(c, &c->cur);
    trk_ask_restart(c);
    c->stat.stales++;
    c->law = c->epoch = *law;
    c->pending = false;
    c->space_reqno = c->reqno;
    c->have_echo = false;
    forget_claims(c);
    begin(c);
}

void trk_epoch_take_cont(struct trk_client *c, uint64_t now_ns, const uint8_t *cont, size_t len,
                         bool stale)
{
    struct trk_law law;
    if (trk_cont_read_law(cont, len, &law) != TRK_OK || law.packet_size != c->law.packet_size)
        return; /* the size is for ever (SIZE is not spoken): buffers are made for it */
    int16_t ahead = (int16_t)(uint16_t)(law.epoch - c->law.epoch);
    if (stale) {
        if (ahead != 1)
            return; /* one of several that were under way: the first one counts */
        new_space(c, &law);
    } else if (ahead == 1 && c->pending && law.base == c->epoch.base) {
        c->law = c->epoch = law;
        c->pending = false;
        forget_claims(c);
    } else if (ahead == 0 && !c->pending && law.base == c->law.base &&
               (law.law_base > c->law.law_base ||
                (law.law_base == c->law.law_base && law.w0_q > c->law.w0_q)) &&
               trk_law_range_end(&law) > trk_max64(c->cur.k, c->cur.high_asked)) {
        /* one too short for what was asked meanwhile would make every later claim malformed */
        c->law = c->epoch = law;
        verified(c, law.law_base - 1);
        if (c->undo_left > 0 && law.wprior_q == 0) { /* undone: nothing to meter any more */
            c->undo_left = 0;
            c->fs = 0;
            c->stat.undone++;
        }
    } else {
        return;
    }
    memcpy(c->cont, cont, TRK_CONT_BYTES);
    c->cont_ns = now_ns;
    trk_ask_unblock(c);
}

/* A declared one came after all: packets are reordered by so much here. */
static void late_arrival(struct trk_client *c, const struct trk_track *t, uint64_t seq)
{
    uint64_t depth = t->high_rcvd > seq ? t->high_rcvd - seq + 1 : 1;
    if (depth > TRK_REORDER_MAX)
        depth = TRK_REORDER_MAX;
    if (depth > c->reorder)
        c->reorder = (unsigned)depth;
    if (c->reorder_steps < TRK_REORDER_STEPS_MAX && c->stat.cuts != c->reorder_cut)
        c->reorder_steps++;
    c->reorder_cut = c->stat.cuts;
    c->stat.undone_hint++;
}

/* If all that was declared lost came after all, the cut was for nothing (RFC 5682's idea). */
static void note_undo(struct trk_client *c, const struct trk_data_pkt *d)
{
    if (d->seq == c->hole) {
        c->hole_nonce = d->nonce;
        c->hole_rcvd = true;
    }
    if (c->hole_rcvd && c->old.n_lost == 0 && c->kind == TRK_KIND_HOLE)
        c->undo_left = TRK_UNDO_TRIES;
}

/*
 * From when on a seq is missed that an answer shows to have been sent: since the request that was
 * answered left at ts. Where the packet was late, or an answer to a newer request has come before it,
 * that is no measure, and it is now.
 */
static uint32_t missed_since(const struct trk_client *c, uint64_t now_ns, uint32_t ts, bool late)
{
    uint32_t now_us = trk_us32(now_ns);
    bool overtaken = c->have_echo && trk_newer32(c->newest_echo_us, ts);
    return late || overtaken || trk_newer32(ts, now_us) ? now_us : ts;
}

/*
 * All up to seq was sent: no longer just credit, and not asked for again. What was credit, however long
 * ago that was asked for, is missed from `since` on, and so is all of it where it follows the packet
 * that says so; the rest since it was asked for, or earlier if the answer is to an earlier request.
 */
static void sent_up_to(struct trk_track *t, uint64_t seq, uint32_t since_us, bool follows)
{
    if (seq > t->high_asked)
        seq = t->high_asked;
    for (uint64_t s = trk_max64(t->high_sent, t->k) + 1; s <= seq; s++) {
        struct trk_seq_entry *e = trk_track_at(t, s);
        if (follows || e->state == TRK_SEQ_UNSENT || trk_newer32(e->asked_us, since_us))
            e->asked_us = since_us;
        if (e->state == TRK_SEQ_UNSENT)
            trk_track_set(t, e, TRK_SEQ_ASKED);
    }
    t->high_sent = trk_max64(t->high_sent, seq);
}

int trk_epoch_data(struct trk_client *c, uint64_t now_ns, const struct trk_data_pkt *d)
{
    struct trk_track *t = d->seq >= c->cur.base ? &c->cur : &c->old;
    enum trk_seq_state was = TRK_SEQ_NONE;
    if (trk_newer32(c->space_reqno, d->reqno))
        return TRK_E_DUPLICATE;
    struct trk_seq_entry *e = trk_track_at(t, d->seq);
    struct trk_seq_entry asked = e != NULL ? *e : (struct trk_seq_entry){0};
    bool in_order = d->seq == t->k + 1;
    int rc = trk_track_received(t, d->seq, d->nonce, &was);
    if (rc != TRK_OK)
        return rc;
    bool late = (d->c.flags & TRK_DATA_LATE) != 0;
    uint32_t since_us = missed_since(c, now_ns, d->ts, late);
    sent_up_to(t, d->seq, since_us, false);
    sent_up_to(t, d->train_end, since_us, true);
    if (was == TRK_SEQ_LOST)
        late_arrival(c, t, d->seq);
    if (was == TRK_SEQ_LOST && t == &c->old)
        note_undo(c, d);
    if ((was == TRK_SEQ_ASKED || was == TRK_SEQ_UNSENT) && c->stateless)
        trk_ask_rest(c, &asked);
    else if ((was == TRK_SEQ_ASKED || was == TRK_SEQ_UNSENT) && !asked.fresh)
        trk_ask_requeue(c, &asked); /* what of its range did not come */
    if (!late && since_us == d->ts) {
        c->newest_echo_us = d->ts;
        c->have_echo = true;
    }
    c->arrivals++;
    c->progress_ns = now_ns;
    c->backoff = 0;
    c->probed = false;
    if (!in_order || t == &c->old)
        c->repairing = true;
    return TRK_OK;
}

/*
 * An answer that brought DATA says that nothing above train_end was sent yet of all that was asked
 * until then; one that brought none speaks of its own asks alone: others may have been sent, and
 * lost. So does every answer of a stateless service (`alone`).
 */
static void unsent_in(struct trk_track *t, uint32_t reqno, uint64_t train_end, bool alone)
{
    uint64_t from = trk_max64(trk_max64(train_end, t->high_sent), t->k) + 1;
    if (t->n_asked == 0)
        return;
    for (uint64_t s = from; s <= t->high_asked; s++) {
        struct trk_seq_entry *e = trk_track_at(t, s);
        if (trk_newer32(e->first_reqno, reqno))
            return; /* nothing from here on was asked for by then */
        bool told =
            train_end != 0 && !alone ? !trk_newer32(e->reqno, reqno) : e->reqno == reqno;
        if (e->state == TRK_SEQ_ASKED && told)
            trk_track_set(t, e, TRK_SEQ_UNSENT);
    }
}

void trk_epoch_unsent(struct trk_client *c, uint64_t now_ns, uint32_t reqno, uint32_t ts, bool late,
                      uint64_t train_end)
{
    if (trk_newer32(c->space_reqno, reqno) ||
        (reqno == c->unsent_reqno && train_end == c->unsent_end))
        return; /* every packet of a train says the same */
    c->unsent_reqno = reqno;
    c->unsent_end = train_end;
    sent_up_to(&c->cur, train_end, missed_since(c, now_ns, ts, late), true);
    unsent_in(&c->cur, reqno, train_end, c->stateless);
}

void trk_epoch_refused(struct trk_client *c, uint64_t now_ns, const struct trk_ack_pkt *a)
{
    uint32_t since_us = missed_since(c, now_ns, a->ts, (a->c.flags & TRK_ACK_LATE) != 0);
    if (trk_newer32(c->space_reqno, a->reqno))
        return;
    for (unsigned i = 0; i < a->n_refused; i++)
        if (a->refused[i].bits != 0 && a->refused[i].first >= c->cur.base)
            sent_up_to(&c->cur,
                       a->refused[i].first + 63 - (unsigned)__builtin_clzll(a->refused[i].bits),
                       since_us, false);
}

/* Was x asked so long before a request that has been answered that it must have been answered too?
 */
static bool is_late(const struct trk_client *c, const struct trk_seq_entry *e)
{
    uint32_t slack_us = c->rtt.srtt_us / 4 * c->reorder_steps;
    return c->have_echo && e != NULL && e->state == TRK_SEQ_ASKED &&
           trk_newer32(c->newest_echo_us, e->asked_us + slack_us + 1);
}

/* What the time rule looks at first: the lowest seq above the highest that came. Of the epoch before,
 * the lowest that is asked for: a cut took the unsent ones between away. */
static const struct trk_seq_entry *first_silent(const struct trk_client *c, const struct trk_track *t)
{
    uint64_t s = trk_max64(t->high_rcvd, t->k) + 1;
    const struct trk_seq_entry *e = trk_track_at(t, s);
    while (t == &c->old && e != NULL && e->state != TRK_SEQ_ASKED)
        e = trk_track_at(t, ++s);
    return e;
}

/*
 * Marks as lost what enough higher seqs, or DATA for a later enough request, arrived after. Returns
 * whether any was. O(1) while nothing is missing, else O(window), once per batch.
 */
static bool find_lost(struct trk_client *c, struct trk_track *t)
{
    uint64_t top = t->high_rcvd;
    unsigned above = 0;
    bool any = false;
    if (t->n_asked == 0)
        return false;
    if (is_late(c, first_silent(c, t)))
        top = t->high_asked; /* the time rule reaches beyond the highest that came */
    for (uint64_t s = top; s > t->k; s--) {
        struct trk_seq_entry *e = trk_track_at(t, s);
        if (e->state == TRK_SEQ_RECEIVED)
            above++;
        if (e->state != TRK_SEQ_ASKED || (above < c->reorder && !is_late(c, e)))
            continue;
        trk_track_set(t, e, TRK_SEQ_LOST);
        trk_ask_requeue(c, e);
        any = true;
    }
    return any;
}

void trk_epoch_detect(struct trk_client *c, uint64_t now_ns)
{
    if (trk_us32(now_ns) - c->newest_echo_us > 1u << 30)
        c->have_echo = false; /* before it looks new again: these clocks wrap */
    if (find_lost(c, &c->old))
        c->ask_now = true;
    if (c->old.n_asked == 0 && c->old.high_asked != c->old.base - 1 && c->old.n_lost == 0)
        trk_track_reset(&c->old, c->old.base);
    if (find_lost(c, &c->cur))
        c->ask_now = true;
    if (c->cur.n_lost > 0 && !c->pending)
        cut(c);
    if (c->cur.n_asked + c->old.n_asked == 0 && c->want.n == 0 && c->down.above.n > 0) {
        trk_ask_holes(c); /* nothing under way could fill them */
        c->ask_now = true;
    }
}

uint64_t trk_epoch_limit(const struct trk_client *c)
{
    const struct trk_law *l = &c->epoch;
    struct trk_proof_range range[TRK_PROOF_RANGES_MAX];
    uint64_t proof = 0;
    uint32_t n = 0;
    (void)trk_track_ranges(&c->cur, range, &proof, &n);
    uint32_t w_cl = c->pending ? c->w_cl : UINT32_MAX;
    uint64_t limit = trk_law_limit(l, c->cur.k, n, w_cl, false);
    uint64_t o = c->old.n_asked, fs = c->fs;
    if (o == 0 || fs == 0)
        return limit;
    /* Metering while packets of the window before are under way (PRR as a pure function, RFC 6937).
     */
    uint64_t metered = limit > o + l->base - 1 ? limit - o : l->base - 1;
    uint64_t keep = fs < 16 ? fs / 4 : 4;
    uint64_t gone = fs > o + keep ? fs - o - keep : 0;
    uint64_t released = l->base - 1 + (gone * (l->w0_q >> TRK_Q) + fs - 1) / fs;
    return trk_min64(limit, trk_max64(metered, released));
}
