/* Every packet by hand: bytes to fields, fields to the same bytes, each field out of range, every length. */
#include "core/wire.h"

#include "unit.h"

/* Hexadecimal text, blanks ignored, into buf; returns the length. */
static size_t hex(const char *text, uint8_t *buf)
{
    size_t n = 0;
    while (*text != '\0') {
        if (*text == ' ') {
            text++;
            continue;
        }
        char pair[3] = {text[0], text[1], 0}, *end;
        buf[n++] = (uint8_t)strtoul(pair, &end, 16);
        if (*end != '\0')
            ck_abort_msg("not hex: %s", text);
        text += 2;
    }
    return n;
}

#define CID "0102030405060708"

static const char request_text[] = "22 07 000b" CID       /* version 1, REQUEST; steer 7; PROBE REFRESH FIN */
                                   "00000009 00abcdef"    /* number, timestamp */
                                   "01 00 02 02"          /* HOLE, attempt, ranges, asks */
                                   "00000010 00000bb8"    /* own window 16, hold 3 ms */
                                   "000000000105"         /* hole */
                                   "000000000104"         /* k */
                                   "a1a2a3a4a5a6a7a8"     /* proof */
                                   "0000000000012000"     /* down_una */
                                   "0000000000000040"     /* up_off */
                                   "0003 0002"            /* lengths of continuations */
                                   "000000000120 0004"    /* ranges, newest first */
                                   "000000000110 0001"    /* */
                                   "000000000200 0002 0000000000013000 00000900" /* asks */
                                   "000000000202 0001 0000000000012000 00000484" /* */
                                   "c1c2c3 d1d2"                                 /* continuations */
                                   "6869";                                       /* uplink bytes */

START_TEST(request_by_hand)
{
    uint8_t pkt[512], out[512];
    size_t len = hex(request_text, pkt);
    struct trk_request_pkt q;
    ck_assert_int_eq(trk_wire_read_request(pkt, len, &q), TRK_OK);
    ck_assert(q.c.version == 1 && !q.c.from_server && q.c.type == TRK_TYPE_REQUEST && q.c.steer == 7);
    ck_assert_uint_eq(q.c.flags, TRK_REQ_PROBE | TRK_REQ_REFRESH | TRK_REQ_FIN);
    ck_assert_uint_eq(q.c.cid, UINT64_C(0x0102030405060708));
    ck_assert(q.reqno == 9 && q.ts == 0xabcdef && q.kind == TRK_KIND_HOLE && q.attempt == 0);
    ck_assert(q.w_cl_pkts == 16 && q.hold_us == 3000 && q.hole == 0x105 && q.k == 0x104);
    ck_assert(q.proof == UINT64_C(0xa1a2a3a4a5a6a7a8) && q.down_una == 0x12000 && q.up_off == 0x40);
    ck_assert(q.n_ranges == 2 && q.range[0].first == 0x120 && q.range[0].count == 4);
    ck_assert(q.range[1].first == 0x110 && q.range[1].count == 1);
    ck_assert(q.n_asks == 2 && q.ask[0].first == 0x200 && q.ask[0].count == 2 && q.ask[0].off == 0x13000 &&
              q.ask[0].len == 0x900);
    ck_assert(q.ask[1].first == 0x202 && q.ask[1].off == 0x12000 && q.ask[1].len == 0x484);
    ck_assert(q.cont_len == 3 && memcmp(q.cont, "\xc1\xc2\xc3", 3) == 0);
    ck_assert(q.ucont_len == 2 && memcmp(q.ucont, "\xd1\xd2", 2) == 0);
    ck_assert(q.up_len == 2 && memcmp(q.up, "hi", 2) == 0);
    ck_assert_int_eq(trk_wire_write_request(out, sizeof out, &q), (long)len);
    ck_assert_mem_eq(out, pkt, len);
    for (size_t cap = 0; cap < len; cap++)
        ck_assert_int_eq(trk_wire_write_request(out, cap, &q), TRK_E_NOSPACE);
}
END_TEST

static const char data_text[] = "34 02 0007" CID             /* DATA; FIN CONT SACK */
                                "00000009 00abcdef 002a"      /* request number, timestamp, instance */
                                "000000000201 000000000203"   /* seq, train end */
                                "b1b2b3b4b5b6b7b8"            /* nonce */
                                "000000000210"                /* limit */
                                "0000000000013000"            /* offset */
                                "0000000000000042 00010000"   /* uplink: acknowledged, credit */
                                "02 00000008 00000002 00000001 00000010" /* ranges: 4a-4c, 4d-5d */
                                "0003 c1c2c3"                            /* continuation */
                                "776f726c64";

