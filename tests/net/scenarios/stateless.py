"""Unmodified curl downloads from a server that keeps nothing (peers/streamer.c on libminisocket),
through trickled; server and daemon are killed under it."""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import List

from netlab import Lab, check, check_equal, scenario
from netlab.data import MIB, sum_file
from netlab.daemon import stage
from netlab.errors import wait_until
from netlab.paths import PEERS
from netlab.program import Program
from netlab.stream import HOSTILE, STREAMER, Streamer, sum_stream
from netlab.web import curl
from netlab.wire import Emulated

BIG = 20 * MIB
# The client's host holds so little that a download needs its server to the end.
SMALL_BUFFERS = {"down-window": "65536", "socket-buffer": "65536"}


def start_download(lab: Lab, url: str, limit: str = "") -> Program:
    """A download to the file "big" that flows when this returns."""
    target = lab.work / "big"
    options = ("--limit-rate", limit) if limit else ()
    client = curl(lab.client, "-o", str(target), *options, url)
    wait_until(lambda: target.exists() and target.stat().st_size > MIB, "the download flows", 20)
    return client


def check_big(lab: Lab, client: Program, size: int = BIG, limit_s: float = 60) -> None:
    """The download ends well and is right."""
    client.succeed(limit_s)
    check_equal(sum_file(lab.work / "big"), sum_stream(size), "SHA-256 of the download")


def wait_progress(lab: Lab, client: Program) -> None:
    """The download goes on: more than what was on its way."""
    target = lab.work / "big"
    start = target.stat().st_size
    wait_until(lambda: target.stat().st_size > start + MIB or not client.running(), "it goes on", 20)
    check(client.running(), f"it was over too soon to show anything: {client.logs()}")


def status(lab: Lab) -> dict:
    """What the server's daemon tells."""
    text = lab.server.run(
        str(stage() / "bin/trickles"),
        "status",
        "--json",
        "--socket",
        str(lab.server.daemon.socket),
        shim=False,
    )
    return json.loads(text)


def services(lab: Lab) -> List[dict]:
    """What the server's daemon tells of its stateless services."""
    return status(lab)["services"]


@scenario("trk")
def stateless_sizes(lab: Lab) -> None:
    """0 bytes, 1 KiB and 20 MiB from a stateless server: nothing of it is TCP, the capture
    conforms, and the daemon tells of it"""
    lab.join(pcap=True)
    server = Streamer(lab.server).start()
    for size in (0, 1024, BIG):
        target = lab.work / "got"
        curl(lab.client, "-o", str(target), server.url(size)).succeed(60)
        check_equal(sum_file(target), sum_stream(size), f"SHA-256 of {size} bytes")
    (told,) = services(lab)
    check_equal(told["program"], "streamer", "the program")
    check_equal(told["pid"], server.program.pid, "its process")
    check_equal(told["events"], told["answers"] + told["open"], "events and answers")
    check(told["events"] > 3, f"there were more events: {told}")
    check_equal(server.stop(), told["events"], "events that the server has had")
    check_equal(services(lab), [], "services after its end")
    lab.check_no_tcp()
    lab.check_capture()


@scenario("trk")
def stateless_keepalive(lab: Lab) -> None:
    """500 requests of one curl over one connection to a stateless server, each answer right"""
    lab.join(pcap=True)
    server = Streamer(lab.server).start()
    got = curl(
        lab.client,
        "-o",
        f"{lab.work}/got-#1",
        "-w",
        "%{http_code} %{num_connects}\n",
        f"http://{lab.server.address}:{server.port}/[1-500]",
    ).succeed(60)
    lines = got.split("\n")[:-1]
    check_equal(len(lines), 500, "answers")
    check_equal(sum(int(line.split()[1]) for line in lines), 1, "connections opened")
    for number in range(1, 501):
        check_equal(
            sum_file(lab.work / f"got-{number}"), sum_stream(number), f"SHA-256 of answer {number}"
        )
    server.stop()
    lab.check_no_tcp()
    lab.check_capture()


@scenario("trk", limit_s=90)
def stateless_server_killed(lab: Lab) -> None:
    """kill -9 of a stateless server in a download, five times, each time started again: the
    download goes on and is right"""
    lab.join(settings=SMALL_BUFFERS, pcap=True)
    server = Streamer(lab.server).start()
    client = start_download(lab, server.url(BIG), "4M")
    for _ in range(5):
        server.kill()
        server.start()
        wait_progress(lab, client)
    check_big(lab, client)
    lab.check_no_tcp()
    lab.check_capture()


