#!/usr/bin/env python3
"""faults.py PLIMSOLL DIR [SECONDS]: connections with random payloads through two proxies, while peers are slow, reset, leave or are killed.

One proxy stands before a backend of this script's own, which does what the name of the container asks of it; the other before `plimsoll serve`, which is killed
and started again. On every connection that its peers did not break the bytes that arrived are the bytes that were sent; on a broken one they are the beginning of
them. Every exchange that reached a daemon is in the report, and memory stays level. SECONDS is 60. DIR is for sockets and reports."""

import asyncio
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time

CLIENTS = 24
HEAD = "Api-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\n"
counts = collections.Counter()


def payload(seed, size):
    return random.Random(seed).randbytes(size)


async def head_of(reader):
    return (await reader.readuntil(b"\r\n\r\n")).decode()


async def write(writer, data, slow, until=None):
    """Writes data in random pieces; up to `until` only, where that is given. True when all was taken."""
    end = len(data) if until is None else until
    at = 0
    while at < end:
        piece = random.choice([1, 7, 100, 4096, 65536, 1 << 20])
        writer.write(data[at : min(at + piece, end)])
        await writer.drain()
        at += piece
        if slow and random.random() < 0.2:
            await asyncio.sleep(random.random() / 20)


def reset(writer):
    """Gone at once: what is unread makes it a reset for the other side."""
    writer.transport.abort()


def spec(path):
    """/v1.41/containers/KIND-SEED-SIZE-FAULT/…"""
    kind, seed, size, fault = path.split("/")[3].split("-")
    return kind, int(seed), int(size), fault


