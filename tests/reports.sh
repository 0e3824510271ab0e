#!/usr/bin/env bash
# Reports of recordings, clean and bad, whole and cut off, read by tools that are not ours (readers.sh).
#
#   reports.sh PLIMSOLL
#
set -euo pipefail

plimsoll=$(realpath "${1:?usage: reports.sh PLIMSOLL}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Reports of all rule fixtures, of one that is clean, of recordings of real daemons, and of one that was cut off.
make() {
    local name=$1 fail_on=$2 code=0
    shift 2
    timeout 120 "$plimsoll" check --fail-on "$fail_on" --report "junit=$work/$name.xml" --report "sarif=$work/$name.sarif" \
        --report "markdown=$work/$name.md" --report "jsonl=$work/$name.jsonl" "$@" > "$work/$name.txt" || code=$?
    echo "$code" > "$work/$name.code"
}
make rules error fixtures/rules/*/*.wire
make strict warning fixtures/deviations/*.wire
make clean error fixtures/recordings/docker-run.wire
make lenient never fixtures/rules/schema.*/*.wire
make nothing error fixtures/rules/http.start-line/fires-blank-in-target.wire
head -c 30000 "$work/rules.jsonl" > "$work/cut.jsonl"
timeout 60 "$plimsoll" report render "$work/cut.jsonl" --report "junit=$work/cut.xml" --report "sarif=$work/cut.sarif" --report "markdown=$work/cut.md" > "$work/cut.txt"
echo 1 > "$work/cut.code"


bash tests/readers.sh "$work"
