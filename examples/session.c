/*
 * session: log-in and a counter, in a protocol of lines, at a server that keeps nothing of them.
 * See trickles-session(1), which also says what a client gains by going back to an older
 * continuation, and what therefore must not be kept this way.
 *
 * The continuation is the session, and the answer to the last line: a short answer is simplest to
 * give again from there.
 */
#include "password.h"
#include "serve.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LAYOUT = 1, /* of `struct session` */
    ANSWER_BYTES = 128,
    LINE_MAX_BYTES = 256,
    SESSION_SECONDS = 3600,
};

/* The continuation. */
struct session {
    uint8_t layout;
    bool close;
    char user[PASSWORD_NAME_BYTES]; /* empty: nobody has logged in */
    int64_t since; /* when; it ends SESSION_SECONDS later, whatever the client keeps */
    uint64_t count;
    char answer[ANSWER_BYTES];
};
static_assert(sizeof(struct session) <= MSK_UCONT_MAX_BYTES, "continuation");

/* Configuration: see password.h. */
static const char *users_path;

static void say(struct session *s, const char *text, const char *more)
{
    snprintf(s->answer, sizeof s->answer, "%s%s\n", text, more);
}

static void log_in(struct session *s, const char *user, const char *password)
{
    if (!password_check(users_path, user, password)) {
        say(s, "NO ", "wrong name or password");
        return;
    }
    strcpy(s->user, user);
    s->since = time(NULL);
    s->count = 0;
    say(s, "OK hello ", user);
}

/* Whether somebody is logged in; says so if not. */
static bool is_in(struct session *s)
{
    if (*s->user != '\0' && time(NULL) - s->since < SESSION_SECONDS)
        return true;
    *s->user = '\0';
    say(s, "NO ", "log in first");
    return false;
}

/* The session after one line. */
static void obey(struct session *s, char *line)
{
    char count[32], *rest = NULL;
    const char *command = strtok_r(line, " ", &rest);
    const char *first = strtok_r(NULL, " ", &rest), *second = strtok_r(NULL, "", &rest);
    if (command == NULL) {
        say(s, "NO ", "LOGIN name password, COUNT, WHO, LOGOUT or QUIT");
    } else if (strcmp(command, "LOGIN") == 0 && first != NULL && second != NULL) {
        log_in(s, first, second);
    } else if (strcmp(command, "COUNT") == 0) {
        if (is_in(s)) {
            snprintf(count, sizeof count, "%llu", (unsigned long long)++s->count);
            say(s, "OK ", count);
        }
    } else if (strcmp(command, "WHO") == 0) {
        if (is_in(s))
            say(s, "OK ", s->user);
    } else if (strcmp(command, "LOGOUT") == 0) {
        *s->user = '\0';
        say(s, "OK ", "bye");
    } else if (strcmp(command, "QUIT") == 0) {
        s->close = true;
        say(s, "OK ", "bye");
    } else {
        say(s, "NO ", "LOGIN name password, COUNT, WHO, LOGOUT or QUIT");
    }
}

/* Describes the answer that the session holds, as what the first n request bytes meant. */
static void answer(int fd, const struct msk_event *ev, struct session *s, size_t n)
{
    if (ev->kind == MSK_CLOSED && n == ev->request_len)
        s->close = true; /* consuming all of it consumes the client's end too */
    s->layout = LAYOUT;
    msk_consume(fd, ev->msk, n);
    msk_setucont(fd, ev->msk, MSK_HERE, s, sizeof *s, 0);
    msk_send(fd, ev->msk, s->answer, strlen(s->answer));
    if (s->close)
        msk_close(fd, ev->msk);
    else
        msk_end(fd, ev->msk);
}

/* Obeys the first line that is not consumed yet; the next gets its own event. */
static void take_line(int fd, const struct msk_event *ev, struct session *s)
{
    char line[LINE_MAX_BYTES + 1];
    const char *end = ev->request_len > 0 ? memchr(ev->request, '\n', ev->request_len) : NULL;
    size_t len = end != NULL ? (size_t)(end - (const char *)ev->request) : ev->request_len;
    *s->answer = '\0';
    if (s->close || (end == NULL && ev->kind == MSK_CLOSED)) {
        if (ev->kind == MSK_CLOSED)
            answer(fd, ev, s, ev->request_len);
    } else if (len > LINE_MAX_BYTES) {
        s->close = true;
        say(s, "NO ", "that line is too long");
        answer(fd, ev, s, ev->request_len);
    } else if (end == NULL) {
        msk_need(fd, ev->msk, ev->request_len + 1);
    } else {
        memcpy(line, ev->request, len);
        line[len] = '\0';
        line[strcspn(line, "\r")] = '\0';
        obey(s, line);
        answer(fd, ev, s, len + 1);
    }
}

static void handle(int fd, const struct msk_event *ev)
{
    struct session s = {0};
    if (ev->ucont_len == sizeof s)
        memcpy(&s, ev->ucont, sizeof s);
    if (ev->ucont_len > 0 && s.layout != LAYOUT) {
        msk_reset(fd, ev->msk);
        return;
    }
    msk_seek(fd, ev->msk, ev->from);
    msk_send(fd, ev->msk, s.answer, strlen(s.answer));
    if (ev->kind == MSK_REQUEST || ev->kind == MSK_CLOSED)
        take_line(fd, ev, &s);
    msk_drop(fd, ev->msk);
}

/* --add: asks for a password, and prints the user's line. */
static int add(const char *name)
{
    char password[LINE_MAX_BYTES], line[PASSWORD_LINE_BYTES];
    if (EVP_read_pw_string(password, sizeof password - 1, "Password: ", 1) != 0 ||
        !password_line(line, name, password, PASSWORD_COST)) {
        fprintf(stderr,
                "session: no line for %s: a name has 1 to %d characters, no colon and no "
                "space; the password is asked twice\n",
                name, PASSWORD_NAME_BYTES - 1);
        return EXIT_FAILURE;
    }
    return fputs(line, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const char help[] =
    "usage: session --users FILE --port N [OPTION]...\n"
    "       session --add NAME >>FILE\n"
    "Keep sessions, with the clients.\n"
    "\n"
    "  -U, --users FILE       who may log in; needed\n"
    "  -A, --add NAME         ask for a password and print the line of a user\n" SERVE_HELP "\n"
    "trickles-session(1) says more.\n";

int main(int argc, char **argv)
{
    struct serve s = {.program = "session", .help = help};
    const char *name = NULL;
    const struct serve_own own[] = {{'U', "users", &users_path}, {'A', "add", &name}, {0}};
    serve_options(&s, argc, argv, own, 0);
    if (name != NULL)
        return add(name);
    if (users_path == NULL)
        serve_usage(&s);
    if (access(users_path, R_OK) != 0) {
        fprintf(stderr, "session: %s: %s\n", users_path, strerror(errno));
        return EXIT_FAILURE;
    }
    return serve(&s, handle);
}
