"""The server's TCP port belongs to the server alone, and is free when it is gone."""

import signal
import sys

from netlab import Lab, check, check_equal, scenario
from netlab.errors import wait_until
from netlab.web import Nginx, curl

SERVER = """
import socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + sys.argv[2].encode())
    connection.close()
"""
ROUNDS = 20


@scenario()
def port_free_after_server(lab: Lab) -> None:
    """20 times: a server is killed (-9 or TERM) and started again at once; each answers with
    its own number"""
    lab.join()
    url = f"http://{lab.server.address}:7300/"
    server = None
    for number in range(ROUNDS):
        server = lab.server.start(sys.executable, "-c", SERVER, "7300", str(number))
        server.wait_output("listening")  # EADDRINUSE would have ended it
        check_equal(curl(lab.client, url).succeed(10), str(number), "who answers")
        server.kill(signal.SIGKILL if number % 2 else signal.SIGTERM)
    lab.check_no_tcp()


@scenario()
def nginx_restarts(lab: Lab) -> None:
    """nginx is stopped by each of its signals and started again at once: always served, port
    never in use"""
    lab.join()
    web = Nginx(lab.server)
    web.add("file", 1000, lab.seed)
    for signo in (signal.SIGQUIT, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        web.start()
        answer = curl(
            lab.client, "-o", "/dev/null", "-w", "%{http_code} %{size_download}", web.url("file")
        )
        check_equal(answer.succeed(10), "200 1000", "status and size")
        web.program.kill(signo)
        check("Address already in use" not in web.program.stderr(), web.program.logs())
    lab.check_no_tcp()


@scenario()
def port_in_use(lab: Lab) -> None:
    """a second server at the same port is told EADDRINUSE"""
    lab.join()
    first = lab.server.start(sys.executable, "-c", SERVER, "7301", "first")
    first.wait_output("listening")
    second = lab.server.start(sys.executable, "-c", SERVER, "7301", "second")
    check(second.wait(5) != 0 and "Address already in use" in second.stderr(), second.logs())
    check_equal(
        curl(lab.client, f"http://{lab.server.address}:7301/").succeed(10), "first", "who answers"
    )


@scenario()
def nginx_reload(lab: Lab) -> None:
    """nginx reloads (new workers, same listener) under a running load: no request fails"""
    lab.join()
    web = Nginx(lab.server).start()
    web.add("small", 700, lab.seed)
    load = curl(
        lab.client,
        "-H",
        "Connection: close",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}\n",
        web.url("small?[1-3000]"),
    )
    old = set(web.workers())
    load.wait_output("200")
    web.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: old.isdisjoint(web.workers()), "the old workers are gone", 20)
    check(load.running(), "the load ended before the old workers did")
    check_equal(set(load.succeed(40).split()), {"200"}, "statuses")
    lab.check_no_tcp()


CLOSES = """
import signal, socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
connection, _ = listener.accept()
listener.close()
connection.sendall(b"c")
signal.pause()
"""
COMES_AGAIN = """
import socket, sys
to = (sys.argv[1], int(sys.argv[2]))
first = socket.create_connection(to)
first.recv(1)
try:
    again = socket.create_connection(to)
    print("connected", again.recv(1))
except OSError as error:
    print(type(error).__name__)
"""


@scenario()
def closed_listener_refuses(lab: Lab) -> None:
    """a listener is closed, its program lives on: the next client is refused at once; one that does
    not speak Trickles is refused or reset, never ended cleanly"""
    lab.join()
    for port, shim, wanted in (
        ("7330", True, ("ConnectionRefusedError",)),
        ("7331", False, ("ConnectionRefusedError", "ConnectionResetError")),
    ):
        lab.server.serve(int(port), sys.executable, "-c", CLOSES, port)
        words = (sys.executable, "-c", COMES_AGAIN, lab.server.address, port)
        said = lab.client.start(*words, shim=shim).succeed(10).strip()
        check(said in wanted, f"{said}, {' or '.join(wanted)} expected")
