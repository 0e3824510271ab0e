//! No secret in any report or recording; and what is found is the same with secrets and without.

mod canary;
mod live;

use std::sync::Arc;

use plimsoll::catalog::Catalog;
use plimsoll::inspect::Settings;
use plimsoll::model::Event;
use plimsoll::redact::{Aliases, Redaction};
use plimsoll::transcript::{Entry, Transcript, What};

use super::support::{files, judge_with, repository, transcript, violations};

/// A recording of these entries, as `--record` makes it.
pub(crate) fn redacted(transcript: &Transcript) -> Transcript {
    let mut redaction = Redaction::new(Arc::new(Aliases::default()), Catalog::builtin());
    let mut entries = Vec::new();
    let mut out = |(connection, side, bytes, (at, what)): plimsoll::redact::Event<_>| {
        let what = bytes.map_or(what, What::Bytes);
        entries.push(Entry { line: 0, at, connection, side, what });
    };
    for Entry { at, connection, side, what, .. } in &transcript.entries {
        let bytes = match what {
            What::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        };
        redaction.push((*connection, *side, bytes, (*at, what.clone())), &mut out);
    }
    redaction.finish(&mut out);
    Transcript { entries, ..transcript.clone() }
}

pub(crate) fn settings(redact: bool) -> Settings {
    Settings { aliases: redact.then(Arc::default), ..Settings::default() }
}

/// What is found: all but the words.
fn found(events: &[Event]) -> Vec<String> {
    violations(events).map(|found| format!("{} {:?} {:?} {:?}", found.rule, found.side, found.call.operation, found.place)).collect()
}

fn verdicts(events: &[Event]) -> Vec<String> {
    let verdict = |event: &Event| match event {
        Event::Exchange(summary) => Some(format!("{:?} {:?} {}", summary.verdict, summary.status, summary.response_bytes)),
        Event::NotInspected(missed) => Some(format!("{} {:?}", missed.part, missed.reason)),
        _ => None,
    };
    events.iter().filter_map(verdict).collect()
}

fn all_transcripts() -> Vec<std::path::PathBuf> {
    ["fixtures/rules", "fixtures/recordings", "fixtures/deviations"].iter().flat_map(|dir| files(&repository(dir), "wire")).collect()
}

#[test]
fn what_is_found_is_the_same_with_secrets_and_without() {
    for path in all_transcripts() {
        let given = transcript(&path);
        let plain = judge_with(&given, settings(false));
        let masked = judge_with(&given, settings(true));
        assert_eq!(found(&masked), found(&plain), "{} judged", path.display());
        assert_eq!(verdicts(&masked), verdicts(&plain), "{} judged", path.display());
        let recorded = judge_with(&redacted(&given), settings(false));
        assert_eq!(found(&recorded), found(&plain), "{} recorded", path.display());
        assert_eq!(verdicts(&recorded), verdicts(&plain), "{} recorded", path.display());
    }
}

#[test]
fn a_recording_keeps_its_events_cuts_and_times_and_is_redacted_once() {
    for path in all_transcripts() {
        let given = transcript(&path);
        let once = redacted(&given);
        let shape = |transcript: &Transcript| -> Vec<_> {
            let size = |what: &What| if let What::Bytes(bytes) = what { Some(bytes.len()) } else { None };
            transcript.entries.iter().map(|entry| (entry.at, entry.connection, entry.side, size(&entry.what))).collect()
        };
        assert_eq!(shape(&once), shape(&given), "{}", path.display());
        assert_eq!(redacted(&once), once, "{}", path.display());
    }
}

#[test]
fn the_command_line_shows_secrets_only_when_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("session.wire");
    let body = r#"{\"Image\":\"base\",\"Env\":{\"PASSWORD\":\"correct-horse\"}}"#;
    let text = format!(
        "@plimsoll-transcript 1\n> \"POST /v1.41/containers/create HTTP/1.1\\r\\nHost: d\\r\\nContent-Type: application/json\\r\\nContent-Length: 51\\r\\n\\r\\n{body}\"\n"
    );
    std::fs::write(&path, text).expect("written");
    for (options, shown, hidden) in [(&[][..], "redacted-1***", "correct-horse"), (&["--no-redact"], "correct-horse", "redacted")] {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll")).arg("check").args(options).arg(&path).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(shown) && !text.contains(hidden) && output.stderr.is_empty(), "{text}");
    }
}
