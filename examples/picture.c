/* A picture, its formats apart: see picture.h. */
#include "picture.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t picture_hash(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

void picture_allocate(struct picture *p, unsigned width, unsigned height)
{
    p->width = width;
    p->height = height;
    p->rgb = calloc(height, (size_t)width * 3);
    if (p->rgb == NULL) {
        perror("watermark");
        exit(EXIT_FAILURE);
    }
}

void picture_load(struct picture *p, const char *path)
{
    enum { PNG_FIRST_BYTE = 0x89 };
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "watermark: %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    int first = getc(file);
    ungetc(first, file);
    p->format = first == PNG_FIRST_BYTE ? &picture_png : &picture_jpeg;
    p->format->load(p, file);
    fclose(file);
    const unsigned about[] = {p->width, p->height};
    p->id = picture_hash(p->id, about, sizeof about);
    p->id = picture_hash(p->id, p->rgb, (size_t)p->height * p->width * 3);
}

unsigned picture_strips(const struct picture *p)
{
    return (p->height + PICTURE_STRIP_ROWS - 1) / PICTURE_STRIP_ROWS;
}

uint8_t *picture_header(const struct picture *p, size_t *len)
{
    return p->format->header(p, len);
}

static uint8_t mix(uint8_t a, uint8_t b, unsigned of_255)
{
    return (uint8_t)((a * (255 - of_255) + b * of_255) / 255);
}

/* Lays the caption over row y, again and again, each line of captions shifted against the one
 * above; white, with a dark edge below. */
static void lay_over(uint8_t *row, const struct picture *p, unsigned y, const struct caption *c)
{
    enum { LINES_APART = 4, OPACITY = 150, EDGE = 2 };
    if (c->width == 0 || c->height == 0)
        return;
    unsigned step = c->width + 2 * c->height, line = y / (LINES_APART * c->height);
    unsigned in_y = y % (LINES_APART * c->height);
    for (unsigned x = 0; x < p->width; x++) {
        unsigned in_x = (x + line * step / 3) % step;
        unsigned cover = 0, edge = 0;
        if (in_x < c->width && in_y < c->height)
            cover = c->cover[in_y * c->width + in_x];
        if (in_x >= EDGE && in_x - EDGE < c->width && in_y >= EDGE && in_y - EDGE < c->height)
            edge = c->cover[(in_y - EDGE) * c->width + in_x - EDGE];
        for (unsigned i = 0; i < 3 && (cover | edge) != 0; i++) {
            uint8_t *value = &row[x * 3 + i];
            *value = mix(mix(*value, 0, edge * OPACITY / 255), 255, cover * OPACITY / 255);
        }
    }
}

uint8_t *picture_strip(const struct picture *p, unsigned i, const struct caption *c, uint32_t *sum,
                       size_t *len)
{
    unsigned from = i * PICTURE_STRIP_ROWS, n = p->height - from;
    size_t row_bytes = (size_t)p->width * 3;
    if (n > PICTURE_STRIP_ROWS)
        n = PICTURE_STRIP_ROWS;
    uint8_t *rows = malloc(n * row_bytes);
    assert(rows != NULL);
    memcpy(rows, p->rgb + from * row_bytes, n * row_bytes);
    for (unsigned y = 0; y < n; y++)
        lay_over(rows + y * row_bytes, p, from + y, c);
    uint8_t *strip = p->format->strip(p, i, rows, n, sum, len);
    free(rows);
    return strip;
}
