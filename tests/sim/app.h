/*
 * app.h: the application at one end of a connection: what it writes and when, how fast it reads, and whether what it
 * reads is what the other end wrote. A byte's value is a function of its stream and offset.
 */
#ifndef TRK_SIM_APP_H
#define TRK_SIM_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum app_kind {
    APP_BULK, /* writes all it has */
    APP_ECHO, /* writes what it read */
    APP_ASK,  /* writes a request, waits for the whole answer, writes the next */
    APP_ANSWER,
};

struct app {
    enum app_kind kind;
    uint64_t out_salt, in_salt;
    uint64_t out_total; /* then FIN; UINT64_MAX for echo until the other end's FIN */
    uint64_t out_rate;  /* bytes per second; 0: at once */
    uint64_t start_ns;  /* writes nothing before */
    uint64_t ask_bytes, answer_bytes; /* of ASK and ANSWER */
    uint64_t fin_ns;    /* no FIN before */
    bool fin_after_eof; /* sends its FIN only when it has read the other's */
    uint64_t in_total;  /* what it must read */
    unsigned versions;  /* each answer_bytes of it are of any one of so many; 0: there is one */
    bool chained;       /* and each byte of an answer depends on those before: simmini.h */
    uint64_t in_rate;   /* 0: as it comes */
    uint64_t pause_from_ns, pause_to_ns; /* does not read in between */
    /* state */
    uint64_t read;
    bool eof;
    bool wrong; /* a byte was not the right one, or too many, or an early end */
    uint64_t wrong_at;
    uint32_t alive;     /* versions that this answer can be of */
    uint64_t chain[32]; /* their running states */
};

/* The bytes [off, off + n) of a stream. */
void app_bytes(uint64_t salt, uint64_t off, uint8_t *out, size_t n);
/* The offset up to which it has written by now. */
uint64_t app_written(const struct app *a, uint64_t now_ns);
/* Has it written all, and does it end its stream now? */
bool app_ended(const struct app *a, uint64_t now_ns);
/* How many bytes it would read now. */
size_t app_would_read(const struct app *a, uint64_t now_ns);
/* It reads these n. */
void app_read(struct app *a, const uint8_t *p, size_t n);
/* It sees the other end's FIN. */
void app_read_eof(struct app *a);
/* When it does something by itself; UINT64_MAX if only in answer to bytes. */
uint64_t app_next_ns(const struct app *a, uint64_t now_ns);

#endif
