/*
 * lib/mini/answer.c: how what a handler says becomes an answer: the cursor, cutting to what was
 * asked for, states and checkpoints, ends. A back end that only gives memory.
 */
#include <config.h>

#include "mini/answer.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OFF_MAX_SHIFT = 1 };

static uint8_t memory[1 << 16];
static bool no_memory;
static int rooms;

static uint8_t *room(struct msk_back *b, struct msk_job *job)
{
    size_t n = 0;
    (void)b;
    rooms++;
    for (unsigned i = 0; i < job->n_runs; i++)
        n += (size_t)job->run[i].len;
    ck_assert_uint_le(n, sizeof memory);
    memset(memory, '.', sizeof memory);
    return no_memory ? NULL : memory;
}

static const struct msk_back_ops ops = {.room = room};
static struct msk_back back = {.ops = &ops, .fd = -1};
static struct msk_job job;

/* A job for event kind, with the continuation "old" of [from, end) unless from is MSK_UNKNOWN. */
static struct msk_job *begin(enum msk_kind kind, uint64_t from, uint64_t end, size_t request_len)
{
    memset(&job, 0xee, sizeof job);
    job.ev = (struct msk_event){.msk = 1, .kind = kind, .request_len = request_len};
    if (from != MSK_UNKNOWN) {
        job.ev.ucont = "old";
        job.ev.ucont_len = 3;
        job.ev.from = from;
        job.ev.end = end;
    }
    job.n_runs = 0;
    rooms = 0;
    no_memory = false;
    return &job;
}

static void run(uint64_t off, uint64_t len)
{
    job.run[job.n_runs++] = (struct msk_range){.off = off, .len = len};
}

static int bytes(const char *text)
{
    return msk_answer_bytes(&back, &job, text, strlen(text));
}

static int set(uint64_t off, const char *text, unsigned flags)
{
    return msk_answer_set(&job, off, text, strlen(text), flags);
}

static void is_ucont(const struct trk_mini_ucont *u, uint64_t from, const char *text)
{
    ck_assert_uint_eq(u->from, from);
    ck_assert_uint_eq(u->user_len, strlen(text));
    ck_assert_int_eq(memcmp(u->user, text, u->user_len), 0);
}

static void payload_is(const char *text)
{
    ck_assert_int_eq(memcmp(memory, text, strlen(text)), 0);
}

/* ---- ranges and the cursor ---- */

START_TEST(begin_runs_by_seq_shown_in_order_and_joined)
{
    begin(MSK_MORE, 0, 1000, 0);
    run(500, 100);
    run(0, 100);
    run(100, 50);
    run(520, 10);
    run(300, 1);
    msk_answer_begin(&job);
    ck_assert_uint_eq(job.ev.n_ranges, 3);
    ck_assert_uint_eq(job.ev.range[0].off, 0);
    ck_assert_uint_eq(job.ev.range[0].len, 150);
    ck_assert_uint_eq(job.ev.range[1].off, 300);
    ck_assert_uint_eq(job.ev.range[1].len, 1);
    ck_assert_uint_eq(job.ev.range[2].off, 500);
    ck_assert_uint_eq(job.ev.range[2].len, 100);
    ck_assert_uint_eq(job.at[4], 260);
    ck_assert_uint_eq(job.asked_end, 600);
}
END_TEST

START_TEST(begin_most_runs_that_there_can_be)
{
    begin(MSK_MORE, 0, MSK_UNKNOWN, 0);
    for (unsigned i = MSK_RANGES_MAX; i > 0; i--)
        run(10 * i, 5);
    msk_answer_begin(&job);
    ck_assert_uint_eq(job.ev.n_ranges, MSK_RANGES_MAX);
    for (unsigned i = 0; i < MSK_RANGES_MAX; i++)
        ck_assert_uint_eq(job.ev.range[i].off, 10 * (i + 1));
}
END_TEST

