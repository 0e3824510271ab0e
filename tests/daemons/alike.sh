#!/usr/bin/env bash
# Where does the reference backend differ from a real dockerd? The cases of cli.sh and the SDKs of sdk.sh, once at each.
#
#   alike.sh PLIMSOLL DIR          DIR as for dockerd.sh: a real daemon listens at DIR/docker.sock
#
# Output, errors and exit codes must be the same but for what accepted.txt lists with its reason. Both
# have the very same image. PLIMSOLL_CASES and PLIMSOLL_PHASES as for cli.sh, PLIMSOLL_SDKS as for sdk.sh.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder

# The versions of dockerd 20.10.
plimsoll_start 3000 "$work/log" serve --listen "unix://$work/docker.sock" --api-version 1.12..1.41 || exit 1
"$here/rootfs.sh" | docker -H "unix://$work/docker.sock" import - base:latest >/dev/null || exit 1
export PLIMSOLL_SECOND=$work/docker.sock
code=0
# PLIMSOLL_ALIKE=PATTERN picks a script.
for script in cli.sh sdk.sh; do
    [[ $script =~ ${PLIMSOLL_ALIKE:-} ]] || continue
    timeout --foreground --kill-after=30 2400 "$here/$script" "$plimsoll" "$dir" || code=1
done
plimsoll_stop
! grep panicked "$work/log.stderr" || code=1
exit "$code"
