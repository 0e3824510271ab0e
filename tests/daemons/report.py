#!/usr/bin/env python3
"""report.py FILE MINIMUM [MARKS]: is this JSON Lines report one of a run without a false alarm?

Every exchange has an operation or a reason, nothing of severity error or warning was found, at
least MINIMUM exchanges were inspected. MARKS holds lines "COUNT NAME": the report had COUNT lines
when the test NAME began, so that a finding can be traced to a test. Prints complaints, exit 1."""

import collections
import json
import sys


def read(path):
    """The lines of a report, and complaints about lines that are no report."""
    lines, complaints = [], []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                line["type"]
            except (ValueError, KeyError, TypeError):
                complaints.append(f"line {number} is no report line: {text[:200]!r}")
                continue
            line["line"] = number
            lines.append(line)
    return lines, complaints


def told(violation):
    """One finding, as a reader needs it."""
    keys = ("rule", "severity", "side", "operation", "method", "api_version", "status")
    words = [str(violation.get(key)) for key in keys]
    return (
        " ".join(words)
        + f" place={json.dumps(violation.get('place'))}"
        + f" expected={violation.get('expected')!r} actual={violation.get('actual')!r}"
        + f" message={violation.get('message')!r}"
    )


def kind(violation):
    """Findings that differ only in their index, offset or id are one."""
    place = dict(violation.get("place") or {})
    place.pop("offset", None)
    place.pop("index", None)
    return (
        violation.get("rule"),
        violation.get("operation"),
        violation.get("status"),
        json.dumps(place, sort_keys=True),
    )


def judged(path, minimum, marks=()):
    """All complaints about the report at path, and a summary."""
    lines, complaints = read(path)
    if not lines:
        return complaints + [f"{path} is empty"], "no report"
    by_type = collections.defaultdict(list)
    for line in lines:
        by_type[line["type"]].append(line)

    first, last = lines[0], lines[-1]
    if first["type"] != "run-started" or first.get("format") != 1:
        complaints.append(f"the first line is not a run-started of format 1: {first}")
    if last["type"] != "run-finished":
        return complaints + [f"the last line is no run-finished: {last}"], "not finished"

    def test_of(line):
        name = ""
        for count, test in marks:
            if count >= line["line"]:
                break
            name = test
        return name

    reasons = collections.defaultdict(list)
    for line in by_type["not-inspected"]:
        if not line.get("reason"):
            complaints.append(f"not-inspected without a reason: {line}")
        reasons[line.get("connection"), line.get("exchange")].append(
            f"{line.get('part')}: {line.get('reason')}"
        )

    seen = set()
    inspected = 0
    for line in by_type["exchange"]:
        key = line.get("connection"), line.get("exchange")
        if key in seen:
            complaints.append(f"exchange {key} is reported twice")
        seen.add(key)
        inspected += line.get("verdict") in ("pass", "violated")
        where = f"{line.get('method')} {line.get('path')}"
        if line.get("verdict") not in ("pass", "violated", "not-inspected"):
            complaints.append(f"{where}: unknown verdict {line.get('verdict')!r}")
        elif not line.get("operation") and not reasons[key]:
            complaints.append(f"{where}: neither an operation nor a reason")
        elif line["verdict"] == "not-inspected" and not reasons[key]:
            complaints.append(f"{where}: not inspected, without a reason")

    loud = collections.defaultdict(list)
    for line in by_type["violation"]:
        if line.get("severity") not in ("error", "warning", "note"):
            complaints.append(f"unknown severity: {line}")
        elif line["severity"] != "note" and not line.get("waived"):
            loud[kind(line)].append(line)
    for lines_of_kind in sorted(loud.values(), key=len, reverse=True):
        line = lines_of_kind[0]
        tests = list(dict.fromkeys(filter(None, map(test_of, lines_of_kind))))
        complaints.append(f"x{len(lines_of_kind)} {told(line)}")
        complaints.append(f"    on {line.get('path')}")
        if tests:
            complaints.append(f"    during: {'; '.join(tests[:8])}")

    for word, due in (("exchanges", len(by_type["exchange"])), ("inspected", inspected)):
        if last.get(word) != due:
            complaints.append(f"run-finished says {word} {last.get(word)}, its lines say {due}")
    if last.get("verdict") != "pass":
        complaints.append(f"the run's verdict is {last.get('verdict')!r}")
    if inspected < minimum:
        complaints.append(f"only {inspected} exchanges inspected, at least {minimum} were due")

    unseen = collections.Counter(reason for found in reasons.values() for reason in found)
    notes = sum(line.get("severity") == "note" for line in by_type["violation"])
    summary = f"{len(by_type['exchange'])} exchanges, {inspected} inspected, {notes} notes"
    for reason, count in unseen.most_common(8):
        summary += f"\nnot inspected x{count}: {reason}"
    return complaints, summary


def main():
    marks = []
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8") as file:
            for text in file:
                count, name = text.rstrip("\n").split(" ", 1)
                marks.append((int(count), name))
    complaints, summary = judged(sys.argv[1], int(sys.argv[2]), marks)
    for complaint in complaints:
        print(complaint)
    print(summary)
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
