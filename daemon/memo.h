/*
 * memo.h: what is known of peers, remembered for a while: those that have no Trickles (refusal-seconds), so that
 * connecting to them does not cost a wait each time; in another table those that have it. A fixed table: a newer entry
 * may push out an older one, which costs one try. Pure.
 */
#ifndef TRK_DAEMON_MEMO_H
#define TRK_DAEMON_MEMO_H

#include "base/sockaddr.h"

enum { TRK_MEMO_ENTRIES = 1024 };

struct trk_memo {
    uint64_t seed;
    struct trk_memo_entry {
        union trk_sockaddr at; /* port 0: the whole host */
        uint64_t until_ns;
        const char *why; /* static; NULL: free */
    } entry[TRK_MEMO_ENTRIES];
};

/* Remembers of `at` (port 0: the host) why it is in this table, until until_ns. */
void trk_memo_put(struct trk_memo *m, const union trk_sockaddr *at, const char *why, uint64_t until_ns);
/* Why host or port are in it, or NULL. */
const char *trk_memo_get(const struct trk_memo *m, const union trk_sockaddr *at, uint64_t now_ns);

#endif
