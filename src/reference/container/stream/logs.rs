//! `ContainerLogs`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::sync::mpsc;

use super::frame::framed;
use super::{MULTIPLEXED, RAW, attach};
use crate::reference::Engine;
use crate::reference::answer::{Answer, Payload};
use crate::reference::call::{Call, Query};
use crate::reference::container::Container;
use crate::reference::container::console::{Reader, Record, Source};
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// What Go's query escaping leaves as it is.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Answers with the log as it is, or as it goes on.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let query = &call.query;
    if !query.flag("stdout") && !query.flag("stderr") {
        return Err(Refusal::bad_parameter("Bad parameters: you must choose at least one stream"));
    }
    let state = engine.state();
    let container = state.containers.find(&call.name)?;
    if container.life.removing {
        return Err(Refusal::conflict("can not get logs from container which is dead or marked for removal"));
    }
    if Document(&container.host).at("LogConfig").text("Type") == "none" {
        return Err(Refusal::not_implemented(attach::UNREADABLE));
    }
    let documents = documents(call)?;
    let selection = Selection {
        documents,
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
        since: moment(query, "since")?,
        until: moment(query, "until")?.filter(|_| query.text("until") != "0"),
        timestamps: query.flag("timestamps"),
        details: query.flag("details").then(|| details(container)),
        framed: !container.console.tty(),
    };
    // What is no number means everything.
    let tail = query.text("tail").parse::<i64>().ok().and_then(|tail| u64::try_from(tail).ok());
    let reader = container.console.log(tail);
    drop(state);
    let (sender, receiver) = mpsc::channel(16);
    let media = match (call.since(42), selection.framed) {
        _ if documents.is_some() => documents,
        (false, _) => None,
        (true, true) => Some(MULTIPLEXED),
        (true, false) => Some(RAW),
    };
    tokio::spawn(send(reader, query.flag("follow"), selection, sender));
    Ok(Answer::new(200, Payload::Stream(media, receiver)))
}

/// The media type of a log as JSON documents, where the client asks for one: an experiment of dockerd's from 1.54 on.
fn documents(call: &Call) -> Result<Option<&'static str>, Refusal> {
    if !call.since(54) {
        return Ok(None);
    }
    let asked = call.asked_stream().filter(|media| *media != "application/json");
    match call.query.text("format") {
        "json" => Ok(Some(asked.unwrap_or("application/x-ndjson"))),
        "" => Ok(asked),
        _ => Err(Refusal::bad_parameter("unsupported log format")),
    }
}

/// Which records a client wants, and how.
#[expect(clippy::struct_excessive_bools, reason = "they are parameters of the query")]
struct Selection {
    stdout: bool,
    stderr: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    timestamps: bool,
    details: Option<String>,
    framed: bool,
    /// Each record is a JSON document, in a stream of this media type.
    documents: Option<&'static str>,
}

async fn send(reader: Reader, follow: bool, selection: Selection, to: mpsc::Sender<Bytes>) {
    loop {
        let records = if follow {
            tokio::select! {
                records = reader.follow() => records,
                () = to.closed() => return,
            }
        } else {
            reader.next()
        };
        if records.is_empty() {
            return;
        }
        for record in records {
            if selection.until.is_some_and(|until| record.time > until) {
                return;
            }
            if let Some(line) = selection.line(&record)
                && to.send(line).await.is_err()
            {
                return;
            }
        }
    }
}

impl Selection {
    /// The record as it goes out, if it does.
    fn line(&self, record: &Record) -> Option<Bytes> {
        let wanted = match record.source {
            Source::Output => self.stdout,
            Source::Error => self.stderr,
        };
        if !wanted || self.since.is_some_and(|since| record.time < since) {
            return None;
        }
        if let Some(media) = self.documents {
            let source = match record.source {
                Source::Output => "stdout",
                Source::Error => "stderr",
            };
            let line = String::from_utf8_lossy(&record.line);
            let document = json!({ "Line": line, "Source": source, "Timestamp": record.time.to_string() });
            let begin = if media == "application/json-seq" { "\u{1e}" } else { "" };
            return Some(Bytes::from(format!("{begin}{document}\n")));
        }
        if !self.timestamps && self.details.is_none() {
            return Some(if self.framed { framed(record.source, &record.line) } else { record.line.clone() });
        }
        let mut line = BytesMut::new();
        if self.timestamps {
            line.extend_from_slice(format!("{:.9} ", record.time).as_bytes());
        }
        if let Some(details) = &self.details {
            line.extend_from_slice(details.as_bytes());
            line.extend_from_slice(b" ");
        }
        line.extend_from_slice(&record.line);
        Some(if self.framed { framed(record.source, &line) } else { line.freeze() })
    }
}

