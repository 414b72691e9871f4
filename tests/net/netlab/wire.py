"""What joins two hosts: a veth pair, or the link emulator."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

from .paths import LINKEMU
from .program import Program
from .space import Namespace, ip

DEVICE = "link0"
OFFLOADS = {
    None: {},
    "nooff": {"tso": "off", "gso": "off", "tx-udp-segmentation": "off", "gro": "off"},
    "groon": {"tso": "off", "gso": "off", "tx-udp-segmentation": "off", "gro": "on"},
}


@dataclass
class Veth:
    """A veth pair, MTU 1500; offloads: None leaves the defaults, nooff and groon make it like a
    wire."""

    offloads: Optional[str] = None

    def join(self, a: Namespace, b: Namespace, _log: Path, _seed: int) -> None:
        """Makes the pair, up."""
        ip(
            "link",
            "add",
            DEVICE,
            "netns",
            a.name,
            "type",
            "veth",
            "peer",
            "name",
            DEVICE,
            "netns",
            b.name,
        )
        for space in (a, b):
            for feature, state in OFFLOADS[self.offloads].items():
                subprocess.run(
                    space.command("ethtool", "-K", DEVICE, feature, state),
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            ip("-n", space.name, "link", "set", DEVICE, "up")

    def leave(self) -> None:
        """Nothing: it goes with the namespaces."""

    def counters(self) -> Dict[str, Dict[str, float]]:
        """None."""
        return {}


class Emulated:
    """The link emulator. Settings are its options: rate="20M", delay="20ms", ab_loss="1"."""

    def __init__(self, **settings: str) -> None:
        self.settings = settings
        self.program: Optional[Program] = None

    def join(self, a: Namespace, b: Namespace, log: Path, seed: int) -> None:
        """Starts the emulator and waits until both devices are there."""
        command = [
            str(LINKEMU),
            "--ns-a",
            a.name,
            "--ns-b",
            b.name,
            "--device",
            DEVICE,
            "--seed",
            str(seed),
        ]
        for name, value in self.settings.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.program = Program(command, log / "linkemu")
        self.program.wait_output("ready")

    def leave(self) -> None:
        """Ends the emulator, which writes its counters to its log."""
        if self.program is not None:
            self.program.kill(signal.SIGTERM)

    def counters(self) -> Dict[str, Dict[str, float]]:
        """The last counters in the log, by direction (a->b, b->a); complete once it has ended."""
        found: Dict[str, Dict[str, float]] = {}
        for line in self.program.stderr().splitlines() if self.program else []:
            direction, *fields = line.split()
            if direction in ("a->b", "b->a"):
                found[direction] = {k: float(v) for k, v in (f.split("=") for f in fields)}
        return found