@scenario("trk", limit_s=90)
def stateless_server_away(lab: Lab) -> None:
    """a stateless server is away for three seconds in a download: the client waits, goes on by
    itself, and is right; a new connection is refused meanwhile"""
    lab.join(settings=SMALL_BUFFERS)
    server = Streamer(lab.server).start()
    client = start_download(lab, server.url(BIG), "4M")
    server.kill()
    check_equal(curl(lab.client, server.url(1)).wait(20), 7, "curl's exit status: refused")
    time.sleep(3)  # no event to wait for: this is how long it is away
    check(client.running(), f"curl has ended: {client.logs()}")
    server.start()
    check_big(lab, client)


@scenario("trk", limit_s=120)
def stateless_server_stopped(lab: Lab) -> None:
    """60 downloads of 5 MiB from a stateless server that is stopped for a while, so that it has
    more to answer than its ring takes: all are right, and nothing is left over"""
    lab.join()
    server = Streamer(lab.server).start()
    server.program.process.send_signal(signal.SIGSTOP)
    clients = [
        curl(lab.client, "-o", str(lab.work / f"got-{number}"), server.url(5 * MIB))
        for number in range(60)
    ]
    wait_until(lambda: services(lab)[0]["open"] >= len(clients), "all of them wait", 20)
    server.program.process.send_signal(signal.SIGCONT)
    wanted = sum_stream(5 * MIB)
    for number, client in enumerate(clients):
        client.succeed(80)
        check_equal(sum_file(lab.work / f"got-{number}"), wanted, f"SHA-256 of download {number}")
    wait_until(lambda: services(lab)[0]["open"] == 0, "all events are answered", 5)
    lab.check_no_tcp()


@scenario("trk", limit_s=90)
def stateless_server_stopped_in_a_batch(lab: Lab) -> None:
    """60 downloads of 1 MiB wait for a stateless server, which is stopped in the midst of answering
    them: what it has described by then is sent, not only what whole batches describe"""
    lab.join()
    server = Streamer(lab.server, "--stop-after", str(512 << 10)).start()
    process = server.program.process
    process.send_signal(signal.SIGSTOP)
    got = [lab.work / f"got-{number}" for number in range(60)]
    clients = [curl(lab.client, "-o", str(name), server.url(MIB)) for name in got]
    wait_until(lambda: services(lab)[0]["open"] >= len(clients), "all of them wait", 20)
    process.send_signal(signal.SIGCONT)
    told = Path(f"/proc/{process.pid}/stat")
    wait_until(lambda: told.read_text().split()[2] == "T", "it has stopped by itself", 20)
    wait_until(
        lambda: sum(name.stat().st_size for name in got if name.exists()) > 200 << 10,
        "what it has described so far is sent",
        5,
    )
    check_equal(told.read_text().split()[2], "T", "its state then")
    process.send_signal(signal.SIGCONT)
    for name, client in zip(got, clients):
        client.succeed(60)
        check_equal(sum_file(name), sum_stream(MIB), f"SHA-256 of {name.name}")
    lab.check_no_tcp()


@scenario("trk", limit_s=90)
def stateless_daemon_killed(lab: Lab) -> None:
    """kill -9 of the server's trickled in a download from a stateless server, five times: the
    server registers again by itself, the download goes on and is right"""
    lab.join(settings=SMALL_BUFFERS)
    server = Streamer(lab.server).start()
    client = start_download(lab, server.url(BIG), "4M")
    for _ in range(5):
        lab.server.daemon.kill()
        lab.server.daemon.start()
        wait_progress(lab, client)
    check_big(lab, client)
    wait_until(lambda: len(services(lab)) == 1, "the server has registered again", 5)
    check_equal(services(lab)[0]["pid"], server.program.pid, "its process")
    server.stop()


@scenario("trk", limit_s=90)
def stateless_both_killed(lab: Lab) -> None:
    """kill -9 of the stateless server and of its trickled in a download, both started again in
    either order: the download goes on and is right"""
    lab.join(settings=SMALL_BUFFERS)
    server = Streamer(lab.server).start()
    client = start_download(lab, server.url(BIG), "4M")
    for _ in range(2):
        server.kill()
        lab.server.daemon.kill()
        lab.server.daemon.start()
        server.start()
        wait_progress(lab, client)
    check_big(lab, client)


