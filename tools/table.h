/*
 * table.h: text in aligned columns, for a plain terminal. Cells are copied; control characters in them become '?', so
 * that a program's name cannot steer the terminal.
 */
#ifndef TRK_TOOLS_TABLE_H
#define TRK_TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TRK_TABLE_COLUMNS_MAX = 12, TRK_TABLE_CELL_BYTES = 96, TRK_TABLE_NUMBER_BYTES = 24 };

struct trk_table {
    unsigned n_columns;
    bool right[TRK_TABLE_COLUMNS_MAX]; /* numbers */
    size_t n_cells, cap_cells;
    char (*cells)[TRK_TABLE_CELL_BYTES]; /* owned; row by row */
};

/* A table with these headings (n_columns of them, NULL-terminated); those that begin with '>' are right-aligned. */
bool trk_table_init(struct trk_table *t, const char *const *headings) __attribute__((warn_unused_result));
void trk_table_free(struct trk_table *t);

/* The next cell, row by row. False if there is no memory. Longer text is cut. */
bool trk_table_add(struct trk_table *t, const char *text) __attribute__((warn_unused_result));

/* Prints it; the last column is not padded. */
void trk_table_print(const struct trk_table *t, FILE *out);

/* "0", "999", "1.0K", "12M", "3.4G": at most three digits, units of 1024. */
const char *trk_table_bytes(uint64_t bytes, char buf[TRK_TABLE_NUMBER_BYTES]);

/* "-" for 0, "85us", "3.2ms", "1.20s". */
const char *trk_table_time_us(uint64_t us, char buf[TRK_TABLE_NUMBER_BYTES]);

#endif
