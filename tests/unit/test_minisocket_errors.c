/*
 * libminisocket over its embedded back end: every error that minisocket.h promises, bounds and one
 * past, and hostile uses. Linked to the parts of the library, for what only its inside can make:
 * bundles of the past, a thousand clients on one socket.
 */
#include <config.h>

#include "minisocket_world.h"

#include "base/sockaddr.h"
#include "core/bundle.h"
#include "core/client.h"
#include "crypto/keyring.h"
#include "crypto/sealer.h"
#include "mini/embed_int.h"

#include <limits.h>
#include <sys/stat.h>

static char folder[] = "/tmp/test_minisocket.XXXXXX";
static char secret_path[sizeof folder + 16], other_path[sizeof folder + 16];

static void make_folder(void)
{
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(secret_path, sizeof secret_path, "%s/secret", folder);
    snprintf(other_path, sizeof other_path, "%s/other", folder);
}

static void remove_folder(void)
{
    char instance[sizeof folder + 16];
    snprintf(instance, sizeof instance, "%s/instance", folder);
    unlink(secret_path);
    unlink(other_path);
    unlink(instance);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- listening ---- */

static int listen_with(void (*edit)(struct msk_options *))
{
    struct msk_options opt = world_options(world_free_port());
    edit(&opt);
    return msk_listen(WORLD_PORT, &opt);
}

static void bad_size(struct msk_options *o)
{
    o->size = sizeof *o + 1;
}
static void short_size(struct msk_options *o)
{
    o->size = sizeof(size_t);
}
static void bad_backend(struct msk_options *o)
{
    o->backend = (enum msk_backend)3;
}
static void bad_flags(struct msk_options *o)
{
    o->flags = 4;
}
static void bad_local(struct msk_options *o)
{
    o->local = "localhost";
}
static void foreign_local(struct msk_options *o)
{
    o->local = "192.0.2.1";
}
static void small_table(struct msk_options *o)
{
    o->table_bytes = TRK_REPLAY_MIN_BYTES - 1;
}
static void no_folder(struct msk_options *o)
{
    o->secret_path = "/nonexistent/secret";
}
static void no_daemon(struct msk_options *o)
{
    o->backend = MSK_DAEMON;
    o->socket_path = "/nonexistent/trickled.sock";
}
static void with_secret(struct msk_options *o)
{
    o->secret_path = secret_path;
}

START_TEST(listen_refuses_what_cannot_be)
{
    static const struct {
        void (*edit)(struct msk_options *);
        int err;
    } t[] = {{bad_size, EINVAL},    {short_size, EINVAL},           {bad_backend, EINVAL},
             {bad_flags, EINVAL},   {bad_local, EINVAL},            {small_table, EINVAL},
             {no_folder, ENOENT},   {foreign_local, EADDRNOTAVAIL}, {no_daemon, ECONNREFUSED}};
    for (size_t i = 0; i < COUNT(t); i++)
        fails(listen_with(t[i].edit), t[i].err);
    struct msk_options opt = world_options(world_free_port());
    fails(msk_listen(0, &opt), EINVAL);
}
END_TEST

START_TEST(listen_options_of_an_earlier_version_are_taken)
{
    struct msk_options opt = world_options(world_free_port());
    opt.size = offsetof(struct msk_options, secret_path);
    opt.secret_path = "/nonexistent/secret"; /* beyond what the caller says that it has */
    int fd = msk_listen(WORLD_PORT, &opt);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(msk_finish(fd), 0);
}
END_TEST

START_TEST(listen_backend_by_environment)
{
    struct msk_options opt = world_options(world_free_port());
    opt.backend = MSK_AUTO;
    opt.socket_path = "/nonexistent/trickled.sock";
    ck_assert_int_eq(setenv("MSK_BACKEND", "embedded", 1), 0);
    int fd = msk_listen(WORLD_PORT, &opt);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(msk_finish(fd), 0);
    ck_assert_int_eq(setenv("MSK_BACKEND", "embeded", 1), 0);
    fails(msk_listen(WORLD_PORT, &opt), EINVAL);
    ck_assert_int_eq(setenv("MSK_BACKEND", "daemon", 1), 0);
    fails(msk_listen(WORLD_PORT, &opt), ECONNREFUSED);
    ck_assert_int_eq(unsetenv("MSK_BACKEND"), 0);
    fails(msk_listen(WORLD_PORT, &opt), ECONNREFUSED);
}
END_TEST

static void shared(struct msk_options *o)
{
    o->flags = MSK_SHARED;
}

static void nothing(int fd, const struct msk_event *ev)
{
    (void)fd;
    (void)ev;
}

START_TEST(listen_port_in_use_unless_both_share_it)
{
    struct world w = world_open(nothing, NULL), s = world_open(nothing, shared);
    struct msk_options opt = world_options(w.udp_port);
    fails(msk_listen(WORLD_PORT, &opt), EADDRINUSE);
    opt.flags = MSK_SHARED;
    fails(msk_listen(WORLD_PORT, &opt), EADDRINUSE);
    opt.udp_port = s.udp_port;
    int fd = msk_listen(WORLD_PORT, &opt);
    ck_assert_int_ge(fd, 0);
    opt.flags = 0;
    fails(msk_listen(WORLD_PORT, &opt), EADDRINUSE);
    ck_assert_int_eq(msk_finish(fd), 0);
    ck_assert_int_eq(msk_finish(w.service), 0);
    ck_assert_int_eq(msk_finish(s.service), 0);
}
END_TEST

START_TEST(listen_refuses_a_secret_file_that_is_none)
{
    make_folder();
    int fd = open(secret_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, "no secret\n", 10), 10);
    close(fd);
    fails(listen_with(with_secret), EKEYREJECTED);
    ck_assert_int_eq(unlink(secret_path), 0);
    fd = listen_with(with_secret); /* made */
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(msk_finish(fd), 0);
    ck_assert_int_eq(chmod(secret_path, 0644), 0);
    fails(listen_with(with_secret), EKEYREJECTED); /* others may read it */
    remove_folder();
}
END_TEST