START_TEST(cursor_begins_at_from_and_for_requests_at_the_end)
{
    static const struct {
        enum msk_kind kind;
        uint64_t from, end, cursor;
    } t[] = {
        {MSK_NEW, MSK_UNKNOWN, 0, 0},        {MSK_REQUEST, MSK_UNKNOWN, 0, 0},
        {MSK_MORE, 10, 50, 10},              {MSK_REQUEST, 10, 50, 50},
        {MSK_CLOSED, 10, 50, 50},            {MSK_REQUEST, 10, MSK_UNKNOWN, 10},
        {MSK_CLOSED, 10, MSK_UNKNOWN, 10},
    };
    for (size_t i = 0; i < COUNT(t); i++) {
        begin(t[i].kind, t[i].from, t[i].end, 0);
        msk_answer_begin(&job);
        ck_assert_uint_eq(job.cursor, t[i].cursor);
    }
}
END_TEST

START_TEST(bytes_are_cut_to_what_was_asked_for)
{
    begin(MSK_MORE, 0, 10, 0);
    run(6, 2);
    run(2, 3);
    msk_answer_begin(&job);
    ck_assert_uint_eq(msk_answer_wanted(&job), 8);
    ck_assert_int_eq(bytes("012"), 0);
    ck_assert_int_eq(bytes("34567"), 0);
    ck_assert_uint_eq(msk_answer_wanted(&job), 0);
    ck_assert_int_eq(bytes("89"), 0);
    payload_is("67234.");
    ck_assert_uint_eq(job.answer.have[0], 2);
    ck_assert_uint_eq(job.answer.have[1], 3);
    ck_assert_int_eq(rooms, 1);
    ck_assert_uint_eq(job.cursor, 10);
}
END_TEST

START_TEST(bytes_nobody_asked_for_take_no_memory)
{
    begin(MSK_MORE, 0, 10, 0);
    run(8, 2);
    msk_answer_begin(&job);
    ck_assert_int_eq(bytes("01234567"), 0);
    ck_assert_int_eq(rooms, 0);
    no_memory = true;
    ck_assert_int_eq(bytes("8"), -ENOMEM);
    ck_assert_uint_eq(job.cursor, 8);
}
END_TEST

START_TEST(bytes_asked_for_twice_are_given_twice)
{
    begin(MSK_MORE, 0, 4, 0);
    run(0, 4);
    run(1, 2);
    msk_answer_begin(&job);
    ck_assert_int_eq(bytes("abcd"), 0);
    payload_is("abcdbc");
}
END_TEST

START_TEST(bytes_behind_a_gap_are_not_sent)
{
    begin(MSK_MORE, 0, 10, 0);
    run(0, 4);
    run(6, 4);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_seek(&job, 2), 0);
    ck_assert_uint_eq(msk_answer_wanted(&job), 8); /* of the second */
    ck_assert_int_eq(bytes("23456"), 0);
    ck_assert_uint_eq(job.answer.have[0], 0);
    ck_assert_uint_eq(job.answer.have[1], 1);
}
END_TEST

START_TEST(seek_goes_back_to_from_but_not_below_what_was_described)
{
    begin(MSK_REQUEST, 10, 50, 1);
    run(10, 4);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_seek(&job, 9), -EINVAL);
    ck_assert_int_eq(msk_answer_seek(&job, 10), 0);
    ck_assert_int_eq(bytes("ab"), 0);
    ck_assert_int_eq(msk_answer_seek(&job, 11), -EINVAL);
    ck_assert_int_eq(msk_answer_seek(&job, 12), 0);
    ck_assert_int_eq(msk_answer_seek(&job, UINT64_MAX >> OFF_MAX_SHIFT), 0);
    ck_assert_int_eq(bytes("x"), -EINVAL);
    ck_assert_int_eq(msk_answer_seek(&job, (UINT64_MAX >> OFF_MAX_SHIFT) + 1), -EINVAL);
    ck_assert_int_eq(msk_answer_seek(&job, 12), 0);
    ck_assert_int_eq(bytes("cd"), 0);
    payload_is("abcd");
}
END_TEST

