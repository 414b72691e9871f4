/* lib/ipc: names, control messages, result cells, descriptor passing. */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/control.h"
#include "ipc/fdpass.h"
#include "ipc/link.h"
#include "ipc/name.h"

/* A small generator with a fixed seed: the same bytes on every run. */
static uint64_t random_state = 88172645463325252ull;

static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static struct trk_ipc_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct trk_ipc_addr){.family = 4, .ip = {a, b, c, d}, .port = port};
}

START_TEST(name_vectors_as_documented)
{
    struct trk_name name = {.kind = TRK_NAME_CONNECT,
                            .flags = 0,
                            .id = 0x0123456789abcdefull,
                            .local = v4(127, 0, 0, 1, 0),
                            .remote = v4(192, 0, 2, 7, 8080)};
    char text[TRK_NAME_MAX_BYTES + 1];
    ck_assert_int_eq(trk_name_format(&name, text), 54);
    ck_assert_str_eq(text, "trk1/C/0123456789abcdef/00/7f000001:0000/c0000207:1f90");
}
END_TEST

START_TEST(name_longest_fits_and_carries_scope)
{
    struct trk_name name = {.kind = TRK_NAME_STREAM, .flags = 0xff, .id = UINT64_MAX};
    name.local = (struct trk_ipc_addr){
        .family = 6, .ip = {0xfe, 0x80, [8] = 1, [15] = 9}, .port = 65535, .scope = 0x1234};
    name.remote = (struct trk_ipc_addr){.family = 6, .port = 1};
    memset(name.remote.ip, 0x20, 16);
    struct sockaddr_un un;
    socklen_t len;
    struct trk_name back;
    char text[TRK_NAME_MAX_BYTES + 1];
    ck_assert_int_eq(trk_name_format(&name, text), TRK_NAME_MAX_BYTES);
    ck_assert_int_eq(trk_name_to_sockaddr(&name, &un, &len), 0);
    ck_assert_int_eq(trk_name_from_sockaddr(&un, len, &back), 0);
    ck_assert_mem_eq(&name.local, &back.local, sizeof back.local);
    ck_assert_mem_eq(&name.remote, &back.remote, sizeof back.remote);
    ck_assert_uint_eq(back.id, UINT64_MAX);
}
END_TEST

START_TEST(name_anything_else_is_refused)
{
    static const char *const bad[] = {
        "",
        "trk1/",
        "trk1/C",
        "trk2/C/0123456789abcdef/00/7f000001:0000/-",
        "trk1/X/0123456789abcdef/00/7f000001:0000/-",
        "trk1/C/0000000000000000/00/7f000001:0000/-",
        "trk1/C/0123456789abcdeF/00/7f000001:0000/-",
        "trk1/C/0123456789abcdef/00/7f000001:0000/-x",
        "trk1/C/0123456789abcdef/00/7f000001:0000",
        "trk1/C/0123456789abcdef/00/7f000001:000/-",
        "trk1/C/0123456789abcdef/00/7f00001:0000/-",
        "trk1/C/0123456789abcdef/0/7f000001:0000/-",
        "trk1/C/0123456789abcdef/00//-",
    };
    struct trk_name name;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(trk_name_parse(bad[i], strlen(bad[i]), &name) == -EINVAL, "%s", bad[i]);
    }
    const char *good = "trk1/L/0123456789abcdef/0f/7f000001:0050/-";
    ck_assert_int_eq(trk_name_parse(good, strlen(good), &name), 0);
    for (size_t len = 0; len < strlen(good); len++) {
        ck_assert_int_eq(trk_name_parse(good, len, &name), -EINVAL);
    }
}
END_TEST

