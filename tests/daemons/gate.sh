#!/usr/bin/env bash
# The gate, as a pipeline runs it: unchanged clients at the built-in backend through `plimsoll run`, reports in every format that a CI reads, waivers
# and coverage.
#
#   gate.sh PLIMSOLL
#
# Green as it is; red when the backend has faults that no client notices, with their rules in the reports; green again once they are waived; red when
# the waivers match nothing any more. What the reports say is read by tools that are not ours (readers.sh), and is made again of the JSON Lines.
# Needs no daemon; docker CLI, Python and node with their registries.

# No -e: exit codes are what is tested here.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments PLIMSOLL "$@"
work_folder
client_environment
mkdir "$work/reports"
waivers=$work/plimsoll-waivers.toml
# What no client notices: a 101 without its headers, and a word that is none of the words.
faults=(--fault hijack.headers --fault 'schema.enum@operation=ContainerInspect')

python_with || { not_ok 'docker-py can be installed' <"$work/said" && closing_line && exit 1; }

# The clients: a session of the docker CLI, and docker-py with the scenarios of sdk.sh. It fails when one of them is not content.
cat >"$work/suite.sh" <<'SUITE'
set -e
docker pull -q busybox
docker tag busybox base:latest
docker rmi busybox
docker version
docker info
test "$(echo hello | docker run --rm -i base cat)" = hello
docker run -d --name web -p 80 base sleep 60
docker exec web true
docker logs web
docker inspect web
docker cp web:/etc/passwd - | tar -t
docker rm -f web
docker volume create data
docker volume rm data
docker network create own
docker network rm own
docker ps -a
docker system df
python=$1
scenarios=$2
"$python" "$scenarios" "${DOCKER_HOST#unix://}" auto >"$3"
! grep '^failed' "$3"
test "$(grep -c '^end ' "$3")" -ge 35
SUITE

# gate NAME CODE BACKEND OPTION...: the gate ends with this code.
gate() {
    local name=$1 due=$2 backend=$3 began=$SECONDS code=0 at=$work/reports/$1
    rm -f "$work/lines"
    shift 3
    timeout --foreground --kill-after=5 90 "$plimsoll" run --backend "$backend" --fail-on error --min-coverage 55 "$@" \
        --report "junit=$at.xml" --report "sarif=$at.sarif" --report "markdown=$at.md" --report "html=$at.html" --report "jsonl=$at.jsonl" \
        -- bash "$work/suite.sh" "$work/venv/bin/python" "$here/sdk/docker_py.py" "$work/lines" </dev/null >"$at.txt" 2>&1 || code=$?
    echo "$code" >"$at.code"
    if [ "$code" -eq "$due" ]; then
        ok "$name: exit code $due, $(tail -n 1 "$at.txt") ($((SECONDS - began)) s)"
    else
        { echo "exit code $code"; grep -s ^failed "$work/lines"; tail -n 40 "$at.txt"; } >"$work/said"
        not_ok "$name: exit code $due" <"$work/said"
    fi
}

# says NAME FILE TEXT...: the file has each text.
says() {
    local file=$2 text
    : >"$work/said"
    for text in "${@:3}"; do
        grep -qF -e "$text" "$file" || { echo "it does not say: $text" && head -n 30 "$file"; } >>"$work/said"
    done
    silent "$1" "$work/said"
}

gate green 0 reference
says 'green: the page says so' "$work/reports/green.html" '<title>compliant'

# serve NAME OPTION...: the built-in backend in the background, at $work/daemon.sock.
serve() {
    plimsoll_start 200 "$work/daemon" serve --listen "unix://$work/daemon.sock" "${@:2}" >"$work/said" || not_ok "$1: the backend starts" <"$work/said"
}

serve red "${faults[@]}"
gate red 1 "unix://$work/daemon.sock"
plimsoll_stop
says 'red: JUnit names the rules' "$work/reports/red.xml" 'type="hijack.headers"' 'type="schema.enum"'
says 'red: SARIF names them' "$work/reports/red.sarif" '"ruleId": "hijack.headers"' '"ruleId": "schema.enum"'
says 'red: so does the page' "$work/reports/red.html" '<title>not compliant' hijack.headers schema.enum

if "$plimsoll" waivers init "$work/reports/red.jsonl" --waivers "$waivers" --reason 'faults on purpose' >"$work/said" 2>&1; then
    ok "waivers: $(sed 's/.*: //' "$work/said")"
else
    not_ok 'waivers are written' <"$work/said"
fi
serve waived "${faults[@]}"
gate waived 0 "unix://$work/daemon.sock" --waivers "$waivers"
plimsoll_stop
says 'waived: what is waived stays in the reports' "$work/reports/waived.sarif" '"justification": "faults on purpose"'

# The backend is mended, and the waivers stayed.
gate stale 1 reference --waivers "$waivers"
says 'stale: JUnit names the line' "$work/reports/stale.xml" 'type="stale-waiver"' "plimsoll-waivers.toml:3"
if "$plimsoll" waivers prune "$work/reports/stale.jsonl" --waivers "$waivers" >"$work/said" 2>&1 && ! grep -q '^\[\[waiver' "$waivers"; then
    ok 'stale: waivers prune removes them'
else
    not_ok 'stale: waivers prune removes them' <"$work/said"
fi

# Too little was seen: the gate over what was recorded already.
code=0
"$plimsoll" report merge "$work/reports/green.jsonl" --min-coverage 90 --report "junit=$work/below.xml" >"$work/below.jsonl" 2>"$work/said" || code=$?
[ "$code" -eq 1 ] || echo "exit code $code" >>"$work/said"
silent 'too little coverage is red' "$work/said"
says 'too little coverage: JUnit says so' "$work/below.xml" 'type="coverage"'

# Every report can be made again of the JSON Lines, byte for byte.
for name in green red waived stale; do
    "$plimsoll" report render "$work/reports/$name.jsonl" --report "junit=$work/again.xml" --report "sarif=$work/again.sarif" \
        --report "markdown=$work/again.md" --report "html=$work/again.html" >/dev/null 2>"$work/said"
    for form in xml sarif md html; do
        cmp "$work/reports/$name.$form" "$work/again.$form" >>"$work/said" 2>&1
    done
    silent "$name: the same reports of the JSON Lines" "$work/said"
done

if timeout --foreground 300 bash "$here/../readers.sh" "$work/reports" >"$work/said" 2>&1; then
    ok "other tools read the reports, and the figures are those of the JSON Lines: $(tail -n 1 "$work/said")"
else
    not_ok 'other tools read the reports, and the figures are those of the JSON Lines' <"$work/said"
fi
closing_line
