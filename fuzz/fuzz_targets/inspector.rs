//! The whole judge, over recordings: however the bytes are cut the findings are the same, and enforce mode clears no byte that it did not take.

#![no_main]

use bytes::Bytes;
use plimsoll::inspect::{Asked, EnforcePolicy, Inspector, Seen, Settings};
use plimsoll::model::{Event, Side};
use plimsoll::transcript::{Transcript, What};
use plimsoll::wire::StreamEnd;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The longest recordings say nothing that shorter ones do not.
    let Ok(transcript) = plimsoll::transcript::read(data) else { return };
    let seed = u8::try_from(data.len() % 256).expect("a remainder");
    assert_eq!(judge(&transcript, None), judge(&transcript, Some(seed)), "a cut changes what is said");
    enforce(&transcript);
});

fn judge(transcript: &Transcript, cut: Option<u8>) -> Vec<String> {
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..Settings::default() });
    let mut said = Vec::new();
    let mut hear = |event: Event| match event {
        Event::Violation(violation) => said.push(format!(
            "{} {} {} {} {:?} {:?}",
            violation.call.connection, violation.call.exchange, violation.rule, violation.place, violation.expected, violation.actual
        )),
        Event::Exchange(summary) => said.push(format!("{} {} {:?}", summary.call.connection, summary.call.exchange, summary.verdict)),
        _ => {}
    };
    for entry in &transcript.entries {
        let push = |bytes: Bytes| inspector.push(entry.connection, entry.side, Seen::Bytes(bytes), transcript.timed.then_some(entry.at));
        match (&entry.what, cut) {
            (What::Bytes(bytes), None) => push(bytes.clone()),
            (What::Bytes(bytes), Some(seed)) => plimsoll_fuzz::pieces(seed, bytes).into_iter().for_each(push),
            (What::Closed, _) => inspector.push(entry.connection, entry.side, Seen::End(StreamEnd::Closed), transcript.timed.then_some(entry.at)),
            (What::Reset, _) => inspector.push(entry.connection, entry.side, Seen::End(StreamEnd::Broken), transcript.timed.then_some(entry.at)),
        }
        inspector.judge(&mut hear);
    }
    inspector.finish(&mut hear);
    said.sort();
    said
}

fn enforce(transcript: &Transcript) {
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..Settings::default() });
    let policy = EnforcePolicy::default();
    let mut taken = std::collections::HashMap::<(u64, Side), u64>::new();
    for entry in &transcript.entries {
        let whose = (entry.connection, entry.side);
        let mut bytes = match &entry.what {
            What::Bytes(bytes) => bytes.clone(),
            What::Closed => Bytes::new(),
            What::Reset => Bytes::new(),
        };
        let asked = match entry.what {
            What::Bytes(_) => Asked::Bytes(&mut bytes),
            What::Closed => Asked::End(StreamEnd::Closed),
            What::Reset => Asked::End(StreamEnd::Broken),
        };
        let before = if let What::Bytes(bytes) = &entry.what { bytes.len() } else { 0 };
        let ruling = inspector.ask(whose, asked, &policy, transcript.timed.then_some(entry.at), &mut |_| {});
        let count = taken.entry(whose).or_default();
        *count += (before - bytes.len()) as u64;
        assert!(ruling.clear <= *count, "more is cleared than was taken");
        if ruling.objection.is_some_and(|objection| !objection.goes_on) {
            return;
        }
    }
    inspector.finish(&mut |_| {});
}
