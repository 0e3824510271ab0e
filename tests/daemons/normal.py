#!/usr/bin/env python3
"""normal.py RULE...: replaces on the way from standard input to standard output what no two runs
of the same docker command have in common. A test names the rules that it needs and no more."""

import json
import re
import sys

RULES = {
    # Containers, images and layers created anew for each side: 64 hex digits, or the 12 (docker) or
    # 10 (some columns) that are shown for short. The kind of the id stays visible.
    "id": [
        (rb"\b[0-9a-f]{64}\b", b"<id64>"),
        (rb"\b[0-9a-f]{12}\b", b"<id12>"),
    ],
    # RFC 3339, with or without a fraction.
    "time": [
        (rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", b"<time>"),
        # The same moment twice in an event.
        (rb'"time(Nano)?": ?\d+', rb'"time\1":<time>'),
    ],
    # "3 seconds ago", "Up Less than a second": two runs are never as old as one another. Columns are
    # padded to the longest age, so runs of blanks shrink to one.
    "age": [
        (
            rb"(Less than a|About an?|\d+) (second|minute|hour|day)s?( ago)?",
            b"<age>",
        ),
        (rb"  +", b" "),
    ],
    # Measurements: processor and memory use, block sizes, counts of open files.
    "figure": [
        (rb"\d+(\.\d+)?(e[+-]\d+)?", b"<n>"),
        (rb"<n>([kKMGT]i?B|B)\b", b"<n>B"),
        (rb"  +", b" "),
    ],
    # The CLI leaves as soon as it can, and at random complains about what was still going on: its
    # wait for the exit code, and below API 1.25 the events that it follows for it and the removal of
    # the container of run --rm. It tries to set the size of a terminal for some
    # hundredths of a second, too short for a container that starts slowly; the cases with a size look at
    # what came of it.
    "hurry": [
        (rb"failed to resize tty, using default size\r?\n", b""),
        (
            rb'time="[^"]*" level=error msg="error (waiting for container|getting events from daemon'
            rb'|removing container):.*context canceled"\r?\n',
            b"",
        )
    ],
    # The CLI closes the pipe below its own tar writer when the daemon has refused a copy, and at
    # random still finds something to write.
    "closed": [(rb'time="[^"]*" level=error msg="Can\'t .*closed pipe"\r?\n', b"")],
    # Sizes of a layer and of what was packed: a file's time stamp changes how long tar headers get.
    "size": [(rb"\d+(\.\d+)?(B|kB|MB|GB)\b", b"<size>")],
    # The runtimes in docker info: the CLI walks a Go map.
    "words": [
        (
            rb"(?<= Runtimes: )[^\n]*",
            lambda found: b" ".join(sorted(found.group().split())),
        )
    ],
    # The number of a terminal: the one of the command before may be still in use.
    "terminal": [(rb"/dev/pts/\d+", b"/dev/pts/<n>")],
    # What a daemon calls a container whose client gave no name.
    "name": [(rb"\b(name=|\"name\": \")[a-z]+_[a-z]+\d?\b", rb"\1<name>")],
    # JSON objects in one order of their members: that of Go's structs is nobody's promise.
    "members": [],
    # Lists that the daemon collects from a Go map, or that tie in the order asked for.
    "sort": [],
}


def ordered(text):
    """The same with every JSON document that begins a line written anew."""
    decoder, done, at = json.JSONDecoder(), [], 0
    text = text.decode("utf-8", "surrogateescape")
    for found in re.finditer(r"^[\[{]", text, re.M):
        if found.start() < at:
            continue
        try:
            value, end = decoder.raw_decode(text, found.start())
        except ValueError:
            continue
        done += [text[at : found.start()], json.dumps(value, indent=1, sort_keys=True)]
        at = end
    return "".join([*done, text[at:]]).encode("utf-8", "surrogateescape")


def main():
    text = sys.stdin.buffer.read()
    if "members" in sys.argv[1:]:
        text = ordered(text)
    for name in sys.argv[1:]:
        if name not in RULES:
            sys.exit(f"normal.py: unknown rule {name}")
        for pattern, replacement in RULES[name]:
            text = re.sub(pattern, replacement, text)
    if "sort" in sys.argv[1:]:
        text = b"".join(sorted(text.splitlines(keepends=True)))
    sys.stdout.buffer.write(text)


main()
