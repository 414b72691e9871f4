/* lib/ipc: rings in shared memory, their memory, and the records in them. */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/minirec.h"
#include "ipc/ringmem.h"
#include "seeded.h"

enum { SIZE = 256 };

static struct trk_ring_control control;
static _Alignas(8) uint8_t bytes[SIZE];
static struct trk_ring writer, reader;

static void setup(void)
{
    memset(&control, 0, sizeof control);
    memset(bytes, 0xee, sizeof bytes);
    trk_ring_init(&writer, &control, bytes, SIZE);
    trk_ring_init(&reader, &control, bytes, SIZE);
}

static int put(uint32_t type, const void *data, uint32_t len)
{
    uint8_t *out;
    int rc = trk_ring_reserve(&writer, len, &out);
    if (rc == 0) {
        memcpy(out, data, len);
        trk_ring_commit(&writer, type, len);
    }
    return rc;
}

START_TEST(records_come_out_as_they_went_in)
{
    struct trk_ring_record rec;
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 0);
    ck_assert_int_eq(put(1, "hello", 5), 0);
    ck_assert_int_eq(put(7, "", 0), 0);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert_uint_eq(rec.type, 1);
    ck_assert_uint_eq(rec.len, 5);
    ck_assert_mem_eq(rec.bytes, "hello", 5);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert_uint_eq(rec.type, 7);
    ck_assert_uint_eq(rec.len, 0);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 0);
}
END_TEST

START_TEST(bounds_longest_record_and_one_past)
{
    uint8_t data[SIZE] = {1};
    struct trk_ring_record rec;
    uint32_t max = trk_ring_record_max(&writer);
    ck_assert_uint_eq(max, SIZE / 2 - 8);
    ck_assert_int_eq(put(1, data, max + 1), -EMSGSIZE);
    ck_assert_int_eq(put(1, data, max), 0);
    ck_assert_int_eq(put(1, data, max), 0);
    ck_assert_int_eq(put(1, data, 0), -EAGAIN); /* full to the last byte */
    ck_assert_uint_eq(trk_ring_room(&writer), 0);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert_int_eq(put(1, data, 0), -EAGAIN); /* read, not given back */
    ck_assert(!trk_ring_release(&reader));
    ck_assert_uint_eq(trk_ring_room(&writer), trk_ring_whole(max));
    ck_assert_int_eq(put(1, data, max), 0);
}
END_TEST

START_TEST(record_that_does_not_fit_before_the_end_goes_to_the_start)
{
    uint8_t data[SIZE] = {0};
    struct trk_ring_record rec;
    ck_assert_int_eq(put(1, data, 120), 0);
    ck_assert_int_eq(put(1, data, 80), 0);       /* 216 of 256: 40 left */
    ck_assert_int_eq(put(1, data, 33), -EAGAIN); /* 48 needed, behind the filling */
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert(!trk_ring_release(&reader));
    memset(data, 5, 100);
    ck_assert_int_eq(put(2, data, 100), 0);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert_uint_eq(rec.type, 2);
    ck_assert_ptr_eq(rec.bytes, bytes + 8);
    ck_assert_mem_eq(rec.bytes, data, 100);
}
END_TEST

START_TEST(smaller_commit_and_replaced_reservation)
{
    uint8_t *a, *b;
    struct trk_ring_record rec;
    ck_assert_int_eq(trk_ring_reserve(&writer, 100, &a), 0);
    ck_assert_int_eq(trk_ring_reserve(&writer, 50, &b), 0);
    ck_assert_ptr_eq(a, b);
    trk_ring_commit(&writer, 3, 1);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert_uint_eq(rec.len, 1);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 0);
    ck_assert_uint_eq(atomic_load(&control.head), 16);
}
END_TEST

START_TEST(doorbells_only_for_who_sleeps)
{
    struct trk_ring_record rec;
    uint8_t data[SIZE] = {0};
    ck_assert(!trk_ring_must_wake(&writer));
    ck_assert(trk_ring_sleep(&reader));
    ck_assert_int_eq(put(1, "x", 1), 0);
    ck_assert(trk_ring_must_wake(&writer));
    ck_assert(!trk_ring_must_wake(&writer));
    ck_assert(!trk_ring_sleep(&reader)); /* there is something */
    ck_assert(!trk_ring_must_wake(&writer));
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert(trk_ring_sleep(&reader));

    ck_assert_int_eq(put(1, data, 120), 0);
    ck_assert(!trk_ring_stall(&writer, 1)); /* there is room */
    ck_assert_int_eq(put(1, data, 80), 0);
    ck_assert(trk_ring_stall(&writer, 100));
    ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
    ck_assert(trk_ring_release(&reader));
    ck_assert(!trk_ring_release(&reader));
    ck_assert(!trk_ring_stall(&writer, 100));
}
END_TEST

