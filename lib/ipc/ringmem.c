/* Memory of a pair of rings: see ringmem.h. */
#include <config.h>

#include "ipc/ringmem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static bool is_ring_size(uint32_t bytes)
{
    return bytes >= TRK_RINGMEM_BYTES_AT && bytes <= TRK_RING_SIZE_MAX_BYTES &&
           (bytes & (bytes - 1)) == 0;
}

static size_t total(const struct trk_ringmem *m)
{
    return (size_t)TRK_RINGMEM_BYTES_AT + m->down_bytes + m->up_bytes;
}

static int map(struct trk_ringmem *m)
{
    void *base =
        mmap(NULL, total(m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, m->memory_fd, 0);
    if (base == MAP_FAILED) {
        return -errno;
    }
    m->base = base;
    m->bytes = total(m);
    return 0;
}

int trk_ringmem_map(struct trk_ringmem *m)
{
    struct stat st;
    int seals = fcntl(m->memory_fd, F_GET_SEALS);
    if (!is_ring_size(m->down_bytes) || !is_ring_size(m->up_bytes) || seals < 0 ||
        (seals & SEALS) != SEALS || fstat(m->memory_fd, &st) != 0 ||
        st.st_size != (off_t)total(m)) {
        return -EPROTO;
    }
    return map(m);
}

int trk_ringmem_make(struct trk_ringmem *m, uint32_t down_bytes, uint32_t up_bytes)
{
    *m = (struct trk_ringmem){.down_bytes = down_bytes, .up_bytes = up_bytes};
    m->memory_fd = memfd_create("trickles-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    m->daemon_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = 0, bell[2] = {-1, -1};
    bool has_bell = pipe2(bell, O_CLOEXEC | O_NONBLOCK) == 0;
    m->app_fd = bell[0];
    m->bell_fd = bell[1];
    if (!is_ring_size(down_bytes) || !is_ring_size(up_bytes)) {
        rc = -EINVAL;
    } else if (m->memory_fd < 0 || m->daemon_fd < 0 || !has_bell ||
               ftruncate(m->memory_fd, (off_t)total(m)) != 0 ||
               fcntl(m->memory_fd, F_ADD_SEALS, SEALS) != 0) {
        rc = -errno;
    } else {
        rc = map(m);
    }
    if (rc != 0) {
        trk_ringmem_close(m);
    }
    return rc;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void trk_ringmem_close(struct trk_ringmem *m)
{
    if (m->base != NULL) {
        munmap(m->base, m->bytes);
    }
    m->base = NULL;
    close_fd(&m->memory_fd);
    close_fd(&m->daemon_fd);
    close_fd(&m->app_fd);
    close_fd(&m->bell_fd);
}

void trk_ringmem_rings(const struct trk_ringmem *m, struct trk_ring *down, struct trk_ring *up)
{
    struct trk_ring_control *control = (struct trk_ring_control *)(void *)m->base;
    uint8_t *bytes = m->base + TRK_RINGMEM_BYTES_AT;
    trk_ring_init(down, &control[0], bytes, m->down_bytes);
    trk_ring_init(up, &control[1], bytes + m->down_bytes, m->up_bytes);
}

void trk_ringmem_wake(int fd)
{
    const uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one); /* EAGAIN: rung often enough */
    (void)n;
}
