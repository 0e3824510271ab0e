#!/usr/bin/env bash
# Where does the reference backend differ from a real dockerd? The cases of cli.sh and the SDKs of sdk.sh, once at each.
#
#   alike.sh PLIMSOLL DIR          DIR as for dockerd.sh: a real daemon listens at DIR/docker.sock
#
# Output, errors and exit codes must be the same but for what accepted.txt lists with its reason. Both
# have the very same image. PLIMSOLL_CASES and PLIMSOLL_PHASES as for cli.sh, PLIMSOLL_SDKS as for sdk.sh.
set -u

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 2 ]; then
    echo 'usage: alike.sh PLIMSOLL DIR' >&2
    exit 2
fi
plimsoll=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

dir=$(mktemp -d /tmp/plimsoll.XXXXXX)
guard=
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    if [ -n "$guard" ]; then
        local pid=
        read -r pid <"/proc/$guard/task/$guard/children" || true
        kill -TERM "${pid:-$guard}" 2>/dev/null
        wait "$guard"
        ! grep panicked "$dir/log"
    fi
    rm -rf "$dir"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

# The versions of dockerd 20.10.
timeout --kill-after=10 3000 "$plimsoll" serve --listen "unix://$dir/docker.sock" --api-version 1.12..1.41 \
    </dev/null 2>"$dir/log" &
guard=$!
tenths=100
until [ -S "$dir/docker.sock" ]; do
    tenths=$((tenths - 1))
    if [ "$tenths" -le 0 ] || [ ! -d "/proc/$guard" ]; then
        echo 'the reference backend did not start:'
        cat "$dir/log"
        exit 1
    fi
    sleep 0.1
done
"$here/rootfs.sh" | docker -H "unix://$dir/docker.sock" import - base:latest >/dev/null || exit 1
export PLIMSOLL_SECOND=$dir/docker.sock
code=0
# PLIMSOLL_ALIKE=PATTERN picks a script.
for script in cli.sh sdk.sh; do
    [[ $script =~ ${PLIMSOLL_ALIKE:-} ]] || continue
    timeout --foreground --kill-after=30 2400 "$here/$script" "$plimsoll" "$2" || code=1
done
exit "$code"
