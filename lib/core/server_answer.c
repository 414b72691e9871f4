/*
 * The server's way out: openings, trains of DATA, ACKs, RESETs.
 */
#include "core/proof.h"
#include "core/server.h"

/* Under the key of the step in which the connection was opened: they stay the same for its whole
 * life. */
static int tokens(const struct trk_server *srv, uint32_t open_step, uint64_t conn, uint64_t out[2])
{
    return srv->seal.tokens(srv->seal.ctx, open_step, conn, out) == 0 ? TRK_OK : TRK_E_KEY;
}

void trk_server_answer_open(const struct trk_server *srv, uint64_t now_us, enum trk_reason reason,
                            bool stateless, struct trk_event *ev)
{
    const struct trk_open *o = &ev->open;
    uint8_t cont[TRK_CONT_BYTES];
    uint64_t token[2] = {0, 0};
    size_t size = o->size < srv->packet_max ? o->size : srv->packet_max;
    struct trk_ack_pkt ack = {
        .c = {.flags = TRK_ACK_OPENED, .cid = o->c.cid},
        .ts = o->ts,
        .instance = srv->instance,
        .nonce = o->nonce,
        .versions = 1u << TRK_VERSION,
    };
    if (reason == TRK_REASON_OK) {
        struct trk_law law;
        struct trk_secret s = {
            .peer = ev->from,
            .client_port = o->client_port,
            .service_port = o->service_port,
            .nonce_step = srv->seal.step(srv->seal.ctx),
            .open_step = srv->seal.step(srv->seal.ctx),
            .opened_us = now_us,
        };
        srv->seal.random(srv->seal.ctx, &s.conn, sizeof s.conn);
        srv->seal.random(srv->seal.ctx, &s.rho, sizeof s.rho);
        trk_law_first(&law, (uint16_t)size, srv->instance, now_us);
        law.flags |= stateless ? TRK_LAW_STATELESS : 0;
        if (trk_cont_seal(&srv->seal, &law, &s, cont) != TRK_OK ||
            tokens(srv, s.open_step, s.conn, token) != TRK_OK)
            reason = TRK_REASON_BUSY;
        else {
            ack.c.flags |= TRK_ACK_CONT;
            ack.cont = cont;
            ack.cont_len = sizeof cont;
            ack.up.credit_bytes = TRK_UP_INITIAL_BYTES;
            ack.limit = trk_law_limit(&law, law.base - 1, 0, UINT32_MAX, false);
        }
    }
    ack.reason = (uint8_t)reason;
    ack.reset_token = token[0];
    ack.uplink_ref = token[1];
    if (size > sizeof ev->reply)
        size = sizeof ev->reply;
    long n =
        trk_wire_write_ack(ev->reply, sizeof ev->reply, &ack, reason == TRK_REASON_OK ? size : 0);
    ev->reply_len = n > 0 ? (size_t)n : 0;
}

void trk_server_commit(const struct trk_server *srv, struct trk_replay *replay, uint64_t now_us,
                       const struct trk_request *req)
{
    (void)srv;
    trk_replay_touch(replay, req->to.space, req->keep_first, req->keep_end,
                     now_us + TRK_HELD_US);
    if (req->kind != TRK_KIND_HOLE || req->reason == TRK_REASON_STALE ||
        req->reason == TRK_REASON_PROOF_BAD)
        return;
    for (uint64_t s = req->hole; s < req->law.base; s += 64) {
        unsigned n = req->law.base - s < 64 ? (unsigned)(req->law.base - s) : 64;
        trk_replay_mark(replay, req->to.space, s, n, UINT64_MAX, now_us);
    }
}

/* The continuation that rides on an answer, if one does: sealed into out. */
static int seal_extra(const struct trk_server *srv, uint64_t now_us, const struct trk_extras *x,
                      uint8_t *out, size_t *len)
{
    *len = 0;
    if (x->law == NULL)
        return TRK_OK;
    x->law->issued_us = now_us;
    int rc = trk_cont_seal(&srv->seal, x->law, x->secret, out);
    if (rc == TRK_OK)
        *len = TRK_CONT_BYTES;
    return rc;
}

/* Nonces of a train and its marks in the table, by runs of neighbouring seqs. */
static int nonces_and_marks(const struct trk_server *srv, struct trk_replay *replay,
                            uint64_t now_us, const struct trk_answer *to, const struct trk_piece *p,
                            unsigned n, uint64_t *nonce)
{
    for (unsigned i = 0; i < n;) {
        unsigned run = 1;
        while (i + run < n && run < 64 && p[i + run].seq == p[i].seq + run)
            run++;
        int rc = trk_proof_nonces(&srv->seal, to->nonce_step, to->space, p[i].seq, run, &nonce[i]);
        if (rc != TRK_OK)
            return rc;
        uint64_t bits = run == 64 ? UINT64_MAX : (UINT64_C(1) << run) - 1;
        trk_replay_mark(replay, to->space, p[i].seq, run, bits, now_us);
        i += run;
    }
    return TRK_OK;
}

