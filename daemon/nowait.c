/* Calls that may wait: see nowait.h. */
#include <config.h>

#include "daemon/nowait.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

static void interrupt(int signum)
{
    (void)signum;
}

/* Again and again: the first may come before the call. */
void trk_nowait_begin(void)
{
    static bool is_ready;
    const struct timeval limit = {.tv_usec = TRK_NOWAIT_MS * 1000};
    const struct itimerval timer = {.it_interval = limit, .it_value = limit};
    if (!is_ready) {
        const struct sigaction action = {.sa_handler = interrupt}; /* no SA_RESTART */
        is_ready = sigaction(SIGALRM, &action, NULL) == 0;
    }
    if (is_ready)
        (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void trk_nowait_end(void)
{
    const struct itimerval off = {.it_value = {.tv_sec = 0}};
    (void)setitimer(ITIMER_REAL, &off, NULL);
}

void trk_nowait_close(int fd)
{
    trk_nowait_begin();
    close(fd);
    trk_nowait_end();
}
