#!/usr/bin/env python3
"""raw.py PLIMSOLL DIR: raw requests to a real dockerd, straight and through plimsoll.

DIR is that of dockerd.sh. For every version in VERSIONS the same requests are sent twice. Status
lines, header names, their order and values, and bodies must be the same, except for the named
differences in RULES; hijacked streams must be the same bytes.

Beside that nothing is excepted: plimsoll speaks to the daemon through a tap here, and for every
connection the bytes that left this client must be the bytes that reached the daemon's socket, and the
other way round. In the end the report must list every exchange, without an error or a warning."""

import base64
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

# A test leaves no compiled files in the source tree.
sys.dont_write_bytecode = True
import report

# None is the unversioned path: the daemon's own version.
VERSIONS = [12, 18, 21, 24, 30, 35, 40, 41, None]
PATIENCE = 30


# --- what two runs do not have in common -------------------------------------------------------------


def tar_listing(data):
    """The entries of a tar stream without their times: each side made its own container."""
    lines = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            content = tar.extractfile(entry).read() if entry.isreg() else b""
            lines.append(
                f"{entry.name} {entry.type} {entry.mode:o} {entry.linkname} {hashlib.sha256(content).hexdigest()}"
            )
    return "\n".join(lines).encode()


def replaced(*pairs):
    def rule(data):
        for pattern, replacement in pairs:
            data = re.sub(pattern, replacement, data)
        return data

    return rule


RULES = {
    # Containers, execs and images that were made anew for each side.
    "id": replaced((rb"\b[0-9a-f]{64}\b", b"<id64>"), (rb"\b[0-9a-f]{12}\b", b"<id12>")),
    # When: RFC 3339, seconds and nanoseconds since 1970, and image ages.
    "time": replaced(
        (rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", b"<time>"),
        (rb"\b1[6-9]\d{8}(\d{9})?\b", b"<epoch>"),
        (rb"(Less than a|About an?|\d+) (second|minute|hour)s?\b( ago)?", b"<age>"),
    ),
    "pid": replaced((rb'"Pid":\d+', b'"Pid":<pid>')),
    # ps tells process ids and the minute of the start.
    "top": replaced((rb'"\d+"', b'"<pid>"'), (rb'"\d\d:\d\d"', b'"<minute>"')),
    # Measurements: file descriptors, goroutines, memory, processor time.
    "figure": replaced((rb"\b\d+(\.\d+)?\b", b"<n>")),
    "tar": tar_listing,
    # Lists that the daemon collects from a Go map.
    "order": lambda data: "\n".join(sorted(json.dumps(item) for item in json.loads(data))).encode(),
}


def normalised_stat(value):
    """X-Docker-Container-Path-Stat is base64 JSON with the file's time in it."""
    stat = json.loads(base64.b64decode(value))
    stat["mtime"] = "<time>"
    return json.dumps(stat)


# --- the tap -----------------------------------------------------------------------------------------


class Tap:
    """A relay before the daemon's socket that keeps the bytes of both directions."""

    def __init__(self, path, daemon):
        self.daemon = daemon
        self.seen = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.daemon)
            seen = {"sent": bytearray(), "received": bytearray()}
            self.seen.append(seen)
            for source, sink, log in ((near, far, seen["sent"]), (far, near, seen["received"])):
                threading.Thread(target=self.pump, args=(source, sink, log), daemon=True).start()

    @staticmethod
    def pump(source, sink, log):
        try:
            while data := source.recv(65536):
                log += data
                sink.sendall(data)
        except OSError:
            pass
        # The end of one direction is not the end of the other.
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


# --- a client that hides nothing ---------------------------------------------------------------------


class Answer:
    def __init__(self, status, headers):
        self.status = status
        self.headers = headers
        self.body = b""
        self.framing = "none"

    @property
    def code(self):
        return int(self.status.split()[1])

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def json(self):
        return json.loads(self.body)


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.sent = bytearray()
        self.received = bytearray()
        self.at = 0
        self.ended = False
        self.exchanges = 0

    def send(self, data):
        self.sent += data
        self.socket.sendall(data)

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.received += data
        self.ended = not data
        return bool(data)

    def until(self, mark):
        while (end := self.received.find(mark, self.at)) < 0:
            if not self.more():
                raise EOFError(f"ended before {mark!r}: {bytes(self.received[self.at:])!r}")
        found = bytes(self.received[self.at : end + len(mark)])
        self.at = end + len(mark)
        return found

    def take(self, count):
        while len(self.received) - self.at < count:
            if not self.more():
                raise EOFError(f"{count} bytes were announced")
        self.at += count
        return bytes(self.received[self.at - count : self.at])

    def rest(self):
        while self.more():
            pass
        found = bytes(self.received[self.at :])
        self.at = len(self.received)
        return found

    def ask(self, method, path, body=None, headers=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: docker", "User-Agent: raw"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None and not any(name == "Content-Type" for name, _ in headers):
            lines.append("Content-Type: application/json")
        if body is not None or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body or b'')}")
        self.exchanges += 1
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        return Answer(lines[0], [tuple(line.split(": ", 1)) for line in lines[1:]])

    def answer(self, method):
        answer = self.head()
        if method == "HEAD" or answer.code in (204, 304):
            return answer
        if (answer.header("transfer-encoding") or "") == "chunked":
            answer.framing = "chunked"
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                answer.body += self.take(size)
                self.take(2)
            self.until(b"\r\n")
        elif length := answer.header("content-length"):
            answer.framing = "length"
            answer.body = self.take(int(length))
        else:
            answer.framing = "close"
            answer.body = self.rest()
        return answer

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()


