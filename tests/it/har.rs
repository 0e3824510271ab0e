//! HTTP archives: what the judge says of a recording it says of its archive.

use plimsoll::transcript::har::{HarWriter, read};
use plimsoll::transcript::{Entry, Exchanges, Transcript};

use super::support::{files, judge, repository, transcript, violations};

/// The recording's archive, and how many lines belong to no exchange.
fn archive(transcript: &Transcript) -> (Vec<u8>, u64) {
    let mut writer = HarWriter::new(std::io::Cursor::new(Vec::new()));
    let mut exchanges = Exchanges::new(transcript.api_version);
    let mut add = |exchange| writer.add(&exchange).expect("a vector takes all");
    for entry in &transcript.entries {
        exchanges.push(entry.clone(), &mut add);
    }
    let strays = exchanges.finish(&mut add);
    let mut out = Vec::new();
    writer.finish(transcript.api_version, &mut out).expect("a vector takes all");
    (out, strays)
}

fn said(transcript: &Transcript) -> Vec<String> {
    let events = judge(transcript);
    let said = |violation: &plimsoll::model::Violation| {
        format!("{} {} {} {} {}", violation.rule, violation.side, violation.call.path, violation.place, violation.actual)
    };
    violations(&events).map(said).collect()
}

#[test]
fn an_archive_is_judged_as_its_recording() {
    let (mut judged, mut partly) = (0, 0);
    for path in files(&repository("fixtures"), "wire") {
        let whole = transcript(&path);
        let (har, strays) = archive(&whole);
        let mut entries: Vec<Entry> = Vec::new();
        let mut version = None;
        read(&har[..], &mut |announced, entry| {
            version = announced;
            entries.push(entry);
        })
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Bytes that are no exchange of HTTP have no place in an archive; the command says how many there are.
        if strays > 0 {
            partly += 1;
            continue;
        }
        judged += 1;
        let back = Transcript { api_version: version, entries, timed: whole.timed };
        assert_eq!(said(&back), said(&whole), "{}", path.display());
    }
    assert!(judged > 400 && partly < 20, "{judged} judged, {partly} partly");
}
