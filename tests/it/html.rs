//! The HTML report: whole in itself, small, and deaf to what peers send. What a browser makes of it is for `tests/html.sh`.

use std::path::Path;
use std::process::{Command, Output};

use plimsoll::model::Rule;

fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.env_remove("DOCKER_HOST").env("NO_COLOR", "1").current_dir(env!("CARGO_MANIFEST_DIR"));
    let Output { status, stdout, .. } = command.args(arguments).output().expect("it starts");
    (status.code().unwrap_or(-1), String::from_utf8(stdout).expect("text"))
}

const FIRES: &str = "fixtures/rules/frame.stream-type/fires-text.wire";

/// The page of a report with these lines between its first and its last.
fn page(lines: &[String]) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let report = dir.path().join("run.jsonl");
    let first = r#"{"type":"run-started","format":1,"plimsoll":"0.1.0","command":"check","started_at":"2026-01-01T00:00:00Z"}"#;
    let last = r#"{"type":"run-finished","exchanges":1,"inspected":1,"violations":{"error":1,"warning":0,"note":0},"coverage":{},"verdict":"violations"}"#;
    std::fs::write(&report, format!("{first}\n{}\n{last}\n", lines.join("\n"))).expect("written");
    render(&report)
}

fn render(report: &Path) -> String {
    let (code, page) = run(&["report", "render", &report.to_string_lossy(), "--format", "html"]);
    assert_eq!(code, 0);
    page
}

/// A violation of `ContainerList`, as a line of a report.
fn violation(rule: &str, pointer: &str, said: &str) -> String {
    serde_json::json!({
        "type": "violation", "rule": rule, "severity": "error", "side": "daemon", "source": said, "line": 7, "daemon": said, "connection": 1,
        "exchange": 1, "operation": "ContainerList", "method": "GET", "path": format!("/v1.41/containers/json?filters={said}"), "api_version": "1.41",
        "client": said, "status": 200, "place": { "part": "body", "pointer": pointer }, "message": format!("a sentence of {said}"),
        "expected": "integer", "actual": format!("string {said}"), "evidence": "22 32 30 32 36 2d 30 31 2d 30 31 54 30 30 3a 30 30 3a 30 30 5a 22",
    })
    .to_string()
}

#[test]
fn a_page_with_everything_in_its_place() {
    let (code, page) = run(&["check", "--format", "html", FIRES]);
    assert_eq!(code, 1);
    let rule = Rule::FrameStreamType;
    let once = [
        "<h1 class=\"bad\">Not compliant</h1>",
        "2 exchanges, 2 judged: 1 error",
        "id=\"frame.stream-type\"",
        "stream 84: no such stream",
        "length 1903520099",
        "zero, by the API",
        "frame 0 at byte 0",
        "POST /v1.41/containers/web/attach?stream=1&amp;stdout=1 → 101 (connection 2, exchange 1)",
        "curl --unix-socket /var/run/docker.sock -i -X POST &#39;http://localhost/v1.41/containers/web/attach?stream=1&amp;stdout=1&#39;",
        "the request only: curl does not speak the stream behind it",
        "the bytes cannot be followed after the violation before",
        rule.source(),
    ];
    for text in once {
        assert_eq!(page.matches(text).count(), 1, "{text}");
    }
    for part in ["rules", "matrix", "coverage", "findings", "unjudged"] {
        assert!(page.contains(&format!("<section id=\"{part}\"")), "{part}");
    }
    let (_, silent) = run(&["check", "--format", "html", "fixtures/recordings/docker-run.wire"]);
    assert!(silent.contains("<h1 class=\"good\">Compliant</h1>"));
}

