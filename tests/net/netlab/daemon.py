"""trickled in a namespace: what it is started with, and what is asked of it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Optional

from .errors import wait_until
from .paths import STAGE
from .program import Program
from .space import Namespace

PORT = 842
SOCKETS = ("trickled.sock", "data.sock")
LISTENING = "00010000"


def stage() -> Path:
    """The installed tree that daemons come from; ASAN_STAGE names one under AddressSanitizer."""
    return Path(os.environ.get("ASAN_STAGE") or STAGE)


def shim_environment(socket: Path) -> Dict[str, str]:
    """What puts a program under the shim, talking to the daemon at socket. Never the sanitized
    library: curl with that run time preloaded locks up in setlocale before it gets to a socket."""
    return {"TRICKLES_SOCKET": str(socket), "LD_PRELOAD": str(STAGE / "lib/libtrickles.so")}


def make_secret(path: Path) -> None:
    """A new cluster secret, which both hosts share."""
    subprocess.run(
        [str(stage() / "bin/trickles"), "keygen", str(path)], check=True, stdout=subprocess.DEVNULL
    )


class Daemon:
    """One trickled. It can be killed and started again on the same socket."""

    def __init__(
        self, space: Namespace, folder: Path, log: Path, secret: Path, settings: Dict[str, str]
    ) -> None:
        """folder is made for its sockets, configuration and secret; settings are lines of
        trickled.conf."""
        self.space, self.log = space, log
        self.folder = folder
        folder.mkdir(mode=0o755)
        self.socket, self.config = folder / "trickled.sock", folder / "trickled.conf"
        # A copy each: what a daemon keeps beside its secret (its instance id) is the host's own.
        self.secret = Path(shutil.copy(secret, folder / "secret"))
        self.settings, self.starts = {"log-level": '"debug"', **settings}, 0
        self.program: Optional[Program] = None
        self.expected_dead = False

    @property
    def pcap(self) -> Path:
        """Where it writes its capture, if asked to."""
        return self.log.with_suffix(".pcap")

    def start(self) -> None:
        """Starts it and waits until it takes programs."""
        self.config.write_text("".join(f"{k} = {v}\n" for k, v in self.settings.items()))
        self.starts += 1
        command = self.space.command(
            str(stage() / "sbin/trickled"),
            "--foreground",
            "--socket",
            str(self.socket),
            "--config",
            str(self.config),
            "--secret",
            str(self.secret),
            "--port",
            str(PORT),
        )
        name = (
            self.log if self.starts == 1 else self.log.with_name(f"{self.log.name}-{self.starts}")
        )
        self.program = Program(command, name)
        self.expected_dead = False
        wait_until(self._ready, f"{name.name} is ready", 10)

    def _ready(self) -> bool:
        if not self.program.running():
            self.program.succeed(1)
        table = Path(f"/proc/{self.program.pid}/net/unix").read_text().splitlines()[1:]
        listening = [row.split()[-1] for row in table if row.split()[3] == LISTENING]
        return all(str(self.folder / name) in listening for name in SOCKETS)

    def kill(self) -> None:
        """kill -9."""
        self.expected_dead = True
        self.program.kill()

    def check_alive(self) -> None:
        """Fails if it has died on its own, or a sanitizer has spoken."""
        if self.program is None:
            return
        if not self.expected_dead and not self.program.running():
            self.program.succeed(1)
        assert "Sanitizer" not in self.program.stderr(), self.program.logs()
