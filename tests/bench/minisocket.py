#!/usr/bin/env python3
"""Minisocket servers beside nginx over kernel TCP, on two hosts joined by veth: requests per
second and CPU for each, bulk downloads, and memory against the number of idle connections."""

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from measure import Bench, Lab
from netlab import Veth, check
from netlab.daemon import PORT as UDP_PORT
from netlab.daemon import make_secret
from netlab.errors import wait_until
from netlab.host import Host
from netlab.paths import BUILD, PEERS, STAGE
from netlab.program import Program
from netlab.web import Nginx, curl

HTTPD = STAGE / "libexec/trickles/examples/httpd"
MANYCLIENTS = BUILD / "tests/bench/manyclients"
SERVICE = 8080
SECONDS = 4
AT_ONCE = 64
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SERVER_CPU, CLIENT_CPU = "0", "1"
# Of what a TCP connection is made in the kernel.
SLABS = ("TCP", "TCPv6", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq")


class Minisockets:
    """examples/httpd on the server, embedded or through the daemon there."""

    def __init__(self, lab: Lab, embedded: bool, pinned: bool = True) -> None:
        """Starts it; pinned: on the server's processor."""
        self.embedded, self.daemon = embedded, lab.server.daemon
        self.root = lab.work / "docs"
        self.root.mkdir()
        how: List[str] = []
        env: Dict[str, str] = {}
        if embedded:
            secret = lab.work / "httpd-secret"
            make_secret(secret)
            how = ["--embedded", "--secret", str(secret)]
        else:
            env = {"TRICKLES_SOCKET": str(self.daemon.socket)}
        self.program: Program = lab.server.start(
            str(HTTPD),
            *("--root", str(self.root), "--port", str(SERVICE)),
            *how,
            shim=False,
            env=env,
        )
        self.program.wait_output("serving")
        if pinned:
            pin(self.pids(), SERVER_CPU)

    def pids(self) -> List[int]:
        """Everything of the server that runs: itself, and the daemon if it goes through one."""
        return [self.program.pid] + ([] if self.embedded else [self.daemon.program.pid])


def pin(pids: List[int], cpu: str) -> None:
    """Binds running processes to a processor."""
    for pid in pids:
        subprocess.run(
            ["taskset", "-a", "-c", "-p", cpu, str(pid)], check=True, stdout=subprocess.DEVNULL
        )


def rss_kib(pids: List[int]) -> int:
    """Resident memory of processes."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.search(r"^VmRSS:\s+(\d+)", text, re.M).group(1)) for text in texts)


def busy_s(cpu: str) -> float:
    """Time for which a processor was not idle, the kernel's own work included."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{cpu}":
            return (sum(map(int, fields[1:8])) - int(fields[4]) - int(fields[5])) * TICK_S
    raise RuntimeError(f"no cpu{cpu} in /proc/stat")


class Clients:
    """manyclients on the client: one command, one line of JSON."""

    def __init__(self, host: Host, address: str) -> None:
        """Starts it."""
        command = host.space.command(
            *("taskset", "-c", CLIENT_CPU, str(MANYCLIENTS), "--udp", str(UDP_PORT)),
            *("--port", str(SERVICE), "--path", "/1k", address),
        )
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, command: str) -> dict:
        """Runs one command to its end; every end must have got its answer."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        check(line != "", "manyclients has died")
        report = json.loads(line)
        check(report["wrong"] == 0 and report["failed"] == 0, f"{command}: {report}")
        return report

    def close(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        self.process.wait(30)


def over_tcp(lab: Lab) -> Tuple[float, float]:
    """nginx and wrk: requests per second, and us of the server's processor for each."""
    web = Nginx(lab.server, workers=1, connections=4096).start()
    web.add("1k", 1024, lab.seed)
    pin(web.workers(), SERVER_CPU)
    before = busy_s(SERVER_CPU)
    report = lab.client.run(
        *("wrk", "-t1", f"-c{AT_ONCE}", f"-d{SECONDS}s", web.url("1k")),
        limit_s=SECONDS + 20,
        before=("taskset", "-c", CLIENT_CPU),
    )
    used = busy_s(SERVER_CPU) - before
    check("Socket errors" not in report and "Non-2xx" not in report, report)
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", report).group(1))
    return rate, used * 1e6 / (rate * SECONDS)