async def backend(reader, writer):
    try:
        while True:
            head = await head_of(reader)
            counts["arrived"] += 1
            kind, seed, size, fault = spec(head.split(" ")[1])
            slow = fault == "slow"
            if kind == "list":
                body = json.dumps(["x" * (size % 5000)])
                writer.write(f"HTTP/1.1 200 OK\r\n{HEAD}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()
                continue
            if kind == "up":
                got = await reader.readexactly(size)
                same = got == payload(seed, size)
                counts["wrong"] += not same
                writer.write(f"HTTP/1.1 200 OK\r\n{HEAD}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
                continue
            data = payload(seed, size)
            if kind == "down":
                writer.write(f"HTTP/1.1 200 OK\r\n{HEAD}Content-Type: application/x-tar\r\nContent-Length: {size}\r\n\r\n".encode())
                if fault == "backend":
                    await write(writer, data, slow, random.randrange(size))
                    return reset(writer)
                await write(writer, data, slow)
                continue
            assert kind == "echo", kind
            writer.write(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
            left = random.randrange(size) if fault == "backend" else 1 << 60
            while block := await reader.read(65536):
                writer.write(block)
                await writer.drain()
                left -= len(block)
                if left <= 0:
                    return reset(writer)
                if slow:
                    await asyncio.sleep(random.random() / 50)
            writer.close()
            return
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def client(number, path, until):
    chance = random.Random(number)
    while time.monotonic() < until:
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
        try:
            for _ in range(chance.randrange(1, 6)):
                # Nobody waits for ever: what hangs was lost.
                if not await asyncio.wait_for(one(reader, writer, chance), 60):
                    break
        except TimeoutError:
            counts["wrong"] += 1
            print("an exchange hangs", file=sys.stderr)
        except (ConnectionError, asyncio.IncompleteReadError):
            counts["wrong"] += 1
            print("a connection that nobody broke was broken", file=sys.stderr)
        finally:
            writer.close()


async def one(reader, writer, chance):
    """One exchange; whether the connection can be used again."""
    kind = chance.choice(["list", "list", "up", "down", "echo"])
    seed, size = chance.randrange(1 << 30), chance.choice([1, 100, 5000, 300_000, 3_000_000])
    fault = chance.choice(["none", "none", "slow", "client", "backend"])
    if kind in ("list", "up") and fault == "backend":
        fault = "none"
    slow = fault == "slow"
    data = payload(seed, size)
    what = {"list": "GET {}/json", "up": "PUT {}/archive?path=/", "down": "GET {}/export", "echo": "POST {}/attach?stream=1&stdin=1&stdout=1"}[kind]
    line = what.format(f"/v1.41/containers/{kind}-{seed}-{size}-{fault}")
    more = {"up": f"Content-Type: application/x-tar\r\nContent-Length: {size}\r\n", "echo": "Connection: Upgrade\r\nUpgrade: tcp\r\n"}.get(kind, "")
    writer.write(f"{line} HTTP/1.1\r\nHost: d\r\n{more}\r\n".encode())
    await writer.drain()
    counts["sent"] += 1
    counts[kind, fault] += 1
    if kind == "up":
        if fault == "client":
            await write(writer, data, slow, random.randrange(size))
            reset(writer)
            return False
        await write(writer, data, slow)
    head = await head_of(reader)
    if kind in ("list", "up"):
        length = int(head.split("Content-Length: ")[1].split("\r\n")[0])
        await reader.readexactly(length)
        counts["whole"] += 1
        return True
    if kind == "down":
        return await receive(reader, writer, data, fault)
    sending = asyncio.create_task(send_and_close(writer, data, slow))
    try:
        await receive(reader, writer, data, fault)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return False


async def send_and_close(writer, data, slow):
    await write(writer, data, slow)
    writer.write_eof()


async def receive(reader, writer, data, fault):
    got = bytearray()
    stop = random.randrange(len(data)) if fault == "client" else 1 << 60
    while len(got) < len(data):
        try:
            block = await reader.read(65536)
        except ConnectionError:
            block = b""
        if not block:
            break
        got += block
        if len(got) >= stop:
            reset(writer)
            break
        if fault == "slow":
            await asyncio.sleep(random.random() / 50)
    broken = fault in ("client", "backend")
    if bytes(got) != data[: len(got)] or (len(got) < len(data) and not broken):
        counts["wrong"] += 1
        print(f"{fault}: {len(got)} of {len(data)} bytes", file=sys.stderr)
    counts["whole" if len(got) == len(data) else "beginning"] += 1
    return len(got) == len(data) and not broken


async def reference_client(path, until):
    """At the built-in backend, which is killed now and then: an answer is whole, or the connection ended."""
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_unix_connection(path)
            for line in ["GET /v1.41/_ping", "GET /v1.41/containers/json?all=1", "GET /v1.41/images/json", "GET /v1.41/info"] * 5:
                writer.write(f"{line} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
                counts["reference sent"] += 1
                head = await head_of(reader)
                if head.startswith("HTTP/1.1 502"):
                    counts["reference sent"] -= 1
                    break
                body = await reader.readexactly(int(head.lower().split("content-length: ")[1].split("\r\n")[0]))
                counts["reference whole"] += 1
                if "json" in line:
                    json.loads(body)
        except (ConnectionError, asyncio.IncompleteReadError):
            counts["reference cut"] += 1
        finally:
            writer.close()


started = []


def start(*words):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    started.append(process)
    line = process.stderr.readline()
    assert "listening on" in line, line
    return process


def peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


def exchanges(path):
    with open(path) as report:
        return sum(json.loads(line)["type"] == "exchange" for line in report)


async def main():
    plimsoll, dir = sys.argv[1], sys.argv[2]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 60
    dir = os.path.join(dir, "faults")
    os.makedirs(dir, exist_ok=True)
    at = lambda name: os.path.join(dir, name)
    proxy_at = lambda name: start(
        plimsoll, "proxy", "--config", "/dev/null", "--listen", f"unix://{at(name + '-proxy.sock')}", "--backend", f"unix://{at(name + '.sock')}",
        "--report", f"jsonl={at(name + '.jsonl')}", "--fail-on", "never",
    )
    serve = lambda: start(plimsoll, "serve", "--config", "/dev/null", "--listen", f"unix://{at('reference.sock')}")
    server = await asyncio.start_unix_server(backend, at("raw.sock"), limit=8 << 20)
    reference = serve()
    proxies = [proxy_at("raw"), proxy_at("reference")]
    until = time.monotonic() + seconds
    tasks = [client(number, at("raw-proxy.sock"), until) for number in range(CLIENTS)] + [reference_client(at("reference-proxy.sock"), until) for _ in range(4)]
    running = asyncio.gather(*tasks)
    early = None
    while not running.done():
        await asyncio.wait([running], timeout=5)
        early = early or (peak(proxies[0]) if time.monotonic() > until - seconds / 2 else None)
        if time.monotonic() < until - 2:
            reference.send_signal(signal.SIGKILL)
            reference.wait()
            counts["reference killed"] += 1
            reference = serve()
    await running
    reference.kill()
    late = peak(proxies[0])
    for process in proxies:
        process.send_signal(signal.SIGTERM)
        said = await asyncio.to_thread(process.stderr.read)
        code = process.wait()
        # 3: the built-in backend was away when somebody came.
        assert code in (0, 3), (code, said)
        assert "panicked" not in said, said
    server.close()
    reported, reference_reported = exchanges(at("raw.jsonl")), exchanges(at("reference.jsonl"))
    for key, count in sorted(counts.items(), key=str):
        print(f"{count:8}  {key if isinstance(key, str) else ' '.join(key)}")
    print(f"{reported:8}  exchanges reported, {counts['arrived']} arrived, {counts['sent']} were sent\n{late:8}  MiB at most ({early} in the first half)")
    assert counts["wrong"] == 0
    assert counts["whole"] > 0
    assert counts["arrived"] <= reported <= counts["sent"], "every exchange is in the report"
    assert counts["reference whole"] <= reference_reported <= counts["reference sent"], (reference_reported, counts)
    assert late < 128 and late <= early + 24, "memory stays level"
    print("every byte that was sent on a connection that its peers did not break has arrived")


try:
    asyncio.run(main())
finally:
    for process in started:
        if process.poll() is None:
            process.kill()
