/* See rules.h. */
#include <config.h>

#include "rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

struct span {
    const char *at;
    size_t len;
};

static int span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

/* Cut the part before the first `c` off `rest`; all of it if there is none. */
static struct span cut(struct span *rest, char c)
{
    struct span part = *rest;
    const char *found = memchr(rest->at, c, rest->len);
    if (found == NULL) {
        rest->at += rest->len;
        rest->len = 0;
        return part;
    }
    part.len = (size_t)(found - rest->at);
    rest->at = found + 1;
    rest->len -= part.len + 1;
    return part;
}

static int parse_number(struct span s, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (s.len == 0 || s.len > 5) {
        return -EINVAL;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') {
            return -EINVAL;
        }
        value = value * 10 + (unsigned)(s.at[i] - '0');
    }
    *out = value;
    return value <= max ? 0 : -EINVAL;
}

static int parse_net(struct span s, struct trk_rules_net *net)
{
    char text[INET6_ADDRSTRLEN];
    int has_prefix = memchr(s.at, '/', s.len) != NULL;
    struct span host = cut(&s, '/');
    memset(net, 0, sizeof *net);
    if (host.len == 0 || host.len >= sizeof text) {
        return -EINVAL;
    }
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    net->addr.family = memchr(text, ':', host.len) != NULL ? 6 : 4;
    unsigned bits = net->addr.family == 6 ? 128 : 32;
    if (inet_pton(net->addr.family == 6 ? AF_INET6 : AF_INET, text, net->addr.ip) != 1 ||
        (has_prefix && parse_number(s, bits, &bits) != 0)) {
        return -EINVAL;
    }
    net->prefix_bits = (uint8_t)bits;
    return 0;
}

static int parse_nets(struct span list, struct trk_rule *rule)
{
    do {
        struct span item = cut(&list, ',');
        if (rule->net_count == TRK_RULES_LIST_MAX ||
            parse_net(item, &rule->nets[rule->net_count]) != 0) {
            return -EINVAL;
        }
        rule->net_count++;
    } while (list.len > 0);
    return 0;
}

static int parse_ports(struct span list, struct trk_rule *rule)
{
    do {
        struct span item = cut(&list, ',');
        int is_range = memchr(item.at, '-', item.len) != NULL;
        struct span first = cut(&item, '-');
        unsigned low;
        unsigned high;
        if (rule->port_count == TRK_RULES_LIST_MAX || parse_number(first, 65535, &low) != 0 ||
            parse_number(is_range ? item : first, 65535, &high) != 0 || low > high) {
            return -EINVAL;
        }
        rule->ports[rule->port_count].low = (uint16_t)low;
        rule->ports[rule->port_count].high = (uint16_t)high;
        rule->port_count++;
    } while (list.len > 0);
    return 0;
}

static int parse_word(struct span word, struct trk_rule *rule, int *has_action)
{
    struct span key = cut(&word, '=');
    if (word.len == 0) {
        return -EINVAL;
    }
    if (span_is(key, "program") && word.len <= TRK_RULES_PROGRAM_MAX_BYTES) {
        memcpy(rule->program, word.at, word.len);
        rule->program[word.len] = '\0';
        return 0;
    }
    if (span_is(key, "addr")) {
        return parse_nets(word, rule);
    }
    if (span_is(key, "port")) {
        return parse_ports(word, rule);
    }
    if (span_is(key, "role") && (span_is(word, "connect") || span_is(word, "listen"))) {
        rule->roles = (uint8_t)(span_is(word, "connect") ? TRK_RULES_CONNECT : TRK_RULES_LISTEN);
        return 0;
    }
    if (span_is(key, "action") && (span_is(word, "on") || span_is(word, "off"))) {
        rule->is_on = (uint8_t)span_is(word, "on");
        *has_action = 1;
        return 0;
    }
    return -EINVAL;
}

