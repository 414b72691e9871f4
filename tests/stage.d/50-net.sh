#!/bin/sh
# budget: 900
# Real programs over real networks, under the shim; and the link emulator, which the scenarios judge by, on plain
# datagrams (tests/net/README).
set -eu
unset ASAN_STAGE # 52-net-asan.sh uses it
exec "$SRC/tests/net/run.py"
