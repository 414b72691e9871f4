#!/usr/bin/env python3
"""send ADDRESS PORT COUNT SIZE: numbered datagrams with the clock; receive PORT COUNT: gaps
between their arrivals."""

import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35


def send(address: str, port: str, count: str, size: str) -> None:
    """As fast as the socket's buffer lets us; it blocks when the device's queue is full."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)
        for number in range(int(count)):
            s.sendto(
                struct.pack("!QQ", number, time.time_ns()).ljust(int(size), b"."),
                (address, int(port)),
            )


def receive(port: str, count: str) -> None:
    """Prints mean and 99th percentile of the gaps by the kernel's time stamps, and the first
    one's delay."""
    stamps, delay = [], 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        s.bind(("", int(port)))
        print("ready", flush=True)
        s.settimeout(5)
        while len(stamps) < int(count):
            try:
                data, extra, _flags, _peer = s.recvmsg(2048, 64)
            except TimeoutError:
                break
            seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
            stamps.append(seconds * 10**9 + nanoseconds)
            if len(stamps) == 1:
                delay = stamps[0] - struct.unpack("!QQ", data[:16])[1]
    gaps = sorted(b - a for a, b in zip(stamps, stamps[1:]))
    late = gaps[len(gaps) * 99 // 100]
    mean = (stamps[-1] - stamps[0]) / (len(stamps) - 1)
    print(
        f"received={len(stamps)} gap_mean_us={mean / 1000:.3f} "
        f"gap_p99_us={late / 1000:.1f} "
        f"first_delay_us={delay / 1000:.1f}"
    )


{"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
