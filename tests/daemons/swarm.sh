#!/usr/bin/env bash
# No false alarm over what a swarm of one and plugins make of dockerd, with the real docker CLI at several versions.
#
#   swarm.sh PLIMSOLL DIR          DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# The daemon joins a swarm on the loopback for this and leaves it again, so this runs after what expects none.

# No -e: what the CLI and the daemon make of a command is what is tested here.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder
client_environment
# Invoked by the trap.
# shellcheck disable=SC2317
leave() { timeout 60 docker -H "unix://$daemon" swarm leave --force >/dev/null 2>&1; }

# try NAME CODE COMMAND…: runs the docker CLI through the proxy and expects its exit code.
try() {
    local name=$1 due=$2 code=0
    shift 2
    wc -l <"$work/report.jsonl" | sed "s/\$/ $name/" >>"$work/marks"
    timeout 90 docker -H "unix://$work/proxy.sock" "$@" </dev/null >"$work/out" 2>&1 || code=$?
    if [ "$code" -eq "$due" ]; then
        ok "$flavour: $name"
    else
        { echo "exit $code, not $due" && cat "$work/out"; } >"$work/said"
        not_ok "$flavour: $name" <"$work/said"
    fi
}

cases() {
    try 'nodes outside a swarm' 1 node ls
    try 'swarm init' 0 swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2478
    try 'info in a swarm' 0 info
    try 'swarm init twice' 1 swarm init --advertise-addr 127.0.0.1
    try 'a join token' 0 swarm join-token worker
    try 'swarm update' 0 swarm update --task-history-limit 3
    try 'nodes' 0 node ls
    try 'a node' 0 node inspect self
    try 'a node gets a label' 0 node update --label-add rack=1 "$(docker -H "unix://$daemon" info -f '{{.Swarm.NodeID}}')"
    try 'a node that is not there' 1 node inspect nowhere
    echo secret >"$work/secret"
    try 'a secret is made' 0 secret create s1 "$work/secret"
    try 'a secret is made twice' 1 secret create s1 "$work/secret"
    try 'secrets' 0 secret ls
    try 'a secret' 0 secret inspect s1
    try 'a service is made' 0 service create -d --no-resolve-image --network host --name web --secret s1 --label a=b \
        --limit-memory 64M --restart-max-attempts 2 base:latest sleep 600
    try 'services' 0 service ls
    try 'a service' 0 service inspect web
    try 'tasks of a service' 0 service ps web
    try 'a service is scaled' 0 service scale -d web=2
    try 'a service is updated' 0 service update -d --no-resolve-image --env-add A=1 web
    try 'a service that is not there' 1 service inspect nowhere
    try 'a service is removed' 0 service rm web
    try 'a secret is removed' 0 secret rm s1
    try 'an overlay network is made' 0 network create -d overlay over
    try 'networks in a swarm' 0 network ls
    try 'an overlay network' 0 network inspect over
    try 'an overlay network is removed' 0 network rm over
    try 'a config is made' 0 config create c1 "$work/secret"
    try 'configs' 0 config ls
    try 'a config' 0 config inspect c1
    try 'a config is removed' 0 config rm c1
    try 'plugins' 0 plugin ls
    try 'a plugin that is not there' 1 plugin inspect nowhere
    try 'system df' 0 system df
    try 'leaving without force' 1 swarm leave
    try 'leaving' 0 swarm leave --force
}

# Below 1.29 the CLI cannot make a service without waiting for it.
for version in '' 1.30 1.35 1.40; do
    unset DOCKER_API_VERSION
    flavour='at the newest version'
    if [ -n "$version" ]; then
        export DOCKER_API_VERSION=$version
        flavour="at $version"
    fi
    rm -f "$work/report.jsonl" "$work/marks" "$work/proxy.sock"
    : >"$work/report.jsonl"
    : >"$work/marks"
    if ! proxy_start "$work/report.jsonl" >"$work/said"; then
        not_ok "$flavour: the proxy starts" <"$work/said"
        continue
    fi
    cases
    plimsoll_stop
    report_holds "$flavour: the report has no false alarm" "$work/report.jsonl" "$(wc -l <"$work/marks")" "$work/marks"
done
closing_line
