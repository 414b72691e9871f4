/* A stateless service: requests become events, answers become packets. */
#include "mini_world.h"

START_TEST(small_answer_is_one_datagram_and_keeps_nothing)
{
    connect_it();
    ck_assert(ask(1, 10, 0, 0, 100));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.request_len == 100 && !me.in.request_end && !me.in.held);
    ck_assert_mem_eq(me.in.request, stream, 100);
    ck_assert(me.in.user_len == 0 && me.ticket.n_runs == 1 && me.ticket.run[0].count == 10);
    struct trk_mini_answer a = page(0, 1024);
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && got[0].has_ucont && !got[0].has_cont);
    ck_assert(got[0].data.seq == 1 && got[0].data.train_end == 1 && got[0].data.off == 0);
    ck_assert(got[0].data.payload_len == 1024 && got[0].data.up.ack == 100 && got[0].data.limit == 10);
    ck_assert(got[0].data.up.credit_bytes == 65536 && got[0].data.state == got[0].u.state && got[0].u.state != 0);
    ck_assert(got[0].u.up == 100 && got[0].u.from == 0 && got[0].u.end == 1024 && got[0].u.after == 0);
    ck_assert(got[0].u.flags == TRK_UCONT_END && got[0].user_len == 4);
    ck_assert_mem_eq(got[0].user, "page", 4);
    ck_assert(plan.src[0].run == 0 && plan.src[0].at == 0);
    ck_assert_uint_eq(tm.calls, 0); /* no memory */
    ck_assert(me.ticket.answered && me.ticket.ucont.state == got[0].u.state && me.ticket.to.high_sent == 1);
    done();
}
END_TEST

/* The bound of what rides: P less 2 + 86 + 8 + 4 of the continuation, then less 168 more. */
START_TEST(what_does_not_fit_beside_a_small_answer)
{
    const uint32_t room = P - 2 - TRK_UCONT_OVERHEAD_BYTES - 4;
    for (int fresh_cont = 0; fresh_cont < 2; fresh_cont++)
        for (int over = 0; over < 2; over++) {
            connect_it();
            repeat_refresh = fresh_cont;
            ck_assert(ask(1, 10, 0, 0, 100));
            repeat_refresh = false;
            struct trk_mini_answer a = page(0, room - (fresh_cont ? 2 + TRK_CONT_BYTES : 0) + (unsigned)over);
            ck_assert_int_eq(answer_it(&a), TRK_OK);
            ck_assert_uint_eq(n_got, over ? 2 : 1);
            if (!over)
                ck_assert(got[0].is_data && got[0].has_ucont && got[0].has_cont == (fresh_cont != 0) && got[0].len == 1200);
            else if (fresh_cont) /* the user continuation fits: the transport continuation follows */
                ck_assert(got[0].is_data && got[0].has_ucont && !got[1].is_data && got[1].has_cont && !got[1].has_ucont);
            else /* and never comes after its bytes */
                ck_assert(!got[0].is_data && got[0].has_ucont && got[1].is_data && !got[1].has_ucont);
            done();
        }
}
END_TEST

