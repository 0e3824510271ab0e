#!/usr/bin/env python3
"""docker_py.py SOCKET VERSION: what docker-py makes of the daemon at SOCKET, high level and low.

Every scenario prints "begin NAME", and "end NAME OUTCOME" with an outcome that is the same for every
correct run: sdk.sh runs this straight and through plimsoll and compares. What no two runs have in
common (ids, times, measurements) is left out or replaced. An exception that a scenario does not
expect ends it with "failed NAME"; the others go on."""

import io
import json
import re
import socket
import sys
import tarfile
import threading
import time
import traceback

import docker
from docker.errors import APIError, BuildError, ContainerError, DockerException, NotFound

SCENARIOS = []
# What docker-py waits for at most, in one read.
PATIENCE = 60

# Begins like an archive in xz and is none. A body that is not even that would be the client's fault, and said so.
BROKEN_XZ = b"\xfd7zXZ\0garbage"


def scenario(function):
    SCENARIOS.append(function)
    return function


# --- what two runs have in common --------------------------------------------------------------------


def same(text):
    """Text without ids and times."""
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    text = re.sub(r"\b[0-9a-f]{64}\b", "<id64>", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "<id12>", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>", text)


def shape(value):
    """Names and types of a document, of a list's items those of the first."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return value if value is None or isinstance(value, bool) else type(value).__name__


def refused(call, *args, **kwargs):
    """The error that a call must raise."""
    try:
        found = call(*args, **kwargs)
    except APIError as error:
        words = [type(error).__name__, error.response.status_code, same(str(error.explanation))]
        return words + [error.is_client_error()]
    except DockerException as error:
        return [type(error).__name__, same(str(error))]
    raise AssertionError(f"no error but {found!r}")


def tar_of(files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def listing(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return sorted((same(entry.name), entry.size if entry.isreg() else -1) for entry in tar)


def read_all(raw):
    """Everything that comes on a hijacked socket until the daemon ends it."""
    raw.settimeout(PATIENCE)
    data = b""
    while piece := raw.recv(65536):
        data += piece
    return data


def read_until(raw, wanted):
    raw.settimeout(PATIENCE)
    data = b""
    while wanted not in data:
        piece = raw.recv(65536)
        assert piece, f"ended with {data!r}"
        data += piece
    return data


def frames(data):
    """The payloads of a multiplexed stream, one for each of its streams."""
    found = {}
    while data:
        kind, size = data[0], int.from_bytes(data[4:8], "big")
        found[kind] = found.get(kind, "") + data[8 : 8 + size].decode()
        data = data[8 + size :]
    return found


def inspect_ended(api, exec_id):
    """An exec's state after its end: the daemon may end the output before it knows the exit code."""
    for _ in range(100):
        found = api.exec_inspect(exec_id)
        if found["ExitCode"] is not None and not found["Running"]:
            break
        time.sleep(0.05)
    return found


def exec_ended(run, *args, **kwargs):
    """The same for docker-py's own look at the exit code, which it takes but once."""
    for _ in range(5):
        result = run(*args, **kwargs)
        if result.exit_code is not None:
            break
    return repr(result)


class Given:
    """The client, and containers that are gone after the scenario."""

    def __init__(self, path, version):
        # Our own look at the daemon's version must not depend on what docker-py thinks of it.
        self.client = docker.DockerClient(
            base_url=f"unix://{path}", version=version, timeout=PATIENCE
        )
        self.api = self.client.api
        self.made = []

    def at_least(self, version):
        return docker.utils.version_gte(self.api.api_version, version)

    def create(self, command, **kwargs):
        kwargs.setdefault("network_mode", "none")
        made = self.client.containers.create("base:latest", command, **kwargs)
        self.made.append(made)
        return made

    def start(self, command, **kwargs):
        made = self.create(command, **kwargs)
        made.start()
        return made

    def clear(self):
        for made in self.made:
            try:
                made.remove(force=True, v=True)
            except NotFound:
                pass
        self.made.clear()


# --- the system --------------------------------------------------------------------------------------


@scenario
def version_info_ping(given):
    client = given.client
    return client.api.api_version, client.ping(), client.version(), shape(client.info())


@scenario
def version_unversioned(given):
    return given.api.version(api_version=False)["ApiVersion"]


@scenario
def disk_usage(given):
    if not given.at_least("1.25"):
        return refused(given.client.df)
    given.start("true").wait()
    return shape(given.client.df())


@scenario
def what_needs_a_swarm_or_a_registry(given):
    client, api = given.client, given.api
    outcome = [
        refused(client.services.list),
        refused(client.nodes.list),
        refused(api.tasks),
        refused(api.inspect_swarm),
        refused(api.pull, "127.0.0.1:1/team/absent", "1"),
        refused(client.login, "name", "secret", registry="127.0.0.1:1"),
        refused(client.images.get_registry_data, "127.0.0.1:1/team/absent:1"),
        refused(api.secrets),
        refused(api.configs),
    ]
    # Not api.push: that gives a stream whose last line is the error.
    client.images.get("base:latest").tag("127.0.0.1:1/team/app", "1")
    for line in api.push("127.0.0.1:1/team/app", "1", stream=True, decode=True):
        outcome.append(line)
    client.images.remove("127.0.0.1:1/team/app:1")
    outcome.append(client.plugins.list() if given.at_least("1.25") else None)
    return outcome


# --- images ------------------------------------------------------------------------------------------


@scenario
def image_import(given):
    data = tar_of({"hello": b"hello\n", "dir/two": b"2" * 70000})
    said = given.api.import_image_from_data(
        data, repository="imported", tag="1", changes=["ENV A=b", 'CMD ["/hello"]']
    )
    found = given.api.inspect_image("imported:1")
    outcome = same(said), found["Config"]["Env"], found["Config"]["Cmd"], found["Size"]
    given.client.images.remove("imported:1")
    return outcome, refused(given.api.import_image_from_data, BROKEN_XZ, "imported", "2")


@scenario
def images_list_get_history(given):
    images = given.client.images
    image = images.get("base:latest")
    return (
        [found.tags for found in images.list()],
        [found.tags for found in images.list(name="base", all=True)],
        [found.tags for found in images.list(filters={"dangling": True})],
        image.tags,
        # Metadata tells when it was tagged last.
        {**image.attrs, "Metadata": None},
        image.history(),
        given.api.images(quiet=True),
    )


@scenario
def image_tag_remove(given):
    images = given.client.images
    image = images.get("base:latest")
    tagged = image.tag("host:5000/team/app", "1.2")
    image.reload()
    outcome = tagged, sorted(image.tags), given.api.remove_image("host:5000/team/app:1.2")
    return (
        outcome,
        refused(images.get, "missing:1"),
        refused(images.remove, "missing:1"),
        refused(given.api.tag, "missing:1", "other"),
        refused(image.tag, "UPPER"),
    )


@scenario
def image_save_load(given):
    image = given.client.images.get("base:latest")
    image.tag("saved", "1")
    data = b"".join(given.client.images.get("saved:1").save(named="saved:1"))
    several = b"".join(given.api.get_image("saved:1", chunk_size=1000))
    given.client.images.remove("saved:1")
    loaded = given.client.images.load(data)
    outcome = listing(data), len(several) == len(data), [sorted(found.tags) for found in loaded]
    given.client.images.remove("saved:1")
    lines = list(given.api.load_image(data, quiet=True))
    given.client.images.remove("saved:1")
    return outcome, lines, refused(given.client.images.load, tar_of({"manifest.json": b"garbage"}))


DOCKERFILE = b"FROM base:latest\nRUN echo built && echo built >/built\n"


@scenario
def image_build(given):
    images = given.client.images
    how = {"nocache": True, "rm": True}
    if given.at_least("1.25"):
        how["network_mode"] = "none"
    context = io.BytesIO(tar_of({"Dockerfile": DOCKERFILE}))
    image, lines = images.build(
        fileobj=context, custom_context=True, tag="built:1", labels={"a": "b"}, **how
    )
    said = "".join(line.get("stream", "") for line in lines)
    outcome = same(said), image.tags, image.labels
    again = [
        same(json.dumps(line))
        for line in given.api.build(fileobj=io.BytesIO(DOCKERFILE), decode=True, **how)
    ]
    ran = given.client.containers.run("built:1", "cat /built", remove=True, network_mode="none")
    images.remove("built:1")
    bad = io.BytesIO(b"FROM base:latest\nRUN exit 7\n")
    try:
        images.build(fileobj=bad, forcerm=True, **how)
    except BuildError as error:
        failure = same(error.msg)
    return (
        outcome,
        again,
        ran.decode(),
        failure,
        refused(images.build, fileobj=io.BytesIO(b"NONSENSE a\n")),
    )


@scenario
def image_prune(given):
    if not given.at_least("1.25"):
        return refused(given.client.images.prune)
    given.client.images.prune()
    return given.client.images.prune(filters={"dangling": True})


# --- containers: run, logs ---------------------------------------------------------------------------

# With a line end: dockerd 20.10 keeps what has none for itself in half of the runs.
TWO = ["sh", "-c", "echo out; sleep 0.1; echo err >&2; sleep 0.1; echo last"]


@scenario
def run_and_remove(given):
    run = given.client.containers.run
    how = {"network_mode": "none", "remove": True}
    outcome = [
        run("base:latest", "echo hello", **how).decode(),
        run("base:latest", TWO, stdout=True, stderr=True, **how).decode(),
        run("base:latest", TWO, stdout=False, stderr=True, **how).decode(),
        run(
            "base:latest", "sh -c 'echo $A; id -u'", environment={"A": "b c"}, user="nobody", **how
        ).decode(),
        run("base:latest", "sh -c 'echo tty; ls /bin/sh'", tty=True, **how).decode(),
        [line.decode() for line in run("base:latest", TWO, stream=True, network_mode="none")],
    ]
    try:
        run("base:latest", ["sh", "-c", "echo no >&2; exit 3"], **how)
    except ContainerError as error:
        outcome.append([error.exit_status, error.stderr.decode(), same(str(error))])
    outcome.append(refused(run, "base:latest", "/missing", **how))
    # Not docker.errors.ImageNotFound: docker-py pulls then, and Docker Hub is nobody's business here.
    outcome.append(refused(run, "127.0.0.1:1/absent:1", "true", **how))
    for left in given.client.containers.list(all=True):
        left.remove(force=True)
    return outcome


@scenario
def run_detached_logs(given):
    made = given.start(
        [
            "sh",
            "-c",
            "for i in 1 2 3 4 5; do echo $i; sleep 0.2; done; sleep 0.2; echo e >&2; exit 4",
        ],
        detach=True,
    )
    followed = b"".join(made.logs(stream=True, follow=True))
    ended = made.wait()
    code = ended["StatusCode"]
    time.sleep(0.1)
    made.reload()
    return (
        followed.decode(),
        code,
        sorted(ended),
        made.status,
        made.attrs["State"]["ExitCode"],
        made.logs().decode(),
        made.logs(stdout=False).decode(),
        made.logs(stderr=False, tail=2).decode(),
        made.logs(tail=0).decode(),
        same(made.logs(timestamps=True)),
        [same(line) for line in made.logs(stream=True, follow=False, timestamps=True, tail=3)],
        made.logs(since=int(time.time()) + 100).decode(),
        made.logs(until=1).decode() if given.at_least("1.35") else refused(made.logs, until=1),
    )


@scenario
def logs_of_a_terminal(given):
    made = given.start(["sh", "-c", "echo one; sleep 0.2; echo two >&2"], tty=True)
    followed = b"".join(made.logs(stream=True))
    return followed.decode(), made.wait()["StatusCode"], made.logs(tail=1).decode()


@scenario
def logs_left_early(given):
    """The client goes away in the middle of an endless answer."""
    made = given.start(["sh", "-c", "while :; do echo line; sleep 0.02; done"])
    stream = made.logs(stream=True, follow=True)
    first = next(stream).decode()
    stream.close()
    return first


# --- attach ------------------------------------------------------------------------------------------

# The first output waits for input: docker-py loses what comes together with the head of the answer.
READER = ["sh", "-c", 'read -r line; echo "got $line"; echo "no more" >&2; cat; echo end; exit 6']


@scenario
def attach_socket_half_close(given):
    made = given.create(READER, stdin_open=True)
    hijacked = made.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    raw = hijacked._sock
    made.start()
    raw.sendall(b"first\n")
    data = read_until(raw, b"no more")
    raw.sendall(b"x" * 200000 + b"\n")
    raw.shutdown(socket.SHUT_WR)
    data += read_all(raw)
    raw.close()
    found = frames(data)
    code = made.wait()["StatusCode"]
    return {kind: (text[:20], text[-8:], len(text)) for kind, text in sorted(found.items())}, code


@scenario
def attach_socket_tty(given):
    loop = 'while read -r line; do echo "got $line"; [ "$line" != end ] || exit 7; done'
    made = given.create(["sh", "-c", loop], stdin_open=True, tty=True)
    hijacked = made.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    raw = hijacked._sock
    made.start()
    made.resize(40, 100)
    raw.sendall(b"hello\n")
    data = read_until(raw, b"got hello\r\n")
    raw.sendall(b"end\n")
    data += read_all(raw)
    raw.close()
    return data.decode(), made.wait()["StatusCode"]


@scenario
def attach_stream(given):
    def output(**kwargs):
        made = given.create(["sh", "-c", "sleep 0.5; echo out; sleep 0.2; echo err >&2"])
        stream = made.attach(stream=True, **kwargs)
        made.start()
        # In demux mode a piece is a pair.
        pieces = [repr(piece) for piece in stream]
        return pieces, made.wait()["StatusCode"]

    return output(), output(demux=True), output(stdout=True, stderr=False)


@scenario
def attach_refused(given):
    return refused(given.api.attach_socket, "missing"), refused(given.api.attach, "missing")


# --- exec --------------------------------------------------------------------------------------------


@scenario
def exec_run(given):
    made = given.start("sleep 1000")
    script = ["sh", "-c", "sleep 0.4; echo out; sleep 0.2; echo err >&2; exit 5"]
    return (
        exec_ended(made.exec_run, script),
        exec_ended(made.exec_run, script, demux=True),
        exec_ended(made.exec_run, script, tty=True),
        exec_ended(made.exec_run, script, stdout=False),
        [piece.decode() for piece in made.exec_run(script, stream=True).output],
        [repr(piece) for piece in made.exec_run(script, stream=True, demux=True).output],
        (
            exec_ended(
                made.exec_run,
                "sh -c 'sleep 0.4; pwd; id -u; echo $A'",
                user="nobody",
                workdir="/tmp",
                environment=["A=b"],
            )
            if given.at_least("1.35")
            else refused(made.exec_run, "true", workdir="/tmp")
        ),
        repr(made.exec_run("true", detach=True).output),
        # The daemon answers 200 with the error in the stream, or 400.
        same(repr(made.exec_run("/missing").exit_code)),
    )


@scenario
def exec_socket(given):
    made = given.start("sleep 1000")
    api = given.api
    created = api.exec_create(made.id, READER, stdin=True)
    before = shape(api.exec_inspect(created["Id"]))
    raw = api.exec_start(created["Id"], socket=True)._sock
    raw.sendall(b"first\n")
    data = read_until(raw, b"no more")
    during = api.exec_inspect(created["Id"])["Running"]
    raw.sendall(b"second\n")
    raw.shutdown(socket.SHUT_WR)
    found = frames(data + read_all(raw))
    raw.close()
    after = inspect_ended(api, created["Id"])
    plain = sorted(created), before, during, found, after["ExitCode"], after["Running"]

    created = api.exec_create(
        made.id, ["sh", "-c", 'read -r a; echo "<$a>"; exit 2'], stdin=True, tty=True
    )
    raw = api.exec_start(created["Id"], tty=True, socket=True)._sock
    api.exec_resize(created["Id"], 30, 90)
    raw.sendall(b"typed\n")
    text = read_all(raw).decode()
    raw.close()
    code = inspect_ended(api, created["Id"])["ExitCode"]
    return plain, text, code


@scenario
def exec_refused(given):
    made = given.start("sleep 1000")
    made.pause()
    paused = refused(made.exec_run, "true")
    made.unpause()
    made.kill()
    made.wait()
    return (
        paused,
        refused(made.exec_run, "true"),
        refused(given.api.exec_create, "missing", "true"),
        refused(given.api.exec_start, "missing"),
        refused(given.api.exec_inspect, "missing"),
    )


# --- the life of a container -------------------------------------------------------------------------


@scenario
def create_inspect_list(given):
    made = given.create(
        ["sleep", "1000"],
        name="box",
        hostname="name",
        environment={"A": "1"},
        labels={"k": "v"},
        mem_limit="64m",
        cpu_shares=100,
        cap_drop=["ALL"],
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 3},
        ulimits=[docker.types.Ulimit(name="nofile", soft=64, hard=64)],
        tmpfs={"/run": "size=1m"},
        extra_hosts={"a": "10.0.0.2"},
        log_config=docker.types.LogConfig(type="json-file", config={"max-size": "1m"}),
        volumes={"vol": {"bind": "/vol", "mode": "rw"}},
        stop_signal="SIGINT",
        healthcheck=(
            {"test": ["CMD", "true"], "interval": 10**9} if given.at_least("1.24") else None
        ),
        init=True if given.at_least("1.25") else None,
    )
    containers = given.client.containers
    created = made.status, shape(made.attrs), made.image.tags, made.labels
    made.start()
    listed = containers.list(filters={"label": "k=v", "status": "running"})
    outcome = (
        created,
        [found.name for found in listed],
        [shape(found) for found in given.api.containers(size=True)],
        [found.name for found in containers.list(all=True, limit=1, sparse=True)],
        containers.list(filters={"name": "nobody"}),
        shape(containers.get("box").attrs),
        shape(given.api.inspect_container("box")["HostConfig"]),
        refused(containers.list, filters={"nonsense": "1"}),
        refused(containers.get, "missing"),
        refused(given.create, "true", name="box"),
        refused(given.create, "true", name="bad name"),
        refused(given.client.containers.create, "missing:1", "true"),
    )
    made.remove(force=True, v=True)
    given.client.volumes.get("vol").remove()
    return outcome


