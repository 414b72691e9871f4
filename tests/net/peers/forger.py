#!/usr/bin/env python3
"""forger.py PORT ADDRESS SEED COUNT: listens in on Trickles, then sends bad datagrams to the daemon.

Datagrams seen on the wire towards PORT are kept; then COUNT are sent, half of them from ADDRESS
(one of this host that is not the client's), half by a raw socket with the address and port of the
original. From ADDRESS: random bytes, first bytes of kept ones, kept ones with a flipped bit, with a
tail added, and kept ones again as they are. With a stolen address only what must do no harm even
then: random bytes, kept ones again, cut, or with an altered continuation. (Who can listen in, steal
the address and alter clear fields can cut an unkeyed connection, as he can with TCP.) When the kept
ones have become stale, a quarter as many are sent again. Prints what it did, by kind.
"""

import collections
import random
import socket
import struct
import sys
import time

ETH_IPV4 = 0x0800
TYPE_REQUEST = 2  # layout: trickles-protocol(7)
REQUEST_BYTES, RANGE_BYTES, ASK_BYTES = 72, 8, 20
N_RANGES_AT, N_ASKS_AT, CONT_LEN_AT = 22, 23, 68
KEEP = 3000
LISTEN_S = 3.0
STALE_S = 12  # continuations are fresh for 10 s
STOLEN_KINDS = ("random", "cut", "again", "continuation")
KINDS = ("random", "cut", "flipped", "longer", "garbage-tail", "again")


def capture(port: int) -> list:
    """(source address, source port, destination address, payload) of UDP datagrams to port, for
    a while."""
    kept, end = [], time.monotonic() + LISTEN_S
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as tap:
        tap.settimeout(0.2)
        while len(kept) < KEEP and time.monotonic() < end:
            try:
                frame, origin = tap.recvfrom(65536)
            except TimeoutError:
                continue
            if origin[1] != ETH_IPV4 or frame[9] != socket.IPPROTO_UDP:
                continue
            start = (frame[0] & 15) * 4
            source, target = struct.unpack("!HH", frame[start : start + 4])
            if target == port and len(frame) < 1501:
                kept.append((frame[12:16], source, frame[16:20], frame[start + 8 :]))
    return kept


def spoil(kind: str, payload: bytes, chance: random.Random) -> bytes:
    """One bad datagram of a kind, made from a good one."""
    if kind == "random":
        return chance.randbytes(chance.choice((0, 1, 7, 24, 100, 1200, 1472)))
    if kind == "cut":
        return payload[: chance.randrange(len(payload))]
    if kind == "flipped":
        bit = chance.randrange(len(payload) * 8)
        return (
            payload[: bit // 8]
            + bytes([payload[bit // 8] ^ 1 << bit % 8])
            + payload[bit // 8 + 1 :]
        )
    if kind == "longer":
        return payload + chance.randbytes(chance.randrange(1, 100))
    if kind == "garbage-tail":
        keep = chance.randrange(1, len(payload))
        return payload[:keep] + chance.randbytes(len(payload) - keep)
    if kind == "continuation":
        return alter_continuation(payload, chance)
    return payload


def alter_continuation(payload: bytes, chance: random.Random) -> bytes:
    """A REQUEST with one bit of its continuation flipped; anything else as it is."""
    if len(payload) < REQUEST_BYTES or payload[0] & 15 != TYPE_REQUEST:
        return payload
    start = REQUEST_BYTES + RANGE_BYTES * payload[N_RANGES_AT] + ASK_BYTES * payload[N_ASKS_AT]
    length = struct.unpack("!H", payload[CONT_LEN_AT : CONT_LEN_AT + 2])[0]
    bit = start * 8 + chance.randrange(length * 8)
    return payload[: bit // 8] + bytes([payload[bit // 8] ^ 1 << bit % 8]) + payload[bit // 8 + 1 :]


def ip_packet(source: bytes, target: bytes, source_port: int, port: int, payload: bytes) -> bytes:
    """An IPv4 packet with UDP inside; checksums: IP by the kernel, UDP none."""
    udp = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
    return (
        struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target) + udp
    )


class Forger:
    """Both ways of sending, and what was kept."""

    def __init__(self, kept: list, port: int, address: str, chance: random.Random) -> None:
        self.kept, self.port, self.chance = kept, port, chance
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.own.bind((address, 0))
        self.done = collections.Counter()

    def send(self, kinds: tuple, stolen_kinds: tuple) -> None:
        """Two bad datagrams: one from our own address, one from a stolen one."""
        _source, _port, target, payload = self.chance.choice(self.kept)
        kind = self.chance.choice(kinds)
        bad = spoil(kind, payload, self.chance)[:1472]
        self.own.sendto(bad, (socket.inet_ntoa(target), self.port))
        self.done[kind] += 1
        source, source_port, target, payload = self.chance.choice(self.kept)
        kind = self.chance.choice(stolen_kinds)
        bad = spoil(kind, payload, self.chance)[:1472]
        packet = ip_packet(source, target, source_port, self.port, bad)
        self.raw.sendto(packet, (socket.inet_ntoa(target), 0))
        self.done["stolen " + kind] += 1


def main(port: int, address: str, seed: int, count: int) -> None:
    """Listens, sends, waits until what it has heard is stale, and sends that again."""
    chance, kept = random.Random(seed), capture(port)
    print("kept", len(kept), flush=True)
    if not kept:
        sys.exit("nothing was heard")
    heard, forger = time.monotonic(), Forger(kept, port, address, chance)
    for _ in range(count // 2):
        forger.send(KINDS, STOLEN_KINDS)
    time.sleep(heard + STALE_S - time.monotonic())  # age is what makes them stale
    for _ in range(count // 8):
        forger.send(("again", "flipped"), ("again", "continuation"))
    print("sent", dict(forger.done), flush=True)


main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
