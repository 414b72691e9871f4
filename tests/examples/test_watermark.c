/* examples/watermark: pictures made in pieces, by servers without a memory, are one image. */
#define _GNU_SOURCE 1
#define main watermark_main
int watermark_main(int argc, char **argv);
#include "examples/watermark.c"
#undef main

#include "answers.h"

#include <check.h>
#include <jpeglib.h>
#include <png.h>
#include <unistd.h>
#include <zlib.h>

enum { SEEDS = 20, STEPS = 20000, WIDTH = 333, HEIGHT = 217 };

static char path[64];
static uint8_t source[HEIGHT][WIDTH * 3], decoded[HEIGHT][WIDTH * 3];

/* A picture with soft colours, made: so that the tests need no file. */
static void set_up(void (*write)(FILE *file))
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH * 3; x++)
            source[y][x] = (uint8_t)(100 + y / 3 + x / 9 % 30);
    strcpy(path, "/tmp/test_watermark-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "wb");
    ck_assert_ptr_nonnull(file);
    write(file);
    fclose(file);
    picture_load(&picture, path);
    ck_assert_int_eq(caption_open_font("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"), 0);
    id = picture.id ^ caption_font_id();
}

static void write_jpeg(FILE *file)
{
    struct jpeg_compress_struct out;
    struct jpeg_error_mgr errors;
    out.err = jpeg_std_error(&errors);
    jpeg_create_compress(&out);
    jpeg_stdio_dest(&out, file);
    out.image_width = WIDTH;
    out.image_height = HEIGHT;
    out.input_components = 3;
    out.in_color_space = JCS_RGB;
    jpeg_set_defaults(&out);
    jpeg_start_compress(&out, TRUE);
    for (int y = 0; y < HEIGHT; y++) {
        JSAMPROW row = source[y];
        jpeg_write_scanlines(&out, &row, 1);
    }
    jpeg_finish_compress(&out);
    jpeg_destroy_compress(&out);
}

static void write_png(FILE *file)
{
    png_image out = {
        .version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = PNG_FORMAT_RGB};
    ck_assert(png_image_write_to_stdio(&out, file, 0, source, 0, NULL));
}

static void set_up_jpeg(void)
{
    set_up(write_jpeg);
}

static void set_up_png(void)
{
    set_up(write_png);
}

static void tear_down(void)
{
    unlink(path);
}

/* Takes the chunks apart. The caller frees the result; *at moves behind the last. */
static uint8_t *join_chunks(const struct fake *f, size_t *at, size_t *len)
{
    uint8_t *all = malloc(f->down_len);
    *len = 0;
    for (;;) {
        char *end;
        size_t n = strtoul((const char *)f->down + *at, &end, 16);
        ck_assert_mem_eq(end, "\r\n", 2);
        const uint8_t *from = (const uint8_t *)end + 2;
        ck_assert_uint_le((size_t)(from + n + 2 - f->down), f->down_len);
        ck_assert_mem_eq(from + n, "\r\n", 2);
        memcpy(all + *len, from, n);
        *len += n;
        *at = (size_t)(from + n + 2 - f->down);
        if (n == 0)
            return all;
    }
}

static void decode_jpeg(const uint8_t *jpeg, size_t len)
{
    struct jpeg_decompress_struct in;
    struct jpeg_error_mgr errors;
    in.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&in);
    jpeg_mem_src(&in, jpeg, len);
    jpeg_read_header(&in, TRUE);
    jpeg_start_decompress(&in);
    ck_assert_uint_eq(in.output_width, WIDTH);
    ck_assert_uint_eq(in.output_height, HEIGHT);
    while (in.output_scanline < in.output_height) {
        JSAMPROW row = decoded[in.output_scanline];
        jpeg_read_scanlines(&in, &row, 1);
    }
    jpeg_finish_decompress(&in);
    ck_assert_int_eq(errors.num_warnings, 0);
    jpeg_destroy_decompress(&in);
}

/* The chunks are whole and their data one stream of zlib's: libpng asks for no more of that than it
 * needs for the pixels. */
