#!/bin/sh
# budget: 180
# The demonstration that ./quickstart shows: it must work, say what it says, and leave nothing behind. As root with two
# namespaces; and as a user on loopback.
set -eu
passed=0
failed=0

# Programs and namespaces of a demonstration, whoever left them.
leftovers() {
    ip netns list | grep trickles-demo || true
    ls -d "${TMPDIR:-/tmp}"/trickles-demo.* 2>/dev/null || true
    ps -eo pid,args | grep '[t]rickles-demo' || true
}

# $1: name, $2: what its output must say, lines of extended regular expressions; the rest is how to run it.
demo() {
    name=$1
    must=$2
    shift 2
    out=$BUILD/check/demo-$name.out
    before=$(leftovers)
    if [ -n "$before" ]; then
        echo "$name: another demonstration is under way or has left something: $before"
        failed=$((failed + 1))
        return
    fi
    if "$@" >"$out" 2>&1 && says "$out" "$must"; then
        passed=$((passed + 1))
        sed -n 's/^/    /; /of .* MiB$/d; p' "$out"
    else
        echo "---- $name"
        tail -n 60 "$out"
        failed=$((failed + 1))
    fi
    after=$(leftovers)
    if [ -n "$after" ]; then
        echo "$name: left behind: $after"
        failed=$((failed + 1))
    fi
}

# $1: file, $2: lines of expressions, each of which must match.
says() {
    echo "$2" | while read -r expression; do
        grep -Eq -e "$expression" "$1" || { echo "not in $1: $expression"; exit 1; }
    done
}

unmodified='curl .* Trickles$
equal, and it went over Trickles
3 probes sent, 3 answered'
restart='a second later: [0-9]+ MiB, and no server
^    62914560 bytes in .* 1 connection$
equal: one connection, served by two servers'

demo two-hosts "$unmodified" "$SRC/tools/demo.sh"
demo restart "$restart" env DEMO_MIB=60 "$SRC/tools/demo_restart.sh"
# The sources and the tree may be where only root can go: a user gets copies.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -a "$STAGE" "$copy/stage"
mkdir "$copy/tools" "$copy/tmp"
cp "$SRC"/tools/demo* "$copy/tools"
chmod 755 "$copy"
chmod 1777 "$copy/tmp"
if [ "$(id -u)" -eq 0 ]; then
    user() {
        setpriv --reuid nobody --regid nogroup --clear-groups "$@"
    }
else
    user() {
        "$@"
    }
fi
demo loopback "$unmodified" user env STAGE="$copy/stage" TMPDIR="$copy/tmp" DEMO_MIB=60 "$copy/tools/demo.sh"
demo restart-loopback "$restart" user env STAGE="$copy/stage" TMPDIR="$copy/tmp" DEMO_MIB=60 \
    "$copy/tools/demo_restart.sh"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
