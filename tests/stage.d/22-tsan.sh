#!/bin/sh
# budget: 900
# The other compiler builds all; the unit tests that make threads run under its thread sanitizer.
set -eu
cd "$SRC"
. tools/build.sh
. tests/stage.d/make_check.inc
build_configure "$BUILD/tsan" --enable-werror --enable-sanitizers=thread CC=clang CFLAGS="-O1 -g"
export CK_TIMEOUT_MULTIPLIER=4
threaded=$(grep -l pthread_create tests/unit/test_*.c | sed 's/\.c$//' | tr '\n' ' ')
make_check "$BUILD/tsan" TESTS="$threaded"
