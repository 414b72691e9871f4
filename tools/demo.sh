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
. "$here/tools/demo.inc"

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

looked=
look_at() {
    [ -z "$looked" ] && [ "$1" -ge $((mib / 2)) ] || return 0
    looked=yes
    echo
    show client 'trickles status'
    at client "$trickles" status | tee "$work/status" | sed 's/^/    /'
    echo
}

nginx=$(command -v nginx || echo /usr/sbin/nginx)
begin "$nginx" curl sha256sum

say "1. A secret for the daemons, and a daemon on each side."
make_secret
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
compare "$work/www/file" "$work/copy"
grep -q 'curl .*Trickles' "$work/status" || give_up "the connection did not go over Trickles"
echo "    equal, and it went over Trickles."

say "5. Once more, as fast as it goes; and over kernel TCP, for comparison."
speed() {
    at client "$@" -sS --fail -o /dev/null -w '%{speed_download}' "$url" |
        awk '{ printf "%.0f MiB/s", $1 / 1048576 }'
}
printf '    Trickles  %s\n' "$(speed "$trickles" run curl)"
printf '    TCP       %s\n' "$(speed curl)"
