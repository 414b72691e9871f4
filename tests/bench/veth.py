#!/usr/bin/env python3
"""Speed between two hosts on one machine (veth, MTU 1500, wire-like offloads): kernel TCP cubic
and the shim."""

import re

from measure import Bench, Lab
from netlab import Veth, check
from netlab.web import Nginx, curl

GIB = 1 << 30
SECONDS = 4


def bulk(offloads: str):
    """A run: nginx to curl, 1 GiB that nobody stores; Mbit/s."""

    def run(lab: Lab) -> float:
        lab.join(Veth(offloads))
        web = Nginx(lab.server, workers=1).start()
        with open(web.html / "file", "wb+") as hole:
            hole.truncate(GIB)
            while hole.read(GIB // 1024):  # the page cache: filling it is not what is measured
                pass
        warm_up = curl(lab.client, "-o", "/dev/null", "-r", f"0-{GIB // 16}", web.url("file"))
        warm_up.succeed(60)
        seconds = curl(
            lab.client, "-o", "/dev/null", "-w", "%{time_total}", web.url("file")
        ).succeed(120)
        return GIB * 8 / float(seconds) / 1e6

    return run


def requests(offloads: str, *headers: str):
    """A run: wrk, 64 connections, 1 KiB answers; requests per second."""

    def run(lab: Lab) -> float:
        lab.join(Veth(offloads))
        web = Nginx(lab.server, workers=1, connections=4096).start()
        web.add("1k", 1024, lab.seed)
        report = lab.client.run(
            "wrk", "-t1", "-c64", f"-d{SECONDS}s", *headers, web.url("1k"), limit_s=SECONDS + 20
        )
        for complaint in ("Socket errors", "Non-2xx"):
            check(complaint not in report, report)
        return float(re.search(r"Requests/sec:\s+([0-9.]+)", report).group(1))

    return run


def main() -> None:
    """Both kinds of wire."""
    bench = Bench("veth", __doc__)
    for offloads in ("nooff", "groon"):
        bench.measure(f"bulk 1 GiB, {offloads}", "Mbit/s", 0.5, bulk(offloads))
        bench.measure(f"1 KiB keep-alive, {offloads}", "req/s", 0.3, requests(offloads))
        bench.measure(
            f"1 KiB new connection, {offloads}",
            "req/s",
            0.5,
            requests(offloads, "-H", "Connection: close"),
        )
    bench.close()


main()