START_TEST(name_that_parses_formats_to_the_same_text)
{
    const char *seedtext =
        "trk1/T/0123456789abcdef/03/00000000000000000000ffff7f000001:0050/7f000001:1234";
    char text[128];
    char again[TRK_NAME_MAX_BYTES + 1];
    size_t len = strlen(seedtext);
    unsigned accepted = 0;
    for (int round = 0; round < 100000; round++) {
        memcpy(text, seedtext, len);
        for (uint64_t hits = draw() % 3; hits > 0; hits--) {
            text[draw() % len] = "0123456789abcdefCLST/:-\xff"[draw() % 24];
        }
        struct trk_name name;
        if (trk_name_parse(text, len, &name) == 0) {
            accepted++;
            ck_assert_int_eq(trk_name_format(&name, again), (int)len);
            ck_assert_mem_eq(text, again, len);
        }
    }
    ck_assert_uint_gt(accepted, 1000);
}
END_TEST

START_TEST(addr_mapping_and_short_sockaddr)
{
    struct trk_ipc_addr addr = v4(10, 1, 2, 3, 99);
    struct sockaddr_storage ss;
    ck_assert_uint_eq(trk_ipc_addr_to_sockaddr(&addr, 1, &ss), sizeof(struct sockaddr_in6));
    struct trk_ipc_addr back;
    ck_assert_int_eq(trk_ipc_addr_from_sockaddr(&back, (struct sockaddr *)&ss, sizeof ss), 0);
    ck_assert_uint_eq(back.family, 6);
    trk_ipc_addr_unmap(&back);
    /* Member by member: there is a byte of padding. */
    ck_assert_uint_eq(back.family, addr.family);
    ck_assert_mem_eq(back.ip, addr.ip, sizeof addr.ip);
    ck_assert_uint_eq(back.port, addr.port);
    ck_assert_uint_eq(back.scope, addr.scope);
    ck_assert_uint_eq(trk_ipc_addr_to_sockaddr(&addr, 0, &ss), sizeof(struct sockaddr_in));
    ck_assert_int_eq(trk_ipc_addr_from_sockaddr(&back, (struct sockaddr *)&ss, 15), -EINVAL);
    ss.ss_family = AF_UNIX;
    ck_assert_int_eq(trk_ipc_addr_from_sockaddr(&back, (struct sockaddr *)&ss, 16), -EAFNOSUPPORT);
    ck_assert(trk_ipc_addr_is_any(&(struct trk_ipc_addr){.family = 6}));
    ck_assert(!trk_ipc_addr_is_any(&addr));
}
END_TEST

static void check_round_trip(const struct trk_ctl_msg *msg)
{
    uint8_t first[TRK_CTL_MAX_BYTES];
    uint8_t second[TRK_CTL_MAX_BYTES];
    struct trk_ctl_msg back;
    int len = trk_ctl_encode(msg, first, sizeof first);
    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(trk_ctl_decode(first, (size_t)len, &back), 0);
    ck_assert_int_eq((int)back.type, (int)msg->type);
    ck_assert_uint_eq(back.correlation, msg->correlation);
    ck_assert_int_eq(trk_ctl_encode(&back, second, sizeof second), len);
    ck_assert_mem_eq(first, second, (size_t)len);
    /* Every truncation is refused, and so is a byte too many. */
    for (int cut = 0; cut < len; cut++) {
        ck_assert_int_eq(trk_ctl_decode(first, (size_t)cut, &back), -EPROTO);
    }
    ck_assert_int_eq(trk_ctl_decode(first, (size_t)len + 1, &back), -EPROTO);
    ck_assert_uint_eq(back.correlation, msg->correlation);
    ck_assert_int_eq(trk_ctl_encode(msg, first, (size_t)len - 1), -ENOSPC);
}

