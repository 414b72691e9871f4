/* Events to and from elsewhere, by the daemon, which has the keys. See ringside_int.h. */
#include <config.h>

#include "mini/ringside_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A memfd of these bytes, or -errno. */
static int memfd_of(const uint8_t *bytes, size_t len)
{
    int fd = memfd_create("trickles-events", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (write(fd, bytes, len) != (ssize_t)len) {
        close(fd);
        return -ENOMEM;
    }
    return fd;
}

/* Asks with a memfd of these bytes. *fd_out as for trk_locate_ask(). Returns the ACK's value, or
 * -errno. */
static ssize_t ask(struct msk_ringside *r, struct trk_ctl_msg *request, const uint8_t *bytes,
                   size_t len, int *fd_out)
{
    struct trk_ctl_msg answer;
    int fd = memfd_of(bytes, len);
    if (fd < 0)
        return fd;
    request->correlation = 3;
    int rc = trk_locate_ask(r->sock, request, fd, &answer, fd_out);
    close(fd);
    if (rc != 0 ||
        answer.type != TRK_CTL_ACK) { /* an answer may still come: to nothing that we know */
        msk_ringside_lose(r);
        return -EAGAIN;
    }
    if (answer.u.ack.error_no != 0)
        return -(ssize_t)(answer.u.ack.error_no & 0xfff);
    return answer.u.ack.value;
}

static struct trk_rec_event item_of(const struct msk_ringside_job *j)
{
    return (struct trk_rec_event){
        .handle = j->handle,
        .peer = {.family = 4}, /* not looked at, as most of it */
        .user = j->user,
        .user_len = (uint16_t)j->user_len,
        .request = (const uint8_t *)j->job.ev.request + j->consumed,
        .request_len = (uint32_t)(j->job.ev.request_len - j->consumed),
    };
}

static uint8_t *list_of(struct msk_job *const *jobs, int n, size_t *len)
{
    *len = 0;
    for (int i = 0; i < n; i++) {
        struct trk_rec_event e = item_of(msk_ringside_whole(jobs[i]));
        *len += trk_rec_listed_bytes(&e);
    }
    uint8_t *list = malloc(*len), *at = list;
    for (int i = 0; list != NULL && i < n; i++) {
        struct trk_rec_event e = item_of(msk_ringside_whole(jobs[i]));
        at += trk_rec_list(&e, at);
    }
    return list;
}

/* An event of a daemon that is gone is in nobody's hands. */
static bool are_live(const struct msk_ringside *r, struct msk_job *const *jobs, int n)
{
    for (int i = 0; i < n; i++)
        if (msk_ringside_whole(jobs[i])->epoch != r->epoch)
            return false;
    return r->sock >= 0;
}

ssize_t msk_ringside_extract(struct msk_back *b, struct msk_job *const *jobs, int n, uint8_t *buf,
                             size_t cap)
{
    struct msk_ringside *r = msk_ringside_of(b);
    struct trk_ctl_msg request = {.type = TRK_CTL_MINI_EXTRACT};
    size_t len;
    int fd = -1;
    if (!are_live(r, jobs, n))
        return -ENOENT;
    msk_ringside_flush(b);
    uint8_t *list = list_of(jobs, n, &len);
    if (list == NULL)
        return -ENOMEM;
    request.u.mini_extract =
        (struct trk_ctl_mini_extract){.n = (uint32_t)n, .bytes = (uint32_t)len, .cap = cap};
    ssize_t got = ask(r, &request, list, len, &fd);
    free(list);
    if (got > 0 && (fd < 0 || (size_t)got > cap || pread(fd, buf, (size_t)got, 0) != got))
        got = -EPROTO;
    if (fd >= 0)
        close(fd);
    for (int i = 0; got > 0 && i < n; i++)
        msk_ringside_done(r, msk_ringside_whole(jobs[i]));
    return got;
}

int msk_ringside_install(struct msk_back *b, const uint8_t *buf, size_t len)
{
    struct msk_ringside *r = msk_ringside_of(b);
    struct trk_ctl_msg request = {.type = TRK_CTL_MINI_INSTALL};
    int fd = -1;
    if (r->sock < 0)
        return -EAGAIN;
    if (len == 0 || len > UINT32_MAX)
        return -EBADMSG;
    request.u.mini_install = (struct trk_ctl_mini_install){.bytes = (uint32_t)len};
    ssize_t got = ask(r, &request, buf, len, &fd);
    if (fd >= 0)
        close(fd);
    return (int)got;
}
