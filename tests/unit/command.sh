#!/bin/sh
# The trickles command line: statuses, messages, what `run` does to the environment, `ping` without anybody there.
# From the build folder, as `make check` runs it.
set -u
tmp=$(mktemp -d) || exit 99
peers=
trap '[ -z "$peers" ] || kill $peers; rm -rf "$tmp"' EXIT
srcdir=${srcdir:-$(dirname "$0")/../..}
bad=0

fail() {
    printf 'FAILED: %s\n' "$*"
    bad=1
}

# An installed tree in small: the executable (not libtool's wrapper) and a library beside it.
mkdir -p "$tmp/bin" "$tmp/lib" "$tmp/path"
real=$PWD/tools/.libs/trickles
[ -x "$real" ] || real=$PWD/tools/trickles
cp "$real" "$tmp/bin/trickles"
# What `run` does is the same for any library; this one can be loaded into programs that no sanitizer was built into.
cat >"$tmp/library.c" <<'EOF'
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void start(void)
{
    if (getenv("TRICKLES_DEBUG") != NULL)
        (void)!write(2, "loaded with TRICKLES_DEBUG\n", 27);
}
EOF
cc -shared -fPIC -o "$tmp/lib/libtrickles.so" "$tmp/library.c" || fail "no C compiler"
ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
export ASAN_OPTIONS
lib=$(realpath "$tmp/lib/libtrickles.so")
trickles=$tmp/bin/trickles
TRICKLES_SOCKET=$tmp/none.sock
export TRICKLES_SOCKET
unset LD_PRELOAD TRICKLES_DEBUG

# $1: status wanted; $2: what standard error must hold; the rest is the command.
expect() {
    want=$1
    words=$2
    shift 2
    "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    got=$?
    [ "$got" -eq "$want" ] || fail "'$*': status $got, not $want: $(cat "$tmp/err")"
    [ -z "$words" ] || grep -q -e "$words" "$tmp/err" ||
        fail "'$*': standard error lacks '$words': $(cat "$tmp/err")"
}

expect 2 'usage: trickles' "$trickles"
expect 2 "no command 'fly'" "$trickles" fly
expect 2 'trickles --help' "$trickles" --wings
expect 0 '' "$trickles" --version
grep -q '^trickles [0-9]' "$tmp/out" || fail "--version says '$(cat "$tmp/out")'"

# run
expect 125 'which program' "$trickles" run
expect 125 'run --help' "$trickles" run --wings
expect 127 'nothing-like-it: No such file' "$trickles" run nothing-like-it
: >"$tmp/path/plain"
expect 126 'Permission denied' "$trickles" run "$tmp/path/plain"
expect 3 '' "$trickles" run sh -c 'exit 3'
expect 0 '' "$trickles" run sh -c 'echo "$LD_PRELOAD $*"' sh -c --help
[ "$(cat "$tmp/out")" = "$lib -c --help" ] || fail "run: LD_PRELOAD and arguments are '$(cat "$tmp/out")'"
other=$(cc -print-file-name=libm.so.6)
expect 0 '' env LD_PRELOAD="$other" "$trickles" run sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$tmp/out")" = "$lib:$other" ] || fail "run: an LD_PRELOAD that was there became '$(cat "$tmp/out")'"
expect 0 '' "$trickles" run "$trickles" run sh -c 'echo "$LD_PRELOAD"'
[ "$(cat "$tmp/out")" = "$lib" ] || fail "run within run: '$(cat "$tmp/out")'"
expect 0 '' "$trickles" run --socket /x/y sh -c 'echo "$TRICKLES_SOCKET"'
[ "$(cat "$tmp/out")" = /x/y ] || fail "run --socket: '$(cat "$tmp/out")'"
mkdir -p "$tmp/sbin"
cp "$tmp/bin/trickles" "$tmp/sbin/trickled"
expect 0 '' "$trickles" run sh -c 'echo "$TRICKLES_DAEMON"'
[ "$(cat "$tmp/out")" = "$(realpath "$tmp/sbin/trickled")" ] || fail "run: TRICKLES_DAEMON is '$(cat "$tmp/out")'"
expect 0 '' env TRICKLES_DAEMON=/other "$trickles" run sh -c 'echo "$TRICKLES_DAEMON"'
[ "$(cat "$tmp/out")" = /other ] || fail "run: a TRICKLES_DAEMON that was there became '$(cat "$tmp/out")'"
expect 0 'loaded with TRICKLES_DEBUG' "$trickles" run --debug sh -c true

# Programs that cannot take part.
echo 'int main(void) { return 7; }' >"$tmp/seven.c"
cc -static -o "$tmp/path/seven" "$tmp/seven.c" || fail "no static C library (package libc6-dev)"
expect 7 "warning: $tmp/path/seven is statically linked" "$trickles" run "$tmp/path/seven"
expect 126 'not started' "$trickles" run --require "$tmp/path/seven"
expect 7 '' "$trickles" run --quiet "$tmp/path/seven"
[ -s "$tmp/err" ] && fail "run --quiet is not"
printf '#!%s\n' "$tmp/path/seven" >"$tmp/path/script"
chmod 755 "$tmp/path/script"
expect 7 "warning: $tmp/path/seven is statically" "$trickles" run "$tmp/path/script"
printf '#!/usr/bin/env -S seven\n' >"$tmp/path/script2"
chmod 755 "$tmp/path/script2"
expect 7 "warning: $tmp/path/seven is statically" env PATH="$tmp/path:$PATH" "$trickles" run script2
cc -o "$tmp/path/dynamic" "$tmp/seven.c"
expect 7 '' "$trickles" run --require "$tmp/path/dynamic"
[ -s "$tmp/err" ] && fail "run warns about an ordinary program: $(cat "$tmp/err")"
# A note such as the Go linker leaves.
cat >"$tmp/go.c" <<'EOF'
__asm__(".pushsection .note.go.buildid,\"a\",@note\n.long 4, 4, 4\n.ascii \"Go\\0\\0\"\n.long 0\n.popsection");
int main(void) { return 7; }
EOF
cc -o "$tmp/path/gopher" "$tmp/go.c"
expect 7 "gopher is a Go program" "$trickles" run "$tmp/path/gopher"
if [ "$(id -u)" -eq 0 ] && ! findmnt -nT "$tmp" -o OPTIONS | grep -q nosuid; then
    cp "$tmp/path/dynamic" "$tmp/path/other"
    chown nobody "$tmp/path/other"
    chmod 4755 "$tmp/path/other"
    chmod 755 "$tmp" "$tmp/path"
    expect 7 'other is set-user-ID' "$trickles" run "$tmp/path/other"
