/* One application's end of a connection: the lag of one byte, peeking, ends. A socket pair stands for the application. */
#include <config.h>

#include "daemon/applink.h"

#include "ipc/fdpass.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct trk_applink link_;
static int app; /* the application's end */
static struct trk_daemon daemon_;

static bool writable(void)
{
    struct pollfd p = {.fd = app, .events = POLLOUT};
    return poll(&p, 1, 0) == 1;
}

/* As the shim does: set-up message with a duplicate of its end. */
static void set_up(void)
{
    int pair[2];
    struct trk_name name = {.kind = TRK_NAME_CONNECT, .id = 7}, got;
    char text[TRK_LINK_CONNECT_BYTES] = "";
    struct ucred who;
    int on = 1, smallest = 0;
    daemon_.conf.socket_buffer_bytes = 1 << 20;
    name.local.family = name.remote.family = 4;
    name.remote.port = 80;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    app = pair[1];
    trk_applink_init(&link_, &daemon_, pair[0]);
    ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    ck_assert_int_eq(trk_applink_read_setup(&link_, &got, &who), -EAGAIN);
    ck_assert_int_gt(trk_name_format(&name, text), 0);
    ck_assert_int_eq(setsockopt(app, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest), 0);
    ck_assert_int_eq(trk_fdpass_send(app, text, sizeof text, app, 0), sizeof text);
    ck_assert_int_eq(trk_applink_read_setup(&link_, &got, &who), 0);
    ck_assert_uint_eq(got.id, 7);
    ck_assert_int_eq(who.pid, getpid());
    ck_assert_uint_eq(who.uid, getuid());
    ck_assert(!writable());
    ck_assert_int_eq(send(app, "x", 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(trk_applink_establish(&link_, true, 1234, false), 0);
    ck_assert(writable());
    ck_assert_int_eq(trk_applink_look(&link_), 0);
    ck_assert_uint_eq(link_.end, 0);
}

static void tear_down(void)
{
    if (app >= 0)
        close(app);
    trk_applink_reset(&link_);
}

static void write_and_look(const char *text)
{
    ck_assert_int_eq(send(app, text, strlen(text), 0), (int)strlen(text));
    trk_applink_note(&link_, EPOLLIN);
    ck_assert_int_eq(trk_applink_look(&link_), 0);
}

/* How the end of the daemon's socket looks to the application now. */
static void expect_app_read(ssize_t n, int err)
{
    char c;
    ck_assert_int_eq(recv(app, &c, 1, 0), n);
    if (n < 0)
        ck_assert_int_eq(errno, err);
}

START_TEST(result_reaches_the_application)
{
    struct trk_link_result r;
    ck_assert_int_eq(trk_link_get_result(app, &r), 0);
    ck_assert_int_eq(r.state, TRK_LINK_UP);
    ck_assert_uint_eq(r.local_port, 1234);
}
END_TEST

START_TEST(take_gives_bytes_in_order_over_two_pieces)
{
    char a[4] = "", b[32] = "";
    struct iovec iov[2] = {{a, 3}, {b, 31}};
    write_and_look("abcdefgh");
    ck_assert_uint_eq(link_.end, 8);
    ck_assert_int_eq(trk_applink_take(&link_, iov, 2), 8);
    ck_assert_str_eq(a, "abc");
    ck_assert_str_eq(b, "defgh");
    ck_assert_int_eq(trk_applink_take(&link_, iov, 2), 0);
    write_and_look("i");
    ck_assert_int_eq(trk_applink_take(&link_, iov, 2), 1);
    ck_assert_int_eq(a[0], 'i');
    ck_assert_uint_eq(link_.taken, 9);
}
END_TEST

START_TEST(take_into_little_room_goes_on_later)
{
    char c;
    struct iovec iov = {&c, 1};
    write_and_look("xyz");
    for (const char *p = "xyz"; *p != '\0'; p++) {
        ck_assert_int_eq(trk_applink_take(&link_, &iov, 1), 1);
        ck_assert_int_eq(c, *p);
    }
}
END_TEST

START_TEST(reset_is_one_after_everything_was_taken)
{
    char buf[8];
    struct iovec iov = {buf, sizeof buf};
    write_and_look("abc");
    ck_assert_int_eq(trk_applink_take(&link_, &iov, 1), 3);
    trk_applink_reset(&link_);
    expect_app_read(-1, ECONNRESET);
}
END_TEST

START_TEST(reset_is_one_before_any_byte)
{
    trk_applink_reset(&link_);
    expect_app_read(-1, ECONNRESET);
}
END_TEST

START_TEST(clean_close_is_an_end_of_file)
{
    char buf[8];
    struct iovec iov = {buf, sizeof buf};
    write_and_look("abc");
    ck_assert_int_eq(trk_applink_take(&link_, &iov, 1), 3);
    trk_applink_close(&link_);
    expect_app_read(0, 0);
}
END_TEST

/* HUP says the same of an application that has shut down its direction after we did, and will still read. */
START_TEST(clean_close_after_both_have_shut_down)
{
    char buf[8];
    struct iovec iov = {buf, sizeof buf};
    write_and_look("abc");
    ck_assert_int_eq(trk_applink_take(&link_, &iov, 1), 3);
    iov.iov_len = 3;
    ck_assert_int_eq(trk_applink_write(&link_, &iov, 1), 3);
    trk_applink_finish_writing(&link_);
    ck_assert_int_eq(shutdown(app, SHUT_WR), 0);
    trk_applink_note(&link_, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    ck_assert_int_eq(trk_applink_look(&link_), 0);
    trk_applink_close(&link_);
    for (unsigned i = 0; i < 3; i++)
        expect_app_read(1, 0);
    expect_app_read(0, 0);
}
END_TEST

START_TEST(clean_close_with_released_bytes_in_the_queue)
{
    write_and_look("abc");
    ck_assert_int_eq(shutdown(app, SHUT_WR), 0);
    trk_applink_finish_writing(&link_);
    trk_applink_note(&link_, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    ck_assert_int_eq(trk_applink_look(&link_), 0);
    ck_assert_int_eq(trk_applink_release(&link_, 3), 0);
    trk_applink_close(&link_);
    expect_app_read(0, 0);
}
END_TEST

START_TEST(peek_and_release_at_any_offset)
{
    uint8_t buf[8] = "";
    write_and_look("0123456789");
    ck_assert_int_eq(trk_applink_peek(&link_, 0, buf, 4), 0);
    ck_assert_mem_eq(buf, "0123", 4);
    ck_assert_int_eq(trk_applink_peek(&link_, 4, buf, 4), 0);
    ck_assert_mem_eq(buf, "4567", 4);
    ck_assert_int_eq(trk_applink_peek(&link_, 2, buf, 3), 0); /* a repeat */
    ck_assert_mem_eq(buf, "234", 3);
    ck_assert_int_eq(trk_applink_release(&link_, 5), 0);
    ck_assert_int_eq(trk_applink_peek(&link_, 5, buf, 5), 0);
    ck_assert_mem_eq(buf, "56789", 5);
    write_and_look("ab");
    ck_assert_uint_eq(link_.end, 12);
    ck_assert_int_eq(trk_applink_peek(&link_, 9, buf, 3), 0);
    ck_assert_mem_eq(buf, "9ab", 3);
}
END_TEST

START_TEST(move_after_peek_keeps_the_place)
{
    uint8_t buf[8] = "";
    write_and_look("0123456789");
    ck_assert_int_eq(trk_applink_peek(&link_, 1, buf, 4), 0);
    ck_assert_int_eq(trk_applink_move(&link_, buf, 6), 0);
    ck_assert_mem_eq(buf, "012345", 6);
    ck_assert_int_eq(trk_applink_peek(&link_, 6, buf, 4), 0);
    ck_assert_mem_eq(buf, "6789", 4);
    ck_assert_int_eq(trk_applink_move(&link_, buf, 2), 0);
    ck_assert_mem_eq(buf, "67", 2);
    ck_assert_int_eq(trk_applink_peek(&link_, 8, buf, 2), 0);
    ck_assert_mem_eq(buf, "89", 2);
}
END_TEST

START_TEST(release_of_all_that_a_closed_application_wrote)
{
    uint8_t buf[4];
    write_and_look("0123");
    close(app);
    app = -1;
    trk_applink_note(&link_, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    ck_assert_int_eq(trk_applink_look(&link_), 0);
    ck_assert_int_eq(trk_applink_release(&link_, 2), 0);
    ck_assert_int_eq(trk_applink_peek(&link_, 2, buf, 2), 0);
    ck_assert_mem_eq(buf, "23", 2);
    ck_assert_int_eq(trk_applink_release(&link_, 4), 0);
    trk_applink_note(&link_, EPOLLIN);
    ck_assert_int_eq(trk_applink_look(&link_), 0);
    ck_assert_uint_eq(link_.end, 4);
}
END_TEST

/* Another application's end, of which only the set-up message was written so far: its text, len bytes, with a
 * duplicate or without. Returns what reading it gives; *peer is the application's end. */
static int other_set_up(struct trk_applink *other, enum trk_name_kind kind, size_t len, bool passes, int *peer)
{
    struct trk_name name = {.kind = (uint8_t)kind, .id = 8}, got;
    char text[TRK_LINK_CONNECT_BYTES] = "";
    struct ucred who;
    int pair[2];
    name.local.family = name.remote.family = 4;
    ck_assert_int_gt(trk_name_format(&name, text), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *peer = pair[1];
    trk_applink_init(other, &daemon_, pair[0]);
    ck_assert_int_eq(trk_fdpass_send(pair[1], text, len, passes ? pair[1] : -1, 0), (int)len);
    ck_assert_int_eq(send(pair[1], "GET", 3, 0), 3);
    return trk_applink_read_setup(other, &got, &who);
}

/* Part of a set-up message is somebody else's; it must not be taken for bytes of the application. */
START_TEST(short_set_up_message_is_a_reset)
{
    struct trk_applink other;
    int peer;
    ck_assert_int_eq(other_set_up(&other, TRK_NAME_CONNECT, TRK_LINK_TEXT_BYTES, true, &peer), 0);
    ck_assert_int_eq(trk_applink_establish(&other, true, 1234, false), 0);
    ck_assert_int_eq(trk_applink_look(&other), 0);
    ck_assert_uint_eq(other.end, 0);
    close(peer);
    trk_applink_note(&other, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    ck_assert_int_eq(trk_applink_look(&other), -ECONNRESET);
    trk_applink_reset(&other);
}
END_TEST

START_TEST(accepted_end_needs_no_duplicate)
{
    struct trk_applink other;
    uint8_t buf[3] = "";
    int peer;
    ck_assert_int_eq(other_set_up(&other, TRK_NAME_STREAM, TRK_LINK_ACCEPT_BYTES, false, &peer), 0);
    ck_assert_int_eq(trk_applink_establish(&other, false, 0, false), 0);
    ck_assert_int_eq(trk_applink_look(&other), 0);
    ck_assert_uint_eq(other.end, 3);
    ck_assert_int_eq(trk_applink_peek(&other, 0, buf, 3), 0);
    ck_assert_mem_eq(buf, "GET", 3);
    close(peer);
    trk_applink_reset(&other);
}
END_TEST

/* There is no other way to its result. */
START_TEST(connecting_end_must_pass_a_duplicate)
{
    struct trk_applink other;
    int peer;
    ck_assert_int_eq(other_set_up(&other, TRK_NAME_CONNECT, TRK_LINK_CONNECT_BYTES, false, &peer), -EPROTO);
    close(peer);
    trk_applink_reset(&other);
}
END_TEST

/* A read ends where another process's bytes begin. */
START_TEST(bytes_of_several_processes)
{
    uint8_t buf[9] = "";
    for (int i = 0; i < 3; i++) {
        pid_t child = i == 1 ? fork() : 0;
        int status = 0;
        if (child == 0)
            ck_assert_int_eq(send(app, &"abcdefghi"[3 * i], 3, 0), 3);
        if (i == 1 && child == 0)
            _exit(0);
        ck_assert(i != 1 || (waitpid(child, &status, 0) == child && status == 0));
    }
    trk_applink_note(&link_, EPOLLIN);
    ck_assert_int_eq(trk_applink_look(&link_), 0);
    ck_assert_uint_eq(link_.end, 9);
    ck_assert_int_eq(trk_applink_peek(&link_, 0, buf, 9), 0);
    ck_assert_mem_eq(buf, "abcdefghi", 9);
    ck_assert_int_eq(trk_applink_peek(&link_, 2, buf, 7), 0);
    ck_assert_mem_eq(buf, "cdefghi", 7);
    memset(buf, 0, sizeof buf);
    ck_assert_int_eq(trk_applink_move(&link_, buf, 9), 0);
    ck_assert_mem_eq(buf, "abcdefghi", 9);
}
END_TEST

/* Near the front, and beyond what is looked at without SO_PEEK_OFF. */
START_TEST(peek_far_from_the_front)
{
    char text[1001] = "";
    uint8_t buf[400];
    for (size_t i = 0; i < 1000; i++)
        text[i] = (char)('a' + i % 26);
    write_and_look(text);
    for (size_t off = 0; off <= 600; off += 100) {
        ck_assert_int_eq(trk_applink_peek(&link_, off, buf, sizeof buf), 0);
        ck_assert_mem_eq(buf, text + off, sizeof buf);
    }
    ck_assert_int_eq(trk_applink_peek(&link_, 10, buf, sizeof buf), 0);
    ck_assert_mem_eq(buf, text + 10, sizeof buf);
}
END_TEST

START_TEST(room_is_made_once_and_then_waited_for)
{
    static char block[1 << 16];
    struct iovec iov = {block, sizeof block};
    size_t all = 0;
    long n;
    int bytes;
    socklen_t len = sizeof bytes;
    ck_assert(!link_.wide);
    while ((n = trk_applink_write(&link_, &iov, 1)) > 0)
        all += (size_t)n;
    ck_assert_int_eq(n, 0);
    ck_assert(link_.wide && link_.full);
    ck_assert_int_eq(getsockopt(link_.fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len), 0);
    ck_assert_uint_ge(all, 300000);
    trk_applink_note(&link_, EPOLLOUT);
    ck_assert(!link_.full);
    ck_assert_int_eq(trk_applink_write(&link_, &iov, 1), 0);
    ck_assert(link_.full);
}
END_TEST

START_TEST(write_to_a_deaf_application_is_taken_and_dropped)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    ck_assert_int_eq(shutdown(app, SHUT_RD), 0);
    ck_assert_int_eq(trk_applink_write(&link_, &iov, 1), 1);
    ck_assert(link_.deaf);
}
END_TEST

START_TEST(write_to_a_closed_application_fails)
{
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    close(app);
    app = -1;
    ck_assert_int_eq(trk_applink_write(&link_, &iov, 1), -EPIPE);
    ck_assert(!link_.deaf);
}
END_TEST

START_TEST(garbage_is_no_set_up_message)
{
    struct trk_name name;
    struct trk_applink other;
    struct ucred who;
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    trk_applink_init(&other, &daemon_, pair[0]);
    ck_assert_int_eq(send(pair[1], "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    ck_assert_int_eq(trk_applink_read_setup(&other, &name, &who), -EPROTO);
    trk_applink_reset(&other);
    close(pair[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("applink");
    TCase *tc = tcase_create("applink");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, result_reaches_the_application);
    tcase_add_test(tc, take_gives_bytes_in_order_over_two_pieces);
    tcase_add_test(tc, take_into_little_room_goes_on_later);
    tcase_add_test(tc, reset_is_one_after_everything_was_taken);
    tcase_add_test(tc, reset_is_one_before_any_byte);
    tcase_add_test(tc, clean_close_is_an_end_of_file);
    tcase_add_test(tc, clean_close_after_both_have_shut_down);
    tcase_add_test(tc, clean_close_with_released_bytes_in_the_queue);
    tcase_add_test(tc, peek_and_release_at_any_offset);
    tcase_add_test(tc, move_after_peek_keeps_the_place);
    tcase_add_test(tc, accepted_end_needs_no_duplicate);
    tcase_add_test(tc, connecting_end_must_pass_a_duplicate);
    tcase_add_test(tc, bytes_of_several_processes);
    tcase_add_test(tc, peek_far_from_the_front);
    tcase_add_test(tc, release_of_all_that_a_closed_application_wrote);
    tcase_add_test(tc, short_set_up_message_is_a_reset);
    tcase_add_test(tc, room_is_made_once_and_then_waited_for);
    tcase_add_test(tc, write_to_a_deaf_application_is_taken_and_dropped);
    tcase_add_test(tc, write_to_a_closed_application_fails);
    tcase_add_test(tc, garbage_is_no_set_up_message);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
