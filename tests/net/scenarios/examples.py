"""The programs of examples/ and unmodified clients: each scenario with the engine in the server's
process, and through trickled."""

import os
import signal
import struct
import subprocess
import time
import zlib
from pathlib import Path
from typing import Callable, List

from netlab import Lab, check, check_equal, scenario
from netlab.data import MIB, make_file, sum_file
from netlab.errors import wait_until
from netlab.example import PROGRAMS, Example, folder
from netlab.program import Program
from netlab.web import curl

BACKENDS = ("embedded", "daemon")
CUT = (18, 52, 56)  # curl: partial file, empty answer, receive error
PUSH_S = 1
KILL_S = 25  # until a client has asked again what died with a server; it asks every 20 s at most


def each_backend(limit_s: int = 60) -> Callable:
    """Registers a function of (lab, backend) as a scenario for each back end."""

    def register(function: Callable) -> Callable:
        for backend in BACKENDS:

            def run(lab: Lab, backend: str = backend) -> None:
                lab.join(daemons="client" if backend == "embedded" else "both")
                function(lab, backend)
                lab.check_no_tcp()

            run.__name__ = f"{function.__name__}_{backend}"
            run.__doc__ = f"{function.__doc__} ({backend})"
            scenario("trk", limit_s)(run)
        return function

    return register


def httpd(lab: Lab, backend: str) -> Example:
    """examples/httpd with an empty folder at lab.work/www, not started."""
    return Example(lab.server, backend, "httpd", 8080, "--root", str(folder(lab.server, "www")))


def flowing(target: Path, size: int = 1) -> None:
    """Waits until so many bytes of a download are there."""
    wait_until(lambda: target.exists() and target.stat().st_size >= size, f"{target.name} flows", 20)


@each_backend()
def httpd_serves(lab: Lab, backend: str) -> None:
    """httpd and curl: 1 KiB, 1 MiB, 200 MiB; ranges, resuming, conditions, listings"""
    web, root, got = httpd(lab, backend).start(), lab.work / "www", lab.work / "got"
    for name, size in (("1k", 1024), ("1m", MIB), ("200m", 200 * MIB)):
        wanted = make_file(root / name, size, lab.seed)
        curl(lab.client, "-o", str(got), web.url(name)).succeed(60)
        check_equal(sum_file(got), wanted, f"SHA-256 of {name}")
    whole = (root / "1m").read_bytes()
    curl(lab.client, "-r", "1000-700000", "-o", str(got), web.url("1m")).succeed(20)
    check(got.read_bytes() == whole[1000:700001], "a range is wrong")
    got.write_bytes(whole[:333333])
    curl(lab.client, "-C", "-", "-o", str(got), web.url("1m")).succeed(20)
    check(got.read_bytes() == whole, "a resumed download is wrong")
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    tags = ("--etag-save", str(lab.work / "tag"))
    check_equal(curl(lab.client, *tags, *status, web.url("1k")).succeed(20), "200", "status")
    tags = ("--etag-compare", str(lab.work / "tag"))
    check_equal(curl(lab.client, *tags, *status, web.url("1k")).succeed(20), "304", "status")
    listing = curl(lab.client, web.url()).succeed(20)
    check('href="./200m"' in listing, f"the listing is wrong: {listing}")
    check_equal(curl(lab.client, *status, web.url("none")).wait(20), 22, "curl's exit status (404)")


@scenario("trk")
def httpd_busy(lab: Lab) -> None:
    """an embedded server does something else for a while: a client that comes meanwhile waits for it,
    for five seconds at most; where it is gone, or was never heard of, clients are refused at once"""
    lab.join(daemons="client")
    web = httpd(lab, "embedded").start()
    (lab.work / "www/file").write_text("content")

    def refused(least_s: float, most_s: float) -> None:
        start = time.monotonic()
        check_equal(curl(lab.client, web.url("file")).wait(20), 7, "curl's exit status: refused")
        check(least_s < time.monotonic() - start < most_s, "refused at the wrong time")

    web.programs[0].process.send_signal(signal.SIGSTOP)
    refused(0.25, 3)
    web.programs[0].process.send_signal(signal.SIGCONT)
    check_equal(curl(lab.client, web.url("file")).succeed(20), "content", "the answer")
    web.programs[0].process.send_signal(signal.SIGSTOP)
    client = curl(lab.client, web.url("file"))
    time.sleep(1)  # more than TCP's refusal takes
    web.programs[0].process.send_signal(signal.SIGCONT)
    check_equal(client.succeed(20), "content", "the answer")
    web.programs[0].process.send_signal(signal.SIGSTOP)
    refused(4, 8)
    refused(0.25, 3)  # that it did not answer is known now
    web.kill()
    refused(0, 2)


