//! What the terminal shows, in the widths that it is read in.

use std::sync::Arc;

use super::*;
use crate::model::{Call, Part, Place, ProbeCase, Rule, Violation};

/// A run of which everything that can be shown is there once.
fn events(minors: std::ops::RangeInclusive<u16>) -> Vec<Event> {
    let catalog = Catalog::builtin();
    let mut events = Vec::new();
    for version in minors.map(ApiVersion::new) {
        for operation in catalog.operations_at(version) {
            let mut case = |name: &str, result, reason: Option<&str>| {
                events.push(Event::ProbeCase(ProbeCase {
                    daemon: None,
                    operation: operation.id().to_owned(),
                    api_version: version,
                    case: name.to_owned(),
                    result,
                    reason: reason.map(str::to_owned),
                }));
            };
            match operation.tag() {
                "swarm" | "node" | "task" => {
                    let why = "needs a swarm: there is none, and making one needs --allow-destructive";
                    case("in a swarm", CaseResult::Skipped, Some(why));
                }
                "image" if operation.id() == "ImageCreate" => {
                    case("from an archive", CaseResult::Pass, None);
                    case("pulled", CaseResult::Skipped, Some("not reached: 500 instead of 200: no such host"));
                }
                "exec" if operation.id() == "ExecInspect" => case("after it ran", CaseResult::Warning, Some("a warning")),
                _ => case("as it should be", CaseResult::Pass, None),
            }
        }
        if version >= ApiVersion::new(24) {
            events.push(violation(Rule::SchemaType, Side::Daemon, "ContainerInspect", version));
        }
    }
    events.push(violation(Rule::QueryValue, Side::Client, "SystemEvents", ApiVersion::new(41)));
    events
}

fn violation(rule: Rule, side: Side, operation: &str, version: ApiVersion) -> Event {
    let call = Call {
        client: None,
        source: None,
        line: None,
        daemon: None,
        connection: 1,
        exchange: 1,
        operation: Some(Arc::from(operation)),
        method: "GET".into(),
        path: format!("/v{version}/somewhere").into(),
        api_version: Some(version),
    };
    Event::Violation(Box::new(Violation {
        rule,
        side,
        call: Arc::new(call),
        status: Some(200),
        place: Place::of(Part::Body),
        message: "a value has another type than the API says".to_owned(),
        expected: "integer".to_owned(),
        actual: "string \"1700000000\"".to_owned(),
        enforced: None,
        waived: None,
        evidence: Vec::new(),
    }))
}

fn shown(events: &[Event], width: usize, style: Style) -> String {
    let (backend, catalog) = ("unix:///var/run/docker.sock".to_owned(), Catalog::builtin());
    let setting = Setting { backend, allow_destructive: false, catalog, width, style, coverage: false };
    let mut out = Vec::new();
    let mut card = Scorecard::new(&mut out, setting);
    let mut tally = Tally::default();
    for event in events {
        tally.event(event);
        card.event(event).expect("written");
    }
    let finished = tally.finished(Catalog::builtin(), crate::report::Gate::default());
    card.event(&Event::RunFinished(finished)).expect("written");
    card.finish(&tally).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn all_versions_in_eighty_columns() {
    let text = shown(&events(0..=55), 80, Style::Plain);
    let widest = text.lines().filter(|line| !line.contains("--backend")).map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn some_versions_side_by_side() {
    let text = shown(&events(24..=41), 140, Style::Plain);
    assert!(text.lines().all(|line| line.chars().count() <= 140));
    insta::assert_snapshot!(text);
}

#[test]
fn colours_change_no_word() {
    let events = events(24..=41);
    let coloured = shown(&events, 100, Style::Colour);
    assert!(coloured.contains("\u{1b}["));
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    // The legend alone is laid out otherwise.
    for line in shown(&events, 100, Style::Plain).lines().filter(|line| !line.starts_with("  ")) {
        assert!(plain.contains(line.trim()), "{line}");
    }
}

#[test]
fn nothing_was_probed() {
    assert_eq!(shown(&[], 80, Style::Plain), "nothing was seen: 0 exchanges, 0 judged: no violation\n");
}

#[test]
fn a_skip_is_never_a_pass() {
    let cell = |passed, skipped, worst| Cell { passed, skipped, worst }.mark();
    assert_eq!(cell(3, 0, None), Mark::Pass);
    assert_eq!(cell(3, 1, None), Mark::Partly);
    assert_eq!(cell(0, 1, None), Mark::Skipped);
    assert_eq!(cell(0, 0, None), Mark::Skipped);
    assert_eq!(cell(3, 1, Some(Severity::Warning)), Mark::Warning);
    assert_eq!(cell(0, 4, Some(Severity::Error)), Mark::Fail);
}
