#!/bin/sh
# Every page of section 3, and minisocket(7), has an example that is a whole program: compiled as a reader would do it,
# against what `make install` installs and through pkg-config, and run. From the build folder, as `make check` runs it.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
bad=0
done=0

fail() {
    printf 'FAILED: %s\n' "$*"
    bad=1
}

command -v pkg-config >/dev/null 2>&1 || {
    echo "pkg-config is missing (package pkgconf): examples cannot be compiled as their readers do it"
    exit 77
}

variable() {
    sed -n "s/^$1 = //p" Makefile | head -n 1
}

# The example of a page: what stands between .Bd -literal and .Ed in its section EXAMPLES, without the escapes of mdoc.
example() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$1" | sed -n '/^\.Bd -literal$/,/^\.Ed$/p' |
        sed -e '/^\.Bd/d' -e '/^\.Ed/d' -e 's/^\\&//' -e 's/\\e/\\/g'
}

free_port() {
    python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 0)); print(s.getsockname()[1])'
}

# Where it is not installed yet, for `make distcheck`.
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s DESTDIR="$tmp/root" install-mskincludeHEADERS install-pkgconfigDATA \
    install-libLTLIBRARIES >"$tmp/log" 2>&1 || {
    cat "$tmp/log"
    echo "FAILED: make install"
    exit 1
}
libdir=$(sed -n 's/^libdir=//p' lib/mini/minisocket.pc | sed -e "s|\${exec_prefix}|\${prefix}|" -e "s|\${prefix}|$(variable prefix)|")
PKG_CONFIG_SYSROOT_DIR=$tmp/root
PKG_CONFIG_PATH=$tmp/root$libdir/pkgconfig
LD_LIBRARY_PATH=$tmp/root$libdir
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH LD_LIBRARY_PATH
cc=$(variable CC)
sanitize=$(variable TRK_CFLAGS | grep -o -e '-fsanitize=[^ ]*' | tr '\n' ' ')

for page in "$srcdir"/man/*.3 "$srcdir/man/minisocket.7"; do
    name=$(basename "$page")
    example "$page" >"$tmp/$name.c"
    grep -q '^int main' "$tmp/$name.c" || {
        fail "$name: its section EXAMPLES holds no program"
        continue
    }
    if ! $cc $sanitize -std=gnu11 -Wall -Wextra -Werror -o "$tmp/$name.program" "$tmp/$name.c" \
        $(pkg-config --cflags --libs minisocket) 2>"$tmp/log"; then
        fail "$name: the example does not compile:"
        cat "$tmp/log"
        continue
    fi
    timeout 30 "$tmp/$name.program" "$(free_port)" >"$tmp/out" 2>"$tmp/log" </dev/null
    status=$?
    if [ "$status" -ne 0 ] || [ ! -s "$tmp/out" ] || [ -s "$tmp/log" ]; then
        fail "$name: the example ends with status $status, says '$(head -c 200 "$tmp/out")' and '$(head -c 2000 "$tmp/log")'"
    fi
    done=$((done + 1))
done

# Every call of the header has a page, its own or another's.
for call in $(sed -n 's/^MSK_API.*[ *]\(msk_[a-z_]*\)(.*/\1/p' "$srcdir/include/trickles/minisocket.h"); do
    grep -qx ".Fo $call" "$srcdir"/man/msk_*.3 || fail "$call is in no page"
    [ -f "$srcdir/man/$call.3" ] || grep -q " $call:msk_" "$srcdir/man/local.mk" ||
        fail "$call.3 is neither a page nor a link to one (man/local.mk)"
done

[ "$bad" -eq 0 ] && echo "$done examples compile and run"
exit "$bad"