class Side:
    """One way to the daemon, and what came of it, step by step."""

    def __init__(self, path):
        self.path = path
        self.connections = []
        self.kept = None
        self.steps = []
        self.minor = None

    def connect(self):
        self.connections.append(Connection(self.path))
        return self.connections[-1]

    def prefix(self):
        return "" if self.minor is None else f"/v1.{self.minor}"

    def since(self, minor):
        return self.minor is None or self.minor >= minor

    def request(self, method, path, body=None, headers=()):
        """One ordinary exchange on a connection that is kept."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        if self.kept is None or self.kept.ended:
            self.kept = self.connect()
        self.kept.ask(method, self.prefix() + path, body, headers)
        answer = self.kept.answer(method)
        if answer.framing == "close" or (answer.header("connection") or "").lower() == "close":
            self.kept.close()
            self.kept = None
        return answer

    def step(self, name, method, path, body=None, headers=(), rules=(), due=None):
        """The same, to be compared. due is the status it must have: a test that only compares would
        not notice that it tests nothing."""
        answer = self.request(method, path, body, headers)
        self.note(name, answer, rules, due)
        return answer

    def note(self, name, answer, rules=(), due=None):
        self.steps.append((name, answer, rules))
        if due is not None and answer.code != due:
            raise AssertionError(f"{name}: {due} was due, got {answer.status} {answer.body[:300]!r}")

    def hijack(self, method, path, body=None, upgrade=False):
        """Sends a request on a connection of its own and reads the head of its answer only."""
        connection = self.connect()
        headers = [("Connection", "Upgrade"), ("Upgrade", "tcp")] if upgrade else []
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        connection.ask(method, self.prefix() + path, body, headers)
        return connection, connection.head()

    def finished(self):
        for connection in self.connections:
            connection.close()
        self.kept = None


# --- what is asked -----------------------------------------------------------------------------------


def create(side, name, command, **more):
    """A container without a network; below 1.15 the document has no HostConfig at create."""
    body = {"Image": "base:latest", "Cmd": command, **more}
    if side.since(15):
        body["HostConfig"] = {"NetworkMode": "none"}
    else:
        body["NetworkDisabled"] = True
    return body, f"/containers/create?name={name}"


def start_body(side):
    """Below 1.24 start takes the host's settings; below 1.15 it is the only place for them."""
    return None if side.since(15) else {"NetworkMode": "none"}


