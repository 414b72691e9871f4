/* The shim's kernel-held state: tag, store, epoll registrations. */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../preload/epoll.h"
#include "../../preload/shim.h"

START_TEST(tag_round_trips_and_is_the_open_files)
{
    struct trk_tag tag = {.state = TRK_TAG_ACCEPTED, .bits = 0x80000405};
    struct trk_tag back;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert(!trk_tag_get(fd, &back));
    ck_assert_int_eq(trk_tag_set(fd, &tag), 0);
    int other = dup(fd);
    ck_assert(trk_tag_get(other, &back));
    ck_assert_int_eq((int)back.state, TRK_TAG_ACCEPTED);
    ck_assert_uint_eq(back.bits, tag.bits);
    close(other);
    close(fd);
}
END_TEST

START_TEST(tag_is_not_seen_where_there_is_none)
{
    struct trk_tag tag;
    static const uint64_t values[] = {
        0, 1000000, UINT64_MAX, 1ull << 63, 0x54726bull << 39, 0x54726bull << 40 | 99ull << 32};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        ck_assert_int_eq(trk_tag_unpack(values[i], &tag), -EINVAL);
    }
    int fds[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_DGRAM, 0), dup(0), -1};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        errno = 4711;
        ck_assert(!trk_tag_get(fds[i], &tag));
        ck_assert_int_eq(errno, 4711);
        close(fds[i]);
    }
}
END_TEST

START_TEST(store_keeps_to_its_bounds)
{
    struct trk_store store = {0};
    struct trk_store back;
    uint8_t value[TRK_STORE_VALUE_MAX_BYTES + 1];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(trk_store_load(fd, &back), 0);
    ck_assert_uint_eq(back.count, 0);
    memset(value, 0xa5, sizeof value);
    for (int i = 0; i < (int)TRK_STORE_ENTRIES_MAX; i++) {
        ck_assert_int_eq(trk_store_put(&store, i, 65535 - i, value, TRK_STORE_VALUE_MAX_BYTES), 0);
    }
    ck_assert_int_eq(trk_store_put(&store, 200, 1, value, 1), -ENOSPC);
    ck_assert_int_eq(trk_store_put(&store, 0, 65535, value, 3), 0); /* replaces */
    ck_assert_int_eq(trk_store_put(&store, 0, 65535, value, sizeof value), -EINVAL);
    ck_assert_int_eq(trk_store_put(&store, 256, 1, value, 1), -EINVAL);
    ck_assert_int_eq(trk_store_put(&store, 1, 65536, value, 1), -EINVAL);
    ck_assert_int_eq(trk_store_save(fd, &store), 0);
    ck_assert_int_eq(trk_store_load(fd, &back), 0);
    ck_assert_uint_eq(back.count, TRK_STORE_ENTRIES_MAX);
    const struct trk_store_entry *first = trk_store_find(&back, 0, 65535);
    ck_assert_ptr_nonnull(first);
    ck_assert_uint_eq(first->len, 3);
    ck_assert_mem_eq(first->value, value, 3);
    const struct trk_store_entry *last = trk_store_find(&back, 23, 65535 - 23);
    ck_assert_ptr_nonnull(last);
    ck_assert_uint_eq(last->len, TRK_STORE_VALUE_MAX_BYTES);
    ck_assert_mem_eq(last->value, value, TRK_STORE_VALUE_MAX_BYTES);
    ck_assert_ptr_null(trk_store_find(&back, 0, 1));
    close(fd);
}
END_TEST

START_TEST(store_refuses_the_filter_of_another)
{
    struct sock_filter program[] = {{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0},
                                    {BPF_RET | BPF_A, 0, 0, 0}};
    struct sock_filter cut[] = {{BPF_LD | BPF_IMM, 8, 1, 0x60004}, {BPF_RET | BPF_K, 0, 0, 1}};
    struct sock_fprog progs[] = {{2, program}, {2, cut}};
    for (size_t i = 0; i < 2; i++) {
        struct trk_store store;
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &progs[i], sizeof progs[i]),
                         0);
        ck_assert_int_eq(trk_store_load(fd, &store), -EPROTO);
        ck_assert_uint_eq(store.count, 0);
        close(fd);
    }
}
END_TEST

