/* Initialisation: the C library's calls, the environment, the rules. See shim.h. */
#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "shim.h"

#define RULES_FILE_MAX_BYTES 16384

int trk_shim_is_ready;
static struct trk_rules rules;
static int is_admitted;

static void complain(const char *rule, size_t len)
{
    char line[256] = "libtrickles: rule left out (not understood, or one too many): ";
    size_t at = strlen(line);
    size_t room = sizeof line - at - 1;
    memcpy(line + at, rule, len < room ? len : room);
    at += len < room ? len : room;
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at);
}

static void read_rules_file(const char *path)
{
    static char text[RULES_FILE_MAX_BYTES];
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return; /* no file: no rules */
    }
    ssize_t n;
    while (len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0) {
        len += (size_t)n;
    }
    close(fd);
    if (len == sizeof text) {
        complain(path, strlen(path)); /* the part that was read may end in the middle of a rule */
    }
    (void)trk_rules_parse(&rules, text, len, complain);
}

/* Priority 101 is the first that is not the implementation's: before constructors of other
 * libraries that make sockets. */
__attribute__((constructor(101))) static void construct(void)
{
    trk_shim_enter();
}

void trk_shim_init(void)
{
    int kept_errno = errno;
    trk_real_init();
    trk_trace_init();
    const char *list = getenv("TRICKLES_RULES");
    const char *file = getenv("TRICKLES_RULES_FILE");
    rules.count = 0;
    if (list != NULL) {
        (void)trk_rules_parse(&rules, list, strlen(list), complain);
    }
    read_rules_file(file != NULL ? file : SYSCONFDIR "/trickles/rules");
    /* The daemon's own sockets must stay its own, whoever starts it with what environment. */
    is_admitted = strcmp(program_invocation_short_name, "trickled") != 0 &&
                  trk_rules_admit_program(&rules, program_invocation_short_name);
    trk_shim_is_ready = 1;
    trk_trace("start: program=%s rules=%zu %s", program_invocation_short_name, rules.count,
              is_admitted ? "takes part" : "excluded by the rules");
    errno = kept_errno;
}

int trk_shim_admits_program(void)
{
    return is_admitted;
}

int trk_shim_admits(int is_listen, const struct trk_ipc_addr *addr)
{
    return trk_rules_admit(&rules, program_invocation_short_name,
                           is_listen ? TRK_RULES_LISTEN : TRK_RULES_CONNECT, addr);
}
