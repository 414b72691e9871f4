#!/bin/sh
# budget: 1800
# Every fuzz target tests/fuzz/fuzz_*.c for FUZZ_SECONDS (45), from the seeds that it makes and its corpus
# tests/fuzz/corpus/<name>, as many at once as there are processors. A finding is left in build/fuzz/found.
set -eu
cd "$SRC"
. tools/build.sh
seconds=${FUZZ_SECONDS:-45}
set -- tests/fuzz/fuzz_*.c
if [ ! -e "$1" ]; then
    echo "there are no fuzz targets in this tree"
    echo "0 passed, 0 failed"
    exit 0
fi
build_configure "$BUILD/fuzz" --enable-werror --enable-fuzzers CC=clang
make -s -C "$BUILD/fuzz" -j"$BUILD_JOBS" $(for source in "$@"; do
    name=$(basename "$source" .c)
    echo "tests/fuzz/$name" "tests/fuzz/replay_${name#fuzz_}"
done)
found=$BUILD/fuzz/found
work=$BUILD/fuzz/work
rm -rf "$found" "$work"
mkdir -p "$found" "$work"

# $1: target's name. Leaves <name>.ok in work.
fuzz() {
    program=$BUILD/fuzz/tests/fuzz/$1
    corpus=$SRC/tests/fuzz/corpus/$1
    mkdir -p "$work/$1"
    [ -d "$corpus" ] || corpus=
    "$BUILD/fuzz/tests/fuzz/replay_${1#fuzz_}" --write "$work/$1" >"$work/$1.log" 2>&1 || return
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$found/$1-" "$work/$1" ${corpus:+"$corpus"} >"$work/$1.log" 2>&1 &&
        : >"$work/$1.ok"
}

running=0
for source in "$@"; do
    fuzz "$(basename "$source" .c)" &
    running=$((running + 1))
    if [ "$running" -ge "$BUILD_JOBS" ]; then
        wait
        running=0
    fi
done
wait

passed=0
failed=0
for source in "$@"; do
    name=$(basename "$source" .c)
    if [ -e "$work/$name.ok" ]; then
        passed=$((passed + 1))
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs, nothing found"
    else
        failed=$((failed + 1))
        echo "---- $name"
        tail -n 30 "$work/$name.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
