/* The abstract names of unix sockets: anybody on the host can bind one. Exactly what is formatted
 * parses. */
#include <config.h>

#include "ipc/name.h"

#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

const char fuzz_name[] = "fuzz_name";

static void check_addr(const struct trk_ipc_addr *a)
{
    struct sockaddr_storage sa;
    struct trk_ipc_addr back;
    for (int v6 = 0; v6 < 2; v6++) {
        socklen_t len = trk_ipc_addr_to_sockaddr(a, v6, &sa);
        FUZZ_CHECK(len > 0 && len <= sizeof sa);
        FUZZ_CHECK(trk_ipc_addr_from_sockaddr(&back, (const struct sockaddr *)&sa, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trk_name name, again;
    char text[TRK_NAME_MAX_BYTES + 1];
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = size < sizeof un.sun_path ? size : sizeof un.sun_path;
    memcpy(un.sun_path, data, n);
    bool from_kernel =
        trk_name_from_sockaddr(&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n),
                               &again) == 0;
    bool parsed = trk_name_parse((const char *)data, size, &name) == 0;
    FUZZ_CHECK(!parsed || !from_kernel); /* the one has a NUL in front */
    if (from_kernel)
        name = again;
    else if (!parsed)
        return 0;
    int len = trk_name_format(&name, text);
    FUZZ_CHECK(len > 0 && (size_t)len + from_kernel == size);
    FUZZ_CHECK(memcmp(text, data + from_kernel, (size_t)len) == 0);
    check_addr(&name.local);
    check_addr(&name.remote);
    return 0;
}

static void emit_name(fuzz_emit_fn *emit, void *arg, const struct trk_name *name)
{
    char text[TRK_NAME_MAX_BYTES + 2] = {0};
    int n = trk_name_format(name, text + 1);
    FUZZ_CHECK(n > 0);
    emit(arg, (const uint8_t *)text + 1, (size_t)n);
    emit(arg, (const uint8_t *)text, (size_t)n + 1); /* as the kernel gives it */
}

void fuzz_seeds(fuzz_emit_fn *emit, void *arg)
{
    const struct trk_ipc_addr v4 = {.family = 4, .ip = {127, 0, 0, 1}, .port = 80},
                              v6 = {.family = 6,
                                    .ip = {0xfe, 0x80, [15] = 1},
                                    .port = 80,
                                    .scope = 2};
    const struct trk_name bound = {.kind = TRK_NAME_BOUND, .id = 1, .local = v4},
                          stream = {.kind = TRK_NAME_STREAM, .id = 2, .local = v6, .remote = v6},
                          connecting = {
                              .kind = TRK_NAME_CONNECT, .id = 3, .local = v4, .remote = v4};
    emit_name(emit, arg, &bound);
    emit_name(emit, arg, &stream);
    emit_name(emit, arg, &connecting);
}
