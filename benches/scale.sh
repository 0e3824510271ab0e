#!/usr/bin/env bash
# Whether the cost of a request stays level when there is more of everything, beside haproxy with as many threads.
#
#   scale.sh [PLIMSOLL [SECONDS]]     default: target/release/plimsoll 3
#
# Four tables in Markdown: 1 to 5,000 connections; lists of 10 to 10,000 containers; 5,000 connections that do nothing (memory); 1 GiB of tar and
# 1 GiB of frames (throughput of paired runs in turn, and the kernel's high-water mark of memory). How it goes is said on standard error.
# Loopback only. Needs wrk nginx-light haproxy curl python3, and 20,000 open files (ulimit -n).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
plimsoll=${1:-$here/../target/release/plimsoll}
seconds=${2:-3}
say() { printf 'scale.sh: %s\n' "$*" >&2; }
fail() { say "$*" && exit 1; }

PATH=$PATH:/usr/sbin:/sbin
for need in wrk nginx haproxy curl python3 tar; do
    command -v "$need" >/dev/null || fail "missing: $need"
done
[ -x "$plimsoll" ] || fail "no plimsoll at $plimsoll: cargo build --release, or name it as the first argument"
ulimit -n 20000 2>/dev/null || fail 'more open files are needed: ulimit -n 20000'

