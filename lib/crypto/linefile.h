/*
 * linefile.h: small files of one line that matter (the cluster secret, the instance id): read with care, written whole
 * or not at all.
 *
 * A file is written beside its final name, flushed, and moved into place, so that a crash at any instant leaves the old
 * one or the new one. The bytes of a replaced secret may stay on the disk until the file system uses the blocks again.
 * Threads: none of its own state.
 */
#ifndef TRK_CRYPTO_LINEFILE_H
#define TRK_CRYPTO_LINEFILE_H

#include <stddef.h>
#include <sys/types.h>

enum {
    TRK_LINEFILE_BYTES_MAX = 128, /* the secret's line is 76 bytes at most */
    TRK_ERROR_TEXT_BYTES = 4096 + 256, /* the longest path and a reason: the reason always shows */
};

/* One sentence for the administrator, with the file's name in it; it never holds a byte of a secret. */
struct trk_error_text {
    char text[TRK_ERROR_TEXT_BYTES];
};

/* Formats into err (which may be NULL) and returns -1, so that a caller can return what this returns. */
int trk_error_text_set(struct trk_error_text *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum trk_linefile_result {
    TRK_LINEFILE_OK = 0,
    TRK_LINEFILE_ERROR = -1,  /* err says what */
    TRK_LINEFILE_ABSENT = -2, /* read: no such file; err says so */
    TRK_LINEFILE_EXISTS = -3, /* create: there is one already, untouched; err says so */
};

/*
 * Reads the whole file at path into line[TRK_LINEFILE_BYTES_MAX + 1] as a string, without its final newline. Refuses what
 * is no regular file, belongs to neither this user nor root, has any permission bit of refuse_mode, is empty, too long,
 * or holds a NUL or a second line. Returns a trk_linefile_result; line is wiped on error. The caller wipes a secret.
 */
int trk_linefile_read(const char *path, mode_t refuse_mode, char *line, struct trk_error_text *err)
    __attribute__((warn_unused_result));

/*
 * Writes line and a newline to a new file at path with the given mode; never replaces one. Returns a
 * trk_linefile_result.
 */
int trk_linefile_create(const char *path, mode_t mode, const char *line, struct trk_error_text *err)
    __attribute__((warn_unused_result));

/*
 * The same, but replaces what is there; path is followed if it is a symbolic link, so that the link stays. Returns a
 * trk_linefile_result.
 */
int trk_linefile_replace(const char *path, mode_t mode, const char *line,
                         struct trk_error_text *err) __attribute__((warn_unused_result));

#endif
