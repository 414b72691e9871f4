/*
 * libminisocket over its embedded back end, with a real client over loopback UDP: what handlers see,
 * and what becomes of what they say. Errors and hostile uses: test_minisocket_errors.c.
 */
#include <config.h>

#include "minisocket_world.h"

#include <sys/mman.h>

enum { MIB = 1 << 20 };

static struct msk_event seen; /* the last event, as far as it may be kept */
static unsigned seen_kinds[MSK_CLOSED + 1];

static void note(const struct msk_event *ev)
{
    seen = *ev;
    seen_kinds[ev->kind]++;
}

/* ---- one packet ---- */

static void say_hello(int fd, const struct msk_event *ev)
{
    static const uint8_t text[] = "hello ";
    note(ev);
    if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, ev->request, ev->request_len, 0), 0);
        ck_assert_int_eq(msk_send(fd, ev->msk, text, 6), 6);
        ck_assert_int_eq(msk_send(fd, ev->msk, ev->request, ev->request_len),
                         (ssize_t)ev->request_len);
        ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    } else if (ev->kind == MSK_MORE) {
        ck_assert_int_eq(msk_send(fd, ev->msk, text, 6), 6);
        ck_assert_int_eq(msk_send(fd, ev->msk, ev->ucont, ev->ucont_len), (ssize_t)ev->ucont_len);
        ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(request_of_one_packet_is_answered)
{
    struct world w = world_open(say_hello, NULL);
    struct world_client c = world_connect(&w);
    world_ask_text(&c, "world");
    world_until(&w, &c, 11);
    ck_assert_uint_eq(c.len, 11);
    ck_assert_int_eq(memcmp(c.got, "hello world", 11), 0);
    ck_assert_uint_eq(seen_kinds[MSK_REQUEST], 1);
    ck_assert_uint_ne(seen.conn, 0);
    ck_assert_uint_eq(seen.request_off, 0);
    ck_assert(seen.ucont == NULL && seen.ucont_len == 0);
    ck_assert_uint_eq(seen.end, 0);
    ck_assert_uint_ge(seen.packets, 1);
    ck_assert_uint_gt(seen.packet_bytes, 1000);
    ck_assert_int_eq(seen.peer.ss_family, AF_INET);
    ck_assert_uint_ge(seen.n_ranges, 1);
    ck_assert_uint_eq(seen.range[0].off, 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

START_TEST(requests_follow_each_other)
{
    struct world w = world_open(say_hello, NULL);
    struct world_client c = world_connect(&w);
    for (unsigned i = 1; i <= 50; i++) {
        world_ask_text(&c, "again");
        world_until(&w, &c, i * 11);
        ck_assert_uint_eq(c.len, i * 11);
        ck_assert_int_eq(memcmp(c.got + (i - 1) * 11, "hello again", 11), 0);
    }
    ck_assert_uint_ge(seen.request_off, 49 * 5);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

START_TEST(several_clients_at_once)
{
    struct world w = world_open(say_hello, NULL);
    struct world_client c[16];
    uint64_t deadline_ms = world_deadline();
    size_t done = 0;
    for (int i = 0; i < 16; i++) {
        c[i] = world_connect(&w);
        world_ask_text(&c[i], "world");
    }
    while (done < 16 * 11) {
        world_turn(&w, c, 16, deadline_ms);
        done = 0;
        for (int i = 0; i < 16; i++)
            done += c[i].len;
    }
    for (int i = 0; i < 16; i++) {
        ck_assert_int_eq(memcmp(c[i].got, "hello world", 11), 0);
        world_leave(&c[i]);
    }
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- long answers ---- */

static uint8_t content[3 * MIB];

/* Describes all of it each time. */
static void give_all(int fd, const struct msk_event *ev)
{
    note(ev);
    if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, "all", 3, 0), 0);
    }
    if (ev->kind == MSK_REQUEST || ev->kind == MSK_MORE) {
        ck_assert_int_eq(msk_send(fd, ev->msk, content, sizeof content), (ssize_t)sizeof content);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(long_answer_described_whole_each_time)
{
    struct world w = world_open(give_all, NULL);
    struct world_client c = world_connect(&w);
    world_fill(content, 0, sizeof content);
    world_ask_text(&c, "all");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, sizeof content);
    world_same(c.got, 0, c.len);
    ck_assert_uint_gt(seen_kinds[MSK_MORE], 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* Generates what is wanted; seekable: the continuation says nothing but how long the stream is. */
static void generate(int fd, const struct msk_event *ev)
{
    uint8_t buf[10000];
    note(ev);
    if (ev->kind == MSK_REQUEST)
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
    if (ev->kind == MSK_REQUEST || ev->kind == MSK_MORE) {
        uint64_t first = ev->n_ranges > 0 ? ev->range[0].off : 0;
        if (ev->kind == MSK_REQUEST)
            ck_assert_int_eq(msk_setucont(fd, ev->msk, 0, NULL, 0, 0), 0);
        if (first > msk_tell(fd, ev->msk))
            ck_assert_int_eq(msk_seek(fd, ev->msk, first), 0);
        while (msk_wanted(fd, ev->msk) > 0) {
            uint64_t at = msk_tell(fd, ev->msk);
            size_t n = sizeof content - at < sizeof buf ? (size_t)(sizeof content - at)
                                                        : sizeof buf;
            if (n == 0)
                break;
            world_fill(buf, at, n);
            struct iovec iov[2] = {{.iov_base = buf, .iov_len = n / 3},
                                   {.iov_base = buf + n / 3, .iov_len = n - n / 3}};
            ck_assert_int_eq(msk_sendv(fd, ev->msk, iov, 2), (ssize_t)n);
        }
        ck_assert_int_eq(msk_seek(fd, ev->msk, sizeof content), 0);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(generated_answer_seeks_to_what_is_wanted)
{
    struct world w = world_open(generate, NULL);
    struct world_client c = world_connect(&w);
    world_ask_text(&c, "go");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, sizeof content);
    world_same(c.got, 0, c.len);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* Chained: byte i depends on all before it; the continuation has the state at its offset. The end
 * shows only when it is reached. */
struct chain {
    uint64_t off;
    uint32_t state;
    uint32_t nothing; /* all bytes of it travel */
};
enum { CHAIN_BYTES = 400000 };

static uint8_t chain_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint8_t)(*state >> 24);
}

static void go_along(int fd, const struct msk_event *ev, struct chain at)
{
    uint8_t buf[1000];
    while (at.off < CHAIN_BYTES && msk_wanted(fd, ev->msk) > 0) {
        for (size_t i = 0; i < sizeof buf; i++)
            buf[i] = chain_next(&at.state);
        at.off += sizeof buf;
        ck_assert_int_eq(msk_send(fd, ev->msk, buf, sizeof buf), (ssize_t)sizeof buf);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, &at, sizeof at, 0), 0);
    }
    if (at.off == CHAIN_BYTES)
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
}

static void chain(int fd, const struct msk_event *ev)
{
    struct chain at = {.off = 0, .state = 42};
    note(ev);
    if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, &at, sizeof at, 0), 0);
        go_along(fd, ev, at);
    } else if (ev->kind == MSK_MORE) {
        ck_assert_uint_eq(ev->ucont_len, sizeof at);
        memcpy(&at, ev->ucont, sizeof at);
        ck_assert_uint_eq(at.off, ev->from);
        go_along(fd, ev, at);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(chained_answer_goes_from_checkpoint_to_checkpoint)
{
    struct world w = world_open(chain, NULL);
    struct world_client c = world_connect(&w);
    uint32_t state = 42;
    world_ask_text(&c, "go");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, CHAIN_BYTES);
    size_t same = 0;
    while (same < c.len && c.got[same] == chain_next(&state))
        same++;
    ck_assert_uint_eq(same, CHAIN_BYTES);
    ck_assert_uint_gt(seen.from, 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- files ---- */

static int file_fd;
static size_t file_len;

static void give_file(int fd, const struct msk_event *ev)
{
    struct msk_file f[2] = {{.fd = file_fd, .off = 0, .len = 1000},
                            {.fd = file_fd, .off = 1000, .len = file_len - 1000}};
    note(ev);
    if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, "f", 1, 0), 0);
    }
    if (msk_sendfilev(fd, ev->msk, f, 2) != (ssize_t)file_len) {
        ck_assert_int_eq(errno, EIO);
        ck_assert_uint_eq(msk_tell(fd, ev->msk), ev->from);
        ck_assert_int_eq(msk_reset(fd, ev->msk), 0);
        return;
    }
    ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

static void make_file(size_t len)
{
    world_fill(content, 0, len);
    file_fd = memfd_create("content", MFD_CLOEXEC);
    file_len = len;
    ck_assert_int_ge(file_fd, 0);
    ck_assert_int_eq(write(file_fd, content, len), (ssize_t)len);
}

START_TEST(file_is_served)
{
    struct world w = world_open(give_file, NULL);
    struct world_client c = world_connect(&w);
    make_file(2 * MIB + 17);
    world_ask_text(&c, "file");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, file_len);
    world_same(c.got, 0, c.len);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
    close(file_fd);
}
END_TEST