def over_trickles(lab: Lab, embedded: bool) -> Tuple[float, float]:
    """httpd and manyclients, likewise."""
    server = Minisockets(lab, embedded)
    (server.root / "1k").write_bytes(lab.random.randbytes(1024))
    clients = Clients(lab.client, lab.server.address)
    clients.say(f"open {AT_ONCE}")
    before = busy_s(SERVER_CPU)
    report = clients.say(f"rate {AT_ONCE} {SECONDS}")
    used = busy_s(SERVER_CPU) - before
    clients.close()
    return report["answers"] / report["seconds"], used * 1e6 / report["answers"]


def requests(bench: Bench, offloads: Optional[str], embedded: bool) -> None:
    """Two lines: the rate of 1 KiB answers over AT_ONCE connections; and how many of them a
    second of the server's processor is good for."""
    per_cpu: Dict[str, List[float]] = {"tcp": [], "trk": []}

    def run(lab: Lab) -> float:
        lab.join(Veth(offloads), daemons="none" if embedded else "server")
        rate, us = over_trickles(lab, embedded) if lab.trk else over_tcp(lab)
        per_cpu[lab.mode].append(1e6 / us)
        return rate

    how = "embedded" if embedded else "daemon"
    bench.measure(f"1 KiB requests, {how}, {offloads}", "req/s", 1.0, run)
    if per_cpu["tcp"] or per_cpu["trk"]:
        bench.report("  for a second of the server's CPU", "req", 0.77, per_cpu)


def bulk(offloads: str, embedded: bool) -> Callable[[Lab], float]:
    """A run: 200 MiB to curl, ten times; Mbit/s. From httpd in trk mode."""
    size, times = 200 << 20, 10

    def run(lab: Lab) -> float:
        lab.join(Veth(offloads), daemons="client" if lab.trk and embedded else "both")
        if lab.trk:
            root = Minisockets(lab, embedded, pinned=False).root
            url = f"http://{lab.server.address}:{SERVICE}/file"
        else:
            web = Nginx(lab.server, workers=1).start()
            root, url = web.html, web.url("file")
        with open(root / "file", "wb") as hole:
            hole.truncate(size)
        curl(lab.client, "-o", "/dev/null", "--retry-connrefused", "--retry", "5", url).succeed(60)
        urls = [word for _ in range(times) for word in ("-o", "/dev/null", url)]
        report = curl(lab.client, "-w", "%{time_total}\\n", *urls).succeed(120)
        return times * size * 8 / sum(map(float, report.split())) / 1e6

    return run


# ---- memory ----


def slabs_kib() -> int:
    """The kernel's objects of which a TCP connection is made, of the whole machine."""
    rows = [line.split() for line in Path("/proc/slabinfo").read_text().splitlines()]
    return sum(int(row[1]) * int(row[3]) for row in rows if row[0] in SLABS) >> 10


def buffers_kib(host: Host) -> int:
    """What the kernel holds in the buffers of a host's UDP and unix sockets: received, to be sent,
    kept for more."""
    text = host.run("ss", "-u", "-x", "-a", "-m", "-H", shim=False)
    return sum(int(n) for n in re.findall(r"[(,][rtf](\d+)", text)) >> 10


def row(label: str, count: int, process_kib: int, kernel_kib: int) -> None:
    """One row of the table of memory."""
    print(f"  {label:<34}{count:>12,}{process_kib:>14,}{kernel_kib:>14,}", flush=True)