static void check_chunks(const uint8_t *png, size_t len)
{
    static uint8_t data[2 * sizeof source], lines[2 * sizeof source];
    uLongf data_len = 0, lines_len = sizeof lines;
    const uint8_t *at = png + 8, *end = png + len;
    while (at < end) {
        size_t n = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        ck_assert_uint_le(12 + n, (size_t)(end - at));
        if (memcmp(at + 4, "IDAT", 4) == 0) {
            ck_assert_uint_le(data_len + n, sizeof data);
            memcpy(data + data_len, at + 8, n);
            data_len += n;
        }
        ck_assert(memcmp(at + 4, "IEND", 4) != 0 || at + 12 == end);
        at += 12 + n;
    }
    uLong used = data_len;
    ck_assert_int_eq(uncompress2(lines, &lines_len, data, &used), Z_OK);
    ck_assert_uint_eq(used, data_len);
    ck_assert_uint_eq(lines_len, HEIGHT * (1 + WIDTH * 3));
}

static void decode_png(const uint8_t *png, size_t len)
{
    png_image in = {.version = PNG_IMAGE_VERSION};
    check_chunks(png, len);
    ck_assert(png_image_begin_read_from_memory(&in, png, len));
    ck_assert_uint_eq(in.width, WIDTH);
    ck_assert_uint_eq(in.height, HEIGHT);
    in.format = PNG_FORMAT_RGB;
    ck_assert(png_image_finish_read(&in, NULL, decoded, 0, NULL));
    ck_assert_msg(in.warning_or_error == 0, "%s", in.message);
}

/* Decodes; the picture's size must be right and nothing be said about it. Mean difference of the
 * pixels to those of the source. */
static double decode(const uint8_t *image, size_t len)
{
    double sum = 0;
    if (picture.format == &picture_png)
        decode_png(image, len);
    else
        decode_jpeg(image, len);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH * 3; x++)
            sum += abs(decoded[y][x] - source[y][x]);
    return sum / (HEIGHT * WIDTH * 3);
}

