/*
 * picture.h: an image in memory, and its JPEG with a caption laid over it, made strip by strip:
 * each strip of 16 rows is one restart interval, whose bits depend on nothing before it. So any
 * strip can be made alone, and header, strips and nothing else, one after the other, are the file.
 *
 * The same image, caption and libraries give the same bytes, in every process.
 */
#ifndef EXAMPLES_PICTURE_H
#define EXAMPLES_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PICTURE_STRIP_ROWS = 16, /* one row of MCUs at 4:2:0 */
    PICTURE_QUALITY = 85,
};

struct picture {
    unsigned width, height;
    uint8_t *rgb; /* height rows of width * 3 */
    uint64_t id;  /* of the pixels and of the library: equal where the same bytes will come */
};

/* A caption: how much of each pixel it covers. */
struct caption {
    unsigned width, height;
    uint8_t *cover; /* height rows of width; the owner's to free */
};

/* Reads a JPEG. A file that is none ends the program with a message, as libjpeg does. */
void picture_load(struct picture *p, const char *path);
unsigned picture_strips(const struct picture *p);

/* The bytes before the first strip. *len is their number; the caller frees them. */
uint8_t *picture_header(const struct picture *p, size_t *len);
/* Strip i, with the marker behind it: the one of a restart, or of the end. */
uint8_t *picture_strip(const struct picture *p, unsigned i, const struct caption *c, size_t *len);

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
