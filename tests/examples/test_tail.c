/* examples/tail: readers see what is appended, whoever answers them, and the files in order. */
#define _GNU_SOURCE 1
#define main        tail_main
int tail_main(int argc, char **argv);
#include "examples/tail.c"
#undef main

#include "answers.h"

#include <check.h>

enum { SEEDS = 25, STEPS = 20000 };

static char folder[64], path[96];

static void append(const char *entry, const char *text)
{
    int file = openat(folder_fd, entry, O_WRONLY | O_CREAT | O_APPEND, 0644);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/test_tail-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    file_name = path;
    strcpy(path, "log");
    n_kept = 0;
}

static void tear_down(void)
{
    static const char *const names[] = {"log", "log.1", "log.2"};
    for (int i = 0; i < 3; i++)
        unlinkat(folder_fd, names[i], 0);
    close(folder_fd);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct fake *reader(uint64_t seed, bool forget)
{
    struct fake *f = fake_new(seed, forget);
    fake_say(f, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    return f;
}

/* What has come behind the head; "" without a head. */
static const char *seen(const struct fake *f)
{
    static char text[300000];
    const uint8_t *end = f->down_len > 0 ? memmem(f->down, f->down_len, "\r\n\r\n", 4) : NULL;
    size_t n = end != NULL ? f->down_len - (size_t)(end + 4 - f->down) : 0;
    if (n > 0)
        memcpy(text, end + 4, n);
    text[n] = '\0';
    return text;
}

/* Asks until the reader has seen text; to be detached on the way is no harm. */
static void see(struct fake *f, const char *text)
{
    for (int i = 0; strcmp(seen(f), text) != 0; i++) {
        ck_assert_msg(i < STEPS && !f->reset, "saw: %s", seen(f));
        ck_assert(strlen(seen(f)) <= strlen(text));
        fake_step(f, handle);
        fake_take_detached(f);
    }
}

START_TEST(readers_see_the_last_lines_and_what_is_appended)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        char text[4000] = "";
        tear_down();
        set_up();
        for (int i = 1; i <= 25; i++) {
            char line[32];
            snprintf(line, sizeof line, "line %d\n", i);
            append("log", line);
            if (i > 15)
                strcat(text, line);
        }
        struct fake *f = reader(seed, true);
        see(f, text);
        for (int i = 0; i < 40; i++) {
            append("log", i % 7 == 0 ? "a longer line that takes more room\n" : "part, ");
            strcat(text, i % 7 == 0 ? "a longer line that takes more room\n" : "part, ");
            if (i % 3 == 0)
                see(f, text);
        }
        see(f, text);
        fake_free(f);
    }
}
END_TEST

START_TEST(a_waiting_reader_is_told_at_once)
{
    append("log", "one\n");
    struct fake *f = reader(1, false);
    f->careful = true;
    fake_step(f, handle);
    fake_take_detached(f);
    ck_assert_str_eq(seen(f), "one\n");
    ck_assert_uint_eq(fake_detached(), 1);
    append("log", "two\n");
    wake(FAKE_FD);
    fake_take_detached(f);
    ck_assert_str_eq(seen(f), "one\ntwo\n");
    fake_free(f);
}
END_TEST

START_TEST(a_renamed_file_is_read_to_its_end_and_then_the_new_one)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        tear_down();
        set_up();
        append("log", "one\n");
        struct fake *f = reader(seed, seed % 2 == 0);
        see(f, "one\n");
        append("log", "two\n");
        ck_assert_int_eq(renameat(folder_fd, "log", folder_fd, "log.1"), 0);
        append("log.1", "three\n"); /* its writer has not noticed yet */
        if (seed % 3 == 0)
            see(f, "one\ntwo\nthree\n");
        append("log", "four\n");
        if (seed % 2 == 1)
            wake(FAKE_FD);
        see(f, "one\ntwo\nthree\nfour\n");
        append("log", "five\n");
        see(f, "one\ntwo\nthree\nfour\nfive\n");
        fake_free(f);
        n_kept = 0;
    }
}
END_TEST

START_TEST(a_file_that_is_cut_ends_the_stream)
{
    for (int again = 0; again < 2; again++) {
        tear_down();
        set_up();
        append("log", "one\ntwo\n");
        struct fake *f = reader(1, true);
        see(f, "one\ntwo\n");
        int file = openat(folder_fd, "log", O_WRONLY | O_TRUNC);
        close(file);
        if (again)
            append("log", "other\n");
        for (int i = 0; i < 50 && !f->reset; i++)
            fake_step(f, handle);
        ck_assert(f->reset);
        ck_assert_str_eq(seen(f), "one\ntwo\n");
        fake_free(f);
    }
}
END_TEST