START_TEST(undo_takes_back_what_was_described_since)
{
    struct msk_answer_mark mark;
    begin(MSK_MORE, 0, 10, 0);
    run(0, 10);
    msk_answer_begin(&job);
    msk_answer_mark(&job, &mark);
    ck_assert_int_eq(bytes("junk"), 0);
    msk_answer_undo(&job, &mark);
    ck_assert(!job.begun);
    ck_assert_int_eq(bytes("good"), 0);
    ck_assert_uint_eq(job.answer.have[0], 4);
    payload_is("good.");
}
END_TEST

/* ---- files ---- */

static int file_of(const char *text)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    return fd;
}

START_TEST(file_is_read_only_where_asked_for)
{
    struct msk_file f = {.fd = file_of("xx0123456789"), .off = 2, .len = 10};
    begin(MSK_MORE, 100, 110, 0);
    run(103, 2);
    run(107, 1);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), 0);
    payload_is("347.");
    close(f.fd);
    ck_assert_uint_eq(job.cursor, 110);
}
END_TEST

START_TEST(file_that_is_not_asked_for_is_not_even_looked_at)
{
    struct msk_file f = {.fd = -1, .off = 0, .len = 10};
    begin(MSK_MORE, 0, 20, 0);
    run(10, 2);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), 0);
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), -EBADF);
}
END_TEST

START_TEST(file_errors_leave_the_cursor)
{
    struct msk_file f = {.fd = file_of("0123"), .off = 0, .len = 5};
    begin(MSK_MORE, 0, MSK_UNKNOWN, 0);
    run(0, 100);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), -EIO); /* cut */
    f.len = 4;
    f.off = -1;
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), -EINVAL);
    f.off = INT64_MAX;
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), -EINVAL);
    f.off = 0;
    f.len = SIZE_MAX;
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), -EINVAL);
    ck_assert_uint_eq(job.cursor, 0);
    f.len = 4;
    ck_assert_int_eq(msk_answer_file(&back, &job, &f), 0);
    close(f.fd);
}
END_TEST

/* ---- states ---- */

START_TEST(nothing_said_to_a_new_connection_makes_no_state)
{
    begin(MSK_NEW, MSK_UNKNOWN, 0, 0);
    msk_answer_begin(&job);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && !job.answer.has_last && !job.answer.end_known);
    begin(MSK_REQUEST, MSK_UNKNOWN, 0, 5);
    msk_answer_begin(&job);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && job.answer.consumed == 0);
}
END_TEST

START_TEST(first_answer_without_a_continuation_leaves_it_to_the_engine)
{
    begin(MSK_REQUEST, MSK_UNKNOWN, 0, 5);
    run(0, 100);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 5), 0);
    ck_assert_int_eq(bytes("hello"), 0);
    ck_assert_int_eq(msk_answer_end(&job, true), 0);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && !job.answer.has_last);
    ck_assert(job.answer.end_known && job.answer.fin);
    ck_assert_uint_eq(job.answer.end, 5);
    ck_assert_uint_eq(job.answer.consumed, 5);
    ck_assert(!job.answer.consumed_end);
}
END_TEST

START_TEST(continuations_within_the_former_are_its_checkpoints)
{
    begin(MSK_REQUEST, 10, 50, 5);
    run(10, 30);
    run(50, 10);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_seek(&job, 10), 0);
    ck_assert_int_eq(set(20, "fresh", MSK_FRESH), -EINVAL); /* those bytes are the former's */
    ck_assert_int_eq(bytes("012345678901234567890123456789"), 0);
    ck_assert_int_eq(set(40, "below", 0), 0);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && job.answer.has_last);
    is_ucont(&job.answer.last, 40, "below");
    ck_assert_int_eq(msk_answer_seek(&job, 50), 0);
    ck_assert_int_eq(msk_answer_consume(&job, 5), 0);
    ck_assert_int_eq(set(50, "new", 0), 0);
    ck_assert_int_eq(bytes("01"), 0);
    msk_answer_finish(&job, false);
    ck_assert(job.answer.has_first && !job.answer.has_last);
    is_ucont(&job.answer.first, 50, "new");
}
END_TEST

