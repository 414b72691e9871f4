"""Python's socket, asyncio and http modules over the shim: what they do must just work."""
import asyncio
import http.client
import http.server
import socket
import subprocess
import sys
import threading


def is_ours(sock):
    """The kernel's own view: `ss` of a shimmed socket is a unix one; here SO_PEERCRED has a process."""
    with open("/proc/net/unix", encoding="ascii", errors="replace") as table:
        inode = str(__import__("os").fstat(sock.fileno()).st_ino)
        return any(line.split()[6] == inode for line in table.readlines()[1:])


async def asyncio_echo():
    async def serve(reader, writer):
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    assert is_ours(server.sockets[0])
    port = server.sockets[0].getsockname()[1]
    payload = bytes(range(256)) * 4096

    async def client():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(payload)
        writer.write_eof()
        assert await reader.read() == payload
        writer.close()

    await asyncio.gather(*(client() for _ in range(20)))
    server.close()
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("connected to a closed server")


def http_both_ways():
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[::-1])

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    link = http.client.HTTPConnection(*server.server_address)
    for size in (1, 1000, 1000000):
        body = b"a" + bytes(size)
        link.request("POST", "/", body)
        assert link.getresponse().read() == body[::-1]
    link.close()
    server.shutdown()
    thread.join()
    server.server_close()


def timeouts():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname(), timeout=5)
    peer, _ = server.accept()
    client.settimeout(0.05)
    try:
        client.recv(1)
    except TimeoutError:
        pass
    else:
        raise AssertionError("no time-out")
    peer.sendall(b"x")
    client.settimeout(5)
    assert client.recv(1) == b"x"


def inherited_by_a_child():
    """A child process gets the descriptor as its standard input and output."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    peer, _ = server.accept()
    child = subprocess.Popen(["cat"], stdin=peer, stdout=peer)
    peer.close()
    client.sendall(b"through a child")
    client.shutdown(socket.SHUT_WR)
    data = b""
    while part := client.recv(100):
        data += part
    assert data == b"through a child", data
    assert child.wait(10) == 0


def dual_stack():
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    port = server.getsockname()[1]
    for host, seen in (("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::1")):
        with socket.create_connection((host, port)) as client:
            peer, address = server.accept()
            assert address[0] == seen and address[1] == client.getsockname()[1], address
            peer.close()


asyncio.run(asyncio_echo())
http_both_ways()
timeouts()
inherited_by_a_child()
dual_stack()
print("python", sys.version.split()[0], "ok")