@scenario
def stats(given):
    made = given.start(["sh", "-c", "while :; do sleep 0.1; done"])
    one = shape(made.stats(stream=False))
    stream = made.stats(stream=True, decode=True)
    several = [sorted(next(stream)) for _ in range(2)]
    stream.close()
    raw = made.stats(stream=True)
    first = sorted(json.loads(next(raw)))
    raw.close()
    made.kill()
    made.wait()
    return (
        sorted(one),
        several,
        first,
        sorted(made.stats(stream=False)),
        refused(given.api.stats, "missing", stream=False),
    )


@scenario
def top(given):
    made = given.start("sleep 1000")
    found = made.top(ps_args="-o pid,args")
    outcome = found["Titles"], [line[1:] for line in found["Processes"]], made.top()["Titles"]
    made.kill()
    made.wait()
    return outcome, refused(made.top)


@scenario
def archives(given):
    made = given.start("sleep 1000")
    put = made.put_archive("/tmp", tar_of({"one": b"1\n", "sub/two": b"2" * 100000}))
    stream, stat = made.get_archive("/tmp/sub")
    compressed, _ = made.get_archive("/tmp/one", encode_stream=True)
    data = b"".join(stream)
    stat.pop("mtime")
    return (
        put,
        listing(data),
        stat,
        listing(b"".join(compressed)),
        sorted(map(str, made.diff()), key=str),
        refused(made.get_archive, "/missing"),
        refused(made.put_archive, "/missing", tar_of({"one": b""})),
        refused(made.put_archive, "/tmp", BROKEN_XZ),
        refused(made.put_archive, "/tmp/one", tar_of({"one": b""})),
    )


