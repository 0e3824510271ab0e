#!/usr/bin/env bash
# Recorded sessions of the docker CLI with a real dockerd, played again: the replay as the daemon, the same commands in front of it.
#
#   replay.sh PLIMSOLL DIR       DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# Every case is a piece of shell that runs twice: at the daemon through `plimsoll run --record`, then at `plimsoll replay --as daemon`, once as fast
# as it goes and once as it was recorded. Standard output, standard error and the exit code must be the same, byte for byte, and the replay must end
# with 0: it was asked for nothing that it does not have. Then the recorded clients are played to the daemon. PLIMSOLL_CASES=PATTERN (a regular expression) picks cases by name.

# No -e: what a command answers is what is tested here.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder
client_environment
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    for id in $(DOCKER_HOST=unix://$daemon timeout 20 docker ps -aq --filter label=plimsoll.replay); do
        DOCKER_HOST=unix://$daemon timeout 20 docker rm -f "$id" >/dev/null 2>&1
    done
    DOCKER_HOST=unix://$daemon timeout 20 docker rmi -f replayed:1 >/dev/null 2>&1
}

mkdir "$work/context"
export terminal=$here/terminal.py context=$work/context
export run='docker run --label plimsoll.replay=1 --network none' create='docker create --label plimsoll.replay=1 --network none'
printf 'FROM base:latest\nRUN echo built >/made\nCOPY file /file\nCMD cat /made /file\n' >"$work/context/Dockerfile"
echo content >"$work/context/file"

# side NAME HOST: runs the case, keeps what it printed and its exit code.
side() {
    DOCKER_HOST=$2 timeout --kill-after=5 40 bash -c "$(cat "$work/case")" >"$work/$1.out" 2>"$work/$1.err" </dev/null
    echo $? >"$work/$1.code"
}
export -f side
export work

# played NAME SHELL
played() {
    [[ $1 =~ ${PLIMSOLL_CASES:-.} ]] || return 0
    printf '%s\n' "$2" >"$work/case"
    rm -f "$work/record.wire"
    # The command's own DOCKER_HOST is the private proxy's.
    # shellcheck disable=SC2016
    timeout --kill-after=5 120 "$plimsoll" run --backend "unix://$daemon" --record "$work/record.wire" --fail-on never -- \
        bash -c 'side direct "$DOCKER_HOST"' >"$work/run" 2>&1
    cp "$work/record.wire" "$work/last-${1//[^a-z]/-}.wire"
    for speed in max 1; do
        if ! plimsoll_start 60 "$work/replay" replay "$work/record.wire" --as daemon --listen "unix://$work/replay.sock" --speed "$speed" >"$work/said"; then
            not_ok "$1, speed $speed" <"$work/said"
            continue
        fi
        side again "unix://$work/replay.sock"
        plimsoll_stop
        {
            for part in out err code; do
                diff -u "$work/direct.$part" "$work/again.$part"
            done
            [ "$plimsoll_code" -eq 0 ] || { echo "the replay ended with $plimsoll_code" && cat "$work/replay.terminal" "$work/replay.stderr"; }
        } >"$work/difference"
        silent "$1, speed $speed" "$work/difference"
    done
}

# Operations and statuses of a JSON Lines report, in an order that does not depend on which answer came first. A resize is without its status: the CLI
# asks for it before the daemon has the process, or after, as it happens, and both are answered as they should be.
statuses() {
    grep '"type":"exchange"' "$1" | sed -e 's/.*"operation":"\([^"]*\)".*"status":\([0-9]*\).*/\1 \2/' -e 's/^ExecResize .*/ExecResize/' | sort
}

# sent NAME: what `played` recorded under this name is sent to the daemon once more, as the clients sent it. New containers get new ids, and every
# answer has the recorded status.
sent() {
    [[ $1 =~ ${PLIMSOLL_CASES:-.} ]] || return 0
    local recording=$work/last-${1//[^a-z]/-}.wire
    timeout 60 "$plimsoll" check --format jsonl "$recording" >"$work/recorded.jsonl"
    timeout --kill-after=5 90 "$plimsoll" replay "$recording" --as client --backend "unix://$daemon" --speed max --format jsonl \
        >"$work/sent.jsonl" 2>"$work/sent.err"
    {
        local code=$?
        [ "$code" -eq 0 ] || echo "it ended with $code"
        cat "$work/sent.err"
        diff -u <(statuses "$work/recorded.jsonl") <(statuses "$work/sent.jsonl")
    } >"$work/difference"
    silent "$1, sent again" "$work/difference"
}

# shellcheck disable=SC2016
{
    # Not the table of the images: it has their age, and time goes on.
    played 'ps and images' 'docker ps -a; docker images --format "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}"; docker version --format "{{.Server.Version}}"'
    played 'run' '$run --rm base:latest sh -c "echo out; echo err >&2; exit 3"'
    played 'run with input' 'printf "one\ntwo\n" | $run --rm -i base:latest sh -c "while read line; do echo got \$line; done; echo over; exit 4"'
    played 'run -it' 'python3 $terminal --when "# " "echo hi\n" --when "hi" "exit 5\n" -- $run -it --rm base:latest sh'
    played 'exec' 'id=$($run -d base:latest sleep 60); docker exec $id sh -c "echo in; exit 7"; echo $?
        echo typed | docker exec -i ${id:0:12} cat; docker rm -f $id'
    played 'exec -it' 'id=$($run -d base:latest sleep 60)
        python3 $terminal --when "# " "echo hi\n" --when "hi" "exit 6\n" -- docker exec -it $id sh; code=$?; docker kill $id; docker rm $id; exit $code'
    played 'logs -f' 'id=$($run -d base:latest sh -c "for i in 1 2 3; do echo \$i; sleep 0.3; done; echo err >&2; exit 2")
        docker logs -f $id; docker wait $id; docker logs --tail 1 -t $id; docker rm $id'
    played 'events' 'from=$(date +%s); $run --rm --name watched base:latest true
        docker events --since $from --until $((from + 4)) --format "{{.Type}} {{.Action}} {{.Actor.ID}}"'
    played 'events while a container runs' 'timeout -s INT 4 docker events --format "{{.Action}}" & sleep 1; seen=$($run --rm base:latest echo seen); wait; echo $seen'
    played 'build' 'docker build -t replayed:1 $context; $run --rm replayed:1; docker rmi replayed:1'
    played 'build that fails' 'printf "FROM base:latest\nRUN exit 9\n" | docker build -'
    played 'pull' 'docker pull nowhere.invalid/none:1'
    played 'two of a kind' 'a=$($create base:latest true); b=$($create base:latest true); docker start -a $b; docker start -a $a; docker rm $a $b'
    played 'cp' 'id=$($create base:latest true); docker cp $context/file $id:/tmp/there; docker cp $id:/tmp/there -; docker rm $id'
    played 'errors' 'docker inspect absent; docker rm absent; $run base:latest /absent; $create --name "not/good" base:latest'
}
for name in 'run' 'run with input' 'run -it' 'exec' 'exec -it' 'logs -f' 'build' 'two of a kind' 'cp' 'errors'; do
    sent "$name"
done
closing_line
