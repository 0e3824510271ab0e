#!/usr/bin/env bash
# Transparency and no false alarm, with the real docker CLI in front of a real dockerd.
#
#   cli.sh PLIMSOLL DIR          DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# Every case is a piece of shell that runs twice from the same prepared state: straight at the
# daemon, then through plimsoll. Standard output, standard error and the exit code must be the same,
# and the report must not hold one error or warning. What two direct runs do not have in common
# either is replaced by the named rules of normal.py, and only where a case asks for them.
#
# All cases run with each docker CLI found on the machine, at the version it negotiates with the
# daemon, and most with the first one at API 1.24 and 1.30. PLIMSOLL_CASES=PATTERN (a regular
# expression) picks cases by name; PLIMSOLL_PHASES picks among negotiated, 1.24 and 1.30.
#
# PLIMSOLL_SECOND=SOCKET compares two daemons instead, as alike.sh does: the second side of every case
# is that daemon, straight. No two daemons have an id or a moment in common, so more is replaced, and what
# accepted.txt lists with its reason may differ.

# No -e: what a command answers is what is tested here.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
second=${PLIMSOLL_SECOND:-}
[ -z "$second" ] || [ -S "$second" ] || { echo "cli.sh: no daemon at $second" >&2 && exit 2; }
# The daemon that direct talks to.
at=$daemon

work_folder
client_environment
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    for at in "$daemon" ${second:+"$second"}; do
        sweep >/dev/null 2>&1 || true
    done
}

mkdir "$work/bin" "$work/files"
export PATH=$work/bin:$PATH
# What cases use beside docker: the terminal, and files to feed in.
export terminal=$here/terminal.py files=$work/files base=base:latest

# --- the state before a case ------------------------------------------------------------------------

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

# Scripts stand in single quotes because another shell expands them, here and below.
# shellcheck disable=SC2016
prepare() {
    sweep
    case $1 in
    empty) ;;
    created) direct create -i --name box --network none base cat ;;
    running)
        direct run -d --name box --network none --label kind=test base \
            sh -c 'mkdir /dir; echo one >/dir/one; echo two >/dir/two; rm /bin/vi; exec sleep 1000'
        direct volume create vol
        until direct exec box test ! -e /bin/vi; do sleep 0.1; done
        ;;
    exited)
        # A moment between the lines gives since, until and timestamps something to tell apart.
        direct run --name box --network none base sh -c \
            'echo first; sleep 0.1; echo second >&2; sleep 1.2; echo third; printf last; exit 3' || true
        ;;
    talking)
        direct run -d --name box --network none base sh -c \
            'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done; echo end >&2; exit 4'
        ;;
    reading)
        # Not run -d: only what create -i makes closes its input after the first attach.
        direct create -i --name box --network none base sh -c \
            'read -r line; echo "got $line"; echo "no more" >&2; cat; exit 6'
        direct start box
        ;;
    tty)
        direct run -d -i -t --name box --network none base sh -c \
            'while read -r line; do echo "got $line"; [ "$line" != end ] || exit 7; done'
        ;;
    images)
        direct tag base:latest copy:1
        direct tag base:latest host:5000/team/app:1.2
        direct run --name maker --network none base sh -c 'echo layer >/layer'
        direct commit maker grown:1
        direct rm maker
        ;;
    *) echo "unknown state $1" && return 1 ;;
    esac
}

# --- one case ---------------------------------------------------------------------------------------

# once SIDE HOST SCRIPT: leaves out, err and code of a run in an empty directory of the same name.
once() {
    rm -rf "$work/here"
    mkdir "$work/here"
    local code=0
    (
        cd "$work/here"
        DOCKER_HOST=$2 exec timeout --kill-after=5 90 bash -c "$3" case </dev/null
    ) >"$work/$1.out" 2>"$work/$1.err" || code=$?
    echo "$code" >"$work/$1.code"
}

wanted() { [[ $1 =~ ${PLIMSOLL_CASES:-} ]]; }

state=
stale=true

given() {
    state=$1
    stale=true
}

