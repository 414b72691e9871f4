/* Reassembly: by hand at its edges, and against a flat array. */
#include "base/rcvbuf.h"

#include "base/err.h"
#include "unit.h"

static struct testmem tm;
static struct trk_rcvbuf buf;

static void begin(size_t window)
{
    testmem_init(&tm);
    trk_rcvbuf_init(&buf, window);
}

static void end(void)
{
    trk_rcvbuf_free(&buf, &tm.mem);
    ck_assert_int_eq(tm.blocks, 0);
}

/* The byte at a stream offset. */
static uint8_t byte_at(uint64_t off)
{
    return (uint8_t)(off * 167 + (off >> 8) * 13);
}

static long put(uint64_t off, size_t len)
{
    uint8_t src[9000];
    ck_assert_uint_le(len, sizeof src);
    for (size_t i = 0; i < len; i++)
        src[i] = byte_at(off + i);
    return trk_rcvbuf_write(&buf, &tm.mem, off, src, len);
}

/* Takes n bytes and checks each. */
static void take(size_t n)
{
    struct iovec iov[2];
    int pieces = trk_rcvbuf_peek(&buf, iov);
    size_t have = 0, checked = 0;
    for (int p = 0; p < pieces; p++) {
        const uint8_t *b = iov[p].iov_base;
        for (size_t i = 0; i < iov[p].iov_len && checked < n; i++, checked++)
            if (b[i] != byte_at(buf.head + checked)) /* a ck_assert() each would take minutes */
                ck_abort_msg("byte %zu of %zu", checked, n);
        have += iov[p].iov_len;
    }
    ck_assert_uint_eq(have, buf.una - buf.head);
    ck_assert_uint_le(n, have);
    trk_rcvbuf_consume(&buf, &tm.mem, n);
}

START_TEST(window_rounded_up_and_kept)
{
    begin(1);
    ck_assert_uint_eq(trk_rcvbuf_limit(&buf), 4096);
    ck_assert_int_eq(put(0, 4096), 4096);
    ck_assert_int_eq(put(4096, 1), 0); /* one past */
    ck_assert_int_eq(put(4000, 200), 0);
    take(1);
    ck_assert_int_eq(put(4096, 10), 1);
    take(4096);
    end();
    begin(4097);
    ck_assert_uint_eq(trk_rcvbuf_limit(&buf), 8192);
    end();
}
END_TEST

START_TEST(idle_stream_holds_no_memory)
{
    begin(1 << 20);
    ck_assert_int_eq(tm.blocks, 0);
    for (uint64_t off = 0; off < 200000; off += 4000)
        ck_assert_int_eq(put(off, 4000), 4000);
    trk_rcvbuf_trim(&buf, &tm.mem); /* what it holds stays */
    take(200000);
    trk_rcvbuf_trim(&buf, &tm.mem);
    ck_assert_int_eq(tm.blocks, 0);
    trk_rcvbuf_trim(&buf, &tm.mem);
    struct iovec iov[2];
    ck_assert_int_eq(trk_rcvbuf_peek(&buf, iov), 0);
    ck_assert_int_eq(put(200010, 10), 10);
    trk_rcvbuf_trim(&buf, &tm.mem); /* there is a gap before it */
    ck_assert_int_eq(put(200000, 10), 10);
    take(20);
    end();
}
END_TEST

/* A stream that fills and empties it again and again asks for memory only at its beginning; one that became slow gives
 * back what it needs no more. */
START_TEST(the_ring_follows_what_is_held)
{
    uint64_t off = 0, calls = 0;
    begin(1 << 20);
    for (int round = 0; round < 300; round++) {
        size_t len = round % 10 == 9 ? 2000 : 200000;
        for (uint64_t to = off + len; off < to; off += 2000)
            ck_assert_int_eq(put(off, 2000), 2000);
        take(len);
        if (round == 0)
            calls = tm.calls;
    }
    ck_assert_uint_eq(tm.calls, calls);
    ck_assert_uint_eq(buf.cap, 262144);
    for (int round = 2; round <= 65; round++, off += 2000) { /* the last one above was the first small one */
        ck_assert_uint_eq(buf.cap, 262144);
        ck_assert_int_eq(put(off, 2000), 2000);
        take(2000);
    }
    ck_assert_uint_eq(buf.cap, 0);
    ck_assert_int_eq(put(off, 2000), 2000);
    take(2000);
    ck_assert_uint_eq(buf.cap, 4096);
    end();
}
END_TEST

