#include <config.h>

#include "conform.h"

#include "conform_map.h"
#include "conform_state.h"

#include "base/ranges.h"
#include "core/cont.h"
#include "core/law.h"
#include "core/wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAIL_DEFAULT_MS = 50,
    ASKED_RANGES_MAX = 1 << 20, /* asks are nearly always one range: this is for adversaries */
    COALESCE_MS = 50,           /* TCP's delayed acknowledgements wait 40 ms on Linux */
    LINES_MAX = 200,            /* of violations shown: the rest is counted */
};

/* A client address, for amplification. */
struct peer {
    uint64_t in, out;
    bool validated;
};

/* (address, cid). */
struct conn {
    uint64_t id;
    uint8_t ip[16];
    uint64_t ended;          /* packet number of the last RESET either way; 0: none */
    struct space *space;     /* of its newest REQUEST */
    struct request *pending; /* not answered yet, newest first */
};

struct space {
    uint64_t id, from_packet;
    uint8_t ip[16]; /* of the client that it was given to */
    bool partial;   /* began before the capture */
    bool law_known, stateless;
    uint16_t packet_size;
    uint64_t limit; /* the highest seq granted so far, by our own reckoning */
    struct trk_ranges asked;
    uint64_t xor_first, xor_end,
        xor_value; /* nonces of [first, end) seen so far, of the last proof */
};

/* A REQUEST or OPEN, by (connection, number). */
struct request {
    struct conn *conn;
    struct space *space; /* NULL: OPEN, or its continuation is not known */
    uint64_t packet, time_ns, tail_ns;
    size_t len_bytes;
    bool is_open, proof_good, must_answer, answered, has_data;
    uint32_t reqno;
    struct request *next;         /* all of them */
    struct request *next_pending; /* of the connection */
};

struct conform {
    struct conform_options opt;
    struct conform_stats stats;
    uint64_t number, time_ns; /* of the present packet */
    uint64_t lines;
    struct conform_map peers, conns, conts, requests, opens, seqs;
    struct conform_states states;
    struct request *all;
    void **spaces, **conn_list, **peer_list; /* everything that the maps point to */
};

static const char *const rule_texts[CONFORM_RULES] = {
    [CONFORM_MALFORMED] = "malformed",
    [CONFORM_SENT_TWICE] = "seq sent twice",
    [CONFORM_NOT_ASKED] = "seq not asked for",
    [CONFORM_PROOF] = "false proof",
    [CONFORM_UNANSWERED] = "left unanswered",
    [CONFORM_AMPLIFICATION] = "amplification",
    [CONFORM_LIMIT] = "above the limit",
    [CONFORM_VERDICT] = "wrong verdict on a proof",
    [CONFORM_UNKNOWN_CONT] = "unknown continuation served",
    [CONFORM_SIZE] = "larger than its packet size",
    [CONFORM_STATE] = "states of a stateless service",
    [CONFORM_EMPTY] = "nothing to judge",
};

const char *conform_rule_text(enum conform_rule rule)
{
    return rule < CONFORM_RULES ? rule_texts[rule] : "?";
}

__attribute__((format(printf, 4, 5))) static void
violation(struct conform *c, uint64_t packet, enum conform_rule rule, const char *format, ...)
{
    c->stats.violations[rule]++;
    if (!c->opt.out || c->lines++ >= LINES_MAX)
        return;
    fprintf(c->opt.out, "packet %" PRIu64 ": %s: ", packet, rule_texts[rule]);
    va_list ap;
    va_start(ap, format);
    vfprintf(c->opt.out, format, ap);
    va_end(ap);
    putc('\n', c->opt.out);
}

/* ---- finding things ---- */

static uint64_t fnv(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static uint64_t addr_hash(const struct trk_addr *a)
{
    return fnv(fnv(0xcbf29ce484222325u, a->ip, 16) ^ a->port, (const uint8_t *)"port", 4);
}

/* Continuations are told apart by two sums over all of their bytes (a random nonce and a tag among
 * them). */
static struct conform_key cont_key(const uint8_t *cont, size_t len)
{
    return (struct conform_key){fnv(0xcbf29ce484222325u, cont, len), fnv(len, cont, len)};
}

static void *pointer(const struct conform_value *v)
{
    return v ? (void *)(uintptr_t)v->x : NULL;
}

/* Appends p to a list whose length is a power of two or whose growth is due at one. */
static void **push(void **v, uint64_t count, void *p)
{
    if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, ... */
        v = realloc(v, (count ? 2 * count : 1) * sizeof *v);
        if (!v) {
            fputs("trk-conform: out of memory\n", stderr);
            exit(2);
        }
    }
    v[count] = p;
    return v;
}

