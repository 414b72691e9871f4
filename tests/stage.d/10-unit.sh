#!/bin/sh
# budget: 600
# make check: unit tests, vectors, properties, scans, fuzz corpora.
set -eu
. "$SRC/tests/stage.d/make_check.inc"
make_check "$BUILD"
