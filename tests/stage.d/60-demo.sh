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

# $1: name; the rest is how to run it.
demo() {
    name=$1
    shift
    out=$BUILD/check/demo-$name.out
    before=$(leftovers)
    if [ -n "$before" ]; then
        echo "$name: another demonstration is under way or has left something: $before"
        failed=$((failed + 1))
        return
    fi
    if "$@" >"$out" 2>&1 && grep -q 'curl .* Trickles$' "$out" && grep -q 'equal, and it went over Trickles' "$out" &&
        grep -q '3 probes sent, 3 answered' "$out"; then
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

demo two-hosts "$SRC/tools/demo.sh"
# The sources and the tree may be where only root can go: a user gets copies.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -a "$STAGE" "$copy/stage"
mkdir "$copy/tools" "$copy/tmp"
cp "$SRC/tools/demo.sh" "$copy/tools/demo.sh"
chmod 755 "$copy"
chmod 1777 "$copy/tmp"
if [ "$(id -u)" -eq 0 ]; then
    demo loopback setpriv --reuid nobody --regid nogroup --clear-groups env STAGE="$copy/stage" TMPDIR="$copy/tmp" \
        DEMO_MIB=60 "$copy/tools/demo.sh"
else
    demo loopback env STAGE="$copy/stage" DEMO_MIB=60 "$copy/tools/demo.sh"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
