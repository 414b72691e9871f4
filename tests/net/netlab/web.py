"""nginx and curl as the scenarios use them."""

import os
from pathlib import Path
from typing import List

from .data import make_file
from .errors import check, wait_until
from .host import Host
from .program import Program

PORT = 80
EPOLL_WAITS = ("232", "281", "22", "441")  # epoll_wait; epoll_pwait, also arm64's; epoll_pwait2
CONFIG = """
user root;
worker_processes {workers};
daemon off;
pid {root}/nginx.pid;
error_log stderr warn;
events {{ use epoll; worker_connections {connections}; }}
http {{
    access_log off;
    sendfile on;
    keepalive_timeout 300s;
    keepalive_requests 1000000;
    send_timeout 300s;
    client_max_body_size 1g;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    server {{
        listen {port}; listen [::]:{port};
        root {root}/html;
        location /put/ {{ dav_methods PUT; create_full_put_path on; client_body_buffer_size 1m; }}
        location /slow/ {{ alias {root}/html/; limit_rate 1m; }}
    }}
}}
"""


class Nginx:
    """nginx with epoll, sendfile, a folder of files, PUT below /put/ and 1 MiB/s below /slow/."""

    def __init__(
        self, host: Host, workers: int = 2, port: int = PORT, connections: int = 1024
    ) -> None:
        """Writes configuration and folders; start() starts it."""
        self.host, self.port, self.count = host, port, workers
        self.root = host.work / f"nginx-{port}"
        self.html = self.root / "html"
        (self.html / "put").mkdir(parents=True)
        self.config = self.root / "nginx.conf"
        self.config.write_text(
            CONFIG.format(root=self.root, workers=workers, port=port, connections=connections)
        )
        self.program: Program = None

    def start(self, shim: bool = True) -> "Nginx":
        """Starts it and waits until it listens."""
        self.program = self.host.serve(
            self.port, "nginx", "-c", str(self.config), "-e", "stderr", shim=shim
        )
        wait_until(self._settled, "nginx's workers have begun", 10)
        return self

    def _settled(self) -> bool:
        """Every worker waits for events, and has got the others' channels: their descriptors can
        be counted."""
        workers = [Path(f"/proc/{p}") for p in self.workers()]
        waits = all((w / "syscall").read_text().split()[0] in EPOLL_WAITS for w in workers)
        counts = {len(os.listdir(w / "fd")) for w in workers}
        return len(workers) == self.count and waits and len(counts) == 1

    def add(self, name: str, size: int, seed: int) -> str:
        """Puts a file there and returns its SHA-256."""
        return make_file(self.html / name, size, seed)

    def url(self, name: str) -> str:
        """Where a client finds it."""
        return f"http://{self.host.address}:{self.port}/{name}"

    def workers(self) -> List[int]:
        """The process ids of the workers."""
        return [
            int(p)
            for p in Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
            .read_text()
            .split()
        ]

    def open_descriptors(self) -> int:
        """Descriptors of all workers together."""
        return sum(len(os.listdir(f"/proc/{p}/fd")) for p in self.workers())

    def check_quiet(self) -> None:
        """nginx has had nothing to complain of."""
        text = self.program.stderr()
        check(
            not any(f"[{level}]" in text for level in ("error", "crit", "alert", "emerg")),
            f"nginx complains:\n{text}",
        )


def curl(host: Host, *arguments: str, shim: bool = True) -> Program:
    """Starts curl, silent but for errors; a stuck transfer is curl's error, not the harness's."""
    return host.start("curl", "-sS", "--fail", "--connect-timeout", "20", *arguments, shim=shim)
