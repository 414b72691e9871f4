/*
 * Rules: which programs, addresses and ports take part. Pure but for reading the rules file once.
 *
 * A list, from $TRICKLES_RULES, then the file $TRICKLES_RULES_FILE (else /etc/trickles/rules).
 * Rules are separated by newlines or ';', '#' starts a comment that ends with the line. A rule is
 * conditions and one action; the first rule whose conditions all hold decides; with none,
 * action=on.
 *
 *     program=GLOB          name of the program ('*' and '?')
 *     addr=NET[,NET...]     192.0.2.0/24, 2001:db8::/32, one address; the peer's (connect), own
 *                           (bind)
 *     port=N[-M][,...]      likewise
 *     role=connect|listen   which of the two
 *     action=on|off         off: kernel TCP
 *
 * Bounds: 64 rules, 8 nets and 8 port ranges a rule, 16 KiB of file. A rule that cannot be read is
 * told on standard error and left out.
 */
#ifndef TRK_PRELOAD_RULES_H
#define TRK_PRELOAD_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/name.h"

#define TRK_RULES_MAX               64
#define TRK_RULES_LIST_MAX          8
#define TRK_RULES_PROGRAM_MAX_BYTES 63

enum trk_rules_role { TRK_RULES_CONNECT = 1, TRK_RULES_LISTEN = 2 };

struct trk_rules_net {
    struct trk_ipc_addr addr;
    uint8_t prefix_bits;
};

struct trk_rule {
    char program[TRK_RULES_PROGRAM_MAX_BYTES + 1]; /* "" = any */
    uint8_t roles;                                 /* enum trk_rules_role, or-ed */
    uint8_t is_on;
    uint8_t net_count;
    uint8_t port_count;
    struct trk_rules_net nets[TRK_RULES_LIST_MAX];
    struct {
        uint16_t low;
        uint16_t high;
    } ports[TRK_RULES_LIST_MAX];
};

struct trk_rules {
    size_t count;
    struct trk_rule rules[TRK_RULES_MAX];
};

/* Read one rule (`len` bytes, no separator inside). 0; 1 = nothing but blanks; -EINVAL. */
int trk_rules_parse_one(const char *text, size_t len, struct trk_rule *rule);

/* Append the rules of a text. Calls `complain` (may be NULL) for each that is left out. Returns how
 * many were left out. */
size_t trk_rules_parse(struct trk_rules *rules, const char *text, size_t len,
                       void (*complain)(const char *rule, size_t len));

/* May any socket of `program` be ours? Decided before addresses are known: 0 only if a rule without
 * addresses, ports and role says off before anything could say on. */
int trk_rules_admit_program(const struct trk_rules *rules, const char *program);

/* 1 = Trickles, 0 = kernel TCP. */
int trk_rules_admit(const struct trk_rules *rules, const char *program, enum trk_rules_role role,
                    const struct trk_ipc_addr *addr);

#endif
