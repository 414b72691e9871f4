/*
 * libminisocket's clients: how they find their server, how many packets a short answer takes, and
 * services and clients in threads of their own. Linked to the parts of the library, to count packets.
 */
#include <config.h>

#include "minisocket_world.h"

#include "core/client.h"
#include "mini/client_int.h"

#include <pthread.h>

static uint8_t kib[1024];

/* ---- finding the server ---- */

static void say_ok(int fd, const struct msk_event *ev)
{
    if (ev->kind == MSK_REQUEST)
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
    ck_assert_int_eq(msk_send(fd, ev->msk, "ok", 2), 2);
    ck_assert_int_eq(msk_close(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

static struct world_client connect_to(const char *const *ips, int n, uint16_t udp_port,
                                      uint16_t service_port)
{
    struct sockaddr_storage at[4];
    struct msk_options opt = {.udp_port = udp_port};
    struct world_client c = {.got = malloc(WORLD_READ_MAX)};
    for (int i = 0; i < n; i++) {
        at[i] = world_addr(service_port);
        struct sockaddr_in *a = (struct sockaddr_in *)(void *)&at[i];
        ck_assert_int_eq(inet_pton(AF_INET, ips[i], &a->sin_addr), 1);
    }
    c.fd = msk_connect(at, n, &opt);
    ck_assert_msg(c.fd >= 0, "msk_connect: %s", strerror(errno));
    return c;
}

START_TEST(nobody_there_is_refused)
{
    static const char *const ips[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    struct world none = {.service = -1};
    struct world_client c = connect_to(ips, 3, world_free_port(), WORLD_PORT);
    world_ask_text(&c, "x");
    world_to_end(&none, &c);
    ck_assert_int_eq(c.error, ECONNREFUSED);
    fails((int)msk_request(c.fd, "x", 1, 0), ECONNREFUSED);
    world_leave(&c);
}
END_TEST

START_TEST(another_service_there_is_refused)
{
    static const char *const ips[] = {"127.0.0.1"};
    struct world w = world_open(say_ok, NULL);
    struct world_client c = connect_to(ips, 1, w.udp_port, WORLD_PORT + 1);
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, ECONNREFUSED);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

static void at_second(struct msk_options *o)
{
    o->local = "127.0.0.2";
}

START_TEST(next_address_is_tried_where_the_first_refuses)
{
    static const char *const ips[] = {"127.0.0.1", "127.0.0.2"};
    struct world w = world_open(say_ok, at_second);
    struct world_client c = connect_to(ips, 2, w.udp_port, WORLD_PORT);
    world_ask_text(&c, "x");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_eq(c.len, 2);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

START_TEST(next_address_is_tried_where_the_first_is_silent)
{
    static const char *const ips[] = {"127.0.0.1", "127.0.0.2"};
    struct world w = world_open(say_ok, at_second);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(w.udp_port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int deaf = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(deaf, (struct sockaddr *)&a, sizeof a), 0);
    uint64_t since_ms = world_now_ms();
    struct world_client c = connect_to(ips, 2, w.udp_port, WORLD_PORT);
    world_ask_text(&c, "x");
    world_to_end(&w, &c);
    ck_assert_int_eq(c.error, 0);
    ck_assert_uint_ge(world_now_ms() - since_ms, 300);
    world_leave(&c);
    close(deaf);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- how many packets it takes ---- */

static void say_short(int fd, const struct msk_event *ev)
{
    if (ev->kind == MSK_REQUEST) {
        ck_assert_int_eq(msk_consume(fd, ev->msk, ev->request_len), 0);
        ck_assert_int_eq(msk_setucont(fd, ev->msk, MSK_HERE, "s", 1, 0), 0);
    }
    ck_assert_int_eq(msk_send(fd, ev->msk, kib, 1024), 1024);
    ck_assert_int_eq(msk_end(fd, ev->msk), 0);
    ck_assert_int_eq(msk_drop(fd, ev->msk), 0);
}

/* However far the window has opened. */
START_TEST(short_answer_takes_one_packet_each_way)
{
    enum { REQUESTS = 300 };
    struct world w = world_open(say_short, NULL);
    struct world_client c = world_connect(&w);
    struct trk_client_info info;
    for (size_t i = 1; i <= REQUESTS; i++) {
        world_ask_text(&c, "one KiB");
        world_until(&w, &c, i * 1024);
    }
    const struct msk_client *k = (const void *)msk_table_any(c.fd);
    trk_client_get_info(k->engine, &info);
    ck_assert_uint_le(info.pkts_out, REQUESTS + REQUESTS / 10);
    ck_assert_uint_le(info.pkts_in, REQUESTS + REQUESTS / 10);
    world_leave(&c);
    ck_assert_int_eq(msk_finish(w.service), 0);
}
END_TEST

/* ---- threads ---- */

static void *serve_one(void *arg)
{
    struct world w = world_open(say_ok, NULL);
    struct world_client c = world_connect(&w);
    (void)arg;
    world_ask_text(&c, "x");
    world_to_end(&w, &c);
    bool ok = c.error == 0 && c.len == 2;
    world_leave(&c);
    return msk_finish(w.service) == 0 && ok ? NULL : arg;
}

START_TEST(services_and_clients_in_threads_of_their_own)
{
    pthread_t t[4];
    int mark[4];
    void *bad;
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, serve_one, &mark[i]), 0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(t[i], &bad), 0);
        ck_assert(bad == NULL);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nobody_there_is_refused,
        another_service_there_is_refused,
        next_address_is_tried_where_the_first_refuses,
        next_address_is_tried_where_the_first_is_silent,
        short_answer_takes_one_packet_each_way,
        services_and_clients_in_threads_of_their_own,
    };
    return unit_run("minisocket_client", tests, COUNT(tests));
}
