#!/bin/sh
# budget: 900
# Real programs over real networks, under the shim; and the link emulator, which the scenarios judge by, on plain
# datagrams (tests/net/README). What waits, for two minutes of silence or for slow links, waits beside the others.
set -eu
unset ASAN_STAGE # 52-net-asan.sh uses it
waits="host-lost $("$SRC/tests/net/run.py" --list | sed -n 's/^\(link-[^ ]*\).*/\1/p' | tr '\n' ' ')"
beside=$BUILD/check/50-net-beside.log
"$SRC/tests/net/run.py" $waits >"$beside" 2>&1 &
waiting=$!
trap 'kill "$waiting" 2>/dev/null || true' EXIT
out=$BUILD/check/50-net-others.log
"$SRC/tests/net/run.py" $(printf -- '--without %s ' $waits) >"$out" 2>&1 || true
wait "$waiting" || true
cat "$out" "$beside"
cat "$out" "$beside" | awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; runs++ }
    END { if (runs != 2) failed++; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
