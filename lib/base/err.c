#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *trk_err_text(int code)
{
    switch (code) {
    case TRK_OK:
        return "ok";
#define X(name, value, class, text)                                                                \
    case value:                                                                                    \
        return text;
        TRK_ERR_LIST(X)
#undef X
    default:
        return "unknown error";
    }
}

void trk_panic(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "trickles: internal error at %s:%d: %s\n", file, line, what);
    abort();
}
