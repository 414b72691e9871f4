/* The embedded back end: opening and closing. See embed_int.h. */
#include <config.h>

#include "crypto/instance.h"
#include "io/clock.h"
#include "mini/embed_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    PORT = 842,
    USER_PORT = 8742,
    PRIVILEGED_BELOW = 1024,
    TABLE_ALIGN = 64,
};

static void *resize(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, size);
}

/* ---- keys ---- */

/* The instance's number lies beside the secret, as trickled's does. */
static int load_instance(struct msk_embed *e, const char *secret_path, struct trk_error_text *err)
{
    char path[4096];
    const char *slash = strrchr(secret_path, '/');
    int dir = slash != NULL ? (int)(slash - secret_path) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*sinstance", dir, secret_path) >= (int)sizeof path)
        return -1;
    return trk_instance_load(path, &e->server.instance, err);
}

static int load_keys(struct msk_embed *e, const char *path)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    struct trk_error_text err;
    uint64_t now_s = trk_clock_wall_us() / 1000000;
    if (access(path, F_OK) != 0 && errno == ENOENT &&
        trk_keyring_generate(path, &clock, now_s, &err) != 0 && access(path, F_OK) != 0)
        return -errno; /* nor has another process made it meanwhile */
    e->keyring = trk_keyring_load(path, &clock, now_s, &err);
    if (e->keyring == NULL)
        return -EKEYREJECTED;
    return load_instance(e, path, &err) == 0 ? 0 : -EKEYREJECTED;
}

/* For this process alone. */
static int make_keys(struct msk_embed *e)
{
    uint8_t secret[TRK_KEYRING_SECRET_BYTES];
    uint64_t step = trk_clock_wall_us() / 1000000 / TRK_KEYRING_STEP_SECONDS;
    trk_random_fill(NULL, secret, sizeof secret);
    trk_random_fill(NULL, &e->server.instance, sizeof e->server.instance);
    e->server.instance |= 1; /* not 0 */
    e->keyring = trk_keyring_from_secret((uint32_t)step, secret);
    explicit_bzero(secret, sizeof secret);
    return e->keyring != NULL ? 0 : -ENOMEM;
}

static int open_keys(struct msk_embed *e, const struct msk_options *opt)
{
    int rc = opt->secret_path != NULL ? load_keys(e, opt->secret_path) : make_keys(e);
    if (rc != 0)
        return rc;
    e->sealer = trk_sealer_new(e->keyring);
    if (e->sealer == NULL)
        return -ENOMEM;
    e->server.seal = trk_sealer_ops(e->sealer);
    e->server.packet_max = TRK_PACKET_V4_BYTES;
    e->server.freshness_us = TRK_FRESHNESS_US;
    e->server.lifetime_us = TRK_LIFETIME_US;
    return 0;
}

/* ---- soft state ---- */

static int open_tables(struct msk_embed *e, size_t bytes)
{
    uint64_t seed[2];
    e->table_bytes = bytes != 0 ? bytes : TRK_REPLAY_DEFAULT_BYTES;
    if (e->table_bytes < TRK_REPLAY_MIN_BYTES || e->table_bytes > SIZE_MAX / 2)
        return -EINVAL;
    e->table = aligned_alloc(TABLE_ALIGN, (e->table_bytes + TABLE_ALIGN - 1) / TABLE_ALIGN *
                                              TABLE_ALIGN);
    if (e->table == NULL)
        return -ENOMEM;
    if (trk_replay_init(&e->replay, e->table, e->table_bytes, TRK_FRESHNESS_US) != TRK_OK)
        return -EINVAL;
    e->server.seal.random(e->server.seal.ctx, seed, sizeof seed);
    e->mem = (struct trk_mem){.resize = resize};
    trk_reasm_init(&e->reasm, &e->mem, seed, TRK_REASM_ENTRIES_DEFAULT, TRK_REASM_BYTES_DEFAULT);
    e->mini =
        (struct trk_mini){.srv = &e->server, .replay = &e->replay, .reasm = &e->reasm};
    return 0;
}

