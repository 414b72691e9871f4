#!/bin/sh
# budget: 300
# 1,000 drawn scenarios in virtual time, the named runs, the allocation sweep, and goodput beside a TCP Reno.
# SIM_SEEDS and SIM_FROM choose others; a failed one is had again by its seed: build/tests/sim/simrun --seed N --trace.
set -eu
passed=0
failed=0
for run in "--seeds ${SIM_SEEDS:-1000} --from ${SIM_FROM:-1}" --named --alloc-sweep --table; do
    if "$BUILD/tests/sim/simrun" $run; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