@each_backend()
def httpd_keepalive(lab: Lab, backend: str) -> None:
    """1,000 small requests of one curl over one connection, each answer right"""
    web = httpd(lab, backend).start()
    make_file(lab.work / "www/small", 700, lab.seed)
    wanted = (lab.work / "www/small").read_bytes()
    got = curl(
        lab.client,
        *("-o", f"{lab.work}/got-#1", "-w", "%{http_code} %{num_connects}\n"),
        web.url("small?[1-1000]"),
    ).succeed(60)
    lines = got.split("\n")[:-1]
    check_equal(sum(int(line.split()[1]) for line in lines), 1, "connections opened")
    check_equal([line[:4] for line in lines], ["200 "] * 1000, "statuses")
    for number in range(1, 1001):
        check((lab.work / f"got-{number}").read_bytes() == wanted, f"answer {number} is wrong")


@each_backend(90)
def httpd_killed(lab: Lab, backend: str) -> None:
    """the server is killed with -9 and started again five times under a download of 100 MiB"""
    web, got = httpd(lab, backend).start(), lab.work / "got"
    wanted = make_file(lab.work / "www/file", 100 * MIB, lab.seed)
    client = curl(lab.client, "--limit-rate", "20M", "-o", str(got), web.url("file"))
    for times in range(1, 6):
        flowing(got, times * 10 * MIB)
        web.kill()
        if times % 2 == 0:
            time.sleep(1)  # it is away for a while: that is what is tested
        web.start()
    check(client.running(), "the download was over before the last kill")
    client.succeed(60)
    check_equal(sum_file(got), wanted, "SHA-256")


@scenario("trk", 90)
def httpd_daemon_killed(lab: Lab) -> None:
    """the server host's trickled is killed with -9 and started again under a download; httpd lives"""
    lab.join()
    web, got = httpd(lab, "daemon").start(), lab.work / "got"
    wanted = make_file(lab.work / "www/file", 60 * MIB, lab.seed)
    client = curl(lab.client, "--limit-rate", "12M", "-o", str(got), web.url("file"))
    for times in range(1, 4):
        flowing(got, times * 10 * MIB)
        lab.server.daemon.kill()
        lab.server.daemon.start()
    check(client.running(), "the download was over before the last kill")
    client.succeed(60)
    check_equal(sum_file(got), wanted, "SHA-256")
    check(web.programs[0].running(), f"httpd has ended\n{web.programs[0].logs()}")
    lab.check_no_tcp()


@each_backend(90)
def httpd_shared(lab: Lab, backend: str) -> None:
    """four processes serve one port, three are killed under a download: the same bytes"""
    web, got = httpd(lab, backend).start(4), lab.work / "got"
    wanted = make_file(lab.work / "www/file", 50 * MIB, lab.seed)
    client = curl(lab.client, "--limit-rate", "10M", "-o", str(got), web.url("file"))
    for times in range(1, 4):
        flowing(got, times * 10 * MIB)
        web.kill()
    client.succeed(60)
    check_equal(sum_file(got), wanted, "SHA-256")


@each_backend()
def httpd_file_changes(lab: Lab, backend: str) -> None:
    """a file that is replaced under a download: curl fails, and what it has is of the old one"""
    web, got = httpd(lab, backend).start(), lab.work / "got"
    path = lab.work / "www/file"
    make_file(path, 64 * MIB, lab.seed)  # more than lies in buffers on the way
    make_file(lab.work / "new", 64 * MIB, lab.seed + 1)
    old = path.read_bytes()
    client = curl(lab.client, "--limit-rate", "8M", "-o", str(got), web.url("file"))
    flowing(got, MIB)
    os.rename(lab.work / "new", path)
    status = client.wait(30)
    check(status in CUT, f"curl's exit status is {status}\n{client.logs()}")
    data = got.read_bytes()
    check(len(data) < len(old) and old.startswith(data), "not a beginning of the old file")


WIDTH, HEIGHT = 1600, 1200  # of photos


