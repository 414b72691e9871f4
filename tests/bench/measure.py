"""Runs that alternate between kernel TCP and the shim, their medians and ratios, as a table and
as JSON."""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))

from netlab import Lab  # noqa: E402
from netlab.lab import PREFIX  # noqa: E402
from netlab.paths import BUILD  # noqa: E402
from netlab.space import sweep  # noqa: E402

HEADER = (
    f"{'test':<44} {'unit':<7} {'kernel TCP':>10} {'(min - max)':>21}"
    f" {'shim':>10} {'(min - max)':>21} {'ratio':>6} {'goal':>5}"
)


def options(about: str, runs: int) -> argparse.Namespace:
    """The command line that every benchmark has; runs is the default of --runs."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--runs", type=int, default=runs, help="runs of each, alternated (default: %(default)s)"
    )
    parser.add_argument("--only", default="", help="only tests whose name contains this")
    parser.add_argument("--mode", choices=["both", "tcp", "trk"], default="both")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Bench:
    """Collects results; each test is a function of a Lab that is given fresh for every run."""

    def __init__(self, name: str, about: str, runs: int = 3) -> None:
        """name is that of the JSON file below build/bench/; runs of each unless told otherwise."""
        self.name, self.options = name, options(about, runs)
        self.modes = ["tcp", "trk"] if self.options.mode == "both" else [self.options.mode]
        self.results: List[dict] = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        sweep(PREFIX)
        print(
            f"{about}\n{platform.release()}, {os.cpu_count()} cores, "
            f"{self.options.runs} runs each, alternated; medians"
        )
        print(HEADER, flush=True)

    def measure(
        self, test: str, unit: str, goal: Optional[float], run: Callable[[Lab], float]
    ) -> None:
        """Runs one test in both modes in turn, and prints its line. run returns a figure of
        which more is better."""
        if self.options.only not in test:
            return
        figures: Dict[str, List[float]] = {mode: [] for mode in self.modes}
        for number in range(self.options.runs):
            for mode in self.modes:
                folder = test.replace(" ", "-").replace("/", "-")
                log = BUILD / "bench" / self.name / f"{folder}-{mode}"
                with Lab(mode, log, self.options.seed + number) as lab:
                    figures[mode].append(run(lab))
                    lab.finish()
        self.report(test, unit, goal, figures)

    def report(
        self, test: str, unit: str, goal: Optional[float], figures: Dict[str, List[float]]
    ) -> None:
        """One line of the table."""
        cells = ""
        for mode in ("tcp", "trk"):
            runs = figures.get(mode)
            span = f"({min(runs):.1f} - {max(runs):.1f})" if runs else ""
            cells += (
                f" {statistics.median(runs):>10.1f} {span:>21}" if runs else f" {'-':>10} {'':>21}"
            )
        ratio = None
        if figures.get("tcp") and figures.get("trk"):
            ratio = statistics.median(figures["trk"]) / statistics.median(figures["tcp"])
        verdict = "" if ratio is None or goal is None else "  met" if ratio >= goal else "  MISSED"
        shown = "-" if ratio is None else format(ratio, ".2f")
        print(
            f"{test:<44} {unit:<7}{cells} {shown:>6} {goal or '-':>5}{verdict}",
            flush=True,
        )
        self.results.append(
            {"test": test, "unit": unit, "goal": goal, "ratio": ratio, "runs": figures}
        )

    def close(self) -> None:
        """Writes the JSON file."""
        path = BUILD / "bench" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {
                    "when": time.strftime("%F %T"),
                    "kernel": platform.release(),
                    "results": self.results,
                },
                indent=1,
            )
            + "\n"
        )
        print(f"figures: {path}")
