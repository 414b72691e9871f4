#!/bin/sh
# demo_restart.sh: unmodified curl downloads from a server that keeps nothing, examples/httpd. In the middle the server's
# program and its host's daemon are killed, and started again a moment later; the download goes on. Called by ./quickstart,
# and by ./check as a test: it fails if the bytes differ, or if curl notices anything.
#
# Hosts, environment and cleaning up: as demo.sh.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
STAGE=${STAGE:-$here/build/stage}
mib=${DEMO_MIB:-200}
rate=${DEMO_RATE_MIB:-25}
. "$here/tools/demo.inc"
httpd=$STAGE/libexec/trickles/examples/httpd

start_httpd() {
    show server "httpd --root www --port $service &"
    start server httpd "$httpd" --root "$work/www" --port "$service"
    httpd_pid=${pids%% *}
    await httpd grep -q serving "$work/httpd.log"
}

# A third of the way: both are killed, with nothing that they could do about it.
killed=
look_at() {
    [ -z "$killed" ] && [ "$1" -ge $((mib / 3)) ] || return 0
    killed=yes
    echo
    show server 'kill -9 httpd trickled'
    kill -9 "$httpd_pid" "$daemon_pid"
    wait "$httpd_pid" "$daemon_pid" 2>/dev/null || true
    sleep 1
    printf '    a second later: %d MiB, and no server\n' $(($(size_of "$work/copy") / 1048576))
    start_daemon server "$server_port"
    start_httpd
    echo
}

begin "$httpd" curl sha256sum

say "1. A secret for the daemons, and a daemon on each side."
make_secret
start_daemon client "$client_port"
start_daemon server "$server_port"
daemon_pid=${pids%% *}

say "2. httpd, a static web server on the minisocket API. It serves a file of $mib MiB, and keeps nothing of its clients."
mkdir "$work/www"
head -c "${mib}M" /dev/urandom >"$work/www/file"
start_httpd

say "3. curl, as Debian ships it, held to $rate MiB/s. On the way, the server's programs are killed and started again."
show client "trickles run curl --limit-rate ${rate}M -O $url"
start client curl "$trickles" run curl -sS --fail --limit-rate "${rate}M" -o "$work/copy" \
    -w '%{size_download} bytes in %{time_total} s, %{num_connects} connection\n' "$url"
curl=${pids%% *}
watch_download
wait "$curl" || give_up "curl failed with status $?"
sed 's/^/    /' "$work/curl.log"
[ -n "$killed" ] || give_up "the download was over before anything could be killed"

say "4. Is it the same file?"
compare "$work/www/file" "$work/copy"
echo "    equal: one connection, served by two servers that know nothing of each other."