/// The labels and variables that the options of the log driver ask for, as a query string.
fn details(container: &Container) -> String {
    let options = Document(&container.host).at("LogConfig").at("Config");
    let config = Document(&container.config);
    let mut pairs: Vec<(String, String)> = Vec::new();
    let asked = |name| options.text(name).split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<String>>();
    for label in asked("labels") {
        if let Some((key, value)) = config.entries("Labels").find(|(key, _)| **key == label) {
            pairs.push((key.clone(), value.as_str().unwrap_or_default().to_owned()));
        }
    }
    let env = config.texts("Env");
    for name in asked("env") {
        if let Some((_, value)) = env.iter().filter_map(|variable| variable.split_once('=')).find(|(key, _)| *key == name) {
            pairs.push((name, value.to_owned()));
        }
    }
    pairs.sort();
    pairs.dedup_by(|one, other| one.0 == other.0);
    let escape = |text: &str| utf8_percent_encode(text, &ESCAPED).to_string().replace("%20", "+");
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
    pairs.join(",")
}

/// A moment as dockerd reads it: seconds, or seconds and a fraction. It is not even close to be a number: an internal error in Go's words.
fn moment(query: &Query, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let text = query.text(name);
    if text.is_empty() {
        return Ok(None);
    }
    let number = |text: &str| {
        let wrong = |why: &str| Refusal::server_error(format!("strconv.ParseInt: parsing \"{text}\": {why}"));
        text.parse::<i64>().map_err(|error| match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => wrong("value out of range"),
            _ => wrong("invalid syntax"),
        })
    };
    let (seconds, nanoseconds) = match text.split_once('.') {
        None => (number(text)?, 0),
        Some((seconds, fraction)) => {
            let (seconds, value) = (number(seconds)?, number(fraction)?);
            // Nine digits are nanoseconds; fewer stand for more, more for less.
            let digits = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "it is what dockerd does")]
            let nanoseconds = (value as f64 * 10_f64.powi(9_i32.saturating_sub(digits))) as i64;
            (seconds, nanoseconds)
        }
    };
    let nanoseconds = i32::try_from(nanoseconds.clamp(0, 999_999_999)).unwrap_or_default();
    let farthest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Ok(Some(Timestamp::new(seconds, nanoseconds).unwrap_or(farthest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_with_a_fraction() {
        for (text, expected) in [
            ("", Ok(None)),
            ("0", Ok(Some(0))),
            ("1700000000", Ok(Some(1_700_000_000_000_000_000))),
            ("1700000000.000000001", Ok(Some(1_700_000_000_000_000_001))),
            ("1700000000.5", Ok(Some(1_700_000_000_500_000_000))),
            ("99999999999999", Ok(Some(Timestamp::MAX.as_nanosecond()))),
            ("2026-01-01T00:00:00Z", Err("strconv.ParseInt: parsing \"2026-01-01T00:00:00Z\": invalid syntax")),
            ("99999999999999999999", Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range")),
            ("1.", Err("strconv.ParseInt: parsing \"\": invalid syntax")),
        ] {
            let found = moment(&Query::parse(&format!("since={text}")), "since");
            let found = found.map(|moment| moment.map(Timestamp::as_nanosecond)).map_err(|refusal| refusal.message);
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_line_is_decorated_in_dockers_order() {
        let record =
            Record { source: Source::Error, time: "2026-01-01T00:00:00.5Z".parse().expect("a time"), line: Bytes::from_static(b"hi\n") };
        let selection = |timestamps, details: Option<&str>| Selection {
            documents: None,
            stdout: false,
            stderr: true,
            since: None,
            until: None,
            timestamps,
            details: details.map(str::to_owned),
            framed: false,
        };
        for (timestamps, details, expected) in [
            (false, None, "hi\n"),
            (true, None, "2026-01-01T00:00:00.500000000Z hi\n"),
            (true, Some("a=b"), "2026-01-01T00:00:00.500000000Z a=b hi\n"),
            (false, Some(""), " hi\n"),
        ] {
            assert_eq!(selection(timestamps, details).line(&record), Some(Bytes::from(expected)));
        }
    }
}
