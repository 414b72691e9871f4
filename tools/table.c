#include "config.h"

#include "table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const unsigned GAP = 2; /* spaces between columns */

bool trk_table_init(struct trk_table *t, const char *const *headings)
{
    memset(t, 0, sizeof *t);
    while (headings[t->n_columns] != NULL && t->n_columns < TRK_TABLE_COLUMNS_MAX)
        t->n_columns++;
    for (unsigned i = 0; i < t->n_columns; i++) {
        t->right[i] = headings[i][0] == '>';
        if (!trk_table_add(t, headings[i] + (t->right[i] ? 1 : 0))) {
            trk_table_free(t);
            return false;
        }
    }
    return true;
}

void trk_table_free(struct trk_table *t)
{
    free(t->cells);
    memset(t, 0, sizeof *t);
}

bool trk_table_add(struct trk_table *t, const char *text)
{
    if (t->n_cells == t->cap_cells) {
        size_t cap = t->cap_cells == 0 ? 64 : t->cap_cells * 2;
        void *more = reallocarray(t->cells, cap, sizeof *t->cells);
        if (more == NULL)
            return false;
        t->cells = more;
        t->cap_cells = cap;
    }
    char *cell = t->cells[t->n_cells++];
    (void)snprintf(cell, TRK_TABLE_CELL_BYTES, "%s", text);
    for (; *cell != '\0'; cell++)
        if ((unsigned char)*cell < ' ' || *cell == 0x7f)
            *cell = '?';
    return true;
}

void trk_table_print(const struct trk_table *t, FILE *out)
{
    int width[TRK_TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->n_cells; i++) {
        int len = (int)strlen(t->cells[i]);
        if (len > width[i % t->n_columns])
            width[i % t->n_columns] = len;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        unsigned column = (unsigned)(i % t->n_columns);
        bool last = column + 1 == t->n_columns;
        int pad = t->right[column] ? width[column] : last ? 0 : -width[column];
        (void)fprintf(out, "%*s%*s", pad, t->cells[i], last ? 0 : (int)GAP, "");
        if (last)
            (void)fputc('\n', out);
    }
}

const char *trk_table_bytes(uint64_t bytes, char buf[TRK_TABLE_NUMBER_BYTES])
{
    static const char units[] = "KMGTPE";
    double x = (double)bytes;
    unsigned unit = 0;
    if (bytes < 1000) {
        (void)snprintf(buf, TRK_TABLE_NUMBER_BYTES, "%" PRIu64, bytes);
        return buf;
    }
    for (x /= 1024; x >= 999.5 && unit + 2 < sizeof units; unit++)
        x /= 1024;
    (void)snprintf(buf, TRK_TABLE_NUMBER_BYTES, x < 9.95 ? "%.1f%c" : "%.0f%c", x, units[unit]);
    return buf;
}

const char *trk_table_time_us(uint64_t us, char buf[TRK_TABLE_NUMBER_BYTES])
{
    if (us == 0)
        return "-";
    if (us < 1000)
        (void)snprintf(buf, TRK_TABLE_NUMBER_BYTES, "%" PRIu64 "us", us);
    else if (us < 1000000)
        (void)snprintf(buf, TRK_TABLE_NUMBER_BYTES, us < 9950 ? "%.1fms" : "%.0fms", (double)us / 1e3);
    else
        (void)snprintf(buf, TRK_TABLE_NUMBER_BYTES, "%.2fs", (double)us / 1e6);
    return buf;
}