# prepared [SOCKET...]: at the daemons that are compared, unless named.
prepared() {
    $stale || return 0
    [ $# -gt 0 ] || set -- "$daemon" ${second:+"$second"}
    for at; do
        if ! prepare "$state" >"$work/prepare" 2>&1; then
            printf 'cli.sh: the state %s could not be prepared at %s:\n' "$state" "$at" >&2
            cat "$work/prepare" >&2
            exit 1
        fi
    done
    at=$daemon
    stale=false
}

compare() {
    local name=$1 script=$2 part old=${DOCKER_API_VERSION:+ at $DOCKER_API_VERSION}
    shift 2
    : >"$work/reasons"
    # At random every CLI is in a hurry.
    set -- "$@" hurry
    if [ -n "$second" ]; then
        # A sum of what was read is compared, an id is not.
        [[ $script == *sha256sum* ]] || set -- "$@" id
        set -- members "$@" time age name
        # Where the daemon keeps its things.
        sed -i "s:$(dirname "$daemon")/data\\b:/var/lib/docker:g" "$work/direct.out" "$work/direct.err"
    fi
    # The difference is shown as lines, whatever bytes it holds.
    for part in out err; do
        cmp -s "$work/direct.$part" "$work/proxied.$part" && continue
        "$here/normal.py" "$@" <"$work/direct.$part" >"$work/left"
        "$here/normal.py" "$@" <"$work/proxied.$part" >"$work/right"
        if ! cmp -s "$work/left" "$work/right"; then
            # With two daemons the whole of it is needed to say what is accepted.
            diff -a -U 0 "$work/left" "$work/right" | tail -n +3 | grep -v '^@@' >"$work/lines"
            if [ -n "$second" ]; then
                "$here/accepted.py" "$here/accepted.txt" "$name$old" <"$work/lines" >"$work/rest" 2>>"$work/reasons"
                [ -s "$work/rest" ] || continue
                mv "$work/rest" "$work/lines"
            fi
            echo "std$part differs, - direct, + proxied"
            head -n 20 "$work/lines"
        fi
    done >"$work/difference"
    if ! cmp -s "$work/direct.code" "$work/proxied.code"; then
        echo "exit code $(cat "$work/direct.code") direct, $(cat "$work/proxied.code") proxied" >"$work/lines"
        if [ -n "$second" ]; then
            "$here/accepted.py" "$here/accepted.txt" "$name$old" <"$work/lines" 2>>"$work/reasons"
        else
            cat "$work/lines"
        fi
    fi >>"$work/difference"
    if [ -s "$work/difference" ]; then
        # With the stderr a difference in stdout is often explained.
        { echo 'stderr of the proxied run:' && cat "$work/proxied.err"; } >>"$work/difference"
        not_ok "$flavour: $name" <"$work/difference"
    else
        ok "$flavour: $name"
        [ ! -s "$work/reasons" ] || sort -u "$work/reasons" | sed 's/^/# accepted: /'
    fi
}

mark() { echo "$(wc -l 2>/dev/null <"$work/report.jsonl") $1" >>"$work/marks"; }

# shows NAME SCRIPT [RULE...]: a case that leaves the state as it was, so that both sides see the very
# same containers with the very same ids and times.
shows() {
    wanted "$1" || return 0
    prepared
    once direct "unix://$daemon" "$2"
    mark "$1"
    once proxied "unix://${second:-$work/proxy.sock}" "$2"
    compare "$1" "$2" "${@:3}"
}

# alters NAME SCRIPT [RULE...]: a case that changes the state, which is prepared anew for each side.
alters() {
    wanted "$1" || return 0
    stale=true
    prepared "$daemon"
    once direct "unix://$daemon" "$2"
    stale=true
    prepared "${second:-$daemon}"
    mark "$1"
    once proxied "unix://${second:-$work/proxy.sock}" "$2"
    stale=true
    compare "$1" "$2" "${@:3}"
}

# newest shows|alters …: a case for the version that CLI and daemon agree on, not for the forced ones:
# it takes long, or (run of what cannot be started) today's CLI waits for ever at an old version.
newest() { [ -n "${DOCKER_API_VERSION-}" ] || "$@"; }

# --- the cases --------------------------------------------------------------------------------------
# shellcheck disable=SC2016
cases() {
    given empty
    shows 'version' 'docker version'
    shows 'version as JSON' "docker version --format '{{json .}}'"
    shows 'info' 'docker info' words
    # SystemTime, the counts of file descriptors and goroutines.
    shows 'info as JSON' "docker info --format '{{json .}}'" time figure
    shows 'images of the base only' 'docker images' age
    shows 'image inspect' 'docker image inspect base'
    shows 'image inspect of two, one missing' 'docker image inspect base missing'
    shows 'inspect of a missing object' 'docker inspect missing'
    shows 'history' 'docker history base' age
    shows 'history in full' 'docker history --no-trunc --human=false base'
    shows 'ps without containers' 'docker ps -a'
    shows 'network ls' 'docker network ls --no-trunc'
    shows 'network ls with a filter' 'docker network ls --filter driver=host -q'
    shows 'network inspect' 'docker network inspect none host'
    shows 'network inspect of a missing one' 'docker network inspect missing'
    shows 'network rm of a predefined one' 'docker network rm host'
    alters 'network create without a bridge' 'docker network create -d null second'
    shows 'system df' 'docker system df'
    newest shows 'system df in full' 'docker system df -v' age
    shows 'service ls outside a swarm' 'docker service ls'
    newest shows 'node ls outside a swarm' 'docker node ls'
    newest shows 'plugin ls' 'docker plugin ls'
    shows 'save' 'docker save base | sha256sum'
    shows 'save to a file' 'docker save -o base.tar base && sha256sum base.tar'
    shows 'save of a missing image' 'docker save missing'
    # Port 1 refuses at once: no network and no name service is asked.
    shows 'run of an image that cannot be pulled' \
        'docker run --rm --network none 127.0.0.1:1/team/absent:1 true'
    shows 'pull that fails' 'docker pull 127.0.0.1:1/team/absent:1'
    shows 'login that fails' 'docker login -u name -p secret 127.0.0.1:1'
    shows 'search that fails' 'docker search 127.0.0.1:1/absent'
    shows 'rmi of a missing image' 'docker rmi missing'
    alters 'push that fails' 'docker tag base 127.0.0.1:1/team/app:1; docker push 127.0.0.1:1/team/app:1'
    alters 'import from standard input' 'docker import - made:1 <$files/rootfs.tar; docker images' id age
    alters 'import of a file with changes' \
        'docker import -c "CMD [\"echo\", \"hi\"]" -c "ENV A=b" -m message $files/rootfs.tar made:2
        docker image inspect -f "{{json .Config.Cmd}} {{json .Config.Env}} {{.Comment}}" made:2
        docker run --rm --network none made:2' id
    newest alters 'import of garbage' 'docker import - made:3 <$files/garbage'
    alters 'load' 'docker load <$files/saved.tar; docker images -q --no-trunc loaded'
    newest alters 'load quietly' 'docker load -q -i $files/saved.tar'
    alters 'load of garbage' 'docker load <$files/garbage'
    alters 'tag' 'docker tag base other:1 && docker images other' age
    shows 'tag of a missing image' 'docker tag missing other:1'
    shows 'tag with a bad name' 'docker tag base UPPER:1'
    alters 'rmi of one tag' 'docker tag base other:1; docker rmi other:1; docker images -q other'
    alters 'create' 'docker create --name box --network none base true; docker ps -a' id age
    alters 'create with many options' \
        'docker create --name box --network none -i -t -e A=1 -w /tmp -u nobody -h name -l k=v \
            --cap-drop ALL --cpu-shares 100 -m 64m --memory-swap -1 --read-only --restart on-failure:3 \
            --ulimit nofile=64:64 --tmpfs /run --dns 10.0.0.1 --add-host a:10.0.0.2 --init \
            --log-opt max-size=1m --stop-signal INT --entrypoint /bin/echo -v vol:/vol base one two
        docker inspect box' id time
    alters 'create with a name in use' \
        'docker create --name box --network none base true; docker create --name box --network none base true' id
    alters 'create with a bad option' 'docker create --name box --network missing --memory 1k base true' id
    alters 'volume create, ls, inspect, rm' \
        'docker volume create --label a=b one; docker volume create two; docker volume ls
        docker volume ls --filter label=a=b -q; docker volume inspect one two missing
        docker volume rm one missing; docker volume ls' time
    alters 'volume in use' \
        'docker create --name box --network none -v one:/one base true; docker volume rm one' id
    alters 'volume prune' 'docker volume create one; docker volume prune -f; docker volume ls'
    newest alters 'container, image and system prune' \
        'docker run --network none base true; docker container prune -f; docker run --network none base true
        docker image prune -f; docker system prune -f' id

    shows 'run' 'docker run --rm --network none base echo hello'
    shows 'run with an exit code' 'docker run --rm --network none base sh -c "exit 42"'
    shows 'run with standard input' 'printf "a\nb\0c\n" | docker run --rm -i --network none base cat'
    shows 'run with empty standard input' 'docker run --rm -i --network none base cat'
    shows 'run with both outputs apart' \
        'docker run --rm --network none base sh -c "echo out; echo err >&2; echo out2; echo err2 >&2"'
    shows 'run with standard output only' \
        'docker run --rm -a stdout --network none base sh -c "echo out; echo err >&2"'
    shows 'run with 20 MB of output' \
        'docker run --rm --network none base sh -c "seq 1 2700000; seq 1 100000 >&2" 2>err | sha256sum
        grep -v "level=error" err | sha256sum'
    newest shows 'run with 20 MB of input' \
        'seq 1 2700000 | docker run --rm -i --network none base sha256sum'
    newest shows 'run with 20 MB through cat' \
        'seq 1 2700000 | docker run --rm -i --network none base cat | sha256sum'
    shows 'run whose input is not read to its end' \
        'seq 1 100000 | docker run --rm -i --network none base sh -c "read -r a; echo \$a; exit 9"'
    shows 'run whose output is not read to its end' \
        'docker run --rm --network none base seq 1 2000000 | head -n 3; echo ${PIPESTATUS[0]}'
    newest shows 'run of an unknown program' 'docker run --rm --network none base no-such-program'
    newest shows 'run of a directory' 'docker run --rm --network none base /tmp'
    shows 'run with options' \
        'docker run --rm --network none -e A=1 -w /tmp -u nobody -h name --read-only --tmpfs /run base \
            sh -c "echo \$A \$PWD \$(id -un) \$(hostname); touch /file"'
    shows 'run with a volume' \
        'docker run --rm --network none -v vol:/vol base sh -c "echo kept >/vol/file"
        docker run --rm --network none -v vol:/vol base cat /vol/file; docker volume rm vol'
    alters 'run detached, then logs and wait' \
        'docker run -d --name box --network none base sh -c "echo out; exit 5"; docker wait box; docker logs box' id
    shows 'run with a tty and no input' \
        'docker run --rm -t --network none base sh -c "echo out; echo err >&2; tty"'
    shows 'run with a tty that is typed into' \
        '$terminal --when ready "typed\n" -- docker run --rm -i -t --network none base \
            sh -c "echo ready; read -r line; echo got \$line; exit 8"'
    shows 'run with a tty of the right size' \
        '$terminal --size 21x77 -- docker run --rm -i -t --network none base \
            sh -c "until [ \"\$(stty size 2>&1)\" = \"21 77\" ]; do sleep 0.05; done; stty size"'
    shows 'run with a tty, interrupted' \
        '$terminal --when ready "\x03" -- docker run --rm -i -t --network none base \
            sh -c "trap \"echo caught; exit 11\" INT; echo ready; while :; do sleep 0.1; done"'
    alters 'run with a tty, detached by keys' \
        '$terminal --when ready "\x10\x11" -- docker run --name box -i -t --network none base \
            sh -c "echo ready; exec sleep 1000"
        docker inspect -f "{{.State.Running}}" box' id
    shows 'run that passes on a signal' \
        '$terminal --when ready "!TERM" -- docker run --rm --network none base \
            sh -c "trap \"echo caught; exit 12\" TERM; echo ready; while :; do sleep 0.1; done"'

    alters 'build' \
        'docker build -t built:1 $files/good; docker build -q $files/good; docker run --rm --network none built:1' id
    newest alters 'build with arguments and another file' \
        'docker build --no-cache --build-arg WORD=argued -f $files/good/Other -t built:2 $files/good
        docker run --rm --network none built:2; docker history --no-trunc built:2' id age size
    newest alters 'build from standard input' 'tar -C $files/failing -c . | docker build --rm=false -' id
    alters 'build whose step fails' 'docker build $files/failing' id
    alters 'build of an unknown instruction' 'docker build $files/unknown'
    alters 'build from an image that cannot be pulled' 'docker build $files/absent'

    given images
    shows 'images' 'docker images' age sort
    shows 'images with digests, untruncated' 'docker images -a --digests --no-trunc' age sort
    shows 'images by name' 'docker images copy' age
    shows 'images with filters' \
        'docker images -q --filter reference="c*:*"; docker images -q --filter dangling=true
        docker images -q --filter before=grown:1; docker images -q --filter since=copy:1
        docker images --filter label=none; docker images --filter bad=1'
    shows 'images by format' "docker images --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Size}}'" sort
    shows 'image inspect of a name with a port and slashes' 'docker image inspect host:5000/team/app:1.2'
    shows 'inspect with a format' "docker inspect --type image -f '{{.Id}} {{.RootFS.Layers}}' grown:1"
    shows 'history of a committed image' 'docker history grown:1' age
    shows 'save of several' 'docker save copy:1 grown:1 host:5000/team/app:1.2 | tar -t' sort
    newest alters 'rmi of several' 'docker rmi copy:1 host:5000/team/app:1.2 grown:1; docker images' id age
    newest alters 'rmi of an image in use' \
        'docker create --name box --network none grown:1 true; docker rmi grown:1; docker rmi -f grown:1' id
    newest alters 'image prune' 'docker rmi copy:1; docker image prune -f'

    given created
    shows 'ps of a created container' 'docker ps -a' age
    shows 'inspect of a created container' 'docker inspect box'
    shows 'logs of a created container' 'docker logs box'
    shows 'diff of a created container' 'docker diff box'
    alters 'start' 'docker start box; docker inspect -f "{{.State.Running}}" box'
    alters 'start with input' 'printf "in\n" | docker start -a -i box'
    alters 'cp into a created container' \
        'docker cp $files/good box:/tmp; docker cp box:/tmp/good - | tar -t; docker start box' size
    alters 'rename' 'docker rename box crate; docker inspect -f "{{.Name}}" crate; docker inspect box'
    shows 'rename of a missing container' 'docker rename missing crate'
    shows 'rename to a bad name' 'docker rename box /'
    shows 'pause of a created container' 'docker pause box'
    shows 'exec in a created container' 'docker exec box true'
    alters 'rm' 'docker rm box; docker rm box'
    alters 'wait for a created container' \
        'docker wait box >code & sleep 0.3; docker start box; docker kill box; wait $!; cat code'

    given running
    shows 'ps' 'docker ps' age
    shows 'ps -a --no-trunc' 'docker ps -a --no-trunc' age
    shows 'ps --size' 'docker ps --size' age
    shows 'ps with filters' \
        'docker ps -q --filter name=bo; docker ps -q --filter status=running; docker ps -q --filter status=exited
        docker ps -q --filter label=kind=test; docker ps -q --filter ancestor=base; docker ps --filter bad=1
        docker ps -q --filter status=bad; docker ps -q -l; docker ps -q -n 1'
    shows 'ps by format' "docker ps --format '{{.Names}} {{.Image}} {{.Command}} {{.Mounts}} {{.Networks}}'"
    shows 'inspect' 'docker inspect box'
    shows 'inspect with the size' 'docker inspect --size box'
    shows 'inspect by format' "docker inspect -f '{{.State.Status}} {{json .Config}}' box"
    # dockerd 20.10 gives the columns of ps; the TIME column counts processor time, which sleep has none of.
    shows 'top' 'docker top box'
    shows 'top with arguments' 'docker top box -o pid,args'
    shows 'top with bad arguments' 'docker top box -o nonsense'
    newest shows 'stats' 'docker stats --no-stream box' figure
    shows 'stats by name' "docker stats --no-stream --format '{{.Name}} {{.PIDs}}' box"
    # Ended from outside, in the midst of a document; the CLI does not end on TERM. What was shown until
    # then is one name, often.
    newest shows 'stats streaming' \
        "timeout -s KILL 3 docker stats --format 'name={{.Name}}' box | grep -ao name=box | sort -u"
    shows 'stats of a missing container' 'docker stats --no-stream missing'
    shows 'port' 'docker port box'
    shows 'port that is not published' 'docker port box 80'
    shows 'diff' 'docker diff box' sort
    shows 'cp of a file out' 'docker cp box:/dir/one one && cat one'
    shows 'cp of a directory out' 'docker cp box:/dir copied && find copied -type f -exec cat {} +'
    shows 'cp to standard output' 'docker cp box:/dir - | sha256sum'
    shows 'cp of a missing path' 'docker cp box:/missing here'
    shows 'cp from a missing container' 'docker cp missing:/dir here'
    alters 'cp of a file in' 'docker cp $files/good/file box:/dir/three && docker exec box cat /dir/three'
    alters 'cp of a directory in' 'docker cp $files/good box:/dir/ && docker exec box find /dir' sort
    alters 'cp from standard input' \
        'tar -C $files/good -c file | docker cp - box:/dir && docker exec box cat /dir/file'
    alters 'cp to a missing directory' 'docker cp $files/good/file box:/missing/' closed
    newest alters 'cp of 20 MB in and out' \
        'seq 1 2700000 >big; docker cp big box:/big; docker exec box sha256sum /big
        docker cp box:/big back; cmp big back' size
    shows 'export' 'docker export box | sha256sum'
    shows 'export to a file' 'docker export -o box.tar box && sha256sum box.tar'
    shows 'export of a missing container' 'docker export missing'
    shows 'exec' 'docker exec box echo hello'
    shows 'exec with an exit code' 'docker exec box sh -c "exit 42"'
    shows 'exec with standard input' 'printf "a\nb\n" | docker exec -i box cat'
    shows 'exec with both outputs apart' 'docker exec box sh -c "echo out; echo err >&2"'
    shows 'exec with 20 MB of output' 'docker exec box seq 1 2700000 | sha256sum'
    newest shows 'exec with 20 MB both ways' 'seq 1 2700000 | docker exec -i box cat | sha256sum'
    shows 'exec with options' 'docker exec -e A=1 -u nobody -w /tmp box sh -c "echo \$A \$(id -un) \$PWD"'
    shows 'exec of an unknown program' 'docker exec box no-such-program'
    shows 'exec with a tty' '$terminal -- docker exec -i -t box sh -c "tty; echo err >&2; exit 5"' terminal
    shows 'exec with a tty that is typed into' \
        '$terminal --size 21x77 --when ready "typed\n" -- docker exec -i -t box sh -c "
            until [ \"\$(stty size 2>&1)\" = \"21 77\" ]; do sleep 0.05; done
            echo ready; read -r line; echo got \$line; exit 8"'
    shows 'exec with a tty, detached by keys' \
        '$terminal --when ready "\x10\x11" -- docker exec -i -t box sh -c "echo ready; exec sleep 3"'
    shows 'exec in a missing container' 'docker exec missing true'
    alters 'exec detached' \
        'docker exec -d box touch /made; until docker exec box test -e /made; do sleep 0.1; done
        docker diff box' sort
    shows 'events of the past' \
        'at=$(docker inspect -f "{{.State.StartedAt}}" box)
        docker events --since 1 --until "$at"
        docker events --since 1 --until "$at" --format "{{json .}}" --filter type=container'
    shows 'events without a match' 'docker events --since 1 --until 2'
    alters 'events as they happen' \
        'docker events --filter container=box --format "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}" >events &
        sleep 0.5; docker pause box; docker unpause box; docker kill box
        until grep -q die events; do sleep 0.1; done; kill $!; wait $!; cat events'
    shows 'rm of a running container' 'docker rm box'
    shows 'start of a running container' 'docker start box'
    shows 'unpause of a running container' 'docker unpause box'
    shows 'volume inspect' 'docker volume inspect vol'
    shows 'volume ls with filters' 'docker volume ls --filter dangling=true; docker volume ls -q --filter name=vo'
    shows 'system df with a container' 'docker system df -v' age
    alters 'kill' 'docker kill box; docker inspect -f "{{.State.Status}} {{.State.ExitCode}}" box'
    alters 'kill with a harmless signal' 'docker kill -s CONT box; docker inspect -f "{{.State.Status}}" box'
    alters 'kill with an unknown signal' 'docker kill -s NONSENSE box'
    newest alters 'stop' 'docker stop -t 1 box; docker stop -t 1 box; docker inspect -f "{{.State.ExitCode}}" box'
    alters 'restart' 'docker restart -t 0 box; docker inspect -f "{{.State.Status}} {{.RestartCount}}" box'
    alters 'pause and unpause' \
        'docker pause box; docker ps; docker pause box; docker exec box true; docker unpause box; docker ps' id age
    alters 'update' \
        'docker update --cpu-shares 200 --memory 64m --memory-swap 128m --restart on-failure box
        docker inspect -f "{{json .HostConfig.RestartPolicy}} {{.HostConfig.CpuShares}} {{.HostConfig.Memory}}" box'
    alters 'update that fails' 'docker update --memory 1k box' id
    alters 'commit' \
        'docker commit box kept:1; docker images kept; docker run --rm --network none kept:1 cat /dir/one' id age
    newest alters 'commit with changes' \
        'docker commit -p=false -m message -a author -c "ENV A=b" -c "CMD echo changed" box kept:2
        docker image inspect -f "{{.Author}} {{.Comment}} {{json .Config.Env}} {{json .Config.Cmd}}" kept:2' id
    alters 'wait' 'docker wait box >code & sleep 0.3; docker kill box; wait $!; cat code'
    alters 'rename to a name in use' \
        'docker create --name crate --network none base true; docker rename box crate' id
    alters 'rm of several by force' 'docker rm -f -v box missing; docker ps -aq'
    alters 'network connect that fails' 'docker network connect host box' id
    newest alters 'attach and kill' 'docker attach box & sleep 0.5; docker kill box; wait $!'

    given exited
    shows 'logs' 'docker logs box'
    shows 'logs with timestamps' 'docker logs -t box'
    shows 'logs by tail' 'docker logs --tail 1 box; docker logs --tail 0 box; docker logs -n 2 box'
    shows 'logs since and until' \
        'at=$(docker logs -t box 2>&1 >/dev/null | cut -d" " -f1)
        docker logs --since "$at" box; docker logs --until "$at" box; docker logs --since 1h box'
    shows 'logs followed to the end' 'docker logs -f --details box'
    shows 'logs of a missing container' 'docker logs missing'
    shows 'ps -a of an exited container' 'docker ps -a --filter exited=3' age
    shows 'inspect of an exited container' 'docker inspect box'
    shows 'wait for an exited container' 'docker wait box'
    shows 'wait for a missing container' 'docker wait missing box'
    shows 'stop of an exited container' 'docker stop box'
    shows 'exec in an exited container' 'docker exec box true'
    shows 'top of an exited container' 'docker top box'
    shows 'stats of an exited container' 'docker stats --no-stream box'
    shows 'attach to an exited container' 'docker attach box'
    shows 'kill of an exited container' 'docker kill box'
    shows 'pause of an exited container' 'docker pause box'
    shows 'start of a missing container' 'docker start missing'
    shows 'cp from an exited container' 'docker cp box:/etc/passwd - | sha256sum'
    newest alters 'start attached' 'docker start -a box'
    alters 'rm of an exited container' 'docker rm -v box; docker ps -a'

    given talking
    alters 'logs followed' 'docker logs -f box'
    newest alters 'logs followed from the tail' 'docker logs -f --tail 0 box | tail -n 1'
    alters 'logs followed for a moment' 'timeout 1 docker logs -f box | head -n 1'
    newest alters 'attach to output' 'docker attach --no-stdin box | tail -n 1'

    given reading
    alters 'attach' 'printf "line\nmore\n" | docker attach box'
    newest alters 'attach without input' '(sleep 1; docker kill box >/dev/null) & docker attach --no-stdin box; wait'
    newest alters 'attach and 20 MB' '(echo line; seq 1 2700000) | docker attach box | sha256sum'

    given tty
    alters 'attach to a tty' \
        '$terminal --when @0.7 "one\n" --when "got one" "end\n" -- docker attach box'
    alters 'attach to a tty, detached by keys' \
        '$terminal --when @0.7 "one\n" --when "got one" "\x10\x11" -- docker attach box; docker logs box'
    alters 'exec beside a tty' 'docker exec box echo hello'
}

# --- plimsoll run -----------------------------------------------------------------------------------

# runs NAME MINIMUM CODE SCRIPT: the script calls "$@" as plimsoll run … --, once so and once as a
# command that does nothing but start what it is given (env).
runs() {
    local name=$1 minimum=$2 code=$3 script=$4
    wanted "$name" || return 0
    stale=true
    prepared
    (
        cd "$work/files"
        DOCKER_HOST=unix://$daemon timeout --kill-after=5 60 bash -c "$script" case env
    ) >"$work/direct.out" 2>"$work/direct.err" </dev/null || true
    stale=true
    prepared
    rm -f "$work/run.jsonl"
    local got=0
    (
        cd "$work/files"
        timeout --kill-after=5 60 bash -c "$script" case "$plimsoll" run --backend "unix://$daemon" \
            --report "jsonl=$work/run.jsonl" --
    ) >"$work/proxied.out" 2>"$work/proxied.err" </dev/null || got=$?
    {
        "$here/normal.py" hurry <"$work/direct.out" >"$work/left"
        # The report follows what the command printed.
        "$here/normal.py" hurry <"$work/proxied.out" >"$work/all"
        head -c "$(wc -c <"$work/left")" "$work/all" >"$work/right"
        if ! cmp "$work/left" "$work/right"; then
            diff -a "$work/left" "$work/all" | head -n 20
            cat "$work/proxied.err"
        fi
        [ "$got" = "$code" ] || echo "plimsoll run ended with $got, not with $code"
        if [ "$minimum" -gt 0 ] && ! "$here/report.py" "$work/run.jsonl" "$minimum" >"$work/said"; then
            cat "$work/said"
        fi
    } >"$work/difference" 2>&1
    silent "$flavour: $name" "$work/difference"
}

# shellcheck disable=SC2016
run_cases() {
    given empty
    runs 'plimsoll run with input from a file' 4 0 \
        '"$@" docker run --rm -i --network none base:latest cat <rootfs.tar'
    runs 'plimsoll run of a shell' 4 0 \
        '"$@" sh -c "docker version; docker images -q; docker run --rm --network none base echo hi"'
    runs 'plimsoll run of a command that fails' 1 5 '"$@" sh -c "docker ps -q; exit 3"'
    runs 'plimsoll run with a docker command that fails' 1 5 '"$@" docker start missing'
    runs 'plimsoll run on a terminal' 4 0 \
        '$terminal --when ready "typed\n" -- "$@" docker run --rm -i -t --network none base \
            sh -c "echo ready; read -r line; echo got \$line"'
    runs 'plimsoll run with 20 MB of output' 4 0 \
        '"$@" sh -c "docker run --rm --network none base seq 1 2700000 | sha256sum"'
    runs 'plimsoll run of a command that asks nothing' 0 4 '"$@" true'
}

# --- all of it --------------------------------------------------------------------------------------

write_files() {
    "$here/rootfs.sh" >"$files/rootfs.tar"
    # What is no archive at all would be the client's fault, and said so.
    printf '\3757zXZ\0garbage' >"$files/garbage"
    # An image under its own name that is not there when a case begins.
    direct import -c 'LABEL made=loaded' "$files/rootfs.tar" loaded:1 >/dev/null
    direct save -o "$files/saved.tar" loaded:1
    mkdir "$files/good" "$files/failing" "$files/unknown" "$files/absent"
    echo content >"$files/good/file"
    # One date for all: docker's build cache and the layers' digests look at it.
    touch -d @1 "$files/good/file"
    cat >"$files/good/Dockerfile" <<'FILE'
FROM base:latest
COPY file /file
RUN cat /file
RUN echo complaint >&2
ENV A=b
CMD ["cat", "/file"]
FILE
    cat >"$files/good/Other" <<'FILE'
FROM base:latest AS first
ARG WORD=none
RUN echo $WORD >/word
FROM base:latest
COPY --from=first /word /word
LABEL kind=other
CMD cat /word
FILE
    printf 'FROM base:latest\nRUN echo about to fail && exit 7\n' >"$files/failing/Dockerfile"
    printf 'FROM base:latest\nNONSENSE\n' >"$files/unknown/Dockerfile"
    printf 'FROM 127.0.0.1:1/team/absent:1\n' >"$files/absent/Dockerfile"
}

# phase CLI [VERSION]: all cases, with one proxy that lives as long as they take.
phase() {
    ln -sf "$1" "$work/bin/docker"
    # This shell remembers where it found docker before.
    hash -r
    unset DOCKER_API_VERSION
    flavour="$(docker --version | sed -n 's/Docker version \([0-9.]*\).*/docker \1/p')"
    if [ -n "${2-}" ]; then
        export DOCKER_API_VERSION=$2
        flavour="$flavour at $2"
    fi
    rm -f "$work/report.jsonl" "$work/marks" "$work/proxy.sock"
    # The marks count its lines before the proxy may have made it.
    : >"$work/report.jsonl"
    if [ -n "$second" ]; then
        # No proxy and nothing to judge.
        cases
        return
    fi
    if ! proxy_start "$work/report.jsonl" >"$work/said"; then
        not_ok "$flavour: the proxy starts" <"$work/said"
        return
    fi
    cases
    plimsoll_stop
    ended_well "$flavour: the proxy ends well"
    # Each case makes at least one exchange beside the _ping, most make several.
    local cases_run
    cases_run=$(wc -l <"$work/marks")
    report_holds "$flavour: the report has no false alarm" "$work/report.jsonl" "$cases_run" "$work/marks"
    if [ -z "${2-}" ]; then
        run_cases
    fi
}

# Every docker CLI on the machine, each once.
found_clis() {
    local file version seen=' '
    for file in "$(command -v docker)" /usr/local/bin/docker /usr/bin/docker; do
        [ -x "$file" ] || continue
        version=$("$file" --version)
        [[ $seen == *" $version "* ]] || printf '%s\n' "$file"
        seen="$seen$version "
    done
}

main() {
    local cli version clis=()
    mapfile -t clis < <(found_clis)
    for at in "$daemon" ${second:+"$second"}; do
        sweep >/dev/null
    done
    at=$daemon
    write_files
    for cli in "${clis[@]}"; do
        [[ ! "negotiated" =~ ${PLIMSOLL_PHASES:-} ]] || phase "$cli"
    done
    for version in 1.24 1.30; do
        [[ ! $version =~ ${PLIMSOLL_PHASES:-} ]] || phase "${clis[0]}" "$version"
    done
    closing_line
}

main
