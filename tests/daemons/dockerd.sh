#!/usr/bin/env bash
# A private dockerd for the tests: its own socket, data and containerd, no bridge, no iptables.
#
#   dockerd.sh start DIR    socket DIR/docker.sock, log DIR/log; imports the image base:latest
#   dockerd.sh stop DIR     ends it and whatever it left behind; harmless when nothing runs
#
# PLIMSOLL_DAEMON_ARGS are further arguments of dockerd.
# The daemon ends by itself after PLIMSOLL_DAEMON_SECONDS (default 3600), should nobody stop it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

say() { printf 'dockerd.sh: %s\n' "$*" >&2; }

api() {
    curl -sS --max-time "$1" --unix-socket "$dir/docker.sock" "${@:3}" "http://docker$2"
}

# Prints the process id of our daemon when it is alive. The name is checked because a pid file
# outlives its process and the number may belong to somebody else by now.
daemon_pid() {
    local file=$1 name=$2 pid
    pid=$(cat "$file" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || return 1
    printf '%s\n' "$pid"
}

gone_within() {
    local pid=$1 tenths=$(($2 * 10))
    while [ -d "/proc/$pid" ]; do
        [ "$tenths" -gt 0 ] || return 1
        tenths=$((tenths - 1))
        sleep 0.1
    done
}

end_process() {
    local pid=$1 seconds=$2
    kill "$pid" 2>/dev/null || true
    gone_within "$pid" "$seconds" && return
    say "process $pid did not end in $seconds s, killed"
    kill -9 "$pid" 2>/dev/null || true
    gone_within "$pid" 10 || say "process $pid is still there"
}

start() {
    # containerd puts sockets of its own below DIR/exec, and a socket's path may have 107 bytes.
    [ ${#dir} -le 60 ] || { say "the path is too long for a socket: $dir" && exit 1; }
    if daemon_pid "$dir/pid" dockerd >/dev/null; then
        say "already running in $dir"
        exit 1
    fi
    rm -f "$dir/pid" "$dir/docker.sock"
    # Several words.
    # shellcheck disable=SC2086
    timeout --kill-after=30 "${PLIMSOLL_DAEMON_SECONDS:-3600}" \
        dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
        --pidfile "$dir/pid" --iptables=false --ip6tables=false --bridge=none \
        --storage-driver=vfs ${PLIMSOLL_DAEMON_ARGS-} </dev/null >"$dir/log" 2>&1 &
    local guard=$! tenths=600
    until [ "$(api 2 /_ping 2>/dev/null)" = OK ]; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ] || [ ! -d "/proc/$guard" ]; then
            say "dockerd did not come up; the end of its log:"
            tail -n 20 "$dir/log" >&2
            stop
            exit 1
        fi
        sleep 0.1
    done
    if [ "$(api 5 /images/base:latest/json -o /dev/null -w '%{http_code}')" != 200 ]; then
        "$here/rootfs.sh" |
            api 60 '/images/create?fromSrc=-&repo=base&tag=latest' -f -o "$dir/import" \
                -H 'Content-Type: application/x-tar' -T - -X POST
    fi
    [ "$(api 5 /images/base:latest/json -o /dev/null -w '%{http_code}')" = 200 ] || {
        say "the import of base:latest failed: $(cat "$dir/import")"
        stop
        exit 1
    }
}

# Containers outlive a daemon that was killed: their shims know containerd's socket in DIR.
stray_shims() {
    local proc
    for proc in /proc/[0-9]*; do
        if tr '\0' ' ' 2>/dev/null <"$proc/cmdline" |
            grep -q "^[^ ]*containerd-shim.* -address $dir/exec/"; then
            printf '%s\n' "${proc#/proc/}"
        fi
    done
}

stop() {
    local pid at id children=()
    if pid=$(daemon_pid "$dir/pid" dockerd); then
        # dockerd gives each container ten seconds to end by itself; ours are not worth the wait.
        for id in $(api 5 '/containers/json' 2>/dev/null | grep -o '"Id":"[0-9a-f]*"' | cut -d'"' -f4); do
            api 10 "/containers/$id/kill" -o /dev/null -X POST || true
        done
        end_process "$pid" 30
    fi
    if pid=$(daemon_pid "$dir/exec/containerd/containerd.pid" containerd); then
        end_process "$pid" 10
    fi
    for pid in $(stray_shims); do
        # The container is the shim's child, and would be orphaned rather than ended.
        read -r -a children 2>/dev/null <"/proc/$pid/task/$pid/children" || true
        kill -9 "${children[@]}" "$pid" 2>/dev/null || true
        gone_within "$pid" 10 || say "the shim $pid is still there"
    done
    # Deepest first, or the outer ones are busy.
    awk -v "dir=$dir/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | sort -r |
        while IFS= read -r at; do
            umount "$at" 2>/dev/null || umount -l "$at" || true
        done
    rm -f "$dir/docker.sock" "$dir/pid"
}

if [ $# -ne 2 ]; then
    say "usage: dockerd.sh start|stop DIR"
    exit 2
fi
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case $1 in
start)
    # An interrupted start leaves no daemon behind.
    trap 'stop; exit 130' INT TERM HUP
    start
    ;;
stop) stop ;;
*)
    say "usage: dockerd.sh start|stop DIR"
    exit 2
    ;;
esac
