#!/bin/sh
# budget: 600
# Drawn scenarios under valgrind: reads of memory never written, in the engines, over every fault.
set -eu
valgrind --quiet --error-exitcode=99 --leak-check=full "$BUILD/tests/sim/simrun" --seeds 60 --from 5000
valgrind --quiet --error-exitcode=99 --leak-check=full "$BUILD/tests/sim/simrun" --name altered
echo "2 passed, 0 failed"
