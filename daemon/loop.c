/* The event loop: see loop.h. */
#include <config.h>

#include "daemon/loop.h"

#include "base/err.h"
#include "io/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

enum {
    EVENTS_MAX = 256, /* descriptors served in one round */
    WAITS_MAX = 4,    /* times that a round asks for more of them */
    ROUNDS_MAX = 16,  /* in a row, while tasks are left over */
};

struct garbage {
    struct garbage *next;
};

struct trk_loop {
    uv_loop_t uv;
    uv_poll_t poll;
    uv_signal_t signals[2];
    void (*on_signal)(void *arg, int signum);
    void *signal_arg;
    int epoll_fd;
    int timer_fd;
    struct trk_watch timer_watch;
    uint64_t armed_ns; /* what the timerfd is set to; TRK_LOOP_NEVER: not set */
    uint64_t now_ns;
    uint64_t wall_us;
    struct trk_heap heap;
    struct trk_task tasks; /* ring: next is the first, prev the last */
    struct trk_flush *flushes;
    struct garbage *garbage;
    bool running;
};

static void read_clocks(struct trk_loop *loop)
{
    loop->now_ns = trk_clock_mono_ns();
    loop->wall_us = trk_clock_wall_us();
}

static void arm_timerfd(struct trk_loop *loop, uint64_t deadline_ns)
{
    struct itimerspec its = {
        .it_value = {.tv_sec = (time_t)(deadline_ns / 1000000000u), .tv_nsec = (long)(deadline_ns % 1000000000u)}};
    if (deadline_ns == 0)
        its.it_value.tv_nsec = 1;
    loop->armed_ns = deadline_ns;
    TRK_ASSERT(timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &its, NULL) == 0);
}

static void timer_ready(struct trk_watch *w, uint32_t events)
{
    struct trk_loop *loop = TRK_HEAP_OBJECT(w, struct trk_loop, timer_watch);
    uint64_t count;
    (void)events;
    if (read(loop->timer_fd, &count, sizeof count) == sizeof count)
        loop->armed_ns = TRK_LOOP_NEVER;
}

static void run_timers(struct trk_loop *loop)
{
    struct trk_heap_node *node;
    while ((node = trk_heap_expire(&loop->heap, loop->now_ns)) != NULL) {
        struct trk_timer *t = TRK_HEAP_OBJECT(node, struct trk_timer, node);
        t->fire(t);
    }
}

static void unlink_task(struct trk_task *t)
{
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->queued = false;
}

/* Those that are queued now; what they queue waits for the next round, so that sockets are served in between. */
static void run_tasks(struct trk_loop *loop)
{
    struct trk_task end = {.queued = true};
    if (loop->tasks.next == &loop->tasks)
        return;
    end.prev = loop->tasks.prev;
    end.next = &loop->tasks;
    end.prev->next = &end;
    loop->tasks.prev = &end;
    while (loop->tasks.next != &end) {
        struct trk_task *t = loop->tasks.next;
        unlink_task(t);
        t->run(t);
    }
    unlink_task(&end);
}

static void collect_garbage(struct trk_loop *loop)
{
    while (loop->garbage != NULL) {
        struct garbage *g = loop->garbage;
        loop->garbage = g->next;
        free(g);
    }
}

static bool has_tasks(const struct trk_loop *loop)
{
    return loop->tasks.next != &loop->tasks;
}

static void set_next_wake(struct trk_loop *loop)
{
    const struct trk_heap_node *first = trk_heap_first(&loop->heap);
    uint64_t next_ns = first != NULL ? first->deadline_ns : TRK_LOOP_NEVER;
    if (has_tasks(loop))
        next_ns = 1; /* long past: at once */
    if (next_ns < loop->armed_ns)
        arm_timerfd(loop, next_ns);
}

static void end_round(struct trk_loop *loop)
{
    run_timers(loop);
    run_tasks(loop);
    for (struct trk_flush *f = loop->flushes; f != NULL; f = f->next)
        f->flush(f);
    collect_garbage(loop);
}

static void serve_descriptors(struct trk_loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    for (unsigned waits = 0; waits < WAITS_MAX; waits++) {
        int n = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, 0);
        for (int i = 0; i < n; i++) {
            struct trk_watch *w = events[i].data.ptr;
            if (w->ready != NULL)
                w->ready(w, events[i].events);
        }
        if (n < EVENTS_MAX)
            return;
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct trk_loop *loop = handle->data;
    (void)status;
    (void)events;
    for (unsigned rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        read_clocks(loop);
        serve_descriptors(loop);
        end_round(loop);
        if (!has_tasks(loop))
            break;
    }
    set_next_wake(loop);
    if (!loop->running)
        uv_stop(&loop->uv);
}

