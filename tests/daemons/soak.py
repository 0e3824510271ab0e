#!/usr/bin/env python3
"""soak.py PLIMSOLL DIR [SECONDS]: 50 clients at once through the proxy, at the daemon at DIR/docker.sock.

Each creates, attaches to, starts, waits for, inspects and removes containers, lists in between, over
and over for SECONDS (120). The report must hold neither an error nor a warning, and exactly the
exchanges that were made; the proxy's memory must not grow in the second half of the time."""

import asyncio
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from crowd import Peer

CLIENTS = 50
UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"


class Soak:
    def __init__(self, path, seconds):
        self.path, self.until = path, time.monotonic() + seconds
        self.made = collections.Counter()
        self.rounds = 0

    async def ask(self, peer, method, path, body=None, expected=(200, 201, 204)):
        self.made["exchanges"] += 1
        status, data = await peer.ask(method, path, body)
        assert status in expected, (method, path, status, data[:200])
        return data

    async def round(self, peer, name, number):
        code = number % 5
        script = f"echo out; echo aside >&2; exit {code}"
        config = {"Image": "base", "Cmd": ["sh", "-c", script], "HostConfig": {"NetworkMode": "none"}}
        await self.ask(peer, "POST", f"/containers/create?name={name}", config)
        stream = await Peer(self.path).open()
        self.made["exchanges"] += 1
        status, _ = await stream.head("POST", f"/containers/{name}/attach?stream=1&stdout=1&stderr=1", None, UPGRADE)
        assert status == 101, status
        await self.ask(peer, "POST", f"/containers/{name}/start")
        said = await asyncio.wait_for(stream.reader.read(), 60)
        stream.writer.close()
        assert b"out\n" in said and b"aside\n" in said, said
        outcome = json.loads(await self.ask(peer, "POST", f"/containers/{name}/wait"))
        assert outcome["StatusCode"] == code, outcome
        state = json.loads(await self.ask(peer, "GET", f"/containers/{name}/json"))["State"]
        assert (state["Running"], state["ExitCode"]) == (False, code), state
        # Again, and killed this time: what was true of the first run is no longer.
        if number % 3 == 0:
            await self.ask(peer, "POST", f"/containers/{name}/restart?t=0")
            await self.ask(peer, "POST", f"/containers/{name}/kill", expected=(204, 409))
            await self.ask(peer, "GET", f"/containers/{name}/json")
        await self.ask(peer, "GET", "/containers/json?all=1")
        await self.ask(peer, "DELETE", f"/containers/{name}?force=1&v=1")
        await self.ask(peer, "GET", f"/containers/{name}/json", expected=(404,))
        self.rounds += 1

    async def client(self, index):
        peer = await Peer(self.path).open()
        number = 0
        while time.monotonic() < self.until:
            await self.round(peer, f"soak{index}n{number}", index + number)
            number += 1
        peer.writer.close()

    async def run(self):
        watcher = await Peer(self.path).open()
        self.made["exchanges"] += 1
        status, _ = await watcher.head("GET", "/events")
        assert status == 200, status
        drain = asyncio.create_task(watcher.reader.read())
        await asyncio.gather(*(self.client(index) for index in range(CLIENTS)))
        drain.cancel()
        watcher.writer.close()


def resident(pid):
    """KiB in memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def main(plimsoll, backend, seconds):
    work = tempfile.mkdtemp(prefix="plimsoll.", dir="/tmp")
    listen, report = f"{work}/proxy.sock", f"{work}/report.jsonl"
    command = ["timeout", "--kill-after=10", str(seconds + 300), plimsoll, "proxy"]
    command += ["--listen", f"unix://{listen}", "--backend", f"unix://{backend}", "--report", f"jsonl={report}"]
    with open(f"{work}/terminal", "w", encoding="utf-8") as terminal:
        proxy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
    while not os.path.exists(listen):
        assert proxy.poll() is None, "the proxy did not start"
        time.sleep(0.05)
    with open(f"/proc/{proxy.pid}/task/{proxy.pid}/children", encoding="ascii") as file:
        pid = int(file.read().split()[0])
    soak = Soak(listen, seconds)

    async def measured():
        samples = []

        async def sample():
            while True:
                await asyncio.sleep(seconds / 8)
                samples.append(resident(pid))

        sampler = asyncio.create_task(sample())
        await asyncio.wait_for(soak.run(), seconds + 240)
        sampler.cancel()
        return samples

    samples = asyncio.run(measured())
    time.sleep(0.5)
    os.kill(pid, signal.SIGTERM)
    code = proxy.wait(60)
    found, exchanges = collections.Counter(), 0
    with open(report, encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            exchanges += line["type"] == "exchange"
            if line["type"] == "violation" and line["severity"] != "note":
                found[f'{line["rule"]} {line["operation"]}: {line["message"]}'] += 1
                if sum(found.values()) <= 5:
                    print("#", text.strip()[:700])
    made = soak.made["exchanges"]
    print(f"# {soak.rounds} containers, {made} exchanges made, {exchanges} in the report, resident {samples} KiB")
    middle, end = samples[len(samples) // 2 - 1], samples[-1]
    problems = [f"{count} times {what}" for what, count in found.items()]
    if code != 0:
        problems.append(f"the proxy ended with {code}")
    if exchanges != made:
        problems.append(f"{made} exchanges were made and {exchanges} are in the report")
    if end > middle * 1.25 + 2048:
        problems.append(f"memory grew from {middle} to {end} KiB in the second half")
    for problem in problems:
        print("#", problem)
    print("not ok 1 - a soak" if problems else "ok 1 - a soak: neither error nor warning, every exchange reported, memory flat")
    subprocess.run(["rm", "-rf", work], check=False)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] + "/docker.sock", int(sys.argv[3]) if len(sys.argv) > 3 else 120))
