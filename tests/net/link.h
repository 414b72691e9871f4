/*
 * link.h: one direction of an emulated link, as a pure model.
 *
 * A packet that arrives meets, in this order: the drop-tail queue in front of a transmitter of
 * fixed rate; loss, burst loss (Gilbert-Elliott), duplication, corruption and reordering, all on
 * the wire (so a packet lost there has used the transmitter's time, as on a real link); the
 * propagation delay and its jitter. Time is an argument, chance comes from a seed: the same calls
 * give the same result. No system call is made, except for memory at creation.
 *
 * Threading: one caller at a time per link.
 * Invariants: packets that were not picked for reordering leave in the order in which they arrived;
 * the transmitter is never ahead of its rate; stored packets never exceed the capacity given at
 * creation.
 */
#ifndef TRK_TESTS_LINK_H
#define TRK_TESTS_LINK_H

#include <stddef.h>
#include <stdint.h>

enum {
    TRK_LINK_PACKET_BYTES =
        2048,               /* room for one packet: more than any MTU that the emulator sets */
    TRK_LINK_PPM = 1000000, /* chances are in parts per million */
};

/* What a direction does to packets. All zero is a perfect wire. */
struct trk_link_config {
    uint64_t rate_bps;        /* bits of IP packet per second; 0: unlimited */
    uint64_t delay_ns;        /* propagation delay */
    uint64_t jitter_ns;       /* 0 to this much is added to the delay, evenly distributed */
    uint32_t queue_pkts;      /* waiting and in transmission; 0: no limit */
    uint32_t queue_bytes;     /* the same in bytes; 0: no limit */
    uint32_t loss_ppm;        /* loss of single packets (burst loss: in the good state) */
    uint32_t burst_enter_ppm; /* Gilbert-Elliott: from good to bad, per packet */
    uint32_t burst_leave_ppm; /* from bad to good, per packet */
    uint32_t burst_loss_ppm;  /* loss in the bad state */
    uint32_t reorder_ppm;     /* share of packets that are held back */
    uint64_t reorder_ns;      /* for how long */
    uint32_t duplicate_ppm;   /* share of packets delivered twice */
    uint32_t corrupt_ppm;     /* share of packets with one bit flipped behind the IP header */
    int corrupt_fix_checksum; /* repair the transport checksum afterwards, so that the flip reaches
                                 the receiver */
};

struct trk_link_stats {
    uint64_t arrived_pkts, arrived_bytes;
    uint64_t delivered_pkts, delivered_bytes;
    uint64_t queue_drop_pkts; /* the drop-tail queue was full */
    uint64_t loss_pkts;       /* lost on the wire, burst_loss_pkts included */
    uint64_t burst_loss_pkts;
    uint64_t reorder_pkts, duplicate_pkts, corrupt_pkts;
    uint64_t no_room_pkts; /* the emulator's own memory was full: a wrong capacity, to be reported
                              loudly */
};

struct trk_link;

/*
 * Makes a direction with room for capacity packets. cfg is copied. Returns NULL without memory, or
 * if cfg makes no sense (a chance above one million ppm). The caller frees it with trk_link_free.
 */
struct trk_link *trk_link_new(const struct trk_link_config *cfg, uint64_t seed,
                              size_t capacity_pkts);

/* Frees link; NULL is allowed. */
void trk_link_free(struct trk_link *link);

/*
 * Takes in a packet at now_ns, which must not go backwards between calls. pkt is copied; it is an
 * IP packet of len bytes. Returns the number of copies that will be delivered (0 to 2), 0 also if
 * len is above TRK_LINK_PACKET_BYTES.
 */
int trk_link_send(struct trk_link *link, uint64_t now_ns, const void *pkt, size_t len);

/* When the next packet is due (ns), UINT64_MAX if nothing is under way. */
uint64_t trk_link_next_ns(const struct trk_link *link);

/*
 * Takes out the next packet if it is due at now_ns: copies it to out (TRK_LINK_PACKET_BYTES of
 * room), sets *due_ns to the instant at which it should have left, and returns its length; 0 if
 * none is due.
 */
size_t trk_link_receive(struct trk_link *link, uint64_t now_ns, void *out, uint64_t *due_ns);

/* Borrowed; valid as long as link is. */
const struct trk_link_stats *trk_link_stats(const struct trk_link *link);

#endif
