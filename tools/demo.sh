#!/bin/sh
# demo.sh: unmodified curl downloads from unmodified nginx over Trickles, with a look at it in the middle. Called by
# ./quickstart, and by ./check as a test: it fails if the bytes differ, or if they did not go over Trickles.
#
# As root, where the kernel lets it: two hosts, as network namespaces joined by a cable. Else: two daemons on loopback.
# Everything it starts and makes is gone afterwards. Environment: STAGE, the installed tree (build/stage beside this
# folder); DEMO_MIB, size of the file (200); DEMO_RATE_MIB, MiB/s that curl is held to, so that there is something to see
# (25).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
STAGE=${STAGE:-$here/build/stage}
mib=${DEMO_MIB:-200}
rate=${DEMO_RATE_MIB:-25}
trickles=$STAGE/bin/trickles
trickled=$STAGE/sbin/trickled
work=
pids=
spaces=

say() {
    printf '\n%s\n' "$*"
}

# Shows a command as one would type it.
show() {
    printf '  %s $ %s\n' "$1" "$2"
}

give_up() {
    echo "demo: $*" >&2
    if [ -n "$work" ]; then
        for log in "$work"/*.log; do
            [ -s "$log" ] || continue
            echo "--- $(basename "$log")" >&2
            tail -n 15 "$log" >&2
        done
    fi
    exit 1
}

clean_up() {
    status=$?
    trap - EXIT INT TERM HUP
    # Programs before the daemons that they talk to: the newest first.
    for pid in $pids; do
        kill "$pid" 2>/dev/null || continue
        tries=0
        while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    for space in $spaces; do
        ip netns del "$space" 2>/dev/null || true
    done
    [ -z "$work" ] || rm -rf "$work"
    exit "$status"
}

# $1: what is waited for; the rest is a command that succeeds once it is there. Ten seconds.
await() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || give_up "$what did not come up"
        sleep 0.1
    done
}

# The kernel's list of unix sockets has this path as a listening one.
listens() {
    [ -S "$1" ] && "$trickles" status --socket "$1"
}

# Two hosts and a cable. Fails where that is not allowed; nothing is left then.
make_hosts() {
    [ "$(id -u)" -eq 0 ] || return 1
    command -v ip >/dev/null 2>&1 || return 1
    a=trickles-demo-s$$
    b=trickles-demo-c$$
    ip netns add "$a" 2>/dev/null || return 1
    spaces=$a
    ip netns add "$b" 2>/dev/null || return 1
    spaces="$a $b"
    ip -n "$a" link add eth0 type veth peer name eth0 netns "$b" 2>/dev/null || return 1
    for space in $spaces; do
        ip -n "$space" link set lo up && ip -n "$space" link set eth0 up || return 1
    done
    ip -n "$a" addr add 10.84.2.1/24 dev eth0 && ip -n "$b" addr add 10.84.2.2/24 dev eth0 || return 1
}

drop_hosts() {
    for space in $spaces; do
        ip netns del "$space" 2>/dev/null || true
    done
    spaces=
}

# Runs the rest at the server or the client ($1). In a subshell with become=exec, it takes its place.
become=
at() {
    side=$1
    shift
    if [ -z "$spaces" ]; then
        $become env TRICKLES_SOCKET="$work/$side/trickled.sock" "$@"
    else
        space=${spaces#* }
        [ "$side" = client ] || space=${spaces% *}
        $become ip netns exec "$space" env TRICKLES_SOCKET="$work/$side/trickled.sock" "$@"
    fi
}

# Starts the rest at $1 in the background; output to $work/$2.log. What is executed keeps the process id.
start() {
    log=$work/$2.log
    at_side=$1
    shift 2
    (
        become=exec
        at "$at_side" "$@"
    ) >"$log" 2>&1 </dev/null &
    pids="$! $pids"
}

start_daemon() {
    mkdir -p "$work/$1"
    : >"$work/$1/trickled.conf"
    show "$1" "trickled --port $2 &"
    start "$1" "trickled-$1" "$trickled" --foreground --socket "$work/$1/trickled.sock" --config "$work/$1/trickled.conf" \
        --secret "$work/secret" --port "$2"
    await "trickled at the $1" listens "$work/$1/trickled.sock"
}

write_nginx_conf() {
    user=
    [ "$(id -u)" -ne 0 ] || user='user root;'
    mkdir -p "$work/www" "$work/nginx"
    cat >"$work/nginx.conf" <<EOF
$user
worker_processes 2;
daemon off;
pid $work/nginx/pid;
error_log stderr warn;
events { use epoll; }
http {
    access_log off;
    sendfile on;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    server { listen $service; root $work/www; }
}
EOF
}

size_of() {
    stat -c %s "$1" 2>/dev/null || echo 0
}

# Follows the download; half-way through, what the client's daemon says of it.
watch_download() {
    looked=
    last=-1
    while kill -0 "$curl" 2>/dev/null; do
        now=$(($(size_of "$work/copy") / 1048576))
        if [ "$now" -ne "$last" ]; then
            printf '    %4d of %d MiB\n' "$now" "$mib"
            last=$now
        fi
        if [ -z "$looked" ] && [ "$now" -ge $((mib / 2)) ]; then
            looked=yes
            echo
            show client 'trickles status'
            at client "$trickles" status | tee "$work/status" | sed 's/^/    /'
            echo
        fi
        sleep 1
    done
}

for program in "$trickles" "$trickled"; do
    [ -x "$program" ] || give_up "$program is not there: build first (./quickstart does)"
done
nginx=$(command -v nginx || echo /usr/sbin/nginx)
for program in "$nginx" curl sha256sum; do
    command -v "$program" >/dev/null 2>&1 || give_up "$program is not installed"
done
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
work=$(mktemp -d "${TMPDIR:-/tmp}/trickles-demo.XXXXXX")

if make_hosts; then
    server=10.84.2.1
    service=80
    server_port=842
    client_port=842
    url=http://$server/file
    say "Two hosts, as network namespaces, and a cable: server $server, client 10.84.2.2."
else
    drop_hosts
    server=127.0.0.1
    service=18080
    server_port=8742
    client_port=18742
    url=http://$server:$service/file
    say "One host: two daemons on loopback (as root it would be two hosts)."
fi

say "1. A secret for the daemons, and a daemon on each side."
show server 'trickles keygen --out secret'
"$trickles" keygen --out "$work/secret"
start_daemon server "$server_port"
start_daemon client "$client_port"
show client "trickles ping -c 3 $server"
at client "$trickles" ping -c 3 -i 100 -p "$server_port" "$server" | sed 's/^/    /' || give_up "the server's daemon is silent"

say "2. nginx, as Debian ships it: two workers, epoll, sendfile. It serves a file of $mib MiB."
write_nginx_conf
head -c "${mib}M" /dev/urandom >"$work/www/file"
show server 'trickles run nginx'
start server nginx "$trickles" run "$nginx" -c "$work/nginx.conf" -p "$work/nginx/"
await nginx at client "$trickles" run curl -sf -o /dev/null --range 0-0 "$url"

say "3. curl, as Debian ships it, held to $rate MiB/s so that there is time to look."
show client "trickles run curl --limit-rate ${rate}M -O $url"
start client curl "$trickles" run curl -sS --fail --limit-rate "${rate}M" -o "$work/copy" \
    -w '%{size_download} bytes in %{time_total} s, %{speed_download} bytes/s\n' "$url"
curl=$!
watch_download
wait "$curl" || give_up "curl failed with status $?"
sed 's/^/    /' "$work/curl.log"

say "4. Is it the same file?"
show both 'sha256sum file'
sum_server=$(sha256sum <"$work/www/file")
sum_client=$(sha256sum <"$work/copy")
printf '    server %s\n    client %s\n' "${sum_server%% *}" "${sum_client%% *}"
[ "$sum_server" = "$sum_client" ] || give_up "the two files differ"
grep -q 'curl .*Trickles' "$work/status" || give_up "the connection did not go over Trickles"
echo "    equal, and it went over Trickles."

say "5. Once more, as fast as it goes; and over kernel TCP, for comparison."
speed() {
    at client "$@" -sS --fail -o /dev/null -w '%{speed_download}' "$url" |
        awk '{ printf "%.0f MiB/s", $1 / 1048576 }'
}
printf '    Trickles  %s\n' "$(speed "$trickles" run curl)"
printf '    TCP       %s\n' "$(speed curl)"