START_TEST(data_by_hand)
{
    uint8_t pkt[512], out[512];
    size_t len = hex(data_text, pkt);
    struct trk_data_pkt d;
    ck_assert_int_eq(trk_wire_read_data(pkt, len, &d), TRK_OK);
    ck_assert(d.c.from_server && d.c.type == TRK_TYPE_DATA && d.c.steer == 2);
    ck_assert_uint_eq(d.c.flags, TRK_DATA_FIN | TRK_DATA_CONT | TRK_DATA_SACK);
    ck_assert(d.reqno == 9 && d.ts == 0xabcdef && d.instance == 42 && d.seq == 0x201 && d.train_end == 0x203);
    ck_assert(d.nonce == UINT64_C(0xb1b2b3b4b5b6b7b8) && d.limit == 0x210 && d.off == 0x13000);
    ck_assert(d.up.ack == 0x42 && d.up.credit_bytes == 65536 && d.up.n_sacks == 2);
    ck_assert(d.up.sack[0].start == 0x4a && d.up.sack[0].end == 0x4c);
    ck_assert(d.up.sack[1].start == 0x4d && d.up.sack[1].end == 0x5d);
    ck_assert(d.cont_len == 3 && memcmp(d.cont, "\xc1\xc2\xc3", 3) == 0);
    ck_assert(d.payload_len == 5 && memcmp(d.payload, "world", 5) == 0);
    long head = trk_wire_write_data_head(out, sizeof out, &d);
    ck_assert_int_eq(head, (long)len - 5);
    ck_assert_mem_eq(out, pkt, (size_t)head);
    ck_assert_uint_eq((size_t)head, TRK_DATA_BYTES + trk_wire_data_ext_bytes(3, 0, 2));
    for (size_t cap = 0; cap < (size_t)head; cap++)
        ck_assert_int_eq(trk_wire_write_data_head(out, cap, &d), TRK_E_NOSPACE);
    ck_assert_uint_eq(trk_wire_data_ext_bytes(0, 0, 0), 0);
}
END_TEST

static const char ack_text[] = "35 00 001e" CID                   /* ACK; CONT SACK LATE REFUSED */
                               "00000009 00abcdef 002a 03 00"      /* request, timestamp, instance, SENT */
                               "000000000203 000000000210"         /* train end, limit */
                               "0000000000014000"                  /* can be had */
                               "0000000000000042 00010000"         /* uplink */
                               "01 00000008 00000002"              /* */
                               "02 000000000200 0000000000000005"  /* refused 200, 202 */
                               "000000000300 8000000000000000"     /* and 33f */
                               "0002 c1c2";

START_TEST(ack_by_hand)
{
    uint8_t pkt[512], out[512];
    size_t len = hex(ack_text, pkt);
    struct trk_ack_pkt a;
    ck_assert_int_eq(trk_wire_read_ack(pkt, len, &a), TRK_OK);
    ck_assert(a.c.type == TRK_TYPE_ACK && a.reqno == 9 && a.ts == 0xabcdef && a.instance == 42);
    ck_assert(a.reason == TRK_REASON_SENT && a.train_end == 0x203 && a.limit == 0x210 && a.avail == 0x14000);
    ck_assert(a.up.ack == 0x42 && a.up.n_sacks == 1 && a.up.sack[0].start == 0x4a && a.up.sack[0].end == 0x4c);
    ck_assert(a.n_refused == 2 && a.refused[0].first == 0x200 && a.refused[0].bits == 5);
    ck_assert(a.refused[1].first == 0x300 && a.refused[1].bits == UINT64_C(1) << 63);
    ck_assert(a.cont_len == 2 && memcmp(a.cont, "\xc1\xc2", 2) == 0);
    ck_assert_int_eq(trk_wire_write_ack(out, sizeof out, &a, 1200), (long)len); /* padding is for OPENED only */
    ck_assert_mem_eq(out, pkt, len);
    for (size_t cap = 0; cap < len; cap++)
        ck_assert_int_eq(trk_wire_write_ack(out, cap, &a, 0), TRK_E_NOSPACE);
}
END_TEST

static const char opened_text[] = "35 00 0003" CID "00000000 00abcdef 002a 00 00"
                                  "000000000000 00000000000a 0000000000000000 0000000000000000 00000000"
                                  "e1e2e3e4e5e6e7e8 f1f2f3f4f5f6f7f8 9192939495969798 0002 0000"
                                  "0002 c1c2 00000000000000";

