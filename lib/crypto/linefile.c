#include "config.h" /* GNU extensions: mkostemp */

#include "crypto/linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char TEMPORARY_SUFFIX[] = ".new-XXXXXX";

int trk_error_text_set(struct trk_error_text *err, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return -1;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -1;
}

static int refuse_file(const char *path, const struct stat *st, mode_t refuse_mode,
                       struct trk_error_text *err)
{
    if (!S_ISREG(st->st_mode))
        return trk_error_text_set(err, "%s: not a regular file", path);
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return trk_error_text_set(err, "%s: belongs to user %lu, neither to this user nor to root",
                                  path, (unsigned long)st->st_uid);
    if ((st->st_mode & refuse_mode) != 0)
        return trk_error_text_set(err, "%s: mode %04o lets others at it; run: chmod %04o '%s'",
                                  path, (unsigned)(st->st_mode & 07777),
                                  (unsigned)(st->st_mode & 07777 & ~refuse_mode), path);
    if (st->st_size == 0)
        return trk_error_text_set(err, "%s: is empty", path);
    if (st->st_size > TRK_LINEFILE_BYTES_MAX)
        return trk_error_text_set(err, "%s: is longer than %d bytes", path, TRK_LINEFILE_BYTES_MAX);
    return 0;
}

/* Reads up to n bytes whatever the chunks; returns their number, or -1 with errno. */
static ssize_t read_all(int fd, char *buf, size_t n)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = read(fd, buf + have, n - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int read_line(int fd, const char *path, char *line, struct trk_error_text *err)
{
    ssize_t n = read_all(fd, line, TRK_LINEFILE_BYTES_MAX);
    size_t length;

    if (n < 0)
        return trk_error_text_set(err, "%s: %s", path, strerror(errno));
    length = (size_t)n;
    if (length > 0 && line[length - 1] == '\n')
        length--;
    line[length] = '\0';
    if (length == 0)
        return trk_error_text_set(err, "%s: is empty", path);
    if (strlen(line) != length || strchr(line, '\n') != NULL)
        return trk_error_text_set(err, "%s: is not one line of text", path);
    return 0;
}

int trk_linefile_read(const char *path, mode_t refuse_mode, char *line, struct trk_error_text *err)
{
    /* Non-blocking, so that a FIFO in the place of the file is refused and not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int result;

    if (fd < 0) {
        int absent = errno == ENOENT;

        trk_error_text_set(err, "%s: %s", path, strerror(errno));
        return absent ? TRK_LINEFILE_ABSENT : TRK_LINEFILE_ERROR;
    }
    if (fstat(fd, &st) != 0)
        result = trk_error_text_set(err, "%s: %s", path, strerror(errno));
    else
        result = refuse_file(path, &st, refuse_mode, err);
    if (result == 0)
        result = read_line(fd, path, line, err);
    if (result != 0)
        OPENSSL_cleanse(line, TRK_LINEFILE_BYTES_MAX + 1);
    (void)close(fd);
    return result;
}

static int write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, text, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        text += done;
        n -= (size_t)done;
    }
    return 0;
}

/*
 * Makes a flushed file with this line beside path, and puts its name into temporary[PATH_MAX]. On
 * error nothing is left behind.
 */
static int write_temporary(const char *path, mode_t mode, const char *line, char *temporary,
                           struct trk_error_text *err)
{
    int length = snprintf(temporary, PATH_MAX, "%s%s", path, TEMPORARY_SUFFIX);
    int fd;
    int saved;

    if (length < 0 || length >= PATH_MAX)
        return trk_error_text_set(err, "the name of the file is too long");
    fd = mkostemp(temporary, O_CLOEXEC); /* O_EXCL and 0600 */
    if (fd < 0)
        return trk_error_text_set(err, "%s: cannot write beside it: %s", path, strerror(errno));
    if (write_all(fd, line, strlen(line)) == 0 && write_all(fd, "\n", 1) == 0 &&
        fchmod(fd, mode) == 0 && fsync(fd) == 0) {
        (void)close(fd);
        return 0;
    }
    saved = errno;
    (void)close(fd);
    (void)unlink(temporary);
    return trk_error_text_set(err, "%s: cannot write beside it: %s", path, strerror(saved));
}

/* A renamed file survives a power cut only when its directory is flushed too. */
static int flush_directory(const char *path, struct trk_error_text *err)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    int result = 0;

    if (slash == NULL)
        (void)snprintf(directory, sizeof(directory), ".");
    else
        (void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path + 1), path);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system that cannot flush directories. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        result = trk_error_text_set(err, "%s: %s", directory, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return result;
}

int trk_linefile_create(const char *path, mode_t mode, const char *line, struct trk_error_text *err)
{
    char temporary[PATH_MAX];
    int result = TRK_LINEFILE_OK;

    if (write_temporary(path, mode, line, temporary, err) != 0)
        return TRK_LINEFILE_ERROR;
    /* link and not rename: it fails where the name is taken. */
    if (link(temporary, path) != 0) {
        result = errno == EEXIST ? TRK_LINEFILE_EXISTS : TRK_LINEFILE_ERROR;
        trk_error_text_set(err, "%s: %s", path, strerror(errno));
    }
    (void)unlink(temporary);
    return result != TRK_LINEFILE_OK ? result : flush_directory(path, err);
}

int trk_linefile_replace(const char *path, mode_t mode, const char *line,
                         struct trk_error_text *err)
{
    char real[PATH_MAX];
    char temporary[PATH_MAX];

    if (realpath(path, real) == NULL)
        return trk_error_text_set(err, "%s: %s", path, strerror(errno));
    if (write_temporary(real, mode, line, temporary, err) != 0)
        return TRK_LINEFILE_ERROR;
    if (rename(temporary, real) != 0) {
        trk_error_text_set(err, "%s: %s", path, strerror(errno));
        (void)unlink(temporary);
        return TRK_LINEFILE_ERROR;
    }
    return flush_directory(real, err);
}
