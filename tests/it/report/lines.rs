//! The published schema of the JSON Lines report is true of every line, and nothing in it is a promise that no line keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll::model::{
    Call, CaseResult, Counts, Difference, Enforcement, Event, FailOn, NotInspected, OperationSeen, Part, Place, ProbeCase, Reason, Rule,
    RunFinished, RunStarted, RunVerdict, Scenario, ScenarioResult, Side, StaleWaiver, Summary, Verdict, Violation, Waived,
};
use serde_json::Value;

use super::{run, text};
use crate::support::{files, repository};

/// With a value wherever there can be one. A new member does not compile before it stands here.
fn whole() -> Vec<Event> {
    let version = "1.41".parse().expect("a version");
    let name: Option<Arc<str>> = Some("name".into());
    let call = Arc::new(Call {
        source: name.clone(),
        line: Some(3),
        daemon: name.clone(),
        connection: 1,
        exchange: 1,
        operation: name.clone(),
        method: "GET".into(),
        path: "/info".into(),
        api_version: Some(version),
        client: name.clone(),
    });
    let counts = Counts { error: 1, warning: 2, note: 3 };
    let waived = Waived { reason: "known".into(), ticket: Some("#1".into()), line: 3 };
    let differs = Difference {
        exchange: 1,
        operation: Some("SystemInfo".into()),
        request: "1.41 GET /info".into(),
        pointer: "/answer/status".into(),
        expected: Some("200".into()),
        actual: None,
    };
    vec![
        Event::RunStarted(RunStarted {
            format: 1,
            plimsoll: "0.1.0".into(),
            command: "check".into(),
            started_at: "2026-01-01T00:00:00Z".into(),
            fail_on: FailOn::Never,
            allow_stale_waivers: true,
            recording: Some("run.wire".into()),
        }),
        Event::Violation(Box::new(Violation {
            rule: Rule::SchemaType,
            side: Side::Daemon,
            call: Arc::clone(&call),
            status: Some(200),
            place: Place::of(Part::Document).at_pointer("/a").named("a").at_index(1).at_offset(2),
            message: "a".into(),
            expected: "b".into(),
            actual: "c".into(),
            evidence: b"hi".to_vec(),
            enforced: Some(Enforcement::Cut),
            waived: Some(Arc::new(waived)),
        })),
        Event::NotInspected(NotInspected { call: Arc::clone(&call), part: "response-body".into(), reason: Reason::LostTrack }),
        Event::Exchange(Summary {
            call,
            status: Some(200),
            verdict: Verdict::Violated,
            request_bytes: 0,
            response_bytes: 1,
            frames: 2,
            documents: 3,
            duration_ms: Some(1.5),
            enforced: Some(Enforcement::Replaced),
        }),
        Event::ProbeCase(ProbeCase {
            daemon: name.clone(),
            operation: "SystemInfo".into(),
            api_version: version,
            case: "asked".into(),
            result: CaseResult::Skipped,
            reason: Some("it went away".into()),
        }),
        Event::Coverage(OperationSeen {
            daemon: name,
            api_version: version,
            operation: "SystemInfo".into(),
            statuses: [(200, 1)].into(),
            query: ["all".to_owned()].into(),
            members: [(200, ["/ID".to_owned()].into())].into(),
        }),
        Event::StaleWaiver(StaleWaiver { file: "w.toml".into(), line: 1, rule: "schema.*".into(), why: "it expired".into() }),
        Event::Scenario(Scenario {
            scenario: "ping".into(),
            result: ScenarioResult::Changed,
            exchanges: 1,
            differences: vec![differs],
            notes: vec!["an event did not come".into()],
        }),
        Event::RunFinished(RunFinished {
            exchanges: 1,
            inspected: 1,
            violations: counts,
            waived: counts,
            stale_waivers: 1,
            coverage: [(version, plimsoll::model::event::Coverage { operations: [1, 106] })].into(),
            covered_percent: 1.0,
            min_coverage: Some(50),
            incomplete: Some("the end".into()),
            unwritten: vec!["run.wire: disk full".into()],
            verdict: RunVerdict::BelowCoverage,
        }),
    ]
}

/// Takes from `promised` every place (`#/$defs/NAME/properties/…`) that the line makes use of.
fn keep(schema: &Value, root: &Value, line: &Value, at: &str, promised: &mut BTreeSet<String>) {
    let (schema, at) = match schema["$ref"].as_str() {
        Some(name) => (root.pointer(&name[1..]).expect("it is defined"), name),
        None => (schema, at),
    };
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = line.get(name) {
            let at = format!("{at}/properties/{name}");
            promised.remove(&at);
            keep(below, root, value, &at, promised);
        }
    }
    let members = line.as_object().into_iter().flat_map(|members| members.values());
    for item in line.as_array().into_iter().flatten() {
        keep(&schema["items"], root, item, &format!("{at}/items"), promised);
    }
    for value in members.filter(|_| schema["additionalProperties"].is_object()) {
        keep(&schema["additionalProperties"], root, value, &format!("{at}/additionalProperties"), promised);
    }
}

fn promises(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}/properties/{name}");
        promises(below, &at, found);
        found.insert(at);
    }
    for name in ["items", "additionalProperties"] {
        if schema[name].is_object() {
            promises(&schema[name], &format!("{at}/{name}"), found);
        }
    }
}

#[test]
fn every_line_keeps_to_the_published_schema() {
    let (code, out, err) = run(&["report".to_owned(), "schema".to_owned()]);
    assert!(code == 0 && err.is_empty(), "{err}");
    let schema: Value = serde_json::from_str(&out).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let mut promised = BTreeSet::new();
    for (name, line) in schema["$defs"].as_object().expect("lines") {
        promises(line, &format!("#/$defs/{name}"), &mut promised);
    }
    assert!(promised.len() > 80, "{promised:#?}");

    let dir = tempfile::tempdir().expect("a folder");
    let report = dir.path().join("report.jsonl");
    let mut arguments = vec!["check".to_owned(), "--report".to_owned(), format!("jsonl={}", report.display())];
    arguments.extend(files(&repository("fixtures"), "wire").iter().map(|path| path.to_string_lossy().into_owned()));
    assert_eq!(run(&arguments).0, 1);
    let text = text(&report);
    let judged = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let made = whole();
    let made = made.iter().map(|event| serde_json::to_value(event).expect("an event is JSON"));
    let mut lines = 0;
    for line in judged.chain(made) {
        let errors: Vec<_> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
        let at = format!("#/$defs/{}", line["type"].as_str().expect("a type"));
        keep(schema.pointer(&at[1..]).expect("it is defined"), &schema, &line, &at, &mut promised);
        lines += 1;
    }
    assert!(lines > 1000);
    assert!(promised.is_empty(), "no line has these: {promised:#?}");
}