/* What a reader may find in `tail`, and a writer in `head`: { index, is it believed }. */
START_TEST(hostile_indices_are_refused)
{
    static const struct {
        uint64_t index;
        int writer_rc, reader_rc;
    } table[] = {
        {0, -EAGAIN, -EPROTO},
        {8, -EAGAIN, -EPROTO},
        {256, 0, 0},
        {264, -EPROTO, -EPROTO},
        {512, -EPROTO, -EPROTO},
        {4, -EPROTO, -EPROTO},
        {UINT64_MAX, -EPROTO, -EPROTO},
        {UINT64_MAX - 7, -EPROTO, -EPROTO},
        {1ull << 63, -EPROTO, -EPROTO},
        {1ull << 32, -EPROTO, -EPROTO},
    };
    uint8_t data[SIZE] = {0}, *out;
    struct trk_ring_record rec;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        setup();
        ck_assert_int_eq(put(1, data, 120), 0);
        ck_assert_int_eq(put(1, data, 120), 0); /* full: head 256 */
        ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
        ck_assert_int_eq(trk_ring_next(&reader, &rec), 1); /* read up to 256 */
        atomic_store(&control.tail, table[i].index);
        ck_assert_msg(trk_ring_reserve(&writer, 100, &out) == table[i].writer_rc, "%zu", i);
        atomic_store(&control.head, table[i].index);
        ck_assert_msg(trk_ring_next(&reader, &rec) == table[i].reader_rc, "%zu", i);
        /* For good. */
        atomic_store(&control.tail, 256);
        if (table[i].writer_rc == -EPROTO)
            ck_assert_int_eq(trk_ring_reserve(&writer, 100, &out), -EPROTO);
        if (table[i].reader_rc == -EPROTO) {
            ck_assert_int_eq(trk_ring_next(&reader, &rec), -EPROTO);
            ck_assert(!trk_ring_sleep(&reader));
        }
    }
}
END_TEST

START_TEST(reader_is_never_pushed_back_nor_writer)
{
    struct trk_ring_record rec;
    uint8_t data[SIZE] = {0}, *out;
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(put(1, data, 100), 0);
        ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
        ck_assert(!trk_ring_release(&reader));
        ck_assert_int_eq(trk_ring_reserve(&writer, 100, &out), 0);
    }
    ck_assert_int_eq(put(1, data, 100), 0);
    atomic_store(&control.head, reader.tail - 8);
    ck_assert_int_eq(trk_ring_next(&reader, &rec), -EPROTO);
    ck_assert_int_eq(put(1, data, 100), 0); /* sees that two are given back */
    atomic_store(&control.tail, writer.tail - 8);
    ck_assert_int_eq(put(1, data, 100), -EPROTO);
}
END_TEST

static void header_at(uint32_t at, uint32_t len, uint32_t type)
{
    memcpy(bytes + at, &len, 4);
    memcpy(bytes + at + 4, &type, 4);
}

START_TEST(hostile_headers_are_refused)
{
    static const struct {
        uint32_t len, type;
        int rc;
    } table[] = {
        {0, 1, 1},
        {88, 1, 1},
        {89, 1, -EPROTO},
        {UINT32_MAX, 1, -EPROTO},
        {UINT32_MAX - 7, 1, -EPROTO},
        {INT32_MAX, 1, -EPROTO},
        {5, 0, -EPROTO},
        {88, TRK_RING_PAD, -EPROTO},
        {248, TRK_RING_PAD, -EPROTO},
    };
    struct trk_ring_record rec;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        setup();
        header_at(0, table[i].len, table[i].type);
        atomic_store(&control.head, 96);
        ck_assert_msg(trk_ring_next(&reader, &rec) == table[i].rc, "%zu", i);
    }
    /* One that would go over the end, and filling that does not end there. */
    for (unsigned i = 0; i < 2; i++) {
        setup();
        header_at(0, 232, 1);
        header_at(240, 9, i == 0 ? 1 : TRK_RING_PAD);
        atomic_store(&control.head, 256);
        ck_assert_int_eq(trk_ring_next(&reader, &rec), 1);
        ck_assert(!trk_ring_release(&reader));
        atomic_store(&control.head, 400);
        ck_assert_int_eq(trk_ring_next(&reader, &rec), -EPROTO);
    }
}
END_TEST

