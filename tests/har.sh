#!/usr/bin/env bash
# Every recording as an HTTP archive is valid HAR 1.2 by a validator that is not ours (npm har-validator), is opened by a tool that is not ours
# (PyPI haralyzer), and is the same recording again on the way back.
#
#   har.sh PLIMSOLL
set -euo pipefail

plimsoll=$(realpath "${1:?usage: har.sh PLIMSOLL}")
recordings=$(cd "$(dirname "$0")/../fixtures/recordings" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
timeout 300 npm install --silent --no-audit --no-fund har-validator
python3 -m venv venv
timeout 300 venv/bin/pip install --quiet --disable-pip-version-check haralyzer
cat >valid.js <<'JS'
const validator = require("har-validator");
const archive = JSON.parse(require("fs").readFileSync(process.argv[2]));
validator.har(archive).catch((error) => {
  console.log(JSON.stringify(error.errors ?? error.message).slice(0, 500));
  process.exit(1);
});
JS
cat >opened.py <<'PYTHON'
import json
import sys

from haralyzer import HarEntry, HarParser

for entry in HarParser(json.load(open(sys.argv[1]))).har_data["entries"]:
    opened = HarEntry(entry)
    assert opened.request.method and opened.request.url.startswith("http://") and opened.startTime, entry
PYTHON

passed=0 failed=0
for recording in "$recordings"/*.wire; do
    name=$(basename "$recording" .wire)
    if timeout 60 "$plimsoll" convert "$recording" "$name.har" && timeout 60 node valid.js "$name.har" &&
        timeout 60 venv/bin/python opened.py "$name.har" && timeout 60 "$plimsoll" convert "$name.har" "$name.wire" &&
        timeout 60 "$plimsoll" convert "$name.wire" "again.har" && cmp "$name.har" again.har; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1)) && echo "not ok - $name"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
