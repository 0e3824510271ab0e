#!/usr/bin/env bash
# TLS on both legs: the real docker CLI and a real dockerd with --tlsverify, plimsoll between them.
#
#   tls.sh PLIMSOLL DIR      DIR as for dockerd.sh; the daemon that speaks TLS is another one, of its own
#
# Exit 1 when any test failed.
set -u

# shellcheck source=tests/daemons/harness.sh
. "$(dirname "$0")/harness.sh"
arguments 'PLIMSOLL DIR' "$@"
work_folder
client_environment
mkdir "$work/certs" "$work/stranger"
port=$((20000 + RANDOM % 10000))
front=$((port + 1))

# sign DIR NAME USAGE: a certificate of DIR's authority, for this machine.
sign() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$1/$2.key" -out "$1/$2.csr" 2>/dev/null &&
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%s\n' "$3" >"$1/$2.ext" &&
        openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 2 \
            -extfile "$1/$2.ext" -out "$1/$2.pem" 2>/dev/null
}
for dir in "$work/certs" "$work/stranger"; do
    openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=${dir##*/}" -days 2 -addext keyUsage=critical,keyCertSign \
        -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
    sign "$dir" server serverAuth
    sign "$dir" cert clientAuth
    mv "$dir/cert.key" "$dir/key.pem"
done
certs=$work/certs

# Invoked by the trap.
# shellcheck disable=SC2317
leave() { "$here/dockerd.sh" stop "$work"; }
# listen ARG…: a proxy in TLS at $front; its report is $work/report.
listen() {
    plimsoll_start 300 "$work/report" proxy --listen "tcp://127.0.0.1:$front" --report "jsonl=$work/report" "$@" \
        --listen-tlscert "$certs/server.pem" --listen-tlskey "$certs/server.key" --listen-tlscacert "$certs/ca.pem"
}

PLIMSOLL_DAEMON_ARGS="--host tcp://127.0.0.1:$port --tlsverify --tlscacert $certs/ca.pem --tlscert $certs/server.pem --tlskey $certs/server.key" \
    timeout 120 "$here/dockerd.sh" start "$work" || exit 3

# The CLI, with the certificates of a folder, as DOCKER_TLS_VERIFY has it.
cli() {
    local dir=$1
    shift
    DOCKER_HOST=tcp://127.0.0.1:$front DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$dir timeout 60 docker "$@"
}
# same NAME DUE GOT
same() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" < <(printf 'due:\n%s\ngot:\n%s\n' "$2" "$3"); fi
}
# says NAME PART GOT
says() {
    case $3 in
    *"$2"*) ok "$1" ;;
    *) not_ok "$1" < <(printf 'it does not say: %s\ngot:\n%s\n' "$2" "$3") ;;
    esac
}

same 'without plimsoll the daemon answers' 20.10.24 \
    "$(DOCKER_HOST=tcp://127.0.0.1:$port DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$certs timeout 30 docker version -f '{{.Server.Version}}' 2>&1 | sed 's/+.*//')"

for mode in observe enforce; do
    listen --backend "tcp://127.0.0.1:$port" --tlsverify --tlscacert "$certs/ca.pem" --tlscert "$certs/cert.pem" --tlskey "$certs/key.pem" \
        --mode "$mode"
    same "$mode: run" hello "$(cli "$certs" run --rm base echo hello 2>&1)"
    # stdin ends in the middle of the connection: close_notify goes through both legs.
    # shellcheck disable=SC2016
    same "$mode: half-close" '4 abc' "$(printf abc | cli "$certs" run --rm -i base sh -c 'x=$(cat; echo .); echo "${#x} ${x%.}"' 2>&1)"
    same "$mode: a megabyte through stdin and back" "$(head -c 1048576 /dev/zero | cksum)" \
        "$(head -c 1048576 /dev/zero | cli "$certs" run --rm -i base cat 2>/dev/null | cksum)"
    cli "$certs" rm -f web >/dev/null 2>&1
    cli "$certs" run -d --name web base sleep 100 >/dev/null
    same "$mode: exec" 'in it' "$(cli "$certs" exec web echo 'in it' 2>&1)"
    same "$mode: copy" ok "$(cli "$certs" cp "$certs/ca.pem" web:/tmp/ca.pem && cli "$certs" cp web:/tmp/ca.pem - | tar -xO | cmp - "$certs/ca.pem" && echo ok)"
    cli "$certs" rm -f web >/dev/null
    says "$mode: another authority is not trusted by the CLI" 'certificate' "$(cli "$work/stranger" ps 2>&1)"
    says "$mode: a client of another authority is not let in" 'tls' \
        "$(timeout 30 docker --tlsverify --tlscacert "$certs/ca.pem" --tlscert "$work/stranger/cert.pem" --tlskey "$work/stranger/key.pem" -H "tcp://127.0.0.1:$front" ps 2>&1)"
    says "$mode: nor is one without TLS" 'TLS is spoken here' "$(timeout 30 docker -H "tcp://127.0.0.1:$front" ps 2>&1)"
    plimsoll_stop
    same "$mode: no violation" 0 "$plimsoll_code"
    says "$mode: they were said" 'it showed no certificate' "$(cat "$work/report.stderr")"
done

# The environment of the docker CLI is enough for run, and the command inside sees a plain socket.
same 'run with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH' hello \
    "$(DOCKER_HOST=tcp://127.0.0.1:$port DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$certs timeout 60 "$plimsoll" run --format jsonl --report "jsonl=$work/run" -- docker run --rm base echo hello 2>&1 | head -n 1)"
same 'run with --tls, which verifies nothing' hello \
    "$(timeout 60 "$plimsoll" run --backend "tcp://127.0.0.1:$port" --tls --tlscert "$certs/cert.pem" --tlskey "$certs/key.pem" -- docker run --rm base echo hello 2>&1 | head -n 1)"
says 'no client certificate' 'it wants a client certificate' \
    "$(timeout 60 "$plimsoll" run --backend "https://127.0.0.1:$port" --tlscacert "$certs/ca.pem" -- docker ps 2>&1)"
says 'a client certificate of another authority' 'the client certificate in' \
    "$(timeout 60 "$plimsoll" run --backend "https://127.0.0.1:$port" --tlscacert "$certs/ca.pem" --tlscert "$work/stranger/cert.pem" --tlskey "$work/stranger/key.pem" -- docker ps 2>&1)"
says 'another authority' 'has signed its certificate' \
    "$(timeout 60 "$plimsoll" run --backend "https://127.0.0.1:$port" --tlscacert "$work/stranger/ca.pem" -- docker ps 2>&1)"
says 'TLS behind a plain address' 'it speaks TLS: write https://, or add --tlsverify' \
    "$(timeout 60 "$plimsoll" run --backend "tcp://127.0.0.1:$port" -- docker ps 2>&1)"

# Read-only.
listen --backend "https://127.0.0.1:$port" --tlscacert "$certs/ca.pem" --tlscert "$certs/cert.pem" --tlskey "$certs/key.pem" --mode enforce --only read
says 'read-only: ps' CONTAINER "$(cli "$certs" ps 2>&1)"
says 'read-only: run' 'Error response from daemon: plimsoll denied ContainerCreate before it reached the daemon: --only read' \
    "$(cli "$certs" run --rm base true 2>&1)"
plimsoll_stop
same 'read-only: a denial is no violation' 0 "$plimsoll_code"
says 'read-only: the report' '"enforcement":"denied"' "$(cat "$work/report")"
same 'the daemon got nothing of it' '' "$(timeout 30 docker -H "unix://$work/docker.sock" ps -aq 2>&1)"

closing_line
