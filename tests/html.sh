#!/usr/bin/env bash
# The HTML report in a real browser, headless: filter, search, links, keyboard, print; nothing on the console, nothing fetched; WCAG AA by axe-core; pictures.
#
#   html.sh PLIMSOLL [PICTURES]
#
# Needs chromium (daemons/install.sh chromium) at $CHROMIUM, or in the path; Playwright and axe-core come from PyPI and npm. Pictures of three widths in
# both colour schemes are left in the folder PICTURES, where one is given, for people to look at.
set -euo pipefail

plimsoll=$(realpath "${1:?usage: html.sh PLIMSOLL [PICTURES]}")
cd "$(dirname "$0")/.."
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$chromium" ]; then
    echo "no chromium is there: tests/daemons/install.sh chromium, or set CHROMIUM" >&2
    exit 1
fi
work=$(mktemp -d)
probe=
trap '[ -z "$probe" ] || kill "$probe" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
pictures=${2:-}
[ -z "$pictures" ] || mkdir -p "$pictures"

# All versions: a minute in which it mostly waits.
timeout 600 "$plimsoll" probe --backend reference --report jsonl="$work/probe.jsonl" --format html >"$work/probe.html" &
probe=$!
timeout 60 python3 -m venv "$work/venv"
timeout 300 "$work/venv/bin/pip" install --quiet --disable-pip-version-check playwright
(cd "$work" && timeout 300 npm install --silent --no-audit --no-fund axe-core >/dev/null)

