#!/usr/bin/env python3
"""stalled.py serve|connect ADDRESS PORT COUNT MIB SECONDS: COUNT connections on which both ends
send MIB MiB, and read nothing for SECONDS seconds after the last one is up.

Then both read to the end. Prints "ok" if every byte was right.
"""

import hashlib
import random
import socket
import sys
import threading
import time
from typing import List

BODY = b""
PIECE_BYTES = 1 << 18


def send(sock: socket.socket) -> None:
    """All of it, and the end."""
    sock.sendall(BODY)
    sock.shutdown(socket.SHUT_WR)


def receive(sock: socket.socket, digests: List[bytes]) -> None:
    """To the end."""
    digest = hashlib.sha256()
    while piece := sock.recv(PIECE_BYTES):
        digest.update(piece)
    digests.append(digest.digest())


def connections(role: str, address: str, port: int, count: int) -> List[socket.socket]:
    """COUNT of them."""
    if role == "connect":
        return [socket.create_connection((address, port)) for _ in range(count)]
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(count)
        return [listener.accept()[0] for _ in range(count)]


def main() -> None:
    """See above."""
    global BODY  # pylint: disable=global-statement
    role, address, port, count, mib, seconds = sys.argv[1:7]
    BODY = random.Random(int(mib)).randbytes(int(mib) << 20)
    socks = connections(role, address, int(port), int(count))
    digests: List[bytes] = []
    senders = [threading.Thread(target=send, args=(sock,)) for sock in socks]
    for thread in senders:
        thread.start()
    time.sleep(float(seconds))  # what is tested is that nobody reads for a while
    readers = [threading.Thread(target=receive, args=(sock, digests)) for sock in socks]
    for thread in readers:
        thread.start()
    for thread in senders + readers:
        thread.join()
    right = hashlib.sha256(BODY).digest()
    assert len(digests) == len(socks) and all(d == right for d in digests), "bytes differ"
    print("ok", flush=True)


main()