@scenario
def archive_left_early(given):
    made = given.create("true")
    stream, _ = made.get_archive("/bin", chunk_size=1000)
    size = len(next(stream))
    stream.close()
    return size


@scenario
def commit_export_diff(given):
    made = given.start(["sh", "-c", "echo new >/new; rm /bin/vi"])
    made.wait()
    image = made.commit("grown", "1", message="why", author="who", changes="ENV A=b", pause=True)
    outcome = (
        sorted(map(str, made.diff())),
        image.tags,
        [image.attrs[key] for key in ("Comment", "Author")],
        image.attrs["Config"]["Env"],
        [entry["Comment"] for entry in image.history()],
    )
    names = [name for name, _ in listing(b"".join(made.export())) if "new" in name]
    given.client.images.remove("grown:1")
    return (
        outcome,
        names,
        refused(given.api.commit, "missing"),
        refused(list, given.api.export("missing")),
    )


@scenario
def life(given):
    made = given.start(
        ["sh", "-c", "trap 'exit 9' USR1; while :; do sleep 0.05; done"], name="life"
    )
    outcome = []

    def now():
        made.reload()
        outcome.append((made.name, made.status, made.attrs["State"]["ExitCode"]))

    now()
    made.pause()
    now()
    outcome.append(refused(made.pause))
    made.unpause()
    outcome.append(refused(made.unpause))
    made.rename("other")
    now()
    outcome.append(
        same(json.dumps(made.update(mem_limit="64m", memswap_limit="128m", cpu_shares=200)))
    )
    outcome.append(refused(made.update, mem_limit=1))
    made.restart(timeout=0)
    now()
    made.start()
    outcome.append(refused(made.remove))
    made.kill("USR1")
    outcome.append(made.wait(timeout=30)["StatusCode"])
    now()
    outcome.append(refused(made.kill))
    made.start()
    made.stop(timeout=0)
    made.stop(timeout=0)
    now()
    made.start()
    waited = []
    waiter = threading.Thread(
        target=lambda: waited.append(given.client.containers.get("other").wait()["StatusCode"])
    )
    waiter.start()
    time.sleep(0.3)
    made.kill()
    waiter.join(30)
    outcome.append(waited)
    if given.at_least("1.30"):
        outcome.append(made.wait(condition="not-running")["StatusCode"])
    else:
        outcome.append(refused(made.wait, condition="not-running"))
    made.remove()
    return outcome + [
        refused(made.reload),
        refused(made.wait),
        refused(made.start),
        refused(made.stop),
    ]


