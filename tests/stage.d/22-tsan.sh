#!/bin/sh
# budget: 900
# The whole tree with the other compiler, and those unit tests that have threads under the thread sanitizer.
set -eu
cd "$SRC"
. tools/build.sh
. tests/stage.d/make_check.inc
build_configure "$BUILD/tsan" --enable-werror --enable-sanitizers=thread CC=clang
export CK_TIMEOUT_MULTIPLIER=4 ROUNDS_DIVISOR=50
threaded=$(grep -l pthread_create tests/unit/test_*.c | sed 's/\.c$//' | tr '\n' '|')
make_check "$BUILD/tsan" TESTS="$(make_check_names "$BUILD/tsan" "^(${threaded%|})\$")"
