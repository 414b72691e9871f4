/* The cluster secret: its file, the ratchet, skew, faults; and the instance id. */
#include "crypto/instance.h"
#include "crypto/keyring.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define S0 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* S0 turned once and twice, by Python's hmac module. */
#define S1       "6df6e9ad3ce4e80d9f9d892d8bee205403c4af889d34087f1dbe3e5e82bf6f2a"
#define S2       "650bbbe1b6e3483bee0ee33c3ea577ac04d084a4129438f6e5f02bb450e830ae"
#define TEXT2(x) #x
#define TEXT(x)  TEXT2(x)
#define STEP     20000

static const uint64_t DAY_S = 86400;

static char directory[64];
static char path[128];
static struct trk_error_text err;

static void setup(void)
{
    (void)snprintf(directory, sizeof(directory), "/tmp/trk-keyring-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/secret", directory);
    memset(&err, 0, sizeof(err));
}

static int files_in_directory(void)
{
    DIR *d = opendir(directory);
    int n = 0;

    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void teardown(void)
{
    DIR *d = opendir(directory);

    (void)chmod(directory, 0700);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char name[400];

        (void)snprintf(name, sizeof(name), "%s/%s", directory, e->d_name);
        if (unlink(name) != 0)
            (void)rmdir(name);
    }
    closedir(d);
    ck_assert_int_eq(rmdir(directory), 0);
}

static void put(const char *name, const char *bytes, size_t n, mode_t mode)
{
    FILE *f = fopen(name, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(name, mode), 0);
}

static void put_text(const char *text)
{
    put(path, text, strlen(text), 0600);
}

static void assert_file(const char *expect)
{
    char line[200] = "";
    FILE *f = fopen(path, "r");

    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
    ck_assert_str_eq(line, expect);
    ck_assert_int_eq(fgetc(f), EOF);
    fclose(f);
}

static struct trk_keyring *load_at(uint64_t now_s)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();

    return trk_keyring_load(path, &clock, now_s, &err);
}

static struct trk_keyring *load_ok(uint32_t step)
{
    struct trk_keyring *kr = load_at(step * DAY_S + 5);

    ck_assert_msg(kr != NULL, "%s", err.text);
    return kr;
}

static void load_refused(uint64_t now_s, const char *reason)
{
    ck_assert_ptr_null(load_at(now_s));
    ck_assert_msg(strstr(err.text, reason) != NULL, "\"%s\" does not say \"%s\"", err.text, reason);
    ck_assert_msg(strstr(err.text, "0102030405") == NULL, "the secret is in the message");
}

static void assert_held(const struct trk_keyring *kr, uint32_t oldest, uint32_t current,
                        uint32_t newest)
{
    uint8_t key[32];

    ck_assert_uint_eq(trk_keyring_oldest(kr), oldest);
    ck_assert_uint_eq(trk_keyring_current(kr), current);
    ck_assert_uint_eq(trk_keyring_newest(kr), newest);
    ck_assert_int_eq(trk_keyring_derive(kr, TRK_KEY_USER, oldest - 1, key, sizeof(key)), -1);
    ck_assert_int_eq(trk_keyring_derive(kr, TRK_KEY_USER, oldest, key, sizeof(key)), 0);
    ck_assert_int_eq(trk_keyring_derive(kr, TRK_KEY_USER, newest, key, sizeof(key)), 0);
    ck_assert_int_eq(trk_keyring_derive(kr, TRK_KEY_USER, newest + 1, key, sizeof(key)), -1);
}

/* ---- generate ---- */

START_TEST(generate_then_load)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    struct trk_keyring *kr;
    struct stat st;

    ck_assert_int_eq(trk_keyring_generate(path, &clock, STEP * DAY_S + DAY_S - 1, &err), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(st.st_size, 5 + 1 + 64 + 1);
    ck_assert_int_eq(files_in_directory(), 1);
    kr = load_ok(STEP);
    assert_held(kr, STEP, STEP, STEP + 1);
    trk_keyring_free(kr);
}
END_TEST

