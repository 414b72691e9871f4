#!/bin/sh
# budget: 900
# Unit and simulation tests under the address and undefined-behaviour sanitizers. The tree is installed in build/asan/stage
# too, for end-to-end runs; by gcc, whose shared run time can be preloaded into programs that were not built with it.
set -eu
cd "$SRC"
. tools/build.sh
. tests/stage.d/make_check.inc
build_configure "$BUILD/asan" CFLAGS="-O1 -g" --prefix="$BUILD/asan/stage" --enable-werror --enable-sanitizers=address,undefined
make -s -C "$BUILD/asan" -j"$BUILD_JOBS"
make -s -C "$BUILD/asan" install
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 CK_TIMEOUT_MULTIPLIER=4
export ROUNDS_DIVISOR=8 # of random rounds: 10-unit does them all
make_tests "$BUILD/asan" "$(make_check_names "$BUILD/asan" '^tests/(unit|sim|examples)/')"
