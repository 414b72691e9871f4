"""Unmodified curl downloads from unmodified nginx."""

from netlab import Lab, check, check_equal, scenario
from netlab.data import MIB, sum_file
from netlab.web import Nginx, curl


def fetch(lab: Lab, web: Nginx, name: str, limit_s: float = 60, shim: bool = True) -> str:
    """Downloads one file at the client and returns its SHA-256."""
    target = lab.work / f"got-{name}"
    curl(lab.client, "-o", str(target), web.url(name), shim=shim).succeed(limit_s)
    found = sum_file(target)
    target.unlink()
    return found


def sizes(lab: Lab, client_shim: bool = True, server_shim: bool = True) -> Nginx:
    """1 KiB, 1 MiB and 200 MiB, byte for byte."""
    web = Nginx(lab.server).start(shim=server_shim)
    for name, size in (("1k", 1024), ("1m", MIB), ("200m", 200 * MIB)):
        wanted = web.add(name, size, lab.seed)
        check_equal(fetch(lab, web, name, shim=client_shim), wanted, f"SHA-256 of {name}")
    web.check_quiet()
    return web


@scenario()
def curl_nginx_sizes(lab: Lab) -> None:
    """nginx (2 workers, epoll, sendfile) and curl: 1 KiB, 1 MiB, 200 MiB; nothing of it is TCP, and
    the client's daemon takes much from one peer by a connected socket"""
    lab.join()
    sizes(lab)
    lab.check_no_tcp()
    if lab.trk:
        connected = lab.client.run("ss", "-Hun", "state", "established")
        check_equal(len(connected.splitlines()), 1, f"connected UDP sockets ({connected})")


@scenario()
def curl_nginx_ipv6(lab: Lab) -> None:
    """the same over IPv6, 1 MiB"""
    lab.join()
    web = Nginx(lab.server).start()
    wanted = web.add("1m", MIB, lab.seed)
    target = lab.work / "got"
    curl(lab.client, "-o", str(target), f"http://[{lab.server.address6}]/1m").succeed(20)
    check_equal(sum_file(target), wanted, "SHA-256")
    lab.check_no_tcp()


@scenario("trk", limit_s=120)
def capture_conforms(lab: Lab) -> None:
    """downloads of 1 KiB to 200 MiB, 2,000 requests on one connection, 200 on their own, an upload:
    UDP only, and the server's capture passes the conformance checker"""
    lab.join(pcap=True)
    web = sizes(lab)
    curl(lab.client, web.url("1k?[1-2000]"), "-o", "/dev/null").succeed(30)
    each = ("-H", "Connection: close", "-o", "/dev/null")
    curl(lab.client, *each, web.url("1k?[1-200]")).succeed(30)
    curl(lab.client, "-T", str(web.html / "1m"), web.url("put/1m")).succeed(30)
    lab.check_no_tcp()
    lab.check_capture()


@scenario()
def keepalive_2000(lab: Lab) -> None:
    """2,000 small requests of one curl over one connection, each answer right"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("small", 700, lab.seed)
    got = (
        curl(
            lab.client,
            "-o",
            f"{lab.work}/got-#1",
            "-w",
            "%{http_code} %{num_connects}\n",
            web.url("small?[1-2000]"),
        )
        .succeed(60)
        .split("\n")[:-1]
    )
    check_equal(len(got), 2000, "answers")
    check_equal(sum(int(line.split()[1]) for line in got), 1, "connections opened")
    check(all(line.startswith("200 ") for line in got), "a status other than 200")
    wanted = (web.html / "small").read_bytes()
    for number in range(1, 2001):
        check((lab.work / f"got-{number}").read_bytes() == wanted, f"answer {number} is wrong")
    lab.check_no_tcp()


@scenario()
def new_connection_each(lab: Lab) -> None:
    """500 requests, a new connection for each"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("small", 700, lab.seed)
    got = (
        curl(
            lab.client,
            "-H",
            "Connection: close",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{size_download}\n",
            web.url("small?[1-500]"),
        )
        .succeed(60)
        .split("\n")[:-1]
    )
    check_equal(got, ["200 700"] * 500, "answers")
    lab.check_no_tcp()


@scenario("trk")
def only_client_shimmed(lab: Lab) -> None:
    """curl under the shim, nginx and its host without: falls back to TCP"""
    lab.join(daemons="client")
    sizes(lab, server_shim=False)


@scenario("trk")
def only_client_shimmed_daemon_there(lab: Lab) -> None:
    """curl under the shim, nginx not, though its host has a daemon: "no such service" means TCP"""
    lab.join()
    sizes(lab, server_shim=False)


@scenario("trk")
def only_server_shimmed(lab: Lab) -> None:
    """nginx under the shim, curl not: plain TCP at the same port"""
    lab.join()
    sizes(lab, client_shim=False)


@scenario("trk")
def both_kinds_of_client(lab: Lab) -> None:
    """ten TCP clients and ten Trickles clients at once at one listener"""
    lab.join()
    web = Nginx(lab.server).start()
    wanted = web.add("10m", 10 * MIB, lab.seed)
    runs = []
    for number in range(20):
        target = lab.work / f"got-{number}"
        runs.append(
            (target, curl(lab.client, "-o", str(target), web.url("10m"), shim=number % 2 == 0))
        )
    for target, program in runs:
        program.succeed(60)
        check_equal(sum_file(target), wanted, f"SHA-256 of {target.name}")
    web.check_quiet()


@scenario()
def many_at_once(lab: Lab) -> None:
    """one curl with 50 transfers in parallel, 1 MiB each"""
    lab.join()
    web = Nginx(lab.server).start()
    wanted = web.add("1m", MIB, lab.seed)
    curl(
        lab.client,
        "--parallel",
        "--parallel-max",
        "50",
        "--parallel-immediate",
        "-o",
        f"{lab.work}/got-#1",
        web.url("1m?[1-50]"),
    ).succeed(60)
    for number in range(1, 51):
        check_equal(sum_file(lab.work / f"got-{number}"), wanted, f"SHA-256 of transfer {number}")
    lab.check_no_tcp()
