#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/cont.h"
#include "core/ucont.h"

static void user(const uint8_t *ucont, size_t len)
{
    struct trk_ucont u;
    if (len != 0 && trk_ucont_read(ucont, len, &u) == TRK_OK)
        printf(" user %04x after %04x up %" PRIu64 " [%" PRIu64 ", %" PRId64 ")%s", (unsigned)(u.state >> 48),
               (unsigned)(u.after >> 48), u.up, u.from, (int64_t)u.end, (u.flags & TRK_UCONT_FIN) != 0 ? " FIN" : "");
}

static void request(const uint8_t *pkt, size_t len)
{
    static const char *const kinds[] = {"ASK", "HOLE", "TIMEOUT", "UNDO"};
    struct trk_request_pkt q;
    struct trk_law l = {0};
    if (trk_wire_read_request(pkt, len, &q) != TRK_OK) {
        printf(" REQUEST malformed");
        return;
    }
    if (trk_cont_read_law(q.cont, q.cont_len, &l) != TRK_OK)
        printf(" (no continuation)");
    printf(" REQUEST %u %s f %" PRIu64 " a %u k %" PRIu64 " epoch %u.%u B %" PRIu64 " flags %x w_cl %u una %" PRIu64, q.reqno,
           (unsigned)q.kind < 4 ? kinds[q.kind] : "?", q.hole, q.attempt, q.k, l.epoch, l.generation, l.base, q.c.flags,
           q.w_cl_pkts, q.down_una);
    for (unsigned i = 0; i < q.n_ranges; i++)
        printf(" [%" PRIu64 "+%u]", q.range[i].first, q.range[i].count);
    for (unsigned i = 0; i < q.n_asks; i++)
        printf(" ask %" PRIu64 "+%u:%" PRIu64 "+%u", q.ask[i].first, q.ask[i].count, q.ask[i].off, q.ask[i].len);
    printf(" up %" PRIu64 "+%zu", q.up_off, q.up_len);
    user(q.ucont, q.ucont_len);
}

static void data(const uint8_t *pkt, size_t len)
{
    struct trk_data_pkt d;
    if (trk_wire_read_data(pkt, len, &d) != TRK_OK) {
        printf(" DATA malformed");
        return;
    }
    printf(" DATA %" PRIu64 "/%" PRIu64 " of %u %" PRIu64 "+%zu limit %" PRIu64 " flags %x up %" PRIu64 "+%u", d.seq,
           d.train_end, d.reqno, d.off, d.payload_len, d.limit, d.c.flags, d.up.ack, d.up.credit_bytes);
    if ((d.c.flags & TRK_DATA_STATE) != 0)
        printf(" state %04x", (unsigned)(d.state >> 48));
    user(d.ucont, d.ucont_len);
}

static void ack(const uint8_t *pkt, size_t len)
{
    struct trk_ack_pkt a;
    if (trk_wire_read_ack(pkt, len, &a) != TRK_OK) {
        printf(" ACK malformed");
        return;
    }
    printf(" ACK of %u reason %u end %" PRIu64 " limit %" PRIu64 " avail %" PRIu64 " flags %x up %" PRIu64 "+%u", a.reqno,
           a.reason, a.train_end, a.limit, a.avail, a.c.flags, a.up.ack, a.up.credit_bytes);
    for (unsigned i = 0; i < a.up.n_sacks; i++)
        printf(" {%" PRIu64 "-%" PRIu64 "}", a.up.sack[i].start, a.up.sack[i].end);
    for (unsigned i = 0; i < a.n_refused; i++)
        printf(" refused %" PRIu64 ":%" PRIx64, a.refused[i].first, a.refused[i].bits);
    user(a.ucont, a.ucont_len);
}

void trace_packet(uint64_t now_ns, const char *way, const uint8_t *pkt, size_t len)
{
    printf("%12.6f %s %4zu", (double)now_ns / 1e9, way, len);
    struct trk_uplink_pkt u;
    if (len == 0)
        printf(" empty");
    else if ((pkt[0] & 15) == TRK_TYPE_REQUEST)
        request(pkt, len);
    else if ((pkt[0] & 15) == TRK_TYPE_DATA)
        data(pkt, len);
    else if ((pkt[0] & 15) == TRK_TYPE_ACK)
        ack(pkt, len);
    else if (trk_wire_read_uplink(pkt, len, &u) == TRK_OK)
        printf(" UPLINK %u flags %x %" PRIu64 "+%zu", u.reqno, u.c.flags, u.up_off, u.up_len);
    else
        printf(" type %u", pkt[0] & 15);
    printf("\n");
}

void trace_client(uint64_t now_ns, const struct trk_client_info *i)
{
    static struct trk_client_info last;
    if (last.state == i->state && last.window_pkts == i->window_pkts && last.cuts == i->cuts &&
        last.timeouts == i->timeouts && last.stales == i->stales)
        return;
    last = *i;
    printf("%12.6f == state %d W %u ssthresh %u srtt %u us rto %u us cuts %" PRIu64 " timeouts %" PRIu64 " stales %" PRIu64
           " down %" PRIu64 " up %" PRIu64 "\n",
           (double)now_ns / 1e9, (int)i->state, i->window_pkts, i->ssthresh_pkts, i->srtt_us, i->rto_us, i->cuts,
           i->timeouts, i->stales, i->down_bytes, i->up_bytes);
}
