#!/bin/sh
# budget: 600
# make check: unit tests, vectors, properties, scans, fuzz corpora.
set -eu
. "$SRC/tests/stage.d/make_check.inc"
export SIM_NAMED=no # 24-sim runs them
make_check "$BUILD"