/* Whatever the peer writes, at any moment: errors or records, all of them inside. */
START_TEST(random_peer_never_leads_outside)
{
    uint64_t seed = seeded_start("random_peer");
    unsigned records = 0, errors = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct trk_ring_record rec;
        uint8_t *out;
        setup();
        for (uint32_t at = 0; at < SIZE; at += 8) {
            header_at(at, (uint32_t)(seeded_next(&seed) % 20), 1);
        }
        for (unsigned step = 0; step < 20; step++) {
            uint64_t r = seeded_next(&seed);
            if (r % 4 == 0)
                header_at((uint32_t)(r >> 8) % (SIZE / 8) * 8, (uint32_t)(r >> 16) % 300,
                          (r >> 40) % 8 == 0 ? TRK_RING_PAD : 1);
            else if (r % 4 == 1)
                atomic_store(&control.head, (r >> 8) % 80 * 8);
            else if (r % 4 == 2)
                atomic_store(&control.tail, (r >> 8) % 80 * 8);
            int rc = trk_ring_next(&reader, &rec);
            if (rc == 1) {
                ck_assert(rec.bytes >= bytes && rec.bytes + rec.len <= bytes + SIZE);
                records++;
            }
            errors += rc < 0;
            errors += trk_ring_release(&reader) && rc < 0;
            uint32_t len = (uint32_t)(r >> 20) % 128;
            if (trk_ring_reserve(&writer, len, &out) == 0)
                ck_assert(out >= bytes && out + len <= bytes + SIZE);
        }
    }
    ck_assert_uint_gt(records, 1000);
    ck_assert_uint_gt(errors, 1000);
}
END_TEST

/* ---- two threads, with memory and doorbells as between processes ---- */

enum { RECORDS = 200000 };

static struct trk_ringmem daemon_side, app_side;

static void wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t n;
    ck_assert_int_eq(poll(&p, 1, 30000), 1);
    ck_assert_int_eq(read(fd, &n, sizeof n), sizeof n);
}

static void *write_all(void *arg)
{
    struct trk_ring down, up;
    uint64_t seed = *(uint64_t *)arg;
    trk_ringmem_rings(&daemon_side, &down, &up);
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint8_t *out;
        uint32_t len = 8 + (uint32_t)seeded_below(&seed, 500);
        while (trk_ring_reserve(&down, len, &out) == -EAGAIN)
            if (trk_ring_stall(&down, len))
                wait_for(daemon_side.daemon_fd);
        memset(out, (int)(i & 0xff), len);
        memcpy(out, &i, 8);
        trk_ring_commit(&down, 1 + (uint32_t)(i & 7), len);
        if (trk_ring_must_wake(&down))
            trk_ringmem_wake(daemon_side.bell_fd);
    }
    return NULL;
}

START_TEST(two_threads_lose_nothing)
{
    uint64_t seed = seeded_start("two_threads"), expect_seed = seed;
    struct trk_ring down, up;
    struct trk_ring_record rec;
    pthread_t thread;
    ck_assert_int_eq(trk_ringmem_make(&daemon_side, 4096, 4096), 0);
    app_side = (struct trk_ringmem){.memory_fd = dup(daemon_side.memory_fd),
                                    .daemon_fd = dup(daemon_side.daemon_fd),
                                    .app_fd = dup(daemon_side.app_fd),
                                    .bell_fd = -1,
                                    .down_bytes = 4096,
                                    .up_bytes = 4096};
    ck_assert_int_eq(trk_ringmem_map(&app_side), 0);
    trk_ringmem_rings(&app_side, &down, &up);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_all, &seed), 0);
    for (uint64_t i = 0; i < RECORDS;) {
        int rc = trk_ring_next(&down, &rec);
        ck_assert_int_ge(rc, 0);
        if (rc == 0) {
            if (trk_ring_release(&down))
                trk_ringmem_wake(app_side.daemon_fd);
            if (trk_ring_sleep(&down))
                wait_for(app_side.app_fd);
            continue;
        }
        uint64_t number;
        memcpy(&number, rec.bytes, 8);
        ck_assert_uint_eq(number, i);
        ck_assert_uint_eq(rec.len, 8 + seeded_below(&expect_seed, 500));
        ck_assert_uint_eq(rec.type, 1 + (i & 7));
        for (uint32_t k = 8; k < rec.len; k++)
            if (rec.bytes[k] != (uint8_t)i)
                ck_abort_msg("record %lu", (unsigned long)i);
        if (i++ % 16 == 0 && trk_ring_release(&down))
            trk_ringmem_wake(app_side.daemon_fd);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    trk_ringmem_close(&app_side);
    trk_ringmem_close(&daemon_side);
}
END_TEST

