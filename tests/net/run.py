#!/usr/bin/env python3
"""Runs the network scenarios; see tests/net/README."""

import argparse
import importlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import List

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from netlab import Failure, Lab  # noqa: E402
from netlab.lab import PREFIX, sweep_work  # noqa: E402
from netlab.paths import LINKEMU, LOGS, STAGE  # noqa: E402
from netlab.registry import MODES, SCENARIOS, Scenario  # noqa: E402
from netlab.space import sweep  # noqa: E402

CANNOT_RUN = 77


class TimeUp(Failure):
    """The scenario's limit is over."""


def on_alarm(_signo, _frame) -> None:
    """SIGALRM: this scenario took too long."""
    raise TimeUp("the scenario's time limit is over")


def on_term(_signo, _frame) -> None:
    """SIGTERM: leave by the way that cleans up."""
    raise KeyboardInterrupt


def load() -> None:
    """Imports every file of scenarios/, which registers what is in it."""
    for path in sorted((Path(__file__).parent / "scenarios").glob("[a-z]*.py")):
        importlib.import_module(f"scenarios.{path.stem}")


def run_one(item: Scenario, mode: str, seed: int) -> bool:
    """Runs a scenario in one mode and prints its line."""
    log = LOGS / f"{item.name}-{mode}"
    start, error = time.monotonic(), None
    signal.alarm(item.limit_s)
    try:
        with Lab(mode, log, seed) as lab:
            try:
                item.run(lab)
                lab.finish()
            finally:
                signal.alarm(0)  # nothing may interrupt the cleaning up
    except Exception as problem:  # pylint: disable=broad-except
        error = problem
        (log / "traceback").write_text(traceback.format_exc())
    seconds = time.monotonic() - start
    print(f"{'FAIL' if error else 'ok  '} {item.name:<34} {mode} {seconds:6.1f} s", flush=True)
    if error:
        print(f"  seed {seed}, logs in {log}\n  {type(error).__name__}: {error}", flush=True)
    return error is None


def modes_of(item: Scenario, wanted: str) -> List[str]:
    """The modes that a scenario runs in; check is trk, or tcp for what exists there only."""
    if wanted == "check":
        return ["trk" if "trk" in item.modes else "tcp"]
    return [mode for mode in item.modes if wanted in (mode, "both")]


def choose(names: List[str], wanted: str) -> list:
    """(scenario, mode) pairs to run, in order; an unknown name is an error."""
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        sys.exit(f"run.py: no such scenario: {' '.join(unknown)} (--list shows them)")
    chosen = [SCENARIOS[name] for name in names] or list(SCENARIOS.values())
    return [(item, mode) for item in chosen for mode in modes_of(item, wanted)]


def refuse_without_means() -> None:
    """Ends with 77 and the reason if scenarios cannot run here at all."""
    missing = (
        "root"
        if os.geteuid() != 0
        else "/dev/net/tun"
        if not os.path.exists("/dev/net/tun")
        else None
    )
    if missing is None and not LINKEMU.exists():
        missing = f"{LINKEMU} (make)"
    if missing:
        print(f"SKIP: network scenarios need {missing}")
        sys.exit(CANNOT_RUN)


def main() -> int:
    """Command line; the exit status is 0 only if everything passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--mode",
        choices=["check", *MODES, "both"],
        default="check",
        help="tcp: kernel TCP; trk: under the shim; both: one after the other; "
        "check (default): trk, and tcp for what exists only there",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=int(time.time()) % 1000000,
        help="seed of all chance (default: the clock)",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="all but this scenario"
    )
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios (default: all)")
    options = parser.parse_args()
    load()
    if options.list:
        for item in SCENARIOS.values():
            print(f"{item.name:<34} {','.join(item.modes):<8} {item.summary}")
        return 0
    refuse_without_means()
    names = options.names or [name for name in SCENARIOS if name not in options.without]
    pairs = choose(names, options.mode)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_term)
    sweep(PREFIX)
    sweep_work()
    print(f"network scenarios: seed {options.seed}, stage {STAGE}", flush=True)
    results = [run_one(item, mode, options.seed) for item, mode in pairs]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("run.py: interrupted")
