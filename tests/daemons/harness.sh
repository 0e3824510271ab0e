# shellcheck shell=bash
# Sourced by the test scripts: one line a test in the manner of TAP, the closing line, and a
# plimsoll proxy that is bounded in time and ended by its own process id.

passed=0
failed=0

ok() {
    passed=$((passed + 1))
    printf 'ok %s - %s\n' $((passed + failed)) "$1"
}

# not_ok NAME: what went wrong is read from standard input and printed as comment lines.
not_ok() {
    failed=$((failed + 1))
    printf 'not ok %s - %s\n' $((passed + failed)) "$1"
    # Bytes that no terminal should see are shown as octal; a flood is cut.
    head -n 60 | cut -c1-600 | cat -v | sed 's/^/# /'
}

closing_line() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
}

# proxy_start PLIMSOLL LISTEN BACKEND REPORT: paths of the two sockets and of the JSON Lines file.
# Sets proxy_pid (plimsoll itself) and proxy_guard (the timeout around it).
proxy_start() {
    timeout --kill-after=10 "${PLIMSOLL_PROXY_SECONDS:-1200}" \
        "$1" proxy --listen "unix://$2" --backend "unix://$3" --report "jsonl=$4" \
        </dev/null >"$4.terminal" 2>"$4.stderr" &
    proxy_guard=$!
    proxy_pid=
    local tenths=100
    until [ -S "$2" ]; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ] || [ ! -d "/proc/$proxy_guard" ]; then
            echo "the proxy did not start listening:"
            cat "$4.terminal" "$4.stderr"
            proxy_stop
            return 1
        fi
        sleep 0.1
    done
    # A file without a line end: read stores the number and still answers 1.
    read -r proxy_pid <"/proc/$proxy_guard/task/$proxy_guard/children" || true
    # The socket's file is there a moment before it accepts.
    sleep 0.05
}

# Asks the proxy to end and waits: its report is complete only then. Sets proxy_code.
# shellcheck disable=SC2034
proxy_stop() {
    proxy_code=0
    [ -n "${proxy_guard-}" ] || return 0
    # Not the timeout: it would pass the signal on twice, and a second one means hurry.
    kill -TERM "${proxy_pid:-$proxy_guard}" 2>/dev/null || true
    local tenths=200
    while [ -d "/proc/${proxy_pid:-$proxy_guard}" ]; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ]; then
            kill -KILL "${proxy_pid:-$proxy_guard}" 2>/dev/null || true
            break
        fi
        sleep 0.1
    done
    wait "$proxy_guard" || proxy_code=$?
    proxy_guard=
}
