/* examples/session: what a client has in hand is all that there is, and what going back gets it. */
#define _GNU_SOURCE 1
#define main session_main
int session_main(int argc, char **argv);
#include "examples/session.c"
#undef main

#include "answers.h"

#include <check.h>
#include <unistd.h>

enum { SEEDS = 30, STEPS = 20000 };

static char path[64];

static void write_user(FILE *file, const char *name, const char *password, unsigned cost)
{
    char line[PASSWORD_LINE_BYTES];
    ck_assert(password_line(line, name, password, cost));
    fputs(line, file);
}

static void set_up(void)
{
    strcpy(path, "/tmp/test_session-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");
    ck_assert_ptr_nonnull(file);
    write_user(file, "bob", "builder", 16);
    write_user(file, "bobby", "tables now", 16);
    fclose(file);
    users_path = path;
}

static void tear_down(void)
{
    unlink(path);
}

static void check_said(const struct fake *f, const char *wanted)
{
    ck_assert(!f->reset);
    ck_assert_msg(f->down_len == strlen(wanted) && memcmp(f->down, wanted, f->down_len) == 0,
                  "got: %.*s\nwanted: %s", (int)f->down_len, (const char *)f->down, wanted);
}

START_TEST(a_session_lives_with_the_client)
{
    struct fake *f = fake_new((uint64_t)_i + 1, true);
    fake_say(f, "COUNT\nLOGIN bob wrong\nLOGIN bo builder\nLOGIN bob builder\r\nCOUNT\nCOUNT\n"
                "WHO\nLOGOUT\nCOUNT\nLOGIN bobby tables now\nCOUNT\nnonsense\n\nLOGIN bob\n");
    if (_i % 3 == 0)
        fake_say(f, "QUIT\nCOUNT\n");
    if (_i % 2 == 0)
        fake_hang_up(f);
    fake_run(f, handle, STEPS);
    char wanted[2000];
    const char *usage = "NO LOGIN name password, COUNT, WHO, LOGOUT or QUIT\n";
    snprintf(wanted, sizeof wanted,
             "NO log in first\nNO wrong name or password\nNO wrong name or password\n"
             "OK hello bob\nOK 1\nOK 2\nOK bob\nOK bye\nNO log in first\nOK hello bobby\nOK 1\n"
             "%s%s%s%s",
             usage, usage, usage, _i % 3 == 0 ? "OK bye\n" : "");
    check_said(f, wanted);
    ck_assert(f->closed == (_i % 3 == 0 || _i % 2 == 0));
    fake_free(f);
}
END_TEST

/* The guarantee of the man page: a client can go back to a session that it had, and to no other. */
START_TEST(going_back_gives_the_session_as_it_was)
{
    struct fake *f = fake_new(1, true);
    f->careful = true;
    fake_say(f, "LOGIN bob builder\nCOUNT\n");
    fake_run(f, handle, STEPS);
    unsigned was_one = f->n_held - 1;
    fake_say(f, "COUNT\nCOUNT\nLOGOUT\n");
    fake_run(f, handle, STEPS);
    check_said(f, "OK hello bob\nOK 1\nOK 2\nOK 3\nOK bye\n");
    fake_go_back(f, was_one);
    fake_say(f, "COUNT\nWHO\n");
    fake_run(f, handle, STEPS);
    check_said(f, "OK hello bob\nOK 1\nOK 2\nOK bob\n");
    fake_free(f);
}
END_TEST

START_TEST(a_session_ends_with_its_time_whatever_is_kept)
{
    struct fake *f = fake_new(1, true);
    f->careful = true;
    fake_say(f, "LOGIN bob builder\n");
    fake_run(f, handle, STEPS);
    struct session *s = (struct session *)(void *)f->held[f->n_held - 1].user;
    s->since -= SESSION_SECONDS;
    fake_say(f, "COUNT\n");
    fake_run(f, handle, STEPS);
    check_said(f, "OK hello bob\nNO log in first\n");
    fake_free(f);
}
END_TEST

START_TEST(lines_have_a_bound)
{
    for (int more = 0; more < 2; more++) {
        char line[LINE_MAX_BYTES + 2];
        memset(line, 'x', sizeof line);
        line[LINE_MAX_BYTES + more] = '\0';
        struct fake *f = fake_new(1, true);
        fake_say(f, "%s\n", line);
        fake_run(f, handle, STEPS);
        ck_assert(f->closed == (more == 1));
        ck_assert(memmem(f->down, f->down_len, "too long", 8) != NULL || more == 0);
        fake_free(f);
    }
}
END_TEST

START_TEST(a_session_of_another_layout_is_reset)
{
    struct fake *f = fake_new(1, false);
    f->careful = true;
    fake_say(f, "WHO\n");
    fake_run(f, handle, STEPS);
    f->held[0].user[0]++;
    char byte;
    ck_assert_int_eq(fake_replay(f, handle, 0, 0, 1, &byte), -1);
    fake_free(f);
}
END_TEST

/* By scrypt of Python's hashlib: the format of the file is a promise. */
START_TEST(a_line_that_was_written_stays_good)
{
    FILE *file = fopen(path, "w");
    fputs("# no user\n"
          "vera:1024:00112233445566778899aabbccddeeff:"
          "cef1c93f4950a32e81c2f9374aee51461153b76952ca66fe6674801aa706eb2a\n"
          "\nvera:16:00:00\n",
          file);
    fclose(file);
    ck_assert(password_check(path, "vera", "pass word"));
    ck_assert(!password_check(path, "vera", "pass"));
    ck_assert(!password_check(path, "# no user", ""));
    ck_assert(!password_check("/none", "vera", "pass word"));
}
END_TEST

START_TEST(lines_are_made_for_names_that_can_be_read_back)
{
    const char *longest = "a-name-of-31-characters-it-is-!";
    char line[PASSWORD_LINE_BYTES], other[PASSWORD_LINE_BYTES];
    FILE *file = fopen(path, "w");
    write_user(file, longest, "", PASSWORD_COST);
    fclose(file);
    ck_assert(password_check(path, longest, ""));
    ck_assert(password_line(line, "bob", "builder", 16));
    ck_assert(password_line(other, "bob", "builder", 16));
    ck_assert_str_ne(line, other); /* the salt is new */
    static const char *const wrong[] = {"", "a:b", "a b", "a\n",
                                        "a-name-of-32-characters-too-long"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert(!password_line(line, wrong[i], "builder", 16));
    ck_assert(!password_line(line, "bob", "builder", 15)); /* no power of 2 */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *one = tcase_create("sessions");
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_set_timeout(one, 120);
    tcase_add_loop_test(one, a_session_lives_with_the_client, 0, (int)rounds_of(SEEDS));
    tcase_add_test(one, going_back_gives_the_session_as_it_was);
    tcase_add_test(one, a_session_ends_with_its_time_whatever_is_kept);
    tcase_add_test(one, lines_have_a_bound);
    tcase_add_test(one, a_session_of_another_layout_is_reset);
    tcase_add_test(one, a_line_that_was_written_stays_good);
    tcase_add_test(one, lines_are_made_for_names_that_can_be_read_back);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
