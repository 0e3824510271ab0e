//! What stands in each format, whatever peers and files call things.

use std::path::Path;

use plimsoll::model::{ApiVersion, Call, Event, NotInspected, Place, Reason, Rule, Side, Summary, Verdict, Violation, Waived};
use plimsoll::report::{Format, Gate};
use proptest::prelude::*;

use super::cut::elements;
use super::{plimsoll, rendered, run, text};
use std::sync::Arc;

/// A report of two daemons with something of everything.
const EVERYTHING: &str = r#"{"type":"run-started","format":1,"plimsoll":"0.1.0","command":"check","started_at":"2026-01-01T00:00:00Z"}
{"type":"violation","rule":"schema.type","severity":"error","side":"daemon","source":"a b.wire","line":12,"daemon":"podman","connection":1,"exchange":1,"operation":"ContainerList","method":"GET","path":"/v1.41/containers/json","api_version":"1.41","status":200,"place":{"part":"body","pointer":"/0/Created"},"message":"a value has the wrong JSON type","expected":"integer","actual":"string \"2026\"","evidence":""}
{"type":"violation","rule":"schema.type","severity":"error","side":"daemon","source":"a b.wire","line":14,"daemon":"podman","connection":1,"exchange":2,"operation":"ContainerList","method":"GET","path":"/v1.40/containers/json","api_version":"1.40","status":200,"place":{"part":"body","pointer":"/1/Created"},"message":"a value has the wrong JSON type","expected":"integer","actual":"string \"2026\"","evidence":""}
{"type":"violation","rule":"frame.padding","severity":"warning","side":"daemon","source":"a b.wire","daemon":"podman","connection":2,"exchange":1,"operation":"ContainerAttach","method":"POST","path":"/v1.41/containers/x/attach","api_version":"1.41","status":101,"place":{"part":"frame","index":0,"offset":0},"message":"bytes 1 to 3 of a frame header are not zero","expected":"00 00 00","actual":"00 00 01","evidence":"01 00 00 01 00 00 00 02","waived":{"reason":"known | upstream","ticket":"https://example.com/1","line":7}}
{"type":"violation","rule":"query.unknown-parameter","severity":"note","side":"client","connection":3,"exchange":1,"daemon":"dockerd","operation":"ImageList","method":"GET","path":"/v1.41/images/json?colour=`red`","api_version":"1.41","client":"curl/8 <b>","status":200,"place":{"part":"query","name":"colour"},"message":"a query parameter that the operation does not have","expected":"no such parameter","actual":"colour=`red`","evidence":""}
{"type":"not-inspected","daemon":"dockerd","connection":4,"exchange":1,"operation":null,"method":"GET","path":"/v1.41/nothing","api_version":"1.41","part":"exchange","reason":"the catalogue has no such operation"}
{"type":"exchange","source":"a b.wire","line":12,"daemon":"podman","connection":1,"exchange":1,"operation":"ContainerList","method":"GET","path":"/v1.41/containers/json","api_version":"1.41","status":200,"verdict":"violated","request_bytes":0,"response_bytes":2,"frames":0,"documents":0,"duration_ms":1.5}
{"type":"exchange","source":"a b.wire","line":14,"daemon":"podman","connection":1,"exchange":2,"operation":"ContainerList","method":"GET","path":"/v1.40/containers/json","api_version":"1.40","status":200,"verdict":"violated","request_bytes":0,"response_bytes":2,"frames":0,"documents":0,"duration_ms":0.25}
{"type":"exchange","source":"a b.wire","daemon":"podman","connection":2,"exchange":1,"operation":"ContainerAttach","method":"POST","path":"/v1.41/containers/x/attach","api_version":"1.41","status":101,"verdict":"violated","request_bytes":0,"response_bytes":2,"frames":1,"documents":0,"duration_ms":null}
{"type":"exchange","daemon":"dockerd","connection":3,"exchange":1,"operation":"ImageList","method":"GET","path":"/v1.41/images/json?colour=`red`","api_version":"1.41","status":200,"verdict":"pass","request_bytes":0,"response_bytes":2,"frames":0,"documents":0,"duration_ms":null}
{"type":"exchange","daemon":"dockerd","connection":4,"exchange":1,"operation":null,"method":"GET","path":"/v1.41/nothing","api_version":"1.41","status":404,"verdict":"not-inspected","request_bytes":0,"response_bytes":2,"frames":0,"documents":0,"duration_ms":null}
{"type":"stale-waiver","file":"plimsoll-waivers.toml","line":12,"rule":"tar.*","why":"it matches nothing"}
{"type":"run-finished","exchanges":5,"inspected":4,"violations":{"error":2,"warning":0,"note":1},"waived":{"error":0,"warning":1,"note":0},"stale_waivers":1,"coverage":{"1.40":{"operations":[1,106]},"1.41":{"operations":[3,107]}},"covered_percent":2.8,"min_coverage":60,"verdict":"violations"}
"#;