START_TEST(ack_opened_by_hand)
{
    uint8_t pkt[512], out[512];
    size_t len = hex(opened_text, pkt);
    struct trk_ack_pkt a;
    ck_assert_int_eq(trk_wire_read_ack(pkt, len, &a), TRK_OK);
    ck_assert(a.nonce == UINT64_C(0xe1e2e3e4e5e6e7e8) && a.reset_token == UINT64_C(0xf1f2f3f4f5f6f7f8));
    ck_assert(a.uplink_ref == UINT64_C(0x9192939495969798) && a.versions == 2 && a.caps == 0 && a.limit == 10);
    ck_assert(a.cont_len == 2);
    ck_assert_int_eq(trk_wire_write_ack(out, sizeof out, &a, len), (long)len);
    ck_assert_mem_eq(out, pkt, len);
    pkt[len - 1] = 1; /* padding is zero */
    ck_assert_int_eq(trk_wire_read_ack(pkt, len, &a), TRK_E_FIELD);
}
END_TEST

static const char open_text[] = "21 00 0000" CID "e1e2e3e4e5e6e7e8 00abcdef 0050 8002 0002 0000 0003 0004"
                                "c1c2c3 47455420";

START_TEST(open_by_hand)
{
    uint8_t pkt[1500] = {0}, out[1500];
    size_t used = hex(open_text, pkt);
    struct trk_open o;
    ck_assert_uint_eq(used, TRK_OPEN_BYTES + 7);
    ck_assert_int_eq(trk_wire_read_open(pkt, 1300, &o), TRK_OK);
    ck_assert(o.nonce == UINT64_C(0xe1e2e3e4e5e6e7e8) && o.ts == 0xabcdef && o.service_port == 80);
    ck_assert(o.client_port == 0x8002 && o.versions == 2 && o.caps == 0 && o.size == 1300);
    ck_assert(o.token_len == 3 && memcmp(o.token, "\xc1\xc2\xc3", 3) == 0);
    ck_assert(o.early_len == 4 && memcmp(o.early, "GET ", 4) == 0);
    ck_assert_int_eq(trk_wire_write_open(out, sizeof out, &o, 1300), 1300);
    ck_assert_mem_eq(out, pkt, 1300);
    ck_assert_int_eq(trk_wire_write_open(out, sizeof out, &o, 0), TRK_OPEN_MIN_BYTES);
    ck_assert_int_eq(trk_wire_write_open(out, 1299, &o, 1300), TRK_E_NOSPACE);
    ck_assert_int_eq(trk_wire_read_open(pkt, 1200, &o), TRK_OK);
    ck_assert_int_eq(trk_wire_read_open(pkt, 1199, &o), TRK_E_SHORT); /* amplification */
    pkt[1250] = 1;
    ck_assert_int_eq(trk_wire_read_open(pkt, 1300, &o), TRK_E_FIELD);
    ck_assert_int_eq(trk_wire_read_open(pkt, 1250, &o), TRK_OK);
    pkt[29] = 0x04; /* versions: 2 only */
    ck_assert_int_eq(trk_wire_read_open(pkt, 1250, &o), TRK_E_FIELD);
    pkt[29] = 0x06;
    pkt[34] = 0xff; /* early bytes longer than the packet */
    ck_assert_int_eq(trk_wire_read_open(pkt, 1250, &o), TRK_E_SHORT);
}
END_TEST

START_TEST(uplink_by_hand)
{
    uint8_t pkt[64], out[64];
    size_t len = hex("23 05 000c" CID "00000009 00abcdef 9192939495969798 0000000000000100 6869", pkt);
    struct trk_uplink_pkt u;
    ck_assert_int_eq(trk_wire_read_uplink(pkt, len, &u), TRK_OK);
    ck_assert(u.c.flags == (TRK_REQ_REPEAT | TRK_REQ_FIN) && u.c.steer == 5 && u.reqno == 9 && u.ts == 0xabcdef);
    ck_assert(u.ref == UINT64_C(0x9192939495969798) && u.up_off == 256 && u.up_len == 2);
    ck_assert_int_eq(trk_wire_write_uplink(out, sizeof out, &u), (long)len);
    ck_assert_mem_eq(out, pkt, len);
    ck_assert_int_eq(trk_wire_read_uplink(pkt, TRK_UPLINK_BYTES, &u), TRK_OK); /* no bytes: a FIN alone */
    ck_assert_int_eq(trk_wire_read_uplink(pkt, TRK_UPLINK_BYTES - 1, &u), TRK_E_SHORT);
    pkt[3] = 0x0d; /* PROBE means nothing here */
    ck_assert_int_eq(trk_wire_read_uplink(pkt, len, &u), TRK_E_FIELD);
    pkt[3] = 0;
    memset(pkt + 28, 0xff, 8); /* the stream's end would wrap */
    ck_assert_int_eq(trk_wire_read_uplink(pkt, len, &u), TRK_E_FIELD);
}
END_TEST

