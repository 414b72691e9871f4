/*
 * conform_state.h: what can be judged of the states of stateless services without keys: which user continuations were
 * sent, in clear parts, and which DATA names which state (trickles-protocol(7), STATELESS SERVICES). For the checker
 * only.
 *
 * A state is known by its connection and its number. What is remembered of it: where it begins, its end, after which
 * it is, and how far DATA of it reached.
 */
#ifndef TRK_TESTS_CONFORM_STATE_H
#define TRK_TESTS_CONFORM_STATE_H

#include "conform_map.h"
#include "core/ucont.h"
#include "core/wire.h"

#include <stdbool.h>

struct conform_state;

struct conform_states {
    struct conform_map map;
    struct conform_state *all;
    size_t n;
};

void conform_states_free(struct conform_states *s);

/* A user continuation went to connection `conn`. Returns NULL, or what is wrong with it. */
const char *conform_state_given(struct conform_states *s, uint64_t conn, const struct trk_ucont *u);

/*
 * DATA with flag STATE went to connection `conn`, after what rides on it was given. Returns NULL, or what is wrong
 * with it; partial: states from before the capture are not known.
 */
const char *conform_state_sent(struct conform_states *s, uint64_t conn,
                               const struct trk_data_pkt *d, bool partial);

#endif
