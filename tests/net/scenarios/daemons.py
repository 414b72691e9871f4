"""A daemon that is absent, killed, restarted, or out of descriptors; a host that is lost."""

import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Tuple

from netlab import Lab, check, check_equal, scenario
from netlab.data import MIB, make_file, sum_file
from netlab.daemon import make_secret, stage
from netlab.errors import wait_until
from netlab.host import Host
from netlab.space import ip
from netlab.talks import connect, listen
from netlab.web import Nginx, curl
from netlab.wire import DEVICE

SOON_S = 5
LOST_S = 150  # a client gives up after 120 s of silence (a server after 90), at its next timer
CUT = (18, 52, 56)  # curl: partial file, empty answer, receive error


def start_slow_download(lab: Lab, web: Nginx):
    """A download of 20 s that flows when this returns."""
    web.add("file", 20 * MIB, lab.seed)
    target = lab.work / "slow"
    client = curl(lab.client, "-o", str(target), web.url("slow/file"))
    wait_until(lambda: target.exists() and target.stat().st_size > 1000, "the download flows", 10)
    return client


def check_served(lab: Lab, web: Nginx) -> None:
    """A fresh download is right and not TCP."""
    segments = lab.client.each_segment_is_new()
    wanted = web.add("fresh", MIB, lab.seed)
    curl(lab.client, "-o", str(lab.work / "fresh"), web.url("fresh")).succeed(30)
    check_equal(sum_file(lab.work / "fresh"), wanted, "SHA-256 of a fresh download")
    check_equal(segments(), 0, "TCP segments of a fresh download")


@scenario("trk")
def daemons_absent(lab: Lab) -> None:
    """no daemon anywhere, both programs under the shim: plain TCP"""
    lab.join()
    for host in (lab.server, lab.client):
        host.daemon.kill()
        host.daemon.socket.unlink(missing_ok=True)
    web = Nginx(lab.server).start()
    wanted = web.add("file", MIB, lab.seed)
    curl(lab.client, "-o", str(lab.work / "got"), web.url("file")).succeed(20)
    check_equal(sum_file(lab.work / "got"), wanted, "SHA-256")


@scenario("trk")
def daemon_dead_socket_left(lab: Lab) -> None:
    """daemons killed with -9, their sockets still in the file system: plain TCP"""
    lab.join()
    for host in (lab.server, lab.client):
        host.daemon.kill()
    web = Nginx(lab.server).start()
    wanted = web.add("file", MIB, lab.seed)
    curl(lab.client, "-o", str(lab.work / "got"), web.url("file")).succeed(20)
    check_equal(sum_file(lab.work / "got"), wanted, "SHA-256")


@scenario("trk")
def client_daemon_killed(lab: Lab) -> None:
    """kill -9 of the client's daemon in a download: curl is cut at once; a new daemon serves
    new programs"""
    lab.join()
    web = Nginx(lab.server).start()
    client = start_slow_download(lab, web)
    reader = connect(lab.client, lab.server.address, web.port, "say:up", "recv-eof")
    reader.wait_output("up")
    lab.client.daemon.kill()
    check(client.wait(SOON_S) in CUT, f"curl's exit status is {client.process.returncode}")
    reader.wait(SOON_S)
    check_equal(reader.stdout(), "up\nECONNRESET after 0\n", "an idle connection")
    lab.client.daemon.start()
    check_served(lab, web)


@scenario("trk", limit_s=LOST_S + 60)
def server_daemon_killed(lab: Lab) -> None:
    """kill -9 of the server's daemon in a download: nginx loses the connection, curl is told; a
    restart serves the same nginx"""
    lab.join()
    web = Nginx(lab.server).start()
    fds = web.open_descriptors()
    client = start_slow_download(lab, web)
    lab.server.daemon.kill()
    wait_until(lambda: web.open_descriptors() <= fds, "nginx has lost the connection", SOON_S)
    lab.server.daemon.start()
    check_served(lab, web)
    check(client.wait(LOST_S) in CUT, f"curl's exit status is {client.process.returncode}")


@scenario("trk", limit_s=90)
def daemon_killed_ten_times(lab: Lab) -> None:
    """the server's daemon is killed and restarted ten times under one nginx: served again each
    time"""
    lab.join()
    web = Nginx(lab.server).start()
    for _ in range(10):
        lab.server.daemon.kill()
        lab.server.daemon.start()
        check_served(lab, web)