static struct peer *peer_of(struct conform *c, const struct trk_addr *a)
{
    struct conform_value *v =
        conform_map_put(&c->peers, (struct conform_key){addr_hash(a), a->port});
    if (!v->x) {
        struct peer *p = conform_alloc(1, sizeof *p);
        v->x = (uintptr_t)p;
        c->peer_list = push(c->peer_list, c->stats.addresses++, p);
    }
    return pointer(v);
}

static struct conn *conn_of(struct conform *c, const struct trk_addr *client, uint64_t cid)
{
    struct conform_value *v =
        conform_map_put(&c->conns, (struct conform_key){addr_hash(client), cid});
    if (!v->x) {
        struct conn *n = conform_alloc(1, sizeof *n);
        v->x = (uintptr_t)n;
        c->conn_list = push(c->conn_list, c->stats.connections, n);
        n->id = ++c->stats.connections;
        memcpy(n->ip, client->ip, sizeof n->ip);
    }
    return pointer(v);
}

static struct space *new_space(struct conform *c, const uint8_t ip[16])
{
    struct space *s = conform_alloc(1, sizeof *s);
    c->spaces = push(c->spaces, c->stats.spaces, s);
    s->id = ++c->stats.spaces;
    s->from_packet = c->number;
    memcpy(s->ip, ip, sizeof s->ip);
    trk_ranges_init(&s->asked, ASKED_RANGES_MAX);
    return s;
}

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, size);
}

static const struct trk_mem memory = {.resize = resize};

/* opens: as far as can be seen the server opens it; an altered copy does not stand for the one that it opened. */
static struct request *new_request(struct conform *c, struct conform_map *map, struct conn *conn,
                                   uint64_t key, bool opens)
{
    struct request *q = conform_alloc(1, sizeof *q);
    q->conn = conn;
    q->packet = c->number;
    q->time_ns = c->time_ns;
    q->next = c->all;
    c->all = q;
    struct conform_value *v = conform_map_put(map, (struct conform_key){conn->id, key});
    struct request *copy = pointer(v);
    if (copy && copy->space && !opens)
        return q;
    if (copy) {
        copy->must_answer = false; /* a copy came, or a repeat: its answer is the answer to both */
        q->len_bytes = copy->answered ? 0 : copy->len_bytes; /* which may have been cut */
    }
    v->x = (uintptr_t)q;
    return q;
}

/* What a continuation of this space says of the connection: it never changes. */
static void note_law(struct conform *c, struct space *s, const struct trk_law *law)
{
    bool stateless = (law->flags & TRK_LAW_STATELESS) != 0;
    if (s->law_known && (s->stateless != stateless || s->packet_size != law->packet_size))
        violation(c, c->number, CONFORM_STATE,
                  "a connection changes its kind or its packet size, in the space of packet %" PRIu64,
                  s->from_packet);
    s->law_known = true;
    s->stateless = stateless;
    s->packet_size = law->packet_size;
}

/* ---- from the client ---- */

/* A fault of the client's: a violation, unless clients may do as they like. */
static bool client_fault(struct conform *c)
{
    if (c->opt.hostile_clients)
        c->stats.hostile++;
    return !c->opt.hostile_clients;
}

static void read_open(struct conform *c, const struct trk_addr *client, const uint8_t *p,
                      size_t len)
{
    struct trk_open o;
    int r = trk_wire_read_open(p, len, &o);
    if (r != TRK_OK) {
        if (client_fault(c))
            violation(c, c->number, CONFORM_MALFORMED, "OPEN: %s", trk_err_text(r));
        return;
    }
    struct request *q = new_request(c, &c->opens, conn_of(c, client, o.c.cid), o.nonce, true);
    q->is_open = true;
    q->must_answer = true;
}

/*
 * XORs the nonces of [first, end) into *acc. A run that goes on where the last proof's ended is not
 * gone through from its beginning again. False, and *missing: a seq that was never sent.
 */
