#!/usr/bin/env bash
# Every version's OpenAPI export is valid OpenAPI 3.1, by a validator that is not ours (PyPI openapi-spec-validator).
#
#   openapi.sh PLIMSOLL
set -euo pipefail

plimsoll=${1:?usage: openapi.sh PLIMSOLL}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check openapi-spec-validator
timeout 900 "$work/venv/bin/python" - "$plimsoll" <<'PYTHON'
import json
import subprocess
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator

passed = failed = 0
for minor in range(56):
    version = f"1.{minor}"
    text = subprocess.run([sys.argv[1], "schemas", "export", "--api-version", version], check=True, capture_output=True).stdout
    document = json.loads(text)
    errors = [error.message[:300] for error in OpenAPIV31SpecValidator(document).iter_errors()]
    operations = [method["operationId"] for item in document["paths"].values() for method in item.values()]
    if len(operations) < 28 or len(operations) != len(set(operations)):
        errors.append(f"{len(operations)} operations, {len(set(operations))} ids")
    for error in errors[:5]:
        print(f"{version}: {error}")
    passed, failed = passed + (not errors), failed + bool(errors)
print(f"{passed} passed, {failed} failed")
sys.exit(bool(failed))
PYTHON
