/* Descriptors of the library: see table.h. Pages are made when first needed and never freed. */
#include <config.h>

#include "mini/table.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PAGE_FDS = 1024, PAGES = MSK_TABLE_FDS_MAX / PAGE_FDS };

struct page {
    struct page *inherited; /* in a child: the parent's pages, kept so that nothing seems lost */
    _Atomic(struct msk_object *) objects[PAGE_FDS];
};

static _Atomic(struct page *) pages[PAGES];
static struct page *inherited;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* In the child, which has one thread: sockets, sequence of nonces and tables are the parent's. */
static void forget(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        struct page *p = atomic_load_explicit(&pages[i], memory_order_relaxed);
        if (p == NULL)
            continue;
        p->inherited = inherited;
        inherited = p;
        atomic_store_explicit(&pages[i], NULL, memory_order_relaxed);
    }
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forget);
}

static struct page *page_of(int fd)
{
    if (fd < 0 || fd >= MSK_TABLE_FDS_MAX)
        return NULL;
    return atomic_load_explicit(&pages[fd / PAGE_FDS], memory_order_acquire);
}

static struct page *make_page(int fd)
{
    struct page *none = NULL, *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&pages[fd / PAGE_FDS], &none, p))
        return p;
    free(p); /* another thread was first */
    return none;
}

int msk_table_put(struct msk_object *o)
{
    if (o->fd < 0 || o->fd >= MSK_TABLE_FDS_MAX)
        return -EMFILE;
    (void)pthread_once(&once, watch_forks);
    struct page *p = page_of(o->fd);
    if (p == NULL && (p = make_page(o->fd)) == NULL)
        return -ENOMEM;
    atomic_store_explicit(&p->objects[o->fd % PAGE_FDS], o, memory_order_release);
    return 0;
}

struct msk_object *msk_table_any(int fd)
{
    struct page *p = page_of(fd);
    return p != NULL ? atomic_load_explicit(&p->objects[fd % PAGE_FDS], memory_order_acquire)
                     : NULL;
}

struct msk_object *msk_table_get(int fd, enum msk_object_kind kind)
{
    struct msk_object *o = msk_table_any(fd);
    return o != NULL && o->kind == kind ? o : NULL;
}

void msk_table_remove(int fd)
{
    struct page *p = page_of(fd);
    if (p != NULL)
        atomic_store_explicit(&p->objects[fd % PAGE_FDS], NULL, memory_order_release);
}