START_TEST(first_continuation_begins_a_state_and_the_last_travels_too)
{
    begin(MSK_REQUEST, 10, 50, 5);
    run(50, 10);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 5), 0);
    ck_assert_int_eq(set(MSK_HERE, "a", 0), 0);
    ck_assert_int_eq(bytes("1234"), 0);
    ck_assert_int_eq(set(MSK_HERE, "b", 0), 0);
    ck_assert_int_eq(bytes("5678"), 0);
    ck_assert_int_eq(set(MSK_HERE, "c", 0), 0);
    ck_assert_int_eq(bytes("90"), 0);
    ck_assert_int_eq(set(61, "beyond all that is asked", 0), 0);
    msk_answer_finish(&job, false);
    is_ucont(&job.answer.first, 50, "a");
    ck_assert(job.answer.has_last);
    is_ucont(&job.answer.last, 58, "c");
}
END_TEST

START_TEST(continuation_past_what_the_former_reaches_is_a_checkpoint)
{
    begin(MSK_REQUEST, MSK_UNKNOWN, 0, 5); /* nothing before: the state must begin at 0 */
    run(0, 10);
    msk_answer_begin(&job);
    ck_assert_int_eq(bytes("1234"), 0);
    ck_assert_int_eq(set(MSK_HERE, "b", 0), 0);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && job.answer.has_last);
    is_ucont(&job.answer.last, 4, "b");
}
END_TEST

START_TEST(more_without_news_is_no_new_state)
{
    begin(MSK_MORE, 10, 50, 0);
    run(20, 10);
    msk_answer_begin(&job);
    ck_assert_int_eq(set(10, "old", 0), 0); /* a handler that always sets it */
    ck_assert_int_eq(bytes("0123456789abcd"), 0);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && !job.answer.has_last && !job.answer.end_known);
}
END_TEST

START_TEST(more_with_a_continuation_is_a_checkpoint)
{
    begin(MSK_MORE, 10, MSK_UNKNOWN, 0);
    run(10, 4);
    msk_answer_begin(&job);
    ck_assert_int_eq(bytes("0123"), 0);
    ck_assert_int_eq(set(MSK_HERE, "new", 0), 0);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.has_first && job.answer.has_last && !job.answer.end_known);
    is_ucont(&job.answer.last, 14, "new");
}
END_TEST

START_TEST(checkpoint_above_what_was_sent_is_of_no_use)
{
    begin(MSK_MORE, 10, MSK_UNKNOWN, 0);
    run(10, 100);
    msk_answer_begin(&job);
    ck_assert_int_eq(bytes("0123"), 0);
    ck_assert_int_eq(set(MSK_HERE, "a", 0), 0);
    ck_assert_int_eq(set(50, "b", 0), 0);
    msk_answer_finish(&job, false);
    ck_assert(job.answer.has_last);
    is_ucont(&job.answer.last, 14, "a");
}
END_TEST

START_TEST(fresh_makes_a_state_of_an_answer_that_consumes_nothing)
{
    begin(MSK_MORE, 10, MSK_UNKNOWN, 0);
    run(10, 4);
    msk_answer_begin(&job);
    ck_assert_int_eq(set(MSK_HERE, "dice", MSK_FRESH), 0);
    ck_assert_int_eq(set(MSK_HERE, "again", MSK_FRESH), -EINVAL); /* only the first */
    ck_assert_int_eq(bytes("0123"), 0);
    msk_answer_finish(&job, false);
    ck_assert(job.answer.has_first && job.answer.fresh);
    is_ucont(&job.answer.first, 10, "dice");
}
END_TEST

