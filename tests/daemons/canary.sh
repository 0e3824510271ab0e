#!/usr/bin/env bash
# Secrets that the real docker CLI sends to a real dockerd, and gets from it, are in no report, recording or log.
#
#   canary.sh PLIMSOLL DIR          DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# The daemon joins a swarm on the loopback for this and leaves it again, so this runs after what expects none.

# No -e: what the CLI and the daemon make of a command is part of what is looked at.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder
# With the builder that sends its arguments in the query.
client_environment
mkdir "$work/context"
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    timeout 60 docker -H "unix://$daemon" swarm leave --force >/dev/null 2>&1
    timeout 60 docker -H "unix://$daemon" rm -f canary >/dev/null 2>&1
    timeout 60 docker -H "unix://$daemon" rmi canary:1 >/dev/null 2>&1
}

# Every format that there is: named by the complaint about one that is not.
# shellcheck disable=SC2016
formats=$("$plimsoll" check --report nope=x "$work/x" 2>&1 | sed -n 's/.*there is no format `nope`: //p' | tr -d ',')
[ -n "$formats" ] || { echo 'canary.sh: no formats found' >&2 && exit 2; }

canary() { printf 'Cn%sQz7Kx9Vw2Mb4Tn8' "$1"; }
client() { timeout 120 docker -H "unix://$work/proxy.sock" "$@" </dev/null >>"$work/out" 2>&1; }

# start NAME OPTION…: a proxy that reports in every format and records.
start() {
    local name=$1 reports=()
    shift
    mkdir "$work/$name"
    for format in $formats; do
        reports+=(--report "$format=$work/$name/report.$format")
    done
    plimsoll_start 500 "$work/$name/log" proxy --listen "unix://$work/proxy.sock" --backend "unix://$daemon" \
        --record "$work/$name/session.wire" "${reports[@]}" "$@" || exit 1
}

# What has secrets in it; what the daemon gives out is noted in known.
session() {
    : >"$work/known"
    for number in 01 02 03 04 05 06 07 08; do
        canary "$number" >>"$work/known"
        echo >>"$work/known"
    done
    client login -u jane -p "$(canary 01)" 127.0.0.1:9
    client run --name canary -e "TOKEN=$(canary 02)" base:latest true
    client inspect canary
    client commit --change "ENV LATER=$(canary 03)" canary canary:1
    client image inspect canary:1
    client history --no-trunc canary:1
    client rm canary
    printf 'FROM base:latest\nARG SECRET\nRUN true\n' >"$work/context/Dockerfile"
    client build --build-arg "SECRET=$(canary 04)" -t canary:1 "$work/context"
    client history --no-trunc canary:1
    client rmi canary:1
    # The credentials of a registry that nobody logged into, as the CLI keeps them.
    printf '{"auths":{"127.0.0.1:9":{"auth":"%s"}}}' "$(printf 'jane:%s' "$(canary 05)" | base64 -w0)" >"$DOCKER_CONFIG/config.json"
    client pull 127.0.0.1:9/canary:1
    client tag base:latest 127.0.0.1:9/canary:1
    client push 127.0.0.1:9/canary:1
    client rmi 127.0.0.1:9/canary:1
    client swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2478 --autolock
    client swarm join-token worker
    client swarm unlock-key
    for role in worker manager; do
        docker -H "unix://$daemon" swarm join-token -q "$role" | sed 's/^SWMTKN-1-//' >>"$work/known"
    done
    docker -H "unix://$daemon" swarm unlock-key -q | sed 's/^SWMKEY-1-//' >>"$work/known"
    canary 06 >"$work/secret"
    client secret create s1 "$work/secret"
    client secret inspect s1
    canary 07 >"$work/secret"
    client config create c1 "$work/secret"
    client config inspect c1
    client service create -d --no-resolve-image --network host --name web -e "PASSWORD=$(canary 08)" --with-registry-auth base:latest sleep 5
    client service inspect web
    client service ps web
    client service rm web
    client config rm c1
    client secret rm s1
    client swarm leave --force
}

# Lines of known, and their base64 at each alignment, that any file of a run holds.
traces() {
    python3 - "$work/known" "$work/$1" <<'EOF'
import base64, pathlib, sys
files = {path: path.read_bytes() for path in pathlib.Path(sys.argv[2]).iterdir()}
found = set()
for line in open(sys.argv[1]).read().split():
    secret = line.encode()
    forms = {secret, secret[:12], secret[-12:]}
    for shift in range(3):
        encoded = base64.b64encode(b' ' * shift + secret)[4:]
        forms |= {encoded[:12], encoded[:12].replace(b'+', b'-').replace(b'/', b'_')}
    for path, text in files.items():
        if any(form in text for form in forms):
            found.add(f'{line} in {path.name}')
for line in sorted(found):
    print(line)
EOF
}

for mode in observe enforce; do
    start "$mode" --mode "$mode"
    session
    plimsoll_stop
    traces "$mode" >"$work/found"
    if [ ! -s "$work/found" ]; then
        ok "$mode: $(grep -c . "$work/known") secrets, none in $(find "$work/$mode" -type f | wc -l) files"
    else
        not_ok "$mode: secrets are shown" <"$work/found"
    fi
done

# The masked recording is judged as the live run was.
rules() { python3 -c 'import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    if event["type"] == "violation": print(event["rule"], event["side"], event.get("operation"), event["place"])' "$1" | sort; }
"$plimsoll" check --report "jsonl=$work/again.jsonl" "$work/observe/session.wire" >"$work/said" 2>&1
if diff <(rules "$work/observe/report.jsonl") <(rules "$work/again.jsonl") >"$work/said"; then
    ok "the masked recording gives the same findings: $(rules "$work/again.jsonl" | wc -l)"
else
    not_ok 'the masked recording gives other findings' <"$work/said"
fi

# The control: they were there to be found.
start control --no-redact
session
plimsoll_stop
traces control >"$work/found"
found=$(sed -n 's/ in session.wire$//p' "$work/found" | sort -u | wc -l)
if [ "$found" -eq "$(grep -c . "$work/known")" ]; then
    ok "without redaction the recording has all $found"
else
    not_ok "without redaction the recording has $found of $(grep -c . "$work/known")" <"$work/found"
fi
closing_line
