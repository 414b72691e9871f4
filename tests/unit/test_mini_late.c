/* A stateless service: late answers, hostile ones, and all that goes wrong. */
#include "mini_world.h"

START_TEST(detached_is_told_at_once_and_answered_late)
{
    connect_it();
    ck_assert(ask(1, 10, 0, 0, 100));
    struct trk_mini_answer a = {
        .consumed = 100, .has_first = true, .first = set(0, "tail"), .pending = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && !got[0].is_data && got[0].ack.reason == TRK_REASON_NO_DATA && got[0].has_ucont);
    ck_assert(got[0].u.end == UINT64_MAX && got[0].u.up == 100 && (got[0].ack.c.flags & TRK_ACK_LATE) == 0);
    const uint64_t state = got[0].u.state;
    me.in = (struct trk_mini_input){.user = (const uint8_t *)"tail", .user_len = 4};
    now_us += 3000000;
    a = (struct trk_mini_answer){.have = {50}, .pending = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && (got[0].data.c.flags & TRK_DATA_LATE) != 0 && !got[0].has_ucont);
    ck_assert(got[0].data.seq == 1 && got[0].data.off == 0 && got[0].data.state == state);
    a = (struct trk_mini_answer){.pending = true}; /* no news, no packet */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 0);
    a = (struct trk_mini_answer){.have = {P + 7}};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 2 && got[0].data.seq == 2 && got[0].data.off == 50 && got[1].data.seq == 3);
    ck_assert(got[1].data.off == 50 + P && got[1].data.payload_len == 7 && got[1].data.train_end == 3);
    ck_assert(me.ticket.n_runs == 1 && me.ticket.run[0].first == 4 && me.ticket.run[0].off == 57 + P);
    done();
}
END_TEST

START_TEST(old_tickets_are_worth_ten_packets_and_no_unchecked_continuation)
{
    for (int old = 0; old < 2; old++) {
        first_page(10 * P);
        repeat_refresh = true;
        ck_assert(ask(11, 20, 10 * P, 100, 50));
        repeat_refresh = false;
        struct trk_mini_answer a = {.pending = true};
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert(got[0].has_cont && !me.ticket.give_cont);
        a = page(10 * P, 20 * P);
        a.consumed = 50;
        now_us += 1000000 + (uint64_t)old;
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert_uint_eq(plan.n, old ? 10 : 20);
        done();
    }
    /* An answer later than the table was promised asks the table again. */
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        connect_it();
        repeat_refresh = true;
        ck_assert(ask(1, 2, 0, 0, 100));
        repeat_refresh = false;
        now_us += TRK_HELD_US + 1;
        if (forgotten)
            for (uint64_t i = 0; i < 100000; i++)
                trk_replay_mark(&table, (struct trk_space){i, 5}, 1, 1, 1, now_us);
        struct trk_mini_answer a = page(0, 100);
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert_int_eq(got[n_got - 1].has_cont, !forgotten);
        ck_assert_int_eq(got[0].is_data, !forgotten); /* nor is it known which seqs were sent */
        done();
    }
}
END_TEST

START_TEST(seqs_sent_on_another_ticket_are_left_out)
{
    first_page(30000);
    ck_assert(ask(11, 4, 10 * P, 100, 0));
    struct trk_mini_event one = me;
    ck_assert(ask(11, 6, 10 * P, 100, 0)); /* overlaps: nothing is sent yet */
    struct trk_mini_event two = me;
    struct trk_mini_answer a = {.have = {6 * P}};
    me = one;
    a.have[0] = 4 * P;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(plan.n, 4);
    me = two;
    a.have[0] = 6 * P;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(plan.n == 2 && got[0].data.seq == 15 && got[0].data.off == 14 * P && plan.src[0].at == 4 * P);
    me = two; /* all were sent */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(plan.n == 0 && n_got == 1 && got[0].ack.reason == TRK_REASON_SENT);
    done();
}
END_TEST