START_TEST(control_every_message_round_trips)
{
    struct trk_ctl_msg msgs[] = {
        {.type = TRK_CTL_HELLO, .u.hello = {.pid = 7}},
        {.type = TRK_CTL_HELLO_REPLY,
         .u.hello_reply = {.pid = 1, .netns_cookie = 1ull << 63, .udp_port = 842}},
        {.type = TRK_CTL_ACK, .u.ack = {.error_no = EADDRINUSE, .value = 3}},
        {.type = TRK_CTL_BIND, .u.bind = {.id = 9, .flags = 0x1f, .local = v4(1, 2, 3, 4, 80)}},
        {.type = TRK_CTL_LISTEN, .u.listen = {.id = 9, .backlog = -1}},
        {.type = TRK_CTL_OPTION,
         .u.option = {.id = 9, .level = 1, .name = 13, .value_bytes = 8, .value = {1}}},
        {.type = TRK_CTL_SWEEP, .u.sweep = {.local = v4(0, 0, 0, 0, 80)}},
        {.type = TRK_CTL_INFO, .u.info = {.id = 3}},
        {.type = TRK_CTL_INFO_REPLY,
         .u.info_reply =
             {.state = TRK_CTL_CONN_UP, .is_tcp = 1, .rtt_us = 5, .pkts_in = 6, .outq_bytes = 77}},
        {.type = TRK_CTL_STATUS},
        {.type = TRK_CTL_STATUS_REPLY, .u.status_reply = {.error_no = 1}},
        {.type = TRK_CTL_MINI_LISTEN,
         .u.mini_listen = {.layout = 1, .flags = 3, .local = v4(10, 0, 0, 1, 80)}},
        {.type = TRK_CTL_MINI_LISTEN_REPLY,
         .u.mini_listen_reply = {.error_no = EADDRINUSE,
                                 .layout = 2,
                                 .down_bytes = 1u << 31,
                                 .up_bytes = 4096,
                                 .slots = 5,
                                 .detached_max = 6}},
        {.type = TRK_CTL_MINI_EXTRACT, .u.mini_extract = {.n = 3, .bytes = 99, .cap = 1ull << 40}},
        {.type = TRK_CTL_MINI_INSTALL, .u.mini_install = {.bytes = 77}},
    };
    for (size_t i = 0; i < sizeof msgs / sizeof msgs[0]; i++) {
        msgs[i].correlation = 0xfedcba9876543210ull + i;
        check_round_trip(&msgs[i]);
        ck_assert_str_ne(trk_ctl_type_name(msgs[i].type), "?");
    }
}
END_TEST

