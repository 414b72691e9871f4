/*
 * The store: options beyond the tag's bits, kept by the kernel in the descriptor itself. It is a
 * classic BPF program attached with SO_ATTACH_FILTER: a list of `ld #constant` instructions that
 * end in "accept all". The kernel never runs it (stream AF_UNIX sockets have no filtering), keeps
 * it word by word, gives it back with SO_GET_FILTER, and takes it along over dup, fork, exec and
 * descriptor passing. 10 to 15 us to write, 1 us to read: for the options that a program sets once
 * or never.
 *
 * An entry is (level, name, value bytes). Level TRK_STORE_OWN holds what is not an option of TCP.
 */
#ifndef TRK_PRELOAD_STORE_H
#define TRK_PRELOAD_STORE_H

#include <stddef.h>
#include <stdint.h>

#define TRK_STORE_VALUE_MAX_BYTES 32u
#define TRK_STORE_ENTRIES_MAX     24u

#define TRK_STORE_OWN        255
#define TRK_STORE_OWN_LOCAL  1 /* 20 bytes of address: of a socket bound to L and then connected */
#define TRK_STORE_OWN_REMOTE 2

struct trk_store_entry {
    int level; /* 0..255 */
    int name;  /* 0..65535 */
    uint8_t len;
    uint8_t value[TRK_STORE_VALUE_MAX_BYTES];
};

struct trk_store {
    size_t count;
    struct trk_store_entry entries[TRK_STORE_ENTRIES_MAX];
};

/* Read the store of `fd` (empty if it has none). 0 or -errno; -EPROTO: a filter that is none of
 * ours. */
int trk_store_load(int fd, struct trk_store *store);

/* Write it. 0 or -errno. */
int trk_store_save(int fd, const struct trk_store *store);

/* Set or replace one entry in memory. 0; -ENOSPC: full; -EINVAL: out of range. */
int trk_store_put(struct trk_store *store, int level, int name, const void *value, size_t len);

/* Find an entry, or NULL. */
const struct trk_store_entry *trk_store_find(const struct trk_store *store, int level, int name);

#endif
