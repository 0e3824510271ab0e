#!/usr/bin/env bash
# The tests against a real dockerd, from a bare Debian 12 machine to the closing line. Run as root.
#
#   run.sh [PLIMSOLL]        without a binary it is built first
#
# Exit 1 when any test failed. Everything is bounded in time, private and gone afterwards.
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

if [ $# -gt 1 ]; then
    echo 'usage: run.sh [PLIMSOLL]' >&2
    exit 2
fi
timeout --kill-after=30 1500 "$here/install.sh" podman || exit 3
if [ $# -eq 1 ]; then
    plimsoll=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
else
    (cd "$root" && timeout 1800 cargo build --release --locked) || exit 3
    plimsoll=${CARGO_TARGET_DIR:-$root/target}/release/plimsoll
fi
"$plimsoll" --version || exit 3

# Not below TMPDIR: containerd's sockets lie deep in it, and a socket's path may have 107 bytes.
job=
dir=$(mktemp -d /tmp/plimsoll.XXXXXX)
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    if [ -n "$job" ]; then
        # timeout passes it on, and the script ends its proxy.
        kill "$job" 2>/dev/null
        wait "$job"
    fi
    "$here/dockerd.sh" stop "$dir"
    rm -rf "$dir"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP
timeout --kill-after=30 120 "$here/dockerd.sh" start "$dir" || exit 3

failed=()

# part SECONDS SCRIPT: one script, its figures and its time.
part() {
    local began=$SECONDS code=0
    echo "== $2"
    # In the background, because a signal is only looked at between commands and during wait.
    timeout --kill-after=30 "$1" "$here/$2" "$plimsoll" "$dir" > >(tee "$dir/said") 2>&1 &
    job=$!
    wait "$job" || code=$?
    job=
    if [ "$code" -ne 0 ]; then
        # Said again at the end, where one looks first.
        failed+=("$2: $(tail -n 15 "$dir/said")")
        echo "# $2 ended with $code; the end of the daemon's log:"
        tail -n 20 "$dir/log" | sed 's/^/# /'
    fi
    echo "== $2: $((SECONDS - began)) s"
}





part 600 swarm.sh
part 600 replay.sh
part 900 snapshot.sh
part 600 canary.sh
part 500 soak.py
part 600 tls.sh
part 600 image.sh
part 600 memory.sh
part 600 raw.py
part 1500 cli.sh
part 900 sdk.sh
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}"
    exit 1
fi
echo 'all passed'
