/* The log: levels, lines that cannot be forged, bounds, rate limit, the sink to standard error. */
#include "base/log.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct capture {
    int lines;
    enum trk_log_level level;
    char line[2 * TRK_LOG_LINE_BYTES];
};

static void capture_sink(void *ctx, enum trk_log_level level, const char *line)
{
    struct capture *c = ctx;

    c->lines++;
    c->level = level;
    ck_assert_uint_lt(strlen(line), TRK_LOG_LINE_BYTES);
    strcpy(c->line, line);
}

static struct capture captured;
static struct trk_log logger = {TRK_LOG_INFO, capture_sink, &captured};

static void setup(void)
{
    memset(&captured, 0, sizeof(captured));
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

START_TEST(levels_above_the_limit_cost_nothing)
{
    trk_log(&logger, TRK_LOG_DEBUG, "%d", evaluate());
    ck_assert_int_eq(captured.lines, 0);
    ck_assert_int_eq(evaluated, 0);
    trk_log(&logger, TRK_LOG_INFO, "%d", evaluate());
    trk_log(&logger, TRK_LOG_ERROR, "%d", evaluate());
    ck_assert_int_eq(captured.lines, 2);
    ck_assert_int_eq(captured.level, TRK_LOG_ERROR);
    ck_assert_str_eq(captured.line, "2");
}
END_TEST

START_TEST(no_log_and_no_sink_are_silent)
{
    struct trk_log silent = {TRK_LOG_TRACE, NULL, NULL};
    struct trk_log *none = NULL;

    trk_log(none, TRK_LOG_ERROR, "%d", evaluate());
    trk_log(&silent, TRK_LOG_ERROR, "%d", evaluate());
    ck_assert_int_eq(evaluated, 0);
}
END_TEST

START_TEST(control_bytes_are_escaped)
{
    trk_log(&logger, TRK_LOG_WARN, "%s", "a\nb\x1b[31m\x7f\tc \xc3\xa9");
    ck_assert_str_eq(captured.line, "a\\x0ab\\x1b[31m\\x7f\\x09c \xc3\xa9");
}
END_TEST

START_TEST(long_lines_are_cut_and_say_so)
{
    static char text[3 * TRK_LOG_LINE_BYTES];

    for (size_t n = TRK_LOG_LINE_BYTES - 10; n < TRK_LOG_LINE_BYTES + 10; n++) {
        for (int c = 'x'; c >= '\n'; c -= 'x' - '\n') {
            memset(text, c, n);
            text[n] = '\0';
            trk_log(&logger, TRK_LOG_WARN, "%s", text);
            if (c == 'x' && n <= TRK_LOG_LINE_BYTES - 4)
                ck_assert_str_eq(captured.line, text);
            else
                ck_assert_str_eq(captured.line + strlen(captured.line) - 3, "...");
        }
    }
}
END_TEST

START_TEST(level_names_round_trip)
{
    static const char *const expect[] = {"error", "warn", "info", "debug", "trace"};
    enum trk_log_level level = TRK_LOG_ERROR;

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(trk_log_level_parse(expect[i], &level), 0);
        ck_assert_int_eq((int)level, i);
        ck_assert_str_eq(trk_log_level_name(level), expect[i]);
    }
    ck_assert_int_eq(trk_log_level_parse("", &level), -1);
    ck_assert_int_eq(trk_log_level_parse("Error", &level), -1);
    ck_assert_int_eq(trk_log_level_parse("warning", &level), -1);
    ck_assert_int_eq((int)level, TRK_LOG_TRACE);
    ck_assert_str_eq(trk_log_level_name((enum trk_log_level)5), "unknown");
}
END_TEST

START_TEST(limit_holds_back_and_counts)
{
    struct trk_log_limit limit = {.window_ns = 100, .burst = 3};
    uint64_t held = 9;

    for (int i = 0; i < 3; i++) {
        ck_assert(trk_log_allow(&limit, 1000, &held));
        ck_assert_uint_eq(held, 0);
    }
    ck_assert(!trk_log_allow(&limit, 1000, &held));
    ck_assert(!trk_log_allow(&limit, 1099, &held));
    ck_assert(trk_log_allow(&limit, 1100, &held));
    ck_assert_uint_eq(held, 2);
    ck_assert(trk_log_allow(&limit, 1100, &held));
    ck_assert_uint_eq(held, 0);
}
END_TEST

START_TEST(limit_of_zero_allows_nothing)
{
    struct trk_log_limit limit = {.window_ns = 1, .burst = 0};
    uint64_t held = 0;

    ck_assert(!trk_log_allow(&limit, 0, &held));
    ck_assert(!trk_log_allow(&limit, 1000, &held));
    ck_assert_uint_eq(limit.suppressed, 2);
}
END_TEST

START_TEST(stderr_sink_writes_one_line)
{
    char name[] = "trickled";
    char got[200] = "";
    int ends[2];
    int saved = dup(STDERR_FILENO);
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    trk_log_sink_stderr(name, TRK_LOG_WARN, "the text");
    ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    n = read(ends[0], got, sizeof(got) - 1);
    ck_assert_int_gt(n, 0);
    ck_assert_str_eq(got, "trickled: warn: the text\n");
    close(ends[0]);
    close(ends[1]);
    close(saved);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, levels_above_the_limit_cost_nothing);
    tcase_add_test(tcase, no_log_and_no_sink_are_silent);
    tcase_add_test(tcase, control_bytes_are_escaped);
    tcase_add_test(tcase, long_lines_are_cut_and_say_so);
    tcase_add_test(tcase, level_names_round_trip);
    tcase_add_test(tcase, limit_holds_back_and_counts);
    tcase_add_test(tcase, limit_of_zero_allows_nothing);
    tcase_add_test(tcase, stderr_sink_writes_one_line);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
