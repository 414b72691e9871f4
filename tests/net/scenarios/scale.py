"""Many connections: opened, used, held idle, used again, closed; nothing may stay behind."""

import os
import resource
import sys
import time
from typing import Dict, Tuple

from netlab import Lab, check, scenario
from netlab.errors import wait_until
from netlab.paths import PEERS
from netlab.web import Nginx

COUNT = 10000
DESCRIPTORS = 20000
LINGER_S = 5  # a server answers repeats of the last packets for 3 s; nothing tells when it stops
NOISE_KIB = 2048  # what an allocator may keep or regain between two equal rounds


STALLED, STALLED_MIB, STALL_S = 40, 8, 3
BUFFER_TOTAL = 16 << 20


def weigh(lab: Lab) -> Dict[str, Tuple[int, int]]:
    """Resident KiB and descriptors of each daemon."""
    return {
        host.name: (host.daemon.program.rss_kib(), host.daemon.program.fds())
        for host in (lab.server, lab.client)
        if host.daemon is not None
    }


def hold(lab: Lab, web: Nginx) -> Dict[str, Tuple[int, int]]:
    """One round of COUNT connections; returns what the daemons weighed while all were idle."""
    given, taken = os.pipe()
    program = lab.client.start(
        sys.executable,
        str(PEERS / "holder.py"),
        lab.server.address,
        str(web.port),
        str(COUNT),
        stdin=given,
    )
    program.wait_output(f"holding {COUNT}", 90)
    peak = weigh(lab)
    os.write(taken, b"\n")
    os.close(given)
    os.close(taken)
    program.wait_output("closed", 90)
    program.succeed(10)
    return peak


@scenario(limit_s=200)
def ten_thousand_connections(lab: Lab) -> None:
    """10,000 connections, twice: opened, used, idle, used, closed; no descriptor and no memory
    stays"""
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    lab.join()
    web = Nginx(lab.server, connections=COUNT + 100).start()
    web.add("small", 700, lab.seed)
    before, fds = weigh(lab), web.open_descriptors()
    peak = hold(lab, web)
    settle(lab, web, before, fds)
    time.sleep(LINGER_S)
    first = weigh(lab)
    hold(lab, web)
    settle(lab, web, before, fds)
    time.sleep(LINGER_S)
    second = weigh(lab)
    for name in before:
        kib = [weights[name][0] for weights in (before, peak, first, second)]
        print(
            f"     trickled at {name}: {kib[0]} KiB, {kib[1]} with {COUNT} idle, "
            f"then {kib[2]} and {kib[3]}; "
            f"{(kib[1] - kib[0]) * 1024 // COUNT} bytes a connection"
        )
        check(
            kib[3] <= kib[2] + NOISE_KIB,
            f"{name}: grows with each round: {kib[2]}, then {kib[3]} KiB",
        )
        check(
            kib[3] - kib[0] <= (kib[1] - kib[0]) // 4 + NOISE_KIB,
            f"{name}: memory not given back: {kib} KiB",
        )
    lab.check_no_tcp()


def settle(lab: Lab, web: Nginx, before: Dict[str, Tuple[int, int]], fds: int) -> None:
    """Waits until nginx and both daemons have closed what the round opened."""
    wait_until(lambda: web.open_descriptors() <= fds, "nginx has closed all", 30)
    wait_until(
        lambda: all(weigh(lab)[name][1] <= before[name][1] for name in before),
        f"the daemons have closed all (before: {before})",
        30,
    )


@scenario(modes="trk", limit_s=90)
def applications_that_do_not_read(lab: Lab) -> None:
    """40 connections with 8 MiB each way that nobody reads for a while: the daemons' memory keeps
    its bound, and all arrives"""
    lab.join(settings={"buffer-total": str(BUFFER_TOTAL), "ring-total": str(BUFFER_TOTAL)})
    words = ("5000", str(STALLED), str(STALLED_MIB), str(STALL_S))
    peer = (sys.executable, str(PEERS / "stalled.py"))
    before = weigh(lab)
    server = lab.server.serve(5000, *peer, "serve", lab.server.address, *words)
    check("ok" in lab.client.run(*peer, "connect", lab.server.address, *words, limit_s=60), "client")
    check("ok" in server.succeed(20), "server")
    for host in (lab.server, lab.client):
        grown = host.daemon.program.peak_rss_kib() - before[host.name][0]
        bound = 2 * BUFFER_TOTAL // 1024 + STALLED * 2 * 16 + 4 * NOISE_KIB
        check(grown <= bound, f"{host.name}: {grown} KiB at most, {bound} allowed")
