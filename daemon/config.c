/* The configuration file: see config.h. One table says it all: key, range, default, where it goes. */
#include <config.h>

#include "daemon/config.h"

#include "core/replay.h"
#include "core/wire.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1L << 20)

enum field_type { FIELD_U16, FIELD_UNSIGNED, FIELD_SIZE, FIELD_U64 };

struct number_key {
    const char *key;
    enum field_type type;
    size_t offset;
    long min, max, value;
};

#define AT(member) offsetof(struct trk_config, member)

static const struct number_key number_keys[] = {
    {"instance", FIELD_U16, AT(instance), 0, 65535, 0},
    {"port", FIELD_U16, AT(port), 1, 65535, TRK_PORT_SYSTEM},
    {"packet-size-max", FIELD_U16, AT(packet_size_max_bytes), TRK_PACKET_MIN_BYTES, TRK_PACKET_V4_BYTES,
     TRK_PACKET_V4_BYTES},
    {"pcap-max-bytes", FIELD_U64, AT(pcap_max_bytes), 1, LONG_MAX, 1L << 32},
    {"down-window", FIELD_SIZE, AT(down_window_bytes), 1 << 16, 1L << 30, 16 * MIB},
    {"up-window", FIELD_SIZE, AT(up_window_bytes), 1 << 16, 1L << 30, 4 * MIB},
    {"buffer-total", FIELD_SIZE, AT(buffer_bytes_total), 0, LONG_MAX, 1024 * MIB},
    {"socket-buffer", FIELD_SIZE, AT(socket_buffer_bytes), 1 << 16, 1L << 28, 2 * MIB},
    {"spill", FIELD_SIZE, AT(spill_bytes), 0, 1L << 28, 256 << 10},
    {"ring-max", FIELD_SIZE, AT(ring_bytes_max), 1 << 16, 1L << 30, 16 * MIB},
    {"ring-total", FIELD_SIZE, AT(ring_bytes_total), 0, LONG_MAX, 512 * MIB},
    {"replay-table", FIELD_SIZE, AT(replay_bytes), TRK_REPLAY_MIN_BYTES, 1L << 34,
     TRK_REPLAY_DEFAULT_BYTES},
    {"connections-max", FIELD_UNSIGNED, AT(connections_max), 1, 10000000, 100000},
    {"listeners-max", FIELD_UNSIGNED, AT(listeners_max), 1, 65535, 4096},
    {"minisocket-detached-max", FIELD_UNSIGNED, AT(minisocket_detached_max), 0, 65536, 1024},
    {"ack-delay-us", FIELD_UNSIGNED, AT(ack_delay_us), 0, 100000, 5000},
    {"tcp-after-ms", FIELD_UNSIGNED, AT(tcp_after_ms), 0, 60000, 300},
    {"refusal-seconds", FIELD_UNSIGNED, AT(refusal_seconds), 0, 86400, 60},
    {"silent-seconds", FIELD_UNSIGNED, AT(silent_seconds), 1, 86400, 90},
    {"orphan-seconds", FIELD_UNSIGNED, AT(orphan_seconds), 1, 86400, 60},
    {"idle-exit-seconds", FIELD_UNSIGNED, AT(idle_exit_seconds), 0, 86400, 60},
};

enum { N_NUMBERS = sizeof number_keys / sizeof number_keys[0] };

static void store(struct trk_config *conf, const struct number_key *k, long value)
{
    char *at = (char *)conf + k->offset;
    switch (k->type) {
    case FIELD_U16:
        *(uint16_t *)(void *)at = (uint16_t)value;
        break;
    case FIELD_UNSIGNED:
        *(unsigned *)(void *)at = (unsigned)value;
        break;
    case FIELD_SIZE:
        *(size_t *)(void *)at = (size_t)value;
        break;
    case FIELD_U64:
        *(uint64_t *)(void *)at = (uint64_t)value;
        break;
    }
}

static long load(const struct trk_config *conf, const struct number_key *k)
{
    const char *at = (const char *)conf + k->offset;
    switch (k->type) {
    case FIELD_U16:
        return *(const uint16_t *)(const void *)at;
    case FIELD_UNSIGNED:
        return (long)*(const unsigned *)(const void *)at;
    case FIELD_SIZE:
        return (long)*(const size_t *)(const void *)at;
    case FIELD_U64:
        return (long)*(const uint64_t *)(const void *)at;
    }
    return 0;
}

void trk_config_init(struct trk_config *conf, bool user)
{
    memset(conf, 0, sizeof *conf);
    for (unsigned i = 0; i < N_NUMBERS; i++)
        store(conf, &number_keys[i], number_keys[i].value);
    if (user)
        conf->port = TRK_PORT_USER;
    conf->peer_ports[0] = TRK_PORT_SYSTEM;
    conf->peer_ports[1] = TRK_PORT_USER;
    conf->n_peer_ports = 2;
    conf->log_level = TRK_LOG_INFO;
}

void trk_config_free(struct trk_config *conf)
{
    free(conf->secret);
    free(conf->socket);
    free(conf->pcap);
    conf->secret = conf->socket = conf->pcap = NULL;
}

/* libconfuse gives its callbacks no argument: the log of the file being read. One thread. */
static const struct trk_log *reading_log;
static bool reading_reported;

__attribute__((format(printf, 2, 0))) static void report(cfg_t *cfg, const char *format,
                                                         va_list args)
{
    char line[512];
    reading_reported = true;
    vsnprintf(line, sizeof line, format, args);
    trk_log(reading_log, TRK_LOG_ERROR, "%s:%d: %s", cfg != NULL && cfg->filename != NULL ? cfg->filename : "?",
            cfg != NULL ? cfg->line : 0, line);
}

