/* Where the daemon is, and asking it. See shim.h. */
#include <config.h>

#include <stdatomic.h>
#include <time.h>

#include "shim.h"

#define SEEN_NS        1000000000ll  /* how long a sighting is believed */
#define START_AGAIN_NS 10000000000ll /* between two attempts of a process to start a daemon */

/* Hints, each good alone: a thread that reads a mixture asks the wrong place once and looks
 * again. */
static atomic_int seen_place = -1;
static atomic_llong seen_at_ns;
static atomic_llong started_at_ns;
static atomic_uint seen_uid = UINT32_MAX;

static const struct trk_locate *locate(void)
{
    static struct trk_locate loc;
    static atomic_int is_done;
    if (!atomic_load_explicit(&is_done, memory_order_acquire)) {
        /* Two threads that come here at once write the same bytes. */
        trk_locate_init(&loc, geteuid());
        atomic_store_explicit(&is_done, 1, memory_order_release);
    }
    return &loc;
}

static long long now_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec + 1; /* never 0, which says "not yet" */
}

static uint64_t own_netns(int sock)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
#ifdef SO_NETNS_COOKIE
    if (trk_real.getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) != 0) {
        cookie = 0;
    }
#else
    (void)sock;
    (void)len;
#endif
    return cookie;
}

/* Is there a daemon for us? 0 and its uid, or -errno. */
static int greet(const struct trk_locate_place *place, uint32_t *uid)
{
    struct trk_ctl_msg request = {.type = TRK_CTL_HELLO, .correlation = 1};
    struct trk_ctl_msg answer;
    request.u.hello.pid = (uint32_t)getpid();
    int sock = trk_locate_connect(place, 0, geteuid());
    if (sock < 0) {
        return sock;
    }
    int rc = trk_locate_ask(sock, &request, -1, &answer, NULL);
    uint64_t netns = own_netns(sock);
    close(sock);
    if (rc != 0) {
        return rc;
    }
    if (answer.type != TRK_CTL_HELLO_REPLY || answer.u.hello_reply.error_no != 0) {
        return -EPROTO;
    }
    uint64_t its_netns = answer.u.hello_reply.netns_cookie;
    if (its_netns != 0 && netns != 0 && its_netns != netns) {
        return -EXDEV;
    }
    *uid = answer.u.hello_reply.uid;
    return 0;
}

static int look(const struct trk_locate *loc)
{
    for (int i = 0; i < loc->count; i++) {
        uint32_t uid;
        int rc = greet(&loc->places[i], &uid);
        if (rc == 0) {
            atomic_store(&seen_uid, uid);
            return i;
        }
        trk_trace("daemon: %s: %s", loc->places[i].control.sun_path, strerrordesc_np(-rc));
    }
    return -1;
}

const struct trk_locate_place *trk_daemon_find(int may_start)
{
    int kept_errno = errno;
    const struct trk_locate *loc = locate();
    long long now = now_ns();
    long long seen_at = atomic_load(&seen_at_ns);
    int place = atomic_load(&seen_place);
    if (seen_at == 0 || now - seen_at > SEEN_NS) {
        place = look(loc);
        atomic_store(&seen_place, place);
        atomic_store(&seen_at_ns, now);
    }
    long long started = atomic_load(&started_at_ns);
    if (place < 0 && may_start && !loc->is_fixed &&
        (started == 0 || now - started > START_AGAIN_NS)) {
        atomic_store(&started_at_ns, now);
        int rc = trk_spawn_daemon(loc);
        trk_trace("daemon: start: %s", rc == 0 ? "done" : strerrordesc_np(-rc));
        place = rc == 0 ? look(loc) : -1;
        atomic_store(&seen_place, place);
        atomic_store(&seen_at_ns, now_ns());
    }
    errno = kept_errno;
    return place >= 0 ? &loc->places[place] : NULL;
}

void trk_daemon_forget(void)
{
    atomic_store(&seen_at_ns, 0);
}

int trk_daemon_is_trusted(uid_t uid)
{
    if (uid == 0 || uid == geteuid() || uid == atomic_load(&seen_uid)) {
        return 1;
    }
    if (atomic_load(&seen_uid) == UINT32_MAX) { /* a worker that never asked anything */
        trk_daemon_forget();
        (void)trk_daemon_find(0);
    }
    return uid == atomic_load(&seen_uid);
}

int trk_daemon_ask(struct trk_ctl_msg *request, int fd, enum trk_ctl_type want,
                   struct trk_ctl_msg *answer)
{
    const struct trk_locate_place *place = trk_daemon_find(0);
    if (place == NULL) {
        return -ECONNREFUSED;
    }
    int sock = trk_locate_connect(place, 0, geteuid());
    if (sock < 0) {
        trk_daemon_forget();
        return -ECONNREFUSED;
    }
    request->correlation = 1; /* one request a connection */
    int rc = trk_locate_ask(sock, request, fd, answer, NULL);
    close(sock);
    if (rc == 0 && answer->type == TRK_CTL_ACK && answer->u.ack.error_no != 0) {
        rc = -(int)(answer->u.ack.error_no & 0xfff);
    } else if (rc == 0 && answer->type != want) {
        rc = -EPROTO;
    } else if (rc == -ECONNRESET) {
        trk_daemon_forget();
        rc = -ECONNREFUSED;
    }
    trk_trace("ask %s: %s", trk_ctl_type_name(request->type),
              rc == 0 ? "ok" : strerrordesc_np(-rc));
    return rc;
}