START_TEST(set_bounds_and_one_past)
{
    char most[MSK_UCONT_MAX_BYTES + 1] = "";
    begin(MSK_MORE, 10, MSK_UNKNOWN, 0);
    run(10, 100);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_set(&job, 10, most, sizeof most, 0), -EMSGSIZE);
    ck_assert_int_eq(msk_answer_set(&job, 10, NULL, 1, 0), -EINVAL);
    ck_assert_int_eq(set(9, "below from", 0), -EINVAL);
    ck_assert_int_eq(set((UINT64_MAX >> OFF_MAX_SHIFT) + 1, "too far", 0), -EINVAL);
    ck_assert_int_eq(set(10, "flags", 2), -EINVAL);
    ck_assert(!job.begun);
    ck_assert_int_eq(msk_answer_set(&job, 20, most, MSK_UCONT_MAX_BYTES, 0), 0);
    ck_assert_int_eq(set(19, "not ascending", 0), -EINVAL);
    ck_assert_int_eq(msk_answer_set(&job, 30, NULL, 0, 0), 0);
    ck_assert_int_eq(set(29, "not ascending", 0), -EINVAL);
}
END_TEST

START_TEST(consume_bounds_and_one_past)
{
    begin(MSK_REQUEST, MSK_UNKNOWN, 0, 7);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 8), -EINVAL);
    ck_assert_int_eq(msk_answer_consume(&job, 7), 0);
    ck_assert_int_eq(msk_answer_consume(&job, 3), 0); /* the first n: these are among them */
    msk_answer_finish(&job, false);
    ck_assert_uint_eq(job.answer.consumed, 7);
}
END_TEST

/* ---- ends ---- */

START_TEST(closed_is_consumed_with_the_last_byte)
{
    begin(MSK_CLOSED, 10, 50, 4);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 3), 0);
    msk_answer_finish(&job, false);
    ck_assert(!job.answer.consumed_end);
    begin(MSK_CLOSED, 10, 50, 4);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 4), 0);
    msk_answer_finish(&job, false);
    ck_assert(job.answer.consumed_end);
    begin(MSK_CLOSED, 10, 50, 0); /* nothing behind: any answer takes note of it */
    msk_answer_begin(&job);
    msk_answer_finish(&job, false);
    ck_assert(job.answer.consumed_end && !job.answer.has_first);
}
END_TEST

START_TEST(end_once_and_nothing_behind_it)
{
    begin(MSK_MORE, 10, MSK_UNKNOWN, 0);
    run(10, 100);
    msk_answer_begin(&job);
    ck_assert_int_eq(bytes("0123"), 0);
    ck_assert_int_eq(msk_answer_end(&job, false), 0);
    ck_assert_int_eq(msk_answer_end(&job, true), 0); /* the same place */
    ck_assert_int_eq(bytes("x"), -EINVAL);
    ck_assert_int_eq(bytes(""), 0);
    ck_assert_int_eq(set(15, "x", 0), -EINVAL);
    ck_assert_int_eq(set(14, "x", 0), 0);
    ck_assert_uint_eq(msk_answer_wanted(&job), 0);
    ck_assert_int_eq(msk_answer_seek(&job, 20), 0);
    ck_assert_int_eq(msk_answer_end(&job, false), -EINVAL);
    msk_answer_finish(&job, false);
    ck_assert(job.answer.end_known && job.answer.fin);
    ck_assert_uint_eq(job.answer.end, 14);
}
END_TEST

