//! The rules' transcripts, asked about as the proxy asks: what is silent passes whole, what fires an error does not.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use plimsoll::inspect::{Asked, EnforcePolicy, Inspector, Objection, Ruling, Settings};
use plimsoll::model::{Enforcement, Event, Severity, Side, Summary};
use plimsoll::transcript::{Entry, Transcript, What};
use plimsoll::wire::StreamEnd;

use proptest::prelude::*;

use super::super::rules::cut;
use super::super::support::{files, judge, repository, transcript, violations};

/// What enforce mode makes of a transcript: its events, the first objection of each connection, and the bytes that were held back.
struct Enforced {
    events: Vec<Event>,
    objections: Vec<Objection>,
    withheld: u64,
    passed: [u64; 2],
}

#[derive(Default)]
struct Link {
    waiting: VecDeque<Asking>,
    closed: bool,
    shut: bool,
    sent: [u64; 2],
    clear: [u64; 2],
}

enum Asking {
    Bytes(Bytes),
    End(StreamEnd),
}

fn enforce(transcript: &Transcript) -> Enforced {
    let policy = EnforcePolicy::default();
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..Settings::default() });
    let mut events = Vec::new();
    let mut objections = Vec::new();
    let mut links: BTreeMap<u64, Link> = BTreeMap::new();
    for entry in &transcript.entries {
        let link = links.entry(entry.connection).or_default();
        if link.closed {
            continue;
        }
        let asking = match &entry.what {
            What::Bytes(bytes) if bytes.is_empty() => continue,
            What::Bytes(bytes) => Asking::Bytes(bytes.clone()),
            What::Closed => Asking::End(StreamEnd::Closed),
            What::Reset => Asking::End(StreamEnd::Broken),
        };
        let mut ask = |link: &mut Link, side: Side, asking: &mut Asking| {
            let asked = match asking {
                Asking::Bytes(bytes) => Asked::Bytes(bytes),
                Asking::End(end) => Asked::End(*end),
            };
            let Ruling { clear, objection, open, .. } =
                inspector
                    .ask((entry.connection, side), asked, &policy, transcript.timed.then_some(entry.at), &mut |event| events.push(event));
            link.clear[side as usize] = clear;
            link.shut = !open;
            link.closed |= objection.is_some();
            objections.extend(objection);
        };
        match (entry.side, asking) {
            (Side::Daemon, mut asking) => {
                if let Asking::Bytes(bytes) = &asking {
                    link.sent[1] += bytes.len() as u64;
                }
                ask(link, Side::Daemon, &mut asking);
            }
            (Side::Client, asking) => {
                if let Asking::Bytes(bytes) = &asking {
                    link.sent[0] += bytes.len() as u64;
                }
                link.waiting.push_back(asking);
            }
        }
        while let Some(mut asking) = link.waiting.pop_front() {
            let bytes = matches!(&asking, Asking::Bytes(_));
            if link.closed || (bytes && link.shut) {
                link.waiting.push_front(asking);
                break;
            }
            ask(link, Side::Client, &mut asking);
            if matches!(&asking, Asking::Bytes(rest) if !rest.is_empty()) {
                link.waiting.push_front(asking);
            }
        }
    }
    inspector.finish(&mut |event| events.push(event));
    let withheld = links.values().map(|link| link.sent[0] - link.clear[0] + link.sent[1] - link.clear[1]).sum();
    let passed = links.values().fold([0, 0], |sum, link| [sum[0] + link.clear[0], sum[1] + link.clear[1]]);
    Enforced { events, objections, withheld, passed }
}

/// With 4xx, with 500 for compressed data that it cannot undo, or in the stream behind a 200: then observe mode says nothing of the request.
fn daemon_refuses(observed: &[Event], objection: &Objection) -> bool {
    let same = |summary: &Summary| {
        (summary.call.connection, summary.call.exchange) == (objection.violation.call.connection, objection.violation.call.exchange)
    };
    observed.iter().any(|event| matches!(event, Event::Exchange(summary) if same(summary) && (matches!(summary.status, Some(400..=599)) || summary.documents > 0)))
}

fn named(kind: &str) -> Vec<std::path::PathBuf> {
    let starts = |path: &std::path::PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind));
    files(&repository("fixtures/rules"), "wire").into_iter().filter(starts).collect()
}

