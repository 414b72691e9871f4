#!/usr/bin/env python3
"""Goodput over emulated links: kernel TCP Reno and the shim through the same link in the same
run."""

from measure import Bench, Lab
from netlab import Emulated, check_equal
from netlab.data import MIB, make_file, sum_file
from netlab.web import Nginx, curl

DOWN_GOAL, UP_GOAL = 0.85, 0.75
LINKS = (
    ("20 Mbit/s 40 ms clean", 20 * MIB, {"rate": "20M", "delay": "20ms", "queue": "100"}),
    (
        "20 Mbit/s 40 ms 1 % loss",
        10 * MIB,
        {"rate": "20M", "delay": "20ms", "queue": "100", "loss": "1"},
    ),
    ("100 Mbit/s 200 ms", 60 * MIB, {"rate": "100M", "delay": "100ms", "queue": "1k"}),
    (
        "20 Mbit/s 30 ms 5 % loss reorder dup",
        5 * MIB,
        {
            "rate": "20M",
            "delay": "15ms",
            "jitter": "3ms",
            "queue": "100",
            "loss": "5",
            "reorder": "2",
            "reorder_delay": "8ms",
            "duplicate": "2",
        },
    ),
    (
        "20 Mbit/s 40 ms bursts",
        10 * MIB,
        {"rate": "20M", "delay": "20ms", "queue": "100", "burst_enter": "0.2", "burst_leave": "20"},
    ),
    ("20 Mbit/s 40 ms short queue", 20 * MIB, {"rate": "20M", "delay": "20ms", "queue": "20"}),
)


def mbit(size: int, seconds: str) -> float:
    """Goodput in Mbit/s."""
    return size * 8 / float(seconds) / 1e6


def download(settings: dict, size: int):
    """A run: one download, checked; the figure is Mbit/s."""

    def run(lab: Lab) -> float:
        lab.join(Emulated(**settings), congestion="reno")
        web = Nginx(lab.server).start()
        wanted = web.add("file", size, lab.seed)
        target = lab.work / "got"
        seconds = curl(
            lab.client, "-o", str(target), "-w", "%{time_total}", web.url("file")
        ).succeed(300)
        check_equal(sum_file(target), wanted, "SHA-256")
        return mbit(size, seconds)

    return run


def upload(settings: dict, size: int):
    """A run: one upload, checked; the clock stops at the server's answer."""

    def run(lab: Lab) -> float:
        lab.join(Emulated(**settings), congestion="reno")
        web = Nginx(lab.server).start()
        wanted = make_file(lab.work / "up", size, lab.seed)
        seconds = curl(
            lab.client, "-T", str(lab.work / "up"), "-w", "%{time_total}", web.url("put/up")
        ).succeed(300)
        check_equal(sum_file(web.html / "put/up"), wanted, "SHA-256")
        return mbit(size, seconds)

    return run


def main() -> None:
    """All links, both directions."""
    bench = Bench("links", __doc__, runs=7)  # chance alone spreads a lossy link by a third
    for name, size, settings in LINKS:
        bench.measure(f"{name} down", "Mbit/s", DOWN_GOAL, download(settings, size))
        bench.measure(f"{name} up", "Mbit/s", UP_GOAL, upload(settings, size))
    bench.close()


main()
