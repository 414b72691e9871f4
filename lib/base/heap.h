/*
 * heap.h: timers in a binary heap, intrusive: the node lies in the caller's object, the heap holds pointers to it.
 *
 * Equal deadlines come out in the order in which they were set, so that a run can be repeated exactly. All operations are
 * O(log n); the earliest deadline is O(1). Pure but for the memory that it is given. Threads: none of its own state.
 *
 * Invariants: slots[i]->index == i; no node precedes its parent.
 */
#ifndef TRK_BASE_HEAP_H
#define TRK_BASE_HEAP_H

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the caller's object; all zero, or TRK_HEAP_NODE_INIT, before its first use. Read deadline_ns; leave the rest. */
struct trk_heap_node {
    uint64_t deadline_ns;
    uint64_t order; /* of setting: breaks ties */
    size_t place;   /* index in the heap + 1; 0: not in it */
};

#define TRK_HEAP_NODE_INIT {0, 0, 0}

struct trk_heap {
    struct trk_heap_node **slots;
    size_t count;
    size_t capacity;
    uint64_t next_order;
    const struct trk_mem *mem;
};

/* The object of type that holds node as its member. */
#define TRK_HEAP_OBJECT(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

/* An empty heap; mem is borrowed for as long as the heap lives. Takes no memory yet. */
void trk_heap_init(struct trk_heap *heap, const struct trk_mem *mem);

/* Gives the memory back. Nodes still in the heap are left out of it (trk_heap_contains is false for them). */
void trk_heap_clear(struct trk_heap *heap);

/* Makes room for count nodes in all. Returns 0, or -1 if there is no memory (nothing has changed). */
int trk_heap_reserve(struct trk_heap *heap, size_t count) __attribute__((warn_unused_result));

/*
 * Sets the node's deadline, whether it is in the heap or not; it comes after all that have the same. Returns 0; -1 if
 * there is no memory for a new node (nothing has changed; cannot happen for a node that is in the heap, nor within what
 * was reserved).
 */
int trk_heap_set(struct trk_heap *heap, struct trk_heap_node *node, uint64_t deadline_ns)
    __attribute__((warn_unused_result));

/* Takes the node out; one that is not in the heap is left alone. */
void trk_heap_remove(struct trk_heap *heap, struct trk_heap_node *node);

/* The node with the earliest deadline, still in the heap, or NULL. */
struct trk_heap_node *trk_heap_first(const struct trk_heap *heap);

/* Takes out and returns the earliest node whose deadline is now_ns or earlier, or NULL. */
struct trk_heap_node *trk_heap_expire(struct trk_heap *heap, uint64_t now_ns);

bool trk_heap_contains(const struct trk_heap_node *node);

#endif