static int start(struct trk_loop *loop)
{
    if (uv_loop_init(&loop->uv) != 0)
        return -ENOMEM;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0)
        return -errno;
    int rc = trk_loop_watch(loop, &loop->timer_watch, loop->timer_fd, EPOLLIN, timer_ready);
    if (rc != 0)
        return rc;
    rc = uv_poll_init(&loop->uv, &loop->poll, loop->epoll_fd);
    loop->poll.data = loop;
    return rc != 0 ? rc : uv_poll_start(&loop->poll, UV_READABLE, on_poll);
}

struct trk_loop *trk_loop_new(const struct trk_mem *mem)
{
    struct trk_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    trk_heap_init(&loop->heap, mem);
    loop->tasks.next = loop->tasks.prev = &loop->tasks;
    loop->armed_ns = TRK_LOOP_NEVER;
    read_clocks(loop);
    int rc = start(loop);
    if (rc != 0) {
        errno = -rc;
        free(loop);
        return NULL;
    }
    return loop;
}

void trk_loop_free(struct trk_loop *loop)
{
    if (loop == NULL)
        return;
    uv_close((uv_handle_t *)&loop->poll, NULL);
    for (unsigned i = 0; loop->on_signal != NULL && i < 2; i++)
        uv_close((uv_handle_t *)&loop->signals[i], NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    collect_garbage(loop);
    trk_heap_clear(&loop->heap);
    close(loop->timer_fd);
    close(loop->epoll_fd);
    free(loop);
}

int trk_loop_run(struct trk_loop *loop)
{
    loop->running = true;
    read_clocks(loop);
    end_round(loop);
    set_next_wake(loop);
    int rc = uv_run(&loop->uv, UV_RUN_DEFAULT);
    return rc < 0 ? rc : 0;
}

void trk_loop_stop(struct trk_loop *loop)
{
    loop->running = false;
    uv_stop(&loop->uv);
}

static void signal_ready(uv_signal_t *handle, int signum)
{
    struct trk_loop *loop = handle->data;
    read_clocks(loop);
    loop->on_signal(loop->signal_arg, signum);
    end_round(loop);
    set_next_wake(loop);
}

int trk_loop_on_signal(struct trk_loop *loop, void (*on_signal)(void *arg, int signum), void *arg)
{
    static const int signums[2] = {SIGTERM, SIGINT};
    loop->on_signal = on_signal;
    loop->signal_arg = arg;
    for (unsigned i = 0; i < 2; i++) {
        int rc = uv_signal_init(&loop->uv, &loop->signals[i]);
        if (rc == 0)
            rc = uv_signal_start(&loop->signals[i], signal_ready, signums[i]);
        if (rc != 0)
            return rc;
        loop->signals[i].data = loop;
    }
    return 0;
}

uint64_t trk_loop_now_ns(const struct trk_loop *loop)
{
    return loop->now_ns;
}

uint64_t trk_loop_wall_us(const struct trk_loop *loop)
{
    return loop->wall_us;
}

int trk_loop_watch(struct trk_loop *loop, struct trk_watch *w, int fd, uint32_t events,
                   void (*ready)(struct trk_watch *w, uint32_t events))
{
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        return -errno;
    w->fd = fd;
    w->ready = ready;
    return 0;
}

void trk_loop_rewatch(struct trk_loop *loop, struct trk_watch *w, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = w};
    TRK_ASSERT(w->ready != NULL && epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) == 0);
}

void trk_loop_unwatch(struct trk_loop *loop, struct trk_watch *w)
{
    if (w->ready == NULL)
        return;
    w->ready = NULL;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
}

void trk_loop_forget(struct trk_watch *w)
{
    w->ready = NULL;
}

void trk_loop_arm(struct trk_loop *loop, struct trk_timer *t, uint64_t deadline_ns)
{
    if (deadline_ns == TRK_LOOP_NEVER) {
        trk_heap_remove(&loop->heap, &t->node);
        return;
    }
    if (trk_heap_contains(&t->node) && t->node.deadline_ns == deadline_ns)
        return;
    if (trk_heap_set(&loop->heap, &t->node, deadline_ns) != 0)
        t->fire(t);
}

void trk_loop_later(struct trk_loop *loop, struct trk_task *t)
{
    if (t->queued)
        return;
    t->queued = true;
    t->prev = loop->tasks.prev;
    t->next = &loop->tasks;
    t->prev->next = t;
    loop->tasks.prev = t;
}

void trk_loop_cancel(struct trk_loop *loop, struct trk_task *t)
{
    (void)loop;
    if (t->queued)
        unlink_task(t);
}

void trk_loop_add_flush(struct trk_loop *loop, struct trk_flush *f)
{
    struct trk_flush **at = &loop->flushes;
    while (*at != NULL)
        at = &(*at)->next;
    f->next = NULL;
    *at = f;
}

void trk_loop_defer_free(struct trk_loop *loop, void *object)
{
    struct garbage *g = object;
    if (g == NULL)
        return;
    g->next = loop->garbage;
    loop->garbage = g;
}