fn render(report: &Path, format: &str) -> String {
    let words = ["report", "render", &report.to_string_lossy(), "--format", format].map(str::to_owned);
    let (code, out, err) = run(&words);
    assert_eq!((code, err.as_str()), (0, ""), "{format}");
    out
}

#[test]
fn each_format_with_something_of_everything() {
    let dir = tempfile::tempdir().expect("a folder");
    let report = dir.path().join("run.jsonl");
    std::fs::write(&report, EVERYTHING).expect("written");
    for format in ["terminal", "junit", "sarif", "github", "markdown"] {
        insta::assert_snapshot!(format!("everything-{format}"), render(&report, format));
    }
    assert_eq!(render(&report, "jsonl").lines().count(), EVERYTHING.lines().count());
}

#[test]
fn the_readme_shows_real_reports() {
    let readme = text(&crate::support::repository("README.md"));
    let check =
        |format: &str| run(&["check", "--format", format, "fixtures/rules/schema.enum/fires-ping-with-newline.wire"].map(str::to_owned)).1;
    let (junit, markdown) = (check("junit"), check("markdown"));
    let case = &junit[junit.find("    <testcase").expect("a case")..junit.find("    <system-out").expect("an end")];
    for shown in [&check("github"), case, markdown.split("\n## Findings").next().expect("a beginning")] {
        assert!(readme.contains(shown), "README has what is printed:\n{shown}");
    }
}

/// One finding of each of many kinds.
fn many(kinds: u64) -> Vec<Event> {
    (0..kinds).flat_map(|number| finding(number, &format!("/v1.41/x{number}"), "text", "a value has the wrong JSON type")).collect()
}

/// A violation and its exchange, with this text wherever peers or users choose one.
fn finding(number: u64, path: &str, said: &str, message: &str) -> [Event; 3] {
    let call = Arc::new(Call {
        source: Some(said.into()),
        line: Some(number + 3),
        daemon: Some(said.into()),
        connection: number + 1,
        exchange: 1,
        operation: None,
        method: said.into(),
        path: path.into(),
        api_version: Some(ApiVersion::new(41)),
        client: Some(said.into()),
    });
    let violation = Violation {
        rule: Rule::SchemaType,
        side: Side::Client,
        call: Arc::clone(&call),
        status: Some(200),
        place: Place::header(said).at_pointer(said),
        message: message.to_owned(),
        expected: said.to_owned(),
        actual: said.to_owned(),
        evidence: said.bytes().take(Violation::EVIDENCE_LIMIT).collect(),
        enforced: None,
        waived: None,
    };
    let waived = Waived { reason: said.to_owned(), ticket: Some(said.to_owned()), line: number };
    let accepted = Violation { waived: Some(Arc::new(waived)), ..violation.clone() };
    let summary = Summary {
        call,
        status: Some(200),
        verdict: Verdict::Violated,
        request_bytes: 0,
        response_bytes: 0,
        frames: 0,
        documents: 0,
        duration_ms: None,
        enforced: None,
    };
    [Event::Violation(Box::new(violation)), Event::Violation(Box::new(accepted)), Event::Exchange(summary)]
}

#[test]
fn github_gets_no_more_annotations_than_it_shows() {
    for (kinds, last) in [(10, "text 200"), (11, "2 more kinds of findings")] {
        let (out, _) = rendered(Format::Github, &many(kinds), Gate::default());
        let commands: Vec<&str> = out.lines().filter(|line| line.starts_with("::error ")).collect();
        assert_eq!(commands.len(), 10, "{out}");
        if kinds > 10 {
            assert!(commands[9].contains(last), "{out}");
        } else {
            assert!(commands[9].starts_with("::error file=text,line="), "{out}");
        }
    }
}