#[test]
fn what_is_silent_passes_whole() {
    let mut complaints = Vec::new();
    for path in named("silent").into_iter().chain(files(&repository("fixtures/recordings"), "wire")) {
        let whole = transcript(&path);
        let observed = judge(&whole);
        if violations(&observed).any(|violation| violation.severity() == Severity::Error) {
            continue;
        }
        let Enforced { events, objections, withheld, .. } = enforce(&whole);
        let name = path.display();
        // What the daemon would refuse with 4xx is refused before it; and half a head goes nowhere, so nobody answers it.
        let refused = objections.iter().all(|objection| objection.action == Enforcement::Refused && daemon_refuses(&observed, objection));
        if refused && (!objections.is_empty() || path.ends_with("silent-400-in-the-head.wire")) {
            continue;
        }
        if !objections.is_empty() {
            complaints.push(format!("{name}: {objections:?}"));
        } else if withheld > 0 {
            complaints.push(format!("{name}: {withheld} bytes were held back"));
        } else if lines(&events) != lines(&observed) {
            complaints.push(format!("{name}: {:#?}\nobserved {:#?}", lines(&events), lines(&observed)));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn what_fires_an_error_does_not_pass() {
    let mut complaints = Vec::new();
    for path in named("fires") {
        let whole = transcript(&path);
        let Some(due) =
            violations(&judge(&whole)).find(|violation| violation.severity() == Severity::Error).map(|due| (due.rule, due.side))
        else {
            continue;
        };
        let Enforced { events, objections, .. } = enforce(&whole);
        let done = objections.first().map(|objection| (objection.violation.rule, objection.violation.side));
        if done != Some(due) {
            complaints.push(format!("{}: {done:?}, not {due:?}", path.display()));
        }
        let marked = violations(&events).filter(|violation| violation.enforced.is_some()).count();
        if marked == 0 {
            complaints.push(format!("{}: no event says so", path.display()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What must be the same however the reads were cut.
fn said(transcript: &Transcript) -> impl PartialEq + std::fmt::Debug + use<> {
    let enforced = enforce(transcript);
    let found = |found: &Objection| (found.violation.rule, found.violation.place.clone(), found.action, found.goes_on);
    let objections: Vec<_> = enforced.objections.iter().map(found).collect();
    // How much was read before the connection was cut is in the report, and depends on the reads.
    let lines = if objections.is_empty() { lines(&enforced.events) } else { Vec::new() };
    (objections, lines, enforced.passed)
}

#[test]
fn what_passes_is_the_same_byte_by_byte() {
    for path in named("") {
        let whole = transcript(&path);
        let bytes = |entry: &Entry| match &entry.what {
            What::Bytes(bytes) => bytes.iter().map(|byte| Entry { what: What::Bytes(vec![*byte].into()), ..entry.clone() }).collect(),
            _ => vec![entry.clone()],
        };
        let apart = Transcript { entries: whole.entries.iter().flat_map(bytes).collect(), ..whole.clone() };
        assert_eq!(said(&apart), said(&whole), "{}", path.display());
    }
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_string(event).expect("events are JSON")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_does_not_depend_on_where_reads_were_cut(places in proptest::collection::vec(any::<prop::sample::Index>(), 1..40)) {
        for path in named("") {
            let whole = transcript(&path);
            prop_assert_eq!(said(&cut(&whole, &places)), said(&whole), "{}", path.display());
        }
    }

    #[test]
    fn no_bytes_make_the_gate_panic(noise in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0usize..200), 1..8)) {
        for name in ["frame.stream-type/fires-text.wire", "http.bad-chunk/fires-size-with-0x.wire"] {
            let mut broken = transcript(&repository("fixtures/rules").join(name));
            for (client, bytes, at) in &noise {
                let side = if *client { Side::Client } else { Side::Daemon };
                let entry = Entry { line: 0, at: std::time::Duration::ZERO, connection: 1, side, what: What::Bytes(bytes.clone().into()) };
                let at = at % (broken.entries.len() + 1);
                broken.entries.insert(at, entry);
            }
            enforce(&broken);
        }
    }
}