@scenario("trk", limit_s=90)
def stateless_lossy_killed(lab: Lab) -> None:
    """5 MiB over a link of 100 Mbit/s, 20 ms and 1 % loss: server killed twice, daemon twice"""
    lab.join(Emulated(rate="100M", delay="20ms", queue="1k", loss="1"))
    server = Streamer(lab.server).start()
    client = start_download(lab, server.url(5 * MIB))
    for _ in range(2):
        server.kill()
        server.start()
        lab.server.daemon.kill()
        lab.server.daemon.start()
    check_big(lab, client, 5 * MIB, limit_s=80)


@scenario("trk", limit_s=90)
def stateless_shared(lab: Lab) -> None:
    """three stateless servers at one port: events are spread, one is killed under a download, and
    each answer is right"""
    lab.join(settings=SMALL_BUFFERS, pcap=True)
    servers = [Streamer(lab.server, "--shared").start() for _ in range(3)]
    client = start_download(lab, servers[0].url(BIG), "8M")
    servers[0].kill()
    check_big(lab, client)
    for size in (1, 1024, MIB):
        target = lab.work / "got"
        curl(lab.client, "-o", str(target), servers[0].url(size)).succeed(20)
        check_equal(sum_file(target), sum_stream(size), f"SHA-256 of {size} bytes")
    events = [server.stop() for server in servers[1:]]
    check(min(events) * 4 > max(events), f"events of the servers: {events}")
    lab.check_no_tcp()
    lab.check_capture()


@scenario("trk")
def stateless_later(lab: Lab) -> None:
    """a stateless server that keeps every event for 30 ms: 1 MiB and 20 requests are right"""
    lab.join(pcap=True)
    server = Streamer(lab.server, "--later", "30").start()
    curl(lab.client, "-o", str(lab.work / "big"), server.url(MIB)).succeed(40)
    check_equal(sum_file(lab.work / "big"), sum_stream(MIB), "SHA-256")
    target = f"http://{lab.server.address}:{server.port}/[1-20]"
    curl(lab.client, "-o", f"{lab.work}/got-#1", target).succeed(20)
    for number in range(1, 21):
        check_equal(sum_file(lab.work / f"got-{number}"), sum_stream(number), f"answer {number}")
    server.stop()
    lab.check_no_tcp()
    lab.check_capture()


@scenario("trk")
def stateless_moved(lab: Lab) -> None:
    """events that are taken out of one service and answered from another, altered and repeated
    ones refused: 5 MiB and 20 requests are right"""
    lab.join(pcap=True)
    server = Streamer(lab.server, "--move").start()
    curl(lab.client, "-o", str(lab.work / "big"), server.url(5 * MIB)).succeed(40)
    check_equal(sum_file(lab.work / "big"), sum_stream(5 * MIB), "SHA-256")
    target = f"http://{lab.server.address}:{server.port}/[1-20]"
    curl(lab.client, "-o", f"{lab.work}/got-#1", target).succeed(20)
    for number in range(1, 21):
        check_equal(sum_file(lab.work / f"got-{number}"), sum_stream(number), f"answer {number}")
    check(server.stop() > 10, "no events were moved")
    lab.check_no_tcp()
    lab.check_capture()


@scenario("trk")
def stateless_port_is_owned(lab: Lab) -> None:
    """a stateless server's port is taken for others, stateless or not, and free the moment that it
    is killed"""
    lab.join(daemons="server")
    server = Streamer(lab.server).start()
    environment = {"TRICKLES_SOCKET": str(lab.server.daemon.socket)}
    for options in ((), ("--shared",), ("--local", lab.server.address)):
        program = lab.server.start(
            str(STREAMER), *options, str(server.port), shim=False, env=environment
        )
        check_equal(program.wait(10), 1, f"a second server with {options}: exit status")
        check("Address already in use" in program.stderr(), program.logs())
    bind = f"import socket; socket.create_server(('', {server.port}))"
    plain = lab.server.start("python3", "-c", bind, shim=False)
    check_equal(plain.wait(10), 1, "a TCP server's exit status")
    for _ in range(20):
        server.kill()
        server.start()


TIME_WAIT = """
import socket
listener = socket.create_server(("", 8080))
client = socket.create_connection(("127.0.0.1", 8080))
listener.accept()[0].close()
client.close()
"""


