/*
 * PNG by strips: each is compressed on its own and ends at a byte, so that one follows the other as
 * one stream of zlib's. Rows are filtered by what is in them alone. At the end stands a sum over
 * all of them.
 */
#include "picture.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

enum {
    LEVEL = 6,
    CHUNK_BYTES = 12,  /* of a chunk, besides its data: length, type, CRC */
    STREAM_BYTES = 16, /* at most: zlib's header and sum, and the end of a strip */
};

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static void png_load(struct picture *p, FILE *file)
{
    png_image in = {.version = PNG_IMAGE_VERSION};
    const png_color white = {255, 255, 255};
    if (png_image_begin_read_from_stdio(&in, file) != 0) {
        in.format = PNG_FORMAT_RGB;
        picture_allocate(p, in.width, in.height);
        png_image_finish_read(&in, &white, p->rgb, 0, NULL);
    }
    if (PNG_IMAGE_FAILED(in)) {
        fprintf(stderr, "watermark: %s\n", in.message);
        exit(EXIT_FAILURE);
    }
    p->id = picture_hash(PICTURE_HASH, zlibVersion(), strlen(zlibVersion()));
}

static uint8_t *put32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    return at + 4;
}

/* Makes a chunk of the len bytes that stand at chunk + 8. Returns its end. */
static uint8_t *end_chunk(uint8_t *chunk, const char type[4], size_t len)
{
    put32(chunk, len);
    memcpy(chunk + 4, type, 4);
    return put32(chunk + 8 + len, crc32_z(0, chunk + 4, 4 + len));
}

static uint8_t *png_header(const struct picture *p, size_t *len)
{
    static const uint8_t rest[5] = {8, PNG_COLOR_TYPE_RGB}; /* bits; no interlacing */
    uint8_t *all = malloc(sizeof signature + CHUNK_BYTES + 8 + sizeof rest);
    assert(all != NULL);
    memcpy(all, signature, sizeof signature);
    uint8_t *chunk = all + sizeof signature, *data = chunk + 8;
    memcpy(put32(put32(data, p->width), p->height), rest, sizeof rest);
    *len = (size_t)(end_chunk(chunk, "IHDR", 8 + sizeof rest) - all);
    return all;
}

/* Rows as PNG compresses them: each value less that of the pixel before, behind the filter's type.
 */
static uint8_t *filter(const uint8_t *rows, size_t row_bytes, unsigned n)
{
    uint8_t *lines = malloc(n * (row_bytes + 1)), *to = lines;
    assert(lines != NULL);
    for (const uint8_t *row = rows; n > 0; n--, row += row_bytes) {
        *to++ = PNG_FILTER_VALUE_SUB;
        for (size_t x = 0; x < row_bytes; x++)
            *to++ = (uint8_t)(row[x] - (x < 3 ? 0 : row[x - 3]));
    }
    return lines;
}

static uint8_t *png_strip(const struct picture *p, unsigned i, uint8_t *rows, unsigned n,
                          uint32_t *sum, size_t *len)
{
    bool last = i + 1 == picture_strips(p);
    size_t row_bytes = (size_t)p->width * 3, lines_len = n * (row_bytes + 1);
    uint8_t *lines = filter(rows, row_bytes, n);
    z_stream z = {.next_in = lines, .avail_in = (uInt)lines_len};
    int rc = deflateInit2(&z, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    assert(rc == Z_OK);
    size_t bound = deflateBound(&z, lines_len);
    uint8_t *all = malloc(bound + STREAM_BYTES + 2 * CHUNK_BYTES), *data = all + 8, *at = data;
    assert(all != NULL);
    if (i == 0) {
        *sum = (uint32_t)adler32(0, NULL, 0);
        *at++ = 0x78; /* deflate, a window of 32 KiB */
        *at++ = 0x9c;
    }
    *sum = (uint32_t)adler32_z(*sum, lines, lines_len);
    z.next_out = at;
    z.avail_out = (uInt)(bound + STREAM_BYTES / 2);
    rc = deflate(&z, last ? Z_FINISH : Z_SYNC_FLUSH);
    assert(rc == (last ? Z_STREAM_END : Z_OK) && z.avail_in == 0 && z.avail_out > 0);
    at = last ? put32(z.next_out, *sum) : z.next_out;
    deflateEnd(&z);
    free(lines);
    at = end_chunk(all, "IDAT", (size_t)(at - data));
    if (last)
        at = end_chunk(at, "IEND", 0);
    *len = (size_t)(at - all);
    return all;
}

const struct picture_format picture_png = {
    .type = "image/png",
    .load = png_load,
    .header = png_header,
    .strip = png_strip,
};