/* File status flags belong to the open file, which the application has as well. */
START_TEST(no_application_makes_the_daemon_wait_at_its_bell)
{
    static uint8_t rings[1 << 17];
    const uint64_t most = UINT64_MAX - 1;
    struct trk_ringmem m;
    ck_assert_int_eq(trk_ringmem_make(&m, 4096, 4096), 0);
    int app_fd = dup(m.app_fd);
    ck_assert_int_eq(fcntl(app_fd, F_SETFL, 0), 0);
    (void)!write(app_fd, &most, sizeof most);
    for (unsigned i = 0; i < 100000; i++) /* nobody looks at it */
        trk_ringmem_wake(m.bell_fd);
    ck_assert_int_eq(fcntl(app_fd, F_SETFL, O_NONBLOCK), 0);
    while (read(app_fd, rings, sizeof rings) == sizeof rings)
        ;
    trk_ringmem_wake(m.bell_fd);
    wait_for(app_fd);
    close(app_fd);
    trk_ringmem_close(&m);
}
END_TEST

START_TEST(memory_is_sealed_and_its_size_believed_by_nobody)
{
    struct trk_ringmem m, other;
    ck_assert_int_eq(trk_ringmem_make(&m, 8192, 4096), 0);
    ck_assert_int_ne(ftruncate(m.memory_fd, 0), 0);
    ck_assert_int_ne(ftruncate(m.memory_fd, 1 << 20), 0);
    other = (struct trk_ringmem){.memory_fd = m.memory_fd, .down_bytes = 8192, .up_bytes = 8192};
    ck_assert_int_eq(trk_ringmem_map(&other), -EPROTO);
    other.down_bytes = 4096, other.up_bytes = 8192 + 4096; /* as long, no ring's size */
    ck_assert_int_eq(trk_ringmem_map(&other), -EPROTO);
    trk_ringmem_close(&m);
    trk_ringmem_close(&m);

    int loose = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_eq(ftruncate(loose, 3 * 4096), 0);
    other = (struct trk_ringmem){
        .memory_fd = loose, .daemon_fd = -1, .app_fd = -1, .bell_fd = -1, .down_bytes = 4096, .up_bytes = 4096};
    ck_assert_int_eq(trk_ringmem_map(&other), -EPROTO);
    trk_ringmem_close(&other);
    ck_assert_int_eq(trk_ringmem_make(&m, 4095, 4096), -EINVAL);
    ck_assert_int_eq(trk_ringmem_make(&m, 2048, 4096), -EINVAL);
    ck_assert_int_eq(m.memory_fd, -1);
}
END_TEST

/* ---- records ---- */

static struct trk_rec_event an_event(void)
{
    static const uint8_t user[] = "state", request[] = "GET /";
    return (struct trk_rec_event){
        .handle = 0x0102030405060708,
        .conn = 9,
        .from = 100,
        .end = UINT64_MAX,
        .up = 7,
        .peer = {.family = 6, .port = 80, .scope = 3, .ip = {0xfe, 0x80, [15] = 1}},
        .flags = TRK_REC_E_UCONT | TRK_REC_E_REQUEST_END,
        .request_len = 5,
        .packets = 12,
        .packet_bytes = 1396,
        .user_len = 5,
        .kind = 4,
        .n_runs = 2,
        .run = {{100, 2792, 2}, {50, 7, 1}},
        .user = user,
        .request = request,
    };
}

