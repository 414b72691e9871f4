#include "base/heap.h"

#include <string.h>

enum { FIRST_CAPACITY = 16 };

void trk_heap_init(struct trk_heap *heap, const struct trk_mem *mem)
{
    memset(heap, 0, sizeof(*heap));
    heap->mem = mem;
}

void trk_heap_clear(struct trk_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        heap->slots[i]->place = 0;
    if (heap->slots != NULL)
        (void)heap->mem->resize(heap->mem->ctx, heap->slots, 0);
    trk_heap_init(heap, heap->mem);
}

int trk_heap_reserve(struct trk_heap *heap, size_t count)
{
    size_t capacity = heap->capacity > 0 ? heap->capacity : FIRST_CAPACITY;
    struct trk_heap_node **slots;

    if (count <= heap->capacity)
        return 0;
    while (capacity < count) {
        if (capacity > SIZE_MAX / 2)
            return -1;
        capacity *= 2;
    }
    if (capacity > SIZE_MAX / sizeof(*slots))
        return -1;
    slots = heap->mem->resize(heap->mem->ctx, heap->slots, capacity * sizeof(*slots));
    if (slots == NULL)
        return -1;
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

static bool precedes(const struct trk_heap_node *a, const struct trk_heap_node *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns;
    return a->order < b->order;
}

static void put(struct trk_heap *heap, size_t i, struct trk_heap_node *node)
{
    heap->slots[i] = node;
    node->place = i + 1;
}

static size_t sift_up(struct trk_heap *heap, size_t i)
{
    struct trk_heap_node *node = heap->slots[i];

    while (i > 0 && precedes(node, heap->slots[(i - 1) / 2])) {
        put(heap, i, heap->slots[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(heap, i, node);
    return i;
}

static void sift_down(struct trk_heap *heap, size_t i)
{
    struct trk_heap_node *node = heap->slots[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && precedes(heap->slots[child + 1], heap->slots[child]))
            child++;
        if (!precedes(heap->slots[child], node))
            break;
        put(heap, i, heap->slots[child]);
        i = child;
    }
    put(heap, i, node);
}

int trk_heap_set(struct trk_heap *heap, struct trk_heap_node *node, uint64_t deadline_ns)
{
    if (node->place == 0) {
        if (trk_heap_reserve(heap, heap->count + 1) != 0)
            return -1;
        put(heap, heap->count++, node);
    }
    node->deadline_ns = deadline_ns;
    node->order = heap->next_order++;
    sift_down(heap, sift_up(heap, node->place - 1));
    return 0;
}

void trk_heap_remove(struct trk_heap *heap, struct trk_heap_node *node)
{
    struct trk_heap_node *last;
    size_t i = node->place - 1;

    if (node->place == 0)
        return;
    last = heap->slots[--heap->count];
    node->place = 0;
    if (last == node)
        return;
    put(heap, i, last);
    sift_down(heap, sift_up(heap, i));
}

struct trk_heap_node *trk_heap_first(const struct trk_heap *heap)
{
    return heap->count > 0 ? heap->slots[0] : NULL;
}

struct trk_heap_node *trk_heap_expire(struct trk_heap *heap, uint64_t now_ns)
{
    struct trk_heap_node *node = trk_heap_first(heap);

    if (node == NULL || node->deadline_ns > now_ns)
        return NULL;
    trk_heap_remove(heap, node);
    return node;
}

bool trk_heap_contains(const struct trk_heap_node *node)
{
    return node->place != 0;
}