START_TEST(control_vector_written_by_hand)
{
    static const uint8_t want[] = {
        'T', 'R', 'K',  'C',  1, 0, 4, 0, 5, 0, 0, 0, 0, 0, 0, 0, /* header: BIND, correlation 5 */
        9,   0,   0,    0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, /* id 9, flags REUSEPORT */
        4,   0,   0x90, 0x1f, 0, 0, 0, 0,                         /* IPv4, port 8080 */
        127, 0,   0,    1,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct trk_ctl_msg msg = {.type = TRK_CTL_BIND, .correlation = 5};
    msg.u.bind = (struct trk_ctl_bind){
        .id = 9, .flags = TRK_NAME_F_REUSEPORT, .local = v4(127, 0, 0, 1, 8080)};
    uint8_t buf[TRK_CTL_MAX_BYTES];
    ck_assert_int_eq(trk_ctl_encode(&msg, buf, sizeof buf), (int)sizeof want);
    ck_assert_mem_eq(buf, want, sizeof want);
}
END_TEST

START_TEST(control_fields_out_of_range_are_refused_both_ways)
{
    uint8_t buf[TRK_CTL_MAX_BYTES];
    struct trk_ctl_msg msg = {.type = TRK_CTL_OPTION};
    msg.u.option.value_bytes = 17;
    ck_assert_int_eq(trk_ctl_encode(&msg, buf, sizeof buf), -EINVAL);
    msg.u.option.value_bytes = 1;
    msg.u.option.value[1] = 1; /* beyond the value */
    ck_assert_int_eq(trk_ctl_encode(&msg, buf, sizeof buf), -EINVAL);
    msg = (struct trk_ctl_msg){.type = TRK_CTL_SWEEP, .u.sweep.local.family = 5};
    ck_assert_int_eq(trk_ctl_encode(&msg, buf, sizeof buf), -EINVAL);
    msg = (struct trk_ctl_msg){.type = TRK_CTL_MINI_LISTEN, .u.mini_listen.flags = 4};
    ck_assert_int_eq(trk_ctl_encode(&msg, buf, sizeof buf), -EINVAL);
    msg = (struct trk_ctl_msg){.type = (enum trk_ctl_type)99};
    ck_assert_int_eq(trk_ctl_encode(&msg, buf, sizeof buf), -EINVAL);
    msg = (struct trk_ctl_msg){.type = TRK_CTL_HELLO, .correlation = 4};
    int len = trk_ctl_encode(&msg, buf, sizeof buf);
    buf[len - 1] = 1; /* reserved */
    struct trk_ctl_msg back;
    ck_assert_int_eq(trk_ctl_decode(buf, (size_t)len, &back), -EPROTO);
    buf[len - 1] = 0;
    buf[4] = 2; /* version */
    ck_assert_int_eq(trk_ctl_decode(buf, (size_t)len, &back), -EPROTO);
    ck_assert_uint_eq(back.correlation, 4);
}
END_TEST

START_TEST(control_any_bytes_decode_or_are_refused)
{
    uint8_t buf[TRK_CTL_MAX_BYTES];
    uint8_t again[TRK_CTL_MAX_BYTES];
    static const uint8_t head[] = {'T', 'R', 'K', 'C', 1, 0};
    unsigned accepted = 0;
    for (int round = 0; round < 200000; round++) {
        static const size_t lengths[] = {16, 24, 32, 40, 56, 152};
        size_t len = lengths[draw() % 6];
        for (size_t i = 0; i < len; i++) {
            buf[i] = draw() % 4 == 0 ? (uint8_t)(draw() % 7) : 0;
        }
        memcpy(buf, head, sizeof head);
        struct trk_ctl_msg msg;
        if (trk_ctl_decode(buf, len, &msg) == 0) {
            accepted++;
            ck_assert_int_eq(trk_ctl_encode(&msg, again, sizeof again), (int)len);
            ck_assert_mem_eq(buf, again, len);
        }
    }
    ck_assert_uint_gt(accepted, 100);
}
END_TEST

START_TEST(link_result_cell_survives_in_a_unix_socket)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct trk_link_result got;
    ck_assert_int_eq(trk_link_get_result(fd, &got), 0);
    ck_assert_int_eq((int)got.state, TRK_LINK_NONE);
    struct trk_link_result up = {.state = TRK_LINK_UP, .local_port = 65535, .is_tcp = 1};
    ck_assert_int_eq(trk_link_set_result(fd, &up), 0);
    ck_assert_int_eq(trk_link_get_result(fd, &got), 0);
    ck_assert_int_eq((int)got.state, TRK_LINK_UP);
    ck_assert_uint_eq(got.local_port, 65535);
    ck_assert_int_eq(got.is_tcp, 1);
    struct trk_link_result failed = {.state = TRK_LINK_FAILED, .error_no = EHOSTUNREACH};
    ck_assert_int_eq(trk_link_set_result(fd, &failed), 0);
    ck_assert_int_eq(trk_link_get_result(fd, &got), 0);
    ck_assert_int_eq(got.error_no, EHOSTUNREACH);
    close(fd);
}
END_TEST

