"""Network namespaces: made with names of this run, removed with all that runs inside."""

import os
import signal
import subprocess
from pathlib import Path
from typing import List

NETNS = Path("/run/netns")


def ip(*arguments: str) -> str:
    """Runs ip(8) and returns its output; an error is an exception with its message."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """One namespace, with loopback up."""

    def __init__(self, name: str) -> None:
        """name must be unused."""
        self.name = name
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")

    def command(self, *program: str) -> List[str]:
        """The command line that runs program inside; it replaces ip(8), so the pid is the
        program's."""
        return ["ip", "netns", "exec", self.name, *program]

    def read(self, path: str) -> str:
        """Reads a file as seen inside (/proc/net, /proc/sys/net)."""
        return subprocess.run(
            self.command("cat", path), capture_output=True, text=True, check=True
        ).stdout

    def sysctl(self, name: str, value: str) -> None:
        """Sets net.ipv4.x and the like, inside only."""
        path = "/proc/sys/" + name.replace(".", "/")
        subprocess.run(self.command("sh", "-c", 'echo "$1" > "$2"', "sh", value, path), check=True)

    def pids(self) -> List[int]:
        """Every process inside."""
        return [int(p) for p in ip("netns", "pids", self.name).split()]

    def remove(self) -> None:
        """Kills what still runs inside (our own programs and their children only) and removes
        it."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        ip("netns", "del", self.name)


def sweep(prefix: str) -> None:
    """Removes namespaces named prefix<pid>-... whose run is dead: the remains of a killed
    harness."""
    for path in NETNS.glob(prefix + "*-*") if NETNS.exists() else []:
        owner = path.name[len(prefix) :].split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            stale = Namespace.__new__(Namespace)
            stale.name = path.name
            stale.remove()
