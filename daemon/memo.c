/* Peers without Trickles: see memo.h. */
#include <config.h>

#include "daemon/memo.h"

#include "daemon/addrs.h"

static unsigned slot(const struct trk_memo *m, const union trk_sockaddr *at)
{
    struct trk_addr a = trk_addrs_engine(at);
    uint64_t w[2], h = m->seed ^ a.port;
    memcpy(w, a.ip, sizeof w);
    for (unsigned i = 0; i < 2; i++) {
        h = (h ^ w[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return (unsigned)(h % TRK_MEMO_ENTRIES);
}

void trk_memo_put(struct trk_memo *m, const union trk_sockaddr *at, const char *why, uint64_t until_ns)
{
    m->entry[slot(m, at)] = (struct trk_memo_entry){.at = *at, .until_ns = until_ns, .why = why};
}

static const char *look_up(const struct trk_memo *m, const union trk_sockaddr *at, uint64_t now_ns)
{
    const struct trk_memo_entry *e = &m->entry[slot(m, at)];
    return e->why != NULL && now_ns < e->until_ns && trk_sockaddr_equal(&e->at, at) ? e->why : NULL;
}

const char *trk_memo_get(const struct trk_memo *m, const union trk_sockaddr *at, uint64_t now_ns)
{
    union trk_sockaddr host = *at;
    trk_sockaddr_set_port(&host, 0);
    const char *why = look_up(m, at, now_ns);
    return why != NULL ? why : look_up(m, &host, now_ns);
}