static bool fold(const struct conform *c, struct space *s, uint64_t first, uint64_t end,
                 uint64_t *acc, uint64_t *missing)
{
    uint64_t value = 0, at = first;
    if (first == s->xor_first && end >= s->xor_end && first < s->xor_end) {
        value = s->xor_value;
        at = s->xor_end;
    }
    for (; at < end; at++) {
        const struct conform_value *v = conform_map_get(&c->seqs, (struct conform_key){s->id, at});
        if (!v) {
            *missing = at;
            return false;
        }
        value ^= v->x;
    }
    if (end > first + 32) { /* worth keeping: this is the long one, base..k */
        s->xor_first = first;
        s->xor_end = end;
        s->xor_value = value;
    }
    *acc ^= value;
    return true;
}

/* Is q asked in another epoch than its continuation's? */
static bool is_derived(const struct trk_request_pkt *q)
{
    return q->kind == TRK_KIND_HOLE || q->kind == TRK_KIND_TIMEOUT;
}

/* Ranges of the epoch asked in: the last one of an UNDO is the hole that came after all. */
static unsigned own_ranges(const struct trk_request_pkt *q)
{
    return q->kind == TRK_KIND_UNDO && q->n_ranges > 0 ? q->n_ranges - 1u : q->n_ranges;
}

/* Judges the proof of q, asked in law (derived from parent where kind is no ASK). */
static bool proof_is_good(struct conform *c, const struct trk_request_pkt *q, struct space *s,
                          const struct trk_law *parent, const struct trk_law *law)
{
    uint64_t want = 0, missing = 0;
    bool all = !is_derived(q) || fold(c, s, parent->base, q->hole, &want, &missing);
    all = all && fold(c, s, law->base, q->k + 1, &want, &missing);
    for (unsigned i = 0; all && i < q->n_ranges; i++)
        all = fold(c, s, q->range[i].first, q->range[i].first + q->range[i].count, &want, &missing);
    if (!all && s->partial) {
        c->stats.unjudged++;
        return true;
    }
    c->stats.proofs++;
    if (all && want == q->proof)
        return true;
    if (!client_fault(c))
        return false;
    if (!all)
        violation(c, c->number, CONFORM_PROOF,
                  "request %u claims seq %" PRIu64 ", which was not sent", q->reqno, missing);
    else
        violation(c, c->number, CONFORM_PROOF,
                  "request %u proves with %016" PRIx64 ", the nonces give %016" PRIx64, q->reqno,
                  q->proof, want);
    return false;
}

/* The same bounds that a server keeps before it looks at a proof. */
static bool claim_in_range(const struct trk_request_pkt *q, const struct trk_law *law)
{
    uint64_t end = trk_law_range_end(law);
    if (q->k + 1 < law->base || q->k >= end)
        return false;
    unsigned n = own_ranges(q);
    if (n == 0)
        return true;
    const struct trk_proof_range *top = &q->range[0], *low = &q->range[n - 1];
    return low->first > q->k && top->first + top->count <= end;
}

/* What a request with a good proof opens: the limit moves, the asked seqs are covered. */
static void take_grant(struct space *s, const struct trk_request_pkt *q, const struct trk_law *law)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < own_ranges(q); i++)
        n += q->range[i].count;
    uint64_t limit = trk_law_limit(law, q->k, n, q->w_cl_pkts, (q->c.flags & TRK_REQ_PROBE) != 0);
    if (limit > s->limit)
        s->limit = limit;
    for (unsigned i = 0; i < q->n_asks; i++)
        if (trk_ranges_add(&s->asked, &memory, q->ask[i].first,
                           q->ask[i].first + q->ask[i].count) == TRK_E_NOMEM)
            exit(2);
}

/* The law that the request is asked in: its continuation's, or a child. False: it has none. */
static bool law_of(const struct trk_request_pkt *q, struct trk_law *parent, struct trk_law *law)
{
    if (trk_cont_read_law(q->cont, q->cont_len, parent) != TRK_OK)
        return false;
    *law = *parent;
    if (is_derived(q) &&
        trk_law_derive(parent, q->kind, q->hole, q->attempt, q->w_cl_pkts, law) != TRK_OK)
        return false;
    return true;
}

/* The space of q's continuation; NULL if the server never gave it out. */
static struct space *space_of(struct conform *c, const struct trk_request_pkt *q,
                              const struct trk_addr *client)
{
    struct conform_key key = cont_key(q->cont, q->cont_len);
    struct space *s = pointer(conform_map_get(&c->conts, key));
    if (s || !c->opt.partial)
        return s;
    s = new_space(c, client->ip);
    s->partial = true;
    s->limit = UINT64_MAX;
    conform_map_put(&c->conts, key)->x = (uintptr_t)s;
    return s;
}