/* What a careful client of one server gets. */
static uint8_t *fetch(const char *target, size_t *len)
{
    struct fake *f = fake_new(1, false);
    f->careful = true;
    fake_say(f, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    fake_run(f, handle, STEPS);
    size_t at = 0;
    struct answer_seen a = next_answer(f, &at, false);
    ck_assert_uint_eq(a.status, 200);
    ck_assert_str_eq(field_seen(&a, "content-type"), picture.format->type);
    uint8_t *image = join_chunks(f, &at, len);
    ck_assert_uint_eq(at, f->down_len);
    fake_free(f);
    return image;
}

START_TEST(the_picture_decodes_and_carries_the_text)
{
    size_t plain_len, len, other_len;
    uint8_t *plain = fetch("/?text=", &plain_len), *one = fetch("/?text=Alice%20%C3%A9", &len);
    uint8_t *other = fetch("/", &other_len);
    ck_assert_double_lt(decode(plain, plain_len), picture.format == &picture_png ? 1e-9 : 2.0);
    ck_assert_double_gt(decode(one, len), 2.5);
    ck_assert_double_gt(decode(other, other_len), 2.5); /* the address */
    ck_assert(len != other_len || memcmp(one, other, len) != 0);
    free(plain);
    free(one);
    free(other);
}
END_TEST

START_TEST(servers_without_a_memory_make_the_same_bytes)
{
    size_t wanted_len, len, at = 0;
    uint8_t *wanted = fetch("/?text=Bob", &wanted_len);
    struct fake *f = fake_new((uint64_t)_i + 1, true);
    f->window = _i % 2 == 0 ? 1500 : 0;
    fake_say(f, "GET /?text=Bob HTTP/1.1\r\nHost: h\r\n\r\n"
                "HEAD /?text=Bob HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /?text=Bob HTTP/1.1\r\nHost: h\r\n\r\n");
    if (_i % 3 == 0)
        fake_hang_up(f);
    fake_run(f, handle, STEPS);
    ck_assert(!f->reset);
    ck_assert(f->closed == f->up_fin);
    for (int i = 0; i < 3; i++) {
        struct answer_seen a = next_answer(f, &at, true);
        ck_assert_uint_eq(a.status, 200);
        if (i == 1)
            continue;
        uint8_t *image = join_chunks(f, &at, &len);
        ck_assert_uint_eq(len, wanted_len);
        ck_assert_mem_eq(image, wanted, len);
        free(image);
    }
    ck_assert_uint_eq(at, f->down_len);
    ck_assert_uint_gt(f->n_held, 3); /* it is a chain */
    free(wanted);
    fake_free(f);
}
END_TEST

START_TEST(http_1_0_reads_until_the_end)
{
    size_t wanted_len, at = 0;
    uint8_t *wanted = fetch("/?text=Bob", &wanted_len);
    struct fake *f = fake_new(3, true);
    fake_say(f, "GET /?text=Bob HTTP/1.0\r\n\r\n");
    fake_run(f, handle, STEPS);
    ck_assert(f->closed);
    next_answer(f, &at, true);
    ck_assert_uint_eq(f->down_len - at, wanted_len);
    ck_assert_mem_eq(f->down + at, wanted, wanted_len);
    free(wanted);
    fake_free(f);
}
END_TEST

START_TEST(what_cannot_be_served)
{
    static const struct {
        const char *line;
        unsigned status;
    } cases[] = {{"DELETE /", 405}, {"GET /?text=%00", 400}, {"GET x", 400}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake *f = fake_new(i, true);
        size_t at = 0;
        fake_say(f, "%s HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].line);
        fake_run(f, handle, STEPS);
        ck_assert_uint_eq(next_answer(f, &at, false).status, cases[i].status);
        ck_assert_uint_eq(at, f->down_len);
        fake_free(f);
    }
}
END_TEST

/* A batch that asks for the same twice has it made once; however much it asks for, it holds so much. */
START_TEST(strips_are_made_once_for_a_batch_and_bounded)
{
    uint8_t *image[SHARED_MAX];
    size_t len[SHARED_MAX], again_len;
    unsigned strips = picture_strips(&picture), texts = SHARED_MAX / strips + 2;
    let_go();
    free(fetch("/?text=0", &again_len));
    ck_assert_uint_eq(n_shared, strips);
    free(fetch("/?text=0", &again_len));
    ck_assert_uint_eq(n_shared, strips);
    for (unsigned round = 0; round < 2; round++) /* the table is full in between */
        for (unsigned i = 0; i < texts; i++) {
            char target[40];
            snprintf(target, sizeof target, "/?text=%u", i);
            uint8_t *got = fetch(target, &again_len);
            ck_assert_uint_le(n_shared, SHARED_MAX);
            if (round == 0) {
                image[i] = got;
                len[i] = again_len;
                continue;
            }
            ck_assert_uint_eq(again_len, len[i]);
            ck_assert_mem_eq(got, image[i], again_len);
            free(got);
            free(image[i]);
        }
    let_go();
    ck_assert_uint_eq(n_shared, 0);
}
END_TEST

START_TEST(another_picture_is_never_mixed_in)
{
    struct fake *f = fake_new(1, false);
    f->window = 1500;
    fake_say(f, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    fake_run_to(f, handle, 1000, STEPS);
    id++;
    fake_run(f, handle, STEPS);
    ck_assert(f->reset);
    fake_free(f);
}
END_TEST

static TCase *pictures(const char *format, void (*make)(void))
{
    TCase *one = tcase_create(format);
    tcase_add_checked_fixture(one, make, tear_down);
    tcase_set_timeout(one, 120);
    tcase_add_test(one, the_picture_decodes_and_carries_the_text);
    tcase_add_loop_test(one, servers_without_a_memory_make_the_same_bytes, 0, (int)rounds_of(SEEDS));
    tcase_add_test(one, http_1_0_reads_until_the_end);
    tcase_add_test(one, what_cannot_be_served);
    tcase_add_test(one, strips_are_made_once_for_a_batch_and_bounded);
    tcase_add_test(one, another_picture_is_never_mixed_in);
    return one;
}

int main(void)
{
    Suite *suite = suite_create("watermark");
    suite_add_tcase(suite, pictures("JPEG", set_up_jpeg));
    suite_add_tcase(suite, pictures("PNG", set_up_png));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
