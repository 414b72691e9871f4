#!/bin/sh
# budget: 900
# Unit tests under valgrind: reads of memory never written, which the sanitizers do not see, and leaks.
set -eu
cd "$SRC"
. tests/stage.d/make_check.inc
export CK_TIMEOUT_MULTIPLIER=20 ROUNDS_DIVISOR=100
# Check runs each test in a forked child: the child's exit status carries what valgrind found to it.
make_tests "$BUILD" "$(make_check_names "$BUILD" '^tests/unit/test_')" \
    LOG_COMPILER="./libtool --mode=execute valgrind --quiet --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect"
