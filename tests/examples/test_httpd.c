/* examples/httpd: every kind of answer, driven event by event, with and without a memory. */
#define _GNU_SOURCE 1
#define main httpd_main
int httpd_main(int argc, char **argv);
#include "examples/httpd.c"
#undef main

#include "answers.h"

#include <check.h>
#include <ftw.h>
#include <sys/time.h>

enum { SEEDS = 25, STEPS = 20000, BIG = 70000 };

static char folder[64];
static char outside[80];
static uint8_t big[BIG];

static void write_file(const char *name, const void *buf, size_t len)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_msg(f != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(buf, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

static void make_folder(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void make_link(const char *to, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(symlink(to, path), 0);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/test_httpd-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(outside, sizeof outside, "%s/out", folder);
    make_folder("out");
    write_file("out/secret", "secret", 6);
    make_folder("root");
    strcat(folder, "/root");
    for (size_t i = 0; i < BIG; i++)
        big[i] = (uint8_t)(i * 2654435761u >> 13);
    write_file("big.bin", big, BIG);
    write_file("a.txt", "hello\n", 6);
    write_file("empty", "", 0);
    write_file("with space & <b>.txt", "x", 1);
    make_folder("sub");
    write_file("sub/index.html", "<p>index", 8);
    make_folder("list");
    write_file("list/b", "", 0);
    write_file("list/a\"<&", "", 0);
    write_file("list/.hidden", "", 0);
    make_folder("list/c");
    make_link("a.txt", "inside");
    make_link("../out/secret", "escape");
    make_link("/etc/passwd", "absolute");
    make_link("../../out", "list/up");
    char fifo[100];
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    ck_assert_int_eq(mkfifo(fifo, 0644), 0);
    root_fd = open(folder, O_PATH | O_DIRECTORY);
    ck_assert_int_ge(root_fd, 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void tear_down(void)
{
    let_go();
    close(root_fd);
    folder[strlen(folder) - strlen("/root")] = '\0';
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The answer to one request, by a careful client. */
static struct answer_seen ask_once(const char *request, bool head_only)
{
    static struct fake *f;
    if (f != NULL)
        fake_free(f);
    f = fake_new(1, false);
    f->careful = true;
    fake_say(f, "%s", request);
    fake_run(f, handle, STEPS);
    size_t at = 0;
    struct answer_seen a = next_answer(f, &at, head_only);
    ck_assert_msg(at == f->down_len, "bytes behind the answer to %s", request);
    return a;
}

static struct answer_seen get(const char *target, const char *fields)
{
    char request[24000];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, fields);
    return ask_once(request, false);
}

static void check_body(const struct answer_seen *a, const void *body, size_t len)
{
    ck_assert_uint_eq(a->len, len);
    ck_assert_mem_eq(a->body, body, len);
}

START_TEST(files_arrive_with_their_type_and_length)
{
    struct answer_seen a = get("/a.txt", "");
    ck_assert_uint_eq(a.status, 200);
    check_body(&a, "hello\n", 6);
    ck_assert_str_eq(field_seen(&a, "content-type"), "text/plain; charset=utf-8");
    ck_assert_ptr_nonnull(field_seen(&a, "date"));
    a = get("/big.bin", "");
    check_body(&a, big, BIG);
    a = get("/empty", "");
    ck_assert_uint_eq(a.status, 200);
    ck_assert_uint_eq(a.len, 0);
}
END_TEST

START_TEST(targets_are_decoded_and_never_lead_out)
{
    static const struct {
        const char *target;
        unsigned status;
    } cases[] = {
        {"/with%20space%20&%20%3Cb%3e.txt", 200},
        {"//a.txt", 200},
        {"/%2fa.txt", 200},
        {"/a.txt?query", 200},
        {"http://h/a.txt", 200},
        {"/sub/../a.txt", 200},
        {"/inside", 200},
        {"/sub/", 200},
        {"/nothing", 404},
        {"/a.txt/", 404},
        {"/escape", 404},
        {"/absolute", 404},
        {"/list/up/secret", 404},
        {"/../out/secret", 404},
        {"/%2e%2e/out/secret", 404},
        {"/..%2fout/secret", 404},
        {"/%2fetc/passwd", 404},
        {"/sub/../../out/secret", 404},
        {"/fifo", 404},
        {"/a%00.txt", 400},
        {"/a%zz", 400},
        {"/a%2", 400},
        {"a.txt", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(get(cases[i].target, "").status == cases[i].status, "%s: %u", cases[i].target,
                      get(cases[i].target, "").status);
}
END_TEST

START_TEST(faulty_requests_are_refused_and_end_the_connection)
{
    static const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"G<T / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"\x16\x03\x01\x02", 501},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer_seen a = ask_once(cases[i].request, false);
        ck_assert_msg(a.status == cases[i].status, "%s: %u", cases[i].request, a.status);
        ck_assert_str_eq(field_seen(&a, "connection"), "close");
    }
    struct answer_seen a = ask_once("DELETE /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", false);
    ck_assert_uint_eq(a.status, 405);
    ck_assert_str_eq(field_seen(&a, "allow"), "GET, HEAD");
    ck_assert_ptr_null(field_seen(&a, "connection"));
}
END_TEST

/* Bounds: the last that is taken, and one more. */
START_TEST(heads_have_bounds)
{
    char target[WEB_TARGET_MAX_BYTES + 64], fields[17000];
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[WEB_PATH_MAX_BYTES] = '\0';
    ck_assert_uint_eq(get(target, "").status, 404);
    target[WEB_PATH_MAX_BYTES] = 'a';
    target[WEB_PATH_MAX_BYTES + 1] = '\0';
    ck_assert_uint_eq(get(target, "").status, 414);
    memcpy(target, "/a.txt?", 7);
    target[WEB_PATH_MAX_BYTES + 1] = 'a';
    target[WEB_TARGET_MAX_BYTES] = '\0';
    ck_assert_uint_eq(get(target, "").status, 200);
    target[WEB_TARGET_MAX_BYTES] = 'a';
    target[WEB_TARGET_MAX_BYTES + 1] = '\0';
    ck_assert_uint_eq(get(target, "").status, 414);
    *fields = '\0';
    for (int i = 1; i < WEB_FIELDS_MAX; i++)
        strcat(fields, "X: y\r\n");
    ck_assert_uint_eq(get("/a.txt", fields).status, 200);
    strcat(fields, "X: y\r\n");
    ck_assert_uint_eq(get("/a.txt", fields).status, 431);
    const size_t head = strlen("GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
    memset(fields, 'z', sizeof fields);
    memcpy(fields, "X: ", 3);
    strcpy(fields + WEB_HEAD_MAX_BYTES - head - 2, "\r\n");
    ck_assert_uint_eq(get("/a.txt", fields).status, 200);
    fields[WEB_HEAD_MAX_BYTES - head - 2] = 'z';
    strcpy(fields + WEB_HEAD_MAX_BYTES - head - 1, "\r\n");
    ck_assert_uint_eq(get("/a.txt", fields).status, 431);
    /* Without an end. */
    memset(fields, 'z', WEB_HEAD_MAX_BYTES);
    memcpy(fields, "GET / HTTP/1.1\r\nX: ", 19);
    fields[WEB_HEAD_MAX_BYTES] = '\0';
    ck_assert_uint_eq(ask_once(fields, false).status, 431);
}
END_TEST

START_TEST(ranges_are_those_of_the_standard)
{
    static const struct {
        const char *range;
        unsigned status;
        size_t first, len;
    } cases[] = {
        {"bytes=0-0", 206, 0, 1},
        {"bytes=5-9", 206, 5, 5},
        {"Bytes=69999-", 206, 69999, 1},
        {"bytes=100-999999999", 206, 100, BIG - 100},
        {"bytes=-10", 206, BIG - 10, 10},
        {"bytes=-999999", 206, 0, BIG},
        {"bytes=70000-", 416, 0, 0},
        {"bytes=-0", 416, 0, 0},
        {"bytes=9-5", 200, 0, BIG},
        {"bytes=0-1,3-4", 200, 0, BIG},
        {"bytes=", 200, 0, BIG},
        {"bytes=-", 200, 0, BIG},
        {"bytes=a-b", 200, 0, BIG},
        {"lines=0-1", 200, 0, BIG},
        {"bytes=0-99999999999999999999", 200, 0, BIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char field[100], wanted[100];
        snprintf(field, sizeof field, "Range: %s\r\n", cases[i].range);
        struct answer_seen a = get("/big.bin", field);
        ck_assert_msg(a.status == cases[i].status, "%s: %u", cases[i].range, a.status);
        if (a.status == 416) {
            ck_assert_str_eq(field_seen(&a, "content-range"), "bytes */70000");
            continue;
        }
        check_body(&a, big + cases[i].first, cases[i].len);
        if (a.status == 206) {
            snprintf(wanted, sizeof wanted, "bytes %zu-%zu/70000", cases[i].first,
                     cases[i].first + cases[i].len - 1);
            ck_assert_str_eq(field_seen(&a, "content-range"), wanted);
        }
    }
    ck_assert_uint_eq(get("/empty", "Range: bytes=0-\r\n").status, 416);
}
END_TEST

START_TEST(offsets_beyond_4_gib)
{
    char path[100];
    snprintf(path, sizeof path, "%s/huge", folder);
    int file = open(path, O_RDWR | O_CREAT, 0644);
    ck_assert_int_eq(ftruncate(file, (off_t)5 << 30), 0);
    ck_assert_int_eq(pwrite(file, "here", 4, ((off_t)5 << 30) - 10), 4);
    close(file);
    struct answer_seen a = get("/huge", "Range: bytes=5368709110-\r\n");
    ck_assert_uint_eq(a.status, 206);
    check_body(&a, "here\0\0\0\0\0\0", 10);
    ck_assert_str_eq(field_seen(&a, "content-range"), "bytes 5368709110-5368709119/5368709120");
    a = ask_once("HEAD /huge HTTP/1.1\r\nHost: h\r\n\r\n", true);
    ck_assert_str_eq(field_seen(&a, "content-length"), "5368709120");
}
END_TEST

static void set_mtime(const char *name, time_t s, long ns)
{
    struct timespec times[2] = {{s, ns}, {s, ns}};
    ck_assert_int_eq(utimensat(root_fd, name, times, 0), 0);
}

START_TEST(conditions_are_those_of_the_standard)
{
    char etag[1024], f[4096];
    set_mtime("a.txt", 1000000000, 5);
    struct answer_seen a = get("/a.txt", "");
    snprintf(etag, sizeof etag, "%s", field_seen(&a, "etag"));
    ck_assert_str_eq(field_seen(&a, "last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
    const char *old = "Sun, 09 Sep 2001 01:46:39 GMT", *same = "Sun, 09 Sep 2001 01:46:40 GMT";
    const struct {
        const char *format, *value;
        unsigned status;
    } cases[] = {
        {"If-None-Match: %s\r\n", etag, 304},
        {"If-None-Match: \"x\", W/%s\r\n", etag, 304},
        {"If-None-Match: %s\r\n", "*", 304},
        {"If-None-Match: %s\r\n", "\"x\"", 200},
        {"If-None-Match: \"x\"\r\nIf-Modified-Since: %s\r\n", same, 200},
        {"If-Modified-Since: %s\r\n", same, 304},
        {"If-Modified-Since: %s\r\n", "Sunday, 09-Sep-01 01:46:40 GMT", 304},
        {"If-Modified-Since: %s\r\n", "Sun Sep  9 01:46:40 2001", 304},
        {"If-Modified-Since: %s\r\n", old, 200},
        {"If-Modified-Since: %s\r\n", "nonsense", 200},
        {"If-Match: %s\r\n", etag, 200},
        {"If-Match: W/%s\r\n", etag, 412},
        {"If-Match: %s\r\n", "\"x\"", 412},
        {"If-Unmodified-Since: %s\r\n", old, 412},
        {"If-Unmodified-Since: %s\r\n", same, 200},
        {"Range: bytes=0-1\r\nIf-Range: %s\r\n", etag, 206},
        {"Range: bytes=0-1\r\nIf-Range: W/%s\r\n", etag, 200},
        {"Range: bytes=0-1\r\nIf-Range: %s\r\n", "\"x\"", 200},
        {"Range: bytes=0-1\r\nIf-Range: %s\r\n", same, 206},
        {"Range: bytes=0-1\r\nIf-Range: %s\r\n", old, 200},
        {"Range: bytes=9-\r\nIf-None-Match: %s\r\n", etag, 304},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(f, sizeof f, cases[i].format, cases[i].value);
#pragma GCC diagnostic pop
        a = get("/a.txt", f);
        ck_assert_msg(a.status == cases[i].status, "%s: %u", f, a.status);
    }
    set_mtime("a.txt", 1000000000, 6);
    snprintf(f, sizeof f, "If-None-Match: %s\r\n", etag);
    ck_assert_uint_eq(get("/a.txt", f).status, 200);
    set_mtime("a.txt", time(NULL), 0);
    a = get("/a.txt", "");
    snprintf(f, sizeof f, "Range: bytes=0-1\r\nIf-Range: %s\r\n", field_seen(&a, "last-modified"));
    ck_assert_uint_eq(get("/a.txt", f).status, 200);
}
END_TEST

START_TEST(folders_are_listed_or_show_their_index)
{
    struct answer_seen a = get("/sub/", "");
    check_body(&a, "<p>index", 8);
    ck_assert_str_eq(field_seen(&a, "content-type"), "text/html; charset=utf-8");
    a = get("/sub", "");
    ck_assert_uint_eq(a.status, 301);
    ck_assert_str_eq(field_seen(&a, "location"), "/sub/");
    a = get("//list", ""); /* never "//list/", which would be another host */
    ck_assert_str_eq(field_seen(&a, "location"), "/list/");
    a = get("/list/", "");
    ck_assert_uint_eq(a.status, 200);
    const char *page = (const char *)a.body;
    const char *first = strstr(page, "<a href=\"./a%22%3C%26\">a&#34;&#60;&#38;</a>");
    const char *second = strstr(page, "<a href=\"./b\">b</a>");
    const char *third = strstr(page, "<a href=\"./c/\">c/</a>");
    ck_assert(first != NULL && second > first && third > second);
    ck_assert_ptr_null(strstr(page, "hidden"));
    ck_assert_uint_eq(get("/", "").status, 200);
}
END_TEST

START_TEST(head_has_the_header_of_get)
{
    char wanted[4096];
    struct answer_seen a = get("/big.bin", "");
    snprintf(wanted, sizeof wanted, "%s", strstr(a.head, "Content-Type"));
    a = ask_once("HEAD /big.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n", true);
    ck_assert_uint_eq(a.status, 200);
    ck_assert_str_eq(strstr(a.head, "Content-Type"), wanted);
}
END_TEST

START_TEST(http_1_0_closes_unless_asked_not_to)
{
    struct answer_seen a = ask_once("GET /a.txt HTTP/1.0\r\n\r\n", false);
    ck_assert_str_eq(field_seen(&a, "connection"), "close");
    a = ask_once("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false);
    ck_assert_str_eq(field_seen(&a, "connection"), "keep-alive");
}
END_TEST

/* Pipelined requests of every kind, to a client that loses, repeats and asks at odd places; each
 * event by a process that knows nothing of the others. */
static void pipeline(uint64_t seed, bool forget)
{
    struct fake *f = fake_new(seed, forget);
    fake_say(f, "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /big.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=1000-40999\r\n\r\n"
                "HEAD /big.bin HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /list/ HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /big.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    if (seed % 2 == 0)
        fake_hang_up(f);
    fake_run(f, handle, STEPS);
    ck_assert(!f->reset);
    ck_assert(f->closed);
    size_t at = 0;
    struct answer_seen a = next_answer(f, &at, false);
    check_body(&a, "hello\n", 6);
    a = next_answer(f, &at, false);
    ck_assert_uint_eq(a.status, 206);
    check_body(&a, big + 1000, 40000);
    ck_assert_uint_eq(next_answer(f, &at, true).status, 200);
    ck_assert_uint_eq(next_answer(f, &at, false).status, 404);
    ck_assert_uint_eq(next_answer(f, &at, false).status, 200);
    a = next_answer(f, &at, false);
    check_body(&a, big, BIG);
    ck_assert_uint_eq(at, f->down_len);
    fake_free(f);
}

START_TEST(pipelined_by_servers_without_a_memory)
{
    pipeline((uint64_t)_i + 1, true);
}
END_TEST

START_TEST(pipelined_by_one_server)
{
    pipeline((uint64_t)_i + 1, false);
}
END_TEST

START_TEST(a_client_that_hangs_up_sees_the_end)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        struct fake *f = fake_new(seed, true);
        if (seed % 3 != 0)
            fake_say(f, "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n");
        if (seed % 3 == 1)
            fake_say(f, "GET /a.tx"); /* never finished */
        fake_hang_up(f);
        fake_run(f, handle, STEPS);
        ck_assert(f->closed && !f->reset);
        size_t at = 0;
        if (seed % 3 != 0)
            ck_assert_uint_eq(next_answer(f, &at, false).status, 200);
        ck_assert_uint_eq(at, f->down_len);
        fake_free(f);
    }
}
END_TEST

/* A file that changes under a download: a reset, and what came before is of the old one. */
static void change_under(const char *how)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        struct fake *f = fake_new(seed, seed % 2 == 0);
        write_file("v", big, BIG);
        set_mtime("v", 1000000000, 0);
        f->window = 2000;
        fake_say(f, "GET /v HTTP/1.1\r\nHost: h\r\n\r\n");
        fake_run_to(f, handle, 3000, STEPS);
        let_go(); /* the batch is over */
        char path[100], other[100];
        snprintf(path, sizeof path, "%s/v", folder);
        snprintf(other, sizeof other, "%s/w", folder);
        if (strcmp(how, "rewritten") == 0) {
            int file = open(path, O_WRONLY);
            ck_assert_int_eq(pwrite(file, path, 10, 60000), 10);
            close(file);
        } else if (strcmp(how, "replaced") == 0) {
            write_file("w", path, sizeof path);
            ck_assert_int_eq(rename(other, path), 0);
        } else if (strcmp(how, "cut") == 0) {
            ck_assert_int_eq(truncate(path, 40000), 0);
            set_mtime("v", 1000000000, 0);
        } else {
            ck_assert_int_eq(unlink(path), 0);
        }
        fake_run(f, handle, STEPS);
        ck_assert_msg(f->reset, "%s", how);
        const uint8_t *body = memmem(f->down, f->down_len, "\r\n\r\n", 4);
        ck_assert_ptr_nonnull(body);
        ck_assert_mem_eq(body + 4, big, f->down_len - (size_t)(body + 4 - f->down));
        fake_free(f);
    }
}

START_TEST(a_file_that_changes_ends_the_download)
{
    change_under("rewritten");
    change_under("replaced");
    change_under("cut");
    change_under("removed");
}
END_TEST

/* Which the events of one batch share: to its end they have what they began with. */
START_TEST(a_file_is_open_for_a_batch)
{
    for (uint64_t seed = 1; seed <= rounds_of(SEEDS); seed++) {
        struct fake *f = fake_new(seed, false);
        write_file("v", big, BIG);
        f->window = 2000;
        fake_say(f, "GET /v HTTP/1.1\r\nHost: h\r\n\r\n");
        fake_run_to(f, handle, 3000, STEPS);
        ck_assert_int_eq(unlinkat(root_fd, "v", 0), 0);
        fake_run_to(f, handle, 20000, STEPS);
        ck_assert(!f->reset);
        let_go();
        fake_run(f, handle, STEPS);
        ck_assert(f->reset);
        const uint8_t *body = memmem(f->down, f->down_len, "\r\n\r\n", 4);
        ck_assert_ptr_nonnull(body);
        ck_assert_mem_eq(body + 4, big, f->down_len - (size_t)(body + 4 - f->down));
        fake_free(f);
    }
}
END_TEST

/* The connection does not suffer from what happens to a file that has been fetched already. */
START_TEST(a_file_that_changed_afterwards_is_nobodys_business)
{
    struct fake *f = fake_new(1, true);
    f->careful = true;
    write_file("v", "old", 3);
    set_mtime("v", 1000000000, 0);
    fake_say(f, "GET /v HTTP/1.1\r\nHost: h\r\n\r\n");
    fake_run(f, handle, STEPS);
    write_file("v", "newer", 5);
    fake_say(f, "GET /v HTTP/1.1\r\nHost: h\r\n\r\n");
    fake_run(f, handle, STEPS);
    ck_assert(!f->reset);
    size_t at = 0;
    struct answer_seen a = next_answer(f, &at, false);
    check_body(&a, "old", 3);
    a = next_answer(f, &at, false);
    check_body(&a, "newer", 5);
    fake_free(f);
}
END_TEST

START_TEST(a_continuation_of_another_layout_is_reset)
{
    struct fake *f = fake_new(1, false);
    fake_say(f, "GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    fake_run_to(f, handle, 1, STEPS);
    f->held[f->n_held - 1].user[offsetof(struct answer, layout)]++;
    uint8_t byte;
    ck_assert_int_eq(fake_replay(f, handle, f->n_held - 1, 0, 1, &byte), -1);
    fake_free(f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("httpd");
    TCase *one = tcase_create("answers");
    tcase_add_checked_fixture(one, set_up, tear_down);
    tcase_set_timeout(one, 60);
    tcase_add_test(one, files_arrive_with_their_type_and_length);
    tcase_add_test(one, targets_are_decoded_and_never_lead_out);
    tcase_add_test(one, faulty_requests_are_refused_and_end_the_connection);
    tcase_add_test(one, heads_have_bounds);
    tcase_add_test(one, ranges_are_those_of_the_standard);
    tcase_add_test(one, offsets_beyond_4_gib);
    tcase_add_test(one, conditions_are_those_of_the_standard);
    tcase_add_test(one, folders_are_listed_or_show_their_index);
    tcase_add_test(one, head_has_the_header_of_get);
    tcase_add_test(one, http_1_0_closes_unless_asked_not_to);
    tcase_add_loop_test(one, pipelined_by_servers_without_a_memory, 0, (int)rounds_of(SEEDS));
    tcase_add_loop_test(one, pipelined_by_one_server, 0, (int)rounds_of(SEEDS));
    tcase_add_test(one, a_client_that_hangs_up_sees_the_end);
    tcase_add_test(one, a_file_that_changes_ends_the_download);
    tcase_add_test(one, a_file_is_open_for_a_batch);
    tcase_add_test(one, a_file_that_changed_afterwards_is_nobodys_business);
    tcase_add_test(one, a_continuation_of_another_layout_is_reset);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