/* ---- the socket ---- */

static int read_local(const char *text, union trk_sockaddr *to)
{
    if (text == NULL)
        return 0;
    if (inet_pton(AF_INET, text, &to->in.sin_addr) == 1)
        to->sa.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &to->in6.sin6_addr) == 1)
        to->sa.sa_family = AF_INET6;
    else
        return -EINVAL;
    *to = trk_sockaddr_unmapped(to);
    return 0;
}

/* Clients believe of a service below 1024 only what comes from such a port. */
static int open_udp(struct msk_embed *e, const struct msk_options *opt)
{
    struct trk_udp_options uo = {.port = opt->udp_port != 0 ? opt->udp_port : PORT,
                                 .flags = opt->flags & MSK_SHARED ? TRK_UDP_REUSEPORT : 0};
    int rc = read_local(opt->local, &uo.local);
    if (rc != 0)
        return rc;
    rc = trk_udp_open(&e->udp, &uo);
    if (rc == -EACCES && opt->udp_port == 0 && e->port >= PRIVILEGED_BELOW) {
        uo.port = USER_PORT;
        rc = trk_udp_open(&e->udp, &uo);
    }
    if (rc != 0)
        return rc;
    e->rx = trk_udp_rx_new(MSK_RECV_SLOTS);
    e->tx = trk_udp_tx_new(e->udp, NULL, NULL);
    return e->rx != NULL && e->tx != NULL ? 0 : -ENOMEM;
}

static int watch(int epoll, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

/* One descriptor for the caller's loop: datagrams, or events that wait already. */
static int open_descriptor(struct msk_embed *e)
{
    e->back.fd = epoll_create1(EPOLL_CLOEXEC);
    if (e->back.fd < 0)
        return -errno;
    e->more_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->more_fd < 0)
        return -errno;
    int rc = watch(e->back.fd, trk_udp_fd(e->udp));
    return rc == 0 ? watch(e->back.fd, e->more_fd) : rc;
}

/* ---- the back end ---- */

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void embed_close(struct msk_back *b)
{
    struct msk_embed *e = (struct msk_embed *)(void *)b;
    if (e->tx != NULL)
        msk_embed_flush(b);
    msk_embed_free_jobs(e);
    trk_udp_tx_free(e->tx);
    trk_udp_rx_free(e->rx);
    trk_udp_close(e->udp);
    close_fd(e->more_fd);
    close_fd(e->back.fd);
    if (e->mini.reasm != NULL)
        trk_reasm_clear(&e->reasm);
    free(e->table);
    trk_sealer_free(e->sealer);
    trk_keyring_free(e->keyring);
    free(e);
}

static const struct msk_back_ops ops = {
    .take = msk_embed_take,
    .room = msk_embed_room,
    .answer = msk_embed_answer,
    .reset = msk_embed_reset,
    .flush = msk_embed_flush,
    .extract = msk_embed_extract,
    .install = msk_embed_install,
    .timeout_ms = msk_embed_timeout,
    .close = embed_close,
};

int msk_embed_open(struct msk_back **out, uint16_t port, const struct msk_options *opt)
{
    struct msk_embed *e = calloc(1, sizeof *e);
    if (e == NULL)
        return -ENOMEM;
    e->back = (struct msk_back){.ops = &ops, .fd = -1};
    e->more_fd = -1;
    e->tail = &e->head;
    e->port = port;
    e->want_new = (opt->flags & MSK_WANT_NEW) != 0;
    int rc = open_keys(e, opt);
    if (rc == 0)
        rc = open_tables(e, opt->table_bytes);
    if (rc == 0)
        rc = open_udp(e, opt);
    if (rc == 0)
        rc = open_descriptor(e);
    if (rc == 0)
        rc = msk_embed_prepare(e);
    if (rc != 0) {
        embed_close(&e->back);
        return rc;
    }
    *out = &e->back;
    return 0;
}
