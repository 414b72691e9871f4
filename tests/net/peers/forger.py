#!/usr/bin/env python3
"""forger.py PORT SEED COUNT: listens in on Trickles, then sends bad datagrams to the daemon's port.

Datagrams seen on the wire towards PORT are kept; then COUNT are sent: random bytes, first bytes of
kept ones, kept ones with a flipped bit, with a tail added, and kept ones again as they are, each
from this program's own address and port or, by a raw socket, from the address and port that sent
the original. When the kept ones have become stale, a quarter as many of these are sent again.
Prints what it did, by kind.
"""

import collections
import random
import socket
import struct
import sys
import time

ETH_IPV4 = 0x0800
KEEP = 3000
LISTEN_S = 3.0
STALE_S = 12  # continuations are fresh for 10 s
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
    return payload


def ip_packet(source: bytes, target: bytes, source_port: int, port: int, payload: bytes) -> bytes:
    """An IPv4 packet with UDP inside; checksums: IP by the kernel, UDP none."""
    udp = struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload
    return (
        struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target) + udp
    )


def send_bad(kept: list, port: int, chance: random.Random, count: int, kinds: tuple) -> None:
    """Sends count bad datagrams, every other one with the address of the original."""
    done = collections.Counter()
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for number in range(count):
        source, source_port, target, payload = chance.choice(kept)
        kind = chance.choice(kinds)
        bad = spoil(kind, payload, chance)[:1472]
        if number % 2:
            packet = ip_packet(source, target, source_port, port, bad)
            raw.sendto(packet, (socket.inet_ntoa(target), 0))
        else:
            own.sendto(bad, (socket.inet_ntoa(target), port))
        done[kind] += 1
    print("sent", dict(done), flush=True)


def main(port: int, seed: int, count: int) -> None:
    """Listens, sends, waits until what it has heard is stale, and sends that again."""
    chance, kept = random.Random(seed), capture(port)
    print("kept", len(kept), flush=True)
    if not kept:
        sys.exit("nothing was heard")
    heard = time.monotonic()
    send_bad(kept, port, chance, count, KINDS)
    time.sleep(heard + STALE_S - time.monotonic())  # age is what makes them stale
    send_bad(kept, port, chance, count // 4, ("again", "flipped"))


main(*(int(word) for word in sys.argv[1:]))