fi
rm "$tmp/lib/libtrickles.so"
if [ ! -e "$("$trickles" run sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)" ]; then
    expect 125 'libtrickles.so is neither' "$trickles" run true
fi

# keygen
expect 0 '' "$trickles" keygen
grep -Eqx '[0-9]+ [0-9a-f]{64}' "$tmp/out" || fail "keygen prints something else than a secret"
expect 0 '' "$trickles" keygen --out "$tmp/secret"
[ "$(stat -c %a "$tmp/secret")" = 600 ] || fail "the secret's mode is $(stat -c %a "$tmp/secret")"
expect 1 'secret' "$trickles" keygen "$tmp/secret"
expect 2 'one file' "$trickles" keygen a b
if [ -w /dev/full ]; then
    "$trickles" keygen >/dev/full 2>"$tmp/err" && fail "keygen to a full disk succeeds"
fi

# status and ping without a daemon
expect 1 'no daemon is running' "$trickles" status
expect 1 "$tmp/none.sock" "$trickles" status --json
expect 2 'which host' "$trickles" ping
expect 2 '--count must be a number' "$trickles" ping -c 0 127.0.0.1
expect 2 '' "$trickles" ping -c 1 no-such-host.invalid
expect 1 '' "$trickles" ping -c 2 -i 10 -W 200 -p 1 127.0.0.1
grep -q '2 probes sent, 0 answered, 100% lost' "$tmp/out" || fail "ping: $(cat "$tmp/out")"
grep -q 'refused' "$tmp/out" || fail "ping does not say that it was refused: $(cat "$tmp/out")"

# Starts a peer; its first line goes to $first.
peer() {
    mkfifo "$tmp/first"
    "$srcdir/tests/unit/command_peers.py" "$@" >"$tmp/first" &
    peers="$peers $!"
    read -r first <"$tmp/first" || fail "the peer did not start: $*"
    rm "$tmp/first"
}

# ping with a daemon there: the third probe is lost, a wrong nonce before the fifth is not taken for an answer.
peer udp
expect 0 '' "$trickles" ping -c 5 -i 1 -W 300 -p "$first" 127.0.0.1
grep -q '5 probes sent, 4 answered, 20% lost' "$tmp/out" || fail "ping: $(cat "$tmp/out")"
grep -q '^84 bytes from 127.0.0.1 .* seq=5 time=' "$tmp/out" || fail "ping: $(cat "$tmp/out")"
grep -q 'seq=3 no answer' "$tmp/out" || fail "ping: $(cat "$tmp/out")"
grep -Eq '^rtt min/avg/max/mdev = [0-9./]+ ms$' "$tmp/out" || fail "ping: $(cat "$tmp/out")"

# status with a daemon there.
peer control "$tmp/there.sock" '{"version":"9.9","pid":77,"port":842,"uptime_s":12,"connections":[
 {"role":"connect","program":"cu\u001brl","pid":4711,"state":"up","transport":"trickles","why":null,
  "local":"10.0.0.1:40000","remote":"10.0.0.2:80","rtt_us":40200,"window_pkts":54,
  "bytes_sent":79,"bytes_received":104857600},
 {"role":"accept","program":"nginx","pid":12,"state":"up","transport":"tcp","why":"no Trickles there",
  "local":"[::1]:80","remote":"[::1]:5000","rtt_us":0,"window_pkts":0,"bytes_sent":1536,"bytes_received":0},
 {"role":"listen","program":"nginx","pid":12,"state":"listening","local":"0.0.0.0:80","remote":"-"}]}'
expect 0 '' "$trickles" status --socket "$tmp/there.sock"
cat >"$tmp/want" <<'EOF'
trickled 9.9, pid 77, UDP port 842, up 12 s: 1 connection over Trickles, 1 over TCP, 1 listener
PROGRAM   PID  LOCAL           REMOTE       STATE        IN   OUT  WINDOW   RTT  CARRIER
cu?rl    4711  10.0.0.1:40000  10.0.0.2:80  up         100M    79      54  40ms  Trickles
nginx      12  [::1]:80        [::1]:5000   up            0  1.5K       -     -  TCP: no Trickles there
nginx      12  0.0.0.0:80      -            listening     -     -       -     -  -
EOF
diff "$tmp/want" "$tmp/out" || fail "status prints another table than (<) wanted"
expect 0 '' "$trickles" status --json --socket "$tmp/there.sock"
python3 -c 'import json, sys; assert json.load(sys.stdin)["connections"][0]["pid"] == 4711' <"$tmp/out" ||
    fail "status --json is not what the daemon told"
peer control "$tmp/odd.sock" '{"version"'
expect 1 'no JSON' "$trickles" status --socket "$tmp/odd.sock"

[ "$bad" -eq 0 ] && echo "the command behaves"
exit "$bad"