int trk_rules_parse_one(const char *text, size_t len, struct trk_rule *rule)
{
    struct span rest = {text, len};
    int has_action = 0;
    int has_words = 0;
    memset(rule, 0, sizeof *rule);
    rule->roles = TRK_RULES_CONNECT | TRK_RULES_LISTEN;
    while (rest.len > 0) {
        size_t word_bytes = 0;
        while (word_bytes < rest.len && memchr(" \t\r", rest.at[word_bytes], 3) == NULL) {
            word_bytes++;
        }
        struct span word = {rest.at, word_bytes};
        size_t step = word_bytes < rest.len ? word_bytes + 1 : word_bytes;
        rest.at += step;
        rest.len -= step;
        if (word_bytes > 0) {
            has_words = 1;
            if (parse_word(word, rule, &has_action) != 0) {
                return -EINVAL;
            }
        }
    }
    return !has_words ? 1 : has_action ? 0 : -EINVAL;
}

size_t trk_rules_parse(struct trk_rules *rules, const char *text, size_t len,
                       void (*complain)(const char *rule, size_t len))
{
    struct span rest = {text, len};
    size_t left_out = 0;
    while (rest.len > 0) {
        struct span line = cut(&rest, '\n');
        line = cut(&line, '#');
        while (line.len > 0) {
            struct span one = cut(&line, ';');
            struct trk_rule rule;
            int rc = trk_rules_parse_one(one.at, one.len, &rule);
            if (rc == 0 && rules->count < TRK_RULES_MAX) {
                rules->rules[rules->count++] = rule;
            } else if (rc != 1) {
                left_out++;
                if (complain != NULL) {
                    complain(one.at, one.len);
                }
            }
        }
    }
    return left_out;
}

/* '*' any run, '?' one character. Linear: goes back only to the last star. */
static int glob_holds(const char *glob, const char *text)
{
    const char *star = NULL;
    const char *from = NULL;
    while (*text != '\0') {
        if (*glob == '*') {
            star = glob++;
            from = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            text++;
        } else if (star != NULL) {
            glob = star + 1;
            text = ++from;
        } else {
            return 0;
        }
    }
    while (*glob == '*') {
        glob++;
    }
    return *glob == '\0';
}

static int net_holds(const struct trk_rules_net *net, const struct trk_ipc_addr *addr)
{
    if (net->addr.family != addr->family) {
        return 0;
    }
    for (unsigned bit = 0; bit < net->prefix_bits; bit += 8) {
        unsigned left = net->prefix_bits - bit;
        uint8_t mask = (uint8_t)(left >= 8 ? 0xff : 0xff << (8 - left));
        if ((net->addr.ip[bit / 8] & mask) != (addr->ip[bit / 8] & mask)) {
            return 0;
        }
    }
    return 1;
}

static int program_holds(const struct trk_rule *rule, const char *program)
{
    return rule->program[0] == '\0' || glob_holds(rule->program, program);
}

static int addr_holds(const struct trk_rule *rule, const struct trk_ipc_addr *addr)
{
    int holds = rule->net_count == 0;
    for (size_t i = 0; i < rule->net_count && !holds; i++) {
        holds = net_holds(&rule->nets[i], addr);
    }
    int port_holds = rule->port_count == 0;
    for (size_t i = 0; i < rule->port_count && !port_holds; i++) {
        port_holds = rule->ports[i].low <= addr->port && addr->port <= rule->ports[i].high;
    }
    return holds && port_holds;
}

int trk_rules_admit_program(const struct trk_rules *rules, const char *program)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct trk_rule *rule = &rules->rules[i];
        int is_general = rule->net_count == 0 && rule->port_count == 0 &&
                         rule->roles == (TRK_RULES_CONNECT | TRK_RULES_LISTEN);
        if (program_holds(rule, program) && (is_general || rule->is_on)) {
            return rule->is_on;
        }
    }
    return 1;
}

int trk_rules_admit(const struct trk_rules *rules, const char *program, enum trk_rules_role role,
                    const struct trk_ipc_addr *addr)
{
    struct trk_ipc_addr plain = *addr;
    trk_ipc_addr_unmap(&plain);
    for (size_t i = 0; i < rules->count; i++) {
        const struct trk_rule *rule = &rules->rules[i];
        if ((rule->roles & role) != 0 && program_holds(rule, program) && addr_holds(rule, &plain)) {
            return rule->is_on;
        }
    }
    return 1;
}