START_TEST(new_connections_where_they_are_wanted)
{
    struct trk_request_pkt q = {.n_asks = 1};
    connect_it();
    q.ask[0] = (struct trk_ask){.first = 1, .count = 10, .off = 0, .len = 10 * P};
    for (int want = 0; want < 2; want++) {
        q.proof = 0;
        ck_assert_int_eq(send(&q, 0, 0), TRK_V_REQUEST);
        ck_assert_int_eq(trk_mini_take(&mini, now_us, &ev.req, want, &me), want);
    }
    ck_assert(me.kind == TRK_MINI_NEW && me.ticket.n_runs == 1);
    struct trk_mini_answer a = {.have = {20}}; /* speaks first, sets nothing */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].u.up == 0 && got[0].u.from == 0 && got[0].user_len == 0);
    done();
    connect_it(); /* not if something was said */
    ck_assert_int_eq(send(&q, 100, 5), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, true, &me));
    q.proof = 0;
    q.ask[0].first = 2;
    ck_assert_int_eq(send(&q, 0, 0), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, true, &me));
    done();
}
END_TEST

START_TEST(fresh_state_in_the_middle_cuts_pieces)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, P);
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    const uint64_t old = got[0].u.state;
    proof_k = 1;
    ck_assert(ask(3, 4, P, 100, 0));
    a = (struct trk_mini_answer){.have = {3 * P}, .fresh = true, .has_first = true, .first = set(P + 100, "live")};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 5 && got[0].u.after == old && got[0].u.up == 100);
    ck_assert(got[1].data.state == old && got[1].data.payload_len == 100);
    ck_assert(got[2].data.state == got[0].u.state && got[2].data.off == P + 100 && got[2].data.payload_len == P);
    ck_assert(got[4].data.payload_len == P - 100 && plan.src[3].at == 2 * P + 100);
    ck_assert_uint_eq(me.ticket.n_runs, 0);
    done();
}
END_TEST

/* One answer wrong in one way. */
START_TEST(hostile_answers_are_refused)
{
    for (unsigned i = 0;; i++) {
        first_page(1024);
        ck_assert(ask_len(2, 4, 1000, 4 * P, 100, 50, 0)); /* runs: 24 bytes, then three packets */
        uint8_t big[TRK_UCONT_USER_BYTES_MAX + 1] = {0};
        struct trk_mini_answer a = page(1024, 2000);
        a.have[0] = 24;
        a.have[1] = 2000;
        struct trk_mini_input in = me.in;
        bool fine = false;
        switch (i) {
        case 0:
            fine = true;
            break;
        case 1:
            a.have[0]++;
            break;
        case 2:
            a.have[1] = 3 * P + 1;
            break;
        case 3:
            a.have[1] = UINT32_MAX;
            break;
        case 4:
            a.consumed++;
            break;
        case 5:
            a.consumed = SIZE_MAX;
            break;
        case 6:
            a.consumed_end = true;
            break;
        case 7:
            a.end = 1024 + 1999;
            break;
        case 8:
            a.end = 1023;
            break;
        case 9:
            a.end = UINT64_MAX;
            break;
        case 10:
            a.end_known = false;
            a.fin = true;
            break;
        case 11:
            a.first.from = 1023;
            break;
        case 12:
            a.first.from = 1025;
            break;
        case 13:
            a.first.user = big;
            a.first.user_len = sizeof big;
            break;
        case 14:
            a.first.user = big;
            a.first.user_len = sizeof big - 1;
            fine = true;
            break;
        case 15:
            a.has_last = true;
            a.last = set(1023, "");
            break;
        case 16:
            a.has_last = true;
            a.last = set(a.end + 1, "");
            break;
        case 17:
            a.has_last = true;
            a.last = set(a.end, "");
            fine = true;
            break;
        case 18:
            a.has_last = true;
            a.last = (struct trk_mini_ucont){.from = 1024, .user = big, .user_len = sizeof big};
            break;
        case 19:
            in.user_len = TRK_UCONT_USER_BYTES_MAX + 1;
            break;
        case 20: /* not consumed: what lies beyond the end cannot be given */
            a = (struct trk_mini_answer){.have = {24, 1}};
            break;
        case 21:
            a = (struct trk_mini_answer){.have = {24}, .end_known = true, .end = 1025};
            break;
        case 22:
            a = (struct trk_mini_answer){.have = {24}, .end_known = true, .end = 1023};
            break;
        case 23:
            a = (struct trk_mini_answer){.have = {24}, .end_known = true, .end = 1024};
            fine = true;
            break;
        case 24:
            in.request_len++;
            break;
        case 25:
            in.request = NULL; /* not at hand any more */
            a.consumed = 10;
            fine = true;
            break;
        case 26:
            me.ticket.ucont.from = 1001; /* moved on meanwhile: the first run lies below */
            break;
        default:
            done();
            return;
        }
        me.in = in;
        uint8_t before[TRK_TICKET_BYTES_MAX], after[TRK_TICKET_BYTES_MAX]; /* encoded: a struct has gaps */
        size_t len = trk_ticket_write(&me.ticket, before);
        int rc = answer_it(&a);
        ck_assert_msg(rc == (fine ? TRK_OK : TRK_E_INVAL), "%u: %d", i, rc);
        if (!fine)
            ck_assert(trk_ticket_write(&me.ticket, after) == len && memcmp(before, after, len) == 0 && plan.n == 0 &&
                      plan.before_len == 0);
        done();
    }
}
END_TEST