/* ---- descriptors and events that are none ---- */

static void expect_no_service(int fd)
{
    struct msk_event ev;
    struct msk_bulk bulk = {.msk = 1};
    msk_t msk = 1;
    uint8_t buf[8];
    fails(msk_events(fd, &ev, 1), EBADF);
    fails((int)msk_send(fd, 1, "x", 1), EBADF);
    fails((int)msk_sendv(fd, 1, NULL, 0), EBADF);
    fails((int)msk_sendfilev(fd, 1, NULL, 0), EBADF);
    fails(msk_seek(fd, 1, 0), EBADF);
    ck_assert(msk_tell(fd, 1) == MSK_UNKNOWN && errno == EBADF);
    errno = 0;
    ck_assert(msk_wanted(fd, 1) == 0 && errno == EBADF);
    fails(msk_consume(fd, 1, 0), EBADF);
    fails(msk_need(fd, 1, 1), EBADF);
    fails(msk_setucont(fd, 1, 0, NULL, 0, 0), EBADF);
    fails(msk_end(fd, 1), EBADF);
    fails(msk_close(fd, 1), EBADF);
    fails(msk_reset(fd, 1), EBADF);
    fails(msk_drop(fd, 1), EBADF);
    fails(msk_detach(fd, 1), EBADF);
    fails(msk_sendbulk(fd, &bulk, 1), EBADF);
    fails((int)msk_extract_events(fd, &msk, 1, buf, sizeof buf), EBADF);
    fails(msk_install_events(fd, buf, sizeof buf), EBADF);
}

static void expect_no_client(int fd)
{
    uint8_t buf[8];
    fails((int)msk_request(fd, "x", 1, 0), EBADF);
    fails((int)msk_read(fd, buf, sizeof buf), EBADF);
    fails(msk_shutdown(fd), EBADF);
}

static void expect_nothing(int fd)
{
    expect_no_service(fd);
    expect_no_client(fd);
    fails(msk_timeout(fd), EBADF);
    fails(msk_finish(fd), EBADF);
}

START_TEST(descriptors_that_are_not_ours)
{
    struct world w = world_open(nothing, NULL);
    struct world_client c = world_connect(&w);
    expect_nothing(-1);
    expect_nothing(0);
    expect_nothing(1 << 20);
    expect_nothing(INT32_MAX);
    expect_no_client(w.service);
    expect_no_service(c.fd);
    int service = w.service, client = c.fd;
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
    expect_nothing(service);
    expect_nothing(client);
}
END_TEST

/* One event in hand, of the client's request. */
static struct msk_event in_hand;

static void take_in_hand(int fd, const struct msk_event *ev)
{
    (void)fd;
    if (ev->kind == MSK_REQUEST)
        in_hand = *ev;
}

