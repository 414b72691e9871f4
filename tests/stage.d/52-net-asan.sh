#!/bin/sh
# budget: 300
# One end-to-end run with both daemons under AddressSanitizer, and hostile services beside one.
set -eu
if [ -z "${ASAN_STAGE:-}" ]; then
    echo "SKIP: ASAN_STAGE is not set; 20-asan.sh installs that tree"
    exit 77
fi
exec "$SRC/tests/net/run.py" asan-end-to-end stateless-hostile-services