@scenario("trk", limit_s=LOST_S + 60)
def connect_while_daemon_is_dead(lab: Lab) -> None:
    """a client that connects while the server's daemon is dead is served after the restart, or
    told; it never hangs"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("file", MIB, lab.seed)
    lab.server.daemon.kill()
    client = curl(lab.client, "-o", "/dev/null", web.url("file"))
    wait_until(lambda: lab.client.tcp_segments() > 0 or not client.running(), "curl has tried", 10)
    lab.server.daemon.start()
    client.wait(60)
    check_served(lab, web)


@scenario("trk", limit_s=LOST_S + 60)
def host_lost(lab: Lab) -> None:
    """the cable is cut in a download and an upload: both sides are told within 150 s,
    never a clean end"""
    lab.join()
    web = Nginx(lab.server).start()
    client = start_slow_download(lab, web)
    sender = listen(lab.server, 7400, "send-on")
    reader = connect(
        lab.client, lab.server.address, 7400, "recv:1000000", "say:flowing", "recv-eof"
    )
    reader.wait_output("flowing")
    ip("-n", lab.client.space.name, "link", "set", DEVICE, "down")
    check(client.wait(LOST_S) in CUT + (28,), f"curl's exit status is {client.process.returncode}")
    reader.wait(LOST_S)
    sender.wait(LOST_S)
    check("eof" not in reader.stdout(), f"a cut transfer looks like a clean end: {reader.stdout()}")
    check("send error" in sender.stdout(), f"sender: {sender.stdout()}")


@scenario("trk", limit_s=90)
def short_cut_is_survived(lab: Lab) -> None:
    """the cable is cut for three seconds in a download: it goes on and is right"""
    lab.join()
    web = Nginx(lab.server).start()
    wanted = web.add("file", 5 * MIB, lab.seed)
    target = lab.work / "got"
    client = curl(lab.client, "-o", str(target), web.url("slow/file"))
    wait_until(lambda: target.exists() and target.stat().st_size > 1000, "the download flows", 10)
    ip("-n", lab.server.space.name, "link", "set", DEVICE, "down")
    time.sleep(3)  # no event to wait for: this is how long the cut lasts
    ip("-n", lab.server.space.name, "link", "set", DEVICE, "up")
    client.succeed(60)
    check_equal(sum_file(target), wanted, "SHA-256")


@scenario("trk", limit_s=90)
def descriptors_used_up(lab: Lab) -> None:
    """a daemon may open only few more descriptors: connections fail clearly or fall back, then
    all is well again"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("small", 700, lab.seed)
    for host in (lab.client, lab.server):
        daemon = host.daemon.program
        whole = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (daemon.fds() + 10, whole[1]))
        runs = [
            curl(lab.client, "-o", "/dev/null", "--max-time", "30", web.url("slow/small?[1-3]"))
            for _ in range(40)
        ]
        statuses = [program.wait(40) for program in runs]
        check(0 in statuses, f"nobody was served: {statuses}")
        check(28 not in statuses, f"a connection hung: {statuses}")
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, whole)
        check_served(lab, web)


@scenario("trk")
def connections_used_up(lab: Lab) -> None:
    """more connections than connections-max are refused at once, none hangs; one that ends makes
    room"""
    lab.join(settings={"connections-max": "3"})
    web = Nginx(lab.server).start()
    web.add("file", 1000, lab.seed)
    held = [connect(lab.client, lab.server.address, web.port, "say:up", "hold") for _ in range(3)]
    for program in held:
        program.wait_output("up")
    check_equal(curl(lab.client, "-m", "5", web.url("file")).wait(10), 7, "curl's exit status")
    held[0].kill()
    wait_until(lambda: curl(lab.client, web.url("file")).wait(10) == 0, "there is room", SOON_S)


def check_rooms(lab: Lab, port: int, least: int) -> None:
    """The applications' ends of a new connection have send buffers of so many bytes. (The shim
    shows an application what TCP would, so ss is asked.)"""
    steps = ("send:1", "recv:1", "say:up", "hold")
    held = [listen(lab.server, port, *steps), connect(lab.client, lab.server.address, port, *steps)]
    for program, host, kind in zip(held, (lab.server, lab.client), "LC"):
        program.wait_output("up")
        table = host.run("ss", "-x", "-m", "-H", "-O", "-a", shim=False)
        rooms = re.findall(rf"@trk1/{kind}/.*skmem:\([^)]*,tb([0-9]+),", table)
        check(
            len(rooms) == 1 and int(rooms[0]) >= least,
            f"{host.name}: a send buffer of {rooms} bytes, at least {least} expected",
        )
    for program in held:
        program.kill()


