/* TRICKLES_DEBUG: one line a decision, by write(2). See shim.h. */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "shim.h"

int trk_trace_is_on;
static struct stat stderr_at_start;

void trk_trace_init(void)
{
    const char *value = getenv("TRICKLES_DEBUG");
    trk_trace_is_on = value != NULL && value[0] != '\0' && value[0] != '0' &&
                      fstat(STDERR_FILENO, &stderr_at_start) == 0;
}

void trk_trace_write(const char *format, ...)
{
    int kept_errno = errno;
    char line[320];
    struct stat now;
    /* A daemon may have closed descriptor 2, and another file may have got the number. */
    if (fstat(STDERR_FILENO, &now) == 0 && now.st_ino == stderr_at_start.st_ino &&
        now.st_dev == stderr_at_start.st_dev) {
        va_list args;
        int at = snprintf(line, sizeof line, "libtrickles[%d]: ", (int)getpid());
        va_start(args, format);
        int n = vsnprintf(line + at, sizeof line - (size_t)at - 1, format, args);
        va_end(args);
        at += n < 0 ? 0 : n;
        if (at > (int)sizeof line - 2) {
            at = (int)sizeof line - 2;
        }
        line[at++] = '\n';
        (void)!write(STDERR_FILENO, line, (size_t)at);
    }
    errno = kept_errno;
}
