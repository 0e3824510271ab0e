#!/usr/bin/env python3
"""advisories.py DATABASE: writes tests/it/dependencies/advisories.toml anew, of a git clone of github.com/rustsec/advisory-db.

What names a crate of Cargo.lock is kept, with its patched and unaffected versions; withdrawn ones and those that only say that nobody keeps the
crate up (`informational`) are not."""

import json
import pathlib
import subprocess
import sys
import tomllib

root = pathlib.Path(__file__).parent.parent
database = sys.argv[1]


def git(*words):
    return subprocess.run(["git", "-C", database, *words], check=True, capture_output=True, text=True).stdout


names = {package["name"] for package in tomllib.loads((root / "Cargo.lock").read_text())["package"]}
commit, date = git("log", "-1", "--format=%H %cs").split()
lines = [f"# Written by tests/advisories.py, of rustsec/advisory-db {commit[:12]}.", f'fetched = "{date}"']
for path in sorted(git("ls-tree", "-r", "--name-only", "HEAD", "crates").split()):
    if path.split("/")[1] not in names or not path.endswith(".md"):
        continue
    text = git("show", f"HEAD:{path}")
    head = tomllib.loads(text.split("```toml", 1)[1].split("```", 1)[0])
    advisory, versions = head["advisory"], head.get("versions", {})
    if "withdrawn" in advisory or "informational" in advisory:
        continue
    safe = versions.get("patched", []) + versions.get("unaffected", [])
    lines += ["", "[[advisory]]", f'crate = "{advisory["package"]}"', f'id = "{advisory["id"]}"', f"safe = {json.dumps(safe)}"]
(root / "tests/it/dependencies/advisories.toml").write_text("\n".join(lines) + "\n")
