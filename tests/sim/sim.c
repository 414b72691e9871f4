#include "sim.h"

#include <stdlib.h>

void sim_init(struct sim *s)
{
    *s = (struct sim){0};
}

void sim_free(struct sim *s, void (*drop)(void *arg))
{
    for (size_t i = 0; i < s->n; i++)
        if (drop != NULL && s->heap[i].arg != NULL)
            drop(s->heap[i].arg);
    free(s->heap);
    sim_init(s);
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_at(struct sim *s, uint64_t at_ns, sim_fn *fn, void *ctx, void *arg)
{
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : s->cap * 2;
        s->heap = realloc(s->heap, s->cap * sizeof *s->heap);
        if (s->heap == NULL)
            abort();
    }
    struct sim_event e = {at_ns < s->now_ns ? s->now_ns : at_ns, s->order++, fn, ctx, arg};
    size_t i = s->n++;
    for (; i > 0 && before(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

static struct sim_event pop(struct sim *s)
{
    struct sim_event top = s->heap[0], last = s->heap[--s->n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->n)
            break;
        if (child + 1 < s->n && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    if (s->n > 0)
        s->heap[i] = last;
    return top;
}

bool sim_step(struct sim *s)
{
    if (s->n == 0)
        return false;
    struct sim_event e = pop(s);
    s->now_ns = e.at_ns;
    e.fn(e.ctx, e.arg);
    return true;
}
