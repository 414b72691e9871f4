"""Where the tree under test is: from the environment that ./check sets, else build/ beside the
sources."""

import os
from pathlib import Path

SRC = Path(os.environ.get("SRC", Path(__file__).resolve().parents[3]))
BUILD = Path(os.environ.get("BUILD", SRC / "build")).resolve()
STAGE = Path(os.environ.get("STAGE", BUILD / "stage")).resolve()
PEERS = Path(__file__).resolve().parents[1] / "peers"
LINKEMU = BUILD / "tests/net/linkemu"
CONFORM = BUILD / "tests/net/trk-conform"
LOGS = BUILD / "check/net"