START_TEST(file_cut_in_mid_download_ends_in_a_reset)
{
    struct world w = world_open(give_file, NULL);
    struct world_client c = world_connect(&w);
    make_file(2 * MIB);
    world_ask_text(&c, "file");
    world_until(&w, &c, 100000);
    ck_assert_int_eq(ftruncate(file_fd, (off_t)c.len + 3000), 0);
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, ECONNRESET);
    ck_assert_uint_lt(c.len, file_len);
    world_same(c.got, 0, c.len);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
    close(file_fd);
}
END_TEST

/* ---- requests ---- */

/* Answers with how many bytes it has got in all, once it has `wanted_len` of them. */
static size_t wanted_len;
static size_t longest_seen;

static void take_request(int fd, const struct msk_event *ev)
{
    note(ev);
    if (ev->request_len > longest_seen)
        longest_seen = ev->request_len;
    if (ev->kind == MSK_REQUEST && ev->request_len < wanted_len) {
        ck_assert_int_eq(msk_need(fd, ev->msk, wanted_len), 0);
    } else if (ev->kind == MSK_REQUEST) {
        world_same(ev->request, ev->request_off, ev->request_len);
        ck_assert_int_eq(msk_consume(fd, ev->msk, wanted_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, "r", 1, 0), 0);
        ck_assert_int_eq(msk_send(fd, ev->msk, "ok", 2), 2);
        ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    } else if (ev->kind == MSK_MORE) {
        ck_assert_int_eq(msk_send(fd, ev->msk, "ok", 2), 2);
        ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(request_as_long_as_can_be_is_seen_whole)
{
    struct world w = world_open(take_request, NULL);
    struct world_client c = world_connect(&w);
    world_fill(content, 0, MSK_REQUEST_MAX_BYTES + 1);
    wanted_len = MSK_REQUEST_MAX_BYTES;
    ck_assert_int_eq(msk_request(c.fd, content, MSK_REQUEST_MAX_BYTES + 1, 0), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    world_ask(&c, content, MSK_REQUEST_MAX_BYTES);
    world_until(&w, &c, 2);
    ck_assert_uint_eq(longest_seen, MSK_REQUEST_MAX_BYTES);
    ck_assert_int_eq(memcmp(c.got, "ok", 2), 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* An upload: chunk by chunk, its progress in the continuation alone. */
static uint64_t uploaded;

static void take_upload(int fd, const struct msk_event *ev)
{
    uint64_t got = 0;
    note(ev);
    if (ev->ucont_len == sizeof got)
        memcpy(&got, ev->ucont, sizeof got);
    ck_assert_uint_eq(got + (ev->kind == MSK_MORE), ev->request_off); /* the end counts as one */
    if (ev->kind == MSK_REQUEST || ev->kind == MSK_CLOSED) {
        world_same(ev->request, got, ev->request_len);
        got += ev->request_len;
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, &got, sizeof got, 0), 0);
    }
    if (ev->kind == MSK_CLOSED) {
        uploaded = got;
        ck_assert_int_eq(msk_send(fd, ev->msk, &got, sizeof got), (ssize_t)sizeof got);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    } else if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    } else if (ev->kind == MSK_MORE) {
        ck_assert_int_eq(msk_send(fd, ev->msk, &uploaded, sizeof uploaded),
                         (ssize_t)sizeof uploaded);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(upload_keeps_its_progress_in_the_continuation)
{
    struct world w = world_open(take_upload, NULL);
    struct world_client c = world_connect(&w);
    uint64_t deadline_ms = world_deadline(), said;
    size_t at = 0;
    world_fill(content, 0, MIB);
    while (at < MIB) {
        size_t n = MIB - at < 20000 ? MIB - at : 20000;
        if (msk_request(c.fd, content + at, n, 0) == (ssize_t)n) {
            at += n;
        } else {
            ck_assert_int_eq(errno, EAGAIN); /* too much is under way */
            world_turn(&w, &c, 1, deadline_ms);
        }
    }
    ck_assert_int_eq(msk_shutdown(c.fd), 0);
    ck_assert_int_eq(msk_request(c.fd, "x", 1, 0), -1);
    ck_assert_int_eq(errno, EPIPE);
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, sizeof said);
    memcpy(&said, c.got, sizeof said);
    ck_assert_uint_eq(said, MIB);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- the rest of a connection's life ---- */

static void greet(int fd, const struct msk_event *ev)
{
    note(ev);
    if (ev->kind == MSK_NEW || ev->kind == MSK_MORE) {
        ck_assert_int_eq(msk_setucont(fd, ev->msk, 0, "g", 1, 0), 0);
        ck_assert_int_eq(msk_send(fd, ev->msk, "220 here", 8), 8);
        ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    } else {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

static void want_new(struct msk_options *opt)
{
    opt->flags = MSK_WANT_NEW;
}

START_TEST(server_speaks_first)
{
    struct world w = world_open(greet, want_new);
    struct world_client c = world_connect(&w);
    world_until(&w, &c, 8);
    ck_assert_int_eq(memcmp(c.got, "220 here", 8), 0);
    ck_assert_uint_ge(seen_kinds[MSK_NEW], 1);
    ck_assert_int_eq(msk_shutdown(c.fd), 0);
    world_to_end(&w, &c);
    ck_assert(c.eof);
    ck_assert_uint_eq(c.len, 8);
    ck_assert_uint_ge(seen_kinds[MSK_CLOSED], 1);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

static void close_at_end(int fd, const struct msk_event *ev)
{
    note(ev);
    if (ev->kind == MSK_CLOSED) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_send(fd, ev->msk, "bye", 3), 3);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    } else if (ev->kind == MSK_MORE) {
        ck_assert_int_eq(msk_send(fd, ev->msk, "bye", 3), 3);
        ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(client_that_only_shuts_down_gets_an_end)
{
    struct world w = world_open(close_at_end, NULL);
    struct world_client c = world_connect(&w);
    ck_assert_int_eq(msk_shutdown(c.fd), 0);
    world_to_end(&w, &c);
    ck_assert(c.eof);
    ck_assert_uint_eq(c.len, 3);
    ck_assert_int_eq(msk_read(c.fd, c.got, 1), 0); /* as often as it is asked */
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

static void reset_it(int fd, const struct msk_event *ev)
{
    ck_assert_int_eq(msk_reset(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), -1);
    ck_assert_int_eq(errno, ENOENT);
}

START_TEST(reset_is_an_error_at_the_client)
{
    struct world w = world_open(reset_it, NULL);
    struct world_client c = world_connect(&w);
    world_ask_text(&c, "x");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, ECONNRESET);
    ck_assert_int_eq(msk_request(c.fd, "x", 1, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    ck_assert_int_eq(msk_shutdown(c.fd), -1);
    ck_assert_int_eq(msk_timeout(c.fd), -1);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- detached ---- */

static msk_t kept;

static void keep_it(int fd, const struct msk_event *ev)
{
    note(ev);
    if (ev->kind == MSK_REQUEST && kept == 0) {
        ck_assert_int_eq(msk_detach(fd, ev->msk), 0);
        kept = ev->msk;
        return;
    }
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(detached_event_is_answered_later)
{
    struct world w = world_open(keep_it, NULL);
    struct world_client c = world_connect(&w);
    uint64_t deadline_ms = world_deadline();
    world_ask_text(&c, "when it is time");
    while (kept == 0)
        world_turn(&w, &c, 1, deadline_ms);
    struct msk_event ev = seen;
    struct msk_event other;
    ck_assert_int_ge(msk_events(w.service, &other, 1), 0); /* it lives on, and what it points to */
    ck_assert_int_eq(memcmp(ev.request, "when it is time", 15), 0);
    ck_assert_uint_gt(msk_wanted(w.service, kept), 0);
    ck_assert_int_eq(msk_consume(w.service, kept, 15), 0);
    ck_assert_int_eq(msk_setucont(w.service, kept, MSK_HERE, "t", 1, 0), 0);
    ck_assert_int_eq(msk_send(w.service, kept, "now", 3), 3);
    ck_assert_int_eq(msk_detach(w.service, kept), 0); /* once more: this much leaves */
    world_until(&w, &c, 3);
    ck_assert_int_eq(msk_send(w.service, kept, ", then", 6), 6);
    ck_assert_int_eq(msk_close(w.service, kept), 0);
    ck_assert_int_eq(msk_drop(w.service, kept), 0);
    ck_assert_int_eq(msk_drop(w.service, kept), -1);
    ck_assert_int_eq(errno, ENOENT);
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, 9);
    ck_assert_int_eq(memcmp(c.got, "now, then", 9), 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

START_TEST(service_ends_with_events_kept)
{
    struct world w = world_open(keep_it, NULL);
    struct world_client c = world_connect(&w);
    uint64_t deadline_ms = world_deadline();
    world_ask_text(&c, "x");
    while (kept == 0)
        world_turn(&w, &c, 1, deadline_ms);
    ck_assert_int_eq(msk_send(w.service, kept, "never sent", 10), 10);
    ck_assert_int_eq(msk_finish(w.service), 0);
    world_leave(&c);
}
END_TEST

/* ---- many at once ---- */

static void answer_in_bulk(int fd, const struct msk_event *ev)
{
    struct iovec iov[2] = {{.iov_base = (void *)(uintptr_t) "hello ", .iov_len = 6},
                           {.iov_base = (void *)(uintptr_t)ev->request, .iov_len = ev->request_len}};
    struct msk_bulk b[3] = {
        {.msk = ev->msk,
         .iov = iov,
         .n_iov = 2,
         .ucont = ev->request,
         .ucont_len = ev->request_len,
         .consume = ev->request_len,
         .flags = MSK_BULK_END},
        {.msk = ev->msk, .flags = MSK_BULK_CLOSE}, /* gone by then */
        {.msk = 12345},
    };
    if (ev->kind != MSK_REQUEST) {
        say_hello(fd, ev);
        return;
    }
    ck_assert_int_eq(msk_sendbulk(fd, b, 3), 1);
    ck_assert_int_eq(b[0].error, 0);
    ck_assert_int_eq(b[1].error, ENOENT);
    ck_assert_int_eq(b[2].error, ENOENT);
}

START_TEST(bulk_answers_several)
{
    struct world w = world_open(answer_in_bulk, NULL);
    struct world_client c = world_connect(&w);
    world_ask_text(&c, "world");
    world_until(&w, &c, 11);
    ck_assert_int_eq(memcmp(c.got, "hello world", 11), 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* The descriptor stays readable while events wait, however few are taken at a time. */
START_TEST(events_that_were_not_taken_keep_the_descriptor_readable)
{
    struct world w = world_open(say_hello, NULL);
    struct world_client c[16];
    struct pollfd p = {.fd = w.service, .events = POLLIN};
    uint64_t deadline_ms = world_deadline();
    size_t done = 0;
    for (int i = 0; i < 16; i++) {
        c[i] = world_connect(&w);
        world_ask_text(&c[i], "world");
    }
    while (done < 16 * 11) {
        struct msk_event ev;
        while (poll(&p, 1, 0) == 1) {
            int n = msk_events(w.service, &ev, 1);
            ck_assert_int_ge(n, 0);
            if (n == 1)
                say_hello(w.service, &ev);
        }
        done = 0;
        ck_assert_uint_lt(world_now_ms(), deadline_ms);
        for (int i = 0; i < 16; i++) {
            world_read(&c[i]);
            done += c[i].len;
        }
    }
    for (int i = 0; i < 16; i++)
        world_leave(&c[i]);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- the service is gone and comes again ---- */

static char folder[] = "/tmp/test_minisocket.XXXXXX";
static char secret_path[sizeof folder + 16];

static void make_folder(void)
{
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(secret_path, sizeof secret_path, "%s/secret", folder);
}

static void remove_folder(void)
{
    char instance[sizeof folder + 16];
    snprintf(instance, sizeof instance, "%s/instance", folder);
    ck_assert_int_eq(unlink(secret_path), 0);
    ck_assert_int_eq(unlink(instance), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void with_secret(struct msk_options *opt)
{
    opt->secret_path = secret_path;
}

START_TEST(restarted_service_goes_on_with_the_download)
{
    make_folder();
    struct world w = world_open(give_all, with_secret);
    struct world_client c = world_connect(&w);
    world_fill(content, 0, sizeof content);
    world_ask_text(&c, "all");
    for (size_t mark = MIB / 2; mark < sizeof content; mark += MIB / 2) {
        world_until(&w, &c, mark);
        ck_assert_int_eq(msk_finish(w.service), 0);
        struct msk_options opt = world_options(w.udp_port);
        with_secret(&opt);
        w.service = msk_listen(WORLD_PORT, &opt);
        ck_assert_msg(w.service >= 0, "msk_listen: %s", strerror(errno));
    }
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, sizeof content);
    world_same(c.got, 0, c.len);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        request_of_one_packet_is_answered,
        requests_follow_each_other,
        several_clients_at_once,
        long_answer_described_whole_each_time,
        generated_answer_seeks_to_what_is_wanted,
        chained_answer_goes_from_checkpoint_to_checkpoint,
        file_is_served,
        file_cut_in_mid_download_ends_in_a_reset,
        request_as_long_as_can_be_is_seen_whole,
        upload_keeps_its_progress_in_the_continuation,
        server_speaks_first,
        client_that_only_shuts_down_gets_an_end,
        reset_is_an_error_at_the_client,
        detached_event_is_answered_later,
        service_ends_with_events_kept,
        bulk_answers_several,
        events_that_were_not_taken_keep_the_descriptor_readable,
        restarted_service_goes_on_with_the_download,
    };
    return unit_run("minisocket", tests, COUNT(tests));
}
