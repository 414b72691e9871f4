/* The configuration file: every key has an effect, every error names its place. */
#include "daemon/config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char said[4096];

static void keep(void *ctx, enum trk_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    strncat(said, line, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static struct trk_log sink = {.level = TRK_LOG_TRACE, .sink = keep};

static int read_text(struct trk_config *conf, const char *text)
{
    said[0] = '\0';
    trk_config_init(conf, false);
    return trk_config_read_text(conf, text, &sink);
}

START_TEST(empty_text_leaves_the_defaults)
{
    struct trk_config conf;
    ck_assert_int_eq(read_text(&conf, ""), 0);
    ck_assert_uint_eq(conf.port, 842);
    ck_assert_uint_eq(conf.n_peer_ports, 2);
    ck_assert_uint_eq(conf.peer_ports[0], 842);
    ck_assert_uint_eq(conf.peer_ports[1], 8742);
    ck_assert_uint_eq(conf.tcp_after_ms, 300);
    ck_assert_uint_eq(conf.refusal_seconds, 60);
    ck_assert_ptr_null(conf.secret);
    trk_config_free(&conf);
}
END_TEST

START_TEST(user_daemon_has_its_own_port)
{
    struct trk_config conf;
    trk_config_init(&conf, true);
    ck_assert_uint_eq(conf.port, 8742);
}
END_TEST

START_TEST(keys_are_read)
{
    struct trk_config conf;
    ck_assert_int_eq(read_text(&conf, "port = 9000\nsecret = \"/a/b\" # with a remark\npeer-ports = {1, 65535}\n"
                                      "log-level = debug\nack-delay-us = 0\nring-total = 0\n"),
                     0);
    ck_assert_str_eq(said, "");
    ck_assert_uint_eq(conf.port, 9000);
    ck_assert_str_eq(conf.secret, "/a/b");
    ck_assert_uint_eq(conf.n_peer_ports, 2);
    ck_assert_uint_eq(conf.peer_ports[1], 65535);
    ck_assert_int_eq(conf.log_level, TRK_LOG_DEBUG);
    ck_assert_uint_eq(conf.ack_delay_us, 0);
    ck_assert_uint_eq(conf.ring_bytes_total, 0);
    trk_config_free(&conf);
}
END_TEST

/* The text, and what the message must contain. */
static const struct {
    const char *text, *says;
} wrong[] = {
    {"\nport = 0\n", ":2: port must be 1 to 65535, not 0"},
    {"port = 65536\n", ":1: port must be 1 to 65535"},
    {"port = many\n", ":1:"},
    {"\n\nnonsense = 1\n", ":3:"},
    {"port 1\n", ":1:"},
    {"packet-size-max = 1199\n", "packet-size-max must be 1200 to 1472"},
    {"packet-size-max = 1473\n", "packet-size-max must be 1200 to 1472"},
    {"peer-ports = {1,2,3,4,5}\n", "peer-ports must be at most 4"},
    {"peer-ports = {0}\n", "peer-ports must be at most 4"},
    {"log-level = loud\n", "log-level must be error, warn"},
    {"secret = \"relative\"\n", "secret must be an absolute path"},
    {"pcap = \"\"\n", "pcap must be an absolute path"},
    {"silent-seconds = -1\n", "silent-seconds must be 1 to"},
};

START_TEST(wrong_texts_are_refused_with_their_place)
{
    struct trk_config conf;
    ck_assert_int_eq(read_text(&conf, wrong[_i].text), -1);
    ck_assert_msg(strstr(said, wrong[_i].says) != NULL, "\"%s\" says: %s", wrong[_i].text, said);
    trk_config_free(&conf);
}
END_TEST

START_TEST(absent_file_is_an_error_only_where_it_was_named)
{
    struct trk_config conf;
    said[0] = '\0';
    trk_config_init(&conf, false);
    ck_assert_int_eq(trk_config_read(&conf, "/nonexistent/trickled.conf", false, &sink), 0);
    ck_assert_str_eq(said, "");
    ck_assert_int_eq(trk_config_read(&conf, "/nonexistent/trickled.conf", true, &sink), -1);
    ck_assert_ptr_nonnull(strstr(said, "/nonexistent/trickled.conf: No such file"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_test(tc, empty_text_leaves_the_defaults);
    tcase_add_test(tc, user_daemon_has_its_own_port);
    tcase_add_test(tc, keys_are_read);
    tcase_add_loop_test(tc, wrong_texts_are_refused_with_their_place, 0, (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(tc, absent_file_is_an_error_only_where_it_was_named);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
