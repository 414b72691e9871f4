/*
 * trace.h: one line for each packet at the client, and for each change of its window: what --trace prints.
 */
#ifndef TRK_SIM_TRACE_H
#define TRK_SIM_TRACE_H

#include "core/client.h"

void trace_packet(uint64_t now_ns, const char *way, const uint8_t *pkt, size_t len);
void trace_client(uint64_t now_ns, const struct trk_client_info *info);

#endif