START_TEST(without_keys_nothing_is_sent)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, 100);
    fs.oldest = 9;
    ck_assert_int_eq(answer_it(&a), TRK_E_KEY);
    ck_assert(!me.ticket.answered);
    done();
}
END_TEST

START_TEST(without_memory_left_bytes_are_not_acknowledged)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = {.consumed = 0};
    tm.fail_at = 1;
    tm.fail_rest = 1;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].ack.up.n_sacks == 0 && got[0].ack.up.ack == 0);
    ck_assert(!ask(3, 2, 0, 1000, 100));
    ck_assert(ask(3, 2, 0, 0, 100)); /* what one packet brings is shown all the same */
    done();
}
END_TEST

/* What must hold for any requests and answers: seqs once, states known before their bytes, nothing beyond an end. */
static uint64_t known_state[512], known_end[512];
static unsigned n_known;

static void learn(const struct got *g)
{
    if (!g->has_ucont)
        return;
    for (unsigned i = 0; i < n_known; i++)
        if (known_state[i] == g->u.state) {
            ck_assert(known_end[i] == UINT64_MAX || known_end[i] == g->u.end);
            known_end[i] = g->u.end;
            return;
        }
    known_state[n_known % 512] = g->u.state;
    known_end[n_known++ % 512] = g->u.end;
}

static void judge(uint8_t seen[4096])
{
    for (unsigned i = 0; i < n_got; i++) {
        const struct got *g = &got[i];
        learn(g);
        if (!g->is_data)
            continue;
        ck_assert(g->data.seq < 4096 && !seen[g->data.seq]);
        seen[g->data.seq] = 1;
        bool found = false;
        for (unsigned j = 0; j < n_known && j < 512; j++)
            if (known_state[j] == g->data.state) {
                found = true;
                ck_assert(known_end[j] == UINT64_MAX || g->data.off + g->data.payload_len <= known_end[j]);
            }
        ck_assert(found);
    }
}