static void get_event(struct world *w, struct world_client *c, const char *request)
{
    uint64_t deadline_ms = world_deadline();
    in_hand.msk = 0;
    world_ask_text(c, request);
    while (in_hand.msk == 0)
        world_turn(w, c, 1, deadline_ms);
}

static void expect_no_event(int fd, msk_t msk)
{
    uint8_t buf[8];
    fails((int)msk_send(fd, msk, "x", 1), ENOENT);
    fails((int)msk_sendv(fd, msk, NULL, 0), ENOENT);
    fails((int)msk_sendfilev(fd, msk, NULL, 0), ENOENT);
    fails(msk_seek(fd, msk, 0), ENOENT);
    ck_assert(msk_tell(fd, msk) == MSK_UNKNOWN && errno == ENOENT);
    errno = 0;
    ck_assert(msk_wanted(fd, msk) == 0 && errno == ENOENT);
    fails(msk_consume(fd, msk, 0), ENOENT);
    fails(msk_need(fd, msk, 1), ENOENT);
    fails(msk_setucont(fd, msk, 0, NULL, 0, 0), ENOENT);
    fails(msk_end(fd, msk), ENOENT);
    fails(msk_close(fd, msk), ENOENT);
    fails(msk_reset(fd, msk), ENOENT);
    fails(msk_drop(fd, msk), ENOENT);
    fails(msk_detach(fd, msk), ENOENT);
    fails((int)msk_extract_events(fd, &msk, 1, buf, sizeof buf), ENOENT);
}

START_TEST(events_that_are_gone_or_of_another_service)
{
    struct world w = world_open(take_in_hand, NULL), other = world_open(nothing, NULL);
    struct world_client c = world_connect(&w);
    get_event(&w, &c, "one");
    struct msk_event ev = in_hand, next;
    expect_no_event(w.service, 0);
    expect_no_event(w.service, UINT64_MAX);
    expect_no_event(w.service, ev.msk + 1);             /* another slot */
    expect_no_event(w.service, ev.msk + (1 << 16));     /* another time */
    expect_no_event(w.service, ev.msk ^ 1ull << 48);    /* another service's */
    expect_no_event(other.service, ev.msk);
    ck_assert_int_eq(msk_drop(w.service, ev.msk), 0);
    expect_no_event(w.service, ev.msk);
    get_event(&w, &c, "two");
    ev = in_hand;
    ck_assert_int_ge(msk_events(w.service, &next, 1), 0); /* drops what was not */
    expect_no_event(w.service, ev.msk);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
    ck_assert_int_eq(msk_finish(other.service), 0);
}
END_TEST

/* ---- arguments ---- */