# Exit codes are other tests' business.
timeout 60 "$plimsoll" check fixtures/rules/*/*.wire --format jsonl >"$work/rules.jsonl" || true
timeout 60 "$plimsoll" report render "$work/rules.jsonl" --format html >"$work/rules.html"
timeout 60 "$plimsoll" check fixtures/rules/frame.stream-type/fires-text.wire --format html >"$work/one.html" || true
timeout 60 "$plimsoll" probe --backend reference --api-version 1.41 --format jsonl >"$work/new.jsonl" || true
timeout 60 "$plimsoll" report merge reference="$work/new.jsonl" rules="$work/rules.jsonl" --format html >"$work/merged.html" || true
wait "$probe" || true
probe=

timeout 600 "$work/venv/bin/python" - "$work" "$chromium" "$pictures" <<'PYTHON'
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

work, chromium = Path(sys.argv[1]), sys.argv[2]
pictures = Path(sys.argv[3]) if sys.argv[3] else None
axe = (work / "node_modules/axe-core/axe.min.js").read_text()
passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print(f"FAILED: {what}")


def soon(page, what, holds):
    """The page does something a moment after it was asked: so it is looked at again for a while."""
    patience = time.monotonic() + 10
    while not (found := holds()) and time.monotonic() < patience:
        page.wait_for_timeout(20)
    check(what, found)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

    def open_page(name, fragment="", **options):
        context = browser.new_context(**options)
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"file://{work}/{name}.html{fragment}")
        page.said, page.asked = said, asked
        return page

    def shown(page):
        return page.locator("details.f:not([hidden])").count()

    for name in ["one", "rules", "probe", "merged"]:
        for scheme in ["light", "dark"]:
            for width in [390, 900, 1440]:
                page = open_page(name, viewport={"width": width, "height": 1000}, color_scheme=scheme)
                if pictures:
                    page.screenshot(path=pictures / f"{name}-{scheme}-{width}.png", full_page=True)
                scrolls = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
                check(f"{name} {width}: the page does not scroll sideways", not scrolls)
                check(f"{name}: nothing on the console, {page.said}", not page.said)
                check(f"{name}: one request, {page.asked}", len(page.asked) == 1)
                page.context.close()
            # The page's own policy would keep axe out.
            page = open_page(name, viewport={"width": 1440, "height": 1000}, color_scheme=scheme, bypass_csp=True)
            page.evaluate("document.querySelectorAll('details').forEach((one, at) => { if (at < 40) one.open = true; })")
            page.evaluate(axe)
            found = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })")["violations"]
            for violation in found:
                print(name, scheme, violation["id"], violation["help"], [node["html"][:160] for node in violation["nodes"][:2]])
            check(f"{name} {scheme}: axe-core finds nothing", not found)
            page.context.close()

    page = open_page("rules", viewport={"width": 1280, "height": 900})
    all_kinds = shown(page)
    check("every kind of finding is on the page", all_kinds > 100)

    def reset(what):
        page.click("button[type=reset]")
        soon(page, what, lambda: shown(page) == all_kinds)

    page.select_option("select[name=severity]", "warning")
    soon(page, "the filter shows warnings only", lambda: 0 < shown(page) < all_kinds)
    warnings = shown(page)
    soon(page, "the count says so", lambda: f"{warnings} of {all_kinds}" in page.locator("output").inner_text())
    check("no rule without findings is shown", page.locator("section.rule:not([hidden])").count() == page.locator("section.rule[data-severity=warning]").count())
    page.select_option("select[name=side]", "client")
    soon(page, "filters narrow one another", lambda: 0 < shown(page) < warnings)
    reset("the button shows all again")
    page.select_option("select[name=version]", "24")
    soon(page, "versions are filtered", lambda: 0 < shown(page) < all_kinds)
    reset("and again")
    page.select_option("select[name=area]", "frame")
    soon(page, "areas are filtered", lambda: 0 < shown(page) < all_kinds and page.locator("section.rule:not([hidden])").first.get_attribute("id").startswith("frame."))
    reset("and once more")

    page.locator("body").click(position={"x": 2, "y": 2})
    page.keyboard.press("/")
    soon(page, "/ goes to the search", lambda: page.evaluate("document.activeElement.name") == "text")
    page.keyboard.type("unrecognized input")
    soon(page, "the search finds words", lambda: 0 < shown(page) < 10)
    page.keyboard.press("Escape")
    soon(page, "Escape clears it", lambda: shown(page) == all_kinds)

    page = open_page("rules", viewport={"width": 1280, "height": 900})
    page.keyboard.press("Tab")
    soon(page, "the first stop of the keyboard skips to the findings", lambda: page.evaluate("document.activeElement.className") == "skip")
    page.keyboard.press("Enter")
    soon(page, "and does", lambda: page.evaluate("document.activeElement.id") == "findings")
    cell = page.locator("table.matrix td.e a").first
    target = cell.get_attribute("href")
    cell.click()
    soon(page, "a cell of the matrix leads to its finding, opened", lambda: page.locator(f"details{target}").get_attribute("open") is not None)
    page.fill("input[name=text]", "no such words")
    soon(page, "nothing is found", lambda: shown(page) == 0)
    page.locator("table.rules a").first.click()
    soon(page, "a link shows what the filter hid", lambda: shown(page) == all_kinds)
    links = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.getElementById(a.hash.slice(1))).map((a) => a.hash)")
    check(f"every link leads somewhere, {links[:3]}", not links)

    page = open_page("rules", "#f3", viewport={"width": 1280, "height": 900})
    soon(page, "a link from outside opens its finding", lambda: page.locator("#f3").get_attribute("open") is not None)
    page.locator("#f3 .again button").click()
    soon(page, "the command is copied", lambda: page.locator("#f3 .again button").inner_text() == "Copied")
    if pictures:
        page.screenshot(path=pictures / "finding.png")

    page = open_page("rules", java_script_enabled=False, viewport={"width": 1280, "height": 900})
    check("without scripts there is no filter", not page.locator("#filter").is_visible())
    page.locator("#f5 summary").click()
    soon(page, "without scripts a finding opens", lambda: page.locator("#f5 dl").is_visible())
    page.emulate_media(media="print")
    soon(page, "without scripts everything is on paper", lambda: page.locator("#f9 dl").bounding_box()["height"] > 20)
    check("and the filter is not", not page.locator("#filter").is_visible())

    page = open_page("merged", viewport={"width": 1280, "height": 900})
    heads = page.locator("table.matrix").first.locator("thead th").all_inner_texts()
    check(f"daemons are columns, {heads}", heads[1:] == ["reference", "rules"])
    page.select_option("select[name=daemon]", label="reference")
    soon(page, "daemons are filtered", lambda: 0 < shown(page) < page.locator("details.f").count())
    browser.close()

print(f"{passed} passed, {failed} failed")
sys.exit(bool(failed))
PYTHON