@scenario("trk")
def stateless_port_after_tcp(lab: Lab) -> None:
    """a stateless server gets the port that a TCP server has just left"""
    lab.join(daemons="server")
    lab.server.start("python3", "-c", TIME_WAIT, shim=False).succeed(10)
    server = Streamer(lab.server).start()
    for _ in range(3):
        server.kill()
        server.start()
    server.kill()
    Streamer(lab.server, "--shared").start()
    Streamer(lab.server, "--shared").start()
    check_equal(len(services(lab)), 2, "services that share the port")


AS_NOBODY = "import os, sys; os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"


def nobody(lab: Lab, *words: str) -> Program:
    """A hostile service of a user without rights at the server's host."""
    command = ("python3", "-c", AS_NOBODY, str(HOSTILE), str(lab.server.daemon.socket), *words)
    return lab.server.start(*command, shim=False)


@scenario("trk")
def stateless_users(lab: Lab) -> None:
    """no user takes all services of a daemon, nor keeps a port that others can take as well"""
    lab.join()
    lab.work.chmod(0o711)  # others reach the daemon's socket, as they do in /run/trickles
    crowd = nobody(lab, "9000", "crowd")
    crowd.wait_output("16 ENOBUFS", 20)
    check_equal(nobody(lab, "9100", "reuse").succeed(10), "EINVAL\n", "a port that can be shared")
    server = Streamer(lab.server).start()
    curl(lab.client, "-o", str(lab.work / "got"), server.url(MIB)).succeed(20)
    crowd.kill()


IDLE, FLAT_KIB = 5000, 1024


def hold(lab: Lab, server: Streamer, count: int) -> int:
    """count connections, opened, used, idle, used again and closed; the daemon's and the server's
    resident KiB while all were idle."""
    given, taken = os.pipe()
    words = (sys.executable, str(PEERS / "holder.py"), lab.server.address, str(server.port))
    holder = lab.client.start(*words, str(count), stdin=given)
    holder.wait_output(f"holding {count}", 90)
    idle = lab.server.daemon.program.rss_kib() + server.program.rss_kib()
    os.write(taken, b"\n")
    os.close(given)
    os.close(taken)
    holder.wait_output("closed", 90)
    holder.succeed(10)
    return idle


@scenario("trk", limit_s=200)
def stateless_idle_costs_nothing(lab: Lab) -> None:
    """5,000 idle connections to a stateless server: its memory and its daemon's are what they were
    with 500, within 1 MiB"""
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    lab.join()
    server = Streamer(lab.server).start()
    hold(lab, server, IDLE // 5)  # what is touched on use has been used
    few = hold(lab, server, IDLE // 10)
    many = hold(lab, server, IDLE)
    print(f"     {few} KiB with {IDLE // 10}, {many} KiB with {IDLE} idle connections")
    check(many <= few + FLAT_KIB, f"{few} KiB, then {many} KiB")
    lab.check_no_tcp()


# What a hostile service does (peers/hostile_service.c), and whether it is cut off for it.
ATTACKS = {
    "type": "cut",
    "head": "cut",
    "back": "cut",
    "header": "cut",
    "wild": "cut",
    "keep": "done",
    "tail": "cut",
    "stale": "done",
    "bells": "done",
    "deaf": "done",
    "answers": "done",
    "scribble": "cut",
}


@scenario("trk", limit_s=120)
def stateless_hostile_services(lab: Lab) -> None:
    """services that write garbage, wild and used handles, false indices, or all over the shared
    memory, under a download from another: cut off or ignored, and the download does not notice"""
    lab.join(settings=SMALL_BUFFERS)
    server = Streamer(lab.server).start()
    client = start_download(lab, server.url(40 * BIG), "8M")
    for number, (attack, outcome) in enumerate(ATTACKS.items()):
        port, before = 9000 + number, status(lab)["counters"]["mini_cut"]
        words = (str(HOSTILE), str(lab.server.daemon.socket), str(port), attack)
        hostile = lab.server.start(*words, shim=False)
        hostile.wait_output("serving")
        victim = curl(lab.client, f"http://{lab.server.address}:{port}/1")
        hostile.wait_output(outcome, 30)
        cut = status(lab)["counters"]["mini_cut"] - before
        check_equal(cut, outcome == "cut", f"{attack}: services cut off")
        check_equal(victim.stdout(), "", f"{attack}: what its client got")
        victim.kill()
        hostile.kill()
        wait_progress(lab, client)
    client.kill()
    curl(lab.client, "-o", str(lab.work / "got"), server.url(MIB)).succeed(20)
    check_equal(sum_file(lab.work / "got"), sum_stream(MIB), "SHA-256 after it all")
    check_equal(len(services(lab)), 1, "services that are left")
