#!/usr/bin/env bash
# podman's Docker-compatible service for the tests, with storage of its own.
#
#   podman.sh start DIR    socket DIR/podman.sock, log DIR/log; imports the image base:latest
#   podman.sh stop DIR     ends it and its containers; harmless when nothing runs
#
# The service ends by itself after PLIMSOLL_DAEMON_SECONDS (default 3600), should nobody stop it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

say() { printf 'podman.sh: %s\n' "$*" >&2; }

pod() {
    CONTAINERS_CONF=$dir/containers.conf podman --root "$dir/root" --runroot "$dir/run" \
        --tmpdir "$dir/tmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file "$@"
}

service_pid() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = timeout ] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$dir/podman.sock" || return 1
    printf '%s\n' "$pid"
}

start() {
    [ ${#dir} -le 60 ] || { say "the path is too long for a socket: $dir" && exit 1; }
    if service_pid >/dev/null; then
        say "already running in $dir"
        exit 1
    fi
    # Soft and hard limits are equal because the Docker API of 4.3 swaps them, and without
    # CAP_SYS_RESOURCE podman's own defaults (1048576 files) would start no container at all.
    cat >"$dir/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
CONF
    rm -f "$dir/podman.sock"
    # Not through pod(): the pid must be that of timeout itself, which passes the signal on.
    CONTAINERS_CONF=$dir/containers.conf timeout --kill-after=30 "${PLIMSOLL_DAEMON_SECONDS:-3600}" \
        podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" --storage-driver vfs \
        --cgroup-manager cgroupfs --events-backend file \
        system service --time=0 "unix://$dir/podman.sock" </dev/null >"$dir/log" 2>&1 &
    local guard=$! tenths=300
    printf '%s\n' "$guard" >"$dir/pid"
    until [ "$(curl -s --max-time 2 --unix-socket "$dir/podman.sock" http://docker/_ping)" = OK ]; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ] || [ ! -d "/proc/$guard" ]; then
            say "podman did not come up; the end of its log:"
            tail -n 20 "$dir/log" >&2
            stop
            exit 1
        fi
        sleep 0.1
    done
    # The Docker API of podman looks for short names at docker.io only.
    if ! pod image exists docker.io/library/base:latest; then
        "$here/rootfs.sh" >"$dir/base.tar"
        pod import --quiet "$dir/base.tar" docker.io/library/base:latest >/dev/null
        rm -f "$dir/base.tar"
    fi
}

stop() {
    local pid tenths=200 at children=()
    if pid=$(service_pid); then
        timeout 60 podman --remote --url "unix://$dir/podman.sock" rm --all --force --time 0 \
            >/dev/null 2>&1 || true
        kill "$pid" 2>/dev/null || true
        while [ -d "/proc/$pid" ] && [ "$tenths" -gt 0 ]; do
            tenths=$((tenths - 1))
            sleep 0.1
        done
        if [ -d "/proc/$pid" ]; then
            say "process $pid did not end, killed"
            # timeout is the parent of podman: ended that way it could not take it along.
            read -r -a children 2>/dev/null <"/proc/$pid/task/$pid/children" || true
            kill -9 "${children[@]}" "$pid" 2>/dev/null || true
        fi
    fi
    awk -v "dir=$dir/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts | sort -r |
        while IFS= read -r at; do
            umount "$at" 2>/dev/null || umount -l "$at" || true
        done
    rm -f "$dir/podman.sock" "$dir/pid"
}

if [ $# -ne 2 ]; then
    say "usage: podman.sh start|stop DIR"
    exit 2
fi
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case $1 in
start)
    trap 'stop; exit 130' INT TERM HUP
    start
    ;;
stop) stop ;;
*)
    say "usage: podman.sh start|stop DIR"
    exit 2
    ;;
esac