START_TEST(long_answer_has_its_continuation_ahead)
{
    connect_it();
    repeat_refresh = true;
    ck_assert(ask(1, 10, 0, 0, 100));
    repeat_refresh = false;
    struct trk_mini_answer a = page(0, 3 * P);
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4); /* the last packet is full: the transport continuation is ahead as well */
    ck_assert(!got[0].is_data && got[0].has_ucont && got[0].has_cont && got[0].ack.reason == TRK_REASON_OK);
    ck_assert(got[0].ack.train_end == 3 && got[0].ack.up.ack == 100 && got[0].ack.avail == 3 * P);
    for (unsigned i = 1; i <= 3; i++)
        ck_assert(got[i].is_data && got[i].data.seq == i && got[i].data.off == (i - 1) * P && got[i].len == 1200 &&
                  got[i].data.state == got[0].u.state && got[i].data.train_end == 3);
    ck_assert(plan.src[2].at == 2 * P);
    done();
    connect_it(); /* with a checkpoint, which rides on the last packet with the transport continuation */
    repeat_refresh = true;
    ck_assert(ask(1, 10, 0, 0, 100));
    repeat_refresh = false;
    a = page(0, 2 * P + 500);
    a.has_last = true;
    a.last = set(2 * P + 500, "further");
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4);
    ck_assert(!got[0].is_data && got[0].has_ucont && !got[0].has_cont && got[0].u.end == UINT64_MAX);
    ck_assert(got[3].has_ucont && got[3].has_cont && got[3].u.state == got[0].u.state);
    ck_assert(got[3].u.from == 2 * P + 500 && got[3].u.after == got[3].u.state && got[3].u.up == 100);
    ck_assert_mem_eq(got[3].user, "further", 7);
    done();
    connect_it(); /* no room for the checkpoint: behind */
    ck_assert(ask(1, 10, 0, 0, 100));
    a = page(0, 2 * P);
    a.has_last = true;
    a.last = set(2 * P, "further");
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4);
    ck_assert(got[0].has_ucont && !got[2].has_ucont && !got[3].is_data && got[3].has_ucont);
    done();
}
END_TEST

START_TEST(next_request_begins_a_state_where_the_last_one_ends)
{
    first_page(1024);
    const uint64_t old = me.ticket.ucont.state;
    /* The client has all but the last 24 bytes, and asks for them with its next request. */
    ck_assert(ask_len(2, 5, 1000, 5 * P, 100, 50, 0));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.request_len == 50 && me.ticket.n_runs == 2);
    ck_assert_mem_eq(me.in.request, stream + 100, 50);
    ck_assert_mem_eq(me.in.user, "page", 4);
    ck_assert(me.ticket.run[0].len == 24 && me.ticket.run[1].off == 1024 && me.ticket.run[1].count == 4);
    struct trk_mini_answer a = page(1024, 2000);
    a.have[0] = 24;
    a.have[1] = 2000;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 4);
    ck_assert(got[0].has_ucont && got[0].u.from == 1024 && got[0].u.up == 150 && got[0].u.after == old);
    ck_assert(got[1].data.state == old && got[1].data.seq == 2 && got[1].data.off == 1000);
    ck_assert(got[2].data.state == got[0].u.state && got[2].data.seq == 3 && got[2].data.off == 1024);
    ck_assert(got[3].data.seq == 4 && got[3].data.payload_len == 2000 - P && got[0].u.state != old);
    ck_assert(plan.src[1].run == 1 && plan.src[2].run == 1 && plan.src[2].at == P);
    ck_assert_uint_eq(tm.calls, 0);
    done();
}
END_TEST

START_TEST(more_of_a_state_goes_on_in_it)
{
    first_page(30000);
    const uint64_t state = me.ticket.ucont.state;
    ck_assert(ask(11, 10, 10 * P, 100, 0));
    ck_assert(me.kind == TRK_MINI_MORE && me.in.request_len == 0 && me.ticket.ucont.state == state);
    struct trk_mini_answer a = {.have = {10 * P}};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 10 && got[0].data.state == state && got[0].data.off == 10 * P);
    for (unsigned i = 0; i < n_got; i++)
        ck_assert(!got[i].has_ucont && got[i].data.state == state);
    /* Beyond the end there is nothing to ask a handler for. */
    ck_assert(!ask(21, 2, 30000, 100, 0));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_NO_DATA && got[0].ack.up.ack == 100);
    done();
}
END_TEST

