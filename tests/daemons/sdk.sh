#!/usr/bin/env bash
# Transparency and no false alarm, with the SDKs that programs use, in front of a real dockerd.
#
#   sdk.sh PLIMSOLL DIR          DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# docker-py, dockerode and bollard are installed into a temporary directory, as their lock files say.
# Each has a program in sdk/ that goes through scenarios and prints an outcome for each. It runs twice
# at every version: straight at the daemon, then through plimsoll, all of them through one proxy. The
# outcomes must be the same, and the report must not hold one error or warning. PLIMSOLL_SDKS=PATTERN
# (a regular expression) picks SDKs by name.
#
# PLIMSOLL_SECOND=SOCKET compares two daemons instead, as alike.sh does: the second run of everything is
# straight at that one, and outcomes may differ as accepted.txt says.

# No -e: what an SDK makes of the daemon is what is tested here.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"

second=${PLIMSOLL_SECOND:-}
# The daemon that direct talks to.
at=$daemon

work_folder
client_environment
# Invoked by the trap.
# shellcheck disable=SC2317
leave() { sweep >/dev/null 2>&1; }

direct() { DOCKER_HOST=unix://$at docker "$@"; }

# Removes everything but the base image.
sweep() {
    local -a found
    mapfile -t found < <(direct ps -aq)
    [ ${#found[@]} -eq 0 ] || direct rm -f -v "${found[@]}"
    mapfile -t found < <(direct images --format '{{.Repository}}:{{.Tag}}' |
        grep -vx -e base:latest -e '<none>:<none>')
    [ ${#found[@]} -eq 0 ] || direct rmi -f "${found[@]}"
    direct image prune -f
    mapfile -t found < <(direct volume ls -q)
    [ ${#found[@]} -eq 0 ] || direct volume rm -f "${found[@]}"
}

# timeout stays in the foreground here and below: in a process group of its own it would not hear of
# the end of this script.

# installed NAME COMMAND...: what it says matters only when it fails.
installed() {
    "${@:2}" >"$work/said" 2>&1 && return
    not_ok "$1 can be installed" <"$work/said"
    return 1
}

# once SIDE SOCKET VERSION COMMAND...: leaves the lines, stderr and the exit code of one run. While it
# runs, the marks note how long the report was when each scenario began.
once() {
    local side=$1 socket=$2 version=$3 word name
    at=$daemon
    [ "$socket" != "$second" ] || at=$second
    sweep >/dev/null 2>&1
    timeout --foreground --kill-after=5 180 "${@:4}" "$socket" "$version" </dev/null 2>"$work/$side.err" |
        tee "$work/$side.lines" | while read -r word name _; do
        [ "$side $word" != 'proxied begin' ] ||
            echo "$(wc -l 2>/dev/null <"$work/$sdk.jsonl") $version: $name" >>"$work/$sdk.marks"
    done
    echo "${PIPESTATUS[0]}" >"$work/$side.code"
}

# outcome SIDE SCENARIO: its line, in pieces that diff can tell apart.
outcome() {
    local line
    if line=$(grep -m 1 -E "^(end|failed) $2( |\$)" "$work/$1.lines"); then
        printf '%s\n' "${line//, /$',\n'}" | sed -e 's/\\n/\\n\n/g' -e 's/,"/,\n"/g'
    else
        echo 'no outcome'
    fi
}

compare() {
    local version=$1 scenario side
    while read -r _ scenario _; do
        outcome direct "$scenario" >"$work/left"
        outcome proxied "$scenario" >"$work/right"
        if [ -n "$second" ] && ! cmp -s "$work/left" "$work/right"; then
            # Members of a JSON object have no order, and with another order the brackets fall elsewhere.
            for side in left right; do
                tr -d '][{}\\\n' <"$work/$side" | tr ',' '\n' | sort >"$work/pieces"
                mv "$work/pieces" "$work/$side"
            done
            diff -a -U 0 "$work/left" "$work/right" | tail -n +3 | grep -v '^@@' |
                "$here/accepted.py" "$here/accepted.txt" "$sdk $scenario" >"$work/rest" 2>"$work/reasons"
            if [ ! -s "$work/rest" ]; then
                sort -u "$work/reasons" | sed 's/^/# accepted: /'
                cp "$work/left" "$work/right"
            fi
        fi
        if ! cmp -s "$work/left" "$work/right"; then
            # Never a pipe into not_ok: it would count in a process of its own.
            {
                echo '- direct, + proxied'
                diff -a -U 0 "$work/left" "$work/right" | tail -n +3
            } >"$work/said"
            not_ok "$sdk $version: $scenario" <"$work/said"
        elif ! grep -q '^end ' "$work/left"; then
            # The same mistake twice proves nothing.
            not_ok "$sdk $version: $scenario (on both sides)" <"$work/left"
        else
            ok "$sdk $version: $scenario"
        fi
    done < <(grep '^begin ' "$work/direct.lines")
    # A program that broke off has compared too little.
    for side in direct proxied; do
        if [ "$(cat "$work/$side.code")" != 0 ] || [ "$(grep -c '^begin ' "$work/$side.lines")" -lt 15 ]; then
            { echo "exit code $(cat "$work/$side.code")" && tail -n 20 "$work/$side.err"; } >"$work/said"
            not_ok "$sdk $version: the $side run goes to its end" <"$work/said"
        fi
    done
}

# through NAME MINIMUM VERSIONS COMMAND...: the command at each of the versions (words), direct and
# through one proxy, which must have judged MINIMUM exchanges.
through() {
    sdk=$1
    local minimum=$2 versions=$3 began=$SECONDS version
    if [ -n "$second" ]; then
        # At old versions dockerd sends what newer ones know as well, and the reference does not: cli.sh compares that.
        for version in ${versions%% *}; do
            once direct "$daemon" "$version" "${@:4}"
            once proxied "$second" "$version" "${@:4}"
            compare "$version"
        done
        return
    fi
    if ! proxy_start "$work/$sdk.jsonl" "$work/$sdk.sock" >"$work/said"; then
        not_ok "$sdk: the proxy starts" <"$work/said"
        return
    fi
    for version in $versions; do
        once direct "$daemon" "$version" "${@:4}"
        once proxied "$work/$sdk.sock" "$version" "${@:4}"
        compare "$version"
    done
    plimsoll_stop
    report_holds "$sdk: neither error nor warning in the report" "$work/$sdk.jsonl" "$minimum" "$work/$sdk.marks"
    ended_well "$sdk: the proxy ends with 0"
    echo "# $sdk: $((SECONDS - began)) s"
}

docker_py() {
    # shellcheck disable=SC2119
    python_with || { not_ok 'docker-py can be installed' <"$work/said" && return; }
    through docker-py 1500 'auto 1.24 1.35' "$work/venv/bin/python" "$here/sdk/docker_py.py"
}

dockerode() {
    local tool
    for tool in node npm; do
        command -v "$tool" >/dev/null && continue
        not_ok 'dockerode can be installed' <<<"$tool is not there; install.sh installs it"
        return
    done
    mkdir "$work/node"
    cp "$here/sdk/package.json" "$here/sdk/package-lock.json" "$here/sdk/dockerode.js" "$work/node"
    installed dockerode timeout --foreground 120 npm ci --prefix "$work/node" --cache "$work/npm" --ignore-scripts \
        --no-audit --no-fund --no-update-notifier || return
    through dockerode 400 'default v1.41' node "$work/node/dockerode.js"
}

bollard() {
    # Its own directory for what is built: the source tree stays as it is.
    installed bollard timeout --foreground 400 cargo build --release --locked --quiet \
        --manifest-path "$here/sdk/bollard/Cargo.toml" --target-dir "$work/bollard" || return
    through bollard 120 negotiated "$work/bollard/release/bollard-through-plimsoll"
}

for sdk in docker_py dockerode bollard; do
    [[ ! $sdk =~ ${PLIMSOLL_SDKS:-} ]] || "$sdk"
done
closing_line
