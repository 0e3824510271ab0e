//! The vocabulary that scenarios are written in: a call, what it is to give, and why a case stopped when it did not.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::Value;

use super::client::{Answer, Client, Fault, Flow, Handshake, Raw, Request};

/// What a step gives, or why the case ends with it.
pub(super) type Step<T> = Result<T, Skip>;

/// Why a case was not carried through. Never a pass; the judge may still have found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skip(pub(super) String);

impl Skip {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// The same, as a failure of what the case needs before it can ask its own question.
    pub(super) fn preparing(self, step: &str) -> Self {
        let said = ["could not ", "needs "].iter().any(|begin| self.0.starts_with(begin));
        Self(if said { self.0 } else { format!("could not {step}: {}", self.0) })
    }
}

impl From<Fault> for Skip {
    fn from(fault: Fault) -> Self {
        Self(format!("not answered: {fault}"))
    }
}

/// A request under way to being asked.
#[derive(Debug)]
pub(super) struct Call<'c> {
    client: &'c mut Client,
    request: Request,
}

impl<'c> Call<'c> {
    /// `path` has the version already.
    pub(super) fn new(client: &'c mut Client, method: &'static str, path: String) -> Self {
        Self { client, request: Request { method, path, headers: Vec::new(), body: Bytes::new() } }
    }

    /// One more parameter of the query.
    #[expect(clippy::needless_pass_by_value, reason = "a scenario gives numbers and texts as they come")]
    pub(super) fn query(mut self, name: &str, value: impl ToString) -> Self {
        const KEPT: &percent_encoding::AsciiSet =
            &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/').remove(b':');
        let value = value.to_string();
        let separator = if self.request.path.contains('?') { '&' } else { '?' };
        let _ = write!(self.request.path, "{separator}{name}={}", percent_encoding::utf8_percent_encode(&value, KEPT));
        self
    }

    /// A parameter that only some versions have.
    pub(super) fn query_if(self, has_it: bool, name: &str, value: impl ToString) -> Self {
        if has_it { self.query(name, value) } else { self }
    }

    /// A JSON body.
    pub(super) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Any body.
    pub(super) fn body(mut self, media: &str, body: impl Into<Bytes>) -> Self {
        self.request.headers.push(("Content-Type", media.to_owned()));
        self.request.body = body.into();
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers.push((name, value.to_owned()));
        self
    }

    /// The answer, which has this status.
    pub(super) async fn gives(self, status: u16) -> Step<Answer> {
        self.gives_one_of(&[status]).await
    }

    /// The answer, which has one of these statuses.
    pub(super) async fn gives_one_of(self, statuses: &[u16]) -> Step<Answer> {
        let answer = self.client.send(&self.request).await?;
        if statuses.contains(&answer.status) { Ok(answer) } else { Err(refused(answer.status, statuses, &answer.body)) }
    }

    /// Whatever is answered: for clearing away.
    pub(super) async fn send(self) -> Step<Answer> {
        Ok(self.client.send(&self.request).await?)
    }

    /// The answer's head is this; the body is read by the case.
    pub(super) async fn opens(self, status: u16) -> Step<Flow> {
        let flow = self.client.open(&self.request).await?;
        if flow.status == status {
            return Ok(flow);
        }
        let found = flow.status;
        Err(refused(found, &[status], &flow.rest().await?))
    }

    /// The connection itself.
    pub(super) async fn hijacks(self, handshake: Handshake, status: u16) -> Step<Raw> {
        let raw = self.client.hijack(&self.request, handshake).await?;
        if raw.status == status {
            return Ok(raw);
        }
        let found = raw.status;
        Err(refused(found, &[status], &raw.refusal().await))
    }
}

fn refused(status: u16, wanted: &[u16], body: &[u8]) -> Skip {
    let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
    let message = message(body);
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    Skip(match status {
        501 | 503 => format!("the daemon does not offer it ({status}{said})"),
        _ => format!("not reached: {status} instead of {}{said}", wanted.join(" or ")),
    })
}

/// What an error says, in a line.
pub(super) fn message(body: &[u8]) -> String {
    const LONGEST: usize = 160;
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|value| value.get("message")?.as_str().map(str::to_owned));
    let text = said.unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST)]).into_owned());
    // An archive, or frames: nothing to read.
    if text.chars().any(|char| char == char::REPLACEMENT_CHARACTER || (char.is_control() && !char.is_whitespace())) {
        return String::new();
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > LONGEST { line.chars().take(LONGEST).chain(['…']).collect() } else { line }
}

/// The text at a place of an answer, `/Config/Image`.
pub(super) fn text(answer: &Answer, pointer: &str) -> Step<String> {
    document(answer)?
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Skip(format!("the answer has no text at {pointer}")))
}

/// The number at a place of an answer.
pub(super) fn number(answer: &Answer, pointer: &str) -> Step<u64> {
    document(answer)?.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| Skip(format!("the answer has no number at {pointer}")))
}

/// The answer's document.
pub(super) fn document(answer: &Answer) -> Step<Value> {
    serde_json::from_slice(&answer.body).map_err(|error| Skip(format!("the answer is no JSON: {error}")))
}

/// A parameter of filters, as most versions write it.
pub(super) fn filters(name: &str, values: &[&str]) -> String {
    serde_json::json!({ name: values }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_the_daemon_said() {
        let said = |status, body: &str| refused(status, &[200, 204], body.as_bytes()).0;
        assert_eq!(said(500, "{\"message\":\"no\\nspace\"}\n"), "not reached: 500 instead of 200 or 204: no space");
        assert_eq!(said(503, "plain text\n"), "the daemon does not offer it (503: plain text)");
        assert_eq!(said(404, ""), "not reached: 404 instead of 200 or 204");
        assert_eq!(Skip::because("x").preparing("create a container").preparing("start it").0, "could not create a container: x");
    }
}
