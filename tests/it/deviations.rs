//! Incompatibilities that people reported of real clients, daemons and proxies: each is told from its corrected twin, on the right side and by the
//! right rule. Those that no wire shows stand in `unseen.json` with the reason.

use std::collections::BTreeSet;

use plimsoll::model::{Event, Rule, Severity, Verdict, Violation};
use serde_json::Value;

use super::support::{files, judge, repository, transcript, verdicts, violations};

/// As many were reported.
const REPORTED: usize = 95;

fn table(name: &str) -> Vec<Value> {
    let text = std::fs::read(repository("fixtures/deviations").join(name)).expect("a table");
    serde_json::from_slice(&text).expect("a list")
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {entry}"))
}

fn words(violation: &Violation) -> String {
    format!("{} {}", violation.side, violation.rule)
}

fn judged(name: &str) -> Vec<Event> {
    judge(&transcript(&repository("fixtures/deviations").join(name)))
}

/// What is wrong with a twin.
fn of_twin(id: &str) -> Option<String> {
    let events = judged(&format!("{id}.right.wire"));
    let bad: Vec<String> = violations(&events).filter(|violation| violation.severity() > Severity::Note).map(words).collect();
    let judged = verdicts(&events).iter().all(|verdict| *verdict == Verdict::Pass);
    (!bad.is_empty() || !judged).then(|| format!("{id}.right.wire: {bad:?}, {:?}", verdicts(&events)))
}

#[test]
fn each_is_found_on_its_side_and_its_twin_is_clean() {
    let mut complaints = Vec::new();
    for case in table("cases.json") {
        let id = text(&case, "id");
        let due: Vec<&str> = case["expects"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let events = judged(&format!("{id}.wire"));
        // Nothing else is said, but for notes that are not expected.
        let found: BTreeSet<String> = violations(&events)
            .filter(|violation| violation.severity() > Severity::Note || due.contains(&words(violation).as_str()))
            .map(words)
            .collect();
        if found != due.iter().map(|words| (*words).to_owned()).collect() {
            complaints.push(format!("{id}.wire: {found:?}, not {due:?}"));
        }
        let first = due.first().copied().unwrap_or_default();
        if !first.starts_with(&format!("{} {}.", text(&case, "side"), text(&case, "area"))) {
            complaints.push(format!("{id}: {first} is not of side and area"));
        }
        if !Rule::ALL.iter().any(|rule| first.ends_with(rule.id())) {
            complaints.push(format!("{id}: {first} is no rule"));
        }
        complaints.extend(of_twin(id));
        // The twin lacks what the case is about, notes included.
        if violations(&judged(&format!("{id}.right.wire"))).any(|violation| words(violation) == first) {
            complaints.push(format!("{id}.right.wire: {first}, too"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_clients_read_wrong_is_read_right_here() {
    let unseen = table("unseen.json");
    let reading = unseen.iter().filter(|case| text(case, "kind") == "reading");
    let complaints: Vec<String> = reading.filter_map(|case| of_twin(text(case, "id"))).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_report_is_in_one_table_and_every_file_belongs_to_one() {
    let (cases, unseen) = (table("cases.json"), table("unseen.json"));
    let ids: BTreeSet<&str> = cases.iter().chain(&unseen).map(|case| text(case, "id")).collect();
    assert_eq!((ids.len(), cases.len() + unseen.len()), (REPORTED, REPORTED));
    for case in &unseen {
        assert!(!text(case, "reason").is_empty() && text(case, "source").starts_with("https://"), "{case}");
    }
    for path in files(&repository("fixtures/deviations"), "wire") {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let id = name.trim_end_matches(".wire").trim_end_matches(".right");
        assert!(ids.contains(id), "{name} is of no report");
    }
}