#[test]
fn nothing_is_fetched_and_nothing_stands_in_attributes_that_the_policy_forbids() {
    let (_, page) = run(&["check", "--format", "html", FIRES]);
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe-inline"));
    for forbidden in [" src=", " style=", " onclick", "@import", "url(", "fetch(", "XMLHttpRequest", "eval("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let mut links = page.split(" href=").skip(1).map(|rest| rest.trim_start_matches('"'));
    assert!(links.all(|link| link.starts_with('#') || link.starts_with("data:image/svg+xml")));
}

#[test]
fn what_peers_send_is_text() {
    let evil = "\"'`><script>alert(1)</script><img src=x onerror=y>&amp;\u{0}\u{1b}[31m\u{202e}\r\n]]>--></style>";
    let said = serde_json::to_string(evil).expect("JSON");
    let call = format!(
        r#""source":{said},"daemon":{said},"client":{said},"connection":1,"exchange":1,"operation":{said},"method":{said},"path":{said},"api_version":"1.41""#
    );
    let lines = [
        violation("schema.type", "/*/Created", evil),
        format!(
            r#"{{"type":"violation","rule":"frame.length","severity":"error","side":"daemon",{call},"status":200,"place":{{"part":"header","name":{said},"pointer":{said}}},"message":{said},"expected":{said},"actual":{said},"evidence":"3c 62 3e","waived":{{"reason":{said},"ticket":{said},"line":3}}}}"#
        ),
        format!(r#"{{"type":"not-inspected",{call},"part":{said},"reason":{said}}}"#),
        format!(
            r#"{{"type":"exchange",{call},"status":200,"verdict":"pass","request_bytes":0,"response_bytes":0,"frames":0,"documents":0,"duration_ms":null}}"#
        ),
        format!(
            r#"{{"type":"coverage","daemon":{said},"api_version":"1.41","operation":{said},"statuses":{{"200":1}},"query":[{said}],"members":{{"200":[{said}]}}}}"#
        ),
        format!(r#"{{"type":"stale-waiver","file":{said},"line":1,"rule":{said},"why":{said}}}"#),
    ];
    let page = page(&lines);
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert_eq!(page.matches("<style").count(), 1, "the page's own");
    assert!(!page.contains("<img") && !page.contains("alert(1)</script>"));
    assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() > 10);
    assert!(page.chars().all(|char| char == '\n' || (!char.is_control() && char != '\u{202e}')), "what nobody would see is escaped");
}

#[test]
fn a_thousand_kinds_of_findings_are_less_than_a_megabyte() {
    let rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    let lines = |kinds: usize| -> Vec<String> {
        (0..kinds).map(|number| violation(rules[number % rules.len()], &format!("/*/HostConfig/Member{number}"), "podman")).collect()
    };
    let thousand = page(&lines(1000));
    assert!(thousand.len() < 1_000_000, "{}", thousand.len());
    assert_eq!(thousand.matches("<details class=f ").count(), 1000);
    for rule in Rule::ALL {
        assert_eq!(thousand.matches(&format!("<section class=\"rule\" id=\"{rule}\"")).count(), 1);
    }
    let many = page(&lines(9000));
    assert!(many.len() < 1_000_000, "{}", many.len());
    let shown = many.matches("<details class=f ").count();
    assert!(shown > 800 && many.contains(&format!("{} kinds of findings more", 9000 - shown)), "{shown} are shown");
}

#[test]
fn cells_lead_to_findings_and_daemons_are_columns() {
    let page = page(&[
        violation("schema.type", "/*/Created", "podman"),
        r#"{"type":"exchange","daemon":"podman","connection":1,"exchange":1,"operation":"ContainerList","method":"GET","path":"/x","api_version":"1.41","status":200,"verdict":"violated","request_bytes":0,"response_bytes":2,"frames":0,"documents":0,"duration_ms":null}"#.to_owned(),
        r#"{"type":"exchange","daemon":"dockerd","connection":1,"exchange":1,"operation":"ContainerList","method":"GET","path":"/x","api_version":"1.41","status":200,"verdict":"pass","request_bytes":0,"response_bytes":2,"frames":0,"documents":0,"duration_ms":null}"#.to_owned(),
    ]);
    let head = "<th scope=\"col\">container</th><th scope=\"col\">dockerd</th><th scope=\"col\">podman</th>";
    let row = "<th scope=\"row\">ContainerList</th><td class=p>✓<td class=e><a href=#f1 title=\"error\">✗</a>";
    assert!(page.contains(head) && page.contains(row), "{page}");
}
