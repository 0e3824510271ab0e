//! What several modules need.

use plimsoll::inspect::{Inspector, Seen, Settings};
use plimsoll::model::{Event, Verdict, Violation};
use plimsoll::transcript::{self, Transcript, What};
use plimsoll::wire::StreamEnd;
use std::path::{Path, PathBuf};

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A transcript of the repository.
pub(crate) fn transcript(path: &Path) -> Transcript {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    transcript::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder with this extension.
pub(crate) fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What the judge says of a transcript.
pub(crate) fn judge(transcript: &Transcript) -> Vec<Event> {
    judge_with(transcript, Settings::default())
}

/// The same, judged in this way.
pub(crate) fn judge_with(transcript: &Transcript, settings: Settings) -> Vec<Event> {
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..settings });
    let mut events = Vec::new();
    for entry in &transcript.entries {
        let seen = match &entry.what {
            What::Bytes(bytes) => Seen::Bytes(bytes.clone()),
            What::Closed => Seen::End(StreamEnd::Closed),
            What::Reset => Seen::End(StreamEnd::Broken),
        };
        inspector.push(entry.connection, entry.side, seen, transcript.timed.then_some(entry.at));
        inspector.judge(&mut |event| events.push(event));
    }
    inspector.finish(&mut |event| events.push(event));
    events
}

pub(crate) fn violations(events: &[Event]) -> impl Iterator<Item = &Violation> {
    events.iter().filter_map(|event| match event {
        Event::Violation(violation) => Some(&**violation),
        _ => None,
    })
}

pub(crate) fn verdicts(events: &[Event]) -> Vec<Verdict> {
    let verdict = |event: &Event| match event {
        Event::Exchange(summary) => Some(summary.verdict),
        _ => None,
    };
    events.iter().filter_map(verdict).collect()
}

/// dockerd's whole answer to a ping.
pub(crate) const PONG: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nCache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: Docker/20.10.24 (linux)\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nOK";
