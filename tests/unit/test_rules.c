/* The shim's rules: which programs and addresses take part. */
#include <config.h>

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../preload/rules.h"

static struct trk_ipc_addr addr(const char *text, uint16_t port)
{
    struct trk_ipc_addr a = {.family = strchr(text, ':') != NULL ? 6 : 4, .port = port};
    ck_assert_int_eq(inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.ip), 1);
    return a;
}

static struct trk_rules parse(const char *text, size_t want_left_out)
{
    static struct trk_rules rules;
    rules.count = 0;
    ck_assert_uint_eq(trk_rules_parse(&rules, text, strlen(text), NULL), want_left_out);
    return rules;
}

static int admits(const struct trk_rules *rules, const char *program, enum trk_rules_role role,
                  const char *host, uint16_t port)
{
    struct trk_ipc_addr a = addr(host, port);
    return trk_rules_admit(rules, program, role, &a);
}

START_TEST(no_rule_takes_all)
{
    struct trk_rules rules = parse("# nothing\n ; ;\n\n", 0);
    ck_assert_uint_eq(rules.count, 0);
    ck_assert(trk_rules_admit_program(&rules, "x"));
    ck_assert(admits(&rules, "x", TRK_RULES_CONNECT, "10.0.0.1", 80));
}
END_TEST

START_TEST(first_that_holds_decides)
{
    struct trk_rules rules = parse("addr=10.0.0.0/8,192.0.2.7 port=80,443-445 action=on\n"
                                   "role=listen port=22 action=off\n"
                                   "addr=10.0.0.0/8 action=off # the rest of it\n"
                                   "addr=2001:db8::/33 action=off",
                                   0);
    ck_assert_uint_eq(rules.count, 4);
    ck_assert(admits(&rules, "x", TRK_RULES_CONNECT, "10.255.0.1", 444));
    ck_assert(!admits(&rules, "x", TRK_RULES_CONNECT, "10.255.0.1", 446));
    ck_assert(admits(&rules, "x", TRK_RULES_CONNECT, "11.0.0.1", 446));
    ck_assert(admits(&rules, "x", TRK_RULES_CONNECT, "192.0.2.8", 22));
    ck_assert(!admits(&rules, "x", TRK_RULES_LISTEN, "192.0.2.8", 22));
    ck_assert(!admits(&rules, "x", TRK_RULES_CONNECT, "2001:db8:7fff::1", 1));
    ck_assert(admits(&rules, "x", TRK_RULES_CONNECT, "2001:db8:8000::1", 1));
    ck_assert(!admits(&rules, "x", TRK_RULES_CONNECT, "::ffff:10.0.0.1", 1));
}
END_TEST

START_TEST(programs_by_glob)
{
    struct trk_rules rules = parse("program=ngin? action=off;program=py*3* port=1 action=off;"
                                   "program=ssh role=listen action=on;program=ssh action=off",
                                   0);
    ck_assert(!trk_rules_admit_program(&rules, "nginx"));
    ck_assert(trk_rules_admit_program(&rules, "nginxx"));
    ck_assert(trk_rules_admit_program(&rules, "python3.11")); /* but for port 1 */
    ck_assert(!admits(&rules, "python3.11", TRK_RULES_CONNECT, "1.2.3.4", 1));
    ck_assert(trk_rules_admit_program(&rules, "ssh")); /* may listen */
    ck_assert(!admits(&rules, "ssh", TRK_RULES_CONNECT, "1.2.3.4", 1));
}
END_TEST

START_TEST(what_cannot_be_read_is_left_out)
{
    static const char *const bad[] = {
        "action=maybe",
        "port=80",
        "port=80 action",
        "port=65536 action=on",
        "port=9-8 action=on",
        "port= action=on",
        "port=x action=on",
        "addr=10.0.0/8 action=on",
        "addr=1.2.3.4/33 action=on",
        "addr=::/129 action=on",
        "addr=, action=on",
        "role=both action=on",
        "colour=red action=on",
        "port=1,2,3,4,5,6,7,8,9 action=on",
        "addr=1.2.3.4/ action=on",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct trk_rule rule;
        ck_assert_msg(trk_rules_parse_one(bad[i], strlen(bad[i]), &rule) == -EINVAL, "%s", bad[i]);
    }
    struct trk_rules rules = parse("nonsense;action=off;;more nonsense", 2);
    ck_assert_uint_eq(rules.count, 1);
}
END_TEST

START_TEST(list_is_bounded)
{
    char text[(TRK_RULES_MAX + 1) * 16] = "";
    for (int i = 0; i < TRK_RULES_MAX; i++) {
        strcat(text, "action=on\n");
    }
    struct trk_rules rules = parse(text, 0);
    ck_assert_uint_eq(rules.count, TRK_RULES_MAX);
    strcat(text, "action=on\n");
    rules = parse(text, 1);
    ck_assert_uint_eq(rules.count, TRK_RULES_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rules");
    TCase *tc = tcase_create("rules");
    tcase_add_test(tc, no_rule_takes_all);
    tcase_add_test(tc, first_that_holds_decides);
    tcase_add_test(tc, programs_by_glob);
    tcase_add_test(tc, what_cannot_be_read_is_left_out);
    tcase_add_test(tc, list_is_bounded);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