START_TEST(end_that_becomes_known_is_told_once)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, 2 * P);
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.flags == 0);
    const uint64_t state = got[0].u.state;
    proof_k = 2;
    ck_assert(ask(3, 4, 2 * P, 100, 0));
    a = (struct trk_mini_answer){.have = {P + 10}, .end_known = true, .end = 3 * P + 10, .fin = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(n_got, 2);
    ck_assert(got[1].has_ucont && got[1].u.state == state && got[1].u.from == 0 && got[1].u.end == 3 * P + 10);
    ck_assert(got[1].u.flags == (TRK_UCONT_END | TRK_UCONT_FIN) && (got[1].data.c.flags & TRK_DATA_FIN) != 0);
    ck_assert((got[0].data.c.flags & TRK_DATA_FIN) == 0);
    ck_assert_mem_eq(got[1].user, "page", 4);
    ck_assert(ask(5, 4, 2 * P, 100, 0)); /* again: the client knows */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 2 && !got[1].has_ucont && (got[1].data.c.flags & TRK_DATA_FIN) != 0);
    done();
}
END_TEST

START_TEST(downlink_that_ends_where_no_byte_carries_it)
{
    first_page(1024);
    ck_assert(ask(2, 3, 1024, 100, 50));
    struct trk_mini_answer a = page(1024, 0);
    a.fin = true;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && got[0].data.payload_len == 0 && got[0].data.off == 1024);
    ck_assert((got[0].data.c.flags & TRK_DATA_FIN) != 0 && got[0].u.flags == 3 && got[0].u.end == 1024);
    /* For good: a handler that consumes after it gives nothing, and the FIN stays. */
    proof_k = 2;
    ck_assert(ask(3, 3, 1024, 150, 10));
    a = page(1024, 5);
    ck_assert_int_eq(answer_it(&a), TRK_E_INVAL);
    a = (struct trk_mini_answer){.consumed = 10};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[n_got - 1].u.flags == 3 && got[n_got - 1].u.up == 160);
    done();
}
END_TEST

START_TEST(copies_run_no_handler)
{
    struct trk_request_pkt q = {.n_asks = 1};
    first_page(1024);
    q.ask[0] = (struct trk_ask){.first = 1, .count = 1, .off = 0, .len = P};
    uint64_t k = proof_k;
    proof_k = 0;
    ucont_len = 0;
    ck_assert_int_eq(send(&q, 0, 100), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, false, &me));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_SENT && got[0].ack.train_end == 1 && got[0].ack.up.ack == 0);
    ck_assert(got[0].ack.up.n_sacks == 1 && got[0].ack.up.sack[0].end == 100); /* no handler: so they are held */
    proof_k = k;
    /* Without asks it may run: an upload. */
    ck_assert(ask(0, 0, 0, 0, 100));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.held);
    done();
}
END_TEST

START_TEST(stale_and_false_claims_run_no_handler_and_keep_no_bytes)
{
    struct trk_request_pkt q = {.n_asks = 1, .proof = 5};
    connect_it();
    q.ask[0] = (struct trk_ask){.first = 1, .count = 1, .off = 0, .len = P};
    ck_assert_int_eq(send(&q, 0, 100), TRK_V_REQUEST);
    ck_assert(!trk_mini_take(&mini, now_us, &ev.req, true, &me));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_PROOF_BAD && !trk_reasm_holds(&reasm, conn));
    now_us += TRK_FRESHNESS_US + 1;
    ck_assert(!ask(1, 1, 0, 0, 100));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_STALE && got[0].has_cont && !trk_reasm_holds(&reasm, conn));
    struct trk_law law;
    ck_assert_int_eq(trk_cont_read_law(got[0].ack.cont, got[0].ack.cont_len, &law), TRK_OK);
    ck_assert((law.flags & TRK_LAW_STATELESS) != 0);
    done();
}
END_TEST

START_TEST(continuation_that_does_not_open_is_told)
{
    first_page(1024);
    ucont[ucont_len - 1] ^= 1;
    ck_assert(!ask(2, 1, 1024, 100, 50));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_CANNOT_OPEN && !trk_reasm_holds(&reasm, conn));
    memset(ucont, 0, sizeof ucont);
    ck_assert(!ask(2, 1, 1024, 100, 50));
    ucont_len = 5;
    ck_assert(!ask(2, 1, 1024, 100, 50));
    ack_it(TRK_REASON_OK);
    ck_assert(got[0].ack.reason == TRK_REASON_CANNOT_OPEN);
    ack_it(TRK_REASON_AWAY);
    ck_assert(got[0].ack.reason == TRK_REASON_AWAY);
    done();
}
END_TEST

