"""A stateless server (peers/streamer.c) as the scenarios use it, and the bytes that it gives."""

import hashlib
from typing import Optional, Tuple

from .host import Host
from .paths import BUILD
from .program import Program

PORT = 8080
PERIOD = 65521
PATTERN = bytes((k * 31 + (k >> 8) * 17 + 7) & 0xFF for k in range(PERIOD))
STREAMER = BUILD / "tests/net/streamer"
HOSTILE = BUILD / "tests/net/hostile_service"


def sum_stream(size: int) -> str:
    """The SHA-256 of the first size bytes."""
    digest = hashlib.sha256()
    for _ in range(size // PERIOD):
        digest.update(PATTERN)
    digest.update(PATTERN[: size % PERIOD])
    return digest.hexdigest()


class Streamer:
    """A server at one host that can be killed and started again."""

    def __init__(self, host: Host, *options: str, port: int = PORT) -> None:
        """options are streamer's."""
        self.host, self.port, self.options = host, port, options
        self.program: Optional[Program] = None

    def start(self) -> "Streamer":
        """Starts it and waits until it serves."""
        command: Tuple[str, ...] = (str(STREAMER), *self.options, str(self.port))
        env = {"TRICKLES_SOCKET": str(self.host.daemon.socket)}
        self.program = self.host.start(*command, shim=False, env=env)
        self.program.wait_output("serving")
        return self

    def kill(self) -> None:
        """kill -9."""
        self.program.kill()

    def stop(self) -> int:
        """Ends it and returns how many events it has had; it must have had nothing to complain of."""
        self.program.kill(15)
        assert self.program.stderr() == "", self.program.logs()
        return int(self.program.succeed(5).split()[1])

    def url(self, size: int) -> str:
        """Where a client finds so many bytes."""
        return f"http://{self.host.address}:{self.port}/{size}"
