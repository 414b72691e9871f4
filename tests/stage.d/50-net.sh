#!/bin/sh
# Real programs over real networks, under the shim (tests/net/README). ./check sets STAGE, BUILD and SRC, and ASAN_STAGE
# where there is a tree built with AddressSanitizer.
set -eu
: "${STAGE:?}" "${BUILD:?}" "${SRC:?}"

# The scenarios judge by the emulator, so that is judged first, on kernel TCP and plain datagrams.
"$SRC/tests/net/run.py" --mode tcp emulator-accuracy

if [ -n "${ASAN_STAGE:-}" ]; then
    "$SRC/tests/net/run.py" --mode trk asan-end-to-end
fi
unset ASAN_STAGE
exec "$SRC/tests/net/run.py" --mode trk