static void read_request(struct conform *c, const struct trk_addr *client, const uint8_t *p,
                         size_t len)
{
    struct trk_request_pkt q;
    struct trk_law parent, law;
    int r = trk_wire_read_request(p, len, &q);
    if (r == TRK_OK && !law_of(&q, &parent, &law))
        r = TRK_E_FIELD;
    if (r != TRK_OK) {
        if (client_fault(c))
            violation(c, c->number, CONFORM_MALFORMED, "REQUEST: %s", trk_err_text(r));
        return;
    }
    struct space *s = space_of(c, &q, client);
    bool opens = s && memcmp(s->ip, client->ip, sizeof s->ip) == 0;
    struct request *known =
        new_request(c, &c->requests, conn_of(c, client, q.c.cid), q.reqno, opens);
    known->tail_ns = (uint64_t)parent.srtt_us * 1000;
    known->len_bytes = len > known->len_bytes ? len : known->len_bytes;
    if (!opens) /* not opened, or of another address: refused, at the server's leisure */
        return;
    known->space = s;
    if (!s->law_known)
        note_law(c, s, &parent);
    if (q.ucont_len != 0 && !s->stateless) { /* a server drops it */
        if (client_fault(c))
            violation(c, c->number, CONFORM_MALFORMED,
                      "request %u has a user continuation, its service has states", q.reqno);
        return;
    }
    peer_of(c, client)->validated = true; /* it holds what was sent to this address */
    if (!claim_in_range(&q, &law)) { /* a server drops it, or finds its continuation stale first */
        if (client_fault(c))
            violation(c, c->number, CONFORM_MALFORMED,
                      "request %u claims outside of its continuation: k %" PRIu64
                      ", good from %" PRIu64 " to %" PRIu64,
                      q.reqno, q.k, law.base, trk_law_range_end(&law) - 1);
        return;
    }
    known->must_answer = true;
    known->reqno = q.reqno;
    known->next_pending = known->conn->pending;
    known->conn->pending = known;
    known->conn->space = s;
    known->proof_good = proof_is_good(c, &q, s, &parent, &law);
    if (known->proof_good)
        take_grant(s, &q, &law);
}

/* UPLINK and RESET of clients: only their form can be judged. */
static void read_other(struct conform *c, const struct trk_addr *client,
                       const struct trk_common *common, const uint8_t *p, size_t len)
{
    struct trk_uplink_pkt u;
    struct trk_reset_pkt x;
    int r = TRK_OK;
    if (common->type == TRK_TYPE_UPLINK)
        r = trk_wire_read_uplink(p, len, &u);
    else if (common->type == TRK_TYPE_RESET)
        r = trk_wire_read_reset(p, len, &x);
    if (r != TRK_OK && client_fault(c))
        violation(c, c->number, CONFORM_MALFORMED, "%s: %s",
                  common->type == TRK_TYPE_UPLINK ? "UPLINK" : "RESET", trk_err_text(r));
    if (r == TRK_OK && common->type == TRK_TYPE_RESET)
        conn_of(c, client, common->cid)->ended = c->number;
}

/* ---- from the server ---- */

static void settle(struct conform *c, struct request *q, bool by_later)
{
    q->answered = true;
    c->stats.answers++;
    c->stats.coalesced += by_later;
}

/*
 * An answer to reqno. It answers the earlier requests of its connection too, if they are as recent
 * as a delayed acknowledgement may be: a server that is asked several times in a row may say once
 * what it has to say.
 */
static struct request *answer_to(struct conform *c, struct conn *conn, uint32_t reqno)
{
    for (struct request **at = &conn->pending; *at;) {
        struct request *q = *at;
        bool exact = q->reqno == reqno;
        bool later = (int32_t)(reqno - q->reqno) > 0 &&
                     c->time_ns - q->time_ns <= COALESCE_MS * UINT64_C(1000000);
        if (exact || later) {
            settle(c, q, later);
            *at = q->next_pending;
        } else {
            at = &q->next_pending;
        }
    }
    return pointer(conform_map_get(&c->requests, (struct conform_key){conn->id, reqno}));
}

