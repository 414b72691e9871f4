/*
 * The conformance checker on the real engines: client and server over a link in virtual time that
 * delays, loses, repeats and reorders. What the engines do must pass; a server that forgot what it
 * sent must not.
 */
#include <config.h>

#include "conform.h"
#include "server_world.h"

#include "core/client.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { IN_FLIGHT_MAX = 4096, DOWNLOAD_BYTES = 600000, UPLOAD_BYTES = 200000 };

struct link_options {
    unsigned lose, repeat, reorder; /* one in so many; 0: none */
};

struct mail {
    uint64_t due_ns;
    bool to_server;
    size_t len;
    uint8_t bytes[1500];
};

static struct {
    struct world world;
    struct trk_client *client;
    struct conform *conform;
    struct link_options link;
    uint64_t now_ns, packets, random;
    struct mail *mail[IN_FLIGHT_MAX];
    size_t n_mail;
    struct trk_addr at_client, at_server;
    size_t uploaded, downloaded;
} t;

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, size);
}

static const struct trk_mem memory = {.resize = resize};

static bool one_in(unsigned n)
{
    t.random ^= t.random << 13;
    t.random ^= t.random >> 7;
    t.random ^= t.random << 17;
    return n != 0 && t.random % n == 0;
}

static void judge(bool to_server, const uint8_t *p, size_t len)
{
    conform_packet(t.conform, ++t.packets, t.now_ns, to_server ? &t.at_client : &t.at_server,
                   to_server ? &t.at_server : &t.at_client, p, len);
}

static void post_once(bool to_server, const uint8_t *p, size_t len)
{
    if (one_in(t.link.lose))
        return;
    ck_assert_uint_lt(t.n_mail, IN_FLIGHT_MAX);
    struct mail *m = malloc(sizeof *m);
    ck_assert_ptr_nonnull(m);
    m->due_ns = t.now_ns + 20 * MS + (one_in(t.link.reorder) ? 3 * MS : 0) + t.packets % 1000;
    m->to_server = to_server;
    m->len = len;
    memcpy(m->bytes, p, len);
    t.mail[t.n_mail++] = m;
}

static void post(bool to_server, const uint8_t *p, size_t len)
{
    post_once(to_server, p, len);
    if (one_in(t.link.repeat))
        post_once(to_server, p, len);
}

/* The server's own end of the wire: where the capture is taken. */
static void from_server(void *arg, const uint8_t *p, size_t len)
{
    (void)arg;
    judge(false, p, len);
    post(false, p, len);
}

static void arrive(const struct mail *m)
{
    if (!m->to_server) {
        (void)trk_client_read(t.client, t.now_ns, m->bytes, m->len);
        trk_client_batch_end(t.client, t.now_ns);
        return;
    }
    judge(true, m->bytes, m->len);
    t.world.now_us = t.world.began_us + t.now_ns / 1000;
    world_datagram(&t.world, &t.at_client, m->bytes, m->len, false);
    world_apps(&t.world, 0, false, true);
}

static void act_as_application(void)
{
    struct iovec iov[2];
    int k = trk_client_down_peek(t.client, iov);
    for (int i = 0; i < k; i++) {
        t.downloaded += iov[i].iov_len;
        trk_client_down_consume(t.client, t.now_ns, iov[i].iov_len);
    }
    k = trk_client_up_space(t.client, iov);
    for (int i = 0; i < k && t.uploaded < UPLOAD_BYTES; i++) {
        memset(iov[i].iov_base, 'u', iov[i].iov_len);
        t.uploaded += iov[i].iov_len;
        trk_client_up_commit(t.client, t.now_ns, iov[i].iov_len);
    }
    if (t.uploaded >= UPLOAD_BYTES)
        trk_client_up_fin(t.client, t.now_ns);
}

static void client_sends(void)
{
    uint8_t buf[1500];
    size_t n;
    while ((n = trk_client_write(t.client, t.now_ns, buf, sizeof buf)) > 0)
        post(true, buf, n);
}