def reads(side, made):
    """Every read-only endpoint, on the same objects for both sides."""
    box, gone = made["box"], made["gone"]
    get = lambda name, path, rules=(), due=200, since=0: (
        side.step(f"GET {name}", "GET", path, rules=rules, due=due) if side.since(since) else None
    )
    get("_ping", "/_ping")
    if side.since(40):
        side.step("HEAD _ping", "HEAD", "/_ping", due=200)
    get("version", "/version")
    get("info", "/info", ("time", "figure"))
    get("containers", "/containers/json", ("time",))
    get("all containers", "/containers/json?all=1", ("time",))
    get("containers with size", "/containers/json?all=true&size=1", ("time",))
    get("the last container", "/containers/json?limit=1", ("time",))
    get("containers before", f"/containers/json?all=1&before={box}", ("time",))
    get("containers since", f"/containers/json?all=1&since={gone}", ("time",))
    get("exited containers", "/containers/json?filters=%7B%22status%22%3A%5B%22exited%22%5D%7D", ("time",))
    get("containers by a bad filter", "/containers/json?filters=%7B%22bad%22%3A%5B%22x%22%5D%7D", due=400)
    for name, reference in (("id", box), ("short id", box[:12]), ("name", "box")):
        get(f"container by {name}", f"/containers/{reference}/json")
    get("exited container", f"/containers/{gone}/json")
    get("container with size", f"/containers/{box}/json?size=1", since=20)
    get("missing container", "/containers/missing/json", due=404)
    get("top", f"/containers/{box}/top")
    get("top with arguments", f"/containers/{box}/top?ps_args=-o%20pid,args")
    get("top of an exited container", f"/containers/{gone}/top", due=409 if side.since(24) else None)
    get("logs", f"/containers/{gone}/logs?stdout=1&stderr=1")
    get("logs of stdout", f"/containers/{gone}/logs?stdout=1")
    get("logs with timestamps", f"/containers/{gone}/logs?stdout=1&stderr=1&timestamps=1")
    get("logs by tail", f"/containers/{gone}/logs?stdout=1&stderr=1&tail=1")
    get("logs followed", f"/containers/{gone}/logs?stdout=1&stderr=1&follow=1")
    get("logs since", f"/containers/{gone}/logs?stdout=1&stderr=1&since=1", since=19)
    get("logs of nothing", f"/containers/{gone}/logs", due=400)
    get("logs of a tty", f"/containers/{made['tty']}/logs?stdout=1&stderr=1")
    get("changes", f"/containers/{gone}/changes", ("order",))
    get("changes of an unchanged container", f"/containers/{box}/changes")
    get("export", f"/containers/{gone}/export")
    get("one of stats", f"/containers/{box}/stats?stream=0", ("time", "figure"), since=19)
    get("stats of an exited container", f"/containers/{gone}/stats?stream=0", ("time", "figure"), since=19)
    if side.since(20):
        for method in ("GET", "HEAD"):
            path = f"/containers/{box}/archive?path="
            side.step(f"{method} archive", method, path + "/etc/passwd", due=200)
            side.step(f"{method} archive of a directory", method, path + "/etc", due=200)
            side.step(f"{method} missing archive", method, path + "/missing", due=404)
        get("archive without a path", f"/containers/{box}/archive", due=400)
    get("images", "/images/json")
    get("all images", "/images/json?all=1")
    get("dangling images", "/images/json?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D")
    get("image", "/images/base/json")
    get("image by id", f"/images/{made['image']}/json")
    get("missing image", "/images/missing/json", due=404)
    get("image's history", "/images/base:latest/history")
    get("image as tar", "/images/base:latest/get")
    get("images as tar", "/images/get?names=base:latest", since=15)
    get("missing image as tar", "/images/missing/get", due=404)
    get("events of the past", f"/events?since={made['began']}&until={made['now']}")
    filters = "filters=%7B%22event%22%3A%5B%22die%22%5D%7D"
    get("events by filter", f"/events?since={made['began']}&until={made['now']}&{filters}")
    get("no events", "/events?since=1&until=2")
    get("networks", "/networks", ("order",), since=21)
    get("networks by filter", "/networks?filters=%7B%22name%22%3A%5B%22none%22%5D%7D", since=21)
    get("network", "/networks/none", since=21)
    get("missing network", "/networks/missing", due=404, since=21)
    get("volumes", "/volumes", since=21)
    get("volume", "/volumes/vol", since=21)
    get("missing volume", "/volumes/missing", due=404, since=21)
    get("disk use", "/system/df", ("time",), since=25)
    get("swarm", "/swarm", due=503, since=25)
    for name in ("nodes", "services", "tasks"):
        get(name, f"/{name}", due=503, since=25)
    for name in ("secrets", "configs"):
        get(name, f"/{name}", due=503, since=30)
    get("plugins", "/plugins", since=25)
    get("unknown path", "/nonsense", due=404)


def framed(data):
    """The frames of a stream, as a list of stream number and content."""
    frames = []
    while data:
        stream, length = struct.unpack(">BxxxL", data[:8])
        frames.append((stream, data[8 : 8 + length]))
        data = data[8 + length :]
    return frames


def read_frame(connection):
    header = connection.take(8)
    return header + connection.take(struct.unpack(">L", header[4:])[0])


TALK = ["sh", "-c", 'read -r a; echo "out $a"; read -r a; echo "err $a" >&2; cat; exit 3']


def attached(side, upgrade):
    """Attach, start, input, half-close, the rest, wait and logs, with and without an upgrade."""
    kind = "upgraded" if upgrade else "plain"
    body, path = create(
        side, "talk", TALK, OpenStdin=True, StdinOnce=True, AttachStdin=True, AttachStdout=True, AttachStderr=True
    )
    made = side.step("create", "POST", path, body, rules=("id",), due=201).json()["Id"]
    stream, head = side.hijack(
        "POST", f"/containers/{made}/attach?stream=1&stdin=1&stdout=1&stderr=1", upgrade=upgrade
    )
    side.step("start", "POST", f"/containers/{made}/start", start_body(side), due=204)
    # One line at a time, and the answer awaited: how the daemon cuts frames depends on nothing else.
    head.body = b""
    for line in (b"one\n", b"two\n", b"three\n"):
        stream.send(line)
        head.body += read_frame(stream)
    stream.half_close()
    head.body += stream.rest()
    head.framing = "hijacked"
    side.note(f"attach, {kind}", head, due=101 if upgrade else 200)
    assert framed(head.body) == [(1, b"out one\n"), (2, b"err two\n"), (1, b"three\n")], head.body
    answer = side.step("wait", "POST", f"/containers/{made}/wait", due=200)
    assert answer.json()["StatusCode"] == 3, answer.body
    side.step("logs", "GET", f"/containers/{made}/logs?stdout=1&stderr=1", due=200)
    side.step("inspect", "GET", f"/containers/{made}/json", rules=("id", "time"), due=200)
    side.step("delete", "DELETE", f"/containers/{made}?v=1", due=204)
    side.step("delete again", "DELETE", f"/containers/{made}", rules=("id",), due=404)


