#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define TRK_LOG_NAME(name, text) text,
    TRK_LOG_LEVELS(TRK_LOG_NAME)
#undef TRK_LOG_NAME
};

enum { LEVELS = sizeof(names) / sizeof(names[0]), ESCAPE_BYTES = 4 };

static const char CUT[] = "...";

/* Copies text into line with escapes; ends in "..." if it does not fit. */
static void escape(char *line, const char *text, bool cut)
{
    size_t room = TRK_LOG_LINE_BYTES - sizeof(CUT); /* the mark's NUL is the line's */
    size_t n = 0;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        /* Bytes from 0x80 up are UTF-8 in names; a terminal's 8-bit controls do not work under
         * UTF-8. */
        bool plain = c >= ' ' && c != 0x7f;

        if (n + (plain ? 1 : ESCAPE_BYTES) > room) {
            cut = true;
            break;
        }
        if (plain)
            line[n++] = (char)c;
        else
            n += (size_t)snprintf(line + n, ESCAPE_BYTES + 1, "\\x%02x", c);
    }
    line[n] = '\0';
    if (cut)
        memcpy(line + n, CUT, sizeof(CUT));
}

void trk_log_write(const struct trk_log *log, enum trk_log_level level, const char *format, ...)
{
    char text[TRK_LOG_LINE_BYTES];
    char line[TRK_LOG_LINE_BYTES];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return;
    escape(line, text, n >= (int)sizeof(text));
    log->sink(log->ctx, level, line);
}

const char *trk_log_level_name(enum trk_log_level level)
{
    return (size_t)level < LEVELS ? names[level] : "unknown";
}

int trk_log_level_parse(const char *name, enum trk_log_level *level)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (strcmp(name, names[i]) == 0) {
            *level = (enum trk_log_level)i;
            return 0;
        }
    }
    return -1;
}

void trk_log_sink_stderr(void *ctx, enum trk_log_level level, const char *line)
{
    const char *program = ctx;
    char out[TRK_LOG_LINE_BYTES + 64];
    int n = snprintf(out, sizeof(out), "%.32s: %s: %s\n", program, trk_log_level_name(level), line);
    ssize_t written;

    if (n < 0)
        return;
    if ((size_t)n >= sizeof(out))
        n = (int)sizeof(out) - 1;
    /* One write, so that lines of several processes do not mix; where it fails there is nobody to
     * tell. */
    written = write(STDERR_FILENO, out, (size_t)n);
    (void)written;
}

bool trk_log_allow(struct trk_log_limit *limit, uint64_t now_ns, uint64_t *suppressed)
{
    if (limit->used == 0 || now_ns - limit->start_ns >= limit->window_ns) {
        limit->start_ns = now_ns;
        limit->used = 0;
    }
    if (limit->used >= limit->burst) {
        limit->suppressed++;
        return false;
    }
    limit->used++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
