"""How connections end: half close, reset, killed programs. What TCP shows is in the expected
transcripts."""

import json
import os
import signal
import sys

from netlab import Lab, check, check_equal, scenario
from netlab.daemon import stage
from netlab.data import MIB
from netlab.errors import wait_until
from netlab.host import Host
from netlab.talks import connect, converse, listen
from netlab.web import Nginx, curl

BIG = 300000
SOON_S = 5


@scenario()
def half_close_by_client(lab: Lab) -> None:
    """the client ends its direction, then reads the answer to its end"""
    lab.join()
    server, client = converse(
        lab, (f"recv-eof", f"send:{BIG}", "close"), (f"send:{BIG}", "shut-wr", "recv-eof")
    )
    check_equal(server, [f"eof after {BIG}", f"sent {BIG}", "closed"], "server")
    check_equal(client, [f"sent {BIG}", "shut", f"eof after {BIG}"], "client")
    lab.check_no_tcp()


@scenario()
def half_close_by_server(lab: Lab) -> None:
    """the server ends its direction and goes on reading; the client sees the end and still sends"""
    lab.join()
    server, client = converse(
        lab, ("send:1000", "shut-wr", "recv-eof"), ("recv-eof", f"send:{BIG}", "shut-wr", "close")
    )
    check_equal(server, ["sent 1000", "shut", f"eof after {BIG}"], "server")
    check_equal(client, ["eof after 1000", f"sent {BIG}", "shut", "closed"], "client")
    lab.check_no_tcp()


@scenario()
def server_speaks_first(lab: Lab) -> None:
    """a greeting before the client says anything"""
    lab.join()
    server, client = converse(
        lab, ("send:50", "recv:50", "close"), ("recv:50", "send:50", "recv-eof")
    )
    check_equal(server, ["sent 50", "received 50", "closed"], "server")
    check_equal(client, ["received 50", "sent 50", "eof after 50"], "client")
    lab.check_no_tcp()


@scenario()
def server_killed_all_read(lab: Lab) -> None:
    """kill -9 of a server that has read everything: its bytes, then a plain end, as TCP"""
    lab.join()
    server, client = converse(lab, ("recv:10", f"send:{BIG}", "die"), ("send:10", "recv-eof"))
    check_equal(client, ["sent 10", f"eof after {BIG}"], "client")
    check_equal(server, ["received 10", f"sent {BIG}", "dies"], "server")
    lab.check_no_tcp()


@scenario()
def server_killed_unread(lab: Lab) -> None:
    """kill -9 of a server with unread input: ECONNRESET, as TCP"""
    lab.join()
    _server, client = converse(
        lab, ("recv:10", "send:5", "readable", "die"), ("send:10", "recv:5", "send:20", "recv-eof")
    )
    check_equal(client, ["sent 10", "received 5", "sent 20", "ECONNRESET after 5"], "client")
    lab.check_no_tcp()


@scenario()
def client_killed(lab: Lab) -> None:
    """kill -9 of a client in a download: the server's send fails"""
    lab.join()
    server = listen(lab.server, 7200, "send-on")
    client = connect(lab.client, lab.server.address, 7200, "recv:1000000", "say:flowing", "hold")
    client.wait_output("flowing")
    client.kill()
    server.wait(SOON_S)
    check_equal(server.stdout(), "send error reset\n", "server")
    lab.check_no_tcp()


@scenario()
def reset_by_either(lab: Lab) -> None:
    """close with SO_LINGER 0, by the server and by the client: a reset at the other side"""
    lab.join()
    _server, client = converse(lab, ("recv:10", "linger0", "close"), ("send:10", "recv-eof"))
    check_equal(client, ["sent 10", "ECONNRESET after 0"], "client")
    server, _client = converse(
        lab, ("recv:10", "recv-eof"), ("send:10", "linger0", "close"), port=7101
    )
    check(
        server in (["received 10", "ECONNRESET after 10"], ["unexpected ECONNRESET"]),
        f"server: {server}",
    )
    lab.check_no_tcp()