/* Three packets of one request in any order, the reassembly dropped before any of them: shown whole in the end, and
 * never anything else. */
START_TEST(request_of_three_packets_in_any_order_and_with_any_loss)
{
    static const unsigned order[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned o = 0; o < COUNT(order); o++)
        for (unsigned drop_at = 0; drop_at < 4; drop_at++) {
            bool whole = false;
            connect_it();
            unsigned rounds = 0;
            for (unsigned i = 0; !whole && i < 6; i++, rounds++) {
                unsigned part = order[o][i % 3];
                if (i == drop_at)
                    trk_reasm_clear(&reasm);
                bool shows = ask(1 + i, 1, 0, 1000 * part, 1000);
                if (!shows) {
                    ack_it(TRK_REASON_OK);
                    continue;
                }
                ck_assert_mem_eq(me.in.request, stream, me.in.request_len);
                struct trk_mini_answer a = {.consumed = 0};
                whole = me.in.request_len == 3000;
                if (whole)
                    a = page(0, 10);
                ck_assert_int_eq(answer_it(&a), TRK_OK);
                if (!whole) /* left: kept, and named */
                    ck_assert(!got[0].is_data && got[0].ack.up.n_sacks >= 1 && got[0].ack.up.sack[0].start == 0 &&
                              got[0].ack.reason == TRK_REASON_NO_DATA);
            }
            ck_assert_msg(whole && rounds <= 3 + 3, "order %u drop %u", o, drop_at);
            ck_assert(!trk_reasm_holds(&reasm, conn)); /* all consumed */
            done();
        }
}
END_TEST

START_TEST(handlers_that_need_more_are_left_alone)
{
    connect_it();
    ck_assert(ask(1, 1, 0, 0, 1000));
    struct trk_mini_answer a = {.need = 2500};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(!ask(2, 1, 0, 1000, 1499));
    ck_assert(ask(3, 1, 0, 2499, 1));
    ck_assert(me.kind == TRK_MINI_REQUEST && me.in.request_len == 2500 && me.in.held);
    a.need = 2501;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(!ask(4, 1, 0, 0, 10));
    ck_assert(ask_len(5, 1, 0, P, 2500, 0, TRK_REQ_FIN)); /* an end is always shown */
    ck_assert(me.kind == TRK_MINI_CLOSED && me.in.request_len == 2500 && me.in.request_end);
    a = (struct trk_mini_answer){.consumed = 2000, .need = 1000}; /* of what is left */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert_uint_eq(trk_reasm_needed(&reasm, conn, 2000), 1000);
    done();
}
END_TEST

/* Two runs saw the same bytes. The one that consumed less answers last, and needs more from there on than there will
 * ever be behind what the other consumed. */
START_TEST(what_one_run_needs_is_not_waited_for_after_another)
{
    connect_it();
    ck_assert(ask(1, 1, 0, 0, 1000));
    struct trk_mini_answer a = {.need = 1500};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(ask(2, 1, 0, 1000, 1000));
    static struct trk_mini_event slow;
    slow = me;
    ck_assert(!ask(3, 1, 0, 2000, 500)); /* the handler is about to answer */
    now_us += TRK_REASM_SHOWN_US;
    ck_assert(ask(3, 1, 0, 2500, 500));
    ck_assert_uint_eq(me.in.request_len, 3000);
    a = (struct trk_mini_answer){.consumed = 2500, .need = 800};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    uint8_t ahead[TRK_UCONT_BYTES_MAX];
    const size_t ahead_len = ucont_len;
    memcpy(ahead, ucont, ahead_len);
    me = slow;
    a = (struct trk_mini_answer){.consumed = 1800, .need = 1500};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    memcpy(ucont, ahead, ahead_len);
    ucont_len = ahead_len;
    ck_assert(!ask(4, 1, 0, 3000, 299));
    ck_assert(ask(5, 1, 0, 3299, 1));
    ck_assert(me.ticket.ucont.up == 2500 && me.in.request_len == 800);
    done();
}
END_TEST

