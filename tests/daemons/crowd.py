#!/usr/bin/env python3
"""crowd.py PLIMSOLL DIR: a daemon at DIR/docker.sock under a crowd. PLIMSOLL is not used: it is the daemon.

Creates 10,000 containers over 50 connections, lists them all, then holds 1,000 connections open
(events, attaches and followed logs of a running container) and asks on 100 more meanwhile. Prints how
long things took; fails when an answer is wrong, and when a list takes ten times what it should."""

import asyncio
import json
import statistics
import sys
import time

CONTAINERS, MAKERS, OPEN, ASKERS = 10_000, 50, 1_000, 100
LIST_MS = 50


class Peer:
    """One keep-alive connection."""

    def __init__(self, path):
        self.path = path

    async def open(self):
        self.reader, self.writer = await asyncio.open_unix_connection(self.path, limit=1 << 26)
        return self

    async def head(self, method, path, body=None, headers=""):
        data = json.dumps(body).encode() if body is not None else b""
        kind = "Content-Type: application/json\r\n" if body is not None else ""
        text = f"{method} /v1.41{path} HTTP/1.1\r\nHost: d\r\n{kind}Content-Length: {len(data)}\r\n{headers}\r\n"
        self.writer.write(text.encode() + data)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ", 2)[1])
        fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)}
        return status, fields

    async def ask(self, method, path, body=None):
        status, fields = await self.head(method, path, body)
        if "content-length" in fields:
            return status, await self.reader.readexactly(int(fields["content-length"]))
        data = b""
        while fields.get("transfer-encoding") == "chunked":
            size = int(await self.reader.readline(), 16)
            data += (await self.reader.readexactly(size + 2))[:-2]
            if size == 0:
                break
        return status, data


async def main(path):
    began = time.monotonic()
    peers = [await Peer(path).open() for _ in range(MAKERS)]
    config = {"Image": "base", "Cmd": ["sleep", "1000"], "Labels": {"crowd": "1"}}

    async def make(number, peer):
        for index in range(number, CONTAINERS, MAKERS):
            status, data = await peer.ask("POST", f"/containers/create?name=crowd{index}", config)
            assert status == 201, data

    await asyncio.gather(*(make(number, peer) for number, peer in enumerate(peers)))
    print(f"# {CONTAINERS} containers created in {time.monotonic() - began:.1f} s")

    one = peers[0]
    times = []
    for _ in range(11):
        start = time.monotonic()
        status, data = await one.ask("GET", "/containers/json?all=1")
        times.append((time.monotonic() - start) * 1000)
        assert status == 200 and len(json.loads(data)) == CONTAINERS
    took = statistics.median(times)
    print(f"# list of all: median {took:.1f} ms, {len(data) / 1e6:.1f} MB")
    assert took < LIST_MS * 10, f"{took} ms"
    start = time.monotonic()
    for index in range(0, CONTAINERS, 100):
        status, data = await one.ask("GET", f"/containers/crowd{index}/json")
        assert status == 200, data
    print(f"# inspect by name: {(time.monotonic() - start) * 1e6 / 100:.0f} µs")

    status, data = await one.ask("POST", "/containers/crowd0/start")
    assert status == 204, data
    start = time.monotonic()
    upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
    kinds = [
        ("GET", "/events", "", 200),
        ("POST", "/containers/crowd0/attach?stream=1&stdout=1&stderr=1", upgrade, 101),
        ("GET", "/containers/crowd0/logs?follow=1&stdout=1", "", 200),
    ]
    open_ones = []
    for index in range(OPEN):
        method, target, headers, expected = kinds[index % len(kinds)]
        peer = await Peer(path).open()
        status, _ = await peer.head(method, target, None, headers)
        assert status == expected, (method, target, status)
        open_ones.append(peer)
    print(f"# {OPEN} streams opened in {time.monotonic() - start:.1f} s")

    async def asks():
        peer = await Peer(path).open()
        for _ in range(20):
            status, data = await peer.ask("GET", "/_ping")
            assert (status, data) == (200, b"OK")

    start = time.monotonic()
    await asyncio.gather(*(asks() for _ in range(ASKERS)))
    print(f"# {ASKERS * 20} pings beside them in {time.monotonic() - start:.2f} s")
    status, data = await one.ask("POST", "/containers/crowd0/kill")
    assert status == 204, data
    for index, peer in enumerate(open_ones):
        # Attaches and followed logs end with their container; after a log the connection is kept.
        if index % len(kinds) == 1:
            await asyncio.wait_for(peer.reader.read(), 20)
        elif index % len(kinds) == 2:
            await asyncio.wait_for(peer.reader.readuntil(b"0\r\n\r\n"), 20)
        peer.writer.close()
    print("ok 1 - a crowd is served")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(sys.argv[2] + "/docker.sock"), 300))
