"""The lab: two hosts and their link for one scenario, gone when it ends."""

import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Optional, Union

from .daemon import Daemon, make_secret
from .errors import Failure, check, check_equal
from .host import Host
from .paths import CONFORM
from .program import Program
from .space import Namespace
from .wire import Emulated, Veth

__all__ = ["Failure", "Lab", "check", "check_equal"]
PREFIX = "trk"
WORK = "trknet-"


def sweep_work() -> None:
    """Removes the folders of runs that were killed."""
    for path in Path(tempfile.gettempdir()).glob(WORK + "*-*"):
        owner = path.name[len(WORK) :].split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)


class Lab:
    """Two hosts, server and client. A context manager; join() makes the link and, in trk mode,
    the daemons."""

    number = 0

    def __init__(self, mode: str, log: Path, seed: int) -> None:
        """mode is tcp or trk; logs go to the folder log, which is emptied; seed decides all
        chance."""
        self.mode, self.log, self.seed = mode, log, seed
        self.random = random.Random(seed)
        self.trk = mode == "trk"
        shutil.rmtree(log, ignore_errors=True)
        log.mkdir(parents=True)
        self.work = Path(tempfile.mkdtemp(prefix=f"{WORK}{os.getpid()}-"))
        self.spaces: List[Namespace] = []
        self.wire: Union[Veth, Emulated, None] = None
        self.at_end: List[Callable[[], None]] = []
        self.server: Host = None
        self.client: Host = None

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_error) -> None:
        if self.wire is not None:
            self.wire.leave()
        for space in self.spaces:
            space.remove()
        shutil.rmtree(self.work, ignore_errors=True)

    def join(
        self,
        wire: Union[Veth, Emulated, None] = None,
        congestion: str = "cubic",
        settings: Optional[Dict[str, str]] = None,
        pcap: bool = False,
        daemons: str = "both",
    ) -> None:
        """Makes both hosts and the link between them, and starts the daemons.

        congestion is kernel TCP's, settings are added to trickled.conf of both, pcap makes the
        server's daemon write a
        capture, daemons says where one runs: both, server, client, none.
        """
        Lab.number += 1
        self.wire = wire or Veth()
        for name in ("server", "client"):
            space = Namespace(f"{PREFIX}{os.getpid()}-{Lab.number}{name[0]}")
            self.spaces.append(space)
            setattr(self, name, Host(name, space, len(self.spaces), self.log, self.work))
        self.wire.join(*self.spaces, self.log, self.seed)
        self.server.set_addresses(congestion)
        self.client.set_addresses(congestion)
        if self.trk:
            self._start_daemons(settings or {}, pcap, daemons)

    def _start_daemons(self, settings: Dict[str, str], pcap: bool, daemons: str) -> None:
        secret = self.work / "secret"
        make_secret(secret)
        for host in (self.server, self.client):
            if daemons not in ("both", host.name):
                continue
            daemon = Daemon(
                host.space,
                self.work / host.name,
                self.log / f"trickled-{host.name}",
                secret,
                settings,
            )
            if pcap and host is self.server:
                daemon.settings["pcap"] = f'"{daemon.pcap}"'
            daemon.start()
            host.daemon = daemon

    def finish(self) -> None:
        """After a scenario that went well: the daemons must still live, captures must pass the
        checker."""
        for host in (self.server, self.client):
            if host is not None and host.daemon is not None:
                host.daemon.check_alive()
        for action in self.at_end:
            action()

    def check_no_tcp(self, at_most: int = 0) -> None:
        """In trk mode: nothing of what the hosts have said to each other was TCP."""
        for host in (self.server, self.client) if self.trk else ():
            segments = host.tcp_segments()
            check(segments <= at_most, f"{host.name}: {segments} TCP segments, {at_most} expected")

    def check_capture(self, *options: str) -> None:
        """In trk mode, with pcap: stops the server's daemon cleanly and judges its capture."""
        if not self.trk:
            return
        daemon = self.server.daemon
        daemon.expected_dead = True
        check_equal(daemon.program.kill(15), 0, "trickled's exit status after SIGTERM")
        judge = Program(
            [str(CONFORM), *options, "--verbose", str(daemon.pcap)], self.log / "trk-conform"
        )
        judge.succeed(120)
        daemon.pcap.unlink()