START_TEST(reset_both_ways_by_hand)
{
    uint8_t pkt[64], out[64];
    struct trk_reset_pkt x;
    size_t len = hex("36 00 0000" CID "f1f2f3f4f5f6f7f8 0008 0000", pkt);
    ck_assert_int_eq(trk_wire_read_reset(pkt, len, &x), TRK_OK);
    ck_assert(x.c.from_server && x.token == UINT64_C(0xf1f2f3f4f5f6f7f8) && x.reason == 8 && x.cont_len == 0);
    ck_assert_int_eq(trk_wire_write_reset(out, sizeof out, &x, true), (long)len);
    ck_assert_mem_eq(out, pkt, len);
    ck_assert_int_eq(trk_wire_read_reset(pkt, len - 1, &x), TRK_E_SHORT);
    ck_assert_int_eq(trk_wire_read_reset(pkt, len + 1, &x), TRK_E_FIELD);
    len = hex("26 00 0000" CID "0000000000000000 0008 0002 c1c2", pkt);
    ck_assert_int_eq(trk_wire_read_reset(pkt, len, &x), TRK_OK);
    ck_assert(!x.c.from_server && x.cont_len == 2);
    ck_assert_int_eq(trk_wire_write_reset(out, sizeof out, &x, false), (long)len);
    ck_assert_mem_eq(out, pkt, len);
    pkt[0] = 0x36; /* a server shows no continuation, a client must */
    ck_assert_int_eq(trk_wire_read_reset(pkt, len, &x), TRK_E_FIELD);
    len = hex("26 00 0000" CID "0000000000000000 0008 0000", pkt);
    ck_assert_int_eq(trk_wire_read_reset(pkt, len, &x), TRK_E_FIELD);
    len = hex("26 00 0000" CID "0000000000000000 0008 0201", pkt);
    ck_assert_int_eq(trk_wire_read_reset(pkt, len, &x), TRK_E_FIELD);
}
END_TEST

START_TEST(version_by_hand)
{
    uint8_t want[16], out[16];
    size_t len = hex("30 09 0000" CID "01 01", want);
    struct trk_common c = {.version = 3, .steer = 9, .flags = 0xffff, .cid = UINT64_C(0x0102030405060708)};
    ck_assert_int_eq(trk_wire_write_version(out, sizeof out, &c), (long)len);
    ck_assert_mem_eq(out, want, len);
    ck_assert_int_eq(trk_wire_write_version(out, len - 1, &c), TRK_E_NOSPACE);
}
END_TEST

START_TEST(common_direction_and_type)
{
    static const bool to_server[16] = {[1] = true, [2] = true, [3] = true, [6] = true, [7] = true};
    static const bool to_client[16] = {[0] = true, [4] = true, [5] = true, [6] = true, [7] = true};
    uint8_t pkt[12] = {0};
    struct trk_common c;
    for (unsigned b = 0; b < 256; b++) {
        pkt[0] = (uint8_t)b;
        bool legal = (b & 0x10) != 0 ? to_client[b & 15] : to_server[b & 15];
        ck_assert_int_eq(trk_wire_common(pkt, 12, &c), legal ? TRK_OK : TRK_E_TYPE);
        ck_assert_uint_eq(c.version, b >> 5);
    }
    for (size_t len = 0; len < 12; len++)
        ck_assert_int_eq(trk_wire_common(pkt, len, &c), TRK_E_SHORT);
}
END_TEST

/* A change of `n` bytes at `at`, and what reading must then say. */
struct change {
    size_t at;
    unsigned n;
    uint64_t value;
    int want;
};

typedef int reader(const uint8_t *pkt, size_t len);

static int as_request(const uint8_t *p, size_t n)
{
    struct trk_request_pkt q;
    return trk_wire_read_request(p, n, &q);
}

