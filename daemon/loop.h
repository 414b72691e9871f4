/*
 * loop.h: the daemon's event loop: libuv outside, one nested epoll instance inside.
 *
 * libuv watches three things: the epoll descriptor, and two signals. Every socket of the daemon is in that epoll
 * instance, application sockets edge-triggered: a byte stays unread on each of them for its whole life
 * (ipc/link.h, sentinel rule), and a level-triggered watch would never sleep.
 *
 * A round: all ready descriptors, then expired timers, then tasks (connections that have something left to do), then
 * flush hooks (one send for all packets of the round), then deferred frees. The clocks are read once a round. While tasks
 * are left over a few rounds follow each other without asking libuv.
 *
 * Timers lie in one heap, driven by a timerfd (libuv's timers have milliseconds; asks are paced finer). It is armed
 * again only when the earliest deadline comes nearer.
 *
 * One thread. Objects with a watch, timer or task inside must be freed through trk_loop_defer().
 */
#ifndef TRK_DAEMON_LOOP_H
#define TRK_DAEMON_LOOP_H

#include "base/heap.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct trk_loop;

/* A descriptor in the epoll instance. All zero before its first use. */
struct trk_watch {
    void (*ready)(struct trk_watch *w, uint32_t events); /* NULL: not watched */
    int fd;
};

/* A deadline. All zero, with `fire` set, before its first use. */
struct trk_timer {
    struct trk_heap_node node;
    void (*fire)(struct trk_timer *t);
};

/* Work for the end of the round. All zero, with `run` set, before its first use. */
struct trk_task {
    void (*run)(struct trk_task *t);
    struct trk_task *next, *prev;
    bool queued;
};

/* Called at the end of every round, in the order of registration. */
struct trk_flush {
    void (*flush)(struct trk_flush *f);
    struct trk_flush *next;
};

/* Returns a loop, or NULL (errno says why). mem (borrowed) is for timers. */
struct trk_loop *trk_loop_new(const struct trk_mem *mem) __attribute__((warn_unused_result));
void trk_loop_free(struct trk_loop *loop);

/* Runs until trk_loop_stop(). Returns 0, or -errno when the loop itself broke. */
int trk_loop_run(struct trk_loop *loop) __attribute__((warn_unused_result));
/* Ends the run after the present round. */
void trk_loop_stop(struct trk_loop *loop);

/* Calls `on_signal` (in the loop, not in a handler) for SIGTERM and SIGINT. Returns 0 or -errno. */
int trk_loop_on_signal(struct trk_loop *loop, void (*on_signal)(void *arg, int signum), void *arg)
    __attribute__((warn_unused_result));

/* The clocks as of this round. */
uint64_t trk_loop_now_ns(const struct trk_loop *loop);
uint64_t trk_loop_wall_us(const struct trk_loop *loop);

/* Watches fd (borrowed) for the epoll events given. w->ready is set. Returns 0 or -errno (-ENOSPC, -ENOMEM). */
int trk_loop_watch(struct trk_loop *loop, struct trk_watch *w, int fd, uint32_t events,
                   void (*ready)(struct trk_watch *w, uint32_t events)) __attribute__((warn_unused_result));
/* Other events for a watched descriptor. */
void trk_loop_rewatch(struct trk_loop *loop, struct trk_watch *w, uint32_t events);
/* No more events, also none of this round. Call it before the descriptor is closed. Idempotent. */
void trk_loop_unwatch(struct trk_loop *loop, struct trk_watch *w);
/* The same for a descriptor that is closed right away and has no duplicate: the kernel takes it out by itself. */
void trk_loop_forget(struct trk_watch *w);

/*
 * Sets the deadline (TRK_LOOP_NEVER takes it out). Without memory for the heap the timer fires in this round: nothing
 * is ever forgotten.
 */
#define TRK_LOOP_NEVER UINT64_MAX
void trk_loop_arm(struct trk_loop *loop, struct trk_timer *t, uint64_t deadline_ns);

/* Runs the task at the end of this round (or of the next, when called from a task). Once, however often called. */
void trk_loop_later(struct trk_loop *loop, struct trk_task *t);
void trk_loop_cancel(struct trk_loop *loop, struct trk_task *t);

void trk_loop_add_flush(struct trk_loop *loop, struct trk_flush *f);

/* Calls free(object) at the end of the round. The object's first bytes are used as a link from now on. */
void trk_loop_defer_free(struct trk_loop *loop, void *object);

#endif
