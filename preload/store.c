/* See store.h. Instructions: a header `ld #(level << 16 | name)` with jt = length of the value and
 * jf = 1, then `ld #word` with jf = 0 for each four bytes; `ret #-1` at the end. */
#include <config.h>

#include "store.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

#include "real.h"

#define WORDS(len)  (((len) + 3u) / 4u)
#define PROGRAM_MAX (TRK_STORE_ENTRIES_MAX * (1 + WORDS(TRK_STORE_VALUE_MAX_BYTES)) + 1)

int trk_store_put(struct trk_store *store, int level, int name, const void *value, size_t len)
{
    size_t i = 0;
    if (level < 0 || level > 255 || name < 0 || name > 65535 || len > TRK_STORE_VALUE_MAX_BYTES) {
        return -EINVAL;
    }
    while (i < store->count &&
           (store->entries[i].level != level || store->entries[i].name != name)) {
        i++;
    }
    if (i == TRK_STORE_ENTRIES_MAX) {
        return -ENOSPC;
    }
    if (i == store->count) {
        store->count++;
    }
    struct trk_store_entry *entry = &store->entries[i];
    memset(entry, 0, sizeof *entry);
    entry->level = level;
    entry->name = name;
    entry->len = (uint8_t)len;
    memcpy(entry->value, value, len);
    return 0;
}

const struct trk_store_entry *trk_store_find(const struct trk_store *store, int level, int name)
{
    for (size_t i = 0; i < store->count; i++) {
        if (store->entries[i].level == level && store->entries[i].name == name) {
            return &store->entries[i];
        }
    }
    return NULL;
}

int trk_store_save(int fd, const struct trk_store *store)
{
    struct sock_filter program[PROGRAM_MAX];
    unsigned short n = 0;
    for (size_t i = 0; i < store->count; i++) {
        const struct trk_store_entry *entry = &store->entries[i];
        program[n++] = (struct sock_filter){BPF_LD | BPF_IMM, entry->len, 1,
                                            (uint32_t)entry->level << 16 | (uint32_t)entry->name};
        for (size_t at = 0; at < WORDS(entry->len); at++) {
            uint32_t word;
            memcpy(&word, entry->value + 4 * at, 4);
            program[n++] = (struct sock_filter){BPF_LD | BPF_IMM, 0, 0, word};
        }
    }
    program[n++] = (struct sock_filter){BPF_RET | BPF_K, 0, 0, UINT32_MAX};
    struct sock_fprog prog = {.len = n, .filter = program};
    return trk_real.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) == 0 ? 0
                                                                                          : -errno;
}

int trk_store_load(int fd, struct trk_store *store)
{
    /* Zeroed because memory checkers take the length for bytes, and the rest for never written. */
    struct sock_filter program[PROGRAM_MAX] = {{0}};
    socklen_t count = PROGRAM_MAX; /* in instructions, a habit of this one option */
    store->count = 0;
    if (trk_real.getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, program, &count) != 0) {
        return -errno;
    }
    size_t at = 0;
    while (at + 1 < count) {
        const struct sock_filter *head = &program[at++];
        size_t words = WORDS(head->jt);
        uint8_t value[TRK_STORE_VALUE_MAX_BYTES];
        if (head->code != (BPF_LD | BPF_IMM) || head->jf != 1 || head->jt > sizeof value ||
            at + words >= count) {
            store->count = 0;
            return -EPROTO;
        }
        for (size_t i = 0; i < words; i++) {
            memcpy(value + 4 * i, &program[at++].k, 4);
        }
        if (trk_store_put(store, (int)(head->k >> 16), (int)(head->k & 0xffff), value, head->jt) !=
            0) {
            store->count = 0;
            return -EPROTO;
        }
    }
    return 0;
}