static void give_cont(struct conform *c, struct space *s, const uint8_t *cont, size_t len)
{
    struct trk_law law;
    if (trk_cont_read_law(cont, len, &law) == TRK_OK)
        note_law(c, s, &law);
    conform_map_put(&c->conts, cont_key(cont, len))->x = (uintptr_t)s;
}

/* A user continuation on an answer in space s (NULL: not known). */
static void give_ucont(struct conform *c, const struct conn *conn, const struct space *s,
                       const uint8_t *ucont, size_t len)
{
    struct trk_ucont u;
    int r = trk_ucont_read(ucont, len, &u);
    if (r != TRK_OK) {
        violation(c, c->number, CONFORM_MALFORMED, "user continuation: %s", trk_err_text(r));
        return;
    }
    if (s != NULL && !s->stateless)
        violation(c, c->number, CONFORM_STATE, "a user continuation of a service with states");
    const char *wrong = conform_state_given(&c->states, conn->id, &u);
    c->stats.states = c->states.n;
    if (wrong != NULL)
        violation(c, c->number, CONFORM_STATE, "state %016" PRIx64 " %s", u.state, wrong);
}

/* Size and state of DATA in space s. */
static void judge_state(struct conform *c, const struct conn *conn, const struct trk_data_pkt *d,
                        const struct space *s, size_t len)
{
    bool named = (d->c.flags & TRK_DATA_STATE) != 0;
    if (s->law_known && len > s->packet_size)
        violation(c, c->number, CONFORM_SIZE, "%zu bytes of seq %" PRIu64 ", agreed were %u", len,
                  d->seq, s->packet_size);
    if (s->law_known && named != s->stateless)
        violation(c, c->number, CONFORM_STATE, "seq %" PRIu64 " %s", d->seq,
                  named ? "names a state" : "names no state");
    if (!named)
        return;
    const char *wrong = conform_state_sent(&c->states, conn->id, d, c->opt.partial);
    c->stats.states = c->states.n;
    if (wrong != NULL)
        violation(c, c->number, CONFORM_STATE,
                  "state %016" PRIx64 " of seq %" PRIu64 ", [%" PRIu64 ", +%zu), %s", d->state,
                  d->seq, d->off, d->payload_len, wrong);
}

static void judge_data(struct conform *c, const struct trk_data_pkt *d, struct space *s)
{
    struct conform_key key = {s->id, d->seq};
    const struct conform_value *before = conform_map_get(&c->seqs, key);
    if (before) {
        violation(c, c->number, CONFORM_SENT_TWICE,
                  "seq %" PRIu64 " in the space of packet %" PRIu64
                  ", first sent in packet %" PRIu64,
                  d->seq, s->from_packet, before->y);
    } else {
        *conform_map_put(&c->seqs, key) = (struct conform_value){d->nonce, c->number};
        c->stats.seqs++;
    }
    if (s->partial)
        return;
    if (!trk_ranges_has(&s->asked, d->seq, d->seq + 1))
        violation(c, c->number, CONFORM_NOT_ASKED,
                  "seq %" PRIu64 " in answer to request %u: no ask covers it", d->seq, d->reqno);
    if (d->seq > s->limit)
        violation(c, c->number, CONFORM_LIMIT,
                  "seq %" PRIu64 ", the requests so far grant up to %" PRIu64, d->seq, s->limit);
}

static void read_data(struct conform *c, struct conn *conn, const uint8_t *p, size_t len)
{
    struct trk_data_pkt d;
    int r = trk_wire_read_data(p, len, &d);
    if (r != TRK_OK) {
        violation(c, c->number, CONFORM_MALFORMED, "DATA: %s", trk_err_text(r));
        return;
    }
    struct request *q = answer_to(c, conn, d.reqno);
    if (!q) {
        if (!c->opt.partial)
            violation(c, c->number, CONFORM_NOT_ASKED,
                      "seq %" PRIu64 " answers request %u, which never came", d.seq, d.reqno);
        return;
    }
    if (!q->space) {
        violation(c, c->number, CONFORM_UNKNOWN_CONT, "seq %" PRIu64 " to request %u", d.seq,
                  d.reqno);
        return;
    }
    if (!q->proof_good)
        violation(c, c->number, CONFORM_VERDICT,
                  "seq %" PRIu64 " for request %u, whose proof is false", d.seq, d.reqno);
    q->has_data = true;
    if (d.cont_len)
        give_cont(c, q->space, d.cont, d.cont_len);
    if (d.ucont_len)
        give_ucont(c, conn, q->space, d.ucont, d.ucont_len);
    judge_state(c, conn, &d, q->space, len);
    judge_data(c, &d, q->space);
}

