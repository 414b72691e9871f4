/* Answers of applications, checked: see minicheck.h. */
#include <config.h>

#include "daemon/minicheck.h"

static bool numbers_fit(const struct trk_slot *slot, const struct trk_rec_answer *rec)
{
    return rec->first.len <= TRK_UCONT_USER_BYTES_MAX && rec->last.len <= TRK_UCONT_USER_BYTES_MAX &&
           rec->user_len <= TRK_UCONT_USER_BYTES_MAX && rec->consumed <= slot->request_len &&
           rec->need <= TRK_MINI_UP_WINDOW_BYTES && (rec->request_len == 0 || rec->request_len == slot->request_len);
}

static bool covers(const struct trk_rec_stretch *s, uint64_t off)
{
    return off >= s->off && off - s->off < s->len;
}

/*
 * What the stretches have of run i. As a rule stretch i begins where it does; but packets of it may have left on other
 * credit meanwhile, and the application's runs then lag behind ours.
 */
static void find_bytes(const struct trk_slot *slot, const struct trk_rec_answer *rec, unsigned i,
                       struct trk_checked *out)
{
    const struct trk_run *run = &slot->ticket.run[i];
    unsigned k = i;
    if (i >= rec->n_stretches || !covers(&rec->stretch[i], run->off))
        for (k = 0; k < rec->n_stretches && !covers(&rec->stretch[k], run->off); k++)
            ;
    out->answer.have[i] = 0;
    out->bytes[i] = NULL;
    if (k >= rec->n_stretches)
        return;
    const struct trk_rec_stretch *s = &rec->stretch[k];
    uint32_t skip = (uint32_t)(run->off - s->off), left = s->len - skip;
    out->answer.have[i] = left < run->len ? left : run->len;
    out->bytes[i] = rec->payload + s->at + skip;
}

static struct trk_mini_ucont ucont(const struct trk_rec_ucont *u)
{
    return (struct trk_mini_ucont){.from = u->from, .user = u->user, .user_len = u->len};
}

bool trk_minicheck(const struct trk_slot *slot, const struct trk_rec_answer *rec, struct trk_checked *out)
{
    if (!numbers_fit(slot, rec))
        return false;
    out->answer.consumed = rec->consumed;
    out->answer.consumed_end = rec->flags & TRK_REC_A_CONSUMED_END;
    out->answer.need = rec->need;
    out->answer.fresh = rec->flags & TRK_REC_A_FRESH;
    out->answer.has_first = rec->flags & TRK_REC_A_FIRST;
    out->answer.first = ucont(&rec->first);
    out->answer.has_last = rec->flags & TRK_REC_A_LAST;
    out->answer.last = ucont(&rec->last);
    out->answer.end_known = rec->flags & TRK_REC_A_END;
    out->answer.end = rec->end;
    out->answer.fin = rec->flags & TRK_REC_A_FIN;
    out->answer.pending = rec->flags & TRK_REC_A_KEEP;
    out->in = (struct trk_mini_input){.user = rec->user,
                                      .user_len = rec->user_len,
                                      .request = rec->request_len != 0 ? rec->request : NULL,
                                      .request_len = slot->request_len,
                                      .request_end = slot->request_end,
                                      .held = slot->held};
    for (unsigned i = 0; i < slot->ticket.n_runs; i++)
        find_bytes(slot, rec, i, out);
    return true;
}
