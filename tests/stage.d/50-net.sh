#!/bin/sh
# budget: 900
# Real programs over real networks, under the shim; and the link emulator, which the scenarios judge by, on plain
# datagrams (tests/net/README).
set -eu
exec "$SRC/tests/net/run.py"
