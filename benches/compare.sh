#!/usr/bin/env bash
# Requests a second through plimsoll beside haproxy, nginx and, where they are installed, openapi-validator-proxy, Prism and mitmproxy, in one run on one machine.
#
#   compare.sh [PLIMSOLL [ROUNDS [SECONDS]]]     default: target/release/plimsoll 3 5
#
# All of them stand in front of the same backend, an nginx that answers a container list of dockerd
# (2.4 KB) from memory. They take turns, so that a neighbour who uses the machine for a while slows
# all of them: a ratio is the median of the ratios to haproxy in the same round. Figures are medians of
# the rounds, and the spread stands beside them. haproxy and nginx have as many threads as plimsoll keeps
# busy, which are two: one that relays, one that judges. CPU time a
# request is what noise touches least; the same load with everything on one CPU is the rate that this work permits, whatever the
# kernel makes of five threads on two CPUs. What one connection waits depends on whether the kernel wakes
# an idle CPU for every step or not, and that changes by the minute, so its range is shown. Beside it
# stands the time a request with load, backend and proxy on one CPU: the mean of a round, since a
# proxy that puts work off until later has a median without it, and of these the lowest, since
# neighbours can only add to it.
#
# plimsoll judges every exchange while it is measured: at the end its report must say so, and must
# not hold one violation. plimsoll does not judge an answer again that is byte for byte the one before, as those
# of a client that polls are; `every answer new` shows its speed when no two are the same, beside haproxy with the same answers, which cost the backend more. Loopback only. Needs the Debian packages wrk nginx-light haproxy.
# openapi-validator-proxy (0.5, built from source), Prism (npm @stoplight/prism-cli) and mitmdump (pip mitmproxy) are measured where they are in the PATH; they are
# so much slower that two seconds do.
# The table on standard output is Markdown; how it goes is said on standard error.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
plimsoll=${1:-$here/../target/release/plimsoll}
rounds=${2:-3}
seconds=${3:-5}

# Many, as of a busy host.
connections=32
# The archive is 1 GiB and its tar header and end.
archive_bytes=$(((1 << 30) + 10240))

list=/v1.41/containers/json
# The same list with a number in it that no other answer has.
fresh=/v1.40/containers/json
export=/v1.41/containers/web/export

say() { printf 'compare.sh: %s\n' "$*" >&2; }
fail() { say "$*" && exit 1; }

# --- what must be there -----------------------------------------------------------------------------