work=$(mktemp -d)
declare -A started port
# shellcheck disable=SC2317
leave() {
    local pid
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

for name in direct raw haproxy plimsoll haproxyraw plimsollraw; do
    while :; do
        candidate=$((10000 + RANDOM % 20000))
        [[ " ${port[*]} " != *" $candidate "* ]] && ! (: <>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null && break
    done
    port[$name]=$candidate
done

sizes=(10 100 1000 10000)
for size in "${sizes[@]}"; do
    python3 "$here/compare/peer.py" list "$size" >"$work/list-$size"
done
truncate -s 1G "$work/blob"
tar -C "$work" --format=ustar -cf - blob 2>/dev/null | head -c 512 >"$work/archive" || true
truncate -s $(((1 << 30) + 10240)) "$work/archive"
rm "$work/blob"

{
    [ "$(id -u)" -ne 0 ] || echo 'user root;'
    cat <<EOF
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid $work/pid;
error_log stderr crit;
events { worker_connections 11000; }
http {
    access_log off;
    client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    sendfile on;
    open_file_cache max=100;
    add_header Api-Version 1.41;
    add_header Ostype linux;
    server {
        listen 127.0.0.1:${port[direct]} backlog=8192;
        location = /v1.41/containers/json { default_type application/json; alias $here/compare/containers.json; }
        location = /v1.41/containers/web/export { default_type application/octet-stream; alias $work/archive; }
EOF
    # A version for each size, all of one epoch of the list.
    version=37
    for size in "${sizes[@]}"; do
        echo "        location = /v1.$version/containers/json { default_type application/json; alias $work/list-$size; }"
        version=$((version + 1))
    done
    echo '    }'
    echo '}'
} >"$work/direct.conf"

for name in haproxy haproxyraw; do
    backend=direct
    [ "$name" = haproxy ] || backend=raw
    cat >"$work/$name.cfg" <<EOF
global
    nbthread 2
    maxconn 5500
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout tunnel 600s
frontend front
    bind 127.0.0.1:${port[$name]} backlog 8192
    default_backend back
backend back
    server backend 127.0.0.1:${port[$backend]}
EOF
done

start() {
    local name=$1
    shift
    timeout --kill-after=5 1800 "$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null &
    started[$name]=$!
}
start direct nginx -e stderr -p "$work" -c "$work/direct.conf"
start raw python3 "$here/compare/peer.py" serve "${port[raw]}"
start haproxy haproxy -db -f "$work/haproxy.cfg"
start haproxyraw haproxy -db -f "$work/haproxyraw.cfg"
for pair in plimsoll:direct plimsollraw:raw; do
    start "${pair%:*}" "$plimsoll" proxy --format terminal \
        --listen "tcp://127.0.0.1:${port[${pair%:*}]}" --backend "tcp://127.0.0.1:${port[${pair#*:}]}"
done
for name in haproxy haproxyraw plimsoll plimsollraw; do
    tries=100
    until curl -sf -o /dev/null "http://127.0.0.1:${port[$name]}/v1.41/containers/json"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$work/$name.err" >&2 && fail "$name does not answer"; }
        sleep 0.1
    done
done

# The program below timeout.
pid_of() { cat "/proc/${started[$1]}/task/${started[$1]}/children" | cut -d ' ' -f 1; }
memory() { awk -v field="^$2:" '$0 ~ field { printf "%.0f", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }
ticks() {
    local -a field
    read -ra field < <(sed 's/.*) //' "/proc/$(pid_of "$1")/stat")
    echo $((field[11] + field[12]))
}

# load NAME CONNECTIONS PATH: requests a second, and CPU microseconds of the proxy a request.
load() {
    local before after count micros
    before=$(ticks "$1")
    read -r count micros _ < <(timeout $((seconds + 60)) wrk -t1 -c"$2" -d"${seconds}s" --timeout 30s -s "$here/compare/wrk.lua" \
        "http://127.0.0.1:${port[$1]}$3" | tail -n 1)
    after=$(ticks "$1")
    awk "BEGIN { printf \"%.0f %.1f\", $count * 1e6 / $micros, ($after - $before) * 1e6 / $(getconf CLK_TCK) / ($count + 1e-9) }"
}

compare() { # LABEL CONNECTIONS PATH
    local theirs ours
    say "$1"
    theirs=$(load haproxy "$2" "$3") ours=$(load plimsoll "$2" "$3")
    # shellcheck disable=SC2086
    set -- "$1" $theirs $ours
    awk -v l="$1" -v a="$2" -v ac="$3" -v b="$4" -v bc="$5" \
        'BEGIN { printf "| %s | %.0f | %.1f µs | %.0f | %.1f µs | %.2f |\n", l, a, ac, b, bc, b / a }'
}

echo '| connections | haproxy requests/s | CPU a request | plimsoll requests/s | CPU a request | ratio |'
echo '|---:|---:|---:|---:|---:|---:|'
for connections in 1 10 100 1000 5000; do
    compare "$connections" "$connections" /v1.41/containers/json
done
echo
echo '| containers in the list | haproxy requests/s | CPU a request | plimsoll requests/s | CPU a request | ratio |'
echo '|---:|---:|---:|---:|---:|---:|'
version=37
for size in "${sizes[@]}"; do
    compare "$size ($(($(stat -c %s "$work/list-$size") >> 10)) KiB)" 32 "/v1.$version/containers/json"
    version=$((version + 1))
done
echo

# A proxy of its own, or what the lists left behind would count.
say '5000 idle connections'
before=$(memory plimsollraw VmRSS)
coproc crowd { timeout 300 python3 "$here/compare/peer.py" hold "${port[plimsollraw]}" 5000; }
read -r -t 240 held <&"${crowd[0]}" || fail 'the crowd did not come'
echo "$held idle connections: $(memory plimsollraw VmRSS) MiB resident, $before MiB before."
echo >&"${crowd[1]}"
# shellcheck disable=SC2154
wait "$crowd_PID" || true
sleep 1
echo

echo '| 1 GiB | haproxy | plimsoll | ratio | highest memory of plimsoll |'
echo '|---|---:|---:|---:|---:|'
archive() { curl -s --max-time 120 -o /dev/null -w '%{size_download} %{time_total}\n' "http://127.0.0.1:${port[$1]}/v1.41/containers/web/export"; }
attach() { timeout 120 python3 "$here/compare/peer.py" attach "${port[$1]}"; }
middle() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
# Proxies of their own again.
for pair in plimsoll:direct plimsollraw:raw; do
    kill "${started[${pair%:*}]}" && wait "${started[${pair%:*}]}" || true
    say "$(tail -n 1 "$work/${pair%:*}.out")"
    start "${pair%:*}" "$plimsoll" proxy --format terminal \
        --listen "tcp://127.0.0.1:${port[${pair%:*}]}" --backend "tcp://127.0.0.1:${port[${pair#*:}]}"
done
sleep 0.5
for what in 'archive  tar' 'attach raw frames'; do
    read -r measure suffix label <<<"${what/  / - }"
    suffix=${suffix#-}
    theirs=() ours=()
    for _ in 1 2 3; do
        for name in haproxy plimsoll; do
            read -r size time < <($measure "$name$suffix")
            [ "$size" -ge $((1 << 30)) ] || fail "$name gave $size bytes of $label"
            rate=$(awk "BEGIN { printf \"%.2f\", $size / $time / 1e9 }")
            say "$label: $name: $rate GB/s"
            if [ "$name" = haproxy ]; then theirs+=("$rate"); else ours+=("$rate"); fi
        done
    done
    awk -v l="$label" -v a="$(middle "${theirs[@]}")" -v b="$(middle "${ours[@]}")" -v m="$(memory "plimsoll$suffix" VmHWM)" \
        'BEGIN { printf "| %s | %.2f GB/s | %.2f GB/s | %.2f | %s MiB |\n", l, a, b, b / a, m }'
done
echo
for name in plimsoll plimsollraw; do
    kill "${started[$name]}" && wait "${started[$name]}" || true
    unset "started[$name]"
    say "$(tail -n 1 "$work/$name.out")"
done