#[test]
fn the_step_summary_is_the_markdown_report_and_fits() {
    let dir = tempfile::tempdir().expect("a folder");
    let (summary, report) = (dir.path().join("summary.md"), dir.path().join("run.jsonl"));
    let recording = "fixtures/rules/frame.stream-type/fires-text.wire";
    std::fs::write(&summary, "before\n").expect("written");
    let run = |arguments: &[&str]| {
        let status = plimsoll().env("GITHUB_STEP_SUMMARY", &summary).args(arguments).output().expect("it starts").status;
        assert!(matches!(status.code(), Some(0 | 1)), "{arguments:?}");
        text(&summary)
    };
    let jsonl = format!("jsonl={}", report.display());
    assert_eq!(run(&["check", recording, "--report", &jsonl]), "before\n", "nobody asked for GitHub's format");
    let once = run(&["check", recording, "--format", "github"]);
    assert_eq!(once, format!("before\n{}", render(&report, "markdown")));
    let twice = run(&["report", "render", &report.to_string_lossy(), "--format", "github"]);
    assert_eq!(twice.matches("# plimsoll: not compliant").count(), 2);
    // GitHub refuses a summary of more than 1 MiB.
    let mut lines: Vec<String> = EVERYTHING.lines().map(str::to_owned).collect();
    let end = lines.pop().expect("a last line");
    for event in many(6000) {
        lines.push(serde_json::to_string(&event).expect("JSON"));
    }
    lines.push(end);
    std::fs::write(&report, lines.join("\n")).expect("written");
    std::fs::remove_file(&summary).expect("removed");
    let long = run(&["report", "render", &report.to_string_lossy(), "--format", "github"]);
    assert!(long.len() > 500_000 && long.len() < 1 << 20, "{}", long.len());
    assert!(long.contains("more kinds of findings, for which there is no room here") && long.contains("## Coverage"));
    assert!(render(&report, "markdown").len() > 1 << 20);
}

#[test]
fn annotations_begin_their_line_whatever_the_command_printed() {
    let (code, out, _) = run(&["run", "--format", "github", "--", "printf", "no end of line"].map(str::to_owned));
    assert_eq!(
        (code, out.as_str()),
        (4, "no end of line\n::error title=plimsoll::nothing was judged\nnothing was judged: 0 exchanges, 0 judged: no violation\n")
    );
}

/// What of a text XML 1.0 (section 2.2), a terminal, and a line of text cannot hold or would obey.
fn is_tame(char: char) -> bool {
    char == '\n' || !(char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_a_format(said in "(?s).{0,12}|[<>&\"'`|\\]\\[()\\\\*_~#\r\n\u{1b}:,%]{0,24}", path in "(?s)/.{0,20}") {
        let mut events = finding(0, &path, &said, &said).to_vec();
        let Event::Exchange(summary) = &events[2] else { unreachable!("the exchange comes last") };
        events.push(Event::NotInspected(NotInspected {
            call: Arc::clone(&summary.call),
            part: said.clone().into(),
            reason: Reason::Said(said.clone()),
        }));
        let made = |format| rendered(format, &events, Gate::default()).0;
        let plain: Vec<String> = [Format::Terminal, Format::Junit, Format::Github, Format::Markdown].into_iter().map(made).collect();
        for text in &plain {
            prop_assert!(text.chars().all(is_tame), "{:?}", text);
        }
        let names = elements(&plain[1]);
        prop_assert_eq!(names.iter().filter(|name| *name == "testcase").count(), 1);
        let commands = plain[2].lines().filter(|line| line.trim_start().starts_with("::")).count();
        prop_assert_eq!((commands, plain[2].lines().count()), (1, 2), "{}", &plain[2]);
        // Nothing of HTML but the folds, and every fold is closed.
        let markdown = &plain[3];
        let folds = markdown.matches("<details>").count();
        prop_assert_eq!(folds, markdown.matches("</details>").count());
        serde_json::from_str::<serde_json::Value>(&made(Format::Sarif)).expect("JSON");
    }
}

#[test]
fn markdown_shows_what_it_is_given() {
    let said = "</summary></details>|`<script>`\n# x";
    let (markdown, _) = rendered(Format::Markdown, &finding(0, "/v1.41/```", said, said), Gate::default());
    insta::assert_snapshot!(markdown);
}
