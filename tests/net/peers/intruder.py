#!/usr/bin/env python3
"""A local user who does not keep to the shim's ways.

    intruder.py bind SOCKET HAS CLAIMS    binds a TCP socket at HAS (ADDRESS:PORT) and registers it
                                          at the daemon's control SOCKET as CLAIMS; prints the errno
    intruder.py connect SOCKET TO         connects to TO through the data socket beside SOCKET;
                                          prints "closed" when the daemon closes it
    intruder.py listen AT UID             as user UID, listens under the name of a listener at AT,
                                          which no daemon was told of; holds it
    intruder.py block SOCKET AT           listens at AT as the shim does, on a TCP socket on which to
                                          accept is to wait, and connects there
    intruder.py linger SOCKET AT          binds at AT as the shim does, leaves the TCP socket to the
                                          daemon as one that takes an hour to close, and is gone
    intruder.py crowd SOCKET COUNT TYPE   holds COUNT silent connections to SOCKET, of TYPE SOCK_...
"""

import errno
import os
import resource
import signal
import socket
import struct
import sys

MAGIC, VERSION, BIND, LISTEN = 0x434B5254, 1, 4, 5
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


def block(control: str, place: str) -> None:
    """O_NONBLOCK belongs to the open file, which the daemon shares with its sender."""
    tcp, own = socket.socket(), socket.socket(socket.AF_UNIX)
    tcp.bind(split(place))
    address, port = split(place)
    at = f"{socket.inet_aton(address).hex()}:{port:04x}"
    own.bind(b"\0" + f"trk1/L/{77:016x}/00/{at}/-".encode())
    own.listen(5)
    bound = struct.pack("<QB7xBxHHxx16s", 77, 0, 4, port, 0, socket.inet_aton(address))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(control)
        for number, (kind, body) in enumerate(((BIND, bound), (LISTEN, struct.pack("<Qi4x", 77, 5)))):
            header = struct.pack("<IHHQ", MAGIC, VERSION, kind, number)
            socket.send_fds(sock, [header + body], [tcp.fileno()] if kind == BIND else [])
            error = struct.unpack_from("<I", sock.recv(256), 16)[0]
            assert error == 0, errno.errorcode[error]
        tcp.setblocking(True)
        client = socket.create_connection((address, port))
        print("blocking", flush=True)
        own.accept()
        signal.pause()
        client.close()


def linger(control: str, place: str) -> None:
    """A socket whose last descriptor is the daemon's."""
    tcp, own, sink = socket.socket(), socket.socket(socket.AF_UNIX), socket.socket()
    sink.bind(("127.0.0.1", 0))
    sink.listen(1)
    tcp.bind(split(place))
    address, port = split(place)
    at = f"{socket.inet_aton(address).hex()}:{port:04x}"
    own.bind(b"\0" + f"trk1/L/{78:016x}/00/{at}/-".encode())
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(control)
        body = struct.pack("<QB7xBxHHxx16s", 78, 0, 4, port, 0, socket.inet_aton(address))
        socket.send_fds(sock, [struct.pack("<IHHQ", MAGIC, VERSION, BIND, 1) + body], [tcp.fileno()])
        error = struct.unpack_from("<I", sock.recv(256), 16)[0]
        assert error == 0, errno.errorcode[error]
    tcp.connect(sink.getsockname())
    tcp.setblocking(False)
    try:
        while True:
            tcp.send(bytes(65536))
    except BlockingIOError:
        pass
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    tcp.close()
    own.close()
    print("left", flush=True)
    signal.pause()
    sink.close()


def crowd(path: str, count: str, kind: str) -> None:
    """Keeps others out."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = [socket.socket(socket.AF_UNIX, getattr(socket, kind)) for _ in range(int(count))]
    for sock in held:
        sock.connect(path)
    print("holding", flush=True)
    signal.pause()


MODES = {f.__name__: f for f in (bind, connect, listen, block, linger, crowd)}
MODES[sys.argv[1]](*sys.argv[2:])