def on_terminal(side, upgrade):
    """The same on a tty: raw bytes both ways."""
    kind = "upgraded" if upgrade else "plain"
    command = ["sh", "-c", 'stty -echo; echo ready; read -r a; stty size; echo "got $a"; exit 4']
    body, path = create(
        side, "tty2", command, Tty=True, OpenStdin=True, StdinOnce=True, AttachStdin=True, AttachStdout=True
    )
    made = side.step("create", "POST", path, body, rules=("id",), due=201).json()["Id"]
    stream, head = side.hijack("POST", f"/containers/{made}/attach?stream=1&stdin=1&stdout=1", upgrade=upgrade)
    side.step("start", "POST", f"/containers/{made}/start", start_body(side), due=204)
    head.body = stream.until(b"ready\r\n")
    if side.since(17):
        side.step("resize", "POST", f"/containers/{made}/resize?h=21&w=77", due=200)
    stream.send(b"typed\n")
    head.body += stream.rest()
    head.framing = "hijacked"
    side.note(f"attach to a tty, {kind}", head, due=101 if upgrade else 200)
    assert head.body.endswith(b"got typed\r\n"), head.body
    side.step("wait", "POST", f"/containers/{made}/wait", due=200)
    side.step("logs", "GET", f"/containers/{made}/logs?stdout=1", due=200)
    side.step("delete", "DELETE", f"/containers/{made}", due=204)
    stream, head = side.hijack("POST", "/containers/missing/attach?stream=1&stdout=1", upgrade=upgrade)
    head.body = stream.rest()
    side.note(f"attach to a missing container, {kind}", head, due=404)


def websocket_frame(kind, data):
    """A client's frame; a mask of zeros leaves the data readable."""
    return bytes([0x80 | kind, 0x80 | len(data), 0, 0, 0, 0]) + data


def on_websocket(side):
    """Attach by websocket: text frames below 1.28, binary from then on, and no Docker frames."""
    body, path = create(side, "socket", TALK, OpenStdin=True, StdinOnce=True, AttachStdin=True)
    made = side.step("create", "POST", path, body, rules=("id",), due=201).json()["Id"]
    stream = side.connect()
    stream.ask(
        "GET",
        f"{side.prefix()}/containers/{made}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1",
        headers=[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Origin", "http://docker"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg=="),
        ],
    )
    head = stream.head()
    side.step("start", "POST", f"/containers/{made}/start", start_body(side), due=204)
    for line in (b"one\n", b"two\n", b"three\n"):
        stream.send(websocket_frame(1, line))
        header = stream.take(2)
        head.body += header + stream.take(header[1])
    stream.send(websocket_frame(8, struct.pack(">H", 1000)))
    head.body += stream.rest()
    side.note("attach by websocket", head, due=101)
    for text in (b"out one\n", b"err two\n", b"three\n"):
        assert text in head.body, head.body
    side.step("kill", "POST", f"/containers/{made}/kill", rules=("id",))
    side.step("wait", "POST", f"/containers/{made}/wait", due=200)
    side.step("delete", "DELETE", f"/containers/{made}", due=204)