/* Several events are out at a time: what came between is shown, with nothing from the client. */
START_TEST(bytes_that_came_while_the_handler_ran)
{
    connect_it();
    ck_assert(ask(1, 1, 0, 0, 1000));
    struct trk_mini_event first = me;
    uint8_t bytes[1000];
    memcpy(bytes, me.in.request, 1000);
    first.in.request = bytes;
    ck_assert(!ask(2, 1, 0, 1000, 500)); /* does not follow what is known: held */
    me = first;
    struct trk_mini_answer a = {.consumed = 0};
    ck_assert_int_eq(answer_it(&a), TRK_E_AGAIN);
    ck_assert(!me.ticket.answered && plan.n == 0 && plan.before_len == 0 && plan.after_len == 0);
    ck_assert_int_eq(trk_mini_again(&mini, now_us, &me.ticket, &me.in), TRK_MINI_REQUEST);
    ck_assert(me.in.request_len == 1500 && me.in.held && me.ticket.up_end == 1500);
    ck_assert_mem_eq(me.in.request, stream, 1500);
    ck_assert_int_eq(answer_it(&a), TRK_OK); /* nothing new: told to the client */
    ck_assert(!got[0].is_data && got[0].ack.reason == TRK_REASON_NO_DATA && got[0].ack.up.sack[0].end == 1500);
    done();
    connect_it(); /* less than it needs is not shown again; pending is answered */
    for (int pending = 0; pending < 2; pending++) {
        ck_assert(ask(1, 1, 0, 0, 1000) || pending);
        me.in.held = false;
        first = me;
        first.in.request = bytes;
        (void)ask(2, 1, 0, 1000, 500);
        me = first;
        a = (struct trk_mini_answer){.need = pending ? 0 : 1501, .pending = pending};
        ck_assert_int_eq(answer_it(&a), TRK_OK);
        ck_assert(n_got == 1 && !got[0].is_data);
        trk_reasm_clear(&reasm);
    }
    done();
}
END_TEST

START_TEST(end_of_uplink_is_one_more)
{
    first_page(1024);
    ck_assert(ask_len(2, 1, 1024, P, 100, 0, TRK_REQ_FIN));
    ck_assert(me.kind == TRK_MINI_CLOSED && me.in.request_len == 0 && me.in.request_end && me.ticket.up_fin);
    struct trk_mini_answer a = {.consumed_end = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && !got[0].is_data && got[0].u.up == 101 && got[0].ack.up.ack == 101);
    ck_assert(got[0].u.from == 1024 && got[0].u.end == 1024 && got[0].u.flags == TRK_UCONT_END);
    ck_assert_mem_eq(got[0].user, "page", 4); /* nothing was set: as it was */
    ck_assert(!ask_len(3, 1, 1024, P, 100, 0, TRK_REQ_FIN)); /* consumed */
    ck_assert(!trk_reasm_holds(&reasm, conn));
    done();
    connect_it(); /* left to be consumed later */
    ck_assert(ask_len(1, 1, 0, P, 0, 10, TRK_REQ_FIN));
    a = (struct trk_mini_answer){.consumed = 10};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.up == 10 && trk_reasm_holds(&reasm, conn));
    ck_assert(ask(2, 1, 0, 10, 0));
    ck_assert(me.kind == TRK_MINI_CLOSED && me.in.request_len == 0 && me.in.held);
    a = (struct trk_mini_answer){.consumed_end = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.up == 11 && !trk_reasm_holds(&reasm, conn));
    done();
}
END_TEST

