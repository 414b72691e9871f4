/* The configuration file. Whatever is accepted lies within its bounds; whatever is refused says
 * why. */
#include <config.h>

#include "daemon/config.h"

#include "core/wire.h"

#include "fuzz.h"

#include <string.h>

const char fuzz_name[] = "fuzz_config";

enum { TEXT_MAX_BYTES = 4096 };

static unsigned complaints;

static void sink(void *ctx, enum trk_log_level level, const char *line)
{
    (void)ctx;
    complaints += level == TRK_LOG_ERROR && line[0] != '\0';
}

static void check_path(const char *path)
{
    FUZZ_CHECK(path == NULL || path[0] == '/');
}

static void check_accepted(const struct trk_config *conf)
{
    FUZZ_CHECK(conf->port >= 1);
    FUZZ_CHECK(conf->n_peer_ports <= TRK_CONFIG_PEER_PORTS_MAX);
    for (unsigned i = 0; i < conf->n_peer_ports; i++)
        FUZZ_CHECK(conf->peer_ports[i] >= 1);
    FUZZ_CHECK(conf->packet_size_max_bytes >= TRK_PACKET_MIN_BYTES &&
               conf->packet_size_max_bytes <= TRK_PACKET_V4_BYTES);
    FUZZ_CHECK(conf->connections_max >= 1 && conf->listeners_max >= 1);
    FUZZ_CHECK(conf->down_window_bytes >= 1 << 16 && conf->up_window_bytes >= 1 << 16);
    FUZZ_CHECK(conf->log_level <= TRK_LOG_TRACE);
    check_path(conf->secret);
    check_path(conf->socket);
    check_path(conf->pcap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct trk_log log = {.level = TRK_LOG_ERROR, .sink = sink};
    char text[TEXT_MAX_BYTES + 1];
    struct trk_config conf;
    if (size > TEXT_MAX_BYTES)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    complaints = 0;
    trk_config_init(&conf, size % 2 != 0);
    if (trk_config_read_text(&conf, text, &log) == 0)
        check_accepted(&conf);
    else
        FUZZ_CHECK(complaints > 0);
    trk_config_free(&conf);
    return 0;
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    static const char *const texts[] = {
        "",
        "# a comment\nport = 8742\nlog-level = debug\n",
        "secret = \"/etc/trickles/secret\"\nsocket = '/run/trickles/trickled.sock'\n",
        "pcap = /tmp/trickled.pcap\npcap-max-bytes = 1000000\n",
        "peer-ports = {842, 8742}\ninstance = 7\npacket-size-max = 1452\n",
        "peer-ports += {1}\nport = 0x10\nport = -1\n",
        "connections-max = 99999999999999999999\n",
        "/* long */ down-window = 16777216 // window\nup-window=65536\nunknown = 1\n",
        "secret = \"${HOME}/x\\x41\\n\"\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        emit(arg, (const uint8_t *)texts[i], strlen(texts[i]));
}
