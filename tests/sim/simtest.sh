#!/bin/sh
# In make check: some drawn scenarios, the named runs, the allocation sweep. ./check runs more of them.
set -eu
tests/sim/simrun --seeds "${SIM_SEEDS:-200}"
tests/sim/simrun --named
tests/sim/simrun --alloc-sweep