static int as_data(const uint8_t *p, size_t n)
{
    struct trk_data_pkt d;
    return trk_wire_read_data(p, n, &d);
}

static int as_ack(const uint8_t *p, size_t n)
{
    struct trk_ack_pkt a;
    return trk_wire_read_ack(p, n, &a);
}

static int as_open(const uint8_t *p, size_t n)
{
    struct trk_open o;
    return trk_wire_read_open(p, n, &o);
}

static int as_uplink(const uint8_t *p, size_t n)
{
    struct trk_uplink_pkt u;
    return trk_wire_read_uplink(p, n, &u);
}

static int as_reset(const uint8_t *p, size_t n)
{
    struct trk_reset_pkt x;
    return trk_wire_read_reset(p, n, &x);
}

static void try_changes(const char *text, reader *read, const struct change *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t pkt[512];
        size_t len = hex(text, pkt);
        for (unsigned j = 0; j < c[i].n; j++)
            pkt[c[i].at + j] = (uint8_t)(c[i].value >> 8 * (c[i].n - 1 - j));
        int rc = read(pkt, len);
        ck_assert_msg(rc == c[i].want, "row %zu: %d, not %d", i, rc, c[i].want);
    }
}

START_TEST(request_field_bounds)
{
    static const struct change c[] = {
        {0, 1, 0x42, TRK_E_VERSION},
        {0, 1, 0x23, TRK_E_TYPE},
        {0, 1, 0x32, TRK_E_TYPE},
        {2, 2, 0x0010, TRK_E_FIELD}, /* a flag that nobody knows */
        {20, 1, TRK_KIND_SIZE, TRK_OK},
        {20, 1, TRK_KIND_COUNT, TRK_E_FIELD},
        {21, 1, 15, TRK_OK},
        {21, 1, 16, TRK_E_FIELD},
        {22, 1, 17, TRK_E_FIELD},
        {23, 1, 33, TRK_E_FIELD},
        {68, 2, 513, TRK_E_FIELD},
        {70, 2, 513, TRK_E_FIELD},
        {68, 2, 300, TRK_E_SHORT},
        {60, 8, UINT64_MAX - 2, TRK_OK},
        {60, 8, UINT64_MAX - 1, TRK_E_FIELD}, /* the stream's end would wrap */
        {78, 2, 0, TRK_E_FIELD},              /* an empty range */
        {80, 6, 0x11f, TRK_OK},               /* touching the one before */
        {80, 6, 0x120, TRK_E_FIELD},          /* overlapping it */
        {72, 6, TRK_SEQ_MAX - 3, TRK_OK},
        {72, 6, TRK_SEQ_MAX - 2, TRK_E_FIELD},
        {94, 2, 0, TRK_E_FIELD},   /* an empty ask */
        {94, 2, 3, TRK_E_FIELD},   /* overlapping the next */
        {114, 2, 130, TRK_OK},     /* 132 packets in all */
        {114, 2, 131, TRK_E_FIELD},
        {108, 6, 0x201, TRK_E_FIELD},
        {96, 8, UINT64_MAX - 0x900, TRK_OK},
        {96, 8, UINT64_MAX - 0x8ff, TRK_E_FIELD},
        {108, 6, TRK_SEQ_MAX - 1, TRK_OK},
        {108, 6, TRK_SEQ_MAX, TRK_E_FIELD},
    };
    try_changes(request_text, as_request, c, COUNT(c));
}
END_TEST

START_TEST(data_field_bounds)
{
    static const struct change c[] = {
        {2, 2, 0x0047, TRK_E_FIELD},
        {0, 1, 0x24, TRK_E_TYPE},
        {28, 6, 0x201, TRK_OK},
        {28, 6, 0x200, TRK_E_FIELD}, /* the train ends before this packet */
        {68, 1, 0, TRK_E_FIELD},     /* no ranges behind the flag */
        {68, 1, 5, TRK_E_FIELD},
        {69, 4, 0, TRK_OK},      /* from the acknowledged offset on: held, not yet taken */
        {77, 4, 0, TRK_E_FIELD}, /* touching the one before */
        {73, 4, 0, TRK_E_FIELD}, /* empty */
        {85, 2, 0, TRK_E_FIELD},
        {85, 2, 513, TRK_E_FIELD},
        {85, 2, 512, TRK_E_SHORT},
        {48, 8, UINT64_MAX - 5, TRK_OK},
        {48, 8, UINT64_MAX - 4, TRK_E_FIELD},
    };
    try_changes(data_text, as_data, c, COUNT(c));
}
END_TEST

