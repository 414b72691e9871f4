/*
 * picture.h: an image in memory, and the same with a caption laid over it as a file of the format
 * that it was read from, made strip by strip. Any strip can be made alone; header, strips and
 * nothing else, one after the other, are the file.
 *
 * The same image, caption and libraries give the same bytes, in every process.
 */
#ifndef EXAMPLES_PICTURE_H
#define EXAMPLES_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PICTURE_STRIP_ROWS = 16 }; /* JPEG: one row of MCUs at 4:2:0 */

struct picture {
    const struct picture_format *format;
    unsigned width, height;
    uint8_t *rgb; /* height rows of width * 3 */
    uint64_t id;  /* of the pixels and of the library: equal where the same bytes will come */
};

/* A caption: how much of each pixel it covers. */
struct caption {
    unsigned width, height;
    uint8_t *cover; /* height rows of width; the owner's to free */
};

/* Reads a JPEG or a PNG; white is where that is transparent. A file that is neither ends the
 * program with a message. */
void picture_load(struct picture *p, const char *path);
unsigned picture_strips(const struct picture *p);

/* The bytes before the first strip. *len is their number; the caller frees them. */
uint8_t *picture_header(const struct picture *p, size_t *len);
/* Strip i, with what ends it; the last: with what ends the file. *sum is what strip i - 1 made of
 * it, and goes to strip i + 1. */
uint8_t *picture_strip(const struct picture *p, unsigned i, const struct caption *c, uint32_t *sum,
                       size_t *len);

/* A file format: what picture.c asks of jpeg.c and png.c. */
struct picture_format {
    const char *type; /* as HTTP calls it */
    /* Sets size and pixels, and begins the id: with all else that the bytes depend on. */
    void (*load)(struct picture *p, FILE *file);
    uint8_t *(*header)(const struct picture *p, size_t *len);
    /* rows: the n of the strip, with the caption. */
    uint8_t *(*strip)(const struct picture *p, unsigned i, uint8_t *rows, unsigned n, uint32_t *sum,
                      size_t *len);
};
extern const struct picture_format picture_jpeg, picture_png;
/* Sets the size, and makes room for the pixels. */
void picture_allocate(struct picture *p, unsigned width, unsigned height);

/* Opens the font that captions are written in. 0, or an error of FreeType. */
int caption_open_font(const char *path);
/* Something of the font and of FreeType, as picture.id is of the picture. */
uint64_t caption_font_id(void);
/* Draws UTF-8 text of so many pixels' height; what is not UTF-8 is left out. */
void caption_draw(struct caption *c, const char *text, unsigned height);

/* Goes on with a hash (FNV-1a) over more bytes; begin with PICTURE_HASH. It keeps no secret. */
#define PICTURE_HASH 0xcbf29ce484222325u
uint64_t picture_hash(uint64_t hash, const void *bytes, size_t len);

#endif