static int check_number(cfg_t *cfg, cfg_opt_t *opt)
{
    long value = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);
    for (unsigned i = 0; i < N_NUMBERS; i++) {
        const struct number_key *k = &number_keys[i];
        if (strcmp(k->key, opt->name) != 0)
            continue;
        if (value >= k->min && value <= k->max)
            return 0;
        cfg_error(cfg, "%s must be %ld to %ld, not %ld", opt->name, k->min, k->max, value);
        return -1;
    }
    return 0;
}

static int check_peer_port(cfg_t *cfg, cfg_opt_t *opt)
{
    unsigned n = cfg_opt_size(opt);
    long value = cfg_opt_getnint(opt, n - 1);
    if (n <= TRK_CONFIG_PEER_PORTS_MAX && value >= 1 && value <= 65535)
        return 0;
    cfg_error(cfg, "%s must be at most %d numbers of 1 to 65535", opt->name, TRK_CONFIG_PEER_PORTS_MAX);
    return -1;
}

static int check_log_level(cfg_t *cfg, cfg_opt_t *opt)
{
    enum trk_log_level level;
    const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
    if (text != NULL && trk_log_level_parse(text, &level) == 0)
        return 0;
    cfg_error(cfg, "%s must be error, warn, info, debug or trace", opt->name);
    return -1;
}

static int check_path(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
    if (text != NULL && text[0] == '/')
        return 0;
    cfg_error(cfg, "%s must be an absolute path", opt->name);
    return -1;
}

/* A set path replaces the one before; 0, or -1 without memory. */
static int take_path(char **to, cfg_t *cfg, const char *key)
{
    const char *text = cfg_getstr(cfg, key);
    if (text == NULL)
        return 0;
    char *copy = strdup(text);
    if (copy == NULL)
        return -1;
    free(*to);
    *to = copy;
    return 0;
}

static int take_values(struct trk_config *conf, cfg_t *cfg)
{
    for (unsigned i = 0; i < N_NUMBERS; i++)
        store(conf, &number_keys[i], cfg_getint(cfg, number_keys[i].key));
    unsigned n = cfg_size(cfg, "peer-ports");
    if (n > 0) {
        conf->n_peer_ports = n;
        for (unsigned i = 0; i < n; i++)
            conf->peer_ports[i] = (uint16_t)cfg_getnint(cfg, "peer-ports", i);
    }
    const char *level = cfg_getstr(cfg, "log-level");
    if (level != NULL && trk_log_level_parse(level, &conf->log_level) != 0)
        return -1;
    return take_path(&conf->secret, cfg, "secret") | take_path(&conf->socket, cfg, "socket") |
           take_path(&conf->pcap, cfg, "pcap");
}

static int parse(struct trk_config *conf, const char *path, const char *text)
{
    cfg_opt_t opts[N_NUMBERS + 6] = {
        CFG_STR("secret", NULL, CFGF_NODEFAULT),    CFG_STR("socket", NULL, CFGF_NODEFAULT),
        CFG_STR("pcap", NULL, CFGF_NODEFAULT),      CFG_STR("log-level", NULL, CFGF_NODEFAULT),
        CFG_INT_LIST("peer-ports", NULL, CFGF_NODEFAULT),
    };
    for (unsigned i = 0; i < N_NUMBERS; i++) {
        cfg_opt_t number = CFG_INT(number_keys[i].key, load(conf, &number_keys[i]), CFGF_NONE);
        opts[5 + i] = number;
    }
    cfg_opt_t end = CFG_END();
    opts[5 + N_NUMBERS] = end;
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    if (cfg == NULL)
        return -1;
    cfg_set_error_function(cfg, report);
    for (unsigned i = 0; i < N_NUMBERS; i++)
        cfg_set_validate_func(cfg, number_keys[i].key, check_number);
    cfg_set_validate_func(cfg, "peer-ports", check_peer_port);
    cfg_set_validate_func(cfg, "log-level", check_log_level);
    cfg_set_validate_func(cfg, "secret", check_path);
    cfg_set_validate_func(cfg, "socket", check_path);
    cfg_set_validate_func(cfg, "pcap", check_path);
    reading_reported = false;
    int rc = text != NULL ? cfg_parse_buf(cfg, text) : cfg_parse(cfg, path);
    if (rc == CFG_PARSE_ERROR && !reading_reported) /* libconfuse is silent about some: a key of "" */
        trk_log(reading_log, TRK_LOG_ERROR, "%s:%d: not understood", path, cfg->line);
    if (rc == CFG_FILE_ERROR)
        trk_log(reading_log, TRK_LOG_ERROR, "%s: %s", path, strerror(errno));
    if (rc == CFG_SUCCESS && take_values(conf, cfg) != 0) {
        trk_log(reading_log, TRK_LOG_ERROR, "%s: out of memory", path);
        rc = CFG_PARSE_ERROR;
    }
    cfg_free(cfg);
    return rc == CFG_SUCCESS ? 0 : -1;
}

int trk_config_read(struct trk_config *conf, const char *path, bool must_exist, const struct trk_log *log)
{
    if (!must_exist && access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    reading_log = log;
    return parse(conf, path, NULL);
}

int trk_config_read_text(struct trk_config *conf, const char *text, const struct trk_log *log)
{
    reading_log = log;
    return parse(conf, "text", text);
}