START_TEST(ack_field_bounds)
{
    static const struct change c[] = {
        {2, 2, 0x007e, TRK_E_FIELD},
        {22, 1, TRK_REASON_COUNT - 1, TRK_OK},
        {22, 1, TRK_REASON_COUNT, TRK_E_FIELD},
        {23, 1, 1, TRK_E_FIELD},
        {56, 1, 0, TRK_E_FIELD},
        {65, 1, 0, TRK_E_FIELD},
        {65, 1, 5, TRK_E_FIELD},
        {94, 2, 1, TRK_E_FIELD}, /* a byte too many behind the continuation */
        {94, 2, 3, TRK_E_SHORT},
    };
    try_changes(ack_text, as_ack, c, COUNT(c));
}
END_TEST

/* Any shorter packet is refused, without a byte read past its end (the copy is exactly as long). */
static void try_lengths(const char *text, reader *read, size_t whole_from)
{
    uint8_t pkt[512];
    size_t len = hex(text, pkt);
    for (size_t n = 0; n < len; n++) {
        uint8_t *copy = malloc(n > 0 ? n : 1);
        memcpy(copy, pkt, n);
        int rc = read(copy, n);
        ck_assert_msg(n >= whole_from ? rc == TRK_OK : rc < 0, "%zu bytes: %d", n, rc);
        free(copy);
    }
}

START_TEST(every_shorter_packet_refused)
{
    try_lengths(request_text, as_request, 72 + 16 + 40 + 5);
    try_lengths(data_text, as_data, 68 + 17 + 5);
    try_lengths(ack_text, as_ack, SIZE_MAX);
    try_lengths(opened_text, as_ack, 56 + 28 + 4);
    try_lengths(open_text, as_open, SIZE_MAX);
}
END_TEST

/* Noise: no reader may crash, and what one accepts, its writer gives back byte for byte. */
START_TEST(noise_and_mutations_round_trip)
{
    static const char *const texts[] = {request_text, data_text, ack_text, opened_text, open_text};
    static reader *const readers[] = {as_request, as_data, as_ack, as_open, as_uplink, as_reset};
    struct rng r = {unit_seed("wire", 20266)};
    unsigned accepted = 0;
    const uint64_t rounds = rounds_of(300000);
    for (uint64_t round = 0; round < rounds; round++) {
        uint8_t pkt[512], out[2048];
        size_t len = hex(texts[rng_below(&r, COUNT(texts))], pkt);
        if (rng_below(&r, 10) == 0)
            rng_fill(&r, pkt, len);
        for (uint64_t n = rng_below(&r, 4); n > 0; n--)
            pkt[rng_below(&r, len)] = (uint8_t)(rng_below(&r, 2) != 0 ? rng_next(&r) : 0);
        len -= rng_below(&r, 3) == 0 ? (size_t)rng_below(&r, len + 1) : 0;
        for (size_t i = 0; i < COUNT(readers); i++)
            accepted += readers[i](pkt, len) == TRK_OK;
        struct trk_request_pkt q;
        if (trk_wire_read_request(pkt, len, &q) == TRK_OK) {
            ck_assert_int_eq(trk_wire_write_request(out, sizeof out, &q), (long)len);
            ck_assert_mem_eq(out, pkt, len);
        }
        struct trk_data_pkt d;
        if (trk_wire_read_data(pkt, len, &d) == TRK_OK) {
            long head = trk_wire_write_data_head(out, sizeof out, &d);
            ck_assert_int_eq(head, (long)(len - d.payload_len));
            ck_assert_mem_eq(out, pkt, (size_t)head);
        }
        struct trk_ack_pkt a;
        if (trk_wire_read_ack(pkt, len, &a) == TRK_OK) {
            ck_assert_int_eq(trk_wire_write_ack(out, sizeof out, &a, len), (long)len);
            ck_assert_mem_eq(out, pkt, len);
        }
    }
    ck_assert_uint_gt(accepted, rounds / 6);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {request_by_hand,
                                  data_by_hand,
                                  ack_by_hand,
                                  ack_opened_by_hand,
                                  open_by_hand,
                                  uplink_by_hand,
                                  reset_both_ways_by_hand,
                                  version_by_hand,
                                  common_direction_and_type,
                                  request_field_bounds,
                                  data_field_bounds,
                                  ack_field_bounds,
                                  every_shorter_packet_refused,
                                  noise_and_mutations_round_trip};
    return unit_run("wire", tests, COUNT(tests));
}
