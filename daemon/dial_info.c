/* What a dialled connection tells of itself. See dial.h. */
#include <config.h>

#include "daemon/addrs.h"
#include "daemon/dial.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static void tell_tcp(const struct trk_dialled *c, struct trk_ctl_info_reply *info)
{
    struct tcp_info t;
    socklen_t len = sizeof t;
    memset(&t, 0, sizeof t);
    if (getsockopt(c->relay.tcp_fd, IPPROTO_TCP, TCP_INFO, &t, &len) != 0)
        return;
    info->rtt_us = t.tcpi_rtt;
    info->rttvar_us = t.tcpi_rttvar;
    info->rto_us = t.tcpi_rto;
    info->cwnd_pkts = t.tcpi_snd_cwnd;
    info->ssthresh_pkts = t.tcpi_snd_ssthresh;
    info->mss_bytes = t.tcpi_snd_mss;
    info->in_flight_pkts = t.tcpi_unacked;
    info->retrans_pkts = t.tcpi_total_retrans;
    info->lost_pkts = t.tcpi_lost;
    info->bytes_acked = c->relay.bytes_to_tcp;
    info->bytes_received = c->relay.bytes_to_app;
}

static bool tell_trickles(const struct trk_dialled *c, struct trk_ctl_info_reply *info)
{
    struct trk_client_info i;
    trk_client_get_info(c->client, &i);
    unsigned head = TRK_DATA_BYTES + (i.stateless ? (unsigned)TRK_DATA_STATE_BYTES : 0);
    info->rtt_us = i.srtt_us;
    info->rttvar_us = i.rttvar_us;
    info->min_rtt_us = i.srtt_us;
    info->rto_us = i.rto_us;
    info->cwnd_pkts = i.window_pkts;
    info->ssthresh_pkts = i.ssthresh_pkts;
    info->mss_bytes = i.packet_size > head ? i.packet_size - head : 0;
    info->bytes_acked = i.up_bytes;
    info->bytes_received = i.down_bytes;
    info->outq_bytes = c->link.end > i.up_bytes ? c->link.end - i.up_bytes : 0;
    info->retrans_pkts = (uint32_t)i.up_retransmits;
    info->lost_pkts = (uint32_t)i.cuts;
    info->pkts_out = (uint32_t)i.pkts_out;
    info->pkts_in = (uint32_t)i.pkts_in;
    return i.stateless;
}

void trk_dial_tell(struct trk_party *p, struct trk_party_facts *f)
{
    const struct trk_dialled *c = TRK_HEAP_OBJECT(p, struct trk_dialled, party);
    f->role = "connect";
    f->transport = c->state == TRK_DIAL_RELAY ? "tcp" : c->state == TRK_DIAL_RACING ? "undecided" : "trickles";
    f->why = c->why;
    f->info.is_tcp = c->state == TRK_DIAL_RELAY;
    f->info.state = c->state == TRK_DIAL_RACING                          ? TRK_CTL_CONN_CONNECTING
                    : c->state == TRK_DIAL_LEAVING || c->link.eof || c->fin_written ? TRK_CTL_CONN_CLOSING
                                                                         : TRK_CTL_CONN_UP;
    f->info.local = trk_addrs_to_ipc(&c->source);
    f->info.remote = trk_addrs_to_ipc(&c->target);
    if (c->state == TRK_DIAL_RELAY)
        tell_tcp(c, &f->info);
    else if (c->client != NULL)
        f->stateless = tell_trickles(c, &f->info);
}

void trk_dial_set_abortive(struct trk_party *p, bool on)
{
    TRK_HEAP_OBJECT(p, struct trk_dialled, party)->abortive = on;
}
