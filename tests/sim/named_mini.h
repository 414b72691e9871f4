/*
 * named_mini.h: named runs of stateless services with handlers (simmini.h). Each prints what it measured and returns
 * whether the promise was kept.
 */
#ifndef TRK_SIM_NAMED_MINI_H
#define TRK_SIM_NAMED_MINI_H

#include <stdbool.h>

/* What a run needs besides itself. */
struct named_opt {
    bool verbose, trace;
};

bool mini_plain(const struct named_opt *opt);
bool mini_goodput(const struct named_opt *opt);
bool mini_heavy_loss(const struct named_opt *opt);
bool mini_requests(const struct named_opt *opt);
bool mini_reassembly(const struct named_opt *opt);
bool mini_amnesia(const struct named_opt *opt);
bool mini_away(const struct named_opt *opt);
bool mini_versions(const struct named_opt *opt);
bool mini_idle(const struct named_opt *opt);
bool mini_lost_state(const struct named_opt *opt);
bool mini_slow_push(const struct named_opt *opt);

#endif
