#include "crypto/instance.h"

#include "crypto/random.h"

#include <stdio.h>

enum {
    INSTANCE_MODE = 0644,
    REFUSE_MODE = 0022,
};

static int parse(const char *path, const char *line, uint16_t *id, struct trk_error_text *err)
{
    uint32_t n = 0;

    for (const char *p = line; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || (n = n * 10 + (uint32_t)(*p - '0')) > UINT16_MAX)
            return trk_error_text_set(err, "%s: must be a number from 1 to 65535", path);
    }
    if (n == 0)
        return trk_error_text_set(err, "%s: must be a number from 1 to 65535", path);
    *id = (uint16_t)n;
    return 0;
}

/* Zero stays free to mean none. */
static uint16_t draw(void)
{
    uint16_t id = 0;

    while (id == 0)
        trk_random_fill(NULL, &id, sizeof(id));
    return id;
}

int trk_instance_load(const char *path, uint16_t *id, struct trk_error_text *err)
{
    char line[TRK_LINEFILE_BYTES_MAX + 1];
    int result = trk_linefile_read(path, REFUSE_MODE, line, err);

    if (result == TRK_LINEFILE_ABSENT) {
        (void)snprintf(line, sizeof(line), "%u", (unsigned)draw());
        result = trk_linefile_create(path, INSTANCE_MODE, line, err);
        /* Two daemons that start together: the first one's stands. */
        if (result == TRK_LINEFILE_EXISTS)
            result = trk_linefile_read(path, REFUSE_MODE, line, err);
    }
    return result == TRK_LINEFILE_OK ? parse(path, line, id, err) : -1;
}
