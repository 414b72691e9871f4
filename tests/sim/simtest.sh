#!/bin/sh
# In make check: some drawn scenarios, the named runs (unless SIM_NAMED=no), the allocation sweep. ./check runs more of them.
set -eu
tests/sim/simrun --seeds "${SIM_SEEDS:-200}"
[ "${SIM_NAMED:-yes}" = no ] || tests/sim/simrun --named
tests/sim/simrun --alloc-sweep