START_TEST(a_file_that_is_gone_ends_the_stream)
{
    append("log", "one\n");
    struct fake *f = reader(1, true);
    see(f, "one\n");
    ck_assert_int_eq(unlinkat(folder_fd, "log", 0), 0);
    append("log", "2\n"); /* may get the same inode: then it is a file that was cut */
    for (int i = 0; i < 50 && !f->reset; i++)
        fake_step(f, handle);
    ck_assert(f->reset);
    fake_free(f);
}
END_TEST

START_TEST(only_so_many_events_are_kept)
{
    struct place p = {.layout = LAYOUT};
    append("log", "one\n");
    struct fake *f = reader(1, false);
    f->careful = true;
    fake_step(f, handle);
    ck_assert_uint_eq(n_kept, 1);
    msk_t first = kept[0].msk;
    kept[0].since -= KEPT_SECONDS + 1;
    fake_step(f, handle);
    ck_assert_uint_eq(n_kept, 1);
    ck_assert(kept[0].msk != first);
    /* Full: stand-ins for the other places, all of them the one event that is there. */
    p = kept[0].place;
    for (unsigned i = 1; i < KEPT_MAX; i++)
        kept[i] = (struct kept){.msk = kept[0].msk, .since = kept[0].since, .place = p};
    n_kept = KEPT_MAX - 1;
    keep(FAKE_FD, &(struct kept){.msk = kept[0].msk, .since = kept[0].since, .place = p});
    ck_assert_uint_eq(n_kept, KEPT_MAX);
    keep(FAKE_FD, &(struct kept){.msk = 99, .since = kept[0].since, .place = p});
    ck_assert_uint_eq(n_kept, KEPT_MAX);
    ck_assert_uint_eq(kept[KEPT_MAX - 1].msk, 99);
    n_kept = 0;
    fake_free(f);
}
END_TEST

START_TEST(what_is_not_a_reader)
{
    static const struct {
        const char *line;
        unsigned status;
    } cases[] = {{"GET / HTTP/1.1", 404}, {"POST / HTTP/1.1", 405}, {"GET / HTTP/3.0", 505}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake *f = fake_new(i, true);
        size_t at = 0;
        fake_say(f, "%s\r\nHost: h\r\n\r\n", cases[i].line);
        fake_run(f, handle, STEPS);
        ck_assert_uint_eq(next_answer(f, &at, false).status, cases[i].status);
        ck_assert(f->closed);
        fake_free(f);
    }
    append("log", "one\n");
    struct fake *f = fake_new(1, true);
    size_t at = 0;
    fake_say(f, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    fake_hang_up(f);
    fake_run(f, handle, STEPS);
    ck_assert_uint_eq(next_answer(f, &at, true).status, 200);
    ck_assert(f->closed && at == f->down_len);
    fake_free(f);
    f = fake_new(1, true); /* says nothing, and goes */
    fake_hang_up(f);
    fake_run(f, handle, STEPS);
    ck_assert(f->closed && f->down_len == 0);
    fake_free(f);
}
END_TEST

/* nc shuts down its side when its input ends: it still wants to read. */
START_TEST(a_reader_that_says_no_more_reads_on)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        tear_down();
        set_up();
        append("log", "one\n");
        struct fake *f = reader(seed, true);
        fake_say(f, "noise");
        fake_hang_up(f);
        see(f, "one\n");
        append("log", "two\n");
        see(f, "one\ntwo\n");
        ck_assert(!f->closed);
        fake_free(f);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tail");
    TCase *one = tcase_create("readers");
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_set_timeout(one, 120);
    tcase_add_test(one, readers_see_the_last_lines_and_what_is_appended);
    tcase_add_test(one, a_waiting_reader_is_told_at_once);
    tcase_add_test(one, a_renamed_file_is_read_to_its_end_and_then_the_new_one);
    tcase_add_test(one, a_file_that_is_cut_ends_the_stream);
    tcase_add_test(one, a_file_that_is_gone_ends_the_stream);
    tcase_add_test(one, only_so_many_events_are_kept);
    tcase_add_test(one, what_is_not_a_reader);
    tcase_add_test(one, a_reader_that_says_no_more_reads_on);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
