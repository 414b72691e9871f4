#!/bin/sh
# budget: 600
# The tarball builds out of tree from read-only source, passes make check, installs, and uninstalls without a trace.
set -eu
export SIM_NAMED=no # 24-sim runs them
export ROUNDS_DIVISOR=50 # of random rounds: 10-unit does them all
cd "$SRC"
make -s -C "$BUILD" -j"$(nproc)" distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror
