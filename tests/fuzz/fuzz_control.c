/* Control messages between daemon and shim. What decodes encodes again to the same bytes. */
#include <config.h>

#include "ipc/control.h"

#include "fuzz.h"

#include <string.h>

const char fuzz_name[] = "fuzz_control";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trk_ctl_msg m;
    uint8_t again[TRK_CTL_MAX_BYTES];
    if (trk_ctl_decode(data, size, &m) != 0) {
        FUZZ_CHECK(m.type == 0);
        return 0;
    }
    FUZZ_CHECK(strcmp(trk_ctl_type_name(m.type), "?") != 0);
    int n = trk_ctl_encode(&m, again, sizeof again);
    FUZZ_CHECK(n >= 0 && (size_t)n == size && memcmp(again, data, size) == 0);
    return 0;
}

static void emit_message(fuzz_emit_fn *emit, void *arg, struct trk_ctl_msg *m)
{
    uint8_t seed[TRK_CTL_MAX_BYTES];
    m->correlation = 7;
    int n = trk_ctl_encode(m, seed, sizeof seed);
    FUZZ_CHECK(n > 0);
    emit(arg, seed, (size_t)n);
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    const struct trk_ipc_addr v4 = {.family = 4, .ip = {127, 0, 0, 1}, .port = 80},
                              v6 = {.family = 6,
                                    .ip = {0xfe, 0x80, [15] = 1},
                                    .port = 80,
                                    .scope = 2};
    /* One of each type, all zero where nothing need be said. */
#define SEED(name, number, bytes)                                                                  \
    emit_message(emit, arg, &(struct trk_ctl_msg){.type = TRK_CTL_##name});
    TRK_CTL_TYPES(SEED)
#undef SEED
    struct trk_ctl_msg m = {.type = TRK_CTL_BIND, .u.bind = {.id = 1, .flags = 1, .local = v6}};
    emit_message(emit, arg, &m);
    m = (struct trk_ctl_msg){
        .type = TRK_CTL_OPTION,
        .u.option = {.id = 1, .level = 1, .name = 13, .value_bytes = 8, .value = {1}}};
    emit_message(emit, arg, &m);
    m = (struct trk_ctl_msg){.type = TRK_CTL_INFO_REPLY,
                             .u.info_reply = {.state = TRK_CTL_CONN_UP, .local = v4, .remote = v6}};
    emit_message(emit, arg, &m);
    m = (struct trk_ctl_msg){.type = TRK_CTL_MINI_LISTEN,
                             .u.mini_listen = {.layout = 1, .flags = 3, .local = v6}};
    emit_message(emit, arg, &m);
}