int trk_server_train(const struct trk_server *srv, struct trk_replay *replay, uint64_t now_us,
                     const struct trk_answer *to, const struct trk_piece *pieces, unsigned n,
                     const struct trk_extras *x, uint8_t *heads, uint16_t *head_len,
                     bool *extras_left)
{
    uint64_t nonce[TRK_GRANTS_MAX];
    uint8_t cont[TRK_CONT_BYTES];
    TRK_ASSERT(n >= 1 && n <= TRK_GRANTS_MAX);
    int rc = nonces_and_marks(srv, replay, now_us, to, pieces, n, nonce);
    if (rc != TRK_OK)
        return rc;
    size_t want = trk_wire_data_ext_bytes(x->law != NULL ? TRK_CONT_BYTES : 0, x->ucont_len,
                                          x->up->n_sacks);
    bool fits = want + pieces[n - 1].len <= to->payload_bytes;
    *extras_left = want != 0 && !fits;
    struct trk_data_pkt d = {
        .c = {.steer = to->steer, .cid = to->cid},
        .reqno = to->reqno,
        .ts = to->ts,
        .instance = srv->instance,
        .train_end = pieces[n - 1].seq > to->high_sent ? pieces[n - 1].seq : to->high_sent,
        .limit = to->limit,
        .up = *x->up,
    };
    for (unsigned i = 0; i < n; i++) {
        d.seq = pieces[i].seq;
        d.off = pieces[i].off;
        d.state = pieces[i].state;
        d.nonce = nonce[i];
        d.c.flags = (uint16_t)((pieces[i].fin ? TRK_DATA_FIN : 0) | (x->late ? TRK_DATA_LATE : 0) |
                               (to->stateless ? TRK_DATA_STATE : 0));
        if (i == n - 1 && want != 0 && fits) {
            if ((rc = seal_extra(srv, now_us, x, cont, &d.cont_len)) != TRK_OK)
                return rc;
            d.cont = cont;
            d.ucont = x->ucont;
            d.ucont_len = x->ucont_len;
            d.c.flags |= (uint16_t)((d.cont_len != 0 ? TRK_DATA_CONT : 0) |
                                    (d.ucont_len != 0 ? TRK_DATA_UCONT : 0) |
                                    (d.up.n_sacks != 0 ? TRK_DATA_SACK : 0));
        }
        size_t cap = TRK_HEAD_BYTES_MAX + (d.ucont_len != 0 ? TRK_HEAD_UCONT_BYTES_MAX : 0);
        long len =
            trk_wire_write_data_head(heads + (size_t)i * TRK_HEAD_BYTES_MAX, cap, &d);
        TRK_ASSERT(len > 0);
        head_len[i] = (uint16_t)len;
    }
    return TRK_OK;
}

static void add_refused(struct trk_ack_pkt *ack, const struct trk_request *req)
{
    if (req->n_refused == 0)
        return;
    ack->c.flags |= TRK_ACK_REFUSED;
    ack->n_refused = req->n_refused;
    for (unsigned i = 0; i < req->n_refused; i++) {
        ack->refused[i].first = req->refused[i].first;
        ack->refused[i].bits = req->refused[i].bits;
    }
}

/*
 * Nothing was granted, so the ACK may not be larger than the request: bitmaps go first, then uplink
 * ranges. What is left is always smaller than a REQUEST with a continuation.
 */
static long write_smaller(struct trk_ack_pkt *ack, size_t most, uint8_t *buf, size_t cap)
{
    long n;
    ack->c.flags &= (uint16_t)~TRK_ACK_REFUSED;
    while ((n = trk_wire_write_ack(buf, cap, ack, 0)) > (long)most && ack->up.n_sacks > 0)
        if (--ack->up.n_sacks == 0)
            ack->c.flags &= (uint16_t)~TRK_ACK_SACK;
    return n;
}

long trk_server_ack(const struct trk_server *srv, uint64_t now_us, const struct trk_answer *to,
                    const struct trk_request *req, uint64_t train_end, const struct trk_extras *x,
                    uint8_t *buf, size_t cap)
{
    uint8_t cont[TRK_CONT_BYTES];
    struct trk_ack_pkt ack = {
        .c = {.steer = to->steer, .cid = to->cid},
        .reqno = to->reqno,
        .ts = to->ts,
        .instance = srv->instance,
        .reason = x->reason,
        .train_end = train_end > to->high_sent ? train_end : to->high_sent,
        .limit = to->limit,
        .avail = x->avail,
        .up = *x->up,
    };
    int rc = seal_extra(srv, now_us, x, cont, &ack.cont_len);
    if (rc != TRK_OK)
        return rc;
    ack.cont = cont;
    ack.ucont = x->ucont;
    ack.ucont_len = x->ucont_len;
    ack.c.flags = (uint16_t)((x->late ? TRK_ACK_LATE : 0) | (ack.cont_len != 0 ? TRK_ACK_CONT : 0) |
                             (ack.ucont_len != 0 ? TRK_ACK_UCONT : 0) |
                             (ack.up.n_sacks != 0 ? TRK_ACK_SACK : 0));
    if (req != NULL)
        add_refused(&ack, req);
    long n = trk_wire_write_ack(buf, cap, &ack, 0);
    size_t most = req != NULL ? req->pkt_len : x->most_bytes;
    bool bare = train_end == 0 || req != NULL; /* a copy names the DATA that the first one had */
    if (n > 0 && most != 0 && bare && x->ucont_len == 0 && (size_t)n > most)
        n = write_smaller(&ack, most, buf, cap);
    return n;
}

long trk_server_reset(const struct trk_server *srv, const struct trk_answer *to, uint16_t reason,
                      uint8_t *buf, size_t cap)
{
    uint64_t token[2];
    int rc = tokens(srv, to->open_step, to->conn, token);
    if (rc != TRK_OK)
        return rc;
    struct trk_reset_pkt x = {
        .c = {.steer = to->steer, .cid = to->cid}, .token = token[0], .reason = reason};
    return trk_wire_write_reset(buf, cap, &x, true);
}

int trk_server_uplink_ref(const struct trk_server *srv, const struct trk_answer *to, uint64_t *ref)
{
    uint64_t token[2];
    int rc = tokens(srv, to->open_step, to->conn, token);
    *ref = rc == TRK_OK ? token[1] : 0;
    return rc;
}
