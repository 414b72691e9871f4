"""Bad datagrams at the daemon's ports while a transfer runs; local users who claim what is not theirs."""

import resource
import sys

from netlab import Lab, check_equal, scenario
from netlab.daemon import PORT, stage
from netlab.data import MIB, make_file, sum_file
from netlab.errors import check, wait_until
from netlab.host import LISTEN, Host
from netlab.paths import PEERS
from netlab.program import Program
from netlab.space import ip
from netlab.talks import listen
from netlab.web import Nginx, curl
from netlab.wire import DEVICE

FORGERIES = 20000
STRANGER = "10.9.0.77"  # the forger's own address, on the client's wire
SIZE = 30 * MIB  # at 1 MiB/s: longer than the forger takes


@scenario("trk", limit_s=120)
def forged_datagrams(lab: Lab) -> None:
    """25,000 random, cut, altered, replayed and stale datagrams, half with a stolen source address:
    transfers stay right"""
    lab.join(pcap=True)
    web = Nginx(lab.server).start()
    wanted = web.add("file", SIZE, lab.seed)
    web.add("small", 700, lab.seed)
    up = make_file(lab.work / "up", SIZE, lab.seed + 1)
    ip("-n", lab.client.space.name, "addr", "add", STRANGER + "/24", "dev", DEVICE)
    descriptors = lab.server.daemon.program.fds()
    down = curl(lab.client, "--limit-rate", "1M", "-o", str(lab.work / "got"), web.url("file"))
    upload = curl(lab.client, "--limit-rate", "1M", "-T", str(lab.work / "up"), web.url("put/up"))
    chatter = curl(lab.client, "--rate", "200/s", "-o", "/dev/null", web.url("small?[1-3000]"))
    forger = lab.client.start(
        sys.executable,
        str(PEERS / "forger.py"),
        str(PORT),
        STRANGER,
        str(lab.seed),
        str(FORGERIES),
        shim=False,
    )
    forger.succeed(60)
    check(down.running() and upload.running(), "the transfers ended before the forger did")
    for program in (chatter, down, upload):
        program.succeed(60)
    check_equal(sum_file(lab.work / "got"), wanted, "SHA-256 of the download")
    check_equal(sum_file(web.html / "put/up"), up, "SHA-256 of the upload")
    wait_until(
        lambda: lab.server.daemon.program.fds() <= descriptors,
        "no descriptor stays at the server's daemon",
        30,
    )
    curl(lab.client, "-o", "/dev/null", web.url("file")).succeed(30)
    lab.check_no_tcp()
    lab.check_capture("--hostile-clients")


@scenario("trk", limit_s=60)
def garbage_at_start(lab: Lab) -> None:
    """random datagrams before any connection: nothing is opened, later downloads work"""
    lab.join()
    program = lab.client.start(
        "socat",
        "-u",
        "-b1200",
        f"OPEN:/dev/urandom,readbytes={12 * MIB}",
        f"UDP:{lab.server.address}:{PORT}",
        shim=False,
    )
    program.wait(30)
    web = Nginx(lab.server).start()
    wanted = web.add("file", MIB, lab.seed)
    curl(lab.client, "-o", str(lab.work / "got"), web.url("file")).succeed(20)
    check_equal(sum_file(lab.work / "got"), wanted, "SHA-256")
    lab.check_no_tcp()


def intruder(host: Host, *words: str) -> Program:
    """A local user outside the shim."""
    return host.start(sys.executable, str(PEERS / "intruder.py"), *words, shim=False)


@scenario("trk")
def foreign_claims(lab: Lab) -> None:
    """a listener is registered only with a TCP socket of its own address and of this network; nobody
    connects from another network"""
    lab.join()
    control = str(lab.server.daemon.socket)
    for host, has, claims, wanted in (
        (lab.server, "127.0.0.1:7300", "127.0.0.1:7300", "accepted"),
        (lab.server, "127.0.0.1:7301", "10.9.0.1:7301", "EINVAL"),
        (lab.server, "127.0.0.1:7302", "0.0.0.0:7302", "EINVAL"),
        (lab.server, "127.0.0.1:7303", "127.0.0.1:80", "EINVAL"),
        (lab.client, "0.0.0.0:80", "0.0.0.0:80", "EINVAL"),
    ):
        said = intruder(host, "bind", control, has, claims).succeed(10)
        check_equal(said, wanted + "\n", f"{host.name}: {has} registered as {claims}")
    listen(lab.server, 7304, "recv-eof")
    check_equal(
        intruder(lab.client, "connect", control, "127.0.0.1:7304").succeed(10),
        "closed\n",
        "a connection from another network",
    )


@scenario("trk")
def listener_that_blocks(lab: Lab) -> None:
    """a local user whose TCP sockets make whoever accepts from them, or closes them, wait stops
    nobody else"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("file", MIB, lab.seed)
    control = str(lab.server.daemon.socket)
    intruder(lab.server, "block", control, "127.0.0.1:7320").wait_output("blocking")
    for _ in range(3):
        curl(lab.client, "-o", "/dev/null", web.url("file")).succeed(5)
    fds = lab.server.daemon.program.fds()
    intruder(lab.server, "linger", control, "127.0.0.1:7321").wait_output("left")
    wait_until(lambda: lab.server.daemon.program.fds() <= fds, "the daemon has closed it", 5)
    curl(lab.client, "-o", "/dev/null", web.url("file")).succeed(5)


@scenario("trk")
def fake_names_at_restart(lab: Lab) -> None:
    """a restarted daemon serves nobody at a port below 1024 but root, and leaves a port alone that
    two users claim"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("file", MIB, lab.seed)
    talker = listen(lab.server, 7310, "recv-eof")
    places = ("0.0.0.0:82", "127.0.0.1:81", f"0.0.0.0:{web.port}", "0.0.0.0:7311")
    for place in places:
        intruder(lab.server, "listen", place, "65534").wait_output("listening")
    intruder(lab.server, "listen", "10.9.0.1:7311", "65533").wait_output("listening")
    lab.server.daemon.kill()
    lab.server.daemon.start()
    for port, wanted in ((82, 0), (81, 0), (7310, 1), (7311, 0), (web.port, 2)):
        check_equal(lab.server.sockets(talker.pid, LISTEN, port), wanted, f"listeners at {port}")
    curl(lab.client, "-o", "/dev/null", web.url("file")).succeed(20)
    lab.check_no_tcp()


@scenario("trk")
def crowd_at_the_control_socket(lab: Lab) -> None:
    """1,500 silent connections to the control socket keep nobody out"""
    lab.join()
    control = str(lab.server.daemon.socket)
    intruder(lab.server, "crowd", control, "1500", "SOCK_SEQPACKET").wait_output("holding")
    lab.server.run(str(stage() / "bin/trickles"), "status", "--socket", control, limit_s=10)
    web = Nginx(lab.server).start()
    web.add("file", MIB, lab.seed)
    curl(lab.client, "-o", "/dev/null", web.url("file")).succeed(20)
    lab.check_no_tcp()


@scenario("trk")
def crowd_at_the_data_socket(lab: Lab) -> None:
    """silent connections to the data socket, more than the daemon has descriptors, keep nobody out"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("file", MIB, lab.seed)
    daemon = lab.client.daemon
    most = (daemon.program.fds() + 1200, resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE)[1])
    resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE, most)
    data = str(daemon.folder / "data.sock")
    intruder(lab.client, "crowd", data, "1500", "SOCK_STREAM").wait_output("holding")
    curl(lab.client, "--max-time", "5", "-o", "/dev/null", web.url("file")).succeed(10)
    lab.check_no_tcp()
