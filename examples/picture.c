/* JPEG by strips: see picture.h. */
#include "picture.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

uint64_t picture_hash(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

void picture_load(struct picture *p, const char *path)
{
    struct jpeg_decompress_struct in;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "watermark: %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    in.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&in);
    jpeg_stdio_src(&in, file);
    jpeg_read_header(&in, TRUE);
    in.out_color_space = JCS_RGB;
    jpeg_start_decompress(&in);
    p->width = in.output_width;
    p->height = in.output_height;
    size_t row_bytes = (size_t)p->width * 3;
    p->rgb = calloc(p->height, row_bytes);
    while (p->rgb != NULL && in.output_scanline < in.output_height) {
        JSAMPROW row = p->rgb + in.output_scanline * row_bytes;
        jpeg_read_scanlines(&in, &row, 1);
    }
    if (p->rgb == NULL || fclose(file) != 0) {
        perror("watermark");
        exit(EXIT_FAILURE);
    }
    jpeg_destroy_decompress(&in);
    const unsigned about[] = {p->width, p->height, PICTURE_QUALITY, LIBJPEG_TURBO_VERSION_NUMBER};
    p->id = picture_hash(PICTURE_HASH, about, sizeof about);
    p->id = picture_hash(p->id, p->rgb, p->height * row_bytes);
}

unsigned picture_strips(const struct picture *p)
{
    return (p->height + PICTURE_STRIP_ROWS - 1) / PICTURE_STRIP_ROWS;
}

/* Compresses rows as an image of their own. */
static uint8_t *compress(uint8_t *rows, unsigned width, unsigned height, size_t *len)
{
    struct jpeg_compress_struct out;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    out.err = jpeg_std_error(&errors);
    jpeg_create_compress(&out);
    jpeg_mem_dest(&out, &bytes, &n);
    out.image_width = width;
    out.image_height = height;
    out.input_components = 3;
    out.in_color_space = JCS_RGB;
    jpeg_set_defaults(&out);
    jpeg_set_quality(&out, PICTURE_QUALITY, TRUE);
    out.restart_in_rows = 1;
    jpeg_start_compress(&out, TRUE);
    while (out.next_scanline < height) {
        JSAMPROW row = rows + (size_t)out.next_scanline * width * 3;
        jpeg_write_scanlines(&out, &row, 1);
    }
    jpeg_finish_compress(&out);
    jpeg_destroy_compress(&out);
    *len = n;
    return bytes;
}

/* Walks the segments of a JPEG: *frame is where the frame header's content begins, and the result
 * where the coded bits do. */
static size_t find_scan(const uint8_t *jpeg, size_t len, size_t *frame)
{
    enum { SOI_BYTES = 2, SOF0 = 0xc0, SOS = 0xda };
    size_t at = SOI_BYTES;
    for (;;) {
        assert(at + 4 <= len && jpeg[at] == 0xff);
        uint8_t marker = jpeg[at + 1];
        size_t content = at + 4;
        at += 2u + (size_t)(jpeg[at + 2] << 8 | jpeg[at + 3]);
        if (marker == SOF0)
            *frame = content;
        if (marker == SOS)
            return at;
    }
}

uint8_t *picture_header(const struct picture *p, size_t *len)
{
    size_t all, frame = 0;
    unsigned rows = p->height < PICTURE_STRIP_ROWS ? p->height : PICTURE_STRIP_ROWS;
    uint8_t *jpeg = compress(p->rgb, p->width, rows, &all);
    *len = find_scan(jpeg, all, &frame);
    jpeg[frame + 1] = (uint8_t)(p->height >> 8);
    jpeg[frame + 2] = (uint8_t)p->height;
    return jpeg;
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

uint8_t *picture_strip(const struct picture *p, unsigned i, const struct caption *c, size_t *len)
{
    enum { RST0 = 0xd0 };
    unsigned from = i * PICTURE_STRIP_ROWS, n = p->height - from;
    size_t row_bytes = (size_t)p->width * 3, all, frame;
    if (n > PICTURE_STRIP_ROWS)
        n = PICTURE_STRIP_ROWS;
    uint8_t *rows = malloc(n * row_bytes);
    assert(rows != NULL);
    memcpy(rows, p->rgb + from * row_bytes, n * row_bytes);
    for (unsigned y = 0; y < n; y++)
        lay_over(rows + y * row_bytes, p, from + y, c);
    uint8_t *jpeg = compress(rows, p->width, n, &all);
    free(rows);
    size_t scan = find_scan(jpeg, all, &frame);
    *len = all - scan;
    memmove(jpeg, jpeg + scan, *len);
    if (i + 1 < picture_strips(p)) /* else the end's marker stays */
        jpeg[*len - 1] = (uint8_t)(RST0 + i % 8);
    return jpeg;
}
