/*
 * loadable.h: can a preloaded library take part in this program? Looks at the file that would be executed, before it
 * is, so that nobody wonders why nothing happened.
 */
#ifndef TRK_TOOLS_LOADABLE_H
#define TRK_TOOLS_LOADABLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TRK_LOADABLE_SCRIPTS_MAX = 4, /* interpreters of interpreters that the kernel follows */
    TRK_LOADABLE_PATH_BYTES = 4096,
};

enum trk_loadable {
    TRK_LOADABLE_YES,
    TRK_LOADABLE_UNKNOWN,    /* cannot be read: nothing is said */
    TRK_LOADABLE_STATIC,     /* ELF without an interpreter: no dynamic linker runs */
    TRK_LOADABLE_GO,         /* calls the kernel by itself */
    TRK_LOADABLE_SETID,      /* set-user-ID or set-group-ID: the linker ignores LD_PRELOAD */
    TRK_LOADABLE_CAPABILITY, /* file capabilities: likewise */
    TRK_LOADABLE_FOREIGN,    /* another word size, machine or C library than the library's */
};

struct trk_loadable_result {
    enum trk_loadable answer;
    char file[TRK_LOADABLE_PATH_BYTES]; /* which file it is about: the program, or a script's interpreter */
};

/*
 * Where execvp(3) would find `program`; path (TRK_LOADABLE_PATH_BYTES) becomes "" if nowhere. Returns 0 or -errno
 * (-ENOENT, -EACCES, -ENAMETOOLONG).
 */
int trk_loadable_find(const char *program, char *path) __attribute__((warn_unused_result));

/* Looks at path and follows "#!" lines, through env(1) too. */
void trk_loadable_check(const char *path, struct trk_loadable_result *out);

/* Why not, as the rest of a sentence that begins with the file's name; "" for YES and UNKNOWN. Static. */
const char *trk_loadable_why(enum trk_loadable answer);

#endif
