"""A program that runs in a namespace: its log, its end, and never a survivor."""

import ctypes
import os
import signal
import subprocess
from pathlib import Path
from typing import Mapping, Optional, Sequence

from .errors import Failure, wait_until

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """In a child before exec: a killed harness must not leave it behind."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log, for messages."""
    if not path.exists():
        return "(no log)"
    text = path.read_text(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:]) or "    (empty)"


class Program:
    """A started program. Its standard output and error go to files in the scenario's log folder."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        env: Optional[Mapping[str, str]] = None,
        stdin: Optional[int] = None,
    ) -> None:
        """Starts command at once; env is added to ours. log is the path without suffix."""
        self.name = log.name
        self.out, self.err = log.with_suffix(".out"), log.with_suffix(".err")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
                preexec_fn=die_with_parent,
            )
        self.pid = self.process.pid

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def wait(self, limit_s: float) -> int:
        """Its exit status (negative: the signal); fails if it takes longer."""
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise Failure(
                f"{self.name}: still running after {limit_s:g} s\n{self.logs()}"
            ) from None

    def succeed(self, limit_s: float) -> str:
        """Waits for exit status 0 and returns its standard output."""
        status = self.wait(limit_s)
        if status != 0:
            raise Failure(f"{self.name}: exit status {status}\n{self.logs()}")
        return self.stdout()

    def stdout(self) -> str:
        """What it has written to standard output so far."""
        return self.out.read_text(errors="replace")

    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return self.err.read_text(errors="replace")

    def logs(self) -> str:
        """The ends of both logs."""
        return f"  {self.err.name}:\n{tail(self.err)}\n  {self.out.name}:\n{tail(self.out)}"

    def wait_output(self, text: str, limit_s: float = 10) -> None:
        """Waits until text is in its standard output; fails at once if it ends without."""

        def seen() -> bool:
            if text in self.stdout():
                return True
            if not self.running() and text not in self.stdout():
                raise Failure(
                    f"{self.name}: ended ({self.process.returncode}) before {text!r}\n{self.logs()}"
                )
            return False

        wait_until(seen, f"{self.name}: output {text!r}", limit_s)

    def kill(self, signo: int = signal.SIGKILL, limit_s: float = 10) -> int:
        """Sends a signal and waits for the end."""
        if self.running():
            self.process.send_signal(signo)
        return self.wait(limit_s)

    def fds(self) -> int:
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_kib(self) -> int:
        """Its resident memory in KiB."""
        return self._memory_kib("VmRSS:")

    def peak_rss_kib(self) -> int:
        """The most that its resident memory ever was, in KiB."""
        return self._memory_kib("VmHWM:")

    def _memory_kib(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
        raise Failure(f"{self.name}: no {field}")
