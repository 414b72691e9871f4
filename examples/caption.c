/* Captions: see picture.h. */
#include "picture.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <ft2build.h>
#include FT_FREETYPE_H

static FT_Library library; /* configuration: opened once */
static FT_Face face;

int caption_open_font(const char *path)
{
    int rc = FT_Init_FreeType(&library);
    return rc != 0 ? rc : FT_New_Face(library, path, 0, &face);
}

uint64_t caption_font_id(void)
{
    FT_Int version[3];
    FT_Library_Version(library, &version[0], &version[1], &version[2]);
    uint64_t hash = picture_hash(PICTURE_HASH, version, sizeof version);
    hash = picture_hash(hash, face->family_name, strlen(face->family_name));
    return picture_hash(hash, &face->num_glyphs, sizeof face->num_glyphs);
}

/* Takes a character of UTF-8 off *text; 0 at the end. Bytes that are none are skipped. */
static uint32_t next_character(const char **text)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    for (;;) {
        uint8_t first = (uint8_t) * (*text);
        if (first < 0x80) {
            *text += first != 0;
            return first;
        }
        unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0, i = 1;
        uint32_t c = first & (0x3fu >> more);
        while (i <= more && ((*text)[i] & 0xc0) == 0x80)
            c = c << 6 | ((uint8_t)(*text)[i++] & 0x3f);
        *text += i;
        if (more > 0 && i > more && c >= least[more] && c <= 0x10ffff)
            return c;
    }
}

/* Adds a glyph's coverage; what lies outside of the caption is cut off. */
static void put_glyph(struct caption *c, const FT_GlyphSlot glyph, int left, int base)
{
    for (unsigned y = 0; y < glyph->bitmap.rows; y++) {
        for (unsigned x = 0; x < glyph->bitmap.width; x++) {
            int to_x = left + glyph->bitmap_left + (int)x, to_y = base - glyph->bitmap_top + (int)y;
            if (to_x < 0 || to_x >= (int)c->width || to_y < 0 || to_y >= (int)c->height)
                continue;
            uint8_t *to = &c->cover[(unsigned)to_y * c->width + (unsigned)to_x];
            uint8_t cover = glyph->bitmap.buffer[y * (unsigned)glyph->bitmap.pitch + x];
            if (cover > *to)
                *to = cover;
        }
    }
}

/* Walks the text; draws it where the caption has memory. Returns its width. */
static unsigned walk(struct caption *c, const char *text, int base)
{
    unsigned width = 0;
    uint32_t character;
    while ((character = next_character(&text)) != 0) {
        if (FT_Load_Char(face, character, c->cover != NULL ? FT_LOAD_RENDER : FT_LOAD_DEFAULT) != 0)
            continue;
        if (c->cover != NULL)
            put_glyph(c, face->glyph, (int)width, base);
        width += (unsigned)(face->glyph->advance.x >> 6);
    }
    return width;
}

void caption_draw(struct caption *c, const char *text, unsigned height)
{
    FT_Set_Pixel_Sizes(face, 0, height * 3 / 4);
    *c = (struct caption){.height = height};
    c->width = walk(c, text, 0);
    c->cover = calloc(c->width + 1, c->height);
    assert(c->cover != NULL);
    walk(c, text, (int)(height * 3 / 4));
}