START_TEST(end_elsewhere_than_the_continuation_says_is_refused)
{
    begin(MSK_MORE, 10, 50, 0);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_seek(&job, 49), 0);
    ck_assert_int_eq(msk_answer_end(&job, false), -EINVAL); /* the content has changed */
    ck_assert_int_eq(msk_answer_seek(&job, 50), 0);
    ck_assert_int_eq(msk_answer_end(&job, false), 0);
    begin(MSK_REQUEST, 10, 50, 1);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 1), 0);
    ck_assert_int_eq(bytes("xy"), 0);
    ck_assert_int_eq(msk_answer_end(&job, false), 0);
    ck_assert_uint_eq(job.end, 52);
}
END_TEST

START_TEST(end_below_a_continuation_is_refused)
{
    begin(MSK_MORE, 10, MSK_UNKNOWN, 0);
    msk_answer_begin(&job);
    ck_assert_int_eq(set(20, "x", 0), 0);
    ck_assert_int_eq(msk_answer_end(&job, false), -EINVAL);
}
END_TEST

/* ---- kept ones ---- */

START_TEST(kept_job_goes_on_from_the_state_that_its_answer_made)
{
    begin(MSK_REQUEST, MSK_UNKNOWN, 0, 6);
    run(0, 100);
    msk_answer_begin(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 4), 0);
    ck_assert_int_eq(set(0, "one", 0), 0);
    ck_assert_int_eq(bytes("abc"), 0);
    msk_answer_finish(&job, true);
    ck_assert(job.answer.pending);
    job.run[0] = (struct msk_range){.off = 3, .len = 97}; /* as a back end leaves it */
    msk_answer_go_on(&job);
    ck_assert(job.detached && !job.begun);
    ck_assert_uint_eq(job.cursor, 3);
    ck_assert_int_eq(bytes("def"), 0);
    payload_is("def.");
    ck_assert_int_eq(set(6, "two", 0), 0);
    msk_answer_finish(&job, true);
    ck_assert(!job.answer.has_first && job.answer.has_last);
    ck_assert_uint_eq(job.answer.consumed, 0);
    is_ucont(&job.answer.last, 6, "two");
    msk_answer_go_on(&job);
    ck_assert_int_eq(msk_answer_consume(&job, 6), 0); /* counts from the event's first byte */
    ck_assert_int_eq(msk_answer_end(&job, true), 0);
    msk_answer_finish(&job, false);
    ck_assert_uint_eq(job.answer.consumed, 2);
    ck_assert(!job.answer.has_first);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        begin_runs_by_seq_shown_in_order_and_joined,
        begin_most_runs_that_there_can_be,
        cursor_begins_at_from_and_for_requests_at_the_end,
        bytes_are_cut_to_what_was_asked_for,
        bytes_nobody_asked_for_take_no_memory,
        bytes_asked_for_twice_are_given_twice,
        bytes_behind_a_gap_are_not_sent,
        seek_goes_back_to_from_but_not_below_what_was_described,
        undo_takes_back_what_was_described_since,
        file_is_read_only_where_asked_for,
        file_that_is_not_asked_for_is_not_even_looked_at,
        file_errors_leave_the_cursor,
        nothing_said_to_a_new_connection_makes_no_state,
        first_answer_without_a_continuation_leaves_it_to_the_engine,
        continuations_within_the_former_are_its_checkpoints,
        first_continuation_begins_a_state_and_the_last_travels_too,
        continuation_past_what_the_former_reaches_is_a_checkpoint,
        more_without_news_is_no_new_state,
        more_with_a_continuation_is_a_checkpoint,
        checkpoint_above_what_was_sent_is_of_no_use,
        fresh_makes_a_state_of_an_answer_that_consumes_nothing,
        set_bounds_and_one_past,
        consume_bounds_and_one_past,
        closed_is_consumed_with_the_last_byte,
        end_once_and_nothing_behind_it,
        end_elsewhere_than_the_continuation_says_is_refused,
        end_below_a_continuation_is_refused,
        kept_job_goes_on_from_the_state_that_its_answer_made,
    };
    return unit_run("minisocket_answer", tests, COUNT(tests));
}