START_TEST(arguments_and_contradictions)
{
    struct world w = world_open(take_in_hand, NULL);
    struct world_client c = world_connect(&w);
    char most[MSK_UCONT_MAX_BYTES + 1] = "";
    get_event(&w, &c, "request");
    int fd = w.service;
    msk_t m = in_hand.msk;
    struct iovec null = {.iov_base = NULL, .iov_len = 1}, far[2] = {{most, SSIZE_MAX}, {most, 1}};
    struct msk_file dir = {.fd = open("/", O_RDONLY | O_CLOEXEC), .off = 0, .len = 1};
    struct msk_bulk bulk = {.msk = m, .flags = 8};
    struct msk_event ev;
    fails(msk_events(fd, NULL, 1), EINVAL);
    fails(msk_events(fd, &ev, 0), EINVAL);
    fails((int)msk_send(fd, m, NULL, 1), EINVAL);
    fails((int)msk_send(fd, m, "x", (size_t)SSIZE_MAX + 1), EINVAL);
    fails((int)msk_sendv(fd, m, &null, 1), EINVAL);
    fails((int)msk_sendv(fd, m, NULL, 1), EINVAL);
    fails((int)msk_sendv(fd, m, far, -1), EINVAL);
    fails((int)msk_sendv(fd, m, far, 1025), EINVAL);
    fails((int)msk_sendv(fd, m, far, 2), EINVAL);
    fails((int)msk_sendfilev(fd, m, NULL, 1), EINVAL);
    fails((int)msk_sendfilev(fd, m, &dir, -1), EINVAL);
    fails((int)msk_sendfilev(fd, m, &dir, 1), EISDIR);
    fails(msk_seek(fd, m, 1ull << 63), EINVAL);
    fails(msk_consume(fd, m, 8), EINVAL);
    fails(msk_need(fd, m, 0), EINVAL);
    fails(msk_need(fd, m, MSK_REQUEST_MAX_BYTES + 1), EINVAL);
    ck_assert_int_eq(msk_need(fd, m, MSK_REQUEST_MAX_BYTES), 0);
    fails(msk_setucont(fd, m, MSK_HERE, most, sizeof most, 0), EMSGSIZE);
    fails(msk_setucont(fd, m, MSK_HERE, NULL, 1, 0), EINVAL);
    fails(msk_setucont(fd, m, MSK_HERE, "x", 1, 2), EINVAL);
    fails(msk_sendbulk(fd, NULL, 1), EINVAL);
    fails(msk_sendbulk(fd, &bulk, -1), EINVAL);
    ck_assert_int_eq(msk_sendbulk(fd, &bulk, 1), 0);
    ck_assert_int_eq(bulk.error, EINVAL);
    bulk = (struct msk_bulk){.msk = m, .ucont = most, .ucont_len = sizeof most};
    ck_assert_int_eq(msk_sendbulk(fd, &bulk, 1), 0);
    ck_assert_int_eq(bulk.error, EMSGSIZE);
    fails((int)msk_extract_events(fd, NULL, 1, most, 1), EINVAL);
    fails((int)msk_extract_events(fd, &m, 1, NULL, 1), EINVAL);
    fails((int)msk_extract_events(fd, &m, 0, most, 1), EINVAL);
    fails((int)msk_extract_events(fd, &m, MSK_EXTRACT_MAX + 1, most, 1), EINVAL);
    fails(msk_install_events(fd, NULL, 1), EINVAL);
    ck_assert_int_eq(msk_consume(fd, m, 7), 0);
    ck_assert_int_eq(msk_setucont(fd, m, MSK_HERE, most, MSK_UCONT_MAX_BYTES, 0), 0);
    ck_assert_int_eq(msk_send(fd, m, "answer", 6), 6);
    ck_assert_int_eq(msk_end(fd, m), 0);
    fails((int)msk_send(fd, m, "x", 1), EINVAL);
    ck_assert_int_eq(msk_drop(fd, m), 0);
    world_until(&w, &c, 6);
    get_event(&w, &c, "next");
    ck_assert_uint_eq(in_hand.ucont_len, MSK_UCONT_MAX_BYTES);
    close(dir.fd);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

START_TEST(client_arguments)
{
    struct world w = world_open(nothing, NULL);
    struct world_client c = world_connect(&w);
    struct sockaddr_storage at[17], odd;
    struct msk_options opt = world_options(w.udp_port);
    for (int i = 0; i < 17; i++)
        at[i] = world_addr(WORLD_PORT);
    fails(msk_connect(NULL, 1, &opt), EINVAL);
    fails(msk_connect(at, 0, &opt), EINVAL);
    fails(msk_connect(at, 17, &opt), EINVAL);
    int fd = msk_connect(at, 16, &opt);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(msk_finish(fd), 0);
    memset(&odd, 0, sizeof odd);
    fails(msk_connect(&odd, 1, &opt), EAFNOSUPPORT);
    odd = world_addr(0);
    fails(msk_connect(&odd, 1, &opt), EINVAL);
    at[1] = world_addr(WORLD_PORT + 1); /* one service */
    fails(msk_connect(at, 2, &opt), EINVAL);
    opt.local = "nowhere";
    fails(msk_connect(at, 1, &opt), EINVAL);
    opt.size = sizeof opt + 1;
    fails(msk_connect(at, 1, &opt), EINVAL);
    fails((int)msk_request(c.fd, NULL, 1, 0), EINVAL);
    fails((int)msk_read(c.fd, NULL, 1), EINVAL);
    fails((int)msk_read(c.fd, c.got, 0), EINVAL);
    fails((int)msk_read(c.fd, c.got, 1), EAGAIN);
    ck_assert_int_eq(msk_request(c.fd, NULL, 0, 0), 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

START_TEST(client_may_not_have_too_much_under_way)
{
    struct world w = world_open(nothing, NULL);
    struct world_client c = world_connect(&w);
    static uint8_t chunk[MSK_REQUEST_MAX_BYTES];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(msk_request(c.fd, chunk, sizeof chunk, 0), (int)sizeof chunk);
    fails((int)msk_request(c.fd, chunk, 1, 0), EAGAIN);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- hostile handlers ---- */

static uint8_t huge[4 << 20];

/* Describes far more than was asked for, twice, and sets far too many continuations. */
static void overdo(int fd, const struct msk_event *ev)
{
    if (ev->kind == MSK_REQUEST)
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
    ck_assert_int_eq(msk_seek(fd, ev->msk, 0), ev->from == 0 ? 0 : -1);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, "u", 1, 0), 0);
    ck_assert_int_eq(msk_send(fd, ev->msk, huge, sizeof huge), (int)sizeof huge);
    ck_assert_int_eq(msk_seek(fd, ev->msk, 0), -1);
    ck_assert_uint_eq(msk_wanted(fd, ev->msk), 0);
    ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
    fails((int)msk_send(fd, ev->msk, huge, sizeof huge), ENOENT);
    fails(msk_drop(fd, ev->msk), ENOENT);
}

START_TEST(answer_beyond_the_grant_is_cut)
{
    struct world w = world_open(overdo, NULL);
    struct world_client c = world_connect(&w);
    world_fill(huge, 0, sizeof huge);
    world_ask_text(&c, "x");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, sizeof huge);
    world_same(c.got, 0, c.len);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

static int child_of_handler(int fd, const struct msk_event *ev)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct msk_event more;
        bool ok = msk_send(fd, ev->msk, "child", 5) == -1 && errno == EBADF &&
                  msk_drop(fd, ev->msk) == -1 && errno == EBADF &&
                  msk_events(fd, &more, 1) == -1 && errno == EBADF && msk_finish(fd) == -1 &&
                  errno == EBADF;
        struct msk_options opt = world_options(world_free_port());
        int own = msk_listen(WORLD_PORT, &opt); /* one of its own it may have */
        ok = ok && own >= 0 && msk_events(own, &more, 1) == 0 && msk_finish(own) == 0;
        fflush(NULL);
        _exit(ok ? 42 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void fork_in_the_middle(int fd, const struct msk_event *ev)
{
    if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, "f", 1, 0), 0);
    }
    ck_assert_int_eq(msk_send(fd, ev->msk, "par", 3), 3);
    ck_assert_int_eq(child_of_handler(fd, ev), 42);
    ck_assert_int_eq(msk_send(fd, ev->msk, "ent", 3), 3);
    ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

START_TEST(handler_that_forks_and_whose_child_exits)
{
    struct world w = world_open(fork_in_the_middle, NULL);
    struct world_client c = world_connect(&w);
    world_ask_text(&c, "x");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, 6);
    ck_assert_int_eq(memcmp(c.got, "parent", 6), 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* Junk, and datagrams cut and altered, at the service's port. */
START_TEST(junk_at_the_port_is_nothing)
{
    struct world w = world_open(nothing, NULL);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(w.udp_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct rng r = rng_split(unit_seed("junk", 5), 0);
    struct msk_event ev;
    for (uint64_t i = 0, n = rounds_of(5000); i < n; i++) {
        uint8_t junk[1472];
        size_t len = (size_t)rng_below(&r, sizeof junk + 1);
        for (size_t j = 0; j < len; j++)
            junk[j] = (uint8_t)rng_below(&r, 256);
        if (len > 12 && rng_below(&r, 2) == 0) { /* the look of a packet */
            junk[0] = TRK_VERSION;
            junk[1] = (uint8_t)rng_below(&r, 8);
        }
        (void)!sendto(fd, junk, len, 0, (struct sockaddr *)&to, sizeof to);
        ck_assert_int_eq(msk_events(w.service, &ev, 1), 0);
    }
    close(fd);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* However much of it there is, the caller's loop has its turn. */
START_TEST(flood_of_junk_does_not_keep_the_caller)
{
    struct world w = world_open(nothing, NULL);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(w.udp_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd p = {.fd = w.service, .events = POLLIN};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct msk_event ev;
    unsigned calls = 0;
    for (int i = 0; i < 200; i++) /* what a socket's queue takes in any case */
        ck_assert_int_eq(sendto(fd, "junk", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
    for (; poll(&p, 1, 0) == 1; calls++)
        ck_assert_int_eq(msk_events(w.service, &ev, 1), 0);
    ck_assert_uint_gt(calls, 1);
    ck_assert_uint_lt(calls, 20);
    close(fd);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- as many as can be kept ---- */

enum { CROWD = MSK_DETACHED_MAX + 1, CROWD_STEP = 32 };

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size != 0)
        return realloc(p, size);
    free(p);
    return NULL;
}

static const struct trk_mem mem = {.resize = resize};

/* Engines of their own, all on one socket. */
struct crowd {
    int fd;
    unsigned n;
    struct trk_client *client[CROWD];
};

static void crowd_send(struct crowd *c, struct trk_client *k)
{
    uint8_t pkt[1472];
    size_t n;
    while ((n = trk_client_write(k, world_now_ms() * 1000000, pkt, sizeof pkt)) > 0)
        ck_assert_int_eq(send(c->fd, pkt, n, 0), (ssize_t)n);
}

static void crowd_open(struct crowd *c, uint16_t udp_port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(udp_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
}

/* Some more of them: no more at once than a socket's buffer takes. */
static void crowd_grow(struct crowd *c, unsigned n)
{
    for (unsigned i = c->n; i < n && i < CROWD; i++) {
        struct trk_client_conf conf = {.mem = &mem,
                                       .cid = i,
                                       .nonce = i,
                                       .service_port = WORLD_PORT,
                                       .client_port = 1,
                                       .packet_size = TRK_PACKET_V4_BYTES,
                                       .down_window_bytes = 1 << 16,
                                       .up_window_bytes = 1 << 14};
        struct iovec iov[2];
        c->client[i] = trk_client_new(&conf, world_now_ms() * 1000000);
        ck_assert(c->client[i] != NULL);
        ck_assert_int_ge(trk_client_up_space(c->client[i], iov), 1);
        memcpy(iov[0].iov_base, "wait", 4);
        trk_client_up_commit(c->client[i], world_now_ms() * 1000000, 4);
        c->n++;
    }
}

static void crowd_turn(struct crowd *c)
{
    uint8_t pkt[2048];
    ssize_t n;
    uint64_t now_ns = world_now_ms() * 1000000;
    while ((n = recv(c->fd, pkt, sizeof pkt, 0)) > 0) {
        struct trk_common h;
        ck_assert_int_eq(trk_wire_common(pkt, (size_t)n, &h), TRK_OK);
        (void)trk_client_read(c->client[h.cid], now_ns, pkt, (size_t)n);
        trk_client_batch_end(c->client[h.cid], now_ns);
        crowd_send(c, c->client[h.cid]);
    }
    for (unsigned i = 0; i < c->n; i++) {
        if (now_ns >= trk_client_deadline(c->client[i]))
            trk_client_expire(c->client[i], now_ns);
        crowd_send(c, c->client[i]);
    }
}

static void crowd_close(struct crowd *c)
{
    for (unsigned i = 0; i < c->n; i++)
        trk_client_free(c->client[i]);
    close(c->fd);
}

static msk_t kept[CROWD];
static uint64_t kept_conn[CROWD];
static unsigned n_kept;
static int last_detach;

static bool is_kept(uint64_t conn)
{
    for (unsigned i = 0; i < n_kept; i++)
        if (kept_conn[i] == conn)
            return true;
    return false;
}

static void keep_one_of_each(int fd, const struct msk_event *ev)
{
    if (is_kept(ev->conn) || n_kept == CROWD) {
        ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
        return;
    }
    errno = 0;
    last_detach = msk_detach(fd, ev->msk) == 0 ? 0 : errno;
    if (last_detach == 0) {
        kept[n_kept] = ev->msk;
        kept_conn[n_kept++] = ev->conn;
    } else {
        ck_assert_int_eq(msk_drop(fd, ev->msk), 0); /* it is still there */
    }
}

START_TEST(detached_events_up_to_the_bound_and_one_past)
{
    static struct crowd crowd;
    struct world w = world_open(keep_one_of_each, NULL);
    uint64_t deadline_ms = world_deadline();
    crowd_open(&crowd, w.udp_port);
    while (last_detach == 0) {
        struct pollfd p[2] = {{.fd = w.service, .events = POLLIN},
                              {.fd = crowd.fd, .events = POLLIN}};
        ck_assert_uint_lt(world_now_ms(), deadline_ms);
        crowd_grow(&crowd, n_kept + CROWD_STEP);
        crowd_turn(&crowd);
        ck_assert_int_ge(poll(p, 2, 50), 0);
        world_serve(&w);
    }
    ck_assert_uint_eq(n_kept, MSK_DETACHED_MAX);
    ck_assert_int_eq(last_detach, ENOBUFS);
    ck_assert_int_eq(msk_detach(w.service, kept[0]), 0); /* again: it is one of them already */
    for (unsigned i = 0; i < n_kept; i++)
        ck_assert_int_eq(msk_drop(w.service, kept[i]), 0);
    n_kept = 0;
    crowd_close(&crowd);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- moving events ---- */

static struct world twin_of(const struct world *w, const char *secret, uint16_t service_port)
{
    struct msk_options opt = world_options(w->udp_port);
    struct world t = {.handler = nothing, .udp_port = w->udp_port};
    opt.flags = MSK_SHARED;
    opt.secret_path = secret;
    t.service = msk_listen(service_port, &opt);
    ck_assert_msg(t.service >= 0, "msk_listen: %s", strerror(errno));
    return t;
}

static void shared_secret(struct msk_options *o)
{
    o->flags = MSK_SHARED;
    o->secret_path = secret_path;
}

static void answer_request(int fd, const struct msk_event *ev)
{
    ck_assert_int_eq(ev->kind, MSK_REQUEST);
    ck_assert_uint_eq(ev->request_len, 4);
    ck_assert_int_eq(memcmp(ev->request, "move", 4), 0);
    ck_assert_int_eq(msk_consume(fd, ev->msk, 4), 0);
    ck_assert_int_eq(msk_send(fd, ev->msk, "moved", 5), 5);
    ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

/* The service that the kernel gave the client's packets to, with its event in hand. */
static void get_event_of_twins(struct world *a, struct world *b, struct world_client *c)
{
    uint64_t deadline_ms = world_deadline();
    in_hand.msk = 0;
    world_ask_text(c, "move");
    a->handler = b->handler = take_in_hand;
    while (in_hand.msk == 0) {
        struct pollfd p[3] = {{.fd = a->service, .events = POLLIN},
                              {.fd = b->service, .events = POLLIN},
                              {.fd = c->fd, .events = POLLIN}};
        ck_assert_uint_lt(world_now_ms(), deadline_ms);
        ck_assert_int_ge(poll(p, 3, msk_timeout(c->fd)), 0);
        world_serve(a);
        if (in_hand.msk != 0)
            break;
        world_serve(b);
        if (in_hand.msk != 0) { /* a is to be the one */
            struct world t = *a;
            *a = *b;
            *b = t;
            break;
        }
        world_read(c);
    }
}

START_TEST(event_moves_to_another_service_of_the_same_secret)
{
    uint8_t bundle[4096 + 4], bad[sizeof bundle];
    make_folder();
    struct world a = world_open(nothing, shared_secret), b = twin_of(&a, secret_path, WORLD_PORT);
    struct world_client c = world_connect(&a);
    get_event_of_twins(&a, &b, &c);
    msk_t twice[2] = {in_hand.msk, in_hand.msk};
    fails((int)msk_extract_events(a.service, twice, 2, bundle, sizeof bundle), ENOENT);
    fails((int)msk_extract_events(a.service, &in_hand.msk, 1, bundle, 100), ENOSPC);
    ssize_t len = msk_extract_events(a.service, &in_hand.msk, 1, bundle, sizeof bundle);
    ck_assert_int_gt(len, 0);
    expect_no_event(a.service, in_hand.msk);
    for (ssize_t i = 0; i < len; i += 1 + len / 200) {
        memcpy(bad, bundle, (size_t)len);
        bad[i] ^= 4;
        fails(msk_install_events(b.service, bad, (size_t)len), EBADMSG);
    }
    fails(msk_install_events(b.service, bundle, (size_t)len - 1), EBADMSG);
    fails(msk_install_events(b.service, bundle, 0), EBADMSG);
    struct world other = twin_of(&a, other_path, WORLD_PORT),
                 port = twin_of(&a, secret_path, WORLD_PORT + 1);
    fails(msk_install_events(other.service, bundle, (size_t)len), EBADMSG);
    fails(msk_install_events(port.service, bundle, (size_t)len), EBADMSG);
    ck_assert_int_eq(msk_finish(other.service), 0);
    ck_assert_int_eq(msk_finish(port.service), 0);
    ck_assert_int_eq(msk_install_events(b.service, bundle, (size_t)len), 1);
    fails(msk_install_events(b.service, bundle, (size_t)len), ESTALE);
    struct pollfd p = {.fd = b.service, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 0), 1);
    b.handler = answer_request;
    world_serve(&b);
    ck_assert_uint_eq(b.events, 1);
    uint64_t deadline_ms = world_deadline();
    while (c.len < 5) {
        struct pollfd q = {.fd = c.fd, .events = POLLIN};
        ck_assert_uint_lt(world_now_ms(), deadline_ms);
        ck_assert_int_ge(poll(&q, 1, msk_timeout(c.fd)), 0);
        world_read(&c);
        ck_assert_int_eq(c.error, 0);
    }
    ck_assert_int_eq(memcmp(c.got, "moved", 5), 0);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(a.service), 0);
    ck_assert_int_eq(msk_finish(b.service), 0);
    remove_folder();
}
END_TEST

START_TEST(event_whose_answer_was_begun_does_not_move)
{
    uint8_t bundle[4096 + 4];
    struct world w = world_open(take_in_hand, NULL);
    struct world_client c = world_connect(&w);
    get_event(&w, &c, "x");
    msk_t m = in_hand.msk;
    ck_assert_int_eq(msk_send(w.service, m, "x", 1), 1);
    fails((int)msk_extract_events(w.service, &m, 1, bundle, sizeof bundle), EBUSY);
    ck_assert_int_eq(msk_detach(w.service, m), 0); /* it has left: what follows can move */
    ck_assert_int_gt(msk_extract_events(w.service, &m, 1, bundle, sizeof bundle), 0);
    expect_no_event(w.service, m);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* The same event sealed again, as if at another time: under another id. */
struct resealer {
    struct trk_keyring *kr;
    struct trk_sealer *sealer;
    struct trk_seal_ops ops;
    uint8_t bundle[4096 + 4], plain[8192];
    size_t len;
};

static void reseal_open(struct resealer *r)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    struct trk_bundle b;
    r->kr = trk_keyring_load(secret_path, &clock, (uint64_t)time(NULL), NULL);
    r->sealer = trk_sealer_new(r->kr);
    ck_assert(r->sealer != NULL);
    r->ops = trk_sealer_ops(r->sealer);
    ck_assert_int_eq(trk_bundle_open(&r->ops, WORLD_PORT, r->bundle, r->len, &b, r->plain), TRK_OK);
    ck_assert_uint_eq(b.n, 1);
}

static void reseal(struct resealer *r, int64_t seconds_from_now)
{
    int64_t now_us = (int64_t)time(NULL) * 1000000;
    ck_assert_int_eq(trk_bundle_seal(&r->ops, WORLD_PORT,
                                     (uint64_t)(now_us + seconds_from_now * 1000000), 1, r->plain,
                                     r->len - TRK_BUNDLE_OVERHEAD_BYTES, r->bundle),
                     TRK_OK);
}

START_TEST(events_of_another_time_and_too_many_do_not_move)
{
    static struct resealer r;
    make_folder();
    struct world w = world_open(take_in_hand, with_secret);
    struct world_client c = world_connect(&w);
    get_event(&w, &c, "x");
    ssize_t n = msk_extract_events(w.service, &in_hand.msk, 1, r.bundle, sizeof r.bundle);
    ck_assert_int_gt(n, 0);
    r.len = (size_t)n;
    reseal_open(&r);
    reseal(&r, -11);
    fails(msk_install_events(w.service, r.bundle, r.len), ESTALE);
    reseal(&r, 15); /* a clock may be ahead, but not so far */
    fails(msk_install_events(w.service, r.bundle, r.len), ESTALE);
    for (unsigned i = 0; i < MSK_INSTALLED_MAX; i++) {
        reseal(&r, 9);
        ck_assert_int_eq(msk_install_events(w.service, r.bundle, r.len), 1);
    }
    reseal(&r, 9);
    fails(msk_install_events(w.service, r.bundle, r.len), ENOBUFS);
    trk_sealer_free(r.sealer);
    trk_keyring_free(r.kr);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
    remove_folder();
}
END_TEST


int main(void)
{
    const TTest *const tests[] = {
        listen_refuses_what_cannot_be,
        listen_options_of_an_earlier_version_are_taken,
        listen_backend_by_environment,
        listen_port_in_use_unless_both_share_it,
        listen_refuses_a_secret_file_that_is_none,
        descriptors_that_are_not_ours,
        events_that_are_gone_or_of_another_service,
        arguments_and_contradictions,
        client_arguments,
        client_may_not_have_too_much_under_way,
        answer_beyond_the_grant_is_cut,
        handler_that_forks_and_whose_child_exits,
        junk_at_the_port_is_nothing,
        flood_of_junk_does_not_keep_the_caller,
        detached_events_up_to_the_bound_and_one_past,
        event_moves_to_another_service_of_the_same_secret,
        event_whose_answer_was_begun_does_not_move,
        events_of_another_time_and_too_many_do_not_move,
    };
    return unit_run("minisocket_errors", tests, COUNT(tests));
}
