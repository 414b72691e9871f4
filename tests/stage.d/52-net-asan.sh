#!/bin/sh
# budget: 600
# One end-to-end run with both daemons, and the programs under the shim, under AddressSanitizer. gcc's: its runtime is a
# library of its own, which can be put in front of the shim.
set -eu
cd "$SRC"
. tools/build.sh
folder=$BUILD/asan-net
build_configure "$folder" --prefix="$folder/stage" --enable-sanitizers=address,undefined CC=gcc
make -s -C "$folder" -j"$BUILD_JOBS"
make -s -C "$folder" install
ASAN_STAGE=$folder/stage
export ASAN_STAGE
exec "$SRC/tests/net/run.py" asan-end-to-end
