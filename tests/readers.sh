#!/usr/bin/env bash
# Reports are read by tools that are not ours: JUnit by junitparser (PyPI), SARIF by Microsoft's own validator and the JSON Schema that comes with it
# (npm @microsoft/sarif-multitool-linux, PyPI jsonschema), Markdown by marked (npm) and markdown-it-py (PyPI). What they read is held against the
# JSON Lines of the same run.
#
#   readers.sh DIR         of each run NAME it has NAME.jsonl, NAME.xml (JUnit), NAME.sarif, NAME.md, and its exit code in NAME.code
#
# With PLIMSOLL_READERS=FOLDER the tools are kept there for the next time. With JUNIT_XSD and SARIF_SCHEMA the reports are also held to these files
# (Jenkins' junit-10.xsd, OASIS' sarif-schema-2.1.0.json).
set -euo pipefail

work=$(realpath "${1:?usage: readers.sh DIR}")
tools=${PLIMSOLL_READERS:-}
if [ -z "$tools" ]; then
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
fi
multitool=$tools/node_modules/@microsoft/sarif-multitool-linux
if [ ! -e "$tools/complete" ]; then
    mkdir -p "$tools"
    python3 -m venv "$tools/venv"
    timeout 300 "$tools/venv/bin/pip" install --quiet --disable-pip-version-check junitparser jsonschema lxml markdown-it-py
    (cd "$tools" && timeout 300 npm install --silent --no-fund --no-audit --ignore-scripts @microsoft/sarif-multitool-linux marked >npm.log 2>&1) ||
        { cat "$tools/npm.log" && exit 1; }
    chmod u+x "$multitool/Sarif.Multitool"
    touch "$tools/complete"
fi

