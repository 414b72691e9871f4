"""A host: a namespace, its addresses, perhaps its daemon, and the programs started there."""

import os
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple

from .daemon import Daemon, shim_environment
from .errors import Failure, wait_until
from .program import Program
from .space import Namespace, ip
from .wire import DEVICE

LISTEN = "0A"


class Host:
    """One side of the lab. address and address6 are its own."""

    def __init__(self, name: str, space: Namespace, number: int, log: Path, work: Path) -> None:
        self.name, self.space, self.log, self.work = name, space, log, work
        self.address, self.address6 = f"10.9.0.{number}", f"fd09::{number}"
        self.daemon: Optional[Daemon] = None
        self.counts: Dict[str, int] = {}

    def set_addresses(self, congestion: str) -> None:
        """After the link is there. congestion is kernel TCP's congestion control towards the
        other host.

        It is set on the routes: the sysctl refuses in a namespace what the machine does not
        allow to every user.
        """
        ip("-n", self.space.name, "addr", "add", self.address + "/24", "dev", DEVICE)
        ip(
            "-n",
            self.space.name,
            "-6",
            "addr",
            "add",
            self.address6 + "/64",
            "dev",
            DEVICE,
            "nodad",
        )
        for family, network in (("-4", "10.9.0.0/24"), ("-6", "fd09::/64")):
            ip(
                "-n",
                self.space.name,
                family,
                "route",
                "replace",
                network,
                "dev",
                DEVICE,
                "congctl",
                congestion,
            )

    def start(
        self,
        *command: str,
        shim: bool = True,
        env: Optional[Dict[str, str]] = None,
        stdin: Optional[int] = None,
        before: Tuple[str, ...] = (),
    ) -> Program:
        """Starts a program here; under the shim if the lab runs Trickles and shim is true.

        before is a prefix that runs outside the shim (taskset, prlimit).
        """
        preload = shim_environment(self.daemon.socket) if self.daemon is not None and shim else {}
        words = [f"{k}={v}" for k, v in {**preload, **(env or {})}.items()]
        label = f"{self.name}-{os.path.basename(command[0])}"
        number = self.counts[label] = self.counts.get(label, 0) + 1
        log = self.log / (label if number == 1 else f"{label}-{number}")
        return Program(self.space.command(*before, "env", *words, *command), log, stdin=stdin)

    def run(self, *command: str, limit_s: float = 30, shim: bool = True, **more) -> str:
        """Runs a program to its end and returns its output; a status other than 0 fails."""
        return self.start(*command, shim=shim, **more).succeed(limit_s)

    def sockets(self, pid: int, state: str, port: int) -> int:
        """How many TCP sockets of the kernel are in state at local port, seen by a process of
        this host."""
        count = 0
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                count += int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == state
        return count

    def wait_listening(self, program: Program, port: int, limit_s: float = 15) -> None:
        """Waits until a kernel listener is at port; it is there under the shim as well."""

        def listening() -> bool:
            if not program.running():
                raise Failure(
                    f"{program.name}: ended ({program.process.returncode}) before it listened\n"
                    f"{program.logs()}"
                )
            return self.sockets(program.pid, LISTEN, port) > 0

        wait_until(listening, f"{program.name} listens at port {port}", limit_s)

    def serve(self, port: int, *command: str, **more) -> Program:
        """Starts a server and waits until it listens."""
        program = self.start(*command, **more)
        self.wait_listening(program, port)
        return program

    def tcp_segments(self) -> int:
        """TCP segments that this host has sent and received, loopback included."""
        rows = [
            line.split()
            for line in self.space.read("/proc/net/snmp").splitlines()
            if line.startswith("Tcp:")
        ]
        values = dict(zip(rows[0][1:], rows[1][1:]))
        return int(values["InSegs"]) + int(values["OutSegs"])

    def each_segment_is_new(self) -> Callable[[], int]:
        """Returns a function that says how many TCP segments came since now."""
        start = self.tcp_segments()
        return lambda: self.tcp_segments() - start