/* The answer to an OPEN, found by the client's nonce. */
static void read_opened(struct conform *c, struct conn *conn, const struct trk_ack_pkt *a)
{
    struct request *q =
        pointer(conform_map_get(&c->opens, (struct conform_key){conn->id, a->nonce}));
    if (q && !q->answered)
        settle(c, q, false);
    if (!q && !c->opt.partial)
        violation(c, c->number, CONFORM_NOT_ASKED, "answers an OPEN that never came");
    if (a->cont_len)
        give_cont(c, new_space(c, conn->ip), a->cont, a->cont_len);
}

static void read_ack(struct conform *c, struct conn *conn, const uint8_t *p, size_t len)
{
    struct trk_ack_pkt a;
    int r = trk_wire_read_ack(p, len, &a);
    if (r != TRK_OK) {
        violation(c, c->number, CONFORM_MALFORMED, "ACK: %s", trk_err_text(r));
        return;
    }
    if (a.c.flags & TRK_ACK_OPENED) {
        read_opened(c, conn, &a);
        return;
    }
    struct request *q = answer_to(c, conn, a.reqno);
    if (a.cont_len && a.reason == TRK_REASON_STALE)
        give_cont(c, new_space(c, conn->ip), a.cont, a.cont_len);
    else if (a.cont_len && (q ? q->space : conn->space))
        give_cont(c, q ? q->space : conn->space, a.cont, a.cont_len);
    if (a.ucont_len)
        give_ucont(c, conn, q ? q->space : conn->space, a.ucont, a.ucont_len);
    if (!q) /* the answer to an UPLINK, and to requests before it */
        return;
    size_t beyond = a.ucont_len ? trk_wire_data_ext_bytes(a.cont_len, a.ucont_len, 0) : 0;
    if (len > q->len_bytes + beyond && !q->has_data)
        violation(c, c->number, CONFORM_AMPLIFICATION,
                  "ACK of %zu bytes grants nothing to request %u of %zu bytes", len, a.reqno,
                  q->len_bytes);
    bool refused = a.reason == TRK_REASON_CANNOT_OPEN || a.reason == TRK_REASON_ADDRESS ||
                   a.reason == TRK_REASON_NOT_HERE || a.reason == TRK_REASON_AWAY ||
                   a.reason == TRK_REASON_NEED_CONT; /* answers an UPLINK; serves nothing */
    if (!q->space && !refused)
        violation(c, c->number, CONFORM_UNKNOWN_CONT, "answers request %u with reason %u", a.reqno,
                  a.reason);
    if (q->must_answer && (a.reason == TRK_REASON_PROOF_BAD) == q->proof_good && !refused &&
        a.reason != TRK_REASON_STALE)
        violation(c, c->number, CONFORM_VERDICT, "request %u: its proof is %s, the reason is %u",
                  a.reqno, q->proof_good ? "true" : "false", a.reason);
}

static void read_from_server(struct conform *c, const struct trk_addr *client,
                             const struct trk_common *common, const uint8_t *p, size_t len)
{
    struct peer *peer = peer_of(c, client);
    peer->out += len;
    c->stats.bytes_out += len;
    if (!peer->validated && !c->opt.partial && peer->out > 3 * peer->in)
        violation(c, c->number, CONFORM_AMPLIFICATION,
                  "%" PRIu64 " bytes sent to an address that sent %" PRIu64, peer->out, peer->in);
    struct conn *conn = conn_of(c, client, common->cid);
    if (common->type == TRK_TYPE_DATA) {
        read_data(c, conn, p, len);
    } else if (common->type == TRK_TYPE_ACK) {
        read_ack(c, conn, p, len);
    } else if (common->type == TRK_TYPE_RESET) {
        struct trk_reset_pkt x;
        int r = trk_wire_read_reset(p, len, &x);
        if (r != TRK_OK)
            violation(c, c->number, CONFORM_MALFORMED, "RESET: %s", trk_err_text(r));
        conn->ended = c->number;
    }
}

static void read_from_client(struct conform *c, const struct trk_addr *client,
                             const struct trk_common *common, const uint8_t *p, size_t len)
{
    if (common->type == TRK_TYPE_OPEN)
        read_open(c, client, p, len);
    else if (common->type == TRK_TYPE_REQUEST)
        read_request(c, client, p, len);
    else
        read_other(c, client, common, p, len);
}