def rows() -> List[bytes]:
    """Something to see, red, green and blue."""
    return [
        bytes(v for x in range(WIDTH) for v in (x // 7 % 256, y // 5 % 256, x * y // 9000 % 256))
        for y in range(HEIGHT)
    ]


def make_jpeg(path: Path) -> None:
    """rows() as a JPEG."""
    ppm = f"P6 {WIDTH} {HEIGHT} 255\n".encode() + b"".join(rows())
    done = subprocess.run(["cjpeg", "-quality", "90"], input=ppm, stdout=subprocess.PIPE, check=True)
    path.write_bytes(done.stdout)


def read_jpeg(jpeg: bytes) -> bytes:
    """What djpeg makes of it; a warning is a failure."""
    done = subprocess.run(["djpeg", "-ppm"], input=jpeg, capture_output=True, check=True)
    check_equal(done.stderr, b"", "what djpeg says")
    check(done.stdout.startswith(f"P6\n{WIDTH} {HEIGHT}\n255\n".encode()), "not the picture's size")
    return done.stdout


PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
PNG_HEAD = struct.pack(">II5B", WIDTH, HEIGHT, 8, 2, 0, 0, 0)  # 8 bits, red, green and blue


def make_png(path: Path) -> None:
    """rows() as a PNG."""
    data = zlib.compress(b"".join(b"\0" + row for row in rows()))
    with path.open("wb") as out:
        out.write(PNG_BEGIN)
        for kind, content in ((b"IHDR", PNG_HEAD), (b"IDAT", data), (b"IEND", b"")):
            crc = zlib.crc32(kind + content)
            out.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc))


def read_png(png: bytes) -> bytes:
    """Its filtered rows; all sums must be right."""
    check(png.startswith(PNG_BEGIN), "no PNG")
    at, kind, stream = len(PNG_BEGIN), b"", zlib.decompressobj()
    lines = b""
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        (crc,) = struct.unpack_from(">I", png, at + 8 + size)
        check_equal(crc, zlib.crc32(kind + content), "CRC of a chunk")
        if kind == b"IHDR":
            check_equal(content, PNG_HEAD, "the head")
        elif kind == b"IDAT":
            lines += stream.decompress(content)
        at += 12 + size
    check(kind == b"IEND" and stream.eof and not stream.unused_data, "no end")
    check_equal(len(lines), HEIGHT * (1 + 3 * WIDTH), "bytes of pixels")
    return lines


