#!/bin/sh
# Manual pages: every one in man/ lints clean and is in the list of what is installed; every program's --help and page
# name the same options. Needs mandoc. Arguments: none; from the build folder, as `make check` runs it.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
build=$PWD
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
bad=0

fail() {
    printf 'FAILED: %s\n' "$*"
    bad=1
}

command -v mandoc >/dev/null 2>&1 || {
    echo "mandoc is missing (package mandoc): pages cannot be checked"
    exit 77
}

for page in "$srcdir"/man/*.[1-8]; do
    name=$(basename "$page")
    if ! mandoc -T lint -W warning "$page" >"$tmp/lint" 2>&1; then
        fail "$name does not lint clean:"
        cat "$tmp/lint"
    fi
    grep -q "^dist_man_MANS += .*/$name\$" "$srcdir/man/local.mk" || fail "$name is not in man/local.mk"
done

# Long options that a help text shows: "  -c, --count N   ..." and "      --help ...".
options_of_help() {
    sed -n 's/^  *\(-[^-], \)\{0,1\}--\([a-z0-9-]*\).*/\2/p' | sort -u
}

# Long options that a page describes: ".It Fl c , Fl -count Ar n", ".It Fl c Ar n , Fl -count Ar n", ".It Fl -help".
options_of_page() {
    sed -n 's/^\.It \(Fl [^-] \(Ar [^ ]* \)\{0,1\}, \)\{0,1\}Fl -\([a-z0-9-]*\).*/\3/p' "$1" | sort -u
}

# Short ones, with the long one that they go with.
pairs_of_help() {
    sed -n 's/^  *-\([^-]\), --\([a-z0-9-]*\).*/\1 \2/p' | sort -u
}

pairs_of_page() {
    sed -n 's/^\.It Fl \([^-]\) \(Ar [^ ]* \)\{0,1\}, Fl -\([a-z0-9-]*\).*/\1 \3/p' "$1" | sort -u
}

# $1: page; the help text is in $tmp/help.
compare() {
    [ -s "$tmp/help" ] || fail "$1: the program has no help"
    options_of_help <"$tmp/help" >"$tmp/a"
    options_of_page "$srcdir/man/$1" >"$tmp/b"
    [ -s "$tmp/a" ] || fail "$1: no options found in the help text"
    diff "$tmp/a" "$tmp/b" >"$tmp/diff" || {
        fail "$1: options in --help (<) and in the page (>) differ:"
        cat "$tmp/diff"
    }
    pairs_of_help <"$tmp/help" >"$tmp/a"
    pairs_of_page "$srcdir/man/$1" >"$tmp/b"
    diff "$tmp/a" "$tmp/b" >"$tmp/diff" || {
        fail "$1: short options in --help (<) and in the page (>) differ:"
        cat "$tmp/diff"
    }
}

"$build/tools/trickles" --help >"$tmp/help" || fail "trickles --help: status $?"
for command in $(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' "$tmp/help"); do
    "$build/tools/trickles" "$command" --help >>"$tmp/help" || fail "trickles $command --help: status $?"
    grep -q "^\.Ss $command\$" "$srcdir/man/trickles.1" || fail "trickles.1 has no section $command"
done
compare trickles.1

if [ -f "$srcdir/man/trickled.8" ] || [ -x "$build/daemon/trickled" ]; then
    "$build/daemon/trickled" --help >"$tmp/help" || fail "trickled --help: status $?"
    compare trickled.8
fi

# Not there if configured with --disable-examples.
for program in $(sed -n 's/^examplesexec_PROGRAMS = *//p' "$srcdir/examples/local.mk" | sed 's|%D%/||g'); do
    grep -q '^#examplesexec_PROGRAMS' Makefile && break
    "$build/examples/$program" --help >"$tmp/help" || fail "$program --help: status $?"
    compare "trickles-$program.1"
done

[ "$bad" -eq 0 ] && echo "pages and help texts agree"
exit "$bad"
