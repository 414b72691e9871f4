/*
 * conform.h: judges a capture of Trickles traffic taken at the server, without any key.
 *
 * What is in clear is enough: requests carry k, base (in the law part of their continuation),
 * ranges, asks and proof; DATA carries seq and nonce. A *space* of seqs belongs to a secret salt,
 * but which space a packet is in can be seen: a continuation in the answer to an OPEN, or in an
 * answer with reason STALE, begins a space; every other continuation is in the space of the request
 * that it answers; a request is in the space of the continuation that it carries, and DATA in that
 * of the request whose number it echoes. So spaces are followed by the bytes of the continuations.
 *
 * Rules (enum conform_rule); the first six must hold in every capture, the others come with the
 * same reading.
 *
 * Not thread-safe. Memory grows with the number of packets.
 */
#ifndef TRK_TESTS_CONFORM_H
#define TRK_TESTS_CONFORM_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conform_rule {
    CONFORM_MALFORMED,  /* does not decode */
    CONFORM_SENT_TWICE, /* a seq is sent once in its space */
    CONFORM_NOT_ASKED,  /* DATA answers a request, and an ask of its space covers the seq */
    CONFORM_PROOF, /* a proof is the XOR of the nonces of what it claims, all of which were sent */
    CONFORM_UNANSWERED, /* every request gets an answer: its own, or soon a later one's */
    /* Before validation at most three times the bytes that came; no ACK that grants nothing is
     * larger than its REQUEST, but for a user continuation and a transport continuation with it. */
    CONFORM_AMPLIFICATION,
    CONFORM_LIMIT,        /* no seq above what the grant rule gives for the requests so far */
    CONFORM_VERDICT,      /* the server calls a proof bad exactly when it is */
    CONFORM_UNKNOWN_CONT, /* served on a continuation that the server never gave out */
    CONFORM_SIZE,         /* DATA larger than the packet size of its connection */
    CONFORM_STATE,        /* states and user continuations where and as they should be */
    CONFORM_EMPTY,        /* nothing there to judge */
    CONFORM_RULES,
};

struct conform_options {
    bool partial; /* the capture begins in the middle: what began before it is not judged */
    /* Clients may do what they like (malformed packets, false proofs); the server is judged all the
     * same. */
    bool hostile_clients;
    uint64_t tail_ns; /* a request this close to the end need not be answered yet; 0: 50 ms, or its
                         RTT */
    FILE *out;        /* one line for each violation; NULL: none */
};

struct conform_stats {
    uint64_t packets, other; /* Trickles packets; what is not, or of another version */
    uint64_t by_type[16];
    uint64_t bytes_in, bytes_out;
    uint64_t addresses, connections, spaces, seqs, proofs, answers;
    uint64_t coalesced; /* requests that a later one's answer answered */
    uint64_t states;    /* of stateless services */
    uint64_t hostile;   /* client faults that were allowed */
    uint64_t unjudged;  /* with partial: requests of connections from before */
    uint64_t violations[CONFORM_RULES];
};

struct conform;

/* NULL without memory. */
struct conform *conform_new(const struct conform_options *options);
void conform_free(struct conform *c);

/* One UDP payload, in capture order. number: of the packet in the capture, from 1. time_ns never
 * goes back. */
void conform_packet(struct conform *c, uint64_t number, uint64_t time_ns,
                    const struct trk_addr *from, const struct trk_addr *to, const uint8_t *payload,
                    size_t len);

/* After the last packet: what is left unanswered. Returns the number of violations. */
uint64_t conform_end(struct conform *c);

const struct conform_stats *conform_stats(const struct conform *c);

/*
 * Feeds a capture file (any that libpcap reads; link types RAW, Ethernet, Linux cooked v1 and v2)
 * to c: UDP with port at either end, or with port 0 the daemons' two. Returns 0, or -1 with a
 * message in error (of error_size bytes).
 */
int conform_read_file(struct conform *c, const char *path, uint16_t port, char *error,
                      size_t error_size);

/* "sent twice" and so on. */
const char *conform_rule_text(enum conform_rule rule);

#endif
