#!/usr/bin/env bash
# docker-py's own integration tests, unchanged, through plimsoll at a daemon.
#
#   docker_py_suite.sh PLIMSOLL DIR MINIMUM      DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# The library is 7.1.0; the tests are those of the source distribution of 7.0.0, the last that carries
# them. At least MINIMUM of them must pass, and the report must not hold one error or warning.

# No -e: what the tests make of the daemon is counted.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR MINIMUM' "$@"
minimum=$3
work_folder
client_environment
export HOME=$work

tests_of_docker_py() {
    timeout --foreground 120 "$work/venv/bin/python" -m pip download --quiet --no-cache-dir --disable-pip-version-check \
        --no-deps --no-binary docker --dest "$work" docker==7.0.0 &&
        tar -C "$work" -xzf "$work/docker-7.0.0.tar.gz" docker-7.0.0/tests
}
if ! python_with pytest==9.2.0 pytest-timeout==2.4.0 paramiko==5.1.0 websocket-client==1.9.2 || ! tests_of_docker_py >"$work/said" 2>&1; then
    not_ok 'docker-py and its tests can be installed' <"$work/said"
    closing_line
    exit
fi
# The settings of its own repository ask for more than is installed here.
: >"$work/docker-7.0.0/pytest.ini"

if ! proxy_start "$work/report.jsonl" >"$work/said"; then
    not_ok 'the proxy starts' <"$work/said"
    closing_line
    exit
fi
# suite SOCKET SECONDS ARGUMENT...: some of the tests.
suite() {
    (
        cd "$work/docker-7.0.0" || exit
        DOCKER_HOST=unix://$1 exec timeout --foreground --kill-after=5 "$2" \
            "$work/venv/bin/python" -m pytest "${@:3}" -q -p no:cacheprovider --timeout=60 -rfE
    ) </dev/null 2>&1
}

# The tests of contexts and of credential helpers come last and alone: they are about the library's own files and other programs, and
# leave it pointing at the default socket.
suite "$work/proxy.sock" 900 tests/integration --ignore tests/integration/context_api_test.py --ignore tests/integration/credentials >"$work/tests"
suite "$work/proxy.sock" 60 tests/integration/context_api_test.py tests/integration/credentials >"$work/contexts"
plimsoll_stop

count=0
for part in tests contexts; do
    closing=$(grep -aE '[0-9]+ (passed|failed)' "$work/$part" | tail -n 1)
    passed_here=$(grep -oE '[0-9]+ passed' <<<"$closing" | cut -d' ' -f1)
    count=$((count + ${passed_here:-0}))
    grep -aE '^(FAILED|ERROR) ' "$work/$part" | cut -c1-200 | sed 's/^/# /'
    echo "# $closing"
done
if [ "$count" -ge "$minimum" ]; then
    ok "at least $minimum of docker-py's tests pass"
else
    tail -n 40 "$work/tests" >"$work/said"
    not_ok "at least $minimum of docker-py's tests pass" <"$work/said"
fi
report_holds 'neither error nor warning in the report' "$work/report.jsonl" 1000
closing_line
