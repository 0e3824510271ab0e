//! Documents of a progress stream, as dockerd's pull, push, import and load write them.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::answer::{Answer, Payload};
use super::super::call::Call;
use super::super::refusal::Refusal;

/// Documents that may wait for a slow client.
const WAITING: usize = 64;

/// Where the documents go. When the client has left nothing more can be told.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    documents: mpsc::Sender<Value>,
}

/// The client has left: what is under way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left;

impl Progress {
    /// The writing end, and the documents for the answer.
    pub(super) fn new() -> (Self, mpsc::Receiver<Value>) {
        let (documents, receiver) = mpsc::channel(WAITING);
        (Self { documents }, receiver)
    }

    /// Sends any document.
    pub(super) async fn send(&self, document: Value) -> Result<(), Left> {
        self.documents.send(document).await.map_err(|_| Left)
    }

    /// A sentence.
    pub(super) async fn status(&self, text: impl Into<String>) -> Result<(), Left> {
        self.send(json!({ "status": text.into() })).await
    }

    /// What goes on with one layer.
    pub(super) async fn layer(&self, id: &str, status: &str) -> Result<(), Left> {
        self.send(json!({ "status": status, "progressDetail": {}, "id": id })).await
    }

    /// How far one layer is.
    pub(super) async fn bar(&self, id: &str, status: &str, current: u64, total: u64) -> Result<(), Left> {
        // Whoever looks at it sees it move, and whoever leaves is noticed.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let detail = json!({ "current": current, "total": total });
        self.send(json!({ "status": status, "progressDetail": detail, "progress": bar(current, total), "id": id })).await
    }

    /// It failed.
    pub(super) async fn error(&self, refusal: &Refusal) -> Result<(), Left> {
        self.send(error(&refusal.message)).await
    }

    /// Returns when the client has left.
    pub(super) async fn closed(&self) {
        self.documents.closed().await;
    }
}

/// The document that says that it failed.
pub(super) fn error(message: &str) -> Value {
    json!({ "errorDetail": { "message": message }, "error": message })
}

/// The answer that carries the documents in the form of the version: text at 1.0; what `aux` alone holds is not told before 1.22.
pub(super) fn answer(call: &Call, documents: mpsc::Receiver<Value>) -> Answer {
    if !call.since(1) {
        return text(documents, Some("text/plain; charset=utf-8"), |document| {
            let member = |name: &str| document.get(name).and_then(Value::as_str);
            member("error").map(|error| format!("Error: {error}\n")).or_else(|| member("status").map(|status| format!("{status}\n")))
        });
    }
    if call.since(22) {
        return Answer::progress(documents);
    }
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(pass(documents, sender, |document| Some(document).filter(|document| document.get("aux").is_none())));
    Answer::progress(receiver)
}

/// The answer that carries what is left of the documents as text.
pub(super) fn text(
    documents: mpsc::Receiver<Value>,
    media: Option<&'static str>,
    line: impl Fn(Value) -> Option<String> + Send + 'static,
) -> Answer {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(pass(documents, sender, move |document| line(document).map(Bytes::from)));
    Answer::new(200, Payload::Stream(media, receiver))
}

async fn pass<T>(mut documents: mpsc::Receiver<Value>, sender: mpsc::Sender<T>, change: impl Fn(Value) -> Option<T>) {
    loop {
        let document = tokio::select! {
            document = documents.recv() => document,
            () = sender.closed() => None,
        };
        let Some(document) = document else { return };
        if let Some(changed) = change(document)
            && sender.send(changed).await.is_err()
        {
            return;
        }
    }
}

/// `[==>   ]  1.2kB/3kB`: 50 places between the brackets.
fn bar(current: u64, total: u64) -> String {
    if current > total || total == 0 {
        return format!("{:>8}", human(current));
    }
    let done = usize::try_from(current.saturating_mul(100) / total / 2).unwrap_or(50).min(50);
    format!("[{}>{}] {:>8}/{}", "=".repeat(done), " ".repeat(50 - done), human(current), human(total))
}

/// A size in units of 1000 with four digits, as Docker writes it.
pub(super) fn human(size: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "four digits are written")]
    let mut rest = size as f64;
    let mut unit = 0;
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    while rest >= 1000.0 && unit + 1 < UNITS.len() {
        rest /= 1000.0;
        unit += 1;
    }
    let digits = match rest {
        _ if rest >= 1000.0 => 0,
        _ if rest >= 100.0 => 1,
        _ if rest >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{rest:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_drawn_as_docker_draws_them() {
        for (size, text) in [(0, "0B"), (999, "999B"), (1000, "1kB"), (32768, "32.77kB"), (760_770, "760.8kB"), (2_000_000, "2MB")] {
            assert_eq!(human(size), text, "{size}");
        }
        assert_eq!(bar(32_768, 760_770), format!("[{}>{}]  32.77kB/760.8kB", "==", " ".repeat(48)));
        assert_eq!(bar(2, 1), "      2B");
        assert_eq!(bar(7, 7), format!("[{}>] {:>8}/7B", "=".repeat(50), "7B"));
    }
}