START_TEST(random_answers_keep_the_rules)
{
    struct rng g = {unit_seed("mini", 11)};
    unsigned sent = 0, refused = 0, again = 0;
    for (uint64_t round = 0; round < rounds_of(400); round++) {
        static uint8_t seen[4096];
        uint64_t next = 1;
        memset(seen, 0, sizeof seen);
        n_known = 0;
        connect_it();
        for (unsigned step = 0; step < 60 && next < 4000; step++) {
            now_us += rng_below(&g, 1000);
            uint64_t limit = proof_k + 10 + proof_k / 2;
            unsigned n = (unsigned)rng_below(&g, 6);
            uint64_t first = next > 3 ? next - rng_below(&g, 3) : next;
            if (first + n > limit)
                n = first < limit ? (unsigned)(limit - first) : 0;
            uint64_t up = me.ticket.up_end < 100000 && step > 0 ? me.ticket.ucont.up : 0;
            uint64_t off = me.ticket.ucont.from + rng_below(&g, 2000);
            bool run = ask_len(first, n, off, n * (uint32_t)P, up + rng_below(&g, 2) * 300, (size_t)rng_below(&g, 900),
                               rng_below(&g, 20) == 0 ? TRK_REQ_FIN : 0);
            next = first + n > next ? first + n : next;
            if (!run) {
                n_got = 0;
                size_t len = trk_mini_ack(&mini, now_us, &me.ticket, TRK_REASON_OK, ack_buf);
                ck_assert(len > 0 && len <= request_len);
                continue;
            }
            for (unsigned late = 0; late < 3; late++) {
                struct trk_mini_answer a = {.pending = late < 2 && rng_below(&g, 3) == 0};
                const struct trk_ticket *t = &me.ticket;
                uint64_t at = t->ucont.end != UINT64_MAX ? t->ucont.end : t->ucont.from + rng_below(&g, 500);
                for (unsigned i = 0; i < t->n_runs; i++)
                    a.have[i] = (uint32_t)rng_below(&g, t->run[i].len + (rng_below(&g, 30) == 0 ? 5 : 1));
                a.consumed = rng_below(&g, 3) == 0 ? me.in.request_len : (size_t)rng_below(&g, me.in.request_len + 1);
                a.consumed_end = rng_below(&g, 4) == 0 && me.in.request_end && a.consumed == me.in.request_len;
                a.fresh = rng_below(&g, 8) == 0;
                a.has_first = rng_below(&g, 2) == 0;
                a.first = set(at, "user");
                a.has_last = rng_below(&g, 3) == 0;
                a.last = set(at + rng_below(&g, 3000), "last");
                a.end_known = rng_below(&g, 3) == 0;
                a.end = at + rng_below(&g, 6000);
                a.fin = a.end_known && rng_below(&g, 10) == 0;
                int rc = answer_it(&a);
                refused += rc == TRK_E_INVAL;
                again += rc == TRK_E_AGAIN;
                ck_assert(rc == TRK_OK || rc == TRK_E_INVAL || rc == TRK_E_AGAIN);
                if (rc == TRK_OK) {
                    judge(seen);
                    sent += plan.n;
                    if (!a.pending)
                        break;
                    me.in.request = a.consumed > 0 ? me.in.request + a.consumed : me.in.request;
                    me.in.request_len -= a.consumed;
                    me.in.request_end &= !a.consumed_end;
                    me.in.held = true;
                }
            }
            if (rng_below(&g, 10) == 0)
                trk_reasm_clear(&reasm);
        }
        done();
    }
    ck_assert(sent > rounds_of(1000) && refused > rounds_of(1000) && again == 0);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {detached_is_told_at_once_and_answered_late,
                            old_tickets_are_worth_ten_packets_and_no_unchecked_continuation,
                            seqs_sent_on_another_ticket_are_left_out,
                            new_connections_where_they_are_wanted,
                            fresh_state_in_the_middle_cuts_pieces,
                            hostile_answers_are_refused,
                            without_keys_nothing_is_sent,
                            without_memory_left_bytes_are_not_acknowledged,
                            random_answers_keep_the_rules};
    return unit_run("mini_late", tests, COUNT(tests));
}
