#!/bin/sh
# budget: 900
# Unit and simulation tests under the address and undefined-behaviour sanitizers, with the other compiler.
set -eu
cd "$SRC"
. tools/build.sh
. tests/stage.d/make_check.inc
build_configure "$BUILD/asan" --enable-werror --enable-sanitizers=address,undefined CC=clang
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 CK_TIMEOUT_MULTIPLIER=4
make_check "$BUILD/asan" TESTS="$(make_check_names "$BUILD/asan" '^tests/(unit|sim)/')"
