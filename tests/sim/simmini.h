/*
 * simmini.h: a stateless service behind the real trk_mini_take() and trk_mini_plan(), with handlers that a client can
 * judge: what they say is a function of the request's number and of the content's version.
 */
#ifndef TRK_SIM_SIMMINI_H
#define TRK_SIM_SIMMINI_H

#include "core/mini.h"
#include "rng.h"
#include "testmem.h"

struct simserver;

enum { SIMMINI_OBJECTS_MAX = 4, SIMMINI_UCONT_MAX = 400, SIMMINI_VERSIONS_MAX = 32 };

enum simmini_kind {
    SIMMINI_NONE,
    SIMMINI_SEEKABLE, /* answers requests; continuation: version, start, length */
    SIMMINI_CHAINED,  /* the same, each byte depends on those before: position and a running state, checkpoints */
    SIMMINI_UPLOAD,   /* takes bytes as they come, progress in the continuation; answers at the end */
    SIMMINI_PUSH,     /* says bytes as time goes by: detached events */
};

struct simmini_conf {
    enum simmini_kind kind;
    uint64_t n_requests, ask_bytes, answer_bytes; /* of SEEKABLE and CHAINED; of PUSH n_requests * answer_bytes in all */
    uint64_t batch;                               /* most requests that one event consumes */
    bool close_first;                             /* the downlink ends behind the last answer; else behind the client's FIN */
    uint64_t up_salt, down_salt;
    uint64_t version_every_ns; /* the content changes so often; 0: never */
    size_t ucont_bytes;        /* of user continuations, at least */
    uint64_t checkpoint_bytes; /* CHAINED */
    uint64_t chunk_bytes;      /* UPLOAD consumes multiples of it */
    bool use_need;             /* says how many bytes it waits for */
    uint64_t rate;             /* PUSH: bytes per second */
    unsigned n_objects;        /* servers with reassembly of their own, each packet to any of them; 0: 1 */
    uint32_t reasm_drop_ppm;   /* per packet: all reassembly is lost */
    uint64_t reasm_drop_at;    /* at this packet; 0: never */
    bool reasm_none;           /* at every packet */
    uint64_t reasm_bytes;      /* bound of one table */
    uint64_t away_from_ns, away_to_ns;
};

/* An event kept for later answers. */
struct simmini_kept {
    bool used;
    unsigned object;
    struct trk_ticket ticket;
    size_t user_len;
    uint8_t user[TRK_UCONT_USER_BYTES_MAX];
};

struct simmini {
    struct simmini_conf conf;
    struct trk_reasm reasm[SIMMINI_OBJECTS_MAX];
    struct rng rng;
    struct simmini_kept kept;
    uint64_t next_ns; /* of the tick that is set */
    bool wrong;       /* request bytes were not the client's */
    bool wrong_plan;  /* an answer was refused by the engine */
    uint64_t up_high; /* one past the highest uplink byte consumed, the FIN counting one */
    uint64_t events, repeats, aways, resets, drops; /* repeats: nothing consumed that was not before */
};

void simmini_init(struct simmini *m, struct simserver *s, const struct simmini_conf *conf);
void simmini_free(struct simmini *m);
/* A verified request, committed. */
void simmini_request(struct simserver *s, const struct trk_request *req);
/* All soft state is gone. */
void simmini_forget(struct simmini *m);

/* The salt of one version of the content. */
static inline uint64_t simmini_salt(uint64_t salt, uint64_t version)
{
    return salt + version * 1000003;
}

/* The running state that a chained answer begins with. */
static inline uint64_t simmini_chain(uint64_t salt, uint64_t start)
{
    return (salt ^ start * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

/* Turns plain bytes into those of a chained answer, and moves the running state on. */
static inline void simmini_link(uint64_t *chain, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] ^= (uint8_t)(*chain >> 56);
        *chain = (*chain + p[i]) * UINT64_C(0xd1342543de82ef95) + 1;
    }
}

#endif