@scenario
def wait_that_times_out(given):
    """The client gives up on an answer whose head has not come yet, or whose body has not."""
    made = given.start("sleep 1000")
    try:
        made.wait(timeout=1)
    except Exception as error:  # requests has several classes for it
        return "Timeout" in type(error).__name__ or "Connection" in type(error).__name__


@scenario
def prune(given):
    if not given.at_least("1.25"):
        return refused(given.client.containers.prune)
    given.start("true").wait()
    first = given.client.containers.prune()
    found = len(first["ContainersDeleted"]), sorted(first)
    return (
        found,
        given.client.containers.prune(filters={"until": "1h"}),
        given.client.volumes.prune(),
    )


# --- events, volumes, networks -----------------------------------------------------------------------


@scenario
def events_past(given):
    since = int(time.time())
    made = given.start(["sh", "-c", "exit 3"], labels={"k": "v"})
    made.wait()
    made.remove()
    how = {"since": since, "until": int(time.time()) + 1, "filters": {"container": made.id}}
    found = list(given.client.events(decode=True, **how))
    plain = b"".join(given.client.events(**how)).splitlines()
    return (
        [(event["Type"], event["Action"], sorted(event["Actor"]["Attributes"])) for event in found],
        [shape(event) for event in found[:1]],
        len(plain),
        list(given.client.events(since=1, until=2, decode=True)),
    )