def watermark(lab: Lab, backend: str, photo: Path, decode: Callable[[bytes], bytes]) -> None:
    """Each text has its picture, the same each time."""
    web = Example(lab.server, backend, "watermark", 8081, "--image", str(photo)).start()

    def fetch(text: str, *options: str) -> Program:
        return curl(lab.client, *options, "-o", str(lab.work / text), web.url(f"?text={text}"))

    fetch("alice").succeed(30)
    fetch("bob").succeed(30)
    alice, bob = ((lab.work / name).read_bytes() for name in ("alice", "bob"))
    check(decode(alice) != decode(bob), "all clients get the same picture")
    (lab.work / "alice").unlink()
    client = fetch("alice", "--limit-rate", "100K")
    for part in (1, 2, 3):
        flowing(lab.work / "alice", part * len(alice) // 5)
        web.restart()
    client.succeed(60)
    check((lab.work / "alice").read_bytes() == alice, "another picture after kills")
    plain = curl(lab.client, "--http1.0", "-o", str(lab.work / "plain"), web.url("?text=alice"))
    plain.succeed(30)
    check((lab.work / "plain").read_bytes() == alice, "another picture with HTTP/1.0")


@each_backend(120)
def watermark_jpeg(lab: Lab, backend: str) -> None:
    """pictures are what djpeg reads, one for each text, the same each time, kills or not"""
    photo = lab.work / "photo.jpg"
    make_jpeg(photo)
    watermark(lab, backend, photo, read_jpeg)


@each_backend(120)
def watermark_png(lab: Lab, backend: str) -> None:
    """pictures have the form of PNG, one for each text, the same each time, kills or not"""
    photo = lab.work / "photo.png"
    make_png(photo)
    watermark(lab, backend, photo, read_png)


def append(path: Path, text: str) -> None:
    """Appends to a file, as a log is written."""
    with open(path, "a", encoding="utf-8") as out:
        out.write(text)


@each_backend(90)
def tail_pushes(lab: Lab, backend: str) -> None:
    """curl -N sees lines within a second, through rotation, and goes on when tail is killed"""
    log = folder(lab.server, "logs") / "log"
    append(log, "".join(f"line {number}\n" for number in range(1, 31)))
    web = Example(lab.server, backend, "tail", 8082, str(log)).start()
    client = curl(lab.client, "-N", web.url())
    seen = "".join(f"line {number}\n" for number in range(21, 31))
    client.wait_output(seen)

    def push(text: str, limit_s: float = PUSH_S) -> None:
        nonlocal seen
        append(log, text)
        seen += text
        client.wait_output(seen, limit_s)

    for number in range(20):
        push(f"pushed {number}\n")
    time.sleep(5)  # nothing happens for a while: the question must outlive it
    push("after a pause\n")
    log.rename(log.with_suffix(".1"))
    push("in a new file\n")
    web.restart()
    for number in range(5):
        push(f"after a kill {number}\n", KILL_S)
    check_equal(client.stdout(), seen, "what curl saw")
    client.kill()


def add_user(name: str, password: str) -> str:
    """The line that session makes for a user; without a terminal it reads standard input."""
    done = subprocess.run(
        [str(PROGRAMS / "session"), "--add", name],
        input=f"{password}\n{password}\n",
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    return done.stdout


@each_backend()
def session_is_the_clients(lab: Lab, backend: str) -> None:
    """log-in and counter go on when the server is killed between two lines; nothing is at the
    server"""
    users = lab.work / "users"
    users.write_text(add_user("bob", "builder") + add_user("alice", "secret"), encoding="utf-8")
    server = Example(lab.server, backend, "session", 8083, "--users", str(users)).start()
    inside, outside = os.pipe()
    client = lab.client.start("nc", server.host.address, str(server.port), stdin=inside)
    os.close(inside)
    said = ""
    for line, answer in (
        ("COUNT", "NO log in first"),
        ("LOGIN alice wrong", "NO wrong name or password"),
        ("LOGIN alice secret", "OK hello alice"),
        *((("COUNT", f"OK {count}")) for count in range(1, 6)),
        ("WHO", "OK alice"),
        ("LOGOUT", "OK bye"),
        ("COUNT", "NO log in first"),
    ):
        os.write(outside, f"{line}\n".encode())
        said += f"{answer}\n"
        client.wait_output(said, KILL_S)
        server.restart()
    os.write(outside, b"QUIT\n")
    client.wait_output(said + "OK bye\n", KILL_S)
    os.close(outside)
    check_equal(client.wait(KILL_S), 0, "nc's exit status")


@each_backend(120)
def upload_survives(lab: Lab, backend: str) -> None:
    """100 MiB up, the server killed with -9 and started again five times under it; small ones"""
    root, file = folder(lab.server, "incoming"), lab.work / "file"
    web = Example(lab.server, backend, "upload", 8084, "--root", str(root)).start()
    wanted = make_file(file, 100 * MIB, lab.seed)

    def done() -> int:
        return sum(path.stat().st_size for path in root.iterdir())

    client = curl(lab.client, "--limit-rate", "15M", "-T", str(file), web.url("big"))
    for times in range(1, 6):
        wait_until(lambda size=times * 10 * MIB: done() >= size, "the upload flows", 30)
        web.restart()
    check(client.running(), "the upload was over before the last kill")
    check_equal(client.succeed(60), f"{wanted}  big\n", "the answer")
    check_equal(sum_file(root / "big"), wanted, "SHA-256")
    for size in (0, 1, 1000, 100000):
        path = lab.work / f"small-{size}"
        wanted = make_file(path, size, lab.seed)
        answer = curl(lab.client, "-T", str(path), web.url(path.name)).succeed(20)
        check_equal(answer, f"{wanted}  {path.name}\n", "the answer")
        check_equal(sum_file(root / path.name), wanted, "SHA-256")


@each_backend(60)
def upload_again_and_again(lab: Lab, backend: str) -> None:
    """60 uploads of 100,000 bytes: runs of the handler overlap, and none waits for another's
    bytes"""
    root, path = folder(lab.server, "incoming"), lab.work / "file"
    web = Example(lab.server, backend, "upload", 8084, "--root", str(root)).start()
    wanted = make_file(path, 100000, lab.seed)
    for number in range(60):
        answer = curl(lab.client, "-T", str(path), web.url(f"up{number}")).succeed(20)
        check_equal(answer, f"{wanted}  up{number}\n", "the answer")
