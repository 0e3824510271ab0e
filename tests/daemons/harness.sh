# shellcheck shell=bash
# Sourced by the test scripts: their arguments, a folder of their own and what is done when they end, one line a test in the manner of TAP
# and the closing line, and a plimsoll in the background that is bounded in time and ended by its own process id.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# --- what a script begins with ----------------------------------------------------------------------

# absolute FILE: as it is called from every folder.
absolute() { printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; }

# arguments NAMES ARGUMENT...: as many as there are names (words), or the usage and exit 2. The first is always PLIMSOLL: sets plimsoll.
# A DIR that comes second is that of dockerd.sh: sets dir, and daemon to its socket, which must be there.
arguments() {
    local -a names
    read -ra names <<<"$1"
    shift
    if [ $# -ne ${#names[@]} ]; then
        printf 'usage: %s %s\n' "${0##*/}" "${names[*]}" >&2
        exit 2
    fi
    plimsoll=$(absolute "$1")
    [ -x "$plimsoll" ] || { echo "${0##*/}: there is no program $plimsoll" >&2 && exit 2; }
    [ "${names[1]-}" = DIR ] || return 0
    dir=$(cd "$2" && pwd) && daemon=$dir/docker.sock
    [ -S "$daemon" ] || { echo "${0##*/}: no daemon at $daemon" >&2 && exit 2; }
}

# Sets work to a folder that goes when the script ends, however it does. Before that the plimsoll in the background is ended, and leave is called
# where the script has one.
work_folder() {
    # Not below TMPDIR: a socket's path may have 107 bytes.
    work=$(mktemp -d /tmp/plimsoll.XXXXXX) || exit 3
    trap end_all EXIT
    # Traps of other signals do not end a script by themselves.
    trap 'exit 130' INT TERM HUP
}

# Invoked by the trap.
# shellcheck disable=SC2317
end_all() {
    local code=$?
    plimsoll_stop
    ! declare -F leave >/dev/null || leave
    rm -rf "$work"
    exit "$code"
}

# What clients are told by nothing but the test: an empty configuration (no credentials, no plugins, no other context, no hints), the builder that
# every daemon has, one language and time zone.
client_environment() {
    mkdir "$work/config"
    echo '{}' >"$work/config/config.json"
    export DOCKER_CONFIG=$work/config DOCKER_CLI_HINTS=false DOCKER_BUILDKIT=0
    export LC_ALL=C TZ=UTC TERM=xterm PYTHONDONTWRITEBYTECODE=1
    unset DOCKER_HOST DOCKER_CONTEXT DOCKER_API_VERSION DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH
}

# python_with [PACKAGE...]: a Python with docker-py and these packages from PyPI, at $work/venv/bin/python. What went wrong is in $work/said.
# shellcheck disable=SC2120
python_with() {
    {
        # timeout stays in the foreground: in a process group of its own it would not hear of the end of the script.
        timeout --foreground 60 python3 -m venv "$work/venv" &&
            timeout --foreground 180 "$work/venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
                --requirement "$here/sdk/requirements.txt" "$@"
    } >"$work/said" 2>&1
}

# --- what is told -----------------------------------------------------------------------------------

passed=0
failed=0

ok() {
    passed=$((passed + 1))
    printf 'ok %s - %s\n' $((passed + failed)) "$1"
}

# not_ok NAME: what went wrong is read from standard input (never of a pipe: it would count in a process of its own) and printed as comment lines.
not_ok() {
    failed=$((failed + 1))
    printf 'not ok %s - %s\n' $((passed + failed)) "$1"
    # Bytes that no terminal should see are shown as octal; a flood is cut.
    head -n 60 | cut -c1-600 | cat -v | sed 's/^/# /'
}

# silent NAME FILE: passes when nothing stands in the file; else that is what went wrong.
silent() {
    if [ -s "$2" ]; then not_ok "$1" <"$2"; else ok "$1"; fi
}

closing_line() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
}

# --- plimsoll in the background ---------------------------------------------------------------------

plimsoll_guard=

# plimsoll_start SECONDS LOG ARGUMENT...: plimsoll with these arguments, ended after so long at the latest; returns once it listens. Standard output
# goes to LOG.terminal, standard error to LOG.stderr. Sets plimsoll_pid (plimsoll itself) and plimsoll_guard (the timeout around it).
plimsoll_start() {
    local seconds=$1 tenths=100
    plimsoll_log=$2
    shift 2
    rm -f "$plimsoll_log.stderr"
    timeout --kill-after=10 "$seconds" "$plimsoll" "$@" </dev/null >"$plimsoll_log.terminal" 2>"$plimsoll_log.stderr" &
    plimsoll_guard=$!
    plimsoll_pid=
    until grep -qs 'listening on' "$plimsoll_log.stderr"; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ] || [ ! -d "/proc/$plimsoll_guard" ]; then
            echo "plimsoll $1 did not start listening:"
            cat "$plimsoll_log.terminal" "$plimsoll_log.stderr"
            plimsoll_stop
            return 1
        fi
        sleep 0.1
    done
    # A file without a line end: read stores the number and still answers 1.
    read -r plimsoll_pid <"/proc/$plimsoll_guard/task/$plimsoll_guard/children" || true
}

# proxy_start REPORT [SOCKET]: a proxy in front of the daemon, at $work/proxy.sock unless told. Its JSON Lines go to the file REPORT.
proxy_start() {
    plimsoll_start "${PLIMSOLL_PROXY_SECONDS:-1200}" "$1" \
        proxy --listen "unix://${2:-$work/proxy.sock}" --backend "unix://$daemon" --report "jsonl=$1"
}

# Asks it to end and waits: a report is complete only then. Sets plimsoll_code.
# shellcheck disable=SC2034
plimsoll_stop() {
    plimsoll_code=0
    [ -n "$plimsoll_guard" ] || return 0
    # Not the timeout: it would pass the signal on twice, and a second one means hurry.
    local pid=${plimsoll_pid:-$plimsoll_guard} tenths=200
    kill -TERM "$pid" 2>/dev/null || true
    while [ -d "/proc/$pid" ]; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ]; then
            kill -KILL "$pid" 2>/dev/null || true
            break
        fi
        sleep 0.1
    done
    wait "$plimsoll_guard" || plimsoll_code=$?
    plimsoll_guard=
}

# The report of a proxy that has ended: neither error nor warning, and at least MINIMUM exchanges judged.
# report_holds NAME REPORT MINIMUM [MARKS]
report_holds() {
    if "$here/report.py" "${@:2}" >"$work/said"; then
        sed 's/^/# /' "$work/said"
        ok "$1"
    else
        not_ok "$1" <"$work/said"
    fi
}

# ended_well NAME: the plimsoll that was stopped last ended with 0.
ended_well() {
    if [ "$plimsoll_code" -eq 0 ]; then
        ok "$1"
    else
        { echo "it ended with $plimsoll_code" && cat "$plimsoll_log.stderr"; } >"$work/said"
        not_ok "$1" <"$work/said"
    fi
}
