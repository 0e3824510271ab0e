#!/usr/bin/env python3
"""accepted.py FILE CASE: passes on the lines of a difference that FILE does not accept for CASE.

FILE has a line "CASES :: LINES :: REASON" for each difference that is accepted: two regular expressions,
the first for the whole name of the case (which may end in " at VERSION"), the second for a line of the difference (with its - or +), and
why the two daemons are not alike there. The reasons that were needed go to standard error."""

import re
import sys


def accepted(path):
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        parts = line.split(" :: ")
        if len(parts) != 3 or not parts[2]:
            sys.exit(f"{path}:{number}: not CASES :: LINES :: REASON")
        yield re.compile(parts[0]), re.compile(parts[1].encode()), parts[2]


def main():
    path, case = sys.argv[1:]
    names = {case, case.split(" at 1.")[0]}
    rules = [(lines, reason) for cases, lines, reason in accepted(path) if any(map(cases.fullmatch, names))]
    for line in sys.stdin.buffer:
        for pattern, reason in rules:
            if pattern.search(line):
                print(reason, file=sys.stderr)
                break
        else:
            sys.stdout.buffer.write(line)


main()