START_TEST(consumed_without_a_continuation_keeps_the_former)
{
    first_page(1024);
    ck_assert(ask(2, 2, 1024, 100, 50));
    struct trk_mini_answer a = {.consumed = 20}; /* nothing given: nothing to come until the next request */
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(!got[0].is_data && got[0].u.up == 120 && got[0].u.from == 1024 && got[0].u.end == 1024);
    ck_assert(got[0].ack.up.ack == 120 && got[0].ack.up.n_sacks == 1 && got[0].ack.up.sack[0].end == 150);
    ck_assert(ask(4, 2, 1024, 150, 0)); /* the rest is shown with the new continuation */
    ck_assert(me.in.request_len == 30 && me.in.held);
    a = (struct trk_mini_answer){.consumed = 30, .have = {100}};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].is_data && got[0].u.up == 150 && got[0].u.end == UINT64_MAX && got[0].data.payload_len == 100);
    ck_assert(!trk_reasm_holds(&reasm, conn));
    done();
}
END_TEST

START_TEST(consumed_in_an_open_end_leaves_the_state_as_it_is)
{
    connect_it();
    ck_assert(ask(1, 2, 0, 0, 100));
    struct trk_mini_answer a = page(0, 2 * P);
    a.end_known = false;
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    const uint64_t state = got[0].u.state;
    proof_k = 2;
    ck_assert(ask_len(3, 2, 2 * P, 2 * P, 100, 30, TRK_REQ_FIN));
    a = (struct trk_mini_answer){.have = {50}, .consumed = 30, .consumed_end = true};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].is_data && got[0].data.state == state && got[0].u.state == state);
    ck_assert(got[0].u.up == 131 && got[0].u.from == 0 && got[0].u.end == UINT64_MAX && got[0].u.after == 0);
    ck_assert(got[0].data.up.ack == 131 && me.ticket.ucont.up == 131 && !me.ticket.up_fin);
    /* With a checkpoint that tells it. */
    proof_k = 3;
    ck_assert(ask(4, 2, 2 * P + 50, 131, 0));
    me.ticket.up_end = 141; /* as if ten more had come */
    me.in = (struct trk_mini_input){.request = stream, .request_len = 10, .user = me.user};
    a = (struct trk_mini_answer){.have = {60}, .consumed = 10, .has_last = true, .last = set(2 * P + 110, "on")};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(n_got == 1 && got[0].u.state == state && got[0].u.up == 141 && got[0].u.from == 2 * P + 110);
    /* Where one is set, that begins a state. */
    ck_assert(ask(6, 2, 2 * P + 110, 141, 10));
    a = (struct trk_mini_answer){.consumed = 10, .has_first = true, .first = set(2 * P + 110, "new")};
    ck_assert_int_eq(answer_it(&a), TRK_OK);
    ck_assert(got[0].u.state != state && got[0].u.after == state && got[0].u.up == 151);
    done();
}
END_TEST

int main(void)
{
    const TTest *tests[] = {small_answer_is_one_datagram_and_keeps_nothing,
                            what_does_not_fit_beside_a_small_answer,
                            long_answer_has_its_continuation_ahead,
                            next_request_begins_a_state_where_the_last_one_ends,
                            more_of_a_state_goes_on_in_it,
                            end_that_becomes_known_is_told_once,
                            downlink_that_ends_where_no_byte_carries_it,
                            copies_run_no_handler,
                            stale_and_false_claims_run_no_handler_and_keep_no_bytes,
                            continuation_that_does_not_open_is_told,
                            request_of_three_packets_in_any_order_and_with_any_loss,
                            handlers_that_need_more_are_left_alone,
                            what_one_run_needs_is_not_waited_for_after_another,
                            bytes_that_came_while_the_handler_ran,
                            end_of_uplink_is_one_more,
                            consumed_without_a_continuation_keeps_the_former,
                            consumed_in_an_open_end_leaves_the_state_as_it_is};
    return unit_run("mini", tests, COUNT(tests));
}
