#!/bin/sh
# The engine calls nothing of the system: the undefined symbols of lib/core, and of what it uses of lib/base, against a
# list. Run in the build folder.
set -eu

# What the compiler may put in by itself, and the copying that it knows.
allowed='memcpy memmove memset memcmp bcmp __stack_chk_fail _GLOBAL_OFFSET_TABLE_'
# How a broken invariant of our own ends the program (trk_panic in lib/base/err.c).
panic='abort fprintf __fprintf_chk fputs fwrite stderr'

case $(sed -n 's/^TRK_CFLAGS = //p' Makefile) in
    *-fsanitize* | *--coverage*) instrumented='^(__(asan|ubsan|tsan|sanitizer|sancov|gcov|llvm)_.*|__start___sancov.*|__stop___sancov.*|strlen)$' ;;
    *) instrumented='^$' ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# $1: symbols from nm -u, $2: allowed names. Prints those that are not.
foreign() {
    for symbol in $1; do
        case " $2 " in
            *" $symbol "*) ;;
            *) echo "$symbol" | grep -Ev "$instrumented" || true ;;
        esac
    done
}

undefined() {
    nm -u "$1" | sed -n 's/^ *[Uvw] //p' | sed 's/@.*//' | sort -u
}

# The scan must be able to fail.
[ "$(foreign 'memcpy malloc' "$allowed")" = malloc ] || { echo "the scan does not see malloc"; exit 1; }

# The engine alone: only itself, lib/base, and the list.
${LD:-ld} -r -o "$work/core.o" --whole-archive lib/core/.libs/libcore.a
said=$(foreign "$(undefined "$work/core.o" | grep -v '^trk_')" "$allowed")
# With what it pulls out of lib/base: nothing is left open, and only trk_panic touches the system.
${LD:-ld} -r -o "$work/all.o" --whole-archive lib/core/.libs/libcore.a --no-whole-archive lib/base/.libs/libbase.a
said="$said
$(foreign "$(undefined "$work/all.o")" "$allowed $panic")"

if [ -n "$(echo $said)" ]; then
    echo "lib/core calls what it may not:"
    echo "$said"
    exit 1
fi
