#!/usr/bin/env bash
# Memory does not grow with what passes: the proxy stays below 64 MiB (the kernel's own high-water
# mark, VmHWM) while 2 GiB pass in one export, 1 GiB in one attach from the daemon and 256 MiB in
# one attach to it, and not a byte is lost or changed.
#
#   memory.sh PLIMSOLL DIR       DIR as for dockerd.sh; needs about 2.5 GiB of disk there
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder
client_environment
limit=$((48 * 1024))

direct() { DOCKER_HOST=unix://$daemon docker "$@"; }
proxied() { DOCKER_HOST=unix://$work/proxy.sock docker "$@"; }

# Invoked by the trap.
# shellcheck disable=SC2317
leave() { direct rm -f heavy >/dev/null 2>&1; }

# high_water: the most memory that the proxy ever held, in KiB.
high_water() { awk '/^VmHWM:/ { print $2 }' "/proc/$plimsoll_pid/status"; }

# begin NAME: a proxy of its own for each stream, or the first would hide the others' mark.
begin() {
    name=$1
    began=$SECONDS
    rm -f "$work/proxy.sock" "$work/report.jsonl"
    if ! proxy_start "$work/report.jsonl" >"$work/said"; then
        not_ok "$name: the proxy starts" <"$work/said"
        return 1
    fi
    idle=$(high_water)
}

# end BYTES MINIMUM DIRECT PROXIED: how many bytes were due at least, and the two outcomes (a count
# and a hash each), which must be one and the same.
end() {
    local most verdict
    most=$(high_water)
    plimsoll_stop
    {
        [ "$4" = "$3" ] || printf 'direct:  %s\nproxied: %s\n' "$3" "$4"
        [ "${4%% *}" -ge "$1" ] || echo "only ${4%% *} bytes came, at least $1 were due"
        [ "${most:-$limit}" -lt "$limit" ] || echo "the proxy held $most KiB, the limit is $limit KiB"
        [ "$plimsoll_code" = 0 ] || { echo "it ended with $plimsoll_code" && cat "$work/report.jsonl.stderr"; }
        "$here/report.py" "$work/report.jsonl" "$2" >"$work/verdict" || cat "$work/verdict"
    } >"$work/said"
    verdict="$name: ${4%% *} bytes in $((SECONDS - began)) s, at most $most KiB (idle $idle KiB)"
    silent "$verdict" "$work/said"
}

# counted: "COUNT HASH" of standard input, read once.
counted() {
    local count
    count=$({ tee >(sha256sum >"$work/hash") | wc -c; } 2>&1)
    # The hash is written when tee's other reader has ended, a moment later.
    until [ -s "$work/hash" ]; do sleep 0.05; done
    printf '%s %s\n' "$count" "$(cut -d' ' -f1 "$work/hash")"
    rm -f "$work/hash"
}

room() {
    local free
    free=$(df --output=avail -k "$1" | tail -n 1)
    [ "$free" -gt $((3 * 1024 * 1024)) ] && return
    echo "only $((free / 1024)) MiB are free at $1" >"$work/said"
    not_ok 'room for the big file' <"$work/said"
    closing_line
    exit 1
}

export_of_2_gib() {
    local straight through
    # In the layer of a running container: an image or a second container would copy it under vfs.
    # No zeros, so that a lost or doubled piece changes the hash.
    direct run -d --name heavy --network none base:latest sleep 1000 >/dev/null || return
    direct exec heavy dd if=/dev/urandom of=/big bs=1M count=2048 2>/dev/null || return
    begin 'export of 2 GiB' || return
    straight=$(direct export heavy | counted)
    through=$(proxied export heavy | counted)
    end $((2048 * 1024 * 1024)) 1 "$straight" "$through"
    direct rm -f heavy >/dev/null
}

attach_from_the_daemon() {
    local straight through
    begin 'attach with 1 GiB of output' || return
    # Without a log, which would be six times as long as what it logs. What is due is known.
    straight=$(head -c 1073741824 /dev/zero | counted)
    through=$(proxied run --rm --network none --log-driver none base:latest \
        dd if=/dev/zero bs=1M count=1024 2>/dev/null | counted)
    end 1073741824 4 "$straight" "$through"
}

attach_to_the_daemon() {
    local straight through
    head -c 268435456 /dev/urandom >"$work/input"
    begin 'attach with 256 MiB of input' || return
    straight="268435456 $(sha256sum <"$work/input")"
    through="268435456 $(proxied run --rm -i --network none --log-driver none base:latest \
        sha256sum <"$work/input")"
    end 268435456 4 "$straight" "$through"
}

room "$dir"
export_of_2_gib
attach_from_the_daemon
attach_to_the_daemon
closing_line