@scenario
def events_live(given):
    stream = given.client.events(
        decode=True, filters={"type": "container", "event": ["start", "die"]}
    )
    found = []

    def collect():
        for event in stream:
            found.append((event["Action"], event["Actor"]["Attributes"].get("exitCode")))
            if len(found) == 2:
                return

    reader = threading.Thread(target=collect)
    reader.start()
    time.sleep(0.2)
    given.start(["sh", "-c", "sleep 0.2; exit 3"]).wait()
    reader.join(30)
    stream.close()
    return found


@scenario
def volumes(given):
    volumes = given.client.volumes
    made = volumes.create("vol", driver="local", labels={"k": "v"})
    run = given.client.containers.run
    how = {"network_mode": "none", "remove": True, "volumes": ["vol:/vol"]}
    run("base:latest", "sh -c 'echo kept >/vol/file'", **how)
    outcome = (
        shape(made.attrs),
        run("base:latest", "cat /vol/file", **how).decode(),
        [found.name for found in volumes.list()],
        volumes.list(filters={"name": "nobody"}),
        shape(given.api.volumes()),
    )
    made_in = given.create("true", volumes=["vol:/vol"])
    used = refused(made.remove)
    made_in.remove()
    made.remove()
    return outcome, used, refused(volumes.get, "vol"), refused(volumes.create, "bad name")


