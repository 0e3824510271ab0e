#!/usr/bin/env bash
# The image: built from the Dockerfile by a real dockerd, and used as its head says.
#
#   image.sh PLIMSOLL DIR        DIR as for dockerd.sh: the daemon listens at DIR/docker.sock
#
# No registry is asked: in the place of the Rust image stands one that is made of programs of this machine, with a `cargo` that does not compile
# but hands out PLIMSOLL. All else is as the Dockerfile says: what is sent to the daemon, every command, every stage.
# No -e: what a command answers is what is tested here.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
root=$(cd "$here/../.." && pwd)
work_folder
client_environment
export DOCKER_HOST=unix://$daemon
image='plimsoll-image-test'
rust='plimsoll-image-rust'
names=(plimsoll-image-serve plimsoll-image-proxy)
# Invoked by the trap.
# shellcheck disable=SC2317
leave() {
    docker rm -f "${names[@]}" >/dev/null 2>&1
    docker rmi -f "$image" >/dev/null 2>&1
    docker image prune -f >/dev/null 2>&1
    docker rmi -f "$rust" >/dev/null 2>&1
}

mkdir "$work/sockets" "$work/project"

# holds NAME COMMAND...: the command must end well; what it says is shown where it does not.
holds() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1 </dev/null; then
        ok "$name"
    else
        not_ok "$name" <"$work/said"
    fi
}

# says WORDS COMMAND...: it ends well and says these words.
says() {
    local words=$1
    shift
    timeout 120 "$@" >"$work/out" 2>&1
    local code=$?
    cat "$work/out"
    [ $code -eq 0 ] && grep -qF -e "$words" "$work/out"
}

# The programs that the Dockerfile calls, with what they are linked to.
rust_image() {
    local at=$work/rust name path
    mkdir -p "$at/usr/bin" "$at/usr/lib" "$at/usr/lib64" "$at/tmp"
    ln -s usr/bin "$at/bin" && ln -s usr/lib "$at/lib" && ln -s usr/lib64 "$at/lib64"
    for name in bash sh cat cp grep install mkdir ldd; do
        cp -L "$(command -v $name)" "$at/usr/bin/$name"
        ldd "$(command -v $name)" 2>/dev/null
    done | grep -o '/[^ ]*' >"$work/libraries"
    ldd "$plimsoll" | grep -o '/[^ ]*' >>"$work/libraries"
    sort -u "$work/libraries" | while IFS= read -r path; do
        mkdir -p "$at$(dirname "$path")" && cp -L "$path" "$at$path"
    done
    cp "$plimsoll" "$at/plimsoll" && strip "$at/plimsoll"
    printf '#!/bin/sh\nset -e\ncat Cargo.lock src/main.rs schemas/meta/operation.json >/dev/null\nmkdir -p target/release\ncp /plimsoll target/release/\n' >"$at/usr/bin/cargo"
    chmod 755 "$at/usr/bin/cargo"
    tar -C "$at" --owner=0 --group=0 -cf - . | docker import - "$rust"
}

build() {
    timeout 300 docker build --force-rm -t "$image" --label plimsoll.image-test=1 --build-arg RUST="$rust" "$root"
}

# In megabytes. The binary is stripped here, so that a debug build passes as well.
small() {
    local size
    size=$(docker image inspect -f '{{.Size}}' "$image") && echo "$size bytes" && [ "$size" -lt 80000000 ]
}

# wait_for FILE NAME: the container NAME listens at this socket.
wait_for() {
    local tenths=150
    until [ -S "$1" ]; do
        tenths=$((tenths - 1))
        if [ "$tenths" -le 0 ]; then
            docker logs "$2"
            return 1
        fi
        sleep 0.1
    done
    sleep 0.1
}

serve() {
    docker run -d --name plimsoll-image-serve -v "$work/sockets:/sockets" "$image" serve --listen unix:///sockets/reference.sock &&
        wait_for "$work/sockets/reference.sock" plimsoll-image-serve &&
        says hello docker -H "unix://$work/sockets/reference.sock" run --rm busybox echo hello
}

proxy() {
    docker run -d --name plimsoll-image-proxy -v "$daemon:/var/run/docker.sock" -v "$work/sockets:/sockets" -v "$work/project:/work" "$image" \
        proxy --listen unix:///sockets/docker.sock --backend unix:///var/run/docker.sock &&
        wait_for "$work/sockets/docker.sock" plimsoll-image-proxy
}

# By SIGTERM, so that the exit code is the verdict's; docker would take ten seconds to kill what does not listen to it.
stop() {
    local began=$SECONDS
    docker stop plimsoll-image-proxy && [ $((SECONDS - began)) -lt 8 ] &&
        says 0 docker inspect -f '{{.State.ExitCode}}' plimsoll-image-proxy &&
        says '"verdict":"pass"' cat "$work/project/report.jsonl" && docker logs plimsoll-image-proxy
}

holds 'something stands in for the Rust image' rust_image
holds 'the image is built' build
holds 'it is small' small
holds 'it has a version' says "$("$plimsoll" --version)" docker run --rm "$image" --version
holds 'it teaches without arguments' says 'Usage: plimsoll' docker run --rm "$image"
holds 'it probes its own backend' says compliant docker run --rm "$image" probe --api-version 1.41
holds 'it serves a daemon on a mounted socket' serve
echo 'report = "jsonl=report.jsonl"' >"$work/project/plimsoll.toml"
holds 'it stands in front of the mounted socket of dockerd' proxy
holds 'docker ps through it' says plimsoll-image-proxy docker -H "unix://$work/sockets/docker.sock" ps
holds 'docker run through it' says hello docker -H "unix://$work/sockets/docker.sock" run --rm base:latest echo hello
holds 'docker stop asks for the report, and plimsoll.toml was read' stop
closing_line
