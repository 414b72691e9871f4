/*
 * table.h: which descriptors are the library's: services and clients' connections.
 *
 * Look-ups take no lock: two loads. Different descriptors may be used, made and ended by different
 * threads at once. A child after fork(2) has an empty table: what it inherited is its parent's.
 */
#ifndef TRK_MINI_TABLE_H
#define TRK_MINI_TABLE_H

enum { MSK_TABLE_FDS_MAX = 1 << 20 };

enum msk_object_kind { MSK_OBJECT_SERVICE = 1, MSK_OBJECT_CLIENT };

/* The first member of what a descriptor stands for. */
struct msk_object {
    enum msk_object_kind kind;
    int fd;
};

/* Enters o under o->fd. 0; -EMFILE: the number is above the table's bound; -ENOMEM. */
int msk_table_put(struct msk_object *o) __attribute__((warn_unused_result));
/* What fd stands for if it is of that kind, or NULL. About 2 ns. */
struct msk_object *msk_table_get(int fd, enum msk_object_kind kind);
/* The same of any kind. */
struct msk_object *msk_table_any(int fd);
/* Takes fd out. */
void msk_table_remove(int fd);

#endif