@scenario
def networks(given):
    networks = given.client.networks
    none = networks.get("none")
    return (
        sorted(found.name for found in networks.list()),
        [found.name for found in networks.list(names=["host"])],
        shape(none.attrs),
        shape(given.api.inspect_network("host", verbose=True if given.at_least("1.28") else None)),
        refused(networks.get, "missing"),
        refused(networks.create, "none"),
        refused(networks.create, "second", driver="null"),
        refused(none.remove),
        refused(none.connect, "missing"),
    )


@scenario
def many_at_once(given):
    """Eight threads with a connection each from one pool."""
    made = given.start("sleep 1000")
    found = []

    def work(number):
        for _ in range(5):
            found.append(
                (
                    number,
                    given.client.containers.get(made.id).status,
                    len(given.client.images.list()),
                )
            )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(found)


def main():
    given = Given(sys.argv[1], sys.argv[2])
    only = re.compile(sys.argv[3] if len(sys.argv) > 3 else "")
    for function in SCENARIOS:
        name = function.__name__
        if not only.search(name):
            continue
        print("begin", name, flush=True)
        try:
            outcome = json.dumps(function(given), sort_keys=True)
        except Exception:  # an outcome too, and never an expected one
            print("failed", name, same(traceback.format_exc()).replace("\n", "\\n"), flush=True)
        else:
            print("end", name, outcome, flush=True)
        given.clear()


if __name__ == "__main__":
    main()
