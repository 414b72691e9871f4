/* The main of replay_NAME: see fuzz.h. */
#include <config.h>

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    INPUT_MAX_BYTES = 1 << 20,
    NEAR_MAX_BYTES =
        600, /* of a seed are changed one by one: headers and continuations lie there */
};

static unsigned seeds, inputs, kept;
static const char *write_dir;

/* In a block of exactly this size, so that a sanitizer sees a read past the end. */
static void run_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static void run_near(const uint8_t *data, size_t size)
{
    static uint8_t changed[INPUT_MAX_BYTES];
    size_t near = size < NEAR_MAX_BYTES ? size : NEAR_MAX_BYTES;
    for (size_t n = 0; n < near; n++)
        run_input(data, n);
    run_input(data, size - (size > 0));
    memcpy(changed, data, size);
    memset(changed + size, 0, 1);
    run_input(changed, size + 1);
    for (size_t i = 0; i < near; i++) {
        const uint8_t others[] = {0, 0xff, (uint8_t)(data[i] ^ 1), (uint8_t)(data[i] ^ 0x80)};
        for (size_t k = 0; k < sizeof others; k++) {
            changed[i] = others[k];
            run_input(changed, size);
        }
        changed[i] = data[i];
    }
}

static void write_seed(const uint8_t *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/seed%u", write_dir, seeds);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
}

static void on_seed(void *arg, const uint8_t *data, size_t size)
{
    (void)arg;
    FUZZ_CHECK(size < INPUT_MAX_BYTES);
    if (write_dir)
        write_seed(data, size);
    else
        run_input(data, size);
    seeds++;
}

static void on_seed_near(void *arg, const uint8_t *data, size_t size)
{
    (void)arg;
    run_near(data, size);
}

static void run_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX_BYTES];
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    run_input(bytes, n);
    kept++;
}

/* The inputs that once found something, kept for good. */
static void run_corpus(void)
{
    char path[4096];
    const char *srcdir = getenv("srcdir"); /* set by automake's test driver */
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", fuzz_name);
    DIR *d = opendir(path);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char file[8192];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
            run_file(file);
    }
    closedir(d);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_dir = argv[2];
        fuzz_seeds(on_seed, NULL);
        return seeds ? 0 : 1;
    }
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            run_file(argv[i]);
        return 0;
    }
    fuzz_seeds(on_seed, NULL);
    fuzz_seeds(on_seed_near, NULL);
    run_corpus();
    printf("%s: %u seeds, %u kept inputs, %u runs\n", fuzz_name, seeds, kept, inputs);
    return seeds ? 0 : 1;
}