START_TEST(event_round_trip_and_every_other_length)
{
    _Alignas(8) uint8_t rec[256];
    struct trk_rec_event e = an_event(), back;
    size_t len = trk_rec_event_bytes(&e);
    ck_assert_uint_eq(len, 80 + 32 + 5 + 5);
    trk_rec_event_write(&e, rec);
    ck_assert_int_eq(trk_rec_event_read(rec, len, &back), 0);
    ck_assert_uint_eq(back.handle, e.handle);
    ck_assert_uint_eq(back.conn, e.conn);
    ck_assert_uint_eq(back.from, e.from);
    ck_assert_uint_eq(back.end, e.end);
    ck_assert_uint_eq(back.up, e.up);
    ck_assert_uint_eq(back.flags, e.flags);
    ck_assert_uint_eq(back.packets, e.packets);
    ck_assert_uint_eq(back.packet_bytes, e.packet_bytes);
    ck_assert_uint_eq(back.kind, e.kind);
    ck_assert_uint_eq(back.peer.port, 80);
    ck_assert_uint_eq(back.peer.scope, 3);
    ck_assert_mem_eq(back.peer.ip, e.peer.ip, 16);
    ck_assert_mem_eq(back.run, e.run, 2 * sizeof e.run[0]);
    ck_assert_uint_eq(back.user_len, 5);
    ck_assert_mem_eq(back.user, "state", 5);
    ck_assert_mem_eq(back.request, "GET /", 5);
    for (size_t other = 0; other < sizeof rec; other++)
        ck_assert_int_eq(trk_rec_event_read(rec, other, &back), other == len ? 0 : -EPROTO);
}
END_TEST

START_TEST(listed_events_round_trip_and_every_cut)
{
    _Alignas(8) uint8_t list[512];
    struct trk_rec_event e = an_event(), back;
    size_t len = trk_rec_list(&e, list), at = 0;
    ck_assert_uint_eq(len, trk_rec_listed_bytes(&e));
    e.handle = 5, e.request_len = 0;
    len += trk_rec_list(&e, list + len);
    ck_assert_int_eq(trk_rec_unlist(list, len, &at, &back), 0);
    ck_assert_uint_eq(back.handle, 0x0102030405060708);
    ck_assert_mem_eq(back.request, "GET /", 5);
    ck_assert_int_eq(trk_rec_unlist(list, len, &at, &back), 0);
    ck_assert_uint_eq(back.handle, 5);
    ck_assert_uint_eq(at, len);
    ck_assert_int_eq(trk_rec_unlist(list, len, &at, &back), -EPROTO);
    for (size_t cut = 0; cut < trk_rec_listed_bytes(&e); cut++) {
        at = 0;
        ck_assert_int_eq(trk_rec_unlist(list, cut, &at, &back), -EPROTO);
    }
    for (unsigned i = 0; i < 8; i++) { /* a length beyond all */
        memset(list + 8 - i, 0xff, i);
        at = 0;
        ck_assert_int_eq(trk_rec_unlist(list, len, &at, &back), i == 0 ? 0 : -EPROTO);
    }
}
END_TEST

static struct trk_rec_answer an_answer(void)
{
    static const uint8_t payload[] = "0123456789", user[] = "abcdefgh", request[] = "rest";
    return (struct trk_rec_answer){
        .handle = 77,
        .end = 5000,
        .flags = TRK_REC_A_FIRST | TRK_REC_A_LAST | TRK_REC_A_END,
        .consumed = 3,
        .need = 100,
        .first = {.from = 10, .len = 3, .user = user},
        .last = {.from = 15, .len = 2, .user = user + 3},
        .payload_len = 10,
        .user_len = 3,
        .request_len = 4,
        .n_stretches = 2,
        .stretch = {{10, 4, 0}, {40, 6, 4}},
        .payload = payload,
        .user = user + 5,
        .request = request,
    };
}

START_TEST(answer_round_trip_and_every_other_length)
{
    _Alignas(8) uint8_t rec[256], place[256];
    struct trk_rec_answer a = an_answer(), back;
    size_t len = trk_rec_answer_bytes(&a);
    ck_assert_uint_eq(len, 64 + 10 + 32 + 3 + 2 + 3 + 4);
    trk_rec_answer_write(&a, rec);
    ck_assert_int_eq(trk_rec_answer_read(rec, len, &back), 0);
    ck_assert_uint_eq(back.handle, 77);
    ck_assert_uint_eq(back.end, 5000);
    ck_assert_uint_eq(back.flags, a.flags);
    ck_assert_uint_eq(back.consumed, 3);
    ck_assert_uint_eq(back.need, 100);
    ck_assert_uint_eq(back.first.from, 10);
    ck_assert_mem_eq(back.first.user, "abc", back.first.len);
    ck_assert_uint_eq(back.last.from, 15);
    ck_assert_mem_eq(back.last.user, "de", back.last.len);
    ck_assert_mem_eq(back.user, "fgh", back.user_len);
    ck_assert_mem_eq(back.request, "rest", back.request_len);
    ck_assert_mem_eq(back.payload, "0123456789", 10);
    ck_assert_mem_eq(back.stretch, a.stretch, 2 * sizeof a.stretch[0]);
    for (size_t other = 0; other < sizeof rec; other++)
        ck_assert_int_eq(trk_rec_answer_read(rec, other, &back), other == len ? 0 : -EPROTO);
    /* The same where the payload is in its place already. */
    memcpy(place + TRK_REC_PAYLOAD_AT, a.payload, 10);
    a.payload = place + TRK_REC_PAYLOAD_AT;
    trk_rec_answer_write(&a, place);
    ck_assert_mem_eq(place, rec, len);
}
END_TEST

