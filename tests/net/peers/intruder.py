#!/usr/bin/env python3
"""A local user who does not keep to the shim's ways.

    intruder.py bind SOCKET HAS CLAIMS    binds a TCP socket at HAS (ADDRESS:PORT) and registers it
                                          at the daemon's control SOCKET as CLAIMS; prints the errno
    intruder.py connect SOCKET TO         connects to TO through the data socket beside SOCKET;
                                          prints "closed" when the daemon closes it
    intruder.py listen AT UID             as user UID, listens under the name of a listener at AT,
                                          which no daemon was told of; holds it
    intruder.py crowd SOCKET COUNT TYPE   holds COUNT silent connections to SOCKET, of TYPE SOCK_...
"""

import errno
import os
import resource
import signal
import socket
import struct
import sys

MAGIC, VERSION, BIND = 0x434B5254, 1, 4
SETUP_BYTES = 2304


def split(text: str) -> tuple:
    """ADDRESS:PORT."""
    address, port = text.split(":")
    return address, int(port)


def name(kind: str, local: str, remote: str = "-") -> bytes:
    """The text of a name (see ipc/name.h)."""
    fields = [
        at if at == "-" else f"{socket.inet_aton(split(at)[0]).hex()}:{split(at)[1]:04x}"
        for at in (local, remote)
    ]
    return f"trk1/{kind}/{os.urandom(8).hex()}/00/{'/'.join(fields)}".encode()


def bind(control: str, has: str, claims: str) -> None:
    """BIND with a descriptor that is something else."""
    tcp = socket.socket()
    tcp.bind(split(has))
    address, port = split(claims)
    body = struct.pack("<QB7xBxHHxx16s", 77, 0, 4, port, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(control)
        header = struct.pack("<IHHQ", MAGIC, VERSION, BIND, 1)
        socket.send_fds(sock, [header + body], [tcp.fileno()])
        error = struct.unpack_from("<I", sock.recv(256), 16)[0]
    print(errno.errorcode.get(error, "accepted"), flush=True)


def connect(control: str, target: str) -> None:
    """A connect order, as the shim sends it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(os.path.join(os.path.dirname(control), "data.sock"))
        order = name("C", "0.0.0.0:0", target).ljust(SETUP_BYTES, b"\0")
        try:
            socket.send_fds(sock, [order], [sock.fileno()])
            sock.recv(1)
        except OSError:
            pass
    print("closed", flush=True)


def listen(place: str, uid: str) -> None:
    """A name without a daemon."""
    os.setuid(int(uid))
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(b"\0" + name("L", place))
    sock.listen(5)
    print("listening", flush=True)
    signal.pause()


def crowd(path: str, count: str, kind: str) -> None:
    """Keeps others out."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = [socket.socket(socket.AF_UNIX, getattr(socket, kind)) for _ in range(int(count))]
    for sock in held:
        sock.connect(path)
    print("holding", flush=True)
    signal.pause()


{"bind": bind, "connect": connect, "listen": listen, "crowd": crowd}[sys.argv[1]](*sys.argv[2:])