START_TEST(out_of_order_filled_backwards)
{
    begin(65536);
    ck_assert_int_eq(put(3000, 1000), 1000);
    ck_assert_int_eq(put(2000, 1500), 1000); /* half of it new */
    ck_assert_uint_eq(buf.una, 0);
    ck_assert_int_eq(put(0, 2500), 2000);
    ck_assert_uint_eq(buf.una, 4000);
    ck_assert_int_eq(put(0, 4000), 0);
    take(4000);
    ck_assert_int_eq(put(0, 4500), 500); /* old bytes and new ones in one piece */
    take(500);
    end();
}
END_TEST

START_TEST(offset_overflow_ignored)
{
    begin(4096);
    ck_assert_int_eq(put(UINT64_MAX - 3, 8), 0);
    ck_assert_int_eq(put(UINT64_MAX - 8, 8), 0);
    ck_assert_int_eq(tm.blocks, 0);
    end();
}
END_TEST

START_TEST(no_memory_nothing_stored)
{
    begin(65536);
    tm.fail_at = 1;
    ck_assert_int_eq(put(0, 100), TRK_E_NOMEM);
    ck_assert_int_eq(put(0, 100), 100);
    tm.fail_at = tm.calls + 1; /* the next: the list of ranges */
    ck_assert_int_eq(put(200, 10), TRK_E_NOMEM);
    tm.fail_at = tm.calls + 1; /* the ring */
    ck_assert_int_eq(put(100, 8000), TRK_E_NOMEM);
    take(100);
    ck_assert_int_eq(put(100, 8000), 8000);
    take(8000);
    end();
}
END_TEST

/* A peer that sends every other byte fills the list of ranges; what is in order must still be taken, or nothing ever
 * moves again. */
START_TEST(ranges_full_in_order_bytes_still_taken)
{
    begin(65536);
    for (uint64_t i = 0; i < TRK_RCVBUF_RANGES_MAX; i++)
        ck_assert_int_eq(put(10 + 2 * i, 1), 1);
    ck_assert_int_eq(put(10 + 2 * TRK_RCVBUF_RANGES_MAX, 1), 0); /* one past the bound: not kept */
    ck_assert_int_eq(put(0, 3), 3);
    ck_assert_uint_eq(buf.una, 3);
    ck_assert_int_eq(put(3, 6), 6);
    ck_assert_uint_eq(buf.una, 9);
    ck_assert_int_eq(put(9, 5), 3);
    ck_assert_uint_eq(buf.una, 15);
    take(15);
    end();
}
END_TEST

enum { STREAM = 200000, WINDOW = 16384 };

START_TEST(random_against_flat_array)
{
    struct rng r = {unit_seed("rcvbuf", 20262)};
    static bool got[STREAM + 1];
    for (int round = 0; round < 20; round++) {
        memset(got, 0, sizeof got);
        begin(WINDOW);
        uint64_t head = 0, una = 0;
        while (head < STREAM) {
            uint64_t off = una > 3000 ? una - 3000 : 0;
            off += rng_below(&r, rng_below(&r, 4) == 0 ? 30000 : 4000);
            size_t len = (size_t)rng_below(&r, 1 + rng_below(&r, 6000));
            if (off > STREAM)
                off = STREAM;
            if (off + len > STREAM)
                len = (size_t)(STREAM - off);
            long want = 0;
            for (uint64_t i = off; i < off + len && i < head + WINDOW; i++) {
                want += !got[i];
                got[i] = true;
            }
            ck_assert_int_eq(put(off, len), want);
            while (una < STREAM && got[una])
                una++;
            ck_assert_uint_eq(buf.una, una);
            if (rng_below(&r, 3) == 0) {
                size_t n = (size_t)rng_below(&r, una - head + 1);
                take(n);
                head += n;
            }
            ck_assert_uint_le(tm.bytes, WINDOW + TRK_RCVBUF_RANGES_MAX * sizeof(struct trk_range));
        }
        end();
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {window_rounded_up_and_kept,  idle_stream_holds_no_memory, the_ring_follows_what_is_held,
                                  out_of_order_filled_backwards, offset_overflow_ignored,
                                  no_memory_nothing_stored,    ranges_full_in_order_bytes_still_taken,
                                  random_against_flat_array};
    return unit_run("rcvbuf", tests, COUNT(tests));
}