START_TEST(answer_with_a_stretch_outside_its_payload_is_refused)
{
    static const struct {
        struct trk_rec_stretch stretch;
        int rc;
    } table[] = {
        {{0, 10, 0}, 0},
        {{0, 0, 10}, 0},
        {{UINT64_MAX - 10, 10, 0}, 0},
        {{0, 11, 0}, -EPROTO},
        {{0, 10, 1}, -EPROTO},
        {{0, 1, 10}, -EPROTO},
        {{0, 0, 11}, -EPROTO},
        {{0, UINT32_MAX, 11}, -EPROTO},
        {{0, 5, UINT32_MAX - 2}, -EPROTO},
        {{UINT64_MAX - 9, 10, 0}, -EPROTO},
    };
    _Alignas(8) uint8_t rec[256];
    struct trk_rec_answer a = an_answer(), back;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        a.stretch[1] = table[i].stretch;
        trk_rec_answer_write(&a, rec);
        ck_assert_msg(trk_rec_answer_read(rec, trk_rec_answer_bytes(&a), &back) == table[i].rc,
                      "%zu", i);
    }
}
END_TEST

START_TEST(altered_heads_are_read_or_refused_and_stay_inside)
{
    _Alignas(8) uint8_t good[256], rec[256];
    struct trk_rec_answer a = an_answer();
    struct trk_rec_event e = an_event();
    uint64_t seed = seeded_start("altered_heads");
    unsigned refused = 0;
    for (unsigned round = 0; round < 100000; round++) {
        bool is_event = round % 2 == 0;
        size_t len = is_event ? trk_rec_event_bytes(&e) : trk_rec_answer_bytes(&a);
        if (is_event)
            trk_rec_event_write(&e, good);
        else
            trk_rec_answer_write(&a, good);
        memcpy(rec, good, sizeof rec);
        for (unsigned i = 0; i < 2; i++)
            rec[seeded_below(&seed, 80)] = (uint8_t)seeded_next(&seed);
        struct trk_rec_event eb;
        struct trk_rec_answer ab;
        int rc = is_event ? trk_rec_event_read(rec, len, &eb) : trk_rec_answer_read(rec, len, &ab);
        refused += rc != 0;
        if (rc == 0 && is_event)
            ck_assert(eb.user + eb.user_len == eb.request &&
                      eb.request + eb.request_len == rec + len);
        if (rc == 0 && !is_event)
            ck_assert(ab.request + ab.request_len == rec + len);
    }
    ck_assert_uint_gt(refused, 1000);
    ck_assert_uint_lt(refused, 99000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tcase = tcase_create("ring");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, records_come_out_as_they_went_in);
    tcase_add_test(tcase, bounds_longest_record_and_one_past);
    tcase_add_test(tcase, record_that_does_not_fit_before_the_end_goes_to_the_start);
    tcase_add_test(tcase, smaller_commit_and_replaced_reservation);
    tcase_add_test(tcase, doorbells_only_for_who_sleeps);
    tcase_add_test(tcase, hostile_indices_are_refused);
    tcase_add_test(tcase, reader_is_never_pushed_back_nor_writer);
    tcase_add_test(tcase, hostile_headers_are_refused);
    tcase_add_test(tcase, random_peer_never_leads_outside);
    tcase_add_test(tcase, two_threads_lose_nothing);
    tcase_add_test(tcase, memory_is_sealed_and_its_size_believed_by_nobody);
    tcase_add_test(tcase, no_application_makes_the_daemon_wait_at_its_bell);
    tcase_add_test(tcase, event_round_trip_and_every_other_length);
    tcase_add_test(tcase, listed_events_round_trip_and_every_cut);
    tcase_add_test(tcase, answer_round_trip_and_every_other_length);
    tcase_add_test(tcase, answer_with_a_stretch_outside_its_payload_is_refused);
    tcase_add_test(tcase, altered_heads_are_read_or_refused_and_stay_inside);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
