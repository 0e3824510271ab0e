#!/usr/bin/env python3
"""Peers that wrk and nginx cannot be: a daemon that hijacks, a client that reads what it gets, and a crowd that does nothing.

peer.py serve PORT           answers POST /v1.41/containers/*/attach with 101 and 1 GiB of frames, then closes; anything else with a small list
peer.py attach PORT          asks for that and reads it to its end: prints bytes and seconds
peer.py hold PORT COUNT      opens COUNT connections, asks once on each, prints `held COUNT`, and waits for a line on standard input
peer.py list COUNT           prints a list of COUNT containers, each with an id of its own
"""

import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

TOTAL = 1 << 30
PAYLOAD = 16 << 10
FRAME = struct.pack(">BxxxI", 1, PAYLOAD) + b"x" * (PAYLOAD - 1) + b"\n"


def head_of(connection, held=b""):
    while b"\r\n\r\n" not in held:
        piece = connection.recv(65536)
        if not piece:
            return None, b""
        held += piece
    head, _, rest = held.partition(b"\r\n\r\n")
    return head, rest


def answer(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    held = b""
    with connection:
        while True:
            head, held = head_of(connection, held)
            if head is None:
                return
            if b"/attach" in head.split(b"\r\n", 1)[0]:
                connection.sendall(
                    b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                    b"Connection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.41\r\n\r\n"
                )
                block = FRAME * 64
                for _ in range(TOTAL // (PAYLOAD * 64)):
                    connection.sendall(block)
                connection.shutdown(socket.SHUT_WR)
                return
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[]\n"
            )


def serve(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=8192)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def attach(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"POST /v1.41/containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
        )
        head, rest = head_of(connection)
        if head is None or b" 101 " not in head:
            sys.exit(f"no 101: {head!r}")
        buffer = bytearray(1 << 20)
        count, start = len(rest), time.monotonic()
        while size := connection.recv_into(buffer):
            count += size
        print(count, round(time.monotonic() - start, 4))


def hold(port, count):
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"GET /v1.41/containers/json HTTP/1.1\r\nHost: docker\r\n\r\n")
        held.append(connection)
    for connection in held:
        if not connection.recv(65536):
            sys.exit("a connection was closed")
    print("held", len(held), flush=True)
    sys.stdin.readline()


def containers(count):
    with open(os.path.join(os.path.dirname(__file__), "containers.json"), encoding="utf-8") as file:
        samples = json.load(file)
    entries = []
    for number in range(count):
        entry = dict(samples[number % len(samples)])
        entry["Id"] = hashlib.sha256(str(number).encode()).hexdigest()
        entry["Names"] = [f"/shop-{number}"]
        entry["Created"] = 1795341460 + number
        entries.append(entry)
    print(json.dumps(entries, separators=(",", ":")))


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["help"]
    commands = {"serve": serve, "attach": attach, "hold": hold, "list": containers}
    if command not in commands:
        sys.exit(__doc__)
    commands[command](*map(int, rest))
