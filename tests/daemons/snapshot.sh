#!/usr/bin/env bash
# Snapshots of real daemons: recorded once, the same three times, red for a daemon that answers otherwise, green again once accepted.
#
#   snapshot.sh PLIMSOLL DIR      DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# A session of the docker CLI and a program with docker-py, at dockerd, at podman (in DIR/podman) and at the reference backend.

# No -e: what comes of a command is what is tested here.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/daemons/harness.sh
. "$here/harness.sh"

if [ $# -ne 2 ]; then
    echo 'usage: snapshot.sh PLIMSOLL DIR' >&2
    exit 2
fi
plimsoll=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
dir=$(cd "$2" && pwd)
[ -S "$dir/docker.sock" ] || { echo "snapshot.sh: no daemon at $dir/docker.sock" >&2 && exit 2; }

work=$(mktemp -d)
serving=
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    [ -z "$serving" ] || kill "$serving" 2>/dev/null
    [ ! -d "$dir/podman" ] || "$here/podman.sh" stop "$dir/podman"
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

mkdir "$work/config"
echo '{}' >"$work/config/config.json"
export DOCKER_CONFIG=$work/config LC_ALL=C TZ=UTC PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_API_VERSION DOCKER_TLS_VERIFY DOCKER_CERT_PATH

# wants NAME CODE COMMAND…: the command ends with this code.
wants() {
    local name=$1 want=$2 code
    shift 2
    timeout --kill-after=10 240 "$@" >"$work/out" 2>&1
    code=$?
    if [ "$code" -eq "$want" ]; then
        ok "$name"
    else
        # No pipe: the count is kept by this shell.
        not_ok "$name" < <(echo "ended with $code, not $want" && cat "$work/out")
    fi
}
# shows NAME TEXT: the last command said so.
shows() {
    if grep -qF -- "$2" "$work/out"; then
        ok "$1"
    else
        not_ok "$1" < <(echo "there is no $2 in this:" && cat "$work/out")
    fi
}

cat >"$work/session.sh" <<'SESSION'
set -e
image=$1
docker image inspect "$image" >/dev/null || docker pull -q "$image" >/dev/null
docker version >/dev/null
id=$(docker create --name plimsoll-web -l of=plimsoll "$image" sh -c 'echo out; echo err >&2; exit 3')
docker start "$id" >/dev/null
docker wait "$id" >/dev/null
docker logs -t "$id" >/dev/null 2>&1
docker inspect "$id" >/dev/null
docker ps -a --filter "id=${id:0:10}" >/dev/null
docker rm plimsoll-web >/dev/null
echo hello | docker run --rm -i "$image" cat >/dev/null
docker run -d --name plimsoll-sleep "$image" sleep 60 >/dev/null
docker exec plimsoll-sleep sh -c 'echo in; exit 4' >/dev/null || [ $? -eq 4 ]
docker top plimsoll-sleep >/dev/null
docker kill plimsoll-sleep >/dev/null
docker rm plimsoll-sleep >/dev/null
docker network create plimsoll-net >/dev/null
docker network inspect plimsoll-net >/dev/null
docker network rm plimsoll-net >/dev/null
docker volume create plimsoll-data >/dev/null
docker volume inspect plimsoll-data >/dev/null
docker volume rm plimsoll-data >/dev/null
docker images >/dev/null
docker info >/dev/null
SESSION

cat >"$work/program.py" <<'PROGRAM'
import sys
import docker

client = docker.from_env()
image = sys.argv[1]
try:
    client.images.get(image)
except docker.errors.ImageNotFound:
    client.images.pull(image, tag="latest")
container = client.containers.create(image, ["sh", "-c", "read x; echo got $x"], stdin_open=True)
stream = container.attach_socket(params={"stdin": 1, "stream": 1, "stdout": 1, "stderr": 1})
container.start()
stream._sock.sendall(b"hi\n")
assert container.wait()["StatusCode"] == 0
assert container.logs() == b"got hi\n"
container.remove()
volume = client.volumes.create()
volume.reload()
volume.remove()
container = client.containers.run(image, ["sleep", "60"], detach=True)
assert container.exec_run("echo yes").output == b"yes\n"
events = client.events(decode=True, filters={"container": container.id})
container.kill()
for event in events:
    # The short form, `status`, is gone from API 1.52 on.
    if event["Action"] == sys.argv[2]:
        events.close()
        break
container.remove(force=True)
PROGRAM

# docker-py, as sdk.sh has it.
python=
if [ -n "${PLIMSOLL_PYTHON:-}" ]; then
    python=$PLIMSOLL_PYTHON
elif timeout 300 python3 -m venv "$work/venv" && timeout 300 "$work/venv/bin/pip" -q install 'docker==7.1.0' >"$work/pip" 2>&1; then
    python=$work/venv/bin/python
else
    echo 'snapshot.sh: docker-py cannot be installed; its half is left out' >&2
fi

# daemon NAME ADDRESS IMAGE [deviates]: recorded, and three times the same. Of one that deviates the judge's findings are accepted by a waiver each,
# made from the recording, so that any other is red.
daemon() {
    local name=$1 address=$2 image=$3 deviates=${4-} round last=die
    # podman sends one event more; if nobody waited for it, it would be there or not.
    [ -z "$deviates" ] || last=cleanup
    local snapshots=$work/$name reports=("$work/$name-cli.jsonl")
    local how=(--backend "$address" --dir "$snapshots") record=() judge=()
    [ -z "$deviates" ] || record=(--fail-on never)
    wants "$name: a docker CLI session is recorded" 0 \
        "$plimsoll" snapshot record "${how[@]}" "${record[@]}" --report "jsonl=${reports[0]}" --name cli -- bash "$work/session.sh" "$image"
    if [ -n "$python" ]; then
        reports+=("$work/$name-py.jsonl")
        wants "$name: a docker-py program is recorded" 0 \
            "$plimsoll" snapshot record "${how[@]}" "${record[@]}" --report "jsonl=${reports[1]}" --name py -- "$python" "$work/program.py" "$image" "$last"
    fi
    if [ -n "$deviates" ]; then
        judge=(--waivers "$work/$name.toml" --allow-stale-waivers)
        wants "$name: its deviations are accepted" 0 \
            "$plimsoll" waivers init "${reports[@]}" --reason "$deviates" --waivers "$work/$name.toml"
        # podman answers a wait whose client has left with the exit code -1 while the container runs, if it gets round to it.
        printf '\n[[waiver]]\nrule = "state.still-running"\nreason = "%s"\n' "$deviates" >>"$work/$name.toml"
    fi
    for round in 1 2 3; do
        wants "$name: the same, $round of 3" 0 "$plimsoll" snapshot test "${how[@]}" "${judge[@]}"
    done
}

daemon dockerd "unix://$dir/docker.sock" base
daemon reference reference busybox
mkdir -p "$dir/podman"
if timeout --kill-after=30 120 "$here/podman.sh" start "$dir/podman"; then
    daemon podman "unix://$dir/podman/podman.sock" base 'podman 4.3.1 does it so; podman-4.3.1.txt'
    # What is accepted is what the probe finds at this podman; the probe does not come by everything that clients do.
    sed -n 's/^rule = "\(.*\)"/\1/p' "$work/podman.toml" | sort -u >"$work/accepted"
    { cut -d' ' -f1 "$here/podman-4.3.1.txt" && echo state.still-running; } | sort -u >"$work/known"
    comm -23 "$work/accepted" "$work/known" >"$work/unknown"
    wants 'podman: no rule is broken that is not known to be' 0 diff /dev/null "$work/unknown"
    wants 'dockerd and podman differ' 1 "$plimsoll" diff --a "unix://$dir/docker.sock" --b "unix://$dir/podman/podman.sock" "$work/dockerd/cli.wire"
    shows 'and it is said where' '/answer/body/HostConfig/CgroupnsMode'
else
    not_ok 'podman starts' < <(tail -n 20 "$dir/podman/log")
fi
wants 'dockerd does not differ from itself' 0 "$plimsoll" diff --a "unix://$dir/docker.sock" --b "unix://$dir/docker.sock" "$work/dockerd/cli.wire"

# A daemon that answers otherwise.
timeout 200 "$plimsoll" serve --listen "unix://$work/other.sock" --api-version 1.24..1.43 2>/dev/null &
serving=$!
until [ -S "$work/other.sock" ]; do sleep 0.1; done
how=(--backend "unix://$work/other.sock" --dir "$work/reference" --fail-on never)
wants 'an older daemon is red' 1 "$plimsoll" snapshot test "${how[@]}" cli
shows 'and the pointer is named' '/answer/headers/Api-Version'
wants 'it is accepted' 0 "$plimsoll" snapshot accept --dir "$work/reference"
kill "$serving"
wait "$serving"
rm -f "$work/other.sock"
timeout 200 "$plimsoll" serve --listen "unix://$work/other.sock" --api-version 1.24..1.43 2>/dev/null &
serving=$!
until [ -S "$work/other.sock" ]; do sleep 0.1; done
wants 'and is green' 0 "$plimsoll" snapshot test "${how[@]}" cli

closing_line
