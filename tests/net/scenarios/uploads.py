"""Bytes from client to server, alone and both ways at once."""

import sys

from netlab import Lab, check_equal, scenario
from netlab.data import MIB, make_file, sum_file
from netlab.paths import PEERS
from netlab.web import Nginx, curl

SIZE = 100 * MIB


@scenario()
def upload_nginx_put(lab: Lab) -> None:
    """curl PUTs 100 MiB to nginx"""
    lab.join()
    web = Nginx(lab.server).start()
    wanted = make_file(lab.work / "up", SIZE, lab.seed)
    curl(lab.client, "-T", str(lab.work / "up"), web.url("put/up")).succeed(60)
    check_equal(sum_file(web.html / "put/up"), wanted, "SHA-256 at the server")
    lab.check_no_tcp()


@scenario()
def upload_python_post(lab: Lab) -> None:
    """curl POSTs 100 MiB to a python server, which answers with the sum of what it got"""
    lab.join()
    lab.server.serve(8000, sys.executable, str(PEERS / "sum_server.py"), "8000")
    wanted = make_file(lab.work / "up", SIZE, lab.seed)
    answer = curl(
        lab.client,
        "-H",
        "Expect:",
        "--data-binary",
        f"@{lab.work}/up",
        f"http://{lab.server.address}:8000/",
    ).succeed(60)
    check_equal(answer.strip(), wanted, "SHA-256 that the server computed")
    lab.check_no_tcp()


@scenario()
def both_directions_at_once(lab: Lab) -> None:
    """three uploads and three downloads of 30 MiB at the same time"""
    lab.join()
    web = Nginx(lab.server).start()
    down = web.add("down", 30 * MIB, lab.seed)
    up = make_file(lab.work / "up", 30 * MIB, lab.seed + 1)
    runs = [curl(lab.client, "-T", str(lab.work / "up"), web.url(f"put/up{n}")) for n in range(3)]
    runs += [curl(lab.client, "-o", str(lab.work / f"down{n}"), web.url("down")) for n in range(3)]
    for program in runs:
        program.succeed(60)
    for number in range(3):
        check_equal(sum_file(web.html / f"put/up{number}"), up, f"SHA-256 of upload {number}")
        check_equal(sum_file(lab.work / f"down{number}"), down, f"SHA-256 of download {number}")
    lab.check_no_tcp()


@scenario()
def full_duplex_on_one_connection(lab: Lab) -> None:
    """20 MiB each way at once on one connection: an echo server, socat at the client"""
    lab.join()
    lab.server.serve(7000, sys.executable, str(PEERS / "echo_server.py"), "7000")
    wanted = make_file(lab.work / "up", 20 * MIB, lab.seed)
    with open(lab.work / "up", "rb") as source:
        client = lab.client.start(
            "socat", "-t", "30", "-", f"TCP:{lab.server.address}:7000", stdin=source.fileno()
        )
        client.succeed(60)
    check_equal(sum_file(client.out), wanted, "SHA-256 of the echo")
    client.out.unlink()
    lab.check_no_tcp()