/* The next thing that happens: a datagram or a timer. False: nothing ever will. */
static bool step(void)
{
    size_t first = t.n_mail;
    for (size_t i = 0; i < t.n_mail; i++)
        if (first == t.n_mail || t.mail[i]->due_ns < t.mail[first]->due_ns)
            first = i;
    uint64_t due = trk_client_deadline(t.client);
    if (first == t.n_mail && due == TRK_NEVER_NS)
        return false;
    if (first < t.n_mail && t.mail[first]->due_ns <= due) {
        struct mail *m = t.mail[first];
        t.mail[first] = t.mail[--t.n_mail];
        t.now_ns = m->due_ns;
        arrive(m);
        free(m);
    } else {
        t.now_ns = due > t.now_ns ? due : t.now_ns;
        trk_client_expire(t.client, t.now_ns);
    }
    act_as_application();
    client_sends();
    return true;
}

static void begin(struct link_options link)
{
    memset(&t, 0, sizeof t);
    t.link = link;
    t.random = 88172645463325252u;
    t.now_ns = 1000 * MS;
    t.at_client = (struct trk_addr){.ip = {[15] = 1}, .port = 5000};
    t.at_server = (struct trk_addr){.ip = {[15] = 2}, .port = 842};
    world_init(&t.world, from_server, NULL);
    t.conform =
        conform_new(&(struct conform_options){.out = getenv("CONFORM_SHOW") ? stdout : NULL});
    const struct trk_client_conf conf = {.mem = &memory,
                                         .cid = 1,
                                         .nonce = 2,
                                         .service_port = 80,
                                         .client_port = 1000,
                                         .packet_size = 1472,
                                         .down_window_bytes = 1 << 18,
                                         .up_window_bytes = 1 << 18};
    t.client = trk_client_new(&conf, t.now_ns);
    ck_assert(t.conform && t.client);
    client_sends();
}

/* To the end of both streams. forget_at: downloaded bytes after which the server forgets all that
 * it sent. */
static uint64_t run(size_t forget_at)
{
    for (unsigned i = 0; i < 200000 && !trk_client_down_eof(t.client); i++) {
        ck_assert(step());
        struct world_conn *c = &t.world.conns[0];
        if (c->used && !c->fin && c->avail < DOWNLOAD_BYTES)
            world_apps(&t.world, DOWNLOAD_BYTES, true, true);
        if (forget_at && t.downloaded >= forget_at) {
            memset(t.world.replay.lines, 0, WORLD_REPLAY_BYTES / 2); /* some of it will do */
            t.world.replay.evictions = 1; /* the world itself must not mind */
            forget_at = 0;
        }
    }
    ck_assert_int_eq(trk_client_error(t.client), TRK_OK);
    ck_assert(trk_client_down_eof(t.client));
    ck_assert_uint_gt(t.downloaded, DOWNLOAD_BYTES);
    for (unsigned i = 0; i < 20000 && t.n_mail > 0; i++)
        ck_assert(step());
    uint64_t violations = conform_end(t.conform);
    while (t.n_mail > 0)
        free(t.mail[--t.n_mail]);
    trk_client_free(t.client);
    world_free(&t.world);
    return violations;
}

static const struct link_options links[] = {{0, 0, 0},  {50, 0, 0},   {0, 30, 0},
                                            {0, 0, 20}, {30, 40, 25}, {6, 5, 4}};

START_TEST(engines_pass_on_every_link)
{
    begin(links[_i]);
    ck_assert_uint_eq(run(0), 0);
    const struct conform_stats *s = conform_stats(t.conform);
    ck_assert_uint_gt(s->seqs, DOWNLOAD_BYTES / 1472);
    ck_assert_uint_gt(s->proofs, 50);
    ck_assert_uint_gt(s->answers, 50);
    conform_free(t.conform);
}
END_TEST

START_TEST(server_that_forgets_what_it_sent_is_found)
{
    begin((struct link_options){0});
    ck_assert_uint_gt(run(DOWNLOAD_BYTES / 2), 0);
    ck_assert_uint_gt(conform_stats(t.conform)->violations[CONFORM_SENT_TWICE], 0);
    conform_free(t.conform);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conform_engine");
    TCase *c = tcase_create("conform_engine");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, engines_pass_on_every_link, 0, sizeof links / sizeof *links);
    tcase_add_test(c, server_that_forgets_what_it_sent_is_found);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
