/* The memory of all streams together: its bound, and who still gets some when it is near. */
#include "daemon/buffers.h"

#include <check.h>

enum { MIB = 1 << 20 };

static struct trk_buffers buffers;

static void *resize(void *p, size_t size)
{
    return buffers.mem.resize(buffers.mem.ctx, p, size);
}

START_TEST(small_pieces_are_always_granted)
{
    trk_buffers_init(&buffers, 0);
    void *p = resize(NULL, TRK_BUFFERS_SMALL_BYTES);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(buffers.used_bytes, 0);
    ck_assert_ptr_null(resize(NULL, TRK_BUFFERS_SMALL_BYTES + 1));
    ck_assert_ptr_null(resize(p, TRK_BUFFERS_SMALL_BYTES + 1)); /* and p is still there */
    ck_assert_ptr_null(resize(p, 0));
}
END_TEST

START_TEST(a_quarter_of_what_is_left_is_granted_and_no_more)
{
    trk_buffers_init(&buffers, 4 * MIB);
    ck_assert_ptr_null(resize(NULL, MIB + 1));
    void *p = resize(NULL, MIB);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_ge(buffers.used_bytes, MIB);
    ck_assert_ptr_null(resize(NULL, MIB));
    void *q = resize(NULL, MIB / 2);
    ck_assert_ptr_nonnull(q);
    p = resize(p, MIB / 4); /* smaller is always right */
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_lt(buffers.used_bytes, MIB);
    ck_assert_ptr_null(resize(p, 0));
    ck_assert_ptr_null(resize(q, 0));
    ck_assert_uint_eq(buffers.used_bytes, 0);
}
END_TEST

START_TEST(the_bound_holds_however_many_ask)
{
    enum { ASK = 2000 };
    static void *p[ASK];
    unsigned granted = 0;
    trk_buffers_init(&buffers, 4 * MIB);
    for (size_t size = MIB; size > TRK_BUFFERS_SMALL_BYTES; size /= 2)
        for (unsigned i = 0; i < ASK / 8; i++)
            if ((p[granted] = resize(NULL, size)) != NULL)
                granted++;
    ck_assert_uint_ge(granted, 16); /* the first ones have not taken all; 16 where malloc gives no more than asked */
    ck_assert_uint_le(buffers.used_bytes, 4 * MIB);
    while (granted > 0)
        (void)resize(p[--granted], 0);
    ck_assert_uint_eq(buffers.used_bytes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffers");
    TCase *tc = tcase_create("buffers");
    tcase_add_test(tc, small_pieces_are_always_granted);
    tcase_add_test(tc, a_quarter_of_what_is_left_is_granted_and_no_more);
    tcase_add_test(tc, the_bound_holds_however_many_ask);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
