"""The programs of examples/: servers that keep nothing, and may be killed at any time."""

from pathlib import Path
from typing import List

from .host import Host
from .paths import STAGE
from .program import Program

PROGRAMS = STAGE / "libexec/trickles/examples"


class Example:
    """One example, as one or several processes that serve the same port."""

    def __init__(self, host: Host, backend: str, name: str, port: int, *options: str) -> None:
        """backend: embedded, or daemon (one must run at host)."""
        self.host, self.name, self.port = host, name, port
        self.command = [str(PROGRAMS / name), "--port", str(port), *options]
        if backend == "embedded":
            self.command += ["--embedded", "--secret", str(host.work / "example-secret")]
        else:
            self.command += ["--socket", str(host.daemon.socket)]
        self.programs: List[Program] = []

    def start(self, processes: int = 1) -> "Example":
        """Starts it and waits until it serves. It is no client of the shim's."""
        shared = ["--shared"] if processes > 1 else []
        for _ in range(processes):
            program = self.host.start(*self.command, *shared, shim=False)
            program.wait_output("serving at port")
            self.programs.append(program)
        return self

    def kill(self, which: int = 0) -> None:
        """kill -9 of one process."""
        self.programs.pop(which).kill()

    def restart(self) -> None:
        """kill -9, and another at once."""
        self.kill()
        self.start()

    def url(self, name: str = "") -> str:
        """Where a client finds it."""
        return f"http://{self.host.address}:{self.port}/{name}"


def folder(host: Host, name: str) -> Path:
    """A new folder at a host."""
    path = host.work / name
    path.mkdir()
    return path