def idle_trickles(lab: Lab, embedded: bool, counts: List[int]) -> int:
    """Connections opened, each used once, and held; at last half of them used. By how many KiB
    the server has grown, its kernel memory included."""
    lab.join(Veth(), daemons="none" if embedded else "server")
    server = Minisockets(lab, embedded, pinned=False)
    (server.root / "1k").write_bytes(lab.random.randbytes(1024))
    clients = Clients(lab.client, lab.server.address)
    clients.say(f"open {AT_ONCE}")
    clients.say(f"rate {AT_ONCE} 1")
    weights = []
    for count in [0, *counts]:
        if count > 0:
            clients.say(f"open {count}")
        process, kernel = rss_kib(server.pids()), buffers_kib(lab.server)
        weights.append(process + kernel)
        row("httpd, embedded" if embedded else "httpd and trickled", count, process, kernel)
    report = clients.say("ask 0.5")
    check(report["answers"] == counts[-1] // 2, f"{report}")
    print(
        f"  half of {counts[-1]:,} then asked again: {report['answers']:,} answers in"
        f" {report['seconds']:.1f} s; the client's process held {report['max_rss_kib'] >> 10:,} MiB"
    )
    clients.close()
    return max(weights) - weights[0]


def idle_tcp(lab: Lab, counts: List[int]) -> None:
    """The same with nginx and kernel TCP. A process has so many descriptors, so there are several
    workers and clients. The clients are on this machine too: half of the kernel's objects are
    theirs."""
    lab.join(Veth())
    ports = "/proc/sys/net/ipv4/ip_local_port_range"
    lab.client.run("sh", "-c", f"echo 1024 65000 >{ports}", shim=False)  # TIME_WAIT holds some
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    each = min(limit - 1000, 15000)
    web = Nginx(lab.server, workers=2, connections=limit - 200).start()
    web.add("small", 1024, lab.seed)
    for count in counts:
        base, kernel, holders = rss_kib(web.workers()), slabs_kib(), []
        for left in range(count, 0, -each):
            given, taken = os.pipe()
            words = ("holder.py", lab.server.address, str(web.port), str(min(each, left)))
            program = lab.client.start(
                sys.executable, str(PEERS / words[0]), *words[1:], stdin=given
            )
            holders.append((program, given, taken))
        for program, _given, _taken in holders:
            program.wait_output("holding", 120)
        time.sleep(1)  # for the kernel to free what only opening needs
        grown = rss_kib(web.workers()) - base
        row("nginx over kernel TCP, growth", count, grown, (slabs_kib() - kernel) // 2)
        for program, given, taken in holders:
            os.close(given)
            os.close(taken)
            program.wait(60)
        wait_until(lambda: web.open_descriptors() < 200, "nginx has closed all", 60)


def memory(bench: Bench, most: int) -> None:
    """The table of memory."""
    counts = [n for n in (10_000, 100_000, 1_000_000) if n <= most]
    print(f"\n  {'server-side memory in KiB':<34}{'connections':>12}{'processes':>14}{'kernel':>14}")
    for embedded in (True, False):
        log = BUILD / "bench/minisocket" / ("memory-embedded" if embedded else "memory-daemon")
        with Lab("trk", log, bench.options.seed) as lab:
            grown = idle_trickles(lab, embedded, counts)
            lab.finish()
        verdict = "met" if grown <= 1024 else "MISSED"
        print(f"  growth from 0 to {counts[-1]:,}: {grown:,} KiB, at most 1,024: {verdict}")
    with Lab("tcp", BUILD / "bench/minisocket/memory-tcp", bench.options.seed) as lab:
        idle_tcp(lab, [n for n in (10_000, 25_000) if n <= most])
        lab.finish()


def main() -> None:
    """All of it; --only memory, requests or bulk for a part. MEMORY_CONNECTIONS: fewer than a
    million."""
    bench = Bench("minisocket", __doc__)
    for offloads in ("nooff", "groon"):
        for embedded in (True, False):
            how = "embedded" if embedded else "daemon"
            requests(bench, offloads, embedded)
            bench.measure(
                f"bulk 200 MiB, {how}, {offloads}", "Mbit/s", 0.5, bulk(offloads, embedded)
            )
    if bench.options.only in "memory":
        memory(bench, int(os.environ.get("MEMORY_CONNECTIONS", "1000000")))
    bench.close()


main()
