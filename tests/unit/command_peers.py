#!/usr/bin/env python3
"""What the trickles command talks to, for command.sh: a daemon that refuses OPENs, one that tells its state.

command_peers.py udp         binds a UDP port of 127.0.0.1, prints it, answers OPENs as trickles-protocol(7) has it; every
                             third not at all, every fifth with a wrong nonce first
command_peers.py control PATH TEXT   listens at PATH, prints a line, answers STATUS with TEXT (lib/ipc/control.h)
Both run until they are killed.
"""

import array
import os
import socket
import struct
import sys

OPENED, NO_SERVICE = 1, 8


def refusal(packet: bytes, nonce: bytes) -> bytes:
    """ACK with OPENED and the reason NO_SERVICE."""
    head = struct.pack(">BBH", 0x35, 0, OPENED) + packet[4:12]
    body = struct.pack(">I4sHBB", 0, packet[20:24], 7, NO_SERVICE, 0) + bytes(32)
    assert len(head) + len(body) == 56
    return head + body + nonce + bytes(16) + struct.pack(">HH", 2, 0)


def udp() -> None:
    """Answers OPENs."""
    port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port.bind(("127.0.0.1", 0))
    print(port.getsockname()[1], flush=True)
    number = 0
    while True:
        packet, peer = port.recvfrom(65536)
        number += 1
        if packet[0] != 0x21 or len(packet) < 1200 or any(packet[36:]):
            sys.exit(f"no OPEN: {packet[:36].hex()}")
        if number % 3 == 0:
            continue
        if number % 5 == 0:
            port.sendto(refusal(packet, bytes(8)), peer)
        port.sendto(refusal(packet, packet[12:20]), peer)


def control(path: str, text: str) -> None:
    """Answers STATUS."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()
    print("listening", flush=True)
    while True:
        link, _ = listener.accept()
        magic, version, kind, correlation = struct.unpack("<IHHQ", link.recv(4096))
        if kind != 10:
            sys.exit(f"no STATUS: {kind}")
        memory = os.memfd_create("status")
        os.write(memory, text.encode())
        reply = struct.pack("<IHHQII", magic, version, 11, correlation, 0, 0)
        link.sendmsg([reply], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [memory]))])
        os.close(memory)
        link.close()


if __name__ == "__main__":
    if sys.argv[1] == "udp":
        udp()
    else:
        control(sys.argv[2], sys.argv[3])