@scenario()
def nginx_killed(lab: Lab) -> None:
    """kill -9 of nginx in a download: curl says that it is cut"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("file", 20 * MIB, lab.seed)
    target = lab.work / "got"
    client = curl(lab.client, "-o", str(target), web.url("slow/file"))
    wait_until(lambda: target.exists() and target.stat().st_size > 1000, "the download flows", 10)
    for pid in [web.program.pid, *web.workers()]:
        os.kill(pid, signal.SIGKILL)
    check(
        client.wait(SOON_S) in (18, 56),
        f"curl's exit status is {client.process.returncode}, 18 or 56 expected",
    )
    lab.check_no_tcp()


@scenario()
def curl_killed(lab: Lab) -> None:
    """kill -9 of curl in a download and in an upload: nginx lets both connections go"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("file", 20 * MIB, lab.seed)
    before = web.open_descriptors()
    target = lab.work / "got"
    down = curl(lab.client, "-o", str(target), web.url("slow/file"))
    up = curl(lab.client, "--limit-rate", "1M", "-T", str(web.html / "file"), web.url("put/up"))
    wait_until(
        lambda: target.exists()
        and target.stat().st_size > 1000
        and web.open_descriptors() >= before + 4,
        "both transfers flow",
        10,
    )
    down.kill()
    up.kill()
    wait_until(lambda: web.open_descriptors() == before, "nginx has closed both", SOON_S)
    check(not (web.html / "put/up").exists(), "a cut upload looks complete")
    lab.check_no_tcp()


@scenario()
def closed_server_slow_reader(lab: Lab) -> None:
    """a server that closes and ends: a reader slower than the orphan's time still gets every byte"""
    lab.join(settings={"orphan-seconds": "1", "down-window": "65536", "socket-buffer": "262144"})
    size = 400000  # the client's side takes less, both sides take more
    server, client = converse(
        lab, (f"send:{size}", "close"), ("recv:10", "pause:3", "recv-eof"), port=7110
    )
    check_equal(server, [f"sent {size}", "closed"], "server")
    check_equal(client, ["received 10", f"eof after {size}"], "client")
    lab.check_no_tcp()


@scenario("trk")
def relay_ends_with_its_program(lab: Lab) -> None:
    """a client that has closed a connection to a TCP server that never does leaves nothing at its daemon"""
    lab.join(daemons="client")
    server = listen(lab.server, 7120, "recv-eof", "hold")
    before = lab.client.daemon.program.fds()
    connect(lab.client, lab.server.address, 7120, "send:10", "close").succeed(SOON_S)
    server.wait_output("eof after 10")
    wait_until(lambda: lab.client.daemon.program.fds() == before, "the relay is gone", SOON_S)


WORKER = """
import os, socket, struct, sys
listener = socket.create_server(("", int(sys.argv[1])))
os.setgid(65534)
os.setuid(65534)
connection, _ = listener.accept()
connection.recv(10)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
connection.close()
"""


@scenario()
def unprivileged_worker_resets(lab: Lab) -> None:
    """a server that has given up root after bind resets a connection that it accepted"""
    lab.join()
    lab.work.chmod(0o711)  # the worker reaches the daemon's socket, as it does in /run/trickles
    lab.server.serve(7130, sys.executable, "-c", WORKER, "7130")
    client = connect(lab.client, lab.server.address, 7130, "send:10", "recv-eof")
    client.wait(SOON_S)
    check_equal(client.stdout(), "sent 10\nECONNRESET after 0\n", "client")
    lab.check_no_tcp()


LATE = """
import socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
sys.stdin.readline()
connection, peer = listener.accept()
assert peer[0] == sys.argv[2], peer
try:
    while connection.recv(100):
        pass
    print("eof")
except ConnectionResetError:
    print("ECONNRESET")
"""


@scenario()
def reset_before_accept(lab: Lab) -> None:
    """a connection that is reset, or whose daemon is killed, before the server has accepted it: a
    reset, never the bytes and a clean end"""
    lab.join()
    for port, steps in ((7140, ("send:10", "linger0", "close")), (7141, ("send:10", "hold"))):
        given, taken = os.pipe()
        late = (sys.executable, "-c", LATE, str(port), lab.client.address)
        server = lab.server.serve(port, *late, stdin=given)
        client = connect(lab.client, lab.server.address, port, *steps)
        if "close" in steps:
            client.succeed(SOON_S)
        elif lab.trk:
            client.wait_output("sent 10")
            lab.server.daemon.kill()
        else:
            client.wait_output("sent 10")
            client.kill()
        if lab.trk and "close" in steps:
            wait_until(lambda: connections(lab.server) == 0, "the daemon knows", SOON_S)
        os.write(taken, b"\n")
        said = server.succeed(SOON_S)
        os.close(given)
        os.close(taken)
        if lab.trk or "close" in steps:
            check_equal(said, "ECONNRESET\n", f"server, when the client does {steps}")


def connections(host: Host) -> int:
    """How many its daemon serves."""
    command = (str(stage() / "bin/trickles"), "status", "--json", "--socket", str(host.daemon.socket))
    said = json.loads(host.run(*command, shim=False))
    return sum(c["role"] == "accept" for c in said["connections"])