/* ---- the whole ---- */

struct conform *conform_new(const struct conform_options *options)
{
    struct conform *c = calloc(1, sizeof *c);
    if (c)
        c->opt = *options;
    return c;
}

void conform_free(struct conform *c)
{
    if (!c)
        return;
    for (uint64_t i = 0; i < c->stats.spaces; i++) {
        struct space *s = c->spaces[i];
        trk_ranges_free(&s->asked, &memory);
        free(s);
    }
    for (uint64_t i = 0; i < c->stats.connections; i++)
        free(c->conn_list[i]);
    for (size_t i = 0; i < c->stats.addresses; i++)
        free(c->peer_list[i]);
    while (c->all) {
        struct request *q = c->all;
        c->all = q->next;
        free(q);
    }
    struct conform_map *maps[] = {&c->peers,    &c->conns, &c->conts,
                                  &c->requests, &c->opens, &c->seqs};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        conform_map_free(maps[i]);
    conform_states_free(&c->states);
    free(c->spaces);
    free(c->conn_list);
    free(c->peer_list);
    free(c);
}

static bool is_server_port(const struct trk_addr *a)
{
    return a->port == TRK_PORT_SYSTEM || a->port == TRK_PORT_USER;
}

/* By the port where that says it (a forger may set the bit of the direction), else by the bit. */
static bool sent_by_server(const struct trk_addr *from, const struct trk_addr *to,
                           const uint8_t *payload, size_t len)
{
    if (is_server_port(from) != is_server_port(to))
        return is_server_port(from);
    return len > 0 && (payload[0] & 0x10) != 0;
}

void conform_packet(struct conform *c, uint64_t number, uint64_t time_ns,
                    const struct trk_addr *from, const struct trk_addr *to, const uint8_t *payload,
                    size_t len)
{
    struct trk_common common;
    c->number = number;
    c->time_ns = time_ns;
    int r = trk_wire_common(payload, len, &common);
    bool from_server = sent_by_server(from, to, payload, len);
    if (!from_server) { /* whatever it is, it counts as received */
        peer_of(c, from)->in += len;
        c->stats.bytes_in += len;
    }
    if (len > 0 && payload[0] >> 5 != TRK_VERSION) {
        c->stats.other++;
        return;
    }
    c->stats.packets++;
    if (r == TRK_OK && common.from_server != from_server)
        r = TRK_E_TYPE;
    if (r != TRK_OK) {
        if (from_server || client_fault(c))
            violation(c, number, CONFORM_MALFORMED, "%s", trk_err_text(r));
        return;
    }
    c->stats.by_type[common.type & 15]++;
    if (from_server)
        read_from_server(c, to, &common, payload, len);
    else
        read_from_client(c, from, &common, payload, len);
}

static void judge_unanswered(struct conform *c, const struct request *q)
{
    uint64_t tail = c->opt.tail_ns;
    if (tail == 0) {
        tail = TAIL_DEFAULT_MS * UINT64_C(1000000);
        tail = q->tail_ns > tail ? q->tail_ns : tail;
    }
    bool late = q->time_ns + tail >= c->time_ns;
    if (q->must_answer && !q->answered && !late && q->conn->ended < q->packet)
        violation(c, q->packet, CONFORM_UNANSWERED, "%s", q->is_open ? "OPEN" : "REQUEST");
}

uint64_t conform_end(struct conform *c)
{
    struct request *in_order = NULL;
    while (c->all) { /* the list is newest first */
        struct request *q = c->all;
        c->all = q->next;
        q->next = in_order;
        in_order = q;
    }
    c->all = in_order;
    for (const struct request *q = c->all; q; q = q->next)
        judge_unanswered(c, q);
    if (c->stats.packets == 0)
        violation(c, 0, CONFORM_EMPTY, "no packet of Trickles in this capture");
    if (c->opt.out && c->lines > LINES_MAX)
        fprintf(c->opt.out, "and %" PRIu64 " more\n", c->lines - LINES_MAX);
    uint64_t sum = 0;
    for (unsigned i = 0; i < CONFORM_RULES; i++)
        sum += c->stats.violations[i];
    return sum;
}

const struct conform_stats *conform_stats(const struct conform *c)
{
    return &c->stats;
}