START_TEST(fdpass_moves_one_descriptor)
{
    int pair[2];
    int pipe_fds[2];
    int got = -1;
    char byte = 0;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    ck_assert_int_eq((int)trk_fdpass_send(pair[0], "x", 1, pipe_fds[1], 0), 1);
    ck_assert_int_eq((int)trk_fdpass_recv(pair[1], &byte, 1, &got, 0), 1);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_ge(got, 0);
    ck_assert_int_eq((int)write(got, "y", 1), 1);
    ck_assert_int_eq((int)read(pipe_fds[0], &byte, 1), 1);
    close(got);
    ck_assert_int_eq((int)trk_fdpass_send(pair[0], "z", 1, -1, 0), 1);
    ck_assert_int_eq((int)trk_fdpass_recv(pair[1], &byte, 1, &got, 0), 1);
    ck_assert_int_eq(got, -1);
    close(pair[0]);
    ck_assert_int_eq((int)trk_fdpass_recv(pair[1], &byte, 1, &got, 0), 0);
    close(pair[1]);
    ck_assert_int_eq((int)trk_fdpass_send(pair[1], "z", 1, -1, 0), -EBADF);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

START_TEST(fdpass_many_bounds)
{
    int pair[2], fds[TRK_FDPASS_MAX], got[TRK_FDPASS_MAX];
    char byte = 0;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    for (unsigned i = 0; i < TRK_FDPASS_MAX; i++) {
        fds[i] = dup(pair[0]);
    }
    ck_assert_int_eq((int)trk_fdpass_send_many(pair[0], "x", 1, fds, TRK_FDPASS_MAX + 1, 0),
                     -EINVAL);
    ck_assert_int_eq((int)trk_fdpass_send_many(pair[0], "x", 1, fds, TRK_FDPASS_MAX, 0), 1);
    ck_assert_int_eq((int)trk_fdpass_recv_many(pair[1], &byte, 1, got, TRK_FDPASS_MAX, 0), 1);
    for (unsigned i = 0; i < TRK_FDPASS_MAX; i++) {
        ck_assert_int_gt(got[i], fds[TRK_FDPASS_MAX - 1]);
        close(got[i]);
    }
    /* More than wanted are closed, fewer leave -1. */
    ck_assert_int_eq((int)trk_fdpass_send_many(pair[0], "x", 1, fds, 3, 0), 1);
    ck_assert_int_eq((int)trk_fdpass_recv_many(pair[1], &byte, 1, got, 2, 0), 1);
    ck_assert_int_ge(got[0], 0);
    int next = dup(pair[0]);
    ck_assert_int_eq(next, got[1] + 1);
    close(next);
    close(got[0]);
    close(got[1]);
    ck_assert_int_eq((int)trk_fdpass_send_many(pair[0], "x", 1, fds, 1, 0), 1);
    ck_assert_int_eq((int)trk_fdpass_recv_many(pair[1], &byte, 1, got, 3, 0), 1);
    ck_assert_int_ge(got[0], 0);
    ck_assert_int_eq(got[1], -1);
    ck_assert_int_eq(got[2], -1);
    close(got[0]);
    for (unsigned i = 0; i < TRK_FDPASS_MAX; i++) {
        close(fds[i]);
    }
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(fdpass_keeps_no_descriptor_of_an_empty_packet)
{
    int pair[2];
    int next;
    int got;
    char byte;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    next = dup(pair[0]);
    close(next);
    ck_assert_int_eq((int)trk_fdpass_send(pair[0], "", 0, pair[0], 0), 0);
    ck_assert_int_eq((int)trk_fdpass_recv(pair[1], &byte, 1, &got, 0), 0);
    ck_assert_int_eq(got, -1);
    got = dup(pair[0]);
    ck_assert_int_eq(got, next); /* the number is free again */
    close(got);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ipc");
    TCase *tc = tcase_create("ipc");
    tcase_add_test(tc, name_vectors_as_documented);
    tcase_add_test(tc, name_longest_fits_and_carries_scope);
    tcase_add_test(tc, name_anything_else_is_refused);
    tcase_add_test(tc, name_that_parses_formats_to_the_same_text);
    tcase_add_test(tc, addr_mapping_and_short_sockaddr);
    tcase_add_test(tc, control_every_message_round_trips);
    tcase_add_test(tc, control_vector_written_by_hand);
    tcase_add_test(tc, control_fields_out_of_range_are_refused_both_ways);
    tcase_add_test(tc, control_any_bytes_decode_or_are_refused);
    tcase_add_test(tc, link_result_cell_survives_in_a_unix_socket);
    tcase_add_test(tc, fdpass_moves_one_descriptor);
    tcase_add_test(tc, fdpass_many_bounds);
    tcase_add_test(tc, fdpass_keeps_no_descriptor_of_an_empty_packet);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