for sarif in "$work"/*.sarif; do
    # Its errors are what the standard forbids; its warnings are advice.
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 timeout 120 "$multitool/Sarif.Multitool" validate "$sarif" > "$sarif.log" 2>&1 || { cat "$sarif.log"; exit 1; }
    grep -q "1 files scanned" "$sarif.log" || { cat "$sarif.log"; exit 1; }
    if grep ": error " "$sarif.log"; then exit 1; fi
done
for markdown in "$work"/*.md; do
    "$tools/node_modules/.bin/marked" --gfm -i "$markdown" -o "$markdown.html"
done

timeout 300 "$tools/venv/bin/python" - "$work" "$multitool/sarif-2.1.0.json" <<'PYTHON'
import json
import os
import pathlib
import re
import sys

import junitparser
from jsonschema import FormatChecker
from jsonschema.validators import validator_for
from lxml import etree
from markdown_it import MarkdownIt

work, schema = pathlib.Path(sys.argv[1]), sys.argv[2]
passed = failed = 0


def check(what, is_so, said=""):
    global passed, failed
    passed, failed = passed + bool(is_so), failed + (not is_so)
    if not is_so:
        print(f"FAILED: {what} {said}")


def events(name):
    """The lines of the JSON Lines report; the last of one that was cut off is none."""
    for line in (work / f"{name}.jsonl").read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def counts(name):
    """What JSON Lines says: errors, warnings and notes that are not waived."""
    found = {"error": 0, "warning": 0, "note": 0}
    for event in events(name):
        if event["type"] == "violation" and "waived" not in event:
            found[event["severity"]] += 1
    return found


def cells(name):
    """What JSON Lines says: what was asked, as JUnit calls it, and which of it fails the run."""
    asked, failing, severities = set(), set(), ()
    for event in events(name):
        cell = f"{event.get('operation') or 'unknown operation'} {event.get('api_version') or 'version unknown'}"
        if event["type"] == "run-started":
            severities = {"error": ("error",), "warning": ("error", "warning"), "never": ()}[event.get("fail_on", "error")]
        elif event["type"] == "exchange":
            asked.add(cell)
        elif event["type"] == "violation" and "waived" not in event and event["severity"] in severities:
            failing.add(cell)
    return asked, failing


xsd = os.environ.get("JUNIT_XSD")
xsd = etree.XMLSchema(etree.parse(xsd)) if xsd else None
schemas = [json.loads(pathlib.Path(path).read_text()) for path in (schema, os.environ.get("SARIF_SCHEMA")) if path]
for code in sorted(work.glob("*.code")):
    name, red = code.stem, code.read_text().strip() != "0"
    # JUnit
    xml = junitparser.JUnitXml.fromfile(str(work / f"{name}.xml"))
    suites = list(xml)
    cases = [case for suite in suites for case in suite]
    kinds = [[type(result).__name__ for result in case.result] for case in cases]
    for attribute, kind in (("failures", "Failure"), ("errors", "Error"), ("skipped", "Skipped")):
        found = sum(kind in results for results in kinds)
        check(f"{name}: {attribute}", sum(getattr(suite, attribute) for suite in suites) == found, found)
    check(f"{name}: tests", xml.tests == len(cases) and xml.failures + xml.errors == sum("Failure" in k or "Error" in k for k in kinds))
    check(f"{name}: one verdict a case", all(len(results) <= 1 for results in kinds))
    check(f"{name}: red as the gate is", red == (xml.failures + xml.errors > 0), (red, xml.failures, xml.errors))
    names = [(case.classname, case.name) for case in cases]
    check(f"{name}: names are unique", len(names) == len(set(names)))
    asked, failing = cells(name)
    red_cells = {case.name for case, results in zip(cases, kinds) if "Failure" in results}
    check(f"{name}: a case for all that was asked", asked <= {name for _, name in names}, asked - {name for _, name in names})
    check(f"{name}: what fails in JSON Lines fails in JUnit, and nothing else", failing == red_cells - {"coverage"}, failing ^ red_cells)
    if xsd is not None:
        check(f"{name}: Jenkins' schema", xsd.validate(etree.parse(str(work / f"{name}.xml"))), xsd.error_log)
    # SARIF
    log = json.loads((work / f"{name}.sarif").read_text())
    for loaded in schemas:
        errors = [error.message[:200] for error in validator_for(loaded)(loaded, format_checker=FormatChecker()).iter_errors(log)]
        check(f"{name}: SARIF's schema", not errors, errors[:3])
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    check(f"{name}: rules", all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"]))
    found = {level: sum(r["occurrenceCount"] for r in run["results"] if r["level"] == level and not r["suppressions"]) for level in ("error", "warning", "note")}
    check(f"{name}: SARIF has every finding", found == counts(name), (found, counts(name)))
    prints = [tuple(result["partialFingerprints"].values()) for result in run["results"] if not result["suppressions"]]
    check(f"{name}: fingerprints are unique", len(prints) == len(set(prints)))
    check(f"{name}: incomplete", run["invocations"][0]["executionSuccessful"] == (name != "cut"))
    # Markdown, by two renderers
    source = (work / f"{name}.md").read_text()
    classes = sum(1 for result in run["results"] if not result["suppressions"])
    for by, html in (("marked", (work / f"{name}.md.html").read_text()), ("markdown-it", MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(source))):
        tree = etree.HTML(html)
        tags = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
        check(f"{name}: {by}: nothing but what a report needs", tags <= set("html body h1 h2 h3 p strong em code pre details summary table thead tbody tr th td ul li a".split()), tags)
        check(f"{name}: {by}: a fold a class", len(tree.findall(".//details")) == classes and len(tree.findall(".//details/pre/code")) == classes)
        width = {len(row) for table in tree.findall(".//table") for row in table.iter("tr")}
        rows = [len({len(row) for row in table.iter("tr")}) == 1 for table in tree.findall(".//table")]
        check(f"{name}: {by}: tables are whole", all(rows) and (tree.findall(".//table") or name == "nothing"), width)
        check(f"{name}: {by}: nothing runs", not re.search(r"<script|\son\w+=|javascript:", html))
print(f"{passed} passed, {failed} failed")
sys.exit(bool(failed))
PYTHON
