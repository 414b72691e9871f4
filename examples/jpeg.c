/*
 * JPEG by strips: each is one restart interval, whose bits depend on nothing before it.
 */
#include "picture.h"

#include <assert.h>
#include <string.h>

#include <jpeglib.h>

enum { QUALITY = 85 };

static void jpeg_load(struct picture *p, FILE *file)
{
    struct jpeg_decompress_struct in;
    struct jpeg_error_mgr errors;
    in.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&in);
    jpeg_stdio_src(&in, file);
    jpeg_read_header(&in, TRUE);
    in.out_color_space = JCS_RGB;
    jpeg_start_decompress(&in);
    picture_allocate(p, in.output_width, in.output_height);
    while (in.output_scanline < in.output_height) {
        JSAMPROW row = p->rgb + (size_t)in.output_scanline * p->width * 3;
        jpeg_read_scanlines(&in, &row, 1);
    }
    jpeg_destroy_decompress(&in);
    const unsigned about[] = {QUALITY, LIBJPEG_TURBO_VERSION_NUMBER};
    p->id = picture_hash(PICTURE_HASH, about, sizeof about);
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
    jpeg_set_quality(&out, QUALITY, TRUE);
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

static uint8_t *jpeg_header(const struct picture *p, size_t *len)
{
    size_t all, frame = 0;
    unsigned rows = p->height < PICTURE_STRIP_ROWS ? p->height : PICTURE_STRIP_ROWS;
    uint8_t *jpeg = compress(p->rgb, p->width, rows, &all);
    *len = find_scan(jpeg, all, &frame);
    jpeg[frame + 1] = (uint8_t)(p->height >> 8);
    jpeg[frame + 2] = (uint8_t)p->height;
    return jpeg;
}

/* With the marker behind it: the one of a restart, or of the end. */
static uint8_t *jpeg_strip(const struct picture *p, unsigned i, uint8_t *rows, unsigned n,
                           uint32_t *sum, size_t *len)
{
    enum { RST0 = 0xd0 };
    size_t all, frame;
    uint8_t *jpeg = compress(rows, p->width, n, &all);
    size_t scan = find_scan(jpeg, all, &frame);
    (void)sum; /* JPEG has none */
    *len = all - scan;
    memmove(jpeg, jpeg + scan, *len);
    if (i + 1 < picture_strips(p)) /* else the end's marker stays */
        jpeg[*len - 1] = (uint8_t)(RST0 + i % 8);
    return jpeg;
}

const struct picture_format picture_jpeg = {
    .type = "image/jpeg",
    .load = jpeg_load,
    .header = jpeg_header,
    .strip = jpeg_strip,
};
