/* examples/upload: files arrive whole, by servers that forget everything after each event. */
#define _GNU_SOURCE 1
#define main upload_main
int upload_main(int argc, char **argv);
#include "examples/upload.c"
#undef main

#include "answers.h"

#include <check.h>
#include <dirent.h>
#include <openssl/evp.h>

enum { SEEDS = 25, STEPS = 20000, BIG = 300000 };

static char folder[64];
static uint8_t big[BIG];

static void set_up(void)
{
    strcpy(folder, "/tmp/test_upload-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < BIG; i++)
        big[i] = (uint8_t)(i * 2654435761u >> 13);
    root_fd = open(folder, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(root_fd, 0);
    ck_assert(read_boot_id());
}

/* How many files there are, temporary ones not counted; removes all. */
static unsigned empty_folder(void)
{
    unsigned n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        n += unlinkat(root_fd, e->d_name, 0) == 0 && e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void tear_down(void)
{
    empty_folder();
    close(root_fd);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void check_file(const char *name, const uint8_t *wanted, size_t len)
{
    static uint8_t got[BIG + 1];
    int file = openat(root_fd, name, O_RDONLY);
    ck_assert_msg(file >= 0, "%s is not there", name);
    ck_assert_int_eq(read(file, got, sizeof got), (ssize_t)len);
    ck_assert_mem_eq(got, wanted, len);
    close(file);
}

static void check_sum(const struct answer_seen *a, const uint8_t *bytes, size_t len)
{
    uint8_t digest[SUM_BYTES];
    char text[2 * SUM_BYTES + 1];
    ck_assert_int_eq(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof digest; i++)
        sprintf(text + 2 * i, "%02x", digest[i]);
    ck_assert_mem_eq(a->body, text, sizeof text - 1);
}

static void put(struct fake *f, const char *name, const uint8_t *bytes, size_t len)
{
    fake_say(f, "PUT /%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", name, len);
    fake_say_bytes(f, bytes, len);
}

START_TEST(files_of_all_sizes_by_servers_without_a_memory)
{
    struct fake *f = fake_new((uint64_t)_i + 1, true);
    put(f, "big", big, BIG);
    put(f, "empty", big, 0);
    put(f, "one", big + 7, 1);
    put(f, "piece", big, PIECE_BYTES);
    put(f, "one", big + 8, 1);
    if (_i % 2 == 0)
        fake_hang_up(f);
    fake_run(f, handle, STEPS);
    ck_assert(!f->reset);
    ck_assert(f->closed == f->up_fin);
    size_t at = 0;
    static const struct {
        size_t from, len;
        unsigned status;
    } wanted[] = {{0, BIG, 201}, {0, 0, 201}, {7, 1, 201}, {0, PIECE_BYTES, 201}, {8, 1, 200}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct answer_seen a = next_answer(f, &at, false);
        if (wanted[i].len > 0) /* an empty file made twice is there the second time */
            ck_assert_uint_eq(a.status, wanted[i].status);
        check_sum(&a, big + wanted[i].from, wanted[i].len);
    }
    ck_assert_uint_eq(at, f->down_len);
    check_file("big", big, BIG);
    check_file("empty", big, 0);
    check_file("one", big + 8, 1);
    check_file("piece", big, PIECE_BYTES);
    fake_free(f);
    ck_assert_uint_eq(empty_folder(), 4);
}
END_TEST

START_TEST(a_client_that_waits_is_told_to_go_on)
{
    struct fake *f = fake_new((uint64_t)_i + 1, true);
    fake_say(f,
             "PUT /x HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
             "Content-Length: %d\r\n\r\n",
             BIG);
    fake_run_to(f, handle, 25, STEPS);
    fake_say_bytes(f, big, BIG);
    fake_run(f, handle, STEPS);
    size_t at = 0;
    ck_assert_uint_eq(next_answer(f, &at, true).status, 100);
    struct answer_seen a = next_answer(f, &at, false);
    ck_assert_uint_eq(a.status, 201);
    check_sum(&a, big, BIG);
    check_file("x", big, BIG);
    fake_free(f);
}
END_TEST

START_TEST(what_is_refused)
{
    static const struct {
        const char *head;
        unsigned status;
    } cases[] = {
        {"GET /x HTTP/1.1\r\nHost: h\r\n", 405},
        {"PUT /x HTTP/1.1\r\nHost: h\r\n", 411},
        {"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n", 411},
        {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n", 403},
        {"PUT /.x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n", 403},
        {"PUT /../x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n", 403},
        {"PUT /a%2fx HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n", 403},
        {"PUT /x HTTP/1.1\r\nContent-Length: 1\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake *f = fake_new(i, true);
        fake_say(f, "%s\r\n", cases[i].head);
        fake_run(f, handle, STEPS);
        size_t at = 0;
        struct answer_seen a = next_answer(f, &at, false);
        ck_assert_msg(a.status == cases[i].status, "%s: %u", cases[i].head, a.status);
        ck_assert(f->closed);
        fake_free(f);
    }
    ck_assert_uint_eq(empty_folder(), 0);
}
END_TEST

START_TEST(names_have_a_bound)
{
    for (int more = 0; more < 2; more++) {
        char name[NAME_MAX_BYTES + 1];
        memset(name, 'n', sizeof name);
        name[NAME_MAX_BYTES - 1 + more] = '\0';
        struct fake *f = fake_new(1, true);
        put(f, name, big, 3);
        fake_run(f, handle, STEPS);
        size_t at = 0;
        ck_assert_uint_eq(next_answer(f, &at, false).status, more == 0 ? 201 : 414);
        fake_free(f);
    }
}
END_TEST

START_TEST(an_upload_that_ends_too_soon_leaves_nothing)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        struct fake *f = fake_new(seed, true);
        fake_say(f, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BIG);
        fake_say_bytes(f, big, BIG - 1);
        fake_hang_up(f);
        fake_run(f, handle, STEPS);
        size_t at = 0;
        ck_assert_uint_eq(next_answer(f, &at, false).status, 400);
        ck_assert(f->closed);
        ck_assert_uint_eq(empty_folder(), 0);
        fake_free(f);
    }
}
END_TEST

/* What was written before is gone, or may be: the client is told. */
static void lose(bool file)
{
    struct fake *f = fake_new(1, false);
    f->careful = true;
    fake_say(f, "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BIG);
    fake_say_bytes(f, big, 100000);
    for (int i = 0; i < 3; i++)
        ck_assert(fake_step(f, handle));
    if (file)
        empty_folder();
    else
        boot++;
    fake_say_bytes(f, big + 100000, BIG - 100000);
    fake_run(f, handle, STEPS);
    size_t at = 0;
    ck_assert_uint_eq(next_answer(f, &at, false).status, 500);
    ck_assert(f->closed);
    ck_assert_uint_eq(empty_folder(), 0);
    fake_free(f);
}

START_TEST(a_lost_beginning_fails_the_upload)
{
    lose(true);
    lose(false);
}
END_TEST

START_TEST(a_sum_is_a_value_wherever_it_is_cut)
{
    enum { LEN = 3 * SUM_BLOCK_BYTES };
    struct sum whole, cut, copy;
    uint8_t wanted[SUM_BYTES], got[SUM_BYTES];
    sum_begin(&whole);
    sum_add(&whole, big, LEN);
    ck_assert_int_eq(EVP_Digest(big, LEN, wanted, NULL, EVP_sha256(), NULL), 1);
    for (size_t at = 0; at <= LEN; at++) {
        sum_begin(&cut);
        sum_add(&cut, big, at);
        memcpy(&copy, &cut, sizeof copy);
        sum_add(&copy, big + at, LEN - at);
        ck_assert_mem_eq(&copy, &whole, sizeof copy);
        sum_tell(&copy, got);
        ck_assert_mem_eq(got, wanted, sizeof got);
    }
    whole.bytes = (1ull << 32) - LEN; /* the counter of bits has two words */
    sum_add(&whole, big, 2 * LEN + 1);
    ck_assert_uint_eq(whole.bytes, (1ull << 32) + LEN + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upload");
    TCase *one = tcase_create("uploads");
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_set_timeout(one, 120);
    tcase_add_loop_test(one, files_of_all_sizes_by_servers_without_a_memory, 0, (int)rounds_of(SEEDS));
    tcase_add_loop_test(one, a_client_that_waits_is_told_to_go_on, 0, (int)rounds_of(SEEDS));
    tcase_add_test(one, what_is_refused);
    tcase_add_test(one, names_have_a_bound);
    tcase_add_test(one, an_upload_that_ends_too_soon_leaves_nothing);
    tcase_add_test(one, a_lost_beginning_fails_the_upload);
    tcase_add_test(one, a_sum_is_a_value_wherever_it_is_cut);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