START_TEST(generate_draws_another_each_time)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    char lines[2][200];

    for (int i = 0; i < 2; i++) {
        FILE *f;

        ck_assert_int_eq(trk_keyring_generate(path, &clock, STEP * DAY_S, &err), 0);
        f = fopen(path, "r");
        ck_assert_ptr_nonnull(fgets(lines[i], sizeof(lines[i]), f));
        fclose(f);
        ck_assert_int_eq(unlink(path), 0);
    }
    ck_assert_str_ne(lines[0], lines[1]);
}
END_TEST

START_TEST(generate_never_replaces)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();

    put_text(TEXT(STEP) " " S0 "\n");
    ck_assert_int_eq(trk_keyring_generate(path, &clock, STEP * DAY_S, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "File exists"));
    assert_file(TEXT(STEP) " " S0 "\n");
    ck_assert_int_eq(files_in_directory(), 1);
}
END_TEST

START_TEST(generate_no_directory)
{
    struct trk_keyring_clock clock = trk_keyring_default_clock();

    ck_assert_int_eq(trk_keyring_generate("/nonexistent/secret", &clock, DAY_S, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    ck_assert_int_eq(trk_keyring_generate("/nonexistent/secret", &clock, DAY_S, NULL), -1);
}
END_TEST

/* ---- the file's text ---- */

static const struct {
    const char *text;
    const char *reason;
} bad_texts[] = {
    {"", "is empty"},
    {"\n", "is empty"},
    {S0 "\n", "must begin with a step"},
    {" " S0 "\n", "must begin with a step"},
    {"-1 " S0 "\n", "must begin with a step"},
    {"+1 " S0 "\n", "must begin with a step"},
    {"0x10 " S0 "\n", "must begin with a step"},
    {"20000\n", "must begin with a step"},
    {"20000\t" S0 "\n", "must begin with a step"},
    {"4294967295 " S0 "\n", "must begin with a step"},
    {"99999999999999999999999999 " S0 "\n", "must begin with a step"},
    {"20000 \n", "64 hexadecimal digits, not 0"},
    {"20000  " S0 "\n", "64 hexadecimal digits, not 65"},
    {"20000 " S0 " \n", "64 hexadecimal digits, not 65"},
    {"20000 " S0 "0\n", "64 hexadecimal digits, not 65"},
    {"20000 " S0 "\r\n", "64 hexadecimal digits, not 65"},
    {"20000 00" S0 "\n", "64 hexadecimal digits, not 66"},
    {"20000 000102030405060708090a0b0c0d0e0f\n", "64 hexadecimal digits, not 32"},
    {"20000 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n",
     "64 hexadecimal digits"},
    {"20000 0000000000000000000000000000000000000000000000000000000000000000\n", "all zeros"},
    {"20000 " S0 "\n\n", "not one line"},
    {"20000 " S0 "\n20001 " S1 "\n", "longer than 128"},
    {"20000 " S0 "\n#\n", "not one line"},
};

START_TEST(load_bad_text_refused)
{
    put_text(bad_texts[_i].text);
    load_refused(STEP * DAY_S, bad_texts[_i].reason);
}
END_TEST

START_TEST(load_embedded_nul_refused)
{
    static const char text[] = "20000 " S0 "\0\n";

    put(path, text, sizeof(text) - 1, 0600);
    load_refused(STEP * DAY_S, "not one line");
}
END_TEST

START_TEST(load_upper_case_and_no_newline_accepted)
{
    put_text("20000 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    trk_keyring_free(load_ok(STEP));
}
END_TEST

/* ---- what the file is ---- */

START_TEST(load_absent)
{
    load_refused(STEP * DAY_S, "No such file");
}
END_TEST

START_TEST(load_mode_open_to_others_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        put(path, TEXT(STEP) " " S0 "\n", 71, modes[i]);
        load_refused(STEP * DAY_S, "run: chmod 0600");
    }
    ck_assert_int_eq(chmod(path, 0400), 0);
    trk_keyring_free(load_ok(STEP));
}
END_TEST

START_TEST(load_not_a_file_refused)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
    load_refused(STEP * DAY_S, "not a regular file");
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    load_refused(STEP * DAY_S, "not a regular file");
}
END_TEST

START_TEST(load_other_owner_refused)
{
    if (geteuid() != 0)
        return; /* only root can give files away; the check's other side is covered everywhere */
    put_text(TEXT(STEP) " " S0 "\n");
    ck_assert_int_eq(chown(path, 12345, 12345), 0);
    load_refused(STEP * DAY_S, "belongs to user 12345");
}
END_TEST

START_TEST(load_long_name_refused)
{
    static char name[5000];
    struct trk_keyring_clock clock = trk_keyring_default_clock();

    memset(name, 'a', sizeof(name) - 1);
    ck_assert_ptr_null(trk_keyring_load(name, &clock, DAY_S, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "too long"));
    ck_assert_int_eq(trk_keyring_generate(name, &clock, DAY_S, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "too long"));
}
END_TEST

/* ---- the ratchet ---- */

START_TEST(load_same_step_leaves_the_file)
{
    struct trk_keyring *kr;

    put_text(TEXT(STEP) " " S0 "\n");
    kr = load_ok(STEP);
    assert_held(kr, STEP, STEP, STEP + 1);
    assert_file(TEXT(STEP) " " S0 "\n");
    trk_keyring_free(kr);
}
END_TEST

START_TEST(load_next_step_keeps_the_one_before)
{
    struct trk_keyring *kr;

    put_text(TEXT(STEP) " " S0 "\n");
    kr = load_ok(STEP + 1);
    assert_held(kr, STEP, STEP + 1, STEP + 2);
    assert_file(TEXT(STEP) " " S0 "\n"); /* still alive, so a restart must find it */
    trk_keyring_free(kr);
}
END_TEST

START_TEST(load_later_rewrites_the_file)
{
    struct trk_keyring *kr;
    struct stat st;

    put_text(TEXT(STEP) " " S0 "\n");
    kr = load_ok(STEP + 2);
    assert_held(kr, STEP + 1, STEP + 2, STEP + 3);
    assert_file("20001 " S1 "\n");
    trk_keyring_free(kr);
    kr = load_ok(STEP + 3);
    assert_file("20002 " S2 "\n");
    trk_keyring_free(kr);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(files_in_directory(), 1);
}
END_TEST

START_TEST(load_rewrites_behind_a_symbolic_link)
{
    char link_path[160];
    struct trk_keyring_clock clock = trk_keyring_default_clock();
    struct trk_keyring *kr;
    struct stat st;

    put_text(TEXT(STEP) " " S0 "\n");
    (void)snprintf(link_path, sizeof(link_path), "%s/link", directory);
    ck_assert_int_eq(symlink("secret", link_path), 0);
    kr = trk_keyring_load(link_path, &clock, (STEP + 2) * DAY_S, &err);
    ck_assert_ptr_nonnull(kr);
    ck_assert_int_eq(lstat(link_path, &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    assert_file("20001 " S1 "\n");
    trk_keyring_free(kr);
}
END_TEST

START_TEST(load_from_the_next_step_is_skew)
{
    struct trk_keyring *kr;

    put_text(TEXT(STEP) " " S0 "\n");
    kr = load_at(STEP * DAY_S - 1);
    ck_assert_ptr_nonnull(kr);
    assert_held(kr, STEP, STEP, STEP + 1);
    assert_file(TEXT(STEP) " " S0 "\n");
    trk_keyring_free(kr);
    load_refused((STEP - 1) * DAY_S - 1, "the clock says step 19998");
}
END_TEST

START_TEST(load_jump_bound)
{
    struct trk_keyring *kr;

    put_text(TEXT(STEP) " " S0 "\n");
    load_refused((STEP + TRK_KEYRING_JUMP_MAX + 1) * DAY_S, "more than 400 steps apart");
    assert_file(TEXT(STEP) " " S0 "\n");
    kr = load_ok(STEP + TRK_KEYRING_JUMP_MAX);
    assert_held(kr, STEP + TRK_KEYRING_JUMP_MAX - 1, STEP + TRK_KEYRING_JUMP_MAX,
                STEP + TRK_KEYRING_JUMP_MAX + 1);
    trk_keyring_free(kr);
}
END_TEST

START_TEST(load_clock_past_the_last_step_refused)
{
    put_text("4294967294 " S0 "\n");
    load_refused(UINT64_C(4294967295) * DAY_S, "too far for a step number");
    load_refused(UINT64_MAX, "too far for a step number");
    trk_keyring_free(load_ok(UINT32_MAX - 1));
}
END_TEST

static const struct {
    struct trk_keyring_clock clock;
    const char *reason;
} bad_clocks[] = {
    {{0, 1}, "1 s or more"},
    {{1, 0}, "1 s or more"},
    {{60, 361}, "more than 6 steps"},
    {{1, UINT32_MAX}, "more than 6 steps"},
};

START_TEST(clock_out_of_bounds_refused)
{
    put_text(TEXT(STEP) " " S0 "\n");
    ck_assert_ptr_null(trk_keyring_load(path, &bad_clocks[_i].clock, DAY_S, &err));
    ck_assert_ptr_nonnull(strstr(err.text, bad_clocks[_i].reason));
    ck_assert_int_eq(trk_keyring_generate(path, &bad_clocks[_i].clock, DAY_S, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, bad_clocks[_i].reason));
}
END_TEST

START_TEST(clock_longest_lifetime_held)
{
    struct trk_keyring_clock clock = {60, 360};
    struct trk_keyring *kr;

    put_text(TEXT(STEP) " " S0 "\n");
    kr = trk_keyring_load(path, &clock, (STEP + 6) * UINT64_C(60), &err);
    ck_assert_msg(kr != NULL, "%s", err.text);
    assert_held(kr, STEP, STEP + 6, STEP + 7);
    ck_assert_int_eq(trk_keyring_tick(kr, (STEP + 7) * UINT64_C(60), &err), 0);
    assert_held(kr, STEP + 1, STEP + 7, STEP + 8);
    assert_file("20001 " S1 "\n");
    trk_keyring_free(kr);
}
END_TEST

START_TEST(tick_goes_on_and_never_back)
{
    struct trk_keyring *kr;

    put_text(TEXT(STEP) " " S0 "\n");
    kr = load_ok(STEP);
    ck_assert_int_eq(trk_keyring_tick(kr, (STEP + 1) * DAY_S, &err), 0);
    assert_held(kr, STEP, STEP + 1, STEP + 2);
    ck_assert_int_eq(trk_keyring_tick(kr, (STEP + 2) * DAY_S, &err), 0);
    assert_held(kr, STEP + 1, STEP + 2, STEP + 3);
    assert_file("20001 " S1 "\n");
    ck_assert_int_eq(trk_keyring_tick(kr, STEP * DAY_S, &err), 0);
    assert_held(kr, STEP + 1, STEP + 2, STEP + 3);
    ck_assert_int_eq(trk_keyring_tick(kr, (STEP + 500) * DAY_S, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "is the clock right?"));
    assert_held(kr, STEP + 1, STEP + 2, STEP + 3);
    trk_keyring_free(kr);
}
END_TEST

START_TEST(tick_that_cannot_write_moves_on_and_writes_later)
{
    struct trk_keyring *kr;
    char away[160];

    put_text(TEXT(STEP) " " S0 "\n");
    kr = load_ok(STEP);
    (void)snprintf(away, sizeof(away), "%s/away", directory);
    ck_assert_int_eq(rename(path, away), 0);
    ck_assert_int_eq(trk_keyring_tick(kr, (STEP + 2) * DAY_S, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    assert_held(kr, STEP + 1, STEP + 2, STEP + 3);
    ck_assert_int_eq(rename(away, path), 0);
    ck_assert_int_eq(trk_keyring_tick(kr, (STEP + 2) * DAY_S, &err), 0);
    assert_file("20001 " S1 "\n");
    trk_keyring_free(kr);
}
END_TEST

START_TEST(from_secret_matches_the_file)
{
    uint8_t secret[32];
    uint8_t a[32];
    uint8_t b[32];
    struct trk_keyring *memory;
    struct trk_keyring *file;

    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (uint8_t)i;
    put_text(TEXT(STEP) " " S0 "\n");
    file = load_ok(STEP + 1);
    memory = trk_keyring_from_secret(STEP, secret);
    ck_assert_int_eq(trk_keyring_advance(memory, STEP + 1, &err), 0);
    for (uint32_t step = STEP; step <= STEP + 2; step++) {
        for (int label = TRK_KEY_TRANSPORT; label <= TRK_KEY_NONCE; label++) {
            ck_assert_int_eq(
                trk_keyring_derive(file, (enum trk_key_label)label, step, a, sizeof(a)), 0);
            ck_assert_int_eq(
                trk_keyring_derive(memory, (enum trk_key_label)label, step, b, sizeof(b)), 0);
            ck_assert_mem_eq(a, b, sizeof(a));
        }
    }
    ck_assert_int_eq(trk_keyring_derive(memory, (enum trk_key_label)0, STEP, a, sizeof(a)), -1);
    ck_assert_int_eq(trk_keyring_derive(memory, (enum trk_key_label)6, STEP, a, sizeof(a)), -1);
    trk_keyring_free(file);
    trk_keyring_free(memory);
    trk_keyring_free(NULL);
    ck_assert_ptr_null(trk_keyring_from_secret(UINT32_MAX, secret));
}
END_TEST

START_TEST(from_secret_last_step)
{
    uint8_t secret[32] = {1};
    struct trk_keyring *kr = trk_keyring_from_secret(UINT32_MAX - 2, secret);

    ck_assert_int_eq(trk_keyring_advance(kr, UINT32_MAX - 1, &err), 0);
    ck_assert_uint_eq(trk_keyring_newest(kr), UINT32_MAX);
    ck_assert_int_eq(trk_keyring_advance(kr, UINT32_MAX, &err), -1);
    trk_keyring_free(kr);
}
END_TEST

START_TEST(from_secret_step_zero)
{
    uint8_t secret[32] = {1};
    struct trk_keyring *kr = trk_keyring_from_secret(0, secret);

    ck_assert_int_eq(trk_keyring_advance(kr, 1, &err), 0);
    ck_assert_uint_eq(trk_keyring_oldest(kr), 0);
    ck_assert_int_eq(trk_keyring_advance(kr, 2, &err), 0);
    ck_assert_uint_eq(trk_keyring_oldest(kr), 1);
    trk_keyring_free(kr);
}
END_TEST

/* ---- the instance id ---- */

START_TEST(instance_drawn_once)
{
    uint16_t first = 0;
    uint16_t again = 0;
    struct stat st;

    ck_assert_int_eq(trk_instance_load(path, &first, &err), 0);
    ck_assert_uint_ne(first, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0644);
    ck_assert_int_eq(trk_instance_load(path, &again, &err), 0);
    ck_assert_uint_eq(first, again);
    ck_assert_int_eq(files_in_directory(), 1);
}
END_TEST

static const struct {
    const char *text;
    int id; /* 0: refused */
} instances[] = {
    {"1\n", 1},     {"65535\n", 65535},
    {"42", 42},     {"0\n", 0},
    {"65536\n", 0}, {"-1\n", 0},
    {"1 \n", 0},    {" 1\n", 0},
    {"0x1\n", 0},   {"one\n", 0},
    {"\n", 0},      {"", 0},
    {"1\n2\n", 0},  {"99999999999999999999999999999999999999\n", 0},
};

START_TEST(instance_text)
{
    uint16_t id = 0;
    int expect = instances[_i].id;

    put(path, instances[_i].text, strlen(instances[_i].text), 0644);
    ck_assert_int_eq(trk_instance_load(path, &id, &err), expect == 0 ? -1 : 0);
    if (expect != 0)
        ck_assert_int_eq(id, expect);
    else
        ck_assert_ptr_nonnull(strstr(err.text, path));
}
END_TEST

START_TEST(instance_writable_by_others_refused)
{
    uint16_t id = 0;

    put(path, "7\n", 2, 0664);
    ck_assert_int_eq(trk_instance_load(path, &id, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "chmod 0644"));
    ck_assert_int_eq(trk_instance_load("/nonexistent/instance", &id, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
}
END_TEST

START_TEST(instance_two_daemons_agree)
{
    enum { RACERS = 8 };
    uint16_t final = 0;
    pid_t racers[RACERS];
    int start[2];
    int results[2];

    ck_assert_int_eq(pipe(start), 0);
    ck_assert_int_eq(pipe(results), 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = fork();
        if (racers[i] == 0) {
            uint16_t id = 0;
            char c;

            close(start[1]);
            (void)!read(start[0], &c, 1); /* end of file lets all go at once */
            _exit(trk_instance_load(path, &id, NULL) == 0 &&
                          write(results[1], &id, sizeof(id)) == (ssize_t)sizeof(id)
                      ? 0
                      : 1);
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < RACERS; i++) {
        int status = 0;

        ck_assert_int_eq(waitpid(racers[i], &status, 0), racers[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(trk_instance_load(path, &final, &err), 0);
    for (int i = 0; i < RACERS; i++) {
        uint16_t id = 0;

        ck_assert_int_eq(read(results[0], &id, sizeof(id)), sizeof(id));
        ck_assert_uint_eq(id, final);
    }
    close(results[0]);
    close(results[1]);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

int main(void)
{
    Suite *suite = suite_create("keyring");
    TCase *file = tcase_create("file");
    TCase *turn = tcase_create("ratchet");
    TCase *instance = tcase_create("instance");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(file, setup, teardown);
    tcase_add_checked_fixture(turn, setup, teardown);
    tcase_add_checked_fixture(instance, setup, teardown);
    tcase_add_test(file, generate_then_load);
    tcase_add_test(file, generate_draws_another_each_time);
    tcase_add_test(file, generate_never_replaces);
    tcase_add_test(file, generate_no_directory);
    tcase_add_loop_test(file, load_bad_text_refused, 0, COUNT(bad_texts));
    tcase_add_test(file, load_embedded_nul_refused);
    tcase_add_test(file, load_upper_case_and_no_newline_accepted);
    tcase_add_test(file, load_absent);
    tcase_add_test(file, load_mode_open_to_others_refused);
    tcase_add_test(file, load_not_a_file_refused);
    tcase_add_test(file, load_other_owner_refused);
    tcase_add_test(file, load_long_name_refused);
    tcase_add_test(turn, load_same_step_leaves_the_file);
    tcase_add_test(turn, load_next_step_keeps_the_one_before);
    tcase_add_test(turn, load_later_rewrites_the_file);
    tcase_add_test(turn, load_rewrites_behind_a_symbolic_link);
    tcase_add_test(turn, load_from_the_next_step_is_skew);
    tcase_add_test(turn, load_jump_bound);
    tcase_add_test(turn, load_clock_past_the_last_step_refused);
    tcase_add_loop_test(turn, clock_out_of_bounds_refused, 0, COUNT(bad_clocks));
    tcase_add_test(turn, clock_longest_lifetime_held);
    tcase_add_test(turn, tick_goes_on_and_never_back);
    tcase_add_test(turn, tick_that_cannot_write_moves_on_and_writes_later);
    tcase_add_test(turn, from_secret_matches_the_file);
    tcase_add_test(turn, from_secret_last_step);
    tcase_add_test(turn, from_secret_step_zero);
    tcase_add_test(instance, instance_drawn_once);
    tcase_add_loop_test(instance, instance_text, 0, COUNT(instances));
    tcase_add_test(instance, instance_writable_by_others_refused);
    tcase_add_test(instance, instance_two_daemons_agree);
    tcase_set_timeout(turn, 60);
    suite_add_tcase(suite, file);
    suite_add_tcase(suite, turn);
    suite_add_tcase(suite, instance);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
