"""The end-to-end run that ./check repeats with ASAN_STAGE set: both daemons under
AddressSanitizer."""

from netlab import Lab, check_equal, scenario
from netlab.data import MIB, make_file, sum_file
from netlab.web import Nginx, curl


@scenario("trk", limit_s=180)
def asan_end_to_end(lab: Lab) -> None:
    """downloads, uploads, parallel and killed clients; the daemons leave cleanly at the end"""
    lab.join(pcap=True)
    web = Nginx(lab.server).start()
    wanted = web.add("file", 20 * MIB, lab.seed)
    up = make_file(lab.work / "up", 5 * MIB, lab.seed + 1)
    curl(lab.client, "-o", str(lab.work / "got"), web.url("file")).succeed(60)
    check_equal(sum_file(lab.work / "got"), wanted, "SHA-256 of the download")
    curl(lab.client, "-T", str(lab.work / "up"), web.url("put/up")).succeed(60)
    check_equal(sum_file(web.html / "put/up"), up, "SHA-256 of the upload")
    killed = curl(lab.client, "-o", "/dev/null", web.url("slow/file"))
    web.add("small", 700, lab.seed)
    curl(
        lab.client,
        "--parallel",
        "--parallel-max",
        "20",
        "-o",
        "/dev/null",
        web.url("small?[1-100]"),
    ).succeed(60)
    killed.kill()
    web.program.kill(15)
    for host in (lab.client, lab.server):
        host.daemon.expected_dead = True
        check_equal(
            host.daemon.program.kill(15), 0, f"exit status of trickled at {host.name} after SIGTERM"
        )
