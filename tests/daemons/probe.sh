#!/usr/bin/env bash
# The probe at a real dockerd, where it must find nothing, and at podman, where it must find what is known to be true.
#
#   probe.sh PLIMSOLL DIR          DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# What podman 4.3.1 does differently stands in podman-4.3.1.txt, a line a rule and operation, each seen on its wire.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder
client_environment
# Invoked by the trap.
# shellcheck disable=SC2317
leave() { "$here/podman.sh" stop "$work/podman" >/dev/null 2>&1; }

# count RESULT FILE: how many cases came out so.
count() { grep -c "\"type\":\"probe-case\".*\"result\":\"$1\"" "$2"; }

began=$SECONDS
timeout --kill-after=10 900 "$plimsoll" probe --backend "unix://$daemon" --allow-destructive --report "jsonl=$work/dockerd.jsonl" \
    >"$work/dockerd" 2>&1
code=$?
sed -n '/operations at API/,$p' "$work/dockerd" >"$work/end"
sed 's/^/# dockerd: /' "$work/end"
if [ "$code" -eq 0 ] && [ "$(count pass "$work/dockerd.jsonl")" -ge 4000 ]; then
    ok "dockerd: no error, $(count pass "$work/dockerd.jsonl") cases pass"
else
    { echo "exit code $code" && cat "$work/end"; } >"$work/said"
    not_ok 'dockerd: no error, and 4000 cases pass' <"$work/said"
fi
echo "# dockerd: $((SECONDS - began)) s"

began=$SECONDS
if timeout --kill-after=10 120 "$here/podman.sh" start "$work/podman" >"$work/said" 2>&1; then
    timeout --kill-after=10 600 "$plimsoll" probe --backend "unix://$work/podman/podman.sock" --api-version 1.41 --allow-destructive \
        --report "jsonl=$work/podman.jsonl" >"$work/terminal" 2>&1
    code=$?
    python3 - "$work/podman.jsonl" >"$work/found" <<'END'
import json, sys
found = set()
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    if event["type"] == "violation" and event["side"] == "daemon" and event["severity"] != "note":
        found.add(f'{event["rule"]} {event["operation"]}')
print(*sorted(found), sep="\n")
END
    if [ "$code" -eq 1 ] && diff "$here/podman-4.3.1.txt" "$work/found" >"$work/said"; then
        ok "podman: $(wc -l <"$work/found") known deviations, and no other"
    else
        { echo "exit code $code" && cat "$work/said"; } >"$work/diff"
        not_ok 'podman: the known deviations, and no other' <"$work/diff"
    fi
else
    not_ok 'podman starts' <"$work/said"
fi
echo "# podman: $((SECONDS - began)) s"
closing_line
