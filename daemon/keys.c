/* The daemon's keys: see keys.h. */
#include <config.h>

#include "daemon/keys.h"

#include "crypto/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Each folder on the way: a new user has no ~/.local/state yet. What fails shows by what is in it. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

bool trk_keys_can_keep(const char *path)
{
    struct stat st;
    char *folder = strdup(path), *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    bool good = slash != NULL;
    if (good) {
        make_folders(folder);
        *slash = '\0';
        good = stat(folder, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & 022) == 0 &&
               access(folder, W_OK | X_OK) == 0;
    }
    free(folder);
    return good;
}

static int make_secret(struct trk_daemon *d, const char *path, struct trk_error_text *err)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    char *copy = strdup(path);
    if (copy != NULL)
        make_folders(copy);
    free(copy);
    if (trk_keyring_generate(path, &clock, (uint64_t)time(NULL), err) != 0)
        return -1;
    trk_log(&d->log, TRK_LOG_INFO, "made a new secret: %s", path);
    return 0;
}

static int load_instance(struct trk_daemon *d, const char *secret_path, struct trk_error_text *err)
{
    char path[4096];
    const char *slash = strrchr(secret_path, '/');
    int dir = slash != NULL ? (int)(slash - secret_path) + 1 : 0;
    d->server.instance = d->conf.instance;
    if (d->conf.instance != 0)
        return 0;
    if (snprintf(path, sizeof path, "%.*sinstance", dir, secret_path) >= (int)sizeof path)
        return trk_error_text_set(err, "%s: the name is too long", secret_path);
    return trk_instance_load(path, &d->server.instance, err);
}

static int load(struct trk_daemon *d, const char *path, bool may_create, struct trk_error_text *err)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    if (may_create && access(path, F_OK) != 0 && errno == ENOENT && make_secret(d, path, err) != 0)
        return -1;
    d->keyring = trk_keyring_load(path, &clock, (uint64_t)time(NULL), err);
    if (d->keyring == NULL || load_instance(d, path, err) != 0)
        return -1;
    d->sealer = trk_sealer_new(d->keyring);
    if (d->sealer == NULL)
        return trk_error_text_set(err, "out of memory");
    d->server.seal = trk_sealer_ops(d->sealer);
    d->server.packet_max = d->conf.packet_size_max_bytes;
    d->server.freshness_us = TRK_FRESHNESS_US;
    d->server.lifetime_us = TRK_LIFETIME_US;
    return 0;
}

int trk_keys_load(struct trk_daemon *d, const char *path, bool may_create)
{
    struct trk_error_text err = {.text = ""};
    int rc = load(d, path, may_create, &err);
    if (rc != 0)
        trk_log(&d->log, TRK_LOG_ERROR, "%s", err.text);
    return rc;
}

void trk_keys_tick(struct trk_daemon *d)
{
    struct trk_error_text err = {.text = ""};
    if (trk_keyring_tick(d->keyring, (uint64_t)time(NULL), &err) != 0)
        trk_log(&d->log, TRK_LOG_ERROR, "%s", err.text);
    if (trk_sealer_update(d->sealer) != 0)
        trk_log(&d->log, TRK_LOG_ERROR, "out of memory: no keys for the new step");
}

void trk_keys_free(struct trk_daemon *d)
{
    trk_sealer_free(d->sealer);
    trk_keyring_free(d->keyring);
    d->sealer = NULL;
    d->keyring = NULL;
}
