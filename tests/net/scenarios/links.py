"""Transfers over bad links, by the emulator: complete and byte-exact."""

import sys

from netlab import Emulated, Lab, check, check_equal, scenario
from netlab.data import MIB, make_file, sum_file
from netlab.paths import PEERS
from netlab.web import Nginx, curl

SEGMENTS_OF_A_RACE = (
    20  # where OPEN is lost or slow a TCP connection is tried beside it, and given up
)


def transfer(lab: Lab, link: Emulated, down: int, up: int) -> None:
    """Downloads down bytes and then uploads up bytes over link."""
    lab.join(link, pcap=True)
    web = Nginx(lab.server).start()
    wanted = web.add("down", down, lab.seed)
    curl(lab.client, "-o", str(lab.work / "down"), web.url("down")).succeed(120)
    check_equal(sum_file(lab.work / "down"), wanted, "SHA-256 of the download")
    wanted = make_file(lab.work / "up", up, lab.seed + 1)
    curl(lab.client, "-T", str(lab.work / "up"), web.url("put/up")).succeed(120)
    check_equal(sum_file(web.html / "put/up"), wanted, "SHA-256 of the upload")
    lab.check_no_tcp(SEGMENTS_OF_A_RACE)
    lab.check_capture()


@scenario(limit_s=90)
def link_20m_40ms_1percent(lab: Lab) -> None:
    """20 Mbit/s, RTT 40 ms, 1 % loss both ways: 5 MiB down, 2 MiB up"""
    transfer(lab, Emulated(rate="20M", delay="20ms", queue="100", loss="1"), 5 * MIB, 2 * MIB)


@scenario(limit_s=90)
def link_100m_200ms(lab: Lab) -> None:
    """100 Mbit/s, RTT 200 ms: 20 MiB down, 10 MiB up"""
    transfer(lab, Emulated(rate="100M", delay="100ms", queue="1k"), 20 * MIB, 10 * MIB)


@scenario(limit_s=120)
def link_5percent_reorder_duplicate(lab: Lab) -> None:
    """20 Mbit/s, RTT 30 ms, 5 % loss, 2 % reordering, 2 % duplicates, jitter: 5 MiB down, 1 MiB
    up"""
    transfer(
        lab,
        Emulated(
            rate="20M",
            delay="15ms",
            jitter="3ms",
            queue="100",
            loss="5",
            reorder="2",
            reorder_delay="8ms",
            duplicate="2",
        ),
        5 * MIB,
        MIB,
    )


@scenario(limit_s=90)
def link_bursts(lab: Lab) -> None:
    """20 Mbit/s, RTT 40 ms, bursts of loss (5 packets on average, 1 % in all): 5 MiB down, 2
    MiB up"""
    transfer(
        lab,
        Emulated(rate="20M", delay="20ms", queue="100", burst_enter="0.2", burst_leave="20"),
        5 * MIB,
        2 * MIB,
    )


@scenario(limit_s=90)
def link_corruption(lab: Lab) -> None:
    """2 % of packets with a flipped bit; checksums drop them: 5 MiB down, 2 MiB up"""
    transfer(lab, Emulated(rate="50M", delay="10ms", queue="200", corrupt="2"), 5 * MIB, 2 * MIB)


@scenario(limit_s=90)
def link_requests_lost(lab: Lab) -> None:
    """only what the client sends is lost, 5 %: requests and acknowledgements: 10 MiB down"""
    transfer(lab, Emulated(rate="20M", delay="20ms", queue="100", ba_loss="5"), 10 * MIB, MIB)


@scenario("trk", limit_s=90)
def link_corruption_unseen_by_checksums(lab: Lab) -> None:
    """requests with a flipped bit and a right checksum reach the server's daemon. Their clear
    fields are not authenticated (trickles-protocol(7), SECURITY CONSIDERATIONS), so the transfer
    may stop; but no byte is ever wrong, and both daemons live on"""
    lab.join(Emulated(rate="50M", delay="10ms", queue="200", ba_corrupt="2", ba_corrupt_fix="1"))
    web = Nginx(lab.server).start()
    wanted = web.add("down", 5 * MIB, lab.seed)
    got = lab.work / "down"
    code = curl(lab.client, "-o", str(got), "--max-time", "30", web.url("down")).wait(60)
    if code == 0:
        check_equal(sum_file(got), wanted, "SHA-256")
    elif got.exists():
        came = got.read_bytes()
        check(came == (web.html / "down").read_bytes()[: len(came)], "what came is right")
    for host in (lab.client, lab.server):
        check(host.daemon.program.running(), f"trickled at {host.name} lives")


@scenario("tcp")
def emulator_accuracy(lab: Lab) -> None:
    """the emulator keeps rate and delay: 100 Mbit/s, 10 ms, by datagrams with kernel time stamps"""
    lab.join(Emulated(rate="100M", delay="10ms"))
    count, size = 20000, 1472
    receiver = lab.server.start(
        sys.executable, str(PEERS / "datagram_timer.py"), "receive", "9000", str(count)
    )
    receiver.wait_output("ready")
    lab.client.run(
        sys.executable,
        str(PEERS / "datagram_timer.py"),
        "send",
        lab.server.address,
        "9000",
        str(count),
        str(size),
    )
    fields = dict(f.split("=") for f in receiver.succeed(20).split() if "=" in f)
    ideal_us = (size + 28) * 8 / 100
    mean_us, first_us = float(fields["gap_mean_us"]), float(fields["first_delay_us"])
    print(
        f"     gap {mean_us:.3f} us (ideal {ideal_us:.0f}), first delay {first_us:.0f} us, "
        f"p99 gap {fields['gap_p99_us']} us"
    )
    check(abs(mean_us / ideal_us - 1) < 0.005, f"mean gap {mean_us} us, ideal {ideal_us} us")
    check(
        10000 <= first_us < 20000,
        f"first datagram after {first_us} us, ideal {10000 + ideal_us} us",
    )
    check_equal(int(fields["received"]), count, "datagrams received")