def on_connections(side):
    """What HTTP allows and docker's own clients do or might do."""
    version = side.prefix() + "/version"

    pipelined = side.connect()
    pipelined.exchanges += 2
    request = f"GET {version} HTTP/1.1\r\nHost: docker\r\n\r\n".encode()
    missing = request.replace(b"version", b"containers/missing/json")
    pipelined.send(request + missing + request[:20])
    time.sleep(0.1)
    pipelined.exchanges += 1
    pipelined.send(request[20:])
    for number in (1, 2, 3):
        side.note(f"pipelined {number}", pipelined.answer("GET"), due=404 if number == 2 else 200)

    last = side.connect()
    last.ask("GET", version, headers=[("Connection", "close")])
    side.note("closed as asked", last.answer("GET"), due=200)
    assert last.rest() == b""

    old = side.connect()
    old.exchanges += 1
    old.send(f"GET {version} HTTP/1.0\r\n\r\n".encode())
    side.note("HTTP/1.0", old.answer("GET"), due=200)

    context = small_tar(Dockerfile=b"FROM base:latest\n")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (context[:7], context[7:])) + b"0\r\n\r\n"
    chunked = side.connect()
    chunked.exchanges += 1
    head = f"POST {side.prefix()}/build HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\n"
    chunked.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    side.note("a chunked body", chunked.answer("POST"), ("id",), 200)

    polite = side.connect()
    polite.exchanges += 1
    polite.send(f"{head}Expect: 100-continue\r\nContent-Length: {len(context)}\r\n\r\n".encode())
    side.note("100-continue", polite.head(), due=100)
    polite.send(context)
    side.note("after 100-continue", polite.answer("POST"), ("id",), 200)

    # The daemon takes a half-close for a client that left, and the stream ends in good order.
    leaving = side.connect()
    leaving.ask("GET", side.prefix() + "/events?filters=%7B%22event%22%3A%5B%22reload%22%5D%7D")
    answer = leaving.head()
    leaving.half_close()
    answer.body = leaving.rest()
    side.note("events after a half-close", answer, due=200)

    if side.since(39):
        # BuildKit's session: HTTP/2 in which the daemon is the client.
        session = side.connect()
        names = ["Uuid", "Name", "Sharedkey"]
        headers = [(f"X-Docker-Expose-Session-{name}", os.urandom(8).hex()) for name in names]
        headers += [("Connection", "Upgrade"), ("Upgrade", "h2c")]
        session.ask("POST", side.prefix() + "/session", headers=headers)
        side.note("session", session.head(), due=101)
        session.until(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        session.close()


def small_tar(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


TAR = [("Content-Type", "application/x-tar")]


def life(side):
    """The life of a container that runs on, with everything that may be done to it."""
    command = ["sh", "-c", "echo one >/one; echo line; exec sleep 1000"]
    body, path = create(side, "life", command)
    made = side.step("create", "POST", path, body, rules=("id",), due=201).json()["Id"]
    at = f"/containers/{made}"
    side.step("create with the name in use", "POST", path, body, rules=("id",), due=409)
    body, path = create(side, "other", command)
    side.step("create of a missing image", "POST", path, {**body, "Image": "missing"}, due=404)
    side.step("start", "POST", at + "/start", start_body(side), due=204)
    side.step("start again", "POST", at + "/start", due=304)
    side.step("start of a missing one", "POST", "/containers/missing/start", due=404)
    # Until it has said its line it may not have written its file.
    while b"line" not in side.request("GET", at + "/logs?stdout=1").body:
        time.sleep(0.05)
    side.step("inspect", "GET", at + "/json", rules=("id", "time", "pid"), due=200)
    side.step("top", "GET", at + "/top", rules=("top",), due=200)
    side.step("changes", "GET", at + "/changes", due=200)
    side.step("export", "GET", at + "/export", rules=("tar",), due=200)
    if side.since(20):
        path = at + "/archive?path=/"
        side.step("put archive", "PUT", path, small_tar(two=b"2\n"), TAR, due=200)
        side.step("put archive in a missing place", "PUT", path + "missing", small_tar(x=b""), TAR, ("id",), 404)
        side.step("get archive", "GET", path + "two", due=200)
        side.step("head archive", "HEAD", path + "one", due=200)
    if not side.since(24):
        side.step("copy", "POST", at + "/copy", {"Resource": "/one"}, rules=("tar",), due=200)
        side.step("copy of a missing path", "POST", at + "/copy", {"Resource": "/missing"}, rules=("id",))
    if side.since(15):
        execs(side, at)
    if side.since(22):
        answer = side.step("update", "POST", at + "/update", {"CpuShares": 200}, due=200)
        assert answer.json()["Warnings"] in (None, []), answer.body
    side.step("pause", "POST", at + "/pause", due=204)
    side.step("pause again", "POST", at + "/pause", rules=("id",))
    side.step("unpause", "POST", at + "/unpause", due=204)
    if side.since(17):
        side.step("rename", "POST", at + "/rename?name=renamed", due=204)
        side.step("rename to itself", "POST", at + "/rename?name=renamed", rules=("id",))
    side.step("kill with a harmless signal", "POST", at + "/kill?signal=CONT", due=204)
    side.step("restart", "POST", at + "/restart?t=0", due=204)
    side.step("delete while it runs", "DELETE", at, rules=("id",), due=409)
    images(side, made)
    # From 1.30 on the head of wait comes at once, its body when the container ends.
    waiting = side.connect()
    waiting.ask("POST", side.prefix() + at + "/wait")
    time.sleep(0.2)
    followed, head = side.hijack("GET", at + "/logs?stdout=1&follow=1")
    side.step("kill", "POST", at + "/kill", due=204)
    side.note("wait", waiting.answer("POST"), due=200)
    side.step("kill again", "POST", at + "/kill", rules=("id",))
    side.step("stop of a stopped one", "POST", at + "/stop?t=0", due=304)
    followed.until(b"0\r\n\r\n")
    side.note("logs followed, the head", head, due=200)
    side.step("delete", "DELETE", at + "?v=1&force=1", due=204)
    side.step("wait for a missing one", "POST", at + "/wait", rules=("id",), due=404)


def execs(side, at):
    """exec: create, start plain, upgraded and detached, with a tty, inspect and resize."""

    def made(**more):
        body = {"AttachStdout": True, "AttachStderr": True, "Tty": False, **more}
        return side.step("exec create", "POST", at + "/exec", body, rules=("id",), due=201).json()["Id"]

    def inspected(exec_id):
        if side.since(16):
            side.step("exec inspect", "GET", f"/exec/{exec_id}/json", rules=("id", "time", "pid"), due=200)

    for upgrade in (False, True):
        if upgrade and not side.since(17):
            continue
        kind = "upgraded" if upgrade else "plain"
        exec_id = made(AttachStdin=True, Cmd=TALK)
        stream, head = side.hijack("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}, upgrade)
        for line in (b"one\n", b"two\n", b"three\n"):
            stream.send(line)
            head.body += read_frame(stream)
        stream.half_close()
        head.body += stream.rest()
        head.framing = "hijacked"
        side.note(f"exec start, {kind}", head, due=101 if upgrade else 200)
        assert framed(head.body) == [(1, b"out one\n"), (2, b"err two\n"), (1, b"three\n")], head.body
        inspected(exec_id)

        command = ["sh", "-c", "stty -echo; echo ready; read -r a; stty size; exit 5"]
        exec_id = made(AttachStdin=True, Tty=True, Cmd=command)
        stream, head = side.hijack("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": True}, upgrade)
        head.body = stream.until(b"ready\r\n")
        side.step("exec resize", "POST", f"/exec/{exec_id}/resize?h=21&w=77")
        stream.send(b"typed\n")
        head.body += stream.rest()
        head.framing = "hijacked"
        side.note(f"exec start on a tty, {kind}", head, due=101 if upgrade else 200)
        assert head.body.endswith(b"21 77\r\n"), head.body
        inspected(exec_id)

    exec_id = made(Cmd=["true"])
    side.step("exec start, detached", "POST", f"/exec/{exec_id}/start", {"Detach": True, "Tty": False}, due=200)
    time.sleep(0.5)
    inspected(exec_id)
    side.step("exec start again", "POST", f"/exec/{exec_id}/start", {"Detach": True}, rules=("id",))
    side.step("exec start of a missing one", "POST", "/exec/missing/start", {"Detach": True}, due=404)
    side.step("exec create in a missing one", "POST", "/containers/missing/exec", {"Cmd": ["true"]}, due=404)


def images(side, container):
    """commit, tag, inspect, history, get, load, import, build, delete."""
    began = int(time.time())
    path = f"/commit?container={container}&repo=raw&tag=1&comment=said&author=me"
    answer = side.step("commit", "POST", path, {"Cmd": ["true"]}, rules=("id",), due=201)
    assert answer.json()["Id"], answer.body
    side.step("commit of a missing one", "POST", "/commit?container=missing&repo=raw&tag=2", {}, due=404)
    side.step("image inspect", "GET", "/images/raw:1/json", rules=("id", "time"), due=200)
    side.step("image history", "GET", "/images/raw:1/history", rules=("id", "time"), due=200)
    side.step("tag", "POST", "/images/raw:1/tag?repo=host:5000/team/raw&tag=2", due=201)
    side.step("tag of a missing one", "POST", "/images/missing/tag?repo=raw&tag=3", due=404)
    side.step("inspect of a long name", "GET", "/images/host:5000/team/raw:2/json", rules=("id", "time"), due=200)
    saved = side.request("GET", "/images/raw:1/get").body
    side.step("delete of a tag", "DELETE", "/images/host:5000/team/raw:2", rules=("id",), due=200)
    side.step("delete", "DELETE", "/images/raw:1", rules=("id",), due=200)
    side.step("delete again", "DELETE", "/images/raw:1", due=404)
    side.step("load", "POST", "/images/load", saved, TAR, rules=("id",), due=200)
    side.step("load of what is no image", "POST", "/images/load", small_tar(**{"manifest.json": b"garbage"}), TAR)
    side.step("delete of the loaded", "DELETE", "/images/raw:1?force=1", rules=("id",), due=200)
    side.step(
        "import", "POST", "/images/create?fromSrc=-&repo=raw&tag=4", small_tar(file=b"x"), TAR, rules=("id",), due=200
    )
    side.step("delete of the imported", "DELETE", "/images/raw:4", rules=("id",), due=200)
    dockerfile = b'FROM base:latest\nLABEL a=b\nCMD ["true"]\n'
    side.step(
        "build", "POST", "/build?t=raw:5&q=0", small_tar(Dockerfile=dockerfile), TAR, rules=("id",), due=200
    )
    side.step("build that fails", "POST", "/build", small_tar(Dockerfile=b"FROM base\nRUN exit 7\n"), TAR, ("id",))
    side.step("delete of the built", "DELETE", "/images/raw:5", rules=("id",), due=200)
    side.step("pull that fails", "POST", "/images/create?fromImage=127.0.0.1:1/absent&tag=1")
    # A stream that the client leaves: what came until then is compared by the tap only.
    stream, _ = side.hijack("GET", f"/events?since={began}")
    stream.until(b"\n")
    stream.close()


# --- the run -----------------------------------------------------------------------------------------


class Tests:
    def __init__(self):
        self.passed = self.failed = 0

    def say(self, name, complaints):
        if complaints:
            self.failed += 1
        else:
            self.passed += 1
        print(f"{'not ok' if complaints else 'ok'} {self.passed + self.failed} - {name}")
        for complaint in complaints[:40]:
            print("#", complaint[:600].replace("\n", "\n# "))
        sys.stdout.flush()

    def closing_line(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def cut(data, other):
    """The bytes where two bodies part, with a little of what stands before."""
    at = next((i for i, (a, b) in enumerate(zip(data, other)) if a != b), min(len(data), len(other)))
    return f"at byte {at} of {len(data)}: {data[max(0, at - 60) : at + 60]!r}"


def differences(name, direct, proxied, rules):
    found = []
    if direct.status != proxied.status:
        found.append(f"{name}: {direct.status!r} direct, {proxied.status!r} proxied: {proxied.body[:200]!r}")
    same_body = direct.body == proxied.body
    left, right = direct.body, proxied.body
    if not same_body:
        for rule in rules:
            left, right = RULES[rule](left), RULES[rule](right)
        if left != right:
            found.append(f"{name}: body direct {cut(left, right)}")
            found.append(f"{name}: body proxied {cut(right, left)}")
    if direct.framing != proxied.framing:
        found.append(f"{name}: framed by {direct.framing} direct, by {proxied.framing} proxied")

    def comparable(headers):
        lines = []
        for key, value in headers:
            if key == "Date" or (key == "Content-Length" and not same_body):
                value = "…"
            elif key == "X-Docker-Container-Path-Stat":
                value = normalised_stat(value)
            lines.append((key, value))
        return lines

    if comparable(direct.headers) != comparable(proxied.headers):
        found.append(f"{name}: headers direct {direct.headers}")
        found.append(f"{name}: headers proxied {proxied.headers}")
    return found


def compared(direct, proxied):
    found = []
    if [step[0] for step in direct] != [step[0] for step in proxied]:
        found.append("the two sides did not take the same steps")
    for (name, left, rules), (_, right, _) in zip(direct, proxied):
        found += differences(name, left, right, rules)
    return found


def untouched(connections, seen):
    """For each connection of ours there is one at the daemon with the very same bytes."""
    found = []
    left = list(seen)
    for number, connection in enumerate(connections, 1):
        sent, received = bytes(connection.sent), bytes(connection.received)
        # What the daemon sent after we left is its own affair; all that we got must come from it.
        match = next(
            (tap for tap in left if tap["sent"] == sent and tap["received"].startswith(received)), None
        )
        if match is None:
            found.append(f"connection {number} does not stand at the daemon as it left us: {sent[:120]!r}")
            continue
        left.remove(match)
        if connection.ended and match["received"] != received:
            found.append(f"connection {number} lost the end of {len(match['received'])} bytes")
    if left:
        found.append(f"{len(left)} connections at the daemon that nobody made")
    return found


class Daemon:
    """The state before each group, made directly."""

    def __init__(self, path):
        self.side = Side(path)

    def must(self, method, path, body=None, due=(200, 201, 204, 304)):
        answer = self.side.request(method, path, body)
        if answer.code not in due:
            raise AssertionError(f"preparing: {method} {path}: {answer.status} {answer.body[:300]!r}")
        return answer.json() if answer.body else None

    def sweep(self):
        for container in self.must("GET", "/containers/json?all=1"):
            self.must("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        for image in self.must("GET", "/images/json"):
            for tag in image["RepoTags"] or []:
                if tag not in ("base:latest", "<none>:<none>"):
                    self.must("DELETE", f"/images/{tag}?force=1")
        self.must("POST", "/images/prune")
        for volume in self.must("GET", "/volumes")["Volumes"] or []:
            self.must("DELETE", f"/volumes/{volume['Name']}?force=1")

    def run(self, name, command, **more):
        body, path = create(self.side, name, command, **more)
        made = self.must("POST", path, body)["Id"]
        self.must("POST", f"/containers/{made}/start")
        return made

    def prepared(self):
        """A running container, one that has ended, one with a tty, a volume."""
        self.sweep()
        # The daemon remembers 256 events: what is older would go while we look.
        began = int(time.time())
        gone = "echo out; sleep 0.1; echo err >&2; echo x >/new; rm /bin/vi; exit 3"
        made = {
            "began": began,
            "box": self.run("box", ["sleep", "1000"]),
            "gone": self.run("gone", ["sh", "-c", gone]),
            "tty": self.run("tty", ["sh", "-c", "echo on a tty"], Tty=True),
            "image": self.must("GET", "/images/base/json")["Id"],
        }
        self.must("POST", "/volumes/create", {"Name": "vol"})
        for name in ("gone", "tty"):
            self.must("POST", f"/containers/{made[name]}/wait")
        # Events until a moment ago: none of them is still to come.
        time.sleep(1)
        made["now"] = int(time.time())
        return made


GROUPS = [
    ("reads", reads),
    ("attach", lambda side, _: attached(side, False)),
    ("attach with an upgrade", lambda side, _: attached(side, True)),
    ("a tty", lambda side, _: on_terminal(side, False)),
    ("a tty with an upgrade", lambda side, _: on_terminal(side, True)),
    ("a websocket", lambda side, _: on_websocket(side)),
    ("connections", lambda side, _: on_connections(side)),
    ("life", lambda side, _: life(side)),
]


def run_group(tests, daemon, sides, minor, name, ask):
    word = "unversioned" if minor is None else f"1.{minor}"
    made = daemon.prepared() if name == "reads" else None
    complaints = []
    for side in sides:
        side.minor = minor
        side.steps = []
        if made is None:
            daemon.sweep()
        try:
            ask(side, made)
        except (AssertionError, EOFError, OSError, ValueError, KeyError) as error:
            complaints.append(f"{side.name} after {side.steps[-1][0] if side.steps else 'nothing'}: {error!r}")
            # Nobody knows what a connection that was left in the middle still brings.
            side.kept = None
    complaints += compared(sides[0].steps, sides[1].steps)
    tests.say(f"{word}: {name}, {len(sides[1].steps)} exchanges", complaints)


def start_proxy(plimsoll, listen, backend, report_path, log):
    process = subprocess.Popen(
        [plimsoll, "proxy", "--listen", f"unix://{listen}", "--backend", f"unix://{backend}"]
        + ["--report", f"jsonl={report_path}"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    end = time.monotonic() + 10
    while not os.path.exists(listen):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            sys.exit(f"raw.py: the proxy did not start:\n{pathlib.Path(log.name).read_text()}")
        time.sleep(0.05)
    time.sleep(0.05)
    return process


def tested(plimsoll, socket_path, work):
    tests = Tests()
    daemon = Daemon(socket_path)
    tap = Tap(f"{work}/tap.sock", socket_path)
    report_path = f"{work}/report.jsonl"
    with open(f"{work}/log", "w", encoding="utf-8") as log:
        proxy = start_proxy(plimsoll, f"{work}/proxy.sock", f"{work}/tap.sock", report_path, log)
        try:
            sides = [Side(socket_path), Side(f"{work}/proxy.sock")]
            sides[0].name, sides[1].name = "direct", "proxied"
            for minor in VERSIONS:
                for name, ask in GROUPS:
                    run_group(tests, daemon, sides, minor, name, ask)
            daemon.sweep()
            for side in sides:
                side.finished()
            # The last ends are still on their way through proxy and tap.
            time.sleep(0.5)
            made = sides[1].connections
            tests.say(f"the bytes of {len(made)} connections are untouched", untouched(made, tap.seen))
        finally:
            proxy.send_signal(signal.SIGTERM)
            try:
                code = proxy.wait(20)
            except subprocess.TimeoutExpired:
                proxy.kill()
                code = "not at all"
    said = pathlib.Path(f"{work}/log").read_text(encoding="utf-8")
    tests.say("the proxy ends well", [] if code == 0 else [f"it ended with {code}", said])
    asked = sum(connection.exchanges for connection in made)
    complaints, summary = report.judged(report_path, asked * 9 // 10)
    listed = sum(line["type"] == "exchange" for line in report.read(report_path)[0])
    if listed != asked:
        complaints.append(f"{asked} requests were sent, the report lists {listed}")
    tests.say(f"the report has all {asked} exchanges and no false alarm", complaints)
    print("# " + summary.replace("\n", "\n# "))
    return tests.closing_line()


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: raw.py PLIMSOLL DIR")
    plimsoll = os.path.abspath(sys.argv[1])
    socket_path = os.path.join(os.path.abspath(sys.argv[2]), "docker.sock")
    work = tempfile.mkdtemp()
    # Ended from outside, it still ends the proxy.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    try:
        return tested(plimsoll, socket_path, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