@scenario("trk")
def socket_buffers(lab: Lab) -> None:
    """both ends' send buffers are as the daemon is told; 2 MiB unless told, which a server under
    the shim makes itself where the kernel allows it"""
    lab.join()
    check_rooms(lab, 7100, 2 * MIB)
    for host in (lab.server, lab.client):
        host.daemon.settings["socket-buffer"] = "16777216"
        host.daemon.kill()
        host.daemon.start()
    check_rooms(lab, 7101, 16 * MIB)


@scenario("trk")
def daemon_by_hand(lab: Lab) -> None:
    """trickled without --foreground, with paths of the present folder: the command ends when it is
    ready, keeps no terminal open, and says what is wrong"""
    lab.join(daemons="client")
    folder = lab.work / "by-hand"
    folder.mkdir()
    (folder / "trickled.conf").write_text("")
    make_secret(folder / "secret")
    words = ["--socket", "t.sock", "--config", "trickled.conf", "--secret", "secret"]
    command = lab.server.space.command(str(stage() / "sbin/trickled"), *words)
    for status, text, more in (
        (0, "", []),
        (1, "does another trickled run here?", []),
        (1, "another trickled runs here", ["--port", "843"]),
    ):
        done = subprocess.run(
            command + more, cwd=folder, capture_output=True, text=True, timeout=SOON_S, check=False
        )
        check_equal(done.returncode, status, f"exit status; it said {done.stderr}")
        check(text in done.stderr, f"it said: {done.stderr}")
    lab.server.run(str(stage() / "bin/trickles"), "status", "--socket", str(folder / "t.sock"))


def without_daemon(lab: Lab, host: Host, name: str, conf: str) -> Tuple[Tuple[str, ...], Path]:
    """What goes before a program so that the library has to start a daemon, for a user whose home
    cannot be written to; and that daemon's folder."""
    run = lab.work / f"run-{name}"
    (run / "config/trickles").mkdir(parents=True)
    (run / "config/trickles/trickled.conf").write_text(conf)
    run.chmod(0o700)
    words = (f"XDG_RUNTIME_DIR={run}", f"XDG_CONFIG_HOME={run}/config", "HOME=/proc/nowhere")
    env = ("env", "-u", "TRICKLES_SOCKET", "-u", "XDG_STATE_HOME", *words)
    assert host.daemon is None
    return (*env, str(stage() / "bin/trickles")), run / "trickles"


@scenario("trk")
def daemon_started_by_the_library(lab: Lab) -> None:
    """No daemon anywhere, no home to write to: the first program on each side gets one started;
    both leave when nothing uses them. Where one cannot start its log says why, and TCP is used"""
    lab.join(daemons="none")
    (lab.work / "www").mkdir()
    wanted = make_file(lab.work / "www/file", MIB, lab.seed)
    conf = "idle-exit-seconds = 1\n"
    server, folder = without_daemon(lab, lab.server, "server", conf)
    client, _ = without_daemon(lab, lab.client, "client", conf)
    web = ("-m", "http.server", "--directory", str(lab.work / "www"), "8000")
    program = lab.server.serve(8000, *server, "run", sys.executable, *web)
    url = f"http://{lab.server.address}:8000/file"
    target = lab.work / "file"
    lab.client.run(*client, "run", "curl", "-sS", "-o", str(target), url)
    check_equal(sum_file(target), wanted, "SHA-256")
    check_equal(lab.client.tcp_segments(), 0, "TCP segments")
    check("UDP port 8742" in lab.server.run(*server, "status"), "a user's own daemon")
    check((folder / "secret").exists(), "the secret is beside the socket")
    program.kill(15)
    wait_until(lambda: not (folder / "trickled.sock").exists(), "the server's daemon leaves", 10)
    check("idle: leaving" in (folder / "trickled.log").read_text(), "it said so")

    broken, folder = without_daemon(lab, lab.client, "broken", "port = none\n")
    lab.server.serve(8001, sys.executable, *web[:-1], "8001")
    url = url.replace("8000", "8001")
    run = lab.client.start(*broken, "run", "-d", "curl", "-sS", "-o", str(target), url)
    run.succeed(20)
    check(f"{folder}/trickled.log may say why" in run.stderr(), "the library says where to look")
    check("trickled.conf:1:" in (folder / "trickled.log").read_text(), "the log says why")
