#include "crypto/keyring.h"

#include "crypto/hkdf.h"
#include "crypto/random.h"
#include "crypto/secret.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECRET_MODE = 0600,
    REFUSE_MODE = 0077,
    STEP_DIGITS_MAX = 10,
    HEX_DIGITS = 2 * TRK_KEYRING_SECRET_BYTES,
};

static const char RATCHET_LABEL[] = "trickles ratchet";

struct trk_keyring {
    struct trk_keyring_clock clock;
    uint32_t keep_steps; /* behind the current one */
    uint32_t oldest;
    uint32_t current;
    uint32_t newest;
    uint32_t file_step;  /* what the file holds; used only if there is one */
    char path[PATH_MAX]; /* empty: no file */
    uint8_t secrets[TRK_KEYRING_STEPS_MAX][TRK_KEYRING_SECRET_BYTES]; /* [i] is step oldest + i */
};

struct trk_keyring_clock trk_keyring_default_clock(void)
{
    return (struct trk_keyring_clock){
        .step_seconds = TRK_KEYRING_STEP_SECONDS,
        .lifetime_seconds = TRK_KEYRING_LIFETIME_SECONDS,
    };
}

/* How many steps behind the current one may still have sealed something alive. */
static uint64_t clock_keep_steps(const struct trk_keyring_clock *clock)
{
    return ((uint64_t)clock->lifetime_seconds + clock->step_seconds - 1) / clock->step_seconds;
}

static int check_clock(const struct trk_keyring_clock *clock, struct trk_error_text *err)
{
    if (clock->step_seconds == 0 || clock->lifetime_seconds == 0)
        return trk_error_text_set(err, "the step and the lifetime of keys must be 1 s or more");
    if (clock_keep_steps(clock) > TRK_KEYRING_STEPS_MAX - 2)
        return trk_error_text_set(
            err, "a lifetime of %" PRIu32 " s is more than %d steps of %" PRIu32 " s",
            clock->lifetime_seconds, TRK_KEYRING_STEPS_MAX - 2, clock->step_seconds);
    return 0;
}

/* One below the greatest number, so that there always is a step ahead. */
static int step_at(const struct trk_keyring_clock *clock, uint64_t now_s, uint32_t *step,
                   struct trk_error_text *err)
{
    uint64_t n = now_s / clock->step_seconds;

    if (n >= UINT32_MAX)
        return trk_error_text_set(err, "the clock is at %" PRIu64 " s: too far for a step number",
                                  now_s);
    *step = (uint32_t)n;
    return 0;
}

/* ---- the line of the file ---- */

