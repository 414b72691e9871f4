"""Programs of every day: redis, python, socat, netcat."""

import hashlib
import sys

from netlab import Lab, check, check_equal, scenario
from netlab.data import MIB, make_file, sum_file
from netlab.errors import wait_until

FETCH = """
import hashlib, sys, urllib.request
for url in sys.argv[1:]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        print(hashlib.sha256(answer.read()).hexdigest())
"""


@scenario()
def redis(lab: Lab) -> None:
    """redis-server with redis-cli (1 MiB value, pipeline) and redis-benchmark (50 clients)"""
    lab.join()
    lab.server.serve(
        6379,
        "redis-server",
        "--port",
        "6379",
        "--bind",
        "0.0.0.0",
        "--protected-mode",
        "no",
        "--save",
        "",
        "--dir",
        str(lab.work),
    )
    cli = ("redis-cli", "-h", lab.server.address)
    check_equal(lab.client.run(*cli, "ping").strip(), "PONG", "ping")
    wanted = make_file(lab.work / "value", MIB, lab.seed)
    with open(lab.work / "value", "rb") as source:
        lab.client.start(*cli, "-x", "set", "big", stdin=source.fileno()).succeed(20)
    got = lab.client.start(*cli, "--raw", "get", "big")
    got.succeed(20)
    check_equal(
        hashlib.sha256(got.out.read_bytes()[:-1]).hexdigest(), wanted, "SHA-256 of the value"
    )
    report = lab.client.run(
        "redis-benchmark",
        "-h",
        lab.server.address,
        "-n",
        "10000",
        "-c",
        "50",
        "-q",
        "-t",
        "set,get,lpush,mset",
        limit_s=40,
    )
    check_equal(report.count("requests per second"), 4, "tests that redis-benchmark finished")
    check_equal(
        lab.client.run(
            "redis-benchmark",
            "-h",
            lab.server.address,
            "-n",
            "20000",
            "-c",
            "5",
            "-P",
            "50",
            "-q",
            "-t",
            "get",
        ).count("requests per second"),
        1,
        "pipelined test",
    )
    lab.check_no_tcp()


@scenario()
def python_http(lab: Lab) -> None:
    """python http.server and urllib: 10 KiB and 10 MiB"""
    lab.join()
    sums = [make_file(lab.work / f"www-{size}", size, lab.seed) for size in (10240, 10 * MIB)]
    lab.server.serve(
        8000, sys.executable, "-m", "http.server", "8000", "--directory", str(lab.work)
    )
    urls = [f"http://{lab.server.address}:8000/www-{size}" for size in (10240, 10 * MIB)]
    check_equal(
        lab.client.run(sys.executable, "-c", FETCH, *urls).split(), sums, "SHA-256 of the files"
    )
    lab.check_no_tcp()


def pipe_to_server(lab: Lab, server: tuple, client: tuple, port: int) -> None:
    """client sends a file to server, which writes it to standard output; both end by themselves."""
    wanted = make_file(lab.work / "file", 5 * MIB, lab.seed + port)
    sink = lab.server.serve(port, *server)
    with open(lab.work / "file", "rb") as source:
        lab.client.start(*client, stdin=source.fileno()).succeed(30)
    sink.succeed(10)
    check_equal(sum_file(sink.out), wanted, f"SHA-256, {client[0]} to {server[0]}")


def pipe_to_client(lab: Lab, server: tuple, client: tuple, port: int) -> None:
    """server sends a file to client; both end by themselves."""
    wanted = make_file(lab.work / "file", 5 * MIB, lab.seed + port)
    with open(lab.work / "file", "rb") as source:
        feeder = lab.server.serve(port, *server, stdin=source.fileno())
    sink = lab.client.start(*client)
    sink.succeed(30)
    feeder.succeed(10)
    check_equal(sum_file(sink.out), wanted, f"SHA-256, {server[0]} to {client[0]}")


@scenario()
def socat_and_netcat(lab: Lab) -> None:
    """socat and netcat, each as client and server, 5 MiB each way"""
    lab.join()
    address = lab.server.address
    pipe_to_server(
        lab,
        ("socat", "-u", "TCP-LISTEN:7001,reuseaddr", "-"),
        ("socat", "-u", "-", f"TCP:{address}:7001"),
        7001,
    )
    pipe_to_client(
        lab,
        ("socat", "-u", "-", "TCP-LISTEN:7002,reuseaddr"),
        ("socat", "-u", f"TCP:{address}:7002", "-"),
        7002,
    )
    pipe_to_server(lab, ("nc", "-l", "-p", "7003"), ("nc", "-N", address, "7003"), 7003)
    pipe_to_client(lab, ("nc", "-N", "-l", "-p", "7004"), ("nc", address, "7004"), 7004)
    pipe_to_server(
        lab, ("nc", "-l", "-p", "7005"), ("socat", "-u", "-", f"TCP:{address}:7005"), 7005
    )
    pipe_to_client(
        lab, ("socat", "-u", "-", "TCP-LISTEN:7006,reuseaddr"), ("nc", address, "7006"), 7006
    )
    lab.check_no_tcp()


@scenario()
def socat_fork_exec(lab: Lab) -> None:
    """socat forks and executes sha256sum per connection: it answers after the client's half
    close"""
    lab.join()
    lab.server.serve(7007, "socat", "TCP-LISTEN:7007,reuseaddr,fork", "EXEC:sha256sum")
    for number in range(5):
        wanted = make_file(lab.work / "file", MIB, lab.seed + number)
        with open(lab.work / "file", "rb") as source:
            client = lab.client.start(
                "socat", "-t", "20", "-", f"TCP:{lab.server.address}:7007", stdin=source.fileno()
            )
            check_equal(client.succeed(30).split()[0], wanted, "the sum that the server computed")
    lab.check_no_tcp()


@scenario()
def refused(lab: Lab) -> None:
    """nobody listens: connection refused, at once"""
    lab.join()
    program = lab.client.start("curl", "-sS", f"http://{lab.server.address}:81/")
    check_equal(program.wait(5), 7, "curl's exit status")
    check(
        "refused" in program.stderr().lower() or "connect" in program.stderr().lower(),
        program.stderr(),
    )
    program = lab.client.start("nc", "-zv", lab.server.address, "81")
    wait_until(lambda: not program.running(), "nc ends", 5)
    check("refused" in program.stderr(), f"nc says: {program.stderr()}")
