//! `GET /events`: what happened, and what happens until the client leaves.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::model::ApiVersion;

use super::super::Engine;
use super::super::answer::{Answer, Payload};
use super::super::call::{Call, Filters};
use super::super::refusal::Refusal;
use super::super::shape::{schema, shape};
use super::{Event, filter, moment};

/// Answers a call.
pub(in crate::reference) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let now = engine.now();
    let (since, until) = (time(call, "since")?, time(call, "until")?);
    if let (Some(from), Some(to)) = (since, until)
        && to < from
    {
        let (since, until) = (call.query.text("since"), call.query.text("until"));
        return Err(Refusal::bad_parameter(format!("`since` time ({since}) cannot be after `until` time ({until})")));
    }
    let writer = Writer { call: (call.operation, call.version), filters: call.query.filters()?, media: media(call) };
    let (kept, live) = engine.state().events.listen();
    let mut past = Vec::new();
    if since.is_some() || until.is_some() {
        let in_time = |event: &&Event| since.is_none_or(|since| event.time >= since) && until.is_none_or(|until| event.time <= until);
        past = kept.iter().filter(in_time).filter_map(|event| writer.write(event)).collect();
    }
    let (sender, receiver) = mpsc::channel(64);
    let left = until.map(|until| Duration::try_from(until.duration_since(now)).ok());
    let media = writer.media;
    tokio::spawn(async move {
        for written in past {
            if sender.send(written).await.is_err() {
                return;
            }
        }
        // An end that has passed already leaves only what was kept.
        if !matches!(left, Some(None)) {
            follow(&writer, live, &sender, left.flatten()).await;
        }
    });
    Ok(Answer::new(200, Payload::Stream(Some(media), receiver)))
}

/// Tells what happens, until the time is over or the client has left.
async fn follow(writer: &Writer, mut live: Receiver<Event>, sender: &mpsc::Sender<Bytes>, left: Option<Duration>) {
    let over = async {
        match left {
            Some(left) => tokio::time::sleep(left).await,
            None => pending().await,
        }
    };
    tokio::pin!(over);
    loop {
        tokio::select! {
            event = live.recv() => match event {
                Ok(event) => {
                    if let Some(written) = writer.write(&event)
                        && sender.send(written).await.is_err()
                    {
                        return;
                    }
                }
                // Too slow: dockerd too drops what a listener does not take.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            () = sender.closed() => return,
            () = &mut over => return,
        }
    }
}

struct Writer {
    call: (&'static crate::catalog::Operation, ApiVersion),
    filters: Filters,
    media: &'static str,
}

impl Writer {
    /// The event as the version writes it; `None` when the client is not to see it.
    fn write(&self, event: &Event) -> Option<Bytes> {
        let (operation, version) = self.call;
        let since = |minor| version >= ApiVersion::new(minor);
        let known = since(22) || event.is_of_old();
        let young = event.kind == "image" && event.action == "create" && !since(46);
        if !known || young || !filter::passes(event, &self.filters) {
            return None;
        }
        let mut shown = event.to_json();
        if let Some(schema) = schema(operation, version, 200) {
            shape(&mut shown, schema);
        }
        let begin = if self.media == "application/json-seq" { "\u{1e}" } else { "" };
        Some(Bytes::from(format!("{begin}{shown}\n")))
    }
}

fn time(call: &Call, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let text = call.query.text(name);
    // 0 is Go's zero time here: no limit.
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let invalid = || {
        let message = format!("strconv.ParseInt: parsing \"{text}\": invalid syntax");
        if call.since(53) {
            Refusal::bad_parameter(format!("invalid value for '{name}': {message}"))
        } else {
            Refusal::server_error(message)
        }
    };
    moment::unix(text).map(Some).ok_or_else(invalid)
}

/// What the client asks for by name, else what the version sends.
fn media(call: &Call) -> &'static str {
    let default = if call.since(53) { "application/jsonl" } else { "application/json" };
    call.asked_stream().filter(|_| call.since(24)).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::HeaderMap;
    use hyper::header::{ACCEPT, HeaderValue};

    use super::super::super::Settings;
    use super::super::super::call::{Body, Query};
    use super::*;
    use crate::catalog::Catalog;

    fn call(query: &str, minor: u16, accept: &'static str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let operation = Catalog::builtin().operation("SystemEvents").expect("an operation");
        let (version, query, body) = (ApiVersion::new(minor), Query::parse(query), Body::memory(Bytes::new()));
        Call { operation, version, name: String::new(), query, headers, body }
    }

    #[test]
    fn media_are_negotiated() {
        for (minor, accept, expected) in [
            (41, "*/*", "application/json"),
            (12, "application/json-seq", "application/json"),
            (52, "*/*", "application/json"),
            (54, "*/*", "application/jsonl"),
            (54, "text/html, application/json-seq", "application/json-seq"),
            (54, "application/json-seq;q=0.5, application/x-ndjson", "application/x-ndjson"),
            (54, "application/json;q=0", "application/jsonl"),
        ] {
            assert_eq!(media(&call("", minor, accept)), expected, "1.{minor} {accept}");
        }
    }

    #[tokio::test]
    async fn the_past_is_told_and_the_future_until_the_end() {
        let engine = Engine::new(Settings::default());
        let emit = |kind, action: &str| {
            let mut state = engine.state();
            engine.emit(&mut state, kind, action, "x", BTreeMap::new());
        };
        emit("container", "create");
        emit("network", "create");
        for (query, minor, expected) in [
            ("since=1&until=END", 41, &["create", "create", "die"][..]),
            ("since=1&until=END", 12, &["create", "die", "die"]),
            ("since=1&until=2", 41, &[]),
            ("until=END", 41, &["create", "create", "die", "die", "die"]),
        ] {
            let end = engine.now().as_second() + 1;
            let query = query.replace("END", &format!("{end}.5"));
            let answer = answer(&engine, &call(&query, minor, "*/*")).expect("an answer");
            let Payload::Stream(_, mut stream) = answer.payload else { panic!("no stream") };
            if query.contains(&end.to_string()) {
                emit("container", "die");
            }
            let mut seen = Vec::new();
            let reading = async {
                while let Some(chunk) = stream.recv().await {
                    let event: serde_json::Value = serde_json::from_slice(&chunk).expect("JSON");
                    seen.push(event["Action"].as_str().or(event["status"].as_str()).unwrap_or_default().to_owned());
                }
            };
            tokio::time::timeout(Duration::from_secs(5), reading).await.expect("the end");
            assert!(seen.iter().map(String::as_str).eq(expected.iter().copied()), "{query} 1.{minor}: {seen:?}");
        }
    }

    #[test]
    fn bad_times_are_refused() {
        let engine = Engine::new(Settings::default());
        for (query, status) in [("since=x", 500), ("until=x", 500), ("since=10&until=1", 400), ("filters=zz", 400)] {
            let refused = answer(&engine, &call(query, 41, "*/*")).err().map(|refusal| refusal.status);
            assert_eq!(refused, Some(status), "{query}");
        }
    }
}
