//! Every rule has a firing and a silent transcript named after it; the judge says the same of them however they are cut.

use std::collections::BTreeSet;

use plimsoll::model::{Event, Rule, Severity};
use plimsoll::transcript::{Entry, Transcript, What};
use proptest::prelude::*;

use super::support::{files, judge, repository, transcript, verdicts, violations};

#[test]
fn every_rule_fires_and_is_silent_as_its_transcripts_say() {
    let mut complaints = Vec::new();
    for rule in Rule::ALL {
        if *rule == Rule::HttpHeadTooLarge {
            // Its transcripts would be megabytes; `a_head_over_the_limit` makes them.
            continue;
        }
        let dir = repository("fixtures/rules").join(rule.id());
        let found = if dir.is_dir() { files(&dir, "wire") } else { Vec::new() };
        for (kind, fires) in [("fires", true), ("silent", false)] {
            let of_kind: Vec<_> =
                found.iter().filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind))).collect();
            if of_kind.is_empty() {
                complaints.push(format!("{rule} has no {kind} transcript"));
            }
            for path in of_kind {
                let events = judge(&transcript(path));
                let bad: BTreeSet<&str> = violations(&events)
                    .filter(|violation| violation.severity() > Severity::Note || violation.rule == *rule)
                    .map(|violation| violation.rule.id())
                    .collect();
                let due: BTreeSet<&str> = fires.then_some(rule.id()).into_iter().collect();
                if bad != due {
                    complaints.push(format!("{} gives {bad:?}, not {due:?}", path.display()));
                }
                if !fires && !verdicts(&events).contains(&plimsoll::model::Verdict::Pass) {
                    complaints.push(format!("{} proves nothing: no exchange passed", path.display()));
                }
            }
        }
    }
    let known: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id().to_owned()).collect();
    let dirs = std::fs::read_dir(repository("fixtures/rules"))
        .expect("fixtures")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
    complaints.extend(dirs.filter(|name| !known.contains(name)).map(|name| format!("fixtures/rules/{name} is of no rule")));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_page_of_rules_names_rules_that_there_are_and_all_areas() {
    let text = std::fs::read_to_string(repository("docs/rules.md")).expect("the page");
    let areas: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.area()).collect();
    let quoted = text.split('`').skip(1).step_by(2);
    let named: Vec<(&str, &str)> = quoted.filter_map(|word| word.split_once('.')).filter(|(area, _)| areas.contains(area)).collect();
    for (area, defect) in &named {
        let id = format!("{area}.{defect}");
        assert!(*defect == "*" || id.parse::<Rule>().is_ok(), "docs/rules.md names {id}, which is no rule");
    }
    // One that is only there by its area's name needs no line of its own.
    let missing: Vec<&str> = Rule::ALL
        .iter()
        .filter(|rule| {
            !named.iter().any(|(area, defect)| *area == rule.area() && (*defect == "*" || rule.id().ends_with(&format!(".{defect}"))))
        })
        .map(|rule| rule.id())
        .collect();
    assert!(missing.is_empty(), "docs/rules.md lacks {missing:?}");
}

#[test]
fn a_head_over_the_limit() {
    for (size, fires) in [(300 << 10, false), ((1 << 20) + 64, true)] {
        let request = format!("GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\nX-Big: {}\r\n\r\n", "x".repeat(size));
        let what = What::Bytes(request.into());
        let entry = Entry { line: 0, at: std::time::Duration::ZERO, connection: 1, side: plimsoll::model::Side::Client, what };
        let events = judge(&Transcript { entries: vec![entry], ..Transcript::default() });
        let rules: Vec<_> = violations(&events).map(|violation| violation.rule).collect();
        assert_eq!(rules.contains(&Rule::HttpHeadTooLarge), fires, "{size}: {rules:?}");
    }
}

#[test]
fn what_the_firing_transcripts_say() {
    let mut text = String::new();
    for path in files(&repository("fixtures/rules"), "wire") {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for violation in violations(&judge(&transcript(&path))).filter(|_| name.starts_with("fires")) {
            let operation = violation.call.operation.as_deref().unwrap_or("-");
            let line = format!(
                "{} {} {} {operation} at {}\n    {}\n    expected {}\n    actual   {}\n",
                violation.severity(),
                violation.rule,
                violation.side,
                violation.place,
                violation.message,
                violation.expected,
                violation.actual
            );
            text.push_str(&line);
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn real_recordings_are_clean() {
    for path in files(&repository("fixtures/recordings"), "wire") {
        let events = judge(&transcript(&path));
        let bad: Vec<_> = violations(&events).filter(|violation| violation.severity() > Severity::Note).collect();
        assert!(bad.is_empty(), "{}: {bad:#?}", path.display());
        assert!(verdicts(&events).iter().all(|verdict| *verdict == plimsoll::model::Verdict::Pass), "{}", path.display());
    }
}

/// The same bytes, each entry cut at these places.
pub(super) fn cut(transcript: &Transcript, places: &[prop::sample::Index]) -> Transcript {
    let mut entries = Vec::new();
    let mut places = places.iter().cycle();
    for entry in &transcript.entries {
        let What::Bytes(bytes) = &entry.what else {
            entries.push(entry.clone());
            continue;
        };
        let mut rest = bytes.clone();
        for place in places.by_ref().take(3) {
            let piece = rest.split_to(place.index(rest.len() + 1));
            if !piece.is_empty() {
                entries.push(Entry { what: What::Bytes(piece), ..entry.clone() });
            }
        }
        entries.push(Entry { what: What::Bytes(rest), ..entry.clone() });
    }
    Transcript { entries, ..transcript.clone() }
}

/// The events, in a form to compare: where the bytes were cut may not show.
fn said(transcript: &Transcript) -> Vec<String> {
    let said = |event: Event| serde_json::to_string(&event).expect("events are JSON");
    judge(transcript).into_iter().map(said).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_verdict_depends_on_where_reads_were_cut(places in proptest::collection::vec(any::<prop::sample::Index>(), 1..40)) {
        for path in files(&repository("fixtures/rules"), "wire") {
            let whole = transcript(&path);
            prop_assert_eq!(said(&cut(&whole, &places)), said(&whole), "{}", path.display());
        }
    }

    #[test]
    fn no_bytes_make_the_judge_panic(noise in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0usize..200), 1..8)) {
        // A real recording with noise in it: pure noise does not get far.
        let mut broken = transcript(&repository("fixtures/rules/frame.stream-type/fires-text.wire"));
        for (client, bytes, at) in noise {
            let side = if client { plimsoll::model::Side::Client } else { plimsoll::model::Side::Daemon };
            let entry = Entry { line: 0, at: std::time::Duration::ZERO, connection: 1, side, what: What::Bytes(bytes.into()) };
            let at = at % (broken.entries.len() + 1);
            broken.entries.insert(at, entry);
        }
        judge(&broken);
    }
}
