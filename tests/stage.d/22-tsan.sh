#!/bin/sh
# budget: 900
# Unit tests under the thread sanitizer, with the other compiler.
set -eu
cd "$SRC"
. tools/build.sh
. tests/stage.d/make_check.inc
build_configure "$BUILD/tsan" --enable-werror --enable-sanitizers=thread CC=clang
export CK_TIMEOUT_MULTIPLIER=4 ROUNDS_DIVISOR=50
make_check "$BUILD/tsan" TESTS="$(make_check_names "$BUILD/tsan" '^tests/unit/test_')"