# Debian keeps daemons out of a user's path.
PATH=$PATH:/usr/sbin:/sbin
missing=()
for need in wrk:wrk nginx:nginx-light haproxy:haproxy curl:curl tar:tar taskset:util-linux; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
[ ${#missing[@]} -eq 0 ] || fail "missing Debian packages: ${missing[*]}"
[ -x "$plimsoll" ] || fail "no plimsoll at $plimsoll: cargo build --release, or name it as the first argument"
[[ $rounds =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]] || fail 'ROUNDS and SECONDS are numbers from 1'
# No server outlives this, whatever becomes of the script.
limit=$((300 + rounds * (seconds + 15) * 10))
threads=2

# --- servers, and their end -------------------------------------------------------------------------

load_before=$(cut -d ' ' -f 1-3 /proc/loadavg)
work=$(mktemp -d)
# By name: the process that was started. It is `timeout`, so that nothing outlives a killed script.
declare -A started port

# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    local pid
    # timeout passes the signal on.
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${started[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

# Below the range that the system takes ports of outgoing connections from.
free_port() {
    local candidate tried
    for tried in {1..100}; do
        candidate=$((10000 + RANDOM % 20000))
        [[ " ${port[*]} " != *" $candidate "* ]] || continue
        if ! (: <>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
            port[$1]=$candidate
            return
        fi
    done
    fail "no free port in $tried tries"
}

start() {
    local name=$1
    shift
    timeout --kill-after=5 "$limit" "$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null &
    started[$name]=$!
}

# What a peer answers must be what the backend does: otherwise its speed says nothing.
ready() {
    local name=$1 tenths=100
    until curl -sf --max-time 5 -o "$work/$name.answer" "http://127.0.0.1:${port[$name]}$list" 2>/dev/null; do
        if [ "$tenths" -eq 0 ] || ! kill -0 "${started[$name]}" 2>/dev/null; then
            cat "$work/$name.err" >&2
            fail "$name does not answer"
        fi
        tenths=$((tenths - 1))
        sleep 0.1
    done
    cmp -s "$work/$name.answer" "$here/compare/containers.json" || fail "$name changes the answer"
}

# family PID: it and its descendants. nginx works in a child of its master, both below timeout.
family() {
    local file child
    local -a children
    echo "$1"
    for file in "/proc/$1/task/"*/children; do
        read -ra children <"$file" || true
        for child in "${children[@]}"; do
            family "$child"
        done
    done 2>/dev/null
}

# The CPU time that a server has used so far, in ticks.
ticks() {
    local pid sum=0 stat
    local -a field
    for pid in $(family "${started[$1]}"); do
        stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
        # Behind the name, which may hold blanks; user and system time are the fields 14 and 15 of the line.
        read -ra field <<<"${stat##*) }"
        sum=$((sum + field[11] + field[12]))
    done
    echo "$sum"
}

for name in direct haproxy nginx plimsoll validator prism mitmproxy; do
    free_port "$name"
done

# An entry of zeros, with holes instead of blocks: 1 GiB that costs no disk.
truncate -s 1G "$work/blob"
tar -C "$work" --format=ustar -cf - blob 2>/dev/null | head -c 512 >"$work/archive" || true
truncate -s "$archive_bytes" "$work/archive"
rm "$work/blob"

# nginx as it comes, but for: one worker, no access log, connections that stay open.
nginx_conf() {
    # The worker of a root's nginx would be nobody, who may not enter the directory.
    [ "$(id -u)" -ne 0 ] || echo "user root;"
    cat <<EOF
daemon off;
worker_processes ${2:-1};
pid $work/$1.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $work/$1.body;
    proxy_temp_path $work/$1.proxy;
    fastcgi_temp_path $work/$1.fastcgi;
    uwsgi_temp_path $work/$1.uwsgi;
    scgi_temp_path $work/$1.scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
$(cat)
}
EOF
}

nginx_conf direct >"$work/direct.conf" <<EOF
    sendfile on;
    tcp_nopush on;
    add_header Api-Version 1.41;
    add_header Docker-Experimental false;
    add_header Ostype linux;
    server {
        listen 127.0.0.1:${port[direct]};
        location = $list {
            default_type application/json;
            return 200 '$(cat "$here/compare/containers.json")
';
        }
        location = $fresh {
            default_type application/json;
            return 200 '$(sed 's/"Created":[0-9]*/"Created":1$connection$connection_requests/g' "$here/compare/containers.json")
';
        }
        location = $export {
            default_type application/octet-stream;
            alias $work/archive;
        }
    }
EOF

# A file between both sides would measure the disk.
nginx_conf nginx "$threads" >"$work/nginx.conf" <<EOF
    upstream backend {
        server 127.0.0.1:${port[direct]};
        keepalive 64;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:${port[nginx]};
        location / {
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_max_temp_file_size 0;
        }
    }
EOF

cat >"$work/haproxy.cfg" <<EOF
global
    nbthread $threads
    maxconn 1024
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 600s
    timeout server 600s
frontend front
    bind 127.0.0.1:${port[haproxy]}
    default_backend back
backend back
    server backend 127.0.0.1:${port[direct]}
EOF

start direct nginx -e stderr -p "$work" -c "$work/direct.conf"
ready direct
start nginx nginx -e stderr -p "$work" -c "$work/nginx.conf"
start haproxy haproxy -db -f "$work/haproxy.cfg"
# The report for people is a fold; a line for every exchange would measure the writing of lines.
start plimsoll "$plimsoll" proxy --format terminal \
    --listen "tcp://127.0.0.1:${port[plimsoll]}" --backend "tcp://127.0.0.1:${port[direct]}"
for name in nginx haproxy plimsoll; do
    ready "$name"
done
# They are told what the API is only as far as they take it: openapi-validator-proxy this one operation, Prism a document, mitmproxy nothing.
others=()
if command -v openapi-validator-proxy >/dev/null; then
    "$plimsoll" schemas export --api-version 1.41 --format openapi >"$work/openapi31.json"
    python3 "$here/compare/openapi30.py" "$work/openapi31.json" /containers/json >"$work/openapi30.json"
    # Nothing that it says: a line for every request would measure the writing of lines.
    RUST_LOG=off start validator openapi-validator-proxy proxy "$work/openapi30.json" "http://127.0.0.1:${port[direct]}" --port "${port[validator]}"
    others+=(validator)
else
    say 'no openapi-validator-proxy in the PATH: left out (github.com/PatOConnor43/openapi-validator-proxy)'
fi
if command -v prism >/dev/null; then
    "$plimsoll" schemas export --api-version 1.41 --format openapi >"$work/openapi.json"
    start prism prism proxy "$work/openapi.json" "http://127.0.0.1:${port[direct]}" --host 127.0.0.1 --port "${port[prism]}"
    others+=(prism)
else
    say 'no prism in the PATH: left out (npm install @stoplight/prism-cli)'
fi
if command -v mitmdump >/dev/null; then
    start mitmproxy mitmdump --quiet --mode "reverse:http://127.0.0.1:${port[direct]}" --listen-host 127.0.0.1 \
        --listen-port "${port[mitmproxy]}" --set confdir="$work/mitm"
    others+=(mitmproxy)
else
    say 'no mitmdump in the PATH: left out (pip install mitmproxy)'
fi
# They may write the answer in another way; that they give it is enough.
for name in "${others[@]}"; do
    tries=300
    until curl -sf --max-time 5 -o /dev/null "http://127.0.0.1:${port[$name]}$list" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$work/$name.err" "$work/$name.out" >&2 && fail "$name does not answer"; }
        sleep 0.1
    done
done

# The last of timeout's descendants is the program itself.
plimsoll_pid=$(family "${started[plimsoll]}" | tail -n 1)
peak() { awk '/^VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$plimsoll_pid/status"; }

# --- measuring --------------------------------------------------------------------------------------

# wrk cuts its connections at the end of a run; that many exchanges may have no whole answer.
requests=0 cut=0

# load NAME CONNECTIONS SECONDS: NAME-new is the list that is new every time, which the backend has to put together. Sets rate (requests/s), median and mean (µs), slow (ms that one request in 100
# takes at least, as wrk counts it: with the requests that a stalled connection would have sent) and
# cost (CPU µs a request).
load() {
    local line count micros failures before after peer=${1%-new} path=$list
    [ "$1" = "$peer" ] || path=$fresh
    before=$(ticks "$peer")
    line=$(timeout $(($3 + 20)) wrk -t1 -c"$2" -d"$3s" -s "$here/compare/wrk.lua" \
        "http://127.0.0.1:${port[$peer]}$path" | tail -n 1) || fail "wrk on $1 failed"
    after=$(ticks "$peer")
    read -r count micros median slow failures <<<"$line"
    slow=$(awk "BEGIN { printf \"%.1f\", $slow / 1000 }")
    [ "$failures" -eq 0 ] || fail "$failures requests through $1 failed"
    rate=$(awk "BEGIN { printf \"%.0f\", $count * 1e6 / $micros }")
    mean=$(awk "BEGIN { printf \"%.1f\", $micros / $count }")
    cost=$(awk "BEGIN { printf \"%.1f\", ($after - $before) * 1e6 / $(getconf CLK_TCK) / $count }")
    if [ "$peer" = plimsoll ]; then
        requests=$((requests + count)) cut=$((cut + $2))
    fi
}

# archive NAME: sets rate (GB/s) of 1 GiB.
archive() {
    local size speed
    read -r size speed < <(timeout 130 curl -s --max-time 120 -o /dev/null \
        -w '%{size_download} %{speed_download}\n' "http://127.0.0.1:${port[$1]}$export")
    [ "$size" -eq "$archive_bytes" ] || fail "$1 gave $size bytes of the archive"
    rate=$(awk "BEGIN { printf \"%.2f\", $speed / 1e9 }")
    [ "$1" != plimsoll ] || requests=$((requests + 1))
}

# Of the words given: the middle one, or the mean of both.
middle() {
    printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 }
        END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

peers=(direct haproxy nginx plimsoll)
declare -A rates ratios costs slows waits means archives packed

say 'warming up'
load plimsoll-new "$connections" 1
for name in "${peers[@]}"; do
    load "$name" "$connections" 1
    archive "$name"
done
for ((round = 1; round <= rounds; round++)); do
    for name in "${peers[@]}" haproxy-new plimsoll-new; do
        load "$name" "$connections" "$seconds"
        rates[$name]+=" $rate" costs[$name]+=" $cost" slows[$name]+=" $slow"
        [ "${name%-new}" != haproxy ] || base=$rate
        # The backend itself has its turn before.
        [ "$name" = direct ] || ratios[$name]+=" $(awk "BEGIN { print $rate / $base }")"
        say "round $round: $name: $rate requests/s, $cost µs of CPU a request, 99 % below $slow ms"
    done
done
# The list is words.
# shellcheck disable=SC2086
usual=$(middle ${rates[haproxy]})
for name in "${others[@]}"; do
    load "$name" "$connections" 2
    rates[$name]=$rate costs[$name]=$cost slows[$name]=$slow
    ratios[$name]=$(awk "BEGIN { print $rate / $usual }")
    say "$name: $rate requests/s, $cost µs of CPU a request"
done
peak_list=$(peak)
for ((round = 1; round <= rounds; round++)); do
    for name in "${peers[@]}"; do
        archive "$name"
        archives[$name]+=" $rate"
        say "round $round: $name: $rate GB/s of archive"
    done
done
peak_all=$(peak)

# alone WHERE: one connection, in short rounds, so that there are many.
alone() {
    local round name
    for ((round = 1; round <= 2 * rounds; round++)); do
        for name in "${peers[@]}"; do
            load "$name" 1 1
            waits[$1,$name]+=" $median" means[$1,$name]+=" $mean"
        done
    done
    for name in "${peers[@]}"; do
        say "one connection, $1: $name: medians${waits[$1,$name]} µs, means${means[$1,$name]} µs"
    done
}

alone free
# The first CPU that we may use; wrk inherits it. Last, since nobody takes it back.
cpus=$(taskset -cp $$)
cpu=${cpus##*: } cpu=${cpu%%[-,]*}
for name in "${peers[@]}"; do
    for pid in $(family "${started[$name]}"); do
        taskset -acp "$cpu" "$pid" >/dev/null
    done
done
taskset -cp "$cpu" $$ >/dev/null
alone pinned
# Many connections on it: then nobody waits for a thread that another CPU has to wake, and the rate is what the work of a request permits.
for ((round = 1; round <= rounds; round++)); do
    for name in haproxy nginx plimsoll haproxy-new plimsoll-new; do
        load "$name" "$connections" "$seconds"
        [ "${name%-new}" != haproxy ] || base=$rate
        packed[$name]+=" $(awk "BEGIN { print $rate / $base }")"
        say "round $round, one CPU: $name: $rate requests/s"
    done
done

# --- was every exchange judged? ---------------------------------------------------------------------

kill -TERM "$plimsoll_pid"
code=0
wait "${started[plimsoll]}" || code=$?
unset 'started[plimsoll]'
report() { cat "$work/plimsoll.out" "$work/plimsoll.err" >&2; }
if [ "$code" -ne 0 ]; then
    report
    fail "plimsoll ended with $code"
fi
verdict=$(tail -n 1 "$work/plimsoll.out")
if ! [[ $verdict =~ ^compliant:\ ([0-9]+)\ exchanges,\ ([0-9]+)\ judged:\ no\ violation$ ]]; then
    report
    fail 'plimsoll found something in a correct answer, or words its verdict in another way'
fi
exchanges=${BASH_REMATCH[1]} judged=${BASH_REMATCH[2]}
if [ "$judged" -lt "$requests" ] || [ $((exchanges - judged)) -gt "$cut" ]; then
    report
    fail "plimsoll judged $judged of $exchanges exchanges; $requests were answered"
fi

# --- the table --------------------------------------------------------------------------------------

lowest() { printf '%s\n' "$@" | sort -g | head -n 1; }
spread() { printf '%s\n' "$@" | sort -g | awk 'NR == 1 { low = $1 } END { print low " to " $1 }'; }

# The ratio to haproxy with load, backend and proxy on one CPU.
packed_ratio() {
    # The list is words.
    # shellcheck disable=SC2086
    if [ -z "${packed[$1]:-}" ]; then echo –; else awk "BEGIN { printf \"%.2f\", $(middle ${packed[$1]}) }"; fi
}

declare -A label=(
    [direct]='direct' [haproxy]="haproxy, $threads threads" [nginx]="nginx, $threads workers"
    [plimsoll]='plimsoll, judging' [haproxy-new]='haproxy, every answer new' [plimsoll-new]='plimsoll, every answer new' [validator]='openapi-validator-proxy'
    [prism]='Prism' [mitmproxy]='mitmproxy'
)
# The lists are words.
# shellcheck disable=SC2086
{
    echo '| | requests/s (rounds) | to haproxy | on one CPU | CPU a request | 99 % below | one connection, one CPU | latency | 1 GiB body |'
    echo '|---|---:|---:|---:|---:|---:|---:|---:|---:|'
    for name in "${peers[@]}"; do
        rate=$(middle ${rates[$name]})
        ratio=–
        [ "$name" = direct ] || ratio=$(awk "BEGIN { printf \"%.2f\", $(middle ${ratios[$name]}) }")
        # What the backend needs for an answer is no price of going direct.
        cost="$(middle ${costs[$name]}) µs"
        [ "$name" != direct ] || cost='–'
        printf '| %s | %.0f (%s) | %s | %s | %s | %s ms | %s µs | %s µs | %s GB/s |\n' "${label[$name]}" "$rate" \
            "$(spread ${rates[$name]})" "$ratio" "$(packed_ratio "$name")" "$cost" "$(middle ${slows[$name]})" "$(lowest ${means[pinned,$name]})" \
            "$(spread ${waits[free,$name]})" "$(middle ${archives[$name]})"
    done
    for name in haproxy-new plimsoll-new "${others[@]}"; do
        printf '| %s | %.0f (%s) | %s | %s | %s µs | %s ms | – | – | – |\n' "${label[$name]}" "$(middle ${rates[$name]})" \
            "$(spread ${rates[$name]})" "$(awk "BEGIN { printf \"%.3g\", $(middle ${ratios[$name]}) }")" "$(packed_ratio "$name")" "$(middle ${costs[$name]})" \
            "$(middle ${slows[$name]})"
    done
}
cat <<EOF

$(stat -c %s "$here/compare/containers.json") bytes of container list, $connections connections, $rounds rounds of $seconds s each. 99 % below: at that load. On one CPU: the same ratio with load, backend and proxy on one. At one connection: the time a request with load, backend and proxy on one CPU (lowest of the rounds); the latency (medians of the rounds) with all CPUs; the 1 GiB body.
plimsoll judged $judged exchanges without a violation; $((exchanges - judged)) were cut by wrk at the end of a round. Its peak memory: $peak_list with lists, $peak_all with the 1 GiB bodies.
$(nproc --all) CPUs ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), shared by the load, the backend and the proxy. Load average before $load_before, after $(cut -d ' ' -f 1-3 /proc/loadavg).
$("$plimsoll" --version), $(nginx -v 2>&1 | sed 's/.*: //'), haproxy $(haproxy -v | sed -n '1s/.*version \([^ ]*\).*/\1/p'), $(wrk -v 2>&1 | sed -n '1s/^\(wrk [^ ]*\).*/\1/p'), Linux $(uname -r | sed 's/-.*//')
EOF