START_TEST(epoll_line_of_this_number_only)
{
    struct trk_epoll_registration got;
    const char *line =
        "tfd:       12 events: 80000019 data: 123456789abcdef0  pos:0 ino:61af sdev:7";
    ck_assert_int_eq(trk_epoll_parse_line(line, 12, &got), 1);
    ck_assert_uint_eq(got.events, 0x80000019);
    ck_assert_uint_eq(got.data, 0x123456789abcdef0);
    ck_assert_int_eq(trk_epoll_parse_line(line, 1, &got), 0);
    ck_assert_int_eq(trk_epoll_parse_line(line, 2, &got), 0);
    ck_assert_int_eq(trk_epoll_parse_line("pos:\t12", 12, &got), 0);
    ck_assert_int_eq(trk_epoll_parse_line("", 0, &got), 0);
}
END_TEST

static struct {
    int (*socket)(int domain, int type, int protocol);
    int n; /* calls */
} sockets;

static int counted_socket(int domain, int type, int protocol)
{
    sockets.n++;
    return sockets.socket(domain, type, protocol);
}

/* How many sockets the way to this IPv4 address costs; it must be `rc`. */
static int cost_of_route(uint32_t ip, uint16_t port, int rc)
{
    struct trk_tag tag = {.state = TRK_TAG_FRESH};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct trk_ipc_addr local = {0};
    struct trk_ipc_addr remote;
    to.sin_addr.s_addr = htonl(ip);
    sockets.n = 0;
    ck_assert_int_eq(trk_route_find(&tag, (struct sockaddr *)&to, sizeof to, &local, &remote), rc);
    if (rc == 0) {
        ck_assert_uint_eq(remote.port, port);
        ck_assert_int_eq(remote.ip[0], 127); /* also where 0.0.0.0 was asked for */
        ck_assert_int_eq(local.family, 4);
        ck_assert_int_eq(local.ip[0], 127);
        ck_assert_uint_eq(local.port, 0);
    }
    return sockets.n;
}

START_TEST(route_is_asked_for_once_in_ten_ms)
{
    trk_real_init();
    sockets.socket = trk_real.socket;
    trk_real.socket = counted_socket;
    ck_assert_int_eq(cost_of_route(INADDR_LOOPBACK, 80, 0), 1);
    ck_assert_int_le(cost_of_route(INADDR_LOOPBACK, 80, 0), 1); /* 0, unless we were stopped */
    ck_assert_int_eq(cost_of_route(INADDR_LOOPBACK, 81, 0), 1);
    ck_assert_int_eq(cost_of_route(INADDR_ANY, 81, 0), 1);
    ck_assert_int_eq(cost_of_route(0xe0000001, 81, -ENETUNREACH), 0);
    int n = 0;
    for (int i = 0; i < 1000; i++) {
        n += cost_of_route(INADDR_LOOPBACK, 80, 0);
    }
    ck_assert_int_ge(n, 1);
    ck_assert_int_lt(n, 500);
    usleep(20000); /* time itself is what is tested */
    ck_assert_int_eq(cost_of_route(INADDR_LOOPBACK, 80, 0), 1);
}
END_TEST

int main(void)
{
    trk_real_init();
    Suite *suite = suite_create("shim");
    TCase *tc = tcase_create("shim");
    tcase_add_test(tc, tag_round_trips_and_is_the_open_files);
    tcase_add_test(tc, tag_is_not_seen_where_there_is_none);
    tcase_add_test(tc, store_keeps_to_its_bounds);
    tcase_add_test(tc, store_refuses_the_filter_of_another);
    tcase_add_test(tc, epoll_line_of_this_number_only);
    tcase_add_test(tc, route_is_asked_for_once_in_ten_ms);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