static void format_line(char *line, uint32_t step, const uint8_t *secret)
{
    static const char digits[] = "0123456789abcdef";
    int n = snprintf(line, STEP_DIGITS_MAX + 2, "%" PRIu32 " ", step);

    line += n;
    for (size_t i = 0; i < TRK_KEYRING_SECRET_BYTES; i++) {
        *line++ = digits[secret[i] >> 4];
        *line++ = digits[secret[i] & 15];
    }
    *line = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int parse_step(const char **cursor, uint32_t *step)
{
    uint64_t n = 0;
    const char *p = *cursor;

    if (!isdigit((unsigned char)*p))
        return -1;
    for (; isdigit((unsigned char)*p); p++) {
        n = n * 10 + (uint64_t)(*p - '0');
        if (n >= UINT32_MAX)
            return -1;
    }
    if (*p++ != ' ')
        return -1;
    *cursor = p;
    *step = (uint32_t)n;
    return 0;
}

/* The sentences name the fault, never the text: most of it may be the secret. */
static int parse_line(const char *path, const char *line, uint32_t *step, uint8_t *secret,
                      struct trk_error_text *err)
{
    uint8_t any = 0;

    if (parse_step(&line, step) != 0)
        return trk_error_text_set(err, "%s: must begin with a step number and one space", path);
    if (strlen(line) != HEX_DIGITS)
        return trk_error_text_set(
            err, "%s: the secret must be %d hexadecimal digits, not %zu characters", path,
            HEX_DIGITS, strlen(line));
    for (size_t i = 0; i < TRK_KEYRING_SECRET_BYTES; i++) {
        int high = hex_value(line[2 * i]);
        int low = hex_value(line[2 * i + 1]);

        if (high < 0 || low < 0)
            return trk_error_text_set(err, "%s: the secret must be %d hexadecimal digits", path,
                                      HEX_DIGITS);
        secret[i] = (uint8_t)(high << 4 | low);
        any |= secret[i];
    }
    if (any == 0)
        return trk_error_text_set(err, "%s: the secret is all zeros", path);
    return 0;
}

int trk_keyring_new_line(char *line, const struct trk_keyring_clock *clock, uint64_t now_s,
                         struct trk_error_text *err)
{
    uint8_t secret[TRK_KEYRING_SECRET_BYTES];
    uint32_t step = 0;

    if (check_clock(clock, err) != 0 || step_at(clock, now_s, &step, err) != 0)
        return -1;
    trk_random_fill(NULL, secret, sizeof(secret));
    format_line(line, step, secret);
    OPENSSL_cleanse(secret, sizeof(secret));
    return 0;
}

int trk_keyring_generate(const char *path, const struct trk_keyring_clock *clock, uint64_t now_s,
                         struct trk_error_text *err)
{
    char line[TRK_LINEFILE_BYTES_MAX + 1];
    int result;

    if (trk_keyring_new_line(line, clock, now_s, err) != 0)
        return -1;
    result = trk_linefile_create(path, SECRET_MODE, line, err);
    OPENSSL_cleanse(line, sizeof(line));
    return result == TRK_LINEFILE_OK ? 0 : -1;
}

/* ---- the ratchet ---- */

static int ratchet(uint8_t *secret)
{
    uint8_t next[TRK_KEYRING_SECRET_BYTES];
    int result = trk_hkdf(secret, RATCHET_LABEL, next, sizeof(next));

    if (result == 0)
        memcpy(secret, next, sizeof(next));
    OPENSSL_cleanse(next, sizeof(next));
    return result;
}

/*
 * Fills secrets with the steps from new_oldest to new_newest, given S_from = secret. secret is used
 * up.
 */
static int derive_steps(uint8_t secrets[][TRK_KEYRING_SECRET_BYTES], uint32_t from, uint8_t *secret,
                        uint32_t oldest, uint32_t newest)
{
    for (uint32_t step = from; step < newest; step++) {
        if (step >= oldest)
            memcpy(secrets[step - oldest], secret, TRK_KEYRING_SECRET_BYTES);
        if (ratchet(secret) != 0)
            return -1;
    }
    memcpy(secrets[newest - oldest], secret, TRK_KEYRING_SECRET_BYTES);
    return 0;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

int trk_keyring_advance(struct trk_keyring *kr, uint32_t step, struct trk_error_text *err)
{
    uint8_t fresh[TRK_KEYRING_STEPS_MAX][TRK_KEYRING_SECRET_BYTES] = {{0}};
    uint8_t secret[TRK_KEYRING_SECRET_BYTES];
    uint32_t oldest;
    int result;

    if (step <= kr->current)
        return 0;
    if (step - kr->current > TRK_KEYRING_JUMP_MAX || step == UINT32_MAX)
        return trk_error_text_set(err,
                                  "the clock says step %" PRIu32 ", the secret is at step %" PRIu32
                                  ": more than %d steps apart; is the clock right?",
                                  step, kr->current, TRK_KEYRING_JUMP_MAX);
    oldest = max_u32(kr->oldest, step > kr->keep_steps ? step - kr->keep_steps : 0);
    memcpy(secret, kr->secrets[0], sizeof(secret));
    result = derive_steps(fresh, kr->oldest, secret, oldest, step + 1);
    if (result == 0) {
        memcpy(kr->secrets, fresh, sizeof(fresh));
        kr->oldest = oldest;
        kr->current = step;
        kr->newest = step + 1;
    } else {
        trk_error_text_set(err, "the next key cannot be derived: OpenSSL failed");
    }
    OPENSSL_cleanse(fresh, sizeof(fresh));
    OPENSSL_cleanse(secret, sizeof(secret));
    return result;
}

/* ---- a keyring ---- */

static struct trk_keyring *keyring_new(const struct trk_keyring_clock *clock, uint32_t step,
                                       const uint8_t *secret)
{
    struct trk_keyring *kr = trk_secret_alloc(sizeof(*kr));
    uint8_t first[TRK_KEYRING_SECRET_BYTES];

    if (kr == NULL)
        return NULL;
    kr->clock = *clock;
    kr->keep_steps = (uint32_t)clock_keep_steps(clock);
    kr->oldest = kr->current = kr->file_step = step;
    kr->newest = step + 1;
    memcpy(first, secret, sizeof(first));
    if (derive_steps(kr->secrets, step, first, step, step + 1) != 0) {
        trk_keyring_free(kr);
        kr = NULL;
    }
    OPENSSL_cleanse(first, sizeof(first));
    return kr;
}

struct trk_keyring *trk_keyring_from_secret(uint32_t step, const uint8_t *secret)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();

    return step == UINT32_MAX ? NULL : keyring_new(&clock, step, secret);
}

void trk_keyring_free(struct trk_keyring *kr)
{
    trk_secret_free(kr, sizeof(*kr));
}

/* Brings what the file holds up to the oldest step still alive. */
static int save(struct trk_keyring *kr, struct trk_error_text *err)
{
    char line[TRK_LINEFILE_BYTES_MAX + 1];
    int result;

    if (kr->path[0] == '\0' || kr->file_step == kr->oldest)
        return 0;
    format_line(line, kr->oldest, kr->secrets[0]);
    result = trk_linefile_replace(kr->path, SECRET_MODE, line, err);
    OPENSSL_cleanse(line, sizeof(line));
    if (result != TRK_LINEFILE_OK)
        return -1;
    kr->file_step = kr->oldest;
    return 0;
}

int trk_keyring_tick(struct trk_keyring *kr, uint64_t now_s, struct trk_error_text *err)
{
    uint32_t step = 0;

    if (step_at(&kr->clock, now_s, &step, err) != 0 || trk_keyring_advance(kr, step, err) != 0)
        return -1;
    return save(kr, err);
}

static struct trk_keyring *load_line(const char *path, const char *line,
                                     const struct trk_keyring_clock *clock, uint64_t now_s,
                                     struct trk_error_text *err)
{
    uint8_t secret[TRK_KEYRING_SECRET_BYTES];
    struct trk_keyring *kr = NULL;
    struct trk_error_text why;
    uint32_t step = 0;
    uint32_t now = 0;

    if (parse_line(path, line, &step, secret, err) != 0 || step_at(clock, now_s, &now, err) != 0)
        goto out;
    if (step > now && step - now > 1) {
        trk_error_text_set(err,
                           "%s: is of step %" PRIu32 ", the clock says step %" PRIu32
                           "; is the clock right, and the step length the same on all hosts?",
                           path, step, now);
        goto out;
    }
    kr = keyring_new(clock, step, secret);
    if (kr == NULL) {
        trk_error_text_set(err, "%s: no memory for keys", path);
        goto out;
    }
    (void)snprintf(kr->path, sizeof(kr->path), "%s", path);
    if (trk_keyring_advance(kr, now, &why) != 0) {
        trk_error_text_set(err, "%s: %s", path, why.text);
        trk_keyring_free(kr);
        kr = NULL;
    } else if (save(kr, err) != 0) {
        trk_keyring_free(kr);
        kr = NULL;
    }
out:
    OPENSSL_cleanse(secret, sizeof(secret));
    return kr;
}

struct trk_keyring *trk_keyring_load(const char *path, const struct trk_keyring_clock *clock,
                                     uint64_t now_s, struct trk_error_text *err)
{
    char line[TRK_LINEFILE_BYTES_MAX + 1];
    struct trk_keyring *kr;

    if (check_clock(clock, err) != 0)
        return NULL;
    if (strlen(path) >= PATH_MAX) {
        trk_error_text_set(err, "the name of the secret file is too long");
        return NULL;
    }
    if (trk_linefile_read(path, REFUSE_MODE, line, err) != TRK_LINEFILE_OK)
        return NULL;
    kr = load_line(path, line, clock, now_s, err);
    OPENSSL_cleanse(line, sizeof(line));
    return kr;
}

uint32_t trk_keyring_current(const struct trk_keyring *kr)
{
    return kr->current;
}

uint32_t trk_keyring_oldest(const struct trk_keyring *kr)
{
    return kr->oldest;
}

uint32_t trk_keyring_newest(const struct trk_keyring *kr)
{
    return kr->newest;
}

static const char *label_info(enum trk_key_label label)
{
    switch (label) {
    case TRK_KEY_TRANSPORT:
        return "trickles key transport";
    case TRK_KEY_USER:
        return "trickles key user";
    case TRK_KEY_TOKEN:
        return "trickles key token";
    case TRK_KEY_PATH:
        return "trickles key path";
    case TRK_KEY_NONCE:
        return "trickles key nonce";
    }
    return NULL;
}

int trk_keyring_derive(const struct trk_keyring *kr, enum trk_key_label label, uint32_t step,
                       uint8_t *out, size_t out_bytes)
{
    const char *info = label_info(label);

    if (info == NULL || step < kr->oldest || step > kr->newest)
        return -1;
    return trk_hkdf(kr->secrets[step - kr->oldest], info, out, out_bytes);
}
